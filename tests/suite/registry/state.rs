//! What the registry holds, and the distribution API over it: OCI distribution-spec v1.1, spec.md.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use plimsoll::base::Digest;
use serde_json::Value;

use super::fault::error;
use super::http::{Request, Response};

/// How `GET /v2/NAME/referrers/DIGEST` answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Referrers {
    /// What is there, and then made-up entries, so many a page: a stranger was here.
    Flood { total: usize, page: usize, artifact_type: &'static str },
    /// 404, as of a registry that does not know it; a pushed `subject` is not acknowledged.
    Off,
    /// All at once, and `artifactType` filters.
    On,
    /// So many a page, linked.
    Paged(usize),
    /// All at once, and `artifactType` is overlooked.
    Unfiltered,
}

/// Contents.
#[derive(Debug, Default)]
pub(super) struct State {
    /// By repository.
    repositories: BTreeMap<String, Repository>,
    /// Bytes so far, by session.
    uploads: BTreeMap<String, Vec<u8>>,
    sessions: usize,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Repository {
    blobs: BTreeMap<Digest, Vec<u8>>,
    /// Media type and bytes.
    manifests: BTreeMap<Digest, (String, Vec<u8>)>,
    tags: BTreeMap<String, Digest>,
}

/// What a path under `/v2/` means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Route<'a> {
    Base,
    Blob(&'a str, &'a str),
    Catalog,
    Manifest(&'a str, &'a str),
    Referrers(&'a str, &'a str),
    Tags(&'a str),
    Upload(&'a str, &'a str),
}

impl<'a> Route<'a> {
    pub(super) fn of(path: &'a str) -> Option<Self> {
        let rest = path.strip_prefix("/v2")?.trim_start_matches('/');
        if rest.is_empty() {
            return Some(Self::Base);
        }
        if rest == "_catalog" {
            return Some(Self::Catalog);
        }
        if let Some(name) = rest.strip_suffix("/tags/list") {
            return Some(Self::Tags(name));
        }
        if let Some(name) = rest.strip_suffix("/blobs/uploads") {
            return Some(Self::Upload(name, ""));
        }
        let (front, last) = rest.rsplit_once('/')?;
        if let Some(name) = front.strip_suffix("/blobs/uploads") {
            return Some(Self::Upload(name, last));
        }
        let (name, kind) = front.rsplit_once('/')?;
        match kind {
            "blobs" => Some(Self::Blob(name, last)),
            "manifests" => Some(Self::Manifest(name, last)),
            "referrers" => Some(Self::Referrers(name, last)),
            _ => None,
        }
    }

    pub(super) fn name(self) -> Option<&'a str> {
        match self {
            Self::Base | Self::Catalog => None,
            Self::Blob(name, _) | Self::Manifest(name, _) | Self::Referrers(name, _) => Some(name),
            Self::Tags(name) | Self::Upload(name, _) => Some(name),
        }
    }
}

impl State {
    pub(super) fn put_blob(&mut self, name: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        self.repository(name).blobs.insert(digest, bytes.to_owned());
        digest
    }

    /// Stores a manifest whatever it says; `reference` is a tag, or anything with a colon for none.
    pub(super) fn put_manifest(
        &mut self,
        name: &str,
        reference: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Digest {
        let digest = Digest::of(bytes);
        let repository = self.repository(name);
        repository.manifests.insert(digest, (media_type.to_owned(), bytes.to_owned()));
        if !reference.contains(':') {
            repository.tags.insert(reference.to_owned(), digest);
        }
        digest
    }

    pub(super) fn manifest(&self, name: &str, reference: &str) -> Option<(Digest, String, Vec<u8>)> {
        let repository = self.repositories.get(name)?;
        let digest = match reference.parse() {
            Ok(digest) => digest,
            Err(_) => *repository.tags.get(reference)?,
        };
        let (media_type, bytes) = repository.manifests.get(&digest)?;
        Some((digest, media_type.clone(), bytes.clone()))
    }

    pub(super) fn blob(&self, name: &str, digest: Digest) -> Option<&[u8]> {
        self.repositories.get(name)?.blobs.get(&digest).map(Vec::as_slice)
    }

    /// Answers one request.
    pub(super) fn handle(&mut self, request: &Request, referrers: Referrers) -> Response {
        let response = match Route::of(request.path()) {
            Some(Route::Base) => Response::new(200).with_body("application/json", "{}"),
            Some(Route::Blob(name, digest)) => self.on_blob(request, name, digest),
            Some(Route::Catalog) => page(request, "repositories", &self.repositories),
            Some(Route::Manifest(name, reference)) => self.on_manifest(request, name, reference, referrers),
            Some(Route::Referrers(name, digest)) => self.on_referrers(request, name, digest, referrers),
            Some(Route::Tags(name)) => self.on_tags(request, name),
            Some(Route::Upload(name, session)) => self.on_upload(request, name, session),
            None => error(404, "UNSUPPORTED"),
        };
        response.with("Docker-Distribution-Api-Version", "registry/2.0")
    }

    pub(super) fn repository(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.to_owned()).or_default()
    }

    fn on_blob(&mut self, request: &Request, name: &str, digest: &str) -> Response {
        let Ok(digest) = digest.parse::<Digest>() else { return error(400, "DIGEST_INVALID") };
        let Some(bytes) = self.blob(name, digest) else { return error(404, "BLOB_UNKNOWN") };
        let whole = Response::new(200)
            .with_body("application/octet-stream", bytes)
            .with("Docker-Content-Digest", digest.to_string())
            .with("Accept-Ranges", "bytes");
        match request.method.as_str() {
            "GET" => ranged(request, whole),
            "HEAD" => whole,
            "DELETE" => {
                self.repository(name).blobs.remove(&digest);
                Response::new(202)
            }
            _ => error(405, "UNSUPPORTED"),
        }
    }

    fn on_manifest(
        &mut self,
        request: &Request,
        name: &str,
        reference: &str,
        referrers: Referrers,
    ) -> Response {
        match request.method.as_str() {
            "GET" | "HEAD" => match self.manifest(name, reference) {
                None => error(404, "MANIFEST_UNKNOWN"),
                Some((digest, media_type, bytes)) => Response::new(200)
                    .with_body(&media_type, bytes)
                    .with("Docker-Content-Digest", digest.to_string()),
            },
            "PUT" => self.accept_manifest(request, name, reference, referrers),
            "DELETE" => {
                let repository = self.repository(name);
                let gone = match reference.parse::<Digest>() {
                    Ok(digest) => {
                        repository.tags.retain(|_, tagged| *tagged != digest);
                        repository.manifests.remove(&digest).is_some()
                    }
                    Err(_) => repository.tags.remove(reference).is_some(),
                };
                if gone { Response::new(202) } else { error(404, "MANIFEST_UNKNOWN") }
            }
            _ => error(405, "UNSUPPORTED"),
        }
    }

    fn accept_manifest(
        &mut self,
        request: &Request,
        name: &str,
        reference: &str,
        referrers: Referrers,
    ) -> Response {
        let Ok(manifest) = serde_json::from_slice::<Value>(&request.body) else {
            return error(400, "MANIFEST_INVALID");
        };
        let Some(media_type) = request.header("content-type") else { return error(400, "MANIFEST_INVALID") };
        // "The `Content-Type` header MUST match the type of the manifest being uploaded": spec.md, "Pushing Manifests".
        if manifest.get("mediaType").is_some_and(|inside| inside != media_type) {
            return error(400, "MANIFEST_INVALID");
        }
        let digest = Digest::of(&request.body);
        if reference.contains(':') && reference != digest.to_string() {
            return error(400, "DIGEST_INVALID");
        }
        let repository = self.repository(name);
        for (field, code) in
            [("config", "BLOB_UNKNOWN"), ("layers", "BLOB_UNKNOWN"), ("manifests", "MANIFEST_UNKNOWN")]
        {
            for part in digests(&manifest[field]) {
                let there = match field {
                    "manifests" => repository.manifests.contains_key(&part),
                    _ => repository.blobs.contains_key(&part),
                };
                if !there {
                    return error(400, &format!("MANIFEST_{code}"));
                }
            }
        }
        self.put_manifest(name, reference, media_type, &request.body);
        let mut response = Response::new(201)
            .with("Location", format!("/v2/{name}/manifests/{digest}"))
            .with("Docker-Content-Digest", digest.to_string());
        if let (Some(subject), true) = (manifest["subject"]["digest"].as_str(), referrers != Referrers::Off) {
            response.set("OCI-Subject", subject);
        }
        response
    }

    fn on_referrers(&self, request: &Request, name: &str, digest: &str, referrers: Referrers) -> Response {
        if referrers == Referrers::Off {
            return Response::new(404).with_body("text/plain; charset=utf-8", "404 page not found\n");
        }
        if digest.parse::<Digest>().is_err() {
            return error(400, "DIGEST_INVALID");
        }
        let mut found: Vec<Value> = self
            .repositories
            .get(name)
            .into_iter()
            .flat_map(|repository| &repository.manifests)
            .filter_map(|(own, (media_type, bytes))| referrer(*own, media_type, bytes, digest))
            .collect();
        let mut response = Response::new(200);
        if let (Some(wanted), true) = (request.query("artifactType"), referrers != Referrers::Unfiltered) {
            found.retain(|entry| entry["artifactType"] == wanted);
            response.set("OCI-Filters-Applied", "artifactType");
        }
        if let Referrers::Flood { total, page, artifact_type } = referrers {
            return flood(request, found, total, page, artifact_type);
        }
        if let Referrers::Paged(size) = referrers {
            let start = request.query("from").and_then(|from| from.parse().ok()).unwrap_or(0);
            let more = found.len() > start + size;
            found = found.into_iter().skip(start).take(size).collect();
            if more {
                response.set("Link", format!("<{}?from={}>; rel=\"next\"", request.path(), start + size));
            }
        }
        let index = serde_json::json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": found});
        response.with_body(INDEX, index.to_string())
    }

    fn on_tags(&self, request: &Request, name: &str) -> Response {
        let Some(repository) = self.repositories.get(name) else { return error(404, "NAME_UNKNOWN") };
        page(request, "tags", &repository.tags)
    }

    fn on_upload(&mut self, request: &Request, name: &str, session: &str) -> Response {
        if request.method == "POST" && session.is_empty() {
            return self.begin_upload(request, name);
        }
        let Some(so_far) = self.uploads.get_mut(session) else { return error(404, "BLOB_UPLOAD_UNKNOWN") };
        match request.method.as_str() {
            "GET" => progress(204, name, session, so_far.len()),
            "PATCH" => {
                let start =
                    request.header("content-range").and_then(|range| range.split('-').next()?.parse().ok());
                if start.is_some_and(|start: usize| start != so_far.len()) {
                    return progress(416, name, session, so_far.len());
                }
                so_far.extend_from_slice(&request.body);
                progress(202, name, session, so_far.len())
            }
            "PUT" => {
                so_far.extend_from_slice(&request.body);
                self.finish_upload(request, name, session)
            }
            "DELETE" => {
                self.uploads.remove(session);
                Response::new(204)
            }
            _ => error(405, "UNSUPPORTED"),
        }
    }

    fn begin_upload(&mut self, request: &Request, name: &str) -> Response {
        if let (Some(mount), Some(from)) = (request.query("mount"), request.query("from"))
            && let Ok(digest) = mount.parse()
            && let Some(bytes) = self.blob(&from, digest).map(<[u8]>::to_vec)
        {
            self.put_blob(name, &bytes);
            return created(name, digest);
        }
        self.sessions += 1;
        let session = format!("session-{}", self.sessions);
        self.uploads.insert(session.clone(), request.body.clone());
        if request.query("digest").is_some() {
            return self.finish_upload(request, name, &session);
        }
        progress(202, name, &session, request.body.len())
    }

    fn finish_upload(&mut self, request: &Request, name: &str, session: &str) -> Response {
        let bytes = self.uploads.remove(session).unwrap_or_default();
        let Some(Ok(digest)) = request.query("digest").map(|digest| digest.parse::<Digest>()) else {
            return error(400, "DIGEST_INVALID");
        };
        match digest.check(bytes) {
            Err(_) => error(400, "DIGEST_INVALID"),
            Ok(checked) => {
                self.repository(name).blobs.insert(digest, checked.bytes().to_vec());
                created(name, digest)
            }
        }
    }
}

/// The descriptor of a manifest, if its subject is `of`.
fn referrer(digest: Digest, media_type: &str, bytes: &[u8], of: &str) -> Option<Value> {
    let manifest: Value = serde_json::from_slice(bytes).ok()?;
    if manifest["subject"]["digest"] != of {
        return None;
    }
    let kind = match &manifest["artifactType"] {
        Value::Null => &manifest["config"]["mediaType"],
        kind => kind,
    };
    let mut entry = serde_json::json!({
        "mediaType": media_type, "digest": digest.to_string(), "size": bytes.len(), "artifactType": kind,
    });
    if let Some(annotations) = manifest.get("annotations") {
        entry["annotations"] = annotations.clone();
    }
    Some(entry)
}

/// The names after `last`, at most `n` of them, and a link to the rest.
fn page<T>(request: &Request, field: &str, all: &BTreeMap<String, T>) -> Response {
    let last = request.query("last").unwrap_or_default();
    let size = request.query("n").and_then(|n| n.parse().ok()).unwrap_or(usize::MAX);
    let mut rest = all.range((Bound::Excluded(last), Bound::Unbounded)).map(|(name, _)| name);
    let names: Vec<&String> = rest.by_ref().take(size).collect();
    let more = rest.next().is_some();
    let mut response = Response::new(200);
    if let (true, Some(last)) = (more, names.last()) {
        response.set("Link", format!("<{}?n={size}&last={last}>; rel=\"next\"", request.path()));
    }
    response.with_body("application/json", serde_json::json!({field: names}).to_string())
}

/// One page of a list that goes on and on.
fn flood(request: &Request, real: Vec<Value>, total: usize, page: usize, artifact_type: &str) -> Response {
    let start: usize = request.query("from").and_then(|from| from.parse().ok()).unwrap_or(0);
    let end = start.saturating_add(page).min(total);
    let made_up = (start..end).map(|number| {
        let digest = Digest::of(&number.to_le_bytes()).to_string();
        serde_json::json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 900,
            "artifactType": artifact_type,
            "annotations": {"dev.sigstore.bundle.content": "dsse-envelope", "org.opencontainers.image.created": "2026-01-01T00:00:00Z"},
        })
    });
    let entries: Vec<Value> = real.into_iter().filter(|_| start == 0).chain(made_up).collect();
    let mut response = Response::new(200);
    if end < total {
        response.set("Link", format!("<{}?from={end}>; rel=\"next\"", request.path()));
    }
    let index = serde_json::json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
    response.with_body(INDEX, index.to_string())
}

/// The digests of a descriptor or of a list of them; what has `urls` may be elsewhere.
fn digests(value: &Value) -> BTreeSet<Digest> {
    let list = match value {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    let here = list.iter().filter(|descriptor| descriptor.get("urls").is_none());
    here.filter_map(|descriptor| descriptor["digest"].as_str()?.parse().ok()).collect()
}

/// RFC 9110 §14: one range, with or without an end.
fn ranged(request: &Request, whole: Response) -> Response {
    let Some(range) = request.header("range").and_then(|range| range.strip_prefix("bytes=")) else {
        return whole;
    };
    let total = whole.body.len();
    let parsed = range.split_once('-').and_then(|(start, end)| {
        let start: usize = start.parse().ok()?;
        let end = if end.is_empty() { total.checked_sub(1)? } else { end.parse().ok()? };
        (start <= end && start < total).then_some((start, end.min(total - 1)))
    });
    let Some((start, end)) = parsed else {
        return error(416, "RANGE_INVALID").with("Content-Range", format!("bytes */{total}"));
    };
    let mut part = whole.with("Content-Range", format!("bytes {start}-{end}/{total}"));
    part.status = 206;
    part.body = part.body.get(start..=end).unwrap_or_default().to_vec();
    part
}

fn progress(status: u16, name: &str, session: &str, length: usize) -> Response {
    Response::new(status)
        .with("Location", format!("/v2/{name}/blobs/uploads/{session}"))
        .with("Range", format!("0-{}", length.saturating_sub(1)))
        .with("Docker-Upload-UUID", session)
}

fn created(name: &str, digest: Digest) -> Response {
    Response::new(201)
        .with("Location", format!("/v2/{name}/blobs/{digest}"))
        .with("Docker-Content-Digest", digest.to_string())
}

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

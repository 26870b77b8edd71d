//! Manifests, blobs and layers: distribution-spec v1.1, "Pull".

use std::sync::{Arc, Mutex};

use reqwest::header::CONTENT_TYPE;

use super::Remote;
use super::download::Whole;
use super::error::{RegistryError, Thing};
use super::send::{Call, DOCKER_CONTENT_DIGEST};
use crate::base::{Checked, Digest, Hasher, Mismatch, Tag, limits};
use crate::format::json::parse_strict;
use crate::format::manifest::{
    AnyManifest, DOCKER_INDEX, DOCKER_MANIFEST, Descriptor, OCI_INDEX, OCI_MANIFEST,
};
use crate::io::behind::Behind;
use crate::io::blob::{LayerBlob, Section};
use crate::io::http;
use crate::io::landing::Landing;
use crate::io::source::Fetched;

impl Remote {
    /// A manifest or index by digest.
    pub(in crate::io) async fn manifest(&self, digest: Digest) -> Result<Fetched, RegistryError> {
        self.near(async |place| place.manifest_here(digest).await).await
    }

    async fn manifest_here(&self, digest: Digest) -> Result<Fetched, RegistryError> {
        let thing = Thing::Manifest(self.repository().clone(), digest);
        let call = Call::get(self.url(&format!("manifests/{digest}"))?, thing).accept(MANIFESTS);
        match self.read_whole(&call, limits::MANIFEST).await? {
            Some(found) => check_manifest(found, Some(digest), call.thing),
            None => Err(RegistryError::NotFound { thing: call.thing }),
        }
    }

    /// A manifest or index by tag. None means 404 and nothing else.
    pub(in crate::io) async fn manifest_by_tag(&self, tag: &Tag) -> Result<Option<Fetched>, RegistryError> {
        let thing = Thing::Tagged(self.repository().clone(), tag.clone());
        let call = Call::get(self.url(&format!("manifests/{tag}"))?, thing).accept(MANIFESTS);
        let found = self.read_whole(&call, limits::MANIFEST).await?;
        found.map(|found| check_manifest(found, None, call.thing)).transpose()
    }

    /// What the reference names: its digest, or else its tag.
    pub(in crate::io) async fn root(&self) -> Result<Fetched, RegistryError> {
        if let Some(digest) = self.reference().digest() {
            return self.manifest(digest).await;
        }
        let tag = self.reference().tag_or_latest();
        let known = self.shared.meanings.of(self.reference().repository(), &tag);
        // All of a run means the same by a tag, and asks for it once.
        let found = known.get_or_try_init(|| async {
            let missing =
                || RegistryError::NotFound { thing: Thing::Tagged(self.repository().clone(), tag.clone()) };
            self.meaning(&tag).await?.ok_or_else(missing)
        });
        let found = found.await?.clone();
        self.shared.meanings.keep(self.reference().repository(), &tag, &found);
        Ok(found)
    }

    /// A blob that is held in memory.
    pub(in crate::io) async fn blob(
        &self,
        digest: Digest,
        size: u64,
        limit: u64,
    ) -> Result<Checked, RegistryError> {
        let store = self.shared.store.as_ref().filter(|_| size <= limit);
        if let Some(known) = store.and_then(|store| store.read(digest, size)) {
            return Ok(known);
        }
        let content = self.near(async |place| place.blob_here(digest, size, limit).await).await?;
        if let Some(store) = store {
            store.keep(&content);
        }
        Ok(content)
    }

    async fn blob_here(&self, digest: Digest, size: u64, limit: u64) -> Result<Checked, RegistryError> {
        let thing = Thing::Blob(self.repository().clone(), digest);
        let mut tries = self.shared.patience().tries();
        let bytes = loop {
            let response = self.open_blob_within(digest, Some(size), limit, &mut tries).await?;
            match http::read(response, size).await {
                Ok(bytes) => break bytes,
                Err(http::HttpError::TooLarge { .. }) => {
                    return Err(RegistryError::Size { thing, want: size, found: size + 1 });
                }
                Err(error) => {
                    let transport = |source| RegistryError::Transport { thing: thing.clone(), source };
                    tries.after_error(error).await.map_err(transport)?;
                }
            }
        };
        if bytes.len() as u64 != size {
            return Err(RegistryError::Size { thing, want: size, found: bytes.len() as u64 });
        }
        digest.check(bytes).map_err(|source| RegistryError::Digest { thing, source })
    }

    /// A layer: streamed into a file without a name, hashed on the way.
    pub(in crate::io) async fn layer(&self, layer: &Descriptor) -> Result<LayerBlob, RegistryError> {
        self.large_blob(layer.digest, Some(layer.size)).await
    }

    /// A blob that is too large to be held in memory, as [`Self::layer`]. Its size may not be known.
    pub(in crate::io) async fn large_blob(
        &self,
        digest: Digest,
        size: Option<u64>,
    ) -> Result<LayerBlob, RegistryError> {
        let is_within = size.is_none_or(|size| size <= limits::LAYER);
        if is_within && let Some(known) = self.kept(digest, size).await {
            return Ok(known);
        }
        self.near(async |place| place.large_blob_here(digest, size).await).await
    }

    /// What an earlier run kept. It is hashed again, and others go on meanwhile.
    async fn kept(&self, digest: Digest, size: Option<u64>) -> Option<LayerBlob> {
        self.shared.store.as_ref()?;
        let shared = self.shared.clone();
        let look = move || shared.store.as_ref()?.layer(digest, size);
        tokio::task::spawn_blocking(look).await.ok()?
    }

    async fn large_blob_here(&self, digest: Digest, size: Option<u64>) -> Result<LayerBlob, RegistryError> {
        let mut download = self.download(digest, size, limits::LAYER).await?;
        let size = download.size();
        let thing = || Thing::Blob(self.repository().clone(), digest);
        let unwritten = |source| RegistryError::Temporary { thing: thing(), source };
        let mut landing =
            Landing::open(self.shared.store.as_ref(), size, &self.shared.environment).map_err(unwritten)?;
        let mut hashing = Behind::new(Hasher::new(digest.algorithm()), |hasher, piece| {
            hasher.update(piece);
            Ok(())
        });
        let (mut found, most) = (0, size.unwrap_or(limits::LAYER));
        while let Some(chunk) = download.next().await? {
            found += chunk.len() as u64;
            if found > most {
                break;
            }
            hashing.add(chunk.clone()).await.map_err(unwritten)?;
            landing.write(&chunk).map_err(unwritten)?;
        }
        match size {
            Some(want) if found != want => return Err(RegistryError::Size { thing: thing(), want, found }),
            None if found > most => {
                return Err(RegistryError::TooLarge { thing: thing(), size: found, limit: most });
            }
            _ => {}
        }
        let got = hashing.finish().await.map_err(unwritten)?.finish();
        if got != digest {
            return Err(RegistryError::Digest { thing: thing(), source: Mismatch { want: digest, got } });
        }
        let file = landing.finish(digest).map_err(unwritten)?;
        Ok(LayerBlob::checked(digest, Section::new(Arc::new(Mutex::new(file)), 0, found)))
    }
}

/// Checks a manifest: digest, digest header, shape, and that header and content agree on the type.
fn check_manifest(
    Whole { head, bytes }: Whole,
    want: Option<Digest>,
    thing: Thing,
) -> Result<Fetched, RegistryError> {
    let stated = head.get(DOCKER_CONTENT_DIGEST);
    let content_type = head.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(bare_type);
    let content = match want {
        None => Checked::of(bytes),
        Some(want) => match want.check(bytes) {
            Ok(content) => content,
            Err(source) => return Err(RegistryError::Digest { thing, source }),
        },
    };
    if let Some(stated) = stated {
        let text = stated.to_str().unwrap_or_default();
        let agrees =
            text.parse::<Digest>().is_ok_and(|stated| stated.check(content.bytes().to_vec()).is_ok());
        if !agrees {
            let stated = text.chars().take(160).collect();
            return Err(RegistryError::DigestHeader { thing, stated, computed: content.digest() });
        }
    }
    let manifest = match AnyManifest::parse(&content) {
        Ok(manifest) => manifest,
        Err(source) => return Err(RegistryError::Malformed { thing, source }),
    };
    check_type(content_type, &manifest, &content, thing).map(|media_type| Fetched { media_type, content })
}

/// Distribution-spec v1.1, "Pulling manifests": a `mediaType` that is not the `Content-Type` is refused (CVE-2021-41190). A content that
/// states no type takes the header's, if that is of its kind.
fn check_type(
    header: Option<String>,
    manifest: &AnyManifest,
    content: &Checked,
    thing: Thing,
) -> Result<String, RegistryError> {
    let body = manifest.media_type().to_owned();
    let Some(header) = header.filter(|header| *header != body) else { return Ok(body) };
    let of_its_kind = match manifest {
        AnyManifest::Image(_) => [OCI_MANIFEST, DOCKER_MANIFEST],
        AnyManifest::Index(_) => [OCI_INDEX, DOCKER_INDEX],
    };
    if of_its_kind.contains(&header.as_str()) && !states_type(content) {
        return Ok(header);
    }
    Err(RegistryError::ContentType { thing, header: header.chars().take(128).collect(), body })
}

fn states_type(content: &Checked) -> bool {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Stated {
        media_type: Option<String>,
    }
    // It was parsed before.
    parse_strict::<Stated>(content.bytes())
        .is_ok_and(|stated| stated.media_type.is_some_and(|text| !text.is_empty()))
}

/// A media type without parameters.
pub(super) fn bare_type(text: &str) -> String {
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// All that we can read.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::format::manifest::ManifestError;
    use crate::io::http::HttpError;
    use crate::io::stub::{Reply, Stub, manifest, wait};

    fn one(reply: Reply) -> Stub {
        Stub::new(move |_| reply.clone())
    }

    fn tagged(reply: Reply) -> Result<Option<Fetched>, RegistryError> {
        wait(one(reply).remote("a:v1").manifest_by_tag(&"v1".parse().unwrap()))
    }

    #[test]
    fn reads_a_manifest_in_one_request() {
        let digest = Digest::of(manifest("a").as_bytes());
        let stub = one(Reply::ok(&format!("{OCI_MANIFEST}; charset=utf-8"), manifest("a"))
            .with("docker-content-digest", digest));
        let remote = stub.remote("a/b:v1");
        assert_eq!(wait(remote.root()).unwrap().content.digest(), digest);
        assert_eq!(wait(remote.manifest(digest)).unwrap().media_type, OCI_MANIFEST);
        assert_eq!(
            stub.log(),
            ["GET /v2/a/b/manifests/v1".to_owned(), format!("GET /v2/a/b/manifests/{digest}")]
        );
        let asked = stub.asked();
        assert_eq!(asked[0].header("accept"), Some(MANIFESTS));
        assert_eq!(asked[0].header("accept-encoding"), Some("identity"));
        assert_eq!(asked[0].header("authorization"), None);
        assert!(asked[0].header("user-agent").unwrap().starts_with("plimsoll/"));
    }

    #[test]
    fn a_run_asks_once_what_a_tag_means() {
        let stub = one(Reply::ok(OCI_MANIFEST, manifest("a")));
        let remote = stub.remote("a:v1");
        let both = wait(futures_util::future::join(remote.root(), remote.root()));
        assert!(both.0.is_ok() && both.1.is_ok() && wait(remote.root()).is_ok());
        assert_eq!(stub.log(), ["GET /v2/a/manifests/v1"]);
        // Unless it changed it.
        let body = manifest("b").into_bytes();
        let stub = Stub::new(|asked| match asked.method.as_str() {
            "PUT" => Reply::new(201),
            _ => Reply::ok(OCI_MANIFEST, manifest("a")),
        });
        let remote = stub.remote("a:v1");
        wait(remote.root()).unwrap();
        wait(remote.push_manifest(OCI_MANIFEST, &body, Some(&"v1".parse().unwrap()))).unwrap();
        wait(remote.root()).unwrap();
        assert_eq!(stub.log().len(), 3);
        // An error is no meaning.
        let stub = one(Reply::new(404));
        let remote = stub.remote("a:v1");
        assert!(wait(remote.root()).is_err() && wait(remote.root()).is_err());
        assert_eq!(stub.log().len(), 2);
    }

    #[test]
    fn a_host_gets_no_more_than_so_many_requests_at_once() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (inside, peak) = (now.clone(), most.clone());
        let stub = Stub::new(move |_| {
            peak.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(std::time::Duration::from_millis(20));
            inside.fetch_sub(1, Ordering::SeqCst);
            Reply::ok(OCI_MANIFEST, manifest("a"))
        });
        let remote = stub.remote("a:v1");
        let tags: Vec<Tag> = (0..40).map(|number| format!("v{number}").parse().unwrap()).collect();
        let all = wait(futures_util::future::join_all(tags.iter().map(|tag| remote.manifest_by_tag(tag))));
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(most.load(Ordering::SeqCst), limits::HOST_REQUESTS);
    }

    #[test]
    fn lies_are_refused() {
        let lie = Digest::of(b"lie").to_string();
        for stated in [lie.as_str(), "sha256:..", ""] {
            let reply = Reply::ok(OCI_MANIFEST, manifest("a")).with("docker-content-digest", stated);
            assert!(matches!(tagged(reply), Err(RegistryError::DigestHeader { .. })), "{stated}");
        }
        // A valid manifest with a header that fits, but not the one asked for.
        let other = Reply::ok(OCI_MANIFEST, manifest("b"))
            .with("docker-content-digest", Digest::of(manifest("b").as_bytes()));
        let wanted = Digest::of(manifest("a").as_bytes());
        let result = wait(one(other).remote("a").manifest(wanted));
        assert!(matches!(result, Err(RegistryError::Digest { .. })));
        for header in [OCI_INDEX, DOCKER_MANIFEST, "application/json", "text/html"] {
            let result = tagged(Reply::ok(header, manifest("a")));
            assert!(matches!(result, Err(RegistryError::ContentType { .. })), "{header}");
        }
    }

    #[test]
    fn content_that_states_no_type_takes_that_of_its_kind() {
        let silent = manifest("a").replacen(&format!("\"mediaType\":\"{OCI_MANIFEST}\","), "", 1);
        for (header, want) in [
            (OCI_MANIFEST, Some(OCI_MANIFEST)),
            (DOCKER_MANIFEST, Some(DOCKER_MANIFEST)),
            (OCI_INDEX, None),
            (DOCKER_INDEX, None),
            ("application/json", None),
        ] {
            let result = tagged(Reply::ok(header, silent.clone()));
            assert_eq!(result.ok().flatten().map(|fetched| fetched.media_type).as_deref(), want, "{header}");
        }
        assert!(tagged(Reply::new(200).body(silent)).is_ok());
    }

    #[test]
    fn malformed_content_is_refused() {
        for body in [
            "",
            "{}",
            "[]",
            "<html>",
            r#"{"schemaVersion":1,"config":{},"layers":[]}"#,
            &manifest("a").replacen("{", r#"{"manifests":[],"#, 1),
            &manifest("a").replacen("{", r#"{"l\u0061yers":[],"#, 1),
            &format!("{} x", manifest("a")),
            &format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)),
        ] {
            let result = tagged(Reply::ok(OCI_MANIFEST, body));
            assert!(matches!(result, Err(RegistryError::Malformed { .. })), "{body:.40}");
        }
        let both = manifest("a").replacen("{", r#"{"manifests":[],"#, 1);
        let result = tagged(Reply::ok(OCI_MANIFEST, both));
        assert!(matches!(result, Err(RegistryError::Malformed { source: ManifestError::Ambiguous, .. })));
    }

    #[test]
    fn only_404_means_that_there_is_none() {
        assert!(matches!(tagged(Reply::new(404)), Ok(None)));
        let missing = wait(one(Reply::new(404)).remote("a:v1").root());
        assert!(matches!(missing, Err(RegistryError::NotFound { thing: Thing::Tagged(..) })));
        let missing = wait(one(Reply::new(404)).remote("a").manifest(Digest::of(b"")));
        assert!(matches!(missing, Err(RegistryError::NotFound { thing: Thing::Manifest(..) })));
        assert!(matches!(tagged(Reply::new(403)), Err(RegistryError::Denied { status: 403, .. })));
        assert!(matches!(tagged(Reply::new(401)), Err(RegistryError::Auth { .. })));
        for status in [204, 206, 304, 400, 405, 410, 429, 500, 503] {
            let result = tagged(Reply::new(status));
            assert!(matches!(result, Err(RegistryError::Status { status: found, .. }) if found == status));
        }
        let said = Reply::new(429).body(r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}"#);
        assert!(tagged(said).unwrap_err().to_string().ends_with("status 429: TOOMANYREQUESTS slow down"));
    }

    #[test]
    fn answers_have_limits() {
        let kind = |result: Result<Option<Fetched>, RegistryError>| match result {
            Err(RegistryError::Transport { source, .. }) => source,
            other => panic!("{other:?}"),
        };
        let huge = Reply::ok(OCI_MANIFEST, "").length(600 << 20);
        assert!(matches!(kind(tagged(huge)), HttpError::TooLarge { .. }));
        let endless = Reply::ok(OCI_MANIFEST, vec![b' '; limits::MANIFEST as usize + 1]).unmeasured();
        assert!(matches!(kind(tagged(endless)), HttpError::TooLarge { .. }));
        let short = Reply::ok(OCI_MANIFEST, manifest("a")).length(10_000);
        assert!(matches!(kind(tagged(short)), HttpError::Interrupted { .. }));
        let packed = Reply::ok(OCI_MANIFEST, manifest("a")).with("content-encoding", "gzip");
        assert!(matches!(kind(tagged(packed)), HttpError::Encoded { .. }));
    }

    #[test]
    fn blobs_and_layers_are_whole_or_nothing() {
        let digest = Digest::of(b"hello");
        let descriptor = |size| Descriptor {
            media_type: "l".to_owned(),
            digest,
            size,
            platform: None,
            artifact_type: None,
            annotations: Default::default(),
        };
        let plain = Reply::new(200).body("hello");
        for (reply, size, good) in [
            (plain.clone(), 5, true),
            (plain.clone().unmeasured(), 5, true),
            (plain.clone(), 4, false),
            (plain.clone(), 6, false),
            (plain.clone().unmeasured(), 4, false),
            (plain.clone().unmeasured(), 6, false),
            (plain.clone().length(9), 5, false),
            (plain.clone().with("content-encoding", "zstd"), 5, false),
            (Reply::new(200).body("hellO"), 5, false),
            (Reply::new(200).body("hello and more").unmeasured(), 5, false),
            (Reply::new(200), 0, false),
            (Reply::new(206).body("hello"), 5, false),
            (Reply::new(404).body("hello"), 5, false),
        ] {
            let remote = one(reply.clone()).remote("a");
            let blob = wait(remote.blob(digest, size, 100));
            assert_eq!(blob.is_ok(), good, "{reply:?} {size}: {blob:?}");
            let layer = wait(remote.layer(&descriptor(size)));
            assert_eq!(layer.is_ok(), good, "{reply:?} {size}: {layer:?}");
            for _ in 0..2 {
                let mut bytes = Vec::new();
                if let Ok(layer) = &layer {
                    layer.open().unwrap().read_to_end(&mut bytes).unwrap();
                    assert_eq!(bytes, b"hello");
                }
            }
        }
        let stub = one(plain);
        let remote = stub.remote("a");
        assert!(matches!(wait(remote.blob(digest, 5, 4)), Err(RegistryError::TooLarge { .. })));
        assert!(matches!(
            wait(remote.layer(&descriptor(limits::LAYER + 1))),
            Err(RegistryError::TooLarge { .. })
        ));
        assert_eq!(stub.log(), Vec::<String>::new());
    }
}

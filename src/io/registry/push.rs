//! Blobs and manifests in the other direction: distribution-spec v1.1, "Push".

use std::collections::BTreeMap;

use reqwest::header::LOCATION;
use reqwest::{Method, Response, StatusCode};
use url::Url;

use super::Remote;
use super::error::{LinkFault, RegistryError, Thing};
use super::send::{Call, DOCKER_CONTENT_DIGEST, OCI_SUBJECT, expect};
use crate::base::{Digest, Tag};
use crate::format::manifest::{Descriptor, OCI_MANIFEST};
use crate::io::http;

impl Remote {
    /// Uploads a blob unless it is there.
    pub(in crate::io) async fn push_blob(&self, bytes: &[u8]) -> Result<Digest, RegistryError> {
        let digest = Digest::of(bytes);
        let thing = Thing::Upload(self.repository().clone(), digest);
        let probe = Call::write(Method::HEAD, self.url(&format!("blobs/{digest}"))?, thing.clone());
        if self.send(&probe).await?.status() == StatusCode::OK {
            return Ok(digest);
        }
        let start = Call::write(Method::POST, self.url("blobs/uploads/")?, thing.clone()).body(BINARY, b"");
        let session =
            expect(self.send(&start).await?, &[StatusCode::ACCEPTED, StatusCode::CREATED], &thing).await?;
        if session.status() == StatusCode::CREATED {
            return Ok(digest);
        }
        let location = self
            .upload_location(&start.url, &session, digest)
            .map_err(|reason| RegistryError::UploadLocation { thing: thing.clone(), reason })?;
        http::discard(session).await;
        let put = Call::write(Method::PUT, location, thing.clone()).body(BINARY, bytes);
        let done =
            expect(self.send(&put).await?, &[StatusCode::CREATED, StatusCode::NO_CONTENT], &thing).await?;
        check_digest(&done, digest, thing)?;
        http::discard(done).await;
        Ok(digest)
    }

    /// Pushes a manifest under a tag, or else under its digest.
    pub(in crate::io) async fn push_manifest(
        &self,
        media_type: &str,
        bytes: &[u8],
        tag: Option<&Tag>,
    ) -> Result<Digest, RegistryError> {
        let (digest, answer) = self.put_manifest(media_type, bytes, tag).await?;
        http::discard(answer).await;
        Ok(digest)
    }

    /// Pushes a manifest that is about `subject`, and sees to it that it is listed.
    pub(in crate::io) async fn push_referrer(
        &self,
        manifest: &[u8],
        artifact_type: &str,
        annotations: &BTreeMap<String, String>,
        subject: Digest,
    ) -> Result<Digest, RegistryError> {
        let (digest, answer) = self.put_manifest(OCI_MANIFEST, manifest, None).await?;
        let is_listed =
            answer.headers().get(OCI_SUBJECT).is_some_and(|of| of == subject.to_string().as_str());
        http::discard(answer).await;
        if is_listed {
            return Ok(digest);
        }
        let entry = Descriptor {
            media_type: OCI_MANIFEST.to_owned(),
            digest,
            size: manifest.len() as u64,
            platform: None,
            artifact_type: Some(artifact_type.to_owned()),
            annotations: annotations.clone(),
        };
        self.list_under_tag(&[entry], subject).await?;
        Ok(digest)
    }

    pub(super) async fn put_manifest(
        &self,
        media_type: &str,
        bytes: &[u8],
        tag: Option<&Tag>,
    ) -> Result<(Digest, Response), RegistryError> {
        let digest = Digest::of(bytes);
        let (name, thing) = match tag {
            Some(tag) => (tag.to_string(), Thing::Tagged(self.repository().clone(), tag.clone())),
            None => (digest.to_string(), Thing::Manifest(self.repository().clone(), digest)),
        };
        let call = Call::write(Method::PUT, self.url(&format!("manifests/{name}"))?, thing.clone());
        let answer = self.send(&call.body(media_type, bytes)).await?;
        let answer = expect(answer, &[StatusCode::CREATED], &thing).await?;
        check_digest(&answer, digest, thing)?;
        Ok((digest, answer))
    }

    /// Where the upload goes on: as the registry says, with `digest` added, and nowhere else (GHSA-jxpm-75mh-9fp7).
    pub(super) fn upload_location(
        &self,
        from: &Url,
        session: &Response,
        digest: Digest,
    ) -> Result<Url, LinkFault> {
        let location = session.headers().get(LOCATION).ok_or(LinkFault::Missing)?;
        let location = location.to_str().map_err(|_| LinkFault::NotUrl)?;
        let mut url = from.join(location).map_err(|_| LinkFault::NotUrl)?;
        if !http::same_origin(&url, &self.base) || !url.username().is_empty() || url.password().is_some() {
            return Err(LinkFault::OtherOrigin);
        }
        url.query_pairs_mut().append_pair("digest", &digest.to_string());
        Ok(url)
    }
}

/// The registry may say under which digest it keeps what we sent; then it must be ours.
pub(super) fn check_digest(answer: &Response, computed: Digest, thing: Thing) -> Result<(), RegistryError> {
    let Some(stated) = answer.headers().get(DOCKER_CONTENT_DIGEST) else { return Ok(()) };
    let stated = stated.to_str().unwrap_or_default();
    if stated == computed.to_string() {
        return Ok(());
    }
    Err(RegistryError::DigestHeader { thing, stated: stated.chars().take(160).collect(), computed })
}

pub(super) const BINARY: &str = "application/octet-stream";

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Value;

    use super::*;
    use crate::io::stub::{Asked, Reply, Stub, manifest, wait};

    fn upload(
        session: impl Fn() -> Reply + Send + Sync + 'static,
        done: Reply,
    ) -> (Result<Digest, RegistryError>, Stub) {
        let stub = Stub::new(move |asked| match asked.method.as_str() {
            "HEAD" => Reply::new(404),
            "POST" => session(),
            _ => done.clone(),
        });
        (wait(stub.remote("a").push_blob(b"hello")), stub)
    }

    #[test]
    fn blobs_are_uploaded_where_the_registry_says() {
        let digest = Digest::of(b"hello");
        let session = || Reply::new(202).with("location", "/v2/a/blobs/uploads/1?_state=x%2Fy");
        let (result, stub) = upload(session, Reply::new(201).with("docker-content-digest", digest));
        assert_eq!(result.unwrap(), digest);
        let put = stub.asked().pop().unwrap();
        let hex = digest.hex();
        assert_eq!(put.target, format!("/v2/a/blobs/uploads/1?_state=x%2Fy&digest=sha256%3A{hex}"));
        assert_eq!(put.body, b"hello");
        let there = Stub::new(|_| Reply::new(200));
        assert!(wait(there.remote("a").push_blob(b"hello")).is_ok());
        assert_eq!(there.log(), [format!("HEAD /v2/a/blobs/{digest}")]);
    }

    #[test]
    fn uploads_elsewhere_are_refused() {
        let collector = Stub::new(|_| Reply::new(201));
        for location in ["http://127.0.0.1:PORT/x", "//localhost:PORT/x", "http://user@127.0.0.1:PORT/x"] {
            let location = location.replace("PORT", &collector.port.to_string());
            let (result, _) = upload(move || Reply::new(202).with("location", &location), Reply::new(201));
            assert!(matches!(
                result,
                Err(RegistryError::UploadLocation { reason: LinkFault::OtherOrigin, .. })
            ));
        }
        assert!(collector.log().is_empty());
        let (result, _) = upload(|| Reply::new(202), Reply::new(201));
        assert!(matches!(result, Err(RegistryError::UploadLocation { reason: LinkFault::Missing, .. })));
        let here = || Reply::new(202).with("location", "x");
        for status in [200, 202, 400, 404, 416, 500] {
            assert!(upload(here, Reply::new(status)).0.is_err(), "{status}");
        }
        let lie = Reply::new(201).with("docker-content-digest", Digest::of(b"x"));
        assert!(matches!(upload(here, lie).0, Err(RegistryError::DigestHeader { .. })));
    }

    /// A registry without referrers API that keeps one tag. `spoil` may change what a write leaves behind.
    fn keeper(
        start: Option<&str>,
        spoil: impl Fn(&mut Vec<u8>, usize) + Send + Sync + 'static,
    ) -> (Stub, Arc<Mutex<Option<Vec<u8>>>>) {
        let kept = Arc::new(Mutex::new(start.map(|text| text.as_bytes().to_vec())));
        let (inside, writes) = (kept.clone(), Mutex::new(0));
        let stub = Stub::new(move |asked: &Asked| {
            let by_tag = asked.target.contains("/manifests/sha256-");
            let mut kept = inside.lock().unwrap();
            match (asked.method.as_str(), by_tag) {
                ("PUT", true) => {
                    let mut body = asked.body.clone();
                    let mut writes = writes.lock().unwrap();
                    *writes += 1;
                    spoil(&mut body, *writes);
                    *kept = Some(body);
                    Reply::new(201)
                }
                ("PUT", false) => Reply::new(201),
                (_, true) => match &*kept {
                    Some(body) => Reply::ok(crate::format::manifest::OCI_INDEX, body.clone()),
                    None => Reply::new(404),
                },
                _ => Reply::new(404),
            }
        });
        (stub, kept)
    }

    fn push(stub: &Stub) -> Result<Digest, RegistryError> {
        let annotations = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
        wait(stub.remote("a").push_referrer(
            manifest("new").as_bytes(),
            "a/b",
            &annotations,
            Digest::of(b"image"),
        ))
    }

    #[test]
    fn a_registry_that_lists_needs_one_request() {
        let stub = Stub::new(|_| Reply::new(201).with("oci-subject", Digest::of(b"image")));
        let digest = push(&stub).unwrap();
        assert_eq!(stub.log(), [format!("PUT /v2/a/manifests/{digest}")]);
        assert_eq!(stub.asked()[0].header("content-type"), Some(OCI_MANIFEST));
    }

    #[test]
    fn a_registry_that_lists_it_elsewhere_does_not_list_it() {
        let stub = Stub::new(|asked| match asked.method.as_str() {
            "PUT" => Reply::new(201).with("oci-subject", Digest::of(b"another")),
            _ => Reply::new(403),
        });
        assert!(push(&stub).is_err());
        assert!(stub.log()[1].contains("/manifests/sha256-"), "{:?}", stub.log());
    }

    #[test]
    fn the_list_keeps_what_others_wrote() {
        let other = Digest::of(b"other");
        let before = format!(
            r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"m","digest":"{other}","size":1,"x-theirs":{{"deep":[1]}}}}]}}"#
        );
        let (stub, kept) = keeper(Some(&before), |_, _| {});
        let digest = push(&stub).unwrap();
        let now: Value = serde_json::from_slice(kept.lock().unwrap().as_ref().unwrap()).unwrap();
        assert_eq!(now["manifests"][0]["x-theirs"]["deep"][0], 1);
        assert_eq!(now["manifests"][1]["digest"], digest.to_string());
        assert_eq!(now["manifests"][1]["artifactType"], "a/b");
        assert_eq!(now["manifests"][1]["annotations"]["k"], "v");
        // Again: nothing is added.
        push(&stub).unwrap();
        let again: Value = serde_json::from_slice(kept.lock().unwrap().as_ref().unwrap()).unwrap();
        assert_eq!(again, now);
    }

    #[test]
    fn a_lost_update_is_repeated_and_then_reported() {
        let empty = r#"{"schemaVersion":2,"manifests":[]}"#;
        let other = Digest::of(b"other");
        let theirs =
            format!(r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"m","digest":"{other}","size":1}}]}}"#);
        // Another writer overwrites the first write with its own list.
        let (stub, kept) = keeper(None, move |body, write| {
            if write == 1 {
                *body = theirs.clone().into_bytes();
            }
        });
        push(&stub).unwrap();
        let now: Value = serde_json::from_slice(kept.lock().unwrap().as_ref().unwrap()).unwrap();
        assert_eq!(now["manifests"].as_array().unwrap().len(), 2);
        let (stub, _) = keeper(None, move |body, _| *body = empty.as_bytes().to_vec());
        assert!(matches!(push(&stub), Err(RegistryError::LostUpdate { .. })));
    }

    #[test]
    fn a_tag_that_holds_something_else_is_left_alone() {
        let image = manifest("an image");
        let (stub, kept) = keeper(Some(&image), |_, _| {});
        assert!(push(&stub).is_err());
        assert_eq!(kept.lock().unwrap().as_deref(), Some(image.as_bytes()));
    }

    #[test]
    fn writers_of_one_process_wait_for_each_other() {
        let (stub, kept) = keeper(None, |_, _| {});
        let remote = stub.remote("a");
        let names: Vec<String> = (0..8).map(|number| manifest(&number.to_string())).collect();
        let none = BTreeMap::new();
        let pushes =
            names.iter().map(|name| remote.push_referrer(name.as_bytes(), "t", &none, Digest::of(b"image")));
        let all = wait(futures_util::future::join_all(pushes));
        assert!(all.iter().all(Result::is_ok), "{all:?}");
        let now: Value = serde_json::from_slice(kept.lock().unwrap().as_ref().unwrap()).unwrap();
        assert_eq!(now["manifests"].as_array().unwrap().len(), 8);
    }
}

//! Manifests in the other direction: distribution-spec v1.1, "Push".

use std::collections::BTreeMap;

use reqwest::{Method, Response, StatusCode};

use super::Remote;
use super::error::{RegistryError, Thing};
use super::send::{Call, DOCKER_CONTENT_DIGEST, OCI_SUBJECT, expect};
use super::upload::Supply;
use crate::base::{Digest, Tag};
use crate::format::manifest::{Descriptor, OCI_MANIFEST};
use crate::io::http;
use crate::io::patience::Tries;
use crate::io::source::SourceError;

impl Remote {
    /// Uploads a blob unless it is there.
    pub(in crate::io) async fn push_blob(&self, bytes: &[u8]) -> Result<Digest, SourceError> {
        let digest = Digest::of(bytes);
        if !self.has_blob(digest, bytes.len() as u64).await? {
            self.upload(digest, bytes.len() as u64, Supply::Held(bytes), None).await?;
        }
        Ok(digest)
    }

    /// Pushes a manifest under a tag, whatever that names now, or else under its digest.
    pub(in crate::io) async fn push_manifest(
        &self,
        media_type: &str,
        bytes: &[u8],
        tag: Option<&Tag>,
    ) -> Result<Digest, RegistryError> {
        let (digest, mut tries) = (Digest::of(bytes), self.shared.patience().tries());
        let error = match self.put_manifest_within(media_type, digest, bytes, tag, &mut tries).await {
            Ok(answer) => {
                http::discard(answer).await;
                return Ok(digest);
            }
            Err(error) => error,
        };
        // The first may have arrived and its answer not; where tags cannot be changed, the second is refused then.
        let Some(tag) = tag.filter(|_| tries.is_again() && error.is_refusal()) else { return Err(error) };
        match self.manifest_by_tag(tag).await {
            Ok(Some(there)) if there.content.digest() == digest => Ok(digest),
            _ => Err(error),
        }
    }

    /// Writes a tag that was read before and will be read again. It is sent once: what others wrote since must not be overwritten unread, so
    /// whoever gets an error that may pass reads again. By then was waited as long as the registry asked for.
    pub(in crate::io) async fn update_tag(
        &self,
        media_type: &str,
        bytes: &[u8],
        tag: &Tag,
    ) -> Result<Digest, RegistryError> {
        let digest = Digest::of(bytes);
        let call = self.manifest_call(digest, Some(tag))?.once().body(media_type, bytes);
        let answer = self.send(&call).await;
        self.forget(Some(tag));
        let answer = answer?;
        let waited = self.shared.patience().tries().after_answer(&http::origin(&call.url), &answer).await;
        waited.map_err(|source| RegistryError::Transport { thing: call.thing.clone(), source })?;
        let answer = expect(answer, &[StatusCode::CREATED], &call.thing).await?;
        check_digest(&answer, digest, call.thing)?;
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
        let digest = Digest::of(manifest);
        let answer = self.put_manifest(OCI_MANIFEST, digest, manifest).await?;
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

    /// Pushes a manifest under a digest of its bytes.
    pub(super) async fn put_manifest(
        &self,
        media_type: &str,
        digest: Digest,
        bytes: &[u8],
    ) -> Result<Response, RegistryError> {
        self.put_manifest_within(media_type, digest, bytes, None, &mut self.shared.patience().tries()).await
    }

    async fn put_manifest_within(
        &self,
        media_type: &str,
        digest: Digest,
        bytes: &[u8],
        tag: Option<&Tag>,
        tries: &mut Tries,
    ) -> Result<Response, RegistryError> {
        let call = self.manifest_call(digest, tag)?.body(media_type, bytes);
        let answer = self.send_within(&call, tries).await;
        self.forget(tag);
        let answer = expect(answer?, &[StatusCode::CREATED], &call.thing).await?;
        check_digest(&answer, digest, call.thing)?;
        Ok(answer)
    }

    /// Whatever becomes of it, a tag may mean something else now.
    fn forget(&self, tag: Option<&Tag>) {
        if let Some(tag) = tag {
            self.shared.meanings.forget(self.reference().repository(), tag);
        }
    }

    fn manifest_call(&self, digest: Digest, tag: Option<&Tag>) -> Result<Call<'static>, RegistryError> {
        let (name, thing) = match tag {
            Some(tag) => (tag.to_string(), Thing::Tagged(self.repository().clone(), tag.clone())),
            None => (digest.to_string(), Thing::Manifest(self.repository().clone(), digest)),
        };
        Ok(Call::write(Method::PUT, self.url(&format!("manifests/{name}"))?, thing))
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Value;

    use super::*;
    use crate::io::stub::{Asked, Reply, Stub, manifest, turns, wait};

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

    fn tagged(stub: &Stub) -> Result<Digest, RegistryError> {
        wait(stub.remote("a").push_manifest(
            OCI_MANIFEST,
            manifest("a").as_bytes(),
            Some(&"v1".parse().unwrap()),
        ))
    }

    #[test]
    fn a_tag_is_written_again_while_the_registry_is_away() {
        let stub = turns(|turn, _| Reply::new(if turn < 2 { 503 } else { 201 }));
        assert!(tagged(&stub).is_ok());
        assert_eq!(stub.log(), ["PUT /v2/a/manifests/v1"; 3]);
        let stub = turns(|turn, _| Reply::new(if turn < 1 { 409 } else { 201 }));
        assert!(tagged(&stub).is_err());
        assert_eq!(stub.log().len(), 1);
    }

    #[test]
    fn a_tag_that_cannot_be_changed_may_hold_the_first_try() {
        let immutable = |holds: &'static str| {
            turns(move |turn, asked| match asked.method.as_str() {
                "PUT" if turn == 0 => Reply::new(502),
                "PUT" => Reply::new(409),
                _ => Reply::ok(OCI_MANIFEST, manifest(holds)),
            })
        };
        assert!(tagged(&immutable("a")).is_ok());
        let refused = tagged(&immutable("another"));
        assert!(matches!(refused, Err(RegistryError::Status { status: 409, .. })), "{refused:?}");
    }

    #[test]
    fn an_update_is_sent_once_and_then_looked_for() {
        let update = |stub: &Stub| {
            let body = manifest("a");
            wait(stub.remote("a").update_tag(OCI_MANIFEST, body.as_bytes(), &"v1".parse().unwrap()))
        };
        let stub = turns(|turn, _| Reply::new(if turn < 1 { 503 } else { 201 }));
        assert!(update(&stub).unwrap_err().is_passing());
        assert_eq!(stub.log().len(), 1);
        assert!(!update(&Stub::new(|_| Reply::new(403))).unwrap_err().is_passing());
        // A list whose write arrived without its answer is not written over what somebody else added since.
        let theirs = Digest::of(b"theirs").to_string();
        let both = Arc::new(Mutex::new(Vec::new()));
        let kept = both.clone();
        let stub = turns(move |_, asked| {
            let mut kept = kept.lock().unwrap();
            match (asked.method.as_str(), asked.target.contains("/manifests/sha256-")) {
                ("PUT", true) if kept.is_empty() => {
                    let mut list: Value = serde_json::from_slice(&asked.body).unwrap();
                    let entry = serde_json::json!({ "mediaType": "m", "digest": theirs, "size": 1 });
                    list["manifests"].as_array_mut().unwrap().push(entry);
                    *kept = list.to_string().into_bytes();
                    Reply::new(504)
                }
                ("PUT", true) => panic!("written over"),
                ("PUT", false) => Reply::new(201),
                _ if kept.is_empty() => Reply::new(404),
                _ => Reply::ok(crate::format::manifest::OCI_INDEX, kept.clone()),
            }
        });
        push(&stub).unwrap();
        let now: Value = serde_json::from_slice(&both.lock().unwrap()).unwrap();
        assert_eq!(now["manifests"].as_array().unwrap().len(), 2);
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
        // None overwrote another: each read, wrote and looked.
        let touched = stub.log().iter().filter(|line| line.contains("/manifests/sha256-")).count();
        assert_eq!(touched, 3 * 8, "{:?}", stub.log());
    }
}

//! Content that comes from elsewhere, and goes elsewhere: distribution-spec v1.1, "Mounting a blob from another repository".

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use reqwest::header::{CONTENT_LENGTH, HeaderMap};
use reqwest::{Method, StatusCode};

use super::Remote;
use super::error::{RegistryError, Thing};
use super::send::{Call, DOCKER_CONTENT_DIGEST, OCI_SUBJECT};
use super::upload::{Begun, Supply};
use crate::base::{Checked, Digest, limits};
use crate::format::manifest::Descriptor;
use crate::io::http;
use crate::io::source::{Arrived, Fetched, Source, SourceError};
use crate::io::stream::{Beside, BlobStream};

impl Remote {
    /// A blob, to be passed on.
    pub(in crate::io) async fn stream(
        &self,
        blob: &Descriptor,
        beside: Option<Beside>,
    ) -> Result<BlobStream, RegistryError> {
        let open = async |place: &Self| {
            let download = place.download(blob.digest, Some(blob.size), limits::LAYER).await?;
            Ok((download, Thing::Blob(place.repository().clone(), blob.digest)))
        };
        let (download, thing) = self.near(open).await?;
        Ok(BlobStream::remote(download, thing, blob, beside))
    }

    /// Whether a manifest of this digest is there already.
    pub(in crate::io) async fn has_manifest(&self, manifest: &Checked) -> Result<bool, RegistryError> {
        let (digest, size) = (manifest.digest(), manifest.bytes().len() as u64);
        let thing = Thing::Manifest(self.repository().clone(), digest);
        self.has(&format!("manifests/{digest}"), thing, digest, size).await
    }

    /// Whether a blob is there already.
    pub(super) async fn has_blob(&self, digest: Digest, size: u64) -> Result<bool, RegistryError> {
        let thing = Thing::Upload(self.repository().clone(), digest);
        self.has(&format!("blobs/{digest}"), thing, digest, size).await
    }

    async fn has(&self, rest: &str, thing: Thing, digest: Digest, size: u64) -> Result<bool, RegistryError> {
        let probe = Call::write(Method::HEAD, self.url(rest)?, thing);
        // Some registries refuse the question instead of saying no; then the writing tells.
        let answer = self.send(&probe).await?;
        Ok(answer.status() == StatusCode::OK && may_be_about(answer.headers(), digest, size))
    }

    /// Pushes a manifest by its digest only; says of which manifest the registry now lists it as referrer.
    pub(in crate::io) async fn store_manifest(
        &self,
        manifest: &Fetched,
    ) -> Result<Option<Digest>, RegistryError> {
        let (digest, bytes) = (manifest.content.digest(), manifest.content.bytes());
        let answer = self.put_manifest(&manifest.media_type, digest, bytes).await?;
        let listed = answer.headers().get(OCI_SUBJECT).and_then(|about| about.to_str().ok()?.parse().ok());
        http::discard(answer).await;
        Ok(listed)
    }

    /// Takes a blob over from `source` unless it is there, without a byte on the wire where both are in one registry.
    pub(in crate::io) async fn take_blob(
        &self,
        source: &Source,
        blob: &Descriptor,
        sent: &Arc<AtomicU64>,
    ) -> Result<Arrived, SourceError> {
        if self.has_blob(blob.digest, blob.size).await? {
            return Ok(Arrived::Present);
        }
        let here = self.repository();
        let beside = source
            .repository()
            .filter(|other| other.registry() == here.registry() && other.path() != here.path());
        let mut session = None;
        if let Some(from) = beside {
            match self.begin(blob.digest, Some(from)).await {
                Ok(Begun::Mounted) => return Ok(Arrived::Mounted),
                Ok(Begun::Session(begun)) => session = Some(begun),
                // Whoever may not mount may still upload.
                Err(_) => {}
            }
        }
        let supply = Supply::Source { source, blob, sent };
        self.upload(blob.digest, blob.size, supply, session).await?;
        Ok(Arrived::Copied)
    }
}

/// Whether what an answer states fits this content. A proxy leads whoever is not signed in to a page for people, and that is there, too;
/// whoever took it for content would say that it was written.
fn may_be_about(answer: &HeaderMap, digest: Digest, size: u64) -> bool {
    let length = answer.get(CONTENT_LENGTH).and_then(|text| text.to_str().ok()?.parse::<u64>().ok());
    // An answer without body may say that it has none.
    let is_as_long = length.is_none_or(|length| length == 0 || length == size);
    let has_digest = answer.get(DOCKER_CONTENT_DIGEST).is_none_or(|text| {
        let stated = text.to_str().ok().and_then(|text| text.parse::<Digest>().ok());
        stated.is_some_and(|stated| stated.algorithm() != digest.algorithm() || stated == digest)
    });
    is_as_long && has_digest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Algorithm, Checked, Hasher, Repository};
    use crate::format::manifest::OCI_MANIFEST;
    use crate::io::stub::{Reply, Stub, manifest, wait};

    // A page for people, say, to which a proxy leads whoever is not signed in.
    #[test]
    fn what_is_there_by_its_status_alone_is_not_there() {
        let there = |reply: Reply| {
            let stub = Stub::new(move |_| reply.clone());
            let remote = stub.remote("a");
            let content = Checked::of(b"hello".to_vec());
            (
                wait(remote.has_blob(content.digest(), 5)).unwrap(),
                wait(remote.has_manifest(&content)).unwrap(),
            )
        };
        let good = || Reply::new(200).length(5);
        let stated = |reply: Reply, text: &str| reply.with("docker-content-digest", text);
        let (ours, other) = (Digest::of(b"hello").to_string(), Digest::of(b"other").to_string());
        let by_another_hash = digest_by(Algorithm::Sha512, b"hello").to_string();
        for reply in [good(), stated(good(), &ours), stated(good(), &by_another_hash), Reply::new(200)] {
            assert_eq!(there(reply.clone()), (true, true), "{reply:?}");
        }
        for reply in [stated(good(), &other), stated(good(), "x"), Reply::new(200).length(6), Reply::new(404)]
        {
            assert_eq!(there(reply.clone()), (false, false), "{reply:?}");
        }
    }

    fn digest_by(algorithm: Algorithm, bytes: &[u8]) -> Digest {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    /// An index names its images by one hash: under another one they are not found.
    #[test]
    fn a_manifest_is_stored_under_the_digest_by_which_it_was_asked_for() {
        let body = manifest("a").into_bytes();
        let digest = digest_by(Algorithm::Sha512, &body);
        let fetched =
            Fetched { media_type: OCI_MANIFEST.to_owned(), content: digest.check(body.clone()).unwrap() };
        let stub = Stub::new(|_| Reply::new(201));
        wait(stub.remote("a").store_manifest(&fetched)).unwrap();
        assert_eq!(stub.log(), [format!("PUT /v2/a/manifests/{digest}")]);
        // A registry that keeps it under another one has not stored what was asked for.
        let stub = Stub::new(move |_| Reply::new(201).with("docker-content-digest", Digest::of(&body)));
        let stored = wait(stub.remote("a").store_manifest(&fetched));
        assert!(matches!(stored, Err(RegistryError::DigestHeader { .. })), "{stored:?}");
    }

    #[test]
    fn a_mount_asks_for_both_repositories() {
        let stub = Stub::new(|asked| {
            if asked.target.starts_with("/token") {
                let name = if asked.target.contains("b%2Fc") { "t0ken-both" } else { "t0ken" };
                return Reply::ok("application/json", format!(r#"{{"token":"{name}"}}"#));
            }
            match (asked.header("authorization"), asked.method.as_str()) {
                (None, _) => Reply::new(401).with("www-authenticate", r#"Bearer realm="/token",service="s""#),
                _ => Reply::new(201),
            }
        });
        let remote = stub.remote("a");
        let from: Repository = format!("127.0.0.1:{}/b/c", stub.port).parse().unwrap();
        wait(remote.push_manifest(OCI_MANIFEST, manifest("a").as_bytes(), None)).unwrap();
        for _ in 0..2 {
            assert!(wait(remote.begin(Digest::of(b""), Some(&from))).is_ok());
        }
        assert_eq!(stub.asked().last().unwrap().header("authorization"), Some("Bearer t0ken-both"));
        let asked: Vec<String> = stub.log().into_iter().filter(|line| line.contains("/token")).collect();
        assert_eq!(asked.len(), 2, "{asked:?}");
        assert!(
            asked[1].contains("scope=repository%3Aa%3Apull%2Cpush&scope=repository%3Ab%2Fc%3Apull"),
            "{asked:?}"
        );
    }
}

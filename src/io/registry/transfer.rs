//! Content that comes from elsewhere, and goes elsewhere: distribution-spec v1.1, "Mounting a blob from another repository".

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use reqwest::{Method, StatusCode};

use super::Remote;
use super::error::{RegistryError, Thing};
use super::send::{Call, OCI_SUBJECT};
use super::upload::{Begun, Supply};
use crate::base::{Digest, limits};
use crate::format::manifest::Descriptor;
use crate::io::http;
use crate::io::source::{Arrived, Fetched, Source, SourceError};
use crate::io::stream::BlobStream;

impl Remote {
    /// A blob, to be passed on.
    pub(in crate::io) async fn stream(&self, blob: &Descriptor) -> Result<BlobStream, RegistryError> {
        let download = self.download(blob.digest, Some(blob.size), limits::LAYER).await?;
        let thing = Thing::Blob(self.repository().clone(), blob.digest);
        Ok(BlobStream::remote(download, thing, blob))
    }

    /// Whether a manifest of this digest is there already.
    pub(in crate::io) async fn has_manifest(&self, digest: Digest) -> Result<bool, RegistryError> {
        let thing = Thing::Manifest(self.repository().clone(), digest);
        self.has(&format!("manifests/{digest}"), thing).await
    }

    /// Whether a blob is there already.
    pub(super) async fn has_blob(&self, digest: Digest) -> Result<bool, RegistryError> {
        let thing = Thing::Upload(self.repository().clone(), digest);
        self.has(&format!("blobs/{digest}"), thing).await
    }

    async fn has(&self, rest: &str, thing: Thing) -> Result<bool, RegistryError> {
        let probe = Call::write(Method::HEAD, self.url(rest)?, thing);
        // Some registries refuse the question instead of saying no; then the writing tells.
        Ok(self.send(&probe).await?.status() == StatusCode::OK)
    }

    /// Pushes a manifest by its digest only; says of which manifest the registry now lists it as referrer.
    pub(in crate::io) async fn store_manifest(
        &self,
        manifest: &Fetched,
    ) -> Result<Option<Digest>, RegistryError> {
        let pushed = self.put_manifest(&manifest.media_type, manifest.content.bytes(), None).await?;
        let answer = pushed.1;
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
        if self.has_blob(blob.digest).await? {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Repository;
    use crate::format::manifest::OCI_MANIFEST;
    use crate::io::stub::{Reply, Stub, manifest, wait};

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

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
        let put = Call::write(Method::PUT, location, thing.clone()).body(BINARY, bytes);
        let done =
            expect(self.send(&put).await?, &[StatusCode::CREATED, StatusCode::NO_CONTENT], &thing).await?;
        check_digest(&done, digest, thing)?;
        Ok(digest)
    }

    /// Pushes a manifest under a tag, or else under its digest.
    pub(in crate::io) async fn push_manifest(
        &self,
        media_type: &str,
        bytes: &[u8],
        tag: Option<&Tag>,
    ) -> Result<Digest, RegistryError> {
        self.put_manifest(media_type, bytes, tag).await.map(|(digest, _)| digest)
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
        if answer.headers().contains_key(OCI_SUBJECT) {
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
        self.list_under_tag(&entry, subject).await?;
        Ok(digest)
    }

    async fn put_manifest(
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
    fn upload_location(&self, from: &Url, session: &Response, digest: Digest) -> Result<Url, LinkFault> {
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
fn check_digest(answer: &Response, computed: Digest, thing: Thing) -> Result<(), RegistryError> {
    let Some(stated) = answer.headers().get(DOCKER_CONTENT_DIGEST) else { return Ok(()) };
    let stated = stated.to_str().unwrap_or_default();
    if stated == computed.to_string() {
        return Ok(());
    }
    Err(RegistryError::DigestHeader { thing, stated: stated.chars().take(160).collect(), computed })
}

const BINARY: &str = "application/octet-stream";

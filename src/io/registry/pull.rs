//! Manifests, blobs and layers: distribution-spec v1.1, "Pull".

use std::io::{Seek as _, Write as _};
use std::sync::{Arc, Mutex};

use reqwest::{Response, StatusCode};

use super::Remote;
use super::error::{RegistryError, Thing};
use super::send::{Call, DOCKER_CONTENT_DIGEST, expect};
use crate::base::{Checked, Digest, Hasher, Mismatch, Tag, limits};
use crate::format::json::parse_strict;
use crate::format::manifest::{
    AnyManifest, DOCKER_INDEX, DOCKER_MANIFEST, Descriptor, OCI_INDEX, OCI_MANIFEST,
};
use crate::io::blob::{LayerBlob, Section};
use crate::io::http;
use crate::io::source::Fetched;

impl Remote {
    /// A manifest or index by digest.
    pub(in crate::io) async fn manifest(&self, digest: Digest) -> Result<Fetched, RegistryError> {
        let thing = Thing::Manifest(self.repository().clone(), digest);
        let call = Call::get(self.url(&format!("manifests/{digest}"))?, thing).accept(MANIFESTS);
        let response = expect(self.send(&call).await?, &[StatusCode::OK], &call.thing).await?;
        read_manifest(response, Some(digest), call.thing).await
    }

    /// A manifest or index by tag. None means 404 and nothing else.
    pub(in crate::io) async fn manifest_by_tag(&self, tag: &Tag) -> Result<Option<Fetched>, RegistryError> {
        let thing = Thing::Tagged(self.repository().clone(), tag.clone());
        let call = Call::get(self.url(&format!("manifests/{tag}"))?, thing).accept(MANIFESTS);
        let response = self.send(&call).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let response = expect(response, &[StatusCode::OK], &call.thing).await?;
        read_manifest(response, None, call.thing).await.map(Some)
    }

    /// What the reference names: its digest, or else its tag.
    pub(in crate::io) async fn root(&self) -> Result<Fetched, RegistryError> {
        if let Some(digest) = self.reference().digest() {
            return self.manifest(digest).await;
        }
        let tag = self.reference().tag_or_latest();
        let found = self.manifest_by_tag(&tag).await?;
        found.ok_or_else(|| RegistryError::NotFound { thing: Thing::Tagged(self.repository().clone(), tag) })
    }

    /// A blob that is held in memory.
    pub(in crate::io) async fn blob(
        &self,
        digest: Digest,
        size: u64,
        limit: u64,
    ) -> Result<Checked, RegistryError> {
        let response = self.open_blob(digest, size, limit).await?;
        let thing = Thing::Blob(self.repository().clone(), digest);
        let bytes = match http::read(response, size).await {
            Ok(bytes) if bytes.len() as u64 == size => bytes,
            Ok(bytes) => return Err(RegistryError::Size { thing, want: size, found: bytes.len() as u64 }),
            Err(http::HttpError::TooLarge { .. }) => {
                return Err(RegistryError::Size { thing, want: size, found: size + 1 });
            }
            Err(source) => return Err(RegistryError::Transport { thing, source }),
        };
        digest.check(bytes).map_err(|source| RegistryError::Digest { thing, source })
    }

    /// A layer: streamed into a file without a name, hashed on the way.
    pub(in crate::io) async fn layer(&self, layer: &Descriptor) -> Result<LayerBlob, RegistryError> {
        let mut response = self.open_blob(layer.digest, layer.size, limits::LAYER).await?;
        let thing = || Thing::Blob(self.repository().clone(), layer.digest);
        let unwritten = |source| RegistryError::Temporary { thing: thing(), source };
        let broken = |source| RegistryError::Transport { thing: thing(), source };
        http::check_encoding(&response).map_err(broken)?;
        let mut file = self.temporary().map_err(unwritten)?;
        let mut hasher = Hasher::new(layer.digest.algorithm());
        let mut found = 0;
        while let Some(chunk) = http::next(&mut response).await.map_err(broken)? {
            found += chunk.len() as u64;
            if found > layer.size {
                break;
            }
            hasher.update(&chunk);
            file.write_all(&chunk).map_err(unwritten)?;
        }
        if found != layer.size {
            return Err(RegistryError::Size { thing: thing(), want: layer.size, found });
        }
        let got = hasher.finish();
        if got != layer.digest {
            let source = Mismatch { want: layer.digest, got };
            return Err(RegistryError::Digest { thing: thing(), source });
        }
        file.rewind().map_err(unwritten)?;
        let section = Section::new(Arc::new(Mutex::new(file)), 0, layer.size);
        Ok(LayerBlob::checked(layer.digest, section))
    }

    async fn open_blob(&self, digest: Digest, size: u64, limit: u64) -> Result<Response, RegistryError> {
        let thing = Thing::Blob(self.repository().clone(), digest);
        if size > limit {
            return Err(RegistryError::TooLarge { thing, size, limit });
        }
        let call = Call::get(self.url(&format!("blobs/{digest}"))?, thing);
        let response = expect(self.send(&call).await?, &[StatusCode::OK], &call.thing).await?;
        match response.content_length() {
            Some(found) if found != size => Err(RegistryError::Size { thing: call.thing, want: size, found }),
            _ => Ok(response),
        }
    }

    /// A file that is gone when the last handle is, however the process ends.
    fn temporary(&self) -> std::io::Result<std::fs::File> {
        match self.shared.environment.get("TMPDIR").filter(|folder| !folder.is_empty()) {
            Some(folder) => tempfile::tempfile_in(folder),
            None => tempfile::tempfile(),
        }
    }
}

/// Reads and checks a manifest: length, digest, digest header, shape, and that header and content agree on the type.
async fn read_manifest(
    response: Response,
    want: Option<Digest>,
    thing: Thing,
) -> Result<Fetched, RegistryError> {
    let stated = response.headers().get(DOCKER_CONTENT_DIGEST).cloned();
    let content_type = http::header(&response, "content-type").map(bare_type);
    let bytes = match http::read(response, limits::MANIFEST).await {
        Ok(bytes) => bytes,
        Err(source) => return Err(RegistryError::Transport { thing, source }),
    };
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

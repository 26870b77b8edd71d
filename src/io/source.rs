//! One image and what belongs to it, wherever it is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::blob::LayerBlob;
use super::layout::{Layout, LayoutError};
use super::registry::{RegistryError, Remote};
use super::stream::{Beside, BlobStream};
use crate::base::{Checked, Digest, PinnedReference, Registry, Repository, Tag};
use crate::format::manifest::{AnyManifest, Descriptor};

/// A repository in a registry, an image layout, or an archive. All content is checked before it is returned.
#[derive(Clone, Debug)]
pub struct Source(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Layout(Layout),
    Remote(Box<Remote>),
}

/// What a reference names at the time of the run.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// Of the manifest or index, computed from the bytes that were read.
    pub digest: Digest,
    /// Of the manifest or index.
    pub media_type: String,
    /// The manifest or index.
    pub content: Checked,
    /// The reference with its digest, where there is a registry.
    pub pinned: Option<PinnedReference>,
}

/// A manifest or index, checked and well-formed.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// As content and header agree.
    pub media_type: String,
    /// The bytes.
    pub content: Checked,
}

/// What a repository or a layout lists.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Of a repository, its tags; of a layout, its names, which may be any text.
    pub tags: Vec<String>,
    /// What a layout lists without a name.
    pub untagged: Vec<Digest>,
}

/// An entry in a list of what is about a manifest. The list is no proof: whoever can push can list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listed {
    /// The manifest that is said to be about it.
    pub descriptor: Descriptor,
    /// Who says so.
    pub origin: ListedBy,
}

/// Who lists what is about a manifest.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum ListedBy {
    /// The registry's referrers API.
    Api,
    /// The tag `sha256-…`.
    FallbackTag,
    /// `index.json` of a layout.
    Layout,
}

/// How a blob came to be where it was to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Arrived {
    /// Byte for byte.
    Copied,
    /// The registry took it from another repository of its own.
    Mounted,
    /// It was there.
    Present,
}

/// An entry to add to what is about a manifest.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) descriptor: Descriptor,
    /// Whether the manifest itself says what it is about; if not, only a fallback tag can list it.
    pub(super) names_subject: bool,
}

impl Source {
    pub(super) fn layout(layout: Layout) -> Self {
        Self(Kind::Layout(layout))
    }

    pub(super) fn remote(remote: Remote) -> Self {
        Self(Kind::Remote(Box::new(remote)))
    }

    /// The manifest or index that the locator names.
    pub async fn resolve(&self) -> Result<Resolved, SourceError> {
        let (fetched, reference) = match &self.0 {
            Kind::Layout(layout) => (layout.root()?, None),
            Kind::Remote(remote) => (remote.root().await?, Some(remote.reference().clone())),
        };
        let digest = fetched.content.digest();
        let pinned = reference.map(|reference| PinnedReference::new(reference, digest));
        Ok(Resolved { digest, media_type: fetched.media_type, content: fetched.content, pinned })
    }

    /// A manifest or index by digest.
    pub async fn manifest(&self, digest: Digest) -> Result<Fetched, SourceError> {
        Ok(match &self.0 {
            Kind::Layout(layout) => layout.manifest(digest)?,
            Kind::Remote(remote) => remote.manifest(digest).await?,
        })
    }

    /// A manifest or index by tag. None means that there is no such tag, never that somebody refused.
    pub async fn manifest_by_tag(&self, tag: &Tag) -> Result<Option<Fetched>, SourceError> {
        Ok(match &self.0 {
            Kind::Layout(layout) => layout.manifest_by_tag(tag)?,
            Kind::Remote(remote) => remote.manifest_by_tag(tag).await?,
        })
    }

    /// A blob of exactly `size` bytes, which must not be over `limit`.
    pub async fn blob(&self, digest: Digest, size: u64, limit: u64) -> Result<Checked, SourceError> {
        Ok(match &self.0 {
            Kind::Layout(layout) => layout.blob(digest, size, limit)?,
            Kind::Remote(remote) => remote.blob(digest, size, limit).await?,
        })
    }

    /// A layer, on disk, once all of it is checked.
    pub async fn layer(&self, layer: &Descriptor) -> Result<LayerBlob, SourceError> {
        Ok(match &self.0 {
            Kind::Layout(layout) => layout.layer(layer).await?,
            Kind::Remote(remote) => remote.layer(layer).await?,
        })
    }

    /// Any blob by its digest alone, on disk, once all of it is checked.
    pub async fn large_blob(&self, digest: Digest) -> Result<LayerBlob, SourceError> {
        Ok(match &self.0 {
            Kind::Layout(layout) => layout.large_blob(digest).await?,
            Kind::Remote(remote) => remote.large_blob(digest, None).await?,
        })
    }

    /// What is listed here.
    pub async fn names(&self) -> Result<Names, SourceError> {
        Ok(match &self.0 {
            Kind::Layout(layout) => {
                let (tags, untagged) = layout.names()?;
                Names { tags, untagged }
            }
            Kind::Remote(remote) => {
                let tags = remote.tags().await?.iter().map(ToString::to_string).collect();
                Names { tags, untagged: Vec::new() }
            }
        })
    }

    /// All that is listed as being about a manifest, by whatever list there is.
    pub async fn referrers(&self, subject: Digest) -> Result<Vec<Listed>, SourceError> {
        let mut listed = Vec::new();
        self.referrers_so_far(subject, &mut listed).await.map(|()| listed)
    }

    /// The same; what was listed before an error stays in `listed`. It may prove something, and never that there is no more.
    pub async fn referrers_so_far(
        &self,
        subject: Digest,
        listed: &mut Vec<Listed>,
    ) -> Result<(), SourceError> {
        match &self.0 {
            Kind::Layout(layout) => listed.extend(layout.referrers(subject)?),
            Kind::Remote(remote) => remote.referrers(subject, listed).await?,
        }
        Ok(())
    }

    /// Writes a blob unless it is there.
    pub async fn push_blob(&self, bytes: &[u8]) -> Result<Digest, SourceError> {
        Ok(match &self.0 {
            Kind::Layout(layout) => layout.push_blob(bytes)?,
            Kind::Remote(remote) => remote.push_blob(bytes).await?,
        })
    }

    /// Writes a manifest or index, under a tag or under its digest only.
    pub async fn push_manifest(
        &self,
        media_type: &str,
        bytes: &[u8],
        tag: Option<&Tag>,
    ) -> Result<Digest, SourceError> {
        Ok(match &self.0 {
            Kind::Layout(layout) => layout.push_manifest(media_type, bytes, tag)?,
            Kind::Remote(remote) => remote.push_manifest(media_type, bytes, tag).await?,
        })
    }

    /// Writes a tag that was read before and will be read again, because others write to it too. After an error that is passing it is not known
    /// whether it was written.
    pub async fn update_tag(&self, media_type: &str, bytes: &[u8], tag: &Tag) -> Result<Digest, SourceError> {
        Ok(match &self.0 {
            Kind::Layout(layout) => layout.push_manifest(media_type, bytes, Some(tag))?,
            Kind::Remote(remote) => remote.update_tag(media_type, bytes, tag).await?,
        })
    }

    /// Writes a manifest that is about `subject` so that it is found from there. Its blobs must be there already.
    pub async fn push_referrer(
        &self,
        manifest: &[u8],
        artifact_type: &str,
        annotations: &BTreeMap<String, String>,
        subject: Digest,
    ) -> Result<Digest, SourceError> {
        Ok(match &self.0 {
            Kind::Layout(layout) => layout.push_referrer(manifest, artifact_type, annotations)?,
            Kind::Remote(remote) => {
                remote.push_referrer(manifest, artifact_type, annotations, subject).await?
            }
        })
    }

    /// A blob, to be passed on piece by piece, and written to a file beside if there is one.
    pub(super) async fn stream(
        &self,
        blob: &Descriptor,
        beside: Option<Beside>,
    ) -> Result<BlobStream, SourceError> {
        Ok(match &self.0 {
            Kind::Layout(layout) => layout.stream(blob, beside)?,
            Kind::Remote(remote) => remote.stream(blob, beside).await?,
        })
    }

    /// Takes a blob over from another source unless it is here. `sent` counts the bytes.
    pub(super) async fn take_blob(
        &self,
        from: &Self,
        blob: &Descriptor,
        sent: &Arc<AtomicU64>,
    ) -> Result<Arrived, SourceError> {
        loop {
            let taken = match &self.0 {
                Kind::Layout(layout) => layout.take_blob(from, blob, sent).await,
                Kind::Remote(remote) => remote.take_blob(from, blob, sent).await,
            };
            match (&from.0, taken) {
                // Once for each mirror.
                (Kind::Remote(place), Err(SourceError::Registry(error))) if place.is_rid_of(&error) => {}
                (_, taken) => return taken,
            }
        }
    }

    /// Whether a manifest is here.
    pub(super) async fn has_manifest(&self, manifest: &Checked) -> Result<bool, SourceError> {
        Ok(match &self.0 {
            Kind::Layout(layout) => layout.manifest(manifest.digest()).is_ok(),
            Kind::Remote(remote) => remote.has_manifest(manifest).await?,
        })
    }

    /// Whether a manifest can be found here without a tag.
    pub(super) async fn is_top(&self, manifest: &Checked) -> Result<bool, SourceError> {
        Ok(match &self.0 {
            Kind::Layout(layout) => layout.lists(manifest.digest())?,
            Kind::Remote(remote) => remote.has_manifest(manifest).await?,
        })
    }

    /// Writes a manifest that is found through another one. Says of which manifest it is listed as referrer by that, if of any.
    pub(super) async fn store_manifest(&self, manifest: &Fetched) -> Result<Option<Digest>, SourceError> {
        Ok(match &self.0 {
            Kind::Layout(layout) => {
                layout.store(&manifest.content)?;
                None
            }
            Kind::Remote(remote) => remote.store_manifest(manifest).await?,
        })
    }

    /// Adds to the list of what is about a manifest, where writing the manifests did not.
    pub(super) async fn list(&self, subject: Digest, entries: &[Entry]) -> Result<(), SourceError> {
        match &self.0 {
            Kind::Layout(layout) => layout.list(subject, entries)?,
            Kind::Remote(remote) => {
                let entries: Vec<_> = entries.iter().map(|entry| entry.descriptor.clone()).collect();
                remote.list_under_tag(&entries, subject).await?;
            }
        }
        Ok(())
    }

    /// The tag by which the image goes here: as named, or as the layout calls it.
    pub fn tag(&self, image: Digest) -> Option<Tag> {
        match &self.0 {
            Kind::Layout(layout) => layout.tag(image),
            Kind::Remote(remote) => {
                let reference = remote.reference();
                match reference.digest() {
                    Some(_) => reference.tag().cloned(),
                    None => Some(reference.tag_or_latest()),
                }
            }
        }
    }

    /// The repository, where there is a registry.
    pub fn repository(&self) -> Option<&Repository> {
        match &self.0 {
            Kind::Layout(_) => None,
            Kind::Remote(remote) => Some(remote.reference().repository()),
        }
    }

    /// A name for people: the repository, or the last name of the path.
    pub fn name(&self) -> String {
        match &self.0 {
            Kind::Layout(layout) => layout.name(),
            Kind::Remote(remote) => remote.reference().repository().to_string(),
        }
    }
}

impl Resolved {
    /// The manifest or index, parsed.
    pub fn parse(&self) -> Result<AnyManifest, crate::format::manifest::ManifestError> {
        AnyManifest::parse(&self.content)
    }

    /// Names it, as the subject of what is about it.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::of(&self.media_type, &self.content)
    }
}

impl SourceError {
    /// Whether the same may fare better the next time.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Layout(_) | Self::Offline { .. } => false,
            Self::Registry(error) => error.is_passing(),
        }
    }
}

/// Why an image, or what belongs to it, was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// In files.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The network may not be used.
    #[error("{registry} may not be asked: --offline")]
    Offline {
        /// Which.
        registry: Registry,
    },
    /// In a registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

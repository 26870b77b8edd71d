//! Images in files: OCI image-spec v1.1, image-layout.md, in a folder or a tar archive; and archives of `docker save`.

mod docker;
mod error;
mod store;
mod write;

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

pub use error::LayoutError;

use super::blob::LayerBlob;
use super::source::{Fetched, Listed, ListedBy};
use crate::base::{Algorithm, Checked, Digest, LayoutSelector, Mismatch, Tag, limits};
use crate::format::index::Index;
use crate::format::json::parse_strict;
use crate::format::manifest::{AnyManifest, Descriptor};
use docker::DockerArchive;
use store::Store;

/// One image in a layout or an archive, and what else is in there.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    store: Store,
    select: LayoutSelector,
    docker: Option<Arc<DockerArchive>>,
}

impl Layout {
    /// A folder that holds a layout.
    pub(super) fn open_folder(folder: &Path, select: &LayoutSelector) -> Result<Self, LayoutError> {
        Self::open(Store::Folder(folder.to_owned()), select, "an OCI image layout")
    }

    /// A tar file that holds a layout.
    pub(super) fn open_archive(file: &Path, select: &LayoutSelector) -> Result<Self, LayoutError> {
        Self::open(Store::archive(file)?, select, "an archive of an OCI image layout")
    }

    /// A tar file as `docker save` writes it.
    pub(super) fn open_docker_archive(file: &Path) -> Result<Self, LayoutError> {
        let store = Store::archive(file)?;
        let docker = Some(Arc::new(DockerArchive::read(&store)?));
        Ok(Self { store, select: LayoutSelector::Only, docker })
    }

    fn open(store: Store, select: &LayoutSelector, kind: &'static str) -> Result<Self, LayoutError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Marker {
            image_layout_version: String,
        }
        let layout = || store.path().to_owned();
        let absent = |name: &str| LayoutError::NotThat { layout: layout(), kind, name: name.to_owned() };
        let marker = store.read(MARKER, limits::TOKEN)?.ok_or_else(|| absent(MARKER))?;
        let marker: Marker = parse_strict(&marker).map_err(|source| LayoutError::Json {
            layout: layout(),
            name: MARKER.to_owned(),
            source,
        })?;
        if marker.image_layout_version != VERSION {
            let found = marker.image_layout_version.chars().take(32).collect();
            return Err(LayoutError::Version { layout: layout(), found });
        }
        if store.section(INDEX)?.is_none() {
            return Err(absent(INDEX));
        }
        Ok(Self { store, select: select.clone(), docker: None })
    }

    /// The last name of the path.
    pub(super) fn name(&self) -> String {
        let path = self.store.path();
        // `oci:.` has no name of its own.
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let name = whole.file_name().map(|name| name.to_string_lossy().into_owned());
        name.unwrap_or_else(|| path.display().to_string())
    }

    /// The image that is selected.
    pub(super) fn root(&self) -> Result<Fetched, LayoutError> {
        if let Some(docker) = &self.docker {
            return self.fetched(docker.manifest().clone());
        }
        let index = self.index()?;
        let not_found = || LayoutError::NotFound {
            layout: self.store.path().to_owned(),
            select: self.select.clone(),
            tags: tags(&index),
        };
        match &self.select {
            LayoutSelector::Digest(digest) => self.manifest(*digest).map_err(|error| match error {
                LayoutError::Missing { .. } => not_found(),
                other => other,
            }),
            LayoutSelector::Tag(tag) => self.manifest_by_tag(tag)?.ok_or_else(not_found),
            LayoutSelector::Only => self.only(&index),
        }
    }

    fn only(&self, index: &Index) -> Result<Fetched, LayoutError> {
        let mut found: Option<Fetched> = None;
        for entry in index.image_descriptors() {
            if ref_name(entry).is_some_and(is_about_another) {
                continue;
            }
            let fetched = self.entry(entry)?;
            let is_about_another = self.parse(&fetched.content)?.subject().is_some();
            let is_known = found.as_ref().is_some_and(|known| known.content.digest() == entry.digest);
            if is_about_another || is_known {
                continue;
            }
            if found.replace(fetched).is_some() {
                let layout = self.store.path().to_owned();
                return Err(LayoutError::Ambiguous { layout, tags: tags(index) });
            }
        }
        found.ok_or_else(|| LayoutError::NoImage { layout: self.store.path().to_owned() })
    }

    /// A manifest or index by digest.
    pub(super) fn manifest(&self, digest: Digest) -> Result<Fetched, LayoutError> {
        if let Some(docker) = self.docker.as_ref().filter(|docker| docker.manifest().digest() == digest) {
            return self.fetched(docker.manifest().clone());
        }
        let bytes = self.store.read(&self.blob_name(digest), limits::MANIFEST)?;
        self.fetched(self.check(digest, bytes.ok_or_else(|| self.missing(digest))?)?)
    }

    /// A manifest or index by its annotation `org.opencontainers.image.ref.name`.
    pub(super) fn manifest_by_tag(&self, tag: &Tag) -> Result<Option<Fetched>, LayoutError> {
        if self.docker.is_some() {
            return Ok(None);
        }
        let index = self.index()?;
        let mut named =
            index.manifests.iter().filter(|entry| ref_name(entry).is_some_and(|name| is_tag(name, tag)));
        let Some(first) = named.next() else { return Ok(None) };
        if named.any(|other| other.digest != first.digest) {
            return Err(LayoutError::TagTwice { layout: self.store.path().to_owned(), tag: tag.clone() });
        }
        self.entry(first).map(Some)
    }

    /// A blob that is held in memory.
    pub(super) fn blob(&self, digest: Digest, size: u64, limit: u64) -> Result<Checked, LayoutError> {
        if size > limit {
            let layout = self.store.path().to_owned();
            return Err(LayoutError::TooLarge { layout, name: digest.to_string(), limit });
        }
        self.sized(digest, size)?;
        let bytes = self.store.read(&self.blob_name(digest), size)?;
        self.check(digest, bytes.ok_or_else(|| self.missing(digest))?)
    }

    /// A layer, where it is, once it is hashed.
    pub(super) async fn layer(&self, layer: &Descriptor) -> Result<LayerBlob, LayoutError> {
        let section = self.sized(layer.digest, layer.size)?;
        let (hashed, algorithm) = (section.clone(), layer.digest.algorithm());
        // Beside the others: hashing is what takes the time.
        let got = tokio::task::spawn_blocking(move || hashed.digest(algorithm)).await;
        let path = || self.store.path().join(self.blob_name(layer.digest));
        let got = got
            .map_err(std::io::Error::other)
            .flatten()
            .map_err(|source| LayoutError::Read { path: path(), source })?;
        if got != layer.digest {
            let layout = self.store.path().to_owned();
            return Err(LayoutError::Digest { layout, source: Mismatch { want: layer.digest, got } });
        }
        Ok(LayerBlob::checked(layer.digest, section))
    }

    /// All entries whose manifest says that it is about `subject`, and all that the fallback tag lists.
    pub(super) fn referrers(&self, subject: Digest) -> Result<Vec<Listed>, LayoutError> {
        if self.docker.is_some() {
            return Ok(Vec::new());
        }
        let index = self.index()?;
        let tag = Tag::about(subject, "");
        let mut out: Vec<Listed> = Vec::new();
        let mut add = |descriptor: Descriptor, origin| {
            if !out.iter().any(|known| known.descriptor.digest == descriptor.digest) {
                out.push(Listed { descriptor, origin });
            }
        };
        for entry in &index.manifests {
            let is_list = ref_name(entry).is_some_and(|name| is_tag(name, &tag));
            match self.parse(&self.entry(entry)?.content)? {
                AnyManifest::Index(list) if is_list => {
                    list.manifests.into_iter().for_each(|listed| add(listed, ListedBy::FallbackTag));
                }
                manifest if manifest.subject().is_some_and(|about| about.digest == subject) => {
                    add(entry.clone(), ListedBy::Layout);
                }
                AnyManifest::Image(_) | AnyManifest::Index(_) => {}
            }
        }
        Ok(out)
    }

    /// `index.json`. It has no digest: it is the root of the layout.
    fn index(&self) -> Result<Index, LayoutError> {
        let layout = || self.store.path().to_owned();
        let bytes = self.store.read(INDEX, limits::MANIFEST)?.ok_or_else(|| LayoutError::NotThat {
            layout: layout(),
            kind: "an OCI image layout",
            name: INDEX.to_owned(),
        })?;
        let malformed = |source| LayoutError::Malformed { layout: layout(), what: INDEX.to_owned(), source };
        Index::parse(&Checked::of(bytes)).map_err(malformed)
    }

    fn entry(&self, entry: &Descriptor) -> Result<Fetched, LayoutError> {
        self.sized(entry.digest, entry.size)?;
        self.manifest(entry.digest)
    }

    fn fetched(&self, content: Checked) -> Result<Fetched, LayoutError> {
        let media_type = self.parse(&content)?.media_type().to_owned();
        Ok(Fetched { media_type, content })
    }

    fn parse(&self, content: &Checked) -> Result<AnyManifest, LayoutError> {
        AnyManifest::parse(content).map_err(|source| LayoutError::Malformed {
            layout: self.store.path().to_owned(),
            what: content.digest().to_string(),
            source,
        })
    }

    fn check(&self, digest: Digest, bytes: Vec<u8>) -> Result<Checked, LayoutError> {
        let layout = || self.store.path().to_owned();
        digest.check(bytes).map_err(|source| LayoutError::Digest { layout: layout(), source })
    }

    /// The file of a blob, if it is as long as its descriptor says.
    fn sized(&self, digest: Digest, want: u64) -> Result<super::blob::Section, LayoutError> {
        let section = self.store.section(&self.blob_name(digest))?.ok_or_else(|| self.missing(digest))?;
        let found = section.length();
        if found != want {
            let layout = self.store.path().to_owned();
            return Err(LayoutError::Size { layout, digest, want, found });
        }
        Ok(section)
    }

    fn missing(&self, digest: Digest) -> LayoutError {
        LayoutError::Missing { layout: self.store.path().to_owned(), digest }
    }

    fn blob_name(&self, digest: Digest) -> String {
        let known = self.docker.as_ref().and_then(|docker| docker.name(digest));
        known.map_or_else(|| format!("{BLOBS}/{}/{}", digest.algorithm().name(), digest.hex()), str::to_owned)
    }
}

fn ref_name(entry: &Descriptor) -> Option<&str> {
    entry.annotations.get(REF_NAME).map(String::as_str)
}

/// A name is a tag, or ends in one: some tools write the complete reference.
fn is_tag(name: &str, tag: &Tag) -> bool {
    name == tag.as_str() || name.rsplit_once(':').is_some_and(|(_, end)| end == tag.as_str())
}

/// Whether a tag is of the kind `sha256-…`, under which signatures and lists are kept.
fn is_about_another(name: &str) -> bool {
    let of_algorithm = |algorithm: Algorithm| {
        let rest = name.strip_prefix(algorithm.name()).and_then(|rest| rest.strip_prefix('-'));
        let hex = rest.and_then(|rest| rest.get(..64));
        hex.is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512].into_iter().any(of_algorithm)
}

/// The tags of what can be run, for messages.
fn tags(index: &Index) -> Vec<String> {
    let named = index.image_descriptors().filter_map(ref_name).filter(|name| !is_about_another(name));
    named.take(20).map(str::to_owned).collect()
}

const BLOBS: &str = "blobs";
const INDEX: &str = "index.json";
const MARKER: &str = "oci-layout";
const REF_NAME: &str = "org.opencontainers.image.ref.name";
const VERSION: &str = "1.0.0";

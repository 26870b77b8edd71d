//! Writing into a layout: content first, then `index.json`, each whole or not at all.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::store::Store;
use super::{BLOBS, INDEX, Layout, LayoutError, MARKER, REF_NAME, VERSION};
use crate::base::{Checked, Digest, LayoutSelector, Tag, limits};
use crate::format::index::Index;
use crate::format::json::parse_strict;
use crate::format::manifest::{Descriptor, ManifestError, OCI_INDEX, OCI_MANIFEST};
use crate::io::files::{self, Mode};
use crate::io::registry::written;

impl Layout {
    /// Makes an empty layout in a folder that is empty or not there.
    pub(in crate::io) fn create(folder: &Path, select: &LayoutSelector) -> Result<Self, LayoutError> {
        let wrong = |source| LayoutError::Write { path: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(wrong)?;
        if fs::read_dir(folder).map_err(wrong)?.next().is_some() {
            return Err(LayoutError::Exists { layout: folder.to_owned() });
        }
        fs::create_dir_all(folder.join(BLOBS).join("sha256")).map_err(wrong)?;
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [] });
        write(&folder.join(INDEX), index.to_string().as_bytes())?;
        let marker = json!({ "imageLayoutVersion": VERSION });
        write(&folder.join(MARKER), marker.to_string().as_bytes())?;
        Self::open_folder(folder, select)
    }

    /// Writes a blob unless it is there, undamaged.
    pub(in crate::io) fn push_blob(&self, bytes: &[u8]) -> Result<Digest, LayoutError> {
        let digest = Digest::of(bytes);
        self.write_blob(digest, bytes)?;
        Ok(digest)
    }

    /// The same, under the digest by which it was asked for: whatever lists it lists it by that.
    pub(in crate::io) fn store(&self, content: &Checked) -> Result<(), LayoutError> {
        self.write_blob(content.digest(), content.bytes())
    }

    fn write_blob(&self, digest: Digest, bytes: &[u8]) -> Result<(), LayoutError> {
        let folder = self.folder()?;
        if self.blob(digest, bytes.len() as u64, u64::MAX).is_ok() {
            return Ok(());
        }
        self.blob_folder(digest)?;
        write(&folder.join(self.blob_name(digest)), bytes)
    }

    /// Makes the folder for blobs of this algorithm. A link in place of the folders would lead the writing elsewhere.
    pub(super) fn blob_folder(&self, digest: Digest) -> Result<(), LayoutError> {
        let folder = self.folder()?;
        for below in [BLOBS.to_owned(), format!("{BLOBS}/{}", digest.algorithm().name())] {
            let path = folder.join(below);
            match fs::symlink_metadata(&path) {
                Ok(found) if found.is_dir() => {}
                Ok(_) => return Err(LayoutError::NotRegular { path }),
                Err(_) => {
                    fs::create_dir_all(&path).map_err(|source| LayoutError::Write { path, source })?;
                }
            }
        }
        Ok(())
    }

    /// Writes a manifest and lists it; a tag moves from where it was.
    pub(in crate::io) fn push_manifest(
        &self,
        media_type: &str,
        bytes: &[u8],
        tag: Option<&Tag>,
    ) -> Result<Digest, LayoutError> {
        let digest = self.push_blob(bytes)?;
        let mut entry = Descriptor::of(media_type, &self.check(digest, bytes.to_vec())?);
        if let Some(tag) = tag {
            entry.annotations.insert(REF_NAME.to_owned(), tag.to_string());
        }
        self.update(|entries| {
            if let Some(tag) = tag {
                entries.retain(|entry| name(entry) != Some(tag.as_str()));
            }
            let is_listed = entries.iter().any(|entry| has_digest(entry, digest));
            if tag.is_some() || !is_listed {
                // The entry without a name says nothing that the named one does not.
                entries.retain(|entry| !(has_digest(entry, digest) && is_bare(entry)));
                entries.push(written(&entry));
            }
            Ok(())
        })?;
        Ok(digest)
    }

    /// Writes a manifest that is about another, and lists it without a name.
    pub(in crate::io) fn push_referrer(
        &self,
        manifest: &[u8],
        artifact_type: &str,
        annotations: &BTreeMap<String, String>,
    ) -> Result<Digest, LayoutError> {
        let digest = self.push_blob(manifest)?;
        let mut annotations = annotations.clone();
        annotations.remove(REF_NAME);
        let entry = Descriptor {
            media_type: OCI_MANIFEST.to_owned(),
            digest,
            size: manifest.len() as u64,
            platform: None,
            artifact_type: Some(artifact_type.to_owned()),
            annotations,
        };
        self.update(|entries| {
            if !entries.iter().any(|entry| has_digest(entry, digest)) {
                entries.push(written(&entry));
            }
            Ok(())
        })?;
        Ok(digest)
    }

    pub(super) fn folder(&self) -> Result<&Path, LayoutError> {
        match &self.store {
            Store::Folder(folder) => Ok(folder),
            Store::Archive(_) => Err(LayoutError::ReadOnly { layout: self.store.path().to_owned() }),
        }
    }

    /// Changes the entries of `index.json`; what we do not know stays. One writer at a time: the marker file is the lock.
    pub(super) fn update(
        &self,
        change: impl FnOnce(&mut Vec<Value>) -> Result<(), LayoutError>,
    ) -> Result<(), LayoutError> {
        let folder = self.folder()?;
        let path = folder.join(INDEX);
        let wrong = |source| LayoutError::Write { path: path.clone(), source };
        let lock = File::open(folder.join(MARKER)).map_err(wrong)?;
        lock.lock().map_err(wrong)?;
        let bytes = self.store.read(INDEX, limits::MANIFEST)?.unwrap_or_default();
        let malformed = |source: ManifestError| LayoutError::Malformed {
            layout: folder.to_owned(),
            what: INDEX.to_owned(),
            source,
        };
        let mut index: Value = parse_strict(&bytes).map_err(|error| malformed(ManifestError::Json(error)))?;
        Index::parse(&Checked::of(bytes)).map_err(malformed)?;
        if let Some(entries) = index.get_mut("manifests").and_then(Value::as_array_mut) {
            change(entries)?;
        }
        self.forget_scan();
        write(&path, index.to_string().as_bytes())
    }
}

pub(super) fn has_digest(entry: &Value, digest: Digest) -> bool {
    entry.get("digest").and_then(Value::as_str) == Some(digest.to_string().as_str())
}

pub(super) fn name(entry: &Value) -> Option<&str> {
    entry.get("annotations")?.get(REF_NAME)?.as_str()
}

/// Nothing beside type, digest and size.
fn is_bare(entry: &Value) -> bool {
    entry.as_object().is_some_and(|fields| fields.len() == 3)
}

/// Whole or not at all, as [`crate::io::Files::write`], but a link is replaced, not followed.
fn write(path: &Path, bytes: &[u8]) -> Result<(), LayoutError> {
    let wrong = |source| LayoutError::Write { path: path.to_owned(), source };
    let mut file = files::begin(path, Mode::Public).map_err(wrong)?;
    file.write_all(bytes).map_err(wrong)?;
    files::set_permissions(file.as_file(), path, Mode::Public).map_err(wrong)?;
    file.as_file().sync_all().map_err(wrong)?;
    file.persist(path).map_err(|error| wrong(error.error))?;
    Ok(())
}

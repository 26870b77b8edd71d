//! Content of other places into a layout.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use super::write::name;
use super::{Layout, LayoutError, REF_NAME};
use crate::base::{Digest, Tag, limits};
use crate::format::manifest::{Descriptor, OCI_INDEX};
use crate::io::files::{self, Mode};
use crate::io::registry::{document, entries, lacking, written};
use crate::io::source::{Arrived, Entry, Source, SourceError};
use crate::io::stream::{Beside, BlobStream};

impl Layout {
    /// A blob, to be passed on.
    pub(in crate::io) fn stream(
        &self,
        blob: &Descriptor,
        beside: Option<Beside>,
    ) -> Result<BlobStream, LayoutError> {
        let layout = self.store.path().to_owned();
        if blob.size > limits::LAYER {
            return Err(LayoutError::TooLarge {
                layout,
                name: blob.digest.to_string(),
                limit: limits::LAYER,
            });
        }
        let reader = self.sized(blob.digest, blob.size)?.reader();
        let path = layout.join(self.blob_name(blob.digest));
        Ok(BlobStream::layout(reader, layout, path, blob, beside))
    }

    /// Takes a blob over from another source unless it is here, undamaged. It has its name once all of it is checked.
    pub(in crate::io) async fn take_blob(
        &self,
        source: &Source,
        blob: &Descriptor,
        taken: &Arc<AtomicU64>,
    ) -> Result<Arrived, SourceError> {
        let folder = self.folder()?;
        if self.layer(blob).await.is_ok() {
            return Ok(Arrived::Present);
        }
        self.blob_folder(blob.digest)?;
        let path = folder.join(self.blob_name(blob.digest));
        let wrong = |source| LayoutError::Write { path: path.clone(), source };
        let file = files::begin(&path, Mode::Public).map_err(wrong)?;
        let beside = Beside { file: file.as_file().try_clone().map_err(wrong)?, path: path.clone() };
        let mut stream = source.stream(blob, Some(beside)).await?;
        while let Some(piece) = stream.next().await? {
            taken.fetch_add(piece.len() as u64, Ordering::Relaxed);
        }
        files::set_permissions(file.as_file(), &path, Mode::Public).map_err(wrong)?;
        // Not synced: what a power cut spoils is found by its digest whenever it is read, and taken over again.
        file.persist(&path).map_err(|error| wrong(error.error))?;
        Ok(Arrived::Copied)
    }

    /// Whether `index.json` lists a manifest.
    pub(in crate::io) fn lists(&self, digest: Digest) -> Result<bool, LayoutError> {
        Ok(self.index()?.manifests.iter().any(|entry| entry.digest == digest))
    }

    /// Lists manifests that are here as being about `subject`: in `index.json`, or under the fallback tag where they do not say so
    /// themselves.
    pub(in crate::io) fn list(&self, subject: Digest, new: &[Entry]) -> Result<(), LayoutError> {
        self.update(|listed| {
            let (own, others): (Vec<&Entry>, Vec<&Entry>) = new.iter().partition(|entry| entry.names_subject);
            let missing: Vec<Value> = own.into_iter().map(|entry| nameless(&entry.descriptor)).collect();
            listed.extend(lacking(listed, &missing));
            if others.is_empty() {
                return Ok(());
            }
            let tag = Tag::about(subject, "");
            let wanted: Vec<Value> = others.iter().map(|entry| nameless(&entry.descriptor)).collect();
            let found = self.under(&tag)?;
            let all = document(&[found.clone(), lacking(&found, &wanted)].concat());
            let digest = self.push_blob(all.as_bytes())?;
            listed.retain(|entry| name(entry) != Some(tag.as_str()));
            let mut entry = Descriptor::of(OCI_INDEX, &self.check(digest, all.into_bytes())?);
            entry.annotations.insert(REF_NAME.to_owned(), tag.to_string());
            listed.push(written(&entry));
            Ok(())
        })
    }

    /// The entries of the list under a tag.
    fn under(&self, tag: &Tag) -> Result<Vec<Value>, LayoutError> {
        let Some(list) = self.manifest_by_tag(tag)? else { return Ok(Vec::new()) };
        entries(&list.content).map_err(|source| LayoutError::Malformed {
            layout: self.store.path().to_owned(),
            what: tag.to_string(),
            source,
        })
    }
}

/// A name would make it an image of the layout.
fn nameless(entry: &Descriptor) -> Value {
    let mut entry = entry.clone();
    entry.annotations.remove(REF_NAME);
    written(&entry)
}

//! Content of other places into a layout.

use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use tokio::task::JoinHandle;

use super::write::{has_digest, name, readable};
use super::{Layout, LayoutError, REF_NAME};
use crate::base::{Digest, Tag, limits};
use crate::format::manifest::{Descriptor, OCI_INDEX};
use crate::io::registry::{document, entries, lacking, written};
use crate::io::source::{Arrived, Entry, Source, SourceError};
use crate::io::stream::BlobStream;

impl Layout {
    /// A blob, to be passed on.
    pub(in crate::io) fn stream(&self, blob: &Descriptor) -> Result<BlobStream, LayoutError> {
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
        Ok(BlobStream::layout(reader, layout, path, blob))
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
        let mut stream = source.stream(blob).await?;
        self.blob_folder(blob.digest)?;
        let path = folder.join(self.blob_name(blob.digest));
        let wrong = |source| LayoutError::Write { path: path.clone(), source };
        let parent = path.parent().unwrap_or(folder);
        let file = tempfile::NamedTempFile::new_in(parent).map_err(wrong)?;
        let mut writer = Writer::new(file.as_file()).map_err(wrong)?;
        while let Some(piece) = stream.next().await? {
            writer.add(&piece).await.map_err(wrong)?;
            taken.fetch_add(piece.len() as u64, Ordering::Relaxed);
        }
        writer.finish().await.map_err(wrong)?;
        readable(file.as_file()).map_err(wrong)?;
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
            for entry in own {
                if !listed.iter().any(|other| has_digest(other, entry.descriptor.digest)) {
                    listed.push(nameless(&entry.descriptor));
                }
            }
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

/// Writes on another core while the next bytes come and are hashed.
struct Writer {
    file: Arc<File>,
    gathered: Vec<u8>,
    /// One at a time, so that bytes stay in order.
    under_way: Option<JoinHandle<std::io::Result<()>>>,
}

impl Writer {
    fn new(file: &File) -> std::io::Result<Self> {
        Ok(Self { file: Arc::new(file.try_clone()?), gathered: Vec::new(), under_way: None })
    }

    async fn add(&mut self, piece: &[u8]) -> std::io::Result<()> {
        self.gathered.extend_from_slice(piece);
        if self.gathered.len() < AT_ONCE { Ok(()) } else { self.pass_on().await }
    }

    async fn pass_on(&mut self) -> std::io::Result<()> {
        self.settle().await?;
        let (file, bytes) = (self.file.clone(), std::mem::take(&mut self.gathered));
        self.under_way = Some(tokio::task::spawn_blocking(move || (&*file).write_all(&bytes)));
        Ok(())
    }

    async fn settle(&mut self) -> std::io::Result<()> {
        match self.under_way.take() {
            Some(write) => write.await.map_err(std::io::Error::other)?,
            None => Ok(()),
        }
    }

    async fn finish(mut self) -> std::io::Result<()> {
        self.pass_on().await?;
        self.settle().await
    }
}

/// Bytes that are written at once; twice as many are held for each blob.
const AT_ONCE: usize = 1 << 20;

/// A name would make it an image of the layout.
fn nameless(entry: &Descriptor) -> Value {
    let mut entry = entry.clone();
    entry.annotations.remove(REF_NAME);
    written(&entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::stub::wait;

    #[test]
    fn bytes_stay_in_order() {
        let file = tempfile::tempfile().unwrap();
        let bytes: Vec<u8> = (0..3 * AT_ONCE + 5).map(|at| (at / 7) as u8).collect();
        wait(async {
            let mut writer = Writer::new(&file).unwrap();
            for piece in bytes.chunks(100_003) {
                writer.add(piece).await.unwrap();
            }
            writer.finish().await.unwrap();
        });
        let (mut file, mut got) = (file, Vec::new());
        std::io::Seek::rewind(&mut file).unwrap();
        std::io::Read::read_to_end(&mut file, &mut got).unwrap();
        assert!(got == bytes);
    }

    /// Attack on ourselves: a blob that is not whole must not get its name.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_noticed_before_the_end() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        for length in [1, AT_ONCE, AT_ONCE + 1, 3 * AT_ONCE] {
            let written = wait(async {
                let mut writer = Writer::new(&full)?;
                writer.add(&vec![7; length]).await?;
                writer.finish().await
            });
            assert_eq!(written.unwrap_err().kind(), std::io::ErrorKind::StorageFull, "{length}");
        }
    }
}

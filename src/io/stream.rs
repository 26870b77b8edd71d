//! A blob on its way from one place to another, never whole in memory.

use std::io::Read as _;
use std::path::PathBuf;

use super::blob::SectionReader;
use super::layout::LayoutError;
use super::registry::{Download, RegistryError, Thing};
use super::source::SourceError;
use crate::base::{Digest, Hasher, Mismatch};
use crate::format::manifest::Descriptor;

/// Hashes every piece, and hands out the last one only when size and digest of all of them are right: whoever writes the pieces down in
/// their order cannot commit a blob that is not what its descriptor says.
pub(super) struct BlobStream {
    from: Origin,
    hasher: Option<Hasher>,
    digest: Digest,
    size: u64,
    found: u64,
    held: Option<Vec<u8>>,
}

enum Origin {
    Layout { reader: SectionReader, layout: PathBuf, path: PathBuf },
    Remote { download: Box<Download>, thing: Thing },
}

impl BlobStream {
    /// From a registry.
    pub(super) fn remote(download: Download, thing: Thing, blob: &Descriptor) -> Self {
        Self::new(Origin::Remote { download: Box::new(download), thing }, blob)
    }

    /// From a file of a layout.
    pub(super) fn layout(reader: SectionReader, layout: PathBuf, path: PathBuf, blob: &Descriptor) -> Self {
        Self::new(Origin::Layout { reader, layout, path }, blob)
    }

    fn new(from: Origin, blob: &Descriptor) -> Self {
        let hasher = Some(Hasher::new(blob.digest.algorithm()));
        Self { from, hasher, digest: blob.digest, size: blob.size, found: 0, held: None }
    }

    /// The next piece; none at the end of a blob that is whole and right.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, SourceError> {
        while let Some(hasher) = &mut self.hasher {
            match self.from.read().await? {
                Some(piece) => {
                    self.found += piece.len() as u64;
                    if self.found > self.size {
                        return Err(self.from.wrong_size(self.digest, self.size, self.found));
                    }
                    hasher.update(&piece);
                    if let Some(previous) = self.held.replace(piece) {
                        return Ok(Some(previous));
                    }
                }
                None => self.check()?,
            }
        }
        Ok(self.held.take())
    }

    fn check(&mut self) -> Result<(), SourceError> {
        let Some(hasher) = self.hasher.take() else { return Ok(()) };
        let got = hasher.finish();
        let wrong = if self.found != self.size {
            self.from.wrong_size(self.digest, self.size, self.found)
        } else if got != self.digest {
            self.from.wrong_digest(Mismatch { want: self.digest, got })
        } else {
            return Ok(());
        };
        // Nothing that follows an error is taken for the end.
        self.held = None;
        Err(wrong)
    }
}

impl Origin {
    async fn read(&mut self) -> Result<Option<Vec<u8>>, SourceError> {
        match self {
            Self::Layout { reader, path, .. } => {
                let mut piece = vec![0; PIECE];
                let count = reader
                    .read(&mut piece)
                    .map_err(|source| LayoutError::Read { path: path.clone(), source })?;
                piece.truncate(count);
                Ok((count > 0).then_some(piece))
            }
            Self::Remote { download, .. } => Ok(download.next().await?),
        }
    }

    fn wrong_size(&self, digest: Digest, want: u64, found: u64) -> SourceError {
        match self {
            Self::Layout { layout, .. } => {
                LayoutError::Size { layout: layout.clone(), digest, want, found }.into()
            }
            Self::Remote { thing, .. } => RegistryError::Size { thing: thing.clone(), want, found }.into(),
        }
    }

    fn wrong_digest(&self, source: Mismatch) -> SourceError {
        match self {
            Self::Layout { layout, .. } => LayoutError::Digest { layout: layout.clone(), source }.into(),
            Self::Remote { thing, .. } => RegistryError::Digest { thing: thing.clone(), source }.into(),
        }
    }
}

/// Bytes of a piece from a file.
const PIECE: usize = 256 << 10;

//! A layer as it comes in, and what is kept of it.

use std::io::Read;
use std::sync::Arc;

use crate::base::{Digest, ImagePath};

/// Opens a layer's blob; its bytes were checked against [`Layer::digest`] before.
pub type Opener<'a> = Box<dyn Fn() -> std::io::Result<Box<dyn Read + Send>> + Send + Sync + 'a>;

/// One layer of an image, not read yet.
pub struct Layer<'a> {
    /// As the manifest says; decides the decompression.
    pub media_type: String,
    /// Digest of the blob.
    pub digest: Digest,
    /// Digest of the uncompressed tar archive, from the image's config.
    pub diff_id: Digest,
    /// The build step, if the image's history names it.
    pub created_by: Option<String>,
    /// Opens the blob.
    pub open: Opener<'a>,
}

impl std::fmt::Debug for Layer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Layer").field("digest", &self.digest).field("diff_id", &self.diff_id).finish()
    }
}

/// What is kept of one layer: claimed files, and what changes the way to them, in the order of the archive.
#[derive(Debug, Default)]
pub struct Contents {
    pub(super) entries: Vec<(ImagePath, Entry)>,
    /// Whatever lower layers have is gone.
    pub(super) clears: bool,
    /// What could not be read, in sentences.
    pub unknowns: Vec<String>,
}

/// What an archive says about one path.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    /// A regular file with its content.
    File(Arc<[u8]>),
    /// A folder.
    Folder,
    /// Another name of a file.
    HardLink(ImagePath),
    /// Whatever lower layers have below this folder is gone.
    Opaque,
    /// A device, a pipe, or a file that nobody wants.
    Other,
    /// A symbolic link, with its target as written.
    SymbolicLink(Vec<u8>),
    /// Whatever lower layers have here is gone.
    Whiteout,
}

//! Layers to one file tree: OCI image-spec v1.1, layer.md. Pure: the same bytes give the same tree.
//!
//! A layer is read once, from its blob to its end: decompressed on one thread, hashed against its `diff_id` and parsed on another. Only files
//! that somebody [claims](Claims) are kept, with the folders and links on the way to them; nothing is unpacked.
#![warn(clippy::indexing_slicing)]

mod archive;
mod claims;
mod inflate;
mod layer;
mod read;
#[cfg(test)]
pub(crate) mod testing;
mod tree;

pub use claims::Claims;
pub use layer::{Contents, Layer, Opener};
pub use read::read;
pub use tree::{File, Tree};

use crate::base::{ImagePath, Mismatch};

/// Why layers do not make a tree. Layers count from 0 at the bottom.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The tar archive is malformed.
    #[error("layer {layer} is not a readable tar archive after {entries} entries, at byte {offset}")]
    Archive {
        /// Which layer.
        layer: usize,
        /// Entries read before.
        entries: usize,
        /// In the uncompressed layer.
        offset: u64,
        /// Why.
        source: std::io::Error,
    },
    /// The first bytes are not what the media type says.
    #[error("layer {layer} is said to be `{media_type}` but does not begin as such")]
    Compression {
        /// Which layer.
        layer: usize,
        /// What the manifest says.
        media_type: String,
    },
    /// The content is not the one that the image's config names.
    #[error("layer {layer}, uncompressed, is not the one that the image's config names")]
    DiffId {
        /// Which layer.
        layer: usize,
        /// Wanted and found.
        source: Mismatch,
    },
    /// Over the limit of entries.
    #[error("layer {layer} has more than {limit} files")]
    Files {
        /// Which layer.
        layer: usize,
        /// Entries.
        limit: usize,
    },
    /// Over the limit of one cataloged file.
    #[error("{path} in layer {layer} is larger than {limit} bytes")]
    FileTooLarge {
        /// Which layer.
        layer: usize,
        /// Which file.
        path: ImagePath,
        /// Bytes.
        limit: u64,
    },
    /// Over the limit of all layers together.
    #[error("with layer {layer} the image is larger than {limit} bytes when uncompressed")]
    ImageUncompressed {
        /// Where it was noticed.
        layer: usize,
        /// Bytes.
        limit: u64,
    },
    /// Over the limit of layers.
    #[error("the image has {count} layers; at most {limit} are read")]
    Layers {
        /// How many.
        count: usize,
        /// How many are read.
        limit: usize,
    },
    /// Not a layer that this program reads.
    #[error("layer {layer} has media type `{media_type}`, which is not a tar archive, plain, gzip or zstd")]
    MediaType {
        /// Which layer.
        layer: usize,
        /// What the manifest says.
        media_type: String,
    },
    /// Over the limit of a layer's expansion.
    #[error("layer {layer} expands to more than {limit} times its size: a decompression bomb")]
    Ratio {
        /// Which layer.
        layer: usize,
        /// Times.
        limit: u64,
    },
    /// The blob cannot be read or decompressed.
    #[error("layer {layer} cannot be read")]
    Read {
        /// Which layer.
        layer: usize,
        /// Why.
        source: std::io::Error,
    },
    /// Over the limit of all cataloged files.
    #[error("the package databases of the image are larger than {limit} bytes in all")]
    TotalTooLarge {
        /// Bytes.
        limit: u64,
    },
    /// Over the limit of an uncompressed layer.
    #[error("layer {layer} is larger than {limit} bytes when uncompressed")]
    Uncompressed {
        /// Which layer.
        layer: usize,
        /// Bytes.
        limit: u64,
    },
}

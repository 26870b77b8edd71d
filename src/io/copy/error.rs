//! What can stop a copy.

use crate::base::{Digest, Tag, limits};
use crate::format::manifest::ManifestError;
use crate::io::SourceError;

/// Why an image was not copied, or not with everything.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// Two manifests of one tag that cannot be one.
    #[error("{tag}: what is there and what is to be added cannot be joined")]
    Join {
        /// Which.
        tag: Tag,
        /// Why.
        source: ManifestError,
    },
    /// Others write to the same tag.
    #[error("{tag}: what was added was overwritten {} times by others", limits::UPDATE_ROUNDS)]
    LostUpdate {
        /// Which.
        tag: Tag,
    },
    /// What was read is no manifest.
    #[error("{digest}: malformed")]
    Manifest {
        /// Which.
        digest: Digest,
        /// What is wrong.
        source: ManifestError,
    },
    /// Not as long as the index says.
    #[error("{digest} has {found} bytes, the index says {want}")]
    Size {
        /// Which manifest.
        digest: Digest,
        /// As stated.
        want: u64,
        /// As found.
        found: u64,
    },
    /// Not read, or not written.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Indexes in indexes in indexes.
    #[error("{digest}: indexes are nested deeper than {}", limits::INDEX_DEPTH)]
    TooDeep {
        /// The one that is too deep.
        digest: Digest,
    },
    /// Attached to what is attached to what is attached.
    #[error("{digest}: what is attached to it is attached deeper than {}", limits::REFERRER_DEPTH)]
    TooFar {
        /// To which something is attached.
        digest: Digest,
    },
    /// More than is held in memory.
    #[error("the manifests together are larger than {} bytes", limits::COPIED_TOTAL)]
    TooLarge,
    /// More than anybody needs.
    #[error("there are more than {} manifests", limits::COPIED_MANIFESTS)]
    TooMany,
}

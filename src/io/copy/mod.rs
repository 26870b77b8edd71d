//! An image, and everything that is attached to it, from one place to another. Bytes are not changed, so digests and signatures stay what
//! they are; what was listed about a manifest at the source is listed about it at the destination, and what is there already stays.

mod carry;
mod error;
mod plan;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

pub use carry::{Carried, Kept, Listing, Shown, Standing};
pub use error::CopyError;
pub use plan::Plan;

/// What is copied.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// The image and all that is attached to it, to each image of an index, and to what is attached.
    Everything,
    /// The image, or the index with its images.
    ImageOnly,
}

/// How far a copy is. It can be read while the copy runs.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    sent: Arc<AtomicU64>,
    total: Arc<AtomicU64>,
    manifests: Arc<AtomicUsize>,
    done: Arc<AtomicUsize>,
    blobs: Arc<AtomicUsize>,
}

impl Progress {
    /// Bytes of blobs that were passed on.
    pub fn bytes(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Bytes of blobs that are to be passed on, as far as is known: what is there already is not.
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// Manifests that were read at the source.
    pub fn manifests(&self) -> usize {
        self.manifests.load(Ordering::Relaxed)
    }

    /// How many blobs are at the destination, and how many are to be.
    pub fn blobs(&self) -> (usize, usize) {
        (self.done.load(Ordering::Relaxed), self.blobs.load(Ordering::Relaxed))
    }
}

//! What a decision is about, and what was gathered for it.

use crate::base::{Digest, Platform, Repository, Tag};
use crate::verify::Candidate;

/// The image that is asked about, and how it was named.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its repository; an image outside of a registry may have none.
    pub repository: Option<Repository>,
    /// The tag in the reference; `latest` if the reference has neither tag nor digest.
    pub tag: Option<Tag>,
    /// The digest written in the reference.
    pub written: Option<Digest>,
    /// What it is.
    pub digest: Digest,
    /// Its SHA-256, and if it is an index, everything that is listed below it. Needed if the policy revokes images.
    pub revocable: Vec<Digest>,
    /// If it is an index and that was asked for: the images that it lists.
    pub platforms: Vec<PlatformImage>,
}

/// An image for one platform.
#[derive(Clone, Debug)]
pub struct PlatformImage {
    /// What it is.
    pub digest: Digest,
    /// What it runs on, if the index says.
    pub platform: Option<Platform>,
}

/// What was gathered. Untrusted.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// What was found.
    pub found: Vec<Found>,
    /// What could not be looked at: it turns "no" into "could not tell".
    pub gaps: Vec<Gap>,
}

/// A candidate, and the image beside which it was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The image, or an image of its index.
    pub about: Digest,
    /// What was found.
    pub candidate: Candidate,
}

/// Something that could not be listed or fetched.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Gap {
    /// What: `referrers of sha256:…`.
    pub what: String,
    /// Why not.
    pub reason: String,
}

//! Pins image references in files: finds each of them with its place, and puts digests there without touching any other byte.
//!
//! Every reference that is found ends as pinned, to be pinned, or skipped with a [`Reason`]; nothing is passed over silently.
//! A reference `name:tag` becomes `name:tag@sha256:…`. The name stays as typed, and the tag stays for people and for tools that move pins;
//! a name alone becomes `name:latest@sha256:…`, since that tag is what was looked up.

mod format;
mod occurrence;
mod plan;

pub use format::{Example, FORMATS, FindError, PinFormat, format_named, format_of};
pub use occurrence::{Occurrence, Reason, State, What};
pub use plan::{Edited, PlanError, plan};

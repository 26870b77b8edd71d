//! plimsoll reads the load line of container images: it pins them, catalogues them, signs them, and says before deploy whether they
//! may leave port, and why.
//!
//! # The house
//!
//! Gather, decide, tell. [`io`] gathers bytes and returns them only with their digest checked. Engines decide: plain functions from values
//! to values, without network, disk, clock, environment or async. What must not be forgotten is a type that only the check can make.
//! [`cli`] tells: the answer on stdout, the talk on stderr, the verdict as exit code.

pub mod base;
pub mod cli;
pub mod format;
pub mod image;
pub mod io;
pub mod sbom;

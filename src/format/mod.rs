//! Bytes to values and back, one file per specification. No I/O; nothing here decides anything.

pub mod config;
pub mod cyclonedx;
pub mod index;
pub mod json;
pub mod license;
pub mod manifest;
pub mod purl;
mod sbom;
pub mod spdx;

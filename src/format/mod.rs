//! Bytes to value and back, one file per specification.

pub mod cyclonedx;
pub mod license;
pub mod purl;
mod sbom;
pub mod spdx;

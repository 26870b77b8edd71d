//! Bytes to values and back, one file or folder per specification. No I/O; nothing here decides anything.
#![warn(clippy::indexing_slicing)]

pub mod bundle;
pub mod config;
pub mod cyclonedx;
pub mod dockerfile;
pub mod dsse;
pub mod index;
pub mod json;
pub mod legacy;
pub mod legacy_manifest;
pub mod license;
pub mod manifest;
mod object;
pub mod policy;
pub mod purl;
pub mod registries;
pub mod rekor;
mod sbom;
pub mod settings;
pub mod signing_config;
pub mod simple_signing;
pub mod spdx;
pub mod statement;
pub mod token;
pub mod trusted_root;

//! Bytes to values and back, one file or folder per specification. No I/O; nothing here decides anything.

pub mod config;
pub mod dockerfile;
pub mod index;
pub mod json;
pub mod manifest;

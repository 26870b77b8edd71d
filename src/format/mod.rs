//! Bytes to values and back, one file per specification. No I/O; nothing here decides anything.

pub mod bundle;
pub mod config;
pub mod dockerfile;
pub mod dsse;
pub mod index;
pub mod json;
pub mod manifest;
mod object;
pub mod policy;
pub mod simple_signing;
pub mod statement;

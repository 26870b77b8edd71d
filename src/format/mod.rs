//! Bytes to value and back, one file or folder per specification.

pub mod dockerfile;

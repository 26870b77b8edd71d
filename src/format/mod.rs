//! Bytes to values and back, one file per specification. No I/O; nothing here decides anything.

pub mod policy;

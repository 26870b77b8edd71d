//! Bytes to values and back, one file per specification. No I/O; nothing here decides anything.

pub mod bundle;
pub mod dsse;
pub mod json;
mod object;
pub mod simple_signing;
pub mod statement;

//! Answers as text and JSON. JSON shapes are versioned copies, never the domain type.

pub(super) mod pin;
pub(super) mod resolve;

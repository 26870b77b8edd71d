//! Answers as text and JSON. JSON shapes are versioned copies, never the domain type.

pub(super) mod keygen;
pub(super) mod published;
pub(super) mod resolve;
pub(super) mod sbom;

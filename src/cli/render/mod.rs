//! Answers as text and JSON. JSON shapes are versioned copies, never the domain type.

pub(super) mod attached;
pub(super) mod auth_status;
pub(super) mod blob;
pub(super) mod cache;
pub(super) mod certified;
pub(super) mod copied;
pub(super) mod decision;
pub(super) mod document;
pub(super) mod explain;
pub(super) mod fetched;
pub(super) mod key;
pub(super) mod keygen;
pub(super) mod listed;
pub(super) mod pin;
pub(super) mod published;
pub(super) mod quota;
pub(super) mod resolve;
pub(super) mod sbom;
pub(super) mod tree;
pub(super) mod trusted_root;

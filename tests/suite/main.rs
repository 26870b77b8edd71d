//! All integration tests, one module a verb. `PLIMSOLL_PEERS` names the folder of real peers for `interop`: `tests/peers/install`.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests prepare files and start programs, and stop at the first surprise"
)]

mod advisories;
mod attach;
mod auth_status;
mod blob;
mod cache;
mod certificate;
mod cli;
mod conformance;
mod connection;
mod copy;
mod crowd;
mod demo;
mod examples;
mod explain;
mod hostile;
mod identity;
mod interop;
mod interop_blob;
mod interop_copy;
mod interop_identity;
mod interop_keyless;
mod interop_kms;
mod interop_look;
mod interrupt;
mod key;
mod keygen;
mod keyless;
mod kms;
mod login;
mod look;
mod memory;
mod negative;
mod outlet;
mod peers;
mod pin;
mod plimsoll;
mod policy;
mod registry;
mod registry_n;
mod resolve;
mod sbom;
mod sign;
mod sigstore;
mod soak;
mod tree;
mod trusted_root;
mod tuf;
mod verify;

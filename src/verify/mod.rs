//! The only place where proofs are made: Envelope → [`Verified`]`<`[`Payload`]`>` → `Verified<Statement>` → [`Attested`]. No step can be
//! skipped and no step goes back, and what comes out carries the value that was signed.
#![warn(clippy::wildcard_enum_match_arm)]

mod attestation;
mod candidate;
mod envelope;
mod error;
mod signature;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod wrong;

pub use attestation::{Attested, check_attestation};
pub use candidate::{Candidate, Content, Origin};
pub use envelope::{Payload, Verified, verify_envelope};
pub use error::VerifyError;
pub use signature::{Signed, check_signature};

use crate::crypto::PublicKey;

/// Who must have signed. There is no "anybody" and no default.
///
/// ```compile_fail,E0277
/// let anybody: plimsoll::verify::Signer = Default::default();
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Signer {
    /// The holder of the private half of this key.
    Key(PublicKey),
}

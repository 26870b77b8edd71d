//! The only place where proofs are made: Envelope → [`Verified`]`<`[`Payload`]`>` → `Verified<Statement>` → [`Attested`]. No step can be
//! skipped and no step goes back, and what comes out carries the value that was signed.
#![warn(clippy::wildcard_enum_match_arm)]

mod attestation;
mod authorship;
mod candidate;
mod certificate;
mod envelope;
mod error;
mod file;
#[cfg(test)]
mod keyless;
mod legacy;
mod library;
#[cfg(test)]
mod public;
#[cfg(test)]
mod runs;
mod signature;
mod signer;
mod timestamp;
mod trust;
#[cfg(test)]
mod vectors;
mod witness;
#[cfg(test)]
mod wrong;

pub use attestation::{Attested, check_attestation};
pub use authorship::Artifact;
pub use candidate::{Candidate, Content, Origin};
pub use certificate::{CertificateError, UnverifiedCertificate, unverified_certificate};
pub use envelope::{Payload, Verified, verify_bundle, verify_envelope};
pub use error::VerifyError;
pub use file::{SignedFile, check_bare_signature, check_file, check_file_attestation};
pub use legacy::LegacyAnnotations;
pub use signature::{Signed, check_signature};
pub use signer::{
    Author, Authorship, Certified, IdentitySigner, Principal, ProvenTime, Signer, TimeSource, WitnessedKey,
};
pub use trust::{CertificateLogDemand, LogDemand, TimeDemand, Trust, TrustRoot, TrustRootError};

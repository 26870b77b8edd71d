//! The one place that hands bundles to the crate sigstore-verify and turns its errors into ours. It checks promises, proofs, checkpoints, time
//! stamps, chains and signed certificate timestamps; what it leaves open is checked in [`super::witness`].
//!
//! It looks at the clock to refuse more, never less: entries from the future, and logs and authorities that have not begun.

use std::sync::Arc;

use sigstore_verify::types::bundle::{MessageDigest, MessageSignature, VerificationMaterial};
use sigstore_verify::types::{
    ArtifactDigest, Bundle as LibraryBundle, DerPublicKey, DigestBytes, DsseEnvelope, DsseSignature,
    HashAlgorithm, MediaType, PayloadBytes, SignatureBytes, SignatureContent, TransparencyLogEntry,
};
use sigstore_verify::{
    CertificateError, Error, Policy, PublicKeyVerificationPolicy, TimestampError, TransparencyLogError,
    VerificationPolicy, VerificationResult, Verifier,
};

use super::trust::{CertificateLogDemand, TrustRoot};
use super::{Artifact, VerifyError};
use crate::base::{Algorithm, Timestamp};
use crate::crypto::PublicKey;
use crate::format::bundle::{Bundle, BundleContent, Version};

/// A bundle in the library's terms, to be checked one log entry at a time.
pub(super) struct Subject {
    bundle: LibraryBundle,
    entries: Vec<TransparencyLogEntry>,
}

impl Subject {
    /// With at most one time stamp: all of them are checked elsewhere.
    pub(super) fn new(bundle: &Bundle, stamp: Option<&Vec<u8>>) -> Result<Self, VerifyError> {
        let material = bundle.material_to_json(stamp.map(std::slice::from_ref).unwrap_or_default());
        let mut material: VerificationMaterial = serde_json::from_value(material)
            .map_err(|error| VerifyError::BadEntry { source: Box::new(error) })?;
        let entries = std::mem::take(&mut material.tlog_entries);
        let media_type = match bundle.version {
            Version::V0_1 => MediaType::Bundle0_1,
            Version::V0_2 => MediaType::Bundle0_2,
            Version::V0_3 => MediaType::Bundle0_3,
        };
        let content = match &bundle.content {
            BundleContent::Envelope(envelope) => SignatureContent::DsseEnvelope(DsseEnvelope::new(
                envelope.payload_type(),
                PayloadBytes::from_bytes(envelope.unverified_payload()),
                DsseSignature::new(SignatureBytes::from_bytes(envelope.signature()), Default::default()),
            )),
            BundleContent::Message { digest, signature } => {
                let message = MessageSignature::new(SignatureBytes::from_bytes(signature));
                // It also tells the library by which hash a P-384 key signed.
                let digest = digest.as_ref().and_then(|claimed| {
                    let bytes = DigestBytes::new(claimed.bytes.clone());
                    Some(MessageDigest::new(hash(&claimed.algorithm)?, bytes))
                });
                SignatureContent::MessageSignature(match digest {
                    Some(digest) => message.with_message_digest(digest),
                    None => message,
                })
            }
        };
        Ok(Self { bundle: LibraryBundle::new(media_type, material, content), entries })
    }

    /// Leaves one entry or none.
    pub(super) fn select(&mut self, entry: Option<usize>) {
        let material = &mut self.bundle.verification_material;
        material.tlog_entries = entry.and_then(|at| self.entries.get(at)).cloned().into_iter().collect();
    }
}

/// Which log and which authority of the root may vouch: one of each, so that none can speak for another.
pub(super) struct Scope<'a> {
    pub(super) root: &'a TrustRoot,
    pub(super) log: Option<usize>,
    pub(super) authority: Option<usize>,
}

impl Scope<'_> {
    fn verifier(&self) -> Result<Arc<Verifier>, VerifyError> {
        let verifier = self.root.verifier(self.log, self.authority);
        verifier.map_err(|error| VerifyError::Unsupported { source: Box::new(error) })
    }
}

/// What came of asking one authority.
pub(super) enum Answer {
    /// It vouches, at these times.
    Yes(Vec<Timestamp>),
    /// It does not know the certificate.
    NotMine(CertificateError),
    /// It was not good at the proven time.
    NotThen,
}

/// Checks everything about a signature by certificate with one log entry, or none.
pub(super) fn check_certificate(
    scope: &Scope<'_>,
    subject: &Subject,
    artifact: &Artifact<'_>,
    demand: CertificateLogDemand,
) -> Result<Answer, VerifyError> {
    // Identity is ours to match: the library knows exact texts only.
    let mut policy = VerificationPolicy::any_identity();
    if demand == CertificateLogDemand::NotRequired {
        policy = policy.skip_sct();
    }
    if scope.log.is_none() {
        policy = policy.skip_tlog_unsafe();
    }
    match run(scope, subject, artifact, &policy)? {
        Ok(result) => Ok(Answer::Yes(times(&result))),
        Err(Error::Certificate(error @ CertificateError::ChainInvalid(_))) => Ok(Answer::NotMine(error)),
        Err(Error::Certificate(CertificateError::NoValidAuthority { .. })) => Ok(Answer::NotThen),
        Err(error) => Err(refusal(error)),
    }
}

/// Checks one log entry about a signature by key; gives the times that it proves.
pub(super) fn check_key(
    scope: &Scope<'_>,
    subject: &Subject,
    artifact: &Artifact<'_>,
    key: &PublicKey,
) -> Result<Vec<Timestamp>, VerifyError> {
    let policy = PublicKeyVerificationPolicy::new(DerPublicKey::from_bytes(key.spki()));
    run(scope, subject, artifact, &policy)?.map(|result| times(&result)).map_err(refusal)
}

fn run(
    scope: &Scope<'_>,
    subject: &Subject,
    artifact: &Artifact<'_>,
    policy: &dyn Policy,
) -> Result<Result<VerificationResult, Error>, VerifyError> {
    let verifier = scope.verifier()?;
    Ok(match artifact {
        Artifact::Bytes(bytes) => verifier.verify(*bytes, &subject.bundle, policy),
        Artifact::Digest(digest) => {
            let algorithm = match digest.algorithm() {
                Algorithm::Sha256 => HashAlgorithm::Sha2256,
                Algorithm::Sha384 => HashAlgorithm::Sha2384,
                Algorithm::Sha512 => HashAlgorithm::Sha2512,
            };
            let digest = ArtifactDigest::new(algorithm, digest.bytes())
                .map_err(|error| VerifyError::Unsupported { source: Box::new(error) })?;
            verifier.verify(digest, &subject.bundle, policy)
        }
    })
}

/// sigstore_common.proto, `HashAlgorithm`.
fn hash(name: &str) -> Option<HashAlgorithm> {
    match name {
        "SHA2_256" => Some(HashAlgorithm::Sha2256),
        "SHA2_384" => Some(HashAlgorithm::Sha2384),
        "SHA2_512" => Some(HashAlgorithm::Sha2512),
        _ => None,
    }
}

fn times(result: &VerificationResult) -> Vec<Timestamp> {
    let times = result.verified_timestamps().iter();
    times.filter_map(|time| Timestamp::from_seconds(time.as_second()).ok()).collect()
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library may add errors; whatever they are, they refuse"
)]
fn refusal(error: Error) -> VerifyError {
    match error {
        Error::TransparencyLog(error) => log_refusal(error),
        Error::Certificate(CertificateError::Sct(_)) => {
            VerifyError::BadCertificateTimestamp { source: Box::new(error) }
        }
        Error::Certificate(CertificateError::Malformed(_)) => {
            VerifyError::BadCertificate(super::CertificateError::NotDer)
        }
        Error::Certificate(_) => VerifyError::UnknownAuthority { source: Some(Box::new(error)) },
        Error::Timestamp(TimestampError::NoVerifiedTimestamp(_)) => VerifyError::NoProvenTime,
        Error::Timestamp(TimestampError::OutsideAuthorityValidity { time }) => {
            match Timestamp::from_seconds(time.as_second()) {
                Ok(time) => VerifyError::TimestampWindow { time },
                Err(error) => VerifyError::BadTimestamp { source: Box::new(error) },
            }
        }
        Error::Timestamp(_) => VerifyError::BadTimestamp { source: Box::new(error) },
        // The signature itself was checked before. The library knows one hash for each key, and not P-521 nor Ed25519ph.
        Error::SignatureInvalid(_) => VerifyError::Unsupported { source: Box::new(error) },
        // That the file or statement is the right one was checked before, so it is the entry's.
        Error::ArtifactMismatch(_) => VerifyError::OtherEntry { source: Box::new(error) },
        _ => VerifyError::Unsupported { source: Box::new(error) },
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library may add errors; whatever they are, they refuse"
)]
fn log_refusal(error: TransparencyLogError) -> VerifyError {
    match error {
        TransparencyLogError::UnknownLog { .. } => VerifyError::UnknownLog,
        TransparencyLogError::InclusionProof(_) => VerifyError::BadInclusionProof { source: Box::new(error) },
        TransparencyLogError::Checkpoint(_) => VerifyError::BadCheckpoint { source: Box::new(error) },
        TransparencyLogError::InclusionPromise(_) => VerifyError::BadPromise { source: Box::new(error) },
        TransparencyLogError::EntryMismatch(_) => VerifyError::OtherEntry { source: Box::new(error) },
        TransparencyLogError::IntegratedTime(_) => VerifyError::LogTime,
        _ => VerifyError::BadEntry { source: Box::new(error) },
    }
}

//! Why a candidate proves nothing.

use super::certificate::CertificateError;
use crate::base::{Digest, OtherIdentity, Printable, Timestamp};
use crate::format::legacy::LegacyError;
use crate::format::simple_signing::SimpleSigningError;
use crate::format::statement::StatementError;

/// Why a candidate proves nothing. Each reason has a code that stays the same between versions.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A signed annotation that is a number, a list or an object.
    #[error("the signed annotation `{}` is not text", Printable(.key))]
    AnnotationNotText {
        /// Its name.
        key: String,
    },
    /// The authority that certified the signer was not good then (CVE-2026-24122).
    #[error("the authority that certified the signer was not good at {time}, when it was signed")]
    AuthorityExpired {
        /// The proven time.
        time: Timestamp,
    },
    /// An annotation beside a legacy layer that cannot be read.
    #[error("an annotation beside the signature cannot be used")]
    BadAnnotation(#[from] LegacyError),
    /// A certificate that does not say who signed.
    #[error("the signer's certificate cannot be used")]
    BadCertificate(#[from] CertificateError),
    /// The promise of a log of certificates is forged, or by an unknown log.
    #[error("no known log of certificates promised to hold the signer's certificate")]
    BadCertificateTimestamp {
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A log's root that the log did not sign.
    #[error("the log did not sign the checkpoint of its entry about this signature")]
    BadCheckpoint {
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A log entry that cannot be read.
    #[error("the log entry about this signature is malformed")]
    BadEntry {
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The log's tree does not hold the entry.
    #[error("the log is not proven to hold its entry about this signature")]
    BadInclusionProof {
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A log's promise that the log did not make.
    #[error("the log did not promise to hold its entry about this signature")]
    BadPromise {
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Wrong key, or changed content: mathematics does not tell which.
    #[error("the key did not make this signature, or the content was changed")]
    BadSignature,
    /// Signed by an identity, asked for by key.
    #[error("it was signed with a certificate, so a key cannot check it")]
    Certificate,
    /// Signed when the certificate was not good.
    #[error("it was signed at {time}, but the certificate is good from {not_before} to {not_after}")]
    CertificateExpired {
        /// Its last moment.
        not_after: Timestamp,
        /// Its first moment.
        not_before: Timestamp,
        /// The proven time.
        time: Timestamp,
    },
    /// A kind of log entry that proves nothing here.
    #[error(
        "a log entry of kind `{} {}` says nothing about such a signature",
        Printable(.kind),
        Printable(.version)
    )]
    EntryKind {
        /// As written.
        kind: String,
        /// As written.
        version: String,
    },
    /// A log that took an entry tomorrow, or when nobody was certified yet or any more.
    #[error("the time in the log entry is in the future, or not one of the certificate's")]
    LogTime,
    /// Signed by key, asked for by identity.
    #[error("it was signed with a key, so it names no identity")]
    KeySigned,
    /// A signature that is over something else of the file than what is known of it.
    #[error("whether the file was signed can be told from the file itself only, not from one hash of it")]
    FileNeeded,
    /// The envelope names another key than the one that signed.
    #[error("the signature is right, but its keyid `{}` names another key", Printable(.found))]
    KeyId {
        /// As written.
        found: String,
    },
    /// The log's key was not good then.
    #[error("the key of the log was not good at {time}, when it was signed")]
    LogExpired {
        /// The proven time.
        time: Timestamp,
    },
    /// No promise of a log of certificates.
    #[error("the signer's certificate is in no log of certificates")]
    NoCertificateTimestamp,
    /// A certificate for another purpose, or for none.
    #[error("the signer's certificate is not for signing code")]
    NoCodeSigning,
    /// Nobody says when.
    #[error("nobody that is trusted says when it was signed")]
    NoProvenTime,
    /// A statement where a signature over a file is asked for.
    #[error("it is a signed statement, not a signature over a file")]
    NotAFileSignature,
    /// An attestation where an image signature is asked for.
    #[error("it is an attestation{}, not an image signature", of_type(.predicate_type.as_deref()))]
    NotASignature {
        /// What is attested, where the signature was checked.
        predicate_type: Option<String>,
    },
    /// A signature over a file: it says nothing about an image.
    #[error("it signs the bytes of a file, not a statement")]
    NotAStatement,
    /// An image signature where an attestation is asked for.
    #[error("it is an image signature, not an attestation")]
    NotAnAttestation,
    /// No log holds it.
    #[error("it is in no log")]
    NotLogged,
    /// A log entry about another signature, file or signer (CVE-2022-36056, CVE-2026-22703).
    #[error("the log entry is about another signature")]
    OtherEntry {
        /// What differs.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A signature over another file.
    #[error("the signature names another file than {file}")]
    OtherFile {
        /// What was asked for.
        file: Digest,
    },
    /// Another identity signed.
    #[error(transparent)]
    OtherIdentity(#[from] OtherIdentity),
    /// A good signature over another image.
    #[error("the signature is right, but it is about {}, not {image}", other(*.signed))]
    OtherImage {
        /// What was asked for.
        image: Digest,
        /// What was signed, if it can be named.
        signed: Option<Digest>,
    },
    /// Made with another key.
    #[error("it was signed with another key (its hint is `{}`)", Printable(.hint))]
    OtherKey {
        /// As written in the bundle; unauthenticated.
        hint: String,
    },
    /// A time stamp over another signature.
    #[error("the time stamp is about another signature")]
    OtherTimestamp,
    /// An envelope around something else than a statement.
    #[error("the signed payload is of type `{}`, not an in-toto statement", Printable(.found))]
    PayloadType {
        /// As signed.
        found: String,
    },
    /// A legacy payload that is not what cosign writes.
    #[error("the signature is right, but the signed payload is not an image signature")]
    SimpleSigning(#[from] SimpleSigningError),
    /// A payload that is not a statement.
    #[error("the signature is right, but the signed statement is malformed")]
    Statement(#[from] StatementError),
    /// A time stamp that no authority of the trusted root made.
    #[error("no known authority made the time stamp")]
    BadTimestamp {
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A time stamp by an authority that was not good then.
    #[error("the authority of the time stamp was not good at {time}")]
    TimestampWindow {
        /// The stamped time.
        time: Timestamp,
    },
    /// Not in as many different logs as demanded.
    #[error("it is in {found} different logs; {needed} are demanded")]
    TooFewLogs {
        /// How many hold it.
        found: usize,
        /// How many must.
        needed: usize,
    },
    /// No authority of the trusted root certified the signer.
    #[error("no authority of the trusted root certified the signer")]
    UnknownAuthority {
        /// Why the last one that was tried does not count.
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// No log of the trusted root.
    #[error("it is only in logs that the trusted root does not know")]
    UnknownLog,
    /// Nothing that can be read.
    #[error("it cannot be read: {reason}")]
    Unreadable {
        /// Why.
        reason: String,
    },
    /// An algorithm or form that cannot be checked.
    #[error("it is of a form that cannot be checked here")]
    Unsupported {
        /// What is not supported.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl VerifyError {
    /// The stable code: scripts and documentation refer to it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadSignature => "PLM-S01",
            Self::OtherKey { .. } => "PLM-S02",
            Self::KeyId { .. } => "PLM-S03",
            Self::OtherImage { .. } => "PLM-S04",
            Self::NotASignature { .. } => "PLM-S05",
            Self::NotAnAttestation => "PLM-S06",
            Self::Certificate => "PLM-S07",
            Self::PayloadType { .. } => "PLM-S08",
            Self::Statement(_) => "PLM-S09",
            Self::SimpleSigning(_) => "PLM-S10",
            Self::NotAStatement => "PLM-S11",
            Self::AnnotationNotText { .. } => "PLM-S12",
            Self::Unreadable { .. } => "PLM-S13",
            Self::BadCertificate(_) => "PLM-S14",
            Self::NoCodeSigning => "PLM-S15",
            Self::CertificateExpired { .. } => "PLM-S16",
            Self::UnknownAuthority { .. } => "PLM-S17",
            Self::AuthorityExpired { .. } => "PLM-S18",
            Self::NoCertificateTimestamp => "PLM-S19",
            Self::BadCertificateTimestamp { .. } => "PLM-S20",
            Self::OtherIdentity(OtherIdentity::Issuer { .. }) => "PLM-S21",
            Self::OtherIdentity(OtherIdentity::Subject { .. }) => "PLM-S22",
            Self::OtherIdentity(OtherIdentity::Claim { .. } | OtherIdentity::NoClaim { .. }) => "PLM-S23",
            Self::NotLogged => "PLM-S24",
            Self::TooFewLogs { .. } => "PLM-S25",
            Self::BadInclusionProof { .. } => "PLM-S26",
            Self::BadPromise { .. } => "PLM-S27",
            Self::BadCheckpoint { .. } => "PLM-S28",
            Self::OtherEntry { .. } => "PLM-S29",
            Self::EntryKind { .. } => "PLM-S30",
            Self::LogExpired { .. } => "PLM-S31",
            Self::BadEntry { .. } => "PLM-S32",
            Self::BadTimestamp { .. } => "PLM-S33",
            Self::OtherTimestamp => "PLM-S34",
            Self::TimestampWindow { .. } => "PLM-S35",
            Self::NoProvenTime => "PLM-S36",
            Self::LogTime => "PLM-S37",
            Self::KeySigned => "PLM-S38",
            Self::OtherFile { .. } => "PLM-S39",
            Self::Unsupported { .. } => "PLM-S40",
            Self::UnknownLog => "PLM-S41",
            Self::BadAnnotation(_) => "PLM-S42",
            Self::NotAFileSignature => "PLM-S50",
            Self::FileNeeded => "PLM-S51",
        }
    }
}

fn of_type(predicate_type: Option<&str>) -> String {
    predicate_type.map(|uri| format!(" of type `{}`", Printable(uri))).unwrap_or_default()
}

fn other(signed: Option<Digest>) -> String {
    signed.map_or_else(|| "something else".to_owned(), |digest| digest.to_string())
}

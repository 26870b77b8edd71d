//! Why a candidate proves nothing.

use crate::base::{Digest, Printable};
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
    /// Wrong key, or changed content: mathematics does not tell which.
    #[error("the key did not make this signature, or the content was changed")]
    BadSignature,
    /// Signed by an identity, asked for by key.
    #[error("it was signed with a certificate, so a key cannot check it")]
    Certificate,
    /// The envelope names another key than the one that signed.
    #[error("the signature is right, but its keyid `{}` names another key", Printable(.found))]
    KeyId {
        /// As written.
        found: String,
    },
    /// An attestation where an image signature is asked for.
    #[error("it is an attestation{}, not an image signature", of_type(.predicate_type.as_deref()))]
    NotASignature {
        /// What is attested, where the signature was checked.
        predicate_type: Option<String>,
    },
    /// A signature over a file: it says nothing about an image.
    #[error("it signs a file, not a statement about an image")]
    NotAStatement,
    /// An image signature where an attestation is asked for.
    #[error("it is an image signature, not an attestation")]
    NotAnAttestation,
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
    /// Nothing that can be read.
    #[error("it cannot be read: {reason}")]
    Unreadable {
        /// Why.
        reason: String,
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
        }
    }
}

fn of_type(predicate_type: Option<&str>) -> String {
    predicate_type.map(|uri| format!(" of type `{}`", Printable(uri))).unwrap_or_default()
}

fn other(signed: Option<Digest>) -> String {
    signed.map_or_else(|| "something else".to_owned(), |digest| digest.to_string())
}

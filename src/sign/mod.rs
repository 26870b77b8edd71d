//! What to sign, and the artefact to push. Only bytes are made here; who pushes them where is not decided here.

mod bundle;
mod legacy;
mod statement;

pub use bundle::{Referrer, SignedBundle, attestation, image_signature};
pub use legacy::{Appended, LegacyLayer, append_legacy, legacy_attestation, legacy_signature};

use crate::base::{Algorithm, limits};
use crate::crypto::BadSignature;
use crate::format::json::JsonError;
use crate::format::manifest::ManifestError;

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// cosign and the statements that it reads know SHA-256 only.
    #[error("an image named by {} cannot be signed: other tools read sha256 only", .algorithm.name())]
    Algorithm {
        /// Of the image's digest.
        algorithm: Algorithm,
    },
    /// The manifest to append to, which is not this tool's own.
    #[error("the manifest that holds the signatures so far is malformed")]
    Existing(#[from] ManifestError),
    /// The signer's own check of the new signature.
    #[error("the new signature does not verify")]
    Key(#[from] BadSignature),
    /// A predicate that is not strict JSON.
    #[error("the predicate cannot be attested")]
    PredicateJson(#[from] JsonError),
    /// A list, a text or a number.
    #[error("the predicate is not a JSON object")]
    PredicateNotAnObject,
    /// Larger than readers accept.
    #[error("the predicate has {size} bytes; at most {} are accepted", limits::PREDICATE)]
    PredicateTooLarge {
        /// In bytes.
        size: usize,
    },
    /// The type that marks image signatures: an attestation of this type would count as one.
    #[error("`{}` marks image signatures and cannot be attested", crate::format::statement::SIGN_PREDICATE)]
    SignPredicate,
    /// Over the limit.
    #[error("there are {found} signatures already; no more than {} are read", limits::LAYERS)]
    TooMany {
        /// How many.
        found: usize,
    },
}

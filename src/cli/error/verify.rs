//! Errors of `verify`.

use super::CliError;
use crate::cli::Outcome;
use crate::verify::VerifyError;

impl From<VerifyError> for CliError {
    fn from(error: VerifyError) -> Self {
        match &error {
            VerifyError::BadSignature
            | VerifyError::KeyId { .. }
            | VerifyError::NotAStatement
            | VerifyError::PayloadType { .. }
            | VerifyError::SimpleSigning(_)
            | VerifyError::Statement(_)
            | VerifyError::AnnotationNotText { .. } => Self::new(Outcome::No, error),
            VerifyError::Certificate => Self::new(Outcome::No, error)
                .hint("signatures by an identity instead of a key cannot be checked yet"),
            VerifyError::NotASignature { .. } => Self::new(Outcome::No, error)
                .hint("an attestation says something about an image; it does not sign it: `plimsoll sign`"),
            VerifyError::NotAnAttestation => Self::new(Outcome::No, error),
            VerifyError::OtherImage { .. } => {
                Self::new(Outcome::No, error).hint("sign the digest that you deploy")
            }
            VerifyError::OtherKey { .. } => {
                Self::new(Outcome::No, error).hint("give the public half of the key that signed it")
            }
            VerifyError::Unreadable { .. } => Self::new(Outcome::Unknown, error),
        }
    }
}

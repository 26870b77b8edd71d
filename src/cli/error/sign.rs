//! Errors of `sign`.

use super::CliError;
use crate::cli::Outcome;
use crate::sign::SignError;

impl From<SignError> for CliError {
    fn from(error: SignError) -> Self {
        match &error {
            SignError::Algorithm { .. }
            | SignError::PredicateJson(_)
            | SignError::PredicateNotAnObject
            | SignError::PredicateTooLarge { .. } => Self::new(Outcome::Usage, error),
            SignError::SignPredicate => {
                Self::new(Outcome::Usage, error).hint("to sign an image, use `plimsoll sign`")
            }
            SignError::Existing(_) | SignError::Key(_) | SignError::TooMany { .. } => {
                Self::new(Outcome::Unknown, error)
            }
        }
    }
}

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
            | SignError::PredicateTooLarge { .. }
            | SignError::Statement(_)
            | SignError::StatementNotText => Self::new(Outcome::Usage, error),
            SignError::SignPredicate => {
                Self::new(Outcome::Usage, error).hint("to sign an image: `plimsoll sign --key FILE IMAGE`")
            }
            SignError::FileTooLarge => Self::new(Outcome::Usage, error)
                .hint("sign it with a key that signs hashes, such as the one that `plimsoll keygen` makes"),
            SignError::LayerHoldsOne { .. } | SignError::LayerLogEntry => {
                Self::new(Outcome::Usage, error).hint("store it as bundle: --storage referrers")
            }
            SignError::Existing(_) | SignError::Key(_) | SignError::TooMany { .. } => {
                Self::new(Outcome::Unknown, error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hints are checked as they are made.
    #[test]
    fn what_cannot_be_signed_is_a_mistake_of_the_command_line() {
        for error in [SignError::SignPredicate, SignError::PredicateNotAnObject] {
            assert_eq!(CliError::from(error).outcome, Outcome::Usage);
        }
    }
}

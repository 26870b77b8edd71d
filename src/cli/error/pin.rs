//! Errors of `plimsoll pin`, which name the file.

use std::path::PathBuf;

use super::CliError;
use crate::cli::Outcome;
use crate::format::dockerfile::Problem;
use crate::pin::{FORMATS, FindError, PlanError};

/// What stops the pinning of a file.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum PinError {
    /// Somebody else wrote the file in the meantime.
    #[error("{} was changed by somebody else while digests were looked up", .path.display())]
    Changed {
        /// Which.
        path: PathBuf,
    },
    /// The file cannot be searched.
    #[error("{}:{error}", .path.display())]
    Find {
        /// Which.
        path: PathBuf,
        /// Why.
        error: FindError,
    },
    /// A password for whoever a file names.
    #[error("--username is not for `pin`: the files say which registries are asked")]
    Login,
    /// The file cannot be edited.
    #[error("{}: nothing was written", .path.display())]
    Plan {
        /// Which.
        path: PathBuf,
        /// Why.
        source: PlanError,
    },
    /// No format claims the name.
    #[error("{} has a name that says nothing about what is in it", .path.display())]
    Unclaimed {
        /// Which.
        path: PathBuf,
    },
}

impl From<PinError> for CliError {
    fn from(error: PinError) -> Self {
        match error {
            PinError::Changed { .. } => {
                Self::new(Outcome::Unknown, error).hint("nothing was written to it: run the command again")
            }
            PinError::Find { error: FindError::Dockerfile(ref wrong), .. } => {
                let hint = dockerfile_hint(&wrong.problem);
                let error = Self::new(Outcome::Usage, error);
                hint.into_iter().fold(error, CliError::hint)
            }
            PinError::Find { error: FindError::IgnoreWithoutReason { .. }, .. } => {
                Self::new(Outcome::Usage, error)
            }
            PinError::Login => {
                Self::new(Outcome::Usage, error).hint("sign in first, for example with `docker login`")
            }
            PinError::Plan { .. } => Self::new(Outcome::Unknown, error),
            PinError::Unclaimed { .. } => {
                let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
                Self::new(Outcome::Usage, error).hint(format!("say it: `--type {}`", names.join("|")))
            }
        }
    }
}

fn dockerfile_hint(problem: &Problem) -> Option<&'static str> {
    match problem {
        Problem::UnterminatedHeredoc { .. } => {
            Some("the last line of a heredoc is its word and nothing else")
        }
        Problem::VariableInMount => Some("write `FROM $IMAGE AS name` and mount from `name`"),
        Problem::BadMount
        | Problem::BlankName { .. }
        | Problem::DuplicateDirective { .. }
        | Problem::DuplicateFlag { .. }
        | Problem::EscapeToken { .. }
        | Problem::Healthcheck
        | Problem::HeredocDestination { .. }
        | Problem::HeredocName(_)
        | Problem::JsonNotStrings
        | Problem::LineTooLong
        | Problem::MissingFlagValue { .. }
        | Problem::NoInstructions
        | Problem::NoStage
        | Problem::NotJson
        | Problem::NotNameValue { .. }
        | Problem::NotTwo { .. }
        | Problem::OnbuildTrigger { .. }
        | Problem::OutsideStage { .. }
        | Problem::SplitCharacter { .. }
        | Problem::StageName { .. }
        | Problem::UnknownInstruction { .. }
        | Problem::Words { .. } => None,
    }
}

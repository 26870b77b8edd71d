//! Errors of `io`.

use super::CliError;
use crate::cli::Outcome;
use crate::io::{FileError, IoError};

impl From<FileError> for CliError {
    fn from(error: FileError) -> Self {
        match &error {
            FileError::NotFound { .. }
            | FileError::NotAFile { .. }
            | FileError::TooLarge { .. }
            | FileError::NotUtf8 { .. } => Self::new(Outcome::Usage, error),
            FileError::Read { .. } | FileError::Write { .. } => Self::new(Outcome::Unknown, error),
        }
    }
}

impl From<IoError> for CliError {
    fn from(error: IoError) -> Self {
        match error {
            IoError::File(error) => error.into(),
        }
    }
}

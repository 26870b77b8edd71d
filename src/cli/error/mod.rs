//! Library errors become messages, hints and exit codes here and nowhere else: one file per engine, one `From` per error type, and
//! matches without `_`, so that a new variant asks what the user should do.
#![warn(clippy::wildcard_enum_match_arm)]

mod crypto;
mod io;
pub(super) mod pin;
pub(super) mod policy;
mod sbom;
mod services;
mod sign;
mod trusted_root;
mod verify;

use std::error::Error;

use super::Outcome;

/// An error as the user meets it.
#[derive(Debug)]
pub struct CliError {
    /// Decides the exit code.
    pub outcome: Outcome,
    /// What happened; causes follow by `source()`.
    pub error: Box<dyn Error + Send + Sync>,
    /// What to do about it, most likely first.
    pub hints: Vec<String>,
}

impl CliError {
    pub(super) fn new(outcome: Outcome, error: impl Error + Send + Sync + 'static) -> Self {
        Self { outcome, error: Box::new(error), hints: Vec::new() }
    }

    /// A mistake on the command line that clap cannot see.
    pub(super) fn usage(text: impl Into<String>) -> Self {
        Self { outcome: Outcome::Usage, error: text.into().into(), hints: Vec::new() }
    }

    /// Something that the tool promised itself did not hold.
    pub(super) fn bug(error: impl Error + Send + Sync + 'static) -> Self {
        Self::new(Outcome::Unknown, error).about("this is a defect of plimsoll, please report it")
    }

    /// Says what the error is about; the error itself becomes the cause.
    pub(super) fn about(self, what: impl Into<String>) -> Self {
        let error = Box::new(About { what: what.into(), source: self.error });
        Self { error, ..self }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        let hint = hint.into();
        super::examples::check_hint(&hint);
        self.hints.push(hint);
        self
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{what}")]
struct About {
    what: String,
    source: Box<dyn Error + Send + Sync>,
}

//! Errors of keyless signing.

use super::CliError;
use super::io::http_hint;
use crate::cli::Outcome;
use crate::cli::keyless::TokenInputError;
use crate::cli::services::{ServicePlaceError, SigningConfigFileError};
use crate::format::token::TokenError;
use crate::io::{AnswerError, ServiceError, ServiceKind, TokenSourceError, TufError};

impl From<ServiceError> for CliError {
    fn from(error: ServiceError) -> Self {
        let hint = match &error {
            ServiceError::Answer { source, .. } => answer_hint(source),
            ServiceError::Http { source, .. } => http_hint(source),
            ServiceError::Offline => Some("leave out --offline, or sign with a key: `plimsoll sign --key FILE IMAGE`".to_owned()),
            ServiceError::Status { service: ServiceKind::CertificateAuthority, status: 400 | 401 | 403, .. } => {
                Some("the token may be over, from an issuer that this authority does not know, or not made for `sigstore`".to_owned())
            }
            ServiceError::Token(error) => return Self::new(Outcome::Usage, TokenSourceError::clone(error)).hint(source_hint(error)),
            ServiceError::Random
            | ServiceError::Redirect { .. }
            | ServiceError::Slow { .. }
            | ServiceError::Status { .. } => None,
        };
        let error = Self::new(Outcome::Unknown, error);
        hint.into_iter().fold(error, CliError::hint)
    }
}

impl From<TufError> for CliError {
    fn from(error: TufError) -> Self {
        match error {
            TufError::Metadata { .. } => Self::new(Outcome::Unknown, error)
                .hint("keep the trusted root that you have; the repository, or something on the way to it, offers what its keys did not sign, or what is over"),
            TufError::Service { .. } | TufError::Slow { .. } => Self::new(Outcome::Unknown, error),
            TufError::Time => Self::new(Outcome::Unknown, error).hint("set the clock"),
        }
    }
}

fn answer_hint(error: &AnswerError) -> Option<String> {
    match error {
        AnswerError::Entry(_) | AnswerError::Stamp(_) => Some(
            "this signature was not stored: do not trust this service before it is clear why it answers so"
                .to_owned(),
        ),
        AnswerError::Certificate(_)
        | AnswerError::Chain { .. }
        | AnswerError::DetachedPromise
        | AnswerError::Form(_)
        | AnswerError::Location => None,
    }
}

fn source_hint(error: &TokenSourceError) -> &'static str {
    match error {
        TokenSourceError::Absent { variable, .. } if variable.starts_with("ACTIONS") => {
            "give the job `permissions: id-token: write`, or a token: --identity-token FILE"
        }
        TokenSourceError::Absent { .. } => {
            "give the job `id_tokens: SIGSTORE_ID_TOKEN: aud: sigstore`, or a token: --identity-token FILE"
        }
        TokenSourceError::NotOneLine => "give the token alone: three parts with dots between them",
        TokenSourceError::Url { .. } => "the variable is for the CI to set, not for you",
    }
}

impl From<TokenError> for CliError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Address | TokenError::Claims(_) | TokenError::Expiry | TokenError::Form => {
                Self::new(Outcome::Usage, error)
            }
        }
    }
}

impl From<TokenInputError> for CliError {
    fn from(error: TokenInputError) -> Self {
        match error {
            TokenInputError::Read(_) => Self::new(Outcome::Unknown, error),
            TokenInputError::NotText | TokenInputError::TooLong => Self::new(Outcome::Usage, error),
        }
    }
}

impl From<SigningConfigFileError> for CliError {
    fn from(error: SigningConfigFileError) -> Self {
        Self::new(Outcome::Usage, error)
    }
}

impl From<ServicePlaceError> for CliError {
    fn from(error: ServicePlaceError) -> Self {
        Self::new(Outcome::Usage, error)
    }
}

//! Where an identity token comes from.

use std::io::Read as _;
use std::path::PathBuf;
use std::str::FromStr;

use crate::base::{Printable, Secret, limits};
use crate::cli::CliError;
use crate::cli::ui::Ui;
use crate::io::Io;

/// Where an identity token is.
#[derive(Clone, Debug)]
pub(super) enum TokenSource {
    File(PathBuf),
    Input,
    Variable(String),
}

impl FromStr for TokenSource {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.strip_prefix("env://") {
            Some(variable) => Self::Variable(variable.to_owned()),
            None if text == "-" => Self::Input,
            None => Self::File(text.into()),
        })
    }
}

impl TokenSource {
    /// Reads it.
    pub(super) fn read(&self, io: &Io, ui: &mut Ui<'_>) -> Result<Secret<String>, CliError> {
        let bytes = match self {
            Self::File(path) => io.files.read_at_most(path, limits::IDENTITY_TOKEN)?,
            Self::Variable(name) => {
                let value = io.environment.get(name).filter(|value| !value.is_empty());
                let missing =
                    || CliError::usage(format!("environment variable {} is not set", Printable(name)));
                value.ok_or_else(missing)?.as_bytes().to_vec()
            }
            Self::Input if ui.input_is_reserved() => {
                return Err(CliError::usage(
                    "standard input is what is signed, so it cannot hold the identity token",
                )
                .hint("put the token into a file or a variable: --identity-token env://TOKEN"));
            }
            Self::Input => {
                // Room for all of it, so that growing leaves no unwiped copy behind.
                let mut bytes = Vec::with_capacity(limits::IDENTITY_TOKEN as usize + 1);
                let most = limits::IDENTITY_TOKEN + 1;
                let read = ui.read_input(|input| input.take(most).read_to_end(&mut bytes));
                read.map_err(TokenInputError::Read)?;
                bytes
            }
        };
        if bytes.len() as u64 > limits::IDENTITY_TOKEN {
            return Err(TokenInputError::TooLong.into());
        }
        let text = Secret::new(String::from_utf8(bytes).map_err(|_| TokenInputError::NotText)?);
        Ok(Secret::new(text.expose().trim_end_matches(['\r', '\n']).to_owned()))
    }
}

/// Why there is no token to read.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum TokenInputError {
    /// Bytes that are no text.
    #[error("the identity token is not text")]
    NotText,
    /// Standard input.
    #[error("the identity token cannot be read from standard input")]
    Read(#[source] std::io::Error),
    /// Over the limit.
    #[error("this is longer than an identity token can be")]
    TooLong,
}

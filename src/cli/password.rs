//! Where the password of a private key comes from, and that of a registry for one run.

use std::io::Read as _;

use super::CliError;
use super::args::Global;
use super::ui::Ui;
use crate::base::{Secret, limits};
use crate::io::{Io, Login};

/// What the password is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose<'a> {
    /// A new key: asked for twice.
    Create,
    /// An existing key.
    Open {
        /// Which, for the prompt.
        name: &'a str,
    },
}

/// `PLIMSOLL_PASSWORD`, then `COSIGN_PASSWORD` (set but empty is the empty password), then a prompt on a terminal, else all of standard
/// input without its last line break.
pub(super) fn read_password(
    io: &Io,
    ui: &mut Ui<'_>,
    purpose: Purpose<'_>,
) -> Result<Secret<Vec<u8>>, CliError> {
    if let Some(password) = given_password(io) {
        return Ok(password);
    }
    if ui.terminals().input { Ok(ui.at_prompt(|| prompt(purpose))?) } else { Ok(read_input(ui)?) }
}

/// The password in the environment.
pub(super) fn given_password(io: &Io) -> Option<Secret<Vec<u8>>> {
    let value = VARIABLES.into_iter().find_map(|name| io.environment.get(name))?;
    Some(Secret::new(value.as_bytes().to_vec()))
}

fn prompt(purpose: Purpose<'_>) -> Result<Secret<Vec<u8>>, PasswordError> {
    let ask = |text: &str| {
        let answer = rpassword::prompt_password(text).map_err(PasswordError::Terminal)?;
        Ok(Secret::new(answer.into_bytes()))
    };
    match purpose {
        Purpose::Open { name } => ask(&format!("Password of {}: ", crate::base::Printable(name))),
        Purpose::Create => {
            let first = ask("Password of the new key: ")?;
            let second = ask("The same again: ")?;
            if first.expose() == second.expose() { Ok(first) } else { Err(PasswordError::Different) }
        }
    }
}

/// The user and password of this run. Nobody else reads standard input then.
pub(super) fn read_login(global: &Global, ui: &mut Ui<'_>) -> Result<Option<Login>, PasswordError> {
    let Some(username) = global.username.clone() else { return Ok(None) };
    // It is not what Basic authentication can say (RFC 7617, section 2).
    if username.is_empty() || username.contains(|char: char| char == ':' || char.is_control()) {
        return Err(PasswordError::Username);
    }
    let bytes = match read_input(ui) {
        Err(PasswordError::Missing) => return Err(PasswordError::NoLogin),
        bytes => bytes?,
    };
    ui.close_input();
    let text = str::from_utf8(bytes.expose()).map_err(|_| PasswordError::NotText)?;
    if text.contains(char::is_control) {
        return Err(PasswordError::NotText);
    }
    Ok(Some(Login { username, password: Secret::new(text.to_owned()) }))
}

fn read_input(ui: &mut Ui<'_>) -> Result<Secret<Vec<u8>>, PasswordError> {
    if ui.input_is_reserved() {
        return Err(PasswordError::Reserved);
    }
    // Room for all of it, so that growing leaves no unwiped copy behind.
    let mut bytes = Vec::with_capacity(limits::PASSWORD as usize + 1);
    let result = ui.read_input(|input| input.take(limits::PASSWORD + 1).read_to_end(&mut bytes));
    let mut bytes = zeroize::Zeroizing::new(bytes);
    result.map_err(PasswordError::Input)?;
    if bytes.len() as u64 > limits::PASSWORD {
        return Err(PasswordError::TooLong);
    }
    // Nothing at all is a pipe that was forgotten (`</dev/null` in a job), not the empty password.
    if bytes.is_empty() {
        return Err(PasswordError::Missing);
    }
    if bytes.ends_with(b"\n") {
        bytes.pop();
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
    }
    Ok(Secret::new(std::mem::take(&mut *bytes)))
}

/// Asked in this order.
const VARIABLES: [&str; 2] = ["PLIMSOLL_PASSWORD", "COSIGN_PASSWORD"];

/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub(super) enum PasswordError {
    /// A typing mistake.
    #[error("the two passwords are not the same")]
    Different,
    /// Standard input.
    #[error("the password cannot be read from standard input")]
    Input(#[source] std::io::Error),
    /// Nobody gave one.
    #[error("the private key needs a password, and none was given")]
    Missing,
    /// A login without a password.
    #[error("--username needs a password on standard input, and there is none")]
    NoLogin,
    /// Nothing that can be sent.
    #[error("the password on standard input is not a line of text")]
    NotText,
    /// Standard input is what is to be signed.
    #[error("the private key needs a password, and standard input is the content to sign")]
    Reserved,
    /// The terminal.
    #[error("the password cannot be read from the terminal")]
    Terminal(#[source] std::io::Error),
    /// Over the limit.
    #[error("the password on standard input is longer than {} bytes", limits::PASSWORD)]
    TooLong,
    /// Nothing that can be sent.
    #[error("the name of --username is empty, or holds a colon")]
    Username,
}

//! Errors of `crypto`, of key files and of passwords.

use std::io::ErrorKind;

use super::CliError;
use crate::cli::Outcome;
use crate::cli::key::{BadKey, NoVariable};
use crate::cli::password::PasswordError;
use crate::crypto::KeyError;
use crate::io::KmsError;

impl From<KeyError> for CliError {
    fn from(error: KeyError) -> Self {
        let (outcome, hint) = advice(&error);
        hint.into_iter().fold(Self::new(outcome, error), Self::hint)
    }
}

impl From<BadKey> for CliError {
    fn from(error: BadKey) -> Self {
        let (outcome, hint) = advice(&error.source);
        hint.into_iter().fold(Self::new(outcome, error), Self::hint)
    }
}

impl From<NoVariable> for CliError {
    fn from(error: NoVariable) -> Self {
        Self::new(Outcome::Usage, error)
    }
}

impl From<KmsError> for CliError {
    fn from(error: KmsError) -> Self {
        let hint = match &error {
            KmsError::NotFound { program } => Some(format!("install {program} in a folder of PATH")),
            KmsError::Answer { .. } | KmsError::Base64 { .. } | KmsError::Incomplete { .. } => {
                Some("the program must speak version 1 of Sigstore's protocol for KMS plugins".to_owned())
            }
            KmsError::Failed { .. }
            | KmsError::NotRun { .. }
            | KmsError::OutputTooLarge { .. }
            | KmsError::PublicKey { .. }
            | KmsError::Refused { .. }
            | KmsError::Slow { .. } => None,
        };
        let error = Self::new(Outcome::Unknown, error);
        hint.into_iter().fold(error, Self::hint)
    }
}

impl From<PasswordError> for CliError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Different
            | PasswordError::NotText
            | PasswordError::TooLong
            | PasswordError::Username => Self::new(Outcome::Usage, error),
            PasswordError::NoLogin => Self::new(Outcome::Usage, error)
                .hint("pipe it in, or have it in a file that is standard input"),
            PasswordError::Reserved => Self::new(Outcome::Usage, error)
                .hint("set PLIMSOLL_PASSWORD, or write the content to a file first"),
            PasswordError::Missing => Self::new(Outcome::Usage, error).hint(
                "set PLIMSOLL_PASSWORD, or pipe the password in; PLIMSOLL_PASSWORD= is the empty password",
            ),
            PasswordError::Terminal(ref source) if source.kind() == ErrorKind::Interrupted => {
                Self::new(Outcome::Interrupted, error)
            }
            PasswordError::Input(_) | PasswordError::Terminal(_) => Self::new(Outcome::Unknown, error),
        }
    }
}

fn advice(error: &KeyError) -> (Outcome, Option<&'static str>) {
    match error {
        KeyError::Chain
        | KeyError::Cipher { .. }
        | KeyError::EncryptedField { .. }
        | KeyError::EncryptedForm(_)
        | KeyError::Kdf { .. }
        | KeyError::Malformed { .. }
        | KeyError::NoPem
        | KeyError::Pem { .. }
        | KeyError::RsaImport { .. }
        | KeyError::RsaSize { .. }
        | KeyError::ScryptParameters { .. }
        | KeyError::Unsupported { .. }
        | KeyError::VerifyingAlgorithm => (Outcome::Usage, None),
        KeyError::EncryptedSource => (
            Outcome::Usage,
            Some("open it first: `openssl pkey -in FILE -out open.pem`, and remove open.pem afterwards"),
        ),
        KeyError::Sealed => (Outcome::Usage, Some("it needs no import: sign with it as it is")),
        KeyError::Label { .. } => {
            (Outcome::Usage, Some("a public key starts with `-----BEGIN PUBLIC KEY-----`"))
        }
        KeyError::PrivateKey => (Outcome::Usage, Some("give the file that ends in .pub")),
        KeyError::PublicKey => (Outcome::Usage, Some("give the file that ends in .key")),
        KeyError::Random => (Outcome::Unknown, None),
        KeyError::Unencrypted => (
            Outcome::Usage,
            Some("encrypt it: `plimsoll key import --key FILE`, or make a new one: `plimsoll keygen`"),
        ),
        KeyError::WrongPassword => (
            Outcome::Usage,
            Some("the password comes from PLIMSOLL_PASSWORD, COSIGN_PASSWORD, or standard input"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hints are checked as they are made.
    #[test]
    fn a_key_that_cannot_be_used_is_a_mistake_of_the_command_line() {
        let text = || "x".to_owned();
        for error in [
            KeyError::Label { label: text() },
            KeyError::NoPem,
            KeyError::PrivateKey,
            KeyError::PublicKey,
            KeyError::Unsupported { algorithm: text() },
            KeyError::Unencrypted,
            KeyError::WrongPassword,
        ] {
            assert_eq!(CliError::from(error).outcome, Outcome::Usage);
        }
        assert_eq!(CliError::from(KeyError::Random).outcome, Outcome::Unknown);
        assert_eq!(CliError::from(PasswordError::Missing).outcome, Outcome::Usage);
        let interrupted = PasswordError::Terminal(ErrorKind::Interrupted.into());
        assert_eq!(CliError::from(interrupted).outcome, Outcome::Interrupted);
    }
}

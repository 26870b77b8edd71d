//! Key files that the user names.

use std::path::{Path, PathBuf};

use super::CliError;
use super::password::{Purpose, read_password};
use super::ui::Ui;
use crate::crypto::{KeyError, PrivateKey, PublicKey};
use crate::io::Io;

/// Reads a public key file.
pub(super) fn read_public_key(io: &Io, path: &Path) -> Result<PublicKey, CliError> {
    let text = io.files.read_text(path)?;
    Ok(PublicKey::from_pem(&text).map_err(|source| KeyFileError { path: path.to_owned(), source })?)
}

/// Reads a private key file and decrypts it. The file is looked at before anybody is asked for a password.
pub(super) fn read_private_key(io: &Io, ui: &mut Ui<'_>, path: &Path) -> Result<PrivateKey, CliError> {
    let text = io.files.read_text(path)?;
    let name = path.display().to_string();
    let wrong = |source| KeyFileError { path: path.to_owned(), source };
    PrivateKey::check_encrypted_pem(&text).map_err(wrong)?;
    let password = read_password(io, ui, Purpose::Open { name: &name })?;
    Ok(PrivateKey::from_encrypted_pem(&text, &password).map_err(wrong)?)
}

/// A key file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be used as a key", .path.display())]
pub(super) struct KeyFileError {
    /// Which.
    pub(super) path: PathBuf,
    /// Why.
    pub(super) source: KeyError,
}

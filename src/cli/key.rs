//! Keys that the user names: in files, in the environment, or kept by a KMS program.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use zeroize::Zeroizing;

use super::CliError;
use super::password::{Purpose, read_password};
use super::ui::Ui;
use crate::base::Printable;
use crate::crypto::{KeyError, PrivateKey, PublicKey};
use crate::io::{Io, KmsKey};

/// Where a key is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum KeyReference {
    /// `env://NAME`: the text of a key file.
    Environment(String),
    /// A path.
    File(PathBuf),
    /// `NAME://RESOURCE`.
    Kms(KmsKey),
}

impl KeyReference {
    /// The text of the key; none if a program keeps it.
    pub(super) fn text(&self, io: &Io) -> Result<Option<Zeroizing<String>>, CliError> {
        match self {
            Self::Environment(name) => {
                let text = io.environment.get(name).ok_or_else(|| NoVariable { name: name.clone() })?;
                Ok(Some(Zeroizing::new(text.to_owned())))
            }
            Self::File(path) => Ok(Some(io.files.read_secret(path)?)),
            Self::Kms(_) => Ok(None),
        }
    }

    /// The error that names the key.
    pub(super) fn wrong(&self, source: KeyError) -> BadKey {
        BadKey { reference: self.clone(), source }
    }
}

impl FromStr for KeyReference {
    type Err = NotAReference;

    fn from_str(text: &str) -> Result<Self, NotAReference> {
        if text.starts_with("pkcs11:") {
            return Err(NotAReference::Pkcs11);
        }
        match text.split_once("://") {
            None => Ok(Self::File(PathBuf::from(text))),
            Some(("env", "")) => Err(NotAReference::Name),
            Some(("env", name)) => Ok(Self::Environment(name.to_owned())),
            // A key that is fetched is a key that somebody else can exchange.
            Some((scheme @ ("http" | "https" | "k8s" | "gitlab"), _)) => {
                Err(NotAReference::Fetched { scheme: scheme.to_owned() })
            }
            Some((name, resource)) => KmsKey::new(name, resource).map(Self::Kms).ok_or(NotAReference::Name),
        }
    }
}

impl fmt::Display for KeyReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "env://{}", Printable(name)),
            Self::File(path) => fmt::Display::fmt(&Printable(&path.display().to_string()), f),
            Self::Kms(key) => fmt::Display::fmt(key, f),
        }
    }
}

/// Reads a public key, or asks for it.
pub(super) async fn read_public_key(io: &Io, reference: &KeyReference) -> Result<PublicKey, CliError> {
    match reference {
        KeyReference::Kms(key) => Ok(key.public_key(&io.environment).await?),
        KeyReference::Environment(_) | KeyReference::File(_) => {
            let text = reference.text(io)?.unwrap_or_default();
            Ok(PublicKey::from_pem(&text).map_err(|source| reference.wrong(source))?)
        }
    }
}

/// Decrypts a private key. It is looked at before anybody is asked for a password.
pub(super) fn open_private_key(
    io: &Io,
    ui: &mut Ui<'_>,
    reference: &KeyReference,
    text: &str,
) -> Result<PrivateKey, CliError> {
    let name = reference.to_string();
    PrivateKey::check_encrypted_pem(text).map_err(|source| reference.wrong(source))?;
    let password = read_password(io, ui, Purpose::Open { name: &name })?;
    Ok(PrivateKey::from_encrypted_pem(text, &password).map_err(|source| reference.wrong(source))?)
}

/// A key that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{reference} cannot be used as a key")]
pub(super) struct BadKey {
    /// Which.
    pub(super) reference: KeyReference,
    /// Why.
    pub(super) source: KeyError,
}

/// `env://NAME` of a variable that is not set.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable `{}` is not set, or is not text", Printable(.name))]
pub(super) struct NoVariable {
    name: String,
}

/// Why a text names no key.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotAReference {
    /// Somewhere else.
    #[error("keys are not fetched over `{}://`: fetch it, look at it, and name the file", Printable(.scheme))]
    Fetched { scheme: String },
    /// Before `://`.
    #[error("write a path, env://NAME, or NAME://KEY for a program sigstore-kms-NAME")]
    Name,
    /// A URI of RFC 7512.
    #[error("PKCS#11 tokens are reached over a program: sigstore-kms-NAME, as NAME://KEY")]
    Pkcs11,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_a_path_a_variable_or_a_program_s_key() {
        let file = |path: &str| Some(KeyReference::File(path.into()));
        let kms = |name: &str, resource: &str| KmsKey::new(name, resource).map(KeyReference::Kms);
        for (text, want) in [
            ("a.key", file("a.key")),
            ("/a/b:c", file("/a/b:c")),
            ("env", file("env")),
            ("env://RELEASE_KEY", Some(KeyReference::Environment("RELEASE_KEY".into()))),
            ("awskms:///alias/a", kms("awskms", "/alias/a")),
            ("my-hsm_1.2://a://b?c", kms("my-hsm_1.2", "a://b?c")),
            ("env://", None),
            ("https://example.com/k.pub", None),
            ("k8s://ns/secret", None),
            ("gitlab://1", None),
            ("pkcs11:token=a", None),
            ("://a", None),
            ("../../bin/x://a", None),
            ("a b://c", None),
        ] {
            let read = text.parse::<KeyReference>().ok();
            assert_eq!(read, want, "{text}");
            if let Some(read) = read {
                assert_eq!(read.to_string(), text);
            }
        }
    }
}

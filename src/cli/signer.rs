//! Who signs: a key at hand, or somebody who is asked.

use std::path::Path;

use super::CliError;
use super::key::read_private_key;
use super::ui::Ui;
use crate::crypto::PrivateKey;
use crate::io::Io;
use crate::sign::{LegacyLayer, Signature, SignedBundle, ToSign, UnsignedBundle, UnsignedLayer};
use crate::verify;

/// Who signs in this run.
pub(super) enum Signer {
    /// A private key from a file, decrypted.
    Key(PrivateKey),
}

impl Signer {
    /// Reads the key that the user names.
    pub(super) fn open(io: &Io, ui: &mut Ui<'_>, key: &Path) -> Result<Self, CliError> {
        Ok(Self::Key(read_private_key(io, ui, key)?))
    }

    /// As whom the signatures verify, if that is known before. Only then can be told whether the same was said already.
    pub(super) fn identity(&self) -> Option<verify::Signer> {
        match self {
            Self::Key(key) => Some(verify::Signer::Key(key.public())),
        }
    }

    /// Signs.
    pub(super) async fn sign(&self, _io: &Io, to_sign: &ToSign) -> Result<Signature, CliError> {
        match self {
            Self::Key(key) => Ok(Signature::by_key(key, to_sign)?),
        }
    }

    /// Signs a bundle about an image.
    pub(super) async fn sign_bundle(
        &self,
        io: &Io,
        unsigned: UnsignedBundle,
    ) -> Result<SignedBundle, CliError> {
        let signature = self.sign(io, unsigned.to_sign()).await?;
        Ok(unsigned.signed(&signature)?)
    }

    /// Signs a layer about an image.
    pub(super) async fn sign_layer(&self, io: &Io, unsigned: UnsignedLayer) -> Result<LegacyLayer, CliError> {
        let signature = self.sign(io, unsigned.to_sign()).await?;
        Ok(unsigned.signed(&signature)?)
    }
}

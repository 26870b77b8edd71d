//! Who signs: a key at hand, or somebody who is asked.

use std::path::PathBuf;

use super::CliError;
use super::key::read_private_key;
use super::keyless::{Keyless, KeylessArgs};
use super::ui::Ui;
use crate::crypto::PrivateKey;
use crate::io::Io;
use crate::sign::{LegacyLayer, Signature, SignedBundle, ToSign, UnsignedBundle, UnsignedLayer};
use crate::verify;

/// Who signs: a key, or an identity.
#[derive(clap::Args, Debug)]
#[command(group(clap::ArgGroup::new("signer").required(true).args(["key", "identity_token", "oidc_provider"])))]
#[command(group(clap::ArgGroup::new("identity").args(["identity_token", "oidc_provider"])))]
pub(super) struct SignerArgs {
    /// Encrypted private key, as `plimsoll keygen` and cosign write it
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    keyless: KeylessArgs,
}

/// Who signs in this run.
pub(super) enum Signer {
    /// A private key from a file, decrypted.
    Key(Box<PrivateKey>),
    /// An identity, with a key for this run.
    Keyless(Box<Keyless>),
}

impl Signer {
    /// Reads the key that the user names, or gets ready to sign as an identity.
    pub(super) async fn open(io: &Io, ui: &mut Ui<'_>, args: &SignerArgs) -> Result<Self, CliError> {
        match &args.key {
            Some(key) => Ok(Self::Key(Box::new(read_private_key(io, ui, key)?))),
            None => Ok(Self::Keyless(Box::new(Keyless::open(&args.keyless, io, ui).await?))),
        }
    }

    /// Whether the signatures fit into layers under a legacy tag: asked before anything is signed.
    pub(super) fn check_layer(&self) -> Result<(), CliError> {
        match self {
            Self::Key(_) => Ok(()),
            Self::Keyless(keyless) => keyless.check_layer(),
        }
    }

    /// As whom the signatures verify, if that is known before. Only then can be told whether the same was said already.
    pub(super) fn identity(&self) -> Option<verify::Signer> {
        match self {
            Self::Key(key) => Some(verify::Signer::Key(key.public())),
            // What the certificate will say is the authority's to decide.
            Self::Keyless(_) => None,
        }
    }

    /// Signs.
    pub(super) async fn sign(&self, _io: &Io, to_sign: &ToSign) -> Result<Signature, CliError> {
        match self {
            Self::Key(key) => Ok(Signature::by_key(key, to_sign)?),
            Self::Keyless(keyless) => keyless.sign(to_sign).await,
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

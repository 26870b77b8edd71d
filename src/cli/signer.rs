//! Who signs: a key at hand, or somebody who is asked.

use super::CliError;
use super::blob::Wanted;
use super::key::{KeyReference, open_private_key};
use super::keyless::{Keyless, KeylessArgs};
use super::ui::Ui;
use crate::crypto::{PrivateKey, PublicKey};
use crate::io::{Io, KmsKey};
use crate::sign::{LegacyLayer, SignError, Signature, SignedBundle, ToSign, UnsignedBundle, UnsignedLayer};
use crate::verify;

/// Who signs: a key, or an identity.
#[derive(clap::Args, Debug)]
#[command(group(clap::ArgGroup::new("signer").required(true).args(["key", "identity_token", "oidc_provider"])))]
#[command(group(clap::ArgGroup::new("identity").args(["identity_token", "oidc_provider"])))]
pub(super) struct SignerArgs {
    /// Private key: an encrypted file, as `plimsoll keygen` and cosign write it; env://NAME; or NAME://KEY of a program sigstore-kms-NAME
    #[arg(long, value_name = "KEY")]
    key: Option<KeyReference>,
    #[command(flatten)]
    keyless: KeylessArgs,
}

/// Who signs in this run.
pub(super) enum Signer {
    /// A private key from a file, decrypted.
    Key(Box<PrivateKey>),
    /// An identity, with a key for this run.
    Keyless(Box<Keyless>),
    /// A key that a program keeps.
    Kms {
        key: KmsKey,
        /// As the program says; every signature is checked against it.
        public: PublicKey,
    },
}

impl Signer {
    /// Reads the key that the user names, or asks its keeper for the public half, or gets ready to sign as an identity.
    pub(super) async fn open(io: &Io, ui: &mut Ui<'_>, args: &SignerArgs) -> Result<Self, CliError> {
        match &args.key {
            None => Ok(Self::Keyless(Box::new(Keyless::open(&args.keyless, io, ui).await?))),
            Some(KeyReference::Kms(key)) => {
                let public = key.public_key(&io.environment).await?;
                Ok(Self::Kms { key: key.clone(), public })
            }
            Some(key @ (KeyReference::Environment(_) | KeyReference::File(_))) => {
                let text = key.text(io)?.unwrap_or_default();
                Ok(Self::Key(Box::new(open_private_key(io, ui, key, &text)?)))
            }
        }
    }

    /// Whether the signatures fit into layers under a legacy tag: asked before anything is signed.
    pub(super) fn check_layer(&self) -> Result<(), CliError> {
        match self {
            Self::Key(_) | Self::Kms { .. } => Ok(()),
            Self::Keyless(keyless) => keyless.check_layer(),
        }
    }

    /// As whom the signatures verify, if that is known before. Only then can be told whether the same was said already.
    pub(super) fn identity(&self) -> Option<verify::Signer> {
        match self {
            Self::Key(key) => Some(verify::Signer::Key(key.public())),
            // What the certificate will say is the authority's to decide.
            Self::Keyless(_) => None,
            Self::Kms { public, .. } => Some(verify::Signer::Key(public.clone())),
        }
    }

    /// What must be known of a file to sign it. Programs that keep keys want to see all of it.
    pub(super) fn wants(&self) -> Wanted {
        let wanted = Wanted::by(self.identity().as_ref(), None);
        match self {
            Self::Key(_) | Self::Keyless(_) => wanted,
            Self::Kms { .. } => wanted.whole(),
        }
    }

    /// Signs.
    pub(super) async fn sign(&self, io: &Io, to_sign: &ToSign) -> Result<Signature, CliError> {
        match self {
            Self::Key(key) => Ok(Signature::by_key(key, to_sign)?),
            Self::Keyless(keyless) => keyless.sign(io, to_sign).await,
            Self::Kms { key, public } => {
                let hash = public.algorithm().scheme(to_sign.form()).hash();
                let message = to_sign.bytes().ok_or(SignError::FileTooLarge)?;
                let bytes = key.sign(hash, message, &io.environment).await?;
                Ok(Signature::of_key(bytes, public.clone()))
            }
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

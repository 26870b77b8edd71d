//! Who signs: a key at hand, or somebody who is asked.

use super::CliError;
use super::blob::Wanted;
use super::key::{KeyReference, open_private_key};
use super::keyless::{Keyless, KeylessArgs};
use super::render::certified::Certified;
use super::services::ServiceArgs;
use super::ui::Ui;
use super::witness::{Holder, Witnesses};
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
    #[command(flatten)]
    services: ServiceArgs,
}

/// Who signs in this run.
pub(super) enum Signer {
    /// A key that verifiers have.
    Key {
        keeper: Keeper,
        /// Every signature is checked against it.
        public: PublicKey,
        witnesses: Option<Box<Witnesses>>,
    },
    /// An identity, with a key for this run.
    Keyless(Box<Keyless>),
}

/// Who keeps a private key.
pub(super) enum Keeper {
    /// This process: the key is from a file, decrypted.
    File(Box<PrivateKey>),
    /// A program.
    Program(KmsKey),
}

impl Signer {
    /// Reads the key that the user names, or asks its keeper for the public half, or gets ready to sign as an identity.
    pub(super) async fn open(io: &Io, ui: &mut Ui<'_>, args: &SignerArgs) -> Result<Self, CliError> {
        let (keeper, public) = match &args.key {
            None => {
                let keyless = Keyless::open(&args.keyless, &args.services, io, ui).await?;
                return Ok(Self::Keyless(Box::new(keyless)));
            }
            Some(KeyReference::Kms(key)) => {
                (Keeper::Program(key.clone()), key.public_key(&io.environment).await?)
            }
            Some(key @ (KeyReference::Environment(_) | KeyReference::File(_))) => {
                let text = key.text(io)?.unwrap_or_default();
                let key = open_private_key(io, ui, key, &text)?;
                let public = key.public();
                (Keeper::File(Box::new(key)), public)
            }
        };
        let witnesses = Witnesses::of_key(&args.services, public.algorithm(), io)?.map(Box::new);
        Ok(Self::Key { keeper, public, witnesses })
    }

    /// Whether the signatures fit into layers under a legacy tag: asked before anything is signed.
    pub(super) fn check_layer(&self) -> Result<(), CliError> {
        match self {
            Self::Key { witnesses: Some(witnesses), .. } => witnesses.check_layer(),
            Self::Key { witnesses: None, .. } => Ok(()),
            Self::Keyless(keyless) => keyless.check_layer(),
        }
    }

    /// As whom the signatures verify, if that is known before and can be checked. Only then can be told whether the same was said already.
    pub(super) fn identity(&self) -> Option<verify::Signer> {
        match self {
            Self::Key { public, witnesses: None, .. } => Some(verify::Signer::Key(public.clone())),
            Self::Key { public, witnesses: Some(witnesses), .. } => witnesses.witnessed(public),
            Self::Keyless(keyless) => keyless.identity(),
        }
    }

    /// As whom was signed in this run, if it was done as an identity.
    pub(super) async fn certified(&self) -> Option<Certified> {
        match self {
            Self::Key { .. } => None,
            Self::Keyless(keyless) => keyless.certified().await.map(Certified::from),
        }
    }

    /// What must be known of a file to sign it. Programs that keep keys want to see all of it.
    pub(super) fn wants(&self) -> Wanted {
        match self {
            Self::Key { keeper: Keeper::File(_), public, .. } => Wanted::by(Some(public), None),
            Self::Key { keeper: Keeper::Program(_), public, .. } => Wanted::by(Some(public), None).whole(),
            Self::Keyless(_) => Wanted::by(None, None),
        }
    }

    /// Signs.
    pub(super) async fn sign(
        &self,
        io: &Io,
        ui: &mut Ui<'_>,
        to_sign: &ToSign,
    ) -> Result<Signature, CliError> {
        let (keeper, public, witnesses) = match self {
            Self::Key { keeper, public, witnesses } => (keeper, public, witnesses),
            Self::Keyless(keyless) => return keyless.sign(io, ui, to_sign).await,
        };
        let signature = match keeper {
            Keeper::File(key) => Signature::by_key(key, to_sign)?,
            Keeper::Program(key) => {
                let hash = public.algorithm().scheme(to_sign.form()).hash();
                let message = to_sign.bytes().ok_or(SignError::FileTooLarge)?;
                let bytes = key.sign(hash, message, &io.environment).await?;
                Signature::of_key(bytes, public.clone())
            }
        };
        match witnesses {
            Some(witnesses) => witnesses.witness(to_sign, signature, Holder::Key).await,
            None => Ok(signature),
        }
    }

    /// Signs a bundle about an image.
    pub(super) async fn sign_bundle(
        &self,
        io: &Io,
        ui: &mut Ui<'_>,
        unsigned: UnsignedBundle,
    ) -> Result<SignedBundle, CliError> {
        let signature = self.sign(io, ui, unsigned.to_sign()).await?;
        Ok(unsigned.signed(&signature)?)
    }

    /// Signs a layer about an image.
    pub(super) async fn sign_layer(
        &self,
        io: &Io,
        ui: &mut Ui<'_>,
        unsigned: UnsignedLayer,
    ) -> Result<LegacyLayer, CliError> {
        let signature = self.sign(io, ui, unsigned.to_sign()).await?;
        Ok(unsigned.signed(&signature)?)
    }
}

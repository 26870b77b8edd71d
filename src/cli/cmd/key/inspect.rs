//! `plimsoll key inspect`: what a key is.

use crate::cli::args::Format;
use crate::cli::key::{KeyReference, read_public_key};
use crate::cli::password::given_password;
use crate::cli::render::key::KeyJson;
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::crypto::{KeyError, PrivateKey, PublicKey};
use crate::io::Io;

/// Say what a key is: its algorithm, its names, and how it is encrypted
///
/// Of an encrypted private key, only its password tells which key it is: set PLIMSOLL_PASSWORD or COSIGN_PASSWORD. Nobody is asked.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The key: a file, env://NAME, or NAME://KEY of a program sigstore-kms-NAME
    #[arg(value_name = "KEY")]
    key: KeyReference,
}

/// Reads, or asks its keeper.
pub(super) async fn run(args: &Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    let answer = describe(&args.key, io, ui).await?;

    match ui.format() {
        Format::Json => ui.json(&answer)?,
        Format::Text => ui.answer(&answer.text()),
    }
    Ok(Outcome::Yes)
}

async fn describe(key: &KeyReference, io: &Io, ui: &mut Ui<'_>) -> Result<KeyJson, CliError> {
    let wrong = |source| key.wrong(source);
    let Some(text) = key.text(io)? else { return Ok(KeyJson::kept(key, &read_public_key(io, key).await?)) };
    match PublicKey::from_pem(&text) {
        Ok(public) => return Ok(KeyJson::public(key, &public)),
        Err(KeyError::PrivateKey) => {}
        Err(source) => return Err(wrong(source).into()),
    }
    match PrivateKey::check_encrypted_pem(&text) {
        Ok(encryption) => {
            let opened = match given_password(io) {
                Some(password) => Some(PrivateKey::from_encrypted_pem(&text, &password).map_err(wrong)?),
                None => None,
            };
            Ok(KeyJson::encrypted(key, &encryption, opened.as_ref().map(PrivateKey::public).as_ref()))
        }
        Err(KeyError::Unencrypted) => {
            let opened = PrivateKey::from_open_pem(&text).map_err(wrong)?;
            ui.warn("the private key is not encrypted: whoever can read it can sign with it");
            Ok(KeyJson::open(key, &opened.public()))
        }
        Err(source) => Err(wrong(source).into()),
    }
}

//! `plimsoll key public`: the half of a key that everybody may have.

use crate::cli::args::Format;
use crate::cli::key::{KeyReference, open_private_key, read_public_key};
use crate::cli::outlet::Outlet;
use crate::cli::render::key::KeyJson;
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::crypto::{KeyError, PublicKey};
use crate::io::{Io, Mode};

/// Print or write the public half of a key
///
/// For an encrypted private key the password is taken from PLIMSOLL_PASSWORD or COSIGN_PASSWORD, asked for on a terminal, or read from standard
/// input. A program that keeps a key is asked.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The key: a file, env://NAME, or NAME://KEY of a program sigstore-kms-NAME
    #[arg(long, value_name = "KEY")]
    key: KeyReference,
    /// Write it to this file instead of standard output, which `-` is, too
    #[arg(long, short, value_name = "FILE")]
    output: Option<Outlet>,
}

/// Reads, or asks.
pub(super) async fn run(args: &Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    args.output.iter().try_for_each(|outlet| outlet.check(io, ui))?;
    let public = find(&args.key, io, ui).await?;

    let file = args.output.as_ref().and_then(Outlet::file);
    if let Some(path) = file {
        io.files.write(path, public.to_pem().as_bytes(), Mode::Public)?;
    }
    match (ui.format(), file) {
        (Format::Json, _) => ui.json(&KeyJson::public(&args.key, &public))?,
        (Format::Text, None) => ui.answer(&public.to_pem()),
        (Format::Text, Some(path)) => {
            ui.answer(&format!("public key:  {}\nfingerprint: {}\n", path.display(), public.fingerprint()));
        }
    }
    Ok(Outcome::Yes)
}

async fn find(key: &KeyReference, io: &Io, ui: &mut Ui<'_>) -> Result<PublicKey, CliError> {
    let Some(text) = key.text(io)? else { return read_public_key(io, key).await };
    match PublicKey::from_pem(&text) {
        Ok(public) => Ok(public),
        Err(KeyError::PrivateKey) => Ok(open_private_key(io, ui, key, &text)?.public()),
        Err(source) => Err(key.wrong(source).into()),
    }
}

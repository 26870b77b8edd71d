//! `plimsoll keygen`: a new key pair.

use crate::cli::key_pair::Output;
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::crypto::PrivateKey;
use crate::io::Io;

/// Make a key pair for signing images
///
/// Writes an ECDSA P-256 key pair: PREFIX.key, encrypted with a password and readable by you only, and PREFIX.pub for everybody. cosign
/// reads both.
///
/// The password is taken from PLIMSOLL_PASSWORD or COSIGN_PASSWORD, asked for on a terminal, or read from standard input.
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    output: Output,
}

/// Makes the key, writes it, tells its fingerprint.
pub(super) async fn run(args: Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    args.output.check(io, ui)?;
    let key = PrivateKey::generate()?;
    args.output.write(&key, io, ui)
}

const EXAMPLES: &str = "\
Examples:
  plimsoll keygen
  plimsoll keygen --output release
  PLIMSOLL_PASSWORD=… plimsoll keygen --output release --format json";

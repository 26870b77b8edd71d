//! `plimsoll key import`: an open private key of another tool, encrypted as cosign does it.

use crate::cli::key::KeyReference;
use crate::cli::key_pair::Output;
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::crypto::{KeyAlgorithm, KeyError, PrivateKey};
use crate::io::Io;

/// Encrypt a private key of another tool, so that plimsoll and cosign can sign with it
///
/// Reads the PEM blocks PRIVATE KEY, EC PRIVATE KEY and RSA PRIVATE KEY, not encrypted: ECDSA P-256, P-384 and P-521, Ed25519, RSA of 2048,
/// 3072 or 4096 bits. Writes PREFIX.key, encrypted with a password and readable by you only, and PREFIX.pub for everybody. Remove the original
/// afterwards: whoever reads it can sign.
///
/// The password is taken from PLIMSOLL_PASSWORD or COSIGN_PASSWORD, asked for on a terminal, or read from standard input.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The private key: a file, or env://NAME
    #[arg(long, value_name = "KEY")]
    key: KeyReference,
    #[command(flatten)]
    output: Output,
}

/// Reads, encrypts, tells the fingerprint.
pub(super) fn run(args: &Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    args.output.check(io, ui)?;
    let Some(text) = args.key.text(io)? else {
        return Err(CliError::usage(format!("{} is kept by a program and does not leave it", args.key))
            .hint("sign with it as it is: `plimsoll sign --key NAME://KEY IMAGE`"));
    };
    let key = PrivateKey::from_open_pem(&text).map_err(|source| args.key.wrong(source))?;
    if let KeyAlgorithm::Rsa { bits } = key.public().algorithm()
        && !RSA_SIZES.contains(&bits)
    {
        return Err(args.key.wrong(KeyError::RsaImport { bits }).into());
    }

    args.output.write(&key, io, ui)
}

/// What cosign signs with.
const RSA_SIZES: [usize; 3] = [2048, 3072, 4096];

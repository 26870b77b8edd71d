//! `plimsoll key`: keys that exist already.

mod import;
mod inspect;
mod public;

use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::io::Io;

/// Import a key, show a public key, or say what a key is
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Import(import::Args),
    Public(public::Args),
    Inspect(inspect::Args),
}

const EXAMPLES: &str = "\
Examples:
  plimsoll key import --key openssl.pem --output release
  plimsoll key public --key release.key --output release.pub
  plimsoll key public --key awskms:///alias/release
  plimsoll key inspect release.pub
  plimsoll key inspect env://RELEASE_KEY --format json";

/// Runs one of them.
pub(super) async fn run(args: Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    match args.what {
        What::Import(args) => import::run(&args, io, ui),
        What::Public(args) => public::run(&args, io, ui).await,
        What::Inspect(args) => inspect::run(&args, io, ui).await,
    }
}

//! One verb a file. Every verb has the same three paragraphs: gather, decide, tell.

mod keygen;
mod resolve;
mod sbom;
mod sign;

use clap::Subcommand;

use super::ui::Ui;
use super::{CliError, Outcome};
use crate::io::Io;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Keygen(keygen::Args),
    Resolve(resolve::Args),
    Sign(sign::Args),
    Sbom(sbom::Args),
}

/// Runs one verb.
pub(super) async fn run(command: Command, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    match command {
        Command::Keygen(args) => keygen::run(args, io, ui).await,
        Command::Resolve(args) => resolve::run(args, io, ui).await,
        Command::Sign(args) => sign::run(args, io, ui).await,
        Command::Sbom(args) => sbom::run(args, io, ui).await,
    }
}

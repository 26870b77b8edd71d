//! One verb a file. Every verb has the same three paragraphs: gather, decide, tell.

mod keygen;
mod resolve;
mod tree;
mod verify;

use clap::Subcommand;

use super::ui::Ui;
use super::{CliError, Outcome};
use crate::io::Io;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Resolve(resolve::Args),
    Keygen(keygen::Args),
    Tree(tree::Args),
    Verify(verify::Args),
}

/// Runs one verb.
pub(super) async fn run(command: Command, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    match command {
        Command::Resolve(args) => resolve::run(args, io, ui).await,
        Command::Keygen(args) => keygen::run(args, io, ui).await,
        Command::Tree(args) => tree::run(args, io, ui).await,
        Command::Verify(args) => verify::run(args, io, ui).await,
    }
}

//! One verb a file. Every verb has the same three paragraphs: gather, decide, tell.

mod pin;
mod resolve;

use clap::Subcommand;

use super::ui::Ui;
use super::{CliError, Outcome};
use crate::io::Io;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Pin(pin::Args),
    Resolve(resolve::Args),
}

/// Runs one verb.
pub(super) async fn run(command: Command, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    match command {
        Command::Pin(args) => pin::run(args, io, ui).await,
        Command::Resolve(args) => resolve::run(args, io, ui).await,
    }
}

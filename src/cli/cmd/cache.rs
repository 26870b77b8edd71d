//! `plimsoll cache`: the layers and blobs that are kept for the next run.

use crate::base::Printable;
use crate::cli::args::Format;
use crate::cli::render::cache::Answer;
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::io::Io;

/// Show how much content is kept for the next run, or remove it
///
/// Layers and configs that were read from registries are kept in ~/.cache/plimsoll (XDG_CACHE_HOME), up to 4 GiB; what was of use longest ago
/// goes first. Nothing is taken from there without hashing it again. With --no-cache nothing is taken from there or put there.
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Remove everything
    #[arg(long)]
    clear: bool,
}

pub(super) fn run(args: &Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    let Some(store) = io.store() else {
        return Err(CliError::usage("neither HOME nor XDG_CACHE_HOME says where the cache is"));
    };
    let size = if args.clear { store.clear()? } else { store.size()? };

    let path = store.path().display().to_string();
    let answer = Answer::new(path, size, args.clear);
    match ui.format() {
        Format::Json => ui.json(&answer)?,
        Format::Text => {
            let verb = if args.clear { "removed " } else { "" };
            ui.answer(&format!(
                "{}: {verb}{} blobs, {} bytes\n",
                Printable(&answer.path),
                size.blobs,
                size.bytes
            ));
        }
    }
    Ok(Outcome::Yes)
}

const EXAMPLES: &str = "\
Examples:
  plimsoll cache
  plimsoll cache --clear";

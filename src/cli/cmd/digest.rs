//! `plimsoll digest`: as `resolve`, with nothing but the digest.

use super::resolve::{self, Asked};
use crate::cli::render::resolve::Answer;
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::io::Io;

/// Print the digests of images: sha256:…
///
/// As `plimsoll resolve`, with nothing but the digest on a line, in the order of the command line; if one of them cannot be told, none is
/// printed, for each would be taken for that of another image. With --format json both give the same answer. Every digest is computed from content that was read, never taken from a header.
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    asked: Asked,
}

pub(super) async fn run(args: Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    let all = |answer: &Answer| match answer.errors.as_slice() {
        [] => answer.lines(|image| &image.digest),
        // Lines without names: one that is missing would move the others.
        _ => String::new(),
    };
    resolve::answer(args.asked, io, ui, all).await
}

const EXAMPLES: &str = "\
Examples:
  plimsoll digest alpine:3.20
  plimsoll digest --platform linux/arm64 debian:12 ghcr.io/org/app:v1
  plimsoll digest oci:build/image";

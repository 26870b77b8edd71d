//! `plimsoll blob`: one layer, config or other content by its digest.

use crate::base::{Digest, ImageLocator, LayoutSelector};
use crate::cli::args::Format;
use crate::cli::outlet::Outlet;
use crate::cli::progress::Standing;
use crate::cli::render::fetched::Answer;
use crate::cli::render::quota::quotas;
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::io::{Io, LayerBlob};

/// Write out a layer, a config or other content by its digest
///
/// Nothing of it is given out before all of it is checked: it is read to ~/.cache/plimsoll first (with --no-cache to a file without name in
/// TMPDIR), hashed on the way, and only then written to standard output, or to a file beside FILE that gets its name when it is whole.
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Repository and digest, or oci:DIR@DIGEST, oci-archive:FILE@DIGEST
    #[arg(value_name = "REPOSITORY@DIGEST")]
    blob: ImageLocator,
    /// Write to this file instead of standard output, which `-` is, too
    #[arg(long, short, value_name = "FILE")]
    output: Option<Outlet>,
}

pub(super) async fn run(args: Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    let digest = digest(&args.blob)?;
    let outlet = args.output.unwrap_or(Outlet::Standard);
    let file = outlet.file();
    match file {
        Some(_) => outlet.check(io, ui)?,
        None => check_output(ui)?,
    }
    let source = io.open(&args.blob)?;
    let traffic = io.traffic();
    let blob = ui.watch(source.large_blob(digest), || Standing::reading(&traffic)).await?;

    let Some(file) = file else { return pour(&blob, ui).await };
    io.files.write_blob(file, &blob).await?;
    if ui.format() == Format::Json {
        ui.json(&Answer::new(&args.blob, &blob, file, quotas(io)))?;
    }
    Ok(Outcome::Yes)
}

fn digest(locator: &ImageLocator) -> Result<Digest, CliError> {
    let digest = match locator {
        ImageLocator::DockerArchive { .. } => {
            return Err(CliError::usage("an archive of `docker save` has no content by digest")
                .hint("make a layout of it: `plimsoll copy docker-archive:image.tar oci:image`"));
        }
        ImageLocator::Layout { select, .. } | ImageLocator::LayoutArchive { select, .. } => match select {
            LayoutSelector::Digest(digest) => Some(*digest),
            LayoutSelector::Only | LayoutSelector::Tag(_) => None,
        },
        ImageLocator::Registry(reference) => reference.digest(),
    };
    digest.ok_or_else(|| {
        CliError::usage(format!("{locator} does not say which blob: its digest is missing"))
            .hint("the digests of an image's layers are in `plimsoll manifest IMAGE`")
    })
}

/// What is in a blob may drive a terminal, and is not text as a rule.
fn check_output(ui: &Ui<'_>) -> Result<(), CliError> {
    if ui.format() == Format::Json {
        return Err(CliError::usage("the blob and JSON about it cannot both be written to standard output")
            .hint("name a file for the blob: `-o FILE`"));
    }
    if ui.terminals().out {
        return Err(CliError::usage("a blob is not written to a terminal")
            .hint("name a file, `-o FILE`, or pass it on to another program"));
    }
    Ok(())
}

async fn pour(blob: &LayerBlob, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    let passed = blob.pass_on(|piece| Ok(ui.answer_bytes(piece))).await;
    passed.map(|()| Outcome::Yes).map_err(|error| CliError::new(Outcome::Unknown, error))
}

const EXAMPLES: &str = "\
Examples:
  plimsoll blob -o layer.tar.gz registry.example.com/team/app@sha256:…
  plimsoll blob registry.example.com/team/app@sha256:… | tar -tz
  plimsoll blob oci:build/image@sha256:… > config.json";

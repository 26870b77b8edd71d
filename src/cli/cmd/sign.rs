//! `plimsoll sign`: signs an image by digest and stores the signature beside it.

use crate::cli::args::{annotations, parse_annotation};
use crate::cli::key::read_private_key;
use crate::cli::publish::{Storage, Subject, Target};
use crate::cli::render::published::{Published, What};
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::io::Io;
use crate::sign;

/// Sign an image by its digest
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    subject: Subject,
    /// A fact to sign with the image; may be given several times
    #[arg(long = "annotation", short = 'a', value_name = "KEY=VALUE", value_parser = parse_annotation)]
    annotations: Vec<(String, String)>,
}

const EXAMPLES: &str = "\
Examples:
  plimsoll sign --key release.key registry.example.com/app@sha256:…
  plimsoll sign --key release.key -a commit=5f3c1a2 registry.example.com/app:1.0
  plimsoll sign --key release.key --storage legacy registry.example.com/app:1.0   # for cosign 2
  plimsoll sign --key release.key --as registry.example.com/app oci:build/image:1.0

The password is PLIMSOLL_PASSWORD or COSIGN_PASSWORD, else asked for on a terminal, else read from stdin.";

/// Signs.
pub(super) async fn run(args: Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    let Args { subject: named, annotations: pairs } = args;
    let annotations = annotations(pairs)?;
    let key = read_private_key(io, ui, &named.key)?;
    let target = Target::resolve(io, &named).await?;

    let (digest, name) = (target.subject.digest, target.name.as_str());
    let stored = match named.storage {
        Storage::Referrers => {
            let signed = sign::image_signature(name, digest, &annotations, &key)?;
            target.push_bundle(io, &signed).await?
        }
        Storage::Legacy => {
            let layer = sign::legacy_signature(name, digest, &annotations, &key)?;
            target.push_legacy(".sig", &layer).await?
        }
    };

    Published { what: What::Signature, image: &named.image, digest, stored, storage: named.storage }.tell(ui)
}

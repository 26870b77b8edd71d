//! `plimsoll sign`: signs an image by digest and stores the signature beside it.

use std::path::PathBuf;

use crate::base::{ImageLocator, Platform, Repository};
use crate::cli::annotation;
use crate::cli::key::read_private_key;
use crate::cli::publish::{Storage, Target};
use crate::cli::render::published::{Published, What};
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::io::Io;
use crate::sign;

/// Sign an image by its digest
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Image to sign; a tag is resolved once, and the digest found is what is signed
    image: ImageLocator,
    /// Encrypted private key, as `plimsoll keygen` and cosign write it
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Where the signature goes
    #[arg(long, value_enum, default_value_t = Storage::Referrers)]
    storage: Storage,
    /// A fact to sign with the image; may be given several times
    #[arg(long = "annotation", short = 'a', value_name = "KEY=VALUE", value_parser = annotation::parse)]
    annotations: Vec<(String, String)>,
    /// Sign the manifest for this platform instead of the index
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<Platform>,
    /// Repository to name in the signature, for an image that is not in a registry
    #[arg(long = "as", value_name = "REPOSITORY")]
    repository: Option<Repository>,
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
    let annotations = annotation::distinct(&args.annotations)?;
    let key = read_private_key(io, ui, &args.key)?;
    let target = Target::resolve(io, &args.image, args.repository.as_ref(), args.platform.as_ref()).await?;

    let (image, name) = (target.subject.digest, target.name.as_str());
    let stored = match args.storage {
        Storage::Referrers => {
            let signed = sign::image_signature(name, image, &annotations, &key)?;
            target.push_bundle(io, &signed).await?
        }
        Storage::Legacy => {
            let layer = sign::legacy_signature(name, image, &annotations, &key)?;
            target.push_legacy(".sig", &layer).await?
        }
    };

    Published { what: What::Signature, image: &args.image, digest: image, stored, storage: args.storage }
        .tell(ui)?;
    Ok(Outcome::Yes)
}

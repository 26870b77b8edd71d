//! `plimsoll config`: what an image says about itself.

use crate::base::{ImageLocator, Platform};
use crate::cli::render::document::Document;
use crate::cli::render::quota::quotas;
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::io::Io;
use crate::io::image::read_image;

/// Print the config of an image: how it is run, and how it was made
///
/// Its own bytes; on a terminal indented, and with everything escaped that could drive the terminal. Of an index it is the config of the image for
/// --platform, or for this machine's. An index that says another platform about an image than its config does is refused.
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Image reference, or oci:DIR, oci-archive:FILE, docker-archive:FILE
    #[arg(value_name = "REF")]
    reference: ImageLocator,
    /// The image for this platform [default: this machine's]
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<Platform>,
    /// Indent it, also where no terminal is
    #[arg(long)]
    pretty: bool,
}

pub(super) async fn run(args: Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    let source = io.open(&args.reference)?;
    let resolved = source.resolve().await?;
    let image = read_image(&source, &resolved, args.platform.as_ref()).await?;

    let document = Document {
        schema: "plimsoll.config/v1",
        reference: args.reference.to_string(),
        digest: image.config_digest.to_string(),
        media_type: image.manifest.config.media_type,
        size: image.config_content.bytes().len() as u64,
        platform: Some(image.config.platform.to_string()),
        index: image.index_digest.map(|digest| digest.to_string()),
        manifest: Some(image.manifest_digest.to_string()),
        quotas: quotas(io),
    };
    document.print(&image.config_content, args.pretty, ui)?;
    Ok(Outcome::Yes)
}

const EXAMPLES: &str = "\
Examples:
  plimsoll config alpine:3.20
  plimsoll config --platform linux/arm64 --pretty debian:12
  plimsoll config --format json docker-archive:image.tar";

//! `plimsoll manifest`: the manifest or index itself.

use super::verify::with_digest;
use crate::base::{Checked, ImageLocator, Platform};
use crate::cli::render::document::Document;
use crate::cli::render::quota::quotas;
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::io::image::read_image;
use crate::io::{Io, Resolved, Source};

/// Print the manifest or index of an image
///
/// Its own bytes, so that their digest is that of the image; on a terminal indented, and with everything escaped that could drive the terminal.
/// Nothing is printed before it is checked: digest, media type, and that all clients read the same in it.
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Image reference, or oci:DIR, oci-archive:FILE, docker-archive:FILE
    #[arg(value_name = "REF")]
    reference: ImageLocator,
    /// The manifest of the image for one platform, not the index
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<Platform>,
    /// Indent it, also where no terminal is
    #[arg(long)]
    pretty: bool,
}

pub(super) async fn run(args: Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    let source = io.open(&args.reference)?;
    let resolved = source.resolve().await?;
    let (content, media_type) = select(&source, &resolved, args.platform.as_ref()).await?;

    let digest = content.digest();
    let document = Document {
        schema: "plimsoll.manifest/v1",
        reference: with_digest(&args.reference, digest),
        digest: digest.to_string(),
        media_type,
        size: content.bytes().len() as u64,
        platform: args.platform.as_ref().map(ToString::to_string),
        index: (digest != resolved.digest).then(|| resolved.digest.to_string()),
        manifest: None,
        quotas: quotas(io),
    };
    document.print(&content, args.pretty, ui)?;
    Ok(Outcome::Yes)
}

async fn select(
    source: &Source,
    resolved: &Resolved,
    platform: Option<&Platform>,
) -> Result<(Checked, String), CliError> {
    if platform.is_none() {
        return Ok((resolved.content.clone(), resolved.media_type.clone()));
    }
    let image = read_image(source, resolved, platform).await?;
    Ok((image.manifest_content, image.manifest.media_type))
}

const EXAMPLES: &str = "\
Examples:
  plimsoll manifest alpine:3.20
  plimsoll manifest --platform linux/arm64 debian:12 > manifest.json
  plimsoll manifest --format json oci:build/image";

//! `plimsoll resolve`: which content a name means right now.

use std::collections::HashMap;

use futures_util::StreamExt as _;

use super::verify::with_digest;
use crate::base::{ImageLocator, Platform};
use crate::cli::args::Format;
use crate::cli::render::quota::quotas;
use crate::cli::render::resolve::{Answer, Failure, Image};
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::io::Io;
use crate::io::image::read_image;

/// Print what image references mean right now: name:tag@sha256:…
///
/// The digest is computed from the manifest that the registry sends, not taken from what it says. Without --platform it is the digest of
/// the whole image, for all platforms: the one to pin.
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    asked: Asked,
}

/// What is asked for.
#[derive(clap::Args, Debug)]
pub(super) struct Asked {
    /// Image references, or oci:DIR, oci-archive:FILE, docker-archive:FILE
    #[arg(required = true, value_name = "REF")]
    references: Vec<ImageLocator>,
    /// The digest of the image for one platform instead
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<Platform>,
}

pub(super) async fn run(args: Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    answer(args.asked, io, ui, |answer| answer.lines(|image| &image.resolved)).await
}

/// Resolves all that is asked for, each once, and prints `text` of it.
pub(super) async fn answer(
    asked: Asked,
    io: &Io,
    ui: &mut Ui<'_>,
    text: impl Fn(&Answer) -> String,
) -> Result<Outcome, CliError> {
    let mut distinct: Vec<&ImageLocator> = Vec::new();
    for locator in &asked.references {
        if !distinct.contains(&locator) {
            distinct.push(locator);
        }
    }
    let tasks = distinct.iter().map(|locator| {
        let platform = asked.platform.as_ref();
        async move { (locator.to_string(), resolve(io, locator, platform).await) }
    });
    let found: HashMap<String, Result<Image, CliError>> =
        futures_util::stream::iter(tasks).buffer_unordered(AT_ONCE).collect().await;

    let mut answer = Answer::default();
    answer.quotas = quotas(io);
    for name in asked.references.iter().map(ImageLocator::to_string) {
        match found.get(&name) {
            Some(Ok(image)) => answer.images.push(image.clone()),
            Some(Err(error)) => {
                answer.errors.push(Failure { reference: name, message: error.error.to_string() });
            }
            None => {}
        }
    }
    let outcome = if answer.errors.is_empty() { Outcome::Yes } else { Outcome::Unknown };

    match ui.format() {
        Format::Json => ui.json(&answer)?,
        Format::Text => ui.answer(&text(&answer)),
    }
    for error in distinct.iter().filter_map(|locator| found.get(&locator.to_string())?.as_ref().err()) {
        ui.fail(error);
    }
    Ok(outcome)
}

async fn resolve(io: &Io, locator: &ImageLocator, platform: Option<&Platform>) -> Result<Image, CliError> {
    let source = io.open(locator)?;
    let resolved = source.resolve().await?;
    let (digest, media_type, size) = match platform {
        None => (resolved.digest, resolved.media_type.clone(), resolved.content.bytes().len() as u64),
        Some(_) => {
            let image = read_image(&source, &resolved, platform).await?;
            (image.manifest_digest, image.manifest.media_type, image.manifest.size)
        }
    };
    Ok(Image {
        reference: locator.to_string(),
        resolved: with_digest(locator, digest),
        repository: source.repository().map(ToString::to_string),
        digest: digest.to_string(),
        media_type,
        size,
        platform: platform.map(Platform::to_string),
        index: (digest != resolved.digest).then(|| resolved.digest.to_string()),
    })
}

/// References asked for at once.
const AT_ONCE: usize = 8;

const EXAMPLES: &str = "\
Examples:
  plimsoll resolve alpine:3.20
  plimsoll resolve --platform linux/arm64 debian:12 ghcr.io/org/app:v1
  plimsoll resolve --format json oci:build/image";

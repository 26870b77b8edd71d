//! `plimsoll sbom`: what is installed in an image.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use futures_util::{StreamExt as _, TryStreamExt as _};

use crate::base::{
    ImageLocator, Inventory, LayoutSelector, Platform, Printable, Subject, Timestamp, TimestampError, limits,
};
use crate::cli::args::Format;
use crate::cli::outlet::Outlet;
use crate::cli::progress::Standing;
use crate::cli::render;
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::format::{self, cyclonedx, statement};
use crate::image::Layer;
use crate::io::image::{Image, read_image};
use crate::io::{Io, LayerBlob, Mode, Resolved, Source};
use crate::sbom;

/// List what is installed in an image, as SPDX or CycloneDX if you like
///
/// Every layer is read once and checked on the way. The same image gives the same bytes on every run: the time in a document is
/// SOURCE_DATE_EPOCH if it is set, else the time at which the image says it was made. A document without FILE goes to standard output, which `-`
/// is, too.
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Image reference, or oci:DIR, oci-archive:FILE, docker-archive:FILE
    #[arg(value_name = "IMAGE")]
    image: ImageLocator,
    /// The image for this platform [default: this machine's]
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<Platform>,
    /// What to write, and where to: spdx-json, cyclonedx-json, cyclonedx-json@1.5 or table; may be given several times
    #[arg(long, short, value_name = "FORMAT[=FILE]", help_heading = "Output")]
    output: Vec<Output>,
}

pub(super) async fn run(args: Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    check_outputs(&args.output, ui.format())?;
    args.output.iter().try_for_each(|output| output.outlet.check(io, ui))?;
    let source = io.open(&args.image)?;
    let resolved = source.resolve().await?;
    let found = inventory(io, ui, &args.image, (&source, &resolved), args.platform.as_ref()).await?;

    let mut documents = Vec::new();
    for output in &args.output {
        let bytes = output.document.write(&found.inventory, found.created)?;
        documents.push((output.outlet.file(), bytes));
    }

    found.warn(ui);
    for (file, bytes) in &documents {
        match file {
            Some(file) => io.files.write(file, bytes, Mode::Public)?,
            None => ui.answer(&String::from_utf8_lossy(bytes)),
        }
    }
    match ui.format() {
        Format::Json => ui.json(&render::sbom::Answer::new(&found.inventory, render::quota::quotas(io)))?,
        Format::Text if args.output.is_empty() => ui.answer(&render::sbom::table(&found.inventory)),
        Format::Text => {}
    }
    Ok(Outcome::Yes)
}

/// What an image holds, with what is needed to write documents about it.
#[derive(Debug)]
pub(super) struct Found {
    /// What is installed.
    pub(super) inventory: Inventory,
    /// The time that documents state.
    pub(super) created: Option<Timestamp>,
    /// The image that was read.
    pub(super) image: Image,
}

impl Found {
    /// Tells what could not be found out.
    pub(super) fn warn(&self, ui: &mut Ui<'_>) {
        for unknown in &self.inventory.unknowns {
            ui.warn(&Printable(unknown).to_string());
        }
    }
}

/// Reads an image that was resolved already, and lists what is installed in it: in what was resolved, whatever a tag means by now.
pub(super) async fn inventory(
    io: &Io,
    ui: &mut Ui<'_>,
    locator: &ImageLocator,
    (source, resolved): (&Source, &Resolved),
    platform: Option<&Platform>,
) -> Result<Found, CliError> {
    let stated = source_date_epoch(io)?;
    let traffic = io.traffic();
    let work = async {
        let image = read_image(source, resolved, platform).await?;
        let blobs = fetch(source, &image).await?;
        Ok::<_, CliError>((image, blobs))
    };
    let (image, blobs) = ui.watch(work, || Standing::reading(&traffic)).await?;

    // It computes, for long perhaps, and no file is begun.
    let catalog = || sbom::catalog(&layers(&image, &blobs), subject(locator, source, &image));
    let inventory = ui.at_rest(catalog)?;
    Ok(Found { inventory, created: stated.or(image.config.created), image })
}

async fn fetch(source: &Source, image: &Image) -> Result<Vec<LayerBlob>, CliError> {
    let layers = &image.manifest.layers;
    if layers.len() > limits::LAYERS {
        return Err(crate::image::ImageError::Layers { count: layers.len(), limit: limits::LAYERS }.into());
    }
    // A manifest may name one large blob hundreds of times.
    let distinct: BTreeMap<_, _> = layers.iter().map(|layer| ((layer.digest, layer.size), layer)).collect();
    let blobs = distinct
        .into_iter()
        .map(|(key, layer)| async move { source.layer(layer).await.map(|blob| (key, blob)) });
    let blobs: BTreeMap<_, LayerBlob> =
        futures_util::stream::iter(blobs).buffered(AT_ONCE).try_collect().await?;
    Ok(layers.iter().filter_map(|layer| blobs.get(&(layer.digest, layer.size)).cloned()).collect())
}

fn layers<'a>(image: &'a Image, blobs: &'a [LayerBlob]) -> Vec<Layer<'a>> {
    let steps: Vec<_> = image.config.history.iter().filter(|step| !step.empty_layer).collect();
    // A history that does not fit the layers says nothing about any of them.
    let step = |index: usize| steps.get(index).filter(|_| steps.len() == blobs.len());
    let parts = image.manifest.layers.iter().zip(&image.config.diff_ids).zip(blobs).enumerate();
    parts
        .map(|(index, ((descriptor, diff_id), blob))| Layer {
            media_type: descriptor.media_type.clone(),
            digest: descriptor.digest,
            diff_id: *diff_id,
            created_by: step(index).and_then(|step| step.created_by.clone()),
            open: Box::new(|| blob.open()),
        })
        .collect()
}

fn subject(locator: &ImageLocator, source: &Source, image: &Image) -> Subject {
    let version = match locator {
        ImageLocator::DockerArchive { .. } => None,
        ImageLocator::Layout { select, .. } | ImageLocator::LayoutArchive { select, .. } => match select {
            LayoutSelector::Digest(_) | LayoutSelector::Only => None,
            LayoutSelector::Tag(tag) => Some(tag.to_string()),
        },
        ImageLocator::Registry(reference) => reference.tag().map(ToString::to_string),
    };
    Subject {
        name: source.name(),
        version,
        digest: image.manifest_digest,
        repository: source.repository().map(ToString::to_string),
        platform: image.config.platform.clone(),
    }
}

/// <https://reproducible-builds.org/specs/source-date-epoch/>: a malformed value is an error.
fn source_date_epoch(io: &Io) -> Result<Option<Timestamp>, CliError> {
    let Some(text) = io.environment.get("SOURCE_DATE_EPOCH").filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let time =
        text.parse().ok().filter(|_| digits).ok_or(TimestampError::Range).and_then(Timestamp::from_seconds);
    time.map(Some).map_err(|_| {
        CliError::usage(format!("SOURCE_DATE_EPOCH is `{text}`, not a number of seconds since 1970"))
    })
}

/// One document to write.
#[derive(Clone, Debug)]
struct Output {
    document: Document,
    outlet: Outlet,
}

/// A kind of document.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Document {
    CycloneDx(cyclonedx::Version),
    Spdx,
    Table,
}

const DOCUMENTS: &[(&str, Document)] = &[
    ("cyclonedx-json", Document::CycloneDx(cyclonedx::Version::V1_6)),
    ("cyclonedx-json@1.5", Document::CycloneDx(cyclonedx::Version::V1_5)),
    ("cyclonedx-json@1.6", Document::CycloneDx(cyclonedx::Version::V1_6)),
    ("spdx-json", Document::Spdx),
    ("spdx-json@2.3", Document::Spdx),
    ("table", Document::Table),
];

impl Document {
    /// By name, as after `-o`.
    pub(super) fn named(name: &str) -> Option<Self> {
        DOCUMENTS.iter().find(|(known, _)| *known == name).map(|(_, document)| *document)
    }

    /// The predicate type under which it is attested; none for a table.
    pub(super) fn predicate_type(self) -> Option<&'static str> {
        match self {
            Self::CycloneDx(_) => Some(statement::CYCLONEDX),
            Self::Spdx => Some(statement::SPDX),
            Self::Table => None,
        }
    }

    /// The document's bytes.
    pub(super) fn write(
        self,
        inventory: &Inventory,
        created: Option<Timestamp>,
    ) -> Result<Vec<u8>, CliError> {
        let mut out = Vec::new();
        let written = match self {
            Self::CycloneDx(version) => cyclonedx::write(inventory, created, version, &mut out),
            Self::Spdx => format::spdx::write(inventory, created, &mut out),
            Self::Table => return Ok(render::sbom::table(inventory).into_bytes()),
        };
        written.map_err(|error| CliError::new(Outcome::Unknown, error))?;
        Ok(out)
    }
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, outlet) = match text.split_once('=') {
            Some((_, "")) => return Err("a file name is missing after `=`".to_owned()),
            Some((name, file)) => (name, Outlet::from(PathBuf::from(file))),
            None => (text, Outlet::Standard),
        };
        let document = Document::named(name).ok_or_else(|| {
            let all: Vec<&str> = DOCUMENTS.iter().map(|(name, _)| *name).collect();
            format!("no such format; there are {}", all.join(", "))
        })?;
        Ok(Self { document, outlet })
    }
}

fn check_outputs(outputs: &[Output], format: Format) -> Result<(), CliError> {
    let to_stdout = outputs.iter().filter(|output| output.outlet.file().is_none()).count();
    if to_stdout + usize::from(format == Format::Json) > 1 {
        return Err(CliError::usage("only one document can be written to standard output")
            .hint("name a file for the others: `-o spdx-json=sbom.spdx.json`"));
    }
    for (at, output) in outputs.iter().enumerate() {
        let Some(file) = output.outlet.file() else { continue };
        if outputs.iter().take(at).any(|earlier| earlier.outlet.file() == Some(file)) {
            return Err(CliError::usage(format!("{} is named for two documents", file.display())));
        }
    }
    Ok(())
}

/// Layers fetched at once.
const AT_ONCE: usize = 4;

const EXAMPLES: &str = "\
Examples:
  plimsoll sbom debian:12
  plimsoll sbom --platform linux/arm64 -o spdx-json=sbom.spdx.json -o cyclonedx-json=sbom.cdx.json alpine:3.20
  plimsoll sbom -o cyclonedx-json oci:build/image
  plimsoll sbom --format json docker-archive:image.tar";

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(texts: &[&str]) -> Vec<Output> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn outputs_are_parsed() {
        let found = outputs(&["spdx-json=a=b", "cyclonedx-json@1.5"]);
        assert_eq!((found[0].document, found[0].outlet.file()), (Document::Spdx, Some("a=b".as_ref())));
        assert_eq!(found[1].document, Document::CycloneDx(cyclonedx::Version::V1_5));
        for bad in ["", "spdx", "spdx-json=", "cyclonedx-json@1.7", "=x", "SPDX-JSON"] {
            assert!(bad.parse::<Output>().is_err(), "{bad}");
        }
    }

    #[test]
    fn one_document_on_standard_output_and_one_in_a_file() {
        let check = |texts: &[&str], format| check_outputs(&outputs(texts), format).is_ok();
        assert!(check(&[], Format::Json));
        assert!(check(&["table", "spdx-json=a", "cyclonedx-json=b"], Format::Text));
        assert!(check(&["spdx-json=a"], Format::Json));
        assert!(!check(&["table", "spdx-json"], Format::Text));
        assert!(!check(&["table", "spdx-json=-"], Format::Text));
        assert!(!check(&["table"], Format::Json));
        assert!(!check(&["spdx-json=a", "cyclonedx-json=a"], Format::Text));
    }
}

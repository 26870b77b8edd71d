//! `plimsoll copy`: an image with everything that is attached to it.

use super::verify::with_digest;
use crate::base::{Digest, ImageLocator, LayoutSelector, Platform, Printable, Tag};
use crate::cli::args::Format;
use crate::cli::progress::Standing;
use crate::cli::render::copied::Answer;
use crate::cli::render::quota::quotas;
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::io::copy::{Carried, CopyError, Plan, Progress, Scope, Shown};
use crate::io::image::read_image;
use crate::io::{Fetched, Io, Source};

/// Copy an image with everything that is attached to it: signatures, attestations, SBOMs
///
/// Images, indexes and what is attached keep their bytes, so digests stay and what was signed stays signed: afterwards `plimsoll verify` says at
/// DST what it says at SRC. That holds between registries with and without a referrers API, and to and from a folder: an image crosses an air
/// gap in one. What DST has already is not sent again, and what is attached there stays.
///
/// DST without a tag takes that of SRC; it is written last. What cannot be read at SRC ends the copy, and what DST does not list afterwards is named
/// (exit code 3): nothing is left behind silently.
#[derive(clap::Args, Debug)]
#[command(visible_alias = "cp", after_long_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Image reference, or oci:DIR, oci-archive:FILE, docker-archive:FILE
    #[arg(value_name = "SRC")]
    from: ImageLocator,
    /// Image reference, or oci:DIR[:TAG] for a folder, which is made if it is not there, or oci-archive:FILE[:TAG] for a new file
    #[arg(value_name = "DST")]
    to: ImageLocator,
    /// Copy the image for this platform instead of the index; what is attached to the index is about the index and stays behind
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<Platform>,
    /// Copy the image only, and nothing that is attached to it
    #[arg(long)]
    no_attached: bool,
}

pub(super) async fn run(args: Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    let from = io.open(&args.from)?;
    let root = resolve(&args, &from).await?;
    let digest = root.content.digest();
    let tag = destination_tag(&args.to, from.tag(digest), digest)?;
    let scope = if args.no_attached { Scope::ImageOnly } else { Scope::Everything };
    let destination = io.open_or_create(&args.to)?;

    let progress = Progress::default();
    let work = copy(&from, root, destination.source(), tag.as_ref(), scope, &progress);
    let carried = ui.watch(work, || Standing::copying(&progress)).await?;
    destination.finish().await?;

    let to = named(&args.to, digest, tag.as_ref());
    let mut answer = Answer::new(args.from.to_string(), to, digest, args.platform.as_ref(), &carried);
    answer.quotas = quotas(io);
    match ui.format() {
        Format::Json => ui.json(&answer)?,
        Format::Text => {
            let text = answer.text();
            ui.answer(&text);
        }
    }
    let missing = carried.attached.iter().filter(|one| one.shown == Shown::Missing).count();
    if missing == 0 {
        return Ok(Outcome::Yes);
    }
    let error = CliError::new(Outcome::Unknown, NotListed { missing });
    Ok(ui.fail(&error.hint("registries with a referrers API list what names its subject itself, and these manifests do not; a bundle can be attached anew: `plimsoll attach --bundle FILE IMAGE`")))
}

/// What was written and will not be found.
#[derive(Debug, thiserror::Error)]
#[error("the image was copied, but {missing} of what is attached to it is not listed at the destination")]
struct NotListed {
    missing: usize,
}

async fn resolve(args: &Args, from: &Source) -> Result<Fetched, CliError> {
    let resolved = from.resolve().await?;
    if args.platform.is_none() {
        return Ok(Fetched { media_type: resolved.media_type, content: resolved.content });
    }
    let image = read_image(from, &resolved, args.platform.as_ref()).await?;
    Ok(from.manifest(image.manifest_digest).await?)
}

async fn copy(
    from: &Source,
    root: Fetched,
    to: &Source,
    tag: Option<&Tag>,
    scope: Scope,
    progress: &Progress,
) -> Result<Carried, CopyError> {
    let plan = Plan::read(from, root, scope, progress).await?;
    plan.carry(from, to, tag, progress).await
}

/// As written; else that of the source, so that a copy never moves `latest` by surprise.
fn destination_tag(to: &ImageLocator, source: Option<Tag>, digest: Digest) -> Result<Option<Tag>, CliError> {
    let (tag, named) = match to {
        ImageLocator::Registry(reference) => (reference.tag().cloned(), reference.digest()),
        ImageLocator::Layout { select, .. } | ImageLocator::LayoutArchive { select, .. } => match select {
            LayoutSelector::Digest(digest) => (None, Some(*digest)),
            LayoutSelector::Only => (None, None),
            LayoutSelector::Tag(tag) => (Some(tag.clone()), None),
        },
        ImageLocator::DockerArchive { .. } => {
            return Err(CliError::usage("an archive of `docker save` cannot hold what is attached")
                .hint("write an OCI layout: oci:DIR or oci-archive:FILE"));
        }
    };
    match named {
        Some(named) if named != digest => {
            let text = format!(
                "{} names another image than the source, which is {digest}",
                Printable(&to.to_string())
            );
            Err(CliError::usage(text))
        }
        Some(_) => Ok(tag),
        None => Ok(tag.or(source)),
    }
}

/// The copy as it can be named.
fn named(to: &ImageLocator, digest: Digest, tag: Option<&Tag>) -> String {
    match (to, tag) {
        (ImageLocator::Registry(reference), Some(tag)) => {
            format!("{}:{tag}@{digest}", reference.repository())
        }
        (ImageLocator::Layout { folder, .. }, Some(tag)) => {
            ImageLocator::Layout { folder: folder.clone(), select: LayoutSelector::Tag(tag.clone()) }
                .to_string()
        }
        (ImageLocator::LayoutArchive { file, .. }, Some(tag)) => {
            ImageLocator::LayoutArchive { file: file.clone(), select: LayoutSelector::Tag(tag.clone()) }
                .to_string()
        }
        _ => with_digest(to, digest),
    }
}

const EXAMPLES: &str = "\
Examples:
  plimsoll copy registry.example.com/team/app:v1 mirror.example.com/team/app
  plimsoll copy registry.example.com/team/app:v1 oci:airgap              # here
  plimsoll copy oci:airgap:v1 registry.internal/team/app                 # and there
  plimsoll copy --platform linux/arm64 --no-attached registry.example.com/team/app:v1 oci-archive:app.tar";

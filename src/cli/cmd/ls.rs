//! `plimsoll ls`: the tags of a repository, the repositories of a registry, the images of a layout.

use crate::base::{ImageLocator, LayoutSelector, LocatorError, ReferenceError, Registry};
use crate::cli::args::Format;
use crate::cli::render::listed::Answer;
use crate::cli::render::quota::quotas;
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::io::Io;

/// List the tags of a repository, the repositories of a registry, or the images of a layout
///
/// Names are sorted as people count: numbers in them are compared as numbers, so that 1.9 comes before 1.10. Registries serve them in other
/// orders, and page by page. Tags such as sha256-….sig, under which signatures are kept, are tags like others; `plimsoll tree` says what they are.
///
/// A name with a dot or a colon and no slash is a registry: ghcr.io, localhost:5000. Many registries do not tell which repositories they have.
/// In a layout, what is listed without a name is written as @sha256:….
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Repository or registry, or oci:DIR, oci-archive:FILE, docker-archive:FILE
    #[arg(value_name = "REPOSITORY|REGISTRY", value_parser = parse_place)]
    place: Place,
}

/// What is looked into.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Place {
    /// A repository or a layout.
    Images(ImageLocator),
    Registry(Registry),
}

/// As elsewhere, but that a lone host is a registry: nobody looks for the tags of `docker.io/library/ghcr.io`.
fn parse_place(text: &str) -> Result<Place, LocatorError> {
    let host = text.strip_suffix('/').unwrap_or(text);
    let names_a_host = host == "localhost" || host.contains(['.', ':']) || host != text;
    if !host.contains('/')
        && names_a_host
        && let Ok(registry) = host.parse()
    {
        return Ok(Place::Registry(registry));
    }
    let locator = text.parse()?;
    let is_whole = match &locator {
        ImageLocator::DockerArchive { .. } => true,
        ImageLocator::Layout { select, .. } | ImageLocator::LayoutArchive { select, .. } => {
            *select == LayoutSelector::Only
        }
        ImageLocator::Registry(reference) => reference.tag().is_none() && reference.digest().is_none(),
    };
    if is_whole {
        return Ok(Place::Images(locator));
    }
    Err(ReferenceError::NotARepository(text.chars().take(128).collect()).into())
}

pub(super) async fn run(args: Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    let mut answer = match &args.place {
        Place::Images(locator) => {
            let source = io.open(locator)?;
            let name = source.repository().map_or_else(|| locator.to_string(), ToString::to_string);
            Answer::of_images(name, source.names().await?)
        }
        Place::Registry(registry) => {
            Answer::of_registry(registry.to_string(), &io.repositories(registry).await?)
        }
    };

    answer.quotas = quotas(io);
    match ui.format() {
        Format::Json => ui.json(&answer)?,
        Format::Text => {
            let text = answer.text();
            ui.answer(&text);
        }
    }
    Ok(Outcome::Yes)
}

const EXAMPLES: &str = "\
Examples:
  plimsoll ls alpine
  plimsoll ls registry.example.com/team/app
  plimsoll ls localhost:5000
  plimsoll ls --format json oci:build/image";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Digest;

    #[test]
    fn a_lone_host_is_a_registry_and_a_tag_is_refused() {
        for text in ["ghcr.io", "localhost", "localhost:5000", "app:5000", "[::1]:5000", "docker.io", "host/"]
        {
            assert!(matches!(parse_place(text), Ok(Place::Registry(_))), "{text}");
        }
        for text in
            ["alpine", "user/app", "ghcr.io/org/app", "localhost:5000/app", "oci:dir", "docker-archive:x"]
        {
            assert!(matches!(parse_place(text), Ok(Place::Images(_))), "{text}");
        }
        let digest = Digest::of(b"");
        for text in ["alpine:3.20", "a/b:v1", "oci:dir:v1", "", "/", "a//", "-x", &format!("a@{digest}")] {
            assert!(parse_place(text).is_err(), "{text}");
        }
    }
}

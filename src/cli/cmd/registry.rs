//! `plimsoll registry`: what this machine knows about registries.

use crate::base::{Printable, Reference, Registry};
use crate::cli::args::Format;
use crate::cli::render::auth_status::{Answer, PlaceWire};
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::io::{Io, Looked};

/// Say what this machine knows about a registry
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    #[command(subcommand)]
    question: Question,
}

#[derive(clap::Subcommand, Debug)]
enum Question {
    AuthStatus(AuthStatus),
}

/// Say which stored credentials would be used, and where they come from, never what they are
///
/// The registry is not asked; a credential helper is. Exit code 1 means that none are stored.
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
struct AuthStatus {
    /// A registry, or a repository in one
    #[arg(value_name = "REGISTRY", value_parser = parse_place)]
    place: Place,
}

/// A registry and, if credentials may differ by it, a path.
#[derive(Clone, Debug)]
struct Place {
    registry: Registry,
    path: String,
}

fn parse_place(text: &str) -> Result<Place, crate::base::ReferenceError> {
    if !text.contains('/') {
        return Ok(Place { registry: text.parse()?, path: String::new() });
    }
    let reference: Reference = text.parse()?;
    let repository = reference.repository();
    Ok(Place { registry: repository.registry().clone(), path: repository.path().to_owned() })
}

pub(super) async fn run(args: Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    let Question::AuthStatus(AuthStatus { place }) = args.question;
    let looked = io.find_credentials(&place.registry, &place.path).await?;

    let answer = Answer::new(&place.registry, &place.path, &looked);
    let outcome = if answer.source.is_some() { Outcome::Yes } else { Outcome::No };

    match ui.format() {
        Format::Json => ui.json(&answer)?,
        Format::Text => ui.answer(&text(&answer, &looked)),
    }
    Ok(outcome)
}

fn text(answer: &Answer, looked: &[Looked]) -> String {
    let name = if answer.path.is_empty() {
        answer.registry.clone()
    } else {
        format!("{}/{}", answer.registry, answer.path)
    };
    let mut out = match (&answer.source, &answer.kind) {
        (Some(source), Some(kind)) => {
            let user =
                answer.username.as_ref().map_or(String::new(), |user| format!(" of {}", Printable(user)));
            format!("{name}: {kind}{user}, from {}\n", Printable(source))
        }
        _ => format!("{name}: nothing is stored; it is asked anonymously\n"),
    };
    for PlaceWire { place, found } in looked.iter().map(PlaceWire::new) {
        out.push_str(&format!("  {found:<8} {}\n", Printable(&place)));
    }
    out
}

const EXAMPLES: &str = "\
Examples:
  plimsoll registry auth-status ghcr.io
  plimsoll registry auth-status --format json registry.example.com/team/app";

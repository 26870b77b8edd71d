//! `plimsoll verify`: may this image be used?

use std::path::{Path, PathBuf};

use crate::base::{
    Digest, ImageLocator, LayoutSelector, PinnedReference, Repository, Tag, Timestamp, limits,
};
use crate::cli::annotation;
use crate::cli::args::{Format, parse_predicate_type};
use crate::cli::evidence::Gatherer;
use crate::cli::identity::IdentityArgs;
use crate::cli::key::KeyReference;
use crate::cli::render::decision::{self, Answer, ImageWire};
use crate::cli::render::quota::quotas;
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::format::policy::{NotAPolicy, UnvalidatedPolicy};
use crate::io::image::read_digests;
use crate::io::{FileError, Io};
use crate::policy::{Case, Certainty, Decision, Demand, Finding, Policy, Request, Ruling, Wants, code};

/// Check images before they are used: by public key, by identity, or by a trust policy
///
/// With --key the image must carry a signature by one of the keys, with --certificate-identity one by that identity, and with --policy it must
/// satisfy the most specific rule for its name, and what no rule names is denied. An attestation is never a signature, and what is about another digest never counts. The answer names the
/// digest that was verified and every candidate that was looked at.
///
/// Of several images the worst verdict counts: denied (1) before could not tell (3) before allowed (0).
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Image references, or oci:DIR, oci-archive:FILE, docker-archive:FILE
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<ImageLocator>,
    /// Public key: a file, env://NAME, or NAME://KEY of a program sigstore-kms-NAME; one of several is enough
    #[arg(long, value_name = "KEY", required_unless_present_any = ["policy", "certificate_oidc_issuer"], conflicts_with_all = ["policy", "certificate_oidc_issuer"])]
    key: Vec<KeyReference>,
    /// Trust policy
    #[arg(long, value_name = "FILE", conflicts_with = "IdentityArgs")]
    policy: Option<PathBuf>,
    /// Demand an attestation of this type instead of a signature: a short name such as spdxjson, or a URI
    #[arg(long = "type", value_name = "TYPE", conflicts_with = "policy", value_parser = parse_predicate_type)]
    predicate_type: Option<String>,
    /// Demand an annotation that the signature covers
    #[arg(short, long = "annotation", value_name = "KEY=VALUE", conflicts_with_all = ["policy", "predicate_type"], value_parser = annotation::parse)]
    annotations: Vec<(String, String)>,
    /// Name of an image outside of a registry, for the policy's patterns
    #[arg(long = "as", value_name = "REPOSITORY", requires = "policy")]
    repository: Option<Repository>,
    #[command(flatten)]
    identity: IdentityArgs,
}

pub(super) async fn run(args: Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    for image in &args.images {
        check_name(args.repository.as_ref(), args.policy.is_some(), image)?;
    }
    let policy = read_policy(&args, io).await?;
    let now = io.clock.now();
    for warning in policy.warnings(now) {
        ui.warn(&warning.to_string());
    }

    let mut answer = Answer::new(&policy, now.to_string());
    let mut outcomes = Vec::new();
    for image in &args.images {
        let name = image.to_string();
        match verify(args.repository.as_ref(), &policy, image, now, io).await {
            Ok((request, decision)) => {
                outcomes.push(outcome(&decision));
                match ui.format() {
                    Format::Json => answer.images.push(ImageWire::new(name, request.digest, &decision)),
                    Format::Text => {
                        let name = with_digest(image, request.digest);
                        let text = decision::text(&name, &policy, &decision, ui.color());
                        ui.answer(&text);
                    }
                }
            }
            Err(error) => {
                outcomes.push(error.outcome);
                answer.images.push(ImageWire::error(name, error.error.as_ref()));
                ui.fail(&error);
            }
        }
    }
    let outcome = worst(&outcomes);
    if ui.format() == Format::Json {
        answer.quotas = quotas(io);
        ui.json(&answer)?;
    }
    Ok(outcome)
}

/// Gathers in stages, and stops when more could not change the decision.
async fn verify(
    name: Option<&Repository>,
    policy: &Policy,
    image: &ImageLocator,
    now: Timestamp,
    io: &Io,
) -> Result<(Request, Decision), CliError> {
    let source = io.open(image)?;
    let written = written_digest(image);
    let (digest, resolved) = match (image, written) {
        // The digest is in the name: nothing needs to be asked to know it.
        (ImageLocator::Registry(_), Some(digest)) if !policy.revokes_images() => (digest, None),
        _ => {
            let resolved = source.resolve().await?;
            (resolved.digest, Some(resolved))
        }
    };
    let mut request = Request {
        repository: source.repository().or(name).cloned(),
        tag: tag(image),
        written,
        digest,
        revocable: Vec::new(),
        platforms: Vec::new(),
    };
    let all_read = match &resolved {
        Some(resolved) if policy.revokes_images() => {
            read_digests(&source, resolved, &mut request.revocable).await
        }
        _ => Ok(()),
    };
    let (mut gatherer, mut case) = (Gatherer::new(&source), Case::new(policy, now));
    let mut decision = case.decide(&request);
    // What could not be read may be revoked; only what is denied in any case needs no more.
    if decision.wants() != Wants::Nothing || outcome(&decision) != Outcome::No {
        all_read?;
    }
    if decision.wants() != Wants::Nothing {
        let mut pending = gatherer.list(digest).await;
        loop {
            let is_more = gatherer.take(&mut pending).await;
            case.add(gatherer.take_evidence());
            decision = case.decide(&request);
            if !is_more || decision.wants() == Wants::Nothing {
                break;
            }
        }
    }
    if decision.wants() != Wants::Nothing {
        gatherer.tags(digest).await;
        case.add(gatherer.take_evidence());
        decision = case.decide(&request);
    }
    if decision.wants() == Wants::EvidenceOfPlatforms {
        let content = resolved.as_ref().map(|resolved| &resolved.content);
        request.platforms = gatherer.platforms(digest, content).await;
        for platform in &request.platforms {
            gatherer.referrers(platform.digest).await;
            gatherer.tags(platform.digest).await;
        }
        case.add(gatherer.take_evidence());
        decision = case.decide(&request);
    }
    // Nothing is found beside what is not there, nor beside what a registry hides from those who may not see it.
    if decision.wants() == Wants::Evidence && resolved.is_none() && found_nothing(&decision) {
        source.resolve().await?;
    }
    Ok((request, decision))
}

/// Whether it is denied for want of evidence only, and there was none of any kind.
fn found_nothing(decision: &Decision) -> bool {
    match decision.ruling() {
        Ruling::Deny { reasons, certainty: Certainty::Final } => {
            reasons.iter().all(|reason| reason.code == code::NOTHING_FOUND)
        }
        Ruling::Deny { certainty: Certainty::Open, .. } | Ruling::Allow { .. } => false,
    }
}

/// Why a policy file denies an image outside of a registry, in one sentence; none if it allows it.
pub(super) async fn denial(
    io: &Io,
    policy: &Path,
    image: &ImageLocator,
    repository: &Repository,
) -> Result<Option<String>, CliError> {
    let policy = read_policy_file(policy, io)?;
    let (_, decision) = verify(Some(repository), &policy, image, io.clock.now(), io).await?;
    let Ruling::Deny { reasons, .. } = decision.ruling() else { return Ok(None) };
    let refused = decision.nodes().iter().flat_map(|node| &node.reports).find_map(|report| {
        if let Finding::Refused { code, detail } = &report.finding { Some((*code, detail)) } else { None }
    });
    let reason = reasons.first();
    let (code, detail) = refused.unwrap_or((reason.code, &reason.detail));
    Ok(Some(format!("{}: {detail} ({code})", reason.requirement)))
}

fn outcome(decision: &Decision) -> Outcome {
    match decision.ruling() {
        Ruling::Allow { .. } => Outcome::Yes,
        Ruling::Deny { certainty: Certainty::Final, .. } => Outcome::No,
        Ruling::Deny { certainty: Certainty::Open, .. } => Outcome::Unknown,
    }
}

/// A denial is never reported as something to try again.
fn worst(outcomes: &[Outcome]) -> Outcome {
    [Outcome::No, Outcome::Usage, Outcome::Unknown]
        .into_iter()
        .find(|outcome| outcomes.contains(outcome))
        .unwrap_or(if outcomes.is_empty() { Outcome::Unknown } else { Outcome::Yes })
}

async fn read_policy(args: &Args, io: &Io) -> Result<Policy, CliError> {
    if let Some(file) = &args.policy {
        return read_policy_file(file, io);
    }
    let signers = args.identity.signers(&args.key, io).await?;
    let demand = match &args.predicate_type {
        Some(predicate_type) => Demand::Attestation { predicate_type: predicate_type.clone() },
        None => Demand::Signature { annotations: annotation::distinct(&args.annotations)? },
    };
    Ok(Policy::of_signers(signers, demand))
}

/// Reads a policy, and the keys and trusted roots that it names, which are files below its folder.
pub(super) fn read_policy_file(file: &Path, io: &Io) -> Result<Policy, CliError> {
    let bytes = match io.files.read_at_most(file, limits::POLICY) {
        Err(FileError::TooLarge { .. }) => {
            return Err(CliError::not_a_policy(file, &NotAPolicy::too_large()));
        }
        read => read?,
    };
    let folder = file.parent().unwrap_or(Path::new(""));
    let read = |file: &Path| io.files.read(&folder.join(file));
    UnvalidatedPolicy::read(&bytes)
        .map_err(|error| CliError::not_a_policy(file, &error))?
        .validate(&read)
        .map_err(|error| CliError::bad_policy(file, &error))
}

/// Patterns are about repositories, so an image needs one; and nobody may give an image in a registry another name.
pub(super) fn check_name(
    name: Option<&Repository>,
    by_policy: bool,
    image: &ImageLocator,
) -> Result<(), CliError> {
    let in_registry = matches!(image, ImageLocator::Registry(_));
    match (name, in_registry) {
        (Some(repository), true) => {
            let text =
                format!("{image} has a name already; --as {repository} is for images outside of a registry");
            Err(CliError::usage(text))
        }
        (None, false) if by_policy => {
            let text = format!("{image} has no repository, and the policy's rules are about repositories");
            Err(CliError::usage(text).hint("say what it will be called: --as registry.example.com/team/app"))
        }
        _ => Ok(()),
    }
}

pub(super) fn written_digest(image: &ImageLocator) -> Option<Digest> {
    match image {
        ImageLocator::Registry(reference) => reference.digest(),
        ImageLocator::Layout { select, .. } | ImageLocator::LayoutArchive { select, .. } => match select {
            LayoutSelector::Digest(digest) => Some(*digest),
            LayoutSelector::Only | LayoutSelector::Tag(_) => None,
        },
        ImageLocator::DockerArchive { .. } => None,
    }
}

pub(super) fn tag(image: &ImageLocator) -> Option<Tag> {
    match image {
        ImageLocator::Registry(reference) if reference.digest().is_none() => Some(reference.tag_or_latest()),
        ImageLocator::Registry(reference) => reference.tag().cloned(),
        ImageLocator::Layout { select, .. } | ImageLocator::LayoutArchive { select, .. } => match select {
            LayoutSelector::Tag(tag) => Some(tag.clone()),
            LayoutSelector::Digest(_) | LayoutSelector::Only => None,
        },
        ImageLocator::DockerArchive { .. } => None,
    }
}

/// The image as it can be named again and mean the same.
pub(super) fn with_digest(image: &ImageLocator, digest: Digest) -> String {
    let select = LayoutSelector::Digest(digest);
    match image {
        ImageLocator::DockerArchive { .. } => format!("{image}@{digest}"),
        ImageLocator::Layout { folder, .. } => {
            ImageLocator::Layout { folder: folder.clone(), select }.to_string()
        }
        ImageLocator::LayoutArchive { file, .. } => {
            ImageLocator::LayoutArchive { file: file.clone(), select }.to_string()
        }
        ImageLocator::Registry(reference) => PinnedReference::new(reference.clone(), digest).to_string(),
    }
}

const EXAMPLES: &str = "\
Examples:
  plimsoll verify --key release.pub registry.example.com/team/app:v1
  plimsoll verify --key release.pub --type spdxjson registry.example.com/team/app@sha256:…
  plimsoll verify --certificate-identity me@example.com --certificate-oidc-issuer https://accounts.google.com registry.example.com/team/app:v1
  plimsoll verify --policy trust.yaml registry.example.com/team/app:v1
  plimsoll verify --policy trust.yaml --as registry.example.com/team/app oci:build/image";

#[cfg(test)]
mod tests {
    use super::*;

    /// A digest alone has no tag: `latest` is what nothing at all means.
    #[test]
    fn the_tag_of_an_image() {
        let digest = Digest::of(b"");
        for (text, want) in [
            ("example.com/app".to_owned(), Some("latest")),
            ("example.com/app:v1".to_owned(), Some("v1")),
            (format!("example.com/app@{digest}"), None),
            (format!("example.com/app:v1@{digest}"), Some("v1")),
            ("oci:dir:v1".to_owned(), Some("v1")),
            (format!("oci:dir@{digest}"), None),
            ("docker-archive:file".to_owned(), None),
        ] {
            let image: ImageLocator = text.parse().unwrap();
            assert_eq!(tag(&image).as_ref().map(Tag::as_str), want, "{text}");
        }
    }
}

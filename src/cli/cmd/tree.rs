//! `plimsoll tree`: what is attached to an image.

use super::verify::with_digest;
use crate::base::{Digest, ImageLocator, Printable};
use crate::cli::args::Format;
use crate::cli::evidence::{Gatherer, Other};
use crate::cli::key::{KeyReference, read_public_key};
use crate::cli::render::tree::{Answer, Attached, GapWire, Kind};
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::format::bundle::{BundleContent, Material};
use crate::format::dsse::Envelope;
use crate::format::statement::{SIGN_PREDICATE, Statement};
use crate::io::Io;
use crate::verify::{Candidate, Content, Signer, VerifyError, check_attestation, check_signature};

/// List what is attached to an image: signatures, attestations and other artifacts
///
/// Without --key nothing is verified, and types and signers are what the attached things say about themselves. The answer is a list, not a
/// verdict: use `plimsoll verify` before a deploy.
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Image reference, or oci:DIR, oci-archive:FILE, docker-archive:FILE
    #[arg(value_name = "IMAGE")]
    image: ImageLocator,
    /// Public key to check signatures with: a file, env://NAME, or NAME://KEY of a program sigstore-kms-NAME; may be given several times
    #[arg(long, value_name = "KEY")]
    key: Vec<KeyReference>,
}

pub(super) async fn run(args: Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    let mut keys = Vec::new();
    for key in &args.key {
        keys.push((key.to_string(), Signer::Key(read_public_key(io, key).await?)));
    }
    let source = io.open(&args.image)?;
    let digest = source.resolve().await?.digest;
    let mut gatherer = Gatherer::new(&source);
    gatherer.referrers(digest).await;
    gatherer.tags(digest).await;

    let mut answer = Answer::new(args.image.to_string(), digest);
    let found = gatherer.evidence.found.iter().map(|found| describe(&found.candidate, &keys, digest));
    answer.attached = found.chain(gatherer.others.iter().map(artifact)).collect();
    answer.gaps = gatherer
        .evidence
        .gaps
        .into_iter()
        .map(|gap| GapWire { what: gap.what, reason: gap.reason })
        .collect();
    answer.complete = answer.gaps.is_empty();

    let outcome = if answer.complete { Outcome::Yes } else { Outcome::Unknown };
    match ui.format() {
        Format::Json => ui.json(&answer)?,
        Format::Text => {
            let text = answer.text(&with_digest(&args.image, digest));
            ui.answer(&text);
        }
    }
    Ok(outcome)
}

fn describe(candidate: &Candidate, keys: &[(String, Signer)], image: Digest) -> Attached {
    let (kind, type_, claimed_signer) = claims(candidate);
    let mut attached = Attached {
        digest: candidate.digest,
        origin: candidate.origin.to_string(),
        kind,
        type_,
        verified: false,
        signer: None,
        claimed_signer,
        refusal: None,
    };
    if let Content::Unreadable { reason } = &candidate.content {
        attached.refusal = Some(reason.clone());
        return attached;
    }
    for (name, signer) in keys {
        match check(candidate, signer, image) {
            Ok((kind, type_)) => {
                (attached.kind, attached.type_, attached.verified) = (kind, type_, true);
                (attached.signer, attached.refusal) = (Some(name.clone()), None);
                return attached;
            }
            Err(error) => {
                let text = error.to_string();
                attached.refusal = Some(format!("{} ({})", Printable(&text), error.code()));
            }
        }
    }
    attached
}

/// What is proven, by one key.
fn check(
    candidate: &Candidate,
    signer: &Signer,
    image: Digest,
) -> Result<(Kind, Option<String>), VerifyError> {
    match check_attestation(candidate, signer, image) {
        Ok(attested) => Ok((Kind::Attestation, Some(attested.predicate_type().to_owned()))),
        Err(VerifyError::NotAnAttestation) => {
            check_signature(candidate, signer, image).map(|_| (Kind::Signature, None))
        }
        Err(error) => Err(error),
    }
}

/// What a candidate says about itself: kind, type and signer. Nobody vouches for it.
fn claims(candidate: &Candidate) -> (Kind, Option<String>, Option<String>) {
    match &candidate.content {
        Content::Bundle(bundle) => {
            let hint = match bundle.material() {
                Material::PublicKey { hint } => Some(hint.chars().take(128).collect()),
                Material::Certificate { .. } => Some("of a certificate".to_owned()),
            };
            match bundle.content() {
                BundleContent::Envelope(envelope) => {
                    let (kind, type_) = claimed_type(envelope);
                    (kind, type_, hint)
                }
                BundleContent::Message { .. } => (Kind::Signature, None, hint),
            }
        }
        Content::Envelope { envelope, .. } => {
            let (_, type_) = claimed_type(envelope);
            (Kind::Attestation, type_, None)
        }
        Content::SimpleSigning { .. } => (Kind::Signature, None, None),
        Content::Unreadable { .. } => (Kind::Unreadable, None, None),
    }
}

fn claimed_type(envelope: &Envelope) -> (Kind, Option<String>) {
    match Statement::parse(envelope.unverified_payload()) {
        Ok(statement) if statement.predicate_type() == SIGN_PREDICATE => (Kind::Signature, None),
        Ok(statement) => (Kind::Attestation, Some(statement.predicate_type().chars().take(256).collect())),
        Err(_) => (Kind::Attestation, None),
    }
}

fn artifact(other: &Other) -> Attached {
    Attached {
        digest: other.digest,
        origin: other.origin.to_string(),
        kind: Kind::Artifact,
        type_: Some(other.artifact_type.clone()),
        verified: false,
        signer: None,
        claimed_signer: None,
        refusal: None,
    }
}

const EXAMPLES: &str = "\
Examples:
  plimsoll tree registry.example.com/team/app:v1
  plimsoll tree --key release.pub --format json oci:build/image";

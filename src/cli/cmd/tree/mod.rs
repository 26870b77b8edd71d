//! `plimsoll tree`: what is attached to an image, to the images of an index, and to what is attached.

mod judge;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt as _;

use super::verify::with_digest;
use crate::base::{Digest, ImageLocator, Printable, limits};
use crate::cli::args::Format;
use crate::cli::evidence::{Gatherer, Other};
use crate::cli::identity::IdentityArgs;
use crate::cli::key::KeyReference;
use crate::cli::render::quota::quotas;
use crate::cli::render::tree::{Answer, Attached, Claimed, GapWire, ImageWire, Kind};
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::format::bundle::{BundleContent, Material};
use crate::format::dsse::Envelope;
use crate::format::statement::{SIGN_PREDICATE, Statement};
use crate::io::{Io, Resolved, Source};
use crate::policy::Gap;
use crate::verify::{
    Author, Authorship, Candidate, Content, Origin, Signer, VerifyError, check_attestation, check_signature,
};
use judge::{Judge, PolicyArgs};

/// List what is attached to an image: signatures, attestations and other artifacts
///
/// In both of cosign's formats, with what is attached to the images of an index and to what is attached. Without --key or --certificate-identity
/// nothing is verified, and types and signers are what the attached things say about themselves. With --policy each thing is held against every
/// requirement that the policy has for the image, alone: how many signers are needed together is not asked. The answer is a list, not a verdict:
/// use `plimsoll verify` before a deploy.
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Image reference, or oci:DIR, oci-archive:FILE, docker-archive:FILE
    #[arg(value_name = "IMAGE")]
    image: ImageLocator,
    /// Public key to check signatures with: a file, env://NAME, or NAME://KEY of a program sigstore-kms-NAME; may be given several times
    #[arg(long, value_name = "KEY", conflicts_with = "certificate_oidc_issuer")]
    key: Vec<KeyReference>,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    identity: IdentityArgs,
}

pub(super) async fn run(args: Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    let signers = args.identity.signers(&args.key, io).await?;
    let policy = args.policy.read(&args.image, io)?;
    let source = io.open(&args.image)?;
    let resolved = source.resolve().await?;

    let (judge, gap) = match policy {
        Some(policy) => {
            let (judge, gap) = args.policy.judge(policy, &args.image, &source, &resolved, io).await;
            (Some(judge), gap)
        }
        None => (None, None),
    };
    let mut tree = Tree { source: &source, around: BTreeMap::new(), gaps: gap.into_iter().collect() };
    let images = tree.images(&resolved).await;
    let mut roots = vec![resolved.digest];
    roots.extend(images.iter().map(|image| image.digest));
    let asked = match &judge {
        Some(judge) => Asked::Policy { judge, images: &roots },
        None => Asked::Signers(&signers),
    };
    tree.grow(roots.clone(), asked).await;

    let mut answer = Answer::new(args.image.to_string(), resolved.digest);
    answer.policy = judge.as_ref().map(Judge::about_image);
    answer.attached = tree.branch(resolved.digest);
    answer.images = images;
    for image in &mut answer.images {
        image.attached = tree.branch(image.digest);
    }
    answer.gaps = tree.gaps.into_iter().map(|gap| GapWire { what: gap.what, reason: gap.reason }).collect();
    answer.complete = answer.gaps.is_empty();
    answer.quotas = quotas(io);

    let outcome = if answer.complete { Outcome::Yes } else { Outcome::Unknown };
    match ui.format() {
        Format::Json => ui.json(&answer)?,
        Format::Text => {
            let text = answer.text(&with_digest(&args.image, resolved.digest));
            ui.answer(&text);
        }
    }
    Ok(outcome)
}

/// Everything attached that was seen so far.
struct Tree<'a> {
    source: &'a Source,
    around: BTreeMap<Digest, Vec<Leaf>>,
    gaps: Vec<Gap>,
}

/// What is asked about each candidate.
#[derive(Clone, Copy)]
enum Asked<'a> {
    /// Whether a policy accepts it, if it is about one of these images.
    Policy { judge: &'a Judge, images: &'a [Digest] },
    /// Whether one of these signed it.
    Signers(&'a [(String, Signer)]),
}

/// Something attached, and the manifest to which more may be attached.
struct Leaf {
    attached: Attached,
    manifest: Option<Digest>,
}

impl Tree<'_> {
    /// The images below an index, those of indexes in it too.
    async fn images(&mut self, resolved: &Resolved) -> Vec<ImageWire> {
        let mut images = Vec::new();
        let mut known = BTreeSet::from([resolved.digest]);
        let mut level = vec![(resolved.digest, Some(&resolved.content))];
        for _ in 0..limits::INDEX_DEPTH {
            let mut below = Vec::new();
            for (digest, content) in level {
                let mut gatherer = Gatherer::new(self.source);
                for image in gatherer.platforms(digest, content).await {
                    if known.insert(image.digest) {
                        let platform = image.platform.map(|platform| platform.to_string());
                        images.push(ImageWire { digest: image.digest, platform, attached: Vec::new() });
                        below.push((image.digest, None));
                    }
                }
                self.gaps.append(&mut gatherer.evidence.gaps);
                if images.len() > limits::PLATFORMS {
                    let reason = format!("there are more than {} images", limits::PLATFORMS);
                    self.gaps.push(Gap { what: format!("index {digest}"), reason });
                    return images;
                }
            }
            level = below;
        }
        images
    }

    /// Looks around manifests, and around what is found there, within limits.
    async fn grow(&mut self, roots: Vec<Digest>, asked: Asked<'_>) {
        let source = self.source;
        let room = roots.len().saturating_add(limits::TREE_NODES);
        let mut level = roots;
        for depth in 0..=limits::REFERRER_DEPTH {
            let mut known = BTreeSet::new();
            level.retain(|digest| !self.around.contains_key(digest) && known.insert(*digest));
            if level.is_empty() {
                return;
            }
            let fits = room.saturating_sub(self.around.len());
            if level.len() > fits || depth == limits::REFERRER_DEPTH {
                let reason = format!("{} more attached things are not looked around", level.len());
                self.gaps.push(Gap { what: "what is attached".to_owned(), reason });
            }
            level.truncate(if depth == limits::REFERRER_DEPTH { 0 } else { fits });
            let looks = level.iter().map(|digest| look(source, asked, *digest));
            let looks: Vec<_> = futures_util::stream::iter(looks).buffered(AT_ONCE).collect().await;
            let mut next = Vec::new();
            for (digest, (leaves, mut gaps)) in level.into_iter().zip(looks) {
                next.extend(leaves.iter().filter_map(|leaf| leaf.manifest));
                self.around.insert(digest, leaves);
                self.gaps.append(&mut gaps);
            }
            level = next;
        }
    }

    /// What was seen around one manifest; each manifest once, or lists that name each other would grow without end.
    fn branch(&mut self, digest: Digest) -> Vec<Attached> {
        let leaves = self.around.remove(&digest).unwrap_or_default();
        let mut branch = Vec::new();
        for Leaf { mut attached, manifest } in leaves {
            attached.attached = manifest.map(|manifest| self.branch(manifest)).unwrap_or_default();
            branch.push(attached);
        }
        branch
    }
}

/// What is attached to one manifest.
async fn look(source: &Source, asked: Asked<'_>, digest: Digest) -> (Vec<Leaf>, Vec<Gap>) {
    let mut gatherer = Gatherer::new(source);
    gatherer.referrers(digest).await;
    gatherer.tags(digest).await;
    gatherer.sbom(digest).await;
    let candidates = gatherer.evidence.found.iter().map(|found| {
        let attached = describe(&found.candidate, asked, digest);
        Leaf { attached, manifest: manifest(&found.candidate) }
    });
    let others =
        gatherer.others.iter().map(|other| Leaf { attached: artifact(other), manifest: Some(other.digest) });
    (candidates.chain(others).collect(), gatherer.evidence.gaps)
}

/// The manifest of a candidate, where its digest is that and not a layer's.
fn manifest(candidate: &Candidate) -> Option<Digest> {
    let is_bundle = matches!(candidate.content, Content::Bundle(_));
    let is_listed = matches!(candidate.origin, Origin::ReferrersApi | Origin::FallbackTag | Origin::Layout);
    (is_bundle && is_listed).then_some(candidate.digest)
}

fn describe(candidate: &Candidate, asked: Asked<'_>, subject: Digest) -> Attached {
    let (kind, type_, claimed_signer) = claims(candidate);
    let mut attached = Attached {
        digest: candidate.digest,
        origin: candidate.origin.to_string(),
        kind,
        type_,
        verified: false,
        signer: None,
        claimed_signer,
        claimed_identity: candidate.content.unverified_identity().map(|identity| Claimed {
            issuer: identity.issuer.chars().take(256).collect(),
            subject: identity.subject.chars().take(256).collect(),
        }),
        refusal: None,
        policy: None,
        attached: Vec::new(),
    };
    if let Content::Unreadable { reason } = &candidate.content {
        attached.refusal = Some(reason.clone());
        return attached;
    }
    let signers = match asked {
        Asked::Policy { judge, images } => {
            let considered =
                if images.contains(&subject) { judge.about(candidate, subject) } else { Vec::new() };
            attached.consider(considered);
            return attached;
        }
        Asked::Signers(signers) => signers,
    };
    for (name, signer) in signers {
        match check(candidate, signer, subject) {
            Ok((kind, type_, authorship)) => {
                (attached.kind, attached.type_, attached.verified) = (kind, type_, true);
                attached.signer = Some(match authorship.author() {
                    Author::Key(_) => name.clone(),
                    Author::Identity(_) => authorship.author().principal().to_string(),
                });
                attached.refusal = None;
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

/// What is proven, by one signer.
fn check(
    candidate: &Candidate,
    signer: &Signer,
    subject: Digest,
) -> Result<(Kind, Option<String>, Authorship), VerifyError> {
    match check_attestation(candidate, signer, subject) {
        Ok(attested) => {
            let authorship = attested.authorship().clone();
            Ok((Kind::Attestation, Some(attested.predicate_type().to_owned()), authorship))
        }
        Err(VerifyError::NotAnAttestation) => {
            let signed = check_signature(candidate, signer, subject)?;
            Ok((Kind::Signature, None, signed.authorship().clone()))
        }
        Err(error) => Err(error),
    }
}

/// What a candidate says about itself: kind, type and key. Nobody vouches for it.
fn claims(candidate: &Candidate) -> (Kind, Option<String>, Option<String>) {
    match &candidate.content {
        Content::Bundle(bundle) => {
            let hint = match bundle.material() {
                Material::PublicKey { hint } => Some(hint.chars().take(128).collect()),
                Material::Certificate { .. } => None,
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
        type_: Some(other.artifact_type.chars().take(256).collect()),
        verified: false,
        signer: None,
        claimed_signer: None,
        claimed_identity: None,
        refusal: None,
        policy: None,
        attached: Vec::new(),
    }
}

/// Manifests looked around at once.
const AT_ONCE: usize = 4;

const EXAMPLES: &str = "\
Examples:
  plimsoll tree registry.example.com/team/app:v1
  plimsoll tree --key release.pub --format json oci:build/image
  plimsoll tree --policy trust.yaml registry.example.com/team/app:v1
  plimsoll tree --certificate-identity me@example.com --certificate-oidc-issuer https://accounts.google.com IMAGE";

//! `plimsoll attach`: stores a bundle that was signed elsewhere.

use std::path::PathBuf;

use crate::base::{Digest, ImageLocator, Printable, limits};
use crate::cli::args::Format;
use crate::cli::evidence::Gatherer;
use crate::cli::identity::IdentityArgs;
use crate::cli::key::KeyReference;
use crate::cli::publish::{push_bundle, resolve};
use crate::cli::render::attached::AttachedJson;
use crate::cli::render::quota::quotas;
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::format::bundle::{Bundle, BundleContent};
use crate::format::statement::{PAYLOAD_TYPE, SIGN_PREDICATE, Statement, StatementError, Subject};
use crate::io::{Io, Source};
use crate::sign::SignedBundle;
use crate::verify::{Candidate, Content, Origin, Signer, VerifyError, check_attestation, check_signature};

/// Attach a bundle that was signed elsewhere to its image
///
/// The bundle must be about the digest that the image has now. With --key or --certificate-identity it must also be signed by that key or
/// identity; without, nobody has checked who signed it, and whoever verifies the image finds out. A bundle that is attached already is not attached twice.
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Image; a bundle about one image of an index is attached to that image: name its digest
    #[arg(value_name = "IMAGE")]
    image: ImageLocator,
    /// The Sigstore bundle, as `plimsoll sign --no-upload` and cosign write it
    #[arg(long, value_name = "FILE")]
    bundle: PathBuf,
    /// Public key by which the bundle must be signed: a file, env://NAME, or NAME://KEY of a program sigstore-kms-NAME
    #[arg(long, value_name = "KEY", conflicts_with = "certificate_oidc_issuer")]
    key: Option<KeyReference>,
    #[command(flatten)]
    identity: IdentityArgs,
}

const EXAMPLES: &str = "\
Examples:
  plimsoll sign --key release.key --no-upload --bundle app.sigstore.json oci:build/image:1.0   # where the key is
  plimsoll attach --bundle app.sigstore.json --key release.pub registry.example.com/app:1.0    # where the network is
  plimsoll attach --bundle sbom.sigstore.json registry.example.com/app@sha256:…";

/// Checks and attaches.
pub(super) async fn run(args: Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    let signer =
        args.identity.signers(args.key.as_slice(), io).await?.into_iter().map(|(_, signer)| signer).next();
    let bytes = io.files.read_at_most(&args.bundle, limits::ATTESTATION)?;
    let (source, resolved) = resolve(io, &args.image).await?;
    let cannot = || format!("{} cannot be attached", args.bundle.display());
    let bundle =
        Bundle::parse(&bytes).map_err(|error| CliError::new(Outcome::Unknown, error).about(cannot()))?;

    let digest = resolved.digest;
    let kind = match &signer {
        Some(signer) => {
            let content = Content::Bundle(bundle.clone());
            let candidate = Candidate { origin: Origin::File, digest, content };
            verified_type(&candidate, signer, digest).map_err(CliError::from)
        }
        None => claimed_type(&bundle, digest).map_err(|error| CliError::new(Outcome::No, error)),
    };
    let kind = kind.map_err(|error| error.about(cannot()))?;
    let known = find(&source, &bundle, digest).await;
    let added = known.is_none();
    let manifest = match known {
        Some(manifest) => manifest,
        None => {
            let signed = SignedBundle { bundle: bytes, predicate_type: kind.clone() };
            push_bundle(io, &source, &resolved.descriptor(), &signed).await?
        }
    };

    if signer.is_none() {
        ui.warn("nobody has checked who signed the bundle; --key or --certificate-identity checks it");
    }
    match ui.format() {
        Format::Json => ui.json(&AttachedJson {
            schema: "plimsoll.attached/v1",
            image: args.image.to_string(),
            digest: digest.to_string(),
            predicate_type: kind,
            manifest: manifest.to_string(),
            added,
            verified: signer.is_some(),
            quotas: quotas(io),
        })?,
        Format::Text => {
            let before = if added { "" } else { " before, so nothing was added" };
            let (image, kind) = (&args.image, Printable(&kind));
            ui.answer(&format!("attached {image} {digest} ({kind})\n  in referrers {manifest}{before}\n"));
        }
    }
    Ok(Outcome::Yes)
}

/// What the signer says about the image.
fn verified_type(candidate: &Candidate, signer: &Signer, image: Digest) -> Result<String, VerifyError> {
    match check_attestation(candidate, signer, image) {
        Ok(attested) => Ok(attested.predicate_type().to_owned()),
        Err(VerifyError::NotAnAttestation) => {
            check_signature(candidate, signer, image).map(|_| SIGN_PREDICATE.to_owned())
        }
        Err(error) => Err(error),
    }
}

/// What somebody says about the image. Whoever verifies it later checks who.
fn claimed_type(bundle: &Bundle, image: Digest) -> Result<String, NotAbout> {
    let BundleContent::Envelope(envelope) = bundle.content() else { return Err(NotAbout::File) };
    if envelope.payload_type() != PAYLOAD_TYPE {
        return Err(NotAbout::File);
    }
    let statement = Statement::parse(envelope.unverified_payload())?;
    if statement.subject(image).is_none() {
        let claimed = statement.subjects().iter().find_map(Subject::digest);
        return Err(NotAbout::OtherImage { image, claimed });
    }
    Ok(statement.predicate_type().to_owned())
}

/// Why a bundle does not belong beside an image.
#[derive(Debug, thiserror::Error)]
enum NotAbout {
    #[error("it holds no statement about an image")]
    File,
    #[error("it is about {}, not about {image}", .claimed.map_or_else(|| "something else".to_owned(), |it| it.to_string()))]
    OtherImage { image: Digest, claimed: Option<Digest> },
    #[error("its statement is malformed")]
    Statement(#[from] StatementError),
}

/// The referrer that holds the same bundle.
async fn find(source: &Source, wanted: &Bundle, image: Digest) -> Option<Digest> {
    let mut gatherer = Gatherer::new(source);
    gatherer.referrers(image).await;
    let is_same = |content: &Content| matches!(content, Content::Bundle(bundle) if bundle == wanted);
    let candidates = gatherer.evidence.found.iter().map(|found| &found.candidate);
    candidates.filter(|candidate| is_same(&candidate.content)).map(|candidate| candidate.digest).next()
}

//! `plimsoll attest`: signs a statement about an image, with a predicate from a file or an SBOM made in the same step.

use std::path::PathBuf;

use super::sbom::{Document, inventory};
use crate::base::limits;
use crate::cli::args::parse_predicate_type;
use crate::cli::claim::Claim;
use crate::cli::publish::{Depth, Subject, Target, resolve};
use crate::cli::signer::Signer;
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::format::manifest::Descriptor;
use crate::io::Io;

/// Sign a statement about an image: an SBOM, provenance, a scan
///
/// If the same key has attested the same about the same image before, nothing is added.
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["predicate", "sbom"])))]
pub(in crate::cli) struct Args {
    /// What the predicate says: spdxjson, cyclonedx, slsaprovenance1, vuln, openvex, custom, or a URI
    #[arg(long = "type", value_name = "TYPE", requires = "predicate", value_parser = parse_predicate_type)]
    predicate_type: Option<String>,
    /// The predicate, a JSON object; its own bytes are signed, not a rewritten copy
    #[arg(long, value_name = "FILE", requires = "predicate_type")]
    predicate: Option<PathBuf>,
    /// Make the SBOM of the image now, and attest it
    #[arg(long, value_name = "FORMAT", conflicts_with = "predicate_type", value_parser = parse_document)]
    sbom: Option<Attestable>,
    #[command(flatten)]
    subject: Subject,
}

const EXAMPLES: &str = "\
Examples:
  plimsoll attest --key release.key --sbom cyclonedx-json registry.example.com/app:1.0
  plimsoll attest --key release.key --type slsaprovenance1 --predicate provenance.json registry.example.com/app@sha256:…
  plimsoll attest --key release.key --type https://example.com/review/v1 --predicate review.json registry.example.com/app:1.0
  plimsoll attest --identity-token env://TOKEN --signing-config signing.json --type vuln --predicate scan.json registry.example.com/app:1.0
  plimsoll attest --key release.key --storage both --type vuln --predicate scan.json registry.example.com/app:1.0

An SBOM is about one platform: with --sbom and an index, the manifest for --platform (or this machine's) is attested.
The password is PLIMSOLL_PASSWORD or COSIGN_PASSWORD, else asked for on a terminal, else read from stdin.";

/// Attests.
pub(super) async fn run(args: Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    let named = &args.subject;
    named.check(io, ui)?;
    let signer = Signer::open(io, ui, &named.signer).await?;
    let (target, predicate_type, predicate) = match (args.sbom, &args.predicate, args.predicate_type) {
        (Some(sbom), ..) => {
            let (source, resolved) = resolve(io, &named.image).await?;
            let platform = named.platform.as_ref();
            let found = inventory(io, ui, &named.image, (&source, &resolved), platform).await?;
            found.warn(ui);
            let document = sbom.document.write(&found.inventory, found.created)?;
            let manifest = &found.image.manifest;
            let subject = Descriptor::of_manifest(manifest);
            (
                Target::new(source, subject, named.repository.as_ref()),
                sbom.predicate_type.to_owned(),
                document,
            )
        }
        (None, Some(file), Some(predicate_type)) => {
            let predicate = io.files.read_at_most(file, limits::PREDICATE)?;
            let target = Target::resolve(io, named, Depth::Top).await?;
            (target, predicate_type, predicate)
        }
        _ => return Err(CliError::usage("say --type and --predicate, or --sbom")),
    };

    let claim = Claim::Attestation { predicate_type, predicate };
    target.publish(named, &claim, &signer, io, ui).await
}

/// A document that has a predicate type.
#[derive(Clone, Copy, Debug)]
struct Attestable {
    document: Document,
    predicate_type: &'static str,
}

fn parse_document(name: &str) -> Result<Attestable, NotADocument> {
    let document = Document::named(name).ok_or(NotADocument)?;
    let predicate_type = document.predicate_type().ok_or(NotADocument)?;
    Ok(Attestable { document, predicate_type })
}

#[derive(Debug, thiserror::Error)]
#[error("write spdx-json or cyclonedx-json")]
struct NotADocument;

//! `plimsoll verify-blob-attestation`: is this stated about this file?

use std::path::PathBuf;

use crate::base::Printable;
use crate::cli::args::{Format, parse_predicate_type};
use crate::cli::blob::{CheckArgs, Refusal, Wanted, read_bundle};
use crate::cli::render::blob::{Checked, Kind, signer_text};
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::format::statement::predicate_type_matches;
use crate::io::Io;
use crate::policy::code;
use crate::verify::{Attested, check_file_attestation};

/// Check a statement about a file: provenance, an SBOM, a scan
///
/// The statement must be signed, be of the type asked for, and name the file's digest. A signature over the file states nothing. With
/// --format json the answer carries the predicate in the signer's own bytes.
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["predicate_type", "any_type"])))]
pub(in crate::cli) struct Args {
    /// Sigstore bundle with the statement
    #[arg(long, value_name = "FILE")]
    bundle: PathBuf,
    /// What must be stated: spdxjson, cyclonedx, slsaprovenance1, vuln, openvex, custom, or a URI
    #[arg(long = "type", value_name = "TYPE", value_parser = parse_predicate_type)]
    predicate_type: Option<String>,
    /// Accept whatever is stated: the answer names its type, and it is for you to look at that
    #[arg(long)]
    any_type: bool,
    #[command(flatten)]
    check: CheckArgs,
}

const EXAMPLES: &str = "\
Examples:
  plimsoll verify-blob-attestation --key release.pub --bundle app.sigstore.json --type slsaprovenance1 app.tar.gz
  plimsoll verify-blob-attestation --certificate-identity-glob 'https://github.com/acme/app/.github/workflows/*@refs/tags/*' --certificate-oidc-issuer https://token.actions.githubusercontent.com --bundle app.sigstore.json --type slsaprovenance1 app.tar.gz
  plimsoll verify-blob-attestation --key release.pub --bundle app.sigstore.json --type spdxjson --digest sha256:…
  plimsoll verify-blob-attestation --key release.pub --bundle app.sigstore.json --any-type --format json app.tar.gz";

/// Checks.
pub(super) async fn run(args: &Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    let signer = args.check.signer(io).await?;
    let bundle = read_bundle(io, &args.bundle)?;
    let content = args.check.file.read(io, ui, &Wanted::names())?;

    let checked = check_file_attestation(&bundle, &signer, &content);
    let attested = checked.map_err(Refusal::from).and_then(|attested| args.is_asked_for(attested));

    let name = args.check.file.name();
    let attested = match attested {
        Ok(attested) => attested,
        Err(refusal) => return refusal.tell(Kind::Attestation, name, &content, ui),
    };
    let (kind, signer) = (attested.predicate_type(), attested.authorship());
    match ui.format() {
        Format::Json => ui.json(&Checked::attested(name, &content, signer, kind, attested.predicate())?)?,
        Format::Text => {
            let (name, kind) = (Printable(&name).to_string(), Printable(kind).to_string());
            let signer = signer_text(signer);
            ui.answer(&format!("verified {name} {}\n  {kind}\n  stated by {signer}\n", attested.image()));
        }
    }
    Ok(Outcome::Yes)
}

impl Args {
    // "There is an attestation" is no answer to "is there an attestation of this type" (CVE-2026-39395).
    fn is_asked_for(&self, attested: Attested) -> Result<Attested, Refusal> {
        let found = attested.predicate_type();
        match &self.predicate_type {
            Some(wanted) if !predicate_type_matches(wanted, found) => {
                let error = WrongType { wanted: wanted.clone(), found: found.chars().take(128).collect() };
                Err(Refusal::new(code::PREDICATE_TYPE, CliError::new(Outcome::No, error)))
            }
            _ => Ok(attested),
        }
    }
}

/// Something else is stated.
#[derive(Debug, thiserror::Error)]
#[error("it is an attestation of type `{}`, not `{wanted}`", Printable(.found))]
struct WrongType {
    wanted: String,
    found: String,
}

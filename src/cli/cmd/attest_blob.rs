//! `plimsoll attest-blob`: signs a statement about a file.

use std::path::{Path, PathBuf};

use crate::base::{Printable, limits};
use crate::cli::args::{Format, parse_predicate_type};
use crate::cli::blob::{FileArgs, Wanted};
use crate::cli::render::blob::{Kind, Made};
use crate::cli::signer::{Signer, SignerArgs};
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::io::{Io, Mode};
use crate::sign;

/// Sign a statement about a file: provenance, an SBOM, a scan
///
/// The statement names the file by its SHA-256 and by its name without folders; the predicate goes into it byte for byte.
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    signer: SignerArgs,
    /// What the predicate says: spdxjson, cyclonedx, slsaprovenance1, vuln, openvex, custom, or a URI
    #[arg(long = "type", value_name = "TYPE", value_parser = parse_predicate_type)]
    predicate_type: String,
    /// The predicate, a JSON object; its own bytes are signed, not a rewritten copy
    #[arg(long, value_name = "FILE")]
    predicate: PathBuf,
    /// Where the Sigstore bundle goes
    #[arg(long, value_name = "FILE")]
    bundle: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  plimsoll attest-blob --key release.key --type slsaprovenance1 --predicate provenance.json --bundle app.sigstore.json app.tar.gz
  plimsoll attest-blob --key release.key --type spdxjson --predicate app.spdx.json --bundle app.sigstore.json --hash sha256:…

The password is PLIMSOLL_PASSWORD or COSIGN_PASSWORD, else asked for on a terminal, else read from stdin.";

/// Attests.
pub(super) async fn run(args: Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    let predicate = io.files.read_at_most(&args.predicate, limits::PREDICATE)?;
    // Before the key: a password may come from the same standard input.
    let content = args.file.read(io, ui, &Wanted::names())?;
    let signer = Signer::open(io, ui, &args.signer).await?;

    let subject = args.file.file.as_deref().map(file_name).unwrap_or_default();
    let unsigned = sign::attestation(&subject, content.name(), &args.predicate_type, &predicate)?;
    let signed = signer.sign_bundle(io, unsigned).await?;
    io.files.write(&args.bundle, &signed.bundle, Mode::Public)?;

    let (file, digest, bundle) = (args.file.name(), content.name(), args.bundle.display());
    match ui.format() {
        Format::Json => ui.json(&Made {
            schema: "plimsoll.sign-blob/v1",
            kind: Kind::Attestation,
            file,
            digest: digest.to_string(),
            bundle: bundle.to_string(),
            predicate_type: Some(args.predicate_type),
        })?,
        Format::Text => {
            let (file, kind) = (Printable(&file).to_string(), Printable(&args.predicate_type).to_string());
            ui.answer(&format!("attested {file} {digest} ({kind})\n  in {bundle}\n"));
        }
    }
    Ok(Outcome::Yes)
}

/// What the file is called, without its folders: they are nobody else's business.
fn file_name(path: &Path) -> String {
    match path.to_str() {
        Some("-") => String::new(),
        _ => path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
    }
}

//! `plimsoll attest-blob`: signs a statement about a file.

use std::path::{Path, PathBuf};

use crate::base::{Digest, Printable, limits};
use crate::cli::args::{Format, parse_predicate_type};
use crate::cli::blob::{FileArgs, Wanted};
use crate::cli::outlet::Outlet;
use crate::cli::render::blob::{Kind, Made};
use crate::cli::render::certified::Certified;
use crate::cli::signer::{Signer, SignerArgs};
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::format::statement::{Statement, Subject};
use crate::io::Io;
use crate::sign::{self, UnsignedBundle};

/// Sign a statement about a file: provenance, an SBOM, a scan
///
/// The statement names the file by its SHA-256 and by its name without folders; the predicate goes into it byte for byte.
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["predicate", "statement"])))]
pub(in crate::cli) struct Args {
    /// File; `-` is standard input
    #[arg(value_name = "FILE", required_unless_present_any = ["digest", "statement"])]
    file: Option<PathBuf>,
    /// Digest of the file, instead of the file
    #[arg(long = "hash", visible_alias = "digest", value_name = "sha256:HEX", conflicts_with = "file")]
    digest: Option<Digest>,
    /// What the predicate says: spdxjson, cyclonedx, slsaprovenance1, vuln, openvex, custom, or a URI
    #[arg(long = "type", value_name = "TYPE", requires = "predicate", value_parser = parse_predicate_type)]
    predicate_type: Option<String>,
    /// The predicate, a JSON object; its own bytes are signed, not a rewritten copy
    #[arg(long, value_name = "FILE", requires = "predicate_type")]
    predicate: Option<PathBuf>,
    /// A whole in-toto statement that is there already, instead of a file and a predicate
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "digest"])]
    statement: Option<PathBuf>,
    /// Where the Sigstore bundle goes; `-` is standard output
    #[arg(long, value_name = "FILE")]
    bundle: Outlet,
    #[command(flatten)]
    signer: SignerArgs,
}

const EXAMPLES: &str = "\
Examples:
  plimsoll attest-blob --key release.key --type slsaprovenance1 --predicate provenance.json --bundle app.sigstore.json app.tar.gz
  plimsoll attest-blob --key release.key --type spdxjson --predicate app.spdx.json --bundle app.sigstore.json --hash sha256:…
  plimsoll attest-blob --key release.key --statement app.intoto.json --bundle app.sigstore.json

The password is PLIMSOLL_PASSWORD or COSIGN_PASSWORD, else asked for on a terminal, else read from stdin.";

/// Attests.
pub(super) async fn run(args: Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    args.bundle.check(io, ui)?;
    if args.file.as_deref() == Some(Path::new("-")) {
        ui.reserve_input();
    }
    let Stated { file, digest, unsigned } = args.stated(io, ui)?;
    let signer = Signer::open(io, ui, &args.signer).await?;
    let signed = signer.sign_bundle(io, ui, unsigned).await?;
    args.bundle.write(&signed.bundle, io, ui)?;

    let identity = signer.certified().await;
    let bundle = &args.bundle;
    match ui.format() {
        Format::Json => ui.json(&Made {
            schema: "plimsoll.sign-blob/v1",
            kind: Kind::Attestation,
            file,
            digest: digest.to_string(),
            bundle: bundle.to_string(),
            predicate_type: Some(signed.predicate_type),
            identity,
        })?,
        Format::Text => {
            let (file, kind) = (Printable(&file).to_string(), Printable(&signed.predicate_type).to_string());
            let who = identity.as_ref().map(Certified::line).unwrap_or_default();
            bundle.tell(&format!("attested {file} {digest} ({kind})\n  in {bundle}\n{who}"), ui);
        }
    }
    Ok(Outcome::Yes)
}

/// What is to be signed, and what it is about.
struct Stated {
    file: String,
    digest: Digest,
    unsigned: UnsignedBundle,
}

impl Args {
    fn stated(&self, io: &Io, ui: &mut Ui<'_>) -> Result<Stated, CliError> {
        let (predicate_type, predicate) = match (&self.statement, &self.predicate_type, &self.predicate) {
            (None, Some(kind), Some(predicate)) => (kind, predicate),
            (Some(path), ..) => return written(path, io),
            _ => return Err(CliError::usage("say --type and --predicate, or --statement")),
        };
        let predicate = io.files.read_at_most(predicate, limits::PREDICATE)?;
        let args = FileArgs { file: self.file.clone(), digest: self.digest };
        let digest = args.read(io, ui, &Wanted::names())?.name();
        let subject = self.file.as_deref().map(file_name).unwrap_or_default();
        let unsigned = sign::attestation(&subject, digest, predicate_type, &predicate)?;
        Ok(Stated { file: args.name(), digest, unsigned })
    }
}

/// A statement from a file. What it is about stands in it.
fn written(path: &Path, io: &Io) -> Result<Stated, CliError> {
    let bytes = io.files.read_at_most(path, limits::PREDICATE)?;
    let cannot = || format!("{} cannot be attested", path.display());
    let unsigned = sign::written_statement(&bytes).map_err(|error| CliError::from(error).about(cannot()))?;
    let statement = Statement::parse(&bytes).map_err(CliError::bug)?;
    let digest = statement.subjects().iter().find_map(Subject::digest).ok_or_else(|| {
        CliError::usage("no subject has a digest by sha256, sha384 or sha512").about(cannot())
    })?;
    Ok(Stated { file: path.display().to_string(), digest, unsigned })
}

/// What the file is called, without its folders: they are nobody else's business.
fn file_name(path: &Path) -> String {
    match path.to_str() {
        Some("-") => String::new(),
        _ => path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
    }
}

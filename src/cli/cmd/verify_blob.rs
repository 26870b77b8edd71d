//! `plimsoll verify-blob`: was this file signed?

use std::path::PathBuf;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::base::Printable;
use crate::cli::args::Format;
use crate::cli::blob::{CheckArgs, Refusal, Wanted, read_bundle};
use crate::cli::render::blob::{Checked, Kind, signer_text};
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::format::bundle::Bundle;
use crate::io::Io;
use crate::verify::{check_bare_signature, check_file};

/// Check the signature of a file
///
/// The signature is in a Sigstore bundle, or bare in base64 as older tools write it. A statement about the file is not a signature.
///
/// The file is read once and not held; only for an Ed25519 key, which signs the bytes themselves, it must fit into memory.
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
#[command(group(clap::ArgGroup::new("proof").required(true).args(["bundle", "signature"])))]
pub(in crate::cli) struct Args {
    /// Sigstore bundle with the signature
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// The bare signature in base64, as `cosign sign-blob --output-signature` writes it
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    #[command(flatten)]
    check: CheckArgs,
}

const EXAMPLES: &str = "\
Examples:
  plimsoll verify-blob --key release.pub --bundle app.tar.gz.sigstore.json app.tar.gz
  plimsoll verify-blob --certificate-identity dev@example.com --certificate-oidc-issuer https://accounts.example.com --bundle app.sigstore.json app.tar.gz
  plimsoll verify-blob --key release.pub --signature app.tar.gz.sig app.tar.gz
  plimsoll verify-blob --key release.pub --bundle app.sigstore.json --digest sha256:…
  curl -fsSL https://example.com/app.tar.gz | plimsoll verify-blob --key release.pub --bundle app.sigstore.json -";

/// Checks.
pub(super) async fn run(args: &Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    let signer = args.check.signer(io).await?;
    let proof = match (&args.bundle, &args.signature) {
        (Some(bundle), _) => Proof::Bundle(read_bundle(io, bundle)?),
        (None, Some(path)) => {
            let text = io.files.read_text(path)?;
            let signature = STANDARD.decode(text.trim()).map_err(|error| {
                CliError::new(Outcome::Unknown, error)
                    .about(format!("{} is not a signature in base64", path.display()))
            })?;
            Proof::Bare(signature)
        }
        (None, None) => return Err(CliError::usage("say --bundle or --signature")),
    };
    let bundle = match &proof {
        Proof::Bundle(bundle) => Some(bundle),
        Proof::Bare(_) => None,
    };
    let content = args.check.file.read(io, ui, &Wanted::by(signer.key(), bundle))?;

    let checked = match &proof {
        Proof::Bare(signature) => check_bare_signature(signature, &signer, &content),
        Proof::Bundle(bundle) => check_file(bundle, &signer, &content),
    };

    let name = args.check.file.name();
    let signed = match checked {
        Ok(signed) => signed,
        Err(error) => return Refusal::from(error).tell(Kind::Signature, name, &content, ui),
    };
    match ui.format() {
        Format::Json => ui.json(&Checked::signed(name, &content, signed.authorship()))?,
        Format::Text => {
            let (name, signer) = (Printable(&name).to_string(), signer_text(signed.authorship()));
            ui.answer(&format!("verified {name} {}\n  signed by {signer}\n", signed.digest()));
        }
    }
    Ok(Outcome::Yes)
}

enum Proof {
    Bare(Vec<u8>),
    Bundle(Bundle),
}

//! `plimsoll sign-blob`: signs a file.

use std::path::{Path, PathBuf};

use crate::base::Printable;
use crate::cli::args::Format;
use crate::cli::blob::read_file;
use crate::cli::outlet::Outlet;
use crate::cli::render::blob::{Kind, Made};
use crate::cli::render::certified::Certified;
use crate::cli::signer::{Signer, SignerArgs};
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::io::Io;
use crate::sign::UnsignedFile;

/// Sign a file
///
/// Writes a Sigstore bundle that `plimsoll verify-blob` and `cosign verify-blob` check. The file is hashed as it is read and not held; only
/// with an Ed25519 key, which signs the bytes themselves, it must fit into memory.
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// File; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where the Sigstore bundle goes; `-` is standard output
    #[arg(long, value_name = "FILE")]
    bundle: Outlet,
    #[command(flatten)]
    signer: SignerArgs,
}

const EXAMPLES: &str = "\
Examples:
  plimsoll sign-blob --key release.key --bundle app.tar.gz.sigstore.json app.tar.gz
  plimsoll sign-blob --oidc-provider github-actions --signing-config signing.json --bundle app.sigstore.json app.tar.gz
  tar -c app | PLIMSOLL_PASSWORD=… plimsoll sign-blob --key release.key --bundle app.sigstore.json -

The password is PLIMSOLL_PASSWORD or COSIGN_PASSWORD, else asked for on a terminal, else read from stdin.";

/// Signs.
pub(super) async fn run(args: Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    args.bundle.check(io, ui)?;
    if args.file == Path::new("-") {
        ui.reserve_input();
    }
    let signer = Signer::open(io, ui, &args.signer).await?;
    let content = read_file(io, ui, &args.file, &signer.wants())?;

    let digest = content.name();
    let unsigned = UnsignedFile::new(content);
    let signature = signer.sign(io, ui, unsigned.to_sign()).await?;
    let bundle = unsigned.signed(&signature)?;
    args.bundle.write(&bundle, io, ui)?;

    let identity = signer.certified().await;
    let (file, bundle) = (args.file.display().to_string(), &args.bundle);
    match ui.format() {
        Format::Json => ui.json(&Made {
            schema: "plimsoll.sign-blob/v1",
            kind: Kind::Signature,
            file,
            digest: digest.to_string(),
            bundle: bundle.to_string(),
            predicate_type: None,
            identity,
        })?,
        Format::Text => {
            let who = identity.as_ref().map(Certified::line).unwrap_or_default();
            bundle.tell(&format!("signed {} {digest}\n  in {bundle}\n{who}", Printable(&file)), ui);
        }
    }
    Ok(Outcome::Yes)
}

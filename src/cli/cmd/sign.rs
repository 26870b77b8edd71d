//! `plimsoll sign`: signs an image by digest and stores the signature beside it.

use crate::cli::annotation;
use crate::cli::claim::Claim;
use crate::cli::publish::{Depth, Subject, Target};
use crate::cli::signer::Signer;
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::io::Io;

/// Sign an image by its digest
///
/// An index is signed with every image that it lists, for a machine pulls one of those. If the same key has signed the same image with the
/// same annotations before, nothing is added.
///
/// Keyless: an identity signs, with a key that lives for this run. The services that prove it (certificate authority, transparency log, time
/// stamps) are those that you name, and no others. With --key, the same options enter the signature in logs and have it stamped.
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// A fact to sign with the image; may be given several times
    #[arg(long = "annotation", short = 'a', value_name = "KEY=VALUE", value_parser = annotation::parse)]
    annotations: Vec<(String, String)>,
    /// Sign an index and every image that it lists; this is the default
    #[arg(long, short, conflicts_with = "platform")]
    recursive: bool,
    /// Sign an index only, and none of the images that it lists
    #[arg(long, conflicts_with_all = ["recursive", "platform"])]
    no_recursive: bool,
    #[command(flatten)]
    subject: Subject,
}

const EXAMPLES: &str = "\
Examples:
  plimsoll sign --key release.key registry.example.com/app@sha256:…
  plimsoll sign --key release.key -a commit=5f3c1a2 registry.example.com/app:1.0
  plimsoll sign --key release.key --storage both registry.example.com/app:1.0   # for cosign 2, too
  plimsoll sign --key release.key --as registry.example.com/app oci:build/image:1.0
  plimsoll sign --oidc-provider github-actions --signing-config signing.json registry.example.com/app:1.0
  plimsoll sign --identity-token token.jwt --fulcio-url https://fulcio.example.com --timestamp-url https://tsa.example.com/api/v1/timestamp --rekor-url https://rekor.example.com --rekor-version 2 registry.example.com/app:1.0
  plimsoll sign --key release.key --signing-config signing.json --trusted-root trusted_root.json registry.example.com/app:1.0
  plimsoll sign --key release.key --no-upload --bundle app.sigstore.json registry.example.com/app:1.0

The password is PLIMSOLL_PASSWORD or COSIGN_PASSWORD, else asked for on a terminal, else read from stdin.";

/// Signs.
pub(super) async fn run(args: Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    let Args { subject: named, annotations, recursive: _, no_recursive } = args;
    let annotations = annotation::distinct(&annotations)?;
    named.check(io, ui)?;
    let signer = Signer::open(io, ui, &named.signer).await?;
    let depth = if no_recursive { Depth::Top } else { Depth::Platforms };
    let target = Target::resolve(io, &named, depth).await?;

    target.publish(&named, &Claim::Signature { annotations }, &signer, io, ui).await
}

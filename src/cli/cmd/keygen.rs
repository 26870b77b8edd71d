//! `plimsoll keygen`: a new key pair.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use crate::cli::args::Format;
use crate::cli::password::{Purpose, read_password};
use crate::cli::render::keygen::KeygenJson;
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::crypto::PrivateKey;
use crate::io::{Files, Io, Mode};

/// Make a key pair for signing images
///
/// Writes an ECDSA P-256 key pair: PREFIX.key, encrypted with a password and readable by you only, and PREFIX.pub for everybody. cosign
/// reads both.
///
/// The password is taken from PLIMSOLL_PASSWORD or COSIGN_PASSWORD, asked for on a terminal, or read from standard input.
#[derive(ClapArgs, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Where to write: PREFIX.key and PREFIX.pub
    #[arg(long, short, value_name = "PREFIX", default_value = "plimsoll")]
    output: PathBuf,
    /// Replace existing files; the old key is then lost
    #[arg(long)]
    force: bool,
}

/// Gathers the password, makes the key, tells its fingerprint.
pub(super) async fn run(args: Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    let (private, public) = (with_extension(&args.output, ".key"), with_extension(&args.output, ".pub"));
    if !args.force
        && let Some(path) = [&private, &public].into_iter().find(|path| io.files.exists(path))
    {
        return Err(CliError::usage(format!("{} exists already", path.display()))
            .hint("choose another name with --output, or replace it with --force"));
    }
    let password = read_password(io, ui, Purpose::Create)?;
    if password.expose().is_empty() {
        ui.warn("the password is empty: whoever can read the file can sign with the key");
    }

    let key = PrivateKey::generate()?;
    let pem = zeroize::Zeroizing::new(key.to_encrypted_pem(&password)?);

    // Two that make a key of one name at once must not both believe in theirs.
    let write = if args.force { Files::write } else { Files::create };
    write(&io.files, &private, pem.as_bytes(), Mode::Private)?;
    write(&io.files, &public, key.public().to_pem().as_bytes(), Mode::Public)?;
    let fingerprint = key.public().fingerprint();
    match ui.format() {
        Format::Json => ui.json(&KeygenJson::new(&private, &public, &key.public()))?,
        Format::Text => ui.answer(&format!(
            "private key: {} (encrypted; keep it)\npublic key:  {} (give it away)\nfingerprint: {fingerprint}\n",
            private.display(),
            public.display(),
        )),
    }
    Ok(Outcome::Yes)
}

/// Appends; `Path::with_extension` would cut `my.app` to `my`.
fn with_extension(prefix: &Path, extension: &str) -> PathBuf {
    let mut name = OsString::from(prefix);
    name.push(extension);
    PathBuf::from(name)
}

const EXAMPLES: &str = "\
Examples:
  plimsoll keygen
  plimsoll keygen --output release
  PLIMSOLL_PASSWORD=… plimsoll keygen --output release --format json";

//! A key pair in two files, as `keygen` and `key import` write it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::args::Format;
use super::outlet::Outlet;
use super::password::{Purpose, read_password};
use super::render::keygen::KeygenJson;
use super::ui::Ui;
use super::{CliError, Outcome};
use crate::crypto::PrivateKey;
use crate::io::{Existing, Io, Mode, NewFile};

/// Where a key pair goes.
#[derive(clap::Args, Debug)]
pub(super) struct Output {
    /// Where to write: PREFIX.key and PREFIX.pub
    #[arg(long, short, value_name = "PREFIX", default_value = "plimsoll")]
    output: PathBuf,
    /// Replace existing files; the old key is then lost
    #[arg(long)]
    force: bool,
}

impl Output {
    /// Looks before anybody is asked for a password.
    pub(super) fn check(&self, io: &Io, ui: &Ui<'_>) -> Result<(), CliError> {
        let halves = [self.private(), self.public()];
        if self.output.as_os_str() == "-" {
            return Err(CliError::usage("a key pair is two files, and is not written to standard output")
                .hint("name them, as in `plimsoll keygen --output release`"));
        }
        match halves.iter().find(|path| !self.force && io.files.exists(path)) {
            None => halves.map(Outlet::from).iter().try_for_each(|half| half.check(io, ui)),
            Some(path) => Err(CliError::usage(format!("{} exists already", path.display()))
                .hint("choose another name with --output, or replace it with --force")),
        }
    }

    /// Encrypts and writes both halves, and tells.
    pub(super) fn write(&self, key: &PrivateKey, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
        let password = read_password(io, ui, Purpose::Create)?;
        if password.expose().is_empty() {
            ui.warn("the password is empty: whoever can read the file can sign with the key");
        }
        let pem = zeroize::Zeroizing::new(key.to_encrypted_pem(&password)?);
        // Two that make a key of one name at once must not both believe in theirs.
        let existing = if self.force { Existing::Replaced } else { Existing::Kept };
        let (private, public) = (self.private(), self.public());
        let public_pem = key.public().to_pem();
        let halves = [
            NewFile { path: &private, bytes: pem.as_bytes(), mode: Mode::Private },
            NewFile { path: &public, bytes: public_pem.as_bytes(), mode: Mode::Public },
        ];
        io.files.write_both(halves, existing)?;
        match ui.format() {
            Format::Json => ui.json(&KeygenJson::new(&private, &public, &key.public()))?,
            Format::Text => ui.answer(&format!(
                "private key: {} (encrypted; keep it)\npublic key:  {} (give it away)\nfingerprint: {}\n",
                private.display(),
                public.display(),
                key.public().fingerprint(),
            )),
        }
        Ok(Outcome::Yes)
    }

    fn private(&self) -> PathBuf {
        with_extension(&self.output, ".key")
    }

    fn public(&self) -> PathBuf {
        with_extension(&self.output, ".pub")
    }
}

/// Appends; `Path::with_extension` would cut `my.app` to `my`.
fn with_extension(prefix: &Path, extension: &str) -> PathBuf {
    let mut name = OsString::from(prefix);
    name.push(extension);
    PathBuf::from(name)
}

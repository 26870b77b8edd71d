//! Files on the command line: read once, hashed, and held only where a signature needs the whole of it.

use std::path::{Path, PathBuf};

use super::identity::IdentityArgs;
use super::key::KeyReference;
use super::render::blob::{Checked, Kind, Refused};
use super::ui::Ui;
use super::{CliError, Outcome};
use crate::base::{Algorithm, Digest, FileContent, FileHasher, Printable, limits};
use crate::crypto::PublicKey;
use crate::format::bundle::{Bundle, BundleContent};
use crate::io::{Io, stream};
use crate::verify::{Signer, VerifyError};

/// The file that something is checked or said about.
#[derive(clap::Args, Debug)]
pub(super) struct FileArgs {
    /// File; `-` is standard input
    #[arg(value_name = "FILE", required_unless_present = "digest")]
    pub(super) file: Option<PathBuf>,
    /// Digest of the file, instead of the file
    #[arg(long, visible_alias = "hash", value_name = "sha256:HEX", conflicts_with = "file")]
    pub(super) digest: Option<Digest>,
}

impl FileArgs {
    /// What the user calls it.
    pub(super) fn name(&self) -> String {
        match (&self.file, self.digest) {
            (Some(file), _) => file.display().to_string(),
            (None, digest) => digest.map(|digest| digest.to_string()).unwrap_or_default(),
        }
    }

    /// Reads it, or takes its digest for it.
    pub(super) fn read(&self, io: &Io, ui: &mut Ui<'_>, wanted: &Wanted) -> Result<FileContent, CliError> {
        match (&self.file, self.digest) {
            (Some(file), _) => read_file(io, ui, file, wanted),
            (None, Some(digest)) => Ok(FileContent::named(digest)),
            (None, None) => Err(CliError::usage("name a file, or say --digest")),
        }
    }
}

/// What is checked about a file, and who must have signed that.
#[derive(clap::Args, Debug)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    pub(super) file: FileArgs,
    /// Public key by which it must be signed: a file, env://NAME, or NAME://KEY of a program sigstore-kms-NAME
    #[arg(
        long,
        value_name = "KEY",
        required_unless_present = "certificate_oidc_issuer",
        conflicts_with = "certificate_oidc_issuer"
    )]
    key: Option<KeyReference>,
    #[command(flatten)]
    identity: IdentityArgs,
}

impl CheckArgs {
    /// Who must have signed: the key or the identity on the command line.
    pub(super) async fn signer(&self, io: &Io) -> Result<Signer, CliError> {
        let named = self.identity.signers(self.key.as_slice(), io).await?;
        named.into_iter().map(|(_, signer)| signer).next().ok_or_else(|| {
            CliError::usage("nobody is named who must have signed")
                .hint("add --key FILE, or --certificate-identity")
        })
    }
}

/// What must be known of a file.
pub(super) struct Wanted {
    hashes: Vec<Algorithm>,
    keep: usize,
}

impl Wanted {
    /// Whatever a signature by the signer may be over. A certificate tells its key only later, and a bundle may name another hash.
    pub(super) fn by(key: Option<&PublicKey>, bundle: Option<&Bundle>) -> Self {
        let Some(key) = key else { return Self::names() };
        let keep = if key.algorithm().signs_bytes() { limits::FILE_IN_MEMORY } else { 0 };
        let usual = match bundle.map(|bundle| &bundle.content) {
            Some(BundleContent::Message { digest: Some(claimed), .. }) => claimed.algorithm == "SHA2_256",
            _ => true,
        };
        let hashes = if usual { key.algorithm().file_hashes() } else { Algorithm::ALL.to_vec() };
        Self { hashes, keep }
    }

    /// The whole of it, too.
    pub(super) fn whole(self) -> Self {
        Self { keep: limits::FILE_IN_MEMORY, ..self }
    }

    /// Every hash by which a statement may name it.
    pub(super) fn names() -> Self {
        Self { hashes: Algorithm::ALL.to_vec(), keep: 0 }
    }
}

/// Reads a file, or standard input if it is called `-`.
pub(super) fn read_file(
    io: &Io,
    ui: &mut Ui<'_>,
    path: &Path,
    wanted: &Wanted,
) -> Result<FileContent, CliError> {
    let mut hasher = FileHasher::new(&wanted.hashes, wanted.keep);
    let mut each = |piece: &[u8]| hasher.update(piece);
    if path == Path::new("-") {
        let read = ui.read_input(|input| stream(input, &mut each));
        read.map_err(|error| CliError::new(Outcome::Unknown, Input(error)))?;
    } else {
        io.files.stream(path, &mut each)?;
    }
    Ok(hasher.finish())
}

#[derive(Debug, thiserror::Error)]
#[error("cannot read standard input")]
struct Input(#[source] std::io::Error);

/// Reads a bundle from a file.
pub(super) fn read_bundle(io: &Io, path: &Path) -> Result<Bundle, CliError> {
    let bytes = io.files.read_at_most(path, limits::ATTESTATION)?;
    Bundle::parse_any_version(&bytes).map_err(|error| {
        CliError::new(Outcome::Unknown, error).about(format!("{} cannot be read as a bundle", path.display()))
    })
}

/// Why a proof does not count.
pub(super) struct Refusal {
    error: CliError,
    code: &'static str,
}

impl From<VerifyError> for Refusal {
    fn from(error: VerifyError) -> Self {
        let code = error.code();
        Self { error: error.into(), code }
    }
}

impl Refusal {
    /// Refused for a reason that is not the proof's own.
    pub(super) fn new(code: &'static str, error: CliError) -> Self {
        Self { error, code }
    }

    /// Tells it. On standard output nothing is said but in JSON: whoever reads only that must not take a refusal for an answer.
    pub(super) fn tell(
        self,
        kind: Kind,
        file: String,
        content: &FileContent,
        ui: &mut Ui<'_>,
    ) -> Result<Outcome, CliError> {
        let Self { error, code } = self;
        let outcome = error.outcome;
        if ui.format() == super::args::Format::Json {
            ui.json(&Checked::refused(kind, file.clone(), content, &Refused { code, error: &error }))?;
        }
        let what = match kind {
            Kind::Attestation => "nothing is proven to be stated about",
            Kind::Signature => "nothing proves that it is signed:",
        };
        let error = error.about(format!("{what} {} ({code})", Printable(&file)));
        ui.fail(&error.hint(format!("what {code} means: `plimsoll explain {code}`")));
        Ok(outcome)
    }
}

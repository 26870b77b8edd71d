//! Errors of trusted roots.

use std::path::{Path, PathBuf};

use super::CliError;
use crate::cli::Outcome;
use crate::verify::TrustRootError;

impl CliError {
    /// A file that is no trusted root, or of no use.
    pub(in crate::cli) fn not_a_trusted_root(path: &Path, source: TrustRootError) -> Self {
        let hint = match &source {
            TrustRootError::Form(_) | TrustRootError::TooLarge => {
                "get the public Sigstore's: `plimsoll trusted-root update --output FILE`, or make one of your own: `plimsoll trusted-root \
                 create --help`"
            }
            TrustRootError::Certificate(_) | TrustRootError::Material { .. } => {
                "compare it with what it was made from, or get it again: `plimsoll trusted-root update --output FILE`"
            }
            TrustRootError::KeyDetails { .. } => {
                "correct `keyDetails`, or make the file again: `plimsoll trusted-root create --help`"
            }
        };
        Self::new(Outcome::Usage, NotATrustedRoot { path: path.to_owned(), code: source.code(), source })
            .hint(hint)
    }

    /// What a repository vouches for and nobody can use here.
    pub(in crate::cli) fn unusable_trusted_root(source: TrustRootError) -> Self {
        Self::new(Outcome::Unknown, Unusable { code: source.code(), source })
    }
}

/// A file that is no trusted root.
#[derive(Debug, thiserror::Error)]
#[error("{} is not a trusted root   {code}", .path.display())]
struct NotATrustedRoot {
    path: PathBuf,
    code: &'static str,
    source: TrustRootError,
}

/// What the repository vouches for is of no use here.
#[derive(Debug, thiserror::Error)]
#[error("the trusted root in the repository cannot be used   {code}")]
struct Unusable {
    code: &'static str,
    source: TrustRootError,
}

//! Formats of files that name images: one file each, and an entry in [`FORMATS`].

mod dockerfile;

use std::path::Path;

use super::Occurrence;
use crate::base::{Insertion, LineColumn};
use crate::format::dockerfile::DockerfileError;

/// A format of files.
#[derive(Debug)]
pub struct PinFormat {
    /// As in `--type`.
    pub name: &'static str,
    /// Whether a file of this name has the format.
    pub claims: fn(&Path) -> bool,
    /// Every place that names an image, in the order of the file.
    pub find: fn(&str) -> Result<Vec<Occurrence>, FindError>,
    /// Whether the second text says the same as the first, but for what was put in at offsets of the first.
    pub is_same_but_for: fn(&str, &str, &[Insertion]) -> Result<bool, FindError>,
    /// A small file of this format.
    pub example: Example,
}

/// A file before and after; `DIGEST` stands for the digest that was put in.
#[derive(Debug)]
pub struct Example {
    /// Its name.
    pub path: &'static str,
    /// Before.
    pub before: &'static str,
    /// After.
    pub after: &'static str,
}

/// All formats, sorted by name.
pub const FORMATS: &[PinFormat] = &[dockerfile::FORMAT];

/// The format of a file, by its name.
pub fn format_of(path: &Path) -> Option<&'static PinFormat> {
    FORMATS.iter().find(|format| (format.claims)(path))
}

/// The format of this name.
pub fn format_named(name: &str) -> Option<&'static PinFormat> {
    FORMATS.iter().find(|format| format.name == name)
}

/// Why a file is not searched.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FindError {
    /// Not a Dockerfile that BuildKit takes.
    #[error("{0}")]
    Dockerfile(DockerfileError),
    /// An ignore comment that does not say why.
    #[error("{at}: an ignore comment gives its reason: `# plimsoll:ignore pin -- reason`")]
    IgnoreWithoutReason {
        /// Where.
        at: LineColumn,
    },
}

impl From<DockerfileError> for FindError {
    fn from(error: DockerfileError) -> Self {
        Self::Dockerfile(error)
    }
}

//! Where a verb writes what it makes. `-` is standard output in every verb, and never a file of that name.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::builder::{MapValueParser, PathBufValueParser, TypedValueParser as _, ValueParserFactory};

use super::CliError;
use super::args::Format;
use super::ui::Ui;
use crate::io::{FileError, Io, Mode};

/// A file, or standard output.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Outlet {
    File(PathBuf),
    Standard,
}

impl From<PathBuf> for Outlet {
    fn from(path: PathBuf) -> Self {
        if path.as_os_str() == "-" { Self::Standard } else { Self::File(path) }
    }
}

impl ValueParserFactory for Outlet {
    type Parser = MapValueParser<PathBufValueParser, fn(PathBuf) -> Self>;

    fn value_parser() -> Self::Parser {
        PathBufValueParser::new().map(Self::from)
    }
}

impl fmt::Display for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Standard => f.write_str("standard output"),
        }
    }
}

impl Outlet {
    /// Looks before the work begins, which may take hours or ask for a password, whether its result can be written.
    pub(super) fn check(&self, io: &Io, ui: &Ui<'_>) -> Result<(), CliError> {
        match self {
            Self::File(path) => check_file(path, io),
            Self::Standard if ui.format() == Format::Json => {
                let text = "a document and JSON about it cannot both be written to standard output";
                Err(CliError::usage(text).hint("name a file instead of `-`"))
            }
            Self::Standard => Ok(()),
        }
    }

    /// Writes a JSON document: its own bytes, but indented and escaped where a person reads them.
    pub(super) fn write(&self, json: &[u8], io: &Io, ui: &mut Ui<'_>) -> Result<(), CliError> {
        match (self, str::from_utf8(json)) {
            (Self::File(path), _) => io.files.write(path, json, Mode::Public)?,
            (Self::Standard, Ok(text)) if ui.terminals().out => ui.answer_json(text),
            (Self::Standard, _) => {
                ui.answer_bytes(json);
            }
        }
        Ok(())
    }

    /// Tells about it where that is no part of what was written.
    pub(super) fn tell(&self, text: &str, ui: &mut Ui<'_>) {
        match self {
            Self::File(_) => ui.answer(text),
            Self::Standard => ui.note(text.trim_end()),
        }
    }

    /// The file, if it is one.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Standard => None,
        }
    }
}

fn check_file(path: &Path, io: &Io) -> Result<(), CliError> {
    io.files.check_place(path).map_err(|error| {
        let is_device = matches!(error, FileError::NotAFile { .. }) && path.starts_with("/dev");
        let error = CliError::from(error);
        if is_device { error.hint("standard output is `-`") } else { error }
    })
}

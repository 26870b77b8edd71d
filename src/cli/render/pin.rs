//! `plimsoll.pin/v1`: `schemas/pin.v1.schema.json`; and the same as lines of text.

use serde::Serialize;

use super::quota::QuotaWire;
use crate::base::Printable;

#[derive(Serialize)]
pub(in crate::cli) struct Answer {
    schema: &'static str,
    mode: Mode,
    pub(in crate::cli) references: Vec<Entry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) diff: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::cli) quotas: Vec<QuotaWire>,
}

impl Answer {
    pub(in crate::cli) fn new(mode: Mode) -> Self {
        Self { schema: "plimsoll.pin/v1", mode, references: Vec::new(), diff: None, quotas: Vec::new() }
    }

    /// How many references have this state.
    pub(in crate::cli) fn count(&self, state: EntryState) -> usize {
        self.references.iter().filter(|entry| entry.state == state).count()
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::cli) enum Mode {
    Check,
    Diff,
    Write,
}

#[derive(Serialize)]
pub(in crate::cli) struct Entry {
    pub(in crate::cli) file: String,
    pub(in crate::cli) line: usize,
    pub(in crate::cli) column: usize,
    pub(in crate::cli) kind: &'static str,
    pub(in crate::cli) written: String,
    pub(in crate::cli) state: EntryState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) digest: Option<String>,
    /// The reference with its digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) pinned: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) reason: Option<Why>,
}

#[derive(Clone, Serialize)]
pub(in crate::cli) struct Why {
    pub(in crate::cli) code: &'static str,
    pub(in crate::cli) text: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::cli) enum EntryState {
    Error,
    NewlyPinned,
    Pinned,
    Skipped,
    Unpinned,
    WouldPin,
}

impl Entry {
    /// The line for people; none for what needs nobody's attention.
    pub(in crate::cli) fn text(&self) -> Option<String> {
        let Self { file, line, column, written, .. } = self;
        let (file, written) = (Printable(file), Printable(written));
        let place = format!("{file}:{line}:{column}  {written}");
        match (self.state, &self.pinned, &self.reason) {
            (EntryState::NewlyPinned | EntryState::WouldPin, Some(pinned), _) => {
                Some(format!("{place} -> {}", Printable(pinned)))
            }
            (EntryState::Unpinned, ..) => Some(format!("{place} is not pinned")),
            (EntryState::Error, _, Some(why)) => {
                Some(format!("{place} cannot be pinned: {}", Printable(&why.text)))
            }
            _ => None,
        }
    }
}

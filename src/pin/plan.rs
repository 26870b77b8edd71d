//! From references and digests to the edited text.

use std::collections::BTreeMap;

use super::{FindError, Occurrence, PinFormat, State};
use crate::base::{Digest, Insertion, Reference};

/// The text of a file with digests in it. Made by [`plan`] only, after it was read again and found to say the same but for the digests.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Edited {
    text: String,
    insertions: Vec<Insertion>,
}

impl Edited {
    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether anything was put in.
    pub fn is_changed(&self) -> bool {
        !self.insertions.is_empty()
    }

    /// What was put in, by offset in the text before; ascending.
    pub fn insertions(&self) -> &[Insertion] {
        &self.insertions
    }
}

/// Puts the digest of each unpinned reference behind it. `occurrences` are what [`PinFormat::find`] found in `text`.
pub fn plan(
    format: &PinFormat,
    text: &str,
    occurrences: &[Occurrence],
    resolved: &BTreeMap<Reference, Digest>,
) -> Result<Edited, PlanError> {
    let mut insertions = Vec::new();
    for occurrence in occurrences {
        if let State::Unpinned { reference, end } = &occurrence.state {
            let digest = resolved
                .get(reference)
                .ok_or_else(|| PlanError::Unresolved { reference: Box::new(reference.clone()) })?;
            insertions.push(Insertion { at: *end, text: addition(reference, *digest) });
        }
    }
    insertions.sort();
    insertions.dedup();
    let edited = insert(text, &insertions).ok_or(PlanError::Place)?;
    let again = (format.find)(&edited).map_err(PlanError::Reread)?;
    let same = (format.is_same_but_for)(text, &edited, &insertions).map_err(PlanError::Reread)?;
    let as_meant = again.len() == occurrences.len()
        && occurrences.iter().zip(&again).all(|(before, after)| is_as_meant(before, after, resolved));
    if !same || !as_meant {
        return Err(PlanError::Reads);
    }
    Ok(Edited { text: edited, insertions })
}

/// `alpine` is `alpine:latest`; with a digest alone behind it nobody could see that.
fn addition(reference: &Reference, digest: Digest) -> String {
    match reference.tag() {
        Some(_) => format!("@{digest}"),
        None => format!(":{}@{digest}", reference.tag_or_latest()),
    }
}

fn insert(text: &str, insertions: &[Insertion]) -> Option<String> {
    let mut out = String::with_capacity(text.len() + 90 * insertions.len());
    let mut from = 0;
    for Insertion { at, text: addition } in insertions {
        out.push_str(text.get(from..*at)?);
        out.push_str(addition);
        from = *at;
    }
    out.push_str(text.get(from..)?);
    Some(out)
}

fn is_as_meant(before: &Occurrence, after: &Occurrence, resolved: &BTreeMap<Reference, Digest>) -> bool {
    before.what == after.what
        && match (&before.state, &after.state) {
            (State::Unpinned { reference, .. }, State::Pinned { reference: pinned, digest }) => {
                resolved.get(reference) == Some(digest)
                    && pinned.name() == reference.name()
                    && pinned.tag() == Some(&reference.tag_or_latest())
            }
            (State::Pinned { digest: before, .. }, State::Pinned { digest: after, .. }) => before == after,
            (State::Skipped(before), State::Skipped(after)) => before.name() == after.name(),
            (State::Pinned { .. } | State::Skipped(_) | State::Unpinned { .. }, _) => false,
        }
}

/// Why a file is not edited.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// The references do not belong to this text.
    #[error("a reference does not stand where it was found")]
    Place,
    /// The edited text means something else than the text before, digests aside.
    #[error("with the digests in it, the file would not say the same")]
    Reads,
    /// The edited text cannot be read.
    #[error("with the digests in it, the file could not be read")]
    Reread(#[source] FindError),
    /// No digest was given.
    #[error("{reference} has no digest yet")]
    Unresolved {
        /// The reference.
        reference: Box<Reference>,
    },
}

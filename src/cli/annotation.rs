//! `KEY=VALUE` on the command line: what is signed with an image, and what is demanded of a signature.

use std::collections::BTreeMap;

use super::CliError;
use crate::base::Printable;

/// Reads one.
pub(super) fn parse(text: &str) -> Result<(String, String), NotAnAnnotation> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(NotAnAnnotation),
    }
}

/// All of them. One key with two values is refused: only one of them could be meant.
pub(super) fn distinct(pairs: &[(String, String)]) -> Result<BTreeMap<String, String>, CliError> {
    let mut annotations = BTreeMap::new();
    for (key, value) in pairs {
        if annotations.insert(key.clone(), value.clone()).is_some_and(|other| other != *value) {
            return Err(CliError::usage(format!("the annotation {} is given two values", Printable(key))));
        }
    }
    Ok(annotations)
}

/// No `=`, or nothing before it.
#[derive(Debug, thiserror::Error)]
#[error("write KEY=VALUE")]
pub(super) struct NotAnAnnotation;

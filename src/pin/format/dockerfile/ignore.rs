//! `# plimsoll:ignore pin -- reason` on the line above an instruction.

use std::collections::BTreeMap;

use super::super::FindError;
use crate::format::dockerfile::{Dockerfile, PieceKind};

/// Reasons by the number of the line below.
pub(super) fn comments(file: &Dockerfile, text: &str) -> Result<BTreeMap<usize, String>, FindError> {
    let mut found = BTreeMap::new();
    let mut line = 1;
    for piece in &file.pieces {
        let content = piece.span.slice(text).unwrap_or("");
        if piece.kind == PieceKind::Comment
            && let Some(reason) = reason(content)
        {
            if reason.is_empty() {
                return Err(FindError::IgnoreWithoutReason { at: piece.span.position(text) });
            }
            found.insert(line + 1, reason.to_owned());
        }
        line += content.matches('\n').count();
    }
    Ok(found)
}

/// What stands after `--`, if the comment is one; empty if nothing does.
fn reason(comment: &str) -> Option<&str> {
    let rest = comment.trim().strip_prefix('#')?.trim_start().strip_prefix("plimsoll:ignore")?;
    let rest = rest.strip_prefix(char::is_whitespace)?.trim_start().strip_prefix("pin")?;
    if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
        return None;
    }
    Some(rest.trim_start().strip_prefix("--").unwrap_or("").trim())
}

//! Licence expressions: SPDX 2.3, annex D, against the SPDX licence list.

use spdx::{Expression, LicenseItem, ParseMode};

/// Whether `text` is an expression of listed licences only, deprecated ones included. `LicenseRef-…` has no meaning outside of its document.
pub fn is_expression(text: &str) -> bool {
    let listed = |expression: Expression| {
        expression.requirements().all(|part| matches!(part.req.license, LicenseItem::Spdx { .. }))
    };
    Expression::parse_mode(text, MODE).is_ok_and(listed)
}

/// Whether `text` is one listed licence, without operators.
pub fn is_id(text: &str) -> bool {
    spdx::license_id(text).is_some_and(|license| license.name == text)
}

/// One expression that says that all of `expressions` apply.
pub fn all_of<'a>(expressions: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let parts: Vec<&str> = expressions.into_iter().collect();
    let [first, rest @ ..] = parts.as_slice() else { return None };
    if rest.is_empty() {
        return Some((*first).to_owned());
    }
    let wrapped: Vec<String> = parts
        .iter()
        .map(|part| if part.contains(" OR ") { format!("({part})") } else { (*part).to_owned() })
        .collect();
    Some(wrapped.join(" AND "))
}

const MODE: ParseMode = ParseMode { allow_deprecated: true, ..ParseMode::STRICT };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_expressions_from_words() {
        for good in [
            "MIT",
            "GPL-2.0",
            "GPL-2.0-only OR MIT",
            "(MIT AND ISC) OR Zlib",
            "GPL-3.0-or-later WITH Bison-exception-2.2",
        ] {
            assert!(is_expression(good), "{good}");
        }
        for bad in [
            "",
            "Expat",
            "mit",
            "GPL-2+",
            "MIT,ISC",
            "MIT/ISC",
            "LicenseRef-x",
            "public domain",
            "MIT OR",
            "custom:x",
        ] {
            assert!(!is_expression(bad), "{bad}");
        }
        assert!(is_id("MIT") && !is_id("MIT OR ISC") && !is_id("Expat"));
    }

    #[test]
    fn joins() {
        assert_eq!(all_of([]), None);
        assert_eq!(all_of(["MIT"]).as_deref(), Some("MIT"));
        assert_eq!(all_of(["MIT OR ISC", "Zlib"]).as_deref(), Some("(MIT OR ISC) AND Zlib"));
    }
}

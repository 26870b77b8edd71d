//! Licence expressions: SPDX 2.3, annex D, against the SPDX licence list.

use spdx::{Expression, ParseMode};

/// Whether `text` is an expression of listed licences only, deprecated ones included. `LicenseRef-…` has no meaning outside of its document, and
/// `AdditionRef-…` none in SPDX 2.3.
pub fn is_expression(text: &str) -> bool {
    // Word by word, as readers look them up: the parser knows more than the list, `MIT+` for one.
    let listed = |word: &str| {
        let operator = ["AND", "OR", "WITH"].contains(&word);
        let exception = spdx::exception_id(word).is_some_and(|exception| exception.name == word);
        operator || is_id(word) || (exception && !NEWER.contains(&word))
    };
    let mut words = text.split([' ', '(', ')']).filter(|word| !word.is_empty());
    Expression::parse_mode(text, MODE).is_ok() && words.all(listed)
}

/// Whether `text` is one listed licence, without operators.
pub fn is_id(text: &str) -> bool {
    spdx::license_id(text).is_some_and(|license| license.name == text) && !NEWER.contains(&text)
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

/// What the `spdx` crate knows and CycloneDX's published schema does not, sorted: names of its own, and licences listed since. A document that
/// used them as identifiers would not be valid.
const NEWER: &[&str] = &[
    "BSD-2-Clause-pos-unchanged",
    "BSD-3-Clause-OpenWebUI",
    "BSD-Source-Code-no-disclaimer",
    "BSD-Source-alt-GPL",
    "BSD-ask-to-endorse",
    "Brian-Gladman-3-Clause-no-conversion",
    "Bugroff",
    "CC-BY-NC-3.0-IGO",
    "FDK-MPEG-H",
    "GFDL-1.1-invariants",
    "GFDL-1.1-no-invariants",
    "GFDL-1.2-invariants",
    "GFDL-1.2-no-invariants",
    "GFDL-1.3-invariants",
    "GFDL-1.3-no-invariants",
    "Google-Patent-WebM",
    "Hippocratic-3.0-core",
    "Informatica",
    "MVT-1.1",
    "NOASSERTION",
    "Spelling-Provider-LGPL-exception",
    "atc-game",
];

const MODE: ParseMode = ParseMode { allow_deprecated: true, ..ParseMode::STRICT };

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests read schemas")]
mod tests {
    use super::*;

    #[test]
    fn the_published_schema_lists_every_identifier() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/cyclonedx/spdx.schema.json");
        let schema: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let listed = schema["enum"].as_array().unwrap();
        let names = spdx::identifiers::LICENSES.iter().map(|license| license.name);
        let names = names.chain(spdx::identifiers::EXCEPTIONS.iter().map(|exception| exception.name));
        let mut newer: Vec<&str> = names.filter(|name| !listed.iter().any(|known| known == name)).collect();
        newer.sort_unstable();
        assert_eq!(NEWER, newer);
    }

    #[test]
    fn tells_expressions_from_words() {
        for good in [
            "MIT",
            "GPL-2.0",
            "GFDL-1.3-no-invariants-or-later",
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
            "NOASSERTION",
            "NONE",
            "MIT+",
            "MIT OR GFDL-1.1-invariants",
            "MIT WITH AdditionRef-x",
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

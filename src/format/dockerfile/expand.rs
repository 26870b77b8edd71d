//! Variables and quotes in words, as BuildKit's `frontend/dockerfile/shell` has them.

use super::Text;
use super::shell::{Mode, Reader};
use crate::base::{Span, limits};

/// What a word became, and of what.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Expanded {
    /// The text without quotes, variables replaced.
    pub value: String,
    /// Its parts, in order. A quote between two literal parts does not split them.
    pub parts: Vec<Part>,
}

/// A part of a word.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Part {
    /// As written.
    Literal(Text),
    /// `$V` or `${V…}`.
    Variable(Variable),
}

/// A use of a variable.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// From `$` to the end.
    pub span: Span,
    /// `:-`, `#`, `/` …; none for `$V` and `${V}`.
    pub operator: Option<&'static str>,
    /// Variables named in what follows the operator.
    pub inner: Vec<String>,
    /// The word after `-`, `:-`, `+` or `:+`, if it is what the use became.
    pub word: Option<Vec<Part>>,
}

/// Arguments that BuildKit sets by itself, from the platforms of the build.
pub const PLATFORM_ARGUMENTS: &[&str] = &[
    "BUILDARCH",
    "BUILDOS",
    "BUILDOSVERSION",
    "BUILDPLATFORM",
    "BUILDVARIANT",
    "TARGETARCH",
    "TARGETOS",
    "TARGETOSVERSION",
    "TARGETPLATFORM",
    "TARGETSTAGE",
    "TARGETVARIANT",
];

/// Values of variables by name.
pub type Values<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Removes quotes and replaces variables. A variable that has no value is empty.
pub fn expand(word: &Text, escape: char, values: &Values<'_>) -> Result<Expanded, ExpandError> {
    let mode = Mode { escape, keep_quotes: false, keep_escapes: false, keep_unset: false };
    let read = Reader::new(word, mode, values).read()?;
    Ok(Expanded { value: read.value, parts: read.parts })
}

/// Why a word cannot be expanded.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ExpandError {
    /// A `\` before a character that needs none.
    #[error("invalid escape in a pattern")]
    BadPattern,
    /// `${}`, `${{`.
    #[error("syntax error: bad substitution")]
    BadSubstitution,
    /// `${V` and no more.
    #[error("syntax error: missing '}}'")]
    MissingBrace,
    /// `${V/` and no more.
    #[error("syntax error: missing '/' in ${{}}")]
    MissingSlash,
    /// `${V?}` and `${V:?}`.
    #[error("{name}: {}", crate::base::Printable(.message))]
    Required {
        /// The variable.
        name: String,
        /// What the file says about it.
        message: String,
    },
    /// Levels in levels.
    #[error("variables are nested deeper than {}", limits::EXPANSION_DEPTH)]
    TooDeep,
    /// A value, or the work to get it, grows over the limit.
    #[error("a variable expands to more than {} bytes", limits::EXPANSION)]
    TooLong,
    /// Another character after the name.
    #[error("unsupported modifier in substitution")]
    UnknownModifier,
    /// A quote without its other half.
    #[error("unexpected end of statement while looking for matching {quote}")]
    Unquoted {
        /// Which quote.
        quote: char,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(word: &str) -> Text {
        let mut text = Text::at(0);
        text.push_str(word, 0);
        text
    }

    fn values(name: &str) -> Option<String> {
        match name {
            "A" => Some("alpine".to_owned()),
            "V" => Some("3.20.1".to_owned()),
            "E" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn words() {
        for (word, want) in [
            ("alpine", "alpine"),
            ("\"al\"pi'ne'", "alpine"),
            ("a\\lpine\\", "alpine"),
            ("$A:$V", "alpine:3.20.1"),
            ("${A}x$Ax", "alpinex"),
            ("'$A'\"$A\"\\$A", "$Aalpine$A"),
            ("\"\\\"\\$\\\\\\x\"", "\"$\\\\x"),
            ("${U:-a}${U-b}${E:-c}${E-d}${A:-e}", "abcalpine"),
            ("${U:+a}${U+b}${E:+c}${E+d}${A:+e}", "de"),
            ("${U:-${A}:1}", "alpine:1"),
            ("${V%.*} ${V%%.*} ${V#*.} ${V##*.}", "3.20 3 20.1 1"),
            ("${V/./-} ${V//./-} ${V/x/y}", "3-20.1 3-20-1 3.20.1"),
            ("${V?} ${V:?no}", "3.20.1 3.20.1"),
            ("$ $1x ${1}", "$ x "),
            ("${U:-'}'}", "}"),
            ("a<b <<c", "a<b <<c"),
        ] {
            assert_eq!(
                expand(&text(word), '\\', &values).map(|got| got.value).as_deref(),
                Ok(want),
                "{word}"
            );
        }
        assert_eq!(expand(&text("a`b\\c"), '`', &values).unwrap().value, "ab\\c");
    }

    #[test]
    fn parts_know_their_place() {
        let got = expand(&text("a\"b\"${U:-c$A}"), '\\', &values).unwrap();
        let [Part::Literal(literal), Part::Variable(variable)] = got.parts.as_slice() else {
            panic!("{got:?}");
        };
        assert_eq!((literal.as_str(), literal.end()), ("ab", 3));
        assert_eq!((variable.name.as_str(), variable.operator), ("U", Some(":-")));
        assert_eq!((variable.inner.as_slice(), variable.span), (&["A".to_owned()][..], Span::new(4, 13)));
        assert!(
            matches!(variable.word.as_deref(), Some([Part::Literal(c), Part::Variable(_)]) if c.start() == 9)
        );
    }

    #[test]
    fn refusals() {
        for (word, want) in [
            ("\"a", ExpandError::Unquoted { quote: '"' }),
            ("'a", ExpandError::Unquoted { quote: '\'' }),
            ("${", ExpandError::MissingBrace),
            ("${A:-x", ExpandError::MissingBrace),
            ("${A/x", ExpandError::MissingSlash),
            ("${A/x/y", ExpandError::MissingBrace),
            ("${}", ExpandError::BadSubstitution),
            ("${{A}}", ExpandError::BadSubstitution),
            ("${A!x}", ExpandError::UnknownModifier),
            ("${A:#x}", ExpandError::UnknownModifier),
            ("${A#\\x}", ExpandError::BadPattern),
            (&"${A:-".repeat(100), ExpandError::TooDeep),
        ] {
            assert_eq!(expand(&text(word), '\\', &values), Err(want), "{word}");
        }
        let error = expand(&text("${U?}"), '\\', &values).unwrap_err();
        assert_eq!(error.to_string(), "U: is not allowed to be unset");
        let error = expand(&text("${E:?say it}"), '\\', &values).unwrap_err();
        assert_eq!(error.to_string(), "E: say it");
        let long = |_: &str| Some("x".repeat(1000));
        assert_eq!(expand(&text("$A$A$A$A$A"), '\\', &long), Err(ExpandError::TooLong));
    }
}

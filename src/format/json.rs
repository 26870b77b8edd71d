//! JSON where trust is at stake: RFC 8259 and I-JSON (RFC 7493), section 2.3: no duplicate names.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::base::limits;

/// Parses one JSON document and refuses what two readers could read differently: a name that occurs twice in an object, at any depth and
/// after unescaping; nesting deeper than [`limits::DEPTH`]; bytes after the document; a byte order mark; text that is not UTF-8.
pub fn parse_strict<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    check(bytes)?;
    serde_json::from_slice(bytes).map_err(JsonError::Shape)
}

/// Refuses what [`parse_strict`] refuses, without making a value.
fn check(bytes: &[u8]) -> Result<(), JsonError> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(JsonError::ByteOrderMark);
    }
    let text = str::from_utf8(bytes).map_err(|error| JsonError::Encoding { offset: error.valid_up_to() })?;
    let found = RefCell::new(None);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let result = Strict { depth: 0, found: &found }.deserialize(&mut deserializer);
    match (result.and_then(|()| deserializer.end()), found.into_inner()) {
        (Ok(()), _) => Ok(()),
        (Err(error), Some(Found::Deep)) => {
            Err(JsonError::Depth { line: error.line(), column: error.column() })
        }
        (Err(error), Some(Found::Reserved)) => {
            Err(JsonError::ReservedName { line: error.line(), column: error.column() })
        }
        (Err(error), Some(Found::Twice(name))) => {
            Err(JsonError::DuplicateName { name, line: error.line(), column: error.column() })
        }
        (Err(error), None) => Err(JsonError::Syntax(error)),
    }
}

/// What the visitor saw; `serde`'s error cannot carry it typed.
enum Found {
    Deep,
    Reserved,
    Twice(String),
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: usize,
    found: &'a RefCell<Option<Found>>,
}

impl Strict<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= limits::DEPTH {
            self.found.replace(Some(Found::Deep));
            return Err(E::custom("too deep"));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            // `serde_json` gives these names a meaning of its own: it reads the text inside as JSON that nobody has checked.
            if name.starts_with(SERDE_PRIVATE) {
                self.found.replace(Some(Found::Reserved));
                return Err(A::Error::custom("reserved name"));
            }
            if let Some(name) = names.replace(name) {
                self.found.replace(Some(Found::Twice(name.chars().take(128).collect())));
                return Err(A::Error::custom("duplicate name"));
            }
            members.next_value_seed(inner)?;
        }
        Ok(())
    }
}

/// Why bytes are not the JSON document that was expected.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// EF BB BF at the start.
    #[error("the JSON starts with a byte order mark")]
    ByteOrderMark,
    /// Nested too deep.
    #[error("the JSON is nested deeper than {} levels, at line {line} column {column}", limits::DEPTH)]
    Depth {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// Two members of one object have the same name: readers differ in which one they take.
    #[error("the JSON name `{name}` occurs twice in one object, at line {line} column {column}")]
    DuplicateName {
        /// After unescaping.
        name: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// Not UTF-8.
    #[error("the JSON is not UTF-8: byte {offset}")]
    Encoding {
        /// Of the first byte that is not UTF-8.
        offset: usize,
    },
    /// A name that the JSON reader uses for itself, so that an object would be read as something else.
    #[error("a JSON name starts with `{SERDE_PRIVATE}`, which is reserved, at line {line} column {column}")]
    ReservedName {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// Two members of one object have the same name, which is not told.
    #[error("a JSON name occurs twice in one object, at line {line} column {column}")]
    SecretName {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// JSON, but not of the expected shape; what was found is not told.
    #[error("the JSON has the wrong shape, at line {line} column {column}")]
    SecretShape {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// JSON, but not of the expected shape.
    #[error("the JSON has the wrong shape: {0}")]
    Shape(serde_json::Error),
    /// Not JSON.
    #[error("not valid JSON: {0}")]
    Syntax(serde_json::Error),
}

impl JsonError {
    /// The same without anything of the document: `serde_json` repeats the value that it did not expect, which may be a password or token, and so
    /// may be a name.
    pub fn without_content(self) -> Self {
        match self {
            Self::Shape(error) => Self::SecretShape { line: error.line(), column: error.column() },
            Self::DuplicateName { line, column, .. } => Self::SecretName { line, column },
            other => other,
        }
    }
}

/// How names start that `serde_json` passes between its own parts.
const SERDE_PRIVATE: &str = "$serde_json::private::";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
        parse_strict(bytes)
    }

    #[test]
    fn accepts_documents() {
        for text in ["{}", " [1, -1, 1.5e3, \"\\u00e9\", null, true] ", r#"{"a":{"b":1},"c":{"b":2}}"#] {
            let want: Value = serde_json::from_str(text).unwrap();
            assert_eq!(parse(text.as_bytes()).unwrap(), want);
        }
        let deep = format!("{}{}", "[".repeat(limits::DEPTH), "]".repeat(limits::DEPTH));
        assert!(parse(deep.as_bytes()).is_ok());
    }

    #[test]
    fn refuses_names_that_occur_twice() {
        for (text, twice) in [
            (r#"{"a":1,"a":1}"#, "a"),
            (r#"{"config":1,"con\u0066ig":2}"#, "config"),
            (r#"[{"x":{"digest":1,"b":2,"digest":3}}]"#, "digest"),
            (r#"{"":1,"":2}"#, ""),
        ] {
            match parse(text.as_bytes()) {
                Err(JsonError::DuplicateName { name, line: 1, .. }) => assert_eq!(name, twice),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    // An object with such a name would come out as the number, text or list that is written inside of it.
    #[test]
    fn refuses_names_that_the_reader_uses_for_itself() {
        for text in [
            r#"{"$serde_json::private::RawValue":"\"prod\""}"#,
            r#"[{"a":{"$serde_json::private::\u0052awValue":"{\"a\":1,\"a\":2}"}}]"#,
            r#"{"$serde_json::private::Number":"1"}"#,
        ] {
            assert!(matches!(parse(text.as_bytes()), Err(JsonError::ReservedName { line: 1, .. })), "{text}");
        }
        assert!(parse(br#"{"$serde_json":1}"#).is_ok());
    }

    #[test]
    fn refuses_the_rest() {
        let deep = format!("{}{}", "[".repeat(limits::DEPTH + 1), "]".repeat(limits::DEPTH + 1));
        assert!(matches!(parse(deep.as_bytes()), Err(JsonError::Depth { .. })));
        let objects = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
        assert!(matches!(parse(objects.as_bytes()), Err(JsonError::Depth { .. })));
        assert!(matches!(parse(b"\xef\xbb\xbf{}"), Err(JsonError::ByteOrderMark)));
        assert!(matches!(parse(b"{\"a\":\"\xff\"}"), Err(JsonError::Encoding { offset: 6 })));
        for text in
            ["", "{", "{} {}", "{}x", "nul", "{\"a\":1,}", "'a'", "\"\\ud800\"", "1e999", "NaN", "{\"a\" 1}"]
        {
            assert!(matches!(parse(text.as_bytes()), Err(JsonError::Syntax(_))), "{text}");
        }
        assert!(matches!(parse_strict::<Vec<u8>>(b"{}"), Err(JsonError::Shape(_))));
    }

    #[test]
    fn a_secret_of_the_wrong_shape_is_not_repeated() {
        let error = parse_strict::<Vec<u8>>(b"\n\"hunter2\"").unwrap_err().without_content();
        assert_eq!(error.to_string(), "the JSON has the wrong shape, at line 2 column 9");
        assert!(!format!("{error:?}").contains("hunter2"));
        let error = parse(br#"{"hunter2":1,"hunter2":2}"#).unwrap_err().without_content();
        assert_eq!(error.to_string(), "a JSON name occurs twice in one object, at line 1 column 22");
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn agrees_with_serde_json(text in r#"[\[\]{}",:a1 \\un0]{0,24}"#) {
            if parse(text.as_bytes()).is_ok() {
                prop_assert!(serde_json::from_str::<Value>(&text).is_ok());
            }
        }
    }
}

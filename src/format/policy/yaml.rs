//! YAML 1.2.2 as a policy may use it: one document of maps, lists and plain values, and nothing that makes a reader and a reviewer see
//! different things. JSON is a part of it.

use std::collections::BTreeSet;

use serde_saphyr::granit_parser::{Event, Marker, Options, Parser, ScalarStyle, ScanError, Span, StrInput};

use crate::base::{LineColumn, limits};

/// A value and where it stands.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: LineColumn,
    pub(super) value: Value,
}

/// A value of YAML's core schema (YAML 1.2.2 §10.3).
#[derive(Debug)]
pub(super) enum Value {
    Bool(bool),
    Integer(u64),
    List(Vec<Node>),
    /// In the order of the file; keys differ.
    Map(Vec<(Key, Node)>),
    Null,
    /// A number that is not a non-negative decimal integer: no key of a policy wants one.
    OtherNumber,
    Text(String),
}

/// A key of a map and where it stands.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) at: LineColumn,
    pub(super) name: String,
}

impl Value {
    /// What it is, for an error message.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "true or false",
            Self::Integer(_) => "a number",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
            Self::Null => "nothing",
            Self::OtherNumber => "a number that is not a whole one",
            Self::Text(_) => "text",
        }
    }

    /// The same value as JSON.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Bool(value) => (*value).into(),
            Self::Integer(value) => (*value).into(),
            Self::List(items) => items.iter().map(|item| item.value.to_json()).collect(),
            Self::Map(entries) => {
                entries.iter().map(|(key, node)| (key.name.clone(), node.value.to_json())).collect()
            }
            Self::Null | Self::OtherNumber => serde_json::Value::Null,
            Self::Text(text) => text.clone().into(),
        }
    }
}

/// Why a text is not the YAML that a policy may be written in.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum YamlError {
    /// `*name`.
    #[error("an alias: write the value out, so that it can be read where it stands")]
    Alias,
    /// `&name`.
    #[error("an anchor: write the value out, so that it can be read where it stands")]
    Anchor,
    /// A second document.
    #[error("a second document: a policy is one document")]
    Documents,
    /// The same key twice in one map.
    #[error("the key `{key}` stands here a second time")]
    Duplicate {
        /// Which.
        key: String,
    },
    /// No document.
    #[error("the file is empty")]
    Empty,
    /// A key that is a list, a map, a number, a truth value or nothing.
    #[error("a key must be text; quote it if it is meant")]
    Key,
    /// `<<`.
    #[error("a merge key: write the entries out")]
    MergeKey,
    /// Bytes that are no text.
    #[error("not UTF-8: byte {offset} belongs to no character")]
    NotUtf8 {
        /// Of the first such byte, from 0.
        offset: usize,
    },
    /// Not well-formed.
    #[error("not YAML: {reason}")]
    Syntax {
        /// The parser's words.
        reason: String,
    },
    /// `!name`.
    #[error("a tag: values have the type that they look like")]
    Tag,
    /// Nested too deeply.
    #[error("nested deeper than {} levels", limits::DEPTH)]
    TooDeep,
    /// Too many bytes.
    #[error("larger than {} bytes", limits::POLICY)]
    TooLarge,
}

/// Reads the one document of `text`.
pub(super) fn parse(text: &str) -> Result<Node, (LineColumn, YamlError)> {
    let start = LineColumn { line: 1, column: 1 };
    if text.len() as u64 > limits::POLICY {
        return Err((start, YamlError::TooLarge));
    }
    let mut options = Options::default();
    options.disallow_directives = true;
    options.emit_unresolved_aliases = true;
    options.set_emit_comments(false);
    options.block_nesting_limit = limits::DEPTH + 1;
    options.flow_nesting_limit = limits::DEPTH + 1;
    let mut events = Events { parser: Parser::new_from_str_with_options(text, options), last: start };
    let mut root = None;
    loop {
        match events.next()? {
            (Event::StreamStart | Event::DocumentEnd, _) => {}
            (Event::DocumentStart(..), at) if root.is_some() => return Err((at, YamlError::Documents)),
            (Event::DocumentStart(..), _) => {
                let (event, at) = events.next()?;
                root = Some(events.node(event, at, 0)?);
            }
            (_, at) => return root.ok_or((at, YamlError::Empty)),
        }
    }
}

struct Events<'a> {
    parser: Parser<'a, StrInput<'a>>,
    last: LineColumn,
}

type Found<T> = Result<T, (LineColumn, YamlError)>;

impl<'a> Events<'a> {
    fn next(&mut self) -> Found<(Event<'a>, LineColumn)> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => {
                self.last = position(&span.start);
                refuse(&event, &span)?;
                Ok((event, self.last))
            }
            Some(Err(error)) => Err(syntax(&error)),
            None => Ok((Event::StreamEnd, self.last)),
        }
    }

    fn node(&mut self, event: Event<'a>, at: LineColumn, depth: usize) -> Found<Node> {
        let value = match event {
            Event::Scalar(text, ScalarStyle::Plain, ..) => plain(&text),
            Event::Scalar(text, ..) => Value::Text(text.into_owned()),
            Event::SequenceStart(..) | Event::MappingStart(..) if depth >= limits::DEPTH => {
                return Err((at, YamlError::TooDeep));
            }
            Event::SequenceStart(..) => self.list(depth)?,
            Event::MappingStart(..) => self.map(depth)?,
            _ => return Err((at, YamlError::Empty)),
        };
        Ok(Node { at, value })
    }

    fn list(&mut self, depth: usize) -> Found<Value> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                (event, at) => items.push(self.node(event, at, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Found<Value> {
        let mut entries = Vec::new();
        let mut seen = BTreeSet::new();
        loop {
            let (name, at) = match self.next()? {
                (Event::MappingEnd, _) => return Ok(Value::Map(entries)),
                (Event::Scalar(text, ScalarStyle::Plain, ..), at) => match plain(&text) {
                    Value::Text(name) if name == "<<" => return Err((at, YamlError::MergeKey)),
                    Value::Text(name) => (name, at),
                    _ => return Err((at, YamlError::Key)),
                },
                (Event::Scalar(text, ..), at) => (text.into_owned(), at),
                (_, at) => return Err((at, YamlError::Key)),
            };
            if !seen.insert(name.clone()) {
                return Err((at, YamlError::Duplicate { key: name }));
            }
            let (event, value_at) = self.next()?;
            entries.push((Key { at, name }, self.node(event, value_at, depth + 1)?));
        }
    }
}

fn refuse(event: &Event<'_>, span: &Span) -> Found<()> {
    let (anchor, tag) = match event {
        Event::Alias(_) | Event::UnresolvedAlias(_) => return Err((position(&span.start), YamlError::Alias)),
        Event::Scalar(_, _, anchor, tag)
        | Event::SequenceStart(_, anchor, tag)
        | Event::MappingStart(_, anchor, tag) => (*anchor, tag.is_some()),
        _ => (0, false),
    };
    if anchor != 0 {
        return Err((position(&span.start), YamlError::Anchor));
    }
    if tag {
        let start = span.tag_start().unwrap_or(span.start);
        return Err((position(&start), YamlError::Tag));
    }
    Ok(())
}

/// The core schema's reading of an unquoted scalar (YAML 1.2.2 §10.3.2).
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let decimal = text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
    if decimal {
        return text.parse().map_or(Value::OtherNumber, Value::Integer);
    }
    if is_number(text) { Value::OtherNumber } else { Value::Text(text.to_owned()) }
}

/// `0o7`, `0x1f`, `-1`, `007`, `1.5`, `1e3`, `.inf`, `.nan`.
fn is_number(text: &str) -> bool {
    let radix = |prefix: &str, radix: u32| {
        text.strip_prefix(prefix)
            .is_some_and(|digits| !digits.is_empty() && digits.chars().all(|char| char.is_digit(radix)))
    };
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let special = matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN");
    let starts = unsigned.starts_with(|char: char| char.is_ascii_digit() || char == '.');
    special || radix("0o", 8) || radix("0x", 16) || (starts && unsigned.parse::<f64>().is_ok())
}

fn position(marker: &Marker) -> LineColumn {
    LineColumn { line: marker.line(), column: marker.col() + 1 }
}

fn syntax(error: &ScanError) -> (LineColumn, YamlError) {
    (position(error.marker()), YamlError::Syntax { reason: error.info() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Result<String, (String, YamlError)> {
        parse(text)
            .map(|node| node.value.to_json().to_string())
            .map_err(|(at, error)| (at.to_string(), error))
    }

    #[test]
    fn reads_the_core_schema() {
        for (text, want) in [
            ("a: 1", r#"{"a":1}"#),
            ("a: [x, 'y', \"z\\n\"]", r#"{"a":["x","y","z\n"]}"#),
            (r#"{"a": {"b": true, "c": null}}"#, r#"{"a":{"b":true,"c":null}}"#),
            ("{\n\t\"a\": [\n\t\t\"b\"\n\t]\n}\n", r#"{"a":["b"]}"#),
            ("a: yes\nb: on\nc: 'true'", r#"{"a":"yes","b":"on","c":"true"}"#),
            ("a: |\n  x\n  y\n", r#"{"a":"x\ny\n"}"#),
            ("--- \na: 2027-06-01T00:00:00Z\n...\n", r#"{"a":"2027-06-01T00:00:00Z"}"#),
            ("# only\na:\n", r#"{"a":null}"#),
            (
                "a: -1\nb: 0x1\nc: 1.5\nd: 010\ne: .inf\nf: 99999999999999999999",
                r#"{"a":null,"b":null,"c":null,"d":null,"e":null,"f":null}"#,
            ),
            ("a: v1.2\nb: 1.2.3\nc: inf\nd: e3", r#"{"a":"v1.2","b":"1.2.3","c":"inf","d":"e3"}"#),
        ] {
            assert_eq!(json(text).as_deref(), Ok(want), "{text}");
        }
    }

    #[test]
    fn refuses_what_hides_meaning() {
        let duplicate = |key: &str| YamlError::Duplicate { key: key.to_owned() };
        for (text, at, want) in [
            ("", "1:1", YamlError::Empty),
            ("# nothing\n", "2:1", YamlError::Empty),
            ("a: 1\na: 2", "2:1", duplicate("a")),
            ("{\"a\": 1, \"\\u0061\": 2}", "1:10", duplicate("a")),
            ("x: {b: 1, 'b': 2}", "1:11", duplicate("b")),
            ("a: &x 1", "1:7", YamlError::Anchor),
            ("a: &x [1]\nb: *x", "1:7", YamlError::Anchor),
            ("b: *x", "1:4", YamlError::Alias),
            ("*x : 1", "1:1", YamlError::Alias),
            ("a: !!str 1", "1:4", YamlError::Tag),
            ("a: !x {}", "1:4", YamlError::Tag),
            ("a: ! b", "1:4", YamlError::Tag),
            ("<<: {a: 1}", "1:1", YamlError::MergeKey),
            ("1: a", "1:1", YamlError::Key),
            ("true: a", "1:1", YamlError::Key),
            ("? [a]\n: b", "1:3", YamlError::Key),
            ("a: 1\n---\nb: 2", "2:1", YamlError::Documents),
        ] {
            assert_eq!(json(text), Err((at.to_owned(), want)), "{text}");
        }
        for text in ["a: [", "a: b: c", "%YAML 1.1\n---\na: 1", "a: 'x", "\u{0}", "a: \"\\q\"", "a:\n\t- b"] {
            assert!(matches!(json(text), Err((_, YamlError::Syntax { .. }))), "{text:?} {:?}", json(text));
        }
        for deep in ["[".repeat(40), "- ".repeat(40), "[".repeat(100_000), "{a: ".repeat(40)] {
            assert!(json(&deep).is_err());
        }
        let mut nested = "[".repeat(limits::DEPTH);
        nested.push_str(&"]".repeat(limits::DEPTH));
        assert!(json(&nested).is_ok());
        assert_eq!(json(&format!("[{nested}]")).map_err(|(_, error)| error), Err(YamlError::TooDeep));
        assert!(matches!(json(&" ".repeat(2 << 20)), Err((_, YamlError::TooLarge))));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in ".{0,200}") {
            let _ = parse(&text);
        }

        #[test]
        fn never_panics_on_punctuation(text in "[-a:{}\\[\\],&*!|>'\"#%? \n\t<~0]{0,60}") {
            let _ = parse(&text);
        }
    }
}

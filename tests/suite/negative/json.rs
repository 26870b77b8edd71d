//! Bad documents from a good one. The text is taken apart by position, not by value: two members of one name, another order and another
//! spelling cannot be made from a value.

use std::ops::Range;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::text;

/// A document with one thing changed.
#[derive(Clone, Debug)]
pub(crate) struct Mutant {
    /// What was done.
    pub(crate) kind: &'static str,
    /// To which part: `a.b[0]`; `a.b/c` is inside of the base64 text `a.b`.
    pub(crate) path: String,
    /// The document.
    pub(crate) bytes: Vec<u8>,
}

impl Mutant {
    pub(super) fn new(kind: &'static str, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { kind, path: path.to_owned(), bytes: bytes.into() }
    }
}

/// Every change of a JSON document that keeps its frame, and every change of its frame. What is in base64 is changed inside, too.
pub(crate) fn mutants(text: &str) -> Vec<Mutant> {
    let mut made = text::frames(text.as_bytes());
    let root = Reader { text: text.as_bytes(), at: 0 }.value(String::new());
    root.visit(&mut |node| node.mutate(text, &mut made));
    made.retain(|mutant| mutant.bytes != text.as_bytes());
    made
}

/// The text at `path` of a document.
pub(crate) fn text_at(text: &str, path: &str) -> String {
    let root = Reader { text: text.as_bytes(), at: 0 }.value(String::new());
    let mut found = None;
    root.visit(&mut |node| {
        if node.path == path {
            found = serde_json::from_str(&text[node.span.clone()]).ok();
        }
    });
    found.unwrap_or_else(|| panic!("no text at {path} of {text}"))
}

/// The document with another value at `path`.
pub(crate) fn replaced(text: &str, path: &str, value: &str) -> String {
    let root = Reader { text: text.as_bytes(), at: 0 }.value(String::new());
    let mut span = None;
    root.visit(&mut |node| {
        if node.path == path {
            span = Some(node.span.clone());
        }
    });
    let span = span.unwrap_or_else(|| panic!("nothing at {path} of {text}"));
    String::from_utf8(splice(text, &span, value)).expect("text in text")
}

fn splice(text: &str, span: &Range<usize>, new: impl AsRef<[u8]>) -> Vec<u8> {
    let text = text.as_bytes();
    [&text[..span.start], new.as_ref(), &text[span.end..]].concat()
}

struct Node {
    path: String,
    span: Range<usize>,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Number,
    Object(Vec<Member>),
    Text,
    Word,
}

struct Member {
    /// With its quotes.
    name: Range<usize>,
    value: Node,
}

impl Member {
    fn span(&self) -> Range<usize> {
        self.name.start..self.value.span.end
    }
}

impl Node {
    fn visit(&self, each: &mut dyn FnMut(&Self)) {
        each(self);
        match &self.content {
            Content::List(items) => items.iter().for_each(|item| item.visit(each)),
            Content::Object(members) => members.iter().for_each(|member| member.value.visit(each)),
            Content::Number | Content::Text | Content::Word => {}
        }
    }

    fn mutate(&self, text: &str, made: &mut Vec<Mutant>) {
        let old = &text[self.span.clone()];
        let mut put =
            |kind, new: &[u8]| made.push(Mutant::new(kind, &self.path, splice(text, &self.span, new)));
        for (kind, new) in VALUES {
            put(kind, new.as_bytes());
        }
        put("in-list", format!("[{old}]").as_bytes());
        put("in-object", format!(r#"{{"value":{old}}}"#).as_bytes());
        put("huge-text", format!("\"{}\"", "a".repeat(1 << 16)).as_bytes());
        put("deep-list", format!("{}{}", "[".repeat(200), "]".repeat(200)).as_bytes());
        put("deep-object", format!("{}1{}", r#"{"a":"#.repeat(200), "}".repeat(200)).as_bytes());
        match &self.content {
            Content::List(items) => self.mutate_list(text, items, made),
            Content::Number => text::numbers(old).iter().for_each(|(kind, new)| put(kind, new.as_bytes())),
            Content::Object(members) => self.mutate_object(text, members, made),
            Content::Text => {
                for (kind, new) in text::texts(old) {
                    put(kind, &new);
                }
                let value: String = serde_json::from_str(old).expect("a text");
                for Mutant { kind, path, bytes } in inside(&value) {
                    let path = format!("{}/{path}", self.path);
                    let new = serde_json::Value::from(String::from_utf8_lossy(&bytes)).to_string();
                    made.push(Mutant::new(kind, &path, splice(text, &self.span, new)));
                }
            }
            Content::Word => {}
        }
    }

    fn mutate_list(&self, text: &str, items: &[Self], made: &mut Vec<Mutant>) {
        let parts: Vec<&str> = items.iter().map(|item| &text[item.span.clone()]).collect();
        let mut put = |kind, path: &str, change: &dyn Fn(&mut Vec<&str>)| {
            let mut parts = parts.clone();
            change(&mut parts);
            let new = format!("[{}]", parts.join(","));
            made.push(Mutant::new(kind, path, splice(text, &self.span, new)));
        };
        put("list-reversed", &self.path, &|parts| parts.reverse());
        put("list-doubled", &self.path, &|parts| parts.extend(parts.clone()));
        put("list-and-null", &self.path, &|parts| parts.push("null"));
        put("list-null-first", &self.path, &|parts| parts.insert(0, "null"));
        put("list-and-object", &self.path, &|parts| parts.push("{}"));
        put("list-1000", &self.path, &|parts| *parts = parts.iter().copied().cycle().take(1000).collect());
        for (at, item) in items.iter().enumerate() {
            put("dropped", &item.path, &|parts| {
                parts.remove(at);
            });
            put("doubled", &item.path, &|parts| parts.insert(at, parts[at]));
        }
    }

    fn mutate_object(&self, text: &str, members: &[Member], made: &mut Vec<Mutant>) {
        let parts: Vec<&str> = members.iter().map(|member| &text[member.span()]).collect();
        let mut put = |kind, path: &str, change: &dyn Fn(&mut Vec<String>)| {
            let mut parts = parts.iter().map(|part| (*part).to_owned()).collect();
            change(&mut parts);
            let new = format!("{{{}}}", parts.join(","));
            made.push(Mutant::new(kind, path, splice(text, &self.span, new)));
        };
        for name in ["unknown", "", "__proto__", "$schema"] {
            put("unknown-first", &self.path, &|parts| parts.insert(0, format!(r#""{name}":1"#)));
            put("unknown-last", &self.path, &|parts| parts.push(format!(r#""{name}":{{}}"#)));
        }
        put("reordered", &self.path, &|parts| parts.reverse());
        put("spaced", &self.path, &|parts| *parts = vec![format!("\r\n\t {} \r\n", parts.join(" ,\n "))]);
        put("comma-last", &self.path, &|parts| parts.push(String::new()));
        for (at, member) in members.iter().enumerate() {
            let path = &member.value.path;
            let (name, value) = (&text[member.name.clone()], &text[member.value.span.clone()]);
            put("dropped", path, &|parts| {
                parts.remove(at);
            });
            put("doubled", path, &|parts| parts.insert(at, parts[at].clone()));
            put("doubled", path, &|parts| parts.push(parts[at].clone()));
            for other in ["null", "\"\"", "{}", "[]"] {
                put("doubled-other-first", path, &|parts| parts.insert(at, format!("{name}:{other}")));
                put("doubled-other-last", path, &|parts| parts.push(format!("{name}:{other}")));
            }
            for (kind, spelled) in text::names(name) {
                put(kind, path, &|parts| parts[at] = format!("{spelled}:{value}"));
                if ["renamed", "name-escaped"].contains(&kind) {
                    put("doubled-other-spelling", path, &|parts| {
                        parts.insert(at, format!("{spelled}:{value}"))
                    });
                    put("doubled-other-spelling", path, &|parts| parts.push(format!("{spelled}:null")));
                }
            }
            if let Some(next) = members.get(at + 1) {
                let (other, theirs) = (&text[next.name.clone()], &text[next.value.span.clone()]);
                put("values-swapped", path, &|parts| {
                    parts[at] = format!("{name}:{theirs}");
                    parts[at + 1] = format!("{other}:{value}");
                });
            }
        }
    }
}

/// Changes of what a text carries: JSON, a PEM block, or bytes in base64.
fn inside(text: &str) -> Vec<Mutant> {
    if text.starts_with('{') {
        return mutants(text);
    }
    if text.starts_with("-----BEGIN") {
        let flips = text::flipped(text.as_bytes());
        return flips.filter(|mutant| std::str::from_utf8(&mutant.bytes).is_ok()).collect();
    }
    // Long enough to hold anything.
    let Some(bytes) = STANDARD.decode(text).ok().filter(|bytes| bytes.len() >= 8) else { return Vec::new() };
    let mut made = text::ends(&bytes);
    match std::str::from_utf8(&bytes) {
        Ok(json) if json.starts_with('{') => made.extend(mutants(json)),
        _ => {}
    }
    made.extend(text::flipped(&bytes));
    for mutant in &mut made {
        mutant.bytes = STANDARD.encode(&mutant.bytes).into_bytes();
    }
    made
}

/// Takes good JSON apart; it is ours, so anything else is a mistake of the test.
struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self, path: String) -> Node {
        self.space();
        let start = self.at;
        let content = match self.text[self.at] {
            b'{' => Content::Object(self.items(b'}', |reader, _| {
                reader.space();
                let name = reader.quoted();
                reader.space();
                assert_eq!(reader.text[reader.at], b':');
                reader.at += 1;
                let text = std::str::from_utf8(&reader.text[name.start + 1..name.end - 1]).expect("text");
                let below = if path.is_empty() { text.to_owned() } else { format!("{path}.{text}") };
                Member { value: reader.value(below), name }
            })),
            b'[' => {
                Content::List(self.items(b']', |reader, number| reader.value(format!("{path}[{number}]"))))
            }
            b'"' => {
                self.quoted();
                Content::Text
            }
            first => {
                while self
                    .text
                    .get(self.at)
                    .is_some_and(|byte| b"+-.".contains(byte) || byte.is_ascii_alphanumeric())
                {
                    self.at += 1;
                }
                if first.is_ascii_alphabetic() { Content::Word } else { Content::Number }
            }
        };
        Node { path, span: start..self.at, content }
    }

    fn items<T>(&mut self, end: u8, mut item: impl FnMut(&mut Self, usize) -> T) -> Vec<T> {
        let mut items = Vec::new();
        self.at += 1;
        loop {
            self.space();
            match self.text[self.at] {
                byte if byte == end => break,
                b',' => self.at += 1,
                _ => items.push(item(self, items.len())),
            }
        }
        self.at += 1;
        items
    }

    fn quoted(&mut self) -> Range<usize> {
        let start = self.at;
        self.at += 1;
        while self.text[self.at] != b'"' {
            self.at += if self.text[self.at] == b'\\' { 2 } else { 1 };
        }
        self.at += 1;
        start..self.at
    }

    fn space(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }
}

/// In place of any value.
const VALUES: [(&str, &str); 10] = [
    ("null", "null"),
    ("true", "true"),
    ("zero", "0"),
    ("text-empty", "\"\""),
    ("text-other", "\"x\""),
    ("list-empty", "[]"),
    ("object-empty", "{}"),
    ("number-huge", "1e400"),
    ("not-a-number", "NaN"),
    ("nothing", ""),
];

#[test]
fn documents_are_taken_apart_by_position() {
    let text = r#" {"a" : [1, {"b\"":"x"}], "c":null} "#;
    let root = Reader { text: text.as_bytes(), at: 0 }.value(String::new());
    let mut seen = Vec::new();
    root.visit(&mut |node| seen.push((node.path.clone(), text[node.span.clone()].to_owned())));
    let seen: Vec<(&str, &str)> = seen.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    assert_eq!(
        seen,
        [
            ("", r#"{"a" : [1, {"b\"":"x"}], "c":null}"#),
            ("a", r#"[1, {"b\"":"x"}]"#),
            ("a[0]", "1"),
            ("a[1]", r#"{"b\"":"x"}"#),
            (r#"a[1].b\""#, "\"x\""),
            ("c", "null"),
        ]
    );
    assert_eq!(text_at(text, r#"a[1].b\""#), "x");
    assert_eq!(replaced(text, "c", "2"), text.replace("null", "2"));
}

#[test]
fn every_kind_of_change_is_made() {
    let text = r#"{"critical":{"time":"2026-01-01T00:00:00Z","at":"17","sha256":"DIGEST"},"list":[1,2],"sig":"BASE64","ok":true}"#;
    let text = text.replace("DIGEST", &"ab".repeat(32)).replace("BASE64", &STANDARD.encode([b'>'; 10]));
    let made: Vec<Mutant> = mutants(&text);
    let made: Vec<String> =
        made.iter().map(|mutant| String::from_utf8_lossy(&mutant.bytes).into_owned()).collect();
    for part in [
        r#"{"Critical":"#,
        r#""CRITICAL":"#,
        r#""\u0063ritical":"#,
        r#""sha512":"#,
        r#""SHA256":"#,
        r#""sha256":"sha256:abab"#,
        r#""sha256":"ABAB"#,
        r#""list":[2,1]"#,
        r#""list":[1,2,1,2]"#,
        r#""list":[1]"#,
        r#""list":[]"#,
        r#"{"list":[1,2],"sig""#,
        r#"{"ok":true,"sig":"#,
        r#""at":"18""#,
        r#""at":17"#,
        r#""at":"-17""#,
        r#""time":"1970-01-01T00:00:00Z""#,
        r#""time":"9999-"#,
        r#""time":"2026-01-01T00:00:00""#,
        "\u{feff}{",
        r#""ok":true}{"critical""#,
        r#""sig":"Pj4-Pj4-Pj4-Pg""#,
        r#""sig":"Pj4+Pj4+Pj4+Ph==""#,
        r#""sig":"Pj4+Pj4+Pj4+Pg""#,
        r#""sig":"Pz4+Pj4+Pj4+Pg==""#,
    ] {
        assert!(made.iter().any(|made| made.contains(part)), "{part}");
    }
}

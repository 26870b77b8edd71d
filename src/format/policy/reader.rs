//! What all entries are read with: maps with known keys, lists, and the kinds of text.

use std::collections::BTreeSet;

use super::yaml::{Node, Value};
use super::{At, Place, ShapeError, ShapeProblem};
use crate::base::{Digest, Timestamp};

/// A value, and where it stands.
#[derive(Clone)]
pub(super) struct Here<'a> {
    pub(super) node: &'a Node,
    pub(super) place: Place,
}

impl Here<'_> {
    /// Whether it is a map with nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        matches!(&self.node.value, Value::Map(entries) if entries.is_empty())
    }
}

/// A map whose keys are all known.
pub(super) struct Fields<'a> {
    pub(super) place: Place,
    pub(super) entries: Vec<(&'a str, Here<'a>)>,
}

impl<'a> Fields<'a> {
    pub(super) fn get(&self, key: &str) -> Option<Here<'a>> {
        self.entries.iter().find(|(name, _)| *name == key).map(|(_, here)| here.clone())
    }

    pub(super) fn count(&self, keys: &[&str]) -> usize {
        keys.iter().filter(|key| self.get(key).is_some()).count()
    }
}

/// Collects problems. Every method gives `None` only after it has noted one.
pub(super) struct Reader {
    pub(super) problems: Vec<ShapeProblem>,
}

impl Reader {
    pub(super) fn note<T>(&mut self, place: &Place, error: ShapeError) -> Option<T> {
        self.problems.push(ShapeProblem { place: place.clone(), error });
        None
    }

    pub(super) fn wrong_type<T>(&mut self, here: &Here<'_>, want: &'static str) -> Option<T> {
        self.note(&here.place, ShapeError::Type { want, got: here.node.value.kind() })
    }

    pub(super) fn map<'a>(&mut self, here: &Here<'a>, known: &[&str]) -> Option<Fields<'a>> {
        let Value::Map(entries) = &here.node.value else { return self.wrong_type(here, "a map") };
        let mut fields = Fields { place: here.place.clone(), entries: Vec::new() };
        for (key, node) in entries {
            let path = below(&here.place.path, &key.name);
            if known.contains(&key.name.as_str()) {
                let place = Place { at: node.at, path };
                fields.entries.push((&key.name, Here { node, place }));
            } else {
                let error = ShapeError::UnknownKey { key: key.name.clone(), known: known.join(", ") };
                self.note(&Place { at: key.at, path }, error).unwrap_or(())
            }
        }
        Some(fields)
    }

    pub(super) fn required<'a>(&mut self, map: &Fields<'a>, key: &'static str) -> Option<Here<'a>> {
        match map.get(key) {
            None => self.note(&map.place, ShapeError::Missing { key }),
            found => found,
        }
    }

    /// `None` if there is a problem with it, `Some(None)` if it is not there.
    pub(super) fn optional<'a, T>(
        &mut self,
        map: &Fields<'a>,
        key: &str,
        read: impl Fn(&mut Self, &Here<'a>) -> Option<T>,
    ) -> Option<Option<T>> {
        map.get(key).map_or(Some(None), |here| read(self, &here).map(Some))
    }

    pub(super) fn list<'a, T>(
        &mut self,
        here: &Here<'a>,
        want: &'static str,
        read: impl Fn(&mut Self, &Here<'a>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::List(items) = &here.node.value else { return self.wrong_type(here, "a list") };
        if items.is_empty() {
            return self.note(&here.place, ShapeError::Empty { want });
        }
        let read: Vec<_> = items
            .iter()
            .enumerate()
            .map(|(index, node)| {
                let path = format!("{}[{index}]", here.place.path);
                read(self, &Here { node, place: Place { at: node.at, path } })
            })
            .collect();
        read.into_iter().collect()
    }

    pub(super) fn texts(&mut self, here: &Here<'_>, want: &'static str) -> Option<Vec<At<String>>> {
        let texts = self.list(here, want, |reader, here| {
            Some(At { value: reader.text(here)?, place: here.place.clone() })
        })?;
        self.distinct(texts)
    }

    pub(super) fn distinct(&mut self, texts: Vec<At<String>>) -> Option<Vec<At<String>>> {
        let mut seen = BTreeSet::new();
        match texts.iter().find(|text| !seen.insert(text.value.as_str())) {
            Some(twice) => self.note(&twice.place, ShapeError::Repeated { value: twice.value.clone() }),
            None => Some(texts),
        }
    }

    pub(super) fn text(&mut self, here: &Here<'_>) -> Option<String> {
        match &here.node.value {
            Value::Text(text) => Some(text.clone()),
            Value::Bool(_) | Value::Integer(_) | Value::OtherNumber => {
                self.wrong_type(here, "text (quote it if it is meant as text)")
            }
            Value::List(_) | Value::Map(_) | Value::Null => self.wrong_type(here, "text"),
        }
    }

    pub(super) fn text_of(
        &mut self,
        here: &Here<'_>,
        want: &'static str,
        least: usize,
        most: usize,
    ) -> Option<At<String>> {
        let value = self.text(here)?;
        if (least..=most).contains(&value.chars().count()) {
            return Some(At { value, place: here.place.clone() });
        }
        let got = value.chars().take(40).collect();
        self.note(&here.place, ShapeError::Value { want, got })
    }

    pub(super) fn reason(&mut self, here: &Here<'_>) -> Option<At<String>> {
        self.text_of(here, "a reason of 3 to 2000 characters", 3, 2000)
    }

    pub(super) fn id(&mut self, here: &Here<'_>) -> Option<At<String>> {
        let value = self.text(here)?;
        if is_id(&value) {
            return Some(At { value, place: here.place.clone() });
        }
        self.note(&here.place, ShapeError::Value { want: ID, got: value })
    }

    pub(super) fn positive(&mut self, here: &Here<'_>) -> Option<At<u64>> {
        match here.node.value {
            Value::Integer(value @ 1..=MOST) => Some(At { value, place: here.place.clone() }),
            Value::Integer(other) => self.note(
                &here.place,
                ShapeError::Value { want: "a number from 1 to 2^53 - 1", got: other.to_string() },
            ),
            _ => self.wrong_type(here, "a whole number"),
        }
    }

    pub(super) fn time(&mut self, here: &Here<'_>) -> Option<At<Timestamp>> {
        let text = self.text(here)?;
        match text.parse() {
            Ok(value) if is_rfc3339(&text) => Some(At { value, place: here.place.clone() }),
            _ => {
                let want = "a date and time such as 2027-06-01T00:00:00Z";
                self.note(&here.place, ShapeError::Value { want, got: text })
            }
        }
    }

    pub(super) fn sha256(&mut self, here: &Here<'_>) -> Option<At<Digest>> {
        let text = self.text(here)?;
        match text.parse::<Digest>() {
            Ok(value) if text.starts_with("sha256:") => Some(At { value, place: here.place.clone() }),
            _ => {
                let want = "`sha256:` and 64 lower-case hexadecimal digits";
                self.note(&here.place, ShapeError::Value { want, got: text })
            }
        }
    }

    /// A path that stays below the policy's folder, so that a policy and its keys move together.
    pub(super) fn relative(&mut self, here: &Here<'_>) -> Option<At<String>> {
        let text = self.text(here)?;
        let names = text.split('/').all(|name| !matches!(name, "" | "." | ".."));
        if names && text.len() <= 1000 && !text.contains(['\\', ':', '\0']) {
            return Some(At { value: text, place: here.place.clone() });
        }
        let want = "a file below the policy's folder, such as keys/release.pub";
        self.note(&here.place, ShapeError::Value { want, got: text })
    }
}

pub(super) fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

pub(super) fn is_id(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=63).contains(&text.len())
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || b"._-".contains(&byte))
}

/// RFC 3339 §5.6 in its plain form: upper-case `T` and `Z`, no leap second.
fn is_rfc3339(text: &str) -> bool {
    let (date, offset) = match text.strip_suffix('Z') {
        Some(date) => (date, "+00:00"),
        None => text.split_at_checked(text.len().saturating_sub(6)).unwrap_or((text, "")),
    };
    let (date, fraction) = date.split_once('.').unwrap_or((date, "0"));
    let shape: String = date
        .chars()
        .chain(offset.chars())
        .map(|char| if char.is_ascii_digit() { '0' } else { char })
        .collect();
    let digits = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    digits && matches!(shape.as_str(), "0000-00-00T00:00:00+00:00" | "0000-00-00T00:00:00-00:00")
}

pub(super) const ID: &str = "a name of lower-case letters, digits, `.`, `_` and `-`, up to 63 characters";
/// The largest whole number that every JSON reader keeps (RFC 8785 §3.2.2.3).
const MOST: u64 = (1 << 53) - 1;

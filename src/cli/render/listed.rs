//! What `ls` answers, as text and as `plimsoll.ls/v1`: `schemas/ls.v1.schema.json`.

use std::cmp::Ordering;

use serde::Serialize;

use super::quota::QuotaWire;
use crate::base::{Printable, Repository};
use crate::io::Names;

/// The whole answer.
#[derive(Serialize)]
pub(in crate::cli) struct Answer {
    schema: &'static str,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    untagged: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repositories: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::cli) quotas: Vec<QuotaWire>,
}

impl Answer {
    /// Of a repository or a layout.
    pub(in crate::cli) fn of_images(name: String, names: Names) -> Self {
        let untagged = names.untagged.iter().map(ToString::to_string).collect();
        let (tags, untagged) = (Some(sorted(names.tags)), Some(untagged));
        Self { tags, untagged, ..Self::of(name) }
    }

    pub(in crate::cli) fn of_registry(name: String, repositories: &[Repository]) -> Self {
        let repositories = repositories.iter().map(ToString::to_string).collect();
        Self { repositories: Some(sorted(repositories)), ..Self::of(name) }
    }

    fn of(name: String) -> Self {
        let (tags, untagged, repositories) = (None, None, None);
        Self { schema: "plimsoll.ls/v1", name, tags, untagged, repositories, quotas: Vec::new() }
    }

    /// One name a line.
    pub(in crate::cli) fn text(&self) -> String {
        let names = self.repositories.iter().chain(&self.tags).flatten();
        let names = names.map(|name| format!("{}\n", Printable(name)));
        names.chain(self.untagged.iter().flatten().map(|digest| format!("@{digest}\n"))).collect()
    }
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort_by(|one, other| by_number(one, other));
    names
}

/// Runs of digits by their numbers, everything between them by its bytes.
fn by_number(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one, other);
    loop {
        let (text, rest) = split(left, |byte| !byte.is_ascii_digit());
        let (other_text, other_rest) = split(right, |byte| !byte.is_ascii_digit());
        let (digits, next) = split(rest, |byte| byte.is_ascii_digit());
        let (other_digits, other_next) = split(other_rest, |byte| byte.is_ascii_digit());
        let number = |digits: &str| digits.trim_start_matches('0').len();
        let order = text
            .cmp(other_text)
            .then_with(|| digits.is_empty().cmp(&other_digits.is_empty()).reverse())
            .then_with(|| number(digits).cmp(&number(other_digits)))
            .then_with(|| digits.trim_start_matches('0').cmp(other_digits.trim_start_matches('0')));
        if order != Ordering::Equal {
            return order;
        }
        if next.is_empty() || other_next.is_empty() {
            // What differs in zeros only must still have one order.
            return next.cmp(other_next).then_with(|| one.cmp(other));
        }
        (left, right) = (next, other_next);
    }
}

/// The start of a text that consists of such bytes, which are all ASCII or all not digits, and the rest.
fn split(text: &str, is: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(|byte| !is(byte)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn as_people_count() {
        let want = [
            "",
            "0",
            "00",
            "1",
            "1.9",
            "1.9.1",
            "1.10",
            "2",
            "10",
            "18446744073709551616",
            "latest",
            "v1",
            "v1-rc2",
            "v1-rc10",
            "v1.2",
            "v02",
            "v10",
            "é1",
            "é2",
        ];
        let mut names: Vec<String> = want.iter().rev().map(|name| (*name).to_owned()).collect();
        names = sorted(names);
        assert_eq!(names, want);
    }

    proptest! {
        #[test]
        fn the_order_is_one(names in proptest::collection::vec("[0-2a.é]{0,6}", 3)) {
            let [a, b, c] = [&names[0], &names[1], &names[2]];
            prop_assert_eq!(by_number(a, b), by_number(b, a).reverse());
            prop_assert_eq!(by_number(a, b) == Ordering::Equal, a == b);
            if by_number(a, b).is_le() && by_number(b, c).is_le() {
                prop_assert!(by_number(a, c).is_le(), "{:?}", names);
            }
        }
    }
}

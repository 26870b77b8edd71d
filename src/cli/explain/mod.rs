//! What every stable code means and what to do about it: one table, one file per letter. A test reads the sources of all floors and says
//! which code has no entry here, and which entry has lost its code.

mod annotation;
mod certificate;
mod evidence;
mod file;
mod identity;
mod key;
mod name;
mod policy;
mod root;
mod rule;
mod sbom;
mod signature;

/// One code.
pub(super) struct Entry {
    /// Stable.
    pub(super) code: &'static str,
    /// In one line.
    pub(super) title: &'static str,
    /// What was found.
    pub(super) meaning: &'static str,
    /// How it comes about as a rule.
    pub(super) cause: &'static str,
    /// What to do, most likely first; commands in backquotes.
    pub(super) next: &'static [&'static str],
}

/// Every entry, in the order of the codes.
pub(super) fn entries() -> impl Iterator<Item = &'static Entry> {
    TABLES.into_iter().flatten()
}

/// The entry of a code, in any case, with or without the prefix, whatever stands between.
pub(super) fn find(asked: &str) -> Option<&'static Entry> {
    let code = canonical(asked);
    entries().find(|entry| entry.code == code)
}

/// The code that was most likely meant.
pub(super) fn nearest(asked: &str) -> Option<&'static Entry> {
    let code = canonical(asked);
    entries().min_by_key(|entry| distance(&code, entry.code))
}

fn canonical(asked: &str) -> String {
    let code: String =
        asked.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    format!("{PREFIX}{}", code.strip_prefix("PLM").unwrap_or(&code))
}

/// How far two texts are apart: position by position, then by length. Codes have one shape, so that no more is needed; the first
/// positions weigh most, for the letter is the subject.
fn distance(one: &str, other: &str) -> usize {
    let (mut one, mut other) = (one.chars(), other.chars());
    let mut sum = 0;
    for weight in (0..LONGEST).rev() {
        match (one.next(), other.next()) {
            (None, None) => break,
            (left, right) if left != right => sum += 1 << weight,
            _ => {}
        }
    }
    sum
}

/// How every code starts.
const PREFIX: &str = "PLM-";
/// So many characters of a code are compared.
const LONGEST: usize = 12;
/// In the order of the codes.
const TABLES: [&[Entry]; 12] = [
    annotation::ENTRIES,
    sbom::ENTRIES,
    evidence::ENTRIES,
    identity::ENTRIES,
    key::ENTRIES,
    name::ENTRIES,
    policy::ENTRIES,
    rule::ENTRIES,
    signature::ENTRIES,
    certificate::ENTRIES,
    file::ENTRIES,
    root::ENTRIES,
];

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "a test of the tree")]

    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::cli::examples;

    /// The sources that are no tests: text up to `mod tests`, and no file of a test module.
    fn sources() -> BTreeMap<PathBuf, String> {
        fn visit(folder: &Path, into: &mut BTreeMap<PathBuf, String>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => visit(&path, into),
                    false => drop(into.insert(path.clone(), fs::read_to_string(&path).unwrap())),
                }
            }
        }
        let mut files = BTreeMap::new();
        visit(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
        let mut tests = BTreeSet::new();
        for (path, text) in &files {
            for after in text.split("#[cfg(test)]\n").skip(1) {
                let line = after.lines().next().unwrap_or_default();
                let Some((_, name)) = line.split_once("mod ") else { continue };
                let Some(name) = name.strip_suffix(';') else { continue };
                let stem = path.file_stem().unwrap();
                let folder = match stem == "mod" || stem == "lib" {
                    true => path.parent().unwrap().to_owned(),
                    false => path.with_extension(""),
                };
                tests.insert(folder.join(format!("{name}.rs")));
                tests.insert(folder.join(name).join("mod.rs"));
            }
        }
        files.retain(|path, _| !tests.contains(path));
        for text in files.values_mut() {
            let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
            text.truncate(end);
        }
        files
    }

    /// The codes that a text names as a whole literal: what an error returns.
    fn literals(text: &str) -> BTreeSet<String> {
        let is_code = |text: &str| {
            text.strip_prefix(PREFIX).is_some_and(|rest| {
                let mut rest = rest.chars();
                rest.next().is_some_and(|letter| letter.is_ascii_uppercase())
                    && rest.as_str().len() == 2
                    && rest.all(|digit| digit.is_ascii_digit())
            })
        };
        text.split('"').filter(|text| is_code(text)).map(str::to_owned).collect()
    }

    #[test]
    fn every_code_that_an_error_has_is_explained_and_nothing_else_is() {
        let mut used: BTreeMap<String, PathBuf> = BTreeMap::new();
        for (path, text) in
            sources().iter().filter(|(path, _)| !path.to_string_lossy().contains("/src/cli/explain/"))
        {
            used.extend(literals(text).into_iter().map(|code| (code, path.clone())));
        }
        assert!(used.len() > 50, "{used:?}");
        for (code, path) in &used {
            let path = path.display();
            assert!(
                entries().any(|entry| entry.code == code),
                "{path} has the code {code}, and nobody explains it: add an `Entry` (title, meaning, cause, what to do next) to the file \
                 of its letter in src/cli/explain/"
            );
        }
        for entry in entries() {
            assert!(
                used.contains_key(entry.code),
                "src/cli/explain/ explains {}, which no error has: remove the entry, and never use the code again",
                entry.code
            );
        }
    }

    /// Constants are not reported by the compiler when nobody uses them.
    #[test]
    fn every_code_of_a_verdict_is_given() {
        let sources = sources();
        let (_, table) = sources.iter().find(|(path, _)| path.ends_with("policy/code.rs")).unwrap();
        let names: Vec<&str> =
            table.lines().filter_map(|line| line.strip_prefix("pub const ")?.split(':').next()).collect();
        assert!(names.len() > 20);
        for name in names {
            let given = format!("code::{name}");
            let is_given = |(path, text): (&PathBuf, &String)| {
                path.to_string_lossy().contains("/src/policy/")
                    && text.match_indices(&given).any(|(at, _)| {
                        !text[at + given.len()..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
                    })
            };
            assert!(sources.iter().any(is_given), "policy::code::{name} is given by nobody: remove it");
        }
    }

    #[test]
    fn the_table_is_sorted_and_every_code_stands_once() {
        let codes: Vec<&str> = entries().map(|entry| entry.code).collect();
        for pair in codes.windows(2) {
            assert!(pair[0] < pair[1], "{} stands before {}", pair[0], pair[1]);
        }
        for table in TABLES {
            let letters: BTreeSet<_> = table.iter().map(|entry| &entry.code[..PREFIX.len() + 1]).collect();
            assert_eq!(letters.len(), 1, "one file, one letter: {letters:?}");
        }
    }

    #[test]
    fn every_entry_says_everything_and_its_commands_parse() {
        for Entry { code, title, meaning, cause, next } in entries() {
            assert!(title.len() < 90 && !title.ends_with('.') && !title.contains('\n'), "{code}: {title}");
            assert!(title.starts_with(|c: char| c.is_lowercase()), "{code}: {title}");
            for text in [meaning, cause].into_iter().chain(*next) {
                assert!(text.len() > 20 && text.ends_with('.') && !text.contains("  "), "{code}: {text}");
            }
            assert!(!next.is_empty(), "{code}: what should the user do?");
            next.iter().for_each(|text| examples::check_hint(text));
        }
    }

    #[test]
    fn codes_are_found_however_they_are_typed() {
        for asked in ["PLM-S01", "plm-s01", "S01", " s01 ", "PLM_S01"] {
            assert_eq!(find(asked).map(|entry| entry.code), Some("PLM-S01"), "{asked}");
        }
        for (asked, near) in [
            ("PLM-S0", "PLM-S01"),
            ("PLM-X01", "PLM-A01"),
            ("", "PLM-A01"),
            ("E92", "PLM-E02"),
            ("P2", "PLM-P20"),
        ] {
            assert!(find(asked).is_none());
            assert_eq!(nearest(asked).map(|entry| entry.code), Some(near), "{asked}");
        }
    }
}

//! Pins image references in files: finds each of them with its place, and puts digests there without touching any other byte.
//!
//! Every reference that is found ends as pinned, to be pinned, or skipped with a [`Reason`]; nothing is passed over silently.
//! A reference `name:tag` becomes `name:tag@sha256:…`. The name stays as typed, and the tag stays for people and for tools that move pins;
//! a name alone becomes `name:latest@sha256:…`, since that tag is what was looked up.
#![warn(clippy::indexing_slicing)]

mod format;
mod occurrence;
mod plan;

pub use format::{Example, FORMATS, FindError, PinFormat, format_named, format_of};
pub use occurrence::{Occurrence, Reason, State, What};
pub use plan::{Edited, PlanError, plan};

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests read the corpus")]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::base::{Digest, Insertion, Reference};

    fn fake() -> Digest {
        Digest::of(b"plimsoll")
    }

    /// A digest for everything that needs one.
    fn digests(occurrences: &[Occurrence]) -> BTreeMap<Reference, Digest> {
        occurrences
            .iter()
            .filter_map(|occurrence| match &occurrence.state {
                State::Unpinned { reference, .. } => Some((reference.clone(), fake())),
                State::Pinned { .. } | State::Skipped(_) => None,
            })
            .collect()
    }

    /// Pins, and checks that only the additions differ and that pinning again changes nothing.
    fn pin(format: &PinFormat, text: &str) -> Result<(String, Vec<Occurrence>), PlanError> {
        let found = (format.find)(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let edited = plan(format, text, &found, &digests(&found))?;
        let mut without = edited.text().to_owned();
        for Insertion { at, text: addition } in edited.insertions() {
            assert_eq!(without.get(*at..at + addition.len()), Some(addition.as_str()));
            without.replace_range(*at..at + addition.len(), "");
        }
        assert_eq!(without, text, "bytes outside of the additions");
        let again = (format.find)(edited.text()).unwrap();
        assert!(!again.iter().any(|found| matches!(found.state, State::Unpinned { .. })));
        assert_eq!(plan(format, edited.text(), &again, &BTreeMap::new()).unwrap().text(), edited.text());
        Ok((edited.text().to_owned(), found))
    }

    #[test]
    fn formats_are_sorted_and_hold_their_example() {
        assert!(FORMATS.is_sorted_by_key(|format| format.name));
        for format in FORMATS {
            let Example { path, before, after } = &format.example;
            assert_eq!(format_of(Path::new(path)).map(|found| found.name), Some(format.name));
            assert_eq!(format_named(format.name).map(|found| found.name), Some(format.name));
            let (pinned, _) = pin(format, before).unwrap();
            assert_eq!(pinned, after.replace("DIGEST", &fake().to_string()));
        }
    }

    #[test]
    fn vectors() {
        let mut count = 0;
        for format in FORMATS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/pin").join(format.name);
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.extension().and_then(|end| end.to_str()) {
                    Some("in") => {}
                    Some("out") => continue,
                    _ => panic!("{}", path.display()),
                }
                let want = std::fs::read_to_string(path.with_extension("out")).unwrap();
                let (got, _) = pin(format, &std::fs::read_to_string(&path).unwrap()).unwrap();
                assert_eq!(got.replace(&fake().to_string(), "DIGEST"), want, "{}", path.display());
                count += 1;
            }
        }
        assert!(count >= 4, "{count}");
    }

    fn corpus() -> Vec<(String, String)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/dockerfile/corpus");
        let read = |entry: std::io::Result<std::fs::DirEntry>| {
            let path = entry.unwrap().path();
            (path.display().to_string(), std::fs::read_to_string(&path).unwrap())
        };
        std::fs::read_dir(folder).unwrap().map(read).collect()
    }

    /// Counted by hand against BuildKit's parser and explained in `testdata/dockerfile/README.md`.
    #[test]
    fn finds_every_reference_of_the_corpus() {
        let format = format_named("dockerfile").unwrap();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for (name, text) in corpus() {
            let Ok(found) = (format.find)(&text) else {
                *counts.entry("refused".to_owned()).or_default() += 1;
                continue;
            };
            for occurrence in &found {
                let state = match &occurrence.state {
                    State::Pinned { .. } => "pinned",
                    State::Skipped(reason) => reason.name(),
                    State::Unpinned { .. } => "unpinned",
                };
                *counts.entry(format!("{} {state}", occurrence.what.name())).or_default() += 1;
            }
            for text in [text.clone(), text.replace('\n', "\r\n"), text.trim_end().to_owned()] {
                if (format.find)(&text).is_ok() {
                    pin(format, &text).unwrap_or_else(|error| panic!("{name}: {error}"));
                }
            }
        }
        let shown: String = counts.iter().map(|(what, count)| format!("{count} {what}\n")).collect();
        assert_eq!(shown, COUNTS);
    }

    const COUNTS: &str = "\
3 arg-default unpinned
1 copy-from pinned
320 copy-from stage
5 copy-from stage-number
26 copy-from unpinned
1 copy-from variable-in-from
2 from not-a-reference
51 from parts
87 from pinned
126 from scratch
165 from stage
222 from unpinned
15 mount-from stage
1 mount-from unpinned
2 onbuild stage
14 refused
60 syntax unpinned
";

    #[test]
    fn refuses_what_would_read_differently() {
        let format = format_named("dockerfile").unwrap();
        // With a digest in its default, the second FROM would no longer be the stage.
        let text = "ARG BASE=alpine\nFROM $BASE AS alpine\nFROM $BASE\n";
        let found = (format.find)(text).unwrap();
        assert_eq!(plan(format, text, &found, &digests(&found)), Err(PlanError::Reads));
        // References of another text.
        let other = (format.find)("FROM alpine:3.20\n").unwrap();
        let wrong = plan(format, "FROM alpine\n\n\n\n", &other, &digests(&other));
        assert!(wrong.is_err(), "{wrong:?}");
        let short = plan(format, "FROM b\n", &other, &digests(&other));
        assert_eq!(short, Err(PlanError::Place));
        assert!(matches!(plan(format, text, &found, &BTreeMap::new()), Err(PlanError::Unresolved { .. })));
    }

    proptest! {
        #[test]
        fn pins_only_at_the_references(
            image in "[a-z]{1,6}(/[a-z]{1,6}){0,2}(:[a-z0-9]{1,5})?",
            lines in prop::collection::vec(prop::sample::select(LINES), 0..8),
            end in prop::sample::select(vec!["\n", "\r\n"]),
        ) {
            let lines: Vec<String> = lines.iter().map(|line| line.replace("IMAGE", &image)).collect();
            let text = format!("FROM IMAGE\n{}", lines.join("\n")).replace("IMAGE", &image).replace('\n', end);
            let format = format_named("dockerfile").unwrap();
            if (format.find)(&text).is_ok() {
                pin(format, &text).unwrap();
            }
        }
    }

    const LINES: &[&str] = &[
        "FROM IMAGE",
        "FROM \"IMAGE\" AS s",
        "FROM s",
        "FROM IM\\\n# c\nAGE",
        "COPY --from=IMAGE a b",
        "COPY --from=s a b",
        "RUN --mount=from=IMAGE,target=/x --mount=from=s true",
        "RUN <<E\nFROM IMAGE\nE",
        "# FROM IMAGE",
        "",
        "ONBUILD COPY --from=IMAGE a b",
        "FROM ${X:-IMAGE}",
        "ARG X=IMAGE",
        "  from IMAGE as Q",
        "COPY --from=q a b",
        "# plimsoll:ignore pin -- ours",
        "RUN echo \\\n  FROM IMAGE",
        "LABEL a=\"FROM IMAGE\"",
    ];
}

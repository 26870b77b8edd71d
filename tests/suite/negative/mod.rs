//! From one good sample, hundreds of bad ones: every field dropped, doubled, renamed, of another type, every digest another, every time
//! moved, every byte flipped. None may prove anything, and each refusal has its code. What may still prove the same is listed with its
//! reason, and the list has no line too many.

mod carried;
mod certificates;
mod json;
mod keys;
mod policy;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

pub(crate) use json::{Mutant, mutants, replaced, text_at};
pub(crate) use text::{flips, gzip};

/// What came of a sample.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Said {
    /// It proves what the good one proves.
    Same,
    /// It proves something else: never right.
    Other(String),
    /// Refused, with this code.
    Refused(String),
}

/// A change that is harmless: its kind, its place and why. `*` at an end of either stands for any text.
pub(crate) type Harmless = (&'static str, &'static str, &'static str);

/// The same document to every reader.
pub(crate) const SAME_DOCUMENT: &[Harmless] = &[
    ("reordered", "*", "JSON: members have no order"),
    ("spaced", "*", "JSON: space between tokens is nothing"),
    ("space-around", "", "JSON: space around the document is nothing"),
    ("name-escaped", "*", "JSON: another spelling of the same name"),
    ("text-escaped", "*", "JSON: another spelling of the same text"),
];

/// Holds that none of the mutants proves anything, but for the harmless ones, and that there are at least so many of them.
#[track_caller]
pub(crate) fn none_proves(
    sample: &str,
    least: usize,
    mutants: impl IntoIterator<Item = Mutant>,
    harmless: &[&[Harmless]],
    judge: impl Fn(&Mutant) -> Said,
) {
    let harmless: Vec<&Harmless> = harmless.iter().copied().flatten().collect();
    let (mut count, mut used, mut wrong) = (0, BTreeSet::new(), BTreeMap::new());
    let mut codes: BTreeMap<String, usize> = BTreeMap::new();
    for mutant in mutants {
        count += 1;
        let Mutant { kind, path, bytes } = &mutant;
        let said = catch_unwind(AssertUnwindSafe(|| judge(&mutant)));
        let known = |at: &usize| fits(harmless[*at].0, kind) && fits(harmless[*at].1, path);
        let known: Vec<usize> = (0..harmless.len()).filter(known).collect();
        match (said, known.is_empty()) {
            (Ok(Said::Refused(code)), _) if is_code(&code) => *codes.entry(code).or_default() += 1,
            (Ok(Said::Same), false) => used.extend(known),
            (said, _) => {
                let said: String = format!("{said:?}").chars().take(200).collect();
                let shown: String = String::from_utf8_lossy(bytes).chars().take(600).collect();
                let label = if said.starts_with("Ok(Same") { "" } else { "! " };
                wrong.insert(format!("{label}{kind} {path}"), format!("{said}\n    {shown}"));
            }
        }
    }
    if let Some((what, first)) = wrong.first_key_value() {
        let all = wrong.keys().map(String::as_str).collect::<Vec<_>>().join("\n");
        panic!("{sample}: of {count} are not refused:\n{all}\n\n{what}: {first}");
    }
    let unused: Vec<_> = (0..harmless.len()).filter(|at| !used.contains(at)).map(|at| harmless[at]).collect();
    assert!(unused.is_empty(), "{sample}: never needed: {unused:?}");
    assert!(count >= least, "{sample}: only {count} samples, {codes:?}");
    assert!(codes.values().sum::<usize>() * 2 > count, "{sample}: most must be refused: {codes:?}");
}

/// Of each kind of change of each part one only, for judges that take their time.
pub(crate) fn one_each(mut mutants: Vec<Mutant>) -> Vec<Mutant> {
    let mut seen = BTreeSet::new();
    mutants.retain(|mutant| seen.insert((mutant.kind, mutant.path.clone())));
    mutants
}

/// The same, and of flipped bytes every 23rd only.
pub(crate) fn few(mutants: Vec<Mutant>) -> Vec<Mutant> {
    let one = |path: &str| {
        path.rsplit('#').next().and_then(|at| at.parse::<usize>().ok()).is_none_or(|at| at % 23 == 0)
    };
    let mut few = one_each(mutants);
    few.retain(|mutant| mutant.kind != "flipped" || one(&mutant.path));
    few
}

/// `*` at one end stands for any text, `#3-5` for the bytes from 3 to 5.
fn fits(pattern: &str, text: &str) -> bool {
    if let Some((front, first, last)) = pattern.rsplit_once('#').and_then(|(front, range)| {
        let (first, last) = range.split_once('-')?;
        Some((front, first.parse::<usize>().ok()?, last.parse::<usize>().ok()?))
    }) {
        let at = text.strip_prefix(front).and_then(|rest| rest.strip_prefix('#')?.parse::<usize>().ok());
        return at.is_some_and(|at| (first..=last).contains(&at));
    }
    match (pattern.strip_suffix('*'), pattern.strip_prefix('*')) {
        (Some(start), _) => text.starts_with(start),
        (_, Some(end)) => text.ends_with(end),
        _ => pattern == text,
    }
}

fn is_code(text: &str) -> bool {
    let rest = text.strip_prefix("PLM-").unwrap_or_default();
    rest.len() >= 3 && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

#[test]
fn a_mutant_that_proves_something_is_caught() {
    let run = |said: Said, harmless: &[Harmless]| {
        let one = Mutant { kind: "dropped", path: "a.b".to_owned(), bytes: Vec::new() };
        let two = Mutant { kind: "null", ..one.clone() };
        let three = Mutant { kind: "zero", ..one.clone() };
        let judge = |mutant: &Mutant| match mutant.kind {
            "dropped" => said.clone(),
            _ => Said::Refused("PLM-S01".to_owned()),
        };
        catch_unwind(AssertUnwindSafe(|| none_proves("test", 3, [one, two, three], &[harmless], judge)))
            .is_ok()
    };
    let harmless = ("drop*", "a.*", "a test");
    assert!(run(Said::Refused("PLM-S99".to_owned()), &[]));
    assert!(run(Said::Same, &[harmless]));
    assert!(!run(Said::Same, &[]), "not listed");
    assert!(!run(Said::Refused("PLM-S99".to_owned()), &[harmless]), "listed, but not needed");
    assert!(!run(Said::Refused("no".to_owned()), &[]), "no code");
    assert!(!run(Said::Other(String::new()), &[harmless]), "another proof");
}

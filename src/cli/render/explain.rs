//! `plimsoll.explain/v1`, and the same for people.

use serde::Serialize;

use crate::cli::explain::Entry;

/// The answer of `plimsoll explain`.
#[derive(Serialize)]
pub(in crate::cli) struct ExplainJson {
    schema: &'static str,
    codes: Vec<CodeWire>,
}

#[derive(Serialize)]
struct CodeWire {
    code: &'static str,
    title: &'static str,
    meaning: &'static str,
    cause: &'static str,
    next: &'static [&'static str],
}

impl ExplainJson {
    pub(in crate::cli) fn new(entries: &[&Entry]) -> Self {
        let codes = entries.iter().map(|entry| {
            let Entry { code, title, meaning, cause, next } = **entry;
            CodeWire { code, title, meaning, cause, next }
        });
        Self { schema: "plimsoll.explain/v1", codes: codes.collect() }
    }
}

/// One entry whole, or a line for each of several.
pub(in crate::cli) fn text(entries: &[&Entry], strong: impl Fn(&str) -> String) -> String {
    let [Entry { code, title, meaning, cause, next }] = entries else {
        return entries.iter().map(|entry| format!("{}  {}\n", entry.code, entry.title)).collect();
    };
    let mut text = format!("{}\n\n", strong(&format!("{code}: {title}")));
    for (heading, body) in [("What it means", meaning), ("Usual cause", cause)] {
        text.push_str(&format!("{heading}\n{}\n", wrap(body, "  ", "  ")));
    }
    text.push_str("What to do\n");
    for step in *next {
        text.push_str(&wrap(step, "  - ", "    "));
    }
    text
}

/// Breaks lines between words, but not inside of a command in backquotes: it is there to be copied.
fn wrap(text: &str, first: &str, rest: &str) -> String {
    let (mut lines, mut line, mut quoted) = (String::new(), first.to_owned(), false);
    let mut empty = true;
    for word in text.split(' ') {
        if !empty && !quoted && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push_str(&line);
            lines.push('\n');
            line = rest.to_owned();
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
        quoted ^= word.matches('`').count() % 2 == 1;
    }
    lines + &line + "\n"
}

/// Columns of text.
const WIDTH: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_never_in_a_command() {
        let words = "word ".repeat(60);
        let command = format!("`{}end`.", "plimsoll ".repeat(20));
        let wrapped = wrap(&format!("{words}{command}"), "- ", "  ");
        assert!(wrapped.contains(&command), "{wrapped}");
        for line in wrapped.lines().filter(|line| !line.contains('`')) {
            assert!(line.chars().count() <= WIDTH && line.starts_with(['-', ' ']), "{line}");
        }
        assert_eq!(wrapped.split_whitespace().count(), 60 + 21 + 1);
        assert_eq!(wrap("a", "- ", "  "), "- a\n");
    }
}

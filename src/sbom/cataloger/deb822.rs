//! Control files of Debian: deb822(5). Tolerant: a line that fits nothing is reported and the rest is read.

/// Fields between two blank lines.
#[derive(Debug, Default)]
pub(super) struct Paragraph<'a> {
    /// Line of the first field, from 1.
    pub(super) line: usize,
    fields: Vec<(&'a str, &'a str)>,
    /// The first line that is not a field, not a continuation and not a comment, or a field that was there before or is one too many.
    pub(super) odd: Option<usize>,
}

impl<'a> Paragraph<'a> {
    /// The value of a field, continuation lines included; the first one if there are several.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// The first line of a field's value, if there is anything on it.
    pub(super) fn line_of(&self, name: &str) -> Option<&'a str> {
        let line = self.get(name)?.lines().next()?.trim();
        (!line.is_empty()).then_some(line)
    }
}

/// All paragraphs of a file.
pub(super) fn paragraphs(text: &str) -> impl Iterator<Item = Paragraph<'_>> {
    let mut lines = Lines { text, at: 0, number: 0 };
    std::iter::from_fn(move || next(&mut lines))
}

struct Lines<'a> {
    text: &'a str,
    at: usize,
    number: usize,
}

impl<'a> Lines<'a> {
    /// The next line without its line break, and where it ends.
    fn next(&mut self) -> Option<(usize, &'a str)> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let line = rest.split('\n').next().unwrap_or(rest);
        let end = self.at + line.len();
        self.at = end + 1;
        self.number += 1;
        Some((end, line))
    }
}

fn next<'a>(lines: &mut Lines<'a>) -> Option<Paragraph<'a>> {
    let text = lines.text;
    let mut paragraph = Paragraph::default();
    // Name of the open field, and where its value begins and ends.
    let mut open: Option<(&str, usize, usize)> = None;
    let close = |paragraph: &mut Paragraph<'a>, field: Option<(&'a str, usize, usize)>| {
        let Some((name, start, end)) = field else { return };
        paragraph
            .fields
            .push((name, text.get(start..end).unwrap_or_default().trim_matches([' ', '\t', '\r'])));
    };
    while let Some((end, line)) = lines.next() {
        if line.trim().is_empty() {
            if open.is_some() || paragraph.odd.is_some() {
                break;
            }
            continue;
        }
        if line.starts_with('#') {
            continue;
        }
        if paragraph.line == 0 {
            paragraph.line = lines.number;
        }
        if let (true, Some((_, _, value_end))) = (line.starts_with([' ', '\t']), &mut open) {
            *value_end = end;
            continue;
        }
        match line.split_once(':') {
            Some((name, value)) if is_name(name) => {
                close(&mut paragraph, open.take());
                if paragraph.fields.len() >= FIELDS {
                    paragraph.odd.get_or_insert(lines.number);
                    continue;
                }
                if paragraph.get(name).is_some() {
                    paragraph.odd.get_or_insert(lines.number);
                }
                open = Some((name, end - value.len(), end));
            }
            _ => {
                paragraph.odd.get_or_insert(lines.number);
            }
        }
    }
    close(&mut paragraph, open);
    (paragraph.line > 0).then_some(paragraph)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('-') && name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Fields of one paragraph: each is compared with those before it, and millions fit a file.
const FIELDS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_without_end_are_not_kept() {
        let text: String = (0..1_000_000).map(|n| format!("A{n}:\n")).collect();
        let found: Vec<_> = paragraphs(&text).collect();
        assert_eq!((found.len(), found[0].fields.len(), found[0].odd), (1, FIELDS, Some(FIELDS + 1)));
        assert_eq!(found[0].get("A255"), Some(""));
    }

    #[test]
    fn fields_continuations_and_odd_lines() {
        let text = "\n# c\nA: 1\nB: x\n  y\n\nnonsense\nA: 2\nA: 3\r\n\n\n \nC:\n d\n";
        let found: Vec<_> = paragraphs(text).collect();
        let [one, two, three] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((one.line, one.get("a"), one.get("B"), one.odd), (3, Some("1"), Some("x\n  y"), None));
        assert_eq!((two.line, two.get("A"), two.odd), (7, Some("2"), Some(7)));
        assert_eq!((three.line_of("C"), three.get("C")), (None, Some("\n d")));
    }

    #[test]
    fn a_field_written_twice_is_odd() {
        let found: Vec<_> = paragraphs("A: 1\nA: 2\n").collect();
        assert_eq!((found[0].get("A"), found[0].odd), (Some("1"), Some(2)));
    }
}

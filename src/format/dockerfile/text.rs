//! Text that knows where in the file each of its bytes was written.

use std::ops::Range;

use crate::base::{Insertion, Span};

/// Text put together from pieces of a file: continuation lines joined, quotes removed. An edit of a byte of it finds the byte of the file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Text {
    text: String,
    /// Where the text stands when it is empty.
    place: usize,
    /// Ascending in `at`, the first at 0; none if the text is empty.
    runs: Vec<Run>,
}

/// From `at` on, byte `i` of the text is byte `source + i - at` of the file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Run {
    at: usize,
    source: usize,
}

impl Text {
    /// The characters.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether there are no characters.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// The places in the file, in order; several if something that is not part of the text stands between.
    pub fn spans(&self) -> Vec<Span> {
        let ends = self.runs.iter().skip(1).map(|run| run.at).chain([self.text.len()]);
        let spans: Vec<Span> = self
            .runs
            .iter()
            .zip(ends)
            .map(|(run, end)| Span::new(run.source, run.source + (end - run.at)))
            .collect();
        if spans.is_empty() { vec![Span::new(self.place, self.place)] } else { spans }
    }

    /// From the first byte to the last in the file, with whatever stands between.
    pub fn span(&self) -> Span {
        Span::new(self.start(), self.end())
    }

    /// Offset in the file of the first byte.
    pub fn start(&self) -> usize {
        self.runs.first().map_or(self.place, |run| run.source)
    }

    /// Offset in the file after the last byte: where something is inserted to stand at the end of this text.
    pub fn end(&self) -> usize {
        self.runs.last().map_or(self.place, |run| run.source + (self.text.len() - run.at))
    }

    /// The text with each of `insertions` (ascending) put after the byte that ends at its offset.
    pub fn with_insertions(&self, insertions: &[Insertion]) -> String {
        let first = insertions.partition_point(|insertion| insertion.at <= self.start());
        let last = insertions.partition_point(|insertion| insertion.at <= self.end());
        let Some(insertions) = insertions.get(first..last).filter(|some| !some.is_empty()) else {
            return self.text.clone();
        };
        let mut out = String::with_capacity(self.text.len() + 80 * insertions.len());
        for (run, end) in self.runs_from(0) {
            let length = end - run.at;
            let mut from = run.at;
            for Insertion { at: offset, text } in insertions {
                if run.source < *offset && *offset <= run.source + length {
                    let at = run.at + (offset - run.source);
                    out.push_str(self.text.get(from..at).unwrap_or(""));
                    out.push_str(text);
                    from = at;
                }
            }
            out.push_str(self.text.get(from..end).unwrap_or(""));
        }
        out
    }

    pub(super) fn at(place: usize) -> Self {
        Self { place, ..Self::default() }
    }

    pub(super) fn push_str(&mut self, text: &str, source: usize) {
        if text.is_empty() {
            return;
        }
        if self.runs.is_empty() || self.end() != source {
            self.runs.push(Run { at: self.text.len(), source });
        }
        self.text.push_str(text);
    }

    pub(super) fn push(&mut self, char: char, source: usize) {
        self.push_str(char.encode_utf8(&mut [0; 4]), source);
    }

    pub(super) fn append(&mut self, other: &Self) {
        for (run, end) in other.runs_from(0) {
            self.push_str(other.text.get(run.at..end).unwrap_or(""), run.source);
        }
    }

    /// Offset in the file of byte `at`; the end for an offset past it.
    pub(super) fn source(&self, at: usize) -> usize {
        if at >= self.text.len() {
            return self.end();
        }
        let run = self.runs.partition_point(|run| run.at <= at).checked_sub(1).and_then(|i| self.runs.get(i));
        run.map_or(self.place, |run| run.source + (at - run.at))
    }

    /// A part of it; empty if the range is not on character boundaries.
    pub(super) fn slice(&self, range: Range<usize>) -> Self {
        let mut out = Self::at(self.source(range.start));
        if self.text.get(range.clone()).is_none() {
            return out;
        }
        let first = self.runs.partition_point(|run| run.at <= range.start).saturating_sub(1);
        for (run, end) in self.runs_from(first).take_while(|(run, _)| run.at < range.end) {
            let (from, to) = (run.at.max(range.start), end.min(range.end));
            out.push_str(self.text.get(from..to).unwrap_or(""), run.source + (from - run.at));
        }
        out
    }

    pub(super) fn from(&self, start: usize) -> Self {
        self.slice(start..self.text.len())
    }

    /// Without white space around it.
    pub(super) fn trim(&self) -> Self {
        let start = self.text.len() - self.text.trim_start().len();
        self.slice(start..start + self.text.trim().len())
    }

    /// Before and after the first `separator`.
    pub(super) fn split_once(&self, separator: char) -> Option<(Self, Self)> {
        let at = self.text.find(separator)?;
        Some((self.slice(0..at), self.from(at + separator.len_utf8())))
    }

    /// The runs from number `first` on, and where each ends.
    fn runs_from(&self, first: usize) -> impl Iterator<Item = (Run, usize)> {
        let runs = self.runs.get(first..).unwrap_or(&[]);
        let ends = runs.iter().skip(1).map(|run| run.at).chain([self.text.len()]);
        runs.iter().copied().zip(ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Text {
        // File: `ab\<newline>cdé`, offsets 0..2 and 4..8.
        let mut text = Text::at(0);
        text.push_str("ab", 0);
        text.push_str("cd", 4);
        text.push('é', 6);
        text
    }

    #[test]
    fn knows_where_its_bytes_are() {
        let text = sample();
        assert_eq!(text.as_str(), "abcdé");
        assert_eq!(text.spans(), [Span::new(0, 2), Span::new(4, 8)]);
        assert_eq!((text.start(), text.end()), (0, 8));
        assert_eq!([0, 1, 2, 3, 4].map(|at| text.source(at)), [0, 1, 4, 5, 6]);
        let part = text.slice(1..4);
        assert_eq!((part.as_str(), part.spans()), ("bcd", vec![Span::new(1, 2), Span::new(4, 6)]));
        assert_eq!(text.slice(2..4).spans(), [Span::new(4, 6)]);
        assert_eq!(text.slice(2..2).spans(), [Span::new(4, 4)]);
        assert!(text.slice(0..5).is_empty(), "in the middle of é");
    }

    #[test]
    fn inserts_by_offset_in_the_file() {
        let text = sample();
        let insert = |at: usize| text.with_insertions(&[Insertion { at, text: "+".to_owned() }]);
        assert_eq!(
            [1, 2, 4, 5, 8, 9].map(insert),
            ["a+bcdé", "ab+cdé", "abcdé", "abc+dé", "abcdé+", "abcdé"]
        );
    }
}

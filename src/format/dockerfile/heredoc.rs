//! Heredocs: `<<EOF` in RUN, COPY and ADD, and the lines that follow.

use super::lexer::Tabs;
use super::shell::{Mode, Reader};
use super::{ExpandError, Text};
use crate::base::Span;

/// One heredoc.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Heredoc {
    /// The word that ends it.
    pub name: String,
    /// The number before `<<`, 0 if there is none.
    pub file_descriptor: u64,
    /// Whether variables in it are expanded: no part of the word is quoted.
    pub expands: bool,
    /// Whether `<<-` cuts tabs at the start of its lines.
    pub cuts_tabs: bool,
    /// Its lines, without the last.
    pub body: Span,
}

impl Heredoc {
    pub(super) fn tabs(&self) -> Tabs {
        if self.cuts_tabs { Tabs::Cut } else { Tabs::Keep }
    }
}

/// The heredocs that a line announces, in order, without their lines. A line whose quotes are not closed announces none.
pub(super) fn announced(line: &Text) -> Result<Vec<Heredoc>, ExpandError> {
    if !line.as_str().contains("<<") {
        return Ok(Vec::new());
    }
    let words = match heredoc_words(line) {
        Err(ExpandError::TooDeep) => return Err(ExpandError::TooDeep),
        words => words.unwrap_or_default(),
    };
    words.iter().filter_map(|word| announce(word).transpose()).collect()
}

/// `[digits]<<[-][blanks]word`
pub(super) fn announce(word: &str) -> Result<Option<Heredoc>, ExpandError> {
    let rest = word.trim_start_matches(|char: char| char.is_ascii_digit());
    let digits = word.get(..word.len() - rest.len()).unwrap_or("");
    let Some(rest) = rest.strip_prefix("<<") else { return Ok(None) };
    let (rest, cuts_tabs) = rest.strip_prefix('-').map_or((rest, false), |rest| (rest, true));
    let rest = rest.trim_start_matches(['\t', '\n', '\u{c}', '\r', ' ']);
    if rest.is_empty() || rest.contains('<') {
        return Ok(None);
    }
    let Some((name, expands)) = heredoc_name(rest)? else { return Ok(None) };
    let file_descriptor = if digits.is_empty() { 0 } else { digits.parse().unwrap_or(u64::MAX) };
    Ok(Some(Heredoc { name, file_descriptor, expands, cuts_tabs, body: Span::new(0, 0) }))
}

/// The words of an instruction's text with quotes, escapes and variables as they are. The escape character is always `\` here.
fn heredoc_words(line: &Text) -> Result<Vec<String>, ExpandError> {
    let mode = Mode { escape: '\\', keep_quotes: true, keep_escapes: true, keep_unset: true };
    Ok(Reader::new(line, mode, &|_| None).read()?.words)
}

/// The name without quotes, and whether none was quoted; nothing if it is not one word.
fn heredoc_name(rest: &str) -> Result<Option<(String, bool)>, ExpandError> {
    let mut text = Text::default();
    text.push_str(rest, 0);
    let words = |keep_quotes| {
        let mode = Mode { escape: '\\', keep_quotes, keep_escapes: false, keep_unset: true };
        Reader::new(&text, mode, &|_| None).read().map(|read| read.words)
    };
    let (plain, raw) = (words(false)?, words(true)?);
    let ([name], [raw]) = (plain.as_slice(), raw.as_slice()) else { return Ok(None) };
    let quotes = |text: &str| text.matches(['\'', '"']).count();
    Ok(Some((name.clone(), quotes(name) == quotes(raw))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &str) -> Text {
        let mut text = Text::at(0);
        text.push_str(line, 0);
        text
    }

    #[test]
    fn announcements() {
        let read = |word: &str| announce(word).map(|found| found.map(|doc| (doc.name, doc.expands)));
        let some = |name: &str, expands| Ok(Some((name.to_owned(), expands)));
        assert_eq!(read("<<EOF"), some("EOF", true));
        assert_eq!(read("<<-EOF"), some("EOF", true));
        assert_eq!(read("<< EOF"), some("EOF", true));
        assert_eq!(read("<<'EOF'"), some("EOF", false));
        assert_eq!(read("<<\"E O\"F"), some("E OF", false));
        assert_eq!(read("3<<E$x"), some("E$x", true));
        for word in ["<EOF", "<<", "<<-", "<<<EOF", "a<<EOF", "-<<EOF", "EOF", "<<a<"] {
            assert_eq!(read(word), Ok(None), "{word}");
        }
        assert_eq!(announce("4<<E").unwrap().unwrap().file_descriptor, 4);
    }

    #[test]
    fn words_of_a_line_with_heredocs() {
        let words = |line: &str| heredoc_words(&text(line)).unwrap();
        assert_eq!(words("RUN a <<EOF b"), ["RUN", "a", "<<EOF", "b"]);
        assert_eq!(words("RUN <<  'E F' $x ${y:-z}"), ["RUN", "<<  'E F'", "$x", "${y:-z}"]);
        assert_eq!(words("a\\ b \"c d\""), ["a\\ b", "\"c d\""]);
        assert!(heredoc_words(&text("RUN echo \"<<EOF")).is_err());
    }
}

//! Lines: which of them make one instruction, and what each byte of them is for.

use super::directive::Directives;
use super::{DockerfileError, Problem, Text};
use crate::base::{Span, limits};

/// What a piece of the file is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PieceKind {
    /// A line with nothing but white space on it, without its end.
    Blank,
    /// U+FEFF at the very start.
    ByteOrderMark,
    /// Text of an instruction.
    Code,
    /// A comment line, without its end.
    Comment,
    /// The escape character, and blanks after it, by which the next line continues this one.
    Continuation,
    /// A comment line that is a directive.
    Directive,
    /// Lines of a heredoc.
    HeredocBody,
    /// The word that ends a heredoc, with tabs before it.
    HeredocEnd,
    /// White space before an instruction.
    Indent,
    /// Line feed, and carriage returns before it.
    LineEnd,
    /// `#!` on the first line.
    Shebang,
}

/// A part of the file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Piece {
    /// What it is.
    pub kind: PieceKind,
    /// Where it is. Never empty; starts where the piece before it ends.
    pub span: Span,
}

/// A line of the file, as an editor shows it.
pub(super) struct Physical<'a> {
    /// Offset of `content`.
    pub(super) start: usize,
    /// Without byte order mark and line end.
    pub(super) content: &'a str,
    /// Offset of the next line.
    pub(super) end: usize,
    /// Whether it is line 1.
    pub(super) first: bool,
}

/// The text of one instruction, continuation lines joined.
pub(super) struct Logical {
    pub(super) text: Text,
    pub(super) start_line: usize,
}

/// Reads lines from the start of the file on.
pub(super) struct Lexer<'a> {
    pub(super) file: &'a str,
    pub(super) directives: Directives,
    pub(super) pieces: Vec<Piece>,
    /// Lines read so far, so the number of the last one.
    pub(super) line: usize,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(file: &'a str) -> Self {
        Self { file, directives: Directives::new(), pieces: Vec::new(), line: 0, at: 0 }
    }

    /// The next instruction's text; comments and blank lines before it become pieces.
    pub(super) fn logical(&mut self) -> Result<Option<Logical>, DockerfileError> {
        while let Some(line) = self.physical()? {
            let directive = self.directives.read(self.file, &line)?;
            let code = line.content.trim_start();
            if code.is_empty() || code.starts_with('#') {
                let kind = match () {
                    () if code.is_empty() => PieceKind::Blank,
                    () if line.first && line.content.starts_with("#!") => PieceKind::Shebang,
                    () if directive => PieceKind::Directive,
                    () => PieceKind::Comment,
                };
                self.whole(kind, &line);
                continue;
            }
            let start = line.start + (line.content.len() - code.len());
            self.piece(PieceKind::Indent, start);
            let mut logical = Logical { text: Text::at(start), start_line: self.line };
            let mut continues = self.code(&mut logical.text, code, start, line.end);
            while continues {
                let Some(line) = self.physical()? else { break };
                let shown = line.content.trim_start();
                if shown.is_empty() || shown.starts_with('#') {
                    let kind = if shown.is_empty() { PieceKind::Blank } else { PieceKind::Comment };
                    self.whole(kind, &line);
                    continue;
                }
                continues = self.code(&mut logical.text, line.content, line.start, line.end);
            }
            return Ok(Some(logical));
        }
        Ok(None)
    }

    /// The lines up to the one that is `name`.
    pub(super) fn heredoc(&mut self, name: &str, tabs: Tabs) -> Result<Option<Span>, DockerfileError> {
        let start = self.at;
        while let Some(line) = self.physical()? {
            let shown = match tabs {
                Tabs::Cut => line.content.trim_start_matches('\t'),
                Tabs::Keep => line.content,
            };
            if shown == name {
                self.piece(PieceKind::HeredocBody, line.start);
                self.piece(PieceKind::HeredocEnd, line.start + line.content.len());
                self.piece(PieceKind::LineEnd, line.end);
                return Ok(Some(Span::new(start, line.start)));
            }
        }
        Ok(None)
    }

    fn physical(&mut self) -> Result<Option<Physical<'a>>, DockerfileError> {
        let rest = self.file.get(self.at..).unwrap_or("");
        if rest.is_empty() {
            return Ok(None);
        }
        let length = rest.find('\n').map(|at| at + 1);
        let fits = match length {
            Some(length) => length <= limits::DOCKERFILE_LINE,
            None => rest.len() < limits::DOCKERFILE_LINE,
        };
        if !fits {
            return Err(DockerfileError::new(self.file, self.at, Problem::LineTooLong));
        }
        let (mut start, end) = (self.at, self.at + length.unwrap_or(rest.len()));
        self.line += 1;
        self.at = end;
        if start == 0 && rest.starts_with('\u{feff}') {
            start = '\u{feff}'.len_utf8();
            self.piece(PieceKind::ByteOrderMark, start);
        }
        let content = self.file.get(start..end).unwrap_or("").trim_end_matches(['\r', '\n']);
        Ok(Some(Physical { start, content, end, first: self.line == 1 }))
    }

    /// Appends a line of an instruction; true if the next line continues it.
    fn code(&mut self, text: &mut Text, code: &str, start: usize, end: usize) -> bool {
        let kept = continued(code, self.directives.escape);
        let shown = code.get(..kept.unwrap_or(code.len())).unwrap_or(code);
        text.push_str(shown, start);
        self.piece(PieceKind::Code, start + shown.len());
        self.piece(PieceKind::Continuation, start + code.len());
        self.piece(PieceKind::LineEnd, end);
        kept.is_some()
    }

    fn whole(&mut self, kind: PieceKind, line: &Physical<'_>) {
        self.piece(kind, line.start + line.content.len());
        self.piece(PieceKind::LineEnd, line.end);
    }

    /// Everything up to `end` that is in no piece yet.
    fn piece(&mut self, kind: PieceKind, end: usize) {
        let start = self.pieces.last().map_or(0, |last| last.span.end);
        if start < end {
            self.pieces.push(Piece { kind, span: Span::new(start, end) });
        }
    }
}

/// What `<<-` does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tabs {
    /// Tabs at the start of lines are not part of the heredoc.
    Cut,
    /// They are.
    Keep,
}

/// How much of the line is text, if it ends with one escape character and blanks. Two of them are text.
fn continued(line: &str, escape: char) -> Option<usize> {
    let kept = line.trim_end_matches([' ', '\t']).strip_suffix(escape)?;
    (!kept.ends_with(escape)).then_some(kept.len())
}

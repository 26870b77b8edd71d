//! The reader of words: quotes, escapes and `${…}`, in the one way that both variables and heredocs need.

mod substitution;

use super::expand::{Part, Values};
use super::{ExpandError, Text};
use crate::base::limits;

/// What is left as it is.
#[derive(Clone, Copy)]
pub(super) struct Mode {
    pub(super) escape: char,
    pub(super) keep_quotes: bool,
    pub(super) keep_escapes: bool,
    pub(super) keep_unset: bool,
}

/// What was read.
#[derive(Default)]
pub(super) struct Read {
    pub(super) value: String,
    pub(super) parts: Vec<Part>,
    pub(super) words: Vec<String>,
    in_word: bool,
}

impl Read {
    fn literal(&mut self, char: char, source: usize) {
        self.value.push(char);
        if let Some(Part::Literal(text)) = self.parts.last_mut() {
            text.push(char, source);
        } else {
            let mut text = Text::at(source);
            text.push(char, source);
            self.parts.push(Part::Literal(text));
        }
    }
}

/// Reads a text once, from left to right.
pub(super) struct Reader<'a> {
    text: &'a Text,
    at: usize,
    mode: Mode,
    values: &'a Values<'a>,
    depth: usize,
    /// The word so far. One for all levels, as in BuildKit: `${a:-b}` forgets what stands before it in the word.
    word: String,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a Text, mode: Mode, values: &'a Values<'a>) -> Self {
        Self { text, at: 0, mode, values, depth: 0, word: String::new() }
    }

    fn peek(&self) -> Option<char> {
        self.text.as_str().get(self.at..)?.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let char = self.peek()?;
        self.at += char.len_utf8();
        Some(char)
    }

    fn source(&self) -> usize {
        self.text.source(self.at)
    }

    /// Reads all of it.
    pub(super) fn read(mut self) -> Result<Read, ExpandError> {
        let escapes = self.mode.keep_escapes;
        self.until(None, escapes, false)
    }

    /// Reads up to `stop` and over it, or to the end. `pattern` doubles escapes in quotes, for a pattern to be read from the result.
    fn until(&mut self, stop: Option<char>, escapes: bool, pattern: bool) -> Result<Read, ExpandError> {
        self.depth += 1;
        if self.depth > limits::EXPANSION_DEPTH {
            return Err(ExpandError::TooDeep);
        }
        let outer = std::mem::replace(&mut self.mode.keep_escapes, escapes);
        self.word.clear();
        let mut read = Read::default();
        let mut stopped = false;
        while let Some(char) = self.peek() {
            if stop == Some(char) {
                self.next();
                stopped = true;
                break;
            }
            self.step(char, pattern, &mut read)?;
        }
        self.mode.keep_escapes = outer;
        self.depth -= 1;
        match stop {
            Some('/') if !stopped => return Err(ExpandError::MissingSlash),
            Some(_) if !stopped => return Err(ExpandError::MissingBrace),
            _ => {}
        }
        if !self.word.is_empty() {
            read.words.push(std::mem::take(&mut self.word));
        }
        Ok(read)
    }

    fn step(&mut self, char: char, pattern: bool, read: &mut Read) -> Result<(), ExpandError> {
        let before = read.value.len();
        match char {
            '$' => {
                self.dollar(read)?;
                let added = read.value.get(before..).unwrap_or("").to_owned();
                for char in added.chars() {
                    self.word_char(char, read);
                }
                return Ok(());
            }
            '\'' => self.single_quoted(pattern, read)?,
            '"' => self.double_quoted(pattern, read)?,
            '<' => self.less_than(read),
            _ => {
                self.plain(read);
                return Ok(());
            }
        }
        self.word.push_str(read.value.get(before..).unwrap_or(""));
        read.in_word = true;
        Ok(())
    }

    fn word_char(&mut self, char: char, read: &mut Read) {
        if !char.is_whitespace() {
            self.word.push(char);
            read.in_word = true;
        } else if read.in_word && !self.word.is_empty() {
            read.words.push(std::mem::take(&mut self.word));
            read.in_word = false;
        }
    }

    fn plain(&mut self, read: &mut Read) {
        let mut source = self.source();
        let Some(mut char) = self.next() else { return };
        if char != self.mode.escape {
            self.word_char(char, read);
            read.literal(char, source);
            return;
        }
        if self.mode.keep_escapes {
            self.word.push(char);
            read.literal(char, source);
        }
        source = self.source();
        char = match self.next() {
            Some(char) => char,
            None => return,
        };
        self.word.push(char);
        read.in_word = true;
        read.literal(char, source);
    }

    fn single_quoted(&mut self, pattern: bool, read: &mut Read) -> Result<(), ExpandError> {
        self.quote(read);
        loop {
            let source = self.source();
            match self.peek() {
                None => return Err(ExpandError::Unquoted { quote: '\'' }),
                Some('\'') => {
                    self.quote(read);
                    return Ok(());
                }
                Some(char) => {
                    self.next();
                    if pattern && char == self.mode.escape {
                        read.literal(char, source);
                    }
                    read.literal(char, source);
                }
            }
        }
    }

    fn double_quoted(&mut self, pattern: bool, read: &mut Read) -> Result<(), ExpandError> {
        self.quote(read);
        loop {
            let mut source = self.source();
            match self.peek() {
                None => return Err(ExpandError::Unquoted { quote: '"' }),
                Some('"') => {
                    self.quote(read);
                    return Ok(());
                }
                Some('$') => self.dollar(read)?,
                Some(mut char) => {
                    self.next();
                    if char == self.mode.escape {
                        match self.peek() {
                            None => continue,
                            Some(next) if next == '"' || next == '$' || next == self.mode.escape => {
                                if self.mode.keep_escapes {
                                    read.literal(char, source);
                                }
                                (char, source) = (next, self.source());
                                self.next();
                            }
                            Some(_) => {
                                if self.mode.keep_escapes && (!self.mode.keep_quotes || pattern) {
                                    read.literal(char, source);
                                }
                            }
                        }
                    }
                    read.literal(char, source);
                }
            }
        }
    }

    fn quote(&mut self, read: &mut Read) {
        let source = self.source();
        if let Some(quote) = self.next()
            && self.mode.keep_quotes
        {
            read.literal(quote, source);
        }
    }

    /// `<<` and blanks after it belong to the word that follows.
    fn less_than(&mut self, read: &mut Read) {
        for _ in 0..2 {
            if self.peek() == Some('<') {
                read.literal('<', self.source());
                self.next();
            } else {
                return;
            }
        }
        while let Some(blank @ ('\t' | '\r' | ' ')) = self.peek() {
            read.literal(blank, self.source());
            self.next();
        }
    }
}

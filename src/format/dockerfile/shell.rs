//! The reader of words: quotes, escapes and `${…}`, in the one way that both variables and heredocs need.

use super::expand::{Part, Values, Variable};
use super::pattern::{Pattern, Reach};
use super::{ExpandError, Text};
use crate::base::{Span, limits};

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

    fn dollar(&mut self, read: &mut Read) -> Result<(), ExpandError> {
        let start = self.at;
        self.next();
        if self.peek() == Some('{') {
            return self.braces(start, read);
        }
        let name = self.name();
        if name.is_empty() {
            read.literal('$', self.text.source(start));
            return Ok(());
        }
        if self.mode.keep_unset {
            read.value.push('$');
            read.value.push_str(&name);
            return Ok(());
        }
        let value = (self.values)(&name);
        self.variable(start, name, None, Use::plain(value), read)
    }

    fn braces(&mut self, start: usize, read: &mut Read) -> Result<(), ExpandError> {
        self.next();
        match self.peek() {
            None => return Err(ExpandError::MissingBrace),
            Some('{' | '}' | ':') => return Err(ExpandError::BadSubstitution),
            Some(_) => {}
        }
        let name = self.name();
        if self.mode.keep_unset {
            return self.kept(&name, read);
        }
        let value = (self.values)(&name);
        let (operator, used) = match self.next() {
            Some('}') => (None, Use::plain(value)),
            Some(':') => match self.next() {
                Some('-') => (Some(":-"), self.fallback(value.filter(|value| !value.is_empty()))?),
                Some('+') => (Some(":+"), self.alternative(value.filter(|value| !value.is_empty()))?),
                Some('?') => {
                    let message = if value.is_some() { "is not allowed to be empty" } else { UNSET };
                    let value = value.filter(|value| !value.is_empty());
                    (Some(":?"), self.required(&name, value, message)?)
                }
                _ => return Err(ExpandError::UnknownModifier),
            },
            Some('-') => (Some("-"), self.fallback(value)?),
            Some('+') => (Some("+"), self.alternative(value)?),
            Some('?') => (Some("?"), self.required(&name, value, UNSET)?),
            Some('#') => (Some("#"), self.cut('#', value)?),
            Some('%') => (Some("%"), self.cut('%', value)?),
            Some('/') => (Some("/"), self.replace(value)?),
            _ => return Err(ExpandError::UnknownModifier),
        };
        self.variable(start, name, operator, used, read)
    }

    /// `${…}` as it stands, only read to find its end. What follows `:` is not looked at, as in `${V:0:3}` of other shells.
    fn kept(&mut self, name: &str, read: &mut Read) -> Result<(), ExpandError> {
        let shown = match self.next() {
            Some('}') => String::new(),
            Some(':') => match self.next() {
                Some('#' | '%') => return Err(ExpandError::UnknownModifier),
                sign => format!(
                    ":{}{}",
                    sign.map_or(String::new(), String::from),
                    self.until(Some('}'), false, false)?.value
                ),
            },
            Some(sign @ ('+' | '-' | '?')) => format!("{sign}{}", self.until(Some('}'), false, false)?.value),
            Some(sign @ ('#' | '%')) => format!("{sign}{}", self.until(Some('}'), true, true)?.value),
            Some('/') => {
                if self.peek() == Some('/') {
                    self.next();
                }
                let pattern = self.until(Some('/'), true, true)?;
                format!("/{}/{}", pattern.value, self.until(Some('}'), true, false)?.value)
            }
            _ => return Err(ExpandError::UnknownModifier),
        };
        read.value.push_str(&format!("${{{name}{shown}}}"));
        Ok(())
    }

    fn fallback(&mut self, value: Option<String>) -> Result<Use, ExpandError> {
        let word = self.until(Some('}'), false, false)?;
        Ok(match value {
            Some(value) => Use { value: Some(value), inner: names(&word.parts), word: None },
            None => Use { value: Some(word.value), inner: names(&word.parts), word: Some(word.parts) },
        })
    }

    fn alternative(&mut self, value: Option<String>) -> Result<Use, ExpandError> {
        let word = self.until(Some('}'), false, false)?;
        Ok(match value {
            Some(_) => Use { value: Some(word.value), inner: names(&word.parts), word: Some(word.parts) },
            None => Use { value: Some(String::new()), inner: names(&word.parts), word: None },
        })
    }

    fn required(&mut self, name: &str, value: Option<String>, missing: &str) -> Result<Use, ExpandError> {
        let word = self.until(Some('}'), false, false)?;
        if value.is_none() {
            let message = if word.value.is_empty() { missing.to_owned() } else { word.value };
            return Err(ExpandError::Required { name: name.to_owned(), message });
        }
        Ok(Use { value, inner: names(&word.parts), word: None })
    }

    fn cut(&mut self, sign: char, value: Option<String>) -> Result<Use, ExpandError> {
        let word = self.until(Some('}'), true, true)?;
        let (pattern, reach) = match word.value.strip_prefix(sign) {
            Some(pattern) => (pattern, Reach::Longest),
            None => (word.value.as_str(), Reach::Shortest),
        };
        let (pattern, value) = (Pattern::parse(pattern)?, value.unwrap_or_default());
        let value = match sign {
            '#' => pattern.without_prefix(&value, reach)?,
            _ => pattern.without_suffix(&value, reach)?,
        };
        Ok(Use { value: Some(value), inner: names(&word.parts), word: None })
    }

    fn replace(&mut self, value: Option<String>) -> Result<Use, ExpandError> {
        let all = self.peek() == Some('/');
        if all {
            self.next();
        }
        let pattern = self.until(Some('/'), true, true)?;
        let with = self.until(Some('}'), true, false)?;
        let inner = names(&pattern.parts).into_iter().chain(names(&with.parts)).collect();
        let (pattern, value) = (Pattern::parse(&pattern.value)?, value.unwrap_or_default());
        let value = match all {
            true => pattern.replace_all(&value, &with.value)?,
            false => pattern.replace_first(&value, &with.value)?,
        };
        Ok(Use { value: Some(value), inner, word: None })
    }

    fn variable(
        &mut self,
        start: usize,
        name: String,
        operator: Option<&'static str>,
        used: Use,
        read: &mut Read,
    ) -> Result<(), ExpandError> {
        read.value.push_str(&used.value.unwrap_or_default());
        if read.value.len() > limits::EXPANSION {
            return Err(ExpandError::TooLong);
        }
        let span = Span::new(self.text.source(start), self.text.slice(start..self.at).end());
        read.parts.push(Part::Variable(Variable {
            name,
            span,
            operator,
            inner: used.inner,
            word: used.word,
        }));
        Ok(())
    }

    /// Letters, digits and `_`; or digits only; or one special parameter of the shell.
    fn name(&mut self) -> String {
        let start = self.at;
        match self.peek() {
            Some(char) if char.is_ascii_digit() => {
                while self.peek().is_some_and(|char| char.is_ascii_digit()) {
                    self.next();
                }
            }
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => {
                self.next();
            }
            _ => {
                while self.peek().is_some_and(|char| char.is_alphanumeric() || char == '_') {
                    self.next();
                }
            }
        }
        self.text.as_str().get(start..self.at).unwrap_or("").to_owned()
    }
}

/// What a use of a variable becomes.
struct Use {
    value: Option<String>,
    inner: Vec<String>,
    word: Option<Vec<Part>>,
}

impl Use {
    fn plain(value: Option<String>) -> Self {
        Self { value, inner: Vec::new(), word: None }
    }
}

/// The variables in parts, with those inside of them.
fn names(parts: &[Part]) -> Vec<String> {
    let mut names = Vec::new();
    for part in parts {
        if let Part::Variable(variable) = part {
            names.push(variable.name.clone());
            names.extend(variable.inner.iter().cloned());
        }
    }
    names
}

const UNSET: &str = "is not allowed to be unset";

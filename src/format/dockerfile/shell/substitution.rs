//! `$V` and `${V…}`.

use super::super::expand::{Part, Variable};
use super::super::pattern::{Pattern, Reach};
use super::{ExpandError, Read, Reader};
use crate::base::{Span, limits};

impl Reader<'_> {
    pub(super) fn dollar(&mut self, read: &mut Read) -> Result<(), ExpandError> {
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

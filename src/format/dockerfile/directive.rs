//! Parser directives: comments at the top of the file that are settings.

use super::lexer::Physical;
use super::{DockerfileError, Problem, Text};

/// A directive that BuildKit knows.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum DirectiveName {
    /// `# check=`: settings of the build checks.
    Check,
    /// `# escape=`: the character that escapes and continues lines.
    Escape,
    /// `# syntax=`: the image that reads the file.
    Syntax,
}

impl DirectiveName {
    /// As written, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Escape => "escape",
            Self::Syntax => "syntax",
        }
    }
}

/// One directive line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Directive {
    /// Which.
    pub name: DirectiveName,
    /// All that stands after `=`, without blanks around it.
    pub value: Text,
}

/// Reads the top of the file twice, as BuildKit does: its parser takes `escape` and lets blanks stand before `#`; its frontend takes
/// `syntax` and does not, but skips a first line `#!`.
#[derive(Debug)]
pub(super) struct Directives {
    pub(super) escape: char,
    pub(super) syntax: Option<Text>,
    pub(super) found: Vec<Directive>,
    parser_done: bool,
    parser_seen: Vec<DirectiveName>,
    frontend_done: bool,
    frontend_seen: Vec<DirectiveName>,
}

impl Directives {
    pub(super) fn new() -> Self {
        Self {
            escape: '\\',
            syntax: None,
            found: Vec::new(),
            parser_done: false,
            parser_seen: Vec::new(),
            frontend_done: false,
            frontend_seen: Vec::new(),
        }
    }

    /// Looks at the next line; true if it is a directive. The first that is none ends them.
    pub(super) fn read(&mut self, file: &str, line: &Physical<'_>) -> Result<bool, DockerfileError> {
        if self.parser_done && self.frontend_done {
            return Ok(false);
        }
        if line.first && line.content.starts_with("#!") {
            self.parser_done = true;
            return Ok(false);
        }
        let Some(directive) = directive(line) else {
            self.parser_done = true;
            self.frontend_done = true;
            return Ok(false);
        };
        self.read_for_frontend(line, &directive);
        if !self.parser_done {
            self.read_for_parser(file, line, &directive)?;
        }
        self.found.push(directive);
        Ok(true)
    }

    fn read_for_frontend(&mut self, line: &Physical<'_>, directive: &Directive) {
        if !line.content.starts_with('#') || self.frontend_seen.contains(&directive.name) {
            self.frontend_done = true;
        }
        if self.frontend_done {
            return;
        }
        self.frontend_seen.push(directive.name);
        if directive.name == DirectiveName::Syntax {
            let end = directive.value.as_str().find(' ').unwrap_or(directive.value.len());
            self.syntax = Some(directive.value.slice(0..end));
        }
    }

    fn read_for_parser(
        &mut self,
        file: &str,
        line: &Physical<'_>,
        directive: &Directive,
    ) -> Result<(), DockerfileError> {
        let wrong = |problem| Err(DockerfileError::new(file, line.start, problem));
        if self.parser_seen.contains(&directive.name) {
            return wrong(Problem::DuplicateDirective { name: directive.name.as_str().to_owned() });
        }
        self.parser_seen.push(directive.name);
        if directive.name == DirectiveName::Escape {
            self.escape = match directive.value.as_str() {
                "\\" => '\\',
                "`" => '`',
                token => return wrong(Problem::EscapeToken { token: token.to_owned() }),
            };
        }
        Ok(())
    }
}

/// `#`, a name, `=`, a value.
fn directive(line: &Physical<'_>) -> Option<Directive> {
    let rest = line.content.trim_start().strip_prefix('#')?.trim_start();
    let (before, after) = rest.split_once('=')?;
    let name = match before.trim_end_matches(BLANK).to_ascii_lowercase().as_str() {
        "check" => DirectiveName::Check,
        "escape" => DirectiveName::Escape,
        "syntax" => DirectiveName::Syntax,
        _ => return None,
    };
    let mut rest = after.trim_start_matches(BLANK);
    if rest.is_empty() {
        // The value has at least one character, if need be a blank.
        rest = after.get(after.char_indices().next_back()?.0..)?;
    }
    let start = line.start + (line.content.len() - rest.len());
    let shown = rest.trim_end_matches(BLANK);
    let mut value = Text::at(start);
    value.push_str(if shown.is_empty() { rest } else { shown }, start);
    Some(Directive { name, value })
}

/// `\s` of Go's regular expressions.
const BLANK: [char; 5] = ['\t', '\n', '\u{c}', '\r', ' '];

#[cfg(test)]
mod tests {
    use crate::format::dockerfile::{Problem, scan};

    fn syntax(text: &str) -> Option<String> {
        let scanned = scan(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        scanned.syntax.map(|value| value.as_str().to_owned())
    }

    #[test]
    fn syntax_is_read_at_the_top_only() {
        for (top, want) in [
            ("# syntax=a:1\n", Some("a:1")),
            ("#syntax = a:1  \r\n", Some("a:1")),
            ("\u{feff}# SynTax=a:1\n", Some("a:1")),
            ("#!/usr/bin/env docker\n# syntax=a:1\n", Some("a:1")),
            ("# escape=`\n# check=skip=all\n# syntax=a:1 debug=1\n", Some("a:1")),
            ("\n# syntax=a:1\n", None),
            ("# a comment\n# syntax=a:1\n", None),
            ("# other=x\n# syntax=a:1\n", None),
            ("#\n# syntax=a:1\n", None),
            (" # syntax=a:1\n", None),
            ("FROM x\n# syntax=a:1\n", None),
            ("# syntax=\n", None),
            ("# syntax= \n", Some("")),
        ] {
            assert_eq!(syntax(&format!("{top}FROM x\n")).as_deref(), want, "{top:?}");
        }
    }

    #[test]
    fn escape_is_read_with_blanks_before_it_and_not_after_a_shebang() {
        let count = |top: &str| scan(&format!("{top}RUN a `\n  b\nRUN c\n")).unwrap().nodes.len();
        assert_eq!(count("# escape=`\n"), 2);
        assert_eq!(count("  # ESCAPE = `  \n"), 2);
        assert_eq!(count("#!x\n# escape=`\n"), 3);
        assert_eq!(count("\n# escape=`\n"), 3);
    }

    #[test]
    fn refuses_doubles_and_other_tokens() {
        for (text, want) in [
            ("# syntax=a\n# SYNTAX=a\nFROM x\n", "2:1: only one syntax parser directive can be used"),
            ("# escape=\\\n# escape=\\\nFROM x\n", "2:1: only one escape parser directive can be used"),
            ("# escape=x\nFROM x\n", "1:1: invalid escape token 'x' does not match ` or \\"),
        ] {
            assert_eq!(scan(text).unwrap_err().to_string(), want);
        }
        assert_eq!(scan("# syntax=a\n").unwrap_err().problem, Problem::NoInstructions);
    }
}

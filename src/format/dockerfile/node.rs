//! Instructions before their meaning: keyword, flags, words, heredocs.

use super::directive::Directive;
use super::heredoc::announced;
use super::lexer::{Lexer, Piece};
use super::{DockerfileError, Heredoc, Problem, Text};
use crate::base::Span;

/// A file taken apart, without a look at whether its instructions make sense.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Scanned {
    /// Every byte of the file once, in order.
    pub pieces: Vec<Piece>,
    /// The directives at the top.
    pub directives: Vec<Directive>,
    /// The image that reads the file, if the frontend sees a `syntax` directive.
    pub syntax: Option<Text>,
    /// `\` or `` ` ``.
    pub escape: char,
    /// The instructions; at least one.
    pub nodes: Vec<Node>,
}

/// One instruction.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Node {
    /// The first word, as written.
    pub keyword: Text,
    /// Words that start with `--`, before the others; quotes and escapes removed.
    pub flags: Vec<Text>,
    /// The rest.
    pub arguments: Arguments,
    /// Heredocs of the line; those of an ONBUILD are here too.
    pub heredocs: Vec<Heredoc>,
    /// The whole text, continuation lines joined.
    pub text: Text,
    /// Number of its first line.
    pub start_line: usize,
    /// Number of its last line, heredocs included.
    pub end_line: usize,
}

/// What follows keyword and flags, by the keyword's rules.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Arguments {
    /// HEALTHCHECK: its type, and its command.
    Health {
        /// `CMD` or `NONE`.
        kind: Text,
        /// What follows it.
        command: Box<Arguments>,
    },
    /// A JSON array of strings.
    Json(Vec<String>),
    /// One text.
    Line(Text),
    /// Nothing, or an instruction that is not known.
    None,
    /// ONBUILD: another instruction.
    Onbuild(Box<Node>),
    /// ENV and LABEL: names, values, and whether `=` stands between.
    Pairs(Vec<(Text, Text, Separator)>),
    /// Words between white space.
    Words(Vec<Text>),
}

/// What stands between name and value in ENV and LABEL.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Separator {
    /// White space: one pair, its value the rest of the line.
    Blank,
    /// `=`.
    Equals,
}

impl Node {
    /// The keyword in upper case.
    pub fn name(&self) -> String {
        self.keyword.as_str().to_uppercase()
    }

    /// From its first byte to the end of its last line without heredocs.
    pub fn span(&self) -> Span {
        self.text.span()
    }

    /// Whether `<<` announces something here.
    fn takes_heredocs(&self) -> bool {
        match (&self.arguments, self.name().as_str()) {
            (Arguments::Onbuild(inner), _) => inner.takes_plain_heredocs(),
            _ => self.takes_plain_heredocs(),
        }
    }

    fn takes_plain_heredocs(&self) -> bool {
        matches!(self.name().as_str(), "ADD" | "COPY" | "RUN")
            && !matches!(self.arguments, Arguments::Json(_))
    }
}

/// Takes a file apart as BuildKit's parser does, which looks at instructions one by one.
pub fn scan(file: &str) -> Result<Scanned, DockerfileError> {
    let mut lexer = Lexer::new(file);
    let mut nodes = Vec::new();
    while let Some(logical) = lexer.logical()? {
        let start = logical.text.start();
        let wrong = |problem| DockerfileError::new(file, start, problem);
        let mut node = node(&logical.text, lexer.directives.escape).map_err(wrong)?;
        if node.takes_heredocs() {
            for mut heredoc in announced(&logical.text).map_err(|e| wrong(Problem::HeredocName(e)))? {
                let body = lexer.heredoc(&heredoc.name, heredoc.tabs())?;
                let name = || heredoc.name.clone();
                heredoc.body = body.ok_or_else(|| wrong(Problem::UnterminatedHeredoc { name: name() }))?;
                node.heredocs.push(heredoc);
            }
        }
        (node.start_line, node.end_line) = (logical.start_line, lexer.line);
        nodes.push(node);
    }
    if nodes.is_empty() {
        return Err(DockerfileError::new(file, file.len(), Problem::NoInstructions));
    }
    let (pieces, found) = (lexer.pieces, lexer.directives);
    Ok(Scanned { pieces, syntax: found.syntax, escape: found.escape, directives: found.found, nodes })
}

fn node(text: &Text, escape: char) -> Result<Node, Problem> {
    let line = text.trim();
    let (keyword, rest) = split_blank(&line);
    let (flags, rest) = match &rest {
        Some(rest) => flags(rest, escape)?,
        None => (Vec::new(), line.from(line.len())),
    };
    let arguments = arguments(&keyword.as_str().to_lowercase(), &rest.trim(), escape)?;
    let text = text.clone();
    Ok(Node { keyword, flags, arguments, heredocs: Vec::new(), text, start_line: 0, end_line: 0 })
}

fn arguments(keyword: &str, rest: &Text, escape: char) -> Result<Arguments, Problem> {
    Ok(match keyword {
        "add" | "copy" | "volume" => match json(rest)? {
            Some(strings) => Arguments::Json(strings),
            None => Arguments::Words(split_blanks(rest)),
        },
        "arg" => Arguments::Words(words(rest, escape)),
        "cmd" | "entrypoint" | "run" | "shell" => command(rest)?,
        "env" | "label" => pairs(keyword, rest, escape)?,
        "expose" | "from" => Arguments::Words(split_blanks(rest)),
        "healthcheck" => match rest.as_str().split(char::is_whitespace).next() {
            None | Some("") => Arguments::None,
            Some(kind) => {
                let command = command(&rest.from(kind.len()).trim())?;
                Arguments::Health { kind: rest.slice(0..kind.len()), command: Box::new(command) }
            }
        },
        "maintainer" | "stopsignal" | "user" | "workdir" if !rest.is_empty() => Arguments::Line(rest.clone()),
        "onbuild" if !rest.is_empty() => {
            // Nothing but ONBUILD nests, and nobody may nest that: the first level is enough to refuse it.
            let (inner, _) = split_blank(rest);
            if inner.as_str().eq_ignore_ascii_case("onbuild") {
                return Err(Problem::OnbuildTrigger { keyword: "ONBUILD".to_owned() });
            }
            Arguments::Onbuild(Box::new(node(rest, escape)?))
        }
        _ => Arguments::None,
    })
}

fn command(rest: &Text) -> Result<Arguments, Problem> {
    Ok(match json(rest)? {
        Some(strings) => Arguments::Json(strings),
        None if rest.is_empty() => Arguments::None,
        None => Arguments::Line(rest.clone()),
    })
}

/// An array of strings; nothing if it is no JSON array at all.
fn json(rest: &Text) -> Result<Option<Vec<String>>, Problem> {
    if !rest.as_str().starts_with('[') {
        return Ok(None);
    }
    let Ok(values) = serde_json::from_str::<Vec<serde_json::Value>>(rest.as_str()) else { return Ok(None) };
    let string = |value| match value {
        serde_json::Value::String(string) => Ok(string),
        _ => Err(Problem::JsonNotStrings),
    };
    values.into_iter().map(string).collect::<Result<_, _>>().map(Some)
}

fn pairs(keyword: &str, rest: &Text, escape: char) -> Result<Arguments, Problem> {
    let words = words(rest, escape);
    let Some(first) = words.first() else { return Ok(Arguments::None) };
    if !first.as_str().contains('=') {
        let (name, value) = split_blank(rest);
        let value = value.ok_or_else(|| Problem::NotTwo { keyword: keyword.to_uppercase() })?;
        return Ok(Arguments::Pairs(vec![(name, value, Separator::Blank)]));
    }
    let pair = |word: &Text| match word.split_once('=') {
        Some((name, value)) => Ok((name, value, Separator::Equals)),
        None => Err(Problem::NotNameValue { word: word.as_str().to_owned() }),
    };
    words.iter().map(pair).collect::<Result<_, _>>().map(Arguments::Pairs)
}

/// The words that start with `--`, and what follows them. `--` alone ends them.
fn flags(line: &Text, escape: char) -> Result<(Vec<Text>, Text), Problem> {
    let (text, mut flags, mut at) = (line.as_str(), Vec::new(), 0);
    loop {
        let rest = text.get(at..).unwrap_or("");
        at += rest.len() - rest.trim_start().len();
        if !text.get(at..).is_some_and(|rest| rest.starts_with("--")) {
            return Ok((flags, line.from(at)));
        }
        let mut flag = Flag { text: Text::at(line.source(at)), quoted: false };
        at = flag.read(line, at, escape)?;
        if flag.text.as_str() == "--" {
            return Ok((flags, line.from(at)));
        }
        if flag.quoted || !flag.text.is_empty() {
            flags.push(flag.text);
        }
    }
}

struct Flag {
    text: Text,
    quoted: bool,
}

impl Flag {
    /// Reads one flag from `at` on and returns where it ends.
    fn read(&mut self, line: &Text, mut at: usize, escape: char) -> Result<usize, Problem> {
        let mut quote = None;
        let mut chars = line.as_str().get(at..).unwrap_or("").chars();
        while let Some(mut char) = chars.next() {
            let bytes = char.len_utf8();
            if !char.is_ascii()
                && char.encode_utf8(&mut [0; 4]).bytes().any(|byte| matches!(byte, 0x85 | 0xa0))
            {
                return Err(Problem::SplitCharacter { char });
            }
            match quote {
                None if char.is_whitespace() => return Ok(at),
                None if matches!(char, '\'' | '"') => {
                    (quote, self.quoted) = (Some(char), true);
                    at += bytes;
                    continue;
                }
                Some(open) if open == char => {
                    quote = None;
                    at += bytes;
                    continue;
                }
                _ => {}
            }
            at += bytes;
            let mut source = line.source(at - bytes);
            if char == escape {
                let Some(next) = chars.next() else { return Ok(at) };
                source = line.source(at);
                at += next.len_utf8();
                char = next;
            }
            self.text.push(char, source);
        }
        Ok(at)
    }
}

/// Words between white space, as ENV and ARG have them: quotes and escapes stay, and keep white space together.
fn words(rest: &Text, escape: char) -> Vec<Text> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<Text>, None);
    let mut chars = rest.as_str().char_indices();
    while let Some((at, char)) = chars.next() {
        if quote.is_none() && char.is_whitespace() {
            words.extend(word.take());
            continue;
        }
        let escapes = char == escape && quote != Some('\'');
        match quote {
            None if matches!(char, '\'' | '"') => quote = Some(char),
            Some(open) if open == char => quote = None,
            _ => {}
        }
        let text = word.get_or_insert_with(|| Text::at(rest.source(at)));
        if !escapes {
            text.push(char, rest.source(at));
        } else if let Some((next_at, next)) = chars.next() {
            text.push(char, rest.source(at));
            text.push(next, rest.source(next_at));
        }
    }
    words.extend(word);
    words.retain(|word| !word.is_empty());
    words
}

fn is_blank(char: char) -> bool {
    matches!(char, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ')
}

/// The first word, and what follows the white space after it.
fn split_blank(text: &Text) -> (Text, Option<Text>) {
    match text.as_str().find(is_blank) {
        None => (text.clone(), None),
        Some(at) => {
            let rest = text.from(at);
            let blanks = rest.len() - rest.as_str().trim_start_matches(is_blank).len();
            (text.slice(0..at), Some(rest.from(blanks)))
        }
    }
}

fn split_blanks(text: &Text) -> Vec<Text> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.as_str().get(at..).filter(|rest| !rest.is_empty()) {
        let length = rest.find(is_blank).unwrap_or(rest.len());
        words.push(text.slice(at..at + length));
        let after = rest.get(length..).unwrap_or("");
        at += length + (after.len() - after.trim_start_matches(is_blank).len());
    }
    words
}

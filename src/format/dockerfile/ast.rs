//! Instructions with their meaning, and stages.

use super::node::{Arguments, Node, Scanned, scan};
use super::{Directive, DockerfileError, Mount, Piece, Problem, Text, heredoc};
use crate::base::Insertion;

/// A Dockerfile that BuildKit would take.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dockerfile {
    /// Every byte of the file once, in order.
    pub pieces: Vec<Piece>,
    /// The directives at the top.
    pub directives: Vec<Directive>,
    /// The image that reads the file, if one is named.
    pub syntax: Option<Text>,
    /// `\` or `` ` ``.
    pub escape: char,
    /// The instructions, in order.
    pub instructions: Vec<Instruction>,
}

/// One instruction.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Instruction {
    /// Its words.
    pub node: Node,
    /// Its meaning.
    pub kind: Kind,
}

/// What an instruction does, as far as it can name an image.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Kind {
    /// ADD.
    Add(Transfer),
    /// ARG.
    Arg(Vec<Argument>),
    /// COPY.
    Copy(Transfer),
    /// FROM.
    From(From),
    /// ONBUILD.
    Onbuild(Box<Instruction>),
    /// All that names no image.
    Other,
    /// RUN.
    Run(Run),
}

/// One word of an ARG.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Argument {
    /// Its name.
    pub name: Text,
    /// What stands after `=`, with quotes.
    pub value: Option<Text>,
}

/// FROM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct From {
    /// `--platform`.
    pub platform: Option<Text>,
    /// The image or stage, with quotes.
    pub image: Text,
    /// What stands after AS.
    pub name: Option<Text>,
}

/// COPY and ADD.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Transfer {
    /// `--from`.
    pub from: Option<Text>,
}

/// RUN.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Run {
    /// Each `--mount`.
    pub mounts: Vec<Mount>,
}

/// Reads a file as BuildKit does before it builds: every instruction is known and has what it needs.
pub fn parse(file: &str) -> Result<Dockerfile, DockerfileError> {
    let Scanned { pieces, directives, syntax, escape, nodes } = scan(file)?;
    let mut instructions = Vec::with_capacity(nodes.len());
    let mut in_stage = false;
    for node in nodes {
        let start = node.text.start();
        let wrong = |problem| DockerfileError::new(file, start, problem);
        let instruction = instruction(node).map_err(wrong)?;
        in_stage |= matches!(instruction.kind, Kind::From(_));
        if !in_stage && !matches!(instruction.kind, Kind::Arg(_)) {
            return Err(wrong(Problem::OutsideStage { keyword: instruction.node.name() }));
        }
        instructions.push(instruction);
    }
    if !in_stage {
        return Err(DockerfileError::new(file, file.len(), Problem::NoStage));
    }
    Ok(Dockerfile { pieces, directives, syntax, escape, instructions })
}

impl Dockerfile {
    /// Whether `other` says the same, but for `insertions` (offsets in this file; ascending).
    pub fn is_same_but_for(&self, other: &Self, insertions: &[Insertion]) -> bool {
        let directives = |file: &Self, edits: &[Insertion]| -> Vec<_> {
            let shown = |d: &Directive| (d.name, d.value.with_insertions(edits));
            file.directives.iter().map(shown).collect()
        };
        let syntax =
            |file: &Self, edits: &[_]| file.syntax.as_ref().map(|text: &Text| text.with_insertions(edits));
        self.escape == other.escape
            && directives(self, insertions) == directives(other, &[])
            && syntax(self, insertions) == syntax(other, &[])
            && self.pieces.iter().map(|piece| piece.kind).eq(other.pieces.iter().map(|piece| piece.kind))
            && self.instructions.len() == other.instructions.len()
            && self
                .instructions
                .iter()
                .zip(&other.instructions)
                .all(|(a, b)| same(&a.node, &b.node, insertions))
    }
}

fn same(a: &Node, b: &Node, insertions: &[Insertion]) -> bool {
    let text = |a: &Text, b: &Text| a.with_insertions(insertions) == b.as_str();
    let texts = |a: &[Text], b: &[Text]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| text(a, b));
    let heredocs = a.heredocs.len() == b.heredocs.len()
        && a.heredocs.iter().zip(&b.heredocs).all(|(a, b)| a.name == b.name && a.tabs() == b.tabs());
    text(&a.keyword, &b.keyword)
        && text(&a.text, &b.text)
        && texts(&a.flags, &b.flags)
        && heredocs
        && (a.start_line, a.end_line) == (b.start_line, b.end_line)
        && match (&a.arguments, &b.arguments) {
            (Arguments::Onbuild(a), Arguments::Onbuild(b)) => same(a, b, insertions),
            (Arguments::Words(a), Arguments::Words(b)) => texts(a, b),
            (Arguments::Line(a), Arguments::Line(b)) => text(a, b),
            (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
        }
}

fn instruction(node: Node) -> Result<Instruction, Problem> {
    let name = node.name();
    let kind = match name.as_str() {
        "ADD" => Kind::Add(transfer(&node)?),
        "ARG" => Kind::Arg(arguments(&node)?),
        "COPY" => Kind::Copy(transfer(&node)?),
        "FROM" => Kind::From(from(&node)?),
        "ONBUILD" => match &node.arguments {
            Arguments::Onbuild(inner) => Kind::Onbuild(Box::new(trigger(inner)?)),
            _ => return Err(words(&name, AT_LEAST_ONE)),
        },
        "RUN" => {
            let mounts = values(&node.flags, "mount")?;
            Kind::Run(Run { mounts: mounts.iter().map(Mount::parse).collect::<Result<_, _>>()? })
        }
        "CMD" | "ENTRYPOINT" => Kind::Other,
        "ENV" | "LABEL" => match &node.arguments {
            Arguments::Pairs(pairs) if pairs.iter().any(|(name, ..)| name.is_empty()) => {
                return Err(Problem::BlankName { keyword: name });
            }
            Arguments::Pairs(_) => Kind::Other,
            _ => return Err(words(&name, AT_LEAST_ONE)),
        },
        "EXPOSE" | "VOLUME" => match &node.arguments {
            Arguments::Words(words) if !words.is_empty() => Kind::Other,
            Arguments::Json(strings) if strings.iter().any(|string| !string.trim().is_empty()) => Kind::Other,
            _ => return Err(words(&name, AT_LEAST_ONE)),
        },
        "HEALTHCHECK" => healthcheck(&node)?,
        "MAINTAINER" | "STOPSIGNAL" | "USER" | "WORKDIR" => match &node.arguments {
            Arguments::Line(_) => Kind::Other,
            _ => return Err(words(&name, "exactly one argument")),
        },
        "SHELL" => match &node.arguments {
            Arguments::Json(strings) if !strings.is_empty() => Kind::Other,
            Arguments::Line(_) => return Err(Problem::NotJson),
            _ => return Err(words(&name, AT_LEAST_ONE)),
        },
        _ => return Err(Problem::UnknownInstruction { keyword: node.keyword.as_str().to_owned() }),
    };
    Ok(Instruction { node, kind })
}

const AT_LEAST_ONE: &str = "at least one argument";

fn words(keyword: &str, want: &'static str) -> Problem {
    Problem::Words { keyword: keyword.to_owned(), want }
}

/// BuildKit looks into a trigger only when another build runs it; one that every such build would refuse is refused here already.
fn trigger(inner: &Node) -> Result<Instruction, Problem> {
    let keyword = inner.name();
    if matches!(keyword.as_str(), "FROM" | "MAINTAINER" | "ONBUILD") {
        return Err(Problem::OnbuildTrigger { keyword });
    }
    instruction(inner.clone())
}

fn transfer(node: &Node) -> Result<Transfer, Problem> {
    let keyword = node.name();
    let (count, last) = match &node.arguments {
        Arguments::Words(words) => (words.len(), words.last().map_or("", Text::as_str)),
        Arguments::Json(strings) => (strings.len(), strings.last().map_or("", String::as_str)),
        _ => (0, ""),
    };
    if count < 2 {
        return Err(words(&keyword, "at least two arguments, source and destination"));
    }
    if matches!(heredoc::announce(last), Ok(Some(_))) {
        return Err(Problem::HeredocDestination { keyword });
    }
    Ok(Transfer { from: value(&node.flags, "from")? })
}

fn arguments(node: &Node) -> Result<Vec<Argument>, Problem> {
    let Arguments::Words(found) = &node.arguments else { return Err(words("ARG", AT_LEAST_ONE)) };
    if found.is_empty() {
        return Err(words("ARG", AT_LEAST_ONE));
    }
    let argument = |word: &Text| match word.split_once('=') {
        Some((name, _)) if name.is_empty() => Err(Problem::BlankName { keyword: "ARG".to_owned() }),
        Some((name, value)) => Ok(Argument { name, value: Some(value) }),
        None => Ok(Argument { name: word.clone(), value: None }),
    };
    found.iter().map(argument).collect()
}

fn from(node: &Node) -> Result<From, Problem> {
    let Arguments::Words(found) = &node.arguments else { return Err(words("FROM", ONE_OR_THREE)) };
    let (image, name) = match found.as_slice() {
        [image] => (image, None),
        [image, word, name] if word.as_str().eq_ignore_ascii_case("as") => (image, Some(name)),
        _ => return Err(words("FROM", ONE_OR_THREE)),
    };
    if let Some(name) = name
        && !is_stage_name(&name.as_str().to_lowercase())
    {
        return Err(Problem::StageName { name: name.as_str().to_owned() });
    }
    Ok(From { platform: value(&node.flags, "platform")?, image: image.clone(), name: name.cloned() })
}

const ONE_OR_THREE: &str = "either one or three arguments";

/// `^[a-z][a-z0-9-_.]*$`
fn is_stage_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte))
}

fn healthcheck(node: &Node) -> Result<Kind, Problem> {
    let Arguments::Health { kind, command } = &node.arguments else {
        return Err(words("HEALTHCHECK", AT_LEAST_ONE));
    };
    let empty = match command.as_ref() {
        Arguments::None => true,
        Arguments::Json(strings) => strings.is_empty(),
        _ => false,
    };
    match (kind.as_str().to_ascii_uppercase().as_str(), empty) {
        ("NONE", true) | ("CMD", false) => Ok(Kind::Other),
        _ => Err(Problem::Healthcheck),
    }
}

/// The values of `--name=`, which may stand several times.
fn values(flags: &[Text], name: &str) -> Result<Vec<Text>, Problem> {
    let mut values = Vec::new();
    for flag in flags {
        let (shown, value) = match flag.split_once('=') {
            Some((shown, value)) => (shown, Some(value)),
            None => (flag.clone(), None),
        };
        if shown.as_str().strip_prefix("--") == Some(name) {
            values.push(value.ok_or_else(|| Problem::MissingFlagValue { flag: name.to_owned() })?);
        }
    }
    Ok(values)
}

/// The value of `--name=`, which may stand once.
fn value(flags: &[Text], name: &str) -> Result<Option<Text>, Problem> {
    let mut values = values(flags, name)?.into_iter();
    let first = values.next();
    match values.next() {
        Some(_) => Err(Problem::DuplicateFlag { flag: name.to_owned() }),
        None => Ok(first),
    }
}

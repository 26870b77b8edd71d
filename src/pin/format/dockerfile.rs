//! Dockerfile and Containerfile.

mod argument;
mod ignore;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use self::argument::{Arguments, Origin};
use super::{Example, FindError, PinFormat};
use crate::base::{Reference, Span};
use crate::format::dockerfile::{Dockerfile, From, Instruction, Kind, Run, Text, Transfer, expand, parse};
use crate::pin::{Occurrence, Reason, State, What};

pub(super) const FORMAT: PinFormat = PinFormat {
    name: "dockerfile",
    claims,
    find,
    is_same_but_for: |before, after, insertions| {
        Ok(parse(before)?.is_same_but_for(&parse(after)?, insertions))
    },
    example: Example {
        path: "Dockerfile",
        before: "# syntax=docker/dockerfile:1\nARG BASE=alpine:3.20\nFROM golang AS build\nFROM $BASE\nCOPY --from=build /a /\n",
        after: "# syntax=docker/dockerfile:1@DIGEST\nARG BASE=alpine:3.20@DIGEST\nFROM golang:latest@DIGEST AS build\nFROM $BASE\nCOPY --from=build /a /\n",
    },
};

/// `Dockerfile`, `Dockerfile.*`, `*.Dockerfile` and the same with `Containerfile`, in any case; but not `*.dockerignore`.
fn claims(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    ["dockerfile", "containerfile"].iter().any(|kind| match name.strip_prefix(kind) {
        Some(rest) => rest.is_empty() || rest.starts_with('.') && rest != ".dockerignore",
        None => name.strip_suffix(kind).is_some_and(|rest| rest.ends_with('.')),
    })
}

fn find(text: &str) -> Result<Vec<Occurrence>, FindError> {
    let file = parse(text)?;
    let ignored = ignore::comments(&file, text)?;
    let mut finder = Finder::new(&file, ignored);
    if let Some(syntax) = &file.syntax {
        let state = reference(syntax.as_str(), syntax.end());
        finder.push(syntax.span(), What::Syntax, syntax.as_str(), state);
    }
    for instruction in &file.instructions {
        finder.line = instruction.node.start_line;
        finder.instruction(instruction);
    }
    finder.found.sort_by_key(|occurrence| occurrence.span);
    Ok(finder.found)
}

struct Finder<'a> {
    file: &'a Dockerfile,
    arguments: Arguments,
    /// Reasons of ignore comments, by the line below.
    ignored: BTreeMap<usize, String>,
    /// Names of all stages, in lower case.
    stages: BTreeSet<String>,
    /// Names of the stages above.
    earlier: BTreeSet<String>,
    /// Places of ARG defaults that are in `found`.
    defaults: BTreeSet<Span>,
    line: usize,
    found: Vec<Occurrence>,
}

impl<'a> Finder<'a> {
    fn new(file: &'a Dockerfile, ignored: BTreeMap<usize, String>) -> Self {
        let name = |instruction: &Instruction| match &instruction.kind {
            Kind::From(from) => from.name.as_ref().map(|name| name.as_str().to_lowercase()),
            _ => None,
        };
        Self {
            file,
            arguments: Arguments::read(file),
            ignored,
            stages: file.instructions.iter().filter_map(name).collect(),
            earlier: BTreeSet::new(),
            defaults: BTreeSet::new(),
            line: 0,
            found: Vec::new(),
        }
    }

    fn instruction(&mut self, instruction: &Instruction) {
        match &instruction.kind {
            Kind::Add(transfer) | Kind::Copy(transfer) => self.transfer(transfer, What::CopyFrom),
            Kind::From(from) => self.from(from),
            Kind::Onbuild(inner) => match &inner.kind {
                Kind::Add(transfer) | Kind::Copy(transfer) => self.transfer(transfer, What::Onbuild),
                Kind::Run(run) => self.run(run, What::Onbuild),
                Kind::Arg(_) | Kind::From(_) | Kind::Onbuild(_) | Kind::Other => {}
            },
            Kind::Run(run) => self.run(run, What::MountFrom),
            Kind::Arg(_) | Kind::Other => {}
        }
    }

    fn from(&mut self, from: &From) {
        let image = &from.image;
        let (value, origin) = self.arguments.image(image, self.file.escape);
        // BuildKit looks for the exact name among the stages above, whose names it keeps in lower case; only then for `scratch`.
        let state = if self.earlier.contains(&value) {
            State::Skipped(Reason::Stage)
        } else if value == "scratch" {
            State::Skipped(Reason::Scratch)
        } else {
            match origin {
                Origin::Here { end } => reference(&value, end),
                Origin::Default { text, end, line } => {
                    if self.defaults.insert(text.span()) {
                        let state = self.unless_ignored_at(line, reference(&value, end));
                        self.push(text.span(), What::ArgDefault, &value, state);
                    }
                    self.declare(from);
                    return;
                }
                Origin::Spread(reason) => spread(&value, reason),
            }
        };
        self.push(image.span(), What::From, image.as_str().trim_matches(['"', '\'']), state);
        self.declare(from);
    }

    fn declare(&mut self, from: &From) {
        self.earlier.extend(from.name.as_ref().map(|name| name.as_str().to_lowercase()));
    }

    fn transfer(&mut self, transfer: &Transfer, what: What) {
        let Some(from) = transfer.from.as_ref().filter(|from| !from.is_empty()) else { return };
        let plain = expand(from, self.file.escape, &|_| None).is_ok_and(|got| got.value == from.as_str());
        let state = if !plain {
            State::Skipped(Reason::VariableInFrom)
        } else if from.as_str().parse::<i64>().is_ok() {
            State::Skipped(Reason::StageNumber)
        } else {
            self.stage_or_image(from, what)
        };
        self.push(from.span(), what, from.as_str(), state);
    }

    fn run(&mut self, run: &Run, what: What) {
        for mount in &run.mounts {
            if let Some(from) = mount.from().filter(|from| !from.is_empty()) {
                let state = self.stage_or_image(from, what);
                self.push(from.span(), what, from.as_str(), state);
            }
        }
    }

    /// The name of any stage of the file counts, in any case: if the stage stands below, BuildKit stops.
    fn stage_or_image(&self, from: &Text, what: What) -> State {
        let name = from.as_str();
        if self.stages.contains(&name.to_lowercase()) {
            State::Skipped(Reason::Stage)
        } else if name == "scratch" {
            State::Skipped(Reason::Scratch)
        } else if name == "context" {
            State::Skipped(Reason::BuildContext)
        } else if what == What::Onbuild && !name.contains(['/', ':', '@']) {
            State::Skipped(Reason::OnbuildName)
        } else {
            reference(name, from.end())
        }
    }

    fn push(&mut self, span: Span, what: What, written: &str, state: State) {
        let state = self.unless_ignored_at(self.line, state);
        self.found.push(Occurrence { span, what, written: written.to_owned(), state });
    }

    fn unless_ignored_at(&self, line: usize, state: State) -> State {
        let open = match &state {
            State::Pinned { .. } => false,
            State::Skipped(reason) => !reason.is_fine(),
            State::Unpinned { .. } => true,
        };
        match self.ignored.get(&line).filter(|_| open) {
            Some(reason) => State::Skipped(Reason::Ignored { reason: reason.clone() }),
            None => state,
        }
    }
}

/// A whole reference that ends at `end`.
fn reference(value: &str, end: usize) -> State {
    match value.parse::<Reference>() {
        Ok(reference) => match reference.digest() {
            Some(digest) => State::Pinned { reference, digest },
            None => State::Unpinned { reference, end },
        },
        Err(error) => State::Skipped(Reason::NotAReference { value: value.to_owned(), error }),
    }
}

/// A reference that has no one place: it may have its digest from one of them.
fn spread(value: &str, reason: Reason) -> State {
    match (value.parse::<Reference>(), reason) {
        (Ok(reference), reason) => match reference.digest() {
            Some(digest) if !matches!(reason, Reason::PlatformArgument { .. }) => {
                State::Pinned { reference, digest }
            }
            _ => State::Skipped(reason),
        },
        (Err(error), Reason::Parts { value } | Reason::Operator { value, .. }) => {
            State::Skipped(Reason::NotAReference { value, error })
        }
        (Err(_), reason) => State::Skipped(reason),
    }
}

//! `plimsoll pin`: digests into files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use futures_util::StreamExt as _;

use crate::base::{
    Digest, ImageLocator, LayoutSelector, LineColumn, PinnedReference, Printable, Reference, ReferenceError,
    Repository,
};
use crate::cli::args::Format;
use crate::cli::error::pin::PinError;
use crate::cli::render::pin::{Answer, Entry, EntryState, Mode, Why};
use crate::cli::render::quota::quotas;
use crate::cli::ui::Ui;
use crate::cli::{CliError, Outcome};
use crate::io::{Io, Mode as FileMode};
use crate::pin::{Edited, FORMATS, Occurrence, PinFormat, State, format_named, format_of, plan};

/// Put digests behind the image references in files: name:tag becomes name:tag@sha256:…
///
/// FROM, COPY --from, RUN --mount=from=, # syntax= and ARG defaults that hold a whole reference. The digest is that of the image for all
/// platforms. No other byte changes, and nothing is written unless every digest was found. What has a digest is left alone. A name without
/// a tag means `latest`, and gets that tag too. Stages, `scratch` and what a comment `# plimsoll:ignore pin -- reason` on the line above
/// excepts are skipped; what cannot be pinned is listed with its reason.
#[derive(clap::Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Dockerfiles
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only say whether everything is pinned: exit code 1 if not. Asks no registry, writes nothing
    #[arg(long)]
    check: bool,
    /// Print what would change as a unified diff, and write nothing
    #[arg(long, conflicts_with = "check")]
    diff: bool,
    /// What the files are, where their names do not tell
    #[arg(long = "type", value_name = "TYPE", value_parser = FORMATS.iter().map(|format| format.name).collect::<Vec<_>>())]
    kind: Option<String>,
    /// Take the digests of this repository from an OCI layout instead of asking its registry; may be given several times
    #[arg(long = "layout", value_name = "REPOSITORY=DIR", value_parser = parse_mirror)]
    mirrors: Vec<Mirror>,
}

/// A folder that stands in for a repository.
#[derive(Clone, Debug)]
struct Mirror {
    repository: Repository,
    folder: PathBuf,
}

fn parse_mirror(text: &str) -> Result<Mirror, String> {
    match text.split_once('=') {
        Some((repository, folder)) if !folder.is_empty() => {
            let repository = repository.parse().map_err(|error: ReferenceError| error.to_string())?;
            Ok(Mirror { repository, folder: folder.into() })
        }
        _ => Err("write REPOSITORY=DIR".to_owned()),
    }
}

/// A file that was read and searched.
struct Input {
    path: PathBuf,
    text: String,
    format: &'static PinFormat,
    occurrences: Vec<Occurrence>,
}

pub(super) async fn run(args: Args, io: &Io, ui: &mut Ui<'_>) -> Result<Outcome, CliError> {
    if io.has_login() {
        return Err(PinError::Login.into());
    }
    let inputs = all(args.files.iter().collect::<BTreeSet<_>>(), ui, |path| read(path, &args, io))?;
    let mode = match (args.check, args.diff) {
        (true, _) => Mode::Check,
        (_, true) => Mode::Diff,
        _ => Mode::Write,
    };
    if mode == Mode::Write {
        let is_open = |found: &Occurrence| matches!(found.state, State::Unpinned { .. });
        let has_work = |input: &&Input| input.occurrences.iter().any(is_open);
        all(inputs.iter().filter(has_work), ui, |input| Ok(io.files.check_place(&input.path)?))?;
    }
    let digests =
        if mode == Mode::Check { Digests::default() } else { resolve(&inputs, &args.mirrors, io).await };

    let mut edits = Vec::new();
    if mode != Mode::Check && digests.errors.is_empty() {
        edits = all(&inputs, ui, |input| {
            let edited = plan(input.format, &input.text, &input.occurrences, &digests.found);
            edited.map_err(|source| PinError::Plan { path: input.path.clone(), source }.into())
        })?;
    }
    if mode == Mode::Write {
        write(&inputs, &edits, io, ui)?;
    }

    let mut answer = Answer::new(mode);
    answer.quotas = quotas(io);
    for input in &inputs {
        let places = places(input);
        let found = input.occurrences.iter().zip(places);
        answer.references.extend(found.map(|(found, at)| entry(input, found, at, mode, &digests)));
    }
    tell(&mut answer, &inputs, &edits, mode, ui)?;
    for error in digests.errors.values() {
        ui.fail(error);
    }
    Ok(match &answer {
        _ if !digests.errors.is_empty() => Outcome::Unknown,
        answer if answer.count(EntryState::Error) + answer.count(EntryState::Unpinned) > 0 => Outcome::No,
        _ => Outcome::Yes,
    })
}

/// Does it for each, or tells about each that went wrong.
fn all<I: IntoIterator, T>(
    items: I,
    ui: &mut Ui<'_>,
    each: impl Fn(I::Item) -> Result<T, CliError>,
) -> Result<Vec<T>, CliError> {
    let (mut done, mut failed) = (Vec::new(), None::<CliError>);
    for item in items {
        match each(item) {
            Ok(value) => done.push(value),
            Err(error) => {
                if let Some(before) = failed.replace(error) {
                    ui.fail(&before);
                }
            }
        }
    }
    failed.map_or(Ok(done), Err)
}

fn read(path: &Path, args: &Args, io: &Io) -> Result<Input, CliError> {
    let format = args.kind.as_deref().map_or_else(|| format_of(path), format_named);
    let format = format.ok_or_else(|| PinError::Unclaimed { path: path.to_owned() })?;
    let text = io.files.read_text(path)?;
    let occurrences =
        (format.find)(&text).map_err(|error| PinError::Find { path: path.to_owned(), error })?;
    Ok(Input { path: path.to_owned(), text, format, occurrences })
}

/// What the registries say.
#[derive(Default)]
struct Digests {
    found: BTreeMap<Reference, Digest>,
    errors: BTreeMap<String, CliError>,
}

/// Looks up each image once, however often and however it is written.
async fn resolve(inputs: &[Input], mirrors: &[Mirror], io: &Io) -> Digests {
    let mut wanted: BTreeMap<String, BTreeSet<&Reference>> = BTreeMap::new();
    for occurrence in inputs.iter().flat_map(|input| &input.occurrences) {
        if let State::Unpinned { reference, .. } = &occurrence.state {
            wanted.entry(key(reference)).or_default().insert(reference);
        }
    }
    let tasks = wanted.into_iter().filter_map(|(key, references)| {
        let first = (*references.first()?).clone();
        Some(async move { (key, references, digest(first, mirrors, io).await) })
    });
    let mut answers = futures_util::stream::iter(tasks).buffer_unordered(AT_ONCE);
    let mut digests = Digests::default();
    while let Some((key, references, answer)) = answers.next().await {
        match answer {
            Ok(digest) => {
                digests.found.extend(references.into_iter().map(|reference| (reference.clone(), digest)));
            }
            Err(error) => {
                digests.errors.insert(key, error);
            }
        }
    }
    digests
}

async fn digest(reference: Reference, mirrors: &[Mirror], io: &Io) -> Result<Digest, CliError> {
    let mirror = mirrors.iter().find(|mirror| mirror.repository == *reference.repository());
    let locator = match mirror {
        Some(Mirror { folder, .. }) => {
            let select = LayoutSelector::Tag(reference.tag_or_latest());
            ImageLocator::Layout { folder: folder.clone(), select }
        }
        None => ImageLocator::Registry(reference),
    };
    Ok(io.open(&locator)?.resolve().await?.digest)
}

/// What is asked for: `alpine` and `docker.io/library/alpine:latest` are the same.
fn key(reference: &Reference) -> String {
    format!("{}:{}", reference.repository(), reference.tag_or_latest())
}

/// Writes what changed, after a look whether the files are still what they were.
fn write(inputs: &[Input], edits: &[Edited], io: &Io, ui: &mut Ui<'_>) -> Result<(), CliError> {
    let changes: Vec<_> = inputs.iter().zip(edits).filter(|(_, edited)| edited.is_changed()).collect();
    all(&changes, ui, |(input, edited)| is_written(input, edited, io))?;
    let mut written = Vec::new();
    for (input, edited) in changes {
        if let Err(error) = write_one(input, edited, io, &mut written) {
            // All files or none: those before this one get back what they were.
            let restore =
                |input: &Input| Ok(io.files.write(&input.path, input.text.as_bytes(), FileMode::Public)?);
            if let Err(error) = all(written, ui, restore) {
                ui.fail(&error);
            }
            return Err(error);
        }
    }
    Ok(())
}

fn write_one<'a>(
    input: &'a Input,
    edited: &Edited,
    io: &Io,
    written: &mut Vec<&'a Input>,
) -> Result<(), CliError> {
    if !is_written(input, edited, io)? {
        io.files.write(&input.path, edited.text().as_bytes(), FileMode::Public)?;
        written.push(input);
    }
    Ok(())
}

/// Whether the file is already as it shall be, because it was named twice. That it is as it was is no; anything else is an error.
fn is_written(input: &Input, edited: &Edited, io: &Io) -> Result<bool, CliError> {
    let bytes = io.files.read(&input.path)?;
    if bytes == edited.text().as_bytes() {
        Ok(true)
    } else if bytes == input.text.as_bytes() {
        Ok(false)
    } else {
        Err(PinError::Changed { path: input.path.clone() }.into())
    }
}

/// Where the references stand. They are in the order of the file, so one pass over it is enough.
fn places(input: &Input) -> impl Iterator<Item = LineColumn> {
    let (mut line, mut start) = (1, 0);
    input.occurrences.iter().map(move |found| {
        let before = input.text.get(start..found.span.start).unwrap_or("");
        line += before.matches('\n').count();
        start += before.rfind('\n').map_or(0, |at| at + 1);
        let column = input.text.get(start..found.span.start).unwrap_or("").chars().count() + 1;
        LineColumn { line, column }
    })
}

fn entry(input: &Input, found: &Occurrence, at: LineColumn, mode: Mode, digests: &Digests) -> Entry {
    let mut entry = Entry {
        file: input.path.display().to_string(),
        line: at.line,
        column: at.column,
        kind: found.what.name(),
        written: found.written.clone(),
        state: EntryState::Unpinned,
        digest: None,
        pinned: None,
        reason: None,
    };
    let with = |mut entry: Entry, state, reference: &Reference, digest: Digest| {
        let tagged = match reference.tag() {
            Some(_) => reference.clone(),
            None => format!("{reference}:{}", reference.tag_or_latest()).parse().unwrap_or(reference.clone()),
        };
        entry.state = state;
        entry.digest = Some(digest.to_string());
        entry.pinned = Some(match reference.digest() {
            Some(_) => reference.to_string(),
            None => PinnedReference::new(tagged, digest).to_string(),
        });
        entry
    };
    match &found.state {
        State::Pinned { reference, digest } => with(entry, EntryState::Pinned, reference, *digest),
        State::Skipped(reason) => {
            entry.state = if reason.is_fine() { EntryState::Skipped } else { EntryState::Error };
            entry.reason = Some(Why { code: reason.name(), text: reason.to_string() });
            entry
        }
        State::Unpinned { reference, .. } => {
            if let Some(error) = digests.errors.get(&key(reference)) {
                entry.state = EntryState::Error;
                entry.reason = Some(Why { code: "not-resolved", text: error.error.to_string() });
                return entry;
            }
            let state = match mode {
                Mode::Check => return entry,
                // One that was not found keeps all of them out of the files.
                Mode::Write if !digests.errors.is_empty() => EntryState::Unpinned,
                Mode::Write => EntryState::NewlyPinned,
                Mode::Diff => EntryState::WouldPin,
            };
            match digests.found.get(reference) {
                Some(digest) => with(entry, state, reference, *digest),
                None => entry,
            }
        }
    }
}

fn tell(
    answer: &mut Answer,
    inputs: &[Input],
    edits: &[Edited],
    mode: Mode,
    ui: &mut Ui<'_>,
) -> Result<(), CliError> {
    if mode == Mode::Diff {
        answer.diff = Some(inputs.iter().zip(edits).map(|(input, edited)| diff(input, edited)).collect());
    }
    let lines: Vec<(EntryState, String)> =
        answer.references.iter().filter_map(|entry| Some((entry.state, entry.text()?))).collect();
    match (ui.format(), &answer.diff) {
        (Format::Json, _) => ui.json(&*answer)?,
        (Format::Text, Some(diff)) if ui.terminals().out => ui.answer(&shown(diff)),
        (Format::Text, Some(diff)) => ui.answer(diff),
        (Format::Text, None) => {
            for (_, line) in &lines {
                ui.answer(&format!("{line}\n"));
            }
        }
    }
    if ui.format() == Format::Json || mode == Mode::Diff {
        for (_, line) in lines.iter().filter(|(state, _)| *state == EntryState::Error) {
            ui.warn(line);
        }
    }
    let count = |state| answer.count(state);
    let written = match mode {
        Mode::Check => format!("{} not pinned", count(EntryState::Unpinned)),
        Mode::Diff => format!("{} to be pinned", count(EntryState::WouldPin)),
        Mode::Write => format!("{} newly pinned", count(EntryState::NewlyPinned)),
    };
    let (pinned, skipped) = (count(EntryState::Pinned), count(EntryState::Skipped));
    let failed = count(EntryState::Error);
    ui.note(&format!("{written}, {pinned} pinned before, {skipped} skipped, {failed} cannot be pinned"));
    Ok(())
}

fn diff(input: &Input, edited: &Edited) -> String {
    // A line ends at its line feed and nowhere else: `patch` and `git apply` count so.
    let lines = |text| str::split_inclusive(text, '\n').collect::<Vec<_>>();
    similar::TextDiff::configure()
        .newline_terminated(true)
        .diff_slices(&lines(input.text.as_str()), &lines(edited.text()))
        .unified_diff()
        .header(&diff_name("a", &input.path), &diff_name("b", &input.path))
        .to_string()
}

/// A path as `patch` and `git apply` read it: relative, without `.`, a tab behind one with blanks, quoted if it has characters that need it.
fn diff_name(side: &str, path: &Path) -> String {
    let normal = path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    let name = Path::new(side).join(normal.collect::<PathBuf>()).display().to_string();
    if !name.contains(|char: char| char.is_control() || matches!(char, '"' | '\\')) {
        let end = if name.contains(' ') { "\t" } else { "" };
        return name + end;
    }
    let mut quoted = String::from("\"");
    for char in name.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            _ if char.is_ascii_control() => quoted.push_str(&format!("\\{:03o}", u32::from(char))),
            _ => quoted.push(char),
        }
    }
    quoted + "\""
}

/// For a terminal: nothing in the file drives it.
fn shown(diff: &str) -> String {
    diff.split_inclusive('\n')
        .map(|line| {
            let (text, end) = line.strip_suffix('\n').map_or((line, ""), |text| (text, "\n"));
            let tabbed: Vec<String> = text.split('\t').map(|part| Printable(part).to_string()).collect();
            tabbed.join("\t") + end
        })
        .collect()
}

/// References asked for at once.
const AT_ONCE: usize = 8;

const EXAMPLES: &str = "\
Examples:
  plimsoll pin Dockerfile
  plimsoll pin --diff Dockerfile docker/*.Dockerfile
  plimsoll pin --check Dockerfile
  plimsoll pin --type dockerfile build/image.txt
  plimsoll pin --layout registry.example.com/team/base=mirror/base Dockerfile";

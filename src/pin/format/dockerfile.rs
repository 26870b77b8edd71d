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
    /// Places of ARG defaults, and where in `found` they are.
    defaults: BTreeMap<Span, usize>,
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
            defaults: BTreeMap::new(),
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
        let state = if self.is_earlier(&value, &origin) {
            State::Skipped(Reason::Stage)
        } else if value == "scratch" {
            State::Skipped(Reason::Scratch)
        } else {
            match origin {
                Origin::Here { end } => reference(&value, end),
                Origin::Default { text, end, line } => {
                    let state = self.unless_ignored_at(line, reference(&value, end));
                    self.default(text.span(), &value, state);
                    self.declare(from);
                    return;
                }
                Origin::Spread(reason) => spread(&value, reason),
            }
        };
        self.push(image.span(), What::From, image.as_str().trim_matches(['"', '\'']), state);
        self.declare(from);
    }

    /// One place for every FROM that uses it: a comment above one of them says nothing about the others.
    fn default(&mut self, span: Span, value: &str, state: State) {
        let Some(before) = self.defaults.get(&span).and_then(|at| self.found.get(*at)) else {
            self.defaults.insert(span, self.found.len());
            return self.push(span, What::ArgDefault, value, state);
        };
        if matches!(before.state, State::Skipped(Reason::Ignored { .. })) {
            let state = self.unless_ignored_at(self.line, state);
            if let Some(found) = self.defaults.get(&span).and_then(|at| self.found.get_mut(*at)) {
                found.state = state;
            }
        }
    }

    /// `FROM build-$TARGETOS` is a stage if there is one for some platform: `build-linux`.
    fn is_earlier(&self, value: &str, origin: &Origin) -> bool {
        match origin {
            Origin::Spread(Reason::PlatformArgument { .. }) => {
                self.earlier.iter().any(|stage| argument::may_become(value, stage))
            }
            Origin::Default { .. } | Origin::Here { .. } | Origin::Spread(_) => self.earlier.contains(value),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What was found, one line each: place, kind, text, and `PIN`, `pinned` or the name of the reason.
    fn found(text: &str) -> Vec<String> {
        find(text)
            .unwrap_or_else(|error| panic!("{error}\n{text}"))
            .iter()
            .map(|found| {
                let state = match &found.state {
                    State::Pinned { .. } => "pinned".to_owned(),
                    State::Skipped(reason) => reason.name().to_owned(),
                    State::Unpinned { end, .. } => format!("PIN@{end}"),
                };
                let at = found.span.position(text);
                format!("{at} {} {} {state}", found.what.name(), found.written)
            })
            .collect()
    }

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn names_of_files() {
        for name in [
            "Dockerfile",
            "a/Containerfile",
            "x.Dockerfile",
            "Dockerfile.dev",
            "app.containerfile",
            "dockerfile",
        ] {
            assert!(claims(Path::new(name)), "{name}");
        }
        for name in [
            "Dockerfile.dockerignore",
            "Dockerfiles",
            "myDockerfile",
            "a.txt",
            "",
            "Dockerfile/x",
            ".dockerignore",
        ] {
            assert!(!claims(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn p1_heredoc_bodies_are_not_searched() {
        let text = "FROM a:1\nRUN <<E\nFROM b:1\nCOPY --from=c:1 x y\nimage: d:1\nE\nCOPY <<\"E\" /x\n# syntax=e:1\nE\n";
        assert_eq!(found(text), ["1:6 from a:1 PIN@8"]);
    }

    #[test]
    fn p2_the_digest_goes_inside_of_quotes() {
        assert_eq!(found("FROM \"a:1\"\n"), ["1:6 from a:1 PIN@9"]);
        assert_eq!(found("FROM 'a':1\n"), ["1:6 from a':1 PIN@10"]);
        assert_eq!(found("FROM a:1\nRUN --mount=\"from=b:1,ro\" x\n")[1], "2:19 mount-from b:1 PIN@30");
    }

    #[test]
    fn p3_stages_hide_images() {
        let text = "FROM alpine AS alpine\nFROM alpine AS Two\nFROM Two\nFROM two\nCOPY --from=TWO a b\nRUN --mount=from=tWo,target=/a x\n";
        assert_eq!(
            found(text),
            [
                "1:6 from alpine PIN@11",
                "2:6 from alpine stage",
                "3:6 from Two not-a-reference",
                "4:6 from two stage",
                "5:13 copy-from TWO stage",
                "6:18 mount-from tWo stage",
            ]
        );
        // FROM sees the stages above only, COPY all of them.
        assert_eq!(
            found("FROM later\nCOPY --from=later a b\nFROM x AS later\n"),
            ["1:6 from later PIN@10", "2:13 copy-from later stage", "3:6 from x PIN@39"]
        );
    }

    #[test]
    fn p4_numbers_scratch_and_context() {
        // BuildKit warns of a stage named `context`, and takes the name for an image where no stage has it.
        let text = "FROM scratch\nCOPY --from=0 a b\nCOPY --from=scratch a b\nCOPY --from=context a b\nRUN --mount=from=0,target=/a x\nRUN --mount=type=cache,target=/a x\n";
        assert_eq!(
            found(text),
            [
                "1:6 from scratch scratch",
                "2:13 copy-from 0 stage-number",
                "3:13 copy-from scratch scratch",
                "4:13 copy-from context PIN@74",
                "5:18 mount-from 0 PIN@97",
            ]
        );
    }

    #[test]
    fn p5_every_mount_wherever_its_from_stands() {
        let text = "FROM scratch\nRUN --mount=readonly,target=/a,from=a:1 --mount=from=b:1,rw,target=/b --mount=type=bind,from=c:1,target=/c x\n";
        let got = found(text);
        assert_eq!(got.len(), 4, "{got:?}");
        for (line, name) in got.iter().skip(1).zip(["a:1", "b:1", "c:1"]) {
            let end = text.find(name).unwrap() + 3;
            assert!(line.ends_with(&format!("mount-from {name} PIN@{end}")), "{line}");
        }
    }

    #[test]
    fn p6_references_over_several_lines() {
        let text = "FROM \\\r\n# c\r\n\r\n  al\\\r\npine:3 AS x\r\n";
        assert_eq!(found(text), [format!("4:3 from alpine:3 PIN@{}", text.find(" AS").unwrap())]);
        let text = "# escape=`\nFROM `\n  a`\n:1\n";
        assert_eq!(found(text), [format!("3:3 from a:1 PIN@{}", text.len() - 1)]);
    }

    #[test]
    fn p8_a_directive_below_something_else_is_a_comment() {
        for top in ["\n", "# c\n", "ARG X\n", "#\n"] {
            assert_eq!(found(&format!("{top}# syntax=a:1\nFROM scratch\n")).len(), 1, "{top:?}");
        }
        assert_eq!(found("#syntax = a:1 x\nFROM scratch\n")[0], "1:11 syntax a:1 PIN@13");
        assert_eq!(found("# escape=\\\n# syntax=A/b\nFROM scratch\n")[0], "2:10 syntax A/b PIN@23");
    }

    #[test]
    fn p9_arguments() {
        for (text, want) in [
            ("ARG B=a:1\nFROM $B\n", "1:7 arg-default a:1 PIN@9"),
            ("ARG B=\"a:1\"\nFROM ${B}\n", "1:7 arg-default a:1 PIN@10"),
            ("ARG X=1 B=a:1\nFROM ${B}\nFROM $B\n", "1:11 arg-default a:1 PIN@13"),
            ("ARG B=a:1\nFROM ${B:-x:1}\n", "1:7 arg-default a:1 PIN@9"),
            ("ARG B=a:1\nFROM ${B:?say it}\n", "FROM requires either one or three arguments"),
            ("ARG B=z:1\nARG B=a:1\nFROM $B\n", "2:7 arg-default a:1 PIN@19"),
            ("ARG B=a:1\nARG B\nFROM $B\n", "1:7 arg-default a:1 PIN@9"),
            ("ARG B\nFROM ${B:-a:1}\n", "2:6 from ${B:-a:1} PIN@19"),
            ("FROM ${B-a:1}\n", "1:6 from ${B-a:1} PIN@12"),
            ("ARG B\nFROM $B\n", "2:6 from $B argument-unset"),
            ("FROM $B\nARG B=a:1\n", "1:6 from $B argument-unset"),
            ("FROM a:$B\n", "1:6 from a:$B argument-unset"),
            ("ARG B=a:1\nFROM $B\nARG B\nRUN x $B\n", "2:6 from $B argument-used-elsewhere"),
            ("ARG B=a:1\nFROM $B\nARG B=own\n", "1:7 arg-default a:1 PIN@9"),
            ("ARG B=a:1\nFROM $B AS s\nONBUILD ARG B\nFROM s\n", "2:6 from $B argument-used-elsewhere"),
            ("ARG B=a:1\nFROM $B AS s\nONBUILD ARG B=own\n", "1:7 arg-default a:1 PIN@9"),
            ("ARG B=a:1\nFROM $B\nFROM ${M:?}/$B\n", "2:6 from $B argument-used-elsewhere"),
            ("ARG B=a:1\nARG C=${M?}/$B\nFROM $B\n", "3:6 from $B argument-used-elsewhere"),
            ("ARG B=a:1\nARG C=$B\nFROM $B\n", "3:6 from $B argument-used-elsewhere"),
            ("ARG B=a:1\nARG C=$B\nFROM $C\n", "3:6 from $C several-arguments"),
            ("ARG T=1\nFROM a:$T\n", "2:6 from a:$T parts"),
            ("ARG T=1\nFROM a:${T}-b\n", "2:6 from a:${T}-b parts"),
            ("ARG B=a T=1\nFROM $B:$T\n", "2:6 from $B:$T parts"),
            ("ARG B=a:1-x\nFROM ${B%-x}\n", "2:6 from ${B%-x} operator"),
            ("ARG B=a:1\nFROM ${B:+c:1}\n", "2:6 from ${B:+c:1} operator"),
            ("FROM a-$TARGETARCH:1\n", "1:6 from a-$TARGETARCH:1 platform-argument"),
            ("ARG B=a-$TARGETARCH:1\nFROM $B\n", "2:6 from $B platform-argument"),
            ("FROM x@DIGEST AS a-linux\nFROM a-$TARGETOS\n", "2:6 from a-$TARGETOS stage"),
            ("FROM x@DIGEST AS linux-a\nFROM a-$TARGETOS\n", "2:6 from a-$TARGETOS platform-argument"),
            ("FROM ${B?none}\n", "1:6 from ${B?none} cannot-expand"),
            ("ARG B=${C:?x}\nFROM $B\n", "2:6 from $B cannot-expand"),
            ("ARG B=A:1\nFROM $B\n", "1:7 arg-default A:1 not-a-reference"),
            ("ARG B=s\nFROM x@DIGEST AS s\nFROM $B\n", "3:6 from $B stage"),
            ("ARG B=scratch\nFROM $B\n", "2:6 from $B scratch"),
            ("ARG T=1@DIGEST\nFROM a:$T\n", "2:6 from a:$T pinned"),
            ("ARG B=a@DIGEST\nFROM $B\n", "1:7 arg-default a@DIGEST pinned"),
            ("FROM --platform=$BUILDPLATFORM a:1\n", "1:32 from a:1 PIN@34"),
        ] {
            let text = text.replace("DIGEST", DIGEST);
            match find(&text) {
                Ok(_) => {
                    let got = found(&text).join("\n").replace(DIGEST, "DIGEST");
                    assert!(got.lines().any(|line| line == want), "{text}{got}");
                    let pins = got.matches("PIN@").count();
                    assert!(pins <= usize::from(want.contains("PIN@")), "{text}{got}");
                }
                Err(error) => assert!(error.to_string().ends_with(want), "{text}{error}"),
            }
        }
    }

    #[test]
    fn p10_digests_that_are_none() {
        let upper = DIGEST.to_uppercase().replace("SHA256", "sha256");
        for (digest, want) in [
            (DIGEST, "pinned"),
            (&DIGEST[..70], "not-a-reference"),
            (&upper, "not-a-reference"),
            (&DIGEST.replace("sha256", "sha512"), "not-a-reference"),
            (&format!("sha512:{}", "0".repeat(128)), "pinned"),
            (&DIGEST.replace("e3", "g3"), "not-a-reference"),
        ] {
            assert_eq!(found(&format!("FROM a:1@{digest}\n")), [format!("1:6 from a:1@{digest} {want}")]);
        }
    }

    #[test]
    fn onbuild_may_name_stages_of_other_files() {
        let text = "FROM a:1 AS s\nONBUILD COPY --from=later a b\nONBUILD COPY --from=s a b\nONBUILD COPY --from=0 a b\nONBUILD RUN --mount=from=b:1,target=/b x\nONBUILD COPY --from=o/n a b\n";
        assert_eq!(
            found(text)[1..],
            [
                "2:21 onbuild later onbuild-name".to_owned(),
                "3:21 onbuild s stage".to_owned(),
                "4:21 onbuild 0 stage-number".to_owned(),
                format!("5:26 onbuild b:1 PIN@{}", text.find(",target").unwrap()),
                format!("6:21 onbuild o/n PIN@{}", text.len() - 5),
            ]
        );
    }

    #[test]
    fn variables_are_not_expanded_in_from_flags() {
        assert_eq!(found("FROM scratch\nCOPY --from=$X a b\n")[1], "2:13 copy-from $X variable-in-from");
    }

    #[test]
    fn ignore_comments() {
        for (text, want) in [
            ("# plimsoll:ignore pin -- ours\nFROM a:1\n", "ignored"),
            ("FROM scratch\n  #plimsoll:ignore   pin   --  ours\nCOPY --from=a:1 b c\n", "ignored"),
            ("# plimsoll:ignore pin -- ours\nARG B=a:1\nFROM $B\n", "ignored"),
            ("ARG B=a:1\n# plimsoll:ignore pin -- ours\nFROM $B\n", "ignored"),
            ("ARG B\n# plimsoll:ignore pin -- ours\nFROM $B\n", "ignored"),
            ("ARG B=a:1\n# plimsoll:ignore pin -- ours\nFROM $B\nFROM $B\n", "PIN"),
            ("ARG B=a:1\nFROM $B\n# plimsoll:ignore pin -- ours\nFROM $B\n", "PIN"),
            ("# plimsoll:ignore pin -- ours\nARG B=a:1\nFROM $B\nFROM $B\n", "ignored"),
            ("# plimsoll:ignore pin -- ours\n\nFROM a:1\n", "PIN"),
            ("# plimsoll:ignore pinned -- ours\nFROM a:1\n", "PIN"),
            ("# plimsoll:ignore DL3006 -- ours\nFROM a:1\n", "PIN"),
            ("# plimsoll:ignore pin -- ours\nFROM scratch\n", "scratch"),
        ] {
            let got = found(text);
            assert!(got.last().unwrap().contains(want), "{text}{got:?}");
        }
        for text in ["# plimsoll:ignore pin\nFROM a\n", "# plimsoll:ignore pin --  \nFROM a\n"] {
            let error = find(text).unwrap_err().to_string();
            assert_eq!(error, "1:1: an ignore comment gives its reason: `# plimsoll:ignore pin -- reason`");
        }
    }
}

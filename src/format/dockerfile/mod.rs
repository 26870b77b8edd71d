//! Dockerfile, as BuildKit's frontend `docker/dockerfile:1.x` reads it (moby/buildkit `frontend/dockerfile`, v0.34.2): which lines are one
//! instruction, what its flags and words are, and where in the file each of their bytes stands.
//!
//! Nothing of the file is lost: [`Scanned::pieces`] covers every byte once and in order. What BuildKit refuses is refused here, with the
//! same words where there are such. Flags that are not known are let through, since newer frontends have more of them.

mod ast;
mod directive;
mod error;
mod expand;
mod heredoc;
mod lexer;
mod mount;
mod node;
mod pattern;
mod shell;
mod text;

pub use ast::{Argument, Dockerfile, From, Instruction, Kind, Run, Transfer, parse};
pub use directive::{Directive, DirectiveName};
pub use error::{DockerfileError, Problem};
pub use expand::{ExpandError, Expanded, PLATFORM_ARGUMENTS, Part, Values, Variable, expand};
pub use heredoc::Heredoc;
pub use lexer::{Piece, PieceKind};
pub use mount::Mount;
pub use node::{Arguments, Node, Scanned, Separator, scan};
pub use text::Text;

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests read the corpus")]
mod tests {
    use std::path::{Path, PathBuf};

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn testdata() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/dockerfile")
    }

    fn corpus() -> Vec<(String, String)> {
        let mut files: Vec<_> = std::fs::read_dir(testdata().join("corpus"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                (name, std::fs::read_to_string(&path).unwrap())
            })
            .collect();
        files.sort();
        assert_eq!(files.len(), 294);
        files
    }

    fn joined(text: &str, pieces: &[Piece]) -> String {
        let mut at = 0;
        pieces
            .iter()
            .map(|piece| {
                assert!(piece.span.start == at && piece.span.end > at, "{piece:?}");
                at = piece.span.end;
                piece.span.slice(text).unwrap()
            })
            .collect()
    }

    fn value(arguments: &Arguments) -> (Vec<&str>, bool) {
        match arguments {
            Arguments::Health { kind, command } => {
                let (rest, json) = value(command);
                ([vec![kind.as_str()], rest].concat(), json)
            }
            Arguments::Json(strings) => (strings.iter().map(String::as_str).collect(), true),
            Arguments::Line(line) => (vec![line.as_str()], false),
            Arguments::None => (Vec::new(), false),
            Arguments::Onbuild(inner) => value(&inner.arguments),
            Arguments::Pairs(pairs) => {
                (pairs.iter().flat_map(|(name, value, _)| [name.as_str(), value.as_str()]).collect(), false)
            }
            Arguments::Words(words) => (words.iter().map(Text::as_str).collect(), false),
        }
    }

    /// As `testdata/dockerfile/oracle.py` writes it.
    fn shown(node: &Node) -> Value {
        let trigger = match &node.arguments {
            Arguments::Onbuild(inner) => Some(inner.keyword.as_str()),
            _ => None,
        };
        let flags: Vec<&str> = node.flags.iter().map(Text::as_str).collect();
        let heredocs: Vec<Value> = node
            .heredocs
            .iter()
            .map(|doc| json!([doc.name, doc.file_descriptor, doc.body.end - doc.body.start]))
            .collect();
        let (mut value, json) = value(&node.arguments);
        // The package hands strings over as C does: they end at the first NUL.
        value.iter_mut().for_each(|text| *text = text.split('\0').next().unwrap_or(""));
        json!([node.start_line, node.end_line, node.keyword.as_str(), trigger, flags, json, value, heredocs])
    }

    #[test]
    fn reads_the_corpus_as_buildkit_does() {
        let oracle = std::fs::read_to_string(testdata().join("oracle.jsonl")).unwrap();
        let mut refused = 0;
        for ((name, text), line) in corpus().iter().zip(oracle.lines()) {
            let want: Value = serde_json::from_str(line).unwrap();
            assert_eq!(want[0], json!(name));
            let got = scan(text);
            refused += usize::from(got.is_err());
            match (got, want[1].as_array()) {
                (Ok(scanned), Some(want)) => {
                    let got: Vec<Value> = scanned.nodes.iter().map(shown).collect();
                    for (got, want) in got.iter().zip(want) {
                        assert_eq!(got, want, "{name}");
                    }
                    assert_eq!(got.len(), want.len(), "{name}");
                }
                (Err(_), None) => {}
                (got, want) => panic!("{name}: got {got:?}, want {want:?}"),
            }
        }
        assert_eq!((oracle.lines().count(), refused), (294, 3));
    }

    #[test]
    fn pieces_print_the_corpus_again() {
        for (name, text) in corpus() {
            for text in [text.clone(), text.replace('\n', "\r\n"), format!("\u{feff}{}", text.trim_end())] {
                if let Ok(scanned) = scan(&text) {
                    assert_eq!(joined(&text, &scanned.pieces), text, "{name}");
                }
            }
        }
    }

    #[test]
    fn says_what_and_where_as_buildkit() {
        for (text, want) in [
            ("", "1:1: file with no instructions"),
            ("# only\n", "2:1: file with no instructions"),
            ("FROM a\nFRM b\n", "2:1: unknown instruction: FRM"),
            ("FROM a\n  RUM b\n", "2:3: unknown instruction: RUM"),
            ("RUN a\nFROM b\n", "1:1: no build stage in current context: RUN stands before the first FROM"),
            ("ARG a\n", "2:1: dockerfile contains no stages to build"),
            ("FROM\n", "1:1: FROM requires either one or three arguments"),
            ("FROM a b\n", "1:1: FROM requires either one or three arguments"),
            ("FROM a AS\n", "1:1: FROM requires either one or three arguments"),
            ("FROM a IS b\n", "1:1: FROM requires either one or three arguments"),
            (
                "FROM a AS 1b\n",
                "1:1: invalid name for build stage: \"1b\", name can't start with a number or contain symbols",
            ),
            ("FROM --platform a\n", "1:1: missing a value on flag: --platform"),
            ("FROM --platform=a --platform=b c\n", "1:1: duplicate flag specified: --platform"),
            ("FROM a\nCOPY b\n", "2:1: COPY requires at least two arguments, source and destination"),
            ("FROM a\nCOPY --from=b --from=c d e\n", "2:1: duplicate flag specified: --from"),
            ("FROM a\nCOPY b <<E\nE\n", "2:1: COPY cannot accept a heredoc as a destination"),
            ("FROM a\nRUN <<E\nx\n", "2:1: unterminated heredoc E"),
            (
                "FROM a\nRUN --mount=from=$X x\n",
                "2:1: 'from' doesn't support variable expansion, define alias stage instead",
            ),
            ("FROM a\nONBUILD FROM b\n", "2:1: FROM isn't allowed as an ONBUILD trigger"),
            ("FROM a\nONBUILD ONBUILD RUN b\n", "2:1: ONBUILD isn't allowed as an ONBUILD trigger"),
            ("FROM a\nONBUILD\n", "2:1: ONBUILD requires at least one argument"),
            ("FROM a\nENV b\n", "2:1: ENV must have two arguments"),
            ("FROM a\nENV b=c d\n", "2:1: can't find = in \"d\": must be of the form: name=value"),
            ("FROM a\nENV =c\n", "2:1: ENV names can not be blank"),
            ("FROM a\nARG =c\n", "2:1: ARG names can not be blank"),
            ("FROM a\nARG\n", "2:1: ARG requires at least one argument"),
            ("FROM a\nUSER\n", "2:1: USER requires exactly one argument"),
            ("FROM a\nEXPOSE\n", "2:1: EXPOSE requires at least one argument"),
            ("FROM a\nSHELL sh\n", "2:1: SHELL requires the arguments to be in JSON form"),
            ("FROM a\nHEALTHCHECK NONE x\n", "2:1: HEALTHCHECK takes CMD and a command, or NONE"),
            (
                "FROM a\nCMD [\"a\", 1]\n",
                "2:1: when using JSON array syntax, arrays must be comprised of strings only",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), want, "{text:?}");
        }
        let long = format!("FROM a\nRUN {}\n", "x".repeat(65536));
        let want = "2:1: dockerfile line greater than max allowed size of 65535";
        assert_eq!(parse(&long).unwrap_err().to_string(), want);
        assert!(parse(&format!("FROM a\nRUN {}\n", "x".repeat(65531))).is_ok());
    }

    #[test]
    fn heredocs_are_not_instructions() {
        let text = "FROM a\nRUN <<A cat 3<<-'B' ; x\nFROM b\nA\n\tCOPY --from=c d e\n\tB\nONBUILD COPY <<E /x\nFROM f\nE\nRUN [\"<<E\"]\nRUN echo '<<E\nCMD <<E\n";
        let file = parse(text).unwrap();
        let names: Vec<String> = file.instructions.iter().map(|found| found.node.name()).collect();
        assert_eq!(names, ["FROM", "RUN", "ONBUILD", "RUN", "RUN", "CMD"]);
        let docs = &file.instructions[1].node.heredocs;
        let bodies: Vec<_> = docs.iter().map(|doc| doc.body.slice(text).unwrap()).collect();
        assert_eq!(bodies, ["FROM b\n", "\tCOPY --from=c d e\n"]);
        assert_eq!(joined(text, &file.pieces), text);
    }

    #[test]
    fn a_word_over_several_lines_knows_its_bytes() {
        let text = "FROM al\\\n# c\n\npi\\  \r\nne:3\n";
        let file = parse(text).unwrap();
        let Kind::From(from) = &file.instructions[0].kind else { panic!("{file:?}") };
        assert_eq!(from.image.as_str(), "alpine:3");
        let spans: Vec<&str> = from.image.spans().into_iter().map(|span| span.slice(text).unwrap()).collect();
        assert_eq!(spans, ["al", "pi", "ne:3"]);
        assert_eq!(from.image.end(), text.len() - 1);
    }

    #[test]
    fn an_instruction_of_many_lines_takes_time_by_its_length() {
        let text = format!("FROM a\nCOPY {} b\n", "a \\\n".repeat(100_000));
        let start = std::time::Instant::now();
        let file = parse(&text).unwrap();
        assert!(start.elapsed() < std::time::Duration::from_secs(8), "{:?}", start.elapsed());
        assert!(
            matches!(&file.instructions[1].node.arguments, Arguments::Words(words) if words.len() == 100_001)
        );
    }

    fn mutated() -> impl Strategy<Value = String> {
        let files: Vec<String> =
            corpus().into_iter().map(|(_, text)| text).filter(|text| text.len() < 3000).collect();
        let scraps = prop::sample::select(vec![
            "\\\n",
            "\n",
            "\r\n",
            "\"",
            "'",
            " ",
            "<<E",
            "<<-'E'\n",
            "E\n",
            "#",
            "${",
            "${X:-y}",
            "$",
            "}",
            "--from=a",
            "--mount=from=",
            ",",
            "[",
            "ONBUILD ",
            "FROM a\n",
            "`",
            "# escape=`\n",
            "\u{feff}",
            "\u{a0}",
            "é",
            "\0",
        ]);
        let edits = prop::collection::vec((any::<prop::sample::Index>(), scraps, 0_usize..9), 1..6);
        (prop::sample::select(files), edits).prop_map(|(mut text, edits)| {
            for (at, scrap, cut) in edits {
                let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
                let start = *at.get(&places);
                let end =
                    places.iter().copied().filter(|place| *place >= start).nth(cut).unwrap_or(text.len());
                text.replace_range(start..end, scrap);
            }
            text
        })
    }

    proptest! {
        #[test]
        fn never_panics_and_loses_nothing(text in mutated()) {
            let _ = parse(&text);
            if let Ok(scanned) = scan(&text) {
                prop_assert_eq!(joined(&text, &scanned.pieces), text);
            }
        }

        #[test]
        fn never_panics_on_noise(text in "(FROM|RUN|COPY|ARG|#)?[ -~\n\\\\\"'$<{}é]{0,80}") {
            let _ = parse(&text);
        }
    }
}

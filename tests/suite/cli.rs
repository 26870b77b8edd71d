//! The command line before any verb.

use std::io::{Error, ErrorKind, Write};

use plimsoll::cli::{Outcome, Terminals, World};
use plimsoll::io::Environment;

use crate::plimsoll::Plimsoll;

#[test]
fn help_is_an_answer() {
    for flag in ["-h", "--help"] {
        let run = Plimsoll::new().arg(flag).run().exits(0);
        assert!(run.stdout.contains("Usage: plimsoll"), "{}", run.stdout);
        assert_eq!(run.stderr, "");
    }
}

#[test]
fn long_help_tells_the_exit_codes() {
    let run = Plimsoll::new().arg("--help").run().exits(0);
    for code in 0..=3 {
        assert!(run.stdout.contains(&format!("\n  {code}  ")), "{}", run.stdout);
    }
}

#[test]
fn version_is_the_crates() {
    let run = Plimsoll::new().arg("--version").run().exits(0);
    assert_eq!(run.stdout, format!("plimsoll {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_wrong_command_line_exits_2_and_answers_nothing() {
    for args in
        [&[][..], &["frobnicate"], &["--no-such-flag"], &["--format", "yaml"], &["--plain-http", "a b"]]
    {
        let run = Plimsoll::new().args(args.iter().copied()).run().exits(2);
        assert_eq!(run.stdout, "", "{args:?}");
        assert!(run.stderr.contains("Usage:") || run.stderr.contains("--help"), "{args:?}: {}", run.stderr);
    }
}

#[test]
fn the_program_exits_as_the_library_says() {
    for (args, code) in [(&["--version"][..], 0), (&[], 2), (&["frobnicate"], 2)] {
        let library = Plimsoll::new().args(args.iter().copied()).run().exits(code);
        let program = Plimsoll::new().args(args.iter().copied()).stdin("unread").spawn().exits(code);
        assert_eq!((library.stdout, library.stderr), (program.stdout, program.stderr), "{args:?}");
    }
}

#[test]
fn the_demo_has_no_json() {
    let run = Plimsoll::new().args(["demo", "--format", "json"]).run().exits(2);
    assert_eq!(run.stdout, "");
}

/// Standard output that takes nothing.
struct Refuses(ErrorKind);

impl Write for Refuses {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(Error::from(self.0))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_answer_that_nobody_got_is_no_yes() {
    let image = concat!("oci-archive:", env!("CARGO_MANIFEST_DIR"), "/testdata/image/image.oci.tar");
    let key = concat!(env!("CARGO_MANIFEST_DIR"), "/keys-example/example.pub");
    let resolve = &["resolve", image][..];
    let json = &["sbom", "--format", "json", image][..];
    let denied = &["verify", "--key", key, image][..];
    for (args, kind, want, says) in [
        (resolve, ErrorKind::StorageFull, Outcome::Unknown, true),
        (json, ErrorKind::StorageFull, Outcome::Unknown, true),
        (denied, ErrorKind::StorageFull, Outcome::No, true),
        // Whoever closes the pipe knows what it has.
        (resolve, ErrorKind::BrokenPipe, Outcome::Yes, false),
        (denied, ErrorKind::BrokenPipe, Outcome::No, false),
    ] {
        let mut err = Vec::new();
        let world = World {
            out: &mut Refuses(kind),
            err: &mut err,
            input: &mut std::io::empty(),
            environment: Environment::default(),
            terminals: Terminals::default(),
        };
        let args = std::iter::once("plimsoll").chain(args.iter().copied()).map(Into::into).collect();
        assert_eq!(plimsoll::cli::run(args, world), want, "{kind} {says}");
        let err = String::from_utf8(err).unwrap();
        assert_eq!(err.contains("cannot be written to standard output"), says, "{err}");
    }
}

//! The command line before any verb.

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

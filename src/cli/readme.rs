//! The tables of README.md are what the command line says; `UPDATE=1 cargo test` rewrites them.
#![expect(clippy::disallowed_methods, reason = "a test of a file in the repository")]

use clap::CommandFactory as _;

use super::args::Cli;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");

fn verbs() -> String {
    let mut table = "| verb | what it does |\n|---|---|\n".to_owned();
    for verb in Cli::command().get_subcommands() {
        let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
        table.push_str(&format!("| `{}` | {about} |\n", verb.get_name()));
    }
    table
}

#[test]
fn the_table_of_verbs_is_current() {
    let readme = std::fs::read_to_string(README).unwrap();
    let (before, rest) = readme.split_once("<!-- verbs: ").unwrap();
    let (marker, rest) = rest.split_once(" -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- /verbs -->").unwrap();
    let current = format!("{before}<!-- verbs: {marker} -->\n{}<!-- /verbs -->{after}", verbs());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(README, &current).unwrap();
    }
    assert!(readme == current, "README.md is stale: UPDATE=1 cargo test");
}

#[test]
fn the_commands_of_the_readme_parse() {
    let readme = std::fs::read_to_string(README).unwrap();
    let commands: Vec<&str> = readme.lines().filter_map(|line| line.strip_prefix("$ plimsoll ")).collect();
    assert!(!commands.is_empty());
    for command in commands {
        let complaint = super::examples::complaint(&format!("plimsoll {command}"));
        assert_eq!(complaint, None, "{command}");
    }
}

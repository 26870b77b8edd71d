//! Commands that help texts and hints show are parsed by the real command line, so that none goes stale.

use clap::Parser as _;

use super::args::Cli;

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What the command line says against one shown command; none if it parses. Capitalised words stand for values, `sha256:…` for a digest.
pub(super) fn complaint(command: &str) -> Option<String> {
    let words = command.split_whitespace().map(|word| match word.trim_matches(['[', ']']) {
        "IMAGE" | "REF" => "registry.example.com/app".to_owned(),
        word => word
            .replace("IMAGE", "registry.example.com/app")
            .replace("sha256:…", DIGEST)
            .trim_matches('\'')
            .to_owned(),
    });
    let refusal = Cli::try_parse_from(words).err()?;
    refusal.use_stderr().then(|| refusal.to_string())
}

/// The commands in backquotes of a hint.
fn quoted(hint: &str) -> impl Iterator<Item = &str> {
    hint.split('`').skip(1).step_by(2).filter(|text| text.starts_with("plimsoll "))
}

/// In debug builds, stops at a hint whose command does not parse.
pub(super) fn check_hint(hint: &str) {
    if cfg!(debug_assertions) {
        for command in quoted(hint) {
            let complaint = complaint(command);
            assert!(complaint.is_none(), "stale hint `{command}`: {}", complaint.unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// Every line of a long help that shows a command, with or without a prompt and leading assignments.
    fn shown(help: &str) -> Vec<String> {
        let command = |line: &str| {
            let line = line.trim().trim_start_matches("$ ");
            let line = line.split(" #").next()?.trim();
            let at = line.find("plimsoll ")?;
            let before = line.get(..at)?;
            let assigns = before.split_whitespace().all(|word| word.contains('='));
            let command = line.get(at..)?.split(" | ").next()?.split(" > ").next()?;
            assigns.then(|| command.to_owned())
        };
        help.lines().filter_map(command).collect()
    }

    #[test]
    fn help_examples_parse() {
        for verb in Cli::command().get_subcommands() {
            let help = verb.get_after_long_help().map(ToString::to_string).unwrap_or_default();
            let examples = shown(&help);
            assert!(!examples.is_empty(), "`plimsoll {} --help` shows no example", verb.get_name());
            for example in examples {
                assert_eq!(complaint(&example), None, "{example}");
            }
        }
    }

    #[test]
    fn stale_commands_are_noticed() {
        assert!(complaint("plimsoll no-such-verb IMAGE").is_some());
        assert!(quoted("say `plimsoll x` or `y`").eq(["plimsoll x"]));
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}

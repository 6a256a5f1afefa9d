//! The command line itself.

use super::args::command;

#[test]
fn the_command_line_is_consistent() {
    command().debug_assert();
}

/// Every verb, with the nouns before it.
fn verbs(command: &clap::Command, path: &str) -> Vec<(String, clap::Command)> {
    let own = format!("{path} {}", command.get_name());
    let below: Vec<_> = command
        .get_subcommands()
        .filter(|below| below.get_name() != "help")
        .flat_map(|below| verbs(below, &own))
        .collect();
    if below.is_empty() {
        vec![(own, command.clone())]
    } else {
        below
    }
}

#[test]
fn every_verb_has_an_example_that_parses() {
    for (path, verb) in verbs(&command(), "") {
        let help = verb
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        assert!(help.contains("Exit codes:"), "{path}");
        let examples: Vec<_> = help
            .lines()
            .filter_map(|line| line.split_once("garthctl ").map(|(_, rest)| rest))
            .collect();
        assert!(!examples.is_empty(), "{path} has no example");
        for example in examples {
            let example = example.split(['|', '>']).next().unwrap();
            let words = example
                .replace("\"bank holiday\"", "x")
                .replace("\"invoice 4711\"", "x");
            let words = words.replace("\"router sends spam\"", "x");
            let words = std::iter::once("garthctl").chain(words.split_whitespace());
            command()
                .try_get_matches_from(words)
                .unwrap_or_else(|error| panic!("{path}: {example}: {error}"));
        }
    }
}

#[test]
fn every_shell_gets_a_script_that_knows_the_verbs() {
    for shell in [
        clap_complete::Shell::Bash,
        clap_complete::Shell::Zsh,
        clap_complete::Shell::Fish,
    ] {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut command(), "garthctl", &mut script);
        let script = String::from_utf8(script).unwrap();
        for word in ["end-pause", "disconnect", "--dry-run", "dry-run"] {
            let fish = word.starts_with("--") && shell == clap_complete::Shell::Fish;
            assert!(fish || script.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn no_name_steers_a_terminal_or_reads_as_another() {
    for (name, shown) in [
        (
            "J\u{fc}rgen \u{645}\u{62d}\u{645}\u{62f}",
            "J\u{fc}rgen \u{645}\u{62d}\u{645}\u{62f}",
        ),
        ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
        ("a\u{9b}2Jb", "a\\u{9b}2Jb"),
        ("paid\u{202e}ton", "paid\\u{202e}ton"),
        ("a\u{2066}b\u{2069}", "a\\u{2066}b\\u{2069}"),
        ("a\u{2028}b", "a\\u{2028}b"),
    ] {
        assert_eq!(super::output::printable(name), shown);
    }
}

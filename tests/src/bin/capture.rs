//! Makes the pictures and captures in `docs/` anew, from the real programs: `make docs`.
//!
//! Times, ids and addresses of the run are in them; that they change is the proof that they are real.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use garth_tests::Lab;
use garth_tests::browser::{Screen, Visit, pays_for_three_months};
use garth_tests::network::Family;
use garth_tests::story::Story;

/// Who is pictured.
const VISITS: [Visit; 3] = [
    Visit {
        language: "en",
        screen: Screen::Phone,
        dark: false,
    },
    Visit {
        language: "de",
        screen: Screen::Phone,
        dark: true,
    },
    Visit {
        language: "en",
        screen: Screen::Desktop,
        dark: false,
    },
];

/// What is typed for the capture of garthctl, after the payment of the story.
const COMMANDS: [&str; 11] = [
    "status",
    "plan list",
    "subscription show anna",
    "subscription explain anna",
    "subscription pause anna --until 2001-01-01",
    "subscription grace anna --days 3 --reason holiday --dry-run",
    "session list",
    "subscription usage anna",
    "nas list",
    "garden status",
    "journal verify",
];

fn main() -> ExitCode {
    match capture() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without a standard error there is nobody to tell.
            drop(writeln!(io::stderr(), "capture: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn capture() -> Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.context("usage: capture FOLDER")?;
    for (number, visit) in VISITS.into_iter().enumerate() {
        let lab = Lab::start()?;
        Story::told_in(&lab, Family::V4, visit.language)?.is_suspended()?;
        pays_for_three_months(&lab, visit, &folder.join("portal"))?;
        if number == 0 {
            let text = terminal(&lab)?;
            write(&folder.join("garthctl.txt"), &text)?;
        }
    }
    Ok(())
}

/// What a terminal shows of [`COMMANDS`].
fn terminal(lab: &Lab) -> Result<String> {
    let mut text = String::new();
    for line in COMMANDS {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        let said = lab.garthctl.try_run(&arguments)?;
        ensure!(
            said.exit < 2,
            "garthctl {line} ended with {}: {}",
            said.exit,
            said.err
        );
        text.push_str(&format!("$ garthctl {line}\n{}{}", said.out, said.err));
        if said.exit != 0 {
            text.push_str(&format!("(exit status {})\n", said.exit));
        }
        text.push('\n');
    }
    Ok(text)
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("writing {}", file.display()))?;
    writeln!(io::stdout(), "{}", file.display()).context("telling")
}

//! Where log lines go: to journald when it reads us, to stderr otherwise.

use std::io::IsTerminal;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// Which lines are kept where `GARTH_LOG` does not say.
const DEFAULT_FILTER: &str = "info";
/// The environment variable with a filter such as `garth_daemon=debug`.
const FILTER_VARIABLE: &str = "GARTH_LOG";

/// Starts logging. Called once, before anything logs.
pub(super) fn start() {
    let filter = || {
        EnvFilter::try_from_env(FILTER_VARIABLE).unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER))
    };
    // systemd sets JOURNAL_STREAM where stderr is connected to the journal.
    let journald = std::env::var_os("JOURNAL_STREAM").and_then(|_| tracing_journald::layer().ok());
    let stderr = journald.is_none().then(|| {
        tracing_subscriber::fmt::layer()
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .with_writer(std::io::stderr)
            .with_filter(filter())
    });
    let journald = journald.map(|layer| layer.with_filter(filter()));
    tracing_subscriber::registry()
        .with(stderr)
        .with(journald)
        .init();
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// The text of every source file below `folder`.
    fn sources(folder: &Path, into: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, into);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                into.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }

    #[test]
    fn every_line_that_the_documentation_explains_is_one_we_write() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut written = String::new();
        for member in ["daemon", "store", "captive-portal"] {
            sources(&root.join(member).join("src"), &mut written);
        }
        let page = include_str!("../../../docs/operations.md");
        let (_, table) = page.split_once("## What the log says").unwrap();
        let (table, _) = table.split_once("\n## ").unwrap();
        let rows = table.lines().filter(|line| line.starts_with("| `"));
        let mut count = 0;
        for cell in rows.filter_map(|row| row.split('|').nth(1)) {
            for line in cell.split('`').skip(1).step_by(2) {
                let line = line.trim_end_matches([':', '…', ' ']);
                assert!(written.contains(line), "{line:?} is written nowhere");
                count += 1;
            }
        }
        assert!(count > 15, "{count}");
    }
}

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

//! The daemon's program.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use garth_daemon::config::Config;
use garth_daemon::garthd;

/// Decides who gets Internet and who gets the garden.
///
/// Runs in the foreground, logs to stderr or journald, and tells systemd when it is ready.
/// SIGHUP reloads the configuration, SIGTERM stops in order.
#[derive(Parser)]
#[command(
    name = "garthd",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  garthd --config /etc/garth/garthd.toml\n  garthd check-config /etc/garth/garthd.toml\n\n\
                  The environment variable GARTH_LOG chooses what is logged: info, debug, garth_daemon=debug."
)]
struct Arguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = "/etc/garth/garthd.toml")]
    config: PathBuf,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Checks a configuration file and says what is wrong in it: file, line, key, value and what is allowed.
    #[command(
        after_help = "Example:\n  garthd check-config /etc/garth/garthd.toml\n\nExit status 0: in order. 2: not."
    )]
    CheckConfig {
        /// The configuration file.
        #[arg(value_name = "FILE", default_value = "/etc/garth/garthd.toml")]
        file: PathBuf,
    },
}

/// The configuration is wrong.
const EXIT_CONFIG: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (path, checking) = match arguments.command {
        Some(Command::CheckConfig { file }) => (file, true),
        None => (arguments.config, false),
    };
    let config =
        match Config::load(&path).and_then(|config| garthd::check(&config).map(|()| config)) {
            Ok(config) => config,
            Err(report) => {
                say(&format!("{report:?}"));
                return ExitCode::from(EXIT_CONFIG);
            }
        };
    if checking {
        say(&format!("{} is in order", path.display()));
        return ExitCode::SUCCESS;
    }
    garthd::start_logging();
    match garthd::run(&path, config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("garthd: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// A line for the person or the service manager that started us.
fn say(text: &str) {
    // If nobody reads stderr, there is nobody left to tell.
    drop(writeln!(std::io::stderr(), "{text}"));
}

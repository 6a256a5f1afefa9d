//! `garthctl`: nouns and verbs over the admin socket.
//!
//! It knows no rules: it asks the daemon, shows what comes back, and says by its exit code how
//! it went ([`Exit`]). What people read goes through one module (`output`), plain where standard
//! output is no terminal; `--json` passes on what the daemon said.
//!
//! Not here: anything that would need the store. A daemon that does not answer is an error.

mod args;
mod client;
mod failure;
mod nas;
mod open;
mod output;
mod portal;
mod requests;
mod run;
mod show;
mod status;
mod subscription;
#[cfg(test)]
mod tests;
mod transfer;
mod zone;

use std::process::ExitCode;

use clap::FromArgMatches;

pub use failure::Exit;

use output::Output;
use zone::Zone;

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let parsed = args::command()
        .try_get_matches()
        .and_then(|matches| args::Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to standard output, complaints to standard error; neither can be helped
            // if nobody listens.
            return match error.print() {
                Ok(()) if !error.use_stderr() => Exit::Done.into(),
                Ok(()) | Err(_) => Exit::Usage.into(),
            };
        }
    };
    let zone = Zone::unknown();
    let mut output = Output::new(cli.json, zone.clone());
    let ended = run::run(cli, zone, &mut output);
    match ended.and_then(|()| output.flush()) {
        Ok(()) => Exit::Done.into(),
        Err(failure) => {
            failure.tell();
            failure.exit().into()
        }
    }
}

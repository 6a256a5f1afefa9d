//! The main job, told on a terminal: `make demo`.
//!
//! Ends with 0 when every step came back right. On a terminal it then leaves the lab up until Ctrl-C.

use std::env;
use std::io::{self, IsTerminal as _, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context as _, Result};
use garth_tests::Lab;
use garth_tests::clock::{self, milliseconds};
use garth_tests::garthd::portal_url;
use garth_tests::network::{Family, Network};
use garth_tests::story::{self, Step};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    match play() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without a standard error there is nobody to tell.
            drop(writeln!(io::stderr(), "\ndemo: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn play() -> Result<()> {
    let ended = Interrupt::watch()?;
    say("Garth: the main job, on real parts.\n")?;
    let begun = clock::now();
    let lab = Lab::start()?;
    let network = &lab.network;
    say(&format!(
        "Three network namespaces, and garthd in the middle, ready after {}:\n  {}  a subscriber\n  {}  garthd, and radclient as the NAS\n  {}  a web server\n",
        milliseconds(begun.elapsed()),
        network.home.name(),
        network.router.name(),
        network.internet.name(),
    ))?;

    let mut number = 0;
    let mut told = Ok(());
    let mut tell = |step: &Step| {
        number += 1;
        let written = say_step(number, step);
        if told.is_ok() {
            told = written;
        }
    };
    let measured = story::main_job(&lab, Family::V4, &mut tell)?;
    told?;
    say(&format!(
        "\nFrom the press of \"pay\" to the first packet through: {}.\n",
        milliseconds(measured.release)
    ))?;
    say(&format!(
        "Portal: ip netns exec {} curl -k {}\nAdmin:  {} --socket {} status\n",
        network.home.name(),
        portal_url(),
        near(&garth_tests::garthd::program("garthctl")?).display(),
        lab.files.admin_socket().display(),
    ))?;
    if io::stdout().is_terminal() && io::stdin().is_terminal() {
        say("All of it stays up until Ctrl-C.\n")?;
        ended.wait();
    }
    Ok(())
}

/// The path as one would type it here.
fn near(path: &Path) -> &Path {
    env::current_dir()
        .ok()
        .and_then(|here| path.strip_prefix(here).ok())
        .unwrap_or(path)
}

fn say_step(number: u32, step: &Step) -> Result<()> {
    let mut text = format!(
        "\n{number:>2}. {} ({})\n",
        step.title,
        milliseconds(step.took)
    );
    for line in &step.seen {
        text.push_str("      ");
        text.push_str(line);
        text.push('\n');
    }
    say(&text)
}

fn say(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("writing")
}

/// Ends the demo in order at a Ctrl-C or SIGTERM, whenever it comes.
struct Interrupt {
    watcher: thread::JoinHandle<()>,
    waited_for: Arc<AtomicBool>,
}

impl Interrupt {
    fn watch() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .context("a runtime for signals")?;
        let guard = runtime.enter();
        let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
        let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
        drop(guard);
        let waited_for = Arc::new(AtomicBool::new(false));
        let at_the_end = Arc::clone(&waited_for);
        let watcher = thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            });
            if !at_the_end.load(Ordering::Acquire) {
                // Without its namespaces the next step fails, and the story ends as after any failure.
                Network::remove_all_of_this_process();
            }
        });
        Ok(Self {
            watcher,
            waited_for,
        })
    }

    /// Returns when the signal comes, or at once if it came.
    fn wait(self) {
        self.waited_for.store(true, Ordering::Release);
        drop(self.watcher.join());
    }
}

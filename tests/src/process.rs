//! Programs that end with whoever started them.

use std::process::{Child, Command, ExitStatus, Output};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::clock;

/// How long a program may take to end after it was asked to.
const STOP_MAX: Duration = Duration::from_secs(20);

/// A running program, killed when this is dropped.
///
/// It was started through `setpriv --pdeathsig`, so it ends also when the thread that started it is killed.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
}

impl Process {
    /// Starts `command`; `name` is what errors call it.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(name: &str, command: &mut Command) -> Result<Self> {
        let child = command
            .spawn()
            .with_context(|| format!("{name} does not start"))?;
        Ok(Self {
            name: name.to_owned(),
            child,
        })
    }

    /// Sends `signal`.
    ///
    /// # Errors
    ///
    /// When the process is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let id = i32::try_from(self.child.id()).context("a process id is positive")?;
        kill(Pid::from_raw(id), signal).with_context(|| format!("{signal} to {}", self.name))
    }

    /// How it ended, or nothing while it runs.
    ///
    /// # Errors
    ///
    /// When the system cannot tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child
            .try_wait()
            .with_context(|| format!("waiting for {}", self.name))
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    ///
    /// When it does not within 20 s.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        let what = format!("end of {}", self.name);
        clock::wait_for(&what, STOP_MAX, || self.child.try_wait().ok().flatten())
    }

    /// Kills it at once, as a power cut would, and waits until it is gone.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.child
            .kill()
            .with_context(|| format!("killing {}", self.name))?;
        self.child
            .wait()
            .with_context(|| format!("waiting for {}", self.name))?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already; there is nobody to tell either way.
        drop(self.kill());
    }
}

/// Runs a short program to its end and returns what it wrote to its standard output.
///
/// # Errors
///
/// When it does not start, or does not end with 0: with what it said.
pub fn run(command: &mut Command) -> Result<String> {
    let output = output(command)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?} ended with {}: {}", output.status, said.trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("{command:?} wrote no UTF-8"))
}

/// Runs a short program to its end, whatever that is.
///
/// # Errors
///
/// When it does not start.
pub fn output(command: &mut Command) -> Result<Output> {
    let program = command.get_program().to_string_lossy().into_owned();
    command
        .output()
        .with_context(|| format!("{program} does not start; `make test` installs what is missing"))
}

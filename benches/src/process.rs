//! Programs that end with the one who started them, each on its processors.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::clock;

/// How long a program may take to end after it was asked to.
const STOP_MAX: Duration = Duration::from_secs(120);
/// Lines of a log that a failure shows.
const LOG_LINES_SHOWN: usize = 20;

/// Processors of what need not stay out of the generator's way.
pub const BOTH_CORES: &str = "0,1";
/// The processor of the generator.
pub const GENERATOR_CORE: usize = 0;
/// The processor of whatever is measured.
pub const SERVER_CORE: usize = 1;

/// Keeps the calling thread, and whatever it starts from now on, on the generator's processor.
///
/// # Errors
/// When there is no such processor.
pub fn pin_generator() -> Result<()> {
    let mut set = CpuSet::new();
    set.set(GENERATOR_CORE).context("processor 0")?;
    sched_setaffinity(Pid::from_raw(0), &set).context("keeping the generator on processor 0")
}

/// A command for `program` on `cores` (a list as `taskset` takes it) that the kernel kills when this thread ends.
pub fn command(program: impl AsRef<OsStr>, cores: &str) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "taskset", "-c", cores])
        .arg(program)
        .stdin(Stdio::null());
    command
}

/// A program of ours beside this one.
///
/// # Errors
/// When it is not built.
pub fn sibling(name: &str) -> Result<PathBuf> {
    let here = env::current_exe().context("where this program is")?;
    let path = here.with_file_name(name);
    if !path.is_file() {
        bail!("{name} is not built beside {}", here.display());
    }
    Ok(path)
}

/// A running program, killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    child: Child,
}

impl Process {
    /// Starts `command`; what it says goes to the end of `log`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Result<Self> {
        let to = fs::File::options()
            .create(true)
            .append(true)
            .open(log)
            .context("a log")?;
        command.stdout(to.try_clone().context("a log")?).stderr(to);
        let child = command
            .spawn()
            .with_context(|| format!("{name} does not start"))?;
        Ok(Self {
            name: name.to_owned(),
            log: log.to_owned(),
            child,
        })
    }

    /// Its number; `setpriv` and `taskset` became the program itself.
    ///
    /// # Panics
    /// Never: numbers of processes are positive.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("it is positive"))
    }

    /// Keeps all its threads on `cores` from now on.
    ///
    /// # Errors
    /// When it is gone.
    pub fn pin(&self, cores: &str) -> Result<()> {
        let pid = self.pid().to_string();
        run(Command::new("taskset").args(["--all-tasks", "--cpu-list", "--pid", cores, &pid]))?;
        Ok(())
    }

    /// That it still runs.
    ///
    /// # Errors
    /// That it ended, with its last words.
    pub fn check(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait().context("waiting for a program")? {
            let said = fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<&str> = said.lines().collect();
            let tail = lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n");
            bail!("{} ended with {status}:\n{tail}", self.name);
        }
        Ok(())
    }

    /// Asks it to end and waits until it has.
    ///
    /// # Errors
    /// When it does not within two minutes.
    pub fn stop(&mut self) -> Result<()> {
        kill(self.pid(), Signal::SIGTERM).context("asking a program to end")?;
        let what = format!("the end of {}", self.name);
        let status = clock::wait_for(&what, STOP_MAX, || Ok(self.child.try_wait()?))?;
        // A program that knows no orderly end dies of the signal; only an end with an error is wrong.
        if status.code().is_some_and(|code| code != 0) {
            bail!("{} ended with {status}", self.name);
        }
        Ok(())
    }

    /// Kills it at once, as a power cut would.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().context("killing a program")?;
        self.child.wait().context("waiting for a program")?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already; there is nobody to tell either way.
        drop(self.kill());
    }
}

/// Runs a short program to its end and returns what it wrote.
///
/// # Errors
/// When it does not start, or does not end with 0: with what it said.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("{command:?} does not start"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?} ended with {}: {}", output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

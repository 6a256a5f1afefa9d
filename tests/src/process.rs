//! Programs that end with whoever started them.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::clock;

/// How long a program may take to end after it was asked to.
const STOP_MAX: Duration = Duration::from_secs(20);

/// How long a program may take to say what somebody waits for.
const WORDS_MAX: Duration = Duration::from_secs(15);

/// What a pipe holds on Linux, in octets (pipe(7)).
const PIPE_LEN: usize = 65_536;

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

    /// Its number in `/proc`: programs that only start another one have become it.
    pub fn id(&self) -> u32 {
        self.child.id()
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

/// A running program whose every word is kept in a file.
#[derive(Debug)]
pub struct Talker {
    process: Process,
    name: String,
    log: PathBuf,
}

impl Talker {
    /// Starts `command`; what it writes goes to `{name}.log` in `folder`, after what is there.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or there is no file.
    pub fn start(name: &str, command: &mut Command, folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let file = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| format!("opening {}", log.display()))?;
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone().context("a log")?)
            .stderr(file);
        Ok(Self {
            process: Process::start(name, command)?,
            name: name.to_owned(),
            log,
        })
    }

    /// All it has written.
    pub fn said(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Waits until it has written `words`.
    ///
    /// # Errors
    ///
    /// When it does not within 15 s, or ends before: with what it said.
    pub fn await_words(&mut self, words: &str) -> Result<()> {
        let found = clock::wait_for(words, WORDS_MAX, || {
            // Whether it ended is asked first: its last words are in the file then.
            let ended = self.process.ended().ok().flatten();
            let said = self.said().contains(words);
            (said || ended.is_some()).then_some(said)
        });
        match found {
            Ok(true) => Ok(()),
            Ok(false) => bail!("{} ended without {words:?}:\n{}", self.name, self.said()),
            Err(error) => Err(error.context(format!("{} said:\n{}", self.name, self.said()))),
        }
    }

    /// The process itself, for signals.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// How a short program ended, and all it wrote.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Told {
    /// Its exit status; nothing when a signal ended it.
    pub exit: Option<i32>,
    /// Standard output, then standard error.
    pub said: String,
}

/// Runs a short program with `input` on its standard input to its end, whatever that is.
///
/// # Errors
///
/// When it does not start, or `input` is longer than a pipe holds: a program that writes before it reads
/// would wait for us, and we for it.
pub fn tell(command: &mut Command, input: &str) -> Result<Told> {
    ensure!(input.len() <= PIPE_LEN, "{} octets of input", input.len());
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{name} does not start; `make test` installs what is missing"))?;
    // It may end without reading; its exit status tells.
    drop(
        child
            .stdin
            .take()
            .context("a pipe")?
            .write_all(input.as_bytes()),
    );
    let output = child
        .wait_with_output()
        .with_context(|| format!("waiting for {name}"))?;
    let [out, err] = [&output.stdout, &output.stderr].map(|octets| String::from_utf8_lossy(octets));
    Ok(Told {
        exit: output.status.code(),
        said: format!("{out}{err}"),
    })
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

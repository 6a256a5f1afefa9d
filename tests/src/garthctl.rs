//! The operator: garthctl on the admin socket.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::garthd::{Files, program};

/// The user and group `nobody` and `nogroup` of Debian.
const NOBODY: u32 = 65_534;

/// garthctl with the socket of one garthd.
#[derive(Clone, Debug)]
pub struct Garthctl {
    program: PathBuf,
    socket: PathBuf,
}

/// How garthctl ended and what it said.
#[derive(Debug)]
pub struct Said {
    /// 0 done, 1 refused by a rule, 2 usage, 3 daemon unreachable, 4 not permitted.
    pub exit: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Garthctl {
    /// For the garthd of `files`.
    ///
    /// # Errors
    ///
    /// When garthctl is not built.
    pub fn new(files: &Files) -> Result<Self> {
        Ok(Self {
            program: program("garthctl")?,
            socket: files.admin_socket(),
        })
    }

    /// A command with the socket set.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--socket").arg(&self.socket);
        command
    }

    /// Runs it, whatever comes.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub fn try_run(&self, arguments: &[&str]) -> Result<Said> {
        self.try_run_with(arguments, "")
    }

    /// Runs it as the user `nobody`, who is an approver in the lab, and returns what it says.
    ///
    /// # Errors
    ///
    /// When it does not run, or ends with anything but 0.
    pub fn run_as_approver(&self, arguments: &[&str]) -> Result<String> {
        // Where programs are built is not for everybody to enter; the lab's folder becomes so.
        let folder = self.socket.parent().context("a socket is in a folder")?;
        let program = folder.join("garthctl");
        fs::set_permissions(folder, Permissions::from_mode(0o755))?;
        fs::copy(&self.program, &program)?;
        let output = Command::new(&program)
            .uid(NOBODY)
            .gid(NOBODY)
            .arg("--socket")
            .arg(&self.socket)
            .args(arguments)
            .output()
            .context("garthctl does not run as nobody")?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs it with `input` on its standard input.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub fn try_run_with(&self, arguments: &[&str], input: &str) -> Result<Said> {
        let mut child = self
            .command()
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("garthctl does not start")?;
        // It may end without reading; then there is nobody to tell.
        drop(
            child
                .stdin
                .take()
                .context("a pipe")?
                .write_all(input.as_bytes()),
        );
        let output = child.wait_with_output().context("waiting for garthctl")?;
        Ok(Said {
            exit: output.status.code().context("garthctl was killed")?,
            out: String::from_utf8(output.stdout).context("garthctl wrote no UTF-8")?,
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs it and returns its output; anything but success is an error.
    ///
    /// # Errors
    ///
    /// What it said on its standard error.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        let said = self.try_run(arguments)?;
        if said.exit != 0 {
            bail!(
                "garthctl {} ended with {}: {}{}",
                arguments.join(" "),
                said.exit,
                said.err,
                said.out
            );
        }
        Ok(said.out)
    }

    /// Runs it with `--json` and reads what it printed.
    ///
    /// # Errors
    ///
    /// See [`Garthctl::run`]; also when its output is not JSON.
    pub fn json(&self, arguments: &[&str]) -> Result<Value> {
        let all: Vec<&str> = ["--json"].iter().chain(arguments).copied().collect();
        let out = self.run(&all)?;
        serde_json::from_str(&out).with_context(|| format!("garthctl {}: {out}", all.join(" ")))
    }
}

/// The elements of a list, or of a page with a list of `items`.
///
/// # Errors
///
/// When it is neither.
pub fn items(value: &Value) -> Result<Vec<Value>> {
    let list = value.get("items").unwrap_or(value).as_array();
    list.cloned()
        .with_context(|| format!("no list but {value}"))
}

//! One network namespace.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context as _, Result};
use nix::sched::{CloneFlags, setns};

use crate::process::run;

/// Where `ip netns` keeps the files it lays over /etc.
const NETNS_ETC: &str = "/etc/netns";

/// Where `ip netns` keeps its namespaces.
const NETNS_RUN: &str = "/run/netns";

/// A network namespace with its own hosts file, removed when this is dropped.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes the namespace `name` with its loopback up.
    ///
    /// # Errors
    ///
    /// When the system refuses; root is needed.
    pub fn create(name: &str) -> Result<Self> {
        run(Command::new("ip").args(["netns", "add", name]))
            .context("a network namespace needs root")?;
        let namespace = Self {
            name: name.to_owned(),
        };
        // Addresses are ours alone: nobody needs to be asked whether they are free.
        namespace.sysctl("net/ipv6/conf/default/accept_dad", "0")?;
        namespace.sysctl("net/ipv6/conf/all/accept_dad", "0")?;
        namespace.ip(&["link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    /// Its name for `ip netns`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ip` in here.
    ///
    /// # Errors
    ///
    /// What `ip` said.
    pub fn ip(&self, arguments: &[&str]) -> Result<()> {
        run(Command::new("ip")
            .args(["-netns", &self.name])
            .args(arguments))
        .map(drop)
    }

    /// Sets a kernel setting of this namespace, named by its path below /proc/sys.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn sysctl(&self, path: &str, value: &str) -> Result<()> {
        self.enter(|| fs::write(Path::new("/proc/sys").join(path), value))?
            .with_context(|| format!("setting {path}"))
    }

    /// Lets names resolve in here as the hosts file `text` says.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn hosts(&self, text: &str) -> Result<()> {
        self.etc_file("hosts", text)?;
        self.etc_file("resolv.conf", "")
    }

    /// Lays the file `path` with `text` over the one below /etc, or its folder over that folder, for the
    /// programs that [`Namespace::command`] starts from now on.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn etc_file(&self, path: &str, text: &str) -> Result<()> {
        let path = self.etc().join(path);
        let folder = path.parent().context("a file is in a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
    }

    /// A command that runs `program` in here and ends with the thread that starts it.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new("ip");
        command
            .args([
                "netns",
                "exec",
                &self.name,
                "setpriv",
                "--pdeathsig",
                "KILL",
            ])
            .arg(program.as_ref());
        command
    }

    /// Runs `work` on a thread inside this namespace: sockets it opens belong here and stay so.
    ///
    /// # Errors
    ///
    /// When the namespace cannot be entered.
    ///
    /// # Panics
    ///
    /// When `work` does.
    pub fn enter<R: Send>(&self, work: impl FnOnce() -> R + Send) -> Result<R> {
        let path = Path::new(NETNS_RUN).join(&self.name);
        let file = File::open(&path).with_context(|| format!("opening {}", path.display()))?;
        let thread = || {
            setns(&file, CloneFlags::CLONE_NEWNET).context("entering a namespace")?;
            Ok(work())
        };
        thread::scope(|scope| match scope.spawn(thread).join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }

    /// Whether somebody listens at that UDP port of IPv4. Asked of the kernel: who tried the port by taking it could take
    /// it from the one that is awaited.
    ///
    /// # Errors
    ///
    /// When the namespace cannot be entered, or its sockets cannot be read.
    pub fn has_udp(&self, port: u16) -> Result<bool> {
        let table = self.enter(|| fs::read_to_string("/proc/thread-self/net/udp"))?;
        let table = table.context("reading the sockets of a namespace")?;
        let end = format!(":{port:04X}");
        let mut local = table
            .lines()
            .skip(1)
            .filter_map(|line| line.split_whitespace().nth(1));
        Ok(local.any(|address| address.ends_with(&end)))
    }

    fn etc(&self) -> PathBuf {
        Path::new(NETNS_ETC).join(&self.name)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// Removes what was left by processes that are gone: namespaces named `{prefix}{process id}-…`.
///
/// # Errors
///
/// When the folder of namespaces cannot be read.
pub fn sweep(prefix: &str) -> Result<()> {
    let folder = match fs::read_dir(NETNS_RUN) {
        Ok(folder) => folder,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).context("reading the namespaces"),
    };
    for entry in folder {
        let name = entry.context("reading the namespaces")?.file_name();
        let name = name.to_string_lossy();
        let owner = name
            .strip_prefix(prefix)
            .and_then(|rest| rest.split('-').next());
        let Some(owner) = owner.and_then(|word| word.parse::<u32>().ok()) else {
            continue;
        };
        if !Path::new("/proc").join(owner.to_string()).exists() {
            remove(&name);
        }
    }
    Ok(())
}

/// Removes one namespace and its files; what is not there is not missed.
pub(crate) fn remove(name: &str) {
    drop(Command::new("ip").args(["netns", "delete", name]).output());
    drop(fs::remove_dir_all(Path::new(NETNS_ETC).join(name)));
}

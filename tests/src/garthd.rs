//! The program under test: its configuration, its start, its end.

use std::env;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::Signal;

use crate::clock;
use crate::namespace::Namespace;
use crate::network::{LAN, PAY_NAME, PORTAL_NAME};
use crate::process::Process;

/// The NAS's secret with garthd.
pub const SECRET: &str = "a secret of the lab";

/// How long garthd may take until it says that it is ready.
const READY_MAX: Duration = Duration::from_secs(20);

/// How long one wait for a message of garthd lasts; it may have ended meanwhile.
const NOTIFY_PAUSE: Duration = Duration::from_millis(50);

/// Lines of the log that a failure shows.
const LOG_LINES_SHOWN: usize = 40;

/// Where garthd keeps and finds its files in the lab.
#[derive(Clone, Debug)]
pub struct Files {
    folder: PathBuf,
}

impl Files {
    /// Files below `folder`.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// The file `name` of the lab.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The configuration.
    pub fn config(&self) -> PathBuf {
        self.path("garthd.toml")
    }

    /// The admin socket.
    pub fn admin_socket(&self) -> PathBuf {
        self.path("admin.sock")
    }

    /// All that garthd wrote to its standard error.
    pub fn log(&self) -> PathBuf {
        self.path("garthd.log")
    }

    /// The certificate of the lab's authority.
    pub fn authority(&self) -> PathBuf {
        self.path("authority.pem")
    }

    /// The last lines of the log.
    pub fn log_tail(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
    }
}

/// The portal's public address.
pub fn portal_url() -> String {
    format!("https://{PORTAL_NAME}:8443")
}

/// A complete configuration: every service on, the sandbox gateway, one NAS on the router itself.
pub fn config(files: &Files) -> String {
    let path = |name| files.path(name).display().to_string();
    format!(
        r#"[store]
path = "{store}"

[billing]
currency = "EUR"
time_zone = "Europe/Vienna"

[radius]
auth = ["0.0.0.0:1812", "[::]:1812"]
acct = ["0.0.0.0:1813", "[::]:1813"]

[[nas]]
name = "pppoe-1"
address = "127.0.0.0/8"
secret = "{SECRET}"
dialect = "mikrotik"

[garden]
down_kbps = 1_000
up_kbps = 1_000
address_list = "garden"
session_timeout_seconds = 600
interim_seconds = 120

[enforcement]
backend = "nftables"
interfaces = ["{LAN}"]

[portal]
http = ["0.0.0.0:8080", "[::]:8080"]
https = ["0.0.0.0:8443", "[::]:8443"]
public_url = "{portal}"
certificate_file = "{certificate}"
key_file = "{key}"
brand = "Example Net"

# A partner whose subscribers see less.
[[partner]]
name = "Plain Net"
[partner.portal]
menu = ["history"]
fields = ["plan", "paid_through"]

[payments]
gateway = "sandbox"
sandbox_listen = "0.0.0.0:8480"
sandbox_public_url = "http://{PAY_NAME}:8480"
poll_seconds = 1

[admin]
socket = "{socket}"

# The second person where two must decide.
[admin.roles]
nobody = "approver"
"#,
        store = path("garth.redb"),
        portal = portal_url(),
        certificate = path("portal.pem"),
        key = path("portal.key"),
        socket = files.admin_socket().display(),
    )
}

/// The catalogue of the lab.
pub const PLANS: &str = r#"[[plan]]
id = "home-100"
name = "Home 100"
kind = "internet"
down_kbps = 100_000
up_kbps = 20_000
prices = [ { months = 1, amount = "29.90" }, { months = 3, amount = "85.00" }, { months = 12, amount = "299.00" } ]
"#;

/// A program that this workspace builds.
///
/// # Errors
///
/// When it is not built.
pub fn program(name: &str) -> Result<PathBuf> {
    let here = env::current_exe().context("where this program is")?;
    // target/debug/demo or target/debug/deps/main_job-0123456789abcdef
    here.ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .with_context(|| format!("{name} is not built: cargo build --workspace --bins"))
}

/// A running garthd.
pub struct Garthd {
    process: Process,
    files: Files,
}

impl Garthd {
    /// Starts garthd in `namespace` and waits until it says that it is ready.
    ///
    /// # Errors
    ///
    /// When it ends before that or takes longer than 20 s: with its last words.
    pub fn start(namespace: &Namespace, files: &Files) -> Result<Self> {
        let socket = files.path("notify.sock");
        match fs::remove_file(&socket) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).context("removing an old socket");
            }
            Ok(()) | Err(_) => {}
        }
        let notify = UnixDatagram::bind(&socket).context("a socket like the service manager's")?;
        notify
            .set_read_timeout(Some(NOTIFY_PAUSE))
            .context("a limit for reading")?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(files.log())
            .context("a log")?;
        let mut command = namespace.command(program("garthd")?);
        command
            .arg("--config")
            .arg(files.config())
            .env("NOTIFY_SOCKET", &socket)
            .env("GARTH_LOG", "info,garth_daemon=debug")
            .env("RUST_BACKTRACE", "1")
            .stdout(log.try_clone().context("a log")?)
            .stderr(log);
        separate(&mut command);
        let mut garthd = Self {
            process: Process::start("garthd", &mut command)?,
            files: files.clone(),
        };
        garthd.await_ready(&notify)?;
        Ok(garthd)
    }

    fn await_ready(&mut self, notify: &UnixDatagram) -> Result<()> {
        let deadline = clock::now() + READY_MAX;
        let mut message = [0; 4096];
        while clock::now() < deadline {
            if let Ok(length) = notify.recv(&mut message) {
                let text = String::from_utf8_lossy(&message[..length]);
                if text.lines().any(|line| line == "READY=1") {
                    return Ok(());
                }
            }
            if let Some(status) = self.process.ended()? {
                bail!(
                    "garthd ended with {status} before it was ready:\n{}",
                    self.files.log_tail()
                );
            }
        }
        bail!(
            "garthd was not ready after {READY_MAX:?}:\n{}",
            self.files.log_tail()
        );
    }

    /// Asks it to read its configuration again.
    ///
    /// # Errors
    ///
    /// When it is gone.
    pub fn reload(&self) -> Result<()> {
        self.process.signal(Signal::SIGHUP)
    }

    /// Sends it `signal`.
    ///
    /// # Errors
    ///
    /// When it is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.process.signal(signal)
    }

    /// Asks it to end and waits until it has.
    ///
    /// # Errors
    ///
    /// When it is gone already or does not end.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.process.signal(Signal::SIGTERM)?;
        self.process.wait()
    }

    /// Kills it at once, as a power cut would.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    /// Its number in `/proc`.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Whether it is still there.
    ///
    /// # Errors
    ///
    /// When the system cannot tell.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.process.ended()?.is_none())
    }
}

/// Keeps a Ctrl-C at the terminal from reaching `command` too: the lab ends it in order.
fn separate(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    command.process_group(0);
}

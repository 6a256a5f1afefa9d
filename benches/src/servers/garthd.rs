//! garthd with a store of its own, reached as an operator and a NAS reach it.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::{ACCT_WINDOW, Server, first_answer, free_ports};
use crate::clock;
use crate::packets::{Kind, Promise, SECRET};
use crate::population::Population;
use crate::process::{BOTH_CORES, Process, SERVER_CORE, command, run, sibling};

/// The NAS that the generator is.
pub const NAS: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// Another NAS, with a name of its own.
pub const OTHER_NAS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// No NAS.
pub const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

/// How long garthd may take until its admin socket answers.
const READY_MAX: Duration = Duration::from_secs(120);

const PLANS: &str = r#"[[plan]]
id = "home-100"
name = "Home 100"
kind = "internet"
down_kbps = 100_000
up_kbps = 20_000
prices = [{ months = 1, amount = "29.90" }]
"#;

/// A place in which garthd keeps its store between runs.
pub struct Garthd {
    folder: PathBuf,
    name: String,
    workers: u16,
    cores: String,
    population: Population,
}

impl Garthd {
    /// An empty place at `folder`, for `workers` threads for each port.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(name: &str, folder: &Path, workers: u16, population: Population) -> Result<Self> {
        fs::create_dir_all(folder).context("a folder for garthd")?;
        fs::write(folder.join("plans.toml"), PLANS).context("the plans")?;
        Ok(Self {
            folder: folder.to_owned(),
            name: name.to_owned(),
            workers,
            cores: SERVER_CORE.to_string(),
            population,
        })
    }

    /// The same with the generator's processor as well.
    pub fn on_both_cores(mut self) -> Self {
        BOTH_CORES.clone_into(&mut self.cores);
        self
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts it on an empty store and imports everybody; returns how long the import took.
    ///
    /// As in [`Self::start`], until it has answered it may use both processors, as it would on a router;
    /// only what is measured afterwards is kept on one.
    ///
    /// # Errors
    /// When it does not start, or a line is refused.
    pub fn start_and_import(&self) -> Result<(Server, Duration)> {
        let mut server = self.spawn()?;
        clock::wait_for("garthd's admin socket", READY_MAX, || {
            server.check()?;
            Ok(self.garthctl(&["status"]).is_ok().then_some(()))
        })?;
        let plans = self.folder.join("plans.toml");
        self.garthctl(&["plan", "apply", &plans.to_string_lossy()])?;
        let begun = clock::now();
        let import = self.import(self.population, 0, BOTH_CORES)?;
        wait_import(import)?;
        let imported = clock::now() - begun;
        self.await_answer(&mut server, begun)?;
        server.process.pin(&self.cores)?;
        Ok((server, imported))
    }

    /// Starts it on the store that is there and waits for its first answer.
    ///
    /// # Errors
    /// When it does not start or answer.
    pub fn start(&self) -> Result<Server> {
        let begun = clock::now();
        let mut server = self.spawn()?;
        server.first_answer = self.await_answer(&mut server, begun)?.1;
        server.process.pin(&self.cores)?;
        Ok(server)
    }

    fn await_answer(
        &self,
        server: &mut Server,
        begun: std::time::Instant,
    ) -> Result<(Vec<u8>, Duration)> {
        first_answer(
            &mut server.process,
            server.auth,
            Kind::Pap,
            self.population,
            begun,
        )
    }

    fn spawn(&self) -> Result<Server> {
        let [auth, acct] = free_ports()?;
        let config = self.folder.join("garthd.toml");
        let text = self.config(&auth.to_string(), &acct.to_string())?;
        fs::write(&config, text).context("garthd's configuration")?;
        let mut command = command(sibling("garthd")?, BOTH_CORES);
        command
            .arg("--config")
            .arg(&config)
            .env("GARTH_LOG", "warn");
        let process = Process::start(&self.name, &mut command, &self.folder.join("garthd.log"))?;
        Ok(Server {
            name: self.name.clone(),
            auth,
            acct,
            acct_window: ACCT_WINDOW,
            promise: Promise::Server,
            first_answer: Duration::ZERO,
            process,
        })
    }

    fn config(&self, auth: &str, acct: &str) -> Result<String> {
        let secret = std::str::from_utf8(SECRET).context("the secret")?;
        let mut nas = String::new();
        for (name, address) in [("generator", NAS), ("other", OTHER_NAS)] {
            nas.push_str(&format!(
                "\n[[nas]]\nname = \"{name}\"\naddress = \"{address}/32\"\nsecret = \"{secret}\"\ndialect = \"generic\"\n"
            ));
        }
        Ok(format!(
            r#"[store]
path = "{store}"

[billing]
currency = "EUR"
time_zone = "Europe/Vienna"

[radius]
auth = ["{auth}"]
acct = ["{acct}"]
workers = {workers}
{nas}
[enforcement]
backend = "none"

[admin]
socket = "{socket}"
"#,
            store = self.folder.join("garth.redb").display(),
            workers = self.workers,
            socket = self.socket().display(),
        ))
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("admin.sock")
    }

    /// Runs garthctl; returns what it wrote.
    ///
    /// # Errors
    /// When it ends with anything but 0.
    pub fn garthctl(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(sibling("garthctl")?);
        command.arg("--socket").arg(self.socket()).args(arguments);
        run(&mut command)
    }

    /// Starts an import of `population`, numbered from `from` on, by a garthctl on `cores`.
    /// A thread writes its lines.
    ///
    /// # Errors
    /// When it does not start.
    pub fn import(&self, population: Population, from: u32, cores: &str) -> Result<Child> {
        let log = File::create(self.folder.join("import.log")).context("a log")?;
        let mut command = command(sibling("garthctl")?, cores);
        command
            .arg("--socket")
            .arg(self.socket())
            .args(["subscription", "import", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log);
        let mut child = command.spawn().context("garthctl does not start")?;
        let lines = child.stdin.take().context("a pipe to garthctl")?;
        std::thread::spawn(move || {
            let mut lines = BufWriter::with_capacity(1 << 16, lines);
            // Who reads no more says why by its exit code.
            drop(population.write_import(from, &mut lines));
            drop(lines.flush());
        });
        Ok(child)
    }
}

/// Waits until an import ends well.
///
/// # Errors
/// When a line was refused or it failed.
pub fn wait_import(mut import: Child) -> Result<()> {
    let status = import.wait().context("waiting for garthctl")?;
    if !status.success() {
        bail!("the import ended with {status}; see import.log");
    }
    Ok(())
}

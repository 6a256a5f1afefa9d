//! The lab: the network, the Internet's servers, garthd, and the hands that use them.

use std::fs;
use std::net::IpAddr;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::curl::Curl;
use crate::garthctl::{self, Garthctl};
use crate::garthd::{self, Files, Garthd, PLANS};
use crate::internet;
use crate::network::{
    Family, Network, PORTAL_NAME, ROUTER_V4, ROUTER_V6, WEB_NAME, WEB_V4, WEB_V6,
};
use crate::radclient::{self, Question, Reply};
use crate::tls::Authority;

/// The longest list that garthd gives at once.
pub const LIST_MAX: usize = 1_000;

/// Three namespaces with a running garthd between them.
///
/// Fields are dropped in this order: garthd ends before its namespace goes.
pub struct Lab {
    /// The program under test.
    pub garthd: Garthd,
    /// The operator.
    pub garthctl: Garthctl,
    /// The namespaces.
    pub network: Network,
    /// Files of garthd.
    pub files: Files,
    _folder: TempDir,
}

impl Lab {
    /// A lab with garthd as [`garthd::config`] has it and the catalogue [`PLANS`].
    ///
    /// # Errors
    ///
    /// What is missing, or what garthd said.
    pub fn start() -> Result<Self> {
        Self::start_in(Family::V4)
    }

    /// The same, with the gateway's page in `family`: it listens at one address alone.
    ///
    /// # Errors
    ///
    /// See [`Lab::start`].
    pub fn start_in(family: Family) -> Result<Self> {
        let lab = Self::start_with(|config| match family {
            Family::V4 => config,
            Family::V6 => config.replace("0.0.0.0:8480", "[::]:8480"),
        })?;
        lab.apply_plans()?;
        Ok(lab)
    }

    /// Applies the catalogue [`PLANS`].
    ///
    /// # Errors
    ///
    /// What garthctl said.
    pub fn apply_plans(&self) -> Result<()> {
        let plans = self.files.path("plans.toml");
        fs::write(&plans, PLANS).context("writing plans")?;
        self.garthctl
            .run(&["plan", "apply", &plans.to_string_lossy()])
            .map(drop)
    }

    /// A lab without a catalogue, whose configuration is `change(config)`.
    ///
    /// # Errors
    ///
    /// See [`Lab::start`].
    pub fn start_with(change: impl FnOnce(String) -> String) -> Result<Self> {
        let folder = TempDir::with_prefix("garth-lab-").context("a folder for the lab")?;
        let files = Files::in_folder(folder.path());
        let network = Network::create()?;
        let authority = Authority::create()?;
        let web: [IpAddr; 2] = [WEB_V4.into(), WEB_V6.into()];
        internet::start(&network.internet, &authority.issue(WEB_NAME, &web)?)?;
        let router: [IpAddr; 2] = [ROUTER_V4.into(), ROUTER_V6.into()];
        let portal = authority.issue(PORTAL_NAME, &router)?;
        let write = |name, text: &str| fs::write(files.path(name), text).context("writing a file");
        write("portal.pem", &portal.certificate)?;
        write("portal.key", &portal.key)?;
        write("authority.pem", &authority.certificate())?;
        fs::write(files.config(), change(garthd::config(&files)))
            .context("writing a configuration")?;
        let garthd = Garthd::start(&network.router, &files)?;
        let garthctl = Garthctl::new(&files)?;
        Ok(Self {
            garthd,
            garthctl,
            network,
            files,
            _folder: folder,
        })
    }

    /// Starts garthd again, after its end, with the same files.
    ///
    /// # Errors
    ///
    /// See [`Garthd::start`].
    pub fn restart(&mut self) -> Result<()> {
        self.garthd = Garthd::start(&self.network.router, &self.files)?;
        Ok(())
    }

    /// A browser of the subscriber at `source`.
    ///
    /// # Errors
    ///
    /// See [`Curl::new`].
    pub fn curl(&self, source: IpAddr) -> Result<Curl<'_>> {
        Curl::new(&self.network.home, source, self.files.authority())
    }

    /// What garthd answers to `attributes` from its NAS.
    ///
    /// # Errors
    ///
    /// See [`radclient::ask`].
    pub fn radius(&self, question: Question, attributes: &str) -> Result<Reply> {
        radclient::ask(&self.network.router, question, garthd::SECRET, attributes)
    }

    /// Adds subscriptions, one JSON object per line.
    ///
    /// # Errors
    ///
    /// What garthctl said; a bad line is an error here.
    pub fn import(&self, lines: &str) -> Result<()> {
        let path = self.files.path("import.jsonl");
        fs::write(&path, lines).context("writing an import file")?;
        self.garthctl
            .run(&["subscription", "import", &path.to_string_lossy()])
            .map(drop)
    }

    /// The subscription `name` as garthctl shows it.
    ///
    /// # Errors
    ///
    /// What garthctl said.
    pub fn subscription(&self, name: &str) -> Result<Value> {
        self.garthctl.json(&["subscription", "show", name])
    }

    /// The journal entries of the subscription `name`.
    ///
    /// # Errors
    ///
    /// What garthctl said.
    pub fn history(&self, name: &str) -> Result<Vec<Value>> {
        // Newest first, as many as there are: this list comes page by page.
        let limit = u32::MAX.to_string();
        let words = ["subscription", "history", name, "--limit", &limit];
        garthctl::items(&self.garthctl.json(&words)?)
    }

    /// The live sessions of the subscription `name`.
    ///
    /// # Errors
    ///
    /// What garthctl said; also when there may be more than a list holds.
    pub fn sessions(&self, name: &str) -> Result<Vec<Value>> {
        let limit = LIST_MAX.to_string();
        let words = ["session", "list", "--subscription", name, "--limit", &limit];
        let sessions = garthctl::items(&self.garthctl.json(&words)?)?;
        ensure!(sessions.len() < LIST_MAX, "more sessions than a list holds");
        let live = |session: &Value| session["stopped_at"].is_null();
        Ok(sessions.into_iter().filter(live).collect())
    }
}

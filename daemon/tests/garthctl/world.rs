//! A daemon's admin side in a folder of its own, and `garthctl` run against it.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;

use garth_daemon::admin::wire::{NasBody, NasDetailBody, ProbeBody};
use garth_daemon::admin::{
    Admin, Answer, DaemonStatus, DisconnectAnswer, GardenStatus, Network, WallBody, WallState,
    bind, serve,
};
use garth_daemon::config::Roles;
use garth_store::record::{AccountingRecord, AccountingStatus, NasNames, Session, SessionKey};
use garth_store::{Clock, Keys, Limits, Observer, Options, SealingKey, Store};
use garth_subscription::Timestamp;
use garth_subscription::facts::SubscriptionId;
use garth_subscription::money::Currency;
use garth_subscription::policy::{Policies, Policy};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::oneshot;

/// The time in all these tests.
pub(crate) const NOW: &str = "2026-11-21T12:00:00Z";

/// The plan file of the design.
pub(crate) const PLANS: &str = r#"
[[plan]]
id = "home-100"
name = "Home 100"
kind = "internet"
down_kbps = 100_000
up_kbps = 20_000
prices = [ { months = 1, amount = "29.90" }, { months = 3, amount = "85.00" }, { months = 12, amount = "299.00" } ]
change_to = ["home-500"]

[[plan]]
id = "home-500"
name = "Home 500"
kind = "internet"
down_kbps = 500_000
up_kbps = 100_000
prices = [ { months = 1, amount = "49.90" } ]
"#;

struct StandingClock;

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        NOW.parse().unwrap()
    }

    fn monotonic(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}

struct Nobody;

impl Observer for Nobody {
    fn changed(&self, _: &[SubscriptionId]) {}
    fn failed(&self, error: &str) {
        panic!("{error}");
    }
}

/// The one NAS there is.
fn nas() -> NasBody {
    NasBody {
        name: "pppoe-1".to_owned(),
        address: Some("192.0.2.1/32".to_owned()),
        dialect: "mikrotik".to_owned(),
        transport: "udp".to_owned(),
        message_authenticator: "require".to_owned(),
        dynamic_authorization: Some("192.0.2.1:3799".to_owned()),
        live_sessions: 7,
        ..NasBody::default()
    }
}

/// It knows no CoA; a NAS at 192.0.2.9 says nothing at all.
fn probe(address: Option<IpAddr>) -> ProbeBody {
    let is_there = address.is_none_or(|address| address != Ipv4Addr::new(192, 0, 2, 9));
    ProbeBody {
        nas: "pppoe-1".to_owned(),
        to: "192.0.2.1:3799".to_owned(),
        usable: is_there,
        text: vec!["the text".to_owned()],
        ..ProbeBody::default()
    }
}

/// A session that its NAS does not end.
pub(crate) const REFUSED: &[u8] = b"82";

struct TestNetwork;

impl Network for TestNetwork {
    fn garden_status(&self) -> Answer<'_, GardenStatus> {
        Box::pin(async {
            GardenStatus {
                backend: "nftables".to_owned(),
                intact: true,
                walled_ipv4: 7,
                ..GardenStatus::default()
            }
        })
    }

    fn walls(&self, _: SubscriptionId) -> Answer<'_, Vec<WallBody>> {
        Box::pin(async {
            vec![WallBody {
                prefix: "10.64.0.7".to_owned(),
                wanted: true,
                actual: WallState::Up,
            }]
        })
    }

    fn disconnect(&self, session: Session) -> Answer<'_, DisconnectAnswer> {
        let answer = match &*session.key.acct_session_id {
            REFUSED => DisconnectAnswer::Refused {
                error_cause: Some(504),
                error_cause_name: Some("Session Context Not Removable".to_owned()),
            },
            _ => DisconnectAnswer::Acknowledged,
        };
        Box::pin(async { answer })
    }

    fn nas_list(&self) -> Answer<'_, Result<Vec<NasBody>, String>> {
        Box::pin(async { Ok(vec![nas()]) })
    }

    fn nas_show(&self, name: String) -> Answer<'_, Result<Option<NasDetailBody>, String>> {
        let found = (name == nas().name).then(|| NasDetailBody {
            nas: nas(),
            identify_by: vec!["User-Name".to_owned()],
            coa_full: vec!["Mikrotik-Rate-Limit = \"20000k/100000k\"".to_owned()],
            ..NasDetailBody::default()
        });
        Box::pin(async { Ok(found) })
    }

    fn nas_probe(
        &self,
        name: String,
        address: Option<IpAddr>,
    ) -> Answer<'_, Option<Result<Vec<ProbeBody>, String>>> {
        let probed = (name == nas().name).then(|| Ok(vec![probe(address)]));
        Box::pin(async { probed })
    }

    fn daemon_status(&self) -> DaemonStatus {
        DaemonStatus {
            uptime_seconds: 5,
            public_url: Some("https://portal.example.net".to_owned()),
            gateway: "sandbox".to_owned(),
            alarms: vec!["the clock is wrong".to_owned()],
            counters: [
                ("radius_accept_full".to_owned(), 3),
                ("radius_drop_unknown_nas".to_owned(), 2),
                ("radius_drop_pending".to_owned(), 0),
                ("dns_answered".to_owned(), 5),
            ]
            .into(),
        }
    }
}

/// A served store; stopped when dropped.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    store: Store,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
}

impl World {
    /// An empty store.
    pub(crate) fn empty() -> Self {
        let folder = TempDir::new().unwrap();
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = std::sync::mpsc::sync_channel(1);
        let path = folder.path().to_owned();
        let server = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let options = Options {
                policies: Policies::new(Policy::new("Europe/Vienna".parse().unwrap())),
                currency: Currency::EUR,
                clock: Arc::new(StandingClock),
                observer: Arc::new(Nobody),
                keys: Keys::given(SealingKey::random().unwrap()),
                cache_bytes: 16 << 20,
                limits: Limits::default(),
            };
            let store = Store::open(&path.join("garth.redb"), options).unwrap();
            let tz = "Europe/Vienna".parse().unwrap();
            let admin = Admin::new(store.clone(), Arc::new(TestNetwork), tz, Roles::default());
            runtime.block_on(async {
                let listener = bind(&path.join("admin.sock")).unwrap();
                ready.send(store).unwrap();
                serve(admin, listener, async {
                    stopped.await.unwrap();
                })
                .await;
            });
        });
        let store = is_ready.recv().unwrap();
        Self {
            folder,
            store,
            stop: Some(stop),
            server: Some(server),
        }
    }

    /// A store with the plans of the design.
    pub(crate) fn new() -> Self {
        let world = Self::empty();
        let plans = world.file("plans.toml", PLANS);
        world.ok(&["plan", "apply", plans.to_str().unwrap()]);
        world
    }

    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// A session of `user_name` begins.
    pub(crate) fn logs_in(&self, user_name: &str, acct_session_id: &[u8]) {
        let record = AccountingRecord {
            status: AccountingStatus::Start,
            key: SessionKey {
                nas: "pppoe-1/192.0.2.1".into(),
                acct_session_id: acct_session_id.into(),
            },
            class: None,
            user_name: Some(user_name.parse().unwrap()),
            mac: None,
            framed_ipv4: None,
            framed_ipv6: None,
            delegated_ipv6: None,
            further_ipv6: Box::default(),
            nas_names: NasNames::default(),
            nas_port: None,
            nas_port_id: None,
            input_octets: 0,
            output_octets: 0,
            session_time: 0,
            terminate_cause: None,
            delay_seconds: 0,
        };
        assert!(self.store.account(vec![record]).unwrap().is_empty());
    }

    /// Imports JSON Lines from standard input.
    pub(crate) fn import(&self, lines: &str) -> Output {
        self.run(&["subscription", "import", "-"], lines)
    }

    /// Runs `garthctl` with something on its standard input.
    pub(crate) fn run(&self, arguments: &[&str], stdin: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_garthctl"))
            .env("GARTH_SOCKET", self.folder.path().join("admin.sock"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A run that needs no input may be over already.
        drop(child.stdin.take().unwrap().write_all(stdin.as_bytes()));
        child.wait_with_output().unwrap()
    }

    /// What a run prints that must go well.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments, "");
        assert!(ran.status.success(), "{arguments:?}: {}", stderr(&ran));
        String::from_utf8(ran.stdout).unwrap()
    }

    /// What a run with `--json` prints that must go well.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<_> = std::iter::once("--json")
            .chain(arguments.iter().copied())
            .collect();
        serde_json::from_str(&self.ok(&arguments)).unwrap()
    }

    /// Exit code and standard error of a run that must not go well.
    pub(crate) fn refused(&self, arguments: &[&str]) -> (i32, String) {
        let ran = self.run(arguments, "");
        assert!(!ran.status.success(), "{arguments:?} went well");
        (ran.status.code().unwrap(), stderr(&ran))
    }
}

pub(crate) fn stderr(ran: &Output) -> String {
    String::from_utf8_lossy(&ran.stderr).into_owned()
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // A server that has ended already is what is wanted.
            stop.send(()).ok();
        }
        if let Some(server) = self.server.take() {
            drop(server.join());
        }
    }
}

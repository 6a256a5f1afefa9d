//! A store with subscriptions, a follower that runs, and a NAS that does not exist; time is the test's.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;
use garth_radius::crypto::Secret;
use garth_radius::dialect::{Dialect, GardenName, PortalUrl};
use garth_radius::nas::{DynamicAuthorization, Nas, NasTable, Prefix};
use garth_radius::server::{GardenSettings, Settings, Unknown};
use garth_store::record::{AccountingRecord, AccountingStatus, NasNames};
use garth_store::write::{CommandRequest, NewSubscription};
use garth_store::{Clock, Keys, Limits, Observer, Options};
use garth_subscription::calendar::Months;
use garth_subscription::command::{ChangeStart, Create, Note, Tender, When};
use garth_subscription::facts::Renewal;
use garth_subscription::money::{Currency, Money};
use garth_subscription::plan::{Plan, PlanKind, PriceLine, SessionTerms};
use garth_subscription::policy::{Policies, Policy};
use garth_subscription::subscriber::Subscriber;
use garth_subscription::{Actor, Command, Order, Role};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::super::*;
use crate::disconnector::Disconnector;
use crate::dynamic_authorization::fake_nas::{FakeNas, Manner, Place, SECRET};
use crate::dynamic_authorization::{Client, SOURCE_PORTS};
use crate::garthd::stop::{self, Stopper};

/// 2026-11-21T12:00:00Z.
const NOW_MILLIS: i64 = 1_795_262_400_000;

/// Long enough for an answer, and too short for a second attempt.
pub(super) const MOMENT: Duration = Duration::from_millis(500);
/// All attempts of one request.
pub(super) const PATIENCE: Duration = Duration::from_millis(7_500);

/// Goes on when the test says so.
struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.0.load(Ordering::SeqCst)).unwrap()
    }

    fn monotonic(&self) -> Duration {
        let since = self.0.load(Ordering::SeqCst) - NOW_MILLIS;
        Duration::from_millis(u64::try_from(since).unwrap())
    }
}

struct Tells(Arc<Changes>);

impl Observer for Tells {
    fn changed(&self, ids: &[SubscriptionId]) {
        self.0.changed(ids);
    }

    fn catalogue_changed(&self) {
        self.0.everything();
    }

    fn failed(&self, error: &str) {
        panic!("{error}");
    }
}

pub(super) struct World {
    pub(super) store: Store,
    pub(super) nas: FakeNas,
    pub(super) others: Vec<FakeNas>,
    pub(super) alarms: Arc<Alarms>,
    pub(super) disconnector: Arc<Disconnector>,
    pub(super) changes: Arc<Changes>,
    clock: Arc<HandClock>,
    settings: Arc<ArcSwap<Settings>>,
    walls_here: bool,
    /// When the follower was killed that ran before.
    lived_until: Timestamp,
    running: Vec<JoinHandle<()>>,
    /// That of the client.
    stopper: Option<Stopper>,
    /// That of the follower.
    follower_stopper: Option<Stopper>,
    _folder: tempfile::TempDir,
}

pub(super) fn id(number: u128) -> SubscriptionId {
    SubscriptionId(Uuid::from_u128(number))
}

fn actor() -> Actor {
    Actor {
        role: Role::Support,
        name: "tester".parse().unwrap(),
        on_behalf_of: None,
    }
}

pub(super) fn plan(id: &str, down_kbps: u32) -> Plan {
    Plan {
        id: id.parse().unwrap(),
        name: id.parse().unwrap(),
        kind: PlanKind::Internet,
        down_kbps,
        up_kbps: down_kbps / 5,
        prices: vec![PriceLine {
            months: Months::new(1).unwrap(),
            amount: Money::zero(Currency::EUR),
        }],
        change_to: Vec::new(),
        session: SessionTerms::default(),
    }
}

fn open(path: &Path, changes: &Arc<Changes>, clock: &Arc<HandClock>) -> Store {
    let options = Options {
        keys: Keys::beside(path),
        policies: Policies::new(Policy::new("Europe/Vienna".parse().unwrap())),
        currency: Currency::EUR,
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        observer: Arc::new(Tells(Arc::clone(changes))),
        cache_bytes: 1 << 20,
        limits: Limits::default(),
    };
    Store::open(path, options).unwrap()
}

/// A NAS of that name that is asked at `address`.
fn nas_at(name: &str, address: SocketAddr, dialect: &str) -> Nas {
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let prefix = Prefix::new(address.ip(), bits).unwrap();
    let secret = Secret::new(SECRET.as_bytes()).unwrap();
    let dialect = Dialect::by_name(dialect).unwrap();
    let mut nas = Nas::new(name, prefix, secret, Arc::new(dialect));
    nas.dynamic_authorization = Some(DynamicAuthorization::At(address));
    nas
}

fn settings(nases: Vec<Nas>) -> Settings {
    let garden = GardenSettings {
        down_kbps: 1_000,
        up_kbps: 1_000,
        address_list: GardenName::new("garden").unwrap(),
        portal_url: PortalUrl::new("https://portal.example.net").unwrap(),
        session_timeout_seconds: 600,
        interim_seconds: 120,
        unknown: Unknown::Reject,
    };
    Settings::new(NasTable::new(nases).unwrap(), garden, Vec::new())
}

/// Runs blocking or store-bound work so that the test's time stands still meanwhile.
pub(super) async fn still<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || runtime.block_on(work))
        .await
        .unwrap()
}

impl World {
    /// A NAS of that dialect; this router walls by itself if told so. Nobody is there yet.
    pub(super) async fn new(dialect: &'static str, walls_here: bool) -> Self {
        Self::at(Ipv4Addr::LOCALHOST.into(), dialect, walls_here).await
    }

    pub(super) async fn at(ip: IpAddr, dialect: &'static str, walls_here: bool) -> Self {
        Self::of(ip, dialect, walls_here, SOURCE_PORTS).await
    }

    /// The same with few source ports, 256 requests each in 300 seconds.
    pub(super) async fn with_ports(dialect: &'static str, ports: u16) -> Self {
        Self::of(Ipv4Addr::LOCALHOST.into(), dialect, true, ports).await
    }

    async fn of(ip: IpAddr, dialect: &'static str, walls_here: bool, ports: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let changes = Arc::new(Changes::default());
        let clock = Arc::new(HandClock(AtomicI64::new(NOW_MILLIS)));
        let store = open(&folder.path().join("garth.redb"), &changes, &clock);
        let plans = vec![plan("home-100", 100_000), plan("home-500", 500_000)];
        let applying = store.clone();
        still(async move { applying.apply_plans(plans, actor()).await.unwrap() }).await;
        let nas = FakeNas::start(ip, dialect).await;
        let nases = vec![nas_at("bng", nas.address, dialect)];
        let settings = Arc::new(ArcSwap::from_pointee(settings(nases)));
        let now = || Timestamp::from_unix_millis(NOW_MILLIS).unwrap();
        let (client, task) = Client::with_ports(ports, now);
        let (stopper, stop) = stop::channel();
        let disconnector = Disconnector::new(store.clone(), Arc::clone(&settings), client);
        let mut world = Self {
            store,
            nas,
            others: Vec::new(),
            alarms: Arc::default(),
            disconnector: Arc::new(disconnector),
            changes,
            clock,
            settings,
            walls_here,
            lived_until: Timestamp::MIN,
            running: vec![tokio::spawn(task.run(stop))],
            stopper: Some(stopper),
            follower_stopper: None,
            _folder: folder,
        };
        world.runs();
        world
    }

    /// Further NASes of the same dialect, on addresses of their own.
    pub(super) async fn has_others(&mut self, count: u8) {
        let dialect = self.nas.with(|state| state.dialect);
        let mut nases = vec![nas_at("bng", self.nas.address, dialect)];
        for number in 0..count {
            let ip = Ipv4Addr::new(127, 0, 1, number + 1);
            let other = FakeNas::start(ip.into(), dialect).await;
            nases.push(nas_at(&format!("other-{number}"), other.address, dialect));
            self.others.push(other);
        }
        self.reload(nases);
    }

    /// The NAS is taken out of the configuration.
    pub(super) fn nas_is_removed(&self) {
        let elsewhere = "192.0.2.9:3799".parse().unwrap();
        self.reload(vec![nas_at("bng-2", elsewhere, "mikrotik")]);
    }

    fn reload(&self, nases: Vec<Nas>) {
        self.settings.store(Arc::new(settings(nases)));
        self.changes.everything();
    }

    /// Lets a follower run that knows nothing.
    pub(super) fn runs(&mut self) {
        let follower = Follower::new(
            self.store.clone(),
            Arc::clone(&self.disconnector),
            Arc::clone(&self.alarms),
            self.walls_here,
            self.lived_until,
        )
        .unwrap();
        let (stopper, stop) = stop::channel();
        let changes = Arc::clone(&self.changes);
        self.follower_stopper = Some(stopper);
        self.running.push(tokio::spawn(async move {
            follower.run(changes, stop).await.unwrap();
        }));
    }

    /// Stops the client that the follower asks by.
    pub(super) fn stop_client(&self) {
        self.stopper.as_ref().unwrap().stop();
    }

    /// Ends the follower as a clean stop does.
    pub(super) async fn stop_follower(&mut self) {
        self.follower_stopper.take().unwrap().stop();
        self.running.pop().unwrap().await.unwrap();
    }

    /// Ends the follower as a kill would: what it knew is gone.
    pub(super) async fn kill_follower(&mut self) {
        let follower = self.running.pop().unwrap();
        follower.abort();
        assert!(follower.await.unwrap_err().is_cancelled());
        self.changes.take();
        self.alarms = Arc::default();
        self.lived_until = self.store.now();
    }

    /// Waits until nobody has anything to do at this instant.
    ///
    /// The clock of the runtime leaps only then; that of the store stands still.
    async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    /// Waits until the follower knows that the store has closed that session.
    ///
    /// The store works on a thread of its own, for which the runtime's clock would not wait.
    pub(super) async fn until_closed(&self, session: &str) {
        while self.is_live(session) {
            still(std::future::ready(())).await;
        }
        // The store answers in the order in which it was asked: so the follower has its answer before us.
        let store = self.store.clone();
        still(async move { store.fire_due().await.unwrap() }).await;
        self.settle().await;
    }

    /// Lets so much time pass, for everybody.
    pub(super) async fn pass(&self, time: Duration) {
        // What is under way at this instant is done at this instant.
        self.settle().await;
        let millis = i64::try_from(time.as_millis()).unwrap();
        self.clock.0.fetch_add(millis, Ordering::SeqCst);
        let store = self.store.clone();
        still(async move { store.fire_due().await.unwrap() }).await;
        // The clock is paused: this takes no time.
        tokio::time::sleep(time).await;
    }

    /// A subscriber "userN" who has paid until the end of January.
    pub(super) async fn subscriber(&self, number: u128) {
        let new = NewSubscription {
            subscriber: Subscriber {
                user_name: Some(format!("user{number}").parse().unwrap()),
                ..Subscriber::default()
            },
            credential: None,
            create: Create {
                id: id(number),
                plan: "home-100".parse().unwrap(),
                services: Vec::new(),
                start_at: None,
                paid_through: Some("2027-01-31T00:00:00Z".parse().unwrap()),
                anchor_day: None,
                balance: None,
                holds: Vec::new(),
                // Nothing costs anything: it would go on for ever.
                renewal: Renewal {
                    use_credit: Some(false),
                    ..Renewal::default()
                },
                active_to: None,
            },
        };
        let store = self.store.clone();
        still(async move { store.add(new, actor(), None).await.unwrap() }).await;
    }

    /// A session of that subscriber begins, with what it is entitled to.
    pub(super) async fn logs_in(&self, number: u128, session: &str) {
        let now = self.store.now();
        let access = self.store.index().by_id(id(number), |entry| {
            garth_subscription::standing(&entry.standing(), now).access()
        });
        let place = match access.unwrap() {
            garth_subscription::Access::Full => Place::Full,
            garth_subscription::Access::Garden => Place::Garden,
            garth_subscription::Access::Reject => panic!("nobody lets them in"),
        };
        self.nas
            .with(|state| state.sessions.insert(session.to_owned(), place));
        self.account(number, session, AccountingStatus::Start, 0, 0)
            .await;
    }

    pub(super) async fn account(
        &self,
        number: u128,
        session: &str,
        status: AccountingStatus,
        input_octets: u64,
        output_octets: u64,
    ) {
        let key = self.key(session);
        self.account_at(key, number, status, [input_octets, output_octets])
            .await;
    }

    /// A session of that subscriber begins at another NAS, which knows it and has it in full.
    pub(super) async fn logs_in_at(&self, other: usize, number: u128, session: &str) {
        let nas = &self.others[other];
        nas.with(|state| state.sessions.insert(session.to_owned(), Place::Full));
        let key = SessionKey {
            nas: format!("other-{other}/{}", nas.address.ip()).into(),
            acct_session_id: session.as_bytes().into(),
        };
        self.account_at(key, number, AccountingStatus::Start, [0; 2])
            .await;
    }

    async fn account_at(
        &self,
        key: SessionKey,
        number: u128,
        status: AccountingStatus,
        [input_octets, output_octets]: [u64; 2],
    ) {
        let host = u8::try_from(number % 250 + 1).unwrap();
        let net = u8::try_from(number / 250).unwrap();
        let record = AccountingRecord {
            status,
            key,
            class: Some(id(number)),
            user_name: Some(format!("user{number}").parse().unwrap()),
            mac: None,
            framed_ipv4: Some(Ipv4Addr::new(10, 64, net, host)),
            framed_ipv6: None,
            delegated_ipv6: None,
            further_ipv6: Box::default(),
            nas_names: NasNames::default(),
            nas_port: None,
            nas_port_id: None,
            input_octets,
            output_octets,
            session_time: u32::from(status != AccountingStatus::Start),
            terminate_cause: None,
            delay_seconds: 0,
        };
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || store.account(vec![record]).unwrap())
            .await
            .unwrap();
    }

    pub(super) fn key(&self, session: &str) -> SessionKey {
        SessionKey {
            nas: format!("bng/{}", self.nas.address.ip()).into(),
            acct_session_id: session.as_bytes().into(),
        }
    }

    pub(super) async fn command(&self, number: u128, command: Command) {
        let order = Order {
            actor: actor(),
            reason: Some("a test".parse().unwrap()),
            note: Note::default(),
            command,
        };
        let request = CommandRequest {
            subscription: id(number),
            order,
            command_id: None,
        };
        let store = self.store.clone();
        still(async move { store.command(request).await.unwrap() }).await;
    }

    /// Other rates under the names of the plans.
    pub(super) async fn plans(&self, down_kbps: u32) {
        let plans = vec![plan("home-100", down_kbps), plan("home-500", 500_000)];
        let store = self.store.clone();
        still(async move { store.apply_plans(plans, actor()).await.unwrap() }).await;
    }

    /// Where the NAS has that session.
    pub(super) fn place(&self, session: &str) -> Option<Place> {
        self.nas.with(|state| state.place(session))
    }

    /// The kinds of the different requests that came, in order: `C` for CoA, `D` for Disconnect.
    pub(super) fn asked(&self) -> String {
        self.nas.with(|state| {
            let mut seen: Vec<&[u8]> = Vec::new();
            let mut kinds = String::new();
            for came in &state.came {
                if !seen.contains(&came.octets.as_slice()) {
                    seen.push(&came.octets);
                    kinds.push(if came.is_coa { 'C' } else { 'D' });
                }
            }
            kinds
        })
    }

    pub(super) fn is_live(&self, session: &str) -> bool {
        let found = self.store.live_sessions(None, PAGE).unwrap();
        found.iter().any(|one| one.key == self.key(session))
    }

    /// Other settings for the NAS, as after a reload.
    pub(super) fn nas_changes(&self, change: impl FnOnce(&mut Nas)) {
        let dialect = self.nas.with(|state| state.dialect);
        let mut nas = nas_at("bng", self.nas.address, dialect);
        change(&mut nas);
        self.reload(vec![nas]);
    }

    /// What is noted of the sessions of the NAS.
    pub(super) fn noted(&self) -> Vec<(SessionKey, Unsettled)> {
        self.store.unsettled_sessions().unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        drop(self.stopper.take());
        for task in &self.running {
            task.abort();
        }
    }
}

pub(super) fn terminate() -> Command {
    Command::Terminate {
        when: When::Now,
        confirmed: true,
    }
}

pub(super) fn other_plan() -> Command {
    Command::ChangePlan {
        plan: "home-500".parse().unwrap(),
        start: ChangeStart::Now,
    }
}

pub(super) fn disable() -> Command {
    Command::Disable { confirmed: true }
}

pub(super) fn renew() -> Command {
    Command::Pay {
        months: Months::new(1).unwrap(),
        tender: Tender::Balance,
        then_pause: false,
    }
}

/// Somebody in the garden since the login; the NAS takes CoA in that manner.
pub(super) async fn in_garden(dialect: &'static str, coa: Manner, disconnect: Manner) -> World {
    let world = World::new(dialect, true).await;
    world.subscriber(1).await;
    world.command(1, disable()).await;
    // What has changed this long before a login was told at the login.
    world.pass(Duration::from_secs(120)).await;
    world.logs_in(1, "s1").await;
    world.pass(MOMENT).await;
    assert_eq!(
        (world.asked().as_str(), world.place("s1")),
        ("", Some(Place::Garden))
    );
    world
        .nas
        .with(|state| (state.coa, state.disconnect) = (coa, disconnect));
    world
}

/// Alarms: of who has paid, and of who has not.
pub(super) fn blocked(world: &World) -> (u64, u64) {
    let stuck = world.alarms.sum();
    (stuck.paid_but_blocked, stuck.walled_but_open)
}

use std::net::Ipv4Addr;
use std::path::Path;

use arc_swap::ArcSwap;
use garth_radius::crypto::Secret;
use garth_radius::dialect::{Dialect, GardenName, PortalUrl};
use garth_radius::nas::{Nas, NasTable, Prefix};
use garth_radius::server::{GardenSettings, Settings, Unknown};
use garth_store::record::{AccountingRecord, AccountingStatus, NasNames};
use garth_store::write::{CommandRequest, NewSubscription};
use garth_store::{Clock, Keys, Limits, Observer, Options, SealingKey};
use garth_subscription::calendar::Months;
use garth_subscription::command::{ChangeStart, Create, Note, Tender, When};
use garth_subscription::facts::Renewal;
use garth_subscription::money::{Currency, Money};
use garth_subscription::plan::{Plan, PlanKind, PriceLine, SessionTerms};
use garth_subscription::policy::{Policies, Policy};
use garth_subscription::subscriber::Subscriber;
use garth_subscription::{Actor, Command, Order, Role, Timestamp};
use md5::{Digest, Md5};
use tokio::net::UdpSocket;
use uuid::Uuid;

use super::*;

const SECRET: &str = "a secret of the test alone";
const NOW: &str = "2026-11-21T12:00:00Z";

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        NOW.parse().unwrap()
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

struct Tells(Arc<Changes>);

impl Observer for Tells {
    fn changed(&self, ids: &[SubscriptionId]) {
        self.0.changed(ids);
    }

    fn failed(&self, error: &str) {
        panic!("{error}");
    }
}

/// A store with one subscription that has a session, and the NAS of that session.
struct World {
    store: Store,
    follower: Follower,
    changes: Arc<Changes>,
    nas: UdpSocket,
    _folder: tempfile::TempDir,
}

fn id() -> SubscriptionId {
    SubscriptionId(Uuid::from_u128(1))
}

fn actor() -> Actor {
    Actor {
        role: Role::Support,
        name: "tester".parse().unwrap(),
        on_behalf_of: None,
    }
}

fn plan(id: &str) -> Plan {
    Plan {
        id: id.parse().unwrap(),
        name: id.parse().unwrap(),
        kind: PlanKind::Internet,
        down_kbps: 1,
        up_kbps: 1,
        session: SessionTerms::default(),
        prices: vec![PriceLine {
            months: Months::new(1).unwrap(),
            amount: Money::zero(Currency::EUR),
        }],
        change_to: Vec::new(),
    }
}

fn open(path: &Path, changes: &Arc<Changes>) -> Store {
    let options = Options {
        policies: Policies::new(Policy::new("Europe/Vienna".parse().unwrap())),
        currency: Currency::EUR,
        clock: Arc::new(Noon),
        observer: Arc::new(Tells(Arc::clone(changes))),
        keys: Keys::given(SealingKey::random().unwrap()),
        cache_bytes: 1 << 20,
        limits: Limits::default(),
    };
    Store::open(path, options).unwrap()
}

/// The NAS at `address`, which takes Disconnect-Requests where `reaches` says so.
fn settings(address: std::net::SocketAddr, reaches: bool) -> Settings {
    let prefix = Prefix::new(Ipv4Addr::LOCALHOST.into(), 32).unwrap();
    let secret = Secret::new(SECRET.as_bytes()).unwrap();
    let mut nas = Nas::new("bng", prefix, secret, Arc::new(Dialect::generic()));
    nas.dynamic_authorization = reaches.then_some(address);
    let garden = GardenSettings {
        down_kbps: 1_000,
        up_kbps: 1_000,
        address_list: GardenName::new("garden").unwrap(),
        portal_url: PortalUrl::default(),
        session_timeout_seconds: 600,
        interim_seconds: 120,
        unknown: Unknown::Reject,
    };
    Settings::new(NasTable::new(vec![nas]).unwrap(), garden, Vec::new())
}

impl World {
    async fn new(walls_here: bool, reaches: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let changes = Arc::new(Changes::default());
        let store = open(&folder.path().join("garth.redb"), &changes);
        let plans = vec![plan("home-100"), plan("home-500")];
        store.apply_plans(plans, actor()).await.unwrap();
        let new = NewSubscription {
            subscriber: Subscriber {
                user_name: Some("user1".parse().unwrap()),
                ..Subscriber::default()
            },
            credential: None,
            create: Create {
                id: id(),
                plan: "home-100".parse().unwrap(),
                services: Vec::new(),
                start_at: None,
                paid_through: Some("2027-01-31T00:00:00Z".parse().unwrap()),
                anchor_day: None,
                balance: None,
                holds: Vec::new(),
                renewal: Renewal::default(),
                active_to: None,
            },
        };
        store.add(new, actor(), None).await.unwrap();
        let nas = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let settings = settings(nas.local_addr().unwrap(), reaches);
        let settings = Arc::new(ArcSwap::from_pointee(settings));
        let disconnector = Arc::new(Disconnector::new(store.clone(), settings));
        let follower = Follower::new(store.clone(), disconnector, walls_here);
        let mut world = Self {
            store,
            follower,
            changes,
            nas,
            _folder: folder,
        };
        world.account(AccountingStatus::Start).await;
        world.look();
        world
    }

    async fn account(&self, status: AccountingStatus) {
        let record = AccountingRecord {
            status,
            key: SessionKey {
                nas: "bng/127.0.0.1".into(),
                acct_session_id: b"8000002a".as_slice().into(),
            },
            class: Some(id()),
            user_name: Some("user1".parse().unwrap()),
            mac: None,
            framed_ipv4: Some(Ipv4Addr::new(10, 64, 0, 7)),
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
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || store.account(vec![record]))
            .await
            .unwrap()
            .unwrap();
    }

    async fn command(&self, command: Command) {
        let order = Order {
            actor: actor(),
            reason: Some("a test".parse().unwrap()),
            note: Note::default(),
            command,
        };
        let request = CommandRequest {
            subscription: id(),
            order,
            command_id: None,
        };
        self.store.command(request).await.unwrap();
    }

    fn look(&mut self) {
        self.follower.look(self.changes.take()).unwrap();
    }

    /// How many sessions are being ended after `command`.
    async fn ended_by(&mut self, command: Command) -> usize {
        self.command(command).await;
        self.look();
        self.follower.under_way.len()
    }

    /// Answers the Disconnect-Request that has come with an ACK (RFC 5176 section 3.5).
    async fn acknowledge(&mut self) {
        let mut request = [0; 4_096];
        let (len, from) = self.nas.recv_from(&mut request).await.unwrap();
        assert_eq!(request[0], 40, "a Disconnect-Request");
        assert!(len >= 20);
        let mut answer = [41, request[1], 0, 20].to_vec();
        let mut digest = Md5::new();
        digest.update(&answer);
        digest.update(&request[4..20]);
        digest.update(SECRET);
        answer.extend(digest.finalize());
        self.nas.send_to(&answer, from).await.unwrap();
        let done = self.follower.under_way.join_next().await.unwrap().unwrap();
        assert_eq!(done.3, DisconnectAnswer::Acknowledged);
        self.follower.settle(done);
    }
}

fn terminate() -> Command {
    Command::Terminate {
        when: When::Now,
        confirmed: true,
    }
}

fn other_plan() -> Command {
    Command::ChangePlan {
        plan: "home-500".parse().unwrap(),
        start: ChangeStart::Now,
    }
}

fn disable() -> Command {
    Command::Disable { confirmed: true }
}

#[tokio::test]
async fn the_session_of_a_terminated_subscription_is_ended_once() {
    let mut world = World::new(true, true).await;
    assert_eq!(world.ended_by(terminate()).await, 1);
    world.acknowledge().await;
    // Its Stop is still to come.
    world.account(AccountingStatus::InterimUpdate).await;
    world.follower.everything().unwrap();
    assert_eq!(world.follower.under_way.len(), 0);
}

#[tokio::test]
async fn another_plan_ends_the_session_so_that_the_nas_learns_its_speed() {
    let mut world = World::new(true, true).await;
    assert_eq!(world.ended_by(other_plan()).await, 1);
    world.acknowledge().await;
    world.follower.retry().unwrap();
    assert_eq!(world.follower.under_way.len(), 0, "once");
}

#[tokio::test]
async fn where_another_router_walls_both_ways_end_the_session() {
    let mut world = World::new(false, true).await;
    assert_eq!(world.ended_by(disable()).await, 1);
    world.acknowledge().await;
    assert_eq!(world.ended_by(Command::Enable).await, 1);
}

#[tokio::test]
async fn where_this_router_walls_a_session_stays() {
    let mut world = World::new(true, true).await;
    assert_eq!(world.ended_by(disable()).await, 0);
    assert_eq!(world.ended_by(Command::Enable).await, 0);
}

#[tokio::test]
async fn a_renewal_leaves_the_session_alone() {
    let mut world = World::new(false, true).await;
    let pay = Command::Pay {
        months: Months::new(1).unwrap(),
        tender: Tender::Balance,
        then_pause: false,
    };
    assert_eq!(world.ended_by(pay).await, 0);
}

#[tokio::test]
async fn a_nas_that_takes_no_requests_is_not_asked() {
    let mut world = World::new(false, false).await;
    assert_eq!(world.ended_by(terminate()).await, 0);
}

#[tokio::test]
async fn a_silent_nas_is_asked_again_and_not_for_ever() {
    let mut world = World::new(true, true).await;
    assert_eq!(world.ended_by(terminate()).await, 1);
    for _ in 1..TRIES_MAX {
        // The same as when its answer does not come in time, without the waiting.
        world.follower.under_way.abort_all();
        while world.follower.under_way.join_next().await.is_some() {}
        world.follower.retry().unwrap();
        assert_eq!(world.follower.under_way.len(), 1, "asked again");
    }
    world.follower.under_way.abort_all();
    while world.follower.under_way.join_next().await.is_some() {}
    world.follower.retry().unwrap();
    assert_eq!(world.follower.under_way.len(), 0, "not for ever");
}

#[tokio::test]
async fn after_a_restart_the_session_of_who_has_nothing_any_more_is_ended() {
    let mut world = World::new(true, true).await;
    world.command(terminate()).await;
    world.follower = Follower::new(
        world.store.clone(),
        Arc::clone(&world.follower.disconnector),
        true,
    );
    world.follower.everything().unwrap();
    assert_eq!(world.follower.under_way.len(), 1);
}

#[test]
fn more_changes_than_are_remembered_become_one_word() {
    let changes = Changes::default();
    let ids: Vec<_> = (0..=CHANGED_MAX)
        .map(|n| SubscriptionId(Uuid::from_u128(u128::try_from(n).unwrap())))
        .collect();
    changes.changed(&ids);
    let pending = changes.take();
    assert!(pending.everything && pending.changed.is_empty());
}

#[tokio::test]
async fn where_no_nas_takes_requests_nothing_is_remembered() {
    let world = World::new(false, false).await;
    assert!(world.follower.told.is_empty());
}

//! Where a subscription is, as the wall sees it.

use std::net::Ipv4Addr;

use garth_store::record::{AccountingRecord, AccountingStatus, NasNames, SessionKey};
use garth_store::write::NewSubscription;
use garth_store::{Clock, Keys, Limits, Observer, Options, SealingKey};
use garth_subscription::calendar::BillingZone;
use garth_subscription::command::{Actor, Create, Role};
use garth_subscription::facts::Renewal;
use garth_subscription::money::Currency;
use garth_subscription::plan::{Plan, PlanKind, SessionTerms};
use garth_subscription::policy::{Policies, Policy};
use garth_subscription::route::FramedRoutes;
use garth_subscription::subscriber::Subscriber;
use uuid::Uuid;

use super::*;

struct StandingClock;

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

struct Nobody;

impl Observer for Nobody {
    fn changed(&self, _: &[SubscriptionId]) {}
    fn failed(&self, error: &str) {
        panic!("{error}");
    }
}

fn actor() -> Actor {
    Actor {
        role: Role::Operator,
        name: "anna".parse().unwrap(),
        on_behalf_of: None,
    }
}

fn id(number: u128) -> SubscriptionId {
    SubscriptionId(Uuid::from_u128(number))
}

async fn store() -> Store {
    let options = Options {
        policies: Policies::new(Policy::new(BillingZone::UTC)),
        currency: Currency::EUR,
        clock: Arc::new(StandingClock),
        observer: Arc::new(Nobody),
        keys: Keys::given(SealingKey::random().unwrap()),
        cache_bytes: 1 << 20,
        limits: Limits::default(),
    };
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("garth.redb"), options).unwrap();
    let plan = Plan {
        id: "home".parse().unwrap(),
        name: "Home".parse().unwrap(),
        kind: PlanKind::Internet,
        down_kbps: 1,
        up_kbps: 1,
        session: SessionTerms::default(),
        prices: Vec::new(),
        change_to: Vec::new(),
    };
    store.apply_plans(vec![plan], actor()).await.unwrap();
    store
}

/// Adds subscriber `number` with those routes, paid through that instant.
async fn add(store: &Store, number: u128, routes: &[&str], paid_through: &str) {
    let routes = routes.iter().map(|route| route.parse().unwrap()).collect();
    let new = NewSubscription {
        subscriber: Subscriber {
            user_name: format!("user{number}").parse().ok(),
            framed_routes: FramedRoutes::new(routes).unwrap(),
            ..Subscriber::default()
        },
        credential: None,
        create: Create {
            id: id(number),
            plan: "home".parse().unwrap(),
            services: Vec::new(),
            start_at: None,
            paid_through: paid_through.parse().ok(),
            anchor_day: None,
            balance: None,
            holds: Vec::new(),
            renewal: Renewal::default(),
            active_to: None,
        },
    };
    store.add(new, actor(), None).await.unwrap();
}

fn account(store: &Store, status: AccountingStatus, number: u8) {
    let record = AccountingRecord {
        status,
        key: SessionKey {
            nas: "bng/192.0.2.1".into(),
            acct_session_id: [number].into(),
        },
        class: Some(id(number.into())),
        user_name: None,
        mac: None,
        framed_ipv4: Some(Ipv4Addr::new(10, 64, 0, number)),
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
    assert_eq!(store.account(vec![record]).unwrap(), [0; 0]);
}

fn enforcer(store: &Store) -> Enforcer {
    let (wake, released) = (Arc::default(), Arc::default());
    Enforcer::start(store.clone(), None, wake, released).unwrap()
}

fn walled(enforcer: &mut Enforcer) -> Vec<String> {
    enforcer.follow(&[id(1), id(2)]);
    let walled = enforcer.roster.walled();
    walled.map(|prefix| prefix.to_string()).collect()
}

const OVER: &str = "2026-11-01T00:00:00Z";
const PAID: &str = "2027-01-31T00:00:00Z";
/// Others may be in the last ones.
const ROUTES: [&str; 4] = [
    "198.51.100.0/24 10",
    "2001:db8:8::/48",
    "10.64.0.0/23",
    "2001:db8::/47",
];

#[tokio::test]
async fn n22_the_networks_behind_a_subscriber_are_walled_while_it_has_a_session() {
    let store = store().await;
    add(&store, 1, &ROUTES, OVER).await;
    let mut enforcer = enforcer(&store);
    assert_eq!(walled(&mut enforcer), [""; 0], "nowhere yet");
    account(&store, AccountingStatus::Start, 1);
    let all = ["10.64.0.1", "198.51.100.0/24", "2001:db8:8::/48"];
    assert_eq!(walled(&mut enforcer), all);
    let again = self::enforcer(&store);
    assert_eq!(again.roster.walled().count(), 3, "and after a start");
    account(&store, AccountingStatus::Stop, 1);
    assert_eq!(walled(&mut enforcer), [""; 0]);
}

#[tokio::test]
async fn n27_a_network_that_somebody_else_has_paid_at_is_not_walled_and_is_shown() {
    let store = store().await;
    add(&store, 1, &ROUTES, OVER).await;
    add(&store, 2, &ROUTES[..1], PAID).await;
    account(&store, AccountingStatus::Start, 1);
    account(&store, AccountingStatus::Start, 2);
    let mut enforcer = enforcer(&store);
    assert_eq!(walled(&mut enforcer), ["10.64.0.1", "2001:db8:8::/48"]);
    assert_eq!(enforcer.status().conflicts, 1);
    account(&store, AccountingStatus::Stop, 2);
    assert_eq!(walled(&mut enforcer).len(), 3);
}

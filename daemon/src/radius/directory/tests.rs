//! What RADIUS is told of subscribers that the store has.

use std::sync::Arc;

use garth_radius::nas::{Nas, Prefix};
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
use garth_subscription::subscriber::{Credential as OnFile, Subscriber};

use super::*;

struct StandingClock;

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
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

fn actor() -> Actor {
    Actor {
        role: Role::Operator,
        name: "anna".parse().unwrap(),
        on_behalf_of: None,
    }
}

fn plan() -> Plan {
    Plan {
        id: "home".parse().unwrap(),
        name: "Home".parse().unwrap(),
        kind: PlanKind::Internet,
        down_kbps: 1,
        up_kbps: 1,
        session: SessionTerms::default(),
        prices: Vec::new(),
        change_to: Vec::new(),
    }
}

fn id(number: u128) -> SubscriptionId {
    SubscriptionId(Uuid::from_u128(number))
}

/// What a directory knows of those subscribers, numbered from 1.
async fn directory(subscribers: Vec<(Subscriber, Option<OnFile>)>) -> IndexDirectory {
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
    store.apply_plans(vec![plan()], actor()).await.unwrap();
    for (number, (subscriber, credential)) in (1..).zip(subscribers) {
        let new = NewSubscription {
            subscriber: Subscriber {
                user_name: format!("user{number}").parse().ok(),
                ..subscriber
            },
            credential,
            create: Create {
                id: id(number),
                plan: "home".parse().unwrap(),
                services: Vec::new(),
                start_at: None,
                paid_through: "2027-01-31T00:00:00Z".parse().ok(),
                anchor_day: None,
                balance: None,
                holds: Vec::new(),
                renewal: Renewal::default(),
                active_to: None,
            },
        };
        store.add(new, actor(), None).await.unwrap();
    }
    IndexDirectory(store)
}

fn ask(directory: &IndexDirectory, identity: &Identity<'_>) -> Option<Profile> {
    let mut profile = Profile::default();
    let now = StandingClock.now().unix_seconds();
    let now = UnixSeconds(u64::try_from(now).unwrap());
    directory
        .find(identity, now, &mut profile)
        .then_some(profile)
}

fn line(circuit_id: Option<&str>, remote_id: Option<&str>) -> (Subscriber, Option<OnFile>) {
    let subscriber = Subscriber {
        circuit_id: circuit_id.map(|id| id.parse().unwrap()),
        remote_id: remote_id.map(|id| id.parse().unwrap()),
        ..Subscriber::default()
    };
    (subscriber, None)
}

#[tokio::test]
async fn n1_a_line_is_known_by_its_circuit_and_where_there_is_none_by_its_remote_id() {
    let directory = directory(vec![
        line(Some("c-1"), Some("r-1")),
        line(Some("c-2"), None),
        line(None, Some("r-3")),
    ])
    .await;
    let found = |circuit: Option<&str>, remote: Option<&str>| {
        let identity = Identity::Line {
            circuit: circuit.map(str::as_bytes),
            remote: remote.map(str::as_bytes),
        };
        let profile = ask(&directory, &identity)?;
        assert!(matches!(profile.credential, Credential::CallCheck));
        Some(Uuid::from_bytes(profile.class).as_u128())
    };
    assert_eq!(found(Some("c-1"), Some("r-1")), Some(1));
    assert_eq!(found(Some("c-1"), Some("r-9")), None, "both are on file");
    assert_eq!(found(Some("c-1"), None), None);
    assert_eq!(
        found(Some("c-1"), Some("r-3")),
        None,
        "and not another's line"
    );
    assert_eq!(found(Some("c-2"), Some("anything")), Some(2));
    assert_eq!(found(Some("c-2"), None), Some(2));
    assert_eq!(found(None, Some("r-3")), Some(3));
    assert_eq!(found(Some("c-9"), Some("r-3")), Some(3));
    assert_eq!(
        found(None, Some("r-1")),
        None,
        "who has a circuit id is found by that alone"
    );
    assert_eq!(found(Some("c-9"), Some("r-9")), None);
    assert_eq!(found(None, None), None);
}

#[tokio::test]
async fn n8_a_link_prefix_and_routes_reach_the_profile_of_their_owner_alone() {
    let routes = ["198.51.100.0/24 10", "2001:db8:8::/48"];
    let routes = routes.iter().map(|route| route.parse().unwrap()).collect();
    let owner = Subscriber {
        framed_ipv6: "2001:db8:7:1::/64".parse().ok(),
        framed_routes: FramedRoutes::new(routes).unwrap(),
        ..Subscriber::default()
    };
    let directory = directory(vec![(owner, None), (Subscriber::default(), None)]).await;
    let own = ask(&directory, &Identity::UserName(b"user1")).unwrap();
    assert_eq!(
        own.framed_ipv6,
        Some(("2001:db8:7:1::".parse().unwrap(), 64))
    );
    assert!(own.has_routes);
    let told = directory.routes(&own.class);
    let route = |network: &str, length, metric| {
        let network = network.parse().unwrap();
        Some(Route {
            network,
            length,
            metric,
        })
    };
    assert_eq!(told[0], route("198.51.100.0", 24, Some(10)));
    assert_eq!(told[1], route("2001:db8:8::", 48, None));
    assert_eq!(told[2..], [None, None]);
    let other = ask(&directory, &Identity::UserName(b"user2")).unwrap();
    assert!(other.framed_ipv6.is_none() && !other.has_routes);
    assert_eq!(directory.routes(&other.class), [None; FRAMED_ROUTES_MAX]);
}

#[tokio::test]
async fn what_must_be_proven_is_what_is_on_file() {
    let hash = "fc156af7edcd6c0edde3337d427f4eac".parse().unwrap();
    let password = OnFile::Password("MyPw".parse().unwrap());
    let nobody = Subscriber::default;
    let directory = directory(vec![
        (nobody(), Some(OnFile::NtHash(hash))),
        (nobody(), Some(password)),
        (nobody(), None),
    ])
    .await;
    let credential = |name: &str| {
        let profile = ask(&directory, &Identity::UserName(name.as_bytes())).unwrap();
        profile.credential
    };
    let typed = Password::new(b"MyPw").unwrap();
    assert!(matches!(credential("user1"), Credential::NtHash(hash) if hash.is_of(&typed)));
    assert!(matches!(credential("user2"), Credential::Password(_)));
    assert!(matches!(credential("user3"), Credential::Missing));
}

#[tokio::test]
async fn n8_the_port_of_a_login_is_that_of_the_session_that_began_there() {
    let directory = directory(vec![(Subscriber::default(), None)]).await;
    let secret = garth_radius::crypto::Secret::new(b"testing123").unwrap();
    let source = std::net::IpAddr::from([192, 0, 2, 1]);
    let prefix = Prefix::new(source, 32).unwrap();
    let dialect = Arc::new(garth_radius::dialect::Dialect::generic());
    let nas = Arc::new(Nas::new("bng", prefix, secret, dialect));
    let record = AccountingRecord {
        status: AccountingStatus::Start,
        key: SessionKey {
            nas: NasName { nas: &nas, source }.to_string().into(),
            acct_session_id: b"1".as_slice().into(),
        },
        class: Some(id(1)),
        user_name: None,
        mac: None,
        framed_ipv4: None,
        framed_ipv6: None,
        delegated_ipv6: None,
        further_ipv6: Box::default(),
        nas_names: NasNames::default(),
        nas_port: Some(7),
        nas_port_id: Some(b"eth 1/3".as_slice().into()),
        input_octets: 0,
        output_octets: 0,
        session_time: 0,
        terminate_cause: None,
        delay_seconds: 0,
    };
    directory.0.account(vec![record]).unwrap();
    let class = *id(1).0.as_bytes();
    let elsewhere = |source: std::net::IpAddr, number| {
        let port = Port {
            nas: &nas,
            source,
            number: Some(number),
            id: Some(b"eth 1/3"),
        };
        directory.live_sessions_elsewhere(&class, &port)
    };
    assert_eq!(directory.live_sessions(&class, None), 1);
    assert_eq!(elsewhere(source, 7), 0);
    assert_eq!(elsewhere(source, 8), 1);
    assert_eq!(elsewhere([192, 0, 2, 2].into(), 7), 1);
}

//! What a subscription is found by and what is routed to it: kept, unique, and found again.

use std::net::IpAddr;
use std::sync::Arc;

use garth_store::Store;
use garth_store::index::AtAddress;
use garth_store::record::Address;
use garth_store::write::{NewSubscription, WriteError};
use garth_subscription::facts::SubscriptionId;
use garth_subscription::plan::{Plan, SessionTerms};
use garth_subscription::route::FramedRoutes;
use garth_subscription::subscriber::Subscriber;

use crate::disk::Disk;
use crate::world::{
    Recorder, START, TestClock, World, cash, check, id, new, operator, options, plan, wait,
};

fn on_line(number: u32) -> NewSubscription {
    let new = new(number, None);
    let routes = [
        format!("198.51.{number}.0/24 10"),
        format!("2001:db8:{number}::/48"),
    ];
    let routes = routes.iter().map(|route| route.parse().unwrap()).collect();
    NewSubscription {
        subscriber: Subscriber {
            circuit_id: format!("bras7 eth 1/0/{number}:3.11").parse().ok(),
            remote_id: format!("cpe-{number}").parse().ok(),
            framed_ipv6: format!("2001:db8:ffff:{number}::/64").parse().ok(),
            framed_routes: FramedRoutes::new(routes).unwrap(),
            ..new.subscriber
        },
        ..new
    }
}

fn open(disk: &Disk) -> Store {
    let options = options(&TestClock::new(START), &Arc::<Recorder>::default());
    Store::open_backend(disk.clone(), options).unwrap()
}

fn by_circuit(store: &Store, circuit_id: &str) -> Option<SubscriptionId> {
    let index = store.index();
    index.by_circuit_id(circuit_id.as_bytes(), |entry| entry.id())
}

fn by_remote(store: &Store, remote_id: &str) -> Option<SubscriptionId> {
    let index = store.index();
    index.by_remote_id(remote_id.as_bytes(), |entry| entry.id())
}

#[test]
fn a_subscription_is_found_by_its_line_at_once_and_after_a_start() {
    let disk = Disk::default();
    let store = open(&disk);
    wait(store.apply_plans(vec![plan("home-100", 100_000)], operator())).unwrap();
    wait(store.add(on_line(1), operator(), None)).unwrap();
    wait(store.import(vec![on_line(2), new(3, None)], operator())).unwrap();
    let look = |store: &Store| {
        assert_eq!(by_circuit(store, "bras7 eth 1/0/2:3.11"), Some(id(2)));
        assert_eq!(by_remote(store, "cpe-1"), Some(id(1)));
        assert_eq!(by_circuit(store, "cpe-1"), None, "one is not the other");
        assert_eq!(by_circuit(store, ""), None);
        let routes = store.index().by_id(id(2), |entry| {
            let routes: Vec<_> = entry
                .framed_routes()
                .map(|route| route.to_string())
                .collect();
            (entry.framed_ipv6().map(|prefix| prefix.to_string()), routes)
        });
        let (prefix, routes) = routes.unwrap();
        assert_eq!(prefix.as_deref(), Some("2001:db8:ffff:2::/64"));
        assert_eq!(routes, ["198.51.2.0/24 10", "2001:db8:2::/48"]);
        let kept = store.subscription(id(2)).unwrap().unwrap().subscriber;
        assert_eq!(kept, on_line(2).subscriber);
        check(store);
    };
    look(&store);
    wait(store.command(crate::world::request(
        id(2),
        cash(1, "desk-1", "30.00"),
        None,
    )))
    .unwrap();
    look(&store);
    drop(store);
    look(&open(&disk));
}

#[test]
fn a_line_and_a_link_prefix_belong_to_one_subscription_each() {
    let world = World::new();
    wait(world.store.add(on_line(1), operator(), None)).unwrap();
    let own = on_line(1).subscriber;
    let taken = |subscriber: Subscriber| {
        let new = NewSubscription {
            subscriber,
            ..new(2, None)
        };
        assert!(world.store.check_identities(&new.subscriber).is_err());
        match wait(world.store.add(new, operator(), None)) {
            Err(WriteError::IdentityTaken { kind, value }) => (kind, value),
            other => panic!("{other:?}"),
        }
    };
    let named = new(2, None).subscriber;
    let circuit_id = own.circuit_id.clone();
    let told = taken(Subscriber {
        circuit_id,
        ..named.clone()
    });
    assert_eq!(told, ("circuit_id", "bras7 eth 1/0/1:3.11".to_owned()));
    let remote_id = own.remote_id.clone();
    let told = taken(Subscriber {
        remote_id,
        ..named.clone()
    });
    assert_eq!(told, ("remote_id", "cpe-1".to_owned()));
    let framed_ipv6 = own.framed_ipv6;
    let told = taken(Subscriber {
        framed_ipv6,
        ..named
    });
    assert_eq!(told, ("framed_ipv6", "2001:db8:ffff:1::/64".to_owned()));
    assert_eq!(world.store.index().len(), 1);
}

#[test]
fn an_address_of_the_link_is_its_subscribers() {
    let world = World::new();
    wait(world.store.add(on_line(1), operator(), None)).unwrap();
    let address: IpAddr = "2001:db8:ffff:1::7".parse().unwrap();
    assert_eq!(
        world.store.index().at_address(address),
        AtAddress::One(id(1))
    );
    let prefix = on_line(1).subscriber.framed_ipv6.unwrap().prefix();
    assert_eq!(
        world.store.index().addresses_of(id(1)),
        [Address::V6(prefix)]
    );
}

#[test]
fn what_a_plan_asks_of_the_nas_is_kept_and_shown_by_its_number() {
    let disk = Disk::default();
    let store = open(&disk);
    let session = SessionTerms {
        session_limit: std::num::NonZeroU8::new(2),
        idle_timeout_seconds: std::num::NonZeroU32::new(600),
        framed_pool: "pool-4".parse().ok(),
        framed_ipv6_pool: "pool-6".parse().ok(),
        delegated_ipv6_pool: "pool-pd".parse().ok(),
    };
    let own = Plan {
        session: session.clone(),
        ..plan("home-500", 500_000)
    };
    wait(store.apply_plans(vec![plan("home-100", 100_000), own], operator())).unwrap();
    let look = |store: &Store| {
        let kept = store.rules().catalogue.clone();
        assert_eq!(
            kept.get(&"home-500".parse().unwrap()).unwrap().session,
            session
        );
        let mut terms = store.index().plan_terms();
        terms.sort_by_key(|plan| plan.rates.down_kbps);
        assert_eq!(terms[0].session, SessionTerms::default());
        assert_eq!(
            (terms[1].rates.down_kbps, &terms[1].session),
            (500_000, &session)
        );
    };
    look(&store);
    drop(store);
    look(&open(&disk));
}

//! Accounting records, and whose an address is.

use std::net::IpAddr;

use garth_store::index::AtAddress;
use garth_store::record::{AccountingRecord, AccountingStatus, Address};
use garth_store::write::WriteError;

use crate::world::{World, id, new, operator, record, session_key, wait};
use AccountingStatus::{AccountingOn, InterimUpdate, Start, Stop};

const IP: &str = "10.64.0.7";

fn with_address(status: AccountingStatus, session: &str, user: &str, ip: &str) -> AccountingRecord {
    AccountingRecord {
        framed_ipv4: Some(ip.parse().unwrap()),
        ..record(status, session, user)
    }
}

fn counted(status: AccountingStatus, seconds: u32, octets: u64) -> AccountingRecord {
    AccountingRecord {
        session_time: seconds,
        input_octets: octets,
        output_octets: 10 * octets,
        ..with_address(status, "s1", "user1", IP)
    }
}

fn whose(world: &World, ip: &str) -> AtAddress {
    world
        .store
        .index()
        .at_address(ip.parse::<IpAddr>().unwrap())
}

fn world_with_users(count: u32) -> World {
    let world = World::new();
    for number in 1..=count {
        world.add(number, "2026-12-01T00:00:00Z");
    }
    world.recorder.take_changed();
    world
}

#[test]
fn a_session_begins_counts_and_ends() {
    let world = world_with_users(1);
    let account = |record| world.store.account(vec![record]).unwrap();
    account(counted(Start, 0, 0));
    assert_eq!(whose(&world, IP), AtAddress::One(id(1)));
    assert_eq!(whose(&world, "::ffff:10.64.0.7"), AtAddress::One(id(1)));
    assert_eq!(world.recorder.take_changed(), [id(1)]);
    world.clock.advance(300_000);
    account(counted(InterimUpdate, 300, 1_000));
    assert!(world.recorder.take_changed().is_empty());
    world.clock.advance(300_000);
    account(counted(Stop, 600, 2_000));
    assert_eq!(whose(&world, IP), AtAddress::None);
    assert_eq!(world.recorder.take_changed(), [id(1)]);
    let session = world.store.session(&session_key("s1")).unwrap().unwrap();
    assert_eq!((session.input_octets, session.session_time), (2_000, 600));
    assert_eq!(session.subscription, Some(id(1)));
    assert!(session.stopped_at.is_some());
    assert_eq!(
        world.store.sessions(Some(id(1)), false, 9).unwrap(),
        [session]
    );
    assert!(
        world
            .store
            .sessions(Some(id(1)), true, 9)
            .unwrap()
            .is_empty()
    );
    world.check();
}

#[test]
fn no_order_of_arrival_changes_what_is_kept() {
    let records = [
        counted(Start, 0, 0),
        counted(InterimUpdate, 300, 1_000),
        counted(Stop, 600, 2_000),
    ];
    let orders = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    for order in orders {
        let world = world_with_users(1);
        world.clock.advance(600_000);
        // Each twice, as a NAS repeats what was not answered.
        for place in order.into_iter().flat_map(|place| [place, place]) {
            world.store.account(vec![records[place].clone()]).unwrap();
            world.clock.advance(1_000);
        }
        assert_eq!(world.store.index().live_sessions(), 0, "{order:?}");
        let sessions = world.store.sessions(None, false, 9).unwrap();
        assert_eq!(sessions.len(), 1, "{order:?}");
        assert_eq!(sessions[0].input_octets, 2_000, "{order:?}");
        assert_eq!(sessions[0].output_octets, 20_000, "{order:?}");
        world.check();
    }
}

#[test]
fn counters_never_decrease() {
    let world = world_with_users(1);
    world
        .store
        .account(vec![counted(InterimUpdate, 600, 2_000)])
        .unwrap();
    world
        .store
        .account(vec![counted(InterimUpdate, 300, 1_000)])
        .unwrap();
    let session = world.store.session(&session_key("s1")).unwrap().unwrap();
    assert_eq!((session.input_octets, session.session_time), (2_000, 600));
}

#[test]
fn a_restarted_nas_has_no_sessions_and_may_use_their_names_again() {
    let world = world_with_users(2);
    world.store.account(vec![counted(Start, 0, 0)]).unwrap();
    world.clock.advance(10_000);
    world
        .store
        .account(vec![record(AccountingOn, "", "-")])
        .unwrap();
    assert_eq!(world.store.index().live_sessions(), 0);
    assert_eq!(whose(&world, IP), AtAddress::None);
    world.clock.advance(10_000);
    world
        .store
        .account(vec![with_address(Start, "s1", "user2", IP)])
        .unwrap();
    assert_eq!(whose(&world, IP), AtAddress::One(id(2)));
    assert_eq!(world.store.sessions(None, false, 9).unwrap().len(), 2);
    world.check();
}

#[test]
fn a_name_used_again_long_after_its_stop_is_another_session() {
    let world = world_with_users(1);
    world.store.account(vec![counted(Start, 0, 0)]).unwrap();
    world.clock.advance(600_000);
    world
        .store
        .account(vec![counted(Stop, 600, 2_000)])
        .unwrap();
    world.clock.advance(3_600_000);
    world.store.account(vec![counted(Start, 0, 0)]).unwrap();
    assert_eq!(world.store.index().live_sessions(), 1);
    let sessions = world.store.sessions(Some(id(1)), false, 9).unwrap();
    assert_eq!(
        sessions.iter().map(|s| s.input_octets).collect::<Vec<_>>(),
        [0, 2_000]
    );
    world.check();
}

#[test]
fn a_session_closed_from_here_lives_again_if_its_nas_says_so() {
    let world = world_with_users(1);
    world.store.account(vec![counted(Start, 0, 0)]).unwrap();
    assert!(wait(world.store.close_session(session_key("s1"), 6)).unwrap());
    assert!(!wait(world.store.close_session(session_key("s1"), 6)).unwrap());
    assert_eq!(world.store.index().live_sessions(), 0);
    world.clock.advance(300_000);
    world
        .store
        .account(vec![counted(InterimUpdate, 300, 1_000)])
        .unwrap();
    assert_eq!(whose(&world, IP), AtAddress::One(id(1)));
    let sessions = world.store.sessions(None, false, 9).unwrap();
    assert_eq!((sessions.len(), sessions[0].stopped_at), (1, None));
    world.check();
}

#[test]
fn e15_an_address_that_several_claim_is_nobodys() {
    let world = world_with_users(2);
    let account = |record| world.store.account(vec![record]).unwrap();
    account(with_address(Start, "s1", "user1", IP));
    account(with_address(Start, "s2", "user2", IP));
    assert_eq!(whose(&world, IP), AtAddress::Many);
    account(with_address(Stop, "s1", "user1", IP));
    assert_eq!(whose(&world, IP), AtAddress::One(id(2)));
    account(with_address(Start, "s3", "stranger", IP));
    assert_eq!(whose(&world, IP), AtAddress::Many);
    account(with_address(Stop, "s2", "user2", IP));
    assert_eq!(whose(&world, IP), AtAddress::None);
    world.check();
}

#[test]
fn an_ipv6_address_belongs_to_the_prefix_that_contains_it() {
    let world = World::new();
    let mut fixed = new(1, None);
    fixed.subscriber.delegated_ipv6 = Some("2001:db8:7:100::/56".parse().unwrap());
    fixed.subscriber.framed_ipv4 = Some(IP.parse().unwrap());
    wait(world.store.add(fixed, operator(), None)).unwrap();
    world.add(2, "2026-12-01T00:00:00Z");
    assert_eq!(whose(&world, "2001:db8:7:1ff::9"), AtAddress::One(id(1)));
    assert_eq!(whose(&world, "2001:db8:7:200::9"), AtAddress::None);
    let inside = AccountingRecord {
        framed_ipv6: Some("2001:db8:7:105::/64".parse().unwrap()),
        ..record(Start, "s1", "user2")
    };
    world.store.account(vec![inside]).unwrap();
    assert_eq!(whose(&world, "2001:db8:7:105::1"), AtAddress::Many);
    assert_eq!(whose(&world, "2001:db8:7:106::1"), AtAddress::One(id(1)));
    let addresses = world.store.index().addresses_of(id(1));
    assert_eq!(
        addresses,
        [
            Address::V4(IP.parse().unwrap()),
            Address::V6("2001:db8:7:100::/56".parse().unwrap())
        ]
    );
    world.check();
}

#[test]
fn an_unknown_session_is_kept_and_finds_its_subscription_later() {
    let world = World::new();
    world.store.account(vec![counted(Start, 0, 0)]).unwrap();
    let session = world.store.session(&session_key("s1")).unwrap().unwrap();
    assert_eq!(session.subscription, None);
    world.add(1, "2026-12-01T00:00:00Z");
    world.clock.advance(300_000);
    world
        .store
        .account(vec![counted(InterimUpdate, 300, 1_000)])
        .unwrap();
    assert_eq!(whose(&world, IP), AtAddress::One(id(1)));
    assert_eq!(world.store.sessions(Some(id(1)), true, 9).unwrap().len(), 1);
    world.check();
}

#[test]
fn our_class_tells_more_than_the_user_name() {
    let world = world_with_users(2);
    let record = AccountingRecord {
        class: Some(id(2)),
        ..counted(Start, 0, 0)
    };
    world.store.account(vec![record]).unwrap();
    assert_eq!(whose(&world, IP), AtAddress::One(id(2)));
}

#[test]
fn a_session_of_which_nothing_is_heard_is_closed() {
    let world = world_with_users(1);
    world.store.account(vec![counted(Start, 0, 0)]).unwrap();
    world.clock.advance(86_400_000);
    assert_eq!(wait(world.store.fire_due()).unwrap().stale_sessions, 0);
    world.clock.advance(1);
    assert_eq!(wait(world.store.fire_due()).unwrap().stale_sessions, 1);
    assert_eq!(world.store.index().live_sessions(), 0);
    world.check();
}

#[test]
fn every_live_session_is_looked_at_in_turn() {
    let world = world_with_users(1);
    let starts = (0..600).map(|n| record(Start, &format!("s{n}"), "user1"));
    world.store.account(starts.collect()).unwrap();
    world.clock.advance(86_400_001);
    let closed: usize = (0..6)
        .map(|_| wait(world.store.fire_due()).unwrap().stale_sessions)
        .sum();
    assert_eq!(closed, 600);
}

#[test]
fn closed_sessions_are_kept_within_their_bounds() {
    let world = World::with(|options| options.limits.closed_sessions_max = 2);
    for n in 1..=4 {
        world.clock.advance(1_000);
        let name = format!("s{n}");
        world
            .store
            .account(vec![record(Stop, &name, "user1")])
            .unwrap();
    }
    world.fold();
    wait(world.store.fire_due()).unwrap();
    let sessions = world.store.sessions(None, false, 9).unwrap();
    let names: Vec<_> = sessions.iter().map(|s| s.key.clone()).collect();
    assert_eq!(names, [session_key("s4"), session_key("s3")]);
    world.clock.advance(181 * 86_400_000);
    wait(world.store.fire_due()).unwrap();
    assert!(world.store.sessions(None, false, 9).unwrap().is_empty());
}

#[test]
fn a_session_too_many_is_not_acknowledged() {
    let world = World::with(|options| options.limits.sessions_max = 1);
    world.store.account(vec![counted(Start, 0, 0)]).unwrap();
    let more = with_address(Start, "s2", "user2", "10.64.0.8");
    let batch = vec![more, counted(InterimUpdate, 300, 1_000)];
    assert!(matches!(world.store.account(batch), Err(WriteError::Busy)));
    assert_eq!(world.store.index().live_sessions(), 1);
    assert_eq!(world.store.status().sessions_refused, 1);
    let session = world.store.session(&session_key("s1")).unwrap().unwrap();
    assert_eq!(session.input_octets, 1_000);
}

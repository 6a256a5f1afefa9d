//! Accounting records, and whose an address is.

use std::net::IpAddr;

use garth_store::index::{AtAddress, PortMark};
use garth_store::record::{AccountingRecord, AccountingStatus, Address, NasNames, closed_here};
use garth_subscription::time::Span;

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

fn of_nas(names: &NasNames, session: &str) -> AccountingRecord {
    AccountingRecord {
        nas_names: names.clone(),
        ..record(Start, session, "user1")
    }
}

#[test]
fn n2_accounting_on_closes_the_sessions_of_that_nas_and_of_no_other_behind_the_same_proxy() {
    let named = |identifier: Option<&str>, address: Option<&str>| NasNames {
        nas_identifier: identifier.map(|text| text.as_bytes().into()),
        nas_ip_address: address.map(|text| text.parse().unwrap()),
        nas_ipv6_address: None,
    };
    let (one, other) = (Some("192.0.2.1"), Some("192.0.2.2"));
    let sessions = [
        ("same", named(Some("bng-1"), one), true),
        ("renamed since", named(Some("bng-0"), one), true),
        ("moved since", named(Some("bng-1"), other), true),
        ("says nothing", named(None, None), true),
        ("another", named(Some("bng-2"), other), false),
        (
            "another, without an address",
            named(Some("bng-2"), None),
            false,
        ),
    ];
    let world = world_with_users(1);
    let starts = sessions.iter().map(|(id, names, _)| of_nas(names, id));
    world.store.account(starts.collect()).unwrap();
    world.clock.advance(1_000);
    let on = AccountingRecord {
        status: AccountingOn,
        ..of_nas(&named(Some("bng-1"), one), "")
    };
    // Twice, and the second time with nothing to do.
    world.store.account(vec![on.clone(), on]).unwrap();
    for (id, _, is_closed) in &sessions {
        let session = world.store.session(&session_key(id)).unwrap().unwrap();
        assert_eq!(session.stopped_at.is_some(), *is_closed, "{id}");
    }
    assert_eq!(world.store.status().sessions_rebooted, 4);
    world.check();
}

#[test]
fn n32_a_session_id_given_again_without_a_stop_is_another_subscribers_session() {
    let world = world_with_users(2);
    let of = |status, user: &str, seconds, octets| AccountingRecord {
        session_time: seconds,
        input_octets: octets,
        ..with_address(status, "s1", user, IP)
    };
    let account = |record| world.store.account(vec![record]).unwrap();
    account(of(Start, "user1", 0, 0));
    world.clock.advance(600_000);
    account(of(InterimUpdate, "user1", 600, 5_000));
    // The NAS has restarted, and said nothing of it.
    world.clock.advance(60_000);
    account(of(Start, "user2", 0, 0));
    assert_eq!(whose(&world, IP), AtAddress::One(id(2)));
    assert_eq!(world.store.status().sessions_replaced, 1);
    let sessions = world.store.sessions(Some(id(1)), false, 9).unwrap();
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0].terminate_cause, Some(closed_here::REPLACED));
    assert_eq!(sessions[0].input_octets, 5_000);
    // What is still under way of the first one is its own, and changes nothing of the second.
    let late = AccountingRecord {
        delay_seconds: 30,
        ..of(Stop, "user1", 630, 5_500)
    };
    account(late);
    world.clock.advance(300_000);
    account(of(InterimUpdate, "user2", 300, 70));
    let sessions = world.store.sessions(Some(id(1)), false, 9).unwrap();
    assert_eq!((sessions.len(), sessions[0].input_octets), (1, 5_500));
    let live = world.store.session(&session_key("s1")).unwrap().unwrap();
    assert_eq!((live.subscription, live.input_octets), (Some(id(2)), 70));
    assert_eq!(live.stopped_at, None);
    world.check();
}

#[test]
fn n32_a_session_id_given_again_right_after_its_stop_is_another_subscribers_session() {
    let world = world_with_users(2);
    let account = |record| world.store.account(vec![record]).unwrap();
    account(with_address(Start, "s1", "user1", IP));
    account(with_address(Stop, "s1", "user1", IP));
    account(with_address(Start, "s1", "user2", IP));
    assert_eq!(whose(&world, IP), AtAddress::One(id(2)));
    assert_eq!(world.store.status().sessions_replaced, 0);
    world.check();
}

#[test]
fn n2_a_late_start_does_not_reopen_a_session_nor_move_what_was_counted() {
    let world = world_with_users(1);
    world.clock.advance(600_000);
    world
        .store
        .account(vec![counted(Stop, 600, 2_000)])
        .unwrap();
    let stopped = world.store.session(&session_key("s1")).unwrap().unwrap();
    world.clock.advance(100_000);
    let late = AccountingRecord {
        delay_seconds: 700,
        ..counted(Start, 0, 0)
    };
    world.store.account(vec![late]).unwrap();
    let session = world.store.session(&session_key("s1")).unwrap().unwrap();
    assert_eq!(session.stopped_at, stopped.stopped_at);
    assert_eq!(session.started_at, stopped.started_at);
    assert_eq!((session.input_octets, session.session_time), (2_000, 600));
    assert_eq!(world.store.sessions(None, false, 9).unwrap().len(), 1);
    world.check();
}

#[test]
fn n2_counters_of_64_bits_survive_a_record_without_gigawords() {
    let world = world_with_users(1);
    let octets = |seconds, octets| {
        let record = counted(InterimUpdate, seconds, octets);
        world.store.account(vec![record]).unwrap();
        let session = world.store.session(&session_key("s1")).unwrap().unwrap();
        session.input_octets
    };
    let wrapped = (3 << 32) + 700;
    assert_eq!(octets(300, wrapped), wrapped);
    // As 32 bits tell it: no less than before, and nothing is guessed.
    assert_eq!(octets(600, 900), wrapped);
    assert_eq!(octets(900, (3 << 32) + 1_100), (3 << 32) + 1_100);
    assert_eq!(
        octets(1_200, 5),
        (3 << 32) + 1_100,
        "counted from the start"
    );
}

#[test]
fn n2_no_clock_of_a_nas_moves_a_session_out_of_its_time() {
    let world = world_with_users(1);
    let now = world.store.now();
    let records = [
        // Its clock was set from 1970 to now while the session lasted.
        counted(InterimUpdate, 1_795_000_000, 10),
        counted(InterimUpdate, u32::MAX, 20),
        AccountingRecord {
            delay_seconds: u32::MAX,
            ..counted(InterimUpdate, 0, 30)
        },
    ];
    let mut began = Vec::new();
    for record in records {
        world.store.account(vec![record]).unwrap();
        let session = world.store.session(&session_key("s1")).unwrap().unwrap();
        assert_eq!(session.session_time, 0);
        began.push(now.since(session.started_at).seconds());
    }
    assert_eq!(began, [0, 0, 31 * 86_400]);
    world.store.account(vec![counted(Stop, 600, 40)]).unwrap();
    let session = world.store.session(&session_key("s1")).unwrap().unwrap();
    assert_eq!((session.input_octets, session.session_time), (40, 600));
    world.check();
}

#[test]
fn n2_the_addresses_of_the_newest_record_count_whichever_arrives_last() {
    let world = world_with_users(1);
    let at = |seconds, ip| AccountingRecord {
        framed_ipv4: Some(std::net::Ipv4Addr::from_bits(ip)),
        ..counted(InterimUpdate, seconds, 0)
    };
    for record in [at(600, 2), at(300, 1), at(0, 3), at(900, 4), at(600, 2)] {
        world.store.account(vec![record]).unwrap();
    }
    let session = world.store.session(&session_key("s1")).unwrap().unwrap();
    assert_eq!(
        session.framed_ipv4.map(std::net::Ipv4Addr::to_bits),
        Some(4)
    );
}

#[test]
fn n32_every_ipv6_prefix_of_a_session_is_found_up_to_the_bound() {
    let world = world_with_users(2);
    let further: Vec<_> = (0..8)
        .map(|n| format!("2001:db8:f:{n}::/64").parse().unwrap())
        .collect();
    let record = AccountingRecord {
        framed_ipv6: "2001:db8:a::/64".parse().ok(),
        delegated_ipv6: "2001:db8:b::/56".parse().ok(),
        further_ipv6: further.into(),
        ..counted(Start, 0, 0)
    };
    world.store.account(vec![record]).unwrap();
    for found in ["2001:db8:a::1", "2001:db8:b:ff::1", "2001:db8:f:5::1"] {
        assert_eq!(whose(&world, found), AtAddress::One(id(1)), "{found}");
    }
    assert_eq!(whose(&world, "2001:db8:f:6::1"), AtAddress::None);
    world.fold();
    world.check();
    world.store.account(vec![counted(Stop, 60, 0)]).unwrap();
    assert_eq!(whose(&world, "2001:db8:f:0::1"), AtAddress::None);
    world.check();
}

#[test]
fn what_a_nas_says_of_itself_and_its_port_is_kept() {
    let world = world_with_users(1);
    let told = AccountingRecord {
        nas_names: NasNames {
            nas_identifier: Some(b"bng-1".as_slice().into()),
            nas_ip_address: "192.0.2.1".parse().ok(),
            nas_ipv6_address: "2001:db8::1".parse().ok(),
        },
        nas_port: Some(7),
        nas_port_id: Some(b"eth 0/1/2:100.4000 and more".as_slice().into()),
        ..counted(Start, 0, 0)
    };
    world.store.account(vec![told.clone()]).unwrap();
    // Nothing is forgotten by a record that does not say it.
    world
        .store
        .account(vec![counted(InterimUpdate, 300, 1)])
        .unwrap();
    for is_over in [false, true] {
        let session = world.store.session(&session_key("s1")).unwrap().unwrap();
        assert_eq!(session.nas_names, told.nas_names);
        assert_eq!(session.nas_port, told.nas_port);
        assert_eq!(session.nas_port_id, told.nas_port_id);
        assert_eq!(session.stopped_at.is_some(), is_over);
        world.store.account(vec![counted(Stop, 600, 2)]).unwrap();
        world.fold();
    }
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
fn n8_the_live_sessions_of_a_subscription_are_counted_without_those_of_the_station_that_asks() {
    let world = world_with_users(2);
    let (cpe, other) = ("02:00:00:00:00:01", "02:00:00:00:00:02");
    let (cpe, other) = (cpe.parse().unwrap(), other.parse().unwrap());
    let of = |status, session: &str, user: &str, mac| {
        let record = AccountingRecord {
            mac,
            ..record(status, session, user)
        };
        world.store.account(vec![record]).unwrap();
    };
    let count = |except| world.store.index().live_sessions_of(id(1), except);
    assert_eq!((count(None), count(Some(cpe))), (0, 0));
    of(Start, "s1", "user1", None);
    assert_eq!((count(None), count(Some(cpe))), (1, 1), "no MAC is known");
    of(InterimUpdate, "s1", "user1", Some(cpe));
    assert_eq!((count(None), count(Some(cpe))), (1, 0));
    of(Start, "s2", "user1", Some(other));
    of(Start, "s3", "user2", Some(cpe));
    assert_eq!((count(None), count(Some(cpe))), (2, 1));
    of(Stop, "s1", "user1", Some(cpe));
    of(Stop, "s1", "user1", Some(cpe));
    assert_eq!((count(None), count(Some(other))), (1, 0));
    of(Stop, "s2", "user1", None);
    assert_eq!(count(None), 0);
    assert_eq!(world.store.index().live_sessions_of(id(2), None), 1);
    world.check();
}

#[test]
fn n8_a_session_without_a_station_is_known_again_by_its_port() {
    let world = world_with_users(1);
    let of = |session: &str, port: Option<u32>, port_id: Option<&str>, mac: Option<&str>| {
        let record = AccountingRecord {
            nas_port: port,
            nas_port_id: port_id.map(|id| id.as_bytes().into()),
            mac: mac.map(|mac| mac.parse().unwrap()),
            ..record(Start, session, "user1")
        };
        world.store.account(vec![record]).unwrap();
    };
    let elsewhere = |nas: &str, port: Option<u32>, port_id: Option<&str>| {
        let mark = PortMark::new(nas, port, port_id.map(str::as_bytes));
        world.store.index().live_sessions_elsewhere(id(1), mark)
    };
    let nas = "pppoe-1";
    of("s1", Some(7), Some("eth 1/3"), None);
    assert_eq!(elsewhere(nas, Some(7), Some("eth 1/3")), 0);
    for (nas, port, port_id) in [
        ("pppoe-2", Some(7), Some("eth 1/3")),
        (nas, Some(8), Some("eth 1/3")),
        (nas, Some(7), Some("eth 1/4")),
        (nas, Some(7), None),
        (nas, None, None),
    ] {
        assert_eq!(
            elsewhere(nas, port, port_id),
            1,
            "{nas} {port:?} {port_id:?}"
        );
    }
    // Nothing is known by a port that is none, nor one at whose port a station was named.
    of("s2", Some(0), None, None);
    of("s3", Some(9), None, Some("02:00:00:00:00:01"));
    assert_eq!(elsewhere(nas, Some(0), None), 3);
    assert_eq!(elsewhere(nas, Some(9), None), 3);
    // The port may come later, and so may the station.
    of("s2", Some(5), None, None);
    assert_eq!(elsewhere(nas, Some(5), None), 2);
    of("s2", Some(5), None, Some("02:00:00:00:00:02"));
    assert_eq!(elsewhere(nas, Some(5), None), 3);
    world.check();
}

#[test]
fn n8_a_port_where_several_sessions_are_tells_no_station() {
    let world = world_with_users(1);
    let mark = PortMark::new("hotspot", None, Some(b"wlan0"));
    let elsewhere = || world.store.index().live_sessions_elsewhere(id(1), mark);
    for (number, expected) in [(1, 0), (2, 2), (3, 3)] {
        let record = AccountingRecord {
            nas_port_id: Some(b"wlan0".as_slice().into()),
            ..record(Start, &format!("s{number}"), "user1")
        };
        let key = garth_store::record::SessionKey {
            nas: "hotspot".into(),
            ..record.key
        };
        let record = AccountingRecord { key, ..record };
        world.store.account(vec![record]).unwrap();
        assert_eq!(elsewhere(), expected);
    }
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
fn the_class_of_nobody_is_nobody_whatever_the_user_name() {
    let world = world_with_users(1);
    let nobody = garth_subscription::facts::SubscriptionId(uuid::Uuid::nil());
    let record = AccountingRecord {
        class: Some(nobody),
        ..counted(Start, 0, 0)
    };
    world.store.account(vec![record]).unwrap();
    assert_eq!(world.store.index().live_sessions_of(id(1), None), 0);
    assert_eq!(world.store.index().live_sessions(), 1);
}

/// Seconds until a session that has sent an Interim-Update is closed, by default; and one that has not.
const AGES: [i64; 2] = [86_400, 30 * 86_400];

#[test]
fn n2_a_session_of_which_nothing_is_heard_is_closed_by_age() {
    for (status, age) in [InterimUpdate, Start].into_iter().zip(AGES) {
        // The clock is let on by days here.
        let world = World::with(|options| {
            options.limits.time.clock_jump_max = Span::from_days(365);
        });
        world.store.account(vec![counted(status, 0, 0)]).unwrap();
        world.clock.advance(age * 1_000);
        assert_eq!(wait(world.store.fire_due()).unwrap().stale_sessions, 0);
        world.clock.advance(1);
        assert_eq!(wait(world.store.fire_due()).unwrap().stale_sessions, 1);
        assert_eq!(world.store.index().live_sessions(), 0);
        assert_eq!(world.store.status().sessions_aged, 1);
        let session = world.store.session(&session_key("s1")).unwrap().unwrap();
        assert_eq!(session.terminate_cause, Some(closed_here::AGED));
        world.check();
    }
}

#[test]
fn n32_a_nas_without_interim_updates_does_not_lose_its_live_sessions_overnight() {
    let world = world_with_users(1);
    world.store.account(vec![counted(Start, 0, 0)]).unwrap();
    for _ in 0..7 {
        world.clock.advance(86_400_000);
        wait(world.store.fire_due()).unwrap();
        assert_eq!(whose(&world, IP), AtAddress::One(id(1)));
    }
    // From the first Interim-Update on, the NAS is known to send them.
    world
        .store
        .account(vec![counted(InterimUpdate, 7 * 86_400, 1_000)])
        .unwrap();
    world.clock.advance(86_400_001);
    wait(world.store.fire_due()).unwrap();
    assert_eq!(whose(&world, IP), AtAddress::None);
    world.check();
}

#[test]
fn every_live_session_is_looked_at_in_turn() {
    let world = world_with_users(1);
    let told = (0..600).map(|n| record(InterimUpdate, &format!("s{n}"), "user1"));
    world.store.account(told.collect()).unwrap();
    world.clock.advance(86_400_001);
    let closed: usize = (0..6)
        .map(|_| wait(world.store.fire_due()).unwrap().stale_sessions)
        .sum();
    assert_eq!(closed, 600);
    assert_eq!(world.store.status().sessions_aged, 600);
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
fn a_session_too_many_is_not_acknowledged_and_holds_up_no_other() {
    let world = World::with(|options| options.limits.sessions_max = 1);
    world.store.account(vec![counted(Start, 0, 0)]).unwrap();
    let more = |status| with_address(status, "s2", "user2", "10.64.0.8");
    let batch = vec![
        more(Start),
        counted(InterimUpdate, 300, 1_000),
        more(InterimUpdate),
        with_address(Stop, "s3", "user3", "10.64.0.9"),
    ];
    assert_eq!(world.store.account(batch).unwrap(), [0, 2]);
    assert_eq!(world.store.index().live_sessions(), 1);
    assert_eq!(world.store.status().sessions_refused, 2);
    let session = world.store.session(&session_key("s1")).unwrap().unwrap();
    assert_eq!(session.input_octets, 1_000);
    // What is over takes no room; and its end makes some.
    assert!(world.store.session(&session_key("s3")).unwrap().is_some());
    let batch = vec![counted(Stop, 600, 2_000), more(Start), more(Start)];
    assert_eq!(world.store.account(batch).unwrap(), [0; 0]);
    assert_eq!(world.store.live_sessions(None, 9).unwrap().len(), 1);
    world.check();
}

#[test]
fn the_places_of_refused_records_are_those_of_the_whole_batch() {
    let world = World::with(|options| options.limits.sessions_max = 1_500);
    let starts = (0..2_000).map(|n| record(Start, &format!("s{n:04}"), "user1"));
    let refused = world.store.account(starts.collect()).unwrap();
    assert!(refused.into_iter().eq(1_500..2_000));
}

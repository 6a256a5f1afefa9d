//! What subscriptions have used, month by month.

use std::sync::Arc;

use garth_store::record::{AccountingRecord, AccountingStatus, MonthUsage};
use garth_store::{Store, USAGE_MONTHS};
use garth_subscription::calendar::BillingZone;
use garth_subscription::policy::{Policies, Policy};
use garth_subscription::time::{Span, Timestamp};
use proptest::prelude::*;
use redb::{Database, ReadableDatabase, ReadableTableMetadata, TableDefinition};

use crate::disk::Disk;
use crate::world::{
    Recorder, START, TestClock, World, at, fold, id, let_time_on, new, operator, options, plan,
    record, session_key, wait,
};
use AccountingStatus::{InterimUpdate, Start, Stop};

const USAGE: TableDefinition<(u16, u128), &[u8]> = TableDefinition::new("usage");

/// A world whose clock may be let on by months, with one subscription.
fn world() -> World {
    let world = World::with(|options| {
        options.limits.time.clock_jump_max = Span::from_days(3_660);
        options.limits.session_age_max = Span::from_days(3_660);
        options.limits.session_age_max_without_interim = Span::from_days(3_660);
    });
    world.add(1, "2036-01-01T00:00:00Z");
    world
}

fn counted(status: AccountingStatus, seconds: u32, octets: u64) -> AccountingRecord {
    AccountingRecord {
        session_time: seconds,
        input_octets: octets,
        output_octets: 10 * octets,
        ..record(status, "s1", "user1")
    }
}

fn account(world: &World, record: AccountingRecord) {
    assert_eq!(world.store.account(vec![record]).unwrap(), [0; 0]);
}

/// Each month with octets, seconds and sessions, the newest first.
fn usage(store: &Store) -> Vec<(String, u64, u64, u64)> {
    let months = store.usage(id(1)).unwrap();
    let months = months.into_iter().map(|month: MonthUsage| {
        assert_eq!(month.output_octets, 10 * month.input_octets);
        let name = month.month.to_string();
        (name, month.input_octets, month.session_time, month.sessions)
    });
    months.collect()
}

fn month(name: &str, octets: u64, seconds: u64, sessions: u64) -> (String, u64, u64, u64) {
    (name.to_owned(), octets, seconds, sessions)
}

/// Puts the clock to that instant.
fn go_to(world: &World, text: &str) {
    world.clock.set(text);
    wait(world.store.fire_due()).unwrap();
}

#[test]
fn a_session_is_split_where_the_month_ends() {
    let world = world();
    go_to(&world, "2026-11-30T23:00:00Z");
    account(&world, counted(Start, 0, 0));
    assert_eq!(usage(&world.store), [month("2026-11", 0, 0, 1)]);
    go_to(&world, "2026-11-30T23:59:00Z");
    account(&world, counted(InterimUpdate, 3_540, 100));
    assert_eq!(usage(&world.store), [month("2026-11", 100, 3_540, 1)]);
    go_to(&world, "2026-12-01T00:01:00Z");
    account(&world, counted(InterimUpdate, 3_660, 130));
    let split = [
        month("2026-12", 30, 120, 0),
        month("2026-11", 100, 3_540, 1),
    ];
    assert_eq!(usage(&world.store), split);
    world.fold();
    assert_eq!(usage(&world.store), split);
    go_to(&world, "2027-02-01T00:00:00Z");
    account(&world, counted(Stop, 5_000_000, 1_000));
    account(&world, counted(Stop, 5_000_000, 1_000));
    let over = [
        month("2027-02", 870, 4_996_340, 0),
        month("2026-12", 30, 120, 0),
        month("2026-11", 100, 3_540, 1),
    ];
    assert_eq!(usage(&world.store), over);
    world.fold();
    assert_eq!(usage(&world.store), over);
    world.check();
}

#[test]
fn a_month_ends_where_the_billing_zone_says() {
    let world = World::with(|options| {
        let zone: BillingZone = "Europe/Vienna".parse().unwrap();
        options.policies = Policies::new(Policy::new(zone));
        options.limits.time.clock_jump_max = Span::from_days(366);
    });
    world.add(1, "2036-01-01T00:00:00Z");
    go_to(&world, "2026-11-30T22:59:59Z");
    account(&world, counted(Stop, 1, 5));
    world.clock.advance(1_000);
    let second = AccountingRecord {
        key: session_key("s2"),
        ..counted(Stop, 0, 7)
    };
    account(&world, second);
    let split = [month("2026-12", 7, 0, 1), month("2026-11", 5, 1, 1)];
    assert_eq!(usage(&world.store), split);
}

#[test]
fn a_session_that_lives_again_is_counted_once() {
    let world = world();
    account(&world, counted(Start, 0, 0));
    world.clock.advance(60_000);
    account(&world, counted(InterimUpdate, 60, 50));
    for folds in [false, true] {
        wait(world.store.close_session(session_key("s1"), 6)).unwrap();
        assert_eq!(usage(&world.store), [month("2026-11", 50, 60, 1)]);
        if folds {
            world.fold();
        }
        assert_eq!(usage(&world.store), [month("2026-11", 50, 60, 1)]);
        account(&world, counted(InterimUpdate, 60, 50));
        assert_eq!(world.store.index().live_sessions(), 1);
        assert_eq!(usage(&world.store), [month("2026-11", 50, 60, 1)]);
    }
    world.check();
}

#[test]
fn what_was_counted_before_it_was_known_whose_it_is_counts() {
    let world = World::with(|options| {
        options.limits.time.clock_jump_max = Span::from_days(366);
        options.limits.session_age_max = Span::from_days(366);
    });
    account(&world, counted(InterimUpdate, 60, 50));
    go_to(&world, "2026-12-02T00:00:00Z");
    account(&world, counted(InterimUpdate, 70, 60));
    world.add(1, "2036-01-01T00:00:00Z");
    assert_eq!(usage(&world.store), []);
    account(&world, counted(InterimUpdate, 80, 80));
    let split = [month("2026-12", 30, 20, 0), month("2026-11", 50, 60, 1)];
    assert_eq!(usage(&world.store), split);
    world.check();
}

#[test]
fn usage_is_kept_for_two_years() {
    let world = world();
    let months = usize::from(USAGE_MONTHS);
    for number in 0..months + 3 {
        let session = AccountingRecord {
            key: session_key(&format!("s{number}")),
            ..counted(Stop, 1, 1)
        };
        account(&world, session);
        world.fold();
        world.clock.advance(30_500 * 86_400);
        wait(world.store.fire_due()).unwrap();
    }
    let kept = usage(&world.store);
    assert_eq!(kept.len(), months - 1, "the current month has nothing");
    assert_eq!(kept.first().map(|month| month.0.as_str()), Some("2029-01"));
    assert_eq!(kept.last().map(|month| month.0.as_str()), Some("2027-03"));
}

#[test]
fn months_that_are_too_old_go_from_the_file() {
    let (disk, clock) = (Disk::default(), TestClock::new(START));
    let mut options = options(&clock, &Arc::<Recorder>::default());
    options.limits.time.clock_jump_max = Span::from_days(3_660);
    let store = Store::open_backend(disk.clone(), options).unwrap();
    wait(store.apply_plans(vec![plan("home-100", 100_000)], operator())).unwrap();
    wait(store.add(new(1, None), operator(), None)).unwrap();
    let rows = || {
        let db = Database::builder();
        let db = db.create_with_backend(disk.copy(None)).unwrap();
        let table = db.begin_read().unwrap().open_table(USAGE).unwrap();
        table.len().unwrap()
    };
    store.account(vec![counted(Stop, 1, 1)]).unwrap();
    fold(&store, &clock);
    assert_eq!(rows(), 1);
    for (days, left) in [(700, 1), (40, 0)] {
        clock.advance(days * 86_400_000);
        wait(store.fire_due()).unwrap();
        wait(store.fire_due()).unwrap();
        assert_eq!(rows(), left, "after {days} days more");
    }
}

/// A session of up to 16 days that begins before the end of November, as it was.
#[derive(Clone, Debug)]
struct Life {
    /// Seconds after [`START`].
    begins: u32,
    /// Seconds and octets since the last record.
    steps: Vec<(u32, u64)>,
    has_stop: bool,
    /// Which record arrives next, as a part of those that have not; and which once more after it.
    order: Vec<(prop::sample::Index, Option<prop::sample::Index>, bool)>,
}

fn life() -> impl Strategy<Value = Life> {
    let steps = prop::collection::vec((1..150_000_u32, 0..1_u64 << 40), 1..10);
    let index = any::<prop::sample::Index>;
    let arrival = (index(), prop::option::of(index()), any::<bool>());
    let order = prop::collection::vec(arrival, 12);
    (0..800_000_u32, steps, any::<bool>(), order).prop_map(|(begins, steps, has_stop, order)| {
        Life {
            begins,
            steps,
            has_stop,
            order,
        }
    })
}

impl Life {
    /// The records in the order in which they were made, with the instants of it.
    fn records(&self) -> Vec<(Timestamp, AccountingRecord)> {
        let began_at = at(START).saturating_add(Span::from_seconds(self.begins));
        let mut records = vec![(began_at, counted(Start, 0, 0))];
        let (mut seconds, mut octets) = (0, 0);
        for (nth, (more_seconds, more_octets)) in self.steps.iter().enumerate() {
            (seconds, octets) = (seconds + more_seconds, octets + more_octets);
            let is_last = self.has_stop && nth + 1 == self.steps.len();
            let status = if is_last { Stop } else { InterimUpdate };
            let told = AccountingRecord {
                framed_ipv4: Some(octets_of(seconds)),
                terminate_cause: is_last.then_some(1),
                ..counted(status, seconds, octets)
            };
            let made_at = began_at.saturating_add(Span::from_seconds(seconds));
            records.push((made_at, told));
        }
        records
    }
}

/// An address that changes with every record.
fn octets_of(seconds: u32) -> std::net::Ipv4Addr {
    std::net::Ipv4Addr::from_bits(0x0A00_0000 + seconds)
}

/// The usage of a session by its records, in the plainest way.
fn reckoned(records: &[(Timestamp, AccountingRecord)]) -> Vec<(String, u64, u64, u64)> {
    let end = at("2026-12-01T00:00:00Z");
    let greatest = |of: &dyn Fn(&AccountingRecord) -> u64, until: Timestamp| {
        let counted = records.iter().filter(|(made_at, _)| *made_at < until);
        counted.map(|(_, told)| of(told)).max().unwrap_or(0)
    };
    let octets = |told: &AccountingRecord| told.input_octets;
    let seconds = |told: &AccountingRecord| u64::from(told.session_time);
    let november = (greatest(&octets, end), greatest(&seconds, end));
    let all = (
        greatest(&octets, Timestamp::MAX),
        greatest(&seconds, Timestamp::MAX),
    );
    let december = month("2026-12", all.0 - november.0, all.1 - november.1, 0);
    let months = [december, month("2026-11", november.0, november.1, 1)];
    let used = months.into_iter().filter(|(_, a, b, c)| a + b + c > 0);
    used.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Where each record says how long it was held back.
    #[test]
    fn n2_any_order_with_repeats_gives_the_same_session_and_usage(life in life()) {
        let world = world();
        go_to(&world, "2026-12-18T00:00:00Z");
        let records = life.records();
        let mut left: Vec<usize> = (0..records.len()).collect();
        let mut arrived = Vec::new();
        for (next, again, folds) in &life.order {
            if left.is_empty() {
                break;
            }
            arrived.push(left.remove(next.index(left.len())));
            let again = again.map(|again| arrived[again.index(arrived.len())]);
            for nth in arrived.last().copied().into_iter().chain(again) {
                world.clock.advance(1_000);
                let_time_on(&world.store);
                let (made_at, told) = &records[nth];
                let held_back = world.store.now().since(*made_at).seconds();
                let delay_seconds = u32::try_from(held_back).unwrap();
                account(&world, AccountingRecord { delay_seconds, ..told.clone() });
            }
            if *folds {
                world.fold();
            }
        }
        prop_assert_eq!(usage(&world.store), reckoned(&records));
        let (ended_at, last) = records.last().unwrap();
        let all = world.store.sessions(Some(id(1)), false, 9).unwrap();
        prop_assert_eq!(all.len(), 1);
        let found = &all[0];
        prop_assert_eq!(found.started_at, records[0].0);
        prop_assert_eq!(found.stopped_at, life.has_stop.then_some(*ended_at));
        prop_assert_eq!(found.terminate_cause, last.terminate_cause);
        prop_assert_eq!(found.framed_ipv4, last.framed_ipv4);
        let counters = (found.input_octets, found.output_octets, found.session_time);
        prop_assert_eq!(counters, (last.input_octets, last.output_octets, last.session_time));
        world.check();
    }
}

//! The accounting log: what is in it counts, whatever of it the tables have.

use std::sync::Arc;
use std::thread::JoinHandle;

use garth_store::record::{AccountingRecord, AccountingStatus, MonthUsage, NasNames, Session};
use garth_store::write::WriteError;
use garth_store::{Limits, Options, Store, TimeLimits};
use garth_subscription::facts::SubscriptionId;
use garth_subscription::time::Span;
use proptest::prelude::*;

use crate::disk::{Disk, Left};
use crate::world::{
    Gate, Recorder, START, TestClock, World, check, fold, id, new, operator, options, plan, record,
    session_key, until, wait,
};
use AccountingStatus::{AccountingOff, AccountingOn, InterimUpdate, Start, Stop};

const SUBSCRIPTIONS: u32 = 3;
const SESSIONS: u8 = 8;

#[derive(Clone, Debug)]
enum Action {
    Account(Vec<(u8, u8, u16, u8)>),
    Close(u8),
    Advance(u32),
    Fire,
    /// Lets a part of the log be folded, where one is due.
    Fold,
    /// The power is lost, with a sweep under way or not.
    Crash,
    Restart,
}

fn action() -> impl Strategy<Value = Action> {
    let one = (0..SESSIONS, 0..10_u8, 0..900_u16, 0..4_u8);
    prop_oneof![
        8 => prop::collection::vec(one, 1..6).prop_map(Action::Account),
        1 => (0..SESSIONS).prop_map(Action::Close),
        4 => (1..400_u32).prop_map(Action::Advance),
        1 => Just(Action::Advance(86_400)),
        1 => Just(Action::Advance(12 * 86_400)),
        3 => Just(Action::Fire),
        3 => Just(Action::Fold),
        2 => Just(Action::Crash),
        1 => Just(Action::Restart),
    ]
}

fn told((session, kind, seconds, delay): (u8, u8, u16, u8)) -> AccountingRecord {
    let status = match kind {
        0 | 1 => Start,
        2..=5 => InterimUpdate,
        6 | 7 => Stop,
        8 => AccountingOn,
        _ => AccountingOff,
    };
    // Now and then somebody else's, or nobody's that is known.
    let shift = u32::from(seconds % 13 == 0);
    let user = (u32::from(session) + shift) % (SUBSCRIPTIONS + 1) + 1;
    let mut told = AccountingRecord {
        framed_ipv4: (seconds % 4 > 0).then(|| (0x0A40_0000 + u32::from(seconds) % 3).into()),
        framed_ipv6: (seconds % 5 == 0).then(|| "2001:db8:7::/64".parse().unwrap()),
        session_time: if seconds % 3 == 0 { 0 } else { seconds.into() },
        input_octets: u64::from(seconds) * 7,
        output_octets: u64::from(seconds) * 9,
        delay_seconds: u32::from(delay) * 20,
        terminate_cause: (kind == 7).then_some(1),
        nas_names: NasNames {
            nas_ip_address: (seconds % 7 > 0).then(|| (u32::from(seconds) % 2).into()),
            ..NasNames::default()
        },
        nas_port_id: (seconds % 6 == 0).then(|| [delay].into()),
        further_ipv6: (seconds % 11 == 0)
            .then(|| "2001:db8:8::/64".parse().unwrap())
            .into_iter()
            .collect(),
        ..record(status, &format!("s{session}"), &format!("user{user}"))
    };
    told.key.nas = format!("nas-{}", session % 2).into();
    told
}

/// All that a reader can see of the sessions.
#[derive(Debug, PartialEq)]
struct Seen {
    all: Vec<Session>,
    live: Vec<Session>,
    of: Vec<(SubscriptionId, Vec<Session>)>,
    usage: Vec<Vec<MonthUsage>>,
    named: Vec<Option<Session>>,
    index: garth_store::index::Content,
}

fn seen(store: &Store) -> Seen {
    let sorted = |of| {
        let mut sessions = store.sessions(of, false, 10_000).unwrap();
        sessions.sort_by_key(|session| (session.stopped_at, session.key.clone()));
        sessions
    };
    let named = (0..SESSIONS).map(|n| store.session(&told((n, 0, 0, 0)).key).unwrap());
    Seen {
        all: sorted(None),
        live: store.live_sessions(None, 10_000).unwrap(),
        of: (1..=SUBSCRIPTIONS)
            .map(|n| (id(n), sorted(Some(id(n)))))
            .collect(),
        usage: (1..=SUBSCRIPTIONS)
            .map(|n| store.usage(id(n)).unwrap())
            .collect(),
        named: named.collect(),
        index: store.index().content(),
    }
}

/// A store that is crashed and folded, beside one that is neither.
struct Pair {
    disk: Disk,
    clock: Arc<TestClock>,
    store: Store,
    quiet_clock: Arc<TestClock>,
    quiet: Store,
}

/// Folds two keys at a time, so that a sweep takes several transactions.
fn small(clock: &Arc<TestClock>) -> Options {
    Options {
        limits: Limits {
            fold_sessions_max: 2,
            session_age_max: Span::from_seconds(3_600),
            session_age_max_without_interim: Span::from_seconds(7_200),
            // The monotonic clock stands still here unless a fold is wanted.
            time: TimeLimits {
                clock_jump_max: Span::from_days(3_650),
                // The two are closed and opened at different times: how long one was off is not what is tried.
                start_gap_max: Span::from_days(3_650),
                ..TimeLimits::default()
            },
            ..Limits::default()
        },
        ..options(clock, &Arc::<Recorder>::default())
    }
}

fn fill(store: &Store) {
    wait(store.apply_plans(vec![plan("home-100", 100_000)], operator())).unwrap();
    for n in 1..=SUBSCRIPTIONS {
        wait(store.add(new(n, None), operator(), None)).unwrap();
    }
}

impl Pair {
    fn new() -> Self {
        let (disk, quiet) = (Disk::default(), Disk::default());
        let (clock, quiet_clock) = (TestClock::new(START), TestClock::new(START));
        quiet_clock.stop_monotonic();
        let store = Store::open_backend(disk.clone(), small(&clock)).unwrap();
        let quiet = Store::open_backend(quiet, small(&quiet_clock)).unwrap();
        fill(&store);
        fill(&quiet);
        Self {
            disk,
            clock,
            store,
            quiet_clock,
            quiet,
        }
    }

    fn run(&mut self, action: &Action) {
        match action {
            Action::Account(records) => {
                let records: Vec<_> = records.iter().copied().map(told).collect();
                self.store.account(records.clone()).unwrap();
                self.quiet.account(records).unwrap();
            }
            Action::Close(session) => {
                let key = told((*session, 0, 0, 0)).key;
                let lived = wait(self.store.close_session(key.clone(), 6)).unwrap();
                assert_eq!(wait(self.quiet.close_session(key, 6)).unwrap(), lived);
            }
            Action::Advance(seconds) => {
                self.clock.advance(i64::from(*seconds) * 1_000);
                self.quiet_clock.advance(i64::from(*seconds) * 1_000);
            }
            Action::Fire => self.fire(),
            Action::Fold => {
                self.clock.pass_monotonic(61_000);
                self.fire();
            }
            Action::Crash => self.reopen(self.disk.after_power_loss(Left::Nothing)),
            Action::Restart => {
                self.store.close();
                assert_eq!(self.store.status().accounting_log_records, 0);
                assert_eq!(self.store.status().sessions_not_folded, 0);
                self.reopen(self.disk.copy(None));
            }
        }
    }

    fn fire(&self) {
        let fired = wait(self.store.fire_due()).unwrap();
        assert_eq!(wait(self.quiet.fire_due()).unwrap(), fired);
    }

    fn reopen(&mut self, disk: Disk) {
        self.store = Store::open_backend(disk.clone(), small(&self.clock)).unwrap();
        self.disk = disk;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn folds_crashes_and_restarts_change_nothing_of_the_sessions(
        actions in prop::collection::vec(action(), 1..50)
    ) {
        let mut pair = Pair::new();
        for action in &actions {
            pair.run(action);
            prop_assert_eq!(seen(&pair.store), seen(&pair.quiet));
        }
        prop_assert_eq!(pair.quiet.status().folds, 0);
        check(&pair.store);
        check(&pair.quiet);
    }
}

#[test]
fn a_row_that_makes_way_for_another_subscriptions_is_listed_no_more() {
    let mut pair = Pair::new();
    for action in [
        Action::Account(vec![(5, 2, 690, 2)]),
        Action::Advance(86_400),
        Action::Fold,
        // It goes on, and the Stop of another subscription's ends where the row in the table did.
        Action::Account(vec![(5, 3, 295, 0), (5, 7, 416, 0)]),
        Action::Fold,
    ] {
        pair.run(&action);
        assert_eq!(seen(&pair.store), seen(&pair.quiet));
    }
    check(&pair.store);
}

fn starts(range: std::ops::Range<u32>) -> Vec<AccountingRecord> {
    range
        .map(|n| record(Start, &format!("s{n:04}"), "user1"))
        .collect()
}

/// A store whose writer has a thousand sessions of one subscription in its log and stands behind that commit: no
/// part of the log is folded before it is let on. The answer to the records comes by the thread.
fn before_the_fold(limits: Limits) -> (World, Arc<Gate>, JoinHandle<()>) {
    let gate = Arc::new(Gate::default());
    let world = World::with(|options| {
        options.limits = limits;
        options.observer = gate.clone();
    });
    world.add(1, "2026-12-01T00:00:00Z");
    gate.shuts();
    let store = world.store.clone();
    let accounting = std::thread::spawn(move || {
        store.account(starts(0..1_000)).unwrap();
    });
    gate.until_reached();
    (world, gate, accounting)
}

#[test]
fn a_log_that_is_too_long_is_busy_until_it_is_folded() {
    let (world, gate, accounting) = before_the_fold(Limits {
        accounting_log_max: 400,
        fold_sessions_max: 8,
        ..Limits::default()
    });
    let store = world.store.clone();
    let more = std::thread::spawn(move || store.account(starts(1_000..1_001)));
    until(|| world.store.status().bulk_waiting > 0);
    // The writer folds from a hundred events on, between two batches.
    gate.open();
    accounting.join().unwrap();
    assert!(matches!(more.join().unwrap(), Err(WriteError::Busy)));
    assert_eq!(world.store.index().live_sessions(), 1_000);
    // Nobody asks the writer for anything; it goes on all the same.
    until(|| world.store.status().accounting_log_records == 0);
    world.store.account(starts(1_000..1_001)).unwrap();
    assert_eq!(world.store.live_sessions(None, 9_999).unwrap().len(), 1_001);
    assert!(world.store.status().folds >= 1);
    world.check();
}

#[test]
fn a_command_passes_by_between_two_parts_of_a_fold() {
    let (world, gate, accounting) = before_the_fold(Limits {
        accounting_log_max: 4_000,
        fold_sessions_max: 1,
        ..Limits::default()
    });
    let add = |number| {
        let (store, new) = (world.store.clone(), new(number, None));
        let adding = std::thread::spawn(move || {
            wait(store.add(new, operator(), None)).unwrap();
        });
        until(|| world.store.status().commands_waiting > 0);
        gate.lets_on();
        gate.until_reached();
        (adding, world.store.status().sessions_not_folded)
    };
    let (first, before) = add(2);
    let (second, after) = add(3);
    assert!(0 < after && after < before, "{before}, then {after}");
    gate.open();
    for thread in [accounting, first, second] {
        thread.join().unwrap();
    }
    until(|| world.store.status().accounting_log_records == 0);
    world.check();
}

#[test]
fn what_is_not_folded_yet_is_read_like_what_is() {
    let world = World::new();
    world.add(1, "2026-12-01T00:00:00Z");
    let key = session_key("s0000");
    let counted = |status, seconds: u32| AccountingRecord {
        session_time: seconds,
        input_octets: u64::from(seconds) * 10,
        ..record(status, "s0000", "user1")
    };
    let of = |live_only| world.store.sessions(Some(id(1)), live_only, 9).unwrap();
    for folds in [false, true] {
        let step = || {
            if folds {
                world.fold();
            }
            world.check();
        };
        world.clock.advance(10_000_000);
        let before = of(false).len();
        world.store.account(starts(0..1)).unwrap();
        step();
        assert_eq!((of(true).len(), of(false).len()), (1, before + 1));
        world.store.account(vec![counted(Stop, 100)]).unwrap();
        step();
        assert_eq!((of(true).len(), of(false).len()), (0, before + 1));
        // Of the closed session, and late: it counts and stays closed.
        world
            .store
            .account(vec![counted(InterimUpdate, 120)])
            .unwrap();
        step();
        let session = world.store.session(&key).unwrap().unwrap();
        assert_eq!((session.input_octets, of(true).len()), (1_200, 0));
        assert_eq!(of(false)[0], session);
        assert_eq!(of(false).len(), before + 1);
    }
}

#[test]
fn a_closed_session_that_the_log_knows_more_of_is_not_deleted_before_it_is_folded() {
    let disk = Disk::default();
    let clock = TestClock::new(START);
    let open = |disk: &Disk| {
        let mut options = options(&clock, &Arc::<Recorder>::default());
        options.limits.closed_session_retention = Span::from_days(1);
        Store::open_backend(disk.clone(), options).unwrap()
    };
    let store = open(&disk);
    store.account(vec![record(Stop, "s1", "user1")]).unwrap();
    fold(&store, &clock);
    clock.advance(86_400_000);
    // Very late, and of a session that is over: what it says alone would begin one.
    let late = AccountingRecord {
        delay_seconds: 90_000,
        ..record(InterimUpdate, "s1", "user1")
    };
    store.account(vec![late]).unwrap();
    wait(store.fire_due()).unwrap();
    let store = open(&disk.after_power_loss(Left::Nothing));
    assert_eq!(store.index().live_sessions(), 0);
    assert_eq!(store.sessions(None, false, 9).unwrap().len(), 1);
    fold(&store, &clock);
    wait(store.fire_due()).unwrap();
    assert!(store.sessions(None, false, 9).unwrap().is_empty());
    check(&store);
}

#[test]
fn the_status_tells_of_log_commits_and_folds() {
    let world = World::new();
    world.store.account(starts(0..5)).unwrap();
    let status = world.store.status();
    assert_eq!(status.last_commit_records, 5);
    assert_eq!(status.accounting_log_records, 5);
    assert_eq!((status.sessions_not_folded, status.folds), (5, 0));
    world.fold();
    let status = world.store.status();
    assert_eq!((status.accounting_log_records, status.folds), (0, 1));
    assert_eq!(status.sessions_not_folded, 0);
}

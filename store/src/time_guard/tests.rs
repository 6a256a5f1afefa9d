//! The rules of E3 and E13, one by one, with clocks and an agenda made by hand.

use std::collections::BTreeMap;
use std::convert::Infallible;

use proptest::prelude::*;

use super::breaker::{RECOUNT_AFTER, ROWS_PER_STEP};
use super::*;

const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// Noon in the month of the release.
fn start() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn after(at: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(at.unix_millis() + millis).unwrap()
}

/// An agenda of which everything is known.
#[derive(Default)]
struct Hand {
    rows: BTreeMap<Row, Look>,
    /// Changes that have no row until those before them are carried out.
    later: BTreeMap<Row, Look>,
    with_full_access: u64,
}

impl Hand {
    fn of(with_full_access: u64) -> Self {
        Self {
            with_full_access,
            ..Self::default()
        }
    }

    /// `count` subscriptions that have a row then.
    fn add(&mut self, at: Timestamp, count: u64, loses: bool) {
        for _ in 0..count {
            let id = self.rows.len() as u128;
            let look = Look { loses, next: None };
            self.rows.insert(Row { at, id }, look);
        }
    }
}

impl Agenda for Hand {
    type Error = Infallible;

    fn rows(&self, after: Row, through: Timestamp, limit: usize) -> Result<Vec<Row>, Infallible> {
        let rows = self.rows.keys().filter(|row| **row > after);
        let rows = rows.take_while(|row| row.at <= through);
        Ok(rows.take(limit).copied().collect())
    }

    fn look(&self, row: Row) -> Result<Look, Infallible> {
        let look = self.rows.get(&row).or_else(|| self.later.get(&row));
        Ok(look.copied().unwrap_or_default())
    }

    fn with_full_access(&self, _: Timestamp) -> u64 {
        self.with_full_access
    }
}

/// A store's time, as its readers see it.
struct World {
    guard: Guard,
    effective: Effective,
    agenda: Hand,
    wall: Timestamp,
    monotonic: Duration,
    is_synchronised: bool,
}

impl World {
    /// One that is opened at `wall`, its last commit at `committed_at`.
    fn opened(committed_at: Timestamp, wall: Timestamp) -> Self {
        Self::with(committed_at, wall, Confirmed::default(), Hand::default())
    }

    fn with(committed_at: Timestamp, wall: Timestamp, confirmed: Confirmed, agenda: Hand) -> Self {
        let monotonic = Duration::from_secs(7);
        let guard = Guard::new(TimeLimits::default(), committed_at, confirmed, monotonic);
        let mut world = Self {
            effective: Effective::new(guard.ceiling()),
            guard,
            agenda,
            wall,
            monotonic,
            is_synchronised: false,
        };
        world.tick();
        world
    }

    /// One that runs, with that agenda.
    fn running(agenda: Hand) -> Self {
        Self::with(start(), start(), Confirmed::default(), agenda)
    }

    fn step(&mut self) -> bool {
        let reading = Reading {
            wall: self.wall,
            monotonic: self.monotonic,
            is_synchronised: self.is_synchronised,
        };
        let now = self.now();
        let Ok(more) = self.guard.tick(reading, now, &self.agenda);
        self.effective.raise(self.guard.ceiling());
        more
    }

    fn tick(&mut self) {
        while self.step() {}
    }

    fn now(&self) -> Timestamp {
        self.effective.now(self.wall)
    }

    /// Both clocks run, then there is a tick.
    fn pass(&mut self, millis: i64) {
        self.wall = after(self.wall, millis);
        self.monotonic += Duration::from_millis(millis.unsigned_abs());
        self.tick();
    }

    /// The wall clock is set, then there is a tick.
    fn set(&mut self, wall: Timestamp) {
        self.wall = wall;
        self.tick();
    }

    /// As the store does it: what is held is confirmed, written down and gone by.
    fn confirm(&mut self, kind: HoldKind) -> Confirmed {
        let held = self.held(kind).expect("there is one");
        let confirmed = self.guard.confirmed().with(&held).expect("a person can");
        self.guard.confirm(confirmed, self.monotonic);
        self.tick();
        confirmed
    }

    fn held(&self, kind: HoldKind) -> Option<Hold> {
        let holds = self.guard.holds().into_iter().map(|held| held.hold);
        holds.into_iter().find(|hold| hold.kind() == kind)
    }

    fn is_held(&self) -> bool {
        !self.guard.holds().is_empty()
    }
}

#[test]
fn a_new_store_takes_any_time_after_the_release() {
    let lost: Timestamp = "1970-01-01T00:05:00Z".parse().unwrap();
    let mut world = World::opened(Timestamp::MIN, lost);
    assert_eq!(world.now(), RELEASED_AT, "it is that late at least");
    let (wall, least) = (lost, RELEASED_AT);
    assert_eq!(
        world.held(HoldKind::ClockBehind),
        Some(Hold::ClockBehind { wall, least })
    );
    world.set(after(start(), 20 * YEAR));
    assert_eq!(world.now(), world.wall);
    assert!(!world.is_held());
}

#[test]
fn e3_time_stands_while_the_clock_is_before_the_release() {
    let committed_at = after(RELEASED_AT, -DAY);
    let mut world = World::opened(committed_at, after(RELEASED_AT, -HOUR));
    assert!(world.held(HoldKind::ClockBehind).is_some());
    world.pass(HOUR - SECOND);
    assert_eq!(world.now(), committed_at);
    world.pass(SECOND);
    assert_eq!(world.now(), RELEASED_AT);
    assert!(!world.is_held());
}

#[test]
fn e3_a_clock_that_falls_behind_stops_time() {
    let mut world = World::opened(start(), start());
    world.pass(DAY);
    let before = world.now();
    world.set(after(world.wall, -60 * SECOND));
    assert!(!world.is_held(), "NTP steps so far");
    assert_eq!(world.now(), before);
    world.set(after(world.wall, -SECOND));
    let (wall, least) = (world.wall, before);
    assert_eq!(
        world.held(HoldKind::ClockBehind),
        Some(Hold::ClockBehind { wall, least })
    );
    assert_eq!(world.now(), before);
    world.pass(HOUR);
    assert_eq!(world.now(), world.wall, "it has caught up");
    assert!(!world.is_held());
}

#[test]
fn e3_a_clock_that_jumps_by_a_year_moves_time_by_the_monotonic_clock_alone() {
    let mut world = World::opened(start(), start());
    world.pass(DAY);
    let from = world.now();
    world.set(after(world.wall, YEAR));
    let to = world.wall;
    assert_eq!(
        world.held(HoldKind::ClockJump),
        Some(Hold::ClockJump { from, to })
    );
    assert!(world.now().since(from) <= LOOKAHEAD);
    world.pass(5 * DAY);
    assert_eq!(world.now(), after(from, 5 * DAY));
    assert!(world.is_held());
}

#[test]
fn e3_a_jump_of_an_hour_is_taken() {
    let mut world = World::opened(start(), start());
    world.set(after(world.wall, HOUR));
    assert_eq!(world.now(), world.wall);
    world.set(after(world.wall, HOUR + 1));
    assert!(world.held(HoldKind::ClockJump).is_some());
}

#[test]
fn e3_a_jump_is_over_once_the_clock_is_back() {
    let mut world = World::opened(start(), start());
    world.set(after(start(), YEAR));
    world.pass(DAY);
    world.set(after(start(), DAY + 3 * SECOND));
    assert!(!world.is_held());
    assert_eq!(world.now(), world.wall);
}

#[test]
fn e3_a_jump_is_over_once_the_clock_is_synchronised() {
    let mut world = World::opened(start(), start());
    world.set(after(start(), YEAR));
    world.is_synchronised = true;
    world.tick();
    assert!(!world.is_held());
    assert_eq!(world.now(), world.wall);
    world.is_synchronised = false;
    world.pass(DAY);
    assert_eq!(world.now(), world.wall, "it stays trusted");
}

#[test]
fn e3_a_jump_is_over_once_it_is_confirmed_and_another_is_held() {
    let mut world = World::opened(start(), start());
    world.set(after(start(), YEAR));
    world.confirm(HoldKind::ClockJump);
    assert!(!world.is_held());
    assert_eq!(world.now(), world.wall);
    world.set(after(world.wall, YEAR));
    assert!(world.held(HoldKind::ClockJump).is_some());
}

#[test]
fn e3_a_clock_behind_cannot_be_confirmed() {
    let mut world = World::opened(start(), start());
    world.set(after(start(), -DAY));
    let held = world.held(HoldKind::ClockBehind).unwrap();
    assert_eq!(world.guard.confirmed().with(&held), None);
}

#[test]
fn e3_a_start_after_a_week_without_power_is_taken_and_one_after_31_days_is_held() {
    let world = World::opened(start(), after(start(), 7 * DAY));
    assert!(!world.is_held());
    assert_eq!(world.now(), world.wall);
    let mut world = World::opened(start(), after(start(), 31 * DAY));
    assert!(world.held(HoldKind::ClockJump).is_some());
    assert_eq!(world.now(), start());
    world.pass(HOUR);
    assert_eq!(world.now(), after(start(), HOUR));
    world.is_synchronised = true;
    world.tick();
    assert_eq!(world.now(), world.wall);
}

#[test]
fn e3_a_router_that_learns_the_time_after_its_start_goes_on() {
    let lost: Timestamp = "1970-01-01T00:00:20Z".parse().unwrap();
    let mut world = World::opened(start(), lost);
    world.pass(120 * SECOND);
    assert_eq!(world.now(), start());
    world.set(after(start(), 7 * DAY));
    assert_eq!(world.now(), world.wall);
    assert!(!world.is_held());
}

#[test]
fn e3_a_confirmed_clock_stays_confirmed_over_a_restart() {
    let mut world = World::opened(start(), start());
    world.set(after(start(), YEAR));
    let confirmed = world.confirm(HoldKind::ClockJump);
    // Nothing was committed since but the confirmation.
    let again = World::with(start(), world.wall, confirmed, Hand::default());
    assert!(!again.is_held());
    assert_eq!(again.now(), world.wall);
    let unconfirmed = World::opened(start(), world.wall);
    assert!(unconfirmed.held(HoldKind::ClockJump).is_some());
}

#[test]
fn e13_time_stops_before_an_instant_at_which_too_many_lose_access() {
    let mut agenda = Hand::of(1_000);
    let at = after(start(), HOUR);
    agenda.add(at, 201, true);
    agenda.add(at, 500, false);
    let mut world = World::running(agenda);
    world.pass(HOUR - SECOND);
    assert!(world.is_held(), "it is seen ahead of time");
    world.pass(DAY);
    assert_eq!(world.now(), instant_before(at));
    let held = Hold::MassChange {
        at,
        losing: 201,
        of: 1_000,
        allowed: 200,
    };
    assert_eq!(world.held(HoldKind::MassChange), Some(held));
    world.pass(30 * DAY);
    assert_eq!(world.now(), instant_before(at), "no day makes it good");
}

#[test]
fn e13_a_normal_first_of_the_month_passes() {
    let mut agenda = Hand::of(10_000);
    let first = after(start(), DAY);
    agenda.add(first, 1_500, true);
    agenda.add(first, 8_500, false);
    let mut world = World::running(agenda);
    world.pass(DAY);
    assert_eq!(world.now(), first);
    assert!(!world.is_held());
}

#[test]
fn e13_fifty_may_lose_access_however_small_the_isp() {
    let mut agenda = Hand::of(60);
    agenda.add(after(start(), HOUR), 50, true);
    agenda.add(after(start(), 2 * HOUR), 1, true);
    let mut world = World::running(agenda);
    world.pass(HOUR);
    assert!(!world.is_held());
    world.pass(HOUR);
    assert!(world.held(HoldKind::MassChange).is_some(), "51 in a day");
}

#[test]
fn e13_losses_of_many_seconds_are_summed_over_the_day() {
    let mut agenda = Hand::of(1_000);
    for second in 1..=5 {
        agenda.add(after(start(), HOUR + second * SECOND), 50, true);
    }
    let mut world = World::running(agenda);
    for _ in 0..2 * 3_600 {
        world.pass(SECOND);
    }
    assert_eq!(world.now(), after(start(), HOUR + 5 * SECOND - 1));
}

#[test]
fn e13_after_a_week_without_power_each_day_has_its_share() {
    let mut agenda = Hand::of(1_000);
    for day in 1..=7 {
        agenda.add(after(start(), day * DAY - HOUR), 150, true);
    }
    let week = after(start(), 7 * DAY);
    let world = World::with(start(), week, Confirmed::default(), agenda);
    assert_eq!(world.now(), week);
    let mut at_once = Hand::of(1_000);
    at_once.add(after(start(), 6 * DAY), 7 * 150, true);
    let world = World::with(start(), week, Confirmed::default(), at_once);
    assert_eq!(world.now(), instant_before(after(start(), 6 * DAY)));
}

#[test]
fn e13_a_confirmed_change_passes_and_the_next_one_is_checked_again() {
    let mut agenda = Hand::of(1_000);
    let (first, second) = (after(start(), HOUR), after(start(), 2 * HOUR));
    agenda.add(first, 600, true);
    agenda.add(second, 400, true);
    let mut world = World::running(agenda);
    world.pass(5 * HOUR);
    world.confirm(HoldKind::MassChange);
    assert_eq!(world.now(), instant_before(second));
    let Some(Hold::MassChange { at, losing, .. }) = world.held(HoldKind::MassChange) else {
        panic!("the second is held");
    };
    assert_eq!((at, losing), (second, 400));
    world.confirm(HoldKind::MassChange);
    assert_eq!(world.now(), world.wall);
    assert!(!world.is_held());
}

#[test]
fn e13_what_was_held_is_held_after_a_restart_and_what_was_confirmed_is_not() {
    let at = after(start(), HOUR);
    let agenda = || {
        let mut agenda = Hand::of(1_000);
        agenda.add(at, 600, true);
        agenda
    };
    let mut world = World::running(agenda());
    world.pass(DAY);
    let committed_at = world.now();
    let again = World::with(committed_at, world.wall, Confirmed::default(), agenda());
    assert_eq!(
        again.held(HoldKind::MassChange),
        world.held(HoldKind::MassChange)
    );
    assert_eq!(again.now(), committed_at);
    let confirmed = world.confirm(HoldKind::MassChange);
    let again = World::with(committed_at, world.wall, confirmed, agenda());
    assert!(!again.is_held());
}

#[test]
fn e13_what_payments_make_good_is_let_on_within_a_minute() {
    let at = after(start(), HOUR);
    let mut agenda = Hand::of(1_000);
    agenda.add(at, 600, true);
    let mut world = World::running(agenda);
    world.pass(HOUR);
    assert!(world.is_held());
    for _ in 0..500 {
        world.agenda.rows.pop_first();
    }
    let pause = i64::try_from(RECOUNT_AFTER.as_millis()).unwrap();
    world.pass(pause - SECOND);
    assert!(world.is_held(), "it is not counted every second");
    world.pass(SECOND);
    assert_eq!(world.now(), world.wall);
    assert!(!world.is_held());
}

#[test]
fn e13_a_count_that_still_holds_is_never_without_its_hold() {
    let at = after(start(), HOUR);
    let mut agenda = Hand::of(5_000);
    agenda.add(at, 4 * ROWS_PER_STEP as u64, true);
    let mut world = World::running(agenda);
    world.pass(HOUR);
    let held = world.held(HoldKind::MassChange);
    assert!(held.is_some());
    world.wall = after(world.wall, HOUR);
    world.monotonic += RECOUNT_AFTER;
    while world.step() {
        assert_eq!(world.held(HoldKind::MassChange), held);
    }
    assert_eq!(world.held(HoldKind::MassChange), held);
}

#[test]
fn e13_what_follows_a_change_is_counted_before_it_has_a_row() {
    // Everyone's paid time ends on the first day and everyone's grace on the fourth; the timer has
    // carried out nothing of it.
    let (paid_through, grace_until) = (after(start(), DAY), after(start(), 4 * DAY));
    let mut agenda = Hand::of(1_000);
    for id in 0..1_000 {
        let look = Look {
            loses: false,
            next: Some(grace_until),
        };
        let at = paid_through;
        agenda.rows.insert(Row { at, id }, look);
        let look = Look {
            loses: true,
            next: None,
        };
        let at = grace_until;
        agenda.later.insert(Row { at, id }, look);
    }
    let week = after(start(), 7 * DAY);
    let mut world = World::with(start(), week, Confirmed::default(), agenda);
    assert_eq!(world.now(), instant_before(grace_until));
    assert!(world.held(HoldKind::MassChange).is_some());
    world.pass(DAY);
    assert!(world.is_held(), "counted again, and still without rows");
}

#[test]
fn many_rows_are_gone_through_in_steps() {
    let mut agenda = Hand::of(100_000);
    let (first, second) = (after(start(), HOUR), after(start(), 2 * HOUR));
    agenda.add(first, ROWS_PER_STEP as u64 / 2, true);
    agenda.add(second, 3 * ROWS_PER_STEP as u64, true);
    let mut world = World::running(agenda);
    world.wall = after(start(), DAY);
    world.monotonic += Duration::from_secs(86_400);
    assert!(world.step());
    assert_eq!(
        world.now(),
        instant_before(second),
        "as far as it is checked"
    );
    let mut steps = 2;
    while world.step() {
        steps += 1;
    }
    assert_eq!(steps, 4, "3.5 steps of rows");
    assert_eq!(world.now(), world.wall);
}

#[derive(Clone, Debug)]
enum Event {
    Pass(i64),
    Set(i64),
    Tick,
    Step,
    Synchronised(bool),
    Confirm(HoldKind),
    Restart,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..3 * DAY).prop_map(Event::Pass),
        2 => (-40 * DAY..40 * DAY).prop_map(Event::Set),
        4 => Just(Event::Tick),
        4 => Just(Event::Step),
        1 => any::<bool>().prop_map(Event::Synchronised),
        2 => proptest::sample::select(&HoldKind::ALL[..]).prop_map(Event::Confirm),
        1 => Just(Event::Restart),
    ]
}

/// Rows of an agenda: hours from the start, how many, and whether they lose access.
fn rows() -> impl Strategy<Value = Vec<(i64, u64, bool)>> {
    proptest::collection::vec((1..2_000_i64, 1..120_u64, any::<bool>()), 0..20)
}

proptest! {
    #[test]
    fn effective_time_never_runs_back_nor_past_what_was_checked(
        rows in rows(),
        events in proptest::collection::vec(event(), 1..60),
    ) {
        let mut agenda = Hand::of(400);
        for (hours, count, loses) in rows {
            agenda.add(after(start(), hours * HOUR), count, loses);
        }
        let mut world = World::running(agenda);
        let (mut last, mut ceiling) = (world.now(), world.guard.ceiling());
        for event in events {
            match event {
                Event::Pass(millis) => {
                    world.wall = after(world.wall, millis);
                    world.monotonic += Duration::from_millis(millis.unsigned_abs());
                }
                Event::Set(millis) => world.wall = after(world.wall, millis),
                Event::Tick => world.tick(),
                Event::Step => {
                    world.step();
                }
                Event::Synchronised(is_so) => world.is_synchronised = is_so,
                Event::Confirm(kind) => {
                    if kind != HoldKind::ClockBehind && world.held(kind).is_some() {
                        world.confirm(kind);
                    }
                }
                Event::Restart => {
                    let confirmed = world.guard.confirmed();
                    let agenda = std::mem::take(&mut world.agenda);
                    world = World::with(last, world.wall, confirmed, agenda);
                    ceiling = Timestamp::MIN;
                }
            }
            let now = world.now();
            prop_assert!(last <= now, "{now} after {last}");
            prop_assert!(now <= world.guard.ceiling(), "{now} is not checked");
            prop_assert!(ceiling <= world.guard.ceiling());
            if let Some(Hold::MassChange { at, .. }) = world.held(HoldKind::MassChange) {
                prop_assert!(now < at, "{now} is not before {at}");
            }
            (last, ceiling) = (now, world.guard.ceiling());
        }
    }
}

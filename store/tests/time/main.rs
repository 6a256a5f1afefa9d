//! Time as the daemon has it from the store: what a wrong clock and a mass change do, and do not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../store/disk.rs"]
mod disk;
mod world;

use std::sync::atomic::Ordering;

use garth_store::write::WriteError;
use garth_store::{Hold, HoldKind, Store};
use garth_subscription::facts::SubscriptionId;
use garth_subscription::standing::Standing;

use disk::{Disk, Left};
use world::{DAY, HOUR, SECOND, World, YEAR, after, id, operator, plan, policies, start, wait};

fn confirm(store: &Store, kind: HoldKind) -> Result<Hold, WriteError> {
    wait(store.confirm_hold(kind, operator())).map(|held| held.hold)
}

#[test]
fn e3_a_jump_by_a_year_cuts_nobody_off_and_payments_go_on() {
    let world = World::new();
    world.add(0..10, after(10 * DAY));
    world.pass(SECOND);
    world.tick();
    world.set(YEAR);
    let fired = world.tick();
    assert_eq!((fired.agenda, fired.boundaries), (0, 0));
    let Some(Hold::ClockJump { to, .. }) = fired.held else {
        panic!("{:?}", fired.held);
    };
    assert_eq!(to, after(YEAR));
    assert_eq!(world.standing(0), Standing::Active);
    assert_eq!(world.kinds(), [HoldKind::ClockJump]);
    assert_eq!(world.told(), ["+clock_jump"]);
    let status = world.store.status();
    assert_eq!(status.wall, after(YEAR));
    assert!(status.now < after(HOUR));
    // Until the first of January: the month is counted from what was paid, not from a wrong now.
    assert_eq!(world.pay(0), after(41 * DAY));
    world.pass(11 * DAY);
    assert_eq!(
        world.tick().agenda,
        9,
        "time goes on by the monotonic clock"
    );
    assert_eq!(world.standing(0), Standing::Active);
    assert_eq!(world.standing(1), Standing::Expired);
    world.set(11 * DAY + 2 * SECOND);
    assert_eq!(world.tick().held, None);
    assert_eq!(world.told(), ["-clock_jump"]);
    assert_eq!(world.store.now(), after(11 * DAY + 2 * SECOND));
    world.check();
}

#[test]
fn e3_a_clock_that_falls_back_stops_time_and_nothing_is_due() {
    let world = World::new();
    world.add(0..10, after(DAY));
    world.pass(DAY - SECOND);
    world.tick();
    let now = world.store.now();
    world.set(-5 * DAY);
    let fired = world.tick();
    assert_eq!((fired.agenda, world.store.now()), (0, now));
    assert_eq!(world.kinds(), [HoldKind::ClockBehind]);
    let refused = confirm(&world.store, HoldKind::ClockBehind);
    assert!(matches!(
        refused,
        Err(WriteError::NotHeld(HoldKind::ClockBehind))
    ));
    world.set(DAY);
    assert_eq!(world.tick().agenda, 10);
    assert_eq!(world.told(), ["+clock_behind", "-clock_behind"]);
}

#[test]
fn e3_a_week_without_power_is_made_up_for_and_31_days_are_held() {
    let world = World::new();
    world.add(0..10, after(5 * DAY));
    let world = world.reopened(7 * DAY);
    assert_eq!(world.store.now(), after(7 * DAY), "before the first tick");
    assert_eq!(world.standing(3), Standing::Expired);
    assert_eq!(world.tick().agenda, 10);
    let world = world.reopened(7 * DAY + 31 * DAY);
    assert_eq!(world.kinds(), [HoldKind::ClockJump]);
    assert_eq!(world.told(), ["+clock_jump"], "at the start already");
    world.clocks.is_synchronised.store(true, Ordering::SeqCst);
    assert_eq!(world.tick().held, None);
    assert_eq!(world.store.now(), after(38 * DAY));
}

#[test]
fn e3_a_confirmed_clock_is_gone_by_also_after_a_restart() {
    let world = World::new();
    world.add(0..10, after(10 * DAY));
    let world = world.reopened(YEAR);
    assert_eq!(world.standing(0), Standing::Active);
    let confirmed = confirm(&world.store, HoldKind::ClockJump).unwrap();
    let from = world.store.status().committed_at;
    assert_eq!(
        confirmed,
        Hold::ClockJump {
            from,
            to: after(YEAR)
        }
    );
    // No tick: nothing was committed but the confirmation.
    let world = world.reopened(YEAR);
    assert_eq!(world.store.holds(), []);
    assert_eq!(world.tick().agenda, 10);
    assert_eq!(world.standing(0), Standing::Expired);
    let refused = confirm(&world.store, HoldKind::ClockJump);
    assert!(matches!(refused, Err(WriteError::NotHeld(_))));
}

#[test]
fn e13_too_many_expiries_are_held_until_they_are_confirmed() {
    let world = World::new();
    world.add(0..60, after(DAY));
    world.add(60..100, after(90 * DAY));
    world.pass(2 * DAY);
    let fired = world.tick();
    let held = Hold::MassChange {
        at: after(DAY),
        losing: 60,
        of: 100,
        allowed: 50,
    };
    assert_eq!((fired.held, fired.agenda), (Some(held), 0));
    assert_eq!(world.standing(0), Standing::Active);
    assert_eq!(world.store.now(), after(DAY - 1));
    assert_eq!(world.pay(0), after(31 * DAY), "one who pays meanwhile");
    assert_eq!(confirm(&world.store, HoldKind::MassChange).unwrap(), held);
    assert_eq!(world.tick().agenda, 59);
    assert_eq!(world.standing(1), Standing::Expired);
    assert_eq!(world.store.now(), after(2 * DAY));
    assert_eq!(world.told(), ["+mass_change", "-mass_change"]);
    world.check();
}

#[test]
fn e13_a_hold_is_there_again_after_a_restart_and_what_was_confirmed_is_not() {
    let world = World::new();
    world.add(0..60, after(DAY));
    world.pass(2 * DAY);
    world.tick();
    let held = world.store.holds()[0].hold;
    let world = world.reopened(5 * DAY);
    assert_eq!(world.store.holds()[0].hold, held);
    assert_eq!(world.standing(0), Standing::Active);
    confirm(&world.store, HoldKind::MassChange).unwrap();
    let world = world.reopened(5 * DAY);
    assert_eq!(world.store.holds(), []);
    assert_eq!(world.standing(0), Standing::Expired);
}

#[test]
fn e13_renewals_from_credit_are_no_losses() {
    let world = World::new();
    world.add_with(0..100, after(DAY), Some(3_000));
    world.pass(DAY);
    let fired = world.tick();
    assert_eq!((fired.held, fired.agenda), (None, 100));
    assert_eq!(world.standing(0), Standing::Active);
}

#[test]
fn e13_a_policy_that_would_suspend_too_many_is_held() {
    let world = World::new();
    world.add_with(0..100, after(90 * DAY), Some(-1_000));
    world.pass(DAY);
    assert_eq!(world.tick().agenda, 0);
    world.store.set_policies(policies(true));
    for _ in 0..30 {
        world.pass(SECOND);
        world.tick();
    }
    assert_eq!(world.standing(0), Standing::Active);
    let Hold::MassChange { losing, of, .. } = world.store.holds()[0].hold else {
        panic!("{:?}", world.store.holds());
    };
    assert_eq!((losing, of), (100, 100));
    confirm(&world.store, HoldKind::MassChange).unwrap();
    assert_eq!(world.tick().agenda, 100);
    assert_eq!(world.standing(0), Standing::Suspended);
    world.check();
}

#[test]
fn the_timer_catches_up_in_the_order_of_the_instants() {
    let world = World::new();
    // The first renews twice and then lapses; the others lapse in between, two at one instant.
    world.add_with(0..1, after(DAY), Some(6_000));
    world.add(3..4, after(50 * DAY));
    world.add(2..3, after(20 * DAY));
    world.add(1..2, after(20 * DAY));
    world.add(4..5, after(120 * DAY));
    let first = world.store.status().journal_sequence + 1;
    for _ in 0..100 {
        world.pass(DAY);
    }
    let fired = world.tick();
    assert_eq!(fired.agenda, 6);
    let entries = world.store.journal(first, 100).unwrap();
    let order: Vec<SubscriptionId> = entries.iter().map(|e| e.entry.subscription).collect();
    // The ends of the first one's months are days 1, 31 and 62.
    assert_eq!(order, [0, 1, 2, 0, 3, 0].map(id));
    let instants: Vec<_> = entries.iter().map(|e| e.entry.steps[0].at).collect();
    assert!(instants.is_sorted(), "{instants:?}");
    world.check();
}

#[test]
fn a_backlog_of_many_calls_is_worked_off_and_said_to_be_more() {
    let world = World::new();
    world.add_with(0..2_500, after(DAY), Some(3_000));
    world.pass(DAY + SECOND);
    let mut calls = 0;
    let mut done = 0;
    loop {
        let fired = wait(world.store.fire_due()).unwrap();
        calls += 1;
        done += fired.agenda;
        if !fired.more {
            break;
        }
    }
    assert_eq!(done, 2_500);
    assert!((3..10).contains(&calls), "{calls}");
    world.check();
}

#[test]
fn e3_a_confirmation_is_whole_or_absent_wherever_the_power_is_lost() {
    let prepared = World::new();
    prepared.add(0..60, after(DAY));
    prepared.pass(SECOND);
    prepared.tick();
    prepared.store.close();
    let wall = 2 * DAY;
    let workload = |disk: &Disk| {
        let Some(world) = World::open(disk, wall) else {
            return false;
        };
        let confirmed = confirm(&world.store, HoldKind::MassChange).is_ok();
        // Whether it may go on is the disk's affair.
        let _fired = wait(world.store.fire_due());
        confirmed
    };
    let whole = prepared.disk.copy(None);
    assert!(workload(&whole));
    for fails_at in 1..=whole.operations() {
        for left in [Left::Nothing, Left::Everything, Left::Pieces, Left::Latest] {
            let disk = prepared.disk.copy(Some(fails_at));
            let was_confirmed = workload(&disk);
            let world = World::open(&disk.after_power_loss(left), wall).unwrap();
            let is_held = world.kinds() == [HoldKind::MassChange];
            assert!(
                !(was_confirmed && is_held),
                "operation {fails_at}, {left:?}: confirmed and held again"
            );
            let wanted = if is_held {
                (Standing::Active, after(DAY - 1))
            } else {
                (Standing::Expired, after(wall))
            };
            assert_eq!(
                (world.standing(0), world.store.now()),
                wanted,
                "{fails_at}, {left:?}"
            );
            world.check();
        }
    }
}

#[test]
fn a_request_is_decided_at_its_own_time_also_where_the_timer_is_late() {
    let world = World::new();
    world.add(0..1, after(DAY));
    world.pass(2 * DAY);
    assert!(
        world.store.now() <= after(10 * SECOND),
        "nothing is checked yet"
    );
    world.add(1..2, after(DAY));
    assert_eq!(world.store.now(), after(2 * DAY));
    assert_eq!(world.standing(0), Standing::Expired);
    assert_eq!(world.tick().agenda, 1, "its entry is the timer's");
}

#[test]
fn time_is_durable_at_least_every_hour() {
    let world = World::new();
    world.pass(HOUR - SECOND);
    world.tick();
    assert_eq!(world.store.status().committed_at, start());
    world.pass(SECOND);
    world.tick();
    assert_eq!(world.store.status().committed_at, after(HOUR));
    let plans = wait(world.store.apply_plans(vec![plan()], operator())).unwrap();
    assert!(plans.added.is_empty());
}

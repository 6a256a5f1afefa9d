//! Policies that change: the agenda is computed anew, some of it per tick.

use std::sync::Arc;

use garth_store::Store;
use garth_subscription::calendar::BillingZone;
use garth_subscription::facts::SubscriptionId;
use garth_subscription::policy::{Policies, Policy};
use garth_subscription::standing::Standing;
use garth_subscription::time::Span;

use crate::disk::{Disk, Left};
use crate::world::{
    Recorder, START, TestClock, at, check, euro, id, new, operator, options, plan, wait,
};

/// More than two ticks renew.
const MANY: u32 = 2_500;
/// What one tick renews.
const PIECE: usize = 1_024;

struct Run {
    disk: Disk,
    clock: Arc<TestClock>,
    store: Store,
}

fn policies(delay_days: u32) -> Policies {
    let mut policy = Policy::new(BillingZone::UTC);
    policy.suspension.delay_days = delay_days;
    Policies::new(policy)
}

impl Run {
    /// Everybody owes something, and is suspended for it after two weeks.
    fn new(count: u32) -> Self {
        let (disk, clock) = (Disk::default(), TestClock::new(START));
        let store = open(&disk, &clock, policies(14));
        wait(store.apply_plans(vec![plan("home-100", 1)], operator())).unwrap();
        let debtor = |n| {
            let mut new = new(n, Some(at("2027-11-21T12:00:00Z")));
            new.create.balance = Some(euro("-5.00"));
            new
        };
        wait(store.import((1..=count).map(debtor).collect(), operator())).unwrap();
        Self { disk, clock, store }
    }

    fn renewed(&self) -> usize {
        wait(self.store.fire_due()).unwrap().renewed
    }

    fn restart(&mut self, policies: Policies) {
        self.disk = self.disk.after_power_loss(Left::Nothing);
        self.store = open(&self.disk, &self.clock, policies);
    }

    /// Fires all that is due; how many agenda items that were.
    fn fire(&self) -> usize {
        let mut items = 0;
        loop {
            let fired = wait(self.store.fire_due()).unwrap();
            items += fired.agenda;
            if !fired.more {
                return items;
            }
        }
    }

    fn standing(&self, of: SubscriptionId) -> Standing {
        let history = self.store.history(of, None, 1).unwrap();
        history[0].entry.new.standing
    }
}

fn open(disk: &Disk, clock: &Arc<TestClock>, policies: Policies) -> Store {
    let mut options = options(clock, &Arc::<Recorder>::default());
    options.policies = policies;
    // All of them are suspended at once, and are meant to be.
    options.limits.time.losing_percent = 100;
    Store::open_backend(disk.clone(), options).unwrap()
}

#[test]
fn l11_a_shorter_delay_suspends_those_who_waited_for_the_longer_one() {
    let run = Run::new(MANY);
    assert_eq!(run.renewed(), 0, "nothing has changed");
    run.store.set_policies(policies(3));
    assert_eq!(run.renewed(), PIECE);
    assert_eq!(run.renewed(), PIECE);
    assert_eq!(run.renewed(), 2_500 - 2 * PIECE);
    assert_eq!(run.renewed(), 0, "it is done");
    check(&run.store);
    run.clock.set("2026-11-25T12:00:00Z");
    assert_eq!(run.fire(), 2_500);
    assert_eq!(run.standing(id(MANY)), Standing::Suspended);
    check(&run.store);
}

#[test]
fn l11_a_longer_delay_lets_nobody_be_suspended_before_it_is_over() {
    let run = Run::new(10);
    run.store.set_policies(policies(30));
    assert_eq!(run.renewed(), 10);
    run.clock.set("2026-12-06T12:00:00Z");
    assert_eq!(run.fire(), 0);
    run.clock.set("2026-12-22T12:00:00Z");
    assert_eq!(run.fire(), 10);
    check(&run.store);
}

#[test]
fn policies_that_are_other_ones_at_the_next_start_are_noticed_and_gone_on_with() {
    let mut run = Run::new(MANY);
    run.restart(policies(14));
    assert_eq!(run.renewed(), 0, "they are the same");
    run.restart(policies(3));
    assert_eq!(run.renewed(), PIECE);
    run.restart(policies(3));
    assert_eq!(run.renewed(), PIECE, "the second piece");
    run.restart(policies(3));
    assert_eq!(run.renewed(), 2_500 - 2 * PIECE);
    run.restart(policies(3));
    assert_eq!(run.renewed(), 0);
    run.clock.set("2026-11-25T12:00:00Z");
    assert_eq!(run.fire(), 2_500);
    check(&run.store);
}

#[test]
fn policies_that_change_again_meanwhile_begin_anew() {
    let run = Run::new(MANY);
    run.store.set_policies(policies(3));
    assert_eq!(run.renewed(), PIECE);
    run.store.set_policies(policies(5));
    let renewed = [run.renewed(), run.renewed(), run.renewed(), run.renewed()];
    assert_eq!(renewed, [PIECE, PIECE, 2_500 - 2 * PIECE, 0]);
    run.clock.set("2026-11-25T12:00:00Z");
    assert_eq!(run.fire(), 0);
    run.clock.set("2026-11-27T12:00:00Z");
    assert_eq!(run.fire(), 2_500);
}

#[test]
fn policies_that_went_back_while_the_agenda_was_renewed_begin_anew_too() {
    let run = Run::new(MANY);
    run.store.set_policies(policies(3));
    assert_eq!(run.renewed(), PIECE);
    run.store.set_policies(policies(14));
    while run.renewed() > 0 {}
    run.clock.set("2026-11-25T12:00:00Z");
    assert_eq!(run.fire(), 0);
    run.clock.set("2026-12-06T12:00:00Z");
    assert_eq!(run.fire(), 2_500);
}

#[test]
fn what_no_agenda_depends_on_moves_none() {
    let run = Run::new(10);
    let mut other = policies(14);
    other.default.grace_days_max = 7;
    other.default.suspension.debt_age_max = Span::from_days(9);
    run.store.set_policies(other);
    assert_eq!(run.renewed(), 0);
    wait(run.store.apply_plans(vec![plan("home-100", 2)], operator())).unwrap();
    assert_eq!(run.renewed(), 0);
}

#[test]
fn l19_a_partners_policy_moves_the_agenda_of_its_subscriptions() {
    let run = Run::new(0);
    let mut with = new(1, Some(at("2027-11-21T12:00:00Z")));
    with.create.balance = Some(euro("-5.00"));
    let mut without = new(2, Some(at("2027-11-21T12:00:00Z")));
    without.create.balance = Some(euro("-5.00"));
    with.subscriber.partner = Some("north".parse().unwrap());
    wait(run.store.import(vec![with, without], operator())).unwrap();
    let mut other = policies(14);
    let mut north = other.default.clone();
    north.suspension.delay_days = 1;
    other.partners.insert("north".parse().unwrap(), north);
    run.store.set_policies(other);
    assert_eq!(run.renewed(), 2);
    run.clock.set("2026-11-23T12:00:00Z");
    assert_eq!(run.fire(), 1);
    assert_eq!(run.standing(id(1)), Standing::Suspended);
    assert_eq!(run.standing(id(2)), Standing::Active);
    check(&run.store);
}

//! Random lives: any order by anyone at any time, and what holds all the same.
//!
//! Every property runs against five policies. A failure prints the seed and the shortest life that
//! shows it.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what cannot be unwrapped is a failure"
)]

mod books;
mod world;

use std::collections::HashSet;

use garth_subscription::change::Change;
use garth_subscription::command::{Command, CommandKind, Tender};
use garth_subscription::decide::{Case, settled};
use garth_subscription::facts::{Facts, SuspendCause};
use garth_subscription::journal::Effect;
use garth_subscription::replay::replay;
use garth_subscription::standing::next_boundary;
use garth_subscription::{Access, Decision, Refusal, Role, decide, standing};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use books::{Books, price_of};
use world::{Ask, World, ask, euro, months, order};

/// Lives of up to so many orders.
const ORDERS_MAX: usize = 40;

fn life() -> impl Strategy<Value = (usize, Vec<Ask>)> {
    (
        0..world::POLICIES,
        prop::collection::vec(ask(), 1..ORDERS_MAX),
    )
}

/// LIFECYCLE section 4, column "who", written down once more: customer, operator, approver, support,
/// ledger, timer.
fn who(command: &Command) -> [bool; 6] {
    const STAFF_LEDGER: [bool; 6] = [false, true, true, true, true, false];
    const ANYONE: [bool; 6] = [true, true, true, true, true, false];
    const LEDGER: [bool; 6] = [false, false, false, false, true, false];
    const TIMER: [bool; 6] = [false, false, false, false, false, true];
    match command {
        Command::Pay { tender, .. } | Command::Reactivate { tender, .. } => {
            if *tender == Tender::Balance {
                ANYONE
            } else {
                STAFF_LEDGER
            }
        }
        Command::Cancel
        | Command::ChangePlan { .. }
        | Command::CancelChange
        | Command::Terminate { .. }
        | Command::CancelTermination => ANYONE,
        Command::Pause { is_locked, .. } => {
            if *is_locked {
                STAFF_LEDGER
            } else {
                ANYONE
            }
        }
        Command::EndPause => [true; 6],
        Command::Postpone { .. } => [true, true, true, true, false, false],
        Command::RequestChange { .. } => [true, false, false, false, false, false],
        Command::Create(_)
        | Command::Lift
        | Command::Grace { .. }
        | Command::Disable { .. }
        | Command::Enable
        | Command::SetRenewal(_) => STAFF_LEDGER,
        Command::Suspend { cause, .. } => {
            if *cause == SuspendCause::Overdue {
                [false, false, false, false, true, true]
            } else {
                STAFF_LEDGER
            }
        }
        Command::Capture { offer: Some(_), .. } => STAFF_LEDGER,
        Command::Capture { offer: None, .. }
        | Command::Refund { .. }
        | Command::Chargeback { .. }
        | Command::Post { .. }
        | Command::Void { .. } => LEDGER,
        Command::StartDue
        | Command::ExpiryDue
        | Command::PauseDue
        | Command::ChangeDue
        | Command::TerminateDue => TIMER,
        Command::Reinstate => [false, false, false, true, true, false],
        Command::RequestRevert(_) | Command::OpenPortal => [false, true, true, true, false, false],
        Command::ApproveRevert(_) | Command::DenyRevert(_) => {
            [false, false, true, true, true, false]
        }
    }
}

fn place(role: Role) -> usize {
    Role::ALL.iter().position(|other| *other == role).unwrap()
}

/// What a decision without a revert did to the money, step by step.
fn the_books_hold(before: &Facts, decision: &Decision) {
    let mut facts = before.clone();
    for step in &decision.steps {
        let balance = facts.balance.minor();
        facts.apply(step).unwrap();
        let moved = facts.balance.minor() - balance;
        let expected = if let Change::MoneyIn(amount) | Change::Compensated(amount) = &step.change {
            amount.minor()
        } else if let Change::MoneyOut(amount) = &step.change {
            -amount.minor()
        } else {
            -price_of(&step.change)
        };
        assert_eq!(moved, expected, "{step:?}");
    }
    facts.version = decision.facts.version;
    assert_eq!(facts, decision.facts, "the steps are the whole change");
}

/// Full access comes of a payment, of grace, of time that was paid and banked, or by the ISP.
fn access_is_not_given_away(before: &Facts, role: Role, decision: &Decision, world: &World) {
    let was = standing(&before.standing_facts(), world.now).access();
    if was == Access::Full || decision.new.standing.access() != Access::Full {
        return;
    }
    let opens = |change: &Change| match role {
        Role::Customer => matches!(
            change,
            Change::MonthsBought { .. }
                | Change::Renewed { .. }
                | Change::PauseEnded
                | Change::PauseDropped
                | Change::Postponed { .. }
        ),
        // A pause that its limits or its fee forbid was shown as begun until the timer judged it.
        Role::Timer => matches!(
            change,
            Change::Renewed { .. } | Change::PauseEnded | Change::PauseDropped
        ),
        Role::Operator | Role::Approver | Role::Support | Role::Ledger => true,
    };
    assert!(
        decision.steps.iter().any(|step| opens(&step.change)),
        "{role:?} opened the gate: {:?}",
        decision.steps
    );
}

/// What only an operator may take away stays, whatever a customer does.
fn a_customer_stays_a_customer(before: &Facts, decision: &Decision) {
    let after = &decision.facts;
    assert_eq!(before.holds.disable, after.holds.disable);
    assert!(!before.has_ended() || after.has_ended());
    assert!(before.grace_until.is_some() || after.grace_until.is_none());
    let cause = |facts: &Facts| facts.holds.suspend.as_ref().map(|suspend| suspend.cause);
    if cause(before) == Some(SuspendCause::Fraud) {
        assert_eq!(cause(after), Some(SuspendCause::Fraud));
    }
    let locked = |facts: &Facts| facts.holds.pause.is_some_and(|pause| pause.is_locked);
    if locked(before) && !after.has_ended() {
        let ran_out = decision
            .steps
            .iter()
            .any(|step| matches!(step.change, Change::PauseEnded | Change::PauseDropped));
        assert!(locked(after) || ran_out);
    }
    assert_eq!(decision.amount, None, "money does not come by itself");
    assert!(after.provisional.len() <= before.provisional.len());
}

/// Gives one order; checks what holds of the answer; writes it down.
fn give(world: &mut World, ask: &Ask) {
    let Some(command) = world.command(ask) else {
        return;
    };
    let allowed = who(&command);
    let role = ask.role(allowed);
    let order = order(role, ask.name(), command);
    let before = world.facts.clone();
    let answer = world.decide(&order);
    assert_eq!(
        answer,
        world.decide(&order),
        "the same case, the same answer"
    );
    assert_eq!(world.facts, before);
    let is_allowed = allowed[place(role)];
    let is_role = matches!(answer, Err(Refusal::Role { .. }));
    assert_eq!(
        is_role,
        !is_allowed,
        "{:?}: {answer:?}",
        order.command.kind()
    );
    let Ok(decision) = answer else {
        return;
    };
    let changes = !decision.steps.is_empty() || decision.reverts.is_some();
    assert_eq!(decision.facts.version, before.version + u64::from(changes));
    if !changes {
        assert_eq!(decision.facts, before, "no entry, no change");
    }
    if decision.reverts.is_none() {
        the_books_hold(&before, &decision);
        access_is_not_given_away(&settled(&before, world.now), role, &decision, world);
        if role == Role::Customer {
            a_customer_stays_a_customer(&settled(&before, world.now), &decision);
        }
    }
    world.write(&decision, &order);
}

/// What the journal tells is what is stored, and its money adds up.
fn the_journal_holds(world: &World) {
    let replayed = replay(&world.history).unwrap();
    assert_eq!(replayed.facts, world.facts);
    let books = Books::of(&world.first, &world.history);
    assert_eq!(books.left(), world.facts.balance.minor(), "{books:?}");
}

fn standing_is_constant_to_the_next_boundary(world: &World) {
    let facts = world.facts.standing_facts();
    let now = world.now;
    let Some(boundary) = next_boundary(&facts, now) else {
        let later = world::after(now, 40_000 * world::DAY);
        assert_eq!(standing(&facts, later), standing(&facts, now));
        return;
    };
    assert!(boundary > now);
    let span = boundary.since(now).millis();
    for millis in [0, span / 3, span / 2, span - 1] {
        assert_eq!(
            standing(&facts, world::after_millis(now, millis)),
            standing(&facts, now),
            "{facts:?}"
        );
    }
}

/// What people see while the timer is held back is what it will write down.
fn settled_is_what_the_timer_writes(world: &World) {
    let seen = settled(&world.facts, world.now);
    let now = world.standing();
    assert_eq!(standing(&seen.standing_facts(), world.now), now);
    let mut fired = world.clone();
    let decisions = fired.work_off(false);
    // Credit, debt and limits are the timer's to judge.
    let judged = decisions.iter().any(|decision| {
        let is_judged = |change: &Change| {
            matches!(
                change,
                Change::Renewed { .. } | Change::Suspended(_) | Change::PauseDropped
            )
        };
        decision.steps.iter().any(|step| is_judged(&step.change))
    });
    if !judged {
        assert_eq!(fired.standing(), now, "{:?}", world.facts);
    }
}

fn without_settlement(facts: &Facts) -> Facts {
    Facts {
        version: 0,
        has_lapsed: false,
        balance: euro(0),
        owing_since: None,
        ..facts.clone()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(15_000))]

    /// Money is conserved; nothing moves without an entry; the journal replays to what is stored,
    /// version included; nobody does what is not theirs; a refused order changes nothing.
    #[test]
    fn any_life_keeps_the_books((policy, asks) in life()) {
        let mut world = World::new(policy);
        for ask in &asks {
            world.pass(ask);
            give(&mut world, ask);
        }
        the_journal_holds(&world);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12_000))]

    /// Time: the standing is constant between boundaries, what is shown is what will be written, and
    /// an agenda that is worked off has nothing due left.
    #[test]
    fn time_alone_never_leaves_access_wrong((policy, asks) in life()) {
        let mut world = World::new(policy);
        for ask in &asks {
            world.now = world::after(world.now, ask.jump());
            standing_is_constant_to_the_next_boundary(&world);
            settled_is_what_the_timer_writes(&world);
            if ask.fires() {
                world.work_off(ask.is_late());
                let due = world.next_due();
                prop_assert!(due.is_none_or(|item| item.at > world.now), "{due:?} is still due");
            }
            give(&mut world, ask);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6_000))]

    /// L4: the last entry taken back restores what was before it; a revert of that revert restores
    /// what was before the first one. Apart from the version and the money that is settled.
    #[test]
    fn l4_a_revert_of_the_last_entry_restores_and_its_revert_restores_again((policy, asks) in life()) {
        let mut world = World::new(policy);
        for ask in &asks {
            world.pass(ask);
            let before = world.facts.clone();
            let entries = world.history.len();
            give(&mut world, ask);
            if world.history.len() == entries {
                continue;
            }
            let after = world.facts.clone();
            let mut tried = world.clone();
            let Some(reverted) = tried.revert(world.history.last().unwrap().id) else {
                continue;
            };
            if world.history.last().unwrap().reverts.is_none() {
                prop_assert_eq!(without_settlement(&reverted), without_settlement(&before));
            }
            prop_assert_eq!(&replay(&tried.history).unwrap().facts, &reverted);
            let again = tried.revert(tried.history.last().unwrap().id).unwrap();
            let comparable = |facts: &Facts| Facts { version: 0, has_lapsed: false, ..facts.clone() };
            prop_assert_eq!(comparable(&again), comparable(&after));
            prop_assert_eq!(&replay(&tried.history).unwrap().facts, &again);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    /// E10: months sold twice from one state, merged in either order, add up, and so does the money.
    #[test]
    fn e10_months_sold_twice_add_up_in_either_order((policy, asks) in life()) {
        // Where months after an expiry end on the old day, the order of two counts.
        let mut world = World::new(if policy == world::KEEPS_ANCHOR { 0 } else { policy });
        for ask in &asks {
            world.pass(ask);
            give(&mut world, ask);
        }
        let sold = |count, payment: &str| {
            let tender = Tender::Captured { payment: payment.parse().unwrap(), amount: euro(100_000) };
            let command = Command::Pay { months: months(count), tender, then_pause: false };
            let order = order(Role::Operator, "anna", command);
            decide(Case::of(&world.facts), &order, world.now, world.terms()).ok()
        };
        let (Some(here), Some(there)) = (sold(1, "here"), sold(3, "there")) else { return Ok(()) };
        let merged = |first: &Decision, second: &Decision| {
            let mut facts = first.facts.clone();
            second.steps.iter().for_each(|step| facts.apply(step).unwrap());
            Facts { version: 0, ..facts }
        };
        let facts = merged(&here, &there);
        prop_assert_eq!(&facts, &merged(&there, &here));
        prop_assert!(facts.paid_through > here.facts.paid_through.max(there.facts.paid_through));
        prop_assert_eq!(here.effect, Effect::MonthsBought);
    }
}

/// The properties say something: among such lives every command is taken and has every effect it can.
#[test]
fn random_lives_reach_every_command_and_every_effect() {
    let mut runner = TestRunner::deterministic();
    let (mut commands, mut effects) = (HashSet::new(), HashSet::new());
    let (mut orders, mut taken) = (0, 0);
    for _ in 0..3_000 {
        let (policy, asks) = life().new_tree(&mut runner).unwrap().current();
        let mut world = World::new(policy);
        for ask in &asks {
            world.pass(ask);
            let entries = world.history.len();
            give(&mut world, ask);
            orders += 1;
            taken += world.history.len() - entries;
        }
        commands.extend(world.history.iter().map(|entry| entry.action));
        effects.extend(world.history.iter().map(|entry| entry.effect));
    }
    let missing = |all: &[CommandKind]| -> Vec<CommandKind> {
        all.iter()
            .copied()
            .filter(|kind| !commands.contains(kind))
            .collect()
    };
    assert_eq!(missing(CommandKind::ALL), []);
    assert!(Effect::ALL.iter().all(|effect| effects.contains(effect)));
    assert!(taken * 5 > orders, "{taken} of {orders} orders were taken");
}

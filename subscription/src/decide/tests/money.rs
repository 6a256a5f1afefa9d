//! T24, T26, E4, E10, E16: what becomes of money.

use super::fixture::*;
use crate::change::{Change, Step};
use crate::command::{Command, Role, When};
use crate::facts::SuspendCause;
use crate::journal::Effect;
use crate::policy::Rules;
use crate::refusal::Refusal;
use crate::standing::Standing;

fn refund(amount: &str) -> Command {
    Command::Refund {
        payment: "pay-1".parse().unwrap(),
        amount: euro(amount),
    }
}

fn chargeback(amount: &str) -> Command {
    Command::Chargeback {
        payment: "pay-1".parse().unwrap(),
        amount: euro(amount),
    }
}

/// Three months bought with `pay-1`.
fn paid(rules: Rules) -> Life {
    let mut life = Life::new(template(), rules);
    life.run(Role::Operator, pay(3, captured("85.00")));
    life
}

#[test]
fn t24_a_refund_gives_back_what_was_paid_and_no_more() {
    let mut life = paid(rules());
    let given = life.run(Role::Ledger, refund("50.00"));
    assert_eq!(given.amount, Some(euro("-50.00")));
    assert_eq!(given.facts.balance, euro("-50.00"));
    assert_eq!(
        life.try_run(Role::Ledger, refund("35.01")),
        Err(Refusal::MoreThanPaid {
            asked: euro("35.01"),
            paid: euro("35.00")
        })
    );
    life.run(Role::Ledger, refund("35.00"));
    assert_eq!(
        life.try_run(Role::Ledger, chargeback("0.01")),
        Err(Refusal::MoreThanPaid {
            asked: euro("0.01"),
            paid: euro("0")
        })
    );
}

#[test]
fn t24_an_unknown_payment_and_an_amount_of_nothing_are_refused() {
    let life = paid(rules());
    let unknown = Command::Refund {
        payment: "pay-2".parse().unwrap(),
        amount: euro("1.00"),
    };
    assert_eq!(
        life.try_run(Role::Ledger, unknown),
        Err(Refusal::UnknownPayment("pay-2".parse().unwrap()))
    );
    assert_eq!(
        life.try_run(Role::Ledger, refund("0")),
        Err(Refusal::AmountNotPositive)
    );
    assert!(matches!(
        life.try_run(Role::Operator, refund("1.00")),
        Err(Refusal::Role { .. })
    ));
}

#[test]
fn t24_a_chargeback_suspends_by_policy_until_it_is_settled() {
    let mut life = paid(rules());
    let walled = life.run(Role::Ledger, chargeback("85.00"));
    assert_eq!(walled.new.standing, Standing::Suspended);
    let settled = life.run(Role::Ledger, plain_capture("pay-2", "85.00"));
    assert_eq!(
        (settled.effect, settled.new.standing, settled.facts.balance),
        (Effect::DebtSettled, Standing::Active, euro("0"))
    );
    let mut lenient = paid(rules_with(|policy| policy.suspension.on_chargeback = false));
    let kept = lenient.run(Role::Ledger, chargeback("85.00"));
    assert_eq!(kept.new.standing, Standing::Active);
}

#[test]
fn t26_late_money_leaves_the_ended_state_and_becomes_credit() {
    let ended = run(&active(), Role::Operator, terminate(When::Now))
        .unwrap()
        .facts;
    let money = run(&ended, Role::Ledger, capture(&active(), 3, "85.00")).unwrap();
    assert_eq!(
        (money.new.standing, money.effect),
        (Standing::Terminated, Effect::CreditOnly)
    );
    assert_eq!(money.facts.balance, euro("85.00"));
}

#[test]
fn e4_money_for_an_offer_that_was_used_becomes_credit() {
    let money = run(&expired(), Role::Ledger, plain_capture("pay-2", "85.00")).unwrap();
    assert_eq!(
        (money.effect, money.facts.balance),
        (Effect::CreditOnly, euro("85.00"))
    );
    assert_eq!(money.facts.paid_through, expired().paid_through);
}

#[test]
fn e10_the_same_months_sold_twice_add_up_in_either_order() {
    let start = active();
    let sold = |role, command| run(&start, role, command).unwrap().steps;
    let here = sold(Role::Operator, pay(1, captured("29.90")));
    let there = sold(Role::Ledger, capture(&start, 3, "90.00"));
    let merged = |first: &[Step], second: &[Step]| {
        let mut facts = start.clone();
        for step in first.iter().chain(second) {
            facts.apply(step).unwrap();
        }
        facts
    };
    let one = merged(&here, &there);
    assert_eq!(one, merged(&there, &here));
    assert_eq!(vienna_date(one.paid_through), "2027-06-01", "four months");
    assert_eq!(one.balance, euro("5.00"));
}

#[test]
fn e16_a_provisional_payment_opens_at_once_within_bounds() {
    let command = |payment, amount| reactivate(1, provisional(payment, amount));
    let taken = run(&expired(), Role::Operator, command("slip-1", "29.90")).unwrap();
    assert_eq!(taken.new.standing, Standing::Active);
    assert_eq!(taken.facts.provisional.len(), 1);
    let again = run(
        &taken.facts,
        Role::Operator,
        pay(1, provisional("slip-2", "29.90")),
    );
    assert_eq!(
        again,
        Err(Refusal::ProvisionalBound {
            count_max: 1,
            value_max: "any value".to_owned()
        })
    );
    let low = rules_with(|policy| policy.provisional.value_max = Some(euro("29.89")));
    let refused = run_by(
        &expired(),
        Role::Operator,
        command("slip-1", "29.90"),
        NOW,
        &low,
    );
    assert!(matches!(refused, Err(Refusal::ProvisionalBound { .. })));
}

#[test]
fn e16_it_is_posted_or_voided_and_a_void_is_a_revert() {
    let taken = || {
        let mut life = Life::new(
            crate::command::Create {
                paid_through: Some(instant("2026-12-31T23:00:00Z")),
                ..template()
            },
            rules(),
        );
        life.run(
            Role::Operator,
            reactivate(1, provisional("slip-1", "29.90")),
        );
        life
    };
    let post = || Command::Post {
        payment: "slip-1".parse().unwrap(),
    };
    let void = || Command::Void {
        payment: "slip-1".parse().unwrap(),
    };
    let mut posted = taken();
    let entry = posted.last();
    assert!(
        posted
            .run(Role::Ledger, post())
            .facts
            .provisional
            .is_empty()
    );
    for command in [post(), void()] {
        assert!(matches!(
            posted.try_run(Role::Ledger, command),
            Err(Refusal::UnknownPayment(_))
        ));
    }
    let mut voided = taken();
    let gone = voided.run(Role::Ledger, void());
    assert_eq!(
        (gone.new.standing, gone.reverts),
        (Standing::Expired, Some(entry))
    );
    assert_eq!(gone.facts.balance, euro("0"), "nothing was consumed");
    assert!(gone.facts.provisional.is_empty());
    let refund = Command::Refund {
        payment: "slip-1".parse().unwrap(),
        amount: euro("1.00"),
    };
    assert!(
        matches!(
            voided.try_run(Role::Ledger, refund),
            Err(Refusal::UnknownPayment(_))
        ),
        "money that never came is not given back"
    );
}

#[test]
fn e16_what_was_consumed_before_a_void_is_owed() {
    let mut life = Life::active();
    life.now = instant(PAID);
    life.run(
        Role::Operator,
        reactivate(1, provisional("slip-1", "29.90")),
    );
    life.now = instant("2027-02-14T23:00:00Z");
    let void = Command::Void {
        payment: "slip-1".parse().unwrap(),
    };
    let gone = life.run(Role::Ledger, void);
    assert_eq!(gone.facts.balance, euro("-14.95"), "14 of 28 days");
    assert_eq!(gone.new.standing, Standing::Expired);
}

#[test]
fn a_debt_is_paid_once_where_its_suspension_is_gone_from_the_history() {
    let mut facts = suspended(SuspendCause::Overdue, Some("10.00"));
    let step = Step {
        at: instant(NOW),
        change: Change::DebtSettled(euro("10.00")),
    };
    facts.balance = euro("10.00");
    facts.apply(&step).unwrap();
    facts.apply(&step).unwrap();
    assert_eq!(facts.balance, euro("0"));
}

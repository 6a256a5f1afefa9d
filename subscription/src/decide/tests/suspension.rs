//! T9–T11, L11, L14, E14: the wall.

use super::fixture::*;
use crate::calendar::Weekday;
use crate::command::{Command, Create, Order, Role};
use crate::decide::{Case, decide};
use crate::facts::{Facts, SuspendCause};
use crate::journal::Effect;
use crate::policy::{Rules, SuspensionPolicy};
use crate::quote;
use crate::refusal::Refusal;
use crate::standing::{Access, Standing};

/// A debt since Sunday, 10 January 2027, noon.
fn in_debt(rules: Rules) -> Life {
    Life::new(
        Create {
            balance: Some(euro("-20.00")),
            paid_through: Some(instant("2027-12-31T23:00:00Z")),
            ..template()
        },
        rules,
    )
}

fn with_suspension(choose: impl FnOnce(&mut SuspensionPolicy)) -> Rules {
    rules_with(|policy| choose(&mut policy.suspension))
}

#[test]
fn t9_overdue_is_for_the_ledger_and_the_timer_alone() {
    let command = overdue("29.90", NOW);
    assert!(matches!(
        run(&active(), Role::Operator, command.clone()),
        Err(Refusal::Role {
            role: Role::Operator,
            ..
        })
    ));
    let walled = run(&active(), Role::Ledger, command).unwrap();
    assert_eq!(walled.new.standing.access(), Access::Garden);
}

#[test]
fn t9_an_operator_states_a_reason() {
    let silent = Order {
        reason: None,
        ..order(Role::Operator, suspend(SuspendCause::Operator, None))
    };
    assert_eq!(
        decide(
            Case::of(&active()),
            &silent,
            instant(NOW),
            rules().terms(None)
        ),
        Err(Refusal::ReasonMissing)
    );
}

#[test]
fn t9_fraud_outranks_debt_and_nothing_outranks_fraud() {
    let walled = suspended(SuspendCause::Overdue, Some("10"));
    let fraud = run(&walled, Role::Operator, suspend(SuspendCause::Fraud, None))
        .unwrap()
        .facts;
    assert_eq!(
        fraud.holds.suspend.as_ref().unwrap().cause,
        SuspendCause::Fraud
    );
    for (facts, cause) in [
        (&fraud, SuspendCause::Fraud),
        (&fraud, SuspendCause::Operator),
        (&walled, SuspendCause::Operator),
    ] {
        assert!(matches!(
            run(facts, Role::Operator, suspend(cause, None)),
            Err(Refusal::Standing { .. })
        ));
    }
}

#[test]
fn t9_what_has_not_started_or_has_ended_is_not_suspended() {
    let ended = run(
        &active(),
        Role::Operator,
        terminate(crate::command::When::Now),
    )
    .unwrap()
    .facts;
    for facts in [pending(), ended] {
        let refused = run(
            &facts,
            Role::Operator,
            suspend(SuspendCause::Operator, None),
        );
        assert!(matches!(refused, Err(Refusal::Standing { .. })));
    }
}

#[test]
fn l11_the_timer_suspends_after_the_delay_at_the_hour() {
    let mut life = in_debt(rules());
    assert_eq!(life.pass("2027-01-24T07:59:59Z"), []);
    assert_eq!(life.standing(), Standing::Active);
    assert_eq!(life.pass("2027-01-24T08:00:00Z"), [Effect::Done]);
    assert_eq!(life.standing(), Standing::Suspended, "nine in Vienna");
}

#[test]
fn l11_excluded_days_are_passed_over() {
    let rules = with_suspension(|policy| {
        policy.excluded_weekdays = vec![Weekday::Saturday, Weekday::Sunday];
        policy.holidays = vec![date("2027-01-25")];
    });
    let mut life = in_debt(rules);
    // 24 January is a Sunday, the 25th a holiday.
    assert_eq!(life.pass("2027-01-26T07:59:59Z"), []);
    assert_eq!(life.pass("2027-01-26T08:00:00Z"), [Effect::Done]);
}

#[test]
fn l11_a_timer_that_is_late_does_not_suspend_on_an_excluded_day() {
    let rules = with_suspension(|policy| policy.excluded_weekdays = vec![Weekday::Sunday]);
    let mut life = in_debt(rules);
    life.now = instant("2027-01-31T12:00:00Z");
    let item = life.next_due().unwrap();
    let sunday = life.run(Role::Timer, item.action.command());
    assert_eq!(
        (sunday.effect, sunday.new.standing),
        (Effect::Scheduled, Standing::Active)
    );
    assert_eq!(
        standing_at(&life.facts, "2027-02-01T08:00:00Z"),
        Standing::Suspended
    );
}

#[test]
fn l11_a_debt_below_the_least_does_not_suspend() {
    let rules = with_suspension(|policy| policy.debt_min = Some(euro("20.01")));
    let mut life = in_debt(rules);
    assert_eq!(life.pass("2027-06-01T00:00:00Z"), []);
    assert_eq!(
        life.try_run(Role::Ledger, suspend(SuspendCause::Overdue, None)),
        Err(Refusal::DebtTooSmall {
            minimum: euro("20.01")
        })
    );
}

#[test]
fn l11_the_ledger_is_bound_by_the_days_too() {
    let rules = with_suspension(|policy| policy.holidays = vec![date("2027-01-10")]);
    let refused = run_by(&active(), Role::Ledger, overdue("29.90", NOW), NOW, &rules);
    assert_eq!(
        refused,
        Err(Refusal::ExcludedDay {
            date: date("2027-01-10")
        })
    );
}

#[test]
fn l11_the_timer_does_not_suspend_before_its_time_or_for_nothing() {
    let life = in_debt(rules());
    let command = suspend(SuspendCause::Overdue, None);
    assert_eq!(
        life.try_run(Role::Timer, command.clone()),
        Err(Refusal::SuspensionTooEarly {
            at: instant("2027-01-24T08:00:00Z")
        })
    );
    assert_eq!(
        run(&active(), Role::Timer, command.clone()),
        Err(Refusal::NoDebt)
    );
    assert_eq!(run(&active(), Role::Ledger, command), Err(Refusal::NoDebt));
}

#[test]
fn l12_suspension_for_debt_can_be_switched_off_as_a_whole() {
    let rules = with_suspension(|policy| policy.enabled = false);
    let mut life = in_debt(rules);
    assert_eq!(life.pass("2027-06-01T00:00:00Z"), []);
    assert!(matches!(
        life.try_run(Role::Ledger, overdue("29.90", "2027-06-01T00:00:00Z")),
        Err(Refusal::SwitchedOff { rule: "L12", .. })
    ));
    assert!(
        life.try_run(Role::Operator, suspend(SuspendCause::Operator, None))
            .is_ok(),
        "an operator's decision is no policy"
    );
}

#[test]
fn e14_nobody_is_suspended_on_old_or_undated_debt() {
    let refused = Err(Refusal::DebtTooOld { hours_max: 72 });
    let stale = overdue("29.90", "2027-01-07T11:59:59Z");
    assert_eq!(run(&active(), Role::Ledger, stale), refused);
    let undated = suspend(SuspendCause::Overdue, Some(euro("29.90")));
    assert_eq!(run(&active(), Role::Ledger, undated), refused);
    let fresh = overdue("29.90", "2027-01-07T12:00:00Z");
    assert!(run(&active(), Role::Ledger, fresh).is_ok());
}

#[test]
fn t10_paying_debt_and_months_lifts_a_suspension_for_debt() {
    let facts = suspended(SuspendCause::Overdue, Some("10.00"));
    let offer = quote::quote(&facts, months(3), rules().terms(None)).unwrap();
    assert_eq!(offer.total, euro("95.00"));
    let bought = run(&facts, Role::Ledger, capture(&facts, 3, "95.00")).unwrap();
    assert_eq!(
        (bought.new.standing, bought.facts.balance),
        (Standing::Active, euro("0"))
    );
    assert_eq!(vienna_date(bought.facts.paid_through), "2027-04-10");
}

#[test]
fn t10_paying_never_lifts_a_block_for_fraud() {
    let facts = suspended(SuspendCause::Fraud, Some("10.00"));
    let paid = run(&facts, Role::Ledger, capture(&facts, 3, "85.00")).unwrap();
    assert_eq!(
        (paid.new.standing, paid.effect),
        (Standing::Suspended, Effect::CreditOnly)
    );
    assert_eq!(paid.facts.balance, euro("85.00"));
}

#[test]
fn t10_the_debt_alone_lifts_the_wall_but_buys_nothing() {
    let facts = suspended(SuspendCause::Overdue, Some("10.00"));
    let paid = run(&facts, Role::Ledger, capture(&facts, 3, "12.00")).unwrap();
    assert_eq!(
        (paid.new.standing, paid.effect),
        (Standing::Expired, Effect::DebtSettled)
    );
    assert_eq!(paid.facts.balance, euro("2.00"));
}

#[test]
fn t10_a_lift_shows_what_lies_below() {
    let lifted = run(
        &suspended(SuspendCause::Overdue, Some("10.00")),
        Role::Operator,
        Command::Lift,
    )
    .unwrap();
    assert_eq!(lifted.new.standing, Standing::Expired);
    assert_eq!(
        run(&lifted.facts, Role::Operator, Command::Lift),
        Err(Refusal::NotHeld("suspended"))
    );
    assert!(matches!(
        run(&expired(), Role::Customer, Command::Lift),
        Err(Refusal::Role { .. })
    ));
}

#[test]
fn t11_a_subscriber_postpones_once_and_an_operator_again_and_again() {
    let facts = suspended(SuspendCause::Overdue, Some("10.00"));
    let facts = Facts {
        paid_through: instant(PAID),
        ..facts
    };
    let put_off = run(&facts, Role::Customer, Command::Postpone { until: None }).unwrap();
    assert_eq!(put_off.new.standing, Standing::Active);
    assert_eq!(
        standing_at(&put_off.facts, "2027-01-13T12:00:00Z"),
        Standing::Suspended,
        "72 hours later"
    );
    let facts = put_off.facts;
    let again = |role, until: Option<&str>| {
        let until = until.map(instant);
        run(&facts, role, Command::Postpone { until })
    };
    assert_eq!(again(Role::Customer, None), Err(Refusal::PostponedAlready));
    assert!(again(Role::Operator, Some("2027-01-11T12:00:00Z")).is_ok());
    assert_eq!(
        again(Role::Operator, Some("2027-01-13T12:00:01Z")),
        Err(Refusal::PostponedTooLong {
            latest: instant("2027-01-13T12:00:00Z")
        })
    );
    assert!(matches!(
        again(Role::Operator, Some(NOW)),
        Err(Refusal::NotInFuture { rule: "L14", .. })
    ));
}

#[test]
fn t11_only_a_suspension_for_debt_is_postponed_by_a_subscriber() {
    let command = Command::Postpone { until: None };
    assert_eq!(
        run(&active(), Role::Customer, command.clone()),
        Err(Refusal::NotHeld("suspended"))
    );
    let fraud = suspended(SuspendCause::Fraud, None);
    assert!(matches!(
        run(&fraud, Role::Customer, command.clone()),
        Err(Refusal::Standing { .. })
    ));
    let rules = with_suspension(|policy| policy.customer_postpone = false);
    let walled = suspended(SuspendCause::Overdue, Some("10.00"));
    assert!(matches!(
        run_by(&walled, Role::Customer, command, NOW, &rules),
        Err(Refusal::SwitchedOff { rule: "L14", .. })
    ));
}

#[test]
fn l14_what_an_operator_lifts_stays_lifted_until_a_new_debt() {
    let mut life = in_debt(rules());
    life.pass("2027-01-25T00:00:00Z");
    life.run(Role::Operator, Command::Lift);
    assert_eq!(life.standing(), Standing::Active);
    assert_eq!(life.pass("2027-06-01T00:00:00Z"), []);
    assert_eq!(
        life.try_run(Role::Ledger, suspend(SuspendCause::Overdue, None)),
        Err(Refusal::DebtWaived {
            waived: euro("20.00")
        })
    );
    let greater = overdue("20.01", "2027-06-01T00:00:00Z");
    assert!(life.try_run(Role::Ledger, greater).is_ok());
}

//! T12–T14, L7, L21: days free of charge, and the switch.

use super::fixture::*;
use crate::command::{Command, Order, Role};
use crate::decide::{Case, decide};
use crate::facts::{Facts, SuspendCause};
use crate::refusal::{Refusal, Warning};
use crate::standing::Standing;

#[test]
fn t12_grace_extends_from_what_is_paid_or_from_now_and_is_capped() {
    let graced = run(&active(), Role::Operator, Command::Grace { days: 3 })
        .unwrap()
        .facts;
    assert_eq!(graced.grace_until, Some(instant("2027-02-03T23:00:00Z")));
    let graced = run(&expired(), Role::Operator, Command::Grace { days: 3 }).unwrap();
    assert_eq!(graced.new.standing, Standing::Grace);
    assert_eq!(
        graced.facts.grace_until,
        Some(instant("2027-01-13T23:00:00Z"))
    );
    assert_eq!(graced.facts.balance, euro("0"), "free of charge");
    for days in [0, 31, u32::MAX] {
        assert_eq!(
            run(&active(), Role::Operator, Command::Grace { days }),
            Err(Refusal::GraceDays { days_max: 30 })
        );
    }
}

#[test]
fn l7_grace_upon_grace_is_capped_together() {
    let mut facts = active();
    for _ in 0..3 {
        facts = run(&facts, Role::Operator, Command::Grace { days: 10 })
            .unwrap()
            .facts;
    }
    assert_eq!(
        run(&facts, Role::Operator, Command::Grace { days: 1 }),
        Err(Refusal::GraceDays { days_max: 30 })
    );
}

#[test]
fn l7_grace_has_a_reason_and_is_for_what_runs_or_has_run_out() {
    let silent = Order {
        reason: None,
        ..order(Role::Operator, Command::Grace { days: 1 })
    };
    let refused = decide(
        Case::of(&active()),
        &silent,
        instant(NOW),
        rules().terms(None),
    );
    assert_eq!(refused, Err(Refusal::ReasonMissing));
    for facts in [pending(), suspended(SuspendCause::Overdue, None)] {
        assert!(matches!(
            run(&facts, Role::Operator, Command::Grace { days: 1 }),
            Err(Refusal::Standing { .. })
        ));
    }
}

#[test]
fn t13_t14_disable_and_enable_leave_everything_below_alone() {
    let unconfirmed = run(
        &active(),
        Role::Operator,
        Command::Disable { confirmed: false },
    );
    assert_eq!(
        unconfirmed,
        Err(Refusal::NotConfirmed(Warning::StillBilled))
    );
    let disabled = run(
        &active(),
        Role::Operator,
        Command::Disable { confirmed: true },
    )
    .unwrap();
    assert_eq!(disabled.new.standing, Standing::Disabled);
    assert!(matches!(
        run(&disabled.facts, Role::Operator, pay(1, captured("29.90"))),
        Err(Refusal::Standing {
            standing: Standing::Disabled,
            ..
        })
    ));
    let enabled = run(&disabled.facts, Role::Operator, Command::Enable).unwrap();
    assert_eq!(
        Facts {
            version: 1,
            ..enabled.facts
        },
        active()
    );
}

#[test]
fn t13_disable_has_a_reason_and_happens_once() {
    let command = Command::Disable { confirmed: true };
    let silent = Order {
        reason: None,
        ..order(Role::Operator, command.clone())
    };
    let refused = decide(
        Case::of(&active()),
        &silent,
        instant(NOW),
        rules().terms(None),
    );
    assert_eq!(refused, Err(Refusal::ReasonMissing));
    let disabled = run(&active(), Role::Operator, command.clone())
        .unwrap()
        .facts;
    assert!(matches!(
        run(&disabled, Role::Operator, command),
        Err(Refusal::Standing { .. })
    ));
    assert_eq!(
        run(&active(), Role::Operator, Command::Enable),
        Err(Refusal::NotHeld("disabled"))
    );
}

#[test]
fn l21_the_disabled_are_shown_a_notice_and_nothing_else() {
    let disabled = run(
        &active(),
        Role::Operator,
        Command::Disable { confirmed: true },
    )
    .unwrap()
    .facts;
    for command in super::roles::what_a_customer_may() {
        let refused = run(&disabled, Role::Customer, command.clone());
        assert!(
            matches!(
                refused,
                Err(Refusal::Standing {
                    standing: Standing::Disabled,
                    ..
                } | Refusal::SwitchedOff { .. })
            ),
            "{command:?}: {refused:?}"
        );
    }
}

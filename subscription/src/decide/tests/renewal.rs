//! T25, L9, L10: the end of paid time.

use super::fixture::*;
use crate::command::{Command, Create, Role, When};
use crate::facts::{Invoicing, Renewal, Service};
use crate::journal::Effect;
use crate::refusal::Refusal;
use crate::standing::Standing;

/// The first of March, Vienna time.
const MARCH: &str = "2027-02-28T23:00:00Z";

fn backward() -> Renewal {
    Renewal {
        invoicing: Some(Invoicing::Backward),
        ..Renewal::default()
    }
}

fn with_balance(balance: &str) -> Create {
    Create {
        balance: Some(euro(balance)),
        ..template()
    }
}

#[test]
fn t25_without_credit_it_expires_and_the_entry_says_when() {
    let mut life = Life::active();
    assert_eq!(life.pass("2027-02-03T00:00:00Z"), [Effect::Lapsed]);
    assert_eq!(life.standing(), Standing::Expired);
    assert_eq!(life.history.last().unwrap().steps[0].at, instant(PAID));
    assert_eq!(life.next_due(), None);
}

#[test]
fn t25_grace_ends_by_itself() {
    let graced = run(&active(), Role::Operator, Command::Grace { days: 2 })
        .unwrap()
        .facts;
    assert_eq!(
        standing_at(&graced, "2027-02-02T22:59:59Z"),
        Standing::Grace
    );
    assert_eq!(
        standing_at(&graced, "2027-02-02T23:00:00Z"),
        Standing::Expired
    );
}

#[test]
fn t25_the_timer_does_not_end_what_is_paid() {
    assert!(matches!(
        run(&active(), Role::Timer, Command::ExpiryDue),
        Err(Refusal::Standing { .. })
    ));
}

#[test]
fn l9_credit_renews_by_itself_as_often_as_it_lasts() {
    let mut life = Life::new(with_balance("60.00"), rules());
    let effects = life.pass("2027-06-01T00:00:00Z");
    assert_eq!(effects, [Effect::Renewed, Effect::Renewed, Effect::Lapsed]);
    assert_eq!(life.facts.balance, euro("0.20"));
    assert_eq!(vienna_date(life.facts.paid_through), "2027-04-01");
}

#[test]
fn l9_credit_waits_where_its_use_is_off() {
    let by_policy = rules_with(|policy| policy.renewal.use_credit = false);
    let mut life = Life::new(with_balance("60.00"), by_policy);
    assert_eq!(life.pass("2027-06-01T00:00:00Z"), [Effect::Lapsed]);
    assert_eq!(life.facts.balance, euro("60.00"));
    let own = Create {
        renewal: Renewal {
            use_credit: Some(false),
            ..Renewal::default()
        },
        ..with_balance("60.00")
    };
    assert_eq!(
        Life::new(own, rules()).pass("2027-06-01T00:00:00Z"),
        [Effect::Lapsed]
    );
}

#[test]
fn l10_forward_is_paid_before_and_renews_every_n_months() {
    let renewal = Renewal {
        months: Some(months(3)),
        ..Renewal::default()
    };
    let mut life = Life::new(
        Create {
            renewal,
            ..with_balance("85.00")
        },
        rules(),
    );
    life.pass(PAID);
    assert_eq!(vienna_date(life.facts.paid_through), "2027-05-01");
    assert_eq!(life.facts.balance, euro("0"));
}

#[test]
fn l10_backward_is_charged_when_the_period_is_over() {
    let mut life = Life::new(
        Create {
            renewal: backward(),
            ..template()
        },
        rules(),
    );
    assert_eq!(life.pass(PAID), [Effect::Renewed]);
    assert_eq!(life.facts.balance, euro("0"), "nothing yet");
    assert_eq!(life.pass(MARCH), [Effect::Renewed]);
    assert_eq!(life.facts.balance, euro("-29.90"));
    assert_eq!(life.facts.owing_since, Some(instant(MARCH)));
    assert_eq!(life.standing(), Standing::Active);
}

#[test]
fn l10_a_service_may_be_invoiced_otherwise_than_the_rest() {
    let service = Service {
        invoicing: Some(Invoicing::Backward),
        ..voice()
    };
    let mut life = Life::new(
        Create {
            services: vec![service],
            ..with_balance("100.00")
        },
        rules(),
    );
    life.pass(PAID);
    assert_eq!(life.facts.balance, euro("70.10"), "the plan before");
    life.pass(MARCH);
    assert_eq!(
        life.facts.balance,
        euro("35.20"),
        "the plan before, voice after"
    );
}

#[test]
fn l10_with_active_to_it_pauses_and_nothing_more_is_billed() {
    for renewal in [Renewal::default(), backward()] {
        let mut life = Life::new(
            Create {
                renewal,
                active_to: Some(instant(PAID)),
                ..with_balance("100.00")
            },
            rules(),
        );
        assert_eq!(life.pass("2028-01-01T00:00:00Z"), [Effect::Done]);
        assert_eq!(life.standing(), Standing::Paused);
        assert_eq!(life.facts.balance, euro("100.00"));
    }
}

#[test]
fn l10_active_to_lies_after_the_start() {
    let refused = try_create(Create {
        start_at: Some(instant(PAID)),
        active_to: Some(instant(PAID)),
        ..template()
    });
    assert_eq!(
        refused,
        Err(Refusal::EndNotAfterStart {
            start: instant(PAID)
        })
    );
}

#[test]
fn l10_the_period_before_a_pause_or_an_end_is_charged() {
    let begun = || {
        let mut life = Life::new(
            Create {
                renewal: backward(),
                active_to: Some(instant(MARCH)),
                ..template()
            },
            rules(),
        );
        life.pass(PAID);
        life
    };
    let mut paused = begun();
    paused.pass(MARCH);
    assert_eq!(
        (paused.standing(), paused.facts.balance),
        (Standing::Paused, euro("-29.90"))
    );
    let mut ended = begun();
    ended.run(Role::Operator, terminate(When::Now));
    assert_eq!(ended.facts.balance, euro("-29.90"));
}

#[test]
fn l10_how_it_renews_can_be_set_and_is_checked_at_once() {
    let two = Command::SetRenewal(Renewal {
        months: Some(months(2)),
        ..Renewal::default()
    });
    assert!(matches!(
        run(&active(), Role::Operator, two),
        Err(Refusal::Months { .. })
    ));
    let set = run(&active(), Role::Operator, Command::SetRenewal(backward())).unwrap();
    assert_eq!(set.facts.renewal, backward());
    assert_eq!(set.old.unwrap().paid_through, set.new.paid_through);
}

#[test]
fn the_suspended_are_not_billed_and_the_disabled_are() {
    let mut disabled = Life::new(with_balance("60.00"), rules());
    disabled.run(Role::Operator, Command::Disable { confirmed: true });
    assert_eq!(disabled.pass(PAID), [Effect::Renewed]);
    assert_eq!(
        (disabled.standing(), disabled.facts.balance),
        (Standing::Disabled, euro("30.10"))
    );
    let mut walled = Life::new(with_balance("60.00"), rules());
    walled.run(
        Role::Operator,
        suspend(crate::facts::SuspendCause::Operator, None),
    );
    assert_eq!(walled.pass("2027-05-01T00:00:00Z"), [Effect::Lapsed]);
    walled.run(Role::Operator, Command::Lift);
    assert_eq!(
        (walled.standing(), walled.facts.balance),
        (Standing::Expired, euro("60.00")),
        "never billed for the time behind the wall"
    );
}

#[test]
fn a_timer_that_is_late_renews_from_the_end_not_from_when_it_wakes() {
    let facts = Life::new(with_balance("29.90"), rules()).facts;
    let late = run_at(
        &facts,
        Role::Timer,
        Command::ExpiryDue,
        "2027-02-10T12:00:00Z",
    )
    .unwrap();
    assert_eq!(vienna_date(late.facts.paid_through), "2027-03-01");
}

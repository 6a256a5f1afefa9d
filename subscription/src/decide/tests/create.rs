//! T1–T3: how a subscription begins.

use super::fixture::*;
use crate::command::{Command, Create, InitialHold, Role};
use crate::decide::{Case, decide};
use crate::facts::{Disable, Facts, Service, SuspendCause};
use crate::journal::Effect;
use crate::money::{Money, MoneyError};
use crate::refusal::Refusal;
use crate::standing::Standing;

#[test]
fn t1_a_subscription_starts_pending_or_active() {
    assert_eq!(standing_at(&active(), NOW), Standing::Active);
    let pending = created(Create {
        start_at: Some(instant("2027-02-01T00:00:00Z")),
        paid_through: None,
        ..template()
    });
    assert_eq!(standing_at(&pending, NOW), Standing::Pending);
    assert_eq!(
        standing_at(&pending, "2027-02-01T00:00:00Z"),
        Standing::Expired,
        "nothing was paid"
    );
}

#[test]
fn t1_an_unknown_plan_and_a_second_create_are_refused() {
    let unknown = "home-9000".parse().unwrap();
    let refused = try_create(Create {
        plan: "home-9000".parse().unwrap(),
        ..template()
    });
    assert_eq!(refused, Err(Refusal::UnknownPlan(unknown)));
    let again = run(
        &active(),
        Role::Operator,
        Command::Create(Box::new(template())),
    );
    assert_eq!(again, Err(Refusal::Exists));
    let missing = decide(
        Case::default(),
        &order(Role::Operator, Command::Lift),
        instant(NOW),
        rules().terms(None),
    );
    assert_eq!(missing, Err(Refusal::Unknown));
}

#[test]
fn t1_an_anchor_day_of_31_keeps_the_ends_of_months() {
    let facts = created(Create {
        paid_through: Some(instant("2027-02-27T23:00:00Z")),
        anchor_day: Some(31),
        ..template()
    });
    assert_eq!(facts.anchor.date.to_string(), "2027-01-31");
    let paid = run(&facts, Role::Operator, pay(1, captured("29.90"))).unwrap();
    assert_eq!(vienna_date(paid.facts.paid_through), "2027-03-31");
}

#[test]
fn t1_another_currency_an_impossible_anchor_and_too_many_services_are_refused() {
    let yen = Money::parse("100", "JPY".parse().unwrap()).unwrap();
    let refused = try_create(Create {
        balance: Some(yen),
        ..template()
    });
    assert!(matches!(
        refused,
        Err(Refusal::Money(MoneyError::Mixed { .. }))
    ));
    for day in [0, 32, 255] {
        let refused = try_create(Create {
            anchor_day: Some(day),
            ..template()
        });
        assert_eq!(refused, Err(Refusal::AnchorDay), "{day}");
    }
    let services = |count| vec![voice(); count];
    let most = Create {
        services: services(Facts::SERVICES_MAX),
        ..template()
    };
    assert!(try_create(most).is_ok());
    let more = Create {
        services: services(Facts::SERVICES_MAX + 1),
        ..template()
    };
    assert_eq!(try_create(more), Err(Refusal::TooManyServices));
    let unknown = Service {
        plan: "fax".parse().unwrap(),
        ..voice()
    };
    let refused = try_create(Create {
        services: vec![unknown],
        ..template()
    });
    assert_eq!(
        refused,
        Err(Refusal::UnknownPlan("fax".parse().unwrap())),
        "a plan of the bundle"
    );
}

#[test]
fn t1_holds_brought_along_are_checked() {
    let with = |hold| {
        try_create(Create {
            holds: vec![hold],
            ..template()
        })
    };
    let past = InitialHold::Pause {
        until: Some(instant(NOW)),
    };
    assert_eq!(
        with(past),
        Err(Refusal::EndNotAfterStart {
            start: instant(NOW)
        })
    );
    let owed = |debt| InitialHold::Suspend {
        cause: SuspendCause::Overdue,
        debt: Some(debt),
    };
    assert_eq!(with(owed(euro("0"))), Err(Refusal::AmountNotPositive));
    let yen = Money::parse("100", "JPY".parse().unwrap()).unwrap();
    assert!(matches!(with(owed(yen)), Err(Refusal::Money(_))));
    let reason = "moved out".parse().unwrap();
    let disabled = with(InitialHold::Disable { reason }).unwrap();
    assert_eq!(disabled.new.standing, Standing::Disabled);
    assert_eq!(
        disabled.facts.holds.disable,
        Some(Disable {
            since: instant(NOW),
            reason: "moved out".parse().unwrap()
        })
    );
}

#[test]
fn t1_nothing_paid_ends_before_the_start() {
    let facts = created(Create {
        start_at: Some(instant(PAID)),
        paid_through: Some(instant(NOW)),
        ..template()
    });
    assert_eq!(facts.paid_through, instant(PAID));
}

#[test]
fn t2_the_start_comes_by_itself_paid_or_from_credit_else_it_is_expired() {
    let starting = |balance: &str, paid_through: Option<&str>| {
        let mut life = Life::new(
            Create {
                start_at: Some(instant(PAID)),
                paid_through: paid_through.map(instant),
                balance: Some(euro(balance)),
                ..template()
            },
            rules(),
        );
        let effects = life.pass(PAID);
        (effects, life.standing(), life.facts.balance)
    };
    assert_eq!(
        starting("0", Some("2027-02-28T23:00:00Z")),
        (vec![Effect::Done], Standing::Active, euro("0"))
    );
    assert_eq!(
        starting("30.00", None),
        (vec![Effect::Renewed], Standing::Active, euro("0.10"))
    );
    assert_eq!(
        starting("29.89", None),
        (vec![Effect::Lapsed], Standing::Expired, euro("29.89"))
    );
}

#[test]
fn t2_all_services_are_funded_at_the_start_or_none() {
    let mut life = Life::new(
        Create {
            start_at: Some(instant(PAID)),
            paid_through: None,
            balance: Some(euro("34.89")),
            services: vec![voice()],
            ..template()
        },
        rules(),
    );
    assert_eq!(
        life.pass(PAID),
        [Effect::Lapsed],
        "29.90 and 5.00 are 34.90"
    );
    assert_eq!(life.facts.balance, euro("34.89"), "nothing in part");
}

#[test]
fn t2_the_timer_does_not_start_before_the_start() {
    assert!(matches!(
        run(&pending(), Role::Timer, Command::StartDue),
        Err(Refusal::Standing { .. })
    ));
    assert!(matches!(
        run(&active(), Role::Timer, Command::StartDue),
        Err(Refusal::Standing { .. })
    ));
}

#[test]
fn t3_cancel_is_for_what_has_not_begun() {
    for role in [Role::Customer, Role::Operator, Role::Ledger] {
        let cancelled = run(&pending(), role, Command::Cancel).unwrap();
        assert_eq!(cancelled.new.standing, Standing::Cancelled);
        assert!(matches!(
            run(&active(), role, Command::Cancel),
            Err(Refusal::Standing { .. })
        ));
        let begun = run_at(&pending(), role, Command::Cancel, PAID);
        assert!(
            matches!(begun, Err(Refusal::Standing { .. })),
            "it has begun, though no entry says so"
        );
    }
}

#[test]
fn t3_a_deposit_stays_as_credit() {
    let facts = run(&pending(), Role::Operator, pay(1, captured("40.00")))
        .unwrap()
        .facts;
    assert_eq!(vienna_date(facts.paid_through), "2027-03-01");
    let cancelled = run(&facts, Role::Operator, Command::Cancel).unwrap();
    assert_eq!(cancelled.facts.balance, euro("10.10"));
}

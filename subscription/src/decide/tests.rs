use super::*;
use crate::calendar::{BillingZone, CivilDate, Months};
use crate::command::{Create, InitialHold, PauseEnd};
use crate::facts::{Service, ServiceState, SubscriptionId};
use crate::money::Currency;
use crate::plan::{Catalogue, Plan, PlanKind, PriceLine};
use crate::policy::Policy;
use crate::quote;
use crate::standing::Access;
use crate::time::Span;
use uuid::Uuid;

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn euro(text: &str) -> Money {
    Money::parse(text, Currency::EUR).unwrap()
}

fn months(count: u16) -> Months {
    Months::new(count).unwrap()
}

fn plan(id: &str, kind: PlanKind, prices: &[(u16, &str)]) -> Plan {
    Plan {
        id: id.parse().unwrap(),
        name: id.parse().unwrap(),
        kind,
        down_kbps: 100_000,
        up_kbps: 20_000,
        prices: prices
            .iter()
            .map(|(count, amount)| PriceLine {
                months: months(*count),
                amount: euro(amount),
            })
            .collect(),
        change_to: Vec::new(),
    }
}

fn rules() -> Rules {
    let plans = vec![
        plan(
            "home-100",
            PlanKind::Internet,
            &[(1, "29.90"), (3, "85.00"), (12, "299.00")],
        ),
        plan("voice", PlanKind::Voice, &[(1, "5.00"), (3, "14.00")]),
    ];
    Rules {
        policy: Policy::new("Europe/Vienna".parse().unwrap()),
        catalogue: Catalogue::new(Currency::EUR, plans).unwrap(),
    }
}

fn order(role: Role, command: Command) -> Order {
    let actor = Actor {
        role,
        name: "anna".parse().unwrap(),
        on_behalf_of: None,
    };
    Order {
        actor,
        reason: Some("asked by telephone".parse().unwrap()),
        command,
    }
}

fn template() -> Create {
    Create {
        id: SubscriptionId(Uuid::from_u128(1)),
        plan: "home-100".parse().unwrap(),
        services: Vec::new(),
        start_at: None,
        paid_through: Some(instant("2027-01-31T23:00:00Z")),
        anchor_day: None,
        balance: None,
        holds: Vec::new(),
    }
}

const NOW: &str = "2027-01-10T12:00:00Z";

fn created(create: Create) -> Facts {
    decide(
        None,
        &order(Role::Operator, Command::Create(Box::new(create))),
        instant(NOW),
        &rules(),
    )
    .unwrap()
    .facts
}

/// Paid to the end of January 2027, Vienna time.
fn active() -> Facts {
    created(template())
}

fn expired() -> Facts {
    created(Create {
        paid_through: Some(instant("2026-12-31T23:00:00Z")),
        ..template()
    })
}

fn suspended(cause: SuspendCause, debt: Option<&str>) -> Facts {
    let holds = vec![InitialHold::Suspend {
        cause,
        debt: debt.map(euro),
    }];
    created(Create {
        holds,
        paid_through: Some(instant("2026-12-31T23:00:00Z")),
        ..template()
    })
}

fn run(facts: &Facts, role: Role, command: Command) -> Result<Decision, Refusal> {
    run_at(facts, role, command, NOW)
}

fn run_at(facts: &Facts, role: Role, command: Command, now: &str) -> Result<Decision, Refusal> {
    decide(Some(facts), &order(role, command), instant(now), &rules())
}

fn captured(amount: &str) -> Tender {
    Tender::Captured {
        payment: "pay-1".parse().unwrap(),
        amount: euro(amount),
    }
}

fn capture(count: Option<u16>, amount: &str) -> Command {
    capture_at(count, amount, NOW)
}

fn capture_at(count: Option<u16>, amount: &str, at: &str) -> Command {
    Command::Capture {
        months: count.map(months),
        payment: "pay-1".parse().unwrap(),
        amount: euro(amount),
        captured_at: instant(at),
    }
}

fn vienna_date(at: Timestamp) -> String {
    let zone: BillingZone = "Europe/Vienna".parse().unwrap();
    zone.date_of(at).to_string()
}

#[test]
fn t1_a_subscription_starts_pending_or_active() {
    assert_eq!(standing_of(&active(), instant(NOW)), Standing::Active);
    let start_at = Some(instant("2027-02-01T00:00:00Z"));
    let pending = created(Create {
        start_at,
        paid_through: None,
        ..template()
    });
    assert_eq!(standing_of(&pending, instant(NOW)), Standing::Pending);
    assert_eq!(
        standing_of(&pending, instant("2027-02-01T00:00:00Z")),
        Standing::Expired,
        "nothing was paid"
    );
}

#[test]
fn t1_an_unknown_plan_and_a_second_create_are_refused() {
    let create = Create {
        plan: "home-9000".parse().unwrap(),
        ..template()
    };
    let command = Command::Create(Box::new(create));
    let refused = decide(
        None,
        &order(Role::Operator, command),
        instant(NOW),
        &rules(),
    );
    assert_eq!(
        refused,
        Err(Refusal::UnknownPlan("home-9000".parse().unwrap()))
    );
    let again = run(
        &active(),
        Role::Operator,
        Command::Create(Box::new(template())),
    );
    assert_eq!(again, Err(Refusal::Exists));
    assert_eq!(
        decide(
            None,
            &order(Role::Operator, Command::Lift),
            instant(NOW),
            &rules()
        ),
        Err(Refusal::Unknown)
    );
}

#[test]
fn t1_an_anchor_day_of_31_keeps_the_ends_of_months() {
    let create = Create {
        paid_through: Some(instant("2027-02-27T23:00:00Z")),
        anchor_day: Some(31),
        ..template()
    };
    let facts = created(create);
    assert_eq!(facts.anchor.date.to_string(), "2027-01-31");
    let paid = run(
        &facts,
        Role::Operator,
        Command::Pay {
            months: months(1),
            tender: captured("29.90"),
        },
    )
    .unwrap();
    assert_eq!(vienna_date(paid.facts.paid_through), "2027-03-31");
}

#[test]
fn t4_paying_moves_the_old_end_by_calendar_months() {
    let paid = run(
        &active(),
        Role::Operator,
        Command::Pay {
            months: months(3),
            tender: captured("85.00"),
        },
    )
    .unwrap();
    assert_eq!(vienna_date(paid.facts.paid_through), "2027-05-01");
    assert_eq!(paid.effect, Effect::MonthsBought);
    assert_eq!(paid.facts.balance, euro("0"));
    assert_eq!(paid.amount, Some(euro("85.00")));
    assert_eq!(paid.facts.version, 2);
}

#[test]
fn t4_too_little_money_is_refused_with_what_is_missing() {
    let refused = run(
        &active(),
        Role::Operator,
        Command::Pay {
            months: months(3),
            tender: captured("80.00"),
        },
    );
    let expected = Refusal::Funds {
        price: euro("85.00"),
        available: euro("80.00"),
        missing: euro("5.00"),
    };
    assert_eq!(refused, Err(expected.clone()));
    assert_eq!(expected.rule(), "L26");
}

#[test]
fn l8_only_months_on_sale_are_sold() {
    let refused = run(
        &active(),
        Role::Operator,
        Command::Pay {
            months: months(2),
            tender: captured("60.00"),
        },
    );
    let Err(refusal @ Refusal::Months { .. }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(
        (refusal.rule(), refusal.to_string().as_str()),
        (
            "L8",
            "2 months of plan home-100 are not on sale; on sale are 1, 3, 12"
        )
    );
}

#[test]
fn l9_money_above_what_is_due_becomes_credit_and_credit_is_used_first() {
    let paid = run(
        &active(),
        Role::Operator,
        Command::Pay {
            months: months(1),
            tender: captured("60.00"),
        },
    )
    .unwrap();
    assert_eq!(paid.facts.balance, euro("30.10"));
    let offer = quote::quote(&paid.facts, months(1), &rules()).unwrap();
    assert_eq!((offer.price, offer.total), (euro("29.90"), euro("0")));
    let again = run(
        &paid.facts,
        Role::Customer,
        Command::Pay {
            months: months(1),
            tender: Tender::Balance,
        },
    )
    .unwrap();
    assert_eq!(again.facts.balance, euro("0.20"));
}

#[test]
fn t5_an_expired_subscription_is_active_from_now() {
    let bought = run(&expired(), Role::Ledger, capture(Some(3), "85.00")).unwrap();
    assert_eq!(bought.new.standing, Standing::Active);
    assert_eq!(bought.old.unwrap().standing, Standing::Expired);
    assert_eq!(vienna_date(bought.facts.paid_through), "2027-04-10");
}

#[test]
fn t5_reactivation_by_subscribers_can_be_switched_off() {
    let mut rules = rules();
    rules.policy.customer_reactivation = false;
    let facts = Facts {
        balance: euro("85.00"),
        ..expired()
    };
    let command = Command::Reactivate {
        months: months(3),
        tender: Tender::Balance,
    };
    let by_customer = decide(
        Some(&facts),
        &order(Role::Customer, command.clone()),
        instant(NOW),
        &rules,
    );
    assert_eq!(
        by_customer,
        Err(Refusal::SwitchedOff("reactivation by subscribers"))
    );
    assert!(
        decide(
            Some(&facts),
            &order(Role::Operator, command),
            instant(NOW),
            &rules
        )
        .is_ok()
    );
}

#[test]
fn t5_an_active_subscription_cannot_be_reactivated() {
    let command = Command::Reactivate {
        months: months(3),
        tender: captured("85.00"),
    };
    assert!(matches!(
        run(&active(), Role::Operator, command),
        Err(Refusal::Standing {
            standing: Standing::Active,
            ..
        })
    ));
}

#[test]
fn t6_reactivating_from_a_pause_adds_the_banked_time() {
    let paused = run(
        &active(),
        Role::Customer,
        Command::Pause {
            end: PauseEnd::Open,
        },
    )
    .unwrap()
    .facts;
    let later = "2027-03-01T12:00:00Z";
    let command = Command::Reactivate {
        months: months(1),
        tender: captured("29.90"),
    };
    let bought = run_at(&paused, Role::Operator, command, later).unwrap();
    // 21 days and 11 hours were banked; they end on 22 March, a month more on 23 April's eve.
    assert_eq!(bought.new.standing, Standing::Active);
    assert_eq!(vienna_date(bought.facts.paid_through), "2027-04-23");
}

#[test]
fn t7_a_pause_ends_by_itself_with_what_it_banked() {
    let until = CivilDate::from_ymd(2027, 2, 15).unwrap();
    let paused = run(
        &active(),
        Role::Customer,
        Command::Pause {
            end: PauseEnd::On(until),
        },
    )
    .unwrap();
    assert_eq!(paused.new.standing, Standing::Paused);
    assert!(matches!(
        run(&paused.facts, Role::Timer, Command::EndPause),
        Err(Refusal::Standing {
            standing: Standing::Paused,
            ..
        })
    ));
    let late = run_at(
        &paused.facts,
        Role::Timer,
        Command::EndPause,
        "2027-02-20T00:00:00Z",
    )
    .unwrap();
    assert_eq!(
        (late.effect, late.new.standing),
        (Effect::PauseEnded, Standing::Active)
    );
    let banked = active().paid_through.since(instant(NOW));
    assert_eq!(
        late.facts.paid_through,
        instant("2027-02-14T23:00:00Z").saturating_add(banked)
    );
}

#[test]
fn t7_a_pause_without_banked_time_ends_expired_and_never_briefly_active() {
    let holds = vec![InitialHold::Pause {
        until: Some(instant("2027-02-01T00:00:00Z")),
    }];
    let paused = created(Create {
        holds,
        paid_through: Some(instant("2026-12-31T23:00:00Z")),
        ..template()
    });
    assert_eq!(standing_of(&paused, instant(NOW)), Standing::Paused);
    assert_eq!(
        standing_of(&paused, instant("2027-02-01T00:00:00Z")),
        Standing::Expired
    );
    let ended = run_at(
        &paused,
        Role::Timer,
        Command::EndPause,
        "2027-02-01T00:00:00Z",
    )
    .unwrap();
    assert_eq!(
        (ended.effect, ended.new.standing),
        (Effect::PauseEndedUnfunded, Standing::Expired)
    );
}

#[test]
fn t8_pause_end_before_start_is_rejected() {
    let end = PauseEnd::On(CivilDate::from_ymd(2027, 1, 10).unwrap());
    let refused = run(&active(), Role::Customer, Command::Pause { end });
    assert_eq!(refused, Err(Refusal::EndNotAfterStart));
    assert_eq!(Refusal::EndNotAfterStart.rule(), "L24");
}

#[test]
fn t8_only_what_runs_can_be_paused() {
    for facts in [expired(), suspended(SuspendCause::Overdue, None)] {
        let refused = run(
            &facts,
            Role::Operator,
            Command::Pause {
                end: PauseEnd::Open,
            },
        );
        assert!(
            matches!(refused, Err(Refusal::Standing { .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn l28_a_pause_longer_than_policy_allows_is_refused() {
    let mut rules = rules();
    rules.policy.pause_days_max = Some(10);
    let pause = |end| {
        decide(
            Some(&active()),
            &order(Role::Customer, Command::Pause { end }),
            instant(NOW),
            &rules,
        )
    };
    assert_eq!(
        pause(PauseEnd::Open),
        Err(Refusal::PauseTooLong { days_max: 10 })
    );
    let latest = instant(NOW).saturating_add(Span::from_days(10));
    assert!(pause(PauseEnd::At(latest)).is_ok());
    let later = latest.saturating_add(Span::from_seconds(1));
    assert_eq!(
        pause(PauseEnd::At(later)),
        Err(Refusal::PauseTooLong { days_max: 10 })
    );
}

#[test]
fn t9_overdue_is_for_the_ledger_and_the_timer_alone() {
    let overdue = Command::Suspend {
        cause: SuspendCause::Overdue,
        debt: Some(euro("29.90")),
    };
    assert!(matches!(
        run(&active(), Role::Operator, overdue.clone()),
        Err(Refusal::Role {
            role: Role::Operator,
            ..
        })
    ));
    let walled = run(&active(), Role::Ledger, overdue).unwrap();
    assert_eq!(walled.new.standing.access(), Access::Garden);
}

#[test]
fn t9_an_operator_states_a_reason() {
    let command = Command::Suspend {
        cause: SuspendCause::Operator,
        debt: None,
    };
    let silent = Order {
        reason: None,
        ..order(Role::Operator, command)
    };
    assert_eq!(
        decide(Some(&active()), &silent, instant(NOW), &rules()),
        Err(Refusal::ReasonMissing)
    );
}

#[test]
fn t9_fraud_outranks_debt_and_nothing_outranks_fraud() {
    let block = |cause| Command::Suspend { cause, debt: None };
    let overdue = suspended(SuspendCause::Overdue, Some("10"));
    let fraud = run(&overdue, Role::Operator, block(SuspendCause::Fraud))
        .unwrap()
        .facts;
    assert_eq!(
        fraud.holds.suspend.as_ref().unwrap().cause,
        SuspendCause::Fraud
    );
    for (facts, cause) in [
        (&fraud, SuspendCause::Fraud),
        (&fraud, SuspendCause::Operator),
        (&overdue, SuspendCause::Operator),
    ] {
        assert!(matches!(
            run(facts, Role::Operator, block(cause)),
            Err(Refusal::Standing { .. })
        ));
    }
}

#[test]
fn t10_paying_debt_and_months_lifts_a_suspension_for_debt() {
    let facts = suspended(SuspendCause::Overdue, Some("10.00"));
    let offer = quote::quote(&facts, months(3), &rules()).unwrap();
    assert_eq!(offer.total, euro("95.00"));
    let bought = run(&facts, Role::Ledger, capture(Some(3), "95.00")).unwrap();
    assert_eq!(
        (bought.new.standing, bought.facts.balance),
        (Standing::Active, euro("0"))
    );
    assert_eq!(vienna_date(bought.facts.paid_through), "2027-04-10");
}

#[test]
fn t10_paying_never_lifts_a_block_for_fraud() {
    let paid = run(
        &suspended(SuspendCause::Fraud, Some("10.00")),
        Role::Ledger,
        capture(Some(3), "85.00"),
    )
    .unwrap();
    assert_eq!(
        (paid.new.standing, paid.effect),
        (Standing::Suspended, Effect::CreditOnly)
    );
    assert_eq!(paid.facts.balance, euro("85.00"));
}

#[test]
fn t10_the_debt_alone_lifts_the_wall_but_buys_nothing() {
    let paid = run(
        &suspended(SuspendCause::Overdue, Some("10.00")),
        Role::Ledger,
        capture(Some(3), "12.00"),
    )
    .unwrap();
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
fn e5_paying_in_grace_counts_from_the_old_end_in_expired_from_the_payment() {
    let graced = run(&expired(), Role::Operator, Command::Grace { days: 3 })
        .unwrap()
        .facts;
    let in_grace = run(&graced, Role::Ledger, capture(Some(1), "29.90"))
        .unwrap()
        .facts;
    assert_eq!(vienna_date(in_grace.paid_through), "2027-02-01");
    let in_expired = run_at(
        &expired(),
        Role::Ledger,
        capture_at(Some(1), "29.90", "2027-01-09T12:00:00Z"),
        NOW,
    );
    assert_eq!(
        vienna_date(in_expired.unwrap().facts.paid_through),
        "2027-02-09"
    );
}

#[test]
fn money_captured_before_expiry_counts_before_it() {
    let late = "2027-02-01T00:30:00Z";
    let bought = run_at(
        &active(),
        Role::Ledger,
        capture_at(Some(1), "29.90", "2027-01-31T22:59:59Z"),
        late,
    )
    .unwrap();
    assert_eq!(vienna_date(bought.facts.paid_through), "2027-03-01");
    let future = run(
        &active(),
        Role::Ledger,
        capture_at(Some(1), "29.90", "2037-01-01T00:00:00Z"),
    )
    .unwrap();
    assert_eq!(
        vienna_date(future.facts.paid_through),
        "2027-03-01",
        "a gateway's clock buys no time"
    );
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
        run(
            &disabled.facts,
            Role::Operator,
            Command::Pay {
                months: months(1),
                tender: captured("29.90")
            }
        ),
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
fn t18_terminate_clears_the_agenda_and_is_final() {
    let end = PauseEnd::On(CivilDate::from_ymd(2027, 2, 15).unwrap());
    let paused = run(&active(), Role::Customer, Command::Pause { end })
        .unwrap()
        .facts;
    assert_eq!(paused.agenda().len(), 1);
    let unconfirmed = run(
        &paused,
        Role::Operator,
        Command::Terminate { confirmed: false },
    );
    assert_eq!(
        unconfirmed,
        Err(Refusal::NotConfirmed(Warning::LoggingStops))
    );
    let ended = run(
        &paused,
        Role::Operator,
        Command::Terminate { confirmed: true },
    )
    .unwrap();
    assert_eq!(ended.new.standing, Standing::Terminated);
    assert!(ended.facts.agenda().is_empty());
    for command in [
        Command::Terminate { confirmed: true },
        Command::EndPause,
        Command::Enable,
        Command::Lift,
        Command::Grace { days: 1 },
        Command::Pay {
            months: months(1),
            tender: captured("29.90"),
        },
    ] {
        assert!(
            run(&ended.facts, Role::Operator, command.clone()).is_err(),
            "{command:?}"
        );
    }
}

#[test]
fn t26_late_money_leaves_the_ended_state_and_becomes_credit() {
    let ended = run(
        &active(),
        Role::Operator,
        Command::Terminate { confirmed: true },
    )
    .unwrap()
    .facts;
    let paid = run(&ended, Role::Ledger, capture(Some(3), "85.00")).unwrap();
    assert_eq!(
        (paid.new.standing, paid.effect),
        (Standing::Terminated, Effect::CreditOnly)
    );
    assert_eq!(paid.facts.balance, euro("85.00"));
}

#[test]
fn e4_money_for_an_offer_that_was_used_becomes_credit() {
    let paid = run(&expired(), Role::Ledger, capture(None, "85.00")).unwrap();
    assert_eq!(
        (paid.effect, paid.facts.balance),
        (Effect::CreditOnly, euro("85.00"))
    );
    assert_eq!(paid.facts.paid_through, expired().paid_through);
}

#[test]
fn e7_partial_money_is_credit_only() {
    let paid = run(&expired(), Role::Ledger, capture(Some(3), "84.99")).unwrap();
    assert_eq!(
        (paid.effect, paid.new.standing),
        (Effect::CreditOnly, Standing::Expired)
    );
}

#[test]
fn l26_all_services_are_funded_or_none() {
    let services = vec![Service {
        plan: "voice".parse().unwrap(),
        state: ServiceState::Effective,
    }];
    let bundle = created(Create {
        services,
        ..template()
    });
    let offer = quote::quote(&bundle, months(3), &rules()).unwrap();
    assert_eq!(offer.total, euro("99.00"));
    let refused = run(
        &bundle,
        Role::Operator,
        Command::Pay {
            months: months(3),
            tender: captured("85.00"),
        },
    );
    assert!(matches!(refused, Err(Refusal::Funds { .. })));
    let voice_has_no_year = run(
        &bundle,
        Role::Operator,
        Command::Pay {
            months: months(12),
            tender: captured("999"),
        },
    );
    assert!(matches!(voice_has_no_year, Err(Refusal::Months { .. })));
    assert_eq!(quote::offers(&bundle, &rules()).unwrap().len(), 2);
}

#[test]
fn a_customer_may_do_only_what_the_portal_offers() {
    let forbidden = [
        Command::Create(Box::new(template())),
        Command::Pay {
            months: months(1),
            tender: captured("29.90"),
        },
        Command::Reactivate {
            months: months(1),
            tender: captured("29.90"),
        },
        capture(Some(1), "29.90"),
        Command::Suspend {
            cause: SuspendCause::Operator,
            debt: None,
        },
        Command::Lift,
        Command::Grace { days: 1 },
        Command::Disable { confirmed: true },
        Command::Enable,
        Command::Terminate { confirmed: true },
    ];
    for command in forbidden {
        let refused = run(&active(), Role::Customer, command.clone());
        assert!(
            matches!(
                refused,
                Err(Refusal::Role {
                    role: Role::Customer,
                    ..
                })
            ),
            "{command:?}: {refused:?}"
        );
    }
}

#[test]
fn amounts_of_nothing_less_than_nothing_and_too_much_are_refused() {
    for minor in [0, -1] {
        let amount = Money::from_minor(minor, Currency::EUR).unwrap();
        let tender = Tender::Captured {
            payment: "p".parse().unwrap(),
            amount,
        };
        let refused = run(
            &active(),
            Role::Operator,
            Command::Pay {
                months: months(1),
                tender,
            },
        );
        assert_eq!(refused, Err(Refusal::AmountNotPositive));
    }
    let huge = Money::from_minor(1_000_000_000_000_000, Currency::EUR).unwrap();
    let rich = Facts {
        balance: huge,
        ..active()
    };
    let tender = Tender::Captured {
        payment: "p".parse().unwrap(),
        amount: huge,
    };
    let refused = run(
        &rich,
        Role::Operator,
        Command::Pay {
            months: months(1),
            tender,
        },
    );
    assert!(matches!(refused, Err(Refusal::Money(_))));
    let yen = Money::parse("100", "JPY".parse().unwrap()).unwrap();
    let tender = Tender::Captured {
        payment: "p".parse().unwrap(),
        amount: yen,
    };
    let refused = run(
        &active(),
        Role::Operator,
        Command::Pay {
            months: months(1),
            tender,
        },
    );
    assert!(matches!(refused, Err(Refusal::Money(_))));
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    fn any_command() -> impl Strategy<Value = (Role, Command)> {
        let count = prop_oneof![Just(1_u16), Just(2), Just(3), Just(12)];
        let amount =
            (1_i64..20_000).prop_map(|minor| Money::from_minor(minor, Currency::EUR).unwrap());
        let end = prop_oneof![
            Just(PauseEnd::Open),
            (0_u32..200)
                .prop_map(|days| PauseEnd::At(instant(NOW).saturating_add(Span::from_days(days))))
        ];
        let command = prop_oneof![
            (count.clone(), amount.clone()).prop_map(|(count, amount)| Command::Pay {
                months: months(count),
                tender: Tender::Captured {
                    payment: "p".parse().unwrap(),
                    amount
                }
            }),
            count.clone().prop_map(|count| Command::Reactivate {
                months: months(count),
                tender: Tender::Balance
            }),
            (count, amount.clone()).prop_map(|(count, amount)| Command::Capture {
                months: Some(months(count)),
                payment: "p".parse().unwrap(),
                amount,
                captured_at: instant(NOW)
            }),
            end.prop_map(|end| Command::Pause { end }),
            Just(Command::EndPause),
            amount.prop_map(|debt| Command::Suspend {
                cause: SuspendCause::Overdue,
                debt: Some(debt)
            }),
            Just(Command::Suspend {
                cause: SuspendCause::Fraud,
                debt: None
            }),
            Just(Command::Lift),
            (0_u32..40).prop_map(|days| Command::Grace { days }),
            Just(Command::Disable { confirmed: true }),
            Just(Command::Enable),
            Just(Command::Terminate { confirmed: true }),
        ];
        (prop::sample::select(Role::ALL.to_vec()), command)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Money that came in is consumed by what was bought or stays on the balance; nobody gains
        /// access without a payment, grace or the ISP; a refusal changes nothing.
        #[test]
        fn any_sequence_of_commands_keeps_the_books(
            steps in prop::collection::vec((any_command(), 0_u32..40), 1..25)
        ) {
            let rules = rules();
            let mut facts = expired();
            let mut now = instant(NOW);
            for ((role, command), days) in steps {
                now = now.saturating_add(Span::from_days(days));
                let before = settled(&facts, now);
                let Ok(decision) = decide(Some(&facts), &order(role, command.clone()), now, &rules) else { continue };
                let came_in = decision.amount.map_or(0, Money::minor);
                let spent = before.balance.minor() + came_in - decision.facts.balance.minor();
                let bought = decision.effect == Effect::MonthsBought || decision.effect == Effect::DebtSettled;
                prop_assert!(spent >= 0, "{command:?} made {spent}");
                prop_assert!(spent == 0 || bought, "{command:?} took {spent} for nothing");
                prop_assert_eq!(decision.facts.version, facts.version + 1);
                let gained = decision.new.standing.access() == Access::Full
                    && standing_of(&before, now).access() != Access::Full;
                if gained && role == Role::Customer {
                    prop_assert!(bought || matches!(command, Command::EndPause), "{command:?} opened the gate");
                }
                facts = decision.facts;
            }
        }
    }
}

//! T4–T6, L8, L9, L12, L13, L26, E5–E7, E10: months are bought.

use super::fixture::*;
use crate::command::{Command, Create, PauseEnd, Role, Tender};
use crate::facts::{Facts, SuspendCause};
use crate::journal::Effect;
use crate::money::{Currency, Money, MoneyError};
use crate::policy::Policy;
use crate::quote::{self, QuoteLine};
use crate::refusal::Refusal;
use crate::standing::Standing;

#[test]
fn t4_paying_moves_the_old_end_by_calendar_months() {
    let paid = run(&active(), Role::Operator, pay(3, captured("85.00"))).unwrap();
    assert_eq!(vienna_date(paid.facts.paid_through), "2027-05-01");
    assert_eq!(paid.effect, Effect::MonthsBought);
    assert_eq!(paid.facts.balance, euro("0"));
    assert_eq!(paid.amount, Some(euro("85.00")));
    assert_eq!(paid.facts.version, 2);
}

#[test]
fn t4_too_little_money_is_refused_with_what_is_missing() {
    let refused = run(&active(), Role::Operator, pay(3, captured("80.00")));
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
    let refused = run(&active(), Role::Operator, pay(2, captured("60.00")));
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
    let paid = run(&active(), Role::Operator, pay(1, captured("60.00"))).unwrap();
    assert_eq!(paid.facts.balance, euro("30.10"));
    let offer = quote::quote(&paid.facts, months(1), rules().terms(None)).unwrap();
    assert_eq!((offer.price, offer.total), (euro("29.90"), euro("0")));
    let again = run(&paid.facts, Role::Customer, pay(1, Tender::Balance)).unwrap();
    assert_eq!(again.facts.balance, euro("0.20"));
}

#[test]
fn t5_an_expired_subscription_is_active_from_now() {
    let command = capture(&expired(), 3, "85.00");
    let bought = run(&expired(), Role::Ledger, command).unwrap();
    assert_eq!(bought.new.standing, Standing::Active);
    assert_eq!(bought.old.unwrap().standing, Standing::Expired);
    assert_eq!(vienna_date(bought.facts.paid_through), "2027-04-10");
}

#[test]
fn t5_policy_may_keep_the_old_day_of_the_month() {
    let rules = rules_with(|policy| policy.renewal.keeps_anchor = true);
    let command = reactivate(1, captured("29.90"));
    let bought = run_by(&expired(), Role::Operator, command, NOW, &rules).unwrap();
    assert_eq!(
        vienna_date(bought.facts.paid_through),
        "2027-03-01",
        "a month from now is 10 February; the next first is in March"
    );
}

#[test]
fn t5_reactivation_by_subscribers_can_be_switched_off() {
    let rules = rules_with(|policy| policy.customer_reactivation = false);
    let facts = Facts {
        balance: euro("85.00"),
        ..expired()
    };
    for command in [reactivate(3, Tender::Balance), pay(3, Tender::Balance)] {
        assert_eq!(
            run_by(&facts, Role::Customer, command.clone(), NOW, &rules),
            Err(Refusal::SwitchedOff {
                what: "reactivation by subscribers",
                rule: "L12"
            }),
            "by whatever name"
        );
        assert!(run_by(&facts, Role::Operator, command, NOW, &rules).is_ok());
    }
}

#[test]
fn t5_an_active_subscription_cannot_be_reactivated() {
    assert!(matches!(
        run(&active(), Role::Operator, reactivate(3, captured("85.00"))),
        Err(Refusal::Standing {
            standing: Standing::Active,
            ..
        })
    ));
}

#[test]
fn t6_reactivating_from_a_pause_adds_the_banked_time() {
    let paused = run(&active(), Role::Customer, pause_now(PauseEnd::Open))
        .unwrap()
        .facts;
    let later = "2027-03-01T12:00:00Z";
    let command = reactivate(1, captured("29.90"));
    let bought = run_at(&paused, Role::Operator, command, later).unwrap();
    // 21 days and 11 hours were banked; they end on 22 March, a month more on 23 April's eve.
    assert_eq!(bought.new.standing, Standing::Active);
    assert_eq!(vienna_date(bought.facts.paid_through), "2027-04-23");
}

#[test]
fn t6_a_pause_that_the_provider_locked_is_not_bought_off() {
    let locked = Command::Pause {
        start: crate::command::When::Now,
        end: PauseEnd::Open,
        is_locked: true,
    };
    let facts = run(&active(), Role::Operator, locked).unwrap().facts;
    let rich = Facts {
        balance: euro("29.90"),
        ..facts.clone()
    };
    for command in [
        reactivate(1, Tender::Balance),
        pay(1, Tender::Balance),
        Command::EndPause,
    ] {
        assert_eq!(
            run(&rich, Role::Customer, command),
            Err(Refusal::PauseLocked)
        );
    }
    let money = run(&facts, Role::Ledger, capture(&facts, 1, "29.90")).unwrap();
    assert_eq!(
        (money.effect, money.new.standing),
        (Effect::CreditOnly, Standing::Paused)
    );
    let opened = run(&facts, Role::Operator, Command::EndPause).unwrap();
    assert_eq!(opened.new.standing, Standing::Active);
}

#[test]
fn l12_the_paused_the_expired_and_the_indebted_buy_their_way_out_themselves() {
    let paused = run(&active(), Role::Customer, pause_now(PauseEnd::Open))
        .unwrap()
        .facts;
    let walled = suspended(SuspendCause::Overdue, Some("10.00"));
    for facts in [paused, expired(), walled] {
        let rich = Facts {
            balance: euro("39.90"),
            ..facts
        };
        let bought = run(&rich, Role::Customer, reactivate(1, Tender::Balance)).unwrap();
        assert_eq!(bought.new.standing, Standing::Active);
    }
}

#[test]
fn l13_months_may_end_in_a_pause() {
    let mut life = Life::active();
    let command = Command::Pay {
        months: months(1),
        tender: captured("100.00"),
        then_pause: true,
    };
    let bought = life.run(Role::Operator, command);
    assert_eq!(vienna_date(bought.facts.paid_through), "2027-03-01");
    life.pass("2027-06-01T00:00:00Z");
    assert_eq!(life.standing(), Standing::Paused);
    assert_eq!(
        life.facts.balance,
        euro("70.10"),
        "credit for two more months is not touched"
    );
}

#[test]
fn l13_a_subscribers_wish_does_not_replace_the_providers_pause() {
    let locked = Command::Pause {
        start: crate::command::When::On(date("2027-01-20")),
        end: PauseEnd::Open,
        is_locked: true,
    };
    let facts = run(&active(), Role::Operator, locked).unwrap().facts;
    let rich = Facts {
        balance: euro("29.90"),
        ..facts
    };
    let command = Command::Pay {
        months: months(1),
        tender: Tender::Balance,
        then_pause: true,
    };
    let bought = run(&rich, Role::Customer, command).unwrap().facts;
    let pause = bought.holds.pause.unwrap();
    assert!(pause.is_locked);
    assert_eq!(vienna_date(pause.from), "2027-01-20");
}

#[test]
fn e5_paying_in_grace_counts_from_the_old_end_in_expired_from_the_payment() {
    let graced = run(&expired(), Role::Operator, Command::Grace { days: 3 })
        .unwrap()
        .facts;
    let command = capture(&graced, 1, "29.90");
    let in_grace = run(&graced, Role::Ledger, command).unwrap().facts;
    assert_eq!(vienna_date(in_grace.paid_through), "2027-02-01");
    let command = capture_at(&expired(), 1, "29.90", "2027-01-09T12:00:00Z");
    let in_expired = run(&expired(), Role::Ledger, command).unwrap();
    assert_eq!(vienna_date(in_expired.facts.paid_through), "2027-02-09");
}

#[test]
fn money_captured_before_expiry_counts_before_it() {
    let late = "2027-02-01T00:30:00Z";
    let command = capture_at(&active(), 1, "29.90", "2027-01-31T22:59:59Z");
    let bought = run_at(&active(), Role::Ledger, command, late).unwrap();
    assert_eq!(vienna_date(bought.facts.paid_through), "2027-03-01");
    let command = capture_at(&active(), 1, "29.90", "2037-01-01T00:00:00Z");
    let future = run(&active(), Role::Ledger, command).unwrap();
    assert_eq!(
        vienna_date(future.facts.paid_through),
        "2027-03-01",
        "a gateway's clock buys no time"
    );
}

#[test]
fn e6_an_offer_holds_if_the_money_was_taken_before_it_ended() {
    let quote = quote::quote(&expired(), months(1), rules().terms(None)).unwrap();
    let command = |captured_at| Command::Capture {
        offer: Some(Box::new(
            quote.offer(false, instant("2027-01-05T00:00:00Z")),
        )),
        payment: "pay-1".parse().unwrap(),
        amount: euro("29.90"),
        captured_at: instant(captured_at),
    };
    let dearer = rules();
    let in_time = run_by(
        &expired(),
        Role::Ledger,
        command("2027-01-04T23:59:59Z"),
        NOW,
        &dearer,
    );
    let in_time = in_time.unwrap();
    assert_eq!(in_time.effect, Effect::MonthsBought);
    assert_eq!(vienna_date(in_time.facts.paid_through), "2027-02-05");
    let too_late = run(&expired(), Role::Ledger, command("2027-01-05T00:00:00Z")).unwrap();
    assert_eq!(
        (too_late.effect, too_late.facts.balance),
        (Effect::CreditOnly, euro("29.90"))
    );
}

#[test]
fn e6_the_promised_price_holds_though_the_list_has_changed() {
    let quote = quote::quote(&active(), months(1), rules().terms(None)).unwrap();
    let mut offer = quote.offer(false, instant(PAID));
    offer.price = euro("25.00");
    let command = Command::Capture {
        offer: Some(Box::new(offer)),
        payment: "pay-1".parse().unwrap(),
        amount: euro("25.00"),
        captured_at: instant(NOW),
    };
    let bought = run(&active(), Role::Ledger, command).unwrap();
    assert_eq!(
        (bought.effect, bought.facts.balance),
        (Effect::MonthsBought, euro("0"))
    );
}

#[test]
fn e6_the_lines_of_a_quote_add_up() {
    let sum = |facts: &Facts| {
        let quote = quote::quote(facts, months(3), rules().terms(None)).unwrap();
        let lines = quote.lines.iter().map(|line| match line {
            QuoteLine::Debt(amount) | QuoteLine::Credit(amount) => *amount,
            QuoteLine::Months { amount, .. } => *amount,
        });
        let sum = lines.fold(euro("0"), |sum, line| sum.checked_add(line).unwrap());
        assert_eq!(sum, quote.total);
        (quote.total, quote.offer(false, instant(PAID)).price)
    };
    let debt = suspended(SuspendCause::Overdue, Some("10.00"));
    let both = Facts {
        balance: euro("-7.00"),
        ..debt.clone()
    };
    let credit = Facts {
        balance: euro("4.00"),
        ..debt.clone()
    };
    assert_eq!(sum(&active()), (euro("85.00"), euro("85.00")));
    assert_eq!(sum(&debt), (euro("95.00"), euro("85.00")));
    assert_eq!(sum(&both), (euro("102.00"), euro("85.00")));
    assert_eq!(sum(&credit), (euro("91.00"), euro("85.00")));
}

#[test]
fn e7_partial_money_is_credit_only() {
    let command = capture(&expired(), 3, "84.99");
    let paid = run(&expired(), Role::Ledger, command).unwrap();
    assert_eq!(
        (paid.effect, paid.new.standing),
        (Effect::CreditOnly, Standing::Expired)
    );
}

#[test]
fn e12_three_months_cost_their_own_price() {
    let quote = |count| quote::quote(&active(), months(count), rules().terms(None)).unwrap();
    assert_eq!(quote(3).price, euro("85.00"));
    assert_ne!(quote(3).price, quote(1).price.times(3).unwrap());
}

#[test]
fn l26_all_services_are_funded_or_none() {
    let bundle = created(Create {
        services: vec![voice()],
        ..template()
    });
    let terms_of = rules();
    let offer = quote::quote(&bundle, months(3), terms_of.terms(None)).unwrap();
    assert_eq!(offer.total, euro("99.00"));
    let refused = run(&bundle, Role::Operator, pay(3, captured("85.00")));
    assert!(matches!(refused, Err(Refusal::Funds { .. })));
    let voice_has_no_year = run(&bundle, Role::Operator, pay(12, captured("999")));
    assert!(matches!(voice_has_no_year, Err(Refusal::Months { .. })));
    assert_eq!(
        quote::offers(&bundle, terms_of.terms(None)).unwrap().len(),
        2
    );
}

#[test]
fn amounts_of_nothing_less_than_nothing_and_too_much_are_refused() {
    let tendered = |facts: &Facts, amount: Money| {
        let tender = Tender::Captured {
            payment: "p".parse().unwrap(),
            amount,
        };
        run(facts, Role::Operator, pay(1, tender))
    };
    for minor in [0, -1] {
        let amount = Money::from_minor(minor, Currency::EUR).unwrap();
        assert_eq!(tendered(&active(), amount), Err(Refusal::AmountNotPositive));
    }
    let huge = Money::from_minor(1_000_000_000_000_000, Currency::EUR).unwrap();
    let rich = Facts {
        balance: huge,
        ..active()
    };
    assert_eq!(
        tendered(&rich, huge),
        Err(Refusal::Money(MoneyError::Overflow))
    );
    let yen = Money::parse("100", "JPY".parse().unwrap()).unwrap();
    assert!(matches!(
        tendered(&active(), yen),
        Err(Refusal::Money(MoneyError::Mixed { .. }))
    ));
}

#[test]
fn l19_a_partners_policy_holds_for_its_subscriptions_and_the_default_for_the_rest() {
    let mut rules = rules();
    let own = Policy {
        grace_days_max: 2,
        ..rules.policies.default.clone()
    };
    rules
        .policies
        .partners
        .insert("north".parse().unwrap(), own);
    let days_max = |partner: Option<&str>| {
        let partner = partner.map(|name| name.parse().unwrap());
        rules.terms(partner.as_ref()).policy.grace_days_max
    };
    assert_eq!(days_max(Some("north")), 2);
    assert_eq!((days_max(Some("south")), days_max(None)), (30, 30));
}

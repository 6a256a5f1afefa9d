//! T15–T17, L15–L18, E8: another plan.

use super::fixture::*;
use crate::command::{ChangeStart, Command, Role};
use crate::facts::{Facts, SuspendCause};
use crate::journal::Effect;
use crate::plan_change::{self, ChangeOffer};
use crate::policy::Proration;
use crate::refusal::Refusal;
use crate::standing::Standing;

fn change(plan: &str, start: ChangeStart) -> Command {
    Command::ChangePlan {
        plan: plan.parse().unwrap(),
        start,
    }
}

fn request() -> Command {
    Command::RequestChange {
        plan: Some("home-30".parse().unwrap()),
        message: "a smaller one,\nplease".parse().unwrap(),
    }
}

fn rich() -> Facts {
    Facts {
        balance: euro("50.00"),
        ..active()
    }
}

#[test]
fn t15_the_old_plan_runs_on_until_the_new_one_takes_over() {
    let mut life = Life::active();
    let planned = life.run(Role::Customer, change("home-250", ChangeStart::NextPeriod));
    assert_eq!(
        (planned.effect, planned.new.plan.as_str()),
        (Effect::Scheduled, "home-100")
    );
    life.pass(PAID);
    assert_eq!(life.facts.plan.as_str(), "home-250");
    assert_eq!(life.facts.plan_change, None);
}

#[test]
fn t15_also_on_a_date_and_at_once_but_not_behind_a_wall() {
    let at_once = run(
        &rich(),
        Role::Customer,
        change("home-250", ChangeStart::Now),
    )
    .unwrap();
    assert_eq!(at_once.new.plan.as_str(), "home-250");
    let start = ChangeStart::On(date("2027-01-20"));
    let dated = run(&rich(), Role::Customer, change("home-250", start)).unwrap();
    assert_eq!(
        dated.facts.plan_change.unwrap().at,
        instant("2027-01-19T23:00:00Z")
    );
    let start = ChangeStart::On(date("2027-01-10"));
    assert!(matches!(
        run(&rich(), Role::Customer, change("home-250", start)),
        Err(Refusal::NotInFuture { rule: "L17", .. })
    ));
    for facts in [pending(), suspended(SuspendCause::Overdue, None)] {
        assert!(matches!(
            run(&facts, Role::Customer, change("home-250", ChangeStart::Now)),
            Err(Refusal::Standing { .. })
        ));
    }
}

#[test]
fn l15_subscribers_have_the_listed_targets_and_operators_all_plans_for_access() {
    let to = |role, plan| run(&rich(), role, change(plan, ChangeStart::NextPeriod));
    assert!(to(Role::Customer, "home-250").is_ok());
    let refused = to(Role::Customer, "home-30").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "from plan home-100 one may change to home-250, not to home-30"
    );
    assert!(to(Role::Operator, "home-30").is_ok());
    assert!(matches!(
        to(Role::Operator, "voice"),
        Err(Refusal::ChangeTarget { .. })
    ));
    assert_eq!(
        to(Role::Operator, "home-100"),
        Err(Refusal::SamePlan("home-100".parse().unwrap()))
    );
    assert!(matches!(
        to(Role::Operator, "fax"),
        Err(Refusal::UnknownPlan(_))
    ));
    assert!(matches!(
        to(Role::Operator, "home-10"),
        Err(Refusal::NotOnSale { .. })
    ));
}

#[test]
fn l15_two_switches() {
    let both_off = rules_with(|policy| {
        policy.change.self_change = false;
        policy.change.request_change = false;
    });
    for command in [change("home-250", ChangeStart::NextPeriod), request()] {
        assert!(matches!(
            run_by(&active(), Role::Customer, command.clone(), NOW, &both_off),
            Err(Refusal::SwitchedOff { rule: "L15", .. })
        ));
        assert!(run(&active(), Role::Customer, command).is_ok());
    }
}

#[test]
fn l16_the_price_of_a_change_is_refund_charge_and_fee() {
    // 29 January to 1 February... a whole month ahead is the clearest: paid to 10 February, midnight.
    let now = "2027-01-09T23:00:00Z";
    let facts = Facts {
        paid_through: instant("2027-02-09T23:00:00Z"),
        ..active()
    };
    let price = |proration, up: bool| {
        let rules = rules_with(|policy| {
            policy.change.proration = proration;
            policy.change.fee_up = Some(euro("2.00"));
            policy.change.fee_down = Some(euro("1.00"));
        });
        let plan = if up { "home-250" } else { "home-30" };
        plan_change::price(
            &facts,
            &plan.parse().unwrap(),
            instant(now),
            rules.terms(None),
        )
        .unwrap()
    };
    let up = price(Proration::Exact, true);
    assert_eq!(
        (up.refund, up.charge, up.fee, up.total),
        (euro("-29.90"), euro("44.90"), euro("2.00"), euro("17.00"))
    );
    let down = price(Proration::Exact, false);
    assert_eq!((down.fee, down.total), (euro("1.00"), euro("-9.00")));
    assert_eq!(price(Proration::ChargeOnly, true).total, euro("17.00"));
    assert_eq!(price(Proration::ChargeOnly, false).total, euro("1.00"));
    assert_eq!(price(Proration::None, true).total, euro("2.00"));
}

#[test]
fn l16_a_change_is_paid_for_when_it_is_made_at_once() {
    let refused = run(
        &active(),
        Role::Customer,
        change("home-250", ChangeStart::Now),
    );
    assert!(matches!(refused, Err(Refusal::Funds { .. })));
    let terms = rules();
    let price = plan_change::price(
        &rich(),
        &"home-250".parse().unwrap(),
        instant(NOW),
        terms.terms(None),
    )
    .unwrap();
    let done = run(
        &rich(),
        Role::Customer,
        change("home-250", ChangeStart::Now),
    )
    .unwrap();
    assert_eq!(
        done.facts.balance,
        euro("50.00").checked_sub(price.total).unwrap()
    );
}

#[test]
fn l17_one_pending_change_at_most_and_it_can_be_cancelled() {
    let planned = run(
        &rich(),
        Role::Customer,
        change("home-250", ChangeStart::NextPeriod),
    )
    .unwrap()
    .facts;
    assert!(matches!(
        run(
            &planned,
            Role::Operator,
            change("home-30", ChangeStart::Now)
        ),
        Err(Refusal::Planned { rule: "L17", .. })
    ));
    let off = run(&planned, Role::Customer, Command::CancelChange).unwrap();
    assert_eq!(
        (off.effect, off.facts.plan_change),
        (Effect::Unscheduled, None)
    );
    assert!(matches!(
        run(&active(), Role::Customer, Command::CancelChange),
        Err(Refusal::NotPlanned { .. })
    ));
}

#[test]
fn l17_the_next_months_are_of_the_plan_that_takes_over_with_them() {
    let mut life = Life::new(
        crate::command::Create {
            balance: Some(euro("44.90")),
            ..template()
        },
        rules(),
    );
    life.run(Role::Customer, change("home-250", ChangeStart::NextPeriod));
    assert_eq!(life.pass(PAID), [Effect::Done, Effect::Renewed]);
    assert_eq!(life.facts.balance, euro("0"));
}

#[test]
fn t16_l18_a_request_changes_nothing_and_waits_for_a_person() {
    let asked = run(&active(), Role::Customer, request()).unwrap();
    assert_eq!((asked.effect, &asked.facts), (Effect::Requested, &active()));
    assert!(asked.steps.is_empty());
    assert!(matches!(
        run(&pending(), Role::Customer, request()),
        Err(Refusal::Standing { .. })
    ));
    assert!(matches!(
        run(&active(), Role::Operator, request()),
        Err(Refusal::Role { .. })
    ));
    let unknown = Command::RequestChange {
        plan: Some("fax".parse().unwrap()),
        message: "a fax".parse().unwrap(),
    };
    assert!(matches!(
        run(&active(), Role::Customer, unknown),
        Err(Refusal::UnknownPlan(_))
    ));
}

#[test]
fn l18_what_the_portal_offers_follows_the_switches_the_targets_and_the_plans() {
    let offer = |self_change, request_change, plan: &str| {
        let rules = rules_with(|policy| {
            policy.change.self_change = self_change;
            policy.change.request_change = request_change;
        });
        let facts = Facts {
            plan: plan.parse().unwrap(),
            ..active()
        };
        plan_change::offer(&facts, rules.terms(None))
    };
    let targets = |may_request| ChangeOffer::SelfChange {
        targets: vec!["home-250".parse().unwrap()],
        may_request,
    };
    assert_eq!(offer(true, true, "home-100"), targets(true));
    assert_eq!(offer(true, false, "home-100"), targets(false));
    assert_eq!(offer(true, true, "home-30"), ChangeOffer::Request);
    assert_eq!(offer(true, false, "home-30"), ChangeOffer::NoTarget);
    assert_eq!(offer(false, true, "home-100"), ChangeOffer::Request);
    assert_eq!(offer(false, false, "home-100"), ChangeOffer::Nothing);
}

#[test]
fn l18_fewer_than_two_plans_offer_nothing() {
    let rules = rules();
    let only = rules.catalogue.get(&"home-30".parse().unwrap()).unwrap();
    let voice = rules.catalogue.get(&"voice".parse().unwrap()).unwrap();
    let catalogue = crate::plan::Catalogue::new(
        crate::money::Currency::EUR,
        vec![only.clone(), voice.clone()],
    )
    .unwrap();
    let terms = crate::policy::Terms {
        policy: &rules.policies.default,
        catalogue: &catalogue,
    };
    assert_eq!(plan_change::offer(&active(), terms), ChangeOffer::Nothing);
}

#[test]
fn t17_a_change_that_cannot_be_paid_or_is_not_sold_any_more_is_dropped() {
    let start = ChangeStart::On(date("2027-01-20"));
    let mut unpaid = Life::active();
    unpaid.run(Role::Customer, change("home-250", start));
    assert_eq!(unpaid.pass("2027-01-20T00:00:00Z"), [Effect::Dropped]);
    assert_eq!(unpaid.facts.plan.as_str(), "home-100");
    assert_eq!(unpaid.facts.plan_change, None);

    let mut unsold = Life::active();
    unsold.run(Role::Operator, change("home-30", start));
    let left = ["home-100", "home-250"].map(|id| {
        let plan = unsold.rules.catalogue.get(&id.parse().unwrap());
        plan.unwrap().clone()
    });
    unsold.rules.catalogue =
        crate::plan::Catalogue::new(crate::money::Currency::EUR, left.to_vec()).unwrap();
    assert_eq!(unsold.pass("2027-01-20T00:00:00Z"), [Effect::Dropped]);
}

#[test]
fn t17_the_price_shown_holds_for_the_time_it_was_for() {
    let start = ChangeStart::On(date("2027-01-20"));
    let mut life = Life::new(
        crate::command::Create {
            balance: Some(euro("100.00")),
            ..template()
        },
        rules(),
    );
    life.run(Role::Customer, change("home-250", start));
    let shown = life.facts.plan_change.as_ref().unwrap().price;
    let mut changed = life.rules.policies.default.clone();
    changed.change.fee_up = Some(euro("9.00"));
    life.rules.policies.default = changed;
    life.pass("2027-01-20T00:00:00Z");
    assert_eq!(
        life.facts.balance,
        euro("100.00").checked_sub(shown).unwrap(),
        "a fee that came later is not charged"
    );
}

#[test]
fn t17_is_not_before_its_time() {
    assert!(matches!(
        run(&active(), Role::Timer, Command::ChangeDue),
        Err(Refusal::NotPlanned { .. })
    ));
}

#[test]
fn e8_a_pending_change_fires_behind_the_wall_and_new_ones_are_refused() {
    let mut life = Life::active();
    life.run(Role::Customer, change("home-250", ChangeStart::NextPeriod));
    life.run(
        Role::Operator,
        suspend(SuspendCause::Operator, Some(euro("5.00"))),
    );
    assert!(matches!(
        life.try_run(Role::Customer, change("home-250", ChangeStart::Now)),
        Err(Refusal::Standing {
            standing: Standing::Suspended,
            ..
        })
    ));
    life.pass(PAID);
    assert_eq!(
        (life.facts.plan.as_str(), life.standing()),
        ("home-250", Standing::Suspended)
    );
}

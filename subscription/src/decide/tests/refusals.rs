//! Every refusal: that it can come, what it says, and that nothing has changed.

use std::collections::BTreeSet;

use super::fixture::*;
use crate::calendar::CalendarError;
use crate::command::{ChangeStart, Command, Create, Note, Order, PauseEnd, Role, Tender, When};
use crate::decide::{Case, decide};
use crate::facts::{Facts, SuspendCause};
use crate::money::Money;
use crate::plan::{Catalogue, CatalogueError};
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::revert::RevertAsk;
use crate::standing::Standing;
use crate::text::{Message, PlanId, Reason};

/// The variant's name. A new one does not compile before it is named here.
const fn name(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Exists => "Exists",
        Refusal::Unknown => "Unknown",
        Refusal::Role { .. } => "Role",
        Refusal::Standing { .. } => "Standing",
        Refusal::NotHeld(_) => "NotHeld",
        Refusal::NotPlanned { .. } => "NotPlanned",
        Refusal::Planned { .. } => "Planned",
        Refusal::UnknownPlan(_) => "UnknownPlan",
        Refusal::NotOnSale { .. } => "NotOnSale",
        Refusal::Months { .. } => "Months",
        Refusal::Funds { .. } => "Funds",
        Refusal::AmountNotPositive => "AmountNotPositive",
        Refusal::Money(_) => "Money",
        Refusal::Calendar(_) => "Calendar",
        Refusal::EndNotAfterStart { .. } => "EndNotAfterStart",
        Refusal::NotInFuture { .. } => "NotInFuture",
        Refusal::Days { .. } => "Days",
        Refusal::PauseTooLong { .. } => "PauseTooLong",
        Refusal::PauseUsedUp { .. } => "PauseUsedUp",
        Refusal::PauseTooEarly { .. } => "PauseTooEarly",
        Refusal::PauseWithDebt { .. } => "PauseWithDebt",
        Refusal::PauseLocked => "PauseLocked",
        Refusal::GraceDays { .. } => "GraceDays",
        Refusal::ReasonMissing => "ReasonMissing",
        Refusal::NotConfirmed(_) => "NotConfirmed",
        Refusal::SwitchedOff { .. } => "SwitchedOff",
        Refusal::NoDebt => "NoDebt",
        Refusal::DebtTooSmall { .. } => "DebtTooSmall",
        Refusal::SuspensionTooEarly { .. } => "SuspensionTooEarly",
        Refusal::ExcludedDay { .. } => "ExcludedDay",
        Refusal::DebtWaived { .. } => "DebtWaived",
        Refusal::DebtTooOld { .. } => "DebtTooOld",
        Refusal::PostponedAlready => "PostponedAlready",
        Refusal::PostponedTooLong { .. } => "PostponedTooLong",
        Refusal::ChangeTarget { .. } => "ChangeTarget",
        Refusal::SamePlan(_) => "SamePlan",
        Refusal::RetentionOver { .. } => "RetentionOver",
        Refusal::NotRevertible(_) => "NotRevertible",
        Refusal::Replay(_) => "Replay",
        Refusal::MoreThanUnconsumed { .. } => "MoreThanUnconsumed",
        Refusal::MoreThanPaid { .. } => "MoreThanPaid",
        Refusal::OtherStanding { .. } => "OtherStanding",
        Refusal::UnknownRequest => "UnknownRequest",
        Refusal::RequestDecided(_) => "RequestDecided",
        Refusal::RequestStale => "RequestStale",
        Refusal::OwnRequest => "OwnRequest",
        Refusal::UnknownPayment(_) => "UnknownPayment",
        Refusal::ProvisionalBound { .. } => "ProvisionalBound",
        Refusal::PerformedLater(_) => "PerformedLater",
        Refusal::AnchorDay => "AnchorDay",
        Refusal::TooManyServices => "TooManyServices",
    }
}

/// How many variants [`name`] has.
const VARIANTS: usize = 51;

/// Every refusal once, produced by the rules, with the rule and the text it has.
fn all() -> Vec<(Refusal, &'static str, &'static str)> {
    let mut all = at_creation();
    all.extend(of_standing_and_plan());
    all.extend(of_money());
    all.extend(of_pauses());
    all.extend(of_suspensions());
    all.extend(of_reverts());
    all
}

fn at_creation() -> Vec<(Refusal, &'static str, &'static str)> {
    let create = |create| try_create(create).unwrap_err();
    let missing = decide(
        Case::default(),
        &order(Role::Operator, Command::Lift),
        instant(NOW),
        rules().terms(None),
    );
    let note = Note {
        performed_at: Some(instant(PAID)),
        ..Note::default()
    };
    let later = Order {
        note,
        ..order(Role::Operator, Command::Grace { days: 1 })
    };
    let later = decide(
        Case::of(&active()),
        &later,
        instant(NOW),
        rules().terms(None),
    );
    let exists = Command::Create(Box::new(template()));
    vec![
        (
            run(&active(), Role::Operator, exists).unwrap_err(),
            "T1",
            "the subscription is already there",
        ),
        (missing.unwrap_err(), "T0", "there is no such subscription"),
        (
            create(Create {
                plan: "fax".parse().unwrap(),
                ..template()
            }),
            "T1",
            "there is no plan fax",
        ),
        (
            create(Create {
                anchor_day: Some(32),
                ..template()
            }),
            "E1",
            "an anchor day is 1 to 31",
        ),
        (
            create(Create {
                services: vec![voice(); Facts::SERVICES_MAX + 1],
                ..template()
            }),
            "T1",
            "a subscription has at most 16 further services",
        ),
        (
            create(Create {
                active_to: Some(instant(NOW)),
                ..template()
            }),
            "L24",
            "the end must be after the start, 2027-01-10T12:00:00Z",
        ),
        (
            later.unwrap_err(),
            "L30",
            "what is entered now cannot have been performed later, at 2027-01-31T23:00:00Z",
        ),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table, one row for each refusal")]
fn of_standing_and_plan() -> Vec<(Refusal, &'static str, &'static str)> {
    let refused = |facts: &Facts, role, command| run(facts, role, command).unwrap_err();
    let change = |plan: &str| Command::ChangePlan {
        plan: plan.parse().unwrap(),
        start: ChangeStart::NextPeriod,
    };
    let planned = run(&active(), Role::Customer, change("home-250"))
        .unwrap()
        .facts;
    let unsold = Facts {
        plan: "home-10".parse().unwrap(),
        ..active()
    };
    let ended = run(&active(), Role::Operator, terminate(When::Now))
        .unwrap()
        .facts;
    let silent = Order {
        reason: None,
        ..order(Role::Operator, Command::Grace { days: 1 })
    };
    let silent = decide(
        Case::of(&active()),
        &silent,
        instant(NOW),
        rules().terms(None),
    );
    vec![
        (
            refused(&active(), Role::Customer, Command::Lift),
            "T10",
            "lift is not for the role customer",
        ),
        (
            refused(&active(), Role::Operator, reactivate(1, captured("29.90"))),
            "T5",
            "reactivate is not possible while the subscription is active: it must be expired, paused or suspended",
        ),
        (
            refused(&active(), Role::Operator, Command::Enable),
            "T14",
            "the subscription is not disabled",
        ),
        (
            refused(&active(), Role::Operator, Command::CancelChange),
            "L17",
            "there is no change of plan on its agenda",
        ),
        (
            refused(&planned, Role::Operator, change("home-30")),
            "L17",
            "there is a change of plan to come already; cancel it first",
        ),
        (
            refused(&unsold, Role::Operator, pay(1, captured("1"))),
            "T1",
            "plan home-10 is not on sale",
        ),
        (
            refused(&active(), Role::Operator, pay(2, captured("60"))),
            "L8",
            "2 months of plan home-100 are not on sale; on sale are 1, 3, 12",
        ),
        (
            refused(&active(), Role::Customer, change("home-30")),
            "L15",
            "from plan home-100 one may change to home-250, not to home-30",
        ),
        (
            refused(&active(), Role::Customer, change("home-100")),
            "L15",
            "it has plan home-100 already",
        ),
        (
            run_at(
                &ended,
                Role::Support,
                Command::Reinstate,
                "2027-08-01T00:00:00Z",
            )
            .unwrap_err(),
            "L23",
            "it ended more than 90 days ago: the time to reinstate it is over",
        ),
        (
            refused(&active(), Role::Operator, Command::Grace { days: 31 }),
            "L7",
            "grace is 1 to 30 days, what was given before counted in",
        ),
        (silent.unwrap_err(), "L30", "a reason is needed"),
        (
            refused(
                &active(),
                Role::Operator,
                Command::Disable { confirmed: false },
            ),
            "L21",
            "a disabled subscription is still billed; confirm it to go on",
        ),
        (
            refused(
                &active(),
                Role::Operator,
                Command::Terminate {
                    when: When::Now,
                    confirmed: false,
                },
            ),
            "L22",
            "a terminated subscription is no longer logged and its agenda is cleared; confirm it to go on",
        ),
        (
            refused(&active(), Role::Customer, terminate(When::Now)),
            "T18",
            "termination by subscribers is switched off by policy",
        ),
        (
            refused(
                &active(),
                Role::Operator,
                terminate(When::On(date("2027-01-10"))),
            ),
            "T19",
            "2027-01-09T23:00:00Z is not in the future; it is 2027-01-10T12:00:00Z now",
        ),
        (
            refused(
                &active(),
                Role::Operator,
                terminate(When::On(date("1969-01-01"))),
            ),
            "E1",
            "the date is outside the years 1970 to 9999",
        ),
    ]
}

fn of_money() -> Vec<(Refusal, &'static str, &'static str)> {
    let owing = Facts {
        balance: euro("-20.00"),
        ..active()
    };
    let yen = Tender::Captured {
        payment: "p".parse().unwrap(),
        amount: Money::parse("100", "JPY".parse().unwrap()).unwrap(),
    };
    let refund = |payment: &str, amount: &str| Command::Refund {
        payment: payment.parse().unwrap(),
        amount: euro(amount),
    };
    let mut life = Life::active();
    life.run(Role::Operator, pay(1, captured("29.90")));
    let taken = life.run(Role::Operator, pay(1, provisional("slip-1", "29.90")));
    vec![
        (
            run(&owing, Role::Customer, pay(1, Tender::Balance)).unwrap_err(),
            "L26",
            "29.90 EUR are due, -20.00 EUR are there: 49.90 EUR are missing",
        ),
        (
            run(&active(), Role::Operator, pay(1, captured("0"))).unwrap_err(),
            "L26",
            "the amount must be above zero",
        ),
        (
            run(&active(), Role::Operator, pay(1, yen)).unwrap_err(),
            "E11",
            "JPY where the account is kept in EUR",
        ),
        (
            life.try_run(Role::Ledger, refund("pay-9", "1"))
                .unwrap_err(),
            "T24",
            "payment pay-9 is not known for this subscription",
        ),
        (
            life.try_run(Role::Ledger, refund("pay-1", "30.00"))
                .unwrap_err(),
            "T24",
            "30.00 EUR are more than the 29.90 EUR that were paid",
        ),
        (
            run(
                &taken.facts,
                Role::Operator,
                pay(1, provisional("slip-2", "29.90")),
            )
            .unwrap_err(),
            "E16",
            "at most 1 payments may wait for confirmation, of any value together",
        ),
    ]
}

fn of_pauses() -> Vec<(Refusal, &'static str, &'static str)> {
    let facts = Facts {
        balance: euro("-1.00"),
        pause_use: crate::facts::PauseUse {
            year: 2027,
            times: 2,
            days: 8,
        },
        ..active()
    };
    let refused = |choose: fn(&mut Policy), end| {
        let rules = rules_with(choose);
        run_by(&facts, Role::Customer, pause_now(end), NOW, &rules).unwrap_err()
    };
    let locked = Command::Pause {
        start: When::Now,
        end: PauseEnd::Open,
        is_locked: true,
    };
    let locked = run(&active(), Role::Operator, locked).unwrap().facts;
    let too_long = |policy: &mut Policy| policy.pause.days_max = Some(10);
    let used_up = |policy: &mut Policy| policy.pause.days_per_year = Some(10);
    let too_early = |policy: &mut Policy| policy.pause.active_months_min = Some(6);
    let with_debt = |policy: &mut Policy| policy.pause.with_debt = false;
    vec![
        (
            refused(|_| (), PauseEnd::ForDays(0)),
            "L24",
            "a number of days is 1 to 3660",
        ),
        (
            refused(too_long, PauseEnd::Open),
            "L28",
            "a pause may last at most 10 days and needs an end",
        ),
        (
            refused(used_up, PauseEnd::ForDays(7)),
            "L28",
            "a year has at most 10 days of pause, and 8 are used",
        ),
        (
            refused(too_early, PauseEnd::Open),
            "L28",
            "it must run for 6 months without a break before a pause: until 2027-07-09T22:00:00Z",
        ),
        (
            refused(with_debt, PauseEnd::Open),
            "L28",
            "1.00 EUR are owed; who owes something may not pause",
        ),
        (
            run(&locked, Role::Customer, Command::EndPause).unwrap_err(),
            "T6",
            "this pause was made by the provider, who alone may end it",
        ),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table, one row for each refusal")]
fn of_suspensions() -> Vec<(Refusal, &'static str, &'static str)> {
    let refused = |facts: &Facts, role, command, choose: fn(&mut Policy)| {
        run_by(facts, role, command, NOW, &rules_with(choose)).unwrap_err()
    };
    let own = || suspend(SuspendCause::Overdue, None);
    let owing = Facts {
        balance: euro("-20.00"),
        owing_since: Some(instant(NOW)),
        ..active()
    };
    let waived = Facts {
        waived_debt: Some(euro("20.00")),
        ..owing.clone()
    };
    let walled = suspended(SuspendCause::Overdue, Some("10.00"));
    let postpone = |until: Option<&str>| Command::Postpone {
        until: until.map(instant),
    };
    let put_off = run(&walled, Role::Customer, postpone(None)).unwrap().facts;
    vec![
        (
            refused(&active(), Role::Ledger, own(), |_| ()),
            "L11",
            "nothing is owed",
        ),
        (
            refused(&owing, Role::Ledger, own(), |policy| {
                policy.suspension.debt_min = Some(euro("50.00"));
            }),
            "L11",
            "the debt is below 50.00 EUR, the least that may suspend",
        ),
        (
            refused(&owing, Role::Timer, own(), |_| ()),
            "L11",
            "policy suspends for this debt at 2027-01-24T08:00:00Z, not before",
        ),
        (
            refused(&owing, Role::Ledger, own(), |policy| {
                policy.suspension.holidays = vec![date("2027-01-10")];
            }),
            "L11",
            "2027-01-10 is a day on which nobody is suspended for debt",
        ),
        (
            refused(&waived, Role::Ledger, own(), |_| ()),
            "L14",
            "a suspension for 20.00 EUR was lifted; only a greater debt suspends again",
        ),
        (
            refused(
                &active(),
                Role::Ledger,
                suspend(SuspendCause::Overdue, Some(euro("5"))),
                |_| (),
            ),
            "E14",
            "what is known of the debt is older than 72 hours, or its age is not known",
        ),
        (
            refused(&put_off, Role::Customer, postpone(None), |_| ()),
            "L14",
            "this suspension was postponed already; a subscriber may do so once",
        ),
        (
            refused(
                &walled,
                Role::Customer,
                postpone(Some("2028-01-01T00:00:00Z")),
                |_| (),
            ),
            "L14",
            "a suspension can be postponed until 2027-01-13T12:00:00Z at the latest",
        ),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table, one row for each refusal")]
fn of_reverts() -> Vec<(Refusal, &'static str, &'static str)> {
    let mut life = Life::active();
    life.run(Role::Operator, pay(1, captured("29.90")));
    let paid = life.ask(life.last());
    let first = life.ask(life.history[0].id);
    let pending = life.request(paid.clone()).unwrap();
    let approve = |request| by_bert(Command::ApproveRevert(request));
    let denied = life
        .try_order(&by_bert(Command::DenyRevert(pending.id)), Some(&pending))
        .unwrap()
        .request
        .unwrap();
    let own = order(Role::Approver, Command::ApproveRevert(pending.id));
    let expected = RevertAsk {
        standing: Some(Standing::Expired),
        ..paid.clone()
    };
    let mut consumed = Life::active();
    consumed.run(Role::Operator, pay(1, captured("29.90")));
    consumed.now = instant("2027-02-14T23:00:00Z");
    let too_much = RevertAsk {
        amount: Some(euro("20.00")),
        ..paid.clone()
    };
    let too_much = consumed.request(too_much).unwrap_err();
    let mut moved = Life::active();
    moved.run(Role::Operator, pay(1, captured("29.90")));
    moved.run(Role::Operator, Command::Grace { days: 1 });
    let mut torn = Life::active();
    torn.run(Role::Operator, pay(1, captured("29.90")));
    torn.run(Role::Operator, Command::Grace { days: 1 });
    torn.history.remove(0);
    let torn = torn.request(torn.ask(torn.last())).unwrap_err();
    vec![
        (
            life.request(first).unwrap_err(),
            "L4",
            "this entry cannot be taken back: it is how the subscription began",
        ),
        (
            torn,
            "L4",
            "the journal of this subscription cannot be replayed: its first entry is missing",
        ),
        (
            too_much,
            "L5",
            "20.00 EUR are more than the unconsumed value, 14.95 EUR; to return more, say that a loss is meant",
        ),
        (
            life.request(expected).unwrap_err(),
            "L2",
            "after it the subscription would be active, not expired",
        ),
        (
            life.try_order(&approve(pending.id), None).unwrap_err(),
            "T23",
            "there is no such request",
        ),
        (
            life.try_order(&approve(pending.id), Some(&denied))
                .unwrap_err(),
            "T23",
            "this request is denied already",
        ),
        (
            moved
                .try_order(&approve(pending.id), Some(&pending))
                .unwrap_err(),
            "L3",
            "the subscription has changed since this was requested: request it anew",
        ),
        (
            life.try_order(&own, Some(&pending)).unwrap_err(),
            "L3",
            "who requested it may not decide it; another operator must",
        ),
    ]
}

#[test]
fn every_refusal_can_come_and_says_what_it_is_in_words() {
    let all = all();
    for (refusal, rule, text) in &all {
        assert_eq!(
            (refusal.rule(), refusal.to_string().as_str()),
            (*rule, *text),
            "{}",
            name(refusal)
        );
    }
    let produced: BTreeSet<&str> = all.iter().map(|(refusal, ..)| name(refusal)).collect();
    assert_eq!(produced.len(), VARIANTS, "{produced:?}");
}

#[test]
fn texts_of_ten_megabytes_and_of_nothing_are_refused() {
    let long = "a".repeat(10 << 20);
    assert!(long.parse::<Reason>().is_err());
    assert!(long.parse::<Message>().is_err());
    assert!(long.parse::<PlanId>().is_err());
    for nothing in ["", " ", "\t\n"] {
        assert!(nothing.parse::<Reason>().is_err());
        assert!(nothing.parse::<Message>().is_err());
    }
}

#[test]
fn dates_out_of_range_are_refused_and_never_panic() {
    let last = instant("9999-12-31T23:59:59.999Z");
    let facts = Facts {
        paid_through: last,
        ..active()
    };
    for command in [
        pay(12, captured("299.00")),
        Command::Grace { days: 30 },
        pause(When::AfterDays(3_660), PauseEnd::ForDays(3_660)),
    ] {
        let refused = decide(
            Case::of(&facts),
            &order(Role::Operator, command.clone()),
            instant("9999-12-31T00:00:00Z"),
            rules().terms(None),
        );
        assert_eq!(
            refused,
            Err(Refusal::Calendar(CalendarError::Range)),
            "{command:?}"
        );
    }
}

#[test]
fn what_is_due_at_the_end_of_time_does_not_stay_due() {
    let mut life = Life::new(
        Create {
            paid_through: Some(instant("9999-12-31T22:00:00Z")),
            balance: Some(euro("100.00")),
            ..template()
        },
        rules(),
    );
    life.pass("9999-12-31T23:59:59Z");
    assert_eq!(life.standing(), Standing::Expired);
}

#[test]
fn a_catalogue_of_contradictions_is_refused() {
    let rules = rules();
    let plan = |id: &str| {
        let plan = rules.catalogue.get(&id.parse().unwrap());
        plan.unwrap().clone()
    };
    let check = |plans| Catalogue::new(rules.catalogue.currency(), plans).unwrap_err();
    assert_eq!(
        check(vec![plan("home-30"), plan("home-30")]),
        CatalogueError::DuplicatePlan("home-30".parse().unwrap())
    );
    let mut twice = plan("home-30");
    twice.prices.push(twice.prices[0]);
    assert!(matches!(
        check(vec![twice]),
        CatalogueError::DuplicateMonths { .. }
    ));
    let mut negative = plan("home-30");
    negative.prices[0].amount = euro("-1.00");
    assert!(matches!(
        check(vec![negative]),
        CatalogueError::Price { .. }
    ));
    assert!(matches!(
        check(vec![plan("home-100")]),
        CatalogueError::UnknownTarget { .. }
    ));
}

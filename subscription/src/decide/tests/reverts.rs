//! L1–L5, T22, T23: an entry is taken back by two people.

use super::fixture::*;
use crate::change::{Change, Step};
use crate::command::{Command, Order, PauseEnd, Role, When};
use crate::decide::Case;
use crate::facts::Facts;
use crate::money::Money;
use crate::refusal::Refusal;
use crate::replay::replay;
use crate::revert::{RevertAsk, RevertState, preview};
use crate::standing::Standing;

/// Two renewals: a month with `pay-1`, then three with `pay-2`.
fn renewed() -> Life {
    let mut life = Life::active();
    life.run(Role::Operator, pay(1, captured("29.90")));
    life.run(Role::Ledger, plain_capture("pay-2", "85.00"));
    life.run(Role::Customer, pay(3, crate::command::Tender::Balance));
    life
}

#[test]
fn l1_each_renewal_tells_the_old_and_the_new_end_and_plan() {
    let life = renewed();
    let entry = &life.history[1];
    let old = entry.old.as_ref().unwrap();
    assert_eq!(vienna_date(old.paid_through), "2027-02-01");
    assert_eq!(vienna_date(entry.new.paid_through), "2027-03-01");
    assert_eq!(
        (old.plan.as_str(), &entry.new.plan),
        ("home-100", &old.plan)
    );
}

#[test]
fn l1_any_entry_can_be_picked_not_only_the_last() {
    let mut life = renewed();
    let first = life.history[1].id;
    let reverted = life.revert(first);
    assert_eq!(vienna_date(reverted.facts.paid_through), "2027-05-01");
    assert_eq!(reverted.facts.balance, euro("29.90"));
}

#[test]
fn l2_a_preview_shows_every_effect_and_that_later_renewals_shift() {
    let life = renewed();
    let case = Case {
        facts: Some(&life.facts),
        history: &life.history,
        request: None,
    };
    let shown = preview(case, &life.ask(life.history[1].id), life.now).unwrap();
    assert_eq!(shown.amount, euro("29.90"));
    assert_eq!(shown.shifts.len(), 1);
    assert_eq!(shown.shifts[0].entry, life.history[3].id);
    assert_eq!(vienna_date(shown.shifts[0].old), "2027-06-01");
    assert_eq!(vienna_date(shown.shifts[0].new), "2027-05-01");
    assert_eq!(
        shown.decision.new.standing,
        Standing::Active,
        "the new status"
    );
}

#[test]
fn l2_a_reason_is_needed_and_the_status_asked_for_must_come_true() {
    let life = renewed();
    let ask = life.ask(life.last());
    let silent = Order {
        reason: None,
        ..order(Role::Operator, Command::RequestRevert(ask.clone()))
    };
    assert_eq!(life.try_order(&silent, None), Err(Refusal::ReasonMissing));
    let expired = RevertAsk {
        standing: Some(Standing::Expired),
        ..ask
    };
    assert_eq!(
        life.request(expired),
        Err(Refusal::OtherStanding {
            expected: Standing::Expired,
            found: Standing::Active
        })
    );
}

#[test]
fn t22_l3_a_request_changes_nothing_and_shows_what_an_approver_must_see() {
    let life = renewed();
    let ask = life.ask(life.history[1].id);
    let decision = life
        .try_run(Role::Operator, Command::RequestRevert(ask))
        .unwrap();
    assert_eq!(decision.facts, life.facts);
    assert!(decision.steps.is_empty());
    let request = decision.request.unwrap();
    assert_eq!(request.requested_by.as_str(), "anna");
    assert_eq!(request.amount, euro("29.90"));
    assert_eq!(vienna_date(request.new.paid_through), "2027-05-01");
    assert_eq!(request.performed_at, instant(NOW));
    assert_eq!(request.state, RevertState::Pending);
}

#[test]
fn t23_l3_another_operator_decides_once() {
    let mut life = renewed();
    let request = life.request(life.ask(life.last())).unwrap();
    let own = order(Role::Approver, Command::ApproveRevert(request.id));
    assert_eq!(
        life.try_order(&own, Some(&request)),
        Err(Refusal::OwnRequest)
    );
    assert!(matches!(
        life.try_order(
            &order(Role::Operator, Command::ApproveRevert(request.id)),
            Some(&request)
        ),
        Err(Refusal::Role { .. })
    ));
    assert_eq!(
        life.try_order(&by_bert(Command::ApproveRevert(request.id)), None),
        Err(Refusal::UnknownRequest)
    );
    let denied = life
        .try_order(&by_bert(Command::DenyRevert(request.id)), Some(&request))
        .unwrap();
    assert_eq!(denied.facts, life.facts);
    let denied = denied.request.unwrap();
    assert_eq!(denied.state.as_str(), "denied");
    assert_eq!(
        life.try_order(&by_bert(Command::ApproveRevert(request.id)), Some(&denied)),
        Err(Refusal::RequestDecided("denied"))
    );
    let approved = life
        .give(&by_bert(Command::ApproveRevert(request.id)), Some(&request))
        .unwrap();
    assert_eq!(approved.reverts, Some(request.entry));
    assert_eq!(approved.request.unwrap().state.as_str(), "approved");
}

#[test]
fn l3_what_moved_meanwhile_is_reviewed_again() {
    let mut life = renewed();
    let request = life.request(life.ask(life.history[1].id)).unwrap();
    life.run(Role::Operator, Command::Grace { days: 1 });
    assert_eq!(
        life.try_order(&by_bert(Command::ApproveRevert(request.id)), Some(&request)),
        Err(Refusal::RequestStale)
    );
}

#[test]
fn l4_the_journal_without_the_entry_gives_the_facts_and_a_revert_can_be_reverted() {
    let mut life = renewed();
    let before = life.facts.clone();
    life.revert(life.history[1].id);
    assert_eq!(replay(&life.history).unwrap().facts, life.facts);
    life.revert(life.last());
    assert_eq!(
        Facts {
            version: before.version,
            ..life.facts.clone()
        },
        before
    );
    assert_eq!(replay(&life.history).unwrap().facts, life.facts);
}

#[test]
fn l4_an_entry_is_taken_back_once() {
    let mut life = renewed();
    let entry = life.history[1].id;
    life.revert(entry);
    assert!(matches!(
        life.request(life.ask(entry)),
        Err(Refusal::NotRevertible(_))
    ));
}

#[test]
fn l4_beginnings_ends_and_what_changed_nothing_stay() {
    let mut life = renewed();
    let asked = Command::RequestChange {
        plan: None,
        message: "faster".parse().unwrap(),
    };
    life.run(Role::Customer, asked);
    let nothing = life.last();
    let first = life.history[0].id;
    life.run(Role::Operator, terminate(When::Now));
    for entry in [first, nothing, life.last()] {
        assert!(matches!(
            life.request(life.ask(entry)),
            Err(Refusal::NotRevertible(_))
        ));
    }
}

#[test]
fn l23_a_revert_of_the_agreement_does_not_undo_the_end() {
    let mut life = Life::active();
    life.run(Role::Operator, terminate(When::On(date("2027-01-20"))));
    let agreed = life.last();
    assert!(life.request(life.ask(agreed)).is_ok(), "before its date");
    life.pass("2027-01-21T00:00:00Z");
    assert_eq!(
        life.request(life.ask(agreed)),
        Err(Refusal::NotRevertible(
            "an end is undone by reinstating alone"
        ))
    );
}

#[test]
fn l5_only_what_is_not_consumed_is_given_back_unless_a_loss_is_meant() {
    let mut life = renewed();
    life.now = instant("2027-02-14T23:00:00Z");
    let ask = |amount: Option<Money>, allow_loss| RevertAsk {
        amount,
        allow_loss,
        ..life.ask(life.history[1].id)
    };
    let default = life.request(ask(None, false)).unwrap();
    assert_eq!(default.amount, euro("14.95"), "14 of 28 days are left");
    assert_eq!(
        life.request(ask(Some(euro("20.00")), false)),
        Err(Refusal::MoreThanUnconsumed {
            asked: euro("20.00"),
            unconsumed: euro("14.95")
        })
    );
    let loss = life.request(ask(Some(euro("20.00")), true)).unwrap();
    assert_eq!(loss.amount, euro("20.00"));
    assert_eq!(
        life.request(ask(Some(euro("29.91")), true)),
        Err(Refusal::MoreThanPaid {
            asked: euro("29.91"),
            paid: euro("29.90")
        })
    );
    assert_eq!(
        life.request(ask(Some(euro("-1.00")), true)),
        Err(Refusal::AmountNotPositive)
    );
    assert_eq!(
        life.request(ask(Some(euro("5.00")), false)).unwrap().amount,
        euro("5.00"),
        "less may be given back"
    );
}

#[test]
fn a_renewal_from_credit_that_is_taken_back_is_not_made_again() {
    let mut life = Life::new(
        crate::command::Create {
            balance: Some(euro("29.90")),
            ..template()
        },
        rules(),
    );
    life.pass("2027-02-02T00:00:00Z");
    life.revert(life.last());
    assert_eq!(life.standing(), Standing::Expired);
    assert_eq!(life.next_due(), None);
    assert_eq!(replay(&life.history).unwrap().facts, life.facts);
}

#[test]
fn a_pause_that_is_taken_back_never_was() {
    let mut life = renewed();
    let before = life.facts.clone();
    life.run(Role::Operator, pause_now(PauseEnd::Open));
    let paused = life.last();
    life.now = instant("2027-01-20T00:00:00Z");
    life.run(Role::Operator, Command::EndPause);
    life.revert(paused);
    assert_eq!(life.facts.paid_through, before.paid_through);
}

#[test]
fn l4_a_pause_that_began_begins_no_other_one_in_a_history_without_its_entry() {
    let mut facts = run(
        &active(),
        Role::Operator,
        pause(When::On(date("2027-01-15")), PauseEnd::ForDays(2)),
    )
    .unwrap()
    .facts;
    let began = Step {
        at: instant("2027-01-20T00:00:00Z"),
        change: Change::PauseBegan { year: 2027 },
    };
    facts.apply(&began).unwrap();
    assert!(!facts.holds.pause.unwrap().has_begun);
}

#[test]
fn l27_months_bought_after_a_pause_whose_end_nobody_wrote_keep_what_it_banked() {
    let mut facts = run(&active(), Role::Operator, pause_now(PauseEnd::ForDays(5)))
        .unwrap()
        .facts;
    let bought = Step {
        at: instant("2027-01-16T00:00:00Z"),
        change: Change::MonthsBought {
            months: months(1),
            price: euro("29.90"),
            keeps_anchor: false,
            zone: rules().zone(),
        },
    };
    facts.apply(&bought).unwrap();
    // Banked to 5 February, in the evening; a month from the midnight after it.
    assert_eq!(vienna_date(facts.paid_through), "2027-03-06");
}

#[test]
fn t2_a_start_that_was_taken_back_begins_again_and_does_not_stay_due() {
    let mut life = Life::new(
        crate::command::Create {
            start_at: Some(instant(PAID)),
            paid_through: None,
            ..template()
        },
        rules(),
    );
    life.pass("2027-02-01T12:00:00Z");
    life.revert(life.last());
    life.pass("2027-02-02T12:00:00Z");
    assert_eq!(
        (life.standing(), life.next_due()),
        (Standing::Expired, None)
    );
}

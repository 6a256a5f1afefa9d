//! T18–T21, L22, L23, E9: the end, and the way back from it.

use super::fixture::*;
use crate::agenda::AgendaAction;
use crate::command::{ChangeStart, Command, PauseEnd, Role, When};
use crate::journal::Effect;
use crate::refusal::{Refusal, Warning};
use crate::standing::Standing;

#[test]
fn t18_terminate_clears_the_agenda_and_is_final() {
    let end = PauseEnd::On(date("2027-02-15"));
    let paused = run(&active(), Role::Customer, pause_now(end))
        .unwrap()
        .facts;
    let policy = rules().policies.default;
    assert_eq!(paused.agenda(&policy).len(), 1);
    let unconfirmed = run(
        &paused,
        Role::Operator,
        Command::Terminate {
            when: When::Now,
            confirmed: false,
        },
    );
    assert_eq!(
        unconfirmed,
        Err(Refusal::NotConfirmed(Warning::LoggingStops))
    );
    let ended = run(&paused, Role::Operator, terminate(When::Now)).unwrap();
    assert_eq!(ended.new.standing, Standing::Terminated);
    assert!(ended.facts.agenda(&policy).is_empty());
    for command in [
        terminate(When::Now),
        Command::EndPause,
        Command::Enable,
        Command::Lift,
        Command::Grace { days: 1 },
        pay(1, captured("29.90")),
    ] {
        assert!(
            run(&ended.facts, Role::Operator, command.clone()).is_err(),
            "{command:?}"
        );
    }
}

#[test]
fn l22_the_end_says_what_it_cleared() {
    let mut life = Life::active();
    life.run(
        Role::Operator,
        Command::ChangePlan {
            plan: "home-30".parse().unwrap(),
            start: ChangeStart::NextPeriod,
        },
    );
    life.run(
        Role::Operator,
        pause(When::On(date("2027-01-20")), PauseEnd::ForDays(3)),
    );
    let ended = life.run(Role::Operator, terminate(When::Now));
    let cleared: Vec<AgendaAction> = ended.cleared.iter().map(|item| item.action).collect();
    assert_eq!(
        cleared,
        [
            AgendaAction::BeginPause,
            AgendaAction::EndPause,
            AgendaAction::ChangePlan,
            AgendaAction::Expiry
        ]
    );
    assert_eq!(life.next_due(), None);
}

#[test]
fn t18_a_subscriber_ends_it_where_policy_says_so() {
    let command = terminate(When::Now);
    assert!(matches!(
        run(&active(), Role::Customer, command.clone()),
        Err(Refusal::SwitchedOff { rule: "T18", .. })
    ));
    let rules = rules_with(|policy| policy.customer_termination = true);
    assert!(run_by(&active(), Role::Customer, command, NOW, &rules).is_ok());
}

#[test]
fn t19_an_end_on_a_date_waits_and_then_comes_by_itself() {
    let mut life = Life::active();
    let when = When::On(date("2027-01-20"));
    let planned = life.run(Role::Operator, terminate(when));
    assert_eq!(
        (planned.effect, planned.new.standing),
        (Effect::Scheduled, Standing::Active)
    );
    assert_eq!(
        standing_at(&life.facts, "2027-01-20T00:00:00Z"),
        Standing::Terminated,
        "without a timer"
    );
    life.pass("2027-01-20T00:00:00Z");
    let entry = life.history.last().unwrap();
    assert_eq!(
        entry.steps.last().unwrap().at,
        instant("2027-01-19T23:00:00Z")
    );
    assert_eq!(life.standing(), Standing::Terminated);
}

#[test]
fn t19_the_date_is_in_the_future() {
    for when in [
        When::At(instant(NOW)),
        When::On(date("2027-01-10")),
        When::On(date("1999-12-31")),
    ] {
        assert!(matches!(
            run(&active(), Role::Operator, terminate(when)),
            Err(Refusal::NotInFuture { rule: "T19", .. })
        ));
    }
}

#[test]
fn t20_an_agreed_end_is_called_off_before_its_date() {
    let planned = run(
        &active(),
        Role::Operator,
        terminate(When::On(date("2027-01-20"))),
    )
    .unwrap()
    .facts;
    let off = run(&planned, Role::Customer, Command::CancelTermination).unwrap();
    assert_eq!(
        (off.effect, &off.facts.termination),
        (Effect::Unscheduled, &None)
    );
    let late = run_at(
        &planned,
        Role::Operator,
        Command::CancelTermination,
        "2027-01-20T00:00:00Z",
    );
    assert!(matches!(late, Err(Refusal::NotPlanned { .. })));
    assert!(matches!(
        run(&active(), Role::Timer, Command::TerminateDue),
        Err(Refusal::NotPlanned { .. })
    ));
}

#[test]
fn t21_l23_only_support_and_the_ledger_reinstate_in_time_and_into_expired() {
    let ended = run(&active(), Role::Operator, terminate(When::Now))
        .unwrap()
        .facts;
    for role in Role::ALL {
        let back = run(&ended, role, Command::Reinstate);
        match role {
            Role::Support | Role::Ledger => {
                assert_eq!(back.unwrap().new.standing, Standing::Expired);
            }
            Role::Customer | Role::Operator | Role::Approver | Role::Timer => {
                assert!(matches!(back, Err(Refusal::Role { .. })), "{role:?}");
            }
        }
    }
    let last = "2027-04-10T12:00:00Z";
    assert!(run_at(&ended, Role::Support, Command::Reinstate, last).is_ok());
    let late = run_at(
        &ended,
        Role::Support,
        Command::Reinstate,
        "2027-04-10T12:00:01Z",
    );
    assert_eq!(late, Err(Refusal::RetentionOver { days: 90 }));
}

#[test]
fn t21_what_was_cancelled_is_not_reinstated() {
    let cancelled = run(&pending(), Role::Operator, Command::Cancel)
        .unwrap()
        .facts;
    assert!(matches!(
        run(&cancelled, Role::Support, Command::Reinstate),
        Err(Refusal::Standing { .. })
    ));
}

#[test]
fn e9_an_end_beats_the_end_of_a_pause_at_the_same_instant() {
    let mut life = Life::active();
    life.run(Role::Customer, pause_now(PauseEnd::On(date("2027-01-20"))));
    life.run(Role::Operator, terminate(When::On(date("2027-01-20"))));
    assert_eq!(life.pass("2027-01-20T00:00:00Z"), [Effect::Done]);
    assert_eq!(life.standing(), Standing::Terminated);
}

//! Who may do what, and what is offered and noted (L29–L31).

use super::fixture::*;
use crate::actions::actions;
use crate::command::{
    Actor, ChangeStart, Command, CommandKind, Note, Order, PauseEnd, Role, Tender, When,
};
use crate::decide::{Case, decide};
use crate::facts::{Facts, SuspendCause};
use crate::refusal::Refusal;

/// One of each command that the portal can give.
pub(super) fn what_a_customer_may() -> Vec<Command> {
    vec![
        Command::Cancel,
        pay(1, Tender::Balance),
        reactivate(1, Tender::Balance),
        pause_now(PauseEnd::Open),
        Command::EndPause,
        Command::Postpone { until: None },
        Command::ChangePlan {
            plan: "home-250".parse().unwrap(),
            start: ChangeStart::NextPeriod,
        },
        Command::CancelChange,
        Command::RequestChange {
            plan: None,
            message: "faster".parse().unwrap(),
        },
        terminate(When::Now),
        Command::CancelTermination,
    ]
}

#[test]
fn a_customer_may_do_only_what_the_portal_offers() {
    let forbidden = [
        Command::Create(Box::new(template())),
        pay(1, captured("29.90")),
        reactivate(1, captured("29.90")),
        pay(1, provisional("slip", "29.90")),
        plain_capture("pay-1", "29.90"),
        suspend(SuspendCause::Operator, None),
        Command::Pause {
            start: When::Now,
            end: PauseEnd::Open,
            is_locked: true,
        },
        Command::Lift,
        Command::Grace { days: 1 },
        Command::Disable { confirmed: true },
        Command::Enable,
        Command::SetRenewal(active().renewal),
        Command::Reinstate,
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
    for command in what_a_customer_may() {
        let refused = run(&active(), Role::Customer, command.clone());
        assert!(
            !matches!(refused, Err(Refusal::Role { .. })),
            "{command:?}: {refused:?}"
        );
    }
}

#[test]
fn l29_only_what_is_valid_now_is_offered() {
    let operator = Actor {
        role: Role::Operator,
        name: "anna".parse().unwrap(),
        on_behalf_of: None,
    };
    let rules = rules();
    let offered = |facts: &Facts| {
        actions(facts, &operator, instant(NOW), rules.terms(None))
            .into_iter()
            .filter(|action| action.refusal.is_none())
            .map(|action| action.command)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        offered(&active()),
        [
            CommandKind::Pay,
            CommandKind::Grace,
            CommandKind::Pause,
            CommandKind::Suspend,
            CommandKind::Disable,
            CommandKind::ChangePlan,
            CommandKind::SetRenewal,
            CommandKind::Terminate,
        ]
    );
    let ended = run(&active(), Role::Operator, terminate(When::Now))
        .unwrap()
        .facts;
    assert_eq!(offered(&ended), []);
}

#[test]
fn l30_the_entry_notes_the_sub_type_who_performed_it_and_when() {
    let note = Note {
        sub_type: Some("goodwill".parse().unwrap()),
        performed_by: Some("clara".parse().unwrap()),
        performed_at: Some(instant("2027-01-09T00:00:00Z")),
    };
    let order = Order {
        note: note.clone(),
        ..order(Role::Operator, Command::Grace { days: 1 })
    };
    let mut life = Life::active();
    life.give(&order, None).unwrap();
    let entry = life.history.last().unwrap();
    assert_eq!(entry.note, note);
    assert_eq!(entry.actor.name.as_str(), "anna");
    assert_eq!(entry.performed_at, instant(NOW));
    let later = instant("2027-01-10T12:00:00.001Z");
    let future = Order {
        note: Note {
            performed_at: Some(later),
            ..note
        },
        ..order
    };
    assert_eq!(
        life.try_order(&future, None),
        Err(Refusal::PerformedLater(later))
    );
}

#[test]
fn l31_a_dry_run_tells_old_and_new_and_changes_nothing() {
    let facts = expired();
    let decision = run(&facts, Role::Operator, reactivate(1, captured("40.00"))).unwrap();
    let (old, new) = (decision.old.unwrap(), decision.new);
    assert_eq!(
        (old.standing.as_str(), new.standing.as_str()),
        ("expired", "active")
    );
    assert!(old.paid_through < new.paid_through);
    assert_eq!((old.plan, old.balance), (new.plan, euro("0")));
    assert_eq!(
        (new.balance, decision.amount),
        (euro("10.10"), Some(euro("40.00")))
    );
    assert_eq!(facts, expired());
}

#[test]
fn the_timer_gives_only_what_is_due() {
    for command in what_a_customer_may() {
        if command.kind() == CommandKind::EndPause {
            continue;
        }
        let refused = decide(
            Case::of(&active()),
            &order(Role::Timer, command.clone()),
            instant(NOW),
            rules().terms(None),
        );
        assert!(matches!(refused, Err(Refusal::Role { .. })), "{command:?}");
    }
}

#[test]
fn l20_opening_the_portal_is_for_staff_is_written_down_and_changes_nothing() {
    for role in Role::ALL {
        let decided = run(&active(), role, Command::OpenPortal);
        if role.is_staff() {
            let decision = decided.unwrap();
            assert_eq!(decision.facts, active());
            assert!(decision.steps.is_empty());
        } else {
            assert_eq!(decided.unwrap_err().rule(), "L20");
        }
    }
}

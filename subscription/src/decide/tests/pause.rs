//! T6–T8, L24–L28: short-term deactivation.

use super::fixture::*;
use crate::command::{Command, Create, InitialHold, PauseEnd, Role, When};
use crate::facts::{Facts, PauseUse, Service, ServiceState, SuspendCause};
use crate::journal::Effect;
use crate::policy::PausePolicy;
use crate::refusal::Refusal;
use crate::standing::Standing;
use crate::time::Span;

fn with_pause(choose: impl FnOnce(&mut PausePolicy)) -> crate::policy::Rules {
    rules_with(|policy| choose(&mut policy.pause))
}

#[test]
fn t7_a_pause_ends_by_itself_with_what_it_banked() {
    let paused = run(
        &active(),
        Role::Customer,
        pause_now(PauseEnd::On(date("2027-02-15"))),
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
    assert_eq!(standing_at(&paused, NOW), Standing::Paused);
    assert_eq!(
        standing_at(&paused, "2027-02-01T00:00:00Z"),
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
fn l26_a_pause_ends_from_credit_for_all_services_or_into_expiry() {
    let ending = |balance: &str| {
        let paused = created(Create {
            holds: vec![InitialHold::Pause { until: None }],
            paid_through: Some(instant("2026-12-31T23:00:00Z")),
            services: vec![voice()],
            balance: Some(euro(balance)),
            ..template()
        });
        let ended = run(&paused, Role::Operator, Command::EndPause).unwrap();
        (ended.effect, ended.new.standing, ended.facts.balance)
    };
    assert_eq!(
        ending("34.90"),
        (Effect::PauseEnded, Standing::Active, euro("0"))
    );
    assert_eq!(
        ending("34.89"),
        (Effect::PauseEndedUnfunded, Standing::Expired, euro("34.89"))
    );
}

#[test]
fn t8_pause_end_before_start_is_rejected() {
    let refusal = Refusal::EndNotAfterStart {
        start: instant(NOW),
    };
    assert_eq!(refusal.rule(), "L24");
    let refused = run(
        &active(),
        Role::Customer,
        pause_now(PauseEnd::On(date("2027-01-10"))),
    );
    assert_eq!(refused, Err(refusal));
}

#[test]
fn t8_only_what_runs_can_be_paused() {
    for facts in [expired(), suspended(SuspendCause::Overdue, None)] {
        let refused = run(&facts, Role::Operator, pause_now(PauseEnd::Open));
        assert!(
            matches!(refused, Err(Refusal::Standing { .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn l24_a_pause_starts_now_on_a_date_or_after_days_and_ends_likewise() {
    for (start, end, from, until) in [
        (When::Now, PauseEnd::Open, NOW, None),
        (
            When::On(date("2027-01-20")),
            PauseEnd::On(date("2027-01-25")),
            "2027-01-19T23:00:00Z",
            Some("2027-01-24T23:00:00Z"),
        ),
        (
            When::AfterDays(1),
            PauseEnd::ForDays(10),
            "2027-01-10T23:00:00Z",
            Some("2027-01-20T23:00:00Z"),
        ),
        (
            When::At(instant("2027-01-11T08:30:00Z")),
            PauseEnd::At(instant("2027-01-11T08:30:01Z")),
            "2027-01-11T08:30:00Z",
            Some("2027-01-11T08:30:01Z"),
        ),
    ] {
        let paused = run(&active(), Role::Customer, pause(start, end)).unwrap();
        let found = paused.facts.holds.pause.unwrap();
        assert_eq!(
            (found.from, found.until),
            (instant(from), until.map(instant)),
            "{start:?} {end:?}"
        );
    }
}

#[test]
fn l24_a_start_must_be_to_come_and_days_are_at_least_one() {
    let refused = |start, end| run(&active(), Role::Customer, pause(start, end)).unwrap_err();
    for start in [
        When::At(instant(NOW)),
        When::On(date("2027-01-10")),
        When::On(date("2020-01-01")),
    ] {
        assert!(
            matches!(
                refused(start, PauseEnd::Open),
                Refusal::NotInFuture { rule: "L24", .. }
            ),
            "{start:?}"
        );
    }
    for days in [0, 3_661, u32::MAX] {
        let expected = Refusal::Days { days_max: 3_660 };
        assert_eq!(
            refused(When::AfterDays(days), PauseEnd::Open),
            expected.clone()
        );
        assert_eq!(refused(When::Now, PauseEnd::ForDays(days)), expected);
    }
    let beyond = refused(When::On(date("9999-12-31")), PauseEnd::ForDays(2));
    assert!(matches!(beyond, Refusal::Calendar(_)), "{beyond:?}");
}

#[test]
fn l24_a_pause_to_come_begins_by_itself_and_can_be_called_off() {
    let mut life = Life::active();
    let planned = life.run(
        Role::Customer,
        pause(When::On(date("2027-01-20")), PauseEnd::ForDays(5)),
    );
    assert_eq!(
        (planned.effect, planned.new.standing),
        (Effect::Scheduled, Standing::Active)
    );
    assert!(matches!(
        life.try_run(Role::Customer, pause_now(PauseEnd::Open)),
        Err(Refusal::Planned { .. })
    ));
    let off = life.try_run(Role::Customer, Command::EndPause).unwrap();
    assert_eq!(
        (off.effect, off.facts.holds.pause),
        (Effect::Unscheduled, None)
    );
    life.pass("2027-01-22T00:00:00Z");
    assert_eq!(life.standing(), Standing::Paused);
    life.pass("2027-01-26T00:00:00Z");
    assert_eq!(life.standing(), Standing::Active);
    assert_eq!(vienna_date(life.facts.paid_through), "2027-02-06");
}

#[test]
fn l24_a_pause_that_finds_nothing_to_pause_is_dropped() {
    let mut life = Life::active();
    life.run(
        Role::Customer,
        pause(When::On(date("2027-02-10")), PauseEnd::Open),
    );
    let effects = life.pass("2027-02-11T00:00:00Z");
    assert_eq!(effects, [Effect::Lapsed, Effect::Dropped]);
    assert_eq!(life.standing(), Standing::Expired);
}

#[test]
fn l25_a_pause_takes_along_what_runs_or_is_ordered_and_nothing_else() {
    let service = |state| Service { state, ..voice() };
    let states = [
        ServiceState::Effective,
        ServiceState::Draft,
        ServiceState::Ended,
    ];
    let facts = created(Create {
        services: states.map(service).to_vec(),
        ..template()
    });
    let states = |facts: &Facts| facts.services.iter().map(|s| s.state).collect::<Vec<_>>();
    let paused = run(&facts, Role::Customer, pause_now(PauseEnd::Open))
        .unwrap()
        .facts;
    assert_eq!(
        states(&paused),
        [ServiceState::Held, ServiceState::Held, ServiceState::Ended]
    );
    let back = run(&paused, Role::Customer, Command::EndPause)
        .unwrap()
        .facts;
    assert_eq!(
        states(&back),
        [
            ServiceState::Effective,
            ServiceState::Effective,
            ServiceState::Ended
        ]
    );
}

#[test]
fn l27_paid_time_is_banked_and_given_back_to_the_millisecond() {
    let paused = run(&active(), Role::Customer, pause_now(PauseEnd::Open))
        .unwrap()
        .facts;
    let banked = instant(PAID).since(instant(NOW));
    assert_eq!(paused.holds.pause.unwrap().banked, banked);
    let later = "2029-07-01T01:02:03.004Z";
    let back = run_at(&paused, Role::Customer, Command::EndPause, later).unwrap();
    assert_eq!(
        back.facts.paid_through,
        instant(later).saturating_add(banked)
    );
}

#[test]
fn l28_a_pause_longer_than_policy_allows_is_refused() {
    let rules = with_pause(|pause| pause.days_max = Some(10));
    let paused = |end| run_by(&active(), Role::Customer, pause_now(end), NOW, &rules);
    assert_eq!(
        paused(PauseEnd::Open),
        Err(Refusal::PauseTooLong { days_max: 10 })
    );
    let latest = instant(NOW).saturating_add(Span::from_days(10));
    assert!(paused(PauseEnd::At(latest)).is_ok());
    let later = latest.saturating_add(Span::from_seconds(1));
    assert_eq!(
        paused(PauseEnd::At(later)),
        Err(Refusal::PauseTooLong { days_max: 10 })
    );
}

#[test]
fn l28_times_and_days_of_a_year_are_counted_and_begin_anew() {
    let rules = with_pause(|pause| {
        pause.times_per_year = Some(2);
        pause.days_per_year = Some(10);
    });
    let mut life = Life::new(
        Create {
            paid_through: Some(instant("2028-12-31T23:00:00Z")),
            ..template()
        },
        rules,
    );
    life.run(Role::Customer, pause_now(PauseEnd::ForDays(6)));
    life.pass("2027-01-20T00:00:00Z");
    assert_eq!(
        life.facts.pause_use,
        PauseUse {
            year: 2027,
            times: 1,
            days: 6
        },
        "five days and a half"
    );
    let too_long = life.try_run(Role::Customer, pause_now(PauseEnd::ForDays(6)));
    assert_eq!(
        too_long,
        Err(Refusal::PauseUsedUp {
            what: "days",
            used: 6,
            max: 10
        })
    );
    life.run(Role::Customer, pause_now(PauseEnd::ForDays(2)));
    life.pass("2027-02-01T00:00:00Z");
    assert_eq!(
        life.try_run(Role::Customer, pause_now(PauseEnd::ForDays(1))),
        Err(Refusal::PauseUsedUp {
            what: "times",
            used: 2,
            max: 2
        })
    );
    life.pass("2028-01-01T00:00:00Z");
    life.run(Role::Customer, pause_now(PauseEnd::ForDays(10)));
    assert_eq!(life.facts.pause_use.year, 2028);
}

#[test]
fn l28_a_pause_may_ask_for_months_without_a_break() {
    let rules = with_pause(|pause| pause.active_months_min = Some(1));
    let early = run_by(
        &active(),
        Role::Customer,
        pause_now(PauseEnd::Open),
        NOW,
        &rules,
    );
    let from = instant("2027-02-09T23:00:00Z");
    assert_eq!(early, Err(Refusal::PauseTooEarly { months: 1, from }));
    let facts = created(Create {
        paid_through: Some(instant("2027-05-31T22:00:00Z")),
        ..template()
    });
    let in_time = run_by(
        &facts,
        Role::Customer,
        pause_now(PauseEnd::Open),
        "2027-02-09T23:00:00Z",
        &rules,
    );
    assert!(in_time.is_ok(), "{in_time:?}");
}

#[test]
fn l28_a_pause_may_cost_a_fee_from_credit() {
    let rules = with_pause(|pause| pause.fee = Some(euro("3.00")));
    let paused = |balance: &str| {
        let facts = Facts {
            balance: euro(balance),
            ..active()
        };
        run_by(
            &facts,
            Role::Customer,
            pause_now(PauseEnd::Open),
            NOW,
            &rules,
        )
    };
    assert_eq!(paused("3.50").unwrap().facts.balance, euro("0.50"));
    assert!(matches!(paused("2.99"), Err(Refusal::Funds { .. })));
}

#[test]
fn l28_a_planned_pause_costs_its_fee_also_where_the_timer_is_late() {
    let mut life = Life::new(
        Create {
            balance: Some(euro("3.50")),
            ..template()
        },
        with_pause(|pause| pause.fee = Some(euro("3.00"))),
    );
    life.run(
        Role::Customer,
        pause(When::On(date("2027-01-20")), PauseEnd::Open),
    );
    life.now = instant("2027-01-25T00:00:00Z");
    life.run(Role::Operator, Command::EndPause);
    assert_eq!(life.facts.balance, euro("0.50"));
}

#[test]
fn l28_who_owes_something_may_be_kept_from_pausing() {
    let rules = with_pause(|pause| pause.with_debt = false);
    let facts = Facts {
        balance: euro("-1.00"),
        ..active()
    };
    let refused = run_by(
        &facts,
        Role::Customer,
        pause_now(PauseEnd::Open),
        NOW,
        &rules,
    );
    assert_eq!(refused, Err(Refusal::PauseWithDebt { debt: euro("1.00") }));
    assert!(run(&facts, Role::Customer, pause_now(PauseEnd::Open)).is_ok());
}

#[test]
fn l28_pausing_by_subscribers_can_be_switched_off() {
    let rules = with_pause(|pause| pause.customer = false);
    let command = pause_now(PauseEnd::Open);
    assert!(matches!(
        run_by(&active(), Role::Customer, command.clone(), NOW, &rules),
        Err(Refusal::SwitchedOff { rule: "L28", .. })
    ));
    assert!(run_by(&active(), Role::Operator, command, NOW, &rules).is_ok());
}

//! T1: a subscription is created.

use super::Decision;
use crate::calendar::{Anchor, CivilDate};
use crate::change::{Change, Step};
use crate::command::{Create, InitialHold};
use crate::facts::{Disable, Facts, Holds, Pause, PauseUse, Phase, Suspend};
use crate::journal::{Effect, Snapshot};
use crate::money::{Money, MoneyError};
use crate::policy::Terms;
use crate::refusal::Refusal;
use crate::time::Timestamp;

pub(super) fn create(
    create: &Create,
    now: Timestamp,
    terms: Terms<'_>,
) -> Result<Decision, Refusal> {
    for plan in
        std::iter::once(&create.plan).chain(create.services.iter().map(|service| &service.plan))
    {
        if terms.catalogue.get(plan).is_none() {
            return Err(Refusal::UnknownPlan(plan.clone()));
        }
    }
    if create.services.len() > Facts::SERVICES_MAX {
        return Err(Refusal::TooManyServices);
    }
    let facts = first_facts(create, now, terms)?;
    Ok(Decision {
        old: None,
        new: Snapshot::of(&facts, now),
        effect: Effect::Done,
        amount: None,
        steps: vec![Step {
            at: now,
            change: Change::Created(Box::new(facts.clone())),
        }],
        reverts: None,
        cleared: Vec::new(),
        request: None,
        facts,
    })
}

fn first_facts(create: &Create, now: Timestamp, terms: Terms<'_>) -> Result<Facts, Refusal> {
    let currency = terms.catalogue.currency();
    let balance = create.balance.unwrap_or(Money::zero(currency));
    if balance.currency() != currency {
        return Err(MoneyError::Mixed {
            expected: currency,
            found: balance.currency(),
        }
        .into());
    }
    let start_at = create.start_at.unwrap_or(now);
    let mut paid_through = create.paid_through.unwrap_or(start_at);
    if start_at > now {
        // Nothing is served before it starts, so that nothing paid for can have ended there.
        paid_through = paid_through.max(start_at);
    }
    let phase = if start_at > now {
        Phase::Pending { start_at }
    } else {
        Phase::Started { at: start_at }
    };
    Ok(Facts {
        id: create.id,
        version: 1,
        phase,
        paid_through,
        anchor: anchor(create, paid_through, terms)?,
        grace_until: None,
        holds: holds(create, paid_through, now.max(start_at), terms)?,
        plan: create.plan.clone(),
        services: create.services.clone(),
        renewal: create.renewal,
        balance,
        owing_since: balance.is_negative().then_some(now),
        waived_debt: None,
        // Time that had run out before it came here is nobody's to renew.
        has_lapsed: paid_through < now || (paid_through == now && start_at < now),
        unbilled: None,
        active_since: start_at,
        plan_change: None,
        termination: None,
        pause_use: PauseUse::default(),
        provisional: Vec::new(),
    })
}

/// Months count from `paid_through`, or from the stated day at or before it.
///
/// A day later in the month than that of `paid_through` means the month before: paid to
/// 28 February with day 31 is a subscription whose February was clamped.
fn anchor(create: &Create, paid_through: Timestamp, terms: Terms<'_>) -> Result<Anchor, Refusal> {
    let date = terms.policy.zone.date_of(paid_through);
    let Some(day) = create.anchor_day else {
        return Ok(Anchor { date });
    };
    let day = u32::from(day);
    if !(1..=31).contains(&day) {
        return Err(Refusal::AnchorDay);
    }
    let (year, month, _) = date.ymd();
    // The nearest month up to that date that has the day: a real date, whose later months
    // rule E1 clamps. Of two neighbouring months at least one has 31 days.
    (0..12)
        .map(|back| month_before(year, month, back))
        .filter_map(|(year, month)| CivilDate::from_ymd(year, month, day))
        .find(|candidate| *candidate <= date)
        .map(|date| Anchor { date })
        .ok_or(Refusal::AnchorDay)
}

/// The month `back` months before that one.
fn month_before(year: i32, month: u32, back: u32) -> (i32, u32) {
    if month > back {
        (year, month - back)
    } else {
        (year - 1, month + 12 - back)
    }
}

/// What it is born with, from `begin` on: now, or its start where that is to come.
fn holds(
    create: &Create,
    paid_through: Timestamp,
    begin: Timestamp,
    terms: Terms<'_>,
) -> Result<Holds, Refusal> {
    let mut holds = Holds {
        pause: active_to(create, paid_through, begin)?,
        ..Holds::default()
    };
    for hold in &create.holds {
        match hold {
            InitialHold::Pause { until } => {
                if until.is_some_and(|until| until <= begin) {
                    return Err(Refusal::EndNotAfterStart { start: begin });
                }
                holds.pause = Some(Pause {
                    from: begin,
                    until: *until,
                    banked: paid_through.since(begin),
                    is_locked: false,
                    has_begun: true,
                });
            }
            InitialHold::Suspend { cause, debt } => {
                if let Some(debt) = debt {
                    if !debt.is_positive() {
                        return Err(Refusal::AmountNotPositive);
                    }
                    Money::zero(terms.catalogue.currency()).checked_add(*debt)?;
                }
                holds.suspend = Some(Suspend {
                    cause: *cause,
                    since: begin,
                    debt: *debt,
                    reason: None,
                    postponed_until: None,
                    postponed_by_customer: false,
                });
            }
            InitialHold::Disable { reason } => {
                holds.disable = Some(Disable {
                    since: begin,
                    reason: reason.clone(),
                });
            }
        }
    }
    Ok(holds)
}

/// L10: with `active_to` it pauses then, openly, and nothing more is billed.
fn active_to(
    create: &Create,
    paid_through: Timestamp,
    begin: Timestamp,
) -> Result<Option<Pause>, Refusal> {
    let Some(from) = create.active_to else {
        return Ok(None);
    };
    if from <= begin {
        return Err(Refusal::EndNotAfterStart { start: begin });
    }
    Ok(Some(Pause {
        from,
        until: None,
        banked: paid_through.since(from),
        is_locked: false,
        has_begun: false,
    }))
}

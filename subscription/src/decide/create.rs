//! T1: a subscription is created.

use super::Outcome;
use crate::calendar::{Anchor, CivilDate};
use crate::command::{Create, InitialHold};
use crate::facts::{Disable, Facts, Holds, Pause, Phase, Suspend};
use crate::journal::Effect;
use crate::money::{Money, MoneyError};
use crate::policy::Rules;
use crate::refusal::Refusal;
use crate::time::Timestamp;

pub(super) fn create(create: &Create, now: Timestamp, rules: &Rules) -> Outcome {
    for plan in
        std::iter::once(&create.plan).chain(create.services.iter().map(|service| &service.plan))
    {
        if rules.catalogue.get(plan).is_none() {
            return Err(Refusal::UnknownPlan(plan.clone()));
        }
    }
    if create.services.len() > Facts::SERVICES_MAX {
        return Err(Refusal::TooManyServices {
            max: Facts::SERVICES_MAX,
        });
    }
    let currency = rules.catalogue.currency();
    let balance = create.balance.unwrap_or(Money::zero(currency));
    if balance.currency() != currency {
        return Err(MoneyError::Mixed {
            expected: currency,
            found: balance.currency(),
        }
        .into());
    }
    let start_at = create.start_at.unwrap_or(now);
    let paid_through = create.paid_through.unwrap_or(start_at);
    let phase = if start_at > now {
        Phase::Pending { start_at }
    } else {
        Phase::Started { at: start_at }
    };
    let facts = Facts {
        id: create.id,
        version: 0,
        phase,
        paid_through,
        anchor: anchor(create, paid_through, rules)?,
        grace_until: None,
        holds: holds(create, paid_through, now)?,
        plan: create.plan.clone(),
        services: create.services.clone(),
        balance,
    };
    Ok((facts, Effect::Done))
}

/// Months count from `paid_through`, or from the stated day at or before it.
///
/// A day later in the month than that of `paid_through` means the month before: paid to
/// 28 February with day 31 is a subscription whose February was clamped.
fn anchor(create: &Create, paid_through: Timestamp, rules: &Rules) -> Result<Anchor, Refusal> {
    let date = rules.policy.zone.date_of(paid_through);
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

fn holds(create: &Create, paid_through: Timestamp, now: Timestamp) -> Result<Holds, Refusal> {
    let mut holds = Holds::default();
    for hold in &create.holds {
        match hold {
            InitialHold::Pause { until } => {
                if until.is_some_and(|until| until <= now) {
                    return Err(Refusal::EndNotAfterStart);
                }
                holds.pause = Some(Pause {
                    from: now,
                    until: *until,
                    banked: paid_through.since(now),
                });
            }
            InitialHold::Suspend { cause, debt } => {
                if debt.is_some_and(|debt| !debt.is_positive()) {
                    return Err(Refusal::AmountNotPositive);
                }
                holds.suspend = Some(Suspend {
                    cause: *cause,
                    since: now,
                    debt: *debt,
                    reason: None,
                    postponed_until: None,
                });
            }
            InitialHold::Disable { reason } => {
                holds.disable = Some(Disable {
                    since: now,
                    reason: reason.clone(),
                });
            }
        }
    }
    Ok(holds)
}

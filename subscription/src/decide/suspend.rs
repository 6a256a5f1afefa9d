//! T9–T11: the wall, its end, and its postponement.

use super::draft::Draft;
use super::{demanded, wrong_standing};
use crate::agenda;
use crate::change::Change;
use crate::command::Role;
use crate::facts::{Phase, Suspend, SuspendCause};
use crate::journal::Effect;
use crate::money::Money;
use crate::refusal::Refusal;
use crate::time::{Span, Timestamp};

/// Seconds in an hour.
const HOUR: u32 = 3_600;

/// T9. A block for fraud replaces another suspension; nothing replaces fraud.
pub(super) fn suspend(
    draft: &mut Draft<'_>,
    cause: SuspendCause,
    debt: Option<Money>,
    as_of: Option<Timestamp>,
) -> Result<Effect, Refusal> {
    let Phase::Started { .. } = draft.facts.phase else {
        return Err(wrong_standing(draft, "started and not ended"));
    };
    let outranked =
        |held: SuspendCause| held == SuspendCause::Fraud || cause != SuspendCause::Fraud;
    if let Some(held) = &draft.facts.holds.suspend
        && outranked(held.cause)
    {
        return Err(wrong_standing(draft, "without a suspension"));
    }
    if let Some(debt) = debt {
        if !debt.is_positive() {
            return Err(Refusal::AmountNotPositive);
        }
        // Also proves that the debt is in the account's currency.
        draft.facts.balance.checked_add(debt)?;
    }
    let reason = match cause {
        SuspendCause::Overdue => {
            may_suspend_for(draft, debt, as_of)?;
            draft.reason().cloned()
        }
        SuspendCause::Fraud | SuspendCause::Operator => Some(demanded(draft.reason())?),
    };
    let postponed_until = put_off(draft)?;
    draft.push(Change::Suspended(Box::new(Suspend {
        cause,
        since: draft.now,
        debt,
        reason,
        postponed_until,
        postponed_by_customer: false,
    })))?;
    Ok(match postponed_until {
        Some(_) => Effect::Scheduled,
        None => Effect::Done,
    })
}

/// Until when the timer's suspension waits that is late and finds a day on which nobody is suspended.
fn put_off(draft: &Draft<'_>) -> Result<Option<Timestamp>, Refusal> {
    let (policy, now) = (draft.policy(), draft.now);
    let today = policy.zone.date_of(now);
    if draft.actor().role == Role::Timer && policy.suspension.is_excluded(today) {
        Ok(Some(agenda::first_allowed(today, now, policy)?))
    } else {
        Ok(None)
    }
}

/// Whether policy lets this debt suspend now (L11, L14, E14).
fn may_suspend_for(
    draft: &Draft<'_>,
    debt: Option<Money>,
    as_of: Option<Timestamp>,
) -> Result<(), Refusal> {
    let policy = &draft.policy().suspension;
    if !policy.enabled {
        return Err(Refusal::SwitchedOff {
            what: "suspension for debt",
            rule: "L12",
        });
    }
    let owed = debt.unwrap_or(draft.facts.balance.negated().or_zero());
    if !owed.is_positive() {
        return Err(Refusal::NoDebt);
    }
    if let Some(minimum) = policy.debt_min.filter(|least| owed.minor() < least.minor()) {
        return Err(Refusal::DebtTooSmall { minimum });
    }
    if let Some(waived) = draft
        .facts
        .waived_debt
        .filter(|_| !draft.facts.is_new_debt(owed))
    {
        return Err(Refusal::DebtWaived { waived });
    }
    if draft.actor().role == Role::Timer {
        return on_time(draft);
    }
    // What the account itself owes is known now; what others say of a debt has an age.
    if debt.is_some() {
        let is_fresh = as_of.is_some_and(|as_of| draft.now.since(as_of) <= policy.debt_age_max);
        if !is_fresh {
            let hours_max = policy.debt_age_max.seconds() / i64::from(HOUR);
            return Err(Refusal::DebtTooOld { hours_max });
        }
    }
    let date = draft.policy().zone.date_of(draft.now);
    if policy.is_excluded(date) {
        return Err(Refusal::ExcludedDay { date });
    }
    Ok(())
}

/// The timer suspends when policy says so, not before.
fn on_time(draft: &Draft<'_>) -> Result<(), Refusal> {
    match draft.facts.suspension_at(draft.policy()) {
        Some(at) if at <= draft.now => Ok(()),
        Some(at) => Err(Refusal::SuspensionTooEarly { at }),
        None => Err(Refusal::NoDebt),
    }
}

/// T10: what lies below the suspension counts again. What an operator lifts stays lifted until there
/// is a new debt (L14).
pub(super) fn lift(draft: &mut Draft<'_>) -> Result<Effect, Refusal> {
    if draft.facts.holds.suspend.is_none() || draft.facts.has_ended() {
        return Err(Refusal::NotHeld("suspended"));
    }
    let waived = if draft.actor().role.is_staff() {
        draft.facts.debt_to_waive()
    } else {
        None
    };
    draft.push(Change::Lifted { waived })?;
    Ok(Effect::Done)
}

/// T11: by a subscriber once, by operators again and again; never for longer than policy allows.
pub(super) fn postpone(draft: &mut Draft<'_>, until: Option<Timestamp>) -> Result<Effect, Refusal> {
    let Some(suspend) = draft
        .facts
        .holds
        .suspend
        .as_ref()
        .filter(|_| !draft.facts.has_ended())
    else {
        return Err(Refusal::NotHeld("suspended"));
    };
    let by_customer = draft.is_customer();
    if by_customer && !draft.facts.is_payable() {
        return Err(wrong_standing(draft, "suspended for a debt"));
    }
    if by_customer && suspend.postponed_by_customer {
        return Err(Refusal::PostponedAlready);
    }
    let hours = draft.policy().suspension.postpone_hours_max;
    let cap = Span::from_seconds(hours.saturating_mul(HOUR));
    let latest = draft.now.saturating_add(cap);
    let until = until.unwrap_or(latest);
    if until <= draft.now {
        return Err(Refusal::NotInFuture {
            at: until,
            now: draft.now,
            rule: "L14",
        });
    }
    if until > latest {
        return Err(Refusal::PostponedTooLong { latest });
    }
    draft.push(Change::Postponed { until, by_customer })?;
    Ok(Effect::Done)
}

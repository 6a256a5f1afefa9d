//! T6–T10, T12–T14, T18: what keeps a subscription from its service, and the end of it.

use super::{Outcome, answered, demanded, must_be_started, standing_of, wrong_standing};
use crate::command::{Actor, CommandKind, Order, PauseEnd, Role};
use crate::facts::{Disable, Ending, Facts, Pause, Phase, Suspend, SuspendCause};
use crate::journal::Effect;
use crate::money::Money;
use crate::policy::Rules;
use crate::refusal::{Refusal, Warning};
use crate::standing::Standing;
use crate::text::Reason;
use crate::time::{Span, Timestamp};

/// T8: from now; paid time is banked (L27).
pub(super) fn pause(
    mut facts: Facts,
    end: PauseEnd,
    actor: &Actor,
    now: Timestamp,
    rules: &Rules,
) -> Outcome {
    match standing_of(&facts, now) {
        Standing::Active | Standing::Grace => {}
        Standing::Pending
        | Standing::Expired
        | Standing::Paused
        | Standing::Suspended
        | Standing::Disabled
        | Standing::Terminated
        | Standing::Cancelled => {
            return Err(wrong_standing(
                &facts,
                now,
                CommandKind::Pause,
                "active or in grace",
            ));
        }
    }
    if actor.role == Role::Customer && !rules.policy.customer_pause {
        return Err(Refusal::SwitchedOff("pausing by subscribers"));
    }
    let until = match end {
        PauseEnd::Open => None,
        PauseEnd::At(at) => Some(at),
        PauseEnd::On(date) => Some(rules.policy.zone.start_of(date)?),
    };
    if until.is_some_and(|until| until <= now) {
        return Err(Refusal::EndNotAfterStart);
    }
    if let Some(days_max) = rules.policy.pause_days_max {
        let latest = now.saturating_add(Span::from_days(days_max));
        if until.is_none_or(|until| until > latest) {
            return Err(Refusal::PauseTooLong { days_max });
        }
    }
    facts.holds.pause = Some(Pause {
        from: now,
        until,
        banked: facts.paid_through.since(now),
    });
    Ok((facts, Effect::Done))
}

/// T6, T7: banked time is given back from the end of the pause on; without any it is expired (L26).
pub(super) fn end_pause(mut facts: Facts, actor: &Actor, now: Timestamp) -> Outcome {
    let not_paused = |facts: &Facts| wrong_standing(facts, now, CommandKind::EndPause, "paused");
    if let Phase::Ended { .. } = facts.phase {
        return Err(not_paused(&facts));
    }
    let Some(pause) = facts.holds.pause else {
        return Err(not_paused(&facts));
    };
    // A pause that has run out ended then, however late its entry is written.
    let ended_at = pause.until.filter(|until| *until <= now);
    if actor.role == Role::Timer && ended_at.is_none() {
        return Err(Refusal::Standing {
            standing: Standing::Paused,
            command: CommandKind::EndPause,
            allowed: "at the end of its pause",
        });
    }
    facts.holds.pause = None;
    facts.paid_through = ended_at.unwrap_or(now).saturating_add(pause.banked);
    let effect = if pause.banked.is_zero() {
        Effect::PauseEndedUnfunded
    } else {
        Effect::PauseEnded
    };
    Ok((facts, effect))
}

/// T9. A block for fraud replaces another suspension; nothing replaces fraud.
pub(super) fn suspend(
    mut facts: Facts,
    cause: SuspendCause,
    debt: Option<Money>,
    reason: Option<&Reason>,
    now: Timestamp,
    rules: &Rules,
) -> Outcome {
    must_be_started(&facts, now, CommandKind::Suspend)?;
    let outranked =
        |held: SuspendCause| held == SuspendCause::Fraud || cause != SuspendCause::Fraud;
    if facts
        .holds
        .suspend
        .as_ref()
        .is_some_and(|held| outranked(held.cause))
    {
        return Err(wrong_standing(
            &facts,
            now,
            CommandKind::Suspend,
            "not suspended yet",
        ));
    }
    if let Some(debt) = debt {
        if !debt.is_positive() {
            return Err(Refusal::AmountNotPositive);
        }
        // Also proves that the debt is in the account's currency.
        facts.balance.checked_add(debt)?;
    }
    let reason = match cause {
        SuspendCause::Overdue => {
            may_suspend_for(debt, rules)?;
            reason.cloned()
        }
        SuspendCause::Fraud | SuspendCause::Operator => Some(demanded(reason)?),
    };
    facts.holds.suspend = Some(Suspend {
        cause,
        since: now,
        debt,
        reason,
        postponed_until: None,
    });
    Ok((facts, Effect::Done))
}

/// Whether policy lets this debt suspend (L11).
fn may_suspend_for(debt: Option<Money>, rules: &Rules) -> Result<(), Refusal> {
    if !rules.policy.suspension {
        return Err(Refusal::SwitchedOff("suspension for debt"));
    }
    match (rules.policy.debt_min, debt) {
        (Some(minimum), Some(debt)) if debt.minor() < minimum.minor() => {
            Err(Refusal::DebtTooSmall { minimum })
        }
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

/// T10: what lies below the suspension counts again.
pub(super) fn lift(mut facts: Facts) -> Outcome {
    if facts.holds.suspend.take().is_none() || matches!(facts.phase, Phase::Ended { .. }) {
        return Err(Refusal::NotHeld("suspended"));
    }
    Ok((facts, Effect::Done))
}

/// T12: days free of charge, from the end of what is paid or given, or from now.
pub(super) fn grace(
    mut facts: Facts,
    days: u32,
    reason: Option<&Reason>,
    now: Timestamp,
    rules: &Rules,
) -> Outcome {
    match standing_of(&facts, now) {
        Standing::Active | Standing::Grace | Standing::Expired => {}
        Standing::Pending
        | Standing::Paused
        | Standing::Suspended
        | Standing::Disabled
        | Standing::Terminated
        | Standing::Cancelled => {
            return Err(wrong_standing(
                &facts,
                now,
                CommandKind::Grace,
                "active, in grace or expired",
            ));
        }
    }
    let days_max = rules.policy.grace_days_max;
    if days == 0 || days > days_max {
        return Err(Refusal::GraceDays { days_max });
    }
    demanded(reason)?;
    let from = now
        .max(facts.paid_through)
        .max(facts.grace_until.unwrap_or(Timestamp::MIN));
    facts.grace_until = Some(rules.policy.zone.days_after(from, days)?);
    Ok((facts, Effect::Done))
}

/// T13: still billed, still recorded, a notice and nothing else.
pub(super) fn disable(
    mut facts: Facts,
    confirmed: bool,
    reason: Option<&Reason>,
    now: Timestamp,
) -> Outcome {
    must_be_started(&facts, now, CommandKind::Disable)?;
    if facts.holds.disable.is_some() {
        return Err(wrong_standing(
            &facts,
            now,
            CommandKind::Disable,
            "not disabled yet",
        ));
    }
    let reason = demanded(reason)?;
    answered(confirmed, Warning::StillBilled)?;
    facts.holds.disable = Some(Disable { since: now, reason });
    Ok((facts, Effect::Done))
}

/// T14: what lies below counts again.
pub(super) fn enable(mut facts: Facts) -> Outcome {
    if facts.holds.disable.take().is_none() || matches!(facts.phase, Phase::Ended { .. }) {
        return Err(Refusal::NotHeld("disabled"));
    }
    Ok((facts, Effect::Done))
}

/// T18: the end; what was on the agenda goes with it.
pub(super) fn terminate(
    mut facts: Facts,
    confirmed: bool,
    order: &Order,
    now: Timestamp,
) -> Outcome {
    if let Phase::Ended { .. } = facts.phase {
        return Err(wrong_standing(
            &facts,
            now,
            CommandKind::Terminate,
            "not ended yet",
        ));
    }
    answered(confirmed, Warning::LoggingStops)?;
    facts.holds.pause = None;
    facts.phase = Phase::Ended {
        at: now,
        how: Ending::Terminated,
        by: order.actor.name.clone(),
        reason: order.reason.clone(),
    };
    Ok((facts, Effect::Done))
}

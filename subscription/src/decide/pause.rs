//! T6–T8: short-term deactivation (L24–L28), and its end.

use super::draft::Draft;
use super::{due, must_be, wrong_standing};
use crate::change::{Change, Charge, days_begun};
use crate::command::{PauseEnd, Role, When};
use crate::facts::{Pause, Phase};
use crate::journal::Effect;
use crate::quote;
use crate::refusal::Refusal;
use crate::standing::Standing;
use crate::time::{Span, Timestamp};

/// The most days that a pause may be put off or may last, where policy says nothing: ten years.
const DAYS_MAX: u32 = 3_660;

/// T8: now, or from an instant to come; paid time is banked (L27).
pub(super) fn pause(
    draft: &mut Draft<'_>,
    start: When,
    end: PauseEnd,
    is_locked: bool,
) -> Result<Effect, Refusal> {
    must_be(
        draft,
        &[Standing::Active, Standing::Grace],
        "active or in grace",
    )?;
    if draft.facts.holds.pause.is_some() {
        return Err(Refusal::Planned {
            what: "a pause to come",
            instead: "call it off with end-pause first",
            rule: "L24",
        });
    }
    let from = start_of(draft, start, "L24")?;
    let until = end_of(draft, from, end)?;
    within_limits(draft, from, until)?;
    draft.push(Change::PausePlanned(Pause {
        from,
        until,
        banked: draft.facts.paid_through.since(from),
        is_locked,
        has_begun: false,
    }))?;
    if from > draft.now {
        return Ok(Effect::Scheduled);
    }
    begin(draft, from)?;
    Ok(Effect::Done)
}

/// T8: an agreed pause begins at its instant; where it cannot, it is dropped.
pub(super) fn pause_due(draft: &mut Draft<'_>) -> Result<Effect, Refusal> {
    let planned = draft.facts.holds.pause.filter(|pause| !pause.has_begun);
    let Some(pause) = planned.filter(|pause| pause.from <= draft.now) else {
        return Err(wrong_standing(draft, "at the start of an agreed pause"));
    };
    let mut begun = draft.clone();
    let can = draft.facts.is_served_until(pause.from)
        && within_limits(draft, pause.from, pause.until).is_ok()
        && begin(&mut begun, pause.from).is_ok();
    if can {
        *draft = begun;
        return Ok(Effect::Done);
    }
    draft.push_at(pause.from, Change::PauseDropped)?;
    Ok(Effect::Dropped)
}

/// T6, T7: banked time is given back from the end of the pause on. Without any, credit buys months
/// in the same decision, or it is expired (L26).
pub(super) fn end_pause(draft: &mut Draft<'_>) -> Result<Effect, Refusal> {
    let Some(pause) = draft.facts.holds.pause.filter(|_| !draft.facts.has_ended()) else {
        return Err(wrong_standing(draft, "paused"));
    };
    if pause.is_locked && draft.is_customer() {
        return Err(Refusal::PauseLocked);
    }
    // A pause that has run out ended then, however late its entry is written.
    let ended_at = pause.until.filter(|until| *until <= draft.now);
    if draft.actor().role == Role::Timer && ended_at.is_none() {
        return Err(wrong_standing(draft, "at the end of its pause"));
    }
    if pause.from > draft.now {
        draft.push(Change::PauseDropped)?;
        return Ok(Effect::Unscheduled);
    }
    draft.push_at(ended_at.unwrap_or(draft.now), Change::PauseEnded)?;
    let is_started = matches!(draft.facts.phase, Phase::Started { .. });
    if !pause.banked.is_zero() || !is_started {
        return Ok(Effect::PauseEnded);
    }
    if due::expiry(draft)? == Effect::Renewed {
        Ok(Effect::PauseEnded)
    } else {
        Ok(Effect::PauseEndedUnfunded)
    }
}

/// The start of the pause that was agreed. A period that is over and invoiced backward is charged
/// first: there is no other end of paid time to do it at.
fn begin(draft: &mut Draft<'_>, from: Timestamp) -> Result<(), Refusal> {
    if draft.facts.paid_through <= from {
        due::charge_arrears(draft, from)?;
    }
    pay_fee(draft, from)?;
    let year = draft.year(from);
    draft.push_at(from, Change::PauseBegan { year })
}

/// The instant of a start; one that is not now must be to come.
pub(super) fn start_of(
    draft: &Draft<'_>,
    start: When,
    rule: &'static str,
) -> Result<Timestamp, Refusal> {
    let (zone, now) = (draft.policy().zone, draft.now);
    let at = match start {
        When::Now => return Ok(now),
        When::At(at) => at,
        When::On(date) => zone.start_of(date)?,
        When::AfterDays(days) => zone.start_of(zone.date_of(now).plus_days(some_days(days)?)?)?,
    };
    if at <= now {
        return Err(Refusal::NotInFuture { at, now, rule });
    }
    Ok(at)
}

fn end_of(draft: &Draft<'_>, from: Timestamp, end: PauseEnd) -> Result<Option<Timestamp>, Refusal> {
    let zone = draft.policy().zone;
    let until = match end {
        PauseEnd::Open => return Ok(None),
        PauseEnd::At(at) => at,
        PauseEnd::On(date) => zone.start_of(date)?,
        PauseEnd::ForDays(days) => {
            zone.start_of(zone.date_of(from).plus_days(some_days(days)?)?)?
        }
    };
    if until <= from {
        return Err(Refusal::EndNotAfterStart { start: from });
    }
    Ok(Some(until))
}

const fn some_days(days: u32) -> Result<u32, Refusal> {
    if days == 0 || days > DAYS_MAX {
        Err(Refusal::Days { days_max: DAYS_MAX })
    } else {
        Ok(days)
    }
}

/// L28: how long, how often, and for whom.
fn within_limits(
    draft: &Draft<'_>,
    from: Timestamp,
    until: Option<Timestamp>,
) -> Result<(), Refusal> {
    let policy = &draft.policy().pause;
    if let Some(days_max) = policy.days_max {
        let latest = from.saturating_add(Span::from_days(days_max));
        if until.is_none_or(|until| until > latest) {
            return Err(Refusal::PauseTooLong { days_max });
        }
    }
    within_the_year(draft, from, until)?;
    if let Some(months) = policy.active_months_min {
        let zone = draft.policy().zone;
        let since = zone.date_of(draft.facts.active_since);
        let earliest = zone.start_of(since.plus_months(u32::from(months))?)?;
        if from < earliest {
            return Err(Refusal::PauseTooEarly {
                months,
                from: earliest,
            });
        }
    }
    let debt = quote::owed(&draft.facts)?;
    if !policy.with_debt && debt.is_positive() {
        return Err(Refusal::PauseWithDebt { debt });
    }
    Ok(())
}

/// L28: times and days in the civil year that the pause begins in.
fn within_the_year(
    draft: &Draft<'_>,
    from: Timestamp,
    until: Option<Timestamp>,
) -> Result<(), Refusal> {
    let policy = &draft.policy().pause;
    let used = draft.facts.pause_use;
    let is_new_year = used.year != draft.year(from);
    let (times, days) = if is_new_year {
        (0, 0)
    } else {
        (used.times, used.days)
    };
    if let Some(max) = policy.times_per_year.filter(|max| times >= *max) {
        return Err(Refusal::PauseUsedUp {
            what: "times",
            used: times,
            max,
        });
    }
    if let Some(max) = policy.days_per_year {
        let asked = until.map_or(u16::MAX, |until| days_begun(until.since(from)));
        if days.saturating_add(asked) > max {
            return Err(Refusal::PauseUsedUp {
                what: "days",
                used: days,
                max,
            });
        }
    }
    Ok(())
}

/// L28: what a pause costs, from the credit on the account.
fn pay_fee(draft: &mut Draft<'_>, at: Timestamp) -> Result<(), Refusal> {
    let Some(amount) = draft.policy().pause.fee.filter(|fee| fee.is_positive()) else {
        return Ok(());
    };
    draft.must_afford(amount)?;
    let charge = Charge::PauseFee;
    draft.push_at(at, Change::Charged { charge, amount })
}

//! T3, T18–T21: the end, and the way back from it.

use super::draft::Draft;
use super::{answered, due, must_be, not_planned, pause, wrong_standing};
use crate::change::Change;
use crate::command::When;
use crate::facts::{Ending, Phase, Termination};
use crate::journal::Effect;
use crate::refusal::{Refusal, Warning};
use crate::standing::Standing;
use crate::time::Span;

/// T3: before it began; what was paid stays as credit.
pub(super) fn cancel(draft: &mut Draft<'_>) -> Result<Effect, Refusal> {
    must_be(draft, &[Standing::Pending], "pending")?;
    end(draft, Ending::Cancelled)?;
    Ok(Effect::Done)
}

/// T18, T19: now, which clears the agenda, or on a date.
pub(super) fn terminate(
    draft: &mut Draft<'_>,
    when: When,
    confirmed: bool,
) -> Result<Effect, Refusal> {
    if draft.facts.has_ended() {
        return Err(wrong_standing(draft, "pending or started"));
    }
    let at = pause::start_of(draft, when, "T19")?;
    answered(confirmed, Warning::LoggingStops)?;
    if at <= draft.now {
        end(draft, Ending::Terminated)?;
        return Ok(Effect::Done);
    }
    draft.push(Change::TerminationPlanned(Box::new(Termination {
        at,
        by: draft.actor().name.clone(),
        reason: draft.reason().cloned(),
    })))?;
    Ok(Effect::Scheduled)
}

/// T19: the agreed end, at its instant.
pub(super) fn terminate_due(draft: &mut Draft<'_>) -> Result<Effect, Refusal> {
    let due = draft.facts.termination.clone();
    let Some(due) = due.filter(|due| due.at <= draft.now && !draft.facts.has_ended()) else {
        return Err(not_planned("end that is due", draft.kind()));
    };
    due::charge_arrears(draft, due.at)?;
    draft.push_at(
        due.at,
        Change::Ended {
            how: Ending::Terminated,
            by: due.by,
            reason: due.reason,
            was_planned: true,
        },
    )?;
    Ok(Effect::Done)
}

/// T20: before its date.
pub(super) fn cancel_termination(draft: &mut Draft<'_>) -> Result<Effect, Refusal> {
    if draft.facts.termination.is_none() || draft.facts.has_ended() {
        return Err(not_planned("end", draft.kind()));
    }
    draft.push(Change::TerminationCancelled)?;
    Ok(Effect::Unscheduled)
}

/// T21: into expired, within the time that policy keeps it (L23).
pub(super) fn reinstate(draft: &mut Draft<'_>) -> Result<Effect, Refusal> {
    let Phase::Ended {
        at,
        how: Ending::Terminated,
        ..
    } = draft.facts.phase
    else {
        return Err(wrong_standing(draft, "terminated"));
    };
    let days = draft.policy().retention_days;
    if draft.now.since(at) > Span::from_days(days) {
        return Err(Refusal::RetentionOver { days });
    }
    draft.push(Change::Reinstated)?;
    Ok(Effect::Done)
}

/// The last act. A period that is invoiced backward is owed once it has begun, as one that is paid
/// before is not paid back.
fn end(draft: &mut Draft<'_>, how: Ending) -> Result<(), Refusal> {
    due::charge_arrears(draft, draft.now)?;
    draft.push(Change::Ended {
        how,
        by: draft.actor().name.clone(),
        reason: draft.reason().cloned(),
        was_planned: false,
    })
}

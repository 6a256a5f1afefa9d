//! T2, T7, T25: what time itself does. Each counts from the instant it was due, however late it is done.

use super::draft::Draft;
use super::{ending, pause, wrong_standing};
use crate::change::{Change, Charge, Step};
use crate::facts::{Ending, Facts, Invoicing, Phase};
use crate::journal::Effect;
use crate::quote;
use crate::refusal::Refusal;
use crate::standing::{Standing, StandingFacts, standing};
use crate::time::Timestamp;

/// T2: begins, paid for or from credit; else it is expired at once.
pub(super) fn start(draft: &mut Draft<'_>) -> Result<Effect, Refusal> {
    let Phase::Pending { start_at } = draft.facts.phase else {
        return Err(wrong_standing(draft, "pending"));
    };
    if start_at > draft.now {
        return Err(wrong_standing(draft, "at its start"));
    }
    draft.push_at(start_at, Change::Started)?;
    if draft.facts.paid_through > start_at {
        return Ok(Effect::Done);
    }
    // A start that a revert has undone begins again, but what had run out by then is not renewed.
    if draft.facts.has_lapsed {
        return Ok(Effect::Lapsed);
    }
    expiry(draft)
}

/// T25: credit or an invoice to come renews it (L9, L10); else it lapses.
pub(super) fn expiry(draft: &mut Draft<'_>) -> Result<Effect, Refusal> {
    let at = draft.facts.paid_through;
    let is_paused = draft.facts.holds.pause.is_some_and(|pause| pause.has_begun);
    let is_started = matches!(draft.facts.phase, Phase::Started { .. });
    if !is_started || is_paused || draft.facts.has_lapsed || at > draft.now {
        return Err(wrong_standing(draft, "at the end of its paid time"));
    }
    charge_arrears(draft, at)?;
    let mut renewed = draft.clone();
    // A renewal beyond what can be kept is none: what is due must not stay due for ever.
    if renew(&mut renewed, at).unwrap_or(false) {
        *draft = renewed;
        return Ok(Effect::Renewed);
    }
    draft.push_at(at, Change::Lapsed)?;
    Ok(Effect::Lapsed)
}

/// The period that is over, of what is invoiced backward.
pub(super) fn charge_arrears(draft: &mut Draft<'_>, at: Timestamp) -> Result<(), Refusal> {
    let Some(months) = draft.facts.unbilled else {
        return Ok(());
    };
    let amount = match quote::renewal_price(&draft.facts, months, Invoicing::Backward, draft.terms)
    {
        Ok(amount) => amount.unwrap_or(draft.zero()),
        // What is not sold any more cannot be priced: nobody owes an unknown sum.
        Err(_) => draft.zero(),
    };
    let charge = Charge::Arrears;
    draft.push_at(at, Change::Charged { charge, amount })
}

/// Moves the end of paid time on, if policy and credit allow; whether it did.
fn renew(draft: &mut Draft<'_>, at: Timestamp) -> Result<bool, Refusal> {
    let facts = &draft.facts;
    let terms = draft.terms;
    // Billing goes on for the disabled (L21), never for the suspended (LIFECYCLE section 2).
    let beneath = StandingFacts {
        disabled: false,
        ..facts.standing_facts()
    };
    if standing(&beneath, at) == Standing::Suspended {
        return Ok(false);
    }
    let Ok(months) = quote::renewal_months(facts, terms) else {
        return Ok(false);
    };
    let Ok(forward) = quote::renewal_price(facts, months, Invoicing::Forward, terms) else {
        return Ok(false);
    };
    let Ok(backward) = quote::renewal_price(facts, months, Invoicing::Backward, terms) else {
        return Ok(false);
    };
    let uses_credit = facts
        .renewal
        .use_credit
        .unwrap_or(terms.policy.renewal.use_credit);
    let price = match forward {
        None => draft.zero(),
        Some(price) if uses_credit && draft.must_afford(price).is_ok() => price,
        Some(_) => return Ok(false),
    };
    draft.push_at(
        at,
        Change::Renewed {
            months,
            price,
            unbilled: backward.map(|_| months),
            zone: terms.policy.zone,
        },
    )?;
    Ok(true)
}

/// Does what time alone has made due by now, but for renewals, changes of plan and suspensions, which
/// the timer decides.
pub(super) fn fold(draft: &mut Draft<'_>) -> Result<(), Refusal> {
    while let Some((at, action)) = foldable(&draft.facts, draft.now) {
        match action {
            Foldable::End => {
                ending::terminate_due(draft)?;
            }
            Foldable::Start => draft.push_at(at, Change::Started)?,
            Foldable::EndPause => draft.push_at(at, Change::PauseEnded)?,
            Foldable::BeginPause => {
                pause::pause_due(draft)?;
            }
        }
    }
    Ok(())
}

/// What [`fold`] leaves of the standing, for a look at facts whose agenda the timer has not worked off.
pub(super) fn settled(facts: &Facts, now: Timestamp) -> Facts {
    let mut settled = facts.clone();
    while let Some((at, action)) = foldable(&settled, now) {
        let change = match action {
            Foldable::End => {
                let Some(end) = settled.termination.clone() else {
                    break;
                };
                Change::Ended {
                    how: Ending::Terminated,
                    by: end.by,
                    reason: end.reason,
                    was_planned: true,
                }
            }
            Foldable::Start => Change::Started,
            Foldable::EndPause => Change::PauseEnded,
            Foldable::BeginPause if settled.is_served_until(at) => Change::PauseBegan {
                // The year matters to the next pause alone, and none is decided on these facts.
                year: settled.pause_use.year,
            },
            Foldable::BeginPause => Change::PauseDropped,
        };
        if settled.apply(&Step { at, change }).is_err() {
            break;
        }
    }
    settled
}

/// What time alone does, in the order that holds at one instant.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Foldable {
    End,
    Start,
    EndPause,
    BeginPause,
}

/// The next thing that time alone has made due by now.
fn foldable(facts: &Facts, now: Timestamp) -> Option<(Timestamp, Foldable)> {
    if facts.has_ended() {
        return None;
    }
    let end = facts.termination.as_ref();
    let end = end.map(|end| (end.at, Foldable::End));
    let start = match facts.phase {
        Phase::Pending { start_at } => Some((start_at, Foldable::Start)),
        Phase::Started { .. } | Phase::Ended { .. } => None,
    };
    let pause = facts.holds.pause.and_then(|pause| {
        if pause.has_begun {
            pause.until.map(|until| (until, Foldable::EndPause))
        } else {
            Some((pause.from, Foldable::BeginPause))
        }
    });
    [end, start, pause]
        .into_iter()
        .flatten()
        .filter(|(at, _)| *at <= now)
        .min()
}

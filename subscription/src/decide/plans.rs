//! T15–T17: another plan, at once, on a date, or by asking for it.

use super::draft::Draft;
use super::{must_be, not_planned, pause, wrong_standing};
use crate::change::Change;
use crate::command::{ChangeStart, When};
use crate::facts::{Phase, PlanChange};
use crate::journal::Effect;
use crate::money::Money;
use crate::plan::PlanKind;
use crate::plan_change;
use crate::quote::known;
use crate::refusal::Refusal;
use crate::standing::Standing;
use crate::text::PlanId;
use crate::time::Timestamp;

/// T15: at its date the new plan takes over by itself; until then the old one runs on (L17).
pub(super) fn change(
    draft: &mut Draft<'_>,
    plan: &PlanId,
    start: ChangeStart,
) -> Result<Effect, Refusal> {
    must_be(
        draft,
        &[
            Standing::Active,
            Standing::Grace,
            Standing::Expired,
            Standing::Paused,
        ],
        "active, in grace, expired or paused",
    )?;
    if draft.facts.plan_change.is_some() {
        return Err(Refusal::Planned {
            what: "a change of plan to come",
            instead: "cancel it first",
            rule: "L17",
        });
    }
    may_change_to(draft, plan)?;
    let at = start_of(draft, start)?;
    let price = plan_change::price(&draft.facts, plan, at, draft.terms)?.total;
    if at <= draft.now {
        draft.must_afford(price)?;
        draft.push(Change::PlanChanged {
            plan: plan.clone(),
            price,
            was_planned: false,
        })?;
        return Ok(Effect::Done);
    }
    draft.push(Change::ChangePlanned(Box::new(PlanChange {
        at,
        plan: plan.clone(),
        price,
        paid_through: draft.facts.paid_through,
    })))?;
    Ok(Effect::Scheduled)
}

/// L17: an agreed change is called off.
pub(super) fn cancel(draft: &mut Draft<'_>) -> Result<Effect, Refusal> {
    if draft.facts.plan_change.is_none() || draft.facts.has_ended() {
        return Err(not_planned("change of plan", draft.kind()));
    }
    draft.push(Change::ChangeCancelled)?;
    Ok(Effect::Unscheduled)
}

/// T16: a ticket; nothing changes but that somebody must answer it.
pub(super) fn request(draft: &mut Draft<'_>, plan: Option<&PlanId>) -> Result<Effect, Refusal> {
    let Phase::Started { .. } = draft.facts.phase else {
        return Err(wrong_standing(draft, "started and not ended"));
    };
    if let Some(plan) = plan {
        known(plan, draft.terms)?;
    }
    Ok(Effect::Requested)
}

/// T17: at its instant, if it is still sold and paid for; else the old plan stays.
pub(super) fn change_due(draft: &mut Draft<'_>) -> Result<Effect, Refusal> {
    let due = draft.facts.plan_change.clone();
    let Some(change) = due.filter(|change| change.at <= draft.now && !draft.facts.has_ended())
    else {
        return Err(not_planned("change of plan that is due", draft.kind()));
    };
    let mut changed = draft.clone();
    if take_hold(&mut changed, &change).is_ok() {
        *draft = changed;
        return Ok(Effect::Done);
    }
    draft.push_at(change.at, Change::ChangeCancelled)?;
    Ok(Effect::Dropped)
}

fn take_hold(draft: &mut Draft<'_>, change: &PlanChange) -> Result<(), Refusal> {
    let plan = known(&change.plan, draft.terms)?;
    if plan.prices.is_empty() {
        return Err(Refusal::NotOnSale {
            plan: plan.id.clone(),
        });
    }
    // The price that was shown holds as long as it is for the same time.
    let price: Money = if draft.facts.paid_through == change.paid_through {
        change.price
    } else {
        plan_change::price(&draft.facts, &change.plan, change.at, draft.terms)?.total
    };
    draft.must_afford(price)?;
    draft.push_at(
        change.at,
        Change::PlanChanged {
            plan: change.plan.clone(),
            price,
            was_planned: true,
        },
    )
}

/// Operators change to any plan for access, subscribers to those that theirs lists (L15).
fn may_change_to(draft: &Draft<'_>, plan: &PlanId) -> Result<(), Refusal> {
    let target = known(plan, draft.terms)?;
    let current = &draft.facts.plan;
    if plan == current {
        return Err(Refusal::SamePlan(plan.clone()));
    }
    let allowed: Vec<&PlanId> = if draft.is_customer() {
        draft
            .terms
            .catalogue
            .get(current)
            .map(|current| current.change_to.iter().collect())
            .unwrap_or_default()
    } else {
        let all = draft.terms.catalogue.iter();
        all.filter(|plan| plan.kind == PlanKind::Internet)
            .map(|plan| &plan.id)
            .collect()
    };
    if allowed.contains(&plan) && target.kind == PlanKind::Internet {
        return Ok(());
    }
    let names: Vec<&str> = allowed.iter().map(|plan| plan.as_str()).collect();
    Err(Refusal::ChangeTarget {
        from: current.clone(),
        plan: plan.clone(),
        allowed: if names.is_empty() {
            "no other plan".to_owned()
        } else {
            names.join(", ")
        },
    })
}

fn start_of(draft: &Draft<'_>, start: ChangeStart) -> Result<Timestamp, Refusal> {
    match start {
        ChangeStart::Now => Ok(draft.now),
        // Expired already: the next period begins with the next payment, so at once.
        ChangeStart::NextPeriod => Ok(draft.facts.paid_through.max(draft.now)),
        ChangeStart::On(date) => pause::start_of(draft, When::On(date), "L17"),
    }
}

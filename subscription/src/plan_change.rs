//! What a change of plan costs, and what the portal offers of it (L15, L16, L18).

use crate::calendar::CalendarError;
use crate::facts::Facts;
use crate::money::Money;
use crate::plan::{Plan, PlanKind};
use crate::policy::{Proration, Terms};
use crate::quote::known;
use crate::refusal::Refusal;
use crate::text::PlanId;
use crate::time::{Span, Timestamp};

/// What a change costs, line by line (L16).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ChangePrice {
    /// Unused money of the old plan; below zero, as it is paid back.
    pub refund: Money,
    /// The new plan for the time that is left.
    pub charge: Money,
    /// For the change itself.
    pub fee: Money,
    /// Their sum; below zero it becomes credit.
    pub total: Money,
}

/// What the portal offers who wants another plan (L18).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ChangeOffer {
    /// These plans, by their own choice; besides, they may ask.
    SelfChange {
        /// Allowed targets, in the order of the plan's list.
        targets: Vec<PlanId>,
        /// Whether they may ask for another one.
        may_request: bool,
    },
    /// They may ask.
    Request,
    /// Changes are switched on, but there is nothing to change to: the operator forgot the targets.
    NoTarget,
    /// Nothing.
    Nothing,
}

/// What the portal offers for these facts.
#[must_use]
pub fn offer(facts: &Facts, terms: Terms<'_>) -> ChangeOffer {
    let change = &terms.policy.change;
    let internet = terms
        .catalogue
        .iter()
        .filter(|plan| plan.kind == PlanKind::Internet);
    if internet.count() < 2 {
        return ChangeOffer::Nothing;
    }
    let targets = terms
        .catalogue
        .get(&facts.plan)
        .map(|plan| plan.change_to.clone())
        .unwrap_or_default();
    match (change.self_change, change.request_change) {
        (true, may_request) if !targets.is_empty() => ChangeOffer::SelfChange {
            targets,
            may_request,
        },
        (_, true) => ChangeOffer::Request,
        (true, false) => ChangeOffer::NoTarget,
        (false, false) => ChangeOffer::Nothing,
    }
}

/// What a change to `target` at `at` costs the subscription with these facts.
///
/// # Errors
/// [`Refusal::UnknownPlan`], [`Refusal::NotOnSale`], or a sum or date out of range.
pub fn price(
    facts: &Facts,
    target: &PlanId,
    at: Timestamp,
    terms: Terms<'_>,
) -> Result<ChangePrice, Refusal> {
    let new = known(target, terms)?;
    let zero = Money::zero(terms.catalogue.currency());
    // A plan that was taken off the catalogue has no value to pay back.
    let old = terms.catalogue.get(&facts.plan);
    let left = time_left(facts, at);
    let worth = |plan: &Plan| value(plan, left, at, terms);
    let paid = old.map_or(Ok(zero), worth)?;
    let needed = worth(new)?;
    let policy = &terms.policy.change;
    let (refund, charge) = match policy.proration {
        Proration::Exact => (paid.negated(), needed),
        Proration::ChargeOnly if needed.minor() > paid.minor() => (paid.negated(), needed),
        Proration::ChargeOnly | Proration::None => (zero, zero),
    };
    let is_up = old.is_none_or(|old| is_dearer(new, old));
    let fee = if is_up {
        policy.fee_up
    } else {
        policy.fee_down
    }
    .unwrap_or(zero);
    Ok(ChangePrice {
        refund,
        charge,
        fee,
        total: charge.checked_add(refund)?.checked_add(fee)?,
    })
}

/// Paid time that is left at `at`; what a pause has banked.
fn time_left(facts: &Facts, at: Timestamp) -> Span {
    match facts.holds.pause.filter(|pause| pause.has_begun) {
        Some(pause) => pause.banked,
        None => facts.paid_through.since(at),
    }
}

/// The price of so much time, by the plan's price for the fewest months.
fn value(plan: &Plan, left: Span, at: Timestamp, terms: Terms<'_>) -> Result<Money, Refusal> {
    let line = plan.prices.first().ok_or_else(|| Refusal::NotOnSale {
        plan: plan.id.clone(),
    })?;
    let period = period_from(at, line.months.get(), terms)?.millis();
    let whole = left.millis() / period.max(1);
    let part = line.amount.part(left.millis() % period.max(1), period);
    Ok(line.amount.times(whole)?.checked_add(part)?)
}

/// How long so many months from `at` are.
fn period_from(at: Timestamp, months: u16, terms: Terms<'_>) -> Result<Span, CalendarError> {
    let zone = terms.policy.zone;
    let date = zone.date_of(at);
    let end = zone.start_of(date.plus_months(u32::from(months))?)?;
    Ok(end.since(zone.start_of(date)?))
}

/// Whether a month of one plan costs more than a month of the other.
fn is_dearer(new: &Plan, old: &Plan) -> bool {
    let monthly = |plan: &Plan| {
        plan.prices
            .first()
            .map_or(0, |line| line.amount.minor() / i64::from(line.months.get()))
    };
    monthly(new) > monthly(old)
}

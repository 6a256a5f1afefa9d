//! T4, T5, T6, T10, T26: months are bought, and what they cost is settled.

use super::draft::Draft;
use super::{must_be, wrong_standing};
use crate::calendar::Months;
use crate::change::Change;
use crate::command::Tender;
use crate::facts::{Facts, Pause, Phase, Provisional, Renewal};
use crate::journal::Effect;
use crate::money::Money;
use crate::quote::{self, Offer};
use crate::refusal::Refusal;
use crate::standing::Standing;
use crate::time::{Span, Timestamp};

/// Buys months from any standing that months can be bought from; refused without enough money.
pub(super) fn pay(
    draft: &mut Draft<'_>,
    months: Months,
    tender: &Tender,
    then_pause: bool,
) -> Result<Effect, Refusal> {
    may_come_back(draft)?;
    take(draft, tender)?;
    let offer = offer_now(draft, months, then_pause)?;
    buy(draft, &offer)
}

/// What stands against a subscriber who buys a way out of the garden (L12, T6).
fn may_come_back(draft: &Draft<'_>) -> Result<(), Refusal> {
    let standing = draft.standing();
    let is_out = matches!(
        standing,
        Standing::Expired | Standing::Paused | Standing::Suspended
    );
    if !draft.is_customer() || !is_out {
        return Ok(());
    }
    if has_locked_pause(draft) {
        return Err(Refusal::PauseLocked);
    }
    if !draft.policy().customer_reactivation {
        return Err(Refusal::SwitchedOff {
            what: "reactivation by subscribers",
            rule: "L12",
        });
    }
    Ok(())
}

/// Whether a pause has begun that only the provider may end.
fn has_locked_pause(draft: &Draft<'_>) -> bool {
    let pause = draft.facts.holds.pause;
    pause.is_some_and(|pause| pause.is_locked && pause.has_begun)
}

/// Buys months to come out of the garden.
pub(super) fn reactivate(
    draft: &mut Draft<'_>,
    months: Months,
    tender: &Tender,
    then_pause: bool,
) -> Result<Effect, Refusal> {
    must_be(
        draft,
        &[Standing::Expired, Standing::Paused, Standing::Suspended],
        "expired, paused or suspended",
    )?;
    pay(draft, months, tender, then_pause)
}

/// Books captured money and buys what it can. Money that was taken is never refused.
pub(super) fn capture(
    draft: &mut Draft<'_>,
    offer: Option<&Offer>,
    amount: Money,
) -> Result<Effect, Refusal> {
    take_in(draft, amount)?;
    // E6: an offer that had expired when the money was taken is honoured no more.
    let is_open = |offer: &&Offer| draft.now < offer.expires_at;
    // T6: what an operator locked, no subscriber's money opens.
    let offer = offer.filter(is_open).filter(|_| !has_locked_pause(draft));
    if let Some(offer) = offer {
        let mut bought = draft.clone();
        if let Ok(effect) = buy(&mut bought, offer) {
            *draft = bought;
            return Ok(effect);
        }
    }
    let mut settled = draft.clone();
    if settle_debt(&mut settled)? {
        *draft = settled;
        return Ok(Effect::DebtSettled);
    }
    Ok(Effect::CreditOnly)
}

/// L9, L10: how it goes on at the end of its paid time.
pub(super) fn set_renewal(draft: &mut Draft<'_>, renewal: Renewal) -> Result<Effect, Refusal> {
    if draft.facts.has_ended() {
        return Err(wrong_standing(draft, "pending or started"));
    }
    if let Some(months) = renewal.months {
        // Refused here rather than at the end of its paid time, when nobody looks.
        quote::quote(&draft.facts, months, draft.terms)?;
    }
    draft.push(Change::RenewalSet(renewal))?;
    Ok(Effect::Done)
}

/// Puts the tender's money on the account.
fn take(draft: &mut Draft<'_>, tender: &Tender) -> Result<(), Refusal> {
    match tender {
        Tender::Balance => Ok(()),
        Tender::Captured { amount, .. } => take_in(draft, *amount),
        Tender::Provisional { payment, amount } => {
            take_in(draft, *amount)?;
            let taken = Provisional {
                payment: payment.clone(),
                amount: *amount,
            };
            draft.push(Change::ProvisionalTaken(taken))?;
            within_bounds(draft)
        }
    }
}

fn take_in(draft: &mut Draft<'_>, amount: Money) -> Result<(), Refusal> {
    if !amount.is_positive() {
        return Err(Refusal::AmountNotPositive);
    }
    draft.push(Change::MoneyIn(amount))
}

/// E16: what is given for money that nobody has confirmed is capped in number and value.
fn within_bounds(draft: &Draft<'_>) -> Result<(), Refusal> {
    let policy = &draft.policy().provisional;
    let taken = &draft.facts.provisional;
    let sum = taken.iter().try_fold(draft.zero(), |sum, provisional| {
        sum.checked_add(provisional.amount)
    })?;
    let count_max = usize::try_from(policy.count_max)
        .unwrap_or(usize::MAX)
        .min(Facts::PROVISIONAL_MAX);
    let is_too_much = policy
        .value_max
        .is_some_and(|most| sum.minor() > most.minor());
    if taken.len() > count_max || is_too_much {
        return Err(Refusal::ProvisionalBound {
            count_max: policy.count_max,
            value_max: policy
                .value_max
                .map_or_else(|| "any value".to_owned(), |most| most.to_string()),
        });
    }
    Ok(())
}

/// Months at today's price.
fn offer_now(draft: &Draft<'_>, months: Months, then_pause: bool) -> Result<Offer, Refusal> {
    let quote = quote::quote(&draft.facts, months, draft.terms)?;
    Ok(quote.offer(then_pause, Timestamp::MAX))
}

/// Buys what is on offer from the account's credit, all services or none (L26).
fn buy(draft: &mut Draft<'_>, offer: &Offer) -> Result<Effect, Refusal> {
    // A debt that came or went since the offer is what it is now.
    let debt = quote::debt(&draft.facts).unwrap_or(draft.zero());
    draft.must_afford(offer.price.checked_add(debt)?)?;
    if draft.facts.is_payable() {
        draft.push(Change::DebtSettled(debt))?;
    }
    must_be(
        draft,
        &[
            Standing::Pending,
            Standing::Active,
            Standing::Grace,
            Standing::Expired,
            Standing::Paused,
        ],
        "active, in grace, expired, paused, or suspended for a debt",
    )?;
    let policy = draft.policy();
    draft.push(Change::MonthsBought {
        months: offer.months,
        price: offer.price,
        keeps_anchor: policy.renewal.keeps_anchor,
        zone: policy.zone,
    })?;
    // A subscriber's wish does not take the place of a pause that the provider has set.
    let is_set = draft.facts.holds.pause.is_some_and(|pause| pause.is_locked);
    if offer.then_pause && !is_set {
        draft.push(Change::PausePlanned(Pause {
            from: draft.facts.paid_through,
            until: None,
            banked: Span::ZERO,
            is_locked: false,
            has_begun: false,
        }))?;
    }
    Ok(Effect::MonthsBought)
}

/// Pays the suspension's debt from credit, if the credit covers it; whether it did.
fn settle_debt(draft: &mut Draft<'_>) -> Result<bool, Refusal> {
    let facts = &draft.facts;
    let is_started = matches!(facts.phase, Phase::Started { .. });
    if !facts.is_payable() || facts.holds.disable.is_some() || !is_started {
        return Ok(false);
    }
    let debt = quote::debt(facts).unwrap_or(draft.zero());
    if facts.balance.checked_sub(debt)?.is_negative() {
        return Ok(false);
    }
    draft.push(Change::DebtSettled(debt))?;
    Ok(true)
}

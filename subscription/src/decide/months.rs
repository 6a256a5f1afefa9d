//! T4, T5, T6, T10, T26: months are bought, and what they cost is settled.

use super::{Outcome, standing_of, wrong_standing};
use crate::calendar::{Anchor, Extended, Months};
use crate::command::{Actor, CommandKind, Role, Tender};
use crate::facts::{Facts, SuspendCause};
use crate::journal::Effect;
use crate::money::Money;
use crate::policy::Rules;
use crate::quote;
use crate::refusal::Refusal;
use crate::standing::Standing;
use crate::time::Timestamp;

/// Buys months from any standing that months can be bought from; refused without enough money.
pub(super) fn pay(
    mut facts: Facts,
    months: Months,
    tender: &Tender,
    now: Timestamp,
    rules: &Rules,
) -> Outcome {
    take(&mut facts, tender)?;
    buy(facts, months, CommandKind::Pay, now, rules)
}

/// Buys months to come out of the garden.
pub(super) fn reactivate(
    mut facts: Facts,
    months: Months,
    tender: &Tender,
    actor: &Actor,
    now: Timestamp,
    rules: &Rules,
) -> Outcome {
    match standing_of(&facts, now) {
        Standing::Expired | Standing::Paused | Standing::Suspended => {}
        Standing::Pending
        | Standing::Active
        | Standing::Grace
        | Standing::Disabled
        | Standing::Terminated
        | Standing::Cancelled => {
            return Err(wrong_standing(
                &facts,
                now,
                CommandKind::Reactivate,
                "expired, paused or suspended",
            ));
        }
    }
    if actor.role == Role::Customer && !rules.policy.customer_reactivation {
        return Err(Refusal::SwitchedOff("reactivation by subscribers"));
    }
    take(&mut facts, tender)?;
    buy(facts, months, CommandKind::Reactivate, now, rules)
}

/// Books captured money and buys what it can. Money that was taken is never refused.
pub(super) fn capture(
    mut facts: Facts,
    months: Option<Months>,
    amount: Money,
    at: Timestamp,
    rules: &Rules,
) -> Outcome {
    if !amount.is_positive() {
        return Err(Refusal::AmountNotPositive);
    }
    facts.balance = facts.balance.checked_add(amount)?;
    let Some(months) = months else {
        return Ok((facts, Effect::CreditOnly));
    };
    if let Ok(bought) = buy(facts.clone(), months, CommandKind::Capture, at, rules) {
        return Ok(bought);
    }
    if let Some(settled) = settle_debt(&facts) {
        return Ok((settled, Effect::DebtSettled));
    }
    Ok((facts, Effect::CreditOnly))
}

/// Puts the tender's money on the account.
fn take(facts: &mut Facts, tender: &Tender) -> Result<(), Refusal> {
    match tender {
        Tender::Balance => Ok(()),
        Tender::Captured { amount, .. } if amount.is_positive() => {
            facts.balance = facts.balance.checked_add(*amount)?;
            Ok(())
        }
        Tender::Captured { .. } => Err(Refusal::AmountNotPositive),
    }
}

/// Buys `months` from the account's credit, all services or none (L26).
fn buy(
    mut facts: Facts,
    months: Months,
    command: CommandKind,
    now: Timestamp,
    rules: &Rules,
) -> Outcome {
    let price = quote::quote(&facts, months, rules)?.price;
    let available = facts.balance.or_zero();
    let missing = price.checked_sub(facts.balance)?;
    if missing.is_positive() {
        return Err(Refusal::Funds {
            price,
            available,
            missing,
        });
    }
    if is_payable(&facts) {
        facts.holds.suspend = None;
    }
    let extended = extended(&facts, months, now, command, rules)?;
    facts.holds.pause = None;
    facts.balance = facts.balance.checked_sub(price)?;
    facts.paid_through = extended.paid_through;
    facts.anchor = extended.anchor;
    facts.grace_until = facts
        .grace_until
        .filter(|grace| *grace > facts.paid_through);
    Ok((facts, Effect::MonthsBought))
}

/// Where `months` more end, by what the subscription is (E5, T4–T6).
fn extended(
    facts: &Facts,
    months: Months,
    now: Timestamp,
    command: CommandKind,
    rules: &Rules,
) -> Result<Extended, Refusal> {
    let zone = rules.policy.zone;
    let banked = facts.holds.pause.map(|pause| pause.banked);
    Ok(match (standing_of(facts, now), banked) {
        (Standing::Pending | Standing::Active | Standing::Grace, _) => {
            facts.anchor.extend(facts.paid_through, months, zone)?
        }
        (Standing::Paused, Some(banked)) if !banked.is_zero() => {
            facts
                .anchor
                .extend(now.saturating_add(banked), months, zone)?
        }
        (Standing::Expired | Standing::Paused, _) => Anchor::start_at(now, months, zone)?,
        (
            Standing::Suspended | Standing::Disabled | Standing::Terminated | Standing::Cancelled,
            _,
        ) => {
            let allowed = "active, in grace, expired, paused, or suspended for a debt";
            return Err(wrong_standing(facts, now, command, allowed));
        }
    })
}

/// Whether paying clears the suspension: a debt can be settled, fraud cannot.
fn is_payable(facts: &Facts) -> bool {
    facts
        .holds
        .suspend
        .as_ref()
        .is_some_and(|suspend| match suspend.cause {
            SuspendCause::Overdue => true,
            SuspendCause::Operator => suspend.debt.is_some(),
            SuspendCause::Fraud => false,
        })
}

/// The facts with the suspension's debt paid from credit, if the credit covers it.
fn settle_debt(facts: &Facts) -> Option<Facts> {
    let debt = quote::debt(facts)?;
    let balance = facts.balance.checked_sub(debt).ok()?;
    let ended_or_disabled =
        facts.holds.disable.is_some() || matches!(facts.phase, crate::facts::Phase::Ended { .. });
    if balance.minor() < 0 || ended_or_disabled {
        return None;
    }
    let mut settled = facts.clone();
    settled.balance = balance;
    settled.holds.suspend = None;
    Some(settled)
}

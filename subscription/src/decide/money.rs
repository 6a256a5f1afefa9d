//! T24, E16: what becomes of money that was taken.

use super::draft::Draft;
use super::wrong_standing;
use crate::change::Change;
use crate::command::CommandKind;
use crate::facts::{Phase, Suspend, SuspendCause};
use crate::journal::{Effect, JournalEntry};
use crate::money::Money;
use crate::refusal::Refusal;
use crate::text::PaymentId;

/// T24: money was given back; what it had bought is another matter (a revert).
pub(super) fn refund(
    draft: &mut Draft<'_>,
    history: &[JournalEntry],
    payment: &PaymentId,
    amount: Money,
) -> Result<Effect, Refusal> {
    give_back(draft, history, payment, amount)?;
    Ok(Effect::Done)
}

/// T24: whoever had paid took it back; by policy that suspends until it is settled.
pub(super) fn chargeback(
    draft: &mut Draft<'_>,
    history: &[JournalEntry],
    payment: &PaymentId,
    amount: Money,
) -> Result<Effect, Refusal> {
    give_back(draft, history, payment, amount)?;
    let facts = &draft.facts;
    let is_running = matches!(facts.phase, Phase::Started { .. });
    let suspends = draft.policy().suspension.on_chargeback
        && is_running
        && facts.holds.suspend.is_none()
        && facts.balance.is_negative();
    if suspends {
        draft.push(Change::Suspended(Box::new(Suspend {
            cause: SuspendCause::Overdue,
            since: draft.now,
            // What is owed is the balance itself.
            debt: None,
            reason: draft.reason().cloned(),
            postponed_until: None,
            postponed_by_customer: false,
        })))?;
    }
    Ok(Effect::Done)
}

/// E16: the money came after all.
pub(super) fn post(draft: &mut Draft<'_>, payment: &PaymentId) -> Result<Effect, Refusal> {
    let is_waiting = draft
        .facts
        .provisional
        .iter()
        .any(|taken| taken.payment == *payment);
    if !is_waiting {
        return Err(Refusal::UnknownPayment(payment.clone()));
    }
    draft.push(Change::ProvisionalDone {
        payment: payment.clone(),
    })?;
    Ok(Effect::Done)
}

fn give_back(
    draft: &mut Draft<'_>,
    history: &[JournalEntry],
    payment: &PaymentId,
    amount: Money,
) -> Result<(), Refusal> {
    if let Phase::Pending { .. } = draft.facts.phase {
        return Err(wrong_standing(draft, "started"));
    }
    if !amount.is_positive() {
        return Err(Refusal::AmountNotPositive);
    }
    let mut left: Option<Money> = None;
    for entry in history {
        if entry.payment.as_ref() != Some(payment) {
            continue;
        }
        if entry.action == CommandKind::Void {
            // It never came: there is nothing to give back.
            left = None;
        } else if let Some(money) = entry.amount {
            left = Some(money.checked_add(left.unwrap_or(draft.zero()))?);
        }
    }
    let paid = left.ok_or_else(|| Refusal::UnknownPayment(payment.clone()))?;
    amount.checked_sub(paid)?;
    if amount.minor() > paid.minor() {
        return Err(Refusal::MoreThanPaid {
            asked: amount,
            paid,
        });
    }
    draft.push(Change::MoneyOut(amount))
}

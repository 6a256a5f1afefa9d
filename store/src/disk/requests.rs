//! Requests to take an entry back, and tickets, on the disk.

use garth_subscription::facts::SubscriptionId;
use garth_subscription::journal::EntryId;
use garth_subscription::revert::{RevertId, RevertRequest, RevertState, Verdict};
use minicbor::{Decode, Encode};

use super::journal::{SnapshotRow, action_code, action_of, snapshot, snapshot_row};
use super::{
    Damaged, IdRow, MoneyRow, instant, money, money_row, of_row, optional_text, plan_id, text,
    to_row,
};
use crate::record::{Ticket, TicketState};

#[derive(Decode, Encode)]
struct RevertRow<'a> {
    #[n(0)]
    subscription: IdRow,
    #[n(1)]
    entry: IdRow,
    #[n(2)]
    action: u8,
    #[n(3)]
    performed_at: i64,
    #[b(4)]
    requested_by: &'a str,
    #[n(5)]
    requested_at: i64,
    #[b(6)]
    reason: &'a str,
    #[n(7)]
    version: u64,
    #[b(8)]
    old: SnapshotRow<'a>,
    #[b(9)]
    new: SnapshotRow<'a>,
    #[n(10)]
    amount: MoneyRow,
    #[n(11)]
    unconsumed: MoneyRow,
    #[n(12)]
    allow_loss: bool,
    #[b(13)]
    state: RevertStateRow<'a>,
}

#[derive(Decode, Encode)]
enum RevertStateRow<'a> {
    #[n(1)]
    Pending,
    #[n(2)]
    Approved(#[b(0)] WordRow<'a>),
    #[n(3)]
    Denied(#[b(0)] WordRow<'a>),
}

/// Who had the last word, when, and what they said.
#[derive(Decode, Encode)]
struct WordRow<'a> {
    #[b(0)]
    by: &'a str,
    #[n(1)]
    at: i64,
    #[b(2)]
    said: Option<&'a str>,
}

#[derive(Decode, Encode)]
struct TicketRow<'a> {
    #[n(0)]
    subscription: IdRow,
    #[b(1)]
    plan: Option<&'a str>,
    #[b(2)]
    message: &'a str,
    #[n(3)]
    created_at: i64,
    /// Open where nothing is there.
    #[b(4)]
    closed: Option<WordRow<'a>>,
}

/// The row of a request; its id is the table's key.
pub(crate) fn encode_revert(request: &RevertRequest) -> Vec<u8> {
    to_row(&RevertRow {
        subscription: request.subscription.0.into(),
        entry: request.entry.0.into(),
        action: action_code(request.action),
        performed_at: request.performed_at.unix_millis(),
        requested_by: request.requested_by.as_str(),
        requested_at: request.requested_at.unix_millis(),
        reason: request.reason.as_str(),
        version: request.version,
        old: snapshot_row(&request.old),
        new: snapshot_row(&request.new),
        amount: money_row(request.amount),
        unconsumed: money_row(request.unconsumed),
        allow_loss: request.allow_loss,
        state: match &request.state {
            RevertState::Pending => RevertStateRow::Pending,
            RevertState::Approved(verdict) => RevertStateRow::Approved(verdict_row(verdict)),
            RevertState::Denied(verdict) => RevertStateRow::Denied(verdict_row(verdict)),
        },
    })
}

/// The request of a row.
pub(crate) fn decode_revert(id: RevertId, octets: &[u8]) -> Result<RevertRequest, Damaged> {
    let row: RevertRow<'_> = of_row("request", octets)?;
    Ok(RevertRequest {
        id,
        subscription: SubscriptionId(row.subscription.into()),
        entry: EntryId(row.entry.into()),
        action: action_of(row.action)?,
        performed_at: instant(row.performed_at)?,
        requested_by: text("actor", row.requested_by)?,
        requested_at: instant(row.requested_at)?,
        reason: text("reason", row.reason)?,
        version: row.version,
        old: snapshot(&row.old)?,
        new: snapshot(&row.new)?,
        amount: money(&row.amount)?,
        unconsumed: money(&row.unconsumed)?,
        allow_loss: row.allow_loss,
        state: match &row.state {
            RevertStateRow::Pending => RevertState::Pending,
            RevertStateRow::Approved(row) => RevertState::Approved(verdict(row)?),
            RevertStateRow::Denied(row) => RevertState::Denied(verdict(row)?),
        },
    })
}

fn verdict_row(verdict: &Verdict) -> WordRow<'_> {
    WordRow {
        by: verdict.by.as_str(),
        at: verdict.at.unix_millis(),
        said: verdict.reason.as_ref().map(|reason| reason.as_str()),
    }
}

fn verdict(row: &WordRow<'_>) -> Result<Verdict, Damaged> {
    Ok(Verdict {
        by: text("actor", row.by)?,
        at: instant(row.at)?,
        reason: optional_text("reason", row.said)?,
    })
}

/// The row of a ticket; its id is the table's key.
pub(crate) fn encode_ticket(ticket: &Ticket) -> Vec<u8> {
    to_row(&TicketRow {
        subscription: ticket.subscription.0.into(),
        plan: ticket.plan.as_ref().map(|plan| plan.as_str()),
        message: ticket.message.as_str(),
        created_at: ticket.created_at.unix_millis(),
        closed: match &ticket.state {
            TicketState::Open => None,
            TicketState::Closed { by, at, answer } => Some(WordRow {
                by: by.as_str(),
                at: at.unix_millis(),
                said: answer.as_ref().map(|answer| answer.as_str()),
            }),
        },
    })
}

/// The ticket of a row.
pub(crate) fn decode_ticket(id: EntryId, octets: &[u8]) -> Result<Ticket, Damaged> {
    let row: TicketRow<'_> = of_row("ticket", octets)?;
    Ok(Ticket {
        id,
        subscription: SubscriptionId(row.subscription.into()),
        plan: row.plan.map(plan_id).transpose()?,
        message: text("message", row.message)?,
        created_at: instant(row.created_at)?,
        state: match &row.closed {
            None => TicketState::Open,
            Some(word) => TicketState::Closed {
                by: text("actor", word.by)?,
                at: instant(word.at)?,
                answer: optional_text("answer", word.said)?,
            },
        },
    })
}

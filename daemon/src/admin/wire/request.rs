//! What waits for a person and what was promised: requests to take an entry back, tickets, quotes.

use garth_store::record::{StoredQuote, Subscription, Ticket, TicketState};
use garth_subscription::revert::{Preview, RevertRequest, RevertState, Shift, Verdict};
use serde::{Deserialize, Serialize};

use super::{MoneyBody, QuoteBody, SnapshotBody, TimeHoldBody, text};

/// Who decided a request, or closed a ticket.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct VerdictBody {
    /// Who.
    pub by: String,
    /// When.
    pub at: String,
    /// What they said to it.
    pub reason: Option<String>,
}

impl From<&Verdict> for VerdictBody {
    fn from(verdict: &Verdict) -> Self {
        Self {
            by: verdict.by.to_string(),
            at: verdict.at.to_string(),
            reason: text(verdict.reason.as_ref()),
        }
    }
}

/// A request to take an entry back, with what an approver must see (L3).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RevertBody {
    /// UUID.
    pub id: String,
    /// `pending`, `approved`, `denied`.
    pub state: String,
    /// Of which subscription.
    pub subscription: String,
    /// What RADIUS calls it.
    pub username: Option<String>,
    /// Sold by.
    pub reseller: Option<String>,
    /// The entry.
    pub entry: String,
    /// What that entry did.
    pub action: String,
    /// When that was.
    pub action_at: String,
    /// Who asks.
    pub requested_by: String,
    /// When.
    pub requested_at: String,
    /// Why.
    pub reason: String,
    /// How much is given back.
    pub amount: MoneyBody,
    /// How much of the entry's value was not consumed when it was requested.
    pub unconsumed: MoneyBody,
    /// Whether a loss is meant.
    pub allow_loss: bool,
    /// How it was when it was requested.
    pub old: SnapshotBody,
    /// How it is to be: the new expiry and the new plan among it.
    pub new: SnapshotBody,
    /// Who decided it.
    pub verdict: Option<VerdictBody>,
}

impl RevertBody {
    /// The request, of whom it is told by `subscription`.
    pub(crate) fn of(request: &RevertRequest, subscription: Option<&Subscription>) -> Self {
        let subscriber = subscription.map(|found| &found.subscriber);
        Self {
            id: request.id.0.to_string(),
            state: request.state.as_str().to_owned(),
            subscription: request.subscription.to_string(),
            username: text(subscriber.and_then(|one| one.user_name.as_ref())),
            reseller: text(subscriber.and_then(|one| one.reseller.as_ref())),
            entry: request.entry.0.to_string(),
            action: request.action.as_str().to_owned(),
            action_at: request.performed_at.to_string(),
            requested_by: request.requested_by.to_string(),
            requested_at: request.requested_at.to_string(),
            reason: request.reason.to_string(),
            amount: request.amount.into(),
            unconsumed: request.unconsumed.into(),
            allow_loss: request.allow_loss,
            old: (&request.old).into(),
            new: (&request.new).into(),
            verdict: match &request.state {
                RevertState::Pending => None,
                RevertState::Approved(verdict) | RevertState::Denied(verdict) => {
                    Some(verdict.into())
                }
            },
        }
    }
}

/// A later renewal that ends at another time once an earlier entry is taken back.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ShiftBody {
    /// Which entry.
    pub entry: String,
    /// The end of paid service after it.
    pub old: String,
    /// The end that it leads to then.
    pub new: String,
}

impl From<&Shift> for ShiftBody {
    fn from(shift: &Shift) -> Self {
        Self {
            entry: shift.entry.0.to_string(),
            old: shift.old.to_string(),
            new: shift.new.to_string(),
        }
    }
}

/// All that taking an entry back does (L2).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RevertPreviewBody {
    /// How it is.
    pub old: Option<SnapshotBody>,
    /// How it would be.
    pub new: SnapshotBody,
    /// How much is given back.
    pub amount: MoneyBody,
    /// How much of the entry's value is not consumed.
    pub unconsumed: MoneyBody,
    /// The later renewals that shift.
    pub shifts: Vec<ShiftBody>,
}

impl From<&Preview> for RevertPreviewBody {
    fn from(preview: &Preview) -> Self {
        Self {
            old: preview.decision.old.as_ref().map(Into::into),
            new: (&preview.decision.new).into(),
            amount: preview.amount.into(),
            unconsumed: preview.unconsumed.into(),
            shifts: preview.shifts.iter().map(Into::into).collect(),
        }
    }
}

/// What came of asking for a revert.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RevertAskedBody {
    /// Whether nothing was requested because nothing was to be.
    pub dry_run: bool,
    /// Whether this is the answer to an earlier request with the same command id.
    pub repeated: bool,
    /// The request; none for a dry run.
    pub request: Option<RevertBody>,
    /// What approving it does; none for a repeat.
    pub preview: Option<RevertPreviewBody>,
}

/// One row of the report of reverts (L6).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ReportRow {
    /// The reason, plan or reseller; `null` for those without a reseller.
    pub key: Option<String>,
    /// Requests that wait.
    pub pending: u64,
    /// Requests that were approved.
    pub approved: u64,
    /// Requests that were denied.
    pub denied: u64,
    /// What the approved ones gave back.
    pub amount: MoneyBody,
}

/// The report of reverts (L6).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ReportBody {
    /// Those requested then or later; all of them if `null`.
    pub from: Option<String>,
    /// Those requested before then.
    pub to: Option<String>,
    /// `reason`, `plan`, `reseller`.
    pub by: String,
    /// The most first.
    pub rows: Vec<ReportRow>,
    /// Over all rows.
    pub sum: ReportRow,
}

/// Everything that waits for a second person.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ApprovalsBody {
    /// What keeps time from going on.
    pub holds: Vec<TimeHoldBody>,
    /// Requests to take an entry back, oldest first.
    pub reverts: Vec<RevertBody>,
    /// Whether there are more than are listed.
    pub more: bool,
}

/// A subscriber's wish for the operators to answer (L18).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct TicketBody {
    /// UUID, that of its journal entry.
    pub id: String,
    /// `open`, `closed`.
    pub state: String,
    /// Whose.
    pub subscription: String,
    /// What RADIUS calls it.
    pub username: Option<String>,
    /// Which plan, if they know.
    pub plan: Option<String>,
    /// In their words.
    pub message: String,
    /// When.
    pub created_at: String,
    /// Who closed it, and with what answer.
    pub closed: Option<VerdictBody>,
}

impl TicketBody {
    /// The ticket, of whom it is told by `subscription`.
    pub(crate) fn of(ticket: &Ticket, subscription: Option<&Subscription>) -> Self {
        let user_name = subscription.and_then(|found| found.subscriber.user_name.as_ref());
        let (state, closed) = match &ticket.state {
            TicketState::Open => ("open", None),
            TicketState::Closed { by, at, answer } => {
                let verdict = VerdictBody {
                    by: by.to_string(),
                    at: at.to_string(),
                    reason: text(answer.as_ref()),
                };
                ("closed", Some(verdict))
            }
        };
        Self {
            id: ticket.id.0.to_string(),
            state: state.to_owned(),
            subscription: ticket.subscription.to_string(),
            username: text(user_name),
            plan: text(ticket.plan.as_ref()),
            message: ticket.message.to_string(),
            created_at: ticket.created_at.to_string(),
            closed,
        }
    }
}

/// A price that was promised for a time (E6).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct StoredQuoteBody {
    /// UUID; none for a dry run.
    pub id: Option<String>,
    /// For which subscription.
    pub subscription: String,
    /// The price, line by line.
    #[serde(flatten)]
    pub quote: QuoteBody,
    /// Whether it pauses at the end of the months.
    pub then_pause: bool,
    /// Until when it is honoured; none for a dry run.
    pub expires_at: Option<String>,
    /// When it was made; none for a dry run.
    pub created_at: Option<String>,
    /// The version of the price list that it was made from; none for a dry run.
    pub price_list: Option<u64>,
    /// Whether its signature is this edge's; none for a dry run.
    pub verified: Option<bool>,
}

impl StoredQuoteBody {
    pub(crate) fn of(stored: &StoredQuote, is_verified: bool) -> Self {
        Self {
            id: Some(stored.id.0.to_string()),
            subscription: stored.subscription.to_string(),
            quote: (&stored.quote).into(),
            then_pause: stored.offer.then_pause,
            expires_at: Some(stored.offer.expires_at.to_string()),
            created_at: Some(stored.created_at.to_string()),
            price_list: Some(stored.price_list),
            verified: Some(is_verified),
        }
    }
}

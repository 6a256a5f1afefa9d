//! What waits for a person: requests to take an entry back, tickets, and notices to subscribers.
//!
//! They are written with the journal entry that tells of them, in one transaction.

use garth_subscription::command::{Actor, CommandKind};
use garth_subscription::facts::SubscriptionId;
use garth_subscription::journal::{Effect, EntryId, JournalEntry};
use garth_subscription::revert::{RevertRequest, RevertState, Verdict};
use garth_subscription::text::{ActorName, Message, PlanId, Reason};
use garth_subscription::{Command, Decision, Order};
use redb::ReadableTable;

use super::{Batch, Stop};
use crate::fault::Fault;
use crate::record::{Ticket, TicketState};
use crate::tables::{NOTICES, Reverts, Tickets, id_key, read_ticket, revert_key, ticket_key};
use crate::write::WriteError;

/// The most requests of one subscription that wait for another operator.
pub const PENDING_REVERTS_MAX: usize = 16;
/// The most tickets of one subscription that wait for an answer.
pub const OPEN_TICKETS_MAX: usize = 4;
/// The most tickets of one subscription that are kept; of those that are closed, the oldest go first.
pub const TICKETS_KEPT: usize = 256;
/// The most notices of one subscription that are kept; the oldest go first.
pub const NOTICES_KEPT: usize = 32;

/// What a decision asks of people, to be written with its entry.
pub(super) enum Paper {
    /// A request, new or decided, and those that it takes the place of.
    Request(Box<RevertRequest>, Vec<RevertRequest>),
    /// A ticket.
    Ticket(Option<PlanId>, Message),
}

impl Batch<'_> {
    /// What a decision asks of people, if there is room for it.
    pub(super) fn paper(&self, order: &Order, decision: &Decision) -> Result<Option<Paper>, Stop> {
        if let Some(request) = &decision.request {
            let replaced = match request.state {
                RevertState::Pending => self.replaced(request)?,
                RevertState::Approved(_) | RevertState::Denied(_) => Vec::new(),
            };
            return Ok(Some(Paper::Request(request.clone(), replaced)));
        }
        let Command::RequestChange { plan, message } = &order.command else {
            return Ok(None);
        };
        if Tickets::open(self.txn)?.open_of(decision.facts.id)? >= OPEN_TICKETS_MAX {
            return Err(WriteError::TooManyTickets.into());
        }
        Ok(Some(Paper::Ticket(plan.clone(), message.clone())))
    }

    /// The requests that a new one takes the place of: those for the same entry that the subscription
    /// has left behind, so that nobody can approve them any more.
    fn replaced(&self, new: &RevertRequest) -> Result<Vec<RevertRequest>, Stop> {
        let reverts = Reverts::open(self.txn)?;
        if reverts.rows.get(revert_key(new.id))?.is_some() {
            return Err(WriteError::RequestIdReused.into());
        }
        let pending = reverts.pending_of(new.subscription)?;
        let (replaced, others): (Vec<_>, Vec<_>) = pending
            .into_iter()
            .partition(|waiting| waiting.entry == new.entry);
        if let Some(waiting) = replaced.iter().find(|old| old.version == new.version) {
            return Err(WriteError::EntryRequested(waiting.id).into());
        }
        if others.len() >= PENDING_REVERTS_MAX {
            return Err(WriteError::TooManyRequests.into());
        }
        Ok(replaced)
    }

    /// Writes it; `entry` tells of it and `by` asked for it.
    pub(super) fn file(
        &self,
        paper: Paper,
        subscription: SubscriptionId,
        entry: EntryId,
        by: &ActorName,
    ) -> Result<(), Fault> {
        match paper {
            Paper::Request(request, replaced) => {
                let mut reverts = Reverts::open(self.txn)?;
                for mut old in replaced {
                    old.state = RevertState::Denied(Verdict {
                        by: by.clone(),
                        at: self.now,
                        reason: "requested anew".parse().ok(),
                    });
                    reverts.put(&old)?;
                }
                reverts.put(&request)
            }
            Paper::Ticket(plan, message) => {
                let mut tickets = Tickets::open(self.txn)?;
                tickets.put(&Ticket {
                    id: entry,
                    subscription,
                    plan,
                    message,
                    created_at: self.now,
                    state: TicketState::Open,
                })?;
                tickets.trim(subscription, TICKETS_KEPT)
            }
        }
    }

    /// Closes a ticket; it can be closed once.
    pub(super) fn close_ticket(
        &mut self,
        id: EntryId,
        by: &Actor,
        answer: Option<Reason>,
    ) -> Result<Ticket, Stop> {
        let mut tickets = Tickets::open(self.txn)?;
        let mut ticket =
            read_ticket(&tickets.rows, ticket_key(id))?.ok_or(WriteError::UnknownTicket)?;
        if let TicketState::Closed { by, .. } = ticket.state {
            return Err(WriteError::TicketClosed(by).into());
        }
        ticket.state = TicketState::Closed {
            by: by.name.clone(),
            at: self.now,
            answer,
        };
        self.dirty = true;
        tickets.put(&ticket)?;
        Ok(ticket)
    }

    /// Tells the subscriber of the last entry of the journal, if it is one that happened without them.
    pub(super) fn notify(&self, entry: &JournalEntry) -> Result<(), Fault> {
        if !is_told(entry) {
            return Ok(());
        }
        let subscription = id_key(entry.subscription);
        let mut notices = self.txn.open_table(NOTICES)?;
        notices.insert((subscription, self.meta.sequence), ())?;
        let all = (subscription, 0)..=(subscription, u64::MAX);
        let oldest = notices.range(all)?.rev().nth(NOTICES_KEPT).transpose()?;
        let oldest = oldest.map(|(key, _)| key.value());
        if let Some(key) = oldest {
            notices.remove(key)?;
        }
        Ok(())
    }

    /// Takes a notice away; whether there was one.
    pub(super) fn dismiss_notice(
        &mut self,
        subscription: SubscriptionId,
        sequence: u64,
    ) -> Result<bool, Stop> {
        let mut notices = self.txn.open_table(NOTICES).map_err(Fault::from)?;
        let was_there = notices.remove((id_key(subscription), sequence))?.is_some();
        self.dirty |= was_there;
        Ok(was_there)
    }
}

/// Whether the subscriber is told: of an entry that was taken back (L6), of a payment that never came
/// (E16) and of what was agreed and could not be done (T17).
pub(crate) fn is_told(entry: &JournalEntry) -> bool {
    matches!(entry.action, CommandKind::ApproveRevert | CommandKind::Void)
        || entry.effect == Effect::Dropped
}

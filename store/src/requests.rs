//! The handle's part for what waits for a person and what was promised: requests to take an entry
//! back, tickets, notices, quotes.
//!
//! Requests and tickets come to be by commands; what is here lists them, answers them, and makes
//! quotes.

use std::ops::Bound;

use garth_subscription::calendar::Months;
use garth_subscription::facts::SubscriptionId;
use garth_subscription::journal::EntryId;
use garth_subscription::revert::{self, RevertAsk, RevertId, RevertRequest};
use garth_subscription::text::Reason;
use garth_subscription::{Actor, Command, Refusal, Timestamp};
use redb::{ReadTransaction, ReadableTable};

use crate::fault::{Fault, ReadError};
use crate::read::{READ_MAX, entry_at};
use crate::record::{Notice, QuoteId, StoredQuote, Ticket};
use crate::store::Store;
use crate::tables::{
    JOURNAL, NOTICES, OPEN_TICKETS, PENDING_REVERTS, QUOTES, QUOTES_BY_SUBSCRIPTION, REVERTS,
    REVERTS_BY_SUBSCRIPTION, TICKETS, TICKETS_BY_SUBSCRIPTION, id_key, quote_key, read_quote,
    read_revert, read_ticket, revert_key, ticket_key,
};
use crate::write::{QuoteRequest, Write, WriteError};
use crate::writer::Settled;

/// Which requests are wanted; all of them by default.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RevertFilter {
    /// Those that wait for a decision alone.
    pub pending_only: bool,
    /// Those of one subscription alone.
    pub subscription: Option<SubscriptionId>,
    /// Those requested then or later.
    pub from: Option<Timestamp>,
    /// Those requested before then.
    pub until: Option<Timestamp>,
}

impl RevertFilter {
    fn wants(&self, request: &RevertRequest) -> bool {
        let at = request.requested_at;
        self.from.is_none_or(|from| at >= from) && self.until.is_none_or(|until| at < until)
    }
}

impl Store {
    /// The request of that id.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn revert_request(&self, id: RevertId) -> Result<Option<RevertRequest>, ReadError> {
        let rows = self.snapshot()?.open_table(REVERTS).map_err(Fault::from)?;
        Ok(read_revert(&rows, revert_key(id))?)
    }

    /// At most `limit` of the requests that `filter` wants, in the order of their ids, those after
    /// `after`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn revert_requests(
        &self,
        filter: RevertFilter,
        after: Option<RevertId>,
        limit: usize,
    ) -> Result<Vec<RevertRequest>, ReadError> {
        let after = after.map(revert_key);
        Ok(revert_requests(&self.snapshot()?, filter, after, limit)?)
    }

    /// All that taking an entry back would do now (L2). Nothing changes.
    ///
    /// # Errors
    /// As of [`Command::RequestRevert`], as far as rules go; [`WriteError::Failed`] if the disk cannot
    /// be read.
    pub fn preview_revert(
        &self,
        subscription: SubscriptionId,
        ask: &RevertAsk,
    ) -> Result<revert::Preview, WriteError> {
        let rules = self.rules();
        let known = self
            .known(subscription, &Command::RequestRevert(ask.clone()))?
            .ok_or(Refusal::Unknown)?;
        let terms = rules.terms(known.subscription.subscriber.partner.as_ref());
        let now = self.now();
        let settled = Settled::new(&known, now, terms);
        Ok(revert::preview(settled.case(), ask, now)?)
    }

    /// The ticket of that id.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn ticket(&self, id: EntryId) -> Result<Option<Ticket>, ReadError> {
        let rows = self.snapshot()?.open_table(TICKETS).map_err(Fault::from)?;
        Ok(read_ticket(&rows, ticket_key(id))?)
    }

    /// At most `limit` tickets, oldest first, those after `after`: of one subscription or of all.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn tickets(
        &self,
        open_only: bool,
        subscription: Option<SubscriptionId>,
        after: Option<EntryId>,
        limit: usize,
    ) -> Result<Vec<Ticket>, ReadError> {
        let after = after.map(ticket_key);
        let txn = self.snapshot()?;
        Ok(tickets(&txn, open_only, subscription, after, limit)?)
    }

    /// Closes a ticket with an answer that the subscriber sees (L18).
    ///
    /// # Errors
    /// [`WriteError::UnknownTicket`], [`WriteError::TicketClosed`], or the store's own trouble.
    pub async fn close_ticket(
        &self,
        id: EntryId,
        by: &Actor,
        answer: Option<Reason>,
    ) -> Result<Ticket, WriteError> {
        let by = by.clone();
        self.ask(|reply| Write::CloseTicket(id, by, answer, reply))
            .await
    }

    /// Promises today's price of `months` for [`crate::Limits::quote_holds`] (E6).
    ///
    /// # Errors
    /// [`WriteError`]; refused where months cannot be bought as the subscription stands.
    pub async fn make_quote(
        &self,
        subscription: SubscriptionId,
        months: Months,
        then_pause: bool,
    ) -> Result<StoredQuote, WriteError> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| WriteError::Failed(error.to_string()))?;
        let request = QuoteRequest {
            id: QuoteId(uuid::Builder::from_random_bytes(random).into_uuid()),
            subscription,
            months,
            then_pause,
        };
        self.ask(|reply| Write::MakeQuote(request, reply)).await
    }

    /// The quote of that id.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn quote(&self, id: QuoteId) -> Result<Option<StoredQuote>, ReadError> {
        let rows = self.snapshot()?.open_table(QUOTES).map_err(Fault::from)?;
        Ok(read_quote(&rows, quote_key(id))?)
    }

    /// At most `limit` quotes of a subscription, newest first, those made before `after`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn quotes(
        &self,
        subscription: SubscriptionId,
        after: Option<QuoteId>,
        limit: usize,
    ) -> Result<Vec<StoredQuote>, ReadError> {
        let after = after.map(quote_key);
        Ok(quotes(&self.snapshot()?, subscription, after, limit)?)
    }

    /// Whether a quote is one that this edge has made, with all that it says. Takes the same time
    /// wherever it differs.
    #[must_use]
    pub fn verify_quote(&self, quote: &StoredQuote) -> bool {
        self.shared().quote_key.verifies(quote)
    }

    /// At most `limit` notices of a subscription that its subscriber has not dismissed, newest first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn notices(
        &self,
        subscription: SubscriptionId,
        limit: usize,
    ) -> Result<Vec<Notice>, ReadError> {
        Ok(notices(&self.snapshot()?, subscription, limit)?)
    }

    /// Takes away the notice of that sequence, as it was seen; whether there was one.
    ///
    /// # Errors
    /// The store's own trouble only.
    pub async fn dismiss_notice(
        &self,
        subscription: SubscriptionId,
        sequence: u64,
    ) -> Result<bool, WriteError> {
        self.ask(|reply| Write::DismissNotice(subscription, sequence, reply))
            .await
    }
}

/// The keys after `after` of what a table of one subscription's things holds, in their order.
fn keys_of(
    table: &impl ReadableTable<(u128, u128), ()>,
    subscription: u128,
    after: Option<u128>,
) -> Result<impl Iterator<Item = Result<u128, Fault>>, Fault> {
    let from = after.map_or(Bound::Included((subscription, 0)), |after| {
        Bound::Excluded((subscription, after))
    });
    let until = Bound::Included((subscription, u128::MAX));
    let rows = table.range::<(u128, u128)>((from, until))?;
    Ok(rows.map(|row| Ok(row?.0.value().1)))
}

/// The keys after `after` of a table, in their order.
fn keys<V: redb::Value + 'static>(
    table: &impl ReadableTable<u128, V>,
    after: Option<u128>,
) -> Result<impl Iterator<Item = Result<u128, Fault>>, Fault> {
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    let rows = table.range::<u128>((from, Bound::Unbounded))?;
    Ok(rows.map(|row| Ok(row?.0.value())))
}

fn revert_requests(
    txn: &ReadTransaction,
    filter: RevertFilter,
    after: Option<u128>,
    limit: usize,
) -> Result<Vec<RevertRequest>, Fault> {
    let rows = txn.open_table(REVERTS)?;
    let pending = txn.open_table(PENDING_REVERTS)?;
    let by_subscription = txn.open_table(REVERTS_BY_SUBSCRIPTION)?;
    let keys: Box<dyn Iterator<Item = Result<u128, Fault>>> = match filter.subscription {
        Some(id) => Box::new(keys_of(&by_subscription, id_key(id), after)?),
        None if filter.pending_only => Box::new(keys(&pending, after)?),
        None => Box::new(keys(&rows, after)?),
    };
    let mut found = Vec::new();
    for key in keys {
        if found.len() >= limit.min(READ_MAX) {
            break;
        }
        let key = key?;
        if filter.pending_only && pending.get(key)?.is_none() {
            continue;
        }
        found.extend(read_revert(&rows, key)?.filter(|request| filter.wants(request)));
    }
    Ok(found)
}

fn tickets(
    txn: &ReadTransaction,
    open_only: bool,
    subscription: Option<SubscriptionId>,
    after: Option<u128>,
    limit: usize,
) -> Result<Vec<Ticket>, Fault> {
    let rows = txn.open_table(TICKETS)?;
    let open = txn.open_table(OPEN_TICKETS)?;
    let by_subscription = txn.open_table(TICKETS_BY_SUBSCRIPTION)?;
    let keys: Box<dyn Iterator<Item = Result<u128, Fault>>> = match subscription {
        Some(id) => Box::new(keys_of(&by_subscription, id_key(id), after)?),
        None if open_only => Box::new(keys(&open, after)?),
        None => Box::new(keys(&rows, after)?),
    };
    let mut found = Vec::new();
    for key in keys {
        if found.len() >= limit.min(READ_MAX) {
            break;
        }
        let key = key?;
        if open_only && open.get(key)?.is_none() {
            continue;
        }
        found.extend(read_ticket(&rows, key)?);
    }
    Ok(found)
}

fn quotes(
    txn: &ReadTransaction,
    subscription: SubscriptionId,
    after: Option<u128>,
    limit: usize,
) -> Result<Vec<StoredQuote>, Fault> {
    let rows = txn.open_table(QUOTES)?;
    let by_subscription = txn.open_table(QUOTES_BY_SUBSCRIPTION)?;
    let id = id_key(subscription);
    let places = by_subscription.range((id, 0, 0)..=(id, u64::MAX, u128::MAX))?;
    // There are so few of one subscription that the place of `after` is found on the way.
    let mut is_reached = after.is_none();
    let mut found = Vec::new();
    for place in places.rev() {
        if found.len() >= limit.min(READ_MAX) {
            break;
        }
        let (_, _, key) = place?.0.value();
        if is_reached {
            found.extend(read_quote(&rows, key)?);
        }
        is_reached |= after == Some(key);
    }
    Ok(found)
}

fn notices(
    txn: &ReadTransaction,
    subscription: SubscriptionId,
    limit: usize,
) -> Result<Vec<Notice>, Fault> {
    let table = txn.open_table(NOTICES)?;
    let journal = txn.open_table(JOURNAL)?;
    let id = id_key(subscription);
    let mut found = Vec::new();
    let all = table.range((id, 0)..=(id, u64::MAX))?;
    for row in all.rev().take(limit.min(READ_MAX)) {
        let (_, sequence) = row?.0.value();
        found.push(Notice {
            sequence,
            entry: entry_at(&journal, sequence)?,
        });
    }
    Ok(found)
}

//! Tables of what waits for a person and of what was promised: requests to take an entry back,
//! tickets, quotes and notices.
//!
//! They change seldom, so a transaction opens them where it needs them, and not every one does.
//!
//! Not here: how many there may be of one subscription (`writer`).

use garth_subscription::facts::SubscriptionId;
use garth_subscription::journal::EntryId;
use garth_subscription::revert::{RevertId, RevertRequest, RevertState};
use redb::{ReadableTable, Table, WriteTransaction};

use super::{Definition, Octets, id_key, millis};
use crate::disk::{
    decode_quote, decode_revert, decode_ticket, encode_quote, encode_revert, encode_ticket,
};
use crate::fault::Fault;
use crate::record::{QuoteId, StoredQuote, Ticket, TicketState};

pub(crate) const REVERTS: Definition<u128, Octets> = Definition::new("reverts");
pub(crate) const PENDING_REVERTS: Definition<u128, ()> = Definition::new("pending_reverts");
pub(crate) const REVERTS_BY_SUBSCRIPTION: Definition<(u128, u128), ()> =
    Definition::new("reverts_by_subscription");
pub(crate) const TICKETS: Definition<u128, Octets> = Definition::new("tickets");
pub(crate) const OPEN_TICKETS: Definition<u128, ()> = Definition::new("open_tickets");
pub(crate) const TICKETS_BY_SUBSCRIPTION: Definition<(u128, u128), ()> =
    Definition::new("tickets_by_subscription");
pub(crate) const QUOTES: Definition<u128, Octets> = Definition::new("quotes");
pub(crate) const QUOTES_BY_SUBSCRIPTION: Definition<(u128, u64, u128), ()> =
    Definition::new("quotes_by_subscription");
pub(crate) const NOTICES: Definition<(u128, u64), ()> = Definition::new("notices");

/// Makes those of them that are not there.
pub(super) fn create(txn: &WriteTransaction) -> Result<(), Fault> {
    Reverts::open(txn)?;
    Tickets::open(txn)?;
    Quotes::open(txn)?;
    txn.open_table(NOTICES)?;
    Ok(())
}

/// A request's id as a key.
pub(crate) const fn revert_key(id: RevertId) -> u128 {
    id.0.as_u128()
}

/// A ticket's id as a key.
pub(crate) const fn ticket_key(id: EntryId) -> u128 {
    id.0.as_u128()
}

/// A quote's id as a key.
pub(crate) const fn quote_key(id: QuoteId) -> u128 {
    id.0.as_u128()
}

/// The request of that key.
pub(crate) fn read_revert(
    rows: &impl ReadableTable<u128, Octets>,
    key: u128,
) -> Result<Option<RevertRequest>, Fault> {
    let id = RevertId(uuid::Uuid::from_u128(key));
    let row = rows.get(key)?;
    Ok(row.map(|row| decode_revert(id, row.value())).transpose()?)
}

/// The ticket of that key.
pub(crate) fn read_ticket(
    rows: &impl ReadableTable<u128, Octets>,
    key: u128,
) -> Result<Option<Ticket>, Fault> {
    let id = EntryId(uuid::Uuid::from_u128(key));
    let row = rows.get(key)?;
    Ok(row.map(|row| decode_ticket(id, row.value())).transpose()?)
}

/// The quote of that key.
pub(crate) fn read_quote(
    rows: &impl ReadableTable<u128, Octets>,
    key: u128,
) -> Result<Option<StoredQuote>, Fault> {
    let row = rows.get(key)?;
    Ok(row.map(|row| decode_quote(row.value())).transpose()?)
}

/// Requests to take an entry back, open for writing.
pub(crate) struct Reverts<'txn> {
    pub(crate) rows: Table<'txn, u128, Octets>,
    pending: Table<'txn, u128, ()>,
    by_subscription: Table<'txn, (u128, u128), ()>,
}

impl<'txn> Reverts<'txn> {
    pub(crate) fn open(txn: &'txn WriteTransaction) -> Result<Self, Fault> {
        Ok(Self {
            rows: txn.open_table(REVERTS)?,
            pending: txn.open_table(PENDING_REVERTS)?,
            by_subscription: txn.open_table(REVERTS_BY_SUBSCRIPTION)?,
        })
    }

    /// Writes a request, whether it is new or decided.
    pub(crate) fn put(&mut self, request: &RevertRequest) -> Result<(), Fault> {
        let key = revert_key(request.id);
        match request.state {
            RevertState::Pending => self.pending.insert(key, ())?,
            RevertState::Approved(_) | RevertState::Denied(_) => self.pending.remove(key)?,
        };
        self.by_subscription
            .insert((id_key(request.subscription), key), ())?;
        let row = encode_revert(request);
        self.rows.insert(key, row.as_slice())?;
        Ok(())
    }

    /// Those of a subscription that wait for another operator. Each request has an entry in the
    /// journal, so there are no more than may be replayed.
    pub(crate) fn pending_of(&self, id: SubscriptionId) -> Result<Vec<RevertRequest>, Fault> {
        let subscription = id_key(id);
        let all = (subscription, 0)..=(subscription, u128::MAX);
        let mut found = Vec::new();
        for row in self.by_subscription.range(all)? {
            let (_, key) = row?.0.value();
            if self.pending.get(key)?.is_some() {
                found.extend(read_revert(&self.rows, key)?);
            }
        }
        Ok(found)
    }
}

/// Tickets, open for writing.
pub(crate) struct Tickets<'txn> {
    pub(crate) rows: Table<'txn, u128, Octets>,
    open: Table<'txn, u128, ()>,
    by_subscription: Table<'txn, (u128, u128), ()>,
}

impl<'txn> Tickets<'txn> {
    pub(crate) fn open(txn: &'txn WriteTransaction) -> Result<Self, Fault> {
        Ok(Self {
            rows: txn.open_table(TICKETS)?,
            open: txn.open_table(OPEN_TICKETS)?,
            by_subscription: txn.open_table(TICKETS_BY_SUBSCRIPTION)?,
        })
    }

    /// Writes a ticket, whether it is new or closed.
    pub(crate) fn put(&mut self, ticket: &Ticket) -> Result<(), Fault> {
        let key = ticket_key(ticket.id);
        match ticket.state {
            TicketState::Open => self.open.insert(key, ())?,
            TicketState::Closed { .. } => self.open.remove(key)?,
        };
        self.by_subscription
            .insert((id_key(ticket.subscription), key), ())?;
        let row = encode_ticket(ticket);
        self.rows.insert(key, row.as_slice())?;
        Ok(())
    }

    /// How many of a subscription are open.
    pub(crate) fn open_of(&self, id: SubscriptionId) -> Result<usize, Fault> {
        let mut open = 0;
        for key in self.of(id)? {
            open += usize::from(self.open.get(key)?.is_some());
        }
        Ok(open)
    }

    /// Deletes the oldest closed ones of a subscription until no more than `kept` are left, if so many
    /// are closed.
    pub(crate) fn trim(&mut self, id: SubscriptionId, kept: usize) -> Result<(), Fault> {
        let all = self.of(id)?;
        let mut over = all.len().saturating_sub(kept);
        for key in all {
            if over == 0 {
                break;
            }
            if self.open.get(key)?.is_none() {
                self.by_subscription.remove((id_key(id), key))?;
                self.rows.remove(key)?;
                over -= 1;
            }
        }
        Ok(())
    }

    /// The keys of those of a subscription, oldest first.
    fn of(&self, id: SubscriptionId) -> Result<Vec<u128>, Fault> {
        let subscription = id_key(id);
        let all = (subscription, 0)..=(subscription, u128::MAX);
        let keys = self.by_subscription.range(all)?;
        let key = |row: Result<(redb::AccessGuard<'_, (u128, u128)>, _), _>| Ok(row?.0.value().1);
        keys.map(key).collect()
    }
}

/// Quotes, open for writing.
pub(crate) struct Quotes<'txn> {
    pub(crate) rows: Table<'txn, u128, Octets>,
    by_subscription: Table<'txn, (u128, u64, u128), ()>,
}

impl<'txn> Quotes<'txn> {
    pub(crate) fn open(txn: &'txn WriteTransaction) -> Result<Self, Fault> {
        Ok(Self {
            rows: txn.open_table(QUOTES)?,
            by_subscription: txn.open_table(QUOTES_BY_SUBSCRIPTION)?,
        })
    }

    /// Writes a new quote.
    pub(crate) fn put(&mut self, quote: &StoredQuote) -> Result<(), Fault> {
        self.by_subscription.insert(place(quote), ())?;
        let row = encode_quote(quote);
        self.rows.insert(quote_key(quote.id), row.as_slice())?;
        Ok(())
    }

    /// Deletes a quote.
    pub(crate) fn forget(&mut self, quote: &StoredQuote) -> Result<(), Fault> {
        self.by_subscription.remove(place(quote))?;
        self.rows.remove(quote_key(quote.id))?;
        Ok(())
    }

    /// Those of a subscription, oldest first.
    pub(crate) fn of(&self, id: SubscriptionId) -> Result<Vec<StoredQuote>, Fault> {
        let subscription = id_key(id);
        let all = (subscription, 0, 0)..=(subscription, u64::MAX, u128::MAX);
        let mut found = Vec::new();
        for row in self.by_subscription.range(all)? {
            let (_, _, key) = row?.0.value();
            found.extend(read_quote(&self.rows, key)?);
        }
        Ok(found)
    }
}

/// Where a quote lies among those of its subscription.
pub(crate) fn place(quote: &StoredQuote) -> (u128, u64, u128) {
    (
        id_key(quote.subscription),
        millis(quote.created_at),
        quote_key(quote.id),
    )
}

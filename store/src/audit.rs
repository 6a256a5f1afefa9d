//! An audit: whether the tables that serve look-ups say what the others imply.
//!
//! Every such table is written in the same transaction as what it points to, so nothing but a bug
//! or a tampered file can set them apart. The audit reads everything; it is for tests and for an
//! operator in doubt, not for every day.

use std::collections::BTreeSet;
use std::fmt::Debug;

use garth_subscription::calendar::BillingZone;
use garth_subscription::journal::EntryId;
use garth_subscription::replay::replay as replay_entries;
use garth_subscription::revert::{RevertId, RevertState};
use redb::{Key, ReadOnlyTable, ReadTransaction, ReadableTable, Value};
use uuid::Uuid;

use crate::chain;
use crate::disk::{
    decode_checkout, decode_entry, decode_payment, decode_quote, decode_revert, decode_session,
    decode_subscription, decode_ticket,
};
use crate::fault::{Fault, ReadError};
use crate::read::{entry_at, whole_history};
use crate::record::{CheckoutId, CheckoutState, StoredQuote, TicketState};
use crate::replay;
use crate::store::Store;
use crate::tables::{
    AGENDA, CHECKOUTS, CHECKOUTS_BY_SUBSCRIPTION, CLOSED_BY_SUBSCRIPTION, CLOSED_BY_TIME,
    CLOSED_SESSIONS, IDENTITIES, JOURNAL, JOURNAL_BY_SUBSCRIPTION, LIVE_SESSIONS, NOTICES,
    OPEN_CHECKOUTS, OPEN_TICKETS, PAYMENTS, PENDING_REVERTS, QUOTES, QUOTES_BY_SUBSCRIPTION,
    REVERTS, REVERTS_BY_SUBSCRIPTION, SUBSCRIPTIONS, TICKETS, TICKETS_BY_SUBSCRIPTION, id_key,
    id_of, identities, millis, place, quote_key, session_key,
};
use crate::writer::is_told;

/// The most differences that are told of each table.
const TOLD_MAX: usize = 100;

impl Store {
    /// Every row that a look-up table has and should not, or should have and has not, in words;
    /// none if all is well. Reads the whole file and holds the keys in memory.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn audit(&self) -> Result<Vec<String>, ReadError> {
        let txn = self.snapshot()?;
        let mut told = Vec::new();
        audit_subscriptions(&txn, &mut told)?;
        audit_journal(&txn, &mut told)?;
        audit_sessions(&txn, &mut told)?;
        audit_payments(&txn, &mut told)?;
        audit_accounting(&txn, &mut told)?;
        audit_reverts(&txn, &mut told)?;
        audit_tickets(&txn, &mut told)?;
        audit_quotes(&txn, |quote| self.verify_quote(quote), &mut told)?;
        audit_notices(&txn, &mut told)?;
        audit_histories(&txn, &mut told)?;
        Ok(told)
    }
}

/// Tells what a table lacks or has too much.
fn compare<T: Debug + Ord>(
    name: &str,
    wanted: &BTreeSet<T>,
    found: &BTreeSet<T>,
    told: &mut Vec<String>,
) {
    let missing = wanted.difference(found).take(TOLD_MAX);
    told.extend(missing.map(|key| format!("{name} lacks {key:?}")));
    let surplus = found.difference(wanted).take(TOLD_MAX);
    told.extend(surplus.map(|key| format!("{name} has {key:?} without need")));
}

/// What `own` makes of every row of a table.
fn rows<K: Key, V: Value, T: Ord>(
    table: &ReadOnlyTable<K, V>,
    own: impl Fn(K::SelfType<'_>, V::SelfType<'_>) -> T,
) -> Result<BTreeSet<T>, Fault> {
    let mut found = BTreeSet::new();
    for row in table.iter()? {
        let (key, value) = row?;
        found.insert(own(key.value(), value.value()));
    }
    Ok(found)
}

fn audit_subscriptions(txn: &ReadTransaction, told: &mut Vec<String>) -> Result<(), Fault> {
    let (mut names, mut agenda) = (BTreeSet::new(), BTreeSet::new());
    for row in txn.open_table(SUBSCRIPTIONS)?.iter()? {
        let (key, value) = row?;
        let stored = decode_subscription(id_of(key.value()), value.value())?;
        let keys = identities(&stored.subscription.subscriber);
        names.extend(keys.into_iter().map(|(_, name)| (name, key.value())));
        agenda.extend(stored.boundary.map(|at| (millis(at), key.value())));
    }
    let found = rows(&txn.open_table(IDENTITIES)?, |key, id| (key.to_vec(), id))?;
    compare("identities", &names, &found, told);
    let found = rows(&txn.open_table(AGENDA)?, |key, ()| key)?;
    compare("agenda", &agenda, &found, told);
    Ok(())
}

fn audit_journal(txn: &ReadTransaction, told: &mut Vec<String>) -> Result<(), Fault> {
    let mut wanted = BTreeSet::new();
    for row in txn.open_table(JOURNAL)?.iter()? {
        let (key, value) = row?;
        let entry = decode_entry(chain::parts(value.value())?.1)?;
        wanted.insert((id_key(entry.subscription), key.value()));
    }
    let found = rows(&txn.open_table(JOURNAL_BY_SUBSCRIPTION)?, |key, ()| key)?;
    compare("journal_by_subscription", &wanted, &found, told);
    Ok(())
}

fn audit_sessions(txn: &ReadTransaction, told: &mut Vec<String>) -> Result<(), Fault> {
    let (mut by_time, mut by_owner) = (BTreeSet::new(), BTreeSet::new());
    for row in txn.open_table(LIVE_SESSIONS)?.iter()? {
        let (key, value) = row?;
        let session = decode_session(session_key(key.value())?, value.value())?;
        if session.stopped_at.is_some() {
            told.push(format!(
                "live_sessions has {:?}, which is over",
                session.key
            ));
        }
    }
    for row in txn.open_table(CLOSED_SESSIONS)?.iter()? {
        let (key, value) = row?;
        let (octets, stopped_at) = key.value();
        let session = decode_session(session_key(octets)?, value.value())?;
        if session.stopped_at.map(millis) != Some(stopped_at) {
            told.push(format!("closed_sessions misplaces {:?}", session.key));
        }
        by_time.insert((stopped_at, octets.to_vec()));
        let owner = session.subscription.map(id_key);
        by_owner.extend(owner.map(|id| (id, stopped_at, octets.to_vec())));
    }
    let found = rows(&txn.open_table(CLOSED_BY_TIME)?, |(at, key), ()| {
        (at, key.to_vec())
    })?;
    compare("closed_by_time", &by_time, &found, told);
    let found = rows(
        &txn.open_table(CLOSED_BY_SUBSCRIPTION)?,
        |(id, at, key), ()| (id, at, key.to_vec()),
    )?;
    compare("closed_by_subscription", &by_owner, &found, told);
    Ok(())
}

fn audit_payments(txn: &ReadTransaction, told: &mut Vec<String>) -> Result<(), Fault> {
    let (mut open, mut by_owner) = (BTreeSet::new(), BTreeSet::new());
    let payments = txn.open_table(PAYMENTS)?;
    for row in txn.open_table(CHECKOUTS)?.iter()? {
        let (key, value) = row?;
        let id = key.value();
        let checkout = decode_checkout(CheckoutId(Uuid::from_u128(id)), value.value())?;
        by_owner.insert((
            id_key(checkout.subscription),
            millis(checkout.created_at),
            id,
        ));
        match checkout.state {
            CheckoutState::Open => {
                open.insert(id);
            }
            CheckoutState::Paid { payment, entry, .. } => {
                let row = payments.get(payment.as_str())?;
                let booked =
                    row.map(|row| decode_payment(payment.clone(), row.value()).map(|p| p.0));
                if booked.transpose()?.map(|booked| booked.entry) != Some(entry) {
                    told.push(format!("payments lacks {payment}, which paid a checkout"));
                }
            }
            CheckoutState::Expired => {}
        }
    }
    let found = rows(&txn.open_table(OPEN_CHECKOUTS)?, |key, ()| key)?;
    compare("open_checkouts", &open, &found, told);
    let found = rows(&txn.open_table(CHECKOUTS_BY_SUBSCRIPTION)?, |key, ()| key)?;
    compare("checkouts_by_subscription", &by_owner, &found, told);
    Ok(())
}

fn audit_reverts(txn: &ReadTransaction, told: &mut Vec<String>) -> Result<(), Fault> {
    let (mut pending, mut by_owner) = (BTreeSet::new(), BTreeSet::new());
    for row in txn.open_table(REVERTS)?.iter()? {
        let (key, value) = row?;
        let request = decode_revert(RevertId(Uuid::from_u128(key.value())), value.value())?;
        by_owner.insert((id_key(request.subscription), key.value()));
        if request.state == RevertState::Pending {
            pending.insert(key.value());
        }
    }
    let found = rows(&txn.open_table(PENDING_REVERTS)?, |key, ()| key)?;
    compare("pending_reverts", &pending, &found, told);
    let found = rows(&txn.open_table(REVERTS_BY_SUBSCRIPTION)?, |key, ()| key)?;
    compare("reverts_by_subscription", &by_owner, &found, told);
    Ok(())
}

fn audit_tickets(txn: &ReadTransaction, told: &mut Vec<String>) -> Result<(), Fault> {
    let (mut open, mut by_owner) = (BTreeSet::new(), BTreeSet::new());
    for row in txn.open_table(TICKETS)?.iter()? {
        let (key, value) = row?;
        let ticket = decode_ticket(EntryId(Uuid::from_u128(key.value())), value.value())?;
        by_owner.insert((id_key(ticket.subscription), key.value()));
        if ticket.state == TicketState::Open {
            open.insert(key.value());
        }
    }
    let found = rows(&txn.open_table(OPEN_TICKETS)?, |key, ()| key)?;
    compare("open_tickets", &open, &found, told);
    let found = rows(&txn.open_table(TICKETS_BY_SUBSCRIPTION)?, |key, ()| key)?;
    compare("tickets_by_subscription", &by_owner, &found, told);
    Ok(())
}

fn audit_quotes(
    txn: &ReadTransaction,
    verifies: impl Fn(&StoredQuote) -> bool,
    told: &mut Vec<String>,
) -> Result<(), Fault> {
    let mut places = BTreeSet::new();
    for row in txn.open_table(QUOTES)?.iter()? {
        let (key, value) = row?;
        let quote = decode_quote(value.value())?;
        if quote_key(quote.id) != key.value() || !verifies(&quote) {
            told.push(format!("quotes has {:?}, which is not as signed", quote.id));
        }
        places.insert(place(&quote));
    }
    let found = rows(&txn.open_table(QUOTES_BY_SUBSCRIPTION)?, |key, ()| key)?;
    compare("quotes_by_subscription", &places, &found, told);
    Ok(())
}

/// A notice may be gone, but none is of an entry that nobody is told of.
fn audit_notices(txn: &ReadTransaction, told: &mut Vec<String>) -> Result<(), Fault> {
    let journal = txn.open_table(JOURNAL)?;
    for row in txn.open_table(NOTICES)?.iter()? {
        let (id, sequence) = row?.0.value();
        let entry = entry_at(&journal, sequence)?;
        if id_key(entry.subscription) != id || !is_told(&entry) {
            told.push(format!("notices has {:?} without need", (id, sequence)));
        }
    }
    Ok(())
}

/// Replays the journal of each subscription, one after the other: its facts must come of it.
fn audit_histories(txn: &ReadTransaction, told: &mut Vec<String>) -> Result<(), Fault> {
    let journal = txn.open_table(JOURNAL)?;
    let by_subscription = txn.open_table(JOURNAL_BY_SUBSCRIPTION)?;
    let mut differ = 0;
    for row in txn.open_table(SUBSCRIPTIONS)?.iter()? {
        let (key, value) = row?;
        let id = id_of(key.value());
        let facts = decode_subscription(id, value.value())?.subscription.facts;
        let Some(history) = whole_history(&journal, &by_subscription, id)? else {
            continue;
        };
        let difference = match replay_entries(&history) {
            Ok(replayed) if replayed.facts == facts => continue,
            Ok(replayed) => format!("{facts:?}, its journal leads to {:?}", replayed.facts),
            Err(error) => error.to_string(),
        };
        differ += 1;
        if differ <= TOLD_MAX {
            told.push(format!("subscriptions has {id}: {difference}"));
        }
    }
    Ok(())
}

/// Reads the accounting log as a start would: every block, in its place.
fn audit_accounting(txn: &ReadTransaction, told: &mut Vec<String>) -> Result<(), Fault> {
    match replay::sessions(txn, BillingZone::UTC) {
        Ok(_) => {}
        Err(Fault::Damaged(damaged)) => told.push(damaged.to_string()),
        Err(fault) => return Err(fault),
    }
    Ok(())
}

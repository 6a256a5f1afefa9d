//! An audit: whether the tables that serve look-ups say what the others imply.
//!
//! Every such table is written in the same transaction as what it points to, so nothing but a bug
//! or a tampered file can set them apart. The audit reads everything; it is for tests and for an
//! operator in doubt, not for every day.

use std::collections::BTreeSet;
use std::fmt::Debug;

use redb::{Key, ReadOnlyTable, ReadTransaction, ReadableTable, Value};

use crate::chain;
use crate::disk::{
    decode_checkout, decode_entry, decode_payment, decode_session, decode_subscription,
};
use crate::fault::{Fault, ReadError};
use crate::record::{CheckoutId, CheckoutState};
use crate::replay;
use crate::store::Store;
use crate::tables::{
    AGENDA, CHECKOUTS, CHECKOUTS_BY_SUBSCRIPTION, CLOSED_BY_SUBSCRIPTION, CLOSED_BY_TIME,
    CLOSED_SESSIONS, IDENTITIES, JOURNAL, JOURNAL_BY_SUBSCRIPTION, LIVE_SESSIONS, OPEN_CHECKOUTS,
    PAYMENTS, SUBSCRIPTIONS, id_key, id_of, identities, millis, session_key,
};

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
        let (session, _) = decode_session(session_key(key.value())?, value.value())?;
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
        let (session, _) = decode_session(session_key(octets)?, value.value())?;
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
        let checkout = decode_checkout(CheckoutId(uuid::Uuid::from_u128(id)), value.value())?;
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

/// Reads the accounting log as a start would: every block, in its place.
fn audit_accounting(txn: &ReadTransaction, told: &mut Vec<String>) -> Result<(), Fault> {
    match replay::sessions(txn) {
        Ok(_) => {}
        Err(Fault::Damaged(damaged)) => told.push(damaged.to_string()),
        Err(fault) => return Err(fault),
    }
    Ok(())
}

//! Reads of sessions: the live ones from memory, the closed ones from the tables and from memory.
//!
//! A read takes what it needs of the memory, and the snapshot of the tables that goes with it, under a
//! lock that the writer needs for the end of each commit: never for longer than it takes to copy
//! [`READ_MAX`] sessions, and never while it waits for the disk.

use std::collections::{BTreeMap, HashSet};

use garth_subscription::facts::SubscriptionId;
use redb::{ReadTransaction, ReadableDatabase};

use super::rules::Closed;
use super::usage::{Change, MonthNumber};
use super::{Place, Sessions};
use crate::disk::{decode_session, decode_usage};
use crate::fault::{Fault, ReadError};
use crate::read::READ_MAX;
use crate::record::{MonthUsage, Session, SessionKey};
use crate::replay::session_folds;
use crate::store::Store;
use crate::tables::{
    CLOSED_BY_SUBSCRIPTION, CLOSED_BY_TIME, CLOSED_SESSIONS, USAGE, id_key, session_key,
    session_octets,
};

impl Store {
    /// At most `limit` sessions, of one subscription or of all: the live ones, then, unless
    /// `live_only`, the closed ones, newest first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn sessions(
        &self,
        of: Option<SubscriptionId>,
        live_only: bool,
        limit: usize,
    ) -> Result<Vec<Session>, ReadError> {
        let limit = limit.min(READ_MAX);
        let memory = self.shared().sessions();
        let mut found = match of {
            Some(id) => live(memory.of(id).take(limit))?,
            None => live(memory.after(None).take(limit))?,
        };
        let left = limit - found.len();
        if live_only || left == 0 {
            return Ok(found);
        }
        let waiting = Waiting::of(&memory, of, left);
        let txn = self.shared().db.begin_read().map_err(Fault::from)?;
        drop(memory);
        found.extend(closed(&txn, waiting, of, left)?);
        Ok(found)
    }

    /// At most `limit` live sessions of all subscriptions in the order of their keys, those after
    /// `after`: page by page all of them.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn live_sessions(
        &self,
        after: Option<&SessionKey>,
        limit: usize,
    ) -> Result<Vec<Session>, ReadError> {
        let after = after.map(session_octets);
        let memory = self.shared().sessions();
        Ok(live(
            memory.after(after.as_deref()).take(limit.min(READ_MAX)),
        )?)
    }

    /// What a subscription has used, month by month, the newest first: at most
    /// [`USAGE_MONTHS`](crate::USAGE_MONTHS), none in which there was nothing.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn usage(&self, id: SubscriptionId) -> Result<Vec<MonthUsage>, ReadError> {
        let zone = self.rules().zone();
        let current = MonthNumber::of(zone, self.now());
        loop {
            let memory = self.shared().sessions();
            let (unwritten, folds) = (memory.usage_of(id, zone), memory.folds());
            let txn = self.shared().db.begin_read().map_err(Fault::from)?;
            drop(memory);
            // Else a fold has written what the memory still had: it will not have it for long.
            if session_folds(&txn)? == folds {
                return Ok(usage(&txn, id, current, unwritten)?);
            }
            std::thread::yield_now();
        }
    }

    /// The session of that name: the live one, else the one closed last.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn session(&self, key: &SessionKey) -> Result<Option<Session>, ReadError> {
        let octets = session_octets(key);
        let memory = self.shared().sessions();
        if let Some((_, live)) = memory.live(&octets) {
            return Ok(Some(live.session(key.clone())));
        }
        let ends = memory.closed_of(&octets).iter();
        let mut waiting: Vec<(u64, Option<Closed>)> = ends
            .filter_map(|end| {
                let closed = memory.closed_at(&(*end, octets.as_slice().into()))?;
                Some((*end, closed.cloned()))
            })
            .collect();
        let txn = self.shared().db.begin_read().map_err(Fault::from)?;
        drop(memory);
        waiting.sort_unstable_by_key(|(end, _)| *end);
        Ok(last_closed(&txn, key, &octets, &waiting)?)
    }
}

fn live<'a>(
    found: impl Iterator<Item = (Vec<u8>, &'a super::rules::Live)>,
) -> Result<Vec<Session>, Fault> {
    found
        .map(|(key, live)| Ok(live.session(session_key(&key)?)))
        .collect()
}

/// What the table of usage has of the months that are kept, and what is to be added to it.
fn usage(
    txn: &ReadTransaction,
    id: SubscriptionId,
    current: MonthNumber,
    mut unwritten: BTreeMap<MonthNumber, Change>,
) -> Result<Vec<MonthUsage>, Fault> {
    let table = match txn.open_table(USAGE) {
        Ok(table) => Some(table),
        // A file of before there was one, and nothing folded since.
        Err(redb::TableError::TableDoesNotExist(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let mut months = Vec::new();
    for month in (current.first_kept().0..=current.0).rev().map(MonthNumber) {
        let row = match &table {
            Some(table) => table.get((month.0, id_key(id)))?,
            None => None,
        };
        let mut usage = match row {
            Some(row) => decode_usage(month.month(), row.value())?,
            None => month.unused(),
        };
        unwritten
            .remove(&month)
            .unwrap_or_default()
            .apply(&mut usage);
        if usage != month.unused() {
            months.push(usage);
        }
    }
    Ok(months)
}

/// Closed sessions that the tables have not as they are.
struct Waiting {
    /// The latest ends first.
    newest: Vec<(Place, Closed)>,
    /// Where the tables have what is to go or to be written over: it is not listed.
    gone: HashSet<Place>,
}

impl Waiting {
    fn of(memory: &Sessions, of: Option<SubscriptionId>, limit: usize) -> Self {
        let (mut newest, mut gone) = (Vec::new(), HashSet::new());
        for (place, closed) in memory.closed() {
            let is_asked_for = closed.filter(|closed| {
                newest.len() < limit && of.is_none_or(|id| closed.session.subscription == Some(id))
            });
            match is_asked_for {
                Some(closed) => newest.push((place.clone(), closed.clone())),
                None => {
                    gone.insert(place.clone());
                }
            }
        }
        Self { newest, gone }
    }
}

/// At most `limit` closed sessions, newest first: those of the tables, and those that wait.
fn closed(
    txn: &ReadTransaction,
    waiting: Waiting,
    of: Option<SubscriptionId>,
    limit: usize,
) -> Result<Vec<Session>, Fault> {
    let table = txn.open_table(CLOSED_SESSIONS)?;
    let mut merged: Vec<(Place, Option<Closed>)> = waiting
        .newest
        .into_iter()
        .map(|(place, closed)| (place, Some(closed)))
        .collect();
    let known: HashSet<Place> = merged.iter().map(|(place, _)| place.clone()).collect();
    let mut places = places(txn, of)?;
    let mut taken = 0;
    while taken < limit
        && let Some(place) = places.next().transpose()?
    {
        if !known.contains(&place) && !waiting.gone.contains(&place) {
            merged.push((place, None));
            taken += 1;
        }
    }
    merged.sort_by(|(a, _), (b, _)| b.cmp(a));
    merged.truncate(limit);
    let mut found = Vec::with_capacity(merged.len());
    for ((end, key), closed) in merged {
        let name = session_key(&key)?;
        match closed {
            Some(closed) => found.push(closed.session(name)),
            None => {
                if let Some(row) = table.get((&*key, end))? {
                    found.push(decode_session(name, row.value())?);
                }
            }
        }
    }
    Ok(found)
}

/// Where the closed sessions of the tables lie, of one subscription or of all, the latest ends first.
fn places(
    txn: &ReadTransaction,
    of: Option<SubscriptionId>,
) -> Result<Box<dyn Iterator<Item = Result<Place, Fault>>>, Fault> {
    let Some(id) = of.map(id_key) else {
        let rows = txn.open_table(CLOSED_BY_TIME)?.range::<(u64, &[u8])>(..)?;
        return Ok(Box::new(rows.rev().map(|row| {
            let (key, _) = row?;
            let (end, session) = key.value();
            Ok((end, session.into()))
        })));
    };
    let none = [].as_slice();
    let range = (id, 0, none)..(id, u64::MAX, none);
    let rows = txn.open_table(CLOSED_BY_SUBSCRIPTION)?.range(range)?;
    Ok(Box::new(rows.rev().map(|row| {
        let (key, _) = row?;
        let (_, end, session) = key.value();
        Ok((end, session.into()))
    })))
}

/// The session of that key that was closed last; `waiting` are those that the tables have not as
/// they are, the latest end last.
fn last_closed(
    txn: &ReadTransaction,
    key: &SessionKey,
    octets: &[u8],
    waiting: &[(u64, Option<Closed>)],
) -> Result<Option<Session>, Fault> {
    let latest = waiting
        .iter()
        .rev()
        .find_map(|(end, closed)| Some((*end, closed.as_ref()?)));
    let table = txn.open_table(CLOSED_SESSIONS)?;
    for row in table.range((octets, 0)..=(octets, u64::MAX))?.rev() {
        let (place, value) = row?;
        let end = place.value().1;
        if latest.is_some_and(|(latest, _)| latest >= end) {
            break;
        }
        if !waiting.iter().any(|(known, _)| *known == end) {
            return Ok(Some(decode_session(key.clone(), value.value())?));
        }
    }
    Ok(latest.map(|(_, closed)| closed.session(key.clone())))
}

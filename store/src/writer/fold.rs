//! Brings the tables of sessions up to date, and shortens the accounting log by what they have.
//!
//! A sweep goes through the keys of which the tables lack something, in their order, some in each
//! transaction, so that neighbours share the pages they are written to. Between two of its
//! transactions commands and accounting have theirs. `accounting_folds` says with every transaction
//! which keys have which events, so that a start in the middle of a sweep folds no event twice. At the
//! end of a sweep all tables have what the log had at its beginning; that part of it goes.
//!
//! Where the log grows faster than sweeps shorten it, it reaches `Limits::accounting_log_max` and
//! accounting is busy until a sweep ends: nothing that was acknowledged is lost, nothing more is
//! acknowledged.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use redb::{ReadableTable, Table, WriteTransaction};

use super::{Shared, begin};
use crate::disk::{decode_usage, encode_live, encode_usage};
use crate::fault::Fault;
use crate::replay::Extent;
use crate::sessions::Change;
use crate::sessions::usage::{self, Booking, MonthNumber};
use crate::tables::{
    ACCOUNTING_FOLDS, ACCOUNTING_LOG, ClosedTables, LIVE_SESSIONS, META, META_ACCOUNTING_FOLDED,
    META_SESSION_FOLDS, USAGE, id_key,
};

/// A sweep begins once the log has this part of the events that it may have.
const SWEEP_AT_PART: u64 = 4;
/// A sweep begins once the log has had something for so long, so that a start has little to fold.
const SWEEP_AFTER: Duration = Duration::from_secs(60);
/// A sweep begins once so many closed sessions wait in memory.
const CLOSED_WAITING_SWEEP: usize = 65_536;
/// No accounting is taken while so many closed sessions wait in memory: at about 300 octets each.
pub(super) const CLOSED_WAITING_MAX: usize = 524_288;
/// The most blocks of the log that one transaction deletes.
const BLOCKS_PER_COMMIT: usize = 4_096;

/// How far the tables have followed the log.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(super) extent: Extent,
    /// When the first event came that no sweep has been begun for, by the monotonic clock.
    waiting_since: Option<Duration>,
    sweep: Option<Sweep>,
}

/// A sweep under way.
#[derive(Debug)]
struct Sweep {
    /// The last key it has done.
    after: Option<Vec<u8>>,
    /// The last event there was when it began.
    through: u64,
    began_at: Duration,
}

impl Log {
    /// A log as it was found.
    pub(crate) fn new(extent: Extent) -> Self {
        Self {
            extent,
            ..Self::default()
        }
    }

    /// How many events it has that the tables may lack.
    pub(super) const fn len(&self) -> u64 {
        self.extent.head - self.extent.folded
    }

    /// Whether anything is left to do.
    pub(super) const fn has_work(&self) -> bool {
        self.len() > 0 || self.sweep.is_some() || self.extent.has_refuse
    }

    /// Whether a transaction of a sweep is due.
    pub(super) fn is_due(&mut self, shared: &Shared) -> bool {
        if self.sweep.is_some() || self.extent.has_refuse {
            return true;
        }
        if self.len() == 0 {
            return false;
        }
        let now = shared.clock.monotonic();
        let since = *self.waiting_since.get_or_insert(now);
        now.saturating_sub(since) >= SWEEP_AFTER
            || self.len() >= shared.limits.accounting_log_max / SWEEP_AT_PART
            || shared.sessions().closed_waiting() >= CLOSED_WAITING_SWEEP
    }

    /// One transaction of a sweep; begins one where none is under way.
    pub(super) fn step(&mut self, shared: &Shared) -> Result<(), Fault> {
        let began_at = shared.clock.monotonic();
        if self.sweep.is_none() && self.len() > 0 {
            self.waiting_since = None;
            self.sweep = Some(Sweep {
                after: None,
                through: self.extent.head,
                began_at,
            });
        }
        let txn = begin(&shared.db)?;
        let (keys, is_last) = self.write_part(shared, &txn)?;
        let folded = match &self.sweep {
            Some(sweep) if is_last => sweep.through,
            Some(_) | None => self.extent.folded,
        };
        let folds = shared.sessions().folds() + 1;
        {
            let mut meta = txn.open_table(META)?;
            meta.insert(META_ACCOUNTING_FOLDED, folded.to_be_bytes().as_slice())?;
            meta.insert(META_SESSION_FOLDS, folds.to_be_bytes().as_slice())?;
        }
        let has_refuse = trim(&mut txn.open_table(ACCOUNTING_LOG)?, folded)?;
        txn.commit()?;
        shared.sessions_mut().folded(&keys);
        self.extent.has_refuse = has_refuse;
        self.extent.folded = folded;
        let now = shared.clock.monotonic();
        let mut figures = shared.counters.figures();
        figures.fold_commit(now.saturating_sub(began_at));
        if is_last {
            if let Some(sweep) = self.sweep.take() {
                figures.fold(now.saturating_sub(sweep.began_at));
            }
        } else if let Some(sweep) = &mut self.sweep {
            sweep.after = keys.last().cloned();
        }
        Ok(())
    }

    /// Writes the next keys of the sweep; which, and whether they are its last.
    fn write_part(
        &self,
        shared: &Shared,
        txn: &WriteTransaction,
    ) -> Result<(Vec<Vec<u8>>, bool), Fault> {
        let Some(sweep) = &self.sweep else {
            return Ok((Vec::new(), true));
        };
        let limit = shared.limits.fold_sessions_max;
        let sessions = shared.sessions();
        let changes = sessions.changes_after(sweep.after.as_deref(), limit);
        let is_last = changes.len() < limit;
        write(txn, &changes)?;
        let last = changes.last().filter(|_| !is_last);
        let mut folds = txn.open_table(ACCOUNTING_FOLDS)?;
        note(
            &mut folds,
            sweep.after.as_deref().unwrap_or_default(),
            last.map(|change| change.key.as_slice()),
            self.extent.head,
        )?;
        Ok((
            changes.into_iter().map(|change| change.key).collect(),
            is_last,
        ))
    }
}

fn write(txn: &WriteTransaction, changes: &[Change<'_>]) -> Result<(), Fault> {
    let mut live_sessions = txn.open_table(LIVE_SESSIONS)?;
    let mut closed_sessions = ClosedTables::open(txn)?;
    for Change {
        key, live, closed, ..
    } in changes
    {
        match live {
            Some(live) => {
                live_sessions.insert(key.as_slice(), encode_live(live).as_slice())?;
            }
            None => {
                live_sessions.remove(key.as_slice())?;
            }
        }
        for (end, closed) in closed {
            match closed {
                Some(closed) => closed_sessions.put(key, closed)?,
                None => closed_sessions.forget(key, *end)?,
            }
        }
    }
    write_usage(txn, changes.iter().flat_map(|change| change.bookings))
}

/// Adds bookings to the months that they are of, in the order of the table.
fn write_usage<'a>(
    txn: &WriteTransaction,
    bookings: impl Iterator<Item = &'a Booking>,
) -> Result<(), Fault> {
    let mut sums: BTreeMap<(u16, u128), usage::Change> = BTreeMap::new();
    for booking in bookings {
        let key = (booking.month.0, id_key(booking.owner));
        sums.entry(key).or_default().add(booking.change);
    }
    let mut table = txn.open_table(USAGE)?;
    for ((month, id), change) in sums {
        let mut usage = match table.get((month, id))? {
            Some(row) => decode_usage(MonthNumber(month).month(), row.value())?,
            None => MonthNumber(month).unused(),
        };
        change.apply(&mut usage);
        if usage == MonthNumber(month).unused() {
            table.remove((month, id))?;
        } else {
            table.insert((month, id), encode_usage(&usage).as_slice())?;
        }
    }
    Ok(())
}

/// Notes that the keys above `after`, up to `last` or all of them, have every event through
/// `sequence`.
fn note(
    folds: &mut Table<'_, &'static [u8], u64>,
    after: &[u8],
    last: Option<&[u8]>,
    sequence: u64,
) -> Result<(), Fault> {
    let above = (
        Bound::Excluded(after),
        last.map_or(Bound::Unbounded, Bound::Included),
    );
    // What held for `last` holds on for the keys above it.
    let rest = match last {
        Some(last) => {
            let row = folds.range::<&[u8]>(..=last)?.next_back().transpose()?;
            row.map_or(0, |(_, through)| through.value())
        }
        None => 0,
    };
    folds.retain_in::<&[u8], _>(above, |_, _| false)?;
    if let Some(last) = last {
        folds.insert(last, rest)?;
    }
    folds.insert(after, sequence)?;
    Ok(())
}

/// Deletes blocks through `folded`, a bounded number; whether some are left.
fn trim(log: &mut Table<'_, u64, &'static [u8]>, folded: u64) -> Result<bool, Fault> {
    for _ in 0..BLOCKS_PER_COMMIT {
        let first = log.first()?.map(|(key, _)| key.value());
        if first.is_none_or(|first| first > folded) {
            return Ok(false);
        }
        log.pop_first()?;
    }
    Ok(true)
}

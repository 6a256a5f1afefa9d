//! Sessions as they were acknowledged: those of the tables, and the tail of the accounting log.

use std::collections::BTreeMap;
use std::ops::Bound;

use garth_subscription::Timestamp;
use garth_subscription::calendar::BillingZone;
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable};

use crate::disk::{Damaged, Event, decode_block, decode_stored};
use crate::fault::Fault;
use crate::record::AccountingStatus;
use crate::sessions::Sessions;
use crate::sessions::staged::{Folding, Staged};
use crate::tables::{
    ACCOUNTING_FOLDS, ACCOUNTING_LOG, CLOSED_SESSIONS, LIVE_SESSIONS, META, META_ACCOUNTING_FOLDED,
    META_SESSION_FOLDS, fixed, nas_prefix, session_octets,
};

/// Which events the tables of sessions have, as `accounting_folds` says.
#[derive(Debug, Default)]
pub(crate) struct Folds(BTreeMap<Box<[u8]>, u64>);

/// Where the accounting log begins and ends, in numbers of events.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Extent {
    /// The last event that all tables of sessions have.
    pub(crate) folded: u64,
    /// The last event there is.
    pub(crate) head: u64,
    /// Whether blocks are left that all tables have.
    pub(crate) has_refuse: bool,
}

impl Folds {
    fn read(txn: &ReadTransaction) -> Result<Self, Fault> {
        let mut folds = BTreeMap::new();
        for row in txn.open_table(ACCOUNTING_FOLDS)?.iter()? {
            let (key, through) = row?;
            folds.insert(key.value().into(), through.value());
        }
        Ok(Self(folds))
    }

    /// Whether the tables have that event of that key.
    fn has(&self, key: &[u8], sequence: u64) -> bool {
        let below = (Bound::Unbounded, Bound::Excluded(key));
        let row = self.0.range::<[u8], _>(below).next_back();
        row.is_some_and(|(_, through)| sequence <= *through)
    }
}

/// All sessions as of a snapshot, and where the log begins and ends. Months are counted by `zone`.
pub(crate) fn sessions(
    txn: &ReadTransaction,
    zone: BillingZone,
) -> Result<(Sessions, Extent), Fault> {
    let mut sessions = Sessions::default();
    for row in txn.open_table(LIVE_SESSIONS)?.iter()? {
        let (key, value) = row?;
        sessions.restore(key.value(), decode_stored(value.value())?.0);
    }
    let folded = u64::from_be_bytes(fixed(&txn.open_table(META)?, META_ACCOUNTING_FOLDED)?);
    sessions.restore_folds(session_folds(txn)?);
    let mut tail = Tail {
        sessions,
        closed: txn.open_table(CLOSED_SESSIONS)?,
        folds: Folds::read(txn)?,
        zone,
    };
    let mut head = folded;
    let log = txn.open_table(ACCOUNTING_LOG)?;
    let has_refuse = log.first()?.is_some_and(|(last, _)| last.value() <= folded);
    for row in log.range(folded + 1..)? {
        let (last, block) = row?;
        let (at, events) = decode_block(block.value())?;
        if head + events.len() as u64 != last.value() {
            let detail = format_args!("it ends at {}, after {head}", last.value());
            return Err(Damaged::new("block of accounting", detail).into());
        }
        tail.fold(head + 1, at, &events)?;
        head = last.value();
    }
    let extent = Extent {
        folded,
        head,
        has_refuse,
    };
    Ok((tail.sessions, extent))
}

/// How many transactions have written sessions to the tables, as of a snapshot.
pub(crate) fn session_folds(txn: &ReadTransaction) -> Result<u64, Fault> {
    let meta = txn.open_table(META)?;
    if meta.get(META_SESSION_FOLDS)?.is_none() {
        return Ok(0);
    }
    Ok(u64::from_be_bytes(fixed(&meta, META_SESSION_FOLDS)?))
}

/// The sessions while the tail of the log is folded into them.
struct Tail {
    sessions: Sessions,
    closed: ReadOnlyTable<(&'static [u8], u64), &'static [u8]>,
    folds: Folds,
    zone: BillingZone,
}

impl Tail {
    /// Folds those events of a block, whose first is number `first`, that the tables lack.
    fn fold(&mut self, first: u64, at: Timestamp, events: &[Event]) -> Result<(), Fault> {
        let mut staged = Staged::default();
        let mut folding = Folding {
            sessions: &self.sessions,
            staged: &mut staged,
            closed: &self.closed,
            // What was acknowledged had its room.
            sessions_max: usize::MAX,
            zone: self.zone,
        };
        for (sequence, event) in (first..).zip(events) {
            let lacks = |key: &[u8]| !self.folds.has(key, sequence);
            match event {
                Event::Record(record, named) => match record.status {
                    AccountingStatus::Start
                    | AccountingStatus::InterimUpdate
                    | AccountingStatus::Stop => {
                        let key = session_octets(&record.key);
                        if lacks(&key) {
                            folding.record(&key, record, at, |_| *named)?;
                        }
                    }
                    AccountingStatus::AccountingOn | AccountingStatus::AccountingOff => {
                        folding.close_nas(&nas_prefix(&record.key.nas), record, at, lacks)?;
                    }
                },
                Event::Cut(key, cause) => {
                    let key = session_octets(key);
                    if lacks(&key) {
                        folding.cut(&key, at, *cause)?;
                    }
                }
            }
        }
        self.sessions.apply(staged, |_, _, _| {});
        Ok(())
    }
}

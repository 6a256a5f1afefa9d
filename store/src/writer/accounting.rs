//! Accounting records: appended to the log, and folded into the sessions in memory.
//!
//! A record writes nothing else; [`super::fold`] brings the tables up to date later. What closes
//! a session from here is an event of the log too, so that the log alone says what became of them.

use std::sync::atomic::Ordering;

use garth_subscription::facts::SubscriptionId;

use super::fold::CLOSED_WAITING_MAX;
use super::{Batch, Stop};
use crate::disk::Block;
use crate::fault::Fault;
use crate::index::Index;
use crate::record::{AccountingRecord, AccountingStatus, SessionKey};
use crate::sessions::rules::Live;
use crate::sessions::staged::{Folded, Folding};
use crate::tables::{ClosedTable, nas_prefix, session_octets};
use crate::write::WriteError;

impl<'a> Batch<'a> {
    /// Keeps the records of one received batch, except those that would begin a session where there is
    /// no room for one: their places, in order. Busy, and nothing is kept, while the log is as long as
    /// it may be.
    pub(super) fn account(&mut self, records: &[AccountingRecord]) -> Result<Vec<usize>, Stop> {
        if self.log_is_full() {
            return Err(WriteError::Busy.into());
        }
        let counters = &self.shared.counters;
        let mut refused = Vec::new();
        for (place, record) in records.iter().enumerate() {
            match record.status {
                AccountingStatus::Start
                | AccountingStatus::InterimUpdate
                | AccountingStatus::Stop => match self.fold(record)? {
                    Folded::Done(told) if told.has_replaced => {
                        counters.sessions_replaced.fetch_add(1, Ordering::Relaxed);
                    }
                    Folded::Done(_) => {}
                    Folded::Full => refused.push(place),
                },
                AccountingStatus::AccountingOn | AccountingStatus::AccountingOff => {
                    let (prefix, now) = (nas_prefix(&record.key.nas), self.now);
                    let closed = self.folding().close_nas(&prefix, record, now, |_| true)?;
                    counters
                        .sessions_rebooted
                        .fetch_add(closed, Ordering::Relaxed);
                    self.log(|block| block.record(record, None, true))?;
                }
            }
        }
        self.records += records.len() - refused.len();
        let count = u64::try_from(refused.len()).unwrap_or(u64::MAX);
        counters
            .sessions_refused
            .fetch_add(count, Ordering::Relaxed);
        Ok(refused)
    }

    /// Closes a live session from here; whether there was one.
    pub(super) fn close_session(&mut self, key: &SessionKey, cause: u32) -> Result<bool, Stop> {
        Ok(self.cut(key, cause)?)
    }

    /// Closes a live session without its Stop; whether there was one.
    pub(super) fn cut(&mut self, key: &SessionKey, cause: u32) -> Result<bool, Fault> {
        let now = self.now;
        let lived = self.folding().cut(&session_octets(key), now, cause)?;
        if lived {
            self.log(|block| block.cut(key, cause))?;
        }
        Ok(lived)
    }

    fn fold(&mut self, record: &AccountingRecord) -> Result<Folded, Fault> {
        let key = session_octets(&record.key);
        let (shared, now) = (self.shared, self.now);
        let identify = |live: Option<&Live>| whose(&shared.index, record, live);
        let folded = self.folding().record(&key, record, now, identify)?;
        if let Folded::Done(told) = folded {
            self.log(|block| block.record(record, told.named, told.has_names))?;
        }
        Ok(folded)
    }

    fn folding(&mut self) -> Folding<'_, ClosedTable<'a>> {
        let sessions_max = self.shared.limits.sessions_max;
        Folding {
            sessions: &self.sessions,
            staged: &mut self.staged,
            closed: &self.tables.closed.sessions,
            sessions_max: usize::try_from(sessions_max).unwrap_or(usize::MAX),
            zone: self.rules.zone(),
        }
    }

    fn log_is_full(&self) -> bool {
        let log = &self.memory.log;
        log.len() >= self.shared.limits.accounting_log_max
            || self.sessions.closed_waiting() >= CLOSED_WAITING_MAX
    }

    fn log(&mut self, add: impl FnOnce(&mut Block)) -> Result<(), Fault> {
        self.dirty = true;
        let block = self.block.get_or_insert_with(|| Block::new(self.now));
        add(block);
        if block.is_full() {
            self.finish_block()?;
        }
        Ok(())
    }

    /// Puts the block under way into the log.
    pub(super) fn finish_block(&mut self) -> Result<(), Fault> {
        if let Some(block) = self.block.take() {
            let (octets, events) = block.finish();
            let head = &mut self.memory.log.extent.head;
            *head += events;
            self.tables
                .accounting_log
                .insert(*head, octets.as_slice())?;
        }
        Ok(())
    }
}

/// Whose the session of a record is, if that is not known yet or not as it was known.
fn whose(index: &Index, record: &AccountingRecord, live: Option<&Live>) -> Option<SubscriptionId> {
    let Some((live, owner)) = live.and_then(|live| Some((live, live.subscription?))) else {
        return identify(index, record);
    };
    // Looked for only where the record is not plainly of the same subscriber: one comparison.
    let is_other = match (record.class, &record.user_name) {
        (Some(class), _) => class != owner,
        (None, Some(name)) => live.user_name().is_some_and(|own| own != name.as_str()),
        (None, None) => false,
    };
    is_other
        .then(|| identify(index, record))
        .flatten()
        .filter(|named| *named != owner)
}

/// Whose session it is: our Class tells, else User-Name, else the MAC address.
fn identify(index: &Index, record: &AccountingRecord) -> Option<SubscriptionId> {
    // Somebody who was let in as nobody in particular; the name beside it is not proven.
    if record.class.is_some_and(|id| id.0.is_nil()) {
        return None;
    }
    let by_class = record
        .class
        .and_then(|id| index.by_id(id, |entry| entry.id()));
    let by_name = || {
        let name = record.user_name.as_ref()?.as_str().as_bytes();
        index.by_user_name(name, |entry| entry.id())
    };
    let by_mac = || index.by_mac(record.mac?, |entry| entry.id());
    by_class.or_else(by_name).or_else(by_mac)
}

//! Records folded into sessions before their commit: what a batch has changed, over what is known.
//!
//! Later records of a batch see what earlier ones did. Nothing is shown to anyone until the commit is
//! durable; then [`super::Sessions::apply`] takes it. The start of the store folds the log's tail by
//! the very same functions.

use std::collections::{BTreeMap, HashMap};

use garth_subscription::facts::SubscriptionId;
use garth_subscription::time::Timestamp;
use redb::ReadableTable;

use super::rules::{Closed, Late, Live, happened_at};
use super::{Place, Sessions};
use crate::disk::decode_session;
use crate::fault::Fault;
use crate::record::{AccountingRecord, AccountingStatus};
use crate::tables::{millis, session_key};

/// Acct-Terminate-Cause "NAS Reboot" (RFC 2866 section 5.10).
const NAS_REBOOT: u32 = 11;

/// What a batch has changed.
#[derive(Debug, Default)]
pub(crate) struct Staged {
    pub(super) keys: HashMap<Box<[u8]>, StagedKey>,
    pub(super) closed: BTreeMap<Place, Option<Closed>>,
    begun: usize,
    ended: usize,
}

/// What a batch has made of one key.
#[derive(Debug)]
pub(super) struct StagedKey {
    /// Where it lies if it lived before the batch.
    pub(super) slot: Option<u32>,
    pub(super) live: Option<Live>,
    /// The ends of those of its closed sessions that have changed.
    pub(super) closed: Vec<u64>,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Folded {
    /// It is in its session, for which it named this subscription.
    Done(Option<SubscriptionId>),
    /// There is no room for its session. Nothing has changed.
    Full,
}

/// A batch under way.
pub(crate) struct Folding<'a, C> {
    /// As they were before the batch.
    pub(crate) sessions: &'a Sessions,
    pub(crate) staged: &'a mut Staged,
    /// The table of closed sessions.
    pub(crate) closed: &'a C,
    /// The most live sessions.
    pub(crate) sessions_max: usize,
}

impl<C: ReadableTable<(&'static [u8], u64), &'static [u8]>> Folding<'_, C> {
    /// Folds a Start, an Interim-Update or a Stop that arrived `at` into its session. `identify`
    /// says whose it is, and is asked only if the session is nobody's yet.
    pub(crate) fn record(
        &mut self,
        key: &[u8],
        record: &AccountingRecord,
        at: Timestamp,
        identify: impl FnOnce() -> Option<SubscriptionId>,
    ) -> Result<Folded, Fault> {
        let is_stop = record.status == AccountingStatus::Stop;
        if let Some((slot, live)) = self.live(key) {
            let mut live = live.clone();
            let named = live.subscription.is_none().then(identify).flatten();
            live.merge(record, at, named);
            if is_stop {
                self.close(key, slot, live.stopped(record, at));
            } else {
                self.staged_key(key, slot).live = Some(live);
            }
            return Ok(Folded::Done(named));
        }
        let mut live = Live::new(record, at);
        if let Some(mut closed) = self.last_closed(key)? {
            match closed.takes(record, at) {
                Late::Counts => {
                    closed.merge(record, at);
                    self.put_closed(key, millis(closed.stopped_at), Some(closed));
                    return Ok(Folded::Done(None));
                }
                Late::Continues if self.is_full() => return Ok(Folded::Full),
                Late::Continues => {
                    self.put_closed(key, millis(closed.stopped_at), None);
                    live = closed.session;
                }
                Late::IsAnother => {}
            }
        }
        if !is_stop && self.is_full() {
            return Ok(Folded::Full);
        }
        let named = live.subscription.is_none().then(identify).flatten();
        live.merge(record, at, named);
        if is_stop {
            let closed = live.stopped(record, at);
            self.put_closed(key, millis(closed.stopped_at), Some(closed));
        } else {
            self.staged.begun += 1;
            self.staged_key(key, None).live = Some(live);
        }
        Ok(Folded::Done(named))
    }

    /// Closes every session of a NAS that began before it said so, if `concerns` says yes to its key.
    pub(crate) fn close_nas(
        &mut self,
        prefix: &[u8],
        record: &AccountingRecord,
        at: Timestamp,
        concerns: impl Fn(&[u8]) -> bool,
    ) {
        let before = happened_at(record, at);
        let known = self.sessions.of_nas(prefix).map(|(key, _)| key);
        let staged = self.staged.keys.iter();
        let begun = staged.filter(|(key, staged)| {
            staged.slot.is_none() && staged.live.is_some() && key.starts_with(prefix)
        });
        let keys: Vec<Vec<u8>> = known.chain(begun.map(|(key, _)| key.to_vec())).collect();
        for key in keys {
            if concerns(&key)
                && let Some((slot, live)) = self.live(&key)
                && live.started_at <= before
            {
                let closed = live.clone().cut(at, NAS_REBOOT);
                self.close(&key, slot, closed);
            }
        }
    }

    /// Closes a live session without its Stop; whether there was one.
    pub(crate) fn cut(&mut self, key: &[u8], at: Timestamp, cause: u32) -> bool {
        let Some((slot, live)) = self.live(key) else {
            return false;
        };
        let closed = live.clone().cut(at, cause);
        self.close(key, slot, closed);
        true
    }

    /// The live session of that key as the batch has left it, and where it lay before.
    pub(crate) fn live(&self, key: &[u8]) -> Option<(Option<u32>, &Live)> {
        match self.staged.keys.get(key) {
            Some(staged) => Some((staged.slot, staged.live.as_ref()?)),
            None => {
                let (slot, live) = self.sessions.live(key)?;
                Some((Some(slot), live))
            }
        }
    }

    fn is_full(&self) -> bool {
        let live = self.sessions.len() + self.staged.begun - self.staged.ended;
        live >= self.sessions_max
    }

    fn close(&mut self, key: &[u8], slot: Option<u32>, closed: Closed) {
        self.staged.ended += 1;
        self.staged_key(key, slot).live = None;
        self.put_closed(key, millis(closed.stopped_at), Some(closed));
    }

    fn put_closed(&mut self, key: &[u8], end: u64, closed: Option<Closed>) {
        let ends = &mut self.staged_key(key, None).closed;
        if !ends.contains(&end) {
            ends.push(end);
        }
        self.staged.closed.insert((end, key.into()), closed);
    }

    /// `slot` is where it lay before the batch, if it lived.
    fn staged_key(&mut self, key: &[u8], slot: Option<u32>) -> &mut StagedKey {
        if !self.staged.keys.contains_key(key) {
            let first = StagedKey {
                slot,
                live: None,
                closed: Vec::new(),
            };
            self.staged.keys.insert(key.into(), first);
        }
        self.staged
            .keys
            .get_mut(key)
            .expect("it was just put there")
    }

    /// The closed session of that key that ended last.
    fn last_closed(&self, key: &[u8]) -> Result<Option<Closed>, Fault> {
        let staged = self.staged.keys.get(key);
        let staged = staged.map_or(&[][..], |staged| staged.closed.as_slice());
        let known = staged.iter().chain(self.sessions.closed_of(key));
        let waiting = known
            .filter(|end| self.waiting(key, **end).flatten().is_some())
            .max();
        for row in self.closed.range((key, 0)..=(key, u64::MAX))?.rev() {
            let (place, value) = row?;
            let end = place.value().1;
            if waiting.is_some_and(|waiting| *waiting >= end) {
                break;
            }
            if self.waiting(key, end).is_none() {
                let (session, by_nas) = decode_session(session_key(key)?, value.value())?;
                return Ok(Some(Closed::of(&session, by_nas)));
            }
        }
        Ok(waiting.and_then(|end| self.waiting(key, *end).flatten().cloned()))
    }

    /// A closed session that the tables have not as it is; `Some(None)` if it is to go.
    fn waiting(&self, key: &[u8], end: u64) -> Option<Option<&Closed>> {
        let place = (end, key.into());
        let staged = self.staged.closed.get(&place).map(Option::as_ref);
        staged.or_else(|| self.sessions.closed_at(&place))
    }
}

impl Staged {
    /// Whether nothing has changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether the batch has changed anything of that key.
    pub(crate) fn has(&self, key: &[u8]) -> bool {
        self.keys.contains_key(key)
    }

    /// Makes of a key that lay at `slot` what `live` says.
    #[cfg(test)]
    pub(super) fn put(&mut self, key: &[u8], slot: Option<u32>, live: Option<Live>) {
        let staged = StagedKey {
            slot,
            live,
            closed: Vec::new(),
        };
        self.keys.insert(key.into(), staged);
    }
}

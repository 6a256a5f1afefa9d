//! Records folded into sessions before their commit: what a batch has changed, over what is known.
//!
//! Later records of a batch see what earlier ones did. Nothing is shown to anyone until the commit is
//! durable; then [`super::Sessions::apply`] takes it. The start of the store folds the log's tail by
//! the very same functions.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;
use garth_subscription::calendar::BillingZone;
use garth_subscription::facts::SubscriptionId;
use garth_subscription::time::Timestamp;
use redb::ReadableTable;

use super::rules::{Closed, Late, Live, Relation, happened_at};
use super::usage::{Booking, Books};
use super::{Place, Sessions};
use crate::disk::decode_closed;
use crate::fault::Fault;
use crate::record::{AccountingRecord, AccountingStatus, closed_here};
use crate::tables::{millis, of_millis};

/// What a batch has changed.
#[derive(Debug, Default)]
pub(crate) struct Staged {
    pub(super) keys: HashMap<Box<[u8]>, StagedKey, RandomState>,
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
    /// What they come to in months that are over for them, so far as it has changed.
    pub(super) bookings: Vec<Booking>,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Folded {
    /// It is in its session.
    Done(Told),
    /// There is no room for its session. Nothing has changed.
    Full,
}

/// What a record has told that was not known: the log keeps it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Told {
    /// Whose the session is.
    pub(crate) named: Option<SubscriptionId>,
    /// Whether anything of the NAS and its port.
    pub(crate) has_names: bool,
    /// Whether a session of another subscription had to make way.
    pub(crate) has_replaced: bool,
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
    /// What months are counted by.
    pub(crate) zone: BillingZone,
}

impl<C: ReadableTable<(&'static [u8], u64), &'static [u8]>> Folding<'_, C> {
    /// Folds a Start, an Interim-Update or a Stop that arrived `at` into its session. `identify`
    /// says whose it is if that is news: the session so far is given, if there is one.
    pub(crate) fn record(
        &mut self,
        key: &[u8],
        record: &AccountingRecord,
        at: Timestamp,
        identify: impl Fn(Option<&Live>) -> Option<SubscriptionId>,
    ) -> Result<Folded, Fault> {
        let Some((slot, live)) = self.live(key) else {
            return self.of_no_live(key, record, at, identify, None);
        };
        let named = identify(Some(live));
        let live = live.clone();
        match live.relation(record, at, named) {
            Relation::Its => self
                .of_live(key, slot, live, record, at, named)
                .map(Folded::Done),
            Relation::Successor => {
                self.close(key, slot, live.replaced(record, at))?;
                self.of_no_live(key, record, at, identify, named)
            }
            Relation::Predecessor => {
                // It lives on.
                self.staged_key(key, slot).live = Some(live);
                self.of_predecessor(key, record, at, named)
            }
        }
    }

    /// Folds a record of a live session.
    fn of_live(
        &mut self,
        key: &[u8],
        slot: Option<u32>,
        mut live: Live,
        record: &AccountingRecord,
        at: Timestamp,
        named: Option<SubscriptionId>,
    ) -> Result<Told, Fault> {
        let named = named.filter(|_| live.subscription.is_none());
        let mut books = Books::new(self.zone);
        let has_names = live.merge(record, at, named, &mut books);
        if record.status == AccountingStatus::Stop {
            self.close(key, slot, live.stopped(record, at))?;
        } else {
            self.staged_key(key, slot).live = Some(live);
        }
        self.book(key, books);
        Ok(Told {
            named,
            has_names,
            has_replaced: false,
        })
    }

    /// Folds a record whose session does not live: it is over, or begins. `successor` is named where
    /// the live one of another subscription had to make way; the log must say so, whatever follows.
    fn of_no_live(
        &mut self,
        key: &[u8],
        record: &AccountingRecord,
        at: Timestamp,
        identify: impl Fn(Option<&Live>) -> Option<SubscriptionId>,
        successor: Option<SubscriptionId>,
    ) -> Result<Folded, Fault> {
        let has_replaced = successor.is_some();
        let mut live = Live::new(record, at, self.zone);
        let mut books = Books::new(self.zone);
        if let Some(mut closed) = self.last_closed(key)? {
            let end = millis(closed.ended.stopped_at);
            match closed.takes(record, at, identify(Some(&closed.session))) {
                Late::Counts => {
                    let has_names = closed.merge(record, at, &mut books);
                    self.put_closed(key, end, Some(closed));
                    self.book(key, books);
                    return Ok(Folded::Done(Told {
                        named: successor,
                        has_names,
                        has_replaced,
                    }));
                }
                Late::Continues if !has_replaced && self.is_full() => return Ok(Folded::Full),
                Late::Continues => {
                    self.put_closed(key, end, None);
                    books.close(&closed.session, -1);
                    live = closed.session;
                }
                Late::IsAnother => {}
            }
        }
        let is_stop = record.status == AccountingStatus::Stop;
        if !is_stop && !has_replaced && self.is_full() {
            return Ok(Folded::Full);
        }
        let named = live
            .subscription
            .is_none()
            .then(|| identify(None))
            .flatten();
        let has_names = live.merge(record, at, named, &mut books);
        if is_stop {
            self.add_closed(key, live.stopped(record, at))?;
        } else {
            self.staged.begun += 1;
            self.staged_key(key, None).live = Some(live);
        }
        self.book(key, books);
        Ok(Folded::Done(Told {
            named: named.or(successor),
            has_names,
            has_replaced,
        }))
    }

    /// Folds a late record of another subscription's session that had the key of a live one before it:
    /// into the closed one if it is still the last; else only a Stop has something to say.
    fn of_predecessor(
        &mut self,
        key: &[u8],
        record: &AccountingRecord,
        at: Timestamp,
        named: Option<SubscriptionId>,
    ) -> Result<Folded, Fault> {
        let mut told = Told {
            named,
            ..Told::default()
        };
        let mut books = Books::new(self.zone);
        if let Some(mut closed) = self.last_closed(key)?.filter(|closed| closed.is_of(named)) {
            told.has_names = closed.merge(record, at, &mut books);
            self.put_closed(key, millis(closed.ended.stopped_at), Some(closed));
        } else if record.status == AccountingStatus::Stop {
            let mut live = Live::new(record, at, self.zone);
            told.has_names = live.merge(record, at, named, &mut books);
            self.add_closed(key, live.stopped(record, at))?;
        }
        self.book(key, books);
        Ok(Folded::Done(told))
    }

    /// Closes every session of a NAS that began before it said so, if `concerns` says yes to its key
    /// and what the NAS calls itself does not tell it from that of the session. How many.
    pub(crate) fn close_nas(
        &mut self,
        prefix: &[u8],
        record: &AccountingRecord,
        at: Timestamp,
        concerns: impl Fn(&[u8]) -> bool,
    ) -> Result<u64, Fault> {
        let before = happened_at(record, at);
        let known = self.sessions.of_nas(prefix).map(|(key, _)| key);
        let staged = self.staged.keys.iter();
        let begun = staged.filter(|(key, staged)| {
            staged.slot.is_none() && staged.live.is_some() && key.starts_with(prefix)
        });
        let keys: Vec<Vec<u8>> = known.chain(begun.map(|(key, _)| key.to_vec())).collect();
        let mut count = 0;
        for key in keys {
            if concerns(&key)
                && let Some((slot, live)) = self.live(&key)
                && live.started_at <= before
                && live
                    .nas_names
                    .as_ref()
                    .is_none_or(|names| names.may_be(&record.nas_names))
            {
                let closed = live.clone().cut(at, closed_here::NAS_REBOOT);
                self.close(&key, slot, closed)?;
                count += 1;
            }
        }
        Ok(count)
    }

    /// Closes a live session without its Stop; whether there was one.
    pub(crate) fn cut(&mut self, key: &[u8], at: Timestamp, cause: u32) -> Result<bool, Fault> {
        let Some((slot, live)) = self.live(key) else {
            return Ok(false);
        };
        let closed = live.clone().cut(at, cause);
        self.close(key, slot, closed)?;
        Ok(true)
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

    fn close(&mut self, key: &[u8], slot: Option<u32>, closed: Closed) -> Result<(), Fault> {
        self.staged.ended += 1;
        self.staged_key(key, slot).live = None;
        self.add_closed(key, closed)
    }

    /// Puts a session that is over now in its place: some milliseconds later where another of its key
    /// ended at that instant, which must not be lost.
    fn add_closed(&mut self, key: &[u8], mut closed: Closed) -> Result<(), Fault> {
        let mut books = Books::new(self.zone);
        books.close(&closed.session, 1);
        self.book(key, books);
        let mut end = millis(closed.ended.stopped_at);
        while self.is_taken(key, end)? {
            end += 1;
        }
        closed.ended.stopped_at = of_millis(end)?;
        self.put_closed(key, end, Some(closed));
        Ok(())
    }

    /// Whether a closed session of that key ended then.
    fn is_taken(&self, key: &[u8], end: u64) -> Result<bool, Fault> {
        match self.waiting(key, end) {
            Some(waiting) => Ok(waiting.is_some()),
            None => Ok(self.closed.get((key, end))?.is_some()),
        }
    }

    /// Keeps what was booked of a key's sessions.
    fn book(&mut self, key: &[u8], books: Books) {
        if !books.bookings.is_empty() {
            self.staged_key(key, None).bookings.extend(books.bookings);
        }
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
                bookings: Vec::new(),
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
                return Ok(Some(decode_closed(value.value())?));
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
            bookings: Vec::new(),
        };
        self.keys.insert(key.into(), staged);
    }
}

//! A bounded table that NASes share: from State to a value, each with an age.
//!
//! One NAS alone may fill it. When it is full, the NAS that has most makes room with its oldest (among equals,
//! the one that asks): of `n` NASes, one with no more than an `n`th of the table loses nothing to the others,
//! whatever they do.
//!
//! What is older than its lifetime is not found any more, and is let go from the oldest on. What is let go is
//! handed out, so that whoever holds a lock need not drop it there.
//!
//! Not here: the lock, and what the values are (`sessions`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Uptime;
use super::sessions::State;

/// The table.
pub(super) struct Shares<V> {
    entries: BTreeMap<State, Entry<V>>,
    /// By age, the oldest first: as many as there are entries.
    order: BTreeMap<u64, State>,
    /// The numbers of each NAS that has any.
    lanes: BTreeMap<Arc<str>, BTreeSet<u64>>,
    /// Each of those NASes by how many it has.
    sizes: BTreeSet<(usize, Arc<str>)>,
    /// The number of the next.
    next: u64,
    entries_max: usize,
    lifetime_seconds: u64,
    /// The latest time it was told.
    latest: Uptime,
}

struct Entry<V> {
    nas: Arc<str>,
    since: Uptime,
    number: u64,
    value: V,
}

impl<V> Shares<V> {
    /// Takes the most entries, at least one, and how long each lives.
    pub(super) fn new(entries_max: usize, lifetime_seconds: u64) -> Self {
        Self {
            entries: BTreeMap::new(),
            order: BTreeMap::new(),
            lanes: BTreeMap::new(),
            sizes: BTreeSet::new(),
            next: 0,
            entries_max,
            lifetime_seconds,
            latest: Uptime(0),
        }
    }

    /// Adds an entry; gives what had to make room. `state` is random: an entry that has it is replaced.
    pub(super) fn insert(
        &mut self,
        state: State,
        nas: &Arc<str>,
        now: Uptime,
        value: V,
    ) -> Option<V> {
        let out = match self.remove(&state) {
            None if self.entries.len() >= self.entries_max => self.push_out(nas),
            replaced => replaced,
        };
        let number = self.next;
        self.next += 1;
        self.order.insert(number, state);
        self.lane(nas, |lane| lane.insert(number));
        let entry = Entry {
            nas: Arc::clone(nas),
            since: now,
            number,
            value,
        };
        self.entries.insert(state, entry);
        out
    }

    /// The value of a State that was given to this NAS, if it is not too old.
    pub(super) fn get(&mut self, state: &State, nas: &str, now: Uptime) -> Option<&mut V> {
        let lifetime_seconds = self.lifetime_seconds;
        let entry = self.entries.get_mut(state)?;
        let is_its = *entry.nas == *nas && !is_expired(entry.since, now, lifetime_seconds);
        is_its.then_some(&mut entry.value)
    }

    /// The value of a State, whosever and however old.
    pub(super) fn find(&mut self, state: &State) -> Option<&mut V> {
        self.entries.get_mut(state).map(|entry| &mut entry.value)
    }

    pub(super) fn remove(&mut self, state: &State) -> Option<V> {
        let entry = self.entries.remove(state)?;
        self.order.remove(&entry.number);
        self.lane(&entry.nas, |lane| lane.remove(&entry.number));
        Some(entry.value)
    }

    /// Lets go of what has expired, the oldest first and so many at most.
    pub(super) fn expire(&mut self, now: Uptime, count_max: usize) -> Vec<V> {
        self.note(now);
        let mut out = Vec::new();
        while out.len() < count_max {
            let Some((_, oldest)) = self.order.first_key_value() else {
                break;
            };
            let oldest = *oldest;
            let entry = self.entries.get(&oldest);
            if !entry.is_some_and(|entry| is_expired(entry.since, now, self.lifetime_seconds)) {
                break;
            }
            out.extend(self.remove(&oldest));
        }
        out
    }

    /// Entries, those that have expired and were not yet let go included.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// A clock that was set back far would keep entries for as long: they begin to live now.
    fn note(&mut self, now: Uptime) {
        let set_back_seconds = self.latest.0.saturating_sub(now.0);
        if set_back_seconds >= self.lifetime_seconds {
            for entry in self.entries.values_mut() {
                entry.since = now;
            }
            self.latest = now;
        }
        self.latest = self.latest.max(now);
    }

    /// Removes the oldest of the NAS that has most; of this one if none has more.
    fn push_out(&mut self, asking: &Arc<str>) -> Option<V> {
        let (most, nas) = self.sizes.last()?;
        let has = self.lanes.get(asking).map_or(0, BTreeSet::len);
        let nas = if has == *most { asking } else { nas };
        let oldest = self.lanes.get(nas)?.first()?;
        let state = *self.order.get(oldest)?;
        self.remove(&state)
    }

    /// Changes the numbers of a NAS.
    fn lane(&mut self, nas: &Arc<str>, change: impl FnOnce(&mut BTreeSet<u64>) -> bool) {
        let lane = self.lanes.entry(Arc::clone(nas)).or_default();
        let before = lane.len();
        change(lane);
        let after = lane.len();
        self.sizes.remove(&(before, Arc::clone(nas)));
        if after == 0 {
            self.lanes.remove(nas);
        } else {
            self.sizes.insert((after, Arc::clone(nas)));
        }
    }
}

/// A clock that was set back lets nothing expire.
fn is_expired(since: Uptime, now: Uptime, lifetime_seconds: u64) -> bool {
    now.0.saturating_sub(since.0) >= lifetime_seconds
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const NOW: Uptime = Uptime(1_800_000_000);
    const LIFETIME: u64 = 60;
    const MAX: usize = 60;

    fn later(seconds: u64) -> Uptime {
        Uptime(NOW.0 + seconds)
    }

    fn state(n: usize) -> State {
        let mut state = [0; 16];
        state[8..].copy_from_slice(&n.to_be_bytes());
        state
    }

    fn nas(n: usize) -> Arc<str> {
        format!("nas-{n}").into()
    }

    /// A table that one NAS has filled with the numbers from 0 on.
    fn full_of(n: usize) -> Shares<usize> {
        let mut shares = Shares::new(MAX, LIFETIME);
        for number in 0..MAX {
            assert_eq!(shares.insert(state(number), &nas(n), NOW, number), None);
        }
        shares
    }

    #[test]
    fn one_nas_alone_may_fill_the_table_and_then_makes_room_for_itself() {
        let mut shares = full_of(1);
        assert_eq!(shares.insert(state(MAX), &nas(1), NOW, MAX), Some(0));
        assert_eq!(shares.len(), MAX);
        assert_eq!(shares.get(&state(0), "nas-1", NOW), None);
        for mut number in 1..=MAX {
            let found = shares.get(&state(number), "nas-1", NOW);
            assert_eq!(found, Some(&mut number));
        }
    }

    #[test]
    fn nas_that_floods_the_table_takes_nothing_from_one_that_asks_little() {
        let mut shares = full_of(1);
        let mut own = MAX;
        assert_eq!(shares.insert(state(own), &nas(2), NOW, own), Some(0));
        for number in MAX + 1..10 * MAX {
            let out = shares.insert(state(number), &nas(1), NOW, number);
            assert!(out.is_some_and(|out| out != own));
        }
        assert_eq!(shares.get(&state(own), "nas-2", NOW), Some(&mut own));
    }

    #[test]
    fn nas_that_asks_makes_room_itself_where_none_has_more() {
        let mut shares = Shares::new(MAX, LIFETIME);
        for number in 0..MAX {
            shares.insert(state(number), &nas(number % 3), NOW, number);
        }
        for asking in 0..3 {
            let out = shares.insert(state(MAX + asking), &nas(asking), NOW, MAX + asking);
            assert_eq!(out, Some(asking));
        }
    }

    #[test]
    fn expired_are_let_go_the_oldest_first_and_no_more_than_asked() {
        let mut shares = Shares::new(MAX, LIFETIME);
        for number in 0..10 {
            let since = later(number);
            shares.insert(
                state(usize::try_from(number).unwrap()),
                &nas(1),
                since,
                number,
            );
        }
        assert_eq!(shares.expire(later(LIFETIME - 1), MAX), []);
        assert_eq!(shares.expire(later(LIFETIME + 6), 4), [0, 1, 2, 3]);
        assert_eq!(shares.expire(later(LIFETIME + 6), 4), [4, 5, 6]);
        assert_eq!(shares.expire(later(LIFETIME + 6), 4), []);
        assert_eq!(shares.len(), 3);
    }

    #[test]
    fn clock_that_was_set_back_ends_nothing_and_keeps_nothing_for_ever() {
        let mut shares = full_of(1);
        shares.expire(NOW, MAX);
        let before = |seconds| Uptime(NOW.0 - 1_000_000 + seconds);
        assert_eq!(shares.expire(before(0), MAX), []);
        assert!(shares.get(&state(0), "nas-1", before(0)).is_some());
        assert_eq!(shares.expire(before(LIFETIME - 1), MAX), []);
        assert_eq!(shares.expire(before(LIFETIME), MAX).len(), MAX);
    }

    proptest! {
        /// Against the counts alone: what a NAS may lose depends on nothing else.
        #[test]
        fn nas_within_its_share_loses_nothing(
            asking in prop::collection::vec(0..5_usize, 0..400),
        ) {
            let mut shares = Shares::new(MAX, LIFETIME);
            let mut counts = BTreeMap::<usize, usize>::new();
            for (number, asking) in asking.into_iter().enumerate() {
                let before = counts.clone();
                *counts.entry(asking).or_default() += 1;
                if let Some(loser) = shares.insert(state(number), &nas(asking), NOW, asking) {
                    let had = before[&loser];
                    prop_assert!(had * before.len() >= MAX, "{had} of {before:?}");
                    prop_assert!(before.values().all(|other| *other <= had));
                    *counts.get_mut(&loser).unwrap() -= 1;
                }
                prop_assert!(shares.len() <= MAX);
            }
        }

        #[test]
        fn order_lanes_and_sizes_are_of_the_same_entries(
            steps in prop::collection::vec((0..3_u8, 0..90_usize, 0..4_usize, 0..120_u64), 0..300),
        ) {
            let mut shares = Shares::new(MAX, LIFETIME);
            for (step, number, asking, seconds) in steps {
                match step {
                    0 => drop(shares.insert(state(number), &nas(asking), later(seconds), number)),
                    1 => drop(shares.remove(&state(number))),
                    _ => drop(shares.expire(later(seconds), 8)),
                }
                let mut lanes = BTreeMap::<Arc<str>, BTreeSet<u64>>::new();
                for (state, entry) in &shares.entries {
                    prop_assert_eq!(shares.order.get(&entry.number), Some(state));
                    lanes.entry(Arc::clone(&entry.nas)).or_default().insert(entry.number);
                }
                prop_assert_eq!(shares.order.len(), shares.entries.len());
                let sizes = lanes.iter().map(|(nas, lane)| (lane.len(), Arc::clone(nas)));
                prop_assert_eq!(&shares.sizes, &sizes.collect());
                prop_assert_eq!(&shares.lanes, &lanes);
            }
        }
    }
}

//! Whose turn it is to be told: sessions in order of arrival, NASes in turn.
//!
//! A NAS that answers slowly delays its own sessions and nobody else's: so many may be under way at one
//! NAS, so many in all. Pure; as long as there are live sessions that have to be told.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use garth_store::record::SessionKey;

/// The most sessions under way at one NAS: enough to keep it busy, and few enough that its socket's buffer
/// holds all of their requests.
pub(super) const UNDER_WAY_EACH_MAX: usize = 64;
/// The most sessions under way in all: as many as have room among the exchanges.
pub(super) const UNDER_WAY_MAX: usize = 512;

/// Sessions that wait for their turn.
#[derive(Default)]
pub(super) struct Queue {
    lanes: HashMap<Arc<str>, Lane>,
    /// NASes with somebody waiting, each once.
    turn: VecDeque<Arc<str>>,
    /// Sessions that wait, each once.
    waiting: HashSet<SessionKey>,
    under_way: usize,
}

#[derive(Default)]
struct Lane {
    waiting: VecDeque<SessionKey>,
    under_way: usize,
    is_in_turn: bool,
}

impl Queue {
    /// Lets a session wait for its turn; once, however often it is said.
    pub(super) fn push(&mut self, key: &SessionKey) {
        if !self.waiting.insert(key.clone()) {
            return;
        }
        let nas: Arc<str> = Arc::from(&*key.nas);
        let lane = self.lanes.entry(Arc::clone(&nas)).or_default();
        lane.waiting.push_back(key.clone());
        if !std::mem::replace(&mut lane.is_in_turn, true) {
            self.turn.push_back(nas);
        }
    }

    /// The next session; it is under way until [`Queue::done`].
    pub(super) fn next(&mut self) -> Option<SessionKey> {
        if self.under_way >= UNDER_WAY_MAX {
            return None;
        }
        for _ in 0..self.turn.len() {
            let nas = self.turn.pop_front()?;
            let Some(lane) = self.lanes.get_mut(&nas) else {
                continue;
            };
            if lane.under_way >= UNDER_WAY_EACH_MAX {
                self.turn.push_back(nas);
                continue;
            }
            let key = lane.waiting.pop_front();
            lane.is_in_turn = !lane.waiting.is_empty();
            if lane.is_in_turn {
                self.turn.push_back(nas);
            }
            if let Some(key) = key {
                lane.under_way += 1;
                self.under_way += 1;
                self.waiting.remove(&key);
                return Some(key);
            }
        }
        None
    }

    /// The NAS of that session has room for another one.
    pub(super) fn done(&mut self, key: &SessionKey) {
        self.under_way = self.under_way.saturating_sub(1);
        if let Some(lane) = self.lanes.get_mut(&*key.nas) {
            lane.under_way = lane.under_way.saturating_sub(1);
            if lane.under_way == 0 && lane.waiting.is_empty() && !lane.is_in_turn {
                self.lanes.remove(&*key.nas);
            }
        }
    }

    /// How many wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(nas: &str, number: usize) -> SessionKey {
        SessionKey {
            nas: nas.into(),
            acct_session_id: number.to_string().as_bytes().into(),
        }
    }

    #[test]
    fn n10_a_mass_release_at_one_nas_does_not_delay_another() {
        let mut queue = Queue::default();
        for number in 0..10_000 {
            queue.push(&key("busy/192.0.2.1", number));
        }
        queue.push(&key("calm/192.0.2.2", 1));
        assert_eq!(queue.next(), Some(key("busy/192.0.2.1", 0)));
        assert_eq!(queue.next(), Some(key("calm/192.0.2.2", 1)));
    }

    #[test]
    fn n10_no_more_are_under_way_than_the_bounds_allow() {
        let mut queue = Queue::default();
        let nases = UNDER_WAY_MAX / UNDER_WAY_EACH_MAX + 2;
        for nas in 0..nases {
            for number in 0..2 * UNDER_WAY_EACH_MAX {
                queue.push(&key(&format!("nas-{nas}/192.0.2.1"), number));
            }
        }
        let mut under_way = Vec::new();
        while let Some(next) = queue.next() {
            under_way.push(next);
        }
        assert_eq!(under_way.len(), UNDER_WAY_MAX);
        for nas in 0..nases {
            let name = format!("nas-{nas}/192.0.2.1");
            let of_it = under_way.iter().filter(|key| *key.nas == *name).count();
            assert!(of_it <= UNDER_WAY_EACH_MAX, "{name}: {of_it}");
        }
        queue.done(&under_way[0]);
        assert!(queue.next().is_some());
        assert!(queue.next().is_none());
    }

    #[test]
    fn every_session_has_its_turn_once_and_nothing_stays_behind() {
        let mut queue = Queue::default();
        for number in 0..300 {
            queue.push(&key("a/192.0.2.1", number));
            queue.push(&key("a/192.0.2.1", number));
            queue.push(&key("b/192.0.2.2", number));
        }
        let mut seen = HashSet::new();
        while let Some(next) = queue.next() {
            queue.done(&next);
            assert!(seen.insert(next));
        }
        assert_eq!(seen.len(), 600);
        assert_eq!(
            (queue.len(), queue.lanes.len(), queue.turn.len()),
            (0, 0, 0)
        );
    }

    #[test]
    fn a_session_that_is_under_way_can_wait_again() {
        let mut queue = Queue::default();
        queue.push(&key("a/192.0.2.1", 1));
        let next = queue.next().unwrap();
        queue.push(&next);
        queue.done(&next);
        assert_eq!(queue.next(), Some(next));
    }
}

//! When the network was last opened to whom: the proof on the portal's last page.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use garth_subscription::Timestamp;
use garth_subscription::facts::SubscriptionId;

/// The most releases remembered; the oldest goes first.
const RELEASES_MAX: usize = 65_536;

/// The latest releases.
#[derive(Default)]
pub(crate) struct Released(Mutex<Log>);

#[derive(Default)]
struct Log {
    /// The instant and the number of the release.
    at: HashMap<SubscriptionId, (Timestamp, u64)>,
    /// By number, so that the oldest is found and any is replaced at little cost.
    order: BTreeMap<u64, SubscriptionId>,
    next: u64,
}

impl Released {
    /// `id` was released at `at`.
    pub(super) fn record(&self, id: SubscriptionId, at: Timestamp) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = log.next;
        log.next += 1;
        if let Some((_, earlier)) = log.at.insert(id, (at, number)) {
            log.order.remove(&earlier);
        }
        log.order.insert(number, id);
        if log.order.len() > RELEASES_MAX
            && let Some((_, oldest)) = log.order.pop_first()
        {
            log.at.remove(&oldest);
        }
    }

    /// When `id` was last released, if that is remembered.
    pub(crate) fn at(&self, id: SubscriptionId) -> Option<Timestamp> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .at
            .get(&id)
            .map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn the_oldest_release_is_forgotten_first() {
        let released = Released::default();
        let id = |number: usize| SubscriptionId(Uuid::from_u128(number.try_into().unwrap()));
        for number in 0..=RELEASES_MAX {
            released.record(id(number), Timestamp::MIN);
        }
        assert_eq!(released.at(id(0)), None);
        released.record(id(1), Timestamp::MIN);
        released.record(id(0), Timestamp::MIN);
        assert_eq!(released.at(id(2)), None, "1 was released again since");
        assert_eq!(released.at(id(1)), Some(Timestamp::MIN));
    }
}

//! When the network was last opened to whom: the proof on the portal's last page.

use std::collections::{HashMap, VecDeque};
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
    at: HashMap<SubscriptionId, Timestamp>,
    order: VecDeque<SubscriptionId>,
}

impl Released {
    /// `id` was released at `at`.
    pub(super) fn record(&self, id: SubscriptionId, at: Timestamp) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if log.at.insert(id, at).is_some() {
            log.order.retain(|known| *known != id);
        }
        log.order.push_back(id);
        if log.order.len() > RELEASES_MAX
            && let Some(oldest) = log.order.pop_front()
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
            .copied()
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
        assert_eq!(released.at(id(1)), Some(Timestamp::MIN));
    }
}

//! Sessions that their NAS will not move, for the operators to see.
//!
//! Kept for each NAS of the configuration; who asks gets numbers. The log has one line when the first session of
//! a NAS cannot be moved and one when the last of them has been, and no more than that however many there are.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use garth_radius::dynamic::ladder::Alarm;
use garth_store::record::SessionKey;

use crate::disconnector::nas_name;

/// How many sessions a NAS will not move.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Stuck {
    /// Of subscribers who have paid.
    pub(crate) paid_but_blocked: u64,
    /// Of those who have not.
    pub(crate) walled_but_open: u64,
}

impl Stuck {
    fn count(&mut self, alarm: Alarm) -> &mut u64 {
        match alarm {
            Alarm::PaidButBlocked => &mut self.paid_but_blocked,
            Alarm::WalledButOpen | Alarm::EndedButOpen => &mut self.walled_but_open,
        }
    }

    fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// The sessions that cannot be moved: at most as many as live.
#[derive(Default)]
pub(crate) struct Alarms(Mutex<Raised>);

#[derive(Default)]
struct Raised {
    sessions: HashMap<SessionKey, Alarm>,
    nases: BTreeMap<Arc<str>, Stuck>,
}

impl Alarms {
    /// The NAS of `key` will not move that session.
    pub(super) fn raise(&self, key: &SessionKey, alarm: Alarm) {
        let mut raised = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = raised.sessions.insert(key.clone(), alarm);
        if before == Some(alarm) {
            return;
        }
        let nas = nas_name(key).unwrap_or(&key.nas);
        let stuck = raised.nases.entry(nas.into()).or_default();
        let is_first = stuck.is_none();
        *stuck.count(alarm) += 1;
        if let Some(before) = before {
            let count = stuck.count(before);
            *count = count.saturating_sub(1);
        }
        if is_first {
            tracing::error!(
                nas,
                session = %key.acct_session_id.escape_ascii(),
                ?alarm,
                "a NAS does not move a session to what its subscription is entitled to; see garthctl nas probe"
            );
        }
    }

    /// That session has what it is entitled to, or is over.
    pub(super) fn clear(&self, key: &SessionKey) {
        let mut raised = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(alarm) = raised.sessions.remove(key) else {
            return;
        };
        let nas = nas_name(key).unwrap_or(&key.nas);
        let Some(stuck) = raised.nases.get_mut(nas) else {
            return;
        };
        let count = stuck.count(alarm);
        *count = count.saturating_sub(1);
        if stuck.is_none() {
            raised.nases.remove(nas);
            tracing::info!(
                nas,
                "all sessions of the NAS have what they are entitled to"
            );
        }
    }

    /// All NASes together.
    pub(crate) fn sum(&self) -> Stuck {
        let raised = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        raised
            .nases
            .values()
            .fold(Stuck::default(), |sum, one| Stuck {
                paid_but_blocked: sum.paid_but_blocked + one.paid_but_blocked,
                walled_but_open: sum.walled_but_open + one.walled_but_open,
            })
    }

    /// What operators are told, a line for each NAS and kind.
    pub(crate) fn in_words(&self) -> Vec<String> {
        let stuck = self.stuck();
        let each = stuck.iter().flat_map(|(nas, stuck)| stuck.in_words(nas));
        each.collect()
    }

    /// The NASes that have such sessions.
    pub(crate) fn stuck(&self) -> BTreeMap<Arc<str>, Stuck> {
        let raised = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        raised.nases.clone()
    }
}

impl Stuck {
    /// What an operator is told of it, the worst first.
    fn in_words(self, nas: &str) -> impl Iterator<Item = String> {
        let blocked = (self.paid_but_blocked > 0).then(|| {
            let count = self.paid_but_blocked;
            format!("paid but blocked: NAS {nas} does not let {count} sessions out of the garden (garthctl nas probe {nas})")
        });
        let open = (self.walled_but_open > 0).then(|| {
            let count = self.walled_but_open;
            format!("walled but open: NAS {nas} does not wall or end {count} sessions (garthctl nas probe {nas})")
        });
        blocked.into_iter().chain(open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(nas: &str, session: &[u8]) -> SessionKey {
        SessionKey {
            nas: nas.into(),
            acct_session_id: session.into(),
        }
    }

    #[test]
    fn n11_an_alarm_counts_each_session_once_and_is_cleared_when_it_is_settled() {
        let alarms = Alarms::default();
        let (one, two) = (key("bng/192.0.2.1", b"1"), key("bng/192.0.2.2", b"2"));
        alarms.raise(&one, Alarm::PaidButBlocked);
        alarms.raise(&one, Alarm::PaidButBlocked);
        alarms.raise(&two, Alarm::WalledButOpen);
        let stuck = |paid_but_blocked, walled_but_open| {
            BTreeMap::from([(
                Arc::from("bng"),
                Stuck {
                    paid_but_blocked,
                    walled_but_open,
                },
            )])
        };
        assert_eq!(alarms.stuck(), stuck(1, 1));
        alarms.raise(&two, Alarm::PaidButBlocked);
        assert_eq!(alarms.stuck(), stuck(2, 0));
        alarms.clear(&one);
        alarms.clear(&one);
        assert_eq!(alarms.stuck(), stuck(1, 0));
        alarms.clear(&two);
        assert_eq!(alarms.stuck(), BTreeMap::new());
    }
}

//! What has changed since the enforcer last looked: a bounded set behind a bell.
//!
//! Level-triggered: an entry only makes the enforcer look now. When the set is full,
//! it is replaced by one word, "everything", and nothing is lost.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use garth_subscription::facts::SubscriptionId;
use tokio::sync::oneshot;

use super::{GardenStatus, Wall};

/// The most subscriptions remembered one by one.
const CHANGED_MAX: usize = 65_536;
/// The most questions for the status that wait at a time.
const QUESTIONS_MAX: usize = 64;

/// What can be asked, and where the answer goes.
pub(super) enum Question {
    /// How the garden is.
    Status(oneshot::Sender<GardenStatus>),
    /// How it is where one subscription is.
    Walls(SubscriptionId, oneshot::Sender<Vec<Wall>>),
}

/// What the enforcer finds when it wakes.
#[derive(Default)]
pub(super) struct Work {
    /// Look at these.
    pub(super) changed: HashSet<SubscriptionId>,
    /// Look at everything.
    pub(super) everything: bool,
    /// Say how things are.
    pub(super) questions: Vec<Question>,
    /// Stop.
    pub(super) stop: bool,
}

/// The bell.
#[derive(Default)]
pub(crate) struct Wake {
    work: Mutex<Work>,
    bell: Condvar,
}

impl Wake {
    fn ring(&self, change: impl FnOnce(&mut Work)) {
        change(&mut self.work.lock().unwrap_or_else(PoisonError::into_inner));
        self.bell.notify_one();
    }

    /// These may be elsewhere, or may have other access.
    pub(crate) fn changed(&self, ids: &[SubscriptionId]) {
        self.ring(|work| {
            if work.everything || work.changed.len() + ids.len() > CHANGED_MAX {
                work.changed.clear();
                work.everything = true;
            } else {
                work.changed.extend(ids);
            }
        });
    }

    /// Anything may have changed.
    pub(crate) fn everything(&self) {
        self.ring(|work| work.everything = true);
    }

    /// Asks for the status; `None` while too many others do, or while the enforcer stops.
    pub(crate) async fn status(&self) -> Option<GardenStatus> {
        self.ask(Question::Status).await
    }

    /// Asks how the wall is wherever `id` is; `None` as for [`Self::status`].
    pub(crate) async fn walls(&self, id: SubscriptionId) -> Option<Vec<Wall>> {
        self.ask(|answer| Question::Walls(id, answer)).await
    }

    async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Question) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.ring(|work| {
            if work.questions.len() < QUESTIONS_MAX && !work.stop {
                work.questions.push(question(answer));
            }
        });
        answered.await.ok()
    }

    /// Ends the enforcer.
    pub(crate) fn stop(&self) {
        self.ring(|work| work.stop = true);
    }

    /// Waits for the bell, at most `patience`, and takes what there is.
    pub(super) fn take(&self, patience: Duration) -> Work {
        let work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = |work: &mut Work| {
            work.changed.is_empty() && work.questions.is_empty() && !work.everything && !work.stop
        };
        let (mut work, _) = self
            .bell
            .wait_timeout_while(work, patience, idle)
            .unwrap_or_else(PoisonError::into_inner);
        let stop = work.stop;
        let taken = std::mem::take(&mut *work);
        work.stop = stop;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_full_set_becomes_everything_and_does_not_grow() {
        let wake = Wake::default();
        for number in 0..u128::try_from(CHANGED_MAX).unwrap() + 10 {
            wake.changed(&[SubscriptionId(Uuid::from_u128(number))]);
        }
        let work = wake.take(Duration::ZERO);
        assert!(work.everything && work.changed.is_empty());
        assert!(!wake.take(Duration::ZERO).everything, "taken once");
    }

    #[test]
    fn a_stop_is_seen_by_every_later_look() {
        let wake = Wake::default();
        wake.stop();
        assert!(wake.take(Duration::ZERO).stop && wake.take(Duration::ZERO).stop);
    }
}

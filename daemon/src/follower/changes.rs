//! What has changed since the follower last looked: a bounded set behind a bell.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use garth_subscription::facts::SubscriptionId;
use tokio::sync::Notify;

/// The most subscriptions remembered one by one; beyond it everything is looked at.
pub(super) const CHANGED_MAX: usize = 65_536;

/// What the store tells, for the follower.
#[derive(Default)]
pub(crate) struct Changes {
    pending: Mutex<Pending>,
    bell: Notify,
}

/// What is to be looked at.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) changed: HashSet<SubscriptionId>,
    pub(super) everything: bool,
}

impl Changes {
    /// These may have another entitlement, or other sessions.
    pub(crate) fn changed(&self, ids: &[SubscriptionId]) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.everything || pending.changed.len() + ids.len() > CHANGED_MAX {
            pending.changed.clear();
            pending.everything = true;
        } else {
            pending.changed.extend(ids);
        }
        drop(pending);
        self.bell.notify_one();
    }

    /// Everybody may have another entitlement: the plans have other rates, or the NASes other settings.
    pub(crate) fn everything(&self) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.changed.clear();
        pending.everything = true;
        drop(pending);
        self.bell.notify_one();
    }

    /// Waits until there is something.
    pub(super) async fn rung(&self) {
        self.bell.notified().await;
    }

    pub(super) fn take(&self) -> Pending {
        std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn more_changes_than_are_remembered_become_one_word() {
        let changes = Changes::default();
        let ids: Vec<_> = (0..=CHANGED_MAX)
            .map(|n| SubscriptionId(Uuid::from_u128(u128::try_from(n).unwrap())))
            .collect();
        changes.changed(&ids[..CHANGED_MAX]);
        assert_eq!(changes.take().changed.len(), CHANGED_MAX);
        changes.changed(&ids);
        let pending = changes.take();
        assert!(pending.everything && pending.changed.is_empty());
    }
}

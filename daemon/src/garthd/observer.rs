//! What the store tells the rest of the daemon.

use std::sync::Arc;

use garth_store::Observer;
use garth_subscription::facts::SubscriptionId;
use tokio::sync::watch;

use crate::enforcer::Wake;
use crate::follower::Changes;

/// Passes on what the writer tells: changes to the enforcer and the follower, the rest to `main`.
pub(super) struct StoreObserver {
    wake: Arc<Wake>,
    changes: Arc<Changes>,
    catalogue: watch::Sender<()>,
    failed: watch::Sender<Option<String>>,
}

/// What `main` is told.
pub(super) struct Told {
    /// Changes with the catalogue.
    pub(super) catalogue: watch::Receiver<()>,
    /// Shows the store's failure, once.
    pub(super) failure: watch::Receiver<Option<String>>,
}

impl StoreObserver {
    /// An observer and where it tells `main`.
    pub(super) fn new(wake: Arc<Wake>, changes: Arc<Changes>) -> (Self, Told) {
        let (failed, failure) = watch::channel(None);
        let (changed, catalogue) = watch::channel(());
        let told = Told { catalogue, failure };
        let observer = Self {
            wake,
            changes,
            catalogue: changed,
            failed,
        };
        (observer, told)
    }
}

impl Observer for StoreObserver {
    fn changed(&self, ids: &[SubscriptionId]) {
        self.wake.changed(ids);
        self.changes.changed(ids);
    }

    fn catalogue_changed(&self) {
        self.changes.everything();
        self.catalogue.send_replace(());
    }

    fn failed(&self, error: &str) {
        self.failed.send_replace(Some(error.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn main_is_told_of_a_change_of_the_catalogue_and_of_the_end() {
        let (observer, told) = StoreObserver::new(Arc::default(), Arc::default());
        assert!(!told.catalogue.has_changed().unwrap());
        observer.catalogue_changed();
        assert!(told.catalogue.has_changed().unwrap());
        assert_eq!(*told.failure.borrow(), None);
        observer.failed("no space left");
        assert_eq!(told.failure.borrow().as_deref(), Some("no space left"));
    }
}

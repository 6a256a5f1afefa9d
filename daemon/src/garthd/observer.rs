//! What the store tells the rest of the daemon.

use std::sync::Arc;

use garth_store::Observer;
use garth_subscription::facts::SubscriptionId;
use tokio::sync::watch;

use crate::enforcer::Wake;

/// Passes on what the writer tells: changes to the enforcer, the end of the disk to `main`.
pub(super) struct StoreObserver {
    wake: Arc<Wake>,
    failed: watch::Sender<Option<String>>,
}

impl StoreObserver {
    /// An observer and where the store's failure shows, once.
    pub(super) fn new(wake: Arc<Wake>) -> (Self, watch::Receiver<Option<String>>) {
        let (failed, failure) = watch::channel(None);
        (Self { wake, failed }, failure)
    }
}

impl Observer for StoreObserver {
    fn changed(&self, ids: &[SubscriptionId]) {
        self.wake.changed(ids);
    }

    fn failed(&self, error: &str) {
        self.failed.send_replace(Some(error.to_owned()));
    }
}

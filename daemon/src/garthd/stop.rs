//! One word for all tasks: stop.

use std::future::Future;

use tokio::sync::watch;

/// Says stop, once.
pub(crate) struct Stopper(watch::Sender<bool>);

/// Hears it.
#[derive(Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

/// A stopper and what hears it.
pub(crate) fn channel() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    pub(crate) fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Waits for the stop, or for the end of whoever could say it.
    pub(crate) async fn wait(&mut self) {
        // An error means that the stopper is gone: that is a stop too.
        drop(self.0.wait_for(|stop| *stop).await);
    }

    /// What `future` gives, or `None` once it is time to stop.
    pub(crate) async fn unless<T>(&mut self, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.wait() => None,
            output = future => Some(output),
        }
    }
}

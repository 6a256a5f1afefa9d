//! Sets up RadSec: its certificates, its listeners, its threads.

use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;

use super::stop::Stop;
use super::{Essential, portal, tls, workers};
use crate::config::Config;
use crate::radius::Shared;
use crate::radius::radsec::{self, Entrance, Limits, RadSec, THREADS, Tls, Worker};

/// RadSec, bound but not yet answering.
pub(super) struct Bound {
    radsec: Arc<RadSec>,
    entrance: Entrance,
    workers: [Worker; THREADS],
    listeners: Vec<TcpListener>,
}

/// What a reload changes.
pub(super) struct Handle(Arc<RadSec>);

impl Bound {
    /// Reads the certificates and binds the listeners; nothing without the section.
    ///
    /// # Errors
    /// Files that cannot be used, or an address that cannot be listened on.
    pub(super) fn new(config: &Config, shared: &Shared) -> anyhow::Result<Option<Self>> {
        let Some(section) = &config.radsec else {
            return Ok(None);
        };
        let tls = tls::radsec(section)?;
        let listeners = portal::listen_all(&section.listen).context("radsec.listen")?;
        let seeds = [(); THREADS].map(|()| workers::random_seed());
        let (radsec, entrance, workers) = RadSec::new(Limits::default(), shared, tls, seeds);
        Ok(Some(Self {
            radsec,
            entrance,
            workers,
            listeners,
        }))
    }

    /// The shared part: who is connected, what was counted.
    pub(super) fn radsec(&self) -> Arc<RadSec> {
        Arc::clone(&self.radsec)
    }

    /// The threads, which count too.
    pub(super) const fn workers(&self) -> &[Worker; THREADS] {
        &self.workers
    }

    /// Lets it answer.
    pub(super) fn start(self, essential: &mut Essential, stop: &Stop) -> anyhow::Result<Handle> {
        for worker in self.workers {
            let name = worker.as_str().to_owned();
            workers::start_thread("RadSec", name, essential, move || worker.run())?;
        }
        let serving = radsec::serve(self.entrance, self.listeners, stop.clone());
        essential.spawn(async move {
            serving.await;
            ("RadSec", Ok(()))
        });
        Ok(Handle(self.radsec))
    }
}

impl Handle {
    /// Reads the certificates anew; `None` where the section is gone, which a restart takes over.
    ///
    /// # Errors
    /// Files that cannot be used.
    pub(super) fn prepare(&self, config: &Config) -> anyhow::Result<Option<Tls>> {
        config.radsec.as_ref().map(tls::radsec).transpose()
    }

    /// Puts in place what was prepared; connections of NASes that are gone are cut.
    pub(super) fn swap(&self, prepared: Option<Tls>) {
        self.0.reloaded(prepared);
    }
}

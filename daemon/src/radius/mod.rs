//! RADIUS over UDP: worker threads with their own sockets around the sans-IO server. Over TLS: `radsec`.
//!
//! The kernel gives each NAS port to one worker (SO_REUSEPORT), so a retransmission
//! always meets the duplicate cache that holds its answer. A worker owns its server;
//! settings reach it by a swap that it looks at once per batch.
//!
//! Not here: what the octets mean (`radius`), who has which access (`subscription`).

mod accounting;
mod authentication;
mod batch;
mod directory;
mod outbox;
pub(crate) mod radsec;
mod turn;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::{ArcSwap, Cache};
use garth_radius::UnixSeconds;
use garth_radius::eap::EapServer;
use garth_radius::plan::PoolName;
use garth_radius::server::{Counters, PlanTerms, Rates, Server, Settings};
use garth_store::{Store, index};
use garth_subscription::text as subscription;

use batch::BatchSocket;

/// What all workers share.
#[derive(Clone)]
pub(crate) struct Shared {
    /// NAS table and garden, swapped at a reload.
    pub(crate) settings: Arc<ArcSwap<Settings>>,
    /// Subscribers, and where accounting goes.
    pub(crate) store: Store,
    /// Set once: workers finish their batch and end.
    pub(crate) stop: Arc<AtomicBool>,
    /// EAP conversations: their next round may reach another worker.
    pub(crate) eap: Arc<EapServer>,
}

impl Shared {
    /// Prepares replies for the catalogue as it is now; workers take them with their next batch.
    pub(crate) fn prepare_plans(&self) {
        let plans = plan_terms(&self.store);
        self.settings
            .store(Arc::new(self.settings.load().with_plans(plans)));
    }
}

/// What all plans give, by the numbers that the index gives them.
pub(crate) fn plan_terms(store: &Store) -> Vec<PlanTerms> {
    let plans = store.index().plan_terms().into_iter();
    plans.map(|plan| terms(&plan)).collect()
}

fn terms(plan: &index::PlanTerms) -> PlanTerms {
    let session = &plan.session;
    let pool = |name: &Option<subscription::PoolName>| {
        let name = name.as_ref()?;
        Some(PoolName::new(name.as_str()).expect("both take the same names"))
    };
    PlanTerms {
        rates: Rates {
            down_kbps: plan.rates.down_kbps,
            up_kbps: plan.rates.up_kbps,
        },
        session_limit: session.session_limit,
        idle_timeout_seconds: session.idle_timeout_seconds,
        framed_pool: pool(&session.framed_pool),
        framed_ipv6_pool: pool(&session.framed_ipv6_pool),
        delegated_ipv6_pool: pool(&session.delegated_ipv6_pool),
    }
}

/// A worker that is bound and counts, but does not run yet.
pub(crate) struct Worker {
    port: Port,
    socket: BatchSocket,
    server: Server,
    shared: Shared,
}

/// Which of the two ports a worker serves.
#[derive(Clone, Copy)]
pub(crate) enum Port {
    Authentication,
    Accounting,
}

impl Port {
    /// The name of its threads.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Authentication => "radius-auth",
            Self::Accounting => "radius-acct",
        }
    }
}

impl Worker {
    /// Binds one of `workers` authentication workers on `address`.
    pub(crate) fn authentication(
        address: SocketAddr,
        shared: Shared,
        seed: u64,
    ) -> io::Result<Self> {
        Self::bind(Port::Authentication, address, shared, seed)
    }

    /// Binds the accounting worker on `address`. One is enough: it waits for the one writer.
    pub(crate) fn accounting(address: SocketAddr, shared: Shared, seed: u64) -> io::Result<Self> {
        Self::bind(Port::Accounting, address, shared, seed)
    }

    fn bind(port: Port, address: SocketAddr, shared: Shared, seed: u64) -> io::Result<Self> {
        let server =
            Server::new(shared.settings.load_full(), seed).with_eap(Arc::clone(&shared.eap));
        Ok(Self {
            port,
            socket: BatchSocket::bind(address)?,
            server,
            shared,
        })
    }

    /// Which port it serves.
    pub(crate) const fn port(&self) -> Port {
        self.port
    }

    /// What this worker answered and dropped.
    pub(crate) fn counters(&self) -> Arc<Counters> {
        self.server.counters()
    }

    /// Answers until the stop flag is set.
    ///
    /// # Errors
    /// The socket's, if it cannot be read any more, and the store's end.
    pub(crate) fn run(self) -> io::Result<()> {
        match self.port {
            Port::Authentication => authentication::run(self),
            Port::Accounting => accounting::run(self),
        }
    }
}

/// Follows the settings, once per batch.
struct Follower {
    settings: Cache<Arc<ArcSwap<Settings>>, Arc<Settings>>,
    current: Arc<Settings>,
}

impl Follower {
    fn new(shared: &Shared) -> Self {
        Self {
            settings: Cache::new(Arc::clone(&shared.settings)),
            current: shared.settings.load_full(),
        }
    }

    fn follow(&mut self, server: &mut Server) {
        let newest = self.settings.load();
        if !Arc::ptr_eq(newest, &self.current) {
            self.current = Arc::clone(newest);
            server.reconfigure(Arc::clone(newest));
        }
    }
}

fn stopped(shared: &Shared) -> bool {
    shared.stop.load(Ordering::Relaxed)
}

/// The effective now in whole seconds.
pub(crate) fn seconds(store: &Store) -> UnixSeconds {
    UnixSeconds(u64::try_from(store.now().unix_seconds()).unwrap_or(0))
}

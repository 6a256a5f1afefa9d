//! Who is connected: counted before a connection is served, and shown to operators.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use garth_subscription::Timestamp;

use super::{RadSec, Refused, Version};

/// One connection of a NAS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Live {
    /// The NAS, as the configuration names it.
    pub(crate) nas: Arc<str>,
    /// Where it connected from.
    pub(crate) source: SocketAddr,
    /// What it speaks.
    pub(crate) version: Version,
    /// Since when.
    pub(crate) since: Timestamp,
}

/// All connections of NASes, by their number: never more than the bound.
pub(crate) struct Roster {
    connections_max: usize,
    per_nas_max: usize,
    live: Mutex<BTreeMap<u64, Live>>,
}

/// A place in the roster, given back when dropped.
pub(super) struct Seat {
    radsec: Arc<RadSec>,
    number: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let left = self.radsec.roster.lock().remove(&self.number);
        if let Some(Live {
            nas, source, since, ..
        }) = left
        {
            tracing::info!(%nas, %source, %since, "a NAS is no longer connected over RadSec");
        }
    }
}

impl Roster {
    pub(super) const fn new(connections_max: usize, per_nas_max: usize) -> Self {
        Self {
            connections_max,
            per_nas_max,
            live: Mutex::new(BTreeMap::new()),
        }
    }

    /// All connections, the oldest first.
    pub(crate) fn live(&self) -> Vec<Live> {
        self.lock().values().cloned().collect()
    }

    /// How many there are that speak this version.
    pub(crate) fn speaking(&self, version: Version) -> usize {
        let live = self.live().into_iter();
        live.filter(|live| live.version == version).count()
    }

    /// A place for one more.
    ///
    /// # Errors
    /// When there is none, or the NAS has all it may have.
    pub(super) fn enter(radsec: &Arc<RadSec>, entry: Live) -> Result<Seat, Refused> {
        let roster = &radsec.roster;
        let mut live = roster.lock();
        if live.len() >= roster.connections_max {
            return Err(Refused::Connections);
        }
        let of_nas = live.values().filter(|other| other.nas == entry.nas);
        if of_nas.count() >= roster.per_nas_max {
            return Err(Refused::ConnectionsOfNas);
        }
        let number = radsec.number();
        live.insert(number, entry);
        Ok(Seat {
            radsec: Arc::clone(radsec),
            number,
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

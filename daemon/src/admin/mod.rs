//! The admin API: HTTP/1.1 and JSON over a unix socket.
//!
//! The kernel says who is at the other end; the configuration says what they may do. Every
//! change goes through the store's one writer, can be tried with `?dry_run=true`, is safe to
//! repeat under an `Idempotency-Key`, and is logged with who asked for it. Refusals are RFC 9457
//! problems that name the rule. `/openapi.json` describes every route.
//!
//! Bounds: connections in total and per user, header time, body size; lists come in pages;
//! imports and exports stream. When all connections are taken, the next one is closed at once.
//!
//! Not here: what a command means (`subscription`), how it is kept (`store`).

mod body;
mod bulk;
mod catalogue;
mod holds;
mod journal;
mod nas;
mod network;
mod openapi;
mod passes;
mod problem;
mod quotes;
mod reverts;
mod role;
mod routes;
mod serve;
mod sessions;
mod subscription;
#[cfg(test)]
mod tests;
mod tickets;
mod transfer;
pub mod wire;
mod words;

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use garth_store::Store;

pub use network::{
    Answer, DaemonStatus, DisconnectAnswer, GardenStatus, Network, WallBody, WallState,
};
pub use passes::{PassBody, Passes, PortalDoor};
pub use problem::Problem;
pub use role::AdminRole;
pub(crate) use routes::TIME_ZONE;
pub use serve::{CONNECTIONS_MAX, CONNECTIONS_PER_USER_MAX, bind, serve};

use crate::config::Roles;

/// What the API needs of the rest of the daemon.
pub struct Admin {
    store: Store,
    network: Arc<dyn Network>,
    tz: chrono_tz::Tz,
    roles: ArcSwap<Roles>,
    door: OnceLock<PortalDoor>,
}

impl Admin {
    /// An API over `store`, telling times in `tz` where it tells them to people.
    #[must_use]
    pub fn new(
        store: Store,
        network: Arc<dyn Network>,
        tz: chrono_tz::Tz,
        roles: Roles,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            network,
            tz,
            roles: ArcSwap::from_pointee(roles),
            door: OnceLock::new(),
        })
    }

    /// Says where passes to the portal lead. The first word counts.
    pub fn set_door(&self, door: PortalDoor) {
        self.door.get_or_init(|| door);
    }

    /// Gives roles anew (a reload). Connections that are open keep the role they have.
    pub fn set_roles(&self, roles: Roles) {
        self.roles.store(Arc::new(roles));
    }

    /// Runs a blocking read of the store where it may block.
    async fn read<T, E>(
        &self,
        read: impl FnOnce(&Store) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        E: std::fmt::Display + Send + 'static,
    {
        let store = self.store.clone();
        match tokio::task::spawn_blocking(move || read(&store)).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(Problem::failed(error)),
            Err(stopped) => Err(Problem::failed(stopped)),
        }
    }
}

//! SIGHUP: what can change while packets flow, and what needs a restart.
//!
//! A reload is all or nothing: everything new is built first, then swapped. RADIUS
//! workers take the new settings with their next batch; no packet is dropped.

use std::sync::Arc;

use arc_swap::ArcSwap;
use garth_radius::server::Settings;
use garth_store::Store;

use super::{portal, settings};
use crate::admin::Admin;
use crate::config::{Config, Enforcement, Gateway};

/// What a reload swaps.
pub(super) struct Reloadable {
    radius: Arc<ArcSwap<Settings>>,
    admin: Arc<Admin>,
    portal: Option<portal::Handle>,
    fixed: Fixed,
}

/// What only a restart changes.
#[derive(Clone, PartialEq)]
struct Fixed {
    store: crate::config::Store,
    billing: crate::config::Billing,
    radius: crate::config::Radius,
    enforcement: Enforcement,
    gateway: Gateway,
    socket: std::path::PathBuf,
    listeners: Option<(Vec<std::net::SocketAddr>, Vec<std::net::SocketAddr>)>,
    resolver: (Vec<std::net::SocketAddr>, Vec<std::net::SocketAddr>),
}

impl Fixed {
    fn of(config: &Config) -> Self {
        Self {
            store: config.store.clone(),
            billing: config.billing.clone(),
            radius: config.radius.clone(),
            enforcement: config.enforcement.clone(),
            gateway: config.gateway.clone(),
            socket: config.admin.socket.clone(),
            listeners: config
                .portal
                .as_ref()
                .map(|portal| (portal.http.clone(), portal.https.clone())),
            resolver: (
                config.garden.dns.clone(),
                config.garden.dns_upstream.clone(),
            ),
        }
    }

    /// The sections in which `other` differs.
    fn differs(&self, other: &Self) -> Vec<&'static str> {
        [
            ("store", self.store != other.store),
            ("billing", self.billing != other.billing),
            ("radius", self.radius != other.radius),
            ("enforcement", self.enforcement != other.enforcement),
            ("payments", self.gateway != other.gateway),
            ("admin.socket", self.socket != other.socket),
            (
                "portal.http, portal.https",
                self.listeners != other.listeners,
            ),
            (
                "garden.dns, garden.dns_upstream",
                self.resolver != other.resolver,
            ),
        ]
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(name))
        .collect()
    }
}

impl Reloadable {
    pub(super) fn new(
        config: &Config,
        radius: Arc<ArcSwap<Settings>>,
        admin: Arc<Admin>,
        portal: Option<portal::Handle>,
    ) -> Self {
        Self {
            radius,
            admin,
            portal,
            fixed: Fixed::of(config),
        }
    }

    /// Takes over what can change now; says what waits for a restart.
    ///
    /// # Errors
    /// Nothing is taken over if any part cannot be built.
    pub(super) fn apply(&mut self, config: &Config, store: &Store) -> anyhow::Result<()> {
        let radius = settings::radius(config)?;
        let portal = self
            .portal
            .as_ref()
            .map(|handle| handle.prepare(config))
            .transpose()?;
        let waiting = self.fixed.differs(&Fixed::of(config));
        if !waiting.is_empty() {
            tracing::warn!(
                sections = waiting.join(", "),
                "changes here take effect at the next restart"
            );
        }
        self.radius.store(Arc::new(radius));
        self.admin.set_roles(config.admin.roles.clone());
        store.set_policy(config.policy.clone());
        if let (Some(handle), Some(prepared)) = (&self.portal, portal) {
            handle.swap(prepared);
        }
        Ok(())
    }
}

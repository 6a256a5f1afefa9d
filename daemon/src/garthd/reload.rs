//! SIGHUP: what can change while packets flow, and what needs a restart.
//!
//! A reload is all or nothing: everything new is built first, then swapped. RADIUS
//! workers take the new settings with their next batch; no packet is dropped.

use std::sync::Arc;

use arc_swap::ArcSwap;
use garth_radius::server::Settings;
use garth_store::Store;

use super::{portal, radsec, revocation, settings};
use crate::admin::Admin;
use crate::clock;
use crate::config::{Config, Enforcement, Gateway, NamePattern};
use crate::radius::plan_terms;

/// What a reload swaps.
pub(super) struct Reloadable {
    radius: Arc<ArcSwap<Settings>>,
    admin: Arc<Admin>,
    portal: Option<portal::Handle>,
    radsec: Option<radsec::Handle>,
    revocation: Arc<revocation::Calendar>,
    fixed: Fixed,
}

/// What only a restart changes.
#[derive(Clone, PartialEq)]
struct Fixed {
    store: crate::config::Store,
    billing: crate::config::Billing,
    time: garth_store::TimeLimits,
    radius: crate::config::Radius,
    accounting: crate::config::Accounting,
    radsec: Option<Vec<std::net::SocketAddr>>,
    enforcement: Enforcement,
    gateway: Gateway,
    socket: std::path::PathBuf,
    listeners: Option<(Vec<std::net::SocketAddr>, Vec<std::net::SocketAddr>)>,
    pages: Option<(String, Box<str>, Option<std::path::PathBuf>)>,
    resolver: (Vec<std::net::SocketAddr>, Vec<std::net::SocketAddr>),
    allow: Vec<NamePattern>,
}

impl Fixed {
    fn of(config: &Config) -> Self {
        Self {
            store: config.store.clone(),
            billing: config.billing.clone(),
            time: config.time,
            radius: config.radius.clone(),
            accounting: config.accounting.clone(),
            radsec: config.radsec.as_ref().map(|radsec| radsec.listen.clone()),
            enforcement: config.enforcement.clone(),
            gateway: config.gateway.clone(),
            socket: config.admin.socket.clone(),
            listeners: config
                .portal
                .as_ref()
                .map(|portal| (portal.http.clone(), portal.https.clone())),
            pages: config.portal.as_ref().map(|portal| {
                (
                    portal.public_url.as_str().to_owned(),
                    portal.brand.clone(),
                    portal.locales_dir.clone(),
                )
            }),
            resolver: (
                config.garden.dns.clone(),
                config.garden.dns_upstream.clone(),
            ),
            allow: config.garden.allow.clone(),
        }
    }

    /// The sections in which `other` differs.
    fn differs(&self, other: &Self) -> Vec<&'static str> {
        [
            ("store", self.store != other.store),
            ("billing", self.billing != other.billing),
            ("time", self.time != other.time),
            ("radius", self.radius != other.radius),
            ("accounting", self.accounting != other.accounting),
            ("radsec.listen", self.radsec != other.radsec),
            ("enforcement", self.enforcement != other.enforcement),
            ("payments", self.gateway != other.gateway),
            ("admin.socket", self.socket != other.socket),
            (
                "portal.http, portal.https",
                self.listeners != other.listeners,
            ),
            (
                "portal.public_url, portal.brand, portal.locales_dir",
                self.pages != other.pages,
            ),
            ("garden.allow", self.allow != other.allow),
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
        radsec: Option<radsec::Handle>,
        revocation: Arc<revocation::Calendar>,
    ) -> Self {
        Self {
            radius,
            admin,
            portal,
            radsec,
            revocation,
            fixed: Fixed::of(config),
        }
    }

    /// Takes over what can change now; says what waits for a restart.
    ///
    /// # Errors
    /// Nothing is taken over if any part cannot be built.
    pub(super) fn apply(&mut self, config: &Config, store: &Store) -> anyhow::Result<()> {
        let radius = settings::radius(config, plan_terms(store))?;
        let portal = self
            .portal
            .as_ref()
            .map(|handle| handle.prepare(config))
            .transpose()?;
        let radsec = self
            .radsec
            .as_ref()
            .map(|handle| handle.prepare(config))
            .transpose()?;
        let due = revocation::due(config)?;
        let waiting = self.fixed.differs(&Fixed::of(config));
        if !waiting.is_empty() {
            tracing::warn!(
                sections = waiting.join(", "),
                "changes here take effect at the next restart"
            );
        }
        self.radius.store(Arc::new(radius));
        self.admin.set_roles(config.admin.roles.clone());
        store.set_policies(config.policies.clone());
        if let (Some(handle), Some(prepared)) = (&self.portal, portal) {
            handle.swap(prepared);
        }
        self.revocation.replace(due);
        self.revocation.say(clock::wall());
        // After the settings: it looks there which NASes are left.
        if let (Some(handle), Some(prepared)) = (&self.radsec, radsec) {
            handle.swap(prepared);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
[billing]
currency = "EUR"
time_zone = "Europe/Vienna"
[radius]
workers = 1
[radsec]
listen = ["0.0.0.0:2083"]
certificate_file = "/etc/garth/radsec.crt"
key_file = "/etc/garth/radsec.key"
client_ca_file = "/etc/garth/radsec-ca.crt"
[[nas]]
name = "pppoe-1"
address = "192.0.2.0/24"
secret = "tulip"
[garden]
allow = ["bank.example"]
dns = ["127.0.0.1:53"]
dns_upstream = ["192.0.2.53:53"]
down_kbps = 1000
on_stop = "open"
[enforcement]
backend = "nftables"
interfaces = ["ppp0"]
[lifecycle.suspension]
enabled = true
[time]
mass_change_percent = 20
[accounting]
session_age_seconds = 3600
[portal]
http = ["0.0.0.0:8080"]
public_url = "http://portal.example.net"
brand = "Example"
[payments]
gateway = "sandbox"
sandbox_listen = "127.0.0.1:8090"
sandbox_public_url = "http://127.0.0.1:8090"
[admin]
socket = "/run/garth/admin.sock"
[admin.roles]
alice = "viewer"
"#;

    fn waits(from: &str, to: &str) -> Vec<&'static str> {
        assert!(FILE.contains(from), "{from}");
        let fixed = |text: &str| {
            let config = Config::read("garthd.toml", text, None);
            Fixed::of(&config.unwrap_or_else(|report| panic!("{report:?}")))
        };
        fixed(FILE).differs(&fixed(&FILE.replace(from, to)))
    }

    #[test]
    fn what_a_reload_does_not_take_over_is_named() {
        for (from, to, section) in [
            ("EUR", "USD", "billing"),
            ("percent = 20", "percent = 30", "time"),
            ("workers = 1", "workers = 2", "radius"),
            ("age_seconds = 3600", "age_seconds = 3601", "accounting"),
            ("0.0.0.0:2083", "0.0.0.0:2084", "radsec.listen"),
            ("ppp0", "ppp1", "enforcement"),
            ("0.0.0.0:8080", "0.0.0.0:8081", "portal.http, portal.https"),
            (
                "127.0.0.1:53\"",
                "127.0.0.1:54\"",
                "garden.dns, garden.dns_upstream",
            ),
            ("bank.example", "shop.example", "garden.allow"),
            (
                "portal.example.net",
                "pay.example.net",
                "portal.public_url, portal.brand, portal.locales_dir",
            ),
            (
                "\"Example\"",
                "\"Other\"",
                "portal.public_url, portal.brand, portal.locales_dir",
            ),
            (
                "127.0.0.1:8090\"\nsandbox_p",
                "127.0.0.1:8091\"\nsandbox_p",
                "payments",
            ),
            ("admin.sock", "other.sock", "admin.socket"),
        ] {
            assert_eq!(waits(from, to), [section], "{from} -> {to}");
        }
    }

    #[test]
    fn what_a_reload_takes_over_waits_for_nothing() {
        for (from, to) in [
            ("tulip", "rose"),
            ("radsec.crt", "other.crt"),
            ("192.0.2.0/24", "192.0.2.0/25"),
            ("down_kbps = 1000", "down_kbps = 2000"),
            ("on_stop = \"open\"", "on_stop = \"closed\""),
            ("enabled = true", "enabled = false"),
            ("viewer", "operator"),
        ] {
            assert!(waits(from, to).is_empty(), "{from} -> {to}");
        }
    }
}

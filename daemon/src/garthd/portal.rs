//! Sets up the portal and, in test mode, the sandbox gateway beside it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use arc_swap::ArcSwap;
use garth_captive_portal::{Https, Listeners, Portal, PortalConfig, Services};
use garth_payments::sandbox::{LATE_AFTER, NAME, Sandbox, SandboxConfig};
use garth_payments::signature::SigningSecret;
use garth_payments::{Gateways, WebUrl};
use garth_store::Store;
use rustls::ServerConfig;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use super::stop::Stop;
use super::{Essential, tls};
use crate::admin::PortalDoor;
use crate::cashier::Cashier;
use crate::clock;
use crate::config::{Config, Gateway, ShownTo};
use crate::desk::{self, FrontDesk};
use crate::enforcer::Released;

/// Connections that wait to be accepted; the kernel drops further ones, and browsers try again.
const BACKLOG: i32 = 1_024;

/// What the portal works with.
pub(super) struct Parts {
    pub(super) store: Store,
    pub(super) cashier: Arc<Cashier>,
    pub(super) released: Arc<Released>,
}

/// A running portal's parts that others reach: what a reload can change, and who lets operators in.
pub(super) struct Handle {
    tls: Option<Arc<ArcSwap<ServerConfig>>>,
    shown: Arc<ArcSwap<ShownTo>>,
    door: PortalDoor,
}

/// What a reload puts in place: menus and fields, and a certificate that was read and fits its key.
pub(super) struct Prepared {
    tls: Option<Arc<ServerConfig>>,
    shown: Option<Arc<ShownTo>>,
}

impl Handle {
    /// Reads anew what can change.
    pub(super) fn prepare(&self, config: &Config) -> anyhow::Result<Prepared> {
        let shown = config.portal.as_ref();
        let shown = shown.map(|portal| Arc::new(portal.shown.clone()));
        let tls = match (&self.tls, &config.portal) {
            (Some(_), Some(portal)) if portal.certificate.is_some() => Some(tls::config(portal)?),
            // A self-signed certificate stays: browsers that accepted it know it.
            (Some(_) | None, Some(_) | None) => None,
        };
        Ok(Prepared { tls, shown })
    }

    /// Where operators' passes lead.
    pub(super) fn door(&self) -> PortalDoor {
        self.door.clone()
    }

    /// The next connection uses what was prepared.
    pub(super) fn swap(&self, prepared: Prepared) {
        if let (Some(current), Some(next)) = (&self.tls, prepared.tls) {
            current.store(next);
        }
        if let Some(shown) = prepared.shown {
            self.shown.store(shown);
        }
    }
}

/// Starts the configured gateway.
pub(super) async fn start_gateway(
    config: &Config,
    essential: &mut Essential,
    stop: &Stop,
) -> anyhow::Result<Gateways> {
    let Gateway::Sandbox(sandbox) = &config.gateway else {
        return Ok(Gateways::Off);
    };
    let portal = config
        .portal
        .as_ref()
        .context("payments need a portal section")?;
    let webhook = portal
        .http
        .first()
        .context("the sandbox gateway needs portal.http for its webhooks")?;
    let webhook_url = format!("http://{}/gateway/{NAME}", reachable(*webhook)).parse::<WebUrl>()?;
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).expect("the system has randomness from boot on");
    let secret: String = secret.iter().map(|octet| format!("{octet:02x}")).collect();
    let started = Sandbox::start(
        SandboxConfig {
            listener: listen(sandbox.listen).context("payments.sandbox_listen")?,
            public_url: sandbox.public_url.as_str().parse()?,
            state_path: sandbox_book(&config.store.path),
            webhook_url,
            signing_secret: SigningSecret::new(secret.into())?,
            late_after: LATE_AFTER,
        },
        Arc::new(clock::wall),
    )
    .await
    .context("the sandbox gateway cannot start")?;
    tracing::warn!("TEST MODE: payments go to the sandbox gateway and no money moves");
    let gateway = Arc::new(started.gateway());
    let mut stop = stop.clone();
    essential.spawn(async move {
        stop.wait().await;
        started.shutdown().await;
        ("sandbox gateway", Ok(()))
    });
    Ok(Gateways::Sandbox(gateway))
}

/// Where the sandbox keeps its own book: beside the store, never in it.
fn sandbox_book(store: &Path) -> std::path::PathBuf {
    store.with_extension("sandbox-TEST-MODE")
}

/// The address under which a listener on this machine can be reached from this machine.
fn reachable(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listening.port())
}

/// Binds the portal and serves it.
pub(super) fn start(
    config: &Config,
    parts: Parts,
    essential: &mut Essential,
    stop: &Stop,
) -> anyhow::Result<Option<Handle>> {
    let Some(portal) = &config.portal else {
        return Ok(None);
    };
    let public_url: WebUrl = portal.public_url.as_str().parse()?;
    let mut settings = PortalConfig::new(public_url.clone(), &portal.brand, config.billing.zone);
    settings.texts = portal.locales_dir.clone();
    if let Gateway::Sandbox(sandbox) = &config.gateway {
        settings
            .gateway_urls
            .push(sandbox.public_url.as_str().parse()?);
    }
    let http = listen_all(&portal.http).context("portal.http")?;
    let https_listeners = listen_all(&portal.https).context("portal.https")?;
    let tls = match https_listeners.is_empty() {
        true => None,
        false => Some(Arc::new(ArcSwap::new(tls::config(portal)?))),
    };
    let https = tls.clone().map(|tls| Https {
        listeners: https_listeners,
        tls,
    });
    let door = PortalDoor {
        passes: Arc::default(),
        public_url: portal.public_url.as_str().to_owned(),
    };
    let shown = Arc::new(ArcSwap::from_pointee(portal.shown.clone()));
    let parts = desk::Parts {
        store: parts.store,
        cashier: parts.cashier,
        released: parts.released,
        passes: Arc::clone(&door.passes),
        shown: Arc::clone(&shown),
    };
    let desk = Arc::new(FrontDesk::new(parts, public_url));
    let served = Portal::new(settings, Services::of(&desk), Arc::new(clock::wall))?;
    let mut stop = stop.clone();
    essential.spawn(async move {
        served
            .serve(Listeners { http, https }, async move { stop.wait().await })
            .await;
        ("portal", Ok(()))
    });
    Ok(Some(Handle { tls, shown, door }))
}

pub(super) fn listen_all(addresses: &[SocketAddr]) -> anyhow::Result<Vec<TcpListener>> {
    addresses.iter().map(|address| listen(*address)).collect()
}

fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let bind = || {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        TcpListener::from_std(socket.into())
    };
    bind().with_context(|| format!("cannot listen on {address}"))
}

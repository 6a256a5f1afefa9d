//! The garden's DNS resolver on this router, and its way into the allow sets of nftables.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use garth_captive_portal::dns::{self, AllowList, AllowSet, NotAdmitted, Resolver};
use garth_enforcement::Allow;
use tokio::net::{TcpListener, UdpSocket};

use super::Essential;
use super::stop::Stop;
use crate::config::{Config, Enforcement, NamePattern};

/// How long an allowed destination stays open after it was last asked for.
const HOLD: Duration = Duration::from_secs(600);

/// The resolver as it runs here.
pub(crate) type GardenDns = Resolver<KernelAllow>;

/// The allow sets of the kernel; nothing to open where a remote NAS enforces.
#[derive(Debug)]
pub(crate) struct KernelAllow(Option<Arc<Mutex<Allow>>>);

impl AllowSet for KernelAllow {
    async fn admit(&self, addresses: &[IpAddr], hold: Duration) -> Result<(), NotAdmitted> {
        let Some(allow) = self.0.clone() else {
            return Ok(());
        };
        let addresses = addresses.to_vec();
        let admitted = tokio::task::spawn_blocking(move || {
            allow
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .admit(&addresses, hold)
        });
        match admitted.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                tracing::error!(%error, "allowed destinations could not be opened");
                Err(NotAdmitted)
            }
            Err(_) => Err(NotAdmitted),
        }
    }
}

/// Binds the resolver's sockets and serves them; without any there is no resolver.
///
/// # Errors
/// An address that cannot be listened on, or no way to nftables.
pub(super) async fn start(
    config: &Config,
    essential: &mut Essential,
    stop: &Stop,
) -> anyhow::Result<Option<Arc<GardenDns>>> {
    if config.garden.dns.is_empty() {
        return Ok(None);
    }
    let allow = match config.enforcement {
        Enforcement::Nftables { .. } => Some(Arc::new(Mutex::new(Allow::open()?))),
        Enforcement::None => None,
    };
    let patterns = config.garden.allow.iter().map(|pattern| match pattern {
        NamePattern::Exact(name) => name.to_string(),
        NamePattern::Below(name) => format!("*.{name}"),
    });
    let settings = dns::Config {
        upstreams: config.garden.dns_upstream.clone(),
        allow: AllowList::new(patterns)?,
        hold: HOLD,
    };
    let resolver = Resolver::new(settings, KernelAllow(allow));
    for address in &config.garden.dns {
        let (udp, tcp) = bind(*address)
            .await
            .with_context(|| format!("cannot listen on garden.dns {address}"))?;
        let (serving, mut udp_stop) = (Arc::clone(&resolver), stop.clone());
        essential.spawn(async move {
            let served = udp_stop.unless(serving.serve_udp(udp)).await;
            (
                "garden DNS",
                served.unwrap_or(Ok(())).map_err(anyhow::Error::from),
            )
        });
        let (serving, mut tcp_stop) = (Arc::clone(&resolver), stop.clone());
        essential.spawn(async move {
            tcp_stop.unless(serving.serve_tcp(tcp)).await;
            ("garden DNS over TCP", Ok(()))
        });
    }
    Ok(Some(resolver))
}

async fn bind(address: SocketAddr) -> std::io::Result<(UdpSocket, TcpListener)> {
    Ok((
        UdpSocket::bind(address).await?,
        TcpListener::bind(address).await?,
    ))
}

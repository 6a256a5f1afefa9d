//! From a TCP connection to a NAS: places for strangers, the handshake, who it is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::server::Acceptor;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::connection::{self, Connection};
use super::gate::{Gate, Turn};
use super::identity::Shown;
use super::roster::Seat;
use super::tls::why_refused;
use super::{Client, Entrance, Live, RadSec, Refused, Roster, Version};
use crate::clock;
use crate::garthd::stop::Stop;

/// The wait after the system refused a connection (too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How a NAS that is gone without a word is found out, after 60 + 4 × 15 seconds: its connection must not hold a
/// place for an hour.
const KEEPALIVE_TIME: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_RETRIES: u32 = 4;

/// Serves RadSec on `listeners` until it is time to stop; what was asked until then is answered.
pub(crate) async fn serve(entrance: Entrance, listeners: Vec<TcpListener>, mut stop: Stop) {
    let entrance = Arc::new(entrance);
    let gate = Arc::new(Gate::new(entrance.radsec.limits));
    let mut accepting = JoinSet::new();
    for listener in listeners {
        let (entrance, gate) = (Arc::clone(&entrance), Arc::clone(&gate));
        accepting.spawn(accept(entrance, gate, listener, stop.clone()));
    }
    stop.wait().await;
    while accepting.join_next().await.is_some() {}
}

async fn accept(entrance: Arc<Entrance>, gate: Arc<Gate>, listener: TcpListener, mut stop: Stop) {
    let mut connections = JoinSet::new();
    let mut next = stop.clone();
    while let Some(accepted) = next.unless(listener.accept()).await {
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, source)) => match gate.enter(source.ip(), Instant::now()) {
                Ok(turn) => {
                    let guest = guest(Arc::clone(&entrance), stream, source, turn, stop.clone());
                    connections.spawn(guest);
                }
                Err(reason) => refuse(&entrance.radsec, source, reason),
            },
            Err(error) => {
                if entrance.radsec.accept_faults.may_be_said(Instant::now()) {
                    tracing::warn!(%error, "RadSec cannot accept; pausing");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    stop.wait().await;
    while connections.join_next().await.is_some() {}
}

fn refuse(radsec: &RadSec, source: SocketAddr, reason: Refused) {
    radsec.meters.refused(reason);
    tracing::debug!(%source, reason = reason.as_str(), "a RadSec connection is refused");
}

/// A connection from its first octet to its last.
async fn guest(
    entrance: Arc<Entrance>,
    stream: TcpStream,
    source: SocketAddr,
    turn: Turn,
    mut stop: Stop,
) {
    let radsec = &entrance.radsec;
    // Before anything is looked at: a reload while hands are shaken must not be missed.
    let changed = radsec.changed.subscribe();
    let Some(welcomed) = stop.unless(welcome(radsec, stream, source, turn)).await else {
        return;
    };
    let (stream, client, seat) = match welcomed {
        Ok(welcomed) => welcomed,
        Err(reason) => return refuse(radsec, source, reason),
    };
    radsec.meters.connected();
    let client = Arc::new(client);
    let connection = Connection {
        radsec: Arc::clone(radsec),
        desks: entrance.desks.clone(),
        client: Arc::clone(&client),
        changed,
    };
    let ended = connection::run(connection, stream, stop).await;
    drop(seat);
    radsec.meters.ended(ended);
    tracing::debug!(%source, certificate = %client.certificate, reason = ended.as_str(), "a RadSec connection is over");
}

/// From a stranger to a NAS with a place of its own, as long as the stranger's place lasts.
async fn welcome(
    radsec: &Arc<RadSec>,
    stream: TcpStream,
    source: SocketAddr,
    mut turn: Turn,
) -> Result<(TlsStream<TcpStream>, Client, Seat), Refused> {
    // Without them it would be slower, and a dead peer be found later.
    drop(stream.set_nodelay(true));
    drop(SockRef::from(&stream).set_tcp_keepalive(&keepalive()));
    let handshake = tokio::time::timeout(radsec.limits.handshake_timeout, shake(radsec, stream));
    let (stream, version) = tokio::select! {
        shaken = handshake => shaken.unwrap_or(Err(Refused::Slow))?,
        () = turn.lost() => return Err(Refused::MadeWay),
    };
    let (client, seat) = admit(radsec, &stream, source, version)?;
    turn.let_in();
    Ok((stream, client, seat))
}

fn keepalive() -> TcpKeepalive {
    TcpKeepalive::new()
        .with_time(KEEPALIVE_TIME)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_RETRIES)
}

/// The handshake, with the configuration that fits what the client offers.
async fn shake(
    radsec: &RadSec,
    stream: TcpStream,
) -> Result<(TlsStream<TcpStream>, Version), Refused> {
    let failed = |error: std::io::Error| {
        tracing::debug!(%error, "no TLS handshake for RadSec");
        why_refused(&error)
    };
    let start = LazyConfigAcceptor::new(Acceptor::default(), stream);
    let start = start.await.map_err(failed)?;
    let (_, config) = radsec.tls.load().choose(start.client_hello().alpn())?;
    let stream = start.into_stream(config).await.map_err(failed)?;
    let (_, session) = stream.get_ref();
    // What was agreed on, not what was meant: a client that speaks of no version gets the historic one.
    let version = match session.alpn_protocol() {
        Some(garth_radius::radius11::ALPN) => Version::V11,
        Some(_) | None => Version::Historic,
    };
    Ok((stream, version))
}

/// Finds out which NAS it is, and takes a place for it.
fn admit(
    radsec: &Arc<RadSec>,
    stream: &TlsStream<TcpStream>,
    source: SocketAddr,
    version: Version,
) -> Result<(Client, Seat), Refused> {
    let (_, session) = stream.get_ref();
    let chain = session.peer_certificates().unwrap_or_default();
    let shown = chain.first().map(Shown::of).ok_or(Refused::NoCertificate)?;
    let settings = radsec.settings.load();
    let (certificate, nas) = shown.nas(settings.nas()).inspect_err(|reason| {
        // Not a stranger: an authority we trust has signed this. So it is worth a line for an operator.
        if radsec.unknown_nases.may_be_said(Instant::now()) {
            tracing::warn!(
                %source,
                certificate = %shown,
                reason = reason.as_str(),
                "a RadSec client is refused: its certificate must be that of exactly one [[nas]]"
            );
        }
    })?;
    let nas = Arc::clone(&nas.name);
    let live = Live {
        nas: Arc::clone(&nas),
        source,
        version,
        since: clock::wall(),
    };
    let seat = Roster::enter(radsec, live)?;
    tracing::info!(%nas, %source, version = version.as_str(), "a NAS is connected over RadSec");
    let client = Client {
        source,
        nas,
        certificate,
        chain: chain.iter().map(|der| der.clone().into_owned()).collect(),
        version,
    };
    Ok((client, seat))
}

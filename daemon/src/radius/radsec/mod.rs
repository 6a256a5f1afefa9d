//! RadSec: RADIUS over TLS (RFC 6614, N7) and RADIUS/1.1 (RFC 9765), both ports on one.
//!
//! A NAS is who its certificate says. A connection reads packets, hands them to one of three threads (authentication,
//! EAP, accounting) with a server of their own, and writes what comes back, in the order of the answers. So the UDP
//! workers never wait for TLS, PAP, CHAP and Status-Server never wait for a handshake of EAP, and an answer never
//! waits for a record of another that is on its way to the disk.
//!
//! Everything is bounded ([`Limits`]): a client that does not read its answers is not read from any more, and
//! then cut; a stranger holds a place for as long as a handshake may take, and takes none from those we know (`gate`).
//!
//! A connection is worth what a new one of its client would be: after a reload each one is held against the new
//! settings, and ends where it would not be let in any more.
//!
//! Not here: what octets mean (`radius`), CoA and Disconnect requests over the connection of the NAS: they go
//! over UDP.

mod connection;
mod desks;
mod gate;
mod hush;
mod identity;
mod listen;
mod meters;
mod roster;
#[cfg(test)]
mod tests;
mod tls;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use garth_radius::certificate::CertificateName;
use garth_radius::server::Settings;
use garth_store::Store;
use rustls::pki_types::CertificateDer;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};

use desks::{Desks, Share};
use hush::Hush;
use identity::Shown;

pub(crate) use listen::serve;
pub(crate) use meters::{Ended, Meters, Refused};
pub(crate) use roster::{Live, Roster};
pub(crate) use tls::Tls;
pub(crate) use worker::Worker;

/// The threads that answer.
pub(crate) const THREADS: usize = 3;

/// The bounds of everything a peer can make us hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections of known NASes.
    pub(crate) connections_max: usize,
    /// Connections of one NAS.
    pub(crate) per_nas_max: usize,
    /// Connections that have not yet shown who they are: of strangers, and as many of sources that were let in before.
    pub(crate) handshakes_max: usize,
    /// The same from one source: an IPv4 address, or an IPv6 network of 64 bits.
    pub(crate) handshakes_per_source_max: usize,
    /// Sources that are remembered as let in.
    pub(crate) known_sources_max: usize,
    /// Requests of one connection that have no answer yet, or one that is not yet written.
    pub(crate) in_flight_max: usize,
    /// Requests that wait for each of the threads.
    pub(crate) queue_len_max: usize,
    /// Of those for EAP, the ones of one NAS: each may cost a handshake, and anybody near an access point can ask for one.
    pub(crate) eap_per_nas_max: usize,
    /// From the connection to the end of the handshake.
    pub(crate) handshake_timeout: Duration,
    /// What a handshake has in any case, however many others want its place.
    pub(crate) handshake_patience: Duration,
    /// Without a packet. A NAS that wants to keep its connection asks Status-Server now and then (RFC 3539).
    pub(crate) idle_timeout: Duration,
    /// For a write, and for the last answers of a connection that ends. Less than the daemon waits at a stop.
    pub(crate) write_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 1_024,
            per_nas_max: 64,
            handshakes_max: 256,
            handshakes_per_source_max: 16,
            known_sources_max: 1_024,
            in_flight_max: 256,
            queue_len_max: 1_024,
            eap_per_nas_max: 128,
            handshake_timeout: Duration::from_secs(10),
            handshake_patience: Duration::from_millis(500),
            idle_timeout: Duration::from_secs(3_600),
            write_timeout: Duration::from_secs(5),
        }
    }
}

/// What a connection speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Version {
    /// RADIUS over TLS as of RFC 6614.
    Historic,
    /// RADIUS/1.1 (RFC 9765).
    V11,
}

impl Version {
    /// Every one.
    pub(crate) const ALL: [Self; 2] = [Self::Historic, Self::V11];

    /// As a metric names it.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Historic => "radius_1_0",
            Self::V11 => "radius_1_1",
        }
    }

    /// As in ALPN.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Historic => "radius/1.0",
            Self::V11 => "radius/1.1",
        }
    }
}

/// Who is at the other end of a connection.
struct Client {
    source: SocketAddr,
    nas: Arc<str>,
    certificate: CertificateName,
    /// What it showed, its own certificate first.
    chain: Vec<CertificateDer<'static>>,
    version: Version,
}

/// A packet that waits for its answer.
struct Request {
    octets: Box<[u8]>,
    client: Arc<Client>,
    answers: mpsc::Sender<Answer>,
    place: OwnedSemaphorePermit,
    /// With EAP: a place among those of its NAS.
    _share: Option<Share>,
}

/// What a connection is told by the threads.
enum Answer {
    /// Send this. The request's place is free once it is written.
    Reply {
        octets: Box<[u8]>,
        place: OwnedSemaphorePermit,
    },
    /// The client cannot be served any further.
    End(Ended),
}

impl Request {
    fn reply(self, octets: &[u8]) {
        let answer = Answer::Reply {
            octets: octets.into(),
            place: self.place,
        };
        // There are as many rooms as places, so it is not full; a connection that has ended wants no answer.
        drop(self.answers.try_send(answer));
    }

    fn end(self, ended: Ended) {
        drop(self.answers.try_send(Answer::End(ended)));
    }
}

/// What all connections share, and what others see of them.
pub(crate) struct RadSec {
    limits: Limits,
    /// For its clock: a clock of the machine that has jumped is no reason to cut anybody.
    store: Store,
    settings: Arc<ArcSwap<Settings>>,
    tls: ArcSwap<Tls>,
    /// Told after each change of `settings` or `tls` that may cost a NAS its connection.
    changed: watch::Sender<()>,
    accept_faults: Hush,
    unknown_nases: Hush,
    roster: Roster,
    meters: Arc<Meters>,
    numbers: AtomicU64,
}

/// Where requests go in, and the threads that take them.
pub(crate) struct Entrance {
    desks: Desks,
    radsec: Arc<RadSec>,
}

impl RadSec {
    /// What `[radsec]` needs but for its listeners: the shared part, the way in, and the threads to be started.
    pub(crate) fn new(
        limits: Limits,
        shared: &super::Shared,
        tls: Tls,
        seeds: [u64; THREADS],
    ) -> (Arc<Self>, Entrance, [Worker; THREADS]) {
        let meters = Arc::new(Meters::default());
        let (desks, [asked, shaken, told]) = Desks::new(&limits);
        let [first, second, third] = seeds;
        let workers = [
            Worker::authentication(shared.clone(), asked, first),
            Worker::eap(shared.clone(), shaken, second),
            Worker::accounting(shared.clone(), told, third),
        ];
        let radsec = Arc::new(Self {
            limits,
            store: shared.store.clone(),
            settings: Arc::clone(&shared.settings),
            tls: ArcSwap::from_pointee(tls),
            changed: watch::Sender::new(()),
            accept_faults: Hush::default(),
            unknown_nases: Hush::default(),
            roster: Roster::new(limits.connections_max, limits.per_nas_max),
            meters,
            numbers: AtomicU64::new(0),
        });
        let entrance = Entrance {
            desks,
            radsec: Arc::clone(&radsec),
        };
        (radsec, entrance, workers)
    }

    /// New connections use `tls`, if there is a new one; those that would not be let in now are cut.
    pub(crate) fn reloaded(&self, tls: Option<Tls>) {
        if let Some(tls) = tls {
            self.tls.store(Arc::new(tls));
        }
        self.changed.send_replace(());
    }

    /// Whether the client of a connection would be let in now, as the NAS it is and speaking what it speaks.
    ///
    /// One of whose certificate no list can tell whether it is revoked stays: that is the fault of the list.
    ///
    /// # Errors
    /// What the end of the connection is counted as, and what a new one would be refused for.
    fn would_admit(&self, client: &Client) -> Result<(), (Ended, Refused)> {
        let tls = self.tls.load();
        if !tls.speaks(client.version) {
            return Err((Ended::OtherVersion, Refused::NoVersion));
        }
        let own = client.chain.split_first();
        let (certificate, rest) = own.ok_or((Ended::Untrusted, Refused::NoCertificate))?;
        match tls.trusts(certificate, rest, self.store.now()) {
            Ok(()) => {}
            Err(Refused::RevocationUnknown) => {
                tracing::warn!(nas = %client.nas, source = %client.source, certificate = %client.certificate, "no revocation list tells of the certificate of a RadSec connection: it stays, and could not be made anew");
            }
            Err(why) => return Err((Ended::Untrusted, why)),
        }
        let settings = self.settings.load();
        match Shown::of(certificate).nas(settings.nas()) {
            Ok((name, nas)) if name == client.certificate && nas.name == client.nas => Ok(()),
            Ok(_) => Err((Ended::Removed, Refused::UnknownNas)),
            Err(why) => Err((Ended::Removed, why)),
        }
    }

    /// Who is connected.
    pub(crate) fn roster(&self) -> &Roster {
        &self.roster
    }

    /// What was counted.
    pub(crate) fn meters(&self) -> Arc<Meters> {
        Arc::clone(&self.meters)
    }

    /// A number that no other connection has.
    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }
}

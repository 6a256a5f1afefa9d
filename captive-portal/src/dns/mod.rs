//! The garden's DNS resolver: real answers, and a door opened before each allowed one (N23).
//!
//! A forwarder over UDP and TCP. Every answer is the upstream's own, with its TTLs between 30 and 60
//! seconds, so that clients ask again soon after their release and while they use an allowed
//! destination. The addresses of an allowed name are handed to an [`AllowSet`] and the reply waits
//! until they are in force. It keeps no cache, so there is no answer that skips that step; the
//! upstream has one.
//!
//! Limits: questions under way, TCP connections, rate and questions per source, all named here and in
//! `limit`; over the limit a datagram is dropped (the client asks again) and a connection closed. Sources
//! other than the garden are kept away by the firewall, not here.
//!
//! Not here: DNSSEC validation (the upstream's, or the client's: signatures pass unchanged), the
//! firewall (`enforcement`).

mod limit;
mod name;
mod upstream;
mod wire;

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use limit::{Permit, Sources};
use upstream::{Transport, read_framed, write_framed};
use wire::{Code, QUERY_LEN_MAX, Query};

pub use name::{AllowList, NameError};

/// Questions over UDP that wait for their answer, each with a socket and a task.
const DATAGRAMS_AT_ONCE_MAX: usize = 512;
/// Open TCP connections of clients.
const CONNECTIONS_MAX: usize = 128;
/// Questions on one connection.
const QUESTIONS_PER_CONNECTION_MAX: usize = 32;
/// How long a connection may be silent, and how long a reply may take to be read.
const CONNECTION_WAIT: Duration = Duration::from_secs(5);
/// How long the allow set may take before the question is failed; it is asked again then.
const ADMIT_WAIT: Duration = Duration::from_secs(2);
/// The pause after a failed `accept`: file descriptors are short, and an empty loop would not free any.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where the addresses of allowed names are opened.
pub trait AllowSet: Send + Sync + 'static {
    /// Opens `addresses` for `hold` from now. They are in force when this completes.
    fn admit(
        &self,
        addresses: &[IpAddr],
        hold: Duration,
    ) -> impl Future<Output = Result<(), NotAdmitted>> + Send;
}

/// The addresses could not be opened; the client is told to ask again.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the addresses could not be opened")]
pub struct NotAdmitted;

/// What the resolver is built from.
#[derive(Clone, Debug)]
pub struct Config {
    /// Resolvers that answer for real, in order of preference.
    pub upstreams: Vec<SocketAddr>,
    /// The names that are opened.
    pub allow: AllowList,
    /// How long an address stays open after it was last answered. Longer than the TTL: an open page goes on
    /// talking to the address it knows.
    pub hold: Duration,
}

/// What became of a question.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Outcome {
    /// Answered as the upstream did.
    Answered,
    /// Answered, and its addresses opened before.
    Admitted,
    /// Dropped: not a query with one question.
    Malformed,
    /// Dropped: its source asks too much.
    SourceLimit,
    /// Dropped: too many questions or connections are under way.
    Busy,
    /// Refused: a transfer, or a class other than the Internet.
    Refused,
    /// Failed: no upstream gave an answer.
    NoAnswer,
    /// Failed: the addresses could not be opened.
    NotAdmitted,
}

impl Outcome {
    /// All of them, for metrics.
    pub const ALL: [Self; 8] = [
        Self::Answered,
        Self::Admitted,
        Self::Malformed,
        Self::SourceLimit,
        Self::Busy,
        Self::Refused,
        Self::NoAnswer,
        Self::NotAdmitted,
    ];

    /// The label of the metric.
    pub fn label(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Admitted => "admitted",
            Self::Malformed => "malformed",
            Self::SourceLimit => "source_limit",
            Self::Busy => "busy",
            Self::Refused => "refused",
            Self::NoAnswer => "no_answer",
            Self::NotAdmitted => "not_admitted",
        }
    }
}

/// The resolver. Dropping the futures of [`Self::serve_udp`] and [`Self::serve_tcp`] ends all its work.
#[derive(Debug)]
pub struct Resolver<A> {
    config: Config,
    allow_set: A,
    sources: Arc<Sources>,
    datagrams: Arc<Semaphore>,
    connections: Arc<Semaphore>,
    outcomes: [AtomicU64; Outcome::ALL.len()],
    started: Instant,
}

impl<A: AllowSet> Resolver<A> {
    /// A resolver that asks by `config` and opens by `allow_set`. Must be called in a Tokio runtime.
    pub fn new(config: Config, allow_set: A) -> Arc<Self> {
        Arc::new(Self {
            config,
            allow_set,
            sources: Sources::new(),
            datagrams: Arc::new(Semaphore::new(DATAGRAMS_AT_ONCE_MAX)),
            connections: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            outcomes: [const { AtomicU64::new(0) }; Outcome::ALL.len()],
            started: Instant::now(),
        })
    }

    /// How many questions had this outcome.
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize].load(Ordering::Relaxed)
    }

    /// Answers datagrams until the socket fails.
    ///
    /// # Errors
    ///
    /// What the socket said.
    pub async fn serve_udp(self: Arc<Self>, socket: UdpSocket) -> io::Result<()> {
        let socket = Arc::new(socket);
        // One octet more shows what is too long.
        let mut buffer = [0; QUERY_LEN_MAX + 1];
        let mut tasks = JoinSet::new();
        loop {
            let (length, source) = match socket.recv_from(&mut buffer).await {
                // The client of an earlier reply is gone; that says nothing about this socket.
                Err(error) if is_of_a_peer(&error) => continue,
                received => received?,
            };
            while tasks.try_join_next().is_some() {}
            let Some(permits) = self.permits(&self.datagrams, source.ip()) else {
                continue;
            };
            let Ok(query) = Query::read(&buffer[..length]) else {
                self.note(Outcome::Malformed);
                continue;
            };
            let (resolver, socket) = (Arc::clone(&self), Arc::clone(&socket));
            tasks.spawn(async move {
                let reply = query.fit_datagram(resolver.answer(&query, Transport::Udp).await);
                // A client that is gone needs no answer.
                drop(socket.send_to(&reply, source).await);
                drop(permits);
            });
        }
    }

    /// Answers on connections; does not end by itself.
    pub async fn serve_tcp(self: Arc<Self>, listener: TcpListener) {
        let mut tasks = JoinSet::new();
        loop {
            let Ok((stream, source)) = listener.accept().await else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            while tasks.try_join_next().is_some() {}
            let Some(permits) = self.permits(&self.connections, source.ip()) else {
                continue;
            };
            let resolver = Arc::clone(&self);
            tasks.spawn(async move {
                // How a connection ends concerns nobody else.
                drop(resolver.converse(stream, source.ip()).await);
                drop(permits);
            });
        }
    }

    async fn converse(&self, mut stream: TcpStream, source: IpAddr) -> io::Result<()> {
        for _ in 0..QUESTIONS_PER_CONNECTION_MAX {
            let octets =
                timeout(CONNECTION_WAIT, read_framed(&mut stream, QUERY_LEN_MAX)).await??;
            let Some(permit) = self.source_permit(source) else {
                break;
            };
            let Ok(query) = Query::read(&octets) else {
                self.note(Outcome::Malformed);
                break;
            };
            let reply = self.answer(&query, Transport::Tcp).await;
            drop(permit);
            timeout(CONNECTION_WAIT, write_framed(&mut stream, &reply)).await??;
        }
        Ok(())
    }

    /// The octets of the reply, once everything they promise is in force.
    async fn answer(&self, query: &Query, transport: Transport) -> Vec<u8> {
        if !query.is_ordinary() {
            self.note(Outcome::Refused);
            return query.failure(Code::Refused);
        }
        let Some(reply) = upstream::ask(&self.config.upstreams, query, transport).await else {
            self.note(Outcome::NoAnswer);
            return query.failure(Code::ServerFailure);
        };
        if !self.config.allow.allows(&query.name) {
            self.note(Outcome::Answered);
            return reply;
        }
        let Ok(addresses) = query.addresses(&reply) else {
            self.note(Outcome::NoAnswer);
            return query.failure(Code::ServerFailure);
        };
        if addresses.is_empty() {
            self.note(Outcome::Answered);
            return reply;
        }
        match timeout(
            ADMIT_WAIT,
            self.allow_set.admit(&addresses, self.config.hold),
        )
        .await
        {
            Ok(Ok(())) => {
                self.note(Outcome::Admitted);
                reply
            }
            // An address that is told but closed would be remembered by the client for a minute.
            Ok(Err(NotAdmitted)) | Err(_) => {
                self.note(Outcome::NotAdmitted);
                query.failure(Code::ServerFailure)
            }
        }
    }

    fn permits(
        &self,
        all: &Arc<Semaphore>,
        source: IpAddr,
    ) -> Option<(Permit, OwnedSemaphorePermit)> {
        let own = self.source_permit(source)?;
        let Ok(shared) = Arc::clone(all).try_acquire_owned() else {
            self.note(Outcome::Busy);
            return None;
        };
        Some((own, shared))
    }

    fn source_permit(&self, source: IpAddr) -> Option<Permit> {
        let permit = self.sources.permit(source, self.started.elapsed());
        if permit.is_none() {
            self.note(Outcome::SourceLimit);
        }
        permit
    }

    fn note(&self, outcome: Outcome) {
        self.outcomes[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }
}

/// Linux reports ICMP errors of earlier datagrams on the socket that sent them.
fn is_of_a_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests;

//! The RADIUS server of one worker: datagrams in, verdicts and perhaps replies out.
//!
//! Order of work, cheapest refusal first: source, lengths, signature, duplicates, directory.
//! Nothing that is not signed as demanded reaches the duplicate cache or the directory.
//! Every reply to Access-Request and Status-Server begins with Message-Authenticator.
//!
//! A batch means the same as its datagrams one after the other, but its digests are computed together,
//! which is most of what RADIUS costs. A lone datagram is a batch of one.
//!
//! Sans-IO. Not here: sockets, and making accounting records durable (`daemon`).

use std::net::SocketAddr;
use std::slice;
use std::sync::Arc;

use crate::UnixSeconds;
use crate::accounting::AccountingRecord;
use crate::batch::{self, Batch, CHUNK};
use crate::certificate::CertificateName;
use crate::directory::Directory;
use crate::duplicates::Duplicates;
use crate::eap::EapServer;
use crate::lanes::Lanes;
use crate::packet::PACKET_LEN_MAX;

pub use crate::duplicates::Ticket;
pub use crate::plan::{PlanTerms, Rates};
pub use crate::reason::{Counters, DropReason, Outcome, RejectReason};
pub use crate::settings::{GardenSettings, Given, PREPARED_MAX, Settings, Unknown};

/// Where a reply is written.
pub type ReplyBuffer = [u8; PACKET_LEN_MAX];

/// The most datagrams of one batch.
pub const BATCH_MAX: usize = 256;

/// One datagram and who sent it.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Address and port it came from.
    pub source: SocketAddr,
    /// As received.
    pub octets: &'a [u8],
}

/// What to do after [`Server::authenticate`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Send so many octets of the reply buffer to the source.
    Reply {
        /// Octets of the reply.
        len: usize,
        /// What they say.
        outcome: Outcome,
    },
    /// Send nothing.
    Drop(DropReason),
}

/// What to do after [`Server::account`].
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "records are the common case, and a box would be an allocation per packet"
)]
pub enum AccountVerdict<'a> {
    /// Send so many octets of the reply buffer to the source now.
    Reply {
        /// Octets of the reply.
        len: usize,
        /// What they say: a duplicate or Status-Server.
        outcome: Outcome,
    },
    /// Send nothing.
    Drop(DropReason),
    /// Make the record durable; then send the reply and call [`Server::committed`].
    /// If that fails, send nothing and call [`Server::abandoned`].
    Record {
        /// What the NAS reports.
        record: AccountingRecord<'a>,
        /// To be handed back.
        ticket: Ticket,
        /// Octets of the reply.
        reply_len: usize,
    },
}

/// A RADIUS server for both ports, and for RadSec. One per worker thread; owns its duplicate cache and counters.
pub struct Server {
    settings: Arc<Settings>,
    duplicates: Duplicates,
    lanes: Lanes,
    counters: Arc<Counters>,
    eap: Option<Arc<EapServer>>,
}

impl Server {
    /// Makes a server; allocates all it will ever need. `seed` should be random, so that
    /// no NAS can choose its places in the duplicate cache.
    pub fn new(settings: Arc<Settings>, seed: u64) -> Self {
        Self {
            duplicates: Duplicates::new(seed, settings.nas.len()),
            lanes: batch::lanes(),
            counters: Arc::default(),
            eap: None,
            settings,
        }
    }

    /// The same with EAP, where the settings have it. All workers share one, because the next round of a
    /// conversation may reach another of them.
    #[must_use]
    pub fn with_eap(self, eap: Arc<EapServer>) -> Self {
        Self {
            eap: Some(eap),
            ..self
        }
    }

    /// Goes on with new settings. Duplicates, tickets and counters stay valid, and what `auto`
    /// has learned of a NAS with the same prefix and secret is kept.
    pub fn reconfigure(&mut self, settings: Arc<Settings>) {
        settings.nas.inherit(&self.settings.nas);
        self.duplicates.share_among(settings.nas.len());
        self.settings = settings;
    }

    /// What this server has counted; may be read from any thread.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Answers datagrams of the authentication port: `replies[i]` answers `datagrams[i]` as `verdicts[i]` says.
    ///
    /// # Panics
    /// When there are more datagrams than [`BATCH_MAX`], or fewer replies or verdicts than datagrams.
    pub fn authenticate_batch(
        &mut self,
        now: UnixSeconds,
        datagrams: &[Datagram<'_>],
        directory: &impl Directory,
        replies: &mut [ReplyBuffer],
        verdicts: &mut [Verdict],
    ) {
        let count = datagrams.len();
        assert!(count <= BATCH_MAX, "a batch of {count}");
        let mut batch = self.batch(now);
        if count == 1 {
            return batch.authenticate::<1>(datagrams, directory, replies, verdicts);
        }
        for ((datagrams, replies), verdicts) in datagrams
            .chunks(CHUNK)
            .zip(replies[..count].chunks_mut(CHUNK))
            .zip(verdicts[..count].chunks_mut(CHUNK))
        {
            batch.authenticate::<CHUNK>(datagrams, directory, replies, verdicts);
        }
    }

    /// Answers a lone datagram of the authentication port.
    pub fn authenticate(
        &mut self,
        now: UnixSeconds,
        source: SocketAddr,
        octets: &[u8],
        directory: &impl Directory,
        reply: &mut ReplyBuffer,
    ) -> Verdict {
        let mut verdict = Verdict::Drop(DropReason::UnknownNas);
        self.authenticate_batch(
            now,
            &[Datagram { source, octets }],
            directory,
            slice::from_mut(reply),
            slice::from_mut(&mut verdict),
        );
        verdict
    }

    /// Reads datagrams of the accounting port and calls `visit` with the position and verdict of each, in
    /// order. `replies[i]` must be kept until the record of `datagrams[i]` is durable.
    ///
    /// # Panics
    /// When there are more datagrams than [`BATCH_MAX`], or fewer replies than datagrams.
    pub fn account_batch<'a>(
        &mut self,
        now: UnixSeconds,
        datagrams: &[Datagram<'a>],
        replies: &mut [ReplyBuffer],
        mut visit: impl FnMut(usize, AccountVerdict<'a>),
    ) {
        let count = datagrams.len();
        assert!(count <= BATCH_MAX, "a batch of {count}");
        let mut batch = self.batch(now);
        if count == 1 {
            return batch.account::<1>(datagrams, replies, visit);
        }
        let chunks = datagrams
            .chunks(CHUNK)
            .zip(replies[..count].chunks_mut(CHUNK));
        for (chunk, (datagrams, replies)) in chunks.enumerate() {
            batch.account::<CHUNK>(datagrams, replies, |at, verdict| {
                visit(chunk * CHUNK + at, verdict);
            });
        }
    }

    /// Reads a lone datagram of the accounting port. `reply` must be kept until the record is durable.
    pub fn account<'a>(
        &mut self,
        now: UnixSeconds,
        source: SocketAddr,
        octets: &'a [u8],
        reply: &mut ReplyBuffer,
    ) -> AccountVerdict<'a> {
        let mut given = None;
        let datagram = Datagram { source, octets };
        self.account_batch(now, &[datagram], slice::from_mut(reply), |_, verdict| {
            given = Some(verdict);
        });
        given.expect("every datagram gets a verdict")
    }

    /// Answers a lone packet of a RadSec connection from `source`, whose NAS showed `certificate`.
    ///
    /// The same source, identifier and Request Authenticator within some seconds are a duplicate here too: after
    /// a lost connection a NAS may send again what it has no answer to, from the same port.
    pub fn authenticate_radsec(
        &mut self,
        now: UnixSeconds,
        certificate: &CertificateName,
        datagram: Datagram<'_>,
        directory: &impl Directory,
        reply: &mut ReplyBuffer,
    ) -> Verdict {
        let mut verdict = Verdict::Drop(DropReason::UnknownNas);
        let mut batch = Batch {
            certificate: Some(certificate),
            ..self.batch(now)
        };
        batch.authenticate::<1>(
            &[datagram],
            directory,
            slice::from_mut(reply),
            slice::from_mut(&mut verdict),
        );
        verdict
    }

    /// Reads a lone packet of a RadSec connection, as [`Self::account`] does.
    pub fn account_radsec<'a>(
        &mut self,
        now: UnixSeconds,
        certificate: &CertificateName,
        datagram: Datagram<'a>,
        reply: &mut ReplyBuffer,
    ) -> AccountVerdict<'a> {
        let mut given = None;
        let mut batch = Batch {
            certificate: Some(certificate),
            ..self.batch(now)
        };
        batch.account::<1>(&[datagram], slice::from_mut(reply), |_, verdict| {
            given = Some(verdict);
        });
        given.expect("every datagram gets a verdict")
    }

    fn batch(&mut self, now: UnixSeconds) -> Batch<'_> {
        Batch {
            certificate: None,
            settings: &self.settings,
            duplicates: &mut self.duplicates,
            lanes: &mut self.lanes,
            counters: &self.counters,
            eap: self.eap.as_deref(),
            now,
        }
    }

    /// The record of `ticket` is durable and `reply` was sent: a retransmission gets the same reply.
    ///
    /// A ticket that took too long, or whose identifier the NAS has used again since, changes nothing.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a ticket is handed back once"
    )]
    pub fn committed(&mut self, ticket: Ticket, reply: &[u8]) {
        self.counters.count_committed();
        self.duplicates.answer(&ticket, reply);
    }

    /// The record of `ticket` did not become durable: a retransmission is handled anew.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a ticket is handed back once"
    )]
    pub fn abandoned(&mut self, ticket: Ticket) {
        self.counters.count_abandoned();
        self.duplicates.abandon(&ticket);
    }
}

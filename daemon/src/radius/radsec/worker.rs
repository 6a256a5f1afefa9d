//! The threads that answer what comes over RadSec: authentication and EAP at once, accounting when it is on disk.

use std::io;
use std::sync::Arc;

use garth_radius::UnixSeconds;
use garth_radius::code::Code;
use garth_radius::packet::{Authenticator, PACKET_LEN_MAX};
use garth_radius::radius11::{self, Asked, ProtocolError, TranslateError, Translator};
use garth_radius::server::{
    AccountVerdict, Counters, Datagram, DropReason, ReplyBuffer, Server, Verdict,
};
use garth_store::write::WriteError;
use tokio::sync::mpsc;

use super::{Ended, Request, Version};
use crate::radius::accounting::{Overload, Replies, Waiting};
use crate::radius::directory::IndexDirectory;
use crate::radius::{Follower, Shared, seconds};

/// Records put into one commit.
const BATCH: usize = 256;

/// A thread's work, not started yet.
pub(crate) struct Worker {
    kind: Kind,
    desk: Desk,
    requests: mpsc::Receiver<Request>,
}

/// Which of the three.
#[derive(Clone, Copy)]
enum Kind {
    Authentication,
    Eap,
    Accounting,
}

/// What a thread answers with.
struct Desk {
    server: Server,
    follower: Follower,
    translator: Translator,
    shared: Shared,
    /// The next Request Authenticator of a rewritten request: a duplicate of none before.
    unique: u128,
}

impl Worker {
    pub(super) fn authentication(
        shared: Shared,
        requests: mpsc::Receiver<Request>,
        seed: u64,
    ) -> Self {
        Self::new(Kind::Authentication, shared, requests, seed)
    }

    pub(super) fn eap(shared: Shared, requests: mpsc::Receiver<Request>, seed: u64) -> Self {
        Self::new(Kind::Eap, shared, requests, seed)
    }

    pub(super) fn accounting(shared: Shared, requests: mpsc::Receiver<Request>, seed: u64) -> Self {
        Self::new(Kind::Accounting, shared, requests, seed)
    }

    fn new(kind: Kind, shared: Shared, requests: mpsc::Receiver<Request>, seed: u64) -> Self {
        let server = Server::new(shared.settings.load_full(), seed);
        Self {
            kind,
            desk: Desk {
                // The conversations of all workers: a device may go on over another connection.
                server: server.with_eap(Arc::clone(&shared.eap)),
                follower: Follower::new(&shared),
                translator: Translator::new(),
                shared,
                unique: 0,
            },
            requests,
        }
    }

    /// The name of its thread.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self.kind {
            Kind::Authentication => "radsec-auth",
            Kind::Eap => "radsec-eap",
            Kind::Accounting => "radsec-acct",
        }
    }

    /// What it answered and dropped.
    pub(crate) fn counters(&self) -> Arc<Counters> {
        self.desk.server.counters()
    }

    /// Answers until there is nobody left who could ask.
    ///
    /// # Errors
    /// The store's end.
    pub(crate) fn run(self) -> io::Result<()> {
        match self.kind {
            Kind::Authentication | Kind::Eap => {
                authenticate(self.desk, self.requests);
                Ok(())
            }
            Kind::Accounting => account(self.desk, self.requests),
        }
    }
}

fn authenticate(mut desk: Desk, mut requests: mpsc::Receiver<Request>) {
    let directory = IndexDirectory(desk.shared.store.clone());
    let (mut octets, mut reply) = ([0; PACKET_LEN_MAX], [0; PACKET_LEN_MAX]);
    while let Some(request) = requests.blocking_recv() {
        desk.follower.follow(&mut desk.server);
        let now = seconds(&desk.shared.store);
        let Some((request, len, asked)) = desk.open(request, &mut octets) else {
            continue;
        };
        let datagram = Datagram {
            source: request.client.source,
            octets: &octets[..len],
        };
        let certificate = &request.client.certificate;
        let verdict =
            desk.server
                .authenticate_radsec(now, certificate, datagram, &directory, &mut reply);
        match verdict {
            Verdict::Reply { len, .. } => {
                send(&desk.translator, request, asked.as_ref(), &reply[..len]);
            }
            Verdict::Drop(reason) => dropped(request, reason),
        }
    }
}

/// Answers batch by batch: what waits while a commit runs is the next batch.
fn account(mut desk: Desk, mut requests: mpsc::Receiver<Request>) -> io::Result<()> {
    let mut replies: Box<[ReplyBuffer]> = vec![[0; PACKET_LEN_MAX]; BATCH].into();
    let mut waiting = Waiting::new(BATCH);
    let mut overload = Overload::default();
    while let Some(first) = requests.blocking_recv() {
        desk.follower.follow(&mut desk.server);
        let now = seconds(&desk.shared.store);
        let mut next = Some(first);
        for (at, reply) in replies.iter_mut().enumerate() {
            let Some(request) = next.take() else { break };
            desk.take(now, request, at, reply, &mut waiting);
            if at + 1 < BATCH {
                next = requests.try_recv().ok();
            }
        }
        let records = waiting.records();
        let mut outbox = Outbox {
            translator: &desk.translator,
            replies: &replies,
        };
        match waiting.commit(&desk.shared.store, &mut desk.server, &mut outbox) {
            Ok(0) => overload.ended(),
            Ok(refused) => overload.goes_on(&"the table of live sessions is full", refused),
            Err(WriteError::Failed(error)) => return Err(io::Error::other(error)),
            Err(error) => overload.goes_on(&error, records),
        }
    }
    Ok(())
}

impl Desk {
    /// Puts a request into `octets` as one of RFC 2865; returns its length there. One that cannot be is refused.
    fn open(
        &mut self,
        request: Request,
        octets: &mut [u8; PACKET_LEN_MAX],
    ) -> Option<(Request, usize, Option<Asked>)> {
        let sent = &*request.octets;
        match request.client.version {
            Version::Historic => {
                let len = sent.len();
                octets.get_mut(..len)?.copy_from_slice(sent);
                Some((request, len, None))
            }
            Version::V11 => {
                let unique: Authenticator = self.unique.to_be_bytes();
                self.unique += 1;
                match self.translator.request(sent, &unique, octets) {
                    Ok((len, asked)) => Some((request, len, Some(asked))),
                    Err(TranslateError::Decode(_)) => {
                        request.end(Ended::Malformed);
                        None
                    }
                    Err(TranslateError::Long(_)) => {
                        fail(request, ProtocolError::ResourcesUnavailable);
                        None
                    }
                }
            }
        }
    }

    /// Takes an Accounting-Request into the batch that waits; its reply lies in `reply`, the buffer `at`.
    fn take(
        &mut self,
        now: UnixSeconds,
        request: Request,
        at: usize,
        reply: &mut ReplyBuffer,
        waiting: &mut Waiting<Told>,
    ) {
        let mut octets = [0; PACKET_LEN_MAX];
        let Some((request, len, asked)) = self.open(request, &mut octets) else {
            return;
        };
        let datagram = Datagram {
            source: request.client.source,
            octets: &octets[..len],
        };
        let certificate = &request.client.certificate;
        match self
            .server
            .account_radsec(now, certificate, datagram, reply)
        {
            AccountVerdict::Reply { len, .. } => {
                send(&self.translator, request, asked.as_ref(), &reply[..len]);
            }
            AccountVerdict::Drop(reason) => dropped(request, reason),
            AccountVerdict::Record {
                record,
                ticket,
                reply_len,
            } => waiting.add(&record, ticket, Told { request, asked }, at, reply_len),
        }
    }
}

/// An Accounting-Request that waits for its commit.
struct Told {
    request: Request,
    asked: Option<Asked>,
}

/// Sends the replies of a batch.
struct Outbox<'a> {
    translator: &'a Translator,
    replies: &'a [ReplyBuffer],
}

impl Replies for Outbox<'_> {
    type To = Told;

    fn octets(&self, buffer: usize, len: usize) -> &[u8] {
        let buffer = self.replies.get(buffer);
        buffer
            .and_then(|buffer| buffer.get(..len))
            .unwrap_or_default()
    }

    fn push(&mut self, to: Told, buffer: usize, len: usize) {
        let octets = self.octets(buffer, len);
        send(self.translator, to.request, to.asked.as_ref(), octets);
    }

    fn abandon(&mut self, to: Told) {
        fail(to.request, ProtocolError::ResourcesUnavailable);
    }
}

/// Sends `reply`, of RFC 2865, in the version of its connection.
fn send(translator: &Translator, request: Request, asked: Option<&Asked>, reply: &[u8]) {
    let Some(asked) = asked else {
        return request.reply(reply);
    };
    let mut octets = [0; PACKET_LEN_MAX];
    // A reply of our own server is a packet, and shorter in RADIUS/1.1.
    if let Ok(len) = translator.reply(reply, asked, &mut octets) {
        request.reply(&octets[..len]);
    }
}

/// What the server does not answer. Over a stream some of it means that the rest cannot be right either
/// (RFC 6613 section 2.6.4).
fn dropped(request: Request, reason: DropReason) {
    match reason {
        DropReason::ShortDatagram | DropReason::BadLength | DropReason::BadAttributeLength => {
            request.end(Ended::Malformed);
        }
        DropReason::BadMessageAuthenticator | DropReason::BadRequestAuthenticator => {
            request.end(Ended::BadSignature);
        }
        DropReason::UnknownNas => request.end(Ended::Removed),
        DropReason::UnexpectedCode
        | DropReason::EapDiscarded
        | DropReason::MissingSessionId
        | DropReason::MissingMessageAuthenticator
        | DropReason::BadAttribute
        | DropReason::RepeatedAttribute
        | DropReason::MissingStatusType
        | DropReason::ReplyTooLong
        | DropReason::Pending
        | DropReason::TooManyPending => {
            if let Some(error) = ProtocolError::of(reason) {
                fail(request, error);
            }
        }
    }
}

/// Says over RADIUS/1.1 that there will be no answer, and why, to the requests that RFC 9765 section 6.1 names.
/// RADIUS/1.0 has only silence for it.
pub(super) fn fail(request: Request, error: ProtocolError) {
    let mut octets = [0; PACKET_LEN_MAX];
    let owed = matches!(
        request.octets.first().copied().map(Code),
        Some(Code::ACCESS_REQUEST | Code::ACCOUNTING_REQUEST)
    );
    if request.client.version == Version::V11
        && owed
        && let Ok(len) = radius11::protocol_error(&request.octets, error, &mut octets)
    {
        request.reply(&octets[..len]);
    }
}

//! The RADIUS server of one worker: a datagram in, a verdict and perhaps a reply out.
//!
//! Order of work, cheapest refusal first: source, lengths, signature, duplicates, directory.
//! Nothing that is not signed as demanded reaches the duplicate cache or the directory.
//! Every reply to Access-Request and Status-Server begins with Message-Authenticator.
//!
//! Sans-IO. Not here: sockets, and making accounting records durable (`daemon`).

use std::net::SocketAddr;
use std::sync::Arc;

use crate::UnixSeconds;
use crate::accounting::{AccountingAttributes, AccountingRecord, ipv6_prefix_value};
use crate::attribute::AttributeType;
use crate::authentication::{self, Grant};
use crate::code::Code;
use crate::crypto::{
    Over, finish_response, message_authenticator_is_right, request_authenticator_is_right,
};
use crate::dialect::{self, Fill, GardenName};
use crate::directory::{Directory, Profile};
use crate::duplicates::{Duplicates, Key, Seen};
use crate::nas::{Nas, NasTable, canonical};
use crate::packet::{EncodeError, Encoder, PACKET_LEN_MAX, Packet};
use crate::request::{AccessRequest, Flaw, MessageAuthenticator};

pub use crate::duplicates::Ticket;
pub use crate::reason::{Counters, DropReason, Outcome, RejectReason};

/// Where a reply is written.
pub type ReplyBuffer = [u8; PACKET_LEN_MAX];

/// What to do with somebody the directory does not know.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Unknown {
    /// Access-Reject.
    #[default]
    Reject,
    /// Into the garden, where newcomers may sign up.
    Garden,
}

/// How the garden is told to a NAS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GardenSettings {
    /// Rate towards a subscriber in the garden.
    pub down_kbps: u32,
    /// Rate from a subscriber in the garden.
    pub up_kbps: u32,
    /// List, filter or service name the dialects fill in.
    pub address_list: GardenName,
    /// Longest session in the garden: a backstop if a release is lost. 0 leaves it to the NAS.
    pub session_timeout_seconds: u32,
    /// Seconds between Interim-Updates in the garden. 0 leaves it to the NAS.
    pub interim_seconds: u32,
    /// What to do with somebody the directory does not know.
    pub unknown: Unknown,
}

/// Everything a reload may change. Shared by all workers.
#[derive(Debug)]
pub struct Settings {
    /// Who we talk to.
    pub nas: NasTable,
    /// How the garden looks.
    pub garden: GardenSettings,
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

/// A RADIUS server for both ports. One per worker thread; owns its duplicate cache and counters.
pub struct Server {
    settings: Arc<Settings>,
    duplicates: Duplicates,
    counters: Arc<Counters>,
}

impl Server {
    /// Makes a server; allocates all it will ever need. `seed` should be random, so that
    /// no NAS can choose its places in the duplicate cache.
    pub fn new(settings: Arc<Settings>, seed: u64) -> Self {
        Self {
            duplicates: Duplicates::new(seed, settings.nas.len()),
            counters: Arc::default(),
            settings,
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

    /// Answers a datagram of the authentication port.
    pub fn authenticate(
        &mut self,
        now: UnixSeconds,
        source: SocketAddr,
        datagram: &[u8],
        directory: &impl Directory,
        reply: &mut ReplyBuffer,
    ) -> Verdict {
        match self.try_authenticate(now, source, datagram, directory, reply) {
            Ok((len, outcome)) => {
                self.counters.count_answered(outcome);
                Verdict::Reply { len, outcome }
            }
            Err(reason) => {
                self.counters.count_dropped(reason);
                Verdict::Drop(reason)
            }
        }
    }

    fn try_authenticate(
        &mut self,
        now: UnixSeconds,
        source: SocketAddr,
        datagram: &[u8],
        directory: &impl Directory,
        reply: &mut ReplyBuffer,
    ) -> Result<(usize, Outcome), DropReason> {
        let source = canonical(source);
        let (lane, nas) = self
            .settings
            .nas
            .find(source.ip())
            .ok_or(DropReason::UnknownNas)?;
        let packet = Packet::decode(datagram)?;
        match packet.code() {
            Code::ACCESS_REQUEST => {}
            Code::STATUS_SERVER => return status(&packet, nas, Code::ACCESS_ACCEPT, reply),
            _ => return Err(DropReason::UnexpectedCode),
        }
        let request = AccessRequest::read(&packet);
        let demanded = request.eap || nas.demands_message_authenticator();
        verify_message(&request, &packet, nas, demanded)?;

        let key = key(source, &packet);
        match self.duplicates.seen(&key, packet.authenticator(), now) {
            Seen::Never => {}
            // Never on this port: an entry is answered in the call that begins it.
            Seen::Pending => return Err(DropReason::Pending),
            Seen::Answered(at) => {
                return Ok((self.duplicates.copy_reply(at, reply), Outcome::Duplicate));
            }
        }
        let mut profile = Profile::default();
        let decision =
            authentication::decide(&request, &packet, &nas.secret, directory, now, &mut profile);
        let garden = &self.settings.garden;
        let outcome = match decision {
            Ok(Grant::Full) => Outcome::AcceptFull,
            Ok(Grant::Garden) => Outcome::AcceptGarden,
            Ok(Grant::Unknown) => match garden.unknown {
                Unknown::Garden => Outcome::AcceptUnknown,
                Unknown::Reject => Outcome::Reject(RejectReason::UnknownUser),
            },
            Err(reason) => Outcome::Reject(reason),
        };
        let len = encode_access(outcome, &profile, garden, &packet, nas, reply)?;
        // Without room the retransmission is decided anew, with the same result.
        if let Some(ticket) = self
            .duplicates
            .begin(lane, &key, packet.authenticator(), now)
        {
            self.duplicates.answer(&ticket, &reply[..len]);
        }
        Ok((len, outcome))
    }

    /// Reads a datagram of the accounting port. `reply` must be kept until the record is durable.
    pub fn account<'a>(
        &mut self,
        now: UnixSeconds,
        source: SocketAddr,
        datagram: &'a [u8],
        reply: &mut ReplyBuffer,
    ) -> AccountVerdict<'a> {
        match self.try_account(now, source, datagram, reply) {
            Ok(verdict) => {
                if let AccountVerdict::Reply { outcome, .. } = &verdict {
                    self.counters.count_answered(*outcome);
                }
                verdict
            }
            Err(reason) => {
                self.counters.count_dropped(reason);
                AccountVerdict::Drop(reason)
            }
        }
    }

    fn try_account<'a>(
        &mut self,
        now: UnixSeconds,
        source: SocketAddr,
        datagram: &'a [u8],
        reply: &mut ReplyBuffer,
    ) -> Result<AccountVerdict<'a>, DropReason> {
        let source = canonical(source);
        let (lane, nas) = self
            .settings
            .nas
            .find(source.ip())
            .ok_or(DropReason::UnknownNas)?;
        let packet = Packet::decode(datagram)?;
        match packet.code() {
            Code::ACCOUNTING_REQUEST => {}
            Code::STATUS_SERVER => {
                let (len, outcome) = status(&packet, nas, Code::ACCOUNTING_RESPONSE, reply)?;
                return Ok(AccountVerdict::Reply { len, outcome });
            }
            _ => return Err(DropReason::UnexpectedCode),
        }
        if !request_authenticator_is_right(&packet, &nas.secret) {
            return Err(DropReason::BadRequestAuthenticator);
        }
        let attributes = AccountingAttributes::read(&packet);
        check(
            attributes.message_authenticator,
            &packet,
            nas,
            Over::Zeros,
            false,
        )?;
        match attributes.flaw {
            Some(Flaw::BadValue) => return Err(DropReason::BadAttribute),
            Some(Flaw::Repeated) => return Err(DropReason::RepeatedAttribute),
            None => {}
        }
        let key = key(source, &packet);
        match self.duplicates.seen(&key, packet.authenticator(), now) {
            Seen::Never => {}
            Seen::Pending => return Err(DropReason::Pending),
            Seen::Answered(at) => {
                let len = self.duplicates.copy_reply(at, reply);
                let outcome = Outcome::Duplicate;
                return Ok(AccountVerdict::Reply { len, outcome });
            }
        }
        let record = attributes
            .into_record(nas, source.ip())
            .ok_or(DropReason::MissingStatusType)?;
        let mut encoder = Encoder::new(reply, Code::ACCOUNTING_RESPONSE, packet.identifier())?;
        encoder.echo_proxy_state(&packet)?;
        let reply_len = finish_response(encoder, packet.authenticator(), &nas.secret);
        let ticket = self
            .duplicates
            .begin(lane, &key, packet.authenticator(), now)
            .ok_or(DropReason::TooManyPending)?;
        Ok(AccountVerdict::Record {
            record,
            ticket,
            reply_len,
        })
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

fn key(source: SocketAddr, packet: &Packet<'_>) -> Key {
    Key {
        source,
        code: packet.code(),
        identifier: packet.identifier(),
    }
}

/// Answers Status-Server (RFC 5997 section 3), which always needs a Message-Authenticator.
fn status(
    packet: &Packet<'_>,
    nas: &Nas,
    code: Code,
    reply: &mut ReplyBuffer,
) -> Result<(usize, Outcome), DropReason> {
    let request = AccessRequest::read(packet);
    verify_message(&request, packet, nas, true)?;
    let mut encoder = Encoder::new(reply, code, packet.identifier())?;
    encoder.message_authenticator()?;
    encoder.echo_proxy_state(packet)?;
    let len = finish_response(encoder, packet.authenticator(), &nas.secret);
    Ok((len, Outcome::StatusServer))
}

fn verify_message(
    request: &AccessRequest<'_>,
    packet: &Packet<'_>,
    nas: &Nas,
    demanded: bool,
) -> Result<(), DropReason> {
    let present = check(
        request.message_authenticator,
        packet,
        nas,
        Over::Own,
        demanded,
    )?;
    if present {
        nas.prove_message_authenticator();
    }
    Ok(())
}

/// True if there is a right Message-Authenticator, false if there is none and none is demanded.
fn check(
    message_authenticator: MessageAuthenticator,
    packet: &Packet<'_>,
    nas: &Nas,
    over: Over<'_>,
    demanded: bool,
) -> Result<bool, DropReason> {
    match message_authenticator {
        MessageAuthenticator::Absent if demanded => Err(DropReason::MissingMessageAuthenticator),
        MessageAuthenticator::Absent => Ok(false),
        MessageAuthenticator::At(at)
            if message_authenticator_is_right(packet, at, over, &nas.secret) =>
        {
            Ok(true)
        }
        MessageAuthenticator::At(_) | MessageAuthenticator::Impossible => {
            Err(DropReason::BadMessageAuthenticator)
        }
    }
}

fn encode_access(
    outcome: Outcome,
    profile: &Profile,
    garden: &GardenSettings,
    packet: &Packet<'_>,
    nas: &Nas,
    reply: &mut ReplyBuffer,
) -> Result<usize, EncodeError> {
    let code = match outcome {
        Outcome::AcceptFull | Outcome::AcceptGarden | Outcome::AcceptUnknown => Code::ACCESS_ACCEPT,
        Outcome::Reject(_) | Outcome::Duplicate | Outcome::StatusServer => Code::ACCESS_REJECT,
    };
    let mut encoder = Encoder::new(reply, code, packet.identifier())?;
    encoder.message_authenticator()?;
    match outcome {
        Outcome::AcceptFull => {
            encode_full(profile, garden, nas, &mut encoder)?;
            encode_subscription(profile, &mut encoder)?;
        }
        Outcome::AcceptGarden => {
            encode_garden(profile.session_timeout_seconds, garden, nas, &mut encoder)?;
            encode_subscription(profile, &mut encoder)?;
        }
        Outcome::AcceptUnknown => encode_garden(None, garden, nas, &mut encoder)?,
        Outcome::Reject(_) | Outcome::Duplicate | Outcome::StatusServer => {}
    }
    encoder.echo_proxy_state(packet)?;
    Ok(finish_response(
        encoder,
        packet.authenticator(),
        &nas.secret,
    ))
}

fn encode_full(
    profile: &Profile,
    garden: &GardenSettings,
    nas: &Nas,
    encoder: &mut Encoder<'_>,
) -> Result<(), EncodeError> {
    let fill = Fill {
        down_kbps: profile.down_kbps,
        up_kbps: profile.up_kbps,
        garden_name: &garden.address_list,
    };
    dialect::encode(&nas.dialect.full, fill, encoder)?;
    if let Some(seconds) = profile.session_timeout_seconds {
        // 0 means no limit to some NAS: the boundary is now, so say the shortest time instead.
        encoder.integer(AttributeType::SESSION_TIMEOUT, seconds.max(1))?;
    }
    interim(profile.interim_seconds, encoder)
}

fn encode_garden(
    boundary_seconds: Option<u32>,
    garden: &GardenSettings,
    nas: &Nas,
    encoder: &mut Encoder<'_>,
) -> Result<(), EncodeError> {
    let fill = Fill {
        down_kbps: garden.down_kbps,
        up_kbps: garden.up_kbps,
        garden_name: &garden.address_list,
    };
    dialect::encode(&nas.dialect.garden, fill, encoder)?;
    let backstop = Some(garden.session_timeout_seconds).filter(|seconds| *seconds > 0);
    let boundary = boundary_seconds.map(|seconds| seconds.max(1));
    if let Some(seconds) = backstop.into_iter().chain(boundary).min() {
        encoder.integer(AttributeType::SESSION_TIMEOUT, seconds)?;
    }
    interim(garden.interim_seconds, encoder)
}

fn interim(seconds: u32, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
    if seconds > 0 {
        encoder.integer(AttributeType::ACCT_INTERIM_INTERVAL, seconds)?;
    }
    Ok(())
}

/// What does not change between full and garden.
fn encode_subscription(profile: &Profile, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
    if let Some(address) = profile.framed_ipv4 {
        encoder.attribute(AttributeType::FRAMED_IP_ADDRESS, &address.octets())?;
    }
    if let Some(prefix) = profile.delegated_ipv6 {
        let mut value = [0; 18];
        let len = ipv6_prefix_value(prefix, &mut value);
        encoder.attribute(AttributeType::DELEGATED_IPV6_PREFIX, &value[..len])?;
    }
    encoder.attribute(AttributeType::CLASS, &profile.class)
}

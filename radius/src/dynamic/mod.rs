//! Disconnect and CoA requests, and what the NAS answers (RFC 5176).
//!
//! Here: one request and its answer. [`exchanges`]: many of them, with their identifiers and
//! retransmissions. [`ladder`]: which request comes next. Sans-IO: the daemon owns sockets and timers.
//!
//! Every request has Event-Timestamp and Message-Authenticator: hostapd drops what lacks the former
//! unless told otherwise. A retransmission is the same octets again: same identifier, same
//! Event-Timestamp (RFC 5176 section 2.3).
//!
//! An acknowledgement is not proof that traffic flows: that is seen in accounting.

mod error_cause;
pub mod exchanges;
pub mod ladder;
#[cfg(test)]
mod tests;

pub use error_cause::ErrorCause;

use std::net::Ipv4Addr;

use crate::UnixSeconds;
use crate::attribute::{AttributeType, Vendor, cisco};
use crate::code::Code;
use crate::crypto::{
    Over, Secret, finish_request, message_authenticator_is_right, response_authenticator_is_right,
};
use crate::dialect::{self, Dialect, Fill, SessionKey, Template, Text};
use crate::packet::{Authenticator, DecodeError, EncodeError, Encoder, Packet};

/// Wait so many seconds for an answer, send again, wait the next; after the last, give up.
pub const RETRANSMIT_AFTER_SECONDS: [u64; 3] = [1, 2, 4];

/// How long a NAS may remember an identifier of one source port: do not use it again sooner
/// (RFC 5176 section 6.3 has the window of Event-Timestamp).
pub const IDENTIFIER_REUSE_AFTER_SECONDS: u64 = 300;

/// What is known of a session. The dialect chooses what of it names the session.
#[derive(Clone, Copy, Debug, Default)]
pub struct Session<'a> {
    /// As in accounting.
    pub user_name: Option<&'a [u8]>,
    /// As in accounting.
    pub acct_session_id: Option<&'a [u8]>,
    /// As in accounting.
    pub framed_ip_address: Option<Ipv4Addr>,
    /// As in accounting.
    pub calling_station_id: Option<&'a [u8]>,
    /// As in accounting.
    pub nas_port_id: Option<&'a [u8]>,
    /// As in accounting.
    pub nas_ip_address: Option<Ipv4Addr>,
    /// As in accounting.
    pub nas_identifier: Option<&'a [u8]>,
}

/// Why a request cannot be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RequestError {
    /// It does not fit.
    #[error("the request does not fit")]
    Encode(#[from] EncodeError),
    /// The dialect demands a key that is not known of the session.
    #[error("{} is not known of the session, and its NAS demands it", .0.name())]
    MissingKey(SessionKey),
    /// Nothing that names a session is known. Such a request could mean every session.
    #[error("nothing is known that names the session")]
    Unnamed,
}

/// A request that was encoded: what is needed to know its answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sent {
    /// Octets of the request in the buffer.
    pub len: usize,
    code: Code,
    identifier: u8,
    authenticator: Authenticator,
}

/// What the NAS says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// Done.
    Ack,
    /// Refused, with the reason if it gives one.
    Nak(Option<ErrorCause>),
}

/// Why a datagram is not the answer to a request. Ignore it and keep waiting.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AnswerError {
    /// Not a packet.
    #[error("answer is malformed")]
    Malformed(#[source] DecodeError),
    /// The answer to another request.
    #[error("answer has identifier {got}, the request {sent}")]
    OtherIdentifier {
        /// Of the request.
        sent: u8,
        /// Of the answer.
        got: u8,
    },
    /// Neither the ACK nor the NAK of the request.
    #[error("code {} does not answer code {}", got.0, sent.0)]
    OtherCode {
        /// Of the request.
        sent: Code,
        /// Of the answer.
        got: Code,
    },
    /// Not made with the shared secret.
    #[error("answer has a wrong authenticator")]
    Unverified,
    /// Nothing was asked from this port with this identifier at the sender, or it was answered or given up.
    #[error("nothing under way is answered by identifier {identifier} at port {port}")]
    Unasked {
        /// Position of the source port.
        port: u16,
        /// Of the answer.
        identifier: u8,
    },
}

/// Encodes a Disconnect-Request: identifiers only, and of those the standard ones.
///
/// `dialect` says which; what is not known of the session is left out. A vendor's own names go into
/// CoA-Requests alone: what a NAS does not expect in a Disconnect-Request it refuses with 401, and after
/// the Disconnect-Request there is nothing more to try.
///
/// # Errors
/// When it does not fit into `buffer`, or what is known does not name the session.
pub fn encode_disconnect(
    buffer: &mut [u8],
    identifier: u8,
    event_timestamp: UnixSeconds,
    session: &Session<'_>,
    dialect: &Dialect,
    secret: &Secret,
) -> Result<Sent, RequestError> {
    let code = Code::DISCONNECT_REQUEST;
    let mut encoder = begin(buffer, code, identifier, event_timestamp)?;
    identify(&mut encoder, session, dialect, SessionKey::is_standard)?;
    Ok(finish(encoder, code, identifier, secret))
}

/// What a CoA-Request changes: one state of the dialect's [`dialect::Change::Coa`], filled in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Changes<'a> {
    /// The attributes of the new state.
    pub templates: &'a [Template],
    /// Rates and names of the new state.
    pub fill: Fill<'a>,
    /// Session-Timeout, for the NASes that take it ([`Dialect::coa_session_timeout`]): how long the whole session may
    /// last, in seconds from its start. Where a NAS counts from the request instead, the session lasts longer by what
    /// it has lasted so far, and nothing ends too early.
    pub session_timeout_seconds: u32,
}

/// The longest Session-Timeout: the most that every NAS can read, and more than any session lasts.
pub const SESSION_TIMEOUT_MAX: u32 = i32::MAX.cast_unsigned();

/// Encodes a CoA-Request.
///
/// # Errors
/// When it does not fit into `buffer`, or what is known does not name the session.
pub fn encode_change(
    buffer: &mut [u8],
    identifier: u8,
    event_timestamp: UnixSeconds,
    session: &Session<'_>,
    dialect: &Dialect,
    changes: &Changes<'_>,
    secret: &Secret,
) -> Result<Sent, RequestError> {
    let code = Code::COA_REQUEST;
    let mut encoder = begin(buffer, code, identifier, event_timestamp)?;
    identify(&mut encoder, session, dialect, |_| true)?;
    dialect::encode(changes.templates, changes.fill, &mut encoder)?;
    if dialect.coa_session_timeout {
        let seconds = changes
            .session_timeout_seconds
            .clamp(1, SESSION_TIMEOUT_MAX);
        encoder.integer(AttributeType::SESSION_TIMEOUT, seconds)?;
    }
    Ok(finish(encoder, code, identifier, secret))
}

fn begin(
    buffer: &mut [u8],
    code: Code,
    identifier: u8,
    event_timestamp: UnixSeconds,
) -> Result<Encoder<'_>, EncodeError> {
    let Ok(timestamp) = u32::try_from(event_timestamp.0) else {
        return Err(EncodeError::TimeOutOfRange(event_timestamp.0));
    };
    let mut encoder = Encoder::new(buffer, code, identifier)?;
    encoder.message_authenticator()?;
    encoder.integer(AttributeType::EVENT_TIMESTAMP, timestamp)?;
    Ok(encoder)
}

/// Appends what names the session. The names of the NAS alone name no session.
fn identify(
    encoder: &mut Encoder<'_>,
    session: &Session<'_>,
    dialect: &Dialect,
    takes: impl Fn(SessionKey) -> bool,
) -> Result<(), RequestError> {
    let mut named = false;
    for key in dialect.identify_by.iter().filter(|key| takes(**key)) {
        if put_key(encoder, session, *key)? {
            named |= key.names_a_session();
        } else if dialect.required.contains(key) {
            return Err(RequestError::MissingKey(*key));
        }
    }
    if named {
        Ok(())
    } else {
        Err(RequestError::Unnamed)
    }
}

/// Appends one key if it is known; whether it is.
fn put_key(
    encoder: &mut Encoder<'_>,
    session: &Session<'_>,
    key: SessionKey,
) -> Result<bool, EncodeError> {
    let address = |address: Option<Ipv4Addr>| address.map(|address| address.octets());
    let framed = address(session.framed_ip_address);
    let nas = address(session.nas_ip_address);
    let (kind, value) = match key {
        SessionKey::UserName => (AttributeType::USER_NAME, session.user_name),
        SessionKey::AcctSessionId => (AttributeType::ACCT_SESSION_ID, session.acct_session_id),
        SessionKey::FramedIpAddress => (
            AttributeType::FRAMED_IP_ADDRESS,
            framed.as_ref().map(<[u8; 4]>::as_slice),
        ),
        SessionKey::CallingStationId => (
            AttributeType::CALLING_STATION_ID,
            session.calling_station_id,
        ),
        SessionKey::NasPortId => (AttributeType::NAS_PORT_ID, session.nas_port_id),
        SessionKey::NasIpAddress => (
            AttributeType::NAS_IP_ADDRESS,
            nas.as_ref().map(<[u8; 4]>::as_slice),
        ),
        SessionKey::NasIdentifier => (AttributeType::NAS_IDENTIFIER, session.nas_identifier),
        SessionKey::CiscoAccountInfo => {
            if let Some(octets) = framed {
                let mut name = Text::new();
                cisco_session(&mut name, octets)?;
                let name = name.octets(None);
                encoder.vendor_attribute(Vendor::CISCO, cisco::ACCOUNT_INFO, name)?;
            }
            return Ok(framed.is_some());
        }
    };
    if let Some(value) = value {
        encoder.attribute(kind, value)?;
    }
    Ok(value.is_some())
}

/// "S" and the address: what an ISG calls a session.
fn cisco_session(name: &mut Text, address: [u8; 4]) -> Result<(), EncodeError> {
    for (before, octet) in [b"S", b".", b".", b"."].into_iter().zip(address) {
        name.push(before)?;
        name.decimal(u64::from(octet))?;
    }
    Ok(())
}

impl SessionKey {
    /// Whether the attribute is of the IANA registry, so that a Disconnect-Request may have it.
    pub fn is_standard(self) -> bool {
        self != Self::CiscoAccountInfo
    }

    /// Whether this says which session, not only whose NAS.
    pub fn names_a_session(self) -> bool {
        match self {
            Self::UserName
            | Self::AcctSessionId
            | Self::FramedIpAddress
            | Self::CallingStationId
            | Self::NasPortId
            | Self::CiscoAccountInfo => true,
            Self::NasIpAddress | Self::NasIdentifier => false,
        }
    }
}

fn finish(encoder: Encoder<'_>, code: Code, identifier: u8, secret: &Secret) -> Sent {
    let (len, authenticator) = finish_request(encoder, secret);
    Sent {
        len,
        code,
        identifier,
        authenticator,
    }
}

impl Sent {
    /// The identifier of the request, by which the daemon finds it when an answer comes.
    pub fn identifier(&self) -> u8 {
        self.identifier
    }

    /// Reads the answer to this request.
    ///
    /// # Errors
    /// When the datagram is not an answer to this request made with `secret`.
    pub fn answer(&self, datagram: &[u8], secret: &Secret) -> Result<Answer, AnswerError> {
        let packet = Packet::decode(datagram).map_err(AnswerError::Malformed)?;
        if packet.identifier() != self.identifier {
            return Err(AnswerError::OtherIdentifier {
                sent: self.identifier,
                got: packet.identifier(),
            });
        }
        let acknowledged = match (self.code, packet.code()) {
            (Code::DISCONNECT_REQUEST, Code::DISCONNECT_ACK)
            | (Code::COA_REQUEST, Code::COA_ACK) => true,
            (Code::DISCONNECT_REQUEST, Code::DISCONNECT_NAK)
            | (Code::COA_REQUEST, Code::COA_NAK) => false,
            (sent, got) => return Err(AnswerError::OtherCode { sent, got }),
        };
        if !response_authenticator_is_right(&packet, &self.authenticator, secret) {
            return Err(AnswerError::Unverified);
        }
        let mut cause = None;
        for attribute in packet.attributes() {
            if attribute.kind == AttributeType::MESSAGE_AUTHENTICATOR {
                let over = Over::Request(&self.authenticator);
                if !message_authenticator_is_right(&packet, attribute.value_offset, over, secret) {
                    return Err(AnswerError::Unverified);
                }
            }
            if attribute.kind == AttributeType::ERROR_CAUSE {
                cause = cause.or(attribute.integer().map(ErrorCause::from_number));
            }
        }
        Ok(if acknowledged {
            Answer::Ack
        } else {
            Answer::Nak(cause)
        })
    }
}

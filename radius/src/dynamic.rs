//! Disconnect and CoA requests, and what the NAS answers (RFC 5176).
//!
//! Sans-IO: the daemon owns sockets, identifiers and timers. A retransmission is the same
//! octets again: same identifier, same Event-Timestamp (RFC 5176 section 2.3).
//!
//! An acknowledgement is not proof that traffic flows: that is seen in accounting.

use std::net::Ipv4Addr;

use crate::UnixSeconds;
use crate::attribute::AttributeType;
use crate::code::Code;
use crate::crypto::{
    Over, Secret, finish_request, message_authenticator_is_right, response_authenticator_is_right,
};
use crate::dialect::{self, Fill, SessionKey, Template};
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

/// Error-Cause (RFC 5176 section 3.5). Unknown values are kept.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ErrorCause {
    /// 201: the session is gone already.
    ResidualSessionContextRemoved,
    /// 401: the NAS does not know an attribute.
    UnsupportedAttribute,
    /// 402: the NAS needs another attribute.
    MissingAttribute,
    /// 403: the request is for another NAS.
    NasIdentificationMismatch,
    /// 404: something else is wrong with the request.
    InvalidRequest,
    /// 407: a value is not taken.
    InvalidAttributeValue,
    /// 501: the NAS does not let us.
    AdministrativelyProhibited,
    /// 503: there is no such session.
    SessionContextNotFound,
    /// 504: the session cannot be removed.
    SessionContextNotRemovable,
    /// 506: too little memory or the like.
    ResourcesUnavailable,
    /// 508: several sessions match, and the NAS takes one at a time.
    MultipleSessionSelectionUnsupported,
    /// Anything else.
    Other(u32),
}

impl ErrorCause {
    /// Reads the value of the attribute.
    pub const fn from_number(number: u32) -> Self {
        match number {
            201 => Self::ResidualSessionContextRemoved,
            401 => Self::UnsupportedAttribute,
            402 => Self::MissingAttribute,
            403 => Self::NasIdentificationMismatch,
            404 => Self::InvalidRequest,
            407 => Self::InvalidAttributeValue,
            501 => Self::AdministrativelyProhibited,
            503 => Self::SessionContextNotFound,
            504 => Self::SessionContextNotRemovable,
            506 => Self::ResourcesUnavailable,
            508 => Self::MultipleSessionSelectionUnsupported,
            other => Self::Other(other),
        }
    }

    /// The value of the attribute.
    pub const fn number(self) -> u32 {
        match self {
            Self::ResidualSessionContextRemoved => 201,
            Self::UnsupportedAttribute => 401,
            Self::MissingAttribute => 402,
            Self::NasIdentificationMismatch => 403,
            Self::InvalidRequest => 404,
            Self::InvalidAttributeValue => 407,
            Self::AdministrativelyProhibited => 501,
            Self::SessionContextNotFound => 503,
            Self::SessionContextNotRemovable => 504,
            Self::ResourcesUnavailable => 506,
            Self::MultipleSessionSelectionUnsupported => 508,
            Self::Other(other) => other,
        }
    }
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
}

/// Encodes a Disconnect-Request: identifiers only.
///
/// `identify_by` comes from the dialect; what is not known of the session is left out.
///
/// # Errors
/// When it does not fit into `buffer`.
pub fn encode_disconnect(
    buffer: &mut [u8],
    identifier: u8,
    event_timestamp: UnixSeconds,
    session: &Session<'_>,
    identify_by: &[SessionKey],
    secret: &Secret,
) -> Result<Sent, EncodeError> {
    let code = Code::DISCONNECT_REQUEST;
    let mut encoder = begin(buffer, code, identifier, event_timestamp)?;
    identify(&mut encoder, session, identify_by)?;
    Ok(finish(encoder, code, identifier, secret))
}

/// What a CoA-Request changes: one state of the dialect's [`dialect::Change::Coa`], filled in.
#[derive(Clone, Copy, Debug)]
pub struct Changes<'a> {
    /// The attributes of the new state.
    pub templates: &'a [Template],
    /// Rates and names of the new state.
    pub fill: Fill<'a>,
}

/// Encodes a CoA-Request.
///
/// # Errors
/// When it does not fit into `buffer`.
pub fn encode_change(
    buffer: &mut [u8],
    identifier: u8,
    event_timestamp: UnixSeconds,
    session: &Session<'_>,
    identify_by: &[SessionKey],
    changes: &Changes<'_>,
    secret: &Secret,
) -> Result<Sent, EncodeError> {
    let code = Code::COA_REQUEST;
    let mut encoder = begin(buffer, code, identifier, event_timestamp)?;
    identify(&mut encoder, session, identify_by)?;
    dialect::encode(changes.templates, changes.fill, &mut encoder)?;
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

fn identify(
    encoder: &mut Encoder<'_>,
    session: &Session<'_>,
    identify_by: &[SessionKey],
) -> Result<(), EncodeError> {
    let address = session.framed_ip_address.map(|address| address.octets());
    for key in identify_by {
        let (kind, value) = match key {
            SessionKey::UserName => (AttributeType::USER_NAME, session.user_name),
            SessionKey::AcctSessionId => (AttributeType::ACCT_SESSION_ID, session.acct_session_id),
            SessionKey::FramedIpAddress => (
                AttributeType::FRAMED_IP_ADDRESS,
                address.as_ref().map(<[u8; 4]>::as_slice),
            ),
            SessionKey::CallingStationId => (
                AttributeType::CALLING_STATION_ID,
                session.calling_station_id,
            ),
            SessionKey::NasPortId => (AttributeType::NAS_PORT_ID, session.nas_port_id),
        };
        if let Some(value) = value {
            encoder.attribute(kind, value)?;
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{finish_response, request_authenticator_is_right};
    use crate::dialect::{Change, Dialect};
    use crate::packet::PACKET_LEN_MAX;

    const NOW: UnixSeconds = UnixSeconds(1_800_000_000);
    const SESSION: Session<'_> = Session {
        user_name: Some(b"user"),
        acct_session_id: Some(b"81"),
        framed_ip_address: Some(Ipv4Addr::new(10, 0, 0, 7)),
        calling_station_id: Some(b"02:00:00:00:00:07"),
        nas_port_id: Some(b"ge-0/0/1"),
    };

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes()).unwrap()
    }

    fn disconnect(buffer: &mut [u8]) -> Sent {
        encode_disconnect(
            buffer,
            9,
            NOW,
            &SESSION,
            &Dialect::generic().identify_by,
            &secret("s"),
        )
        .unwrap()
    }

    fn answer(code: Code, identifier: u8, sent: &Sent, key: &str, cause: Option<u32>) -> Vec<u8> {
        let mut buffer = [0; 128];
        let mut encoder = Encoder::new(&mut buffer, code, identifier).unwrap();
        encoder.message_authenticator().unwrap();
        if let Some(cause) = cause {
            encoder.integer(AttributeType::ERROR_CAUSE, cause).unwrap();
        }
        let len = finish_response(encoder, &sent.authenticator, &secret(key));
        buffer[..len].to_vec()
    }

    fn kinds(octets: &[u8]) -> Vec<u8> {
        Packet::decode(octets)
            .unwrap()
            .attributes()
            .map(|a| a.kind.0)
            .collect()
    }

    #[test]
    fn every_error_cause_keeps_its_number() {
        for number in 0..600 {
            assert_eq!(ErrorCause::from_number(number).number(), number);
        }
    }

    #[test]
    fn n10_disconnect_is_signed_and_carries_identifiers_only() {
        let mut buffer = [0; PACKET_LEN_MAX];
        let sent = disconnect(&mut buffer);
        let packet = Packet::decode(&buffer[..sent.len]).unwrap();
        assert!(request_authenticator_is_right(&packet, &secret("s")));
        assert!(message_authenticator_is_right(
            &packet,
            22,
            Over::Zeros,
            &secret("s")
        ));
        assert_eq!(kinds(packet.octets()), [80, 55, 1, 44]);
        assert_eq!(
            packet
                .find(AttributeType::EVENT_TIMESTAMP)
                .unwrap()
                .integer(),
            Some(1_800_000_000)
        );
    }

    #[test]
    fn n10_change_carries_list_and_rate() {
        let mikrotik = Dialect::mikrotik();
        let Change::Coa { full, .. } = &mikrotik.change else {
            panic!("mikrotik takes CoA");
        };
        let fill = Fill {
            down_kbps: 1,
            up_kbps: 2,
            garden_name: "garden",
        };
        let changes = Changes {
            templates: full,
            fill,
        };
        let mut buffer = [0; PACKET_LEN_MAX];
        let sent = encode_change(
            &mut buffer,
            0,
            NOW,
            &SESSION,
            &mikrotik.identify_by,
            &changes,
            &secret("s"),
        )
        .unwrap();
        assert_eq!(kinds(&buffer[..sent.len]), [80, 55, 1, 44, 8, 26, 26]);
    }

    #[test]
    fn answers_are_read() {
        let mut buffer = [0; PACKET_LEN_MAX];
        let sent = disconnect(&mut buffer);
        let read = |code, cause| sent.answer(&answer(code, 9, &sent, "s", cause), &secret("s"));
        assert_eq!(read(Code::DISCONNECT_ACK, None), Ok(Answer::Ack));
        assert_eq!(read(Code::DISCONNECT_NAK, None), Ok(Answer::Nak(None)));
        assert_eq!(
            read(Code::DISCONNECT_NAK, Some(503)),
            Ok(Answer::Nak(Some(ErrorCause::SessionContextNotFound)))
        );
        assert_eq!(
            read(Code::DISCONNECT_NAK, Some(999)),
            Ok(Answer::Nak(Some(ErrorCause::Other(999))))
        );
    }

    #[test]
    fn answers_of_others_are_refused() {
        let mut buffer = [0; PACKET_LEN_MAX];
        let sent = disconnect(&mut buffer);
        let key = secret("s");
        assert_eq!(
            sent.answer(&answer(Code::DISCONNECT_ACK, 9, &sent, "t", None), &key),
            Err(AnswerError::Unverified)
        );
        assert_eq!(
            sent.answer(&answer(Code::DISCONNECT_ACK, 8, &sent, "s", None), &key),
            Err(AnswerError::OtherIdentifier { sent: 9, got: 8 })
        );
        assert_eq!(
            sent.answer(&answer(Code::COA_ACK, 9, &sent, "s", None), &key),
            Err(AnswerError::OtherCode {
                sent: Code::DISCONNECT_REQUEST,
                got: Code::COA_ACK
            })
        );
        assert!(matches!(
            sent.answer(&[41, 9], &key),
            Err(AnswerError::Malformed(_))
        ));
    }

    #[test]
    fn answer_without_message_authenticator_still_needs_the_secret() {
        let mut buffer = [0; PACKET_LEN_MAX];
        let sent = disconnect(&mut buffer);
        let bare = |key| {
            let mut reply = [0; 64];
            let encoder = Encoder::new(&mut reply, Code::DISCONNECT_ACK, 9).unwrap();
            let len = finish_response(encoder, &sent.authenticator, &secret(key));
            sent.answer(&reply[..len], &secret("s"))
        };
        assert_eq!(bare("s"), Ok(Answer::Ack));
        assert_eq!(bare("t"), Err(AnswerError::Unverified));
    }

    #[test]
    fn answer_with_a_wrong_message_authenticator_is_refused() {
        let mut buffer = [0; PACKET_LEN_MAX];
        let sent = disconnect(&mut buffer);
        let mut reply = [0; 64];
        let mut encoder = Encoder::new(&mut reply, Code::DISCONNECT_ACK, 9).unwrap();
        encoder
            .attribute(AttributeType::MESSAGE_AUTHENTICATOR, &[7; 16])
            .unwrap();
        let len = finish_response(encoder, &sent.authenticator, &secret("s"));
        assert_eq!(
            sent.answer(&reply[..len], &secret("s")),
            Err(AnswerError::Unverified)
        );
    }

    #[test]
    fn time_after_2106_is_an_error() {
        let late = UnixSeconds(1 << 32);
        let mut buffer = [0; 64];
        assert_eq!(
            encode_disconnect(&mut buffer, 0, late, &SESSION, &[], &secret("s")),
            Err(EncodeError::TimeOutOfRange(1 << 32))
        );
    }
}

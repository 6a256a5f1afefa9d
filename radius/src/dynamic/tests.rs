//! One request and its answer.

use super::*;
use crate::crypto::{finish_response, request_authenticator_is_right};
use crate::dialect::Change;
use crate::packet::PACKET_LEN_MAX;

const NOW: UnixSeconds = UnixSeconds(1_800_000_000);
const SESSION: Session<'_> = Session {
    user_name: Some(b"user"),
    acct_session_id: Some(b"81"),
    framed_ip_address: Some(Ipv4Addr::new(10, 0, 0, 7)),
    calling_station_id: Some(b"02:00:00:00:00:07"),
    nas_port_id: Some(b"ge-0/0/1"),
    nas_ip_address: Some(Ipv4Addr::new(192, 0, 2, 1)),
    nas_identifier: Some(b"bng"),
};

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes()).unwrap()
}

fn disconnect(buffer: &mut [u8]) -> Sent {
    encode_disconnect(buffer, 9, NOW, &SESSION, &Dialect::generic(), &secret("s")).unwrap()
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
fn n10_change_carries_list_rate_and_session_timeout() {
    let mikrotik = Dialect::mikrotik();
    let Change::Coa { full, .. } = &mikrotik.change else {
        panic!("mikrotik takes CoA");
    };
    let changes = Changes {
        templates: full,
        fill: Fill {
            garden_name: "garden",
            ..Fill::default()
        },
        session_timeout_seconds: 600,
    };
    let mut buffer = [0; PACKET_LEN_MAX];
    let sent = encode_change(
        &mut buffer,
        0,
        NOW,
        &SESSION,
        &mikrotik,
        &changes,
        &secret("s"),
    )
    .unwrap();
    assert_eq!(kinds(&buffer[..sent.len]), [80, 55, 1, 44, 8, 26, 26, 27]);
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
        encode_disconnect(
            &mut buffer,
            0,
            late,
            &SESSION,
            &Dialect::generic(),
            &secret("s")
        ),
        Err(EncodeError::TimeOutOfRange(1 << 32).into())
    );
}

#[test]
fn request_that_names_no_session_is_not_made() {
    let nameless = Session {
        nas_ip_address: SESSION.nas_ip_address,
        nas_identifier: SESSION.nas_identifier,
        ..Session::default()
    };
    let mut dialect = Dialect::generic();
    for keys in [
        vec![SessionKey::UserName, SessionKey::AcctSessionId],
        vec![SessionKey::NasIpAddress, SessionKey::NasIdentifier],
        Vec::new(),
    ] {
        dialect.identify_by = keys.into();
        let mut buffer = [0; PACKET_LEN_MAX];
        assert_eq!(
            encode_disconnect(&mut buffer, 0, NOW, &nameless, &dialect, &secret("s")),
            Err(RequestError::Unnamed)
        );
    }
}

#[test]
fn request_without_a_key_that_the_dialect_demands_is_not_made() {
    let session = Session {
        user_name: None,
        ..SESSION
    };
    let mut buffer = [0; PACKET_LEN_MAX];
    let dialect = Dialect::coovachilli();
    assert_eq!(
        encode_disconnect(&mut buffer, 0, NOW, &session, &dialect, &secret("s")),
        Err(RequestError::MissingKey(SessionKey::UserName))
    );
}

#[test]
fn every_key_is_written_as_its_attribute() {
    let expected: [(SessionKey, u8, &[u8]); 8] = [
        (SessionKey::UserName, 1, b"user"),
        (SessionKey::AcctSessionId, 44, b"81"),
        (SessionKey::FramedIpAddress, 8, &[10, 0, 0, 7]),
        (SessionKey::CallingStationId, 31, b"02:00:00:00:00:07"),
        (SessionKey::NasPortId, 87, b"ge-0/0/1"),
        (SessionKey::NasIpAddress, 4, &[192, 0, 2, 1]),
        (SessionKey::NasIdentifier, 32, b"bng"),
        (
            SessionKey::CiscoAccountInfo,
            26,
            b"\x00\x00\x00\x09\xfa\x0bS10.0.0.7",
        ),
    ];
    let mut dialect = Dialect::generic();
    dialect.identify_by = expected.iter().map(|(key, ..)| *key).collect();
    let mut buffer = [0; PACKET_LEN_MAX];
    let nothing = Changes::default();
    let key = secret("s");
    let sent = encode_change(&mut buffer, 0, NOW, &SESSION, &dialect, &nothing, &key).unwrap();
    let packet = Packet::decode(&buffer[..sent.len]).unwrap();
    let keys: Vec<_> = packet.attributes().skip(2).collect();
    assert_eq!(keys.len(), expected.len());
    for (attribute, (key, kind, value)) in keys.iter().zip(expected) {
        assert_eq!(
            (attribute.kind.0, attribute.value),
            (kind, value),
            "{key:?}"
        );
    }
}

#[test]
fn names_of_a_vendor_go_into_a_change_alone() {
    let mut dialect = Dialect::cisco_isg();
    let mut buffer = [0; PACKET_LEN_MAX];
    let key = secret("s");
    let sent = encode_disconnect(&mut buffer, 0, NOW, &SESSION, &dialect, &key).unwrap();
    assert_eq!(kinds(&buffer[..sent.len]), [80, 55, 44]);
    dialect.identify_by = vec![SessionKey::CiscoAccountInfo].into();
    assert_eq!(
        encode_disconnect(&mut buffer, 0, NOW, &SESSION, &dialect, &key),
        Err(RequestError::Unnamed)
    );
}

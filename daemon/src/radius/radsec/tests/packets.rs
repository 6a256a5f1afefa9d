//! Packets as a NAS makes them.

use garth_radius::attribute::AttributeType;
use garth_radius::code::Code;
use garth_radius::crypto::{self, Password, Secret, response_authenticator_is_right};
use garth_radius::packet::{Authenticator, Encoder, PACKET_LEN_MAX, Packet};
use md5::{Digest, Md5};

pub(super) const AUTHENTICATOR: Authenticator = *b"0123456789abcdef";

fn secret() -> Secret {
    Secret::new(b"radsec").unwrap()
}

/// An Access-Request with PAP.
pub(super) fn pap(identifier: u8, user: &str, password: &str) -> Vec<u8> {
    let (mut buffer, mut hidden) = ([0; PACKET_LEN_MAX], [0; 128]);
    let mut encoder = Encoder::new(&mut buffer, Code::ACCESS_REQUEST, identifier).unwrap();
    encoder.message_authenticator().unwrap();
    encoder
        .attribute(AttributeType::USER_NAME, user.as_bytes())
        .unwrap();
    let password = Password::new(password.as_bytes()).unwrap();
    let len = password.hide(&AUTHENTICATOR, &secret(), &mut hidden);
    encoder
        .attribute(AttributeType::USER_PASSWORD, &hidden[..len])
        .unwrap();
    let len = crypto::finish_random_request(encoder, &AUTHENTICATOR, &secret());
    buffer[..len].to_vec()
}

/// An Access-Request with CHAP, its challenge the Request Authenticator, and no signature.
pub(super) fn chap(identifier: u8, user: &str, password: &str) -> Vec<u8> {
    let digest = Md5::digest([&[7], password.as_bytes(), &AUTHENTICATOR].concat());
    let mut buffer = [0; PACKET_LEN_MAX];
    let mut encoder = Encoder::new(&mut buffer, Code::ACCESS_REQUEST, identifier).unwrap();
    encoder
        .attribute(AttributeType::USER_NAME, user.as_bytes())
        .unwrap();
    encoder
        .attribute(AttributeType::CHAP_PASSWORD, &[&[7][..], &digest].concat())
        .unwrap();
    let len = crypto::finish_random_request(encoder, &AUTHENTICATOR, &secret());
    buffer[..len].to_vec()
}

/// A Status-Server.
pub(super) fn status(identifier: u8) -> Vec<u8> {
    let mut buffer = [0; PACKET_LEN_MAX];
    let mut encoder = Encoder::new(&mut buffer, Code::STATUS_SERVER, identifier).unwrap();
    encoder.message_authenticator().unwrap();
    let len = crypto::finish_random_request(encoder, &AUTHENTICATOR, &secret());
    buffer[..len].to_vec()
}

/// An Accounting-Request: 1 Start, 2 Stop.
pub(super) fn account(identifier: u8, status: u32, session: &str) -> Vec<u8> {
    let mut buffer = [0; PACKET_LEN_MAX];
    let mut encoder = Encoder::new(&mut buffer, Code::ACCOUNTING_REQUEST, identifier).unwrap();
    encoder
        .integer(AttributeType::ACCT_STATUS_TYPE, status)
        .unwrap();
    encoder
        .attribute(AttributeType::ACCT_SESSION_ID, session.as_bytes())
        .unwrap();
    encoder
        .attribute(AttributeType::USER_NAME, b"alice")
        .unwrap();
    let (len, _) = crypto::finish_request(encoder, &secret());
    buffer[..len].to_vec()
}

/// A packet of RADIUS/1.1.
pub(super) fn packet11(code: Code, token: u32, attributes: &[(AttributeType, &[u8])]) -> Vec<u8> {
    let mut octets = vec![code.0, 0, 0, 0];
    octets.extend(token.to_be_bytes());
    octets.extend([0; 12]);
    for (kind, value) in attributes {
        octets.extend([kind.0, u8::try_from(value.len() + 2).unwrap()]);
        octets.extend(*value);
    }
    let length = u16::try_from(octets.len()).unwrap().to_be_bytes();
    octets[2..4].copy_from_slice(&length);
    octets
}

pub(super) fn pap11(token: u32, user: &str, password: &str) -> Vec<u8> {
    packet11(
        Code::ACCESS_REQUEST,
        token,
        &[
            (AttributeType::USER_NAME, user.as_bytes()),
            (AttributeType::USER_PASSWORD, password.as_bytes()),
        ],
    )
}

/// The code of a reply of RADIUS/1.0 that answers `request`, once its signature is seen to be right.
pub(super) fn code_of(reply: &[u8], request: &[u8]) -> Code {
    let (reply, request) = (
        Packet::decode(reply).unwrap(),
        Packet::decode(request).unwrap(),
    );
    assert_eq!(reply.identifier(), request.identifier());
    assert!(response_authenticator_is_right(
        &reply,
        request.authenticator(),
        &secret()
    ));
    reply.code()
}

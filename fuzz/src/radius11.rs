//! Any octets as a packet of RADIUS/1.1, rewritten as RFC 2865 has it, and an answer rewritten back.

use garth_radius::packet::PACKET_LEN_MAX;
use garth_radius::radius11::{Asked, ProtocolError, TranslateError, Translator, protocol_error};
use md5::{Digest as _, Md5};

use crate::wire::{self, Authenticator, Signature, attribute, code};

/// What RADIUS over TLS is signed and hidden with (RFC 6614 section 2.3).
const SECRET: &[u8] = b"radsec";
const UNIQUE: Authenticator = *b"0123456789abcdef";
/// RFC 7930 section 4.
const PROTOCOL_ERROR: u8 = 52;
const TUNNEL_PASSWORD: u8 = 69;
const MICROSOFT: [u8; 4] = [0, 0, 1, 55];
const MS_CHAP_MPPE_KEYS: u8 = 12;
const MPPE_SEND_KEY: u8 = 16;
const MPPE_RECV_KEY: u8 = 17;
const TOKEN_LEN: usize = 4;
const BLOCK_LEN: usize = 16;
const VALUE_LEN_MAX: usize = 253;

/// A type and a value.
type Clear = (u8, Vec<u8>);

/// A request means after it was rewritten what it meant before, and is signed; an answer that hides what the
/// input has in the clear says it in the clear again; and Protocol-Error names its cause (N7, RFC 9765).
///
/// # Panics
/// When a promise is broken.
pub fn check(input: &[u8]) {
    let mut mended = input.to_vec();
    wire::mend(&mut mended);
    for octets in [input, &mended] {
        assert_request_means_the_same(octets);
    }
    assert_answer_means_the_same(&mended);
    assert_error_is_named(&mended);
}

fn assert_request_means_the_same(octets: &[u8]) {
    let mut buffer = [0; PACKET_LEN_MAX];
    let translated = Translator::new().request(octets, &UNIQUE, &mut buffer);
    let Some(sent) = wire::packet(octets) else {
        let refused = matches!(translated, Err(TranslateError::Decode(_)));
        return assert!(refused, "what is no packet is rewritten");
    };
    let expected = expected(sent);
    let octets: usize = expected.iter().map(|(_, value)| value.len() + 2).sum();
    let fits = wire::HEADER_LEN + octets <= PACKET_LEN_MAX;
    let len = match translated {
        Ok((len, _)) => len,
        Err(TranslateError::Long(_)) => return assert!(!fits, "a packet that fits is refused"),
        Err(TranslateError::Decode(error)) => panic!("{error} in a packet"),
    };
    let packet = wire::packet(&buffer[..len]).expect("it is a packet");
    assert!(fits && packet.len() == len);
    assert_eq!(packet[..2], [sent[0], sent[2 * TOKEN_LEN - 1]]);
    let over = wire::authenticator(packet);
    let signature = wire::message_authenticator(packet, &over, SECRET);
    if sent[0] == code::ACCOUNTING_REQUEST {
        assert_eq!(signature, Signature::Absent);
        assert!(wire::request_authenticator_is_right(packet, SECRET));
    } else {
        assert_eq!(signature, Signature::Right);
        assert_eq!(wire::authenticator(packet), UNIQUE);
    }
    let found = wire::attributes(packet).into_iter();
    let found = found.map(|(kind, value)| match kind {
        // Its value was looked at.
        attribute::MESSAGE_AUTHENTICATOR => (kind, vec![0; BLOCK_LEN]),
        _ => (kind, value.to_vec()),
    });
    assert!(found.eq(expected), "another meaning");
}

/// The attributes of the request that RFC 2865 would have sent for this one of RADIUS/1.1.
fn expected(sent: &[u8]) -> Vec<Clear> {
    let attributes = wire::attributes(sent).into_iter();
    let meant = attributes.filter(|(kind, _)| *kind != attribute::MESSAGE_AUTHENTICATOR);
    if sent[0] == code::ACCOUNTING_REQUEST {
        return meant.map(|(kind, value)| (kind, value.to_vec())).collect();
    }
    let has_challenge = !wire::values(sent, attribute::CHAP_CHALLENGE).is_empty();
    let rewritten = meant.map(|(kind, value)| {
        let value = match (kind, value.len()) {
            (attribute::USER_PASSWORD, 1..=128) => wire::hide(value, &UNIQUE, SECRET),
            (attribute::CHAP_PASSWORD, _) if !has_challenge => Vec::new(),
            _ => value.to_vec(),
        };
        (kind, value)
    });
    let signature = (attribute::MESSAGE_AUTHENTICATOR, vec![0; BLOCK_LEN]);
    [signature].into_iter().chain(rewritten).collect()
}

/// A request of RADIUS/1.1 with that Token, as it was asked.
fn asked(token: [u8; TOKEN_LEN]) -> Asked {
    let mut octets = [&[code::ACCESS_REQUEST, 0, 0, 0][..], &token, &[0; 12]].concat();
    wire::set_length(&mut octets);
    let mut buffer = [0; PACKET_LEN_MAX];
    let translated = Translator::new().request(&octets, &UNIQUE, &mut buffer);
    translated.expect("it is a request").1
}

fn assert_answer_means_the_same(packet: &[u8]) {
    let mut hidden = vec![packet[0], packet[1], 0, 0];
    hidden.extend([0x55; BLOCK_LEN]);
    let mut clear: Vec<Clear> = Vec::new();
    for (kind, value) in wire::attributes(packet) {
        let Some(value_hidden) = hide(kind, value) else {
            continue;
        };
        if value_hidden.len() > VALUE_LEN_MAX
            || hidden.len() + 2 + value_hidden.len() > PACKET_LEN_MAX
        {
            continue;
        }
        let length = u8::try_from(value_hidden.len() + 2).expect("it is short");
        hidden.extend([kind, length]);
        hidden.extend(value_hidden);
        if kind != attribute::MESSAGE_AUTHENTICATOR {
            clear.push((kind, value.to_vec()));
        }
    }
    wire::set_length(&mut hidden);
    let token = *packet[TOKEN_LEN..]
        .first_chunk()
        .expect("a packet has a header");
    let mut buffer = [0; PACKET_LEN_MAX];
    let len = Translator::new().reply(&hidden, &asked(token), &mut buffer);
    let len = len.expect("it is a packet");
    assert!(len <= hidden.len(), "it has become longer");
    let answer = wire::packet(&buffer[..len]).expect("it is a packet");
    assert_header(answer, packet[0], token);
    let found = wire::attributes(answer).into_iter();
    assert!(
        found.map(|(kind, value)| (kind, value.to_vec())).eq(clear),
        "another meaning"
    );
}

/// The value that hides this one; `None` where nobody would hide it so.
fn hide(kind: u8, value: &[u8]) -> Option<Vec<u8>> {
    if kind == TUNNEL_PASSWORD {
        let (tag, password) = value.split_first()?;
        let salted = salted(&[0x80, *tag], password)?;
        return Some([&[*tag][..], &salted].concat());
    }
    let vendor = (kind == attribute::VENDOR_SPECIFIC).then_some(value);
    let Some([a, b, c, d, kind, length, clear @ ..]) = vendor else {
        return Some(value.to_vec());
    };
    if [*a, *b, *c, *d] != MICROSOFT || usize::from(*length) != clear.len() + 2 {
        return Some(value.to_vec());
    }
    let hidden = match *kind {
        MPPE_SEND_KEY | MPPE_RECV_KEY => salted(&[0x81, *kind], clear)?,
        MS_CHAP_MPPE_KEYS if clear.len() == 24 => {
            // Hidden as a User-Password, zeros behind it (RFC 2548 section 2.4.1).
            wire::hide(clear, &UNIQUE, SECRET)
        }
        MS_CHAP_MPPE_KEYS => return None,
        _ => clear.to_vec(),
    };
    let length = u8::try_from(hidden.len() + 2).ok()?;
    Some([&MICROSOFT[..], &[*kind, length], &hidden].concat())
}

/// Salt, then the length and the octets, hidden (RFC 2868 section 3.5).
fn salted(salt: &[u8], clear: &[u8]) -> Option<Vec<u8>> {
    let mut plain = vec![u8::try_from(clear.len()).ok()?];
    plain.extend(clear);
    plain.resize(plain.len().next_multiple_of(BLOCK_LEN), 0);
    let mut hidden = salt.to_vec();
    let mut before = [&UNIQUE[..], salt].concat();
    for block in plain.chunks(BLOCK_LEN) {
        let mask = Md5::new().chain_update(SECRET).chain_update(&before);
        let mask = mask.finalize();
        before = block.iter().zip(mask).map(|(a, b)| a ^ b).collect();
        hidden.extend(&before);
    }
    Some(hidden)
}

fn assert_header(packet: &[u8], code: u8, token: [u8; TOKEN_LEN]) {
    assert_eq!(packet[..2], [code, 0]);
    assert_eq!(packet[4..8], token);
    assert_eq!(packet[8..wire::HEADER_LEN], [0; 12]);
}

fn assert_error_is_named(request: &[u8]) {
    let mut buffer = [0; PACKET_LEN_MAX];
    for error in [
        ProtocolError::InvalidRequest,
        ProtocolError::ResourcesUnavailable,
    ] {
        let len = protocol_error(request, error, &mut buffer).expect("it is a packet");
        let answer = wire::packet(&buffer[..len]).expect("it is a packet");
        let token = *request[TOKEN_LEN..].first_chunk().expect("it has a header");
        assert_header(answer, PROTOCOL_ERROR, token);
        let attributes = wire::attributes(answer);
        let cause = error.number().to_be_bytes();
        assert_eq!(
            attributes.first(),
            Some(&(attribute::ERROR_CAUSE, &cause[..]))
        );
        let echoed = wire::values(request, attribute::PROXY_STATE);
        let octets: usize = echoed.iter().map(|value| value.len() + 2).sum();
        // Error-Cause takes six.
        let fits = wire::HEADER_LEN + 6 + octets <= PACKET_LEN_MAX;
        let found = wire::values(answer, attribute::PROXY_STATE);
        assert_eq!(found, if fits { echoed } else { Vec::new() });
        assert_eq!(attributes.len(), 1 + found.len());
    }
}

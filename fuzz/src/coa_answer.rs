//! Any datagram in answer to a Disconnect-Request or CoA-Request.

use garth_radius::UnixSeconds;
use garth_radius::crypto::Secret;
use garth_radius::dialect::Dialect;
use garth_radius::dynamic::{Answer, Changes, Sent, Session, encode_change, encode_disconnect};
use garth_radius::packet::PACKET_LEN_MAX;

use crate::wire::{self, Signature, attribute};

const SECRET: &[u8] = b"xyzzy5461";
const NOW: UnixSeconds = UnixSeconds(1_800_000_000);
const IDENTIFIER: u8 = 7;

/// Only the right code with the identifier, signed over this very request, is an answer, and its Error-Cause is
/// the one in its octets (N10).
///
/// # Panics
/// When a promise is broken.
pub fn check(datagram: &[u8]) {
    let mut buffer = [0; PACKET_LEN_MAX];
    for (encode, acknowledged) in [(disconnect as Encode, 41), (change as Encode, 44)] {
        let sent = encode(&mut buffer);
        let authenticator = wire::authenticator(&buffer[..sent.len]);
        let mut signed = datagram.to_vec();
        wire::mend(&mut signed);
        wire::sign_reply(&mut signed, &authenticator, SECRET);
        for datagram in [datagram, &signed] {
            let expected = expected(datagram, acknowledged, &authenticator);
            let answer = sent.answer(datagram, &secret()).ok();
            assert_eq!(answer.map(as_seen), expected);
        }
    }
}

type Encode = fn(&mut [u8]) -> Sent;

/// An answer: whether it acknowledges, and the number of its Error-Cause.
type Seen = (bool, Option<u32>);

fn as_seen(answer: Answer) -> Seen {
    match answer {
        Answer::Ack => (true, None),
        Answer::Nak(cause) => (false, cause.map(|cause| cause.number())),
    }
}

/// The answer that the octets alone make of it; the NAK's code follows the one of the ACK.
fn expected(datagram: &[u8], ack: u8, request_authenticator: &wire::Authenticator) -> Option<Seen> {
    let packet = wire::packet(datagram)?;
    let genuine = wire::reply_is_genuine(packet, IDENTIFIER, request_authenticator, SECRET);
    if !genuine || !(ack..=ack + 1).contains(&packet[0]) {
        return None;
    }
    let signature = wire::message_authenticator(packet, request_authenticator, SECRET);
    assert_ne!(signature, Signature::Wrong);
    let causes = wire::values(packet, attribute::ERROR_CAUSE);
    let numbers = causes.iter().filter_map(|value| (*value).try_into().ok());
    let cause = numbers.map(u32::from_be_bytes).next();
    Some((packet[0] == ack, cause.filter(|_| packet[0] != ack)))
}

fn secret() -> Secret {
    Secret::new(SECRET).expect("it is a secret")
}

fn session() -> Session<'static> {
    Session {
        user_name: Some(b"nemo"),
        acct_session_id: Some(b"81000007"),
        ..Session::default()
    }
}

fn disconnect(buffer: &mut [u8]) -> Sent {
    let dialect = Dialect::generic();
    encode_disconnect(buffer, IDENTIFIER, NOW, &session(), &dialect, &secret()).expect("it fits")
}

fn change(buffer: &mut [u8]) -> Sent {
    let dialect = Dialect::generic();
    let changes = Changes::default();
    encode_change(
        buffer,
        IDENTIFIER,
        NOW,
        &session(),
        &dialect,
        &changes,
        &secret(),
    )
    .expect("it fits")
}

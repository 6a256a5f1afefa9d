//! Requests as a NAS sends them, made before any clock starts, and what is right for an answer.
//!
//! Every request of a load is valid for its kind and like no other. Where it is sent from and its
//! identifier follow from its number alone: [`slot`].
//!
//! Not here: sending (`generator`).

use std::net::Ipv4Addr;

use anyhow::{Result, bail, ensure};
use garth_radius::attribute::AttributeType;
use garth_radius::code::Code;
use garth_radius::crypto::{
    ChapPassword, Over, PASSWORD_LEN_MAX, Password, Secret, finish_random_request, finish_request,
    message_authenticator_is_right, response_authenticator_is_right,
};
use garth_radius::packet::{Encoder, HEADER_LEN, PACKET_LEN_MAX, Packet};
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

use crate::population::Population;
use crate::random::Random;
use crate::sockets::BATCH;

/// Source ports of one stream of requests.
pub const SOCKETS: usize = 16;
/// Identifiers of one source port.
pub const IDENTIFIERS: usize = 256;
/// Requests that can be outstanding at a time.
pub const SLOTS: usize = SOCKETS * IDENTIFIERS;

/// The secret that all servers share with the generator.
pub const SECRET: &[u8] = b"benchmark-secret";

/// Acct-Status-Type (RFC 2866 section 5.1).
const START: u32 = 1;
const STOP: u32 = 2;
const INTERIM_UPDATE: u32 = 3;
/// Of a hundred accounting records, how many are Start; as many are Stop, the rest Interim-Update.
const STARTS_PER_HUNDRED: u32 = 5;
/// Service-Type Framed and Framed-Protocol PPP (RFC 2865 sections 5.6 and 5.7).
const FRAMED: u32 = 2;
const FRAMED_PROTOCOL: AttributeType = AttributeType(7);
const PPP: u32 = 1;
/// Acct-Authentic RADIUS (RFC 2866 section 5.6).
const ACCT_AUTHENTIC: AttributeType = AttributeType(45);
const RADIUS: u32 = 1;
/// User-Request (RFC 2866 section 5.10).
const USER_REQUEST: u32 = 1;
/// When all of it happens, Unix seconds: some day in 2027.
const EVENT_TIME: u32 = 1_800_000_000;

/// What is asked, and what is right for an answer.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The right password by PAP of somebody who has paid: Access-Accept.
    Pap,
    /// The same by CHAP.
    Chap,
    /// A wrong password by PAP: Access-Reject.
    Reject,
    /// The right password by PAP of somebody who has not paid: Access-Accept with the garden's filter.
    Garden,
    /// Start, Interim-Update and Stop: Accounting-Response.
    Accounting,
    /// A user nobody knows, by PAP: Access-Reject.
    UnknownUser,
    /// A wrong Message-Authenticator: no answer.
    BadAuthenticator,
}

impl Kind {
    /// The words for it in tables.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Pap => "PAP accept",
            Self::Chap => "CHAP accept",
            Self::Reject => "reject",
            Self::Garden => "garden accept",
            Self::Accounting => "accounting",
            Self::UnknownUser => "unknown user",
            Self::BadAuthenticator => "bad authenticator",
        }
    }

    fn code(self) -> Code {
        match self {
            Self::Pap | Self::Chap | Self::Garden => Code::ACCESS_ACCEPT,
            Self::Reject | Self::UnknownUser | Self::BadAuthenticator => Code::ACCESS_REJECT,
            Self::Accounting => Code::ACCOUNTING_RESPONSE,
        }
    }
}

/// Socket and identifier of the request with this number.
///
/// Neighbours go out of the same socket, so that one call sends them; the next [`BATCH`] go out of the
/// next. A slot comes again after [`SLOTS`] requests.
pub fn slot(number: usize) -> (usize, u8) {
    let block = number / BATCH;
    let identifier = (block / SOCKETS) % (IDENTIFIERS / BATCH) * BATCH + number % BATCH;
    let identifier = u8::try_from(identifier).expect("a remainder of 256");
    (block % SOCKETS, identifier)
}

/// Requests of one kind.
pub struct Load {
    /// What they ask.
    pub kind: Kind,
    octets: Vec<u8>,
    /// Where each ends in `octets`.
    ends: Vec<usize>,
}

impl Load {
    /// `count` requests of users drawn from `population` by `seed`.
    ///
    /// # Panics
    /// Never: everything fits a packet.
    pub fn new(kind: Kind, count: usize, population: Population, seed: u64) -> Self {
        let secret = secret();
        let mut random = Random::new(seed);
        let mut buffer = [0; PACKET_LEN_MAX];
        let (mut octets, mut ends) = (Vec::new(), Vec::with_capacity(count));
        for number in 0..count {
            let identifier = slot(number).1;
            let user = match kind {
                Kind::Garden => Some(population.unpaid(&mut random)),
                Kind::UnknownUser => Some(population.unknown(&mut random)),
                Kind::Pap | Kind::Chap | Kind::Reject | Kind::BadAuthenticator => {
                    Some(population.paid(&mut random))
                }
                Kind::Accounting => None,
            };
            let len = match user {
                Some(user) => access(&mut buffer, identifier, &mut random, kind, user, &secret),
                None => accounting(&mut buffer, identifier, &mut random, population, &secret),
            };
            octets.extend_from_slice(&buffer[..len]);
            ends.push(octets.len());
        }
        Self { kind, octets, ends }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The request with this number.
    ///
    /// # Panics
    /// When there are not so many.
    pub fn get(&self, number: usize) -> &[u8] {
        let from = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.octets[from..self.ends[number]]
    }
}

/// The secret as `garth-radius` takes it.
///
/// # Panics
/// Never: it is fixed.
pub fn secret() -> Secret {
    Secret::new(SECRET).expect("it is short")
}

fn access(
    buffer: &mut [u8],
    identifier: u8,
    random: &mut Random,
    kind: Kind,
    user: u32,
    secret: &Secret,
) -> usize {
    let authenticator = random.octets();
    let mut encoder = Encoder::new(buffer, Code::ACCESS_REQUEST, identifier).expect("room");
    encoder.message_authenticator().expect("room");
    let password = if kind == Kind::Reject {
        "wrong-password".to_owned()
    } else {
        Population::password(user)
    };
    let mut hidden = [0; PASSWORD_LEN_MAX];
    let chap: ChapPassword;
    let proof = if kind == Kind::Chap {
        chap = chap_password(identifier, password.as_bytes(), &authenticator);
        (AttributeType::CHAP_PASSWORD, &chap[..])
    } else {
        let password = Password::new(password.as_bytes()).expect("it is short");
        let len = password.hide(&authenticator, secret, &mut hidden);
        (AttributeType::USER_PASSWORD, &hidden[..len])
    };
    let user_name = Population::user_name(user);
    let attributes = [
        (AttributeType::USER_NAME, user_name.as_bytes()),
        proof,
        (AttributeType::SERVICE_TYPE, &FRAMED.to_be_bytes()),
        (FRAMED_PROTOCOL, &PPP.to_be_bytes()),
    ];
    for (kind, value) in attributes {
        encoder.attribute(kind, value).expect("room");
    }
    place(&mut encoder, user);
    let len = finish_random_request(encoder, &authenticator, secret);
    if kind == Kind::BadAuthenticator {
        // Within the value of Message-Authenticator, which comes first.
        buffer[HEADER_LEN + 2] ^= 1;
    }
    len
}

fn chap_password(identifier: u8, password: &[u8], challenge: &[u8]) -> ChapPassword {
    let digest = Md5::new()
        .chain_update([identifier])
        .chain_update(password)
        .chain_update(challenge)
        .finalize();
    let mut value = [identifier; 17];
    value[1..].copy_from_slice(&digest);
    value
}

fn accounting(
    buffer: &mut [u8],
    identifier: u8,
    random: &mut Random,
    population: Population,
    secret: &Secret,
) -> usize {
    let user = population.anybody(random);
    let status = match random.below(100) {
        percent if percent < STARTS_PER_HUNDRED => START,
        percent if percent < 2 * STARTS_PER_HUNDRED => STOP,
        _ => INTERIM_UPDATE,
    };
    let mut encoder = Encoder::new(buffer, Code::ACCOUNTING_REQUEST, identifier).expect("room");
    let user_name = Population::user_name(user);
    let session = format!("{user:08x}");
    let attributes = [
        (AttributeType::USER_NAME, user_name.as_bytes()),
        (AttributeType::ACCT_SESSION_ID, session.as_bytes()),
        (AttributeType::CLASS, &Population::class(user)[..]),
    ];
    for (kind, value) in attributes {
        encoder.attribute(kind, value).expect("room");
    }
    // 100.64.0.0/10, shared among carriers' subscribers (RFC 6598).
    let address = 0x6440_0000 | (user & 0x003F_FFFF);
    let mut integers = vec![
        (AttributeType::ACCT_STATUS_TYPE, status),
        (AttributeType::SERVICE_TYPE, FRAMED),
        (FRAMED_PROTOCOL, PPP),
        (ACCT_AUTHENTIC, RADIUS),
        (AttributeType::FRAMED_IP_ADDRESS, address),
        (AttributeType::EVENT_TIMESTAMP, EVENT_TIME),
        (AttributeType::ACCT_DELAY_TIME, 0),
    ];
    if status != START {
        integers.extend([
            (AttributeType::ACCT_SESSION_TIME, random.below(86_400)),
            (AttributeType::ACCT_INPUT_OCTETS, random.below(u32::MAX)),
            (AttributeType::ACCT_OUTPUT_OCTETS, random.below(u32::MAX)),
            (AttributeType::ACCT_INPUT_PACKETS, random.below(u32::MAX)),
            (AttributeType::ACCT_OUTPUT_PACKETS, random.below(u32::MAX)),
        ]);
    }
    if status == STOP {
        integers.push((AttributeType::ACCT_TERMINATE_CAUSE, USER_REQUEST));
    }
    for (kind, value) in integers {
        encoder.integer(kind, value).expect("room");
    }
    place(&mut encoder, user);
    finish_request(encoder, secret).0
}

/// Where the subscriber is, as its NAS says with every request.
fn place(encoder: &mut Encoder<'_>, user: u32) {
    let calling = Population::mac(user);
    let port_id = format!("pppoe-{user}");
    let nas = Ipv4Addr::LOCALHOST.octets();
    let attributes = [
        (AttributeType::NAS_IP_ADDRESS, &nas[..]),
        (AttributeType::NAS_PORT, &user.to_be_bytes()),
        (AttributeType::NAS_PORT_ID, port_id.as_bytes()),
        (AttributeType::CALLING_STATION_ID, calling.as_bytes()),
        (AttributeType::NAS_IDENTIFIER, b"edge-1"),
    ];
    for (kind, value) in attributes {
        encoder.attribute(kind, value).expect("room");
    }
}

/// How much of a reply is its server's promise.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Promise {
    /// A RADIUS server: everything.
    Server,
    /// A floor that signs, but decides nothing: not the garden's filter.
    Signed,
    /// An echo: code and identifier.
    Echo,
}

/// Checks `reply` to `request`: code, identifier, Response Authenticator, Message-Authenticator if there
/// is one, and that the garden's filter is there for the garden alone.
///
/// # Errors
/// What is wrong with it.
pub fn verify(
    reply: &[u8],
    request: &[u8],
    kind: Kind,
    promise: Promise,
    secret: &Secret,
) -> Result<()> {
    let packet = Packet::decode(reply)?;
    let asked = Packet::decode(request)?;
    if packet.code() != kind.code() {
        bail!("code {} instead of {}", packet.code().0, kind.code().0);
    }
    ensure!(
        packet.identifier() == asked.identifier(),
        "another identifier"
    );
    if promise == Promise::Echo {
        return Ok(());
    }
    let authenticator = asked.authenticator();
    ensure!(
        response_authenticator_is_right(&packet, authenticator, secret),
        "a wrong Response Authenticator"
    );
    if let Some(attribute) = packet.find(AttributeType::MESSAGE_AUTHENTICATOR) {
        let over = Over::Request(authenticator);
        ensure!(
            message_authenticator_is_right(&packet, attribute.value_offset, over, secret),
            "a wrong Message-Authenticator"
        );
    }
    let walled = packet.find(AttributeType::FILTER_ID).is_some();
    if promise == Promise::Server && walled != (kind == Kind::Garden) {
        bail!("Filter-Id is there: {walled}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use garth_radius::crypto::{finish_response, request_authenticator_is_right};

    use super::*;

    const POPULATION: Population = Population::new(1_000);

    #[test]
    fn every_slot_comes_once_before_any_comes_again() {
        let slots: BTreeSet<_> = (0..SLOTS).map(slot).collect();
        assert_eq!(slots.len(), SLOTS);
        assert_eq!(slot(SLOTS), slot(0));
    }

    #[test]
    fn requests_are_signed_and_distinct() {
        let secret = secret();
        for kind in [Kind::Pap, Kind::Chap, Kind::Accounting] {
            let load = Load::new(kind, 500, POPULATION, 3);
            let mut seen = BTreeSet::new();
            for number in 0..load.len() {
                let packet = Packet::decode(load.get(number)).unwrap();
                assert_eq!(packet.identifier(), slot(number).1);
                assert!(
                    seen.insert(*packet.authenticator()),
                    "{kind:?} {number} twice"
                );
                let signed = match packet.find(AttributeType::MESSAGE_AUTHENTICATOR) {
                    Some(own) => message_authenticator_is_right(
                        &packet,
                        own.value_offset,
                        Over::Own,
                        &secret,
                    ),
                    None => request_authenticator_is_right(&packet, &secret),
                };
                assert!(signed, "{kind:?} {number}");
            }
        }
    }

    #[test]
    fn a_bad_authenticator_is_bad() {
        let load = Load::new(Kind::BadAuthenticator, 10, POPULATION, 3);
        let packet = Packet::decode(load.get(9)).unwrap();
        let own = packet.find(AttributeType::MESSAGE_AUTHENTICATOR).unwrap();
        let at = own.value_offset;
        assert!(!message_authenticator_is_right(
            &packet,
            at,
            Over::Own,
            &secret()
        ));
    }

    #[test]
    fn the_same_seed_makes_the_same_load() {
        let octets = |seed| Load::new(Kind::Pap, 50, POPULATION, seed).octets;
        assert_eq!(octets(1), octets(1));
        assert_ne!(octets(1), octets(2));
    }

    #[test]
    fn only_the_right_reply_is_taken() {
        let load = Load::new(Kind::Pap, 2, POPULATION, 3);
        let request = Packet::decode(load.get(0)).unwrap();
        let mut buffer = [0; PACKET_LEN_MAX];
        let mut reply = |code, filter: bool| {
            let mut encoder = Encoder::new(&mut buffer, code, request.identifier()).unwrap();
            encoder.message_authenticator().unwrap();
            if filter {
                encoder
                    .attribute(AttributeType::FILTER_ID, b"garden")
                    .unwrap();
            }
            let len = finish_response(encoder, request.authenticator(), &secret());
            buffer[..len].to_vec()
        };
        let right = |reply: &[u8], number, kind| {
            verify(reply, load.get(number), kind, Promise::Server, &secret()).is_ok()
        };
        let accept = reply(Code::ACCESS_ACCEPT, false);
        assert!(right(&accept, 0, Kind::Pap));
        assert!(!right(&accept, 1, Kind::Pap), "another request");
        assert!(!right(&accept, 0, Kind::Reject), "another code");
        assert!(!right(&accept, 0, Kind::Garden), "no filter");
        assert!(right(&reply(Code::ACCESS_ACCEPT, true), 0, Kind::Garden));
        let mut encoder =
            Encoder::new(&mut buffer, Code::ACCESS_ACCEPT, request.identifier()).unwrap();
        encoder
            .attribute(AttributeType::MESSAGE_AUTHENTICATOR, &[0; 16])
            .unwrap();
        let len = finish_response(encoder, request.authenticator(), &secret());
        assert!(!right(&buffer[..len], 0, Kind::Pap), "no right signature");
        for at in 4..accept.len() {
            let mut changed = accept.clone();
            changed[at] ^= 1;
            assert!(!right(&changed, 0, Kind::Pap), "octet {at}");
        }
    }
}

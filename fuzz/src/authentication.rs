//! Any datagram at the authentication port.

use std::cell::RefCell;

use garth_radius::directory::Access;
use garth_radius::nas::MessageAuthenticatorPolicy;
use garth_radius::packet::Packet;
use garth_radius::server::{DropReason, Outcome, Verdict};

use crate::ms_chap;
use crate::wire::{self, Signature, attribute, code};
use crate::world::{
    Book, CIRCUIT, FuzzNas, NAS, STATION, USERS, World, assert_much_to_echo, assert_reply_is_right,
    both,
};

thread_local! {
    static WORLD: RefCell<World> = RefCell::new(World::new());
}

/// Silence unless the request is genuine; a reply that is right; Accept only for a right password or a
/// call-check; and the same octets again for a retransmission, with nobody asked (N1, N4, N5, N6).
///
/// # Panics
/// When a promise is broken.
pub fn check(datagram: &[u8]) {
    assert_readings_agree(datagram);
    WORLD.with_borrow_mut(|world| {
        for nas in &NAS {
            for datagram in both(datagram, nas) {
                ask(world, nas, &datagram);
            }
        }
    });
}

/// The decoder and the second reading take the same datagrams and see the same attributes.
fn assert_readings_agree(datagram: &[u8]) {
    let packet = Packet::decode(datagram).ok();
    assert_eq!(
        packet.map(|packet| packet.octets()),
        wire::packet(datagram),
        "which datagrams are packets"
    );
    if let Some(packet) = packet {
        let attributes: Vec<(u8, &[u8])> =
            packet.attributes().map(|a| (a.kind.0, a.value)).collect();
        assert_eq!(attributes, wire::attributes(packet.octets()));
    }
}

fn ask(world: &mut World, nas: &FuzzNas, datagram: &[u8]) {
    world.forget();
    let book = Book::default();
    let (now, source) = (world.now, nas.source());
    let verdict = world
        .server
        .authenticate(now, source, datagram, &book, &mut world.reply);
    let request = wire::packet(datagram).filter(|packet| is_answered(packet, nas));
    let (len, outcome) = match (verdict, request) {
        (Verdict::Drop(DropReason::ReplyTooLong), Some(request)) => {
            return assert_much_to_echo(request);
        }
        (Verdict::Drop(reason), request) => {
            assert_eq!(request, None, "silence ({reason:?}) where a reply is due");
            return assert_eq!(book.asked.get(), 0, "somebody was asked for a stranger");
        }
        (Verdict::Reply { len, outcome }, _) => (len, outcome),
    };
    let request = request.expect("a reply where silence is due");
    let first = world.reply[..len].to_vec();
    assert_reply_is_right(&first, request, nas.secret);
    assert_outcome_is_right(outcome, first[0], request, nas.secret);
    if outcome == Outcome::StatusServer {
        return;
    }
    let asked = book.asked.get();
    let again = world
        .server
        .authenticate(now, source, datagram, &book, &mut world.reply);
    let outcome = Outcome::Duplicate;
    assert_eq!(again, Verdict::Reply { len, outcome }, "a retransmission");
    assert_eq!(world.reply[..len], first, "the same octets");
    assert_eq!(book.asked.get(), asked, "a retransmission asks nobody");
}

/// Whether this port answers the packet at all: a request whose Message-Authenticator is right, or missing where
/// it may be.
fn is_answered(packet: &[u8], nas: &FuzzNas) -> bool {
    let may_be_absent = packet[0] == code::ACCESS_REQUEST
        && nas.policy == MessageAuthenticatorPolicy::Off
        && wire::values(packet, attribute::EAP_MESSAGE).is_empty();
    matches!(packet[0], code::ACCESS_REQUEST | code::STATUS_SERVER)
        && match wire::request_signature(packet, nas.secret) {
            Signature::Absent => may_be_absent,
            Signature::Right => true,
            Signature::Wrong => false,
        }
}

fn assert_outcome_is_right(outcome: Outcome, code: u8, request: &[u8], secret: &[u8]) {
    let is_status = request[0] == code::STATUS_SERVER;
    assert_eq!(outcome == Outcome::StatusServer, is_status);
    let accepted = |access| {
        let proven = proven(request, secret);
        assert_eq!(proven, Some(access), "an accept that was not earned");
        assert_eq!(code, code::ACCESS_ACCEPT);
    };
    match outcome {
        Outcome::AcceptFull => accepted(Access::Full),
        Outcome::AcceptGarden => accepted(Access::Garden),
        Outcome::StatusServer => assert_eq!(code, code::ACCESS_ACCEPT),
        Outcome::Reject(_) => assert_eq!(code, code::ACCESS_REJECT),
        Outcome::Challenge => panic!("no method here has a second round"),
        Outcome::AcceptUnknown => panic!("strangers are not let in here"),
        Outcome::Duplicate => panic!("an answer of before where there was none"),
    }
}

/// What a request may be granted, read from its octets alone: one known User-Name with its password, or the
/// station or line that needs none.
fn proven(request: &[u8], secret: &[u8]) -> Option<Access> {
    let names = wire::values(request, attribute::USER_NAME);
    let passwords = [attribute::USER_PASSWORD, attribute::CHAP_PASSWORD];
    let tried = passwords.map(|kind| !wire::values(request, kind).is_empty());
    let by_password = USERS.iter().find(|(name, password, _)| {
        let right = match (tried, ms_chap::is_tried(request)) {
            ([false, false], true) => ms_chap::proves(request, name, password),
            (_, false) => wire::proves(request, password, secret),
            (_, true) => false,
        };
        names == [*name] && !password.is_empty() && right
    });
    let eap = wire::values(request, attribute::EAP_MESSAGE);
    match by_password {
        _ if !eap.is_empty() => None,
        Some((.., access)) => Some(*access),
        None if is_call_check(request, &names) => Some(Access::Full),
        None => is_known_line(request, &names).then_some(Access::Garden),
    }
}

/// The access node names the line, and User-Name, if there is one, is no other name.
fn is_known_line(request: &[u8], names: &[&[u8]]) -> bool {
    const BROADBAND_FORUM: [u8; 4] = [0, 0, 0x0d, 0xe9];
    const AGENT_CIRCUIT_ID: u8 = 1;
    const AGENT_REMOTE_ID: u8 = 2;
    let circuits = ms_chap::values(request, BROADBAND_FORUM, AGENT_CIRCUIT_ID);
    let remotes = ms_chap::values(request, BROADBAND_FORUM, AGENT_REMOTE_ID);
    let service = wire::values(request, attribute::SERVICE_TYPE);
    let vouched = match *names {
        [] => true,
        [name] => {
            let names_line = name == CIRCUIT || remotes == [name] || mac(name).is_some();
            names_line || service == [[0, 0, 0, 10]]
        }
        _ => false,
    };
    circuits == [CIRCUIT] && vouched
}

/// The MAC is in User-Name or Calling-Station-Id, and no other one is.
fn is_call_check(request: &[u8], names: &[&[u8]]) -> bool {
    let stations = wire::values(request, attribute::CALLING_STATION_ID);
    let expected: String = STATION.iter().map(|octet| format!("{octet:02x}")).collect();
    let mut macs = names.iter().chain(&stations).filter_map(|value| mac(value));
    names.len() < 2
        && macs.next().is_some_and(|mac| mac == expected)
        && macs.all(|mac| mac == expected)
}

/// The digits of a MAC in one of its notations: twelve, in groups of two or four or without separators.
fn mac(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?.to_ascii_lowercase();
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    if digits.len() != 12 {
        return None;
    }
    let grouped = |len: usize, separator: &str| {
        let groups: Vec<&str> = (0..12)
            .step_by(len)
            .map(|at| &digits[at..at + len])
            .collect();
        groups.join(separator)
    };
    let written = [":", "-", "."]
        .into_iter()
        .any(|separator| text == grouped(2, separator) || text == grouped(4, separator));
    (written || text == digits).then_some(digits)
}

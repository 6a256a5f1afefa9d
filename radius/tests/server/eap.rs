//! EAP through RADIUS (RFC 3579): by EAP-MD5, which needs no certificates.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use garth_radius::attribute::AttributeType;
use garth_radius::code::Code;
use garth_radius::dialect::Dialect;
use garth_radius::directory::NOBODY;
use garth_radius::eap::{EapMethod, EapServer, EapSettings, Random};
use garth_radius::nas::MessageAuthenticatorPolicy;
use garth_radius::packet::Packet;
use garth_radius::server::{Outcome, RejectReason, Server, Settings, Unknown, Verdict};
use md5::{Digest, Md5};

use crate::support::{Ask, Book, CLASS, nas, send, settings};

const SUCCESS: u8 = 3;
const FAILURE: u8 = 4;

/// Another octet each time.
#[derive(Default)]
struct Counted(AtomicU8);

impl Random for Counted {
    fn fill(&self, octets: &mut [u8]) {
        octets.fill(self.0.fetch_add(1, Ordering::Relaxed));
    }
}

fn eap_server() -> Arc<EapServer> {
    Arc::new(EapServer::new(Box::<Counted>::default()))
}

fn with_eap(unknown: Unknown) -> Arc<Settings> {
    let nas = nas(MessageAuthenticatorPolicy::Require, Dialect::mikrotik());
    let eap = EapSettings::new(vec![EapMethod::Md5], None).unwrap();
    let settings = Arc::into_inner(settings(nas, unknown)).unwrap();
    Arc::new(settings.with_eap(Some(Arc::new(eap))))
}

fn server() -> Server {
    Server::new(with_eap(Unknown::Reject), 1).with_eap(eap_server())
}

/// A request with this EAP packet, in as many attributes as it takes.
fn eap(identifier: u8, packet: &[u8]) -> Ask {
    let mut ask = Ask::user(b"anonymous").again(identifier);
    ask.identifier = identifier;
    for piece in packet.chunks(253) {
        ask = ask.with(AttributeType::EAP_MESSAGE, piece);
    }
    ask
}

fn identity(name: &[u8]) -> Ask {
    let [high, low] = u16::try_from(5 + name.len()).unwrap().to_be_bytes();
    eap(1, &[&[2, 0, high, low, 1][..], name].concat())
}

fn value(reply: &[u8], kind: AttributeType) -> Vec<u8> {
    Packet::decode(reply)
        .unwrap()
        .find(kind)
        .unwrap()
        .value
        .to_vec()
}

/// The answer to the challenge in a reply.
fn answer(challenge: &[u8], password: &[u8]) -> Ask {
    let message = value(challenge, AttributeType::EAP_MESSAGE);
    let digest = Md5::new()
        .chain_update([message[1]])
        .chain_update(password)
        .chain_update(&message[6..22])
        .finalize();
    eap(2, &[&[2, message[1], 0, 22, 4, 16][..], &digest].concat()).with(
        AttributeType::STATE,
        &value(challenge, AttributeType::STATE),
    )
}

fn outcome(verdict: Verdict) -> Outcome {
    match verdict {
        Verdict::Reply { outcome, .. } => outcome,
        Verdict::Drop(reason) => panic!("{reason:?}"),
    }
}

fn challenged(server: &mut Server, name: &[u8]) -> Vec<u8> {
    let (verdict, reply) = identity(name).ask(server, &Book::default());
    assert_eq!(outcome(verdict), Outcome::Challenge);
    assert_eq!(reply[0], Code::ACCESS_CHALLENGE.0);
    reply
}

#[test]
fn right_password_is_accepted_with_success_and_the_plan() {
    let mut server = server();
    let challenge = challenged(&mut server, b"alice");
    let (verdict, reply) = answer(&challenge, b"wonderland").ask(&mut server, &Book::default());
    assert_eq!(outcome(verdict), Outcome::AcceptFull);
    assert_eq!(
        value(&reply, AttributeType::EAP_MESSAGE),
        [SUCCESS, challenge_identifier(&challenge), 0, 4]
    );
    let session_timeout = value(&reply, AttributeType::SESSION_TIMEOUT);
    assert_eq!(session_timeout, 86_400_u32.to_be_bytes());
    assert_eq!(
        Packet::decode(&reply)
            .unwrap()
            .find(AttributeType::STATE)
            .map(|state| state.value),
        None
    );
}

fn challenge_identifier(challenge: &[u8]) -> u8 {
    value(challenge, AttributeType::EAP_MESSAGE)[1]
}

#[test]
fn challenge_carries_nothing_but_the_conversation() {
    let reply = challenged(&mut server(), b"alice");
    let kinds: Vec<u8> = Packet::decode(&reply)
        .unwrap()
        .attributes()
        .map(|a| a.kind.0)
        .collect();
    assert_eq!(kinds, [80, 79, 24]);
}

#[test]
fn refusal_is_a_reject_with_failure() {
    for (name, password, reason) in [
        (
            &b"alice"[..],
            &b"looking-glass"[..],
            RejectReason::WrongPassword,
        ),
        (b"tom", b"gone", RejectReason::NoService),
        (b"nobody", b"x", RejectReason::UnknownUser),
    ] {
        let mut server = server();
        let challenge = challenged(&mut server, name);
        let (verdict, reply) = answer(&challenge, password).ask(&mut server, &Book::default());
        assert_eq!(outcome(verdict), Outcome::Reject(reason));
        assert_eq!(reply[0], Code::ACCESS_REJECT.0);
        assert_eq!(
            value(&reply, AttributeType::EAP_MESSAGE),
            [FAILURE, challenge_identifier(&challenge), 0, 4]
        );
    }
}

#[test]
fn suspended_and_unknown_get_the_garden() {
    let mut server = Server::new(with_eap(Unknown::Garden), 1).with_eap(eap_server());
    for (name, password, expected) in [
        (&b"sue"[..], &b"in debt"[..], Outcome::AcceptGarden),
        (b"nobody", b"x", Outcome::AcceptUnknown),
    ] {
        let challenge = challenged(&mut server, name);
        let (verdict, reply) = answer(&challenge, password)
            .again(name[0])
            .ask(&mut server, &Book::default());
        assert_eq!(outcome(verdict), expected);
        assert_eq!(value(&reply, AttributeType::EAP_MESSAGE)[0], SUCCESS);
        // Whom nobody knows is nobody in accounting, whatever name is outside.
        let is_nobody = value(&reply, AttributeType::CLASS) == NOBODY;
        assert_eq!(is_nobody, expected == Outcome::AcceptUnknown);
        // The next one begins anew: the NAS has used identifier 1 long ago.
        server = Server::new(with_eap(Unknown::Garden), 1).with_eap(eap_server());
    }
}

#[test]
fn n5_retransmitted_round_gets_the_same_octets() {
    let mut server = server();
    let challenge = challenged(&mut server, b"alice");
    let (verdict, again) = identity(b"alice").ask(&mut server, &Book::default());
    assert_eq!((outcome(verdict), &again), (Outcome::Duplicate, &challenge));
    let ask = answer(&challenge, b"wonderland");
    let (_, accept) = ask.ask(&mut server, &Book::default());
    let (verdict, again) = ask.ask(&mut server, &Book::default());
    assert_eq!((outcome(verdict), again), (Outcome::Duplicate, accept));
}

#[test]
fn response_that_is_ignored_is_answered_with_the_request_that_waits() {
    let mut server = server();
    let challenge = challenged(&mut server, b"alice");
    let mut wrong = answer(&challenge, b"wonderland");
    wrong.attributes[1].1[1] ^= 1;
    for expected in [Outcome::Challenge, Outcome::Duplicate] {
        let (verdict, reply) = wrong.ask(&mut server, &Book::default());
        assert_eq!(outcome(verdict), expected);
        for kind in [AttributeType::EAP_MESSAGE, AttributeType::STATE] {
            assert_eq!(value(&reply, kind), value(&challenge, kind));
        }
        // Invalid EAP Packet (Ignored), RFC 3579 section 2.2.
        assert_eq!(value(&reply, AttributeType::ERROR_CAUSE), [0, 0, 0, 202]);
    }
    let (verdict, _) = answer(&challenge, b"wonderland")
        .again(9)
        .ask(&mut server, &Book::default());
    assert_eq!(outcome(verdict), Outcome::AcceptFull);
}

#[test]
fn next_round_may_reach_another_worker() {
    let (settings, eap) = (with_eap(Unknown::Reject), eap_server());
    let worker = || Server::new(Arc::clone(&settings), 1).with_eap(Arc::clone(&eap));
    let challenge = challenged(&mut worker(), b"alice");
    assert_eq!(eap.sessions(), 1);
    let (verdict, _) = answer(&challenge, b"wonderland").ask(&mut worker(), &Book::default());
    assert_eq!(outcome(verdict), Outcome::AcceptFull);
    assert_eq!(eap.sessions(), 0);
}

#[test]
fn message_of_several_attributes_is_joined() {
    let mut server = server();
    let reply = challenged(&mut server, &[b'a'; 253]);
    assert_eq!(value(&reply, AttributeType::EAP_MESSAGE)[4], 4);
}

#[test]
fn message_of_ten_attributes_is_joined() {
    let mut server = server();
    let challenge = challenged(&mut server, b"alice");
    let whole = answer(&challenge, b"wonderland");
    let message = &whole.attributes[1].1;
    let mut ask = Ask::user(b"anonymous").again(2);
    ask.identifier = 2;
    let pieces = message.chunks(3);
    assert!(pieces.len() >= 8);
    // An empty one at each end is nothing.
    for piece in [&[][..]].into_iter().chain(pieces).chain([&[][..]]) {
        ask = ask.with(AttributeType::EAP_MESSAGE, piece);
    }
    ask = ask.with(
        AttributeType::STATE,
        &value(&challenge, AttributeType::STATE),
    );
    let (verdict, _) = ask.ask(&mut server, &Book::default());
    assert_eq!(outcome(verdict), Outcome::AcceptFull);
}

#[test]
fn class_says_who_it_is_where_the_name_outside_is_anybodys() {
    // A name that is not proven must not be billed.
    let nas = nas(MessageAuthenticatorPolicy::Require, Dialect::accel_ppp());
    let eap = EapSettings::new(vec![EapMethod::Md5], None).unwrap();
    let settings = Arc::into_inner(settings(nas, Unknown::Reject)).unwrap();
    let settings = Arc::new(settings.with_eap(Some(Arc::new(eap))));
    let mut server = Server::new(settings, 1).with_eap(eap_server());
    for (name, password, expected) in [
        (&b"alice"[..], &b"wonderland"[..], Outcome::AcceptFull),
        (b"sue", b"in debt", Outcome::AcceptGarden),
    ] {
        let (_, challenge) = identity(name)
            .again(name[0])
            .ask(&mut server, &Book::default());
        let (verdict, reply) = answer(&challenge, password)
            .again(name[0])
            .ask(&mut server, &Book::default());
        assert_eq!(outcome(verdict), expected);
        assert_eq!(value(&reply, AttributeType::CLASS), CLASS);
    }
}

#[test]
fn state_that_is_ours_no_more_is_rejected() {
    let mut server = server();
    let challenge = challenged(&mut server, b"alice");
    let mut ask = answer(&challenge, b"wonderland");
    for state in [&b"short"[..], &[9; 16]] {
        ask.attributes[2].1 = state.to_vec();
        ask = ask.again(state[0]);
        let (verdict, _) = ask.ask(&mut server, &Book::default());
        assert_eq!(
            outcome(verdict),
            Outcome::Reject(RejectReason::EapStateUnknown)
        );
    }
}

#[test]
fn eap_is_unsupported_unless_the_settings_have_it() {
    let unsupported = Ok(Outcome::Reject(RejectReason::UnsupportedMethod));
    let mut without_server = Server::new(with_eap(Unknown::Reject), 1);
    assert_eq!(identity(b"alice").outcome(&mut without_server), unsupported);
    let nas = nas(MessageAuthenticatorPolicy::Require, Dialect::mikrotik());
    let without_settings = settings(nas, Unknown::Reject);
    let mut without_settings = Server::new(without_settings, 1).with_eap(eap_server());
    assert_eq!(
        identity(b"alice").outcome(&mut without_settings),
        unsupported
    );
}

#[test]
fn catalogue_that_changes_keeps_eap() {
    let settings = with_eap(Unknown::Reject).with_plans(Vec::new());
    let mut server = Server::new(Arc::new(settings), 1).with_eap(eap_server());
    challenged(&mut server, b"alice");
}

#[test]
fn message_that_is_no_eap_packet_is_rejected() {
    let mut server = server();
    let book = Book::default();
    let (verdict, reply) = send(&mut server, &book, &eap(1, &[2, 7, 0, 200]).octets());
    assert_eq!(outcome(verdict), Outcome::Reject(RejectReason::EapProtocol));
    assert_eq!(
        value(&reply, AttributeType::EAP_MESSAGE),
        [FAILURE, 0, 0, 4]
    );
    assert_eq!(book.asked.get(), 0);
}

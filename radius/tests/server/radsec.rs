//! A NAS that is known by its certificate, over RADIUS/1.0 and RADIUS/1.1 (RFC 6614, RFC 9765).

use std::net::SocketAddr;
use std::sync::Arc;

use garth_radius::attribute::AttributeType;
use garth_radius::certificate::CertificateName;
use garth_radius::code::Code;
use garth_radius::crypto::{self, Password, Secret};
use garth_radius::dialect::Dialect;
use garth_radius::nas::{MessageAuthenticatorPolicy, Nas};
use garth_radius::packet::{Authenticator, Encoder, PACKET_LEN_MAX, Packet};
use garth_radius::radius11::Translator;
use garth_radius::server::{
    AccountVerdict, Datagram, DropReason, Outcome, RejectReason, Server, Unknown, Verdict,
};

use crate::support::{Book, NOW, nas, settings_of};

const NAME: &str = "nas.example.net";
/// Another address than that of any NAS, and IPv6.
const ANYWHERE: &str = "[2001:db8:5::1]:50000";

fn certificate() -> CertificateName {
    NAME.parse().unwrap()
}

fn server() -> Server {
    let dialect = Arc::new(Dialect::mikrotik());
    let entries = vec![
        nas(MessageAuthenticatorPolicy::Require, Dialect::generic()),
        Nas::radsec("nas-2", certificate(), dialect),
    ];
    Server::new(settings_of(entries, Unknown::Reject), 1)
}

fn datagram(octets: &[u8]) -> Datagram<'_> {
    Datagram {
        source: ANYWHERE.parse().unwrap(),
        octets,
    }
}

/// A request of RADIUS/1.0 without Message-Authenticator.
fn unsigned(user: &[u8], password: &[u8], secret: &[u8]) -> Vec<u8> {
    let authenticator: Authenticator = *b"0123456789abcdef";
    let secret = Secret::new(secret).unwrap();
    let (mut buffer, mut hidden) = ([0; PACKET_LEN_MAX], [0; 128]);
    let mut encoder = Encoder::new(&mut buffer, Code::ACCESS_REQUEST, 9).unwrap();
    encoder.attribute(AttributeType::USER_NAME, user).unwrap();
    let len = Password::new(password)
        .unwrap()
        .hide(&authenticator, &secret, &mut hidden);
    encoder
        .attribute(AttributeType::USER_PASSWORD, &hidden[..len])
        .unwrap();
    let len = crypto::finish_random_request(encoder, &authenticator, &secret);
    buffer[..len].to_vec()
}

/// A request of RADIUS/1.1.
fn request11(code: Code, token: u32, attributes: &[(u8, &[u8])]) -> Vec<u8> {
    let mut octets = vec![code.0, 0, 0, 0];
    octets.extend(token.to_be_bytes());
    octets.extend([0; 12]);
    for (kind, value) in attributes {
        octets.extend([*kind, u8::try_from(value.len() + 2).unwrap()]);
        octets.extend(*value);
    }
    let length = u16::try_from(octets.len()).unwrap().to_be_bytes();
    octets[2..4].copy_from_slice(&length);
    octets
}

fn authenticate(server: &mut Server, octets: &[u8]) -> (Verdict, Vec<u8>) {
    let mut reply = [0; PACKET_LEN_MAX];
    let verdict = server.authenticate_radsec(
        NOW,
        &certificate(),
        datagram(octets),
        &Book::default(),
        &mut reply,
    );
    let len = match verdict {
        Verdict::Reply { len, .. } => len,
        Verdict::Drop(_) => 0,
    };
    (verdict, reply[..len].to_vec())
}

/// The same in RADIUS/1.1; `serial` makes the Request Authenticator unique.
fn authenticate11(server: &mut Server, octets: &[u8], serial: u128) -> (Verdict, Vec<u8>) {
    let translator = Translator::new();
    let mut buffer = [0; PACKET_LEN_MAX];
    let unique = serial.to_be_bytes();
    let (len, asked) = translator.request(octets, &unique, &mut buffer).unwrap();
    let (verdict, reply) = authenticate(server, &buffer[..len]);
    let mut buffer = [0; PACKET_LEN_MAX];
    let len = translator.reply(&reply, &asked, &mut buffer).unwrap();
    (verdict, buffer[..len].to_vec())
}

fn outcome(verdict: Verdict) -> Outcome {
    match verdict {
        Verdict::Reply { outcome, .. } => outcome,
        Verdict::Drop(reason) => panic!("{reason:?}"),
    }
}

#[test]
fn n7_nas_is_known_by_its_certificate_wherever_it_is() {
    let mut server = server();
    let (verdict, reply) = authenticate(&mut server, &unsigned(b"alice", b"wonderland", b"radsec"));
    assert_eq!(outcome(verdict), Outcome::AcceptFull);
    let reply = Packet::decode(&reply).unwrap();
    let first = reply.attributes().next().unwrap();
    assert_eq!(first.kind, AttributeType::MESSAGE_AUTHENTICATOR);
    // The dialect of the entry with the certificate, not that of another.
    assert!(
        reply
            .attributes()
            .any(|a| a.vendor().is_some_and(|(vendor, _)| vendor.0 == 14988))
    );
}

#[test]
fn n7_certificate_of_no_nas_is_dropped_as_unknown() {
    let mut server = server();
    let mut reply = [0; PACKET_LEN_MAX];
    let octets = unsigned(b"alice", b"wonderland", b"radsec");
    let other: CertificateName = "other.example.net".parse().unwrap();
    let inside: SocketAddr = "192.0.2.1:40000".parse().unwrap();
    for source in [inside, ANYWHERE.parse().unwrap()] {
        let datagram = Datagram {
            source,
            octets: &octets,
        };
        let verdict =
            server.authenticate_radsec(NOW, &other, datagram, &Book::default(), &mut reply);
        assert_eq!(verdict, Verdict::Drop(DropReason::UnknownNas));
    }
}

#[test]
fn n7_certificate_gives_nothing_to_a_datagram_without_it() {
    let mut server = server();
    let mut reply = [0; PACKET_LEN_MAX];
    let octets = unsigned(b"alice", b"wonderland", b"radsec");
    for (source, reason) in [
        ("192.0.2.1:40000", DropReason::MissingMessageAuthenticator),
        (ANYWHERE, DropReason::UnknownNas),
    ] {
        let verdict = server.authenticate(
            NOW,
            source.parse().unwrap(),
            &octets,
            &Book::default(),
            &mut reply,
        );
        assert_eq!(verdict, Verdict::Drop(reason));
    }
}

#[test]
fn n7_message_authenticator_may_be_missing_over_tls_but_not_wrong() {
    let mut server = server();
    let mut octets = unsigned(b"alice", b"wonderland", b"radsec");
    octets.extend([80, 18]);
    octets.extend([1; 16]);
    octets[3] += 18;
    let (verdict, _) = authenticate(&mut server, &octets);
    assert_eq!(verdict, Verdict::Drop(DropReason::BadMessageAuthenticator));
}

#[test]
fn n7_pap_of_radius_1_1_gets_its_token_back_and_nothing_signed() {
    let mut server = server();
    let asked = request11(
        Code::ACCESS_REQUEST,
        0xfeed_0001,
        &[(1, b"alice"), (2, b"wonderland"), (33, b"proxy")],
    );
    let (verdict, reply) = authenticate11(&mut server, &asked, 1);
    assert_eq!(outcome(verdict), Outcome::AcceptFull);
    assert_eq!(reply[..2], [Code::ACCESS_ACCEPT.0, 0]);
    assert_eq!(reply[4..8], 0xfeed_0001_u32.to_be_bytes());
    assert_eq!(reply[8..20], [0; 12]);
    let reply = Packet::decode(&reply).unwrap();
    assert!(reply.find(AttributeType::MESSAGE_AUTHENTICATOR).is_none());
    assert_eq!(
        reply.find(AttributeType::PROXY_STATE).unwrap().value,
        b"proxy"
    );
    assert!(reply.find(AttributeType::CLASS).is_some());
}

#[test]
fn n7_passwords_of_every_length_are_taken_over_radius_1_1() {
    let mut server = server();
    for (serial, password) in [&b"wrong"[..], &[b'x'; 16], &[b'x'; 128]]
        .into_iter()
        .enumerate()
    {
        let asked = request11(Code::ACCESS_REQUEST, 1, &[(1, b"alice"), (2, password)]);
        let (verdict, _) = authenticate11(&mut server, &asked, serial.try_into().unwrap());
        assert_eq!(
            outcome(verdict),
            Outcome::Reject(RejectReason::WrongPassword)
        );
    }
    for (serial, password) in [&[][..], &[b'x'; 129], &[b'x'; 144]]
        .into_iter()
        .enumerate()
    {
        let asked = request11(Code::ACCESS_REQUEST, 1, &[(1, b"alice"), (2, password)]);
        let (verdict, _) =
            authenticate11(&mut server, &asked, 10 + u128::try_from(serial).unwrap());
        assert_eq!(
            outcome(verdict),
            Outcome::Reject(RejectReason::BadAttribute)
        );
    }
}

#[test]
fn n7_chap_of_radius_1_1_needs_its_challenge() {
    use md5::{Digest, Md5};
    let challenge = [5; 16];
    let digest = Md5::digest([&[7][..], b"wonderland", &challenge].concat());
    let response = [&[7][..], &digest].concat();
    let mut server = server();
    let whole: [(u8, &[u8]); 3] = [(1, b"alice"), (3, &response), (60, &challenge)];
    let asked = request11(Code::ACCESS_REQUEST, 1, &whole);
    let (verdict, _) = authenticate11(&mut server, &asked, 1);
    assert_eq!(outcome(verdict), Outcome::AcceptFull);

    // A response to what stands where the authenticator was, or to what we put there.
    for challenge in [&asked[4..20], &2_u128.to_be_bytes()] {
        let mut server = self::server();
        let digest = Md5::digest([&[7][..], b"wonderland", challenge].concat());
        let response = [&[7][..], &digest].concat();
        let asked = request11(Code::ACCESS_REQUEST, 1, &[(1, b"alice"), (3, &response)]);
        let (verdict, _) = authenticate11(&mut server, &asked, 2);
        assert_eq!(
            outcome(verdict),
            Outcome::Reject(RejectReason::BadAttribute)
        );
    }
}

#[test]
fn n3_status_server_is_answered_over_radius_1_1() {
    let mut server = server();
    let (verdict, reply) = authenticate11(&mut server, &request11(Code::STATUS_SERVER, 77, &[]), 1);
    assert_eq!(outcome(verdict), Outcome::StatusServer);
    let expected = request11(Code::ACCESS_ACCEPT, 77, &[]);
    assert_eq!(reply, expected);
}

#[test]
fn n7_accounting_of_radius_1_1_is_a_record_and_its_reply_a_bare_header() {
    let mut server = server();
    let translator = Translator::new();
    let asked = request11(
        Code::ACCOUNTING_REQUEST,
        0x0102_0304,
        &[(40, &[0, 0, 0, 1]), (44, b"8120abcd")],
    );
    let (mut buffer, mut reply) = ([0; PACKET_LEN_MAX], [0; PACKET_LEN_MAX]);
    let (len, to) = translator.request(&asked, &[0; 16], &mut buffer).unwrap();
    let given = server.account_radsec(NOW, &certificate(), datagram(&buffer[..len]), &mut reply);
    let AccountVerdict::Record {
        record,
        ticket,
        reply_len,
    } = given
    else {
        panic!("{given:?}");
    };
    assert_eq!(&*record.nas.name, "nas-2");
    assert_eq!(record.acct_session_id, Some(&b"8120abcd"[..]));
    server.committed(ticket, &reply[..reply_len]);
    let mut octets = [0; PACKET_LEN_MAX];
    let len = translator
        .reply(&reply[..reply_len], &to, &mut octets)
        .unwrap();
    assert_eq!(
        octets[..len],
        request11(Code::ACCOUNTING_RESPONSE, 0x0102_0304, &[])
    );
}

#[test]
fn n7_two_requests_of_radius_1_1_alike_but_for_the_token_are_both_answered() {
    let mut server = server();
    for token in [1, 1 + 256, 1 + 512] {
        let asked = request11(
            Code::ACCESS_REQUEST,
            token,
            &[(1, b"alice"), (2, b"wonderland")],
        );
        let (verdict, reply) = authenticate11(&mut server, &asked, token.into());
        assert_eq!(outcome(verdict), Outcome::AcceptFull);
        assert_eq!(reply[4..8], token.to_be_bytes());
    }
}

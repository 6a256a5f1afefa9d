//! EAP asked again after a lost reply, and over every transport (RFC 3579, RFC 5080, RFC 6614, RFC 9765).
//!
//! By the exchange of RFC 2759 section 9.2, whose keys are known.

use std::net::SocketAddr;
use std::sync::Arc;

use garth_radius::UnixSeconds;
use garth_radius::attribute::AttributeType;
use garth_radius::certificate::CertificateName;
use garth_radius::code::Code;
use garth_radius::crypto::{self, Secret};
use garth_radius::dialect::Dialect;
use garth_radius::eap::{ENDED_SECONDS, EapMethod, EapServer, EapSettings, Random, Uptime};
use garth_radius::nas::{MessageAuthenticatorPolicy, Nas};
use garth_radius::packet::{Encoder, PACKET_LEN_MAX, Packet};
use garth_radius::radius11::Translator;
use garth_radius::server::{Datagram, DropReason, Outcome, RejectReason, Server, Unknown, Verdict};

use crate::methods::{AUTHENTICATOR_CHALLENGE, NT_RESPONSE, PEER_CHALLENGE, SEND_KEY};
use crate::methods::{microsoft, revealed};
use crate::support::{Ask, Book, NOW, SECRET, nas, settings_of};

/// Past what the duplicate cache remembers, within what the conversation does.
const LATER: UnixSeconds = UnixSeconds(NOW.0 + ENDED_SECONDS - 1);
const RADSEC_SECRET: &[u8] = b"radsec";

/// The challenge of the standard; a State is the same octets.
struct Standard;

impl Random for Standard {
    fn fill(&self, octets: &mut [u8]) {
        octets.copy_from_slice(&AUTHENTICATOR_CHALLENGE);
    }
}

fn name() -> CertificateName {
    "nas.example.net".parse().unwrap()
}

fn server(eap: &Arc<EapServer>) -> Server {
    let methods = EapSettings::new(vec![EapMethod::MsChapV2], None).unwrap();
    let entries = vec![
        nas(MessageAuthenticatorPolicy::Require, Dialect::generic()),
        Nas::radsec("nas-2", name(), Arc::new(Dialect::generic())),
    ];
    let settings = Arc::into_inner(settings_of(entries, Unknown::Reject)).unwrap();
    let settings = settings.with_eap(Some(Arc::new(methods)));
    Server::new(Arc::new(settings), 1).with_eap(Arc::clone(eap))
}

fn eap_server() -> Arc<EapServer> {
    Arc::new(EapServer::new(Box::new(Standard)))
}

/// What a NAS carries to the server, and how.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Transport {
    Udp,
    RadSec,
    Radius11,
}

/// A NAS with one conversation.
struct Carrier {
    transport: Transport,
    source: SocketAddr,
    /// Of the next request: its identifier, and what its Request Authenticator or token is made of.
    serial: u8,
    state: Option<Vec<u8>>,
}

impl Carrier {
    fn new(transport: Transport) -> Self {
        Self {
            transport,
            source: "192.0.2.1:40000".parse().unwrap(),
            serial: 0,
            state: None,
        }
    }

    /// A new request with this EAP packet.
    fn carry(
        &mut self,
        server: &mut Server,
        now: UnixSeconds,
        message: &[u8],
    ) -> (Outcome, Vec<u8>) {
        self.serial += 1;
        let (verdict, reply) = self.send(server, now, message);
        let Verdict::Reply { outcome, .. } = verdict else {
            panic!("{verdict:?}");
        };
        let said = Packet::decode(&reply).unwrap();
        if let Some(state) = said.find(AttributeType::STATE) {
            self.state = Some(state.value.to_vec());
        }
        (outcome, reply)
    }

    /// The request of before, with this EAP packet.
    fn send(&self, server: &mut Server, now: UnixSeconds, message: &[u8]) -> (Verdict, Vec<u8>) {
        let mut buffer = [0; PACKET_LEN_MAX];
        let mut encoder = Encoder::new(&mut buffer, Code::ACCESS_REQUEST, self.serial).unwrap();
        if self.transport != Transport::Radius11 {
            encoder.message_authenticator().unwrap();
        }
        let each = [
            (AttributeType::USER_NAME, &b"User"[..]),
            (AttributeType::EAP_MESSAGE, message),
        ];
        let state = self
            .state
            .iter()
            .map(|state| (AttributeType::STATE, &state[..]));
        for (kind, value) in each.into_iter().chain(state) {
            encoder.attribute(kind, value).unwrap();
        }
        let unique = [self.serial; 16];
        let secret = match self.transport {
            Transport::Udp => SECRET,
            Transport::RadSec | Transport::Radius11 => RADSEC_SECRET,
        };
        let secret = Secret::new(secret).unwrap();
        let len = crypto::finish_random_request(encoder, &unique, &secret);
        self.pass(server, now, &buffer[..len])
    }

    fn pass(&self, server: &mut Server, now: UnixSeconds, octets: &[u8]) -> (Verdict, Vec<u8>) {
        let (source, book) = (self.source, Book::default());
        let mut reply = [0; PACKET_LEN_MAX];
        let mut tls = |octets| {
            let datagram = Datagram { source, octets };
            server.authenticate_radsec(now, &name(), datagram, &book, &mut reply)
        };
        let verdict = match self.transport {
            Transport::Udp => server.authenticate(now, source, octets, &book, &mut reply),
            Transport::RadSec => tls(octets),
            Transport::Radius11 => {
                let (translator, mut request) = (Translator::new(), [0; PACKET_LEN_MAX]);
                let mut octets = octets.to_vec();
                // Token, and nothing behind it.
                octets[1] = 0;
                octets[8..20].fill(0);
                let unique = [self.serial; 16];
                let translated = translator.request(&octets, &unique, &mut request);
                let (len, asked) = translated.unwrap();
                let verdict = tls(&request[..len]);
                let mut plain = [0; PACKET_LEN_MAX];
                translator.reply(&reply, &asked, &mut plain).unwrap();
                reply = plain;
                verdict
            }
        };
        let len = match verdict {
            Verdict::Reply { .. } => usize::from(u16::from_be_bytes([reply[2], reply[3]])),
            Verdict::Drop(_) => 0,
        };
        (verdict, reply[..len].to_vec())
    }
}

fn identity() -> Vec<u8> {
    [&[2, 0, 0, 9, 1][..], b"User"].concat()
}

/// The response of the standard to the challenge in a reply.
fn response(challenge: &[u8]) -> Vec<u8> {
    let request = message(challenge);
    assert_eq!(request[4..6], [26, 1]);
    assert_eq!(request[10..26], AUTHENTICATOR_CHALLENGE);
    let value = [&PEER_CHALLENGE[..], &[0; 8], &NT_RESPONSE, &[0]].concat();
    [
        &[2, request[1], 0, 63, 26, 2, request[6], 0, 58, 49][..],
        &value,
        b"User",
    ]
    .concat()
}

fn acknowledgement(success: &[u8]) -> Vec<u8> {
    let request = message(success);
    assert_eq!(request[4..6], [26, 3]);
    vec![2, request[1], 0, 6, 26, 3]
}

fn message(reply: &[u8]) -> Vec<u8> {
    let reply = Packet::decode(reply).unwrap();
    reply
        .find(AttributeType::EAP_MESSAGE)
        .unwrap()
        .value
        .to_vec()
}

/// Up to the last response, which is given.
fn logged_in(carrier: &mut Carrier, server: &mut Server) -> Vec<u8> {
    let (_, challenge) = carrier.carry(server, NOW, &identity());
    let (_, success) = carrier.carry(server, NOW, &response(&challenge));
    acknowledgement(&success)
}

#[test]
fn n5_lost_accept_is_the_same_octets_when_the_duplicate_cache_has_forgotten_it() {
    for transport in [Transport::Udp, Transport::RadSec, Transport::Radius11] {
        let eap = eap_server();
        let (mut server, mut carrier) = (server(&eap), Carrier::new(transport));
        let last = logged_in(&mut carrier, &mut server);
        let (outcome, accept) = carrier.carry(&mut server, NOW, &last);
        assert_eq!(outcome, Outcome::AcceptFull, "{transport:?}");
        for (now, uptime) in [(NOW, 0), (LATER, ENDED_SECONDS - 1)] {
            eap.tick(Uptime(uptime));
            let (verdict, again) = carrier.send(&mut server, now, &last);
            let Verdict::Reply { outcome, .. } = verdict else {
                panic!("{verdict:?}");
            };
            assert_eq!(
                (outcome, &again),
                (Outcome::Duplicate, &accept),
                "{transport:?}"
            );
        }
        let over = UnixSeconds(NOW.0 + 2 * ENDED_SECONDS);
        eap.tick(Uptime(ENDED_SECONDS));
        let (outcome, _) = carrier.carry(&mut server, over, &last);
        assert_eq!(outcome, Outcome::Reject(RejectReason::EapStateUnknown));
    }
}

#[test]
fn n5_accept_asked_for_in_another_request_has_the_same_keys() {
    let eap = eap_server();
    let (mut first, mut carrier) = (server(&eap), Carrier::new(Transport::Udp));
    let last = logged_in(&mut carrier, &mut first);
    let (_, accept) = carrier.carry(&mut first, NOW, &last);
    let before = [carrier.serial; 16];
    // From another port, to another worker.
    carrier.source.set_port(40_001);
    let (outcome, again) = carrier.carry(&mut server(&eap), LATER, &last);
    assert_eq!(outcome, Outcome::Duplicate);
    let keys = |reply: &[u8], authenticator| {
        let ask = Ask {
            authenticator,
            ..Ask::user(b"User")
        };
        [16, 17].map(|kind| revealed(&microsoft(reply, kind), &ask))
    };
    let [send, receive] = keys(&accept, before);
    assert_eq!(keys(&again, [carrier.serial; 16]), [send.clone(), receive]);
    assert_eq!(send, SEND_KEY);
    let class = |reply: &[u8]| {
        let reply = Packet::decode(reply).unwrap();
        reply.find(AttributeType::CLASS).unwrap().value.to_vec()
    };
    assert_eq!(class(&again), class(&accept));
}

#[test]
fn n7_conversation_goes_on_over_another_connection() {
    for transport in [Transport::RadSec, Transport::Radius11] {
        let eap = eap_server();
        let mut carrier = Carrier::new(transport);
        let (_, challenge) = carrier.carry(&mut server(&eap), NOW, &identity());
        let mut reply = challenge;
        for answer in [response, acknowledgement] {
            let answer = answer(&reply);
            // The reply of the first connection is lost with it.
            carrier.source.set_port(carrier.source.port() + 1);
            let (_, lost) = carrier.carry(&mut server(&eap), NOW, &answer);
            carrier.source.set_port(carrier.source.port() + 1);
            let (outcome, again) = carrier.carry(&mut server(&eap), NOW, &answer);
            assert_eq!(
                (outcome, message(&again)),
                (Outcome::Duplicate, message(&lost))
            );
            reply = again;
        }
        assert_eq!(reply[0], Code::ACCESS_ACCEPT.0);
        if transport == Transport::Radius11 {
            assert!(microsoft(&reply, 16).ends_with(&SEND_KEY));
        }
    }
}

#[test]
fn n7_message_authenticator_of_eap_is_due_over_radsec_and_not_over_radius_1_1() {
    let eap = eap_server();
    let mut server = server(&eap);
    let unsigned = [
        &[1, 1, 0, 37][..],
        &[7; 16],
        &[1, 6],
        b"User",
        &[79, 11],
        &identity(),
    ]
    .concat();
    let carrier = Carrier::new(Transport::RadSec);
    let (verdict, _) = carrier.pass(&mut server, NOW, &unsigned);
    let missing = DropReason::MissingMessageAuthenticator;
    assert_eq!(verdict, Verdict::Drop(missing));
    let mut carrier = Carrier::new(Transport::Radius11);
    let (outcome, reply) = carrier.carry(&mut server, NOW, &identity());
    assert_eq!(outcome, Outcome::Challenge);
    let reply = Packet::decode(&reply).unwrap();
    assert!(reply.find(AttributeType::MESSAGE_AUTHENTICATOR).is_none());
}

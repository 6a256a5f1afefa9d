//! Any EAP conversation at the authentication port.
//!
//! An input is an octet that says how, and messages, each behind two octets of length. Each goes into an
//! Access-Request that is signed right, with the State of the challenge before it.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use garth_radius::UnixSeconds;
use garth_radius::eap::{EapMethod, EapServer, EapSettings, Random, TlsPolicy, TlsSettings};
use garth_radius::packet::PACKET_LEN_MAX;
use garth_radius::server::{ReplyBuffer, Server, Verdict};
use md5::{Digest, Md5};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::wire::{self, Request, attribute, code};
use crate::world::{Book, NAS, assert_reply_is_right, settings};

/// The most messages of one conversation that are looked at.
const ROUNDS_MAX: usize = 24;
/// The name in the server's certificate.
pub(crate) const SERVER_NAME: &str = "eap.isp.example";
/// The value of State (RFC 2865 section 5.24).
const STATE: u8 = 24;
/// Vendor-Specific, and what Microsoft has there for keys (RFC 2548).
const VENDOR_SPECIFIC: u8 = 26;
const MPPE_SEND_KEY: u8 = 16;
const MPPE_RECV_KEY: u8 = 17;
/// The input is mended: code, identifier and length of each message are what is due.
const MENDED: u8 = 1;

pub(crate) const EAP_RESPONSE: u8 = 2;
const EAP_REQUEST: u8 = 1;
const EAP_SUCCESS: u8 = 3;
const EAP_FAILURE: u8 = 4;

thread_local! {
    static SETTINGS: RefCell<Arc<EapSettings>> = RefCell::new(methods());
}

/// Each another number, so that no two challenges are the same.
struct Counted(AtomicU64);

impl Random for Counted {
    fn fill(&self, octets: &mut [u8]) {
        for part in octets.chunks_mut(8) {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            let mixed = (number ^ 0x5851_F42D_4C95_7F2D).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            part.copy_from_slice(&mixed.to_be_bytes()[..part.len()]);
        }
    }
}

/// Whoever does not know a password or have a certificate is never let in; every reply is right and carries an EAP
/// packet of the kind that its code demands (RFC 3579 section 2.6.3); and a round begins one conversation at most.
///
/// # Panics
/// When a promise is broken.
pub fn check(input: &[u8]) {
    let Some((how, rest)) = input.split_first() else {
        return;
    };
    let (mut server, eap) = server(SETTINGS.with_borrow(Arc::clone));
    let mut talk = Talk::default();
    for message in messages(rest).take(ROUNDS_MAX) {
        let message = talk.mended(message, how & MENDED != 0);
        let told = talk.round(&mut server, &message);
        assert!(
            told.is_none_or(|told| !told.is_accept()),
            "somebody is let in who has proven nothing"
        );
        // A peer that begins anew leaves a conversation behind, and never more than one a round.
        let begun = u64::try_from(eap.sessions()).expect("it is a count");
        assert!(begun <= talk.number, "{begun} conversations");
    }
}

fn methods() -> Arc<EapSettings> {
    let all = vec![
        EapMethod::Md5,
        EapMethod::MsChapV2,
        EapMethod::Peap,
        EapMethod::Ttls,
        EapMethod::Tls,
    ];
    offer(all).0
}

/// Settings with these methods, and the certificate that the server shows.
pub(crate) fn offer(methods: Vec<EapMethod>) -> (Arc<EapSettings>, CertificateDer<'static>) {
    let own = rcgen::generate_simple_self_signed(vec![SERVER_NAME.to_owned()]);
    let own = own.expect("a certificate is made");
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
    let certificate = own.cert.der().clone();
    let chain = vec![certificate.clone()];
    let tls = TlsSettings::new(chain.clone(), key, chain, TlsPolicy::default());
    let settings = EapSettings::new(methods, Some(tls.expect("its own certificate fits")));
    let settings = Arc::new(settings.expect("every method has what it needs"));
    (settings, certificate)
}

/// A server that speaks EAP, without conversations.
pub(crate) fn server(offered: Arc<EapSettings>) -> (Server, Arc<EapServer>) {
    let eap = Arc::new(EapServer::new(Box::new(Counted(AtomicU64::new(1)))));
    let settings = settings().with_eap(Some(offered));
    let server = Server::new(Arc::new(settings), 1).with_eap(Arc::clone(&eap));
    (server, eap)
}

/// The messages of an input: the last one may be cut short.
pub(crate) fn messages(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (len, after) = rest.split_first_chunk::<2>()?;
        let len = usize::from(u16::from_be_bytes(*len)).min(after.len());
        let (message, left) = after.split_at(len);
        rest = left;
        Some(message)
    })
}

/// What a conversation has come to.
#[derive(Default)]
pub(crate) struct Talk {
    number: u64,
    state: Option<Vec<u8>>,
    /// The State that went with the message that ended it.
    ended: Option<Vec<u8>>,
    /// The identifier of the last EAP request.
    pub(crate) identifier: u8,
}

/// What the peer is told.
pub(crate) struct Told {
    /// Of the RADIUS reply.
    code: u8,
    /// A whole EAP packet.
    pub(crate) message: Vec<u8>,
    /// For the NAS, in the clear.
    pub(crate) keys: Vec<Vec<u8>>,
}

impl Told {
    pub(crate) fn is_accept(&self) -> bool {
        self.code == code::ACCESS_ACCEPT
    }

    pub(crate) fn is_challenge(&self) -> bool {
        self.code == code::ACCESS_CHALLENGE
    }
}

impl Talk {
    /// With code, identifier and length as they are due, where that is wanted.
    fn mended(&self, message: &[u8], wanted: bool) -> Vec<u8> {
        let mut message = message.to_vec();
        if wanted && message.len() >= 4 {
            let len = u16::try_from(message.len()).unwrap_or(u16::MAX);
            message[0] = EAP_RESPONSE;
            message[1] = self.identifier;
            message[2..4].copy_from_slice(&len.to_be_bytes());
        }
        message
    }

    /// Carries a message; `None` if there was no room for it, or no answer.
    pub(crate) fn round(&mut self, server: &mut Server, message: &[u8]) -> Option<Told> {
        self.number += 1;
        let mut request = Request::new(code::ACCESS_REQUEST, self.number)
            .with_message_authenticator()
            .with(attribute::USER_NAME, b"anonymous");
        for piece in message.chunks(253) {
            request = request.with(attribute::EAP_MESSAGE, piece);
        }
        if let Some(state) = &self.state {
            request = request.with(STATE, state);
        }
        if request.octets().len() > PACKET_LEN_MAX {
            return None;
        }
        let nas = &NAS[0];
        let octets = request.signed(nas.secret);
        let mut reply: Box<ReplyBuffer> = Box::new([0; PACKET_LEN_MAX]);
        let now = UnixSeconds(1_800_000_000 + self.number);
        let verdict = server.authenticate(now, nas.source(), &octets, &Book::default(), &mut reply);
        let Verdict::Reply { len, .. } = verdict else {
            return None;
        };
        let reply = &reply[..len];
        assert_reply_is_right(reply, &octets, nas.secret);
        let mut told = self.hears(reply, !message.is_empty());
        let authenticator = wire::authenticator(&octets);
        told.keys = keys(reply, nas.secret, &authenticator);
        Some(told)
    }

    /// Says a message with the State of the one that ended the conversation.
    pub(crate) fn again(&mut self, server: &mut Server, message: &[u8]) -> Option<Told> {
        self.state.clone_from(&self.ended);
        let ended = self.ended.clone();
        let told = self.round(server, message);
        self.ended = ended;
        told
    }

    /// By the code alone: what was said before has the outcome of a duplicate.
    fn hears(&mut self, reply: &[u8], spoke_eap: bool) -> Told {
        let told = Told {
            code: reply[0],
            message: wire::values(reply, attribute::EAP_MESSAGE).concat(),
            keys: Vec::new(),
        };
        let message = &told.message;
        if told.is_challenge() {
            assert_eq!(message[0], EAP_REQUEST);
            self.identifier = message[1];
            let states = wire::values(reply, STATE);
            assert!(states.len() <= 1, "{} States", states.len());
            self.state = states.first().map(|state| state.to_vec());
            let len = usize::from(u16::from_be_bytes([message[2], message[3]]));
            assert_eq!(len, message.len(), "the length of an EAP packet is its own");
            return told;
        }
        if told.is_accept() {
            assert_eq!(message.first(), Some(&EAP_SUCCESS));
        } else {
            assert_eq!(told.code, code::ACCESS_REJECT);
            assert!(!spoke_eap || message.first() == Some(&EAP_FAILURE));
        }
        self.ended = self.state.take();
        told
    }
}

/// The values of MS-MPPE-Send-Key and MS-MPPE-Recv-Key, in the clear (RFC 2548 section 2.4.2).
fn keys(reply: &[u8], secret: &[u8], authenticator: &[u8]) -> Vec<Vec<u8>> {
    const MICROSOFT: [u8; 4] = [0, 0, 1, 55];
    let mut keys = Vec::new();
    for value in wire::values(reply, VENDOR_SPECIFIC) {
        let Some([MPPE_SEND_KEY | MPPE_RECV_KEY, _, salt @ ..]) = value.strip_prefix(&MICROSOFT)
        else {
            continue;
        };
        let (salt, hidden) = salt.split_at(2);
        let mut before = [authenticator, salt].concat();
        let mut clear = Vec::new();
        for part in hidden.chunks(16) {
            let pad = Md5::digest([secret, &before].concat());
            clear.extend(part.iter().zip(pad).map(|(octet, pad)| octet ^ pad));
            before = part.to_vec();
        }
        keys.push(clear);
    }
    keys
}

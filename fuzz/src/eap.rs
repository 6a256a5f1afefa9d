//! Any EAP conversation at the authentication port.
//!
//! An input is an octet that says how, and messages, each behind two octets of length. Each goes into an
//! Access-Request that is signed right, with the State of the challenge before it.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use garth_radius::UnixSeconds;
use garth_radius::eap::{EapMethod, EapServer, EapSettings, Random, TlsSettings, TlsVersion};
use garth_radius::packet::PACKET_LEN_MAX;
use garth_radius::server::{Outcome, ReplyBuffer, Server, Verdict};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::wire::{self, Request, attribute, code};
use crate::world::{Book, NAS, assert_reply_is_right, settings};

/// The most messages of one conversation that are looked at.
const ROUNDS_MAX: usize = 24;
/// The value of State (RFC 2865 section 5.24).
const STATE: u8 = 24;
/// The input is mended: code, identifier and length of each message are what is due.
const MENDED: u8 = 1;

const EAP_RESPONSE: u8 = 2;
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
    let eap = Arc::new(EapServer::new(Box::new(Counted(AtomicU64::new(1)))));
    let settings = settings().with_eap(Some(SETTINGS.with_borrow(Arc::clone)));
    let mut server = Server::new(Arc::new(settings), 1).with_eap(Arc::clone(&eap));
    let mut talk = Talk::default();
    for message in messages(rest).take(ROUNDS_MAX) {
        talk.round(&mut server, message, how & MENDED != 0);
        // A peer that begins anew leaves a conversation behind, and never more than one a round.
        let begun = u64::try_from(eap.sessions()).expect("it is a count");
        assert!(begun <= talk.number, "{begun} conversations");
    }
}

fn methods() -> Arc<EapSettings> {
    let own = rcgen::generate_simple_self_signed(vec!["eap.isp.example".to_owned()]);
    let own = own.expect("a certificate is made");
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
    let chain = vec![own.cert.der().clone()];
    let tls = TlsSettings::new(chain.clone(), key, chain, TlsVersion::Tls12);
    let all = vec![
        EapMethod::Md5,
        EapMethod::MsChapV2,
        EapMethod::Peap,
        EapMethod::Ttls,
        EapMethod::Tls,
    ];
    let settings = EapSettings::new(all, Some(tls.expect("its own certificate fits")));
    Arc::new(settings.expect("every method has what it needs"))
}

/// The messages of an input: the last one may be cut short.
fn messages(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (len, after) = rest.split_first_chunk::<2>()?;
        let len = usize::from(u16::from_be_bytes(*len)).min(after.len());
        let (message, left) = after.split_at(len);
        rest = left;
        Some(message)
    })
}

/// What the peer has been told.
#[derive(Default)]
struct Talk {
    number: u64,
    state: Option<Vec<u8>>,
    /// The identifier of the last EAP request.
    identifier: u8,
}

impl Talk {
    fn round(&mut self, server: &mut Server, message: &[u8], mended: bool) {
        let mut message = message.to_vec();
        if mended && message.len() >= 4 {
            let len = u16::try_from(message.len()).unwrap_or(u16::MAX);
            message[0] = EAP_RESPONSE;
            message[1] = self.identifier;
            message[2..4].copy_from_slice(&len.to_be_bytes());
        }
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
            return;
        }
        let nas = &NAS[0];
        let octets = request.signed(nas.secret);
        let mut reply: Box<ReplyBuffer> = Box::new([0; PACKET_LEN_MAX]);
        let now = UnixSeconds(1_800_000_000 + self.number);
        let verdict = server.authenticate(now, nas.source(), &octets, &Book::default(), &mut reply);
        let Verdict::Reply { len, outcome } = verdict else {
            return;
        };
        let reply = &reply[..len];
        assert_reply_is_right(reply, &octets, nas.secret);
        self.hears(outcome, reply, !message.is_empty());
    }

    fn hears(&mut self, outcome: Outcome, reply: &[u8], spoke_eap: bool) {
        let told = wire::values(reply, attribute::EAP_MESSAGE).concat();
        match outcome {
            Outcome::Challenge => {
                assert_eq!((reply[0], told[0]), (code::ACCESS_CHALLENGE, EAP_REQUEST));
                self.identifier = told[1];
                let states = wire::values(reply, STATE);
                assert!(states.len() <= 1, "{} States", states.len());
                self.state = states.first().map(|state| state.to_vec());
            }
            Outcome::Reject(_) => {
                assert_eq!(reply[0], code::ACCESS_REJECT);
                assert!(!spoke_eap || told.first() == Some(&EAP_FAILURE));
                self.state = None;
            }
            Outcome::AcceptFull | Outcome::AcceptGarden | Outcome::AcceptUnknown => {
                panic!("somebody is let in who has proven nothing: {EAP_SUCCESS}")
            }
            Outcome::Duplicate | Outcome::StatusServer => panic!("it is neither: {outcome:?}"),
        }
        if outcome == Outcome::Challenge {
            let len = usize::from(u16::from_be_bytes([told[2], told[3]]));
            assert_eq!(len, told.len(), "the length of an EAP packet is its own");
        }
    }
}

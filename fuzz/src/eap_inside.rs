//! What a peer says inside PEAP and TTLS, behind a handshake that is right.
//!
//! An input is an octet that says how, and what is said inside round by round, each behind two octets of length.
//! What begins with the octet 255 becomes what somebody says who knows the password, with the rest behind it, so
//! that inputs reach what comes after a proof.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::sync::Arc;

use garth_radius::eap::{EapMethod, EapSettings};
use garth_radius::server::Server;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use rustls_pki_types::CertificateDer;

use crate::eap::{self, EAP_RESPONSE, SERVER_NAME, Talk, Told};
use crate::ms_chap;

/// The most rounds inside one tunnel that are looked at.
const ROUNDS_MAX: usize = 12;
/// Octets of what is said in one round: with its TLS it fits a RADIUS packet.
const SAID_LEN_MAX: usize = 2000;
/// How: PEAP, or else TTLS.
const IS_PEAP: u8 = 1;
/// How: TLS 1.3, or else TLS 1.2.
const IS_TLS13: u8 = 2;
/// How: the message that ended it is said again, as it was and with another last octet.
const AGAIN: u8 = 4;
/// Say what is right, and the rest of this.
pub(crate) const HONEST: u8 = 0xff;

const NAME: &[u8] = b"alice";
const PASSWORD: &[u8] = b"wonderland";
/// EAP types (RFC 3748, RFC 5281, draft-kamath-pppext-peapv0).
const TTLS: u8 = 21;
const PEAP: u8 = 25;
const MS_CHAP_V2: u8 = 26;
/// Flags of what carries TLS (RFC 5216 section 3.1).
const LENGTH_INCLUDED: u8 = 0x80;
const MORE_FRAGMENTS: u8 = 0x40;
const START: u8 = 0x20;

/// A method's settings, and what peers speak TLS 1.2 and 1.3 with.
struct Offer {
    settings: Arc<EapSettings>,
    clients: [Arc<ClientConfig>; 2],
}

impl Offer {
    fn new(method: EapMethod) -> Self {
        let (settings, certificate) = eap::offer(vec![method]);
        let clients = [&rustls::version::TLS12, &rustls::version::TLS13];
        Self {
            settings,
            clients: clients.map(|version| client(version, certificate.clone())),
        }
    }
}

fn client(
    version: &'static rustls::SupportedProtocolVersion,
    trusted: CertificateDer<'static>,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted).expect("it is a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .expect("ring speaks both")
        .with_root_certificates(roots);
    Arc::new(config.with_no_client_auth())
}

thread_local! {
    static OFFERS: RefCell<[Offer; 2]> =
        RefCell::new([EapMethod::Ttls, EapMethod::Peap].map(Offer::new));
}

/// Whoever has not said something that is made of the password is not let in; every reply is right; and an end that is
/// asked for again is the same, with the same keys, and no Accept for whatever else is said in its place.
///
/// # Panics
/// When a promise is broken.
pub fn check(input: &[u8]) {
    let Some((how, rest)) = input.split_first() else {
        return;
    };
    let (accepted, honest) = OFFERS.with_borrow(|offers| {
        let offer = &offers[usize::from(how & IS_PEAP != 0)];
        let client = Arc::clone(&offer.clients[usize::from(how & IS_TLS13 != 0)]);
        let mut peer = Peer::new(how & IS_PEAP != 0, client);
        let accepted = talk(
            &mut peer,
            Arc::clone(&offer.settings),
            how & AGAIN != 0,
            rest,
        );
        (accepted, peer.honest)
    });
    assert!(
        honest || !accepted,
        "somebody is let in who has proven nothing"
    );
}

/// Whether the conversation ends in an Access-Accept.
fn talk(peer: &mut Peer, settings: Arc<EapSettings>, is_asked_again: bool, input: &[u8]) -> bool {
    let (mut server, _) = eap::server(settings);
    let mut talk = Talk::default();
    let mut says = eap::messages(input).take(ROUNDS_MAX);
    let mut message = packet(0, &[&[1], &b"anonymous"[..]].concat());
    loop {
        let Some(told) = talk.round(&mut server, &message) else {
            return false;
        };
        if !told.is_challenge() {
            if is_asked_again {
                ask_again(&mut talk, &mut server, &message, &told);
            }
            return told.is_accept();
        }
        let Some(data) = told
            .message
            .get(5..)
            .and_then(|data| peer.answer(data, &mut says))
        else {
            return false;
        };
        message = packet(talk.identifier, &[&[peer.kind], &data[..]].concat());
    }
}

fn ask_again(talk: &mut Talk, server: &mut Server, message: &[u8], told: &Told) {
    let again = talk.again(server, message).expect("it is remembered");
    assert!(
        !told.is_accept() || told.keys.len() == 2,
        "an Accept has both keys"
    );
    assert_eq!(again.is_accept(), told.is_accept());
    assert_eq!(again.message, told.message);
    assert_eq!(again.keys, told.keys);
    let mut other = message.to_vec();
    if let Some(last) = other.last_mut() {
        *last ^= 1;
    }
    let other = talk.again(server, &other);
    assert!(
        other.is_none_or(|other| !other.is_accept()),
        "somebody is let in by the end of another conversation"
    );
}

fn packet(identifier: u8, data: &[u8]) -> Vec<u8> {
    let len = u16::try_from(4 + data.len()).expect("it is short");
    let [high, low] = len.to_be_bytes();
    [&[EAP_RESPONSE, identifier, high, low], data].concat()
}

/// A peer whose handshake is right.
struct Peer {
    kind: u8,
    tls: ClientConnection,
    /// The flight that is coming.
    flight: Vec<u8>,
    /// What was said is made of the password.
    honest: bool,
}

impl Peer {
    fn new(is_peap: bool, client: Arc<ClientConfig>) -> Self {
        let name = SERVER_NAME.try_into().expect("it is a name");
        Self {
            kind: if is_peap { PEAP } else { TTLS },
            tls: ClientConnection::new(client, name).expect("its settings fit"),
            flight: Vec::new(),
            honest: false,
        }
    }

    /// The data of a response; `None` if there is nothing left to say.
    fn answer<'i>(
        &mut self,
        data: &[u8],
        says: &mut impl Iterator<Item = &'i [u8]>,
    ) -> Option<Vec<u8>> {
        let (&flags, mut fragment) = data.split_first()?;
        if flags & LENGTH_INCLUDED != 0 {
            fragment = fragment.get(4..)?;
        }
        if flags & START == 0 {
            self.flight.extend_from_slice(fragment);
        }
        if flags & MORE_FRAGMENTS != 0 {
            return Some(vec![0]);
        }
        let heard = self.hear()?;
        // In PEAP the server says the first word.
        if !self.tls.is_handshaking() && (self.kind == TTLS || !heard.is_empty()) {
            let said = self.says(says.next()?, &heard);
            let said = &said[..said.len().min(SAID_LEN_MAX)];
            self.tls.writer().write_all(said).ok()?;
        }
        let mut response = vec![0];
        while self.tls.wants_write() {
            self.tls.write_tls(&mut response).ok()?;
        }
        Some(response)
    }

    fn hear(&mut self) -> Option<Vec<u8>> {
        let mut heard = Vec::new();
        let flight = std::mem::take(&mut self.flight);
        let mut rest = &flight[..];
        while !rest.is_empty() {
            self.tls.read_tls(&mut rest).ok()?;
            let state = self.tls.process_new_packets().ok()?;
            let mut more = vec![0; state.plaintext_bytes_to_read()];
            self.tls.reader().read_exact(&mut more).ok()?;
            heard.extend(more);
        }
        Some(heard)
    }

    fn says(&mut self, message: &[u8], heard: &[u8]) -> Vec<u8> {
        let [HONEST, rest @ ..] = message else {
            return message.to_vec();
        };
        let right = match (self.kind, rest.first()) {
            (PEAP, _) => right_in_peap(heard),
            (_, Some(1)) => self.right_ms_chap2(),
            (_, _) => Some([avp(0, 1, NAME), avp(0, 2, PASSWORD)].concat()),
        };
        match right {
            Some(right) => {
                self.honest = true;
                [&right, rest.get(1..).unwrap_or_default()].concat()
            }
            None => rest.to_vec(),
        }
    }

    fn right_ms_chap2(&self) -> Option<Vec<u8>> {
        let made = self
            .tls
            .export_keying_material([0; 17], b"ttls challenge", None);
        let [challenge @ .., identifier] = made.ok()?;
        let response = ms_chap::answer(&challenge, NAME, PASSWORD);
        let value = [&[identifier, 0], &response[..]].concat();
        Some(
            [
                avp(0, 1, NAME),
                avp(311, 11, &challenge),
                avp(311, 25, &value),
            ]
            .concat(),
        )
    }
}

/// The response to a challenge of EAP-MSCHAPv2.
fn right_in_peap(heard: &[u8]) -> Option<Vec<u8>> {
    let [MS_CHAP_V2, 1, identifier, _, _, 16, rest @ ..] = heard else {
        return None;
    };
    let response = ms_chap::answer(rest.get(..16)?, NAME, PASSWORD);
    let len = u8::try_from(4 + 1 + 49 + NAME.len()).ok()?;
    let header = [MS_CHAP_V2, 2, *identifier, 0, len, 49];
    Some([&header, &response[..], &[0], NAME].concat())
}

/// A mandatory pair (RFC 5281 section 10.1).
pub(crate) fn avp(vendor: u32, code: u8, value: &[u8]) -> Vec<u8> {
    let (flags, header) = if vendor == 0 { (0x40, 8) } else { (0xC0, 12) };
    let length = u8::try_from(header + value.len()).expect("it is short");
    let mut octets = vec![0, 0, 0, code, flags, 0, 0, length];
    if vendor != 0 {
        octets.extend(vendor.to_be_bytes());
    }
    octets.extend(value);
    octets.resize(octets.len().next_multiple_of(4), 0);
    octets
}

/// Whole conversations: how, and what is said inside. The first ones end in an Access-Accept.
pub(crate) fn conversations() -> Vec<(&'static str, u8, Vec<Vec<u8>>)> {
    let result = vec![2, 0, 0, 11, 33, 0x80, 3, 0, 2, 0, 1];
    let peap = vec![
        b"\x01alice".to_vec(),
        vec![HONEST],
        vec![MS_CHAP_V2, 3],
        result,
    ];
    let ttls_pap = vec![vec![HONEST, 0]];
    let ttls_ms_chap2 = vec![vec![HONEST, 1], vec![]];
    let wrong = vec![[avp(0, 1, NAME), avp(0, 2, b"looking-glass")].concat()];
    vec![
        ("peap-tls12", IS_PEAP | AGAIN, peap.clone()),
        ("peap-tls13", IS_PEAP | IS_TLS13 | AGAIN, peap),
        ("ttls-pap", AGAIN, ttls_pap),
        ("ttls-ms-chap2", IS_TLS13, ttls_ms_chap2),
        ("ttls-wrong", IS_TLS13 | AGAIN, wrong),
    ]
}

/// A conversation as an input.
pub(crate) fn input(how: u8, says: &[Vec<u8>]) -> Vec<u8> {
    let mut octets = vec![how];
    for message in says {
        let len = u16::try_from(message.len()).expect("it is short");
        octets.extend(len.to_be_bytes());
        octets.extend(message);
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise the target would see nothing of what comes after a proof.
    #[test]
    fn conversations_that_are_honest_end_in_an_accept() {
        for (name, how, says) in conversations() {
            let accepted = OFFERS.with_borrow(|offers| {
                let offer = &offers[usize::from(how & IS_PEAP != 0)];
                let client = Arc::clone(&offer.clients[usize::from(how & IS_TLS13 != 0)]);
                let mut peer = Peer::new(how & IS_PEAP != 0, client);
                let settings = Arc::clone(&offer.settings);
                talk(
                    &mut peer,
                    settings,
                    how & AGAIN != 0,
                    &input(how, &says)[1..],
                )
            });
            assert_eq!(accepted, name != "ttls-wrong", "{name}");
        }
    }
}

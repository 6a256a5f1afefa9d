//! A peer of the methods in TLS, driven by rustls, and what peers say inside.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore};

use super::support::*;
use crate::crypto::Password;
use crate::eap::fragments::{Fragments, Incoming, START_DATA};
use crate::eap::packet::Type;
use crate::mschap::NtHash;

/// What is said inside: from what came to what is sent, either perhaps nothing.
pub(super) type Inside = Box<dyn FnMut(&ClientConnection, &[u8]) -> Vec<u8>>;

/// A peer's side of a method in TLS.
pub(super) struct Peer {
    pub(super) kind: Type,
    connection: ClientConnection,
    fragments: Fragments,
    inside: Inside,
}

impl Peer {
    pub(super) fn new(
        kind: Type,
        tls13: bool,
        identity: Option<Identity>,
        trusts: &Authority,
        inside: Inside,
    ) -> Self {
        Self::with_config(kind, client_config(tls13, identity, trusts), inside)
    }

    /// A peer that may have spoken to the server before: what it would resume is in its configuration.
    pub(super) fn with_config(kind: Type, config: Arc<ClientConfig>, inside: Inside) -> Self {
        let name = SERVER_NAME.try_into().unwrap();
        Self {
            kind,
            connection: ClientConnection::new(config, name).unwrap(),
            fragments: Fragments::new(false, None),
            inside,
        }
    }

    /// Whether the peer has said all of its handshake.
    pub(super) fn is_done(&self) -> bool {
        !self.connection.is_handshaking()
    }

    pub(super) fn handshake(&self) -> Option<HandshakeKind> {
        self.connection.handshake_kind()
    }

    pub(super) fn in_fragments_of(mut self, mtu: u32) -> Self {
        self.fragments = Fragments::new(false, Some(mtu));
        self
    }

    pub(super) fn answer(&mut self, data: &[u8]) -> Vec<u8> {
        if data != START_DATA {
            let mut flight = match self.fragments.receive(data).unwrap() {
                Incoming::Continue(data) => return data,
                Incoming::Flight(flight) => flight,
            };
            let mut plaintext = Vec::new();
            let mut rest = &flight[..];
            while !rest.is_empty() {
                self.connection.read_tls(&mut rest).unwrap();
                let Ok(state) = self.connection.process_new_packets() else {
                    return self.flush();
                };
                let mut more = vec![0; state.plaintext_bytes_to_read()];
                self.connection.reader().read_exact(&mut more).unwrap();
                plaintext.extend(more);
            }
            flight.clear();
            if !self.connection.is_handshaking() {
                let said = (self.inside)(&self.connection, &plaintext);
                self.connection.writer().write_all(&said).unwrap();
            }
        }
        self.flush()
    }

    fn flush(&mut self) -> Vec<u8> {
        let mut flight = Vec::new();
        while self.connection.wants_write() {
            self.connection.write_tls(&mut flight).unwrap();
        }
        self.fragments.send(flight).unwrap()
    }

    /// The key as the RFCs of the method say it.
    pub(super) fn msk(&self, tls13: bool) -> Vec<u8> {
        let context = [self.kind.0];
        let (label, context): (&[u8], _) = match (tls13, self.kind) {
            (true, _) => (b"EXPORTER_EAP_TLS_Key_Material", Some(&context[..])),
            (false, Type::TTLS) => (b"ttls keying material", None),
            (false, _) => (b"client EAP encryption", None),
        };
        let keys = self
            .connection
            .export_keying_material([0; 128], label, context);
        keys.unwrap()[..64].to_vec()
    }
}

/// What a peer speaks TLS with.
pub(super) fn client_config(
    tls13: bool,
    identity: Option<Identity>,
    trusts: &Authority,
) -> Arc<ClientConfig> {
    let versions = match tls13 {
        true => &[&rustls::version::TLS13],
        false => &[&rustls::version::TLS12],
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(trusts.certificate()).unwrap();
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    Arc::new(match identity {
        None => config.with_no_client_auth(),
        Some(Identity { chain, key }) => config.with_client_auth_cert(chain, key).unwrap(),
    })
}

pub(super) fn nothing() -> Inside {
    Box::new(|_, _| Vec::new())
}

/// A mandatory pair.
pub(super) fn avp(vendor: u32, code: u8, value: &[u8]) -> Vec<u8> {
    let (flags, header) = if vendor == 0 { (0x40, 8) } else { (0xC0, 12) };
    let length = u8::try_from(header + value.len()).unwrap();
    let mut octets = vec![0, 0, 0, code, flags, 0, 0, length];
    if vendor != 0 {
        octets.extend(vendor.to_be_bytes());
    }
    octets.extend(value);
    octets.resize(octets.len().next_multiple_of(4), 0);
    octets
}

pub(super) fn ttls_challenge(connection: &ClientConnection) -> [u8; 17] {
    let made = connection.export_keying_material([0; 17], b"ttls challenge", None);
    made.unwrap()
}

/// Says the pairs once, then nothing.
pub(super) fn once(mut pairs: impl FnMut(&ClientConnection) -> Vec<u8> + 'static) -> Inside {
    let mut said = false;
    Box::new(
        move |connection, _| match std::mem::replace(&mut said, true) {
            false => pairs(connection),
            true => Vec::new(),
        },
    )
}

pub(super) fn pap(name: &'static str, password: &'static [u8]) -> Inside {
    once(move |_| {
        let mut padded = password.to_vec();
        padded.resize(password.len().next_multiple_of(16), 0);
        [avp(0, 1, name.as_bytes()), avp(0, 2, &padded)].concat()
    })
}

pub(super) fn chap(name: &'static str, password: &'static [u8]) -> Inside {
    use md5::{Digest, Md5};
    once(move |connection| {
        let [challenge @ .., identifier] = ttls_challenge(connection);
        let digest = Md5::new()
            .chain_update([identifier])
            .chain_update(password)
            .chain_update(challenge)
            .finalize();
        let response = [&[identifier][..], &digest].concat();
        [
            avp(0, 1, name.as_bytes()),
            avp(0, 60, &challenge),
            avp(0, 3, &response),
        ]
        .concat()
    })
}

/// With a twist of the challenge: 0 leaves it as it is.
pub(super) fn ms_chap2(name: &'static str, password: &'static [u8], twist: u8) -> Inside {
    let mut expected = None;
    Box::new(move |connection, plaintext| {
        if let Some(expected) = &expected {
            assert_eq!(plaintext, expected);
            return Vec::new();
        }
        let [mut challenge @ .., identifier] = ttls_challenge(connection);
        challenge[0] ^= twist;
        let hash = NtHash::of(&Password::new(password).unwrap()).unwrap();
        let digest = crate::mschap::challenge(&[5; 16], &challenge, name.as_bytes());
        let response = hash.response(&digest);
        let value = [&[identifier, 0][..], &[5; 16], &[0; 8], &response].concat();
        let proof = [&[identifier][..], &hash.success(&response, &digest)].concat();
        expected = Some(avp(311, 26, &proof));
        [
            avp(0, 1, name.as_bytes()),
            avp(311, 11, &challenge),
            avp(311, 25, &value),
        ]
        .concat()
    })
}

/// The inside of PEAP; `with_header` as some peers write it.
pub(super) fn peap(name: &'static str, password: &'static [u8], with_header: bool) -> Inside {
    Box::new(move |_, plaintext| {
        let wrapped = |data: &[u8]| match with_header {
            true => response(7, Type(data[0]), &data[1..]),
            false => data.to_vec(),
        };
        match plaintext {
            [] => Vec::new(),
            [1] => wrapped(&[&[1], name.as_bytes()].concat()),
            [26, challenge @ ..] if challenge[0] == 1 => {
                wrapped(&[&[26], &ms_chap_v2(challenge, name, password)[..]].concat())
            }
            [26, opcode, ..] => wrapped(&[26, *opcode]),
            // The result comes with a header and goes back with one.
            [1, identifier, _, _, 33, tlvs @ ..] => response(*identifier, Type::EXTENSIONS, tlvs),
            other => panic!("{other:?}"),
        }
    })
}

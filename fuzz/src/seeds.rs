//! Where fuzzing begins: the datagrams of the wire vectors, by target.

#[path = "../../radius/vectors/load.rs"]
#[expect(dead_code, reason = "nothing is rewritten here")]
mod load;

use load::{Port, Vector};

use crate::eap_inside;

/// One input.
pub struct Seed {
    /// The name of its target.
    pub target: &'static str,
    /// The name of its vector.
    pub name: String,
    /// The input.
    pub octets: Vec<u8>,
}

/// A fuzz target: it panics where a promise is broken.
pub type Check = fn(&[u8]);

/// Every target by name.
pub const TARGETS: [(&str, Check); 7] = [
    ("authentication", crate::authentication::check),
    ("accounting", crate::accounting::check),
    ("coa_answer", crate::coa_answer::check),
    ("eap", crate::eap::check),
    ("eap_inside", eap_inside::check),
    ("radius11", crate::radius11::check),
    ("radsec", crate::radsec::check),
];

/// The seeds of all targets.
pub fn all() -> Vec<Seed> {
    let vectors = Vector::all();
    let seeds = vectors.iter().map(of_vector);
    let as_radius_1_1 = vectors.iter().filter_map(as_radius_1_1);
    seeds
        .chain(as_radius_1_1)
        .chain([longest_packets(), hidden_answer()])
        .chain(conversations())
        .chain(conversations_inside())
        .collect()
}

fn of_vector(vector: &Vector) -> Seed {
    let octets = |key| vector.octets(key).expect("the loader saw to it");
    let (target, octets) = match vector.port() {
        Port::Auth => ("authentication", octets("request")),
        Port::Acct => ("accounting", octets("request")),
        Port::CoaAnswer => ("coa_answer", octets("answer")),
        // Whoever sends a request of ours back.
        Port::Nas => ("authentication", octets("packet")),
        // In pieces of one octet.
        Port::Radsec => ("radsec", [vec![0], octets("stream")].concat()),
    };
    Seed {
        target,
        name: vector.name(),
        octets,
    }
}

/// The same octets as a packet of RADIUS/1.1: other attributes mean something there, and the Token is the begin of
/// the authenticator.
fn as_radius_1_1(vector: &Vector) -> Option<Seed> {
    let octets = match vector.port() {
        Port::Auth | Port::Acct => vector.octets("request"),
        Port::Nas => vector.octets("packet"),
        Port::CoaAnswer | Port::Radsec => None,
    };
    Some(Seed {
        target: "radius11",
        name: vector.name(),
        octets: octets?,
    })
}

/// A password, and everything that an answer hides, in the clear.
fn hidden_answer() -> Seed {
    let keys = |kind: u8, len: u8| {
        let octets = vec![kind; usize::from(len)];
        [&[0, 0, 1, 55, kind, len + 2][..], &octets].concat()
    };
    let attributes: [(u8, &[u8]); 8] = [
        (1, b"alice"),
        (2, b"a password that takes more than two blocks"),
        (33, b"hop"),
        (69, b"\x03tulip"),
        (26, &keys(16, 32)),
        (26, &keys(17, 16)),
        (26, &keys(12, 24)),
        (80, &[7; 16]),
    ];
    let mut octets = b"\x01\0\0\0\xde\xad\xbe\xef\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    for (kind, value) in attributes {
        let length = u8::try_from(value.len() + 2).expect("it is short");
        octets.extend([kind, length]);
        octets.extend(value);
    }
    crate::wire::set_length(&mut octets);
    Seed {
        target: "radius11",
        name: "all-that-is-hidden".into(),
        octets,
    }
}

/// An identity, then an answer of each method; code, identifier and length are filled in by the target.
fn conversations() -> impl Iterator<Item = Seed> {
    const IDENTITY: &[u8] = b"\0\0\0\0\x01alice";
    // A TLS record of a ClientHello that breaks off.
    const HELLO: [u8; 9] = [22, 3, 1, 0, 4, 1, 0, 1, 0];
    let tls = |kind: u8| {
        let nak = vec![0, 0, 0, 0, 3, kind];
        let begun = [&[0, 0, 0, 0, kind, 0][..], &HELLO].concat();
        let fragment = [&[0, 0, 0, 0, kind, 0xc0, 0, 0, 1, 0][..], &HELLO].concat();
        vec![nak, begun, fragment]
    };
    let md5 = vec![[&[0, 0, 0, 0, 4, 16][..], &[7; 16]].concat()];
    let mschapv2 = vec![
        vec![0, 0, 0, 0, 3, 26],
        [&[0, 0, 0, 0, 26, 2, 1, 0, 59, 49][..], &[7; 49], b"alice"].concat(),
    ];
    let all = [
        ("md5", md5),
        ("mschapv2", mschapv2),
        ("tls", tls(13)),
        ("ttls", tls(21)),
        ("peap", tls(25)),
    ];
    all.into_iter().map(|(name, answers)| {
        let mut octets = vec![1];
        for message in [IDENTITY.to_vec()].into_iter().chain(answers) {
            let len = u16::try_from(message.len()).expect("it is short");
            octets.extend(len.to_be_bytes());
            octets.extend(message);
        }
        Seed {
            target: "eap",
            name: format!("conversation-{name}"),
            octets,
        }
    })
}

/// What is said inside PEAP and TTLS.
fn conversations_inside() -> impl Iterator<Item = Seed> {
    let all = eap_inside::conversations().into_iter();
    all.map(|(name, how, says)| Seed {
        target: "eap_inside",
        name: name.to_owned(),
        octets: eap_inside::input(how, &says),
    })
}

/// A short packet, then the longest ones: the buffer of a stream is full before they end.
fn longest_packets() -> Seed {
    let packet = |length: u16| {
        let mut octets = vec![7; usize::from(length)];
        octets[2..4].copy_from_slice(&length.to_be_bytes());
        octets
    };
    let stream = [vec![255], packet(20), packet(4096).repeat(2), packet(20)];
    Seed {
        target: "radsec",
        name: "longest-packets".into(),
        octets: stream.concat(),
    }
}

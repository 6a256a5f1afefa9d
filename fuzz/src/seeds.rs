//! Where fuzzing begins: the datagrams of the wire vectors, by target.

#[path = "../../radius/vectors/load.rs"]
#[expect(dead_code, reason = "nothing is rewritten here")]
mod load;

use load::{Port, Vector};

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
pub const TARGETS: [(&str, Check); 4] = [
    ("authentication", crate::authentication::check),
    ("accounting", crate::accounting::check),
    ("coa_answer", crate::coa_answer::check),
    ("radsec", crate::radsec::check),
];

/// The seeds of all targets.
pub fn all() -> Vec<Seed> {
    let vectors = Vector::all();
    let seeds = vectors.iter().map(of_vector);
    seeds.chain([longest_packets()]).collect()
}

fn of_vector(vector: &Vector) -> Seed {
    let octets = |key| vector.octets(key).expect("the loader saw to it");
    let (target, octets) = match vector.port() {
        Port::Auth => ("authentication", octets("request")),
        Port::Acct => ("accounting", octets("request")),
        Port::CoaAnswer => ("coa_answer", octets("answer")),
        // In pieces of one octet.
        Port::Radsec => ("radsec", [vec![0], octets("stream")].concat()),
    };
    Seed {
        target,
        name: vector.name(),
        octets,
    }
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

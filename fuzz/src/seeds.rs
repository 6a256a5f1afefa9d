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
pub const TARGETS: [(&str, Check); 3] = [
    ("authentication", crate::authentication::check),
    ("accounting", crate::accounting::check),
    ("coa_answer", crate::coa_answer::check),
];

/// The seeds of all targets.
pub fn all() -> Vec<Seed> {
    let vectors = Vector::all().into_iter();
    vectors
        .map(|vector| {
            let (target, key) = match vector.port() {
                Port::Auth => ("authentication", "request"),
                Port::Acct => ("accounting", "request"),
                Port::CoaAnswer => ("coa_answer", "answer"),
            };
            Seed {
                target,
                name: vector.name(),
                octets: vector.octets(key).expect("the loader saw to it"),
            }
        })
        .collect()
}

//! Fuzz targets: what no octets from a peer may bring about, checked for each input.
//!
//! A target is a function that takes a datagram and panics where a promise is broken. The promises are checked
//! against a second reading of the standards ([`wire`]), not against the code under test. What mutations break is
//! mended and signed again for a second try, so that inputs reach what is behind lengths and signatures.
//!
//! `scripts/fuzz` runs the targets under libFuzzer; `seeds` of `radius/vectors` are where it begins, and an
//! ordinary test runs them, so that a target that is broken is seen without libFuzzer.

pub mod accounting;
pub mod authentication;
pub mod coa_answer;
pub mod eap;
pub mod eap_inside;
mod ms_chap;
pub mod radius11;
pub mod radsec;
pub mod seeds;
#[path = "../../tests/src/wire.rs"]
pub mod wire;
mod world;

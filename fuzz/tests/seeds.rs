//! The targets without libFuzzer: every wire vector, and what lies one change away from it.

use std::collections::BTreeSet;

use garth_fuzz::seeds::{self, Check, Seed};

fn check_of(seed: &Seed) -> Check {
    let found = seeds::TARGETS.iter().find(|(name, _)| *name == seed.target);
    found.expect("a seed has a target").1
}

#[test]
fn every_target_has_seeds() {
    let seeds = seeds::all();
    let seeded: BTreeSet<&str> = seeds.iter().map(|seed| seed.target).collect();
    let targets = seeds::TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(seeded, targets);
}

/// Places in a vector: every one, but for vectors that are long.
fn places(len: usize) -> impl Iterator<Item = usize> {
    const PLACES_MAX: usize = 512;
    (0..len).step_by(len.div_ceil(PLACES_MAX).max(1))
}

#[test]
fn n6_promises_hold_for_every_vector_and_every_truncation() {
    for seed in seeds::all() {
        let check = check_of(&seed);
        check(&seed.octets);
        for end in places(seed.octets.len()) {
            check(&seed.octets[..end]);
        }
    }
}

#[test]
fn n6_promises_hold_for_every_vector_with_an_octet_changed() {
    for seed in seeds::all() {
        let check = check_of(&seed);
        for at in places(seed.octets.len()) {
            for flip in [0x01, 0x80, 0xff] {
                let mut octets = seed.octets.clone();
                octets[at] ^= flip;
                check(&octets);
            }
        }
    }
}

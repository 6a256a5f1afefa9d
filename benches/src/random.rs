//! Numbers that look random and can be had again from a printed seed. Not for secrets.

/// A splitmix64 generator.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, uniform but for 2^-32.
    ///
    /// # Panics
    /// When `bound` is 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        let wide = (self.next() >> 32) % u64::from(bound);
        u32::try_from(wide).expect("a remainder of 32 bits")
    }

    /// 16 octets, as an authenticator has.
    pub fn octets(&mut self) -> [u8; 16] {
        let mut octets = [0; 16];
        octets[..8].copy_from_slice(&self.next().to_be_bytes());
        octets[8..].copy_from_slice(&self.next().to_be_bytes());
        octets
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_repeats_its_sequence_and_no_other() {
        let take = |seed| {
            let mut random = Random::new(seed);
            [random.octets(), random.octets()]
        };
        assert_eq!(take(7), take(7));
        assert_ne!(take(7), take(8));
        let words: BTreeSet<[u8; 8]> = take(7)
            .iter()
            .flat_map(|octets| octets.as_chunks().0)
            .copied()
            .collect();
        assert_eq!(words.len(), 4);
    }

    #[test]
    fn every_number_below_the_bound_comes() {
        let mut random = Random::new(1);
        let mut seen = [0; 5];
        for _ in 0..1_000 {
            seen[usize::try_from(random.below(5)).unwrap()] += 1;
        }
        assert!(seen.iter().all(|count| *count > 150), "{seen:?}");
    }
}

//! An array that grows and never moves: readers index it while it grows.
//!
//! Chunks are made as they are needed, each a sixteenth of what was there before it, so that at
//! most that part is spare. A chunk that is there stays until the array goes.
//!
//! Not here: who may write an element, and what an element means.

use std::sync::OnceLock;

/// The length of the first chunks is two to this.
const FIRST_CHUNK_BITS: usize = 10;
/// Two to this many chunks have the same length; then it doubles.
const STEP_BITS: usize = 4;
/// The chunks of 2^32 elements.
const CHUNKS_MAX: usize = (33 - FIRST_CHUNK_BITS - STEP_BITS) << STEP_BITS;

/// Up to 2^32 elements, found by number.
pub(super) struct Chunks<T>([OnceLock<Box<[T]>>; CHUNKS_MAX]);

impl<T: Default> Chunks<T> {
    pub(super) fn new() -> Self {
        Self([const { OnceLock::new() }; CHUNKS_MAX])
    }

    /// The element, if its chunk is there.
    pub(super) fn get(&self, number: u32) -> Option<&T> {
        let (chunk, offset) = place(number);
        self.0[chunk].get().map(|chunk| &chunk[offset])
    }

    /// The element; its chunk is made of defaults if it is not there.
    pub(super) fn get_or_grow(&self, number: u32) -> &T {
        let (chunk, offset) = place(number);
        let elements =
            self.0[chunk].get_or_init(|| (0..chunk_len(chunk)).map(|_| T::default()).collect());
        &elements[offset]
    }

    /// How many elements there is room for.
    pub(super) fn capacity(&self) -> usize {
        let chunks = self.0.iter().filter_map(OnceLock::get);
        chunks.map(|chunk| chunk.len()).sum()
    }
}

/// The chunk of an element and its offset in it.
///
/// With `1 << (FIRST_CHUNK_BITS + STEP_BITS)` added, the highest bit of a number tells how long
/// its chunk is, the next [`STEP_BITS`] which chunk of that length, the rest the offset.
const fn place(number: u32) -> (usize, usize) {
    let shifted = number as usize + (1 << (FIRST_CHUNK_BITS + STEP_BITS));
    let offset_bits = shifted.ilog2() as usize - STEP_BITS;
    let length = offset_bits - FIRST_CHUNK_BITS;
    let step = (shifted >> offset_bits) - (1 << STEP_BITS);
    (
        (length << STEP_BITS) + step,
        shifted & ((1 << offset_bits) - 1),
    )
}

const fn chunk_len(chunk: usize) -> usize {
    1 << (FIRST_CHUNK_BITS + (chunk >> STEP_BITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_the_place_after_the_one_before() {
        let (mut chunk, mut offset) = (0, 0);
        for number in 0..3_000_000 {
            assert_eq!(place(number), (chunk, offset), "{number}");
            offset += 1;
            if offset == chunk_len(chunk) {
                (chunk, offset) = (chunk + 1, 0);
            }
        }
        let last = CHUNKS_MAX - 1;
        assert!(place(u32::MAX).0 <= last);
    }

    #[test]
    fn at_most_a_sixteenth_is_spare_once_the_first_steps_are_done() {
        let chunks = Chunks::<u8>::new();
        for number in 0..200_000_u32 {
            chunks.get_or_grow(number);
            let used = usize::try_from(number).unwrap() + 1;
            assert!(
                chunks.capacity() <= used + used / 16 + chunk_len(0),
                "{number}"
            );
        }
        assert!(chunks.get(1_000_000).is_none());
    }
}

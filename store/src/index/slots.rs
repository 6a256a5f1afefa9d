//! Records of 120 octets each, in words that readers copy out while one writer works.
//!
//! A record is written to slots that nothing names, then named by the tables, then, when the
//! tables name another in its place, retired; retired slots are written again in the order of
//! their retirement, the latest as late as possible. So no reader ever waits: a slot that it finds
//! being written is one that the tables name no longer, and it asks them again.
//!
//! The first word of a slot is its stamp: a sequence, whether the slot is being written, whether it
//! goes on with a record that begins in another, and where a longer record goes on. Only the stamp of
//! the first slot of a record is looked at: its slots are retired and taken again in order, so the
//! first is marked before any other is touched.
//!
//! How a torn copy is found out (a seqlock): the writer marks the stamp, passes a release fence and
//! stores the words. A reader loads the stamp with acquire, then the words, passes an acquire fence
//! and loads the stamp again. Had it loaded one word of a later record, the fences would pair and
//! the second stamp would be the marked one or a later one. The mark is itself a release store, so
//! that a reader that sees it also sees that the tables name another slot. All words are atomic:
//! nothing of this is undefined, whatever is torn.
//!
//! Not here: which slot is whose (`table`), what the octets mean (`entry`).

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use super::chunks::Chunks;

/// Words of 8 octets in a slot, the stamp among them.
const SLOT_WORDS: usize = 16;
/// Octets of a slot that carry a record.
pub(super) const SLOT_OCTETS: usize = (SLOT_WORDS - 1) * 8;
/// The most slots of one record.
pub(super) const RECORD_SLOTS_MAX: usize = 6;
/// The most octets of one record.
pub(super) const RECORD_OCTETS_MAX: usize = RECORD_SLOTS_MAX * SLOT_OCTETS;
/// A record's octets; zeros follow it.
pub(super) type RecordOctets = [u8; RECORD_OCTETS_MAX];

/// The number that no slot has: nothing named, nothing follows.
pub(super) const NO_SLOT: u32 = 0;
/// Retired slots that are kept as they are, so that late readers find them whole.
const RETIRED_KEPT: usize = 1_024;
/// Slots that are taken from the unused ones at once.
const RUN_LEN: u32 = 64;

/// One slot, on its own two cache lines.
#[derive(Default)]
#[repr(align(128))]
struct Slot([AtomicU64; SLOT_WORDS]);

/// What tells one writing of a slot from all others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Stamp(u64);

impl Stamp {
    /// The slot is being written.
    const MARK: u64 = 1;
    /// The slot is not the first of its record: whoever takes it for one is late.
    const CONTINUED: u64 = 2;
    /// What tells two writings of a slot apart.
    const SEQUENCE_STEP: u32 = 4;

    const fn is_readable(self) -> bool {
        self.0 & (Self::MARK | Self::CONTINUED) == 0
    }

    const fn marked(self) -> Self {
        Self(self.0 | Self::MARK)
    }

    /// The one after `self`: of a record's first slot or not, and where the record goes on.
    const fn following(self, is_first: bool, next: u32) -> Self {
        let sequence =
            self.sequence().wrapping_add(Self::SEQUENCE_STEP) & !(Self::SEQUENCE_STEP - 1);
        let continued = if is_first { 0 } else { Self::CONTINUED };
        Self((next as u64) << 32 | sequence as u64 | continued)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
    const fn sequence(self) -> u32 {
        self.0 as u32
    }

    const fn next(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// All slots.
pub(super) struct Slots {
    slots: Chunks<Slot>,
    /// The first that nobody has taken.
    unused: AtomicU32,
}

/// The slots that one writer may write to.
pub(super) struct Spare {
    retired: VecDeque<u32>,
    /// How many of them are left as they are.
    kept: usize,
    run: Range<u32>,
}

impl Default for Spare {
    fn default() -> Self {
        Self::keeping(RETIRED_KEPT)
    }
}

impl Spare {
    /// None yet; of those that are retired, the latest `kept` will be left as they are.
    pub(super) const fn keeping(kept: usize) -> Self {
        Self {
            retired: VecDeque::new(),
            kept,
            run: 0..0,
        }
    }

    /// Takes over what another writer has left.
    pub(super) fn absorb(&mut self, other: Self) {
        self.retired.extend(other.retired);
        self.retired.extend(other.run);
    }

    /// Octets of memory.
    pub(super) fn bytes(&self) -> usize {
        self.retired.capacity() * size_of::<u32>()
    }
}

impl Slots {
    pub(super) fn new() -> Self {
        Self {
            slots: Chunks::new(),
            unused: AtomicU32::new(NO_SLOT + 1),
        }
    }

    /// Copies the record that begins at `slot` to `octets`, and gives its stamp; nothing if the
    /// slot is being written or was while it was read. Then nothing names it any more.
    pub(super) fn read(&self, slot: u32, octets: &mut RecordOctets) -> Option<Stamp> {
        let first = self.slots.get(slot)?;
        let stamp = Stamp(first.0[0].load(Ordering::Acquire));
        if !stamp.is_readable() {
            return None;
        }
        let mut parts = octets.chunks_exact_mut(SLOT_OCTETS);
        copy(first, parts.next()?);
        let mut next = stamp.next();
        for part in parts {
            if next == NO_SLOT {
                break;
            }
            let slot = self.slots.get(next)?;
            copy(slot, part);
            next = Stamp(slot.0[0].load(Ordering::Relaxed)).next();
        }
        fence(Ordering::Acquire);
        (first.0[0].load(Ordering::Relaxed) == stamp.0).then_some(stamp)
    }

    /// Whether a record was written that begins there.
    pub(super) fn begins_record(&self, slot: u32) -> bool {
        let stamp = Stamp(self.touch(slot));
        stamp.sequence() != 0 && stamp.is_readable()
    }

    /// The number after all slots that were ever taken.
    pub(super) fn end(&self) -> u32 {
        self.unused.load(Ordering::Relaxed)
    }

    /// Whether the slot is still as it was read with that stamp.
    pub(super) fn is_still(&self, slot: u32, stamp: Stamp) -> bool {
        self.slots
            .get(slot)
            .is_some_and(|slot| slot.0[0].load(Ordering::Acquire) == stamp.0)
    }

    /// Brings a slot nearer to the processor, ahead of a read of it.
    pub(super) fn touch(&self, slot: u32) -> u64 {
        self.slots
            .get(slot)
            .map_or(0, |slot| slot.0[0].load(Ordering::Relaxed))
    }

    /// Writes a record of `len` octets, and gives the slot that it begins at.
    pub(super) fn write(&self, spare: &mut Spare, octets: &RecordOctets, len: usize) -> u32 {
        let mut numbers = [NO_SLOT; RECORD_SLOTS_MAX + 1];
        let needed = len.div_ceil(SLOT_OCTETS).clamp(1, RECORD_SLOTS_MAX);
        for number in &mut numbers[..needed] {
            *number = self.take(spare);
            let stamp = &self.slots.get_or_grow(*number).0[0];
            let marked = Stamp(stamp.load(Ordering::Relaxed)).marked();
            stamp.store(marked.0, Ordering::Release);
        }
        fence(Ordering::Release);
        // The first one last: with its stamp the whole record is there.
        for (at, part) in octets
            .chunks_exact(SLOT_OCTETS)
            .enumerate()
            .take(needed)
            .rev()
        {
            let slot = self.slots.get_or_grow(numbers[at]);
            for (word, octets) in slot.0[1..].iter().zip(part.as_chunks().0) {
                word.store(u64::from_le_bytes(*octets), Ordering::Relaxed);
            }
            let stamp = Stamp(slot.0[0].load(Ordering::Relaxed));
            let stamp = stamp.following(at == 0, numbers[at + 1]);
            slot.0[0].store(stamp.0, Ordering::Release);
        }
        numbers[0]
    }

    /// Lets the slots of the record at `slot` be written again later. Nothing names it any more.
    pub(super) fn retire(&self, spare: &mut Spare, slot: u32) {
        let mut number = slot;
        while number != NO_SLOT {
            spare.retired.push_back(number);
            number = Stamp(self.touch(number)).next();
        }
    }

    fn take(&self, spare: &mut Spare) -> u32 {
        if spare.retired.len() > spare.kept
            && let Some(slot) = spare.retired.pop_front()
        {
            return slot;
        }
        spare.run.next().unwrap_or_else(|| {
            let first = self.unused.fetch_add(RUN_LEN, Ordering::Relaxed);
            assert!(
                first < u32::MAX - 1_000_000,
                "half a terabyte of slots is too much"
            );
            spare.run = first + 1..first + RUN_LEN;
            first
        })
    }

    /// Octets of memory.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.slots.capacity() * size_of::<Slot>()
    }
}

fn copy(slot: &Slot, octets: &mut [u8]) {
    for (word, octets) in slot.0[1..].iter().zip(octets.as_chunks_mut().0) {
        *octets = word.load(Ordering::Relaxed).to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    /// A record whose every word tells the number, `slots` long.
    fn record(number: u64, slots: usize) -> RecordOctets {
        let mut octets = [0; RECORD_OCTETS_MAX];
        for word in octets[..slots * SLOT_OCTETS].as_chunks_mut().0 {
            *word = number.to_le_bytes();
        }
        octets
    }

    #[test]
    fn a_record_of_any_length_is_read_as_it_was_written() {
        let (slots, mut spare) = (Slots::new(), Spare::keeping(0));
        for len in (1..=RECORD_OCTETS_MAX).chain((1..=RECORD_OCTETS_MAX).rev()) {
            let mut written = [0; RECORD_OCTETS_MAX];
            for (octet, value) in written[..len].iter_mut().zip((1..=251).cycle()) {
                *octet = value;
            }
            let slot = slots.write(&mut spare, &written, len);
            let mut read = [0; RECORD_OCTETS_MAX];
            assert!(slots.read(slot, &mut read).is_some(), "{len}");
            assert_eq!(read, written, "{len}");
            slots.retire(&mut spare, slot);
        }
        assert_eq!(
            slots.unused.into_inner(),
            1 + RUN_LEN,
            "slots are used again"
        );
    }

    #[test]
    fn the_latest_retired_slots_are_left_whole() {
        let (slots, mut spare) = (Slots::new(), Spare::default());
        let first = slots.write(&mut spare, &record(1, 1), SLOT_OCTETS);
        slots.retire(&mut spare, first);
        let mut octets = [0; RECORD_OCTETS_MAX];
        for number in 0..RETIRED_KEPT as u64 {
            assert!(slots.read(first, &mut octets).is_some());
            assert_eq!(octets, record(1, 1));
            let slot = slots.write(&mut spare, &record(number, 1), SLOT_OCTETS);
            slots.retire(&mut spare, slot);
        }
        slots.write(&mut spare, &record(2, 1), SLOT_OCTETS);
        slots.read(first, &mut octets);
        assert_eq!(octets, record(2, 1), "then it is overwritten");
    }

    #[test]
    fn a_slot_in_the_middle_of_being_written_is_refused_at_once() {
        let (slots, mut spare) = (Slots::new(), Spare::keeping(0));
        let slot = slots.write(&mut spare, &record(1, 1), SLOT_OCTETS);
        let mut octets = [0; RECORD_OCTETS_MAX];
        let stamp = slots.read(slot, &mut octets).unwrap();
        let word = &slots.slots.get(slot).unwrap().0[0];
        word.store(stamp.marked().0, Ordering::Release);
        assert_eq!(slots.read(slot, &mut octets), None);
        assert!(!slots.is_still(slot, stamp));
    }

    #[test]
    fn a_slot_in_the_middle_of_a_record_is_not_taken_for_its_beginning() {
        let (slots, mut spare) = (Slots::new(), Spare::keeping(0));
        let single = slots.write(&mut spare, &record(1, 1), SLOT_OCTETS);
        let other = slots.write(&mut spare, &record(2, 1), SLOT_OCTETS);
        slots.retire(&mut spare, other);
        slots.retire(&mut spare, single);
        let mut octets = [0; RECORD_OCTETS_MAX];
        let first = slots.write(&mut spare, &record(3, 2), 2 * SLOT_OCTETS);
        assert_eq!(first, other);
        assert_eq!(slots.read(single, &mut octets), None);
    }

    #[test]
    fn no_reader_sees_half_a_record_or_parts_of_two() {
        const RECORDS: u64 = 300_000;
        let (slots, named) = (Slots::new(), AtomicU32::new(NO_SLOT));
        let mut spare = Spare::keeping(0);
        let write = |spare: &mut Spare, number: u64| {
            let len = 1 + usize::try_from(number % 4).unwrap();
            let new = slots.write(spare, &record(number, len), len * SLOT_OCTETS);
            let old = named.swap(new, Ordering::AcqRel);
            slots.retire(spare, old);
        };
        write(&mut spare, 1);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let (mut last, mut octets) = (0, [0; RECORD_OCTETS_MAX]);
                    while !over.load(Ordering::Relaxed) {
                        octets.fill(0);
                        let slot = named.load(Ordering::Acquire);
                        if slots.read(slot, &mut octets).is_none() {
                            continue;
                        }
                        let number = u64::from_le_bytes(*octets.first_chunk().unwrap());
                        let len = 1 + usize::try_from(number % 4).unwrap();
                        assert!(octets == record(number, len), "{number} is torn");
                        // The next one is whole a moment before it is named.
                        assert!(number + 1 >= last, "{number} after {last}");
                        last = number;
                    }
                });
            }
            for number in 2..RECORDS {
                write(&mut spare, number);
            }
            over.store(true, Ordering::Relaxed);
        });
    }
}

//! Replies that may be asked for again (RFC 5080 section 2.2.2).
//!
//! Everything lives in blocks that are allocated once. A reply takes one block or more, so
//! the number of blocks bounds entries and bytes alike. Every NAS has a lane with an equal
//! share of the blocks and pushes out only its own oldest replies.
//!
//! An entry is first pending (an accounting record on its way to the disk) or reserved (an answer
//! that is signed with the rest of its batch), and then answered. Only requests that were verified come here, so a stranger cannot displace anything.

use std::net::{IpAddr, SocketAddr};

use crate::UnixSeconds;
use crate::code::Code;
use crate::packet::{Authenticator, PACKET_LEN_MAX};

/// Octets of one block: most replies fit one.
const BLOCK_LEN: usize = 256;
/// Blocks of one worker; also the most entries.
pub(crate) const BLOCKS_MAX: usize = 8192;
/// Shares are no smaller than one of so many: a share still holds the longest reply.
pub(crate) const LANES_MAX: usize = 512;
/// Heads of the hash chains.
const BUCKETS: usize = BLOCKS_MAX;
/// How long a reply is remembered.
pub(crate) const ANSWERED_SECONDS: u64 = 10;
/// How long a record may take to become durable before its retransmission is taken as new.
pub(crate) const PENDING_SECONDS: u64 = 30;

const _: () = assert!(BLOCKS_MAX / LANES_MAX * BLOCK_LEN >= PACKET_LEN_MAX);
const _: () = assert!(BLOCKS_MAX < Link::NONE.0 as usize);
const _: () = assert!(
    size_of::<Entry>() == 64,
    "an entry is one line of the cache"
);

/// What names a request, but for its authenticator: a new one in the same place replaces the old.
///
/// The address in four words, IPv4 as mapped into IPv6; then port, code and identifier.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Key([u32; 5]);

impl Key {
    pub(crate) fn new(source: SocketAddr, code: Code, identifier: u8) -> Self {
        let address = match source.ip() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        let octets = address.octets();
        let words = octets.as_chunks::<4>().0;
        let word = |n: usize| u32::from_be_bytes(words[n]);
        let rest = u32::from(source.port()) << 16 | u32::from(code.0) << 8 | u32::from(identifier);
        Self([word(0), word(1), word(2), word(3), rest])
    }
}

/// Names an entry without a reply. Hand it back once.
#[must_use = "a ticket that is not handed back blocks retransmissions for a while"]
#[derive(Debug, Eq, PartialEq)]
pub struct Ticket {
    entry: Link,
    generation: u32,
}

/// What is known of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Seen {
    Never,
    Pending,
    /// Its reply is being made: [`Duplicates::is`] tells whose.
    Reserved(usize),
    /// Its reply can be copied from there.
    Answered(usize),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Free,
    Pending,
    Reserved,
    Answered,
}

/// The number of an entry or block, or none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Link(u16);

impl Link {
    const NONE: Self = Self(u16::MAX);

    fn to(at: usize) -> Self {
        Self(u16::try_from(at).expect("there are fewer entries and blocks than links"))
    }

    fn get(self) -> Option<usize> {
        (self != Self::NONE).then_some(usize::from(self.0))
    }

    fn take(&mut self) -> Self {
        std::mem::replace(self, Self::NONE)
    }

    fn or(self, other: Self) -> Self {
        if self == Self::NONE { other } else { self }
    }
}

#[derive(Clone, Debug)]
#[repr(align(64))]
struct Entry {
    authenticator: Authenticator,
    key: Key,
    /// Seconds, modulo 2^32: ages are differences.
    since: u32,
    /// Counts the uses of this place, so that an old ticket names nothing.
    generation: u32,
    next_in_bucket: Link,
    older: Link,
    newer: Link,
    bucket: u16,
    lane: u16,
    reply_len: u16,
    blocks: u8,
    state: State,
}

/// Entries of one lane and state, oldest first.
#[derive(Clone, Copy, Debug)]
struct List {
    oldest: Link,
    newest: Link,
}

impl List {
    const EMPTY: Self = Self {
        oldest: Link::NONE,
        newest: Link::NONE,
    };
}

#[derive(Clone, Copy, Debug)]
struct Lane {
    /// Reserved entries too.
    answered: List,
    pending: List,
    blocks: usize,
}

/// The cache of one worker.
pub(crate) struct Duplicates {
    entries: Box<[Entry]>,
    octets: Box<[u8]>,
    /// The block after this one, in a reply or in the free list.
    next_block: Box<[Link]>,
    free: Link,
    free_count: usize,
    buckets: Box<[Link]>,
    lanes: Box<[Lane]>,
    lanes_used: usize,
    seed: u64,
}

impl Duplicates {
    /// `seed` keeps a NAS from choosing its hash chains.
    pub(crate) fn new(seed: u64, nas_count: usize) -> Self {
        let entry = Entry {
            authenticator: Authenticator::default(),
            key: Key::default(),
            since: 0,
            generation: 0,
            next_in_bucket: Link::NONE,
            older: Link::NONE,
            newer: Link::NONE,
            bucket: 0,
            lane: 0,
            reply_len: 0,
            blocks: 0,
            state: State::Free,
        };
        let lane = Lane {
            answered: List::EMPTY,
            pending: List::EMPTY,
            blocks: 0,
        };
        let mut duplicates = Self {
            entries: vec![entry; BLOCKS_MAX].into(),
            octets: vec![0; BLOCKS_MAX * BLOCK_LEN].into(),
            next_block: (1..BLOCKS_MAX).map(Link::to).chain([Link::NONE]).collect(),
            free: Link::to(0),
            free_count: BLOCKS_MAX,
            buckets: vec![Link::NONE; BUCKETS].into(),
            lanes: vec![lane; LANES_MAX].into(),
            lanes_used: 1,
            seed,
        };
        duplicates.share_among(nas_count);
        duplicates
    }

    /// Divides the blocks anew; what is remembered stays until its room is wanted.
    pub(crate) fn share_among(&mut self, nas_count: usize) {
        self.lanes_used = nas_count.clamp(1, LANES_MAX);
    }

    /// What is known of a request. Forgets an entry in its place that is another request or too old.
    pub(crate) fn seen(
        &mut self,
        key: &Key,
        authenticator: &Authenticator,
        now: UnixSeconds,
    ) -> Seen {
        let Some(at) = self.find(key) else {
            return Seen::Never;
        };
        let entry = &self.entries[at];
        if entry.authenticator == *authenticator && !entry.is_old(low_bits(now)) {
            return match entry.state {
                State::Free => Seen::Never,
                State::Pending => Seen::Pending,
                State::Reserved => Seen::Reserved(at),
                State::Answered => Seen::Answered(at),
            };
        }
        self.remove(at);
        Seen::Never
    }

    /// True if `ticket` names the entry at `at`.
    pub(crate) fn is(&self, ticket: &Ticket, at: usize) -> bool {
        self.open(ticket) == Some(at)
    }

    /// Copies a reply and returns its length.
    pub(crate) fn copy_reply(&self, at: usize, reply: &mut [u8; PACKET_LEN_MAX]) -> usize {
        let len = usize::from(self.entries[at].reply_len);
        let mut block = Link::to(at);
        for part in reply[..len].chunks_mut(BLOCK_LEN) {
            let from = block
                .get()
                .expect("a reply has a block for each of its parts");
            part.copy_from_slice(&self.octets[from * BLOCK_LEN..][..part.len()]);
            block = self.next_block[from];
        }
        len
    }

    /// Remembers a request that is not known, until its record is durable. `None` if the lane is full of such.
    pub(crate) fn begin(
        &mut self,
        lane: usize,
        key: &Key,
        authenticator: &Authenticator,
        now: UnixSeconds,
    ) -> Option<Ticket> {
        self.enter(lane, key, authenticator, now, State::Pending)
    }

    /// Remembers a request that is not known, until its reply is signed a moment later. It may be
    /// pushed out before. `None` if the lane is full of pending ones.
    pub(crate) fn reserve(
        &mut self,
        lane: usize,
        key: &Key,
        authenticator: &Authenticator,
        now: UnixSeconds,
    ) -> Option<Ticket> {
        self.enter(lane, key, authenticator, now, State::Reserved)
    }

    fn enter(
        &mut self,
        lane: usize,
        key: &Key,
        authenticator: &Authenticator,
        now: UnixSeconds,
        state: State,
    ) -> Option<Ticket> {
        let lane = lane % self.lanes_used;
        let now = low_bits(now);
        if !self.make_room(lane, 1, now) {
            return None;
        }
        let at = self.take_block(lane)?;
        let bucket = self.bucket(key);
        let entry = &mut self.entries[at];
        entry.state = state;
        entry.key = *key;
        entry.authenticator = *authenticator;
        entry.since = now;
        entry.lane = u16::try_from(lane).expect("there are LANES_MAX lanes");
        entry.reply_len = 0;
        entry.blocks = 1;
        entry.bucket = u16::try_from(bucket).expect("there are as many buckets as blocks");
        entry.next_in_bucket = std::mem::replace(&mut self.buckets[bucket], Link::to(at));
        let generation = entry.generation;
        self.link(at);
        Some(Ticket {
            entry: Link::to(at),
            generation,
        })
    }

    /// Gives an entry its reply. Forgets the entry if there is no room for it.
    pub(crate) fn answer(&mut self, ticket: &Ticket, reply: &[u8]) {
        let Some(at) = self.open(ticket) else {
            return;
        };
        let more = reply.len().div_ceil(BLOCK_LEN).saturating_sub(1);
        if self.entries[at].state == State::Reserved && more == 0 {
            self.entries[at].state = State::Answered;
        } else if !self.make_answered(at, more) {
            self.remove(at);
            return;
        }
        let lane = usize::from(self.entries[at].lane);
        let mut block = at;
        for (index, part) in reply.chunks(BLOCK_LEN).enumerate() {
            if index > 0 {
                let next = self
                    .take_block(lane)
                    .expect("room was made for every block");
                self.next_block[block] = Link::to(next);
                block = next;
            }
            self.octets[block * BLOCK_LEN..][..part.len()].copy_from_slice(part);
        }
        let entry = &mut self.entries[at];
        entry.reply_len = u16::try_from(reply.len()).expect("more does not get room");
        entry.blocks = u8::try_from(1 + more).expect("more does not get room");
    }

    /// Moves an entry to the newest answered and makes room for `more` blocks. False if there is none.
    fn make_answered(&mut self, at: usize, more: usize) -> bool {
        let lane = usize::from(self.entries[at].lane);
        let since = self.entries[at].since;
        // Not in a list while room is made, so that it cannot push itself out.
        self.unlink(at);
        self.entries[at].state = State::Answered;
        let fits = more < PACKET_LEN_MAX / BLOCK_LEN && self.make_room(lane, more, since);
        self.link(at);
        fits
    }

    /// Forgets an entry without a reply: its retransmission is a new request.
    pub(crate) fn abandon(&mut self, ticket: &Ticket) {
        if let Some(at) = self.open(ticket) {
            self.remove(at);
        }
    }

    fn open(&self, ticket: &Ticket) -> Option<usize> {
        let at = ticket.entry.get()?;
        let entry = self.entries.get(at)?;
        let open = matches!(entry.state, State::Pending | State::Reserved);
        (open && entry.generation == ticket.generation).then_some(at)
    }

    fn find(&self, key: &Key) -> Option<usize> {
        let mut next = self.buckets[self.bucket(key)];
        while let Some(at) = next.get() {
            let entry = &self.entries[at];
            if entry.key == *key {
                return Some(at);
            }
            next = entry.next_in_bucket;
        }
        None
    }

    fn bucket(&self, key: &Key) -> usize {
        /// An odd number with well mixed bits: 2^64 divided by the golden ratio.
        const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
        let [a, b, c, d, rest] = key.0.map(u64::from);
        let mut hash = self.seed;
        for word in [a << 32 | b, c << 32 | d, rest] {
            hash = (hash ^ word).wrapping_mul(FACTOR);
            hash ^= hash >> 32;
        }
        usize::try_from(hash % (BUCKETS as u64)).expect("a remainder of the number of buckets")
    }

    /// Frees blocks until `wanted` fit into the lane's share. False if nothing more may go.
    fn make_room(&mut self, lane: usize, wanted: usize, now: u32) -> bool {
        let share = BLOCKS_MAX / self.lanes_used;
        loop {
            let crowded = if self.lanes[lane].blocks + wanted > share {
                Some(lane)
            } else if self.free_count < wanted {
                // Only after the blocks were divided anew: some lane holds more than it now may.
                (0..LANES_MAX).find(|other| {
                    let held = self.lanes[*other].blocks;
                    held > share || (*other >= self.lanes_used && held > 0)
                })
            } else {
                return true;
            };
            let Some(victim) = crowded.and_then(|lane| self.victim(lane, now)) else {
                return false;
            };
            self.remove(victim);
        }
    }

    fn victim(&self, lane: usize, now: u32) -> Option<usize> {
        let lane = &self.lanes[lane];
        let forgotten = |at: &usize| self.entries[*at].is_old(now);
        let pending = || lane.pending.oldest.get().filter(forgotten);
        lane.answered.oldest.get().or_else(pending)
    }

    fn take_block(&mut self, lane: usize) -> Option<usize> {
        let block = self.free.get()?;
        self.free = self.next_block[block].take();
        self.free_count -= 1;
        self.lanes[lane].blocks += 1;
        Some(block)
    }

    fn remove(&mut self, at: usize) {
        self.unlink(at);
        self.leave_bucket(at);
        let entry = &mut self.entries[at];
        entry.state = State::Free;
        entry.generation = entry.generation.wrapping_add(1);
        let blocks = usize::from(entry.blocks);
        self.lanes[usize::from(entry.lane)].blocks -= blocks;
        self.free_count += blocks;
        let mut block = Link::to(at);
        while let Some(freed) = block.get() {
            block = std::mem::replace(&mut self.next_block[freed], self.free);
            self.free = Link::to(freed);
        }
    }

    fn leave_bucket(&mut self, at: usize) {
        let bucket = usize::from(self.entries[at].bucket);
        let after = self.entries[at].next_in_bucket.take();
        let this = Link::to(at);
        let mut next = self.buckets[bucket];
        if next == this {
            self.buckets[bucket] = after;
            return;
        }
        while let Some(before) = next.get() {
            next = self.entries[before].next_in_bucket;
            if next == this {
                self.entries[before].next_in_bucket = after;
                return;
            }
        }
    }

    fn list(&mut self, at: usize) -> &mut List {
        let entry = &self.entries[at];
        let lane = &mut self.lanes[usize::from(entry.lane)];
        match entry.state {
            State::Pending => &mut lane.pending,
            State::Reserved | State::Answered | State::Free => &mut lane.answered,
        }
    }

    /// Appends to the list of its lane and state.
    fn link(&mut self, at: usize) {
        let list = self.list(at);
        let older = std::mem::replace(&mut list.newest, Link::to(at));
        list.oldest = list.oldest.or(Link::to(at));
        if let Some(older) = older.get() {
            self.entries[older].newer = Link::to(at);
        }
        let entry = &mut self.entries[at];
        entry.older = older;
        entry.newer = Link::NONE;
    }

    /// Takes out of the list of its lane and state.
    fn unlink(&mut self, at: usize) {
        let older = self.entries[at].older.take();
        let newer = self.entries[at].newer.take();
        match older.get() {
            Some(older) => self.entries[older].newer = newer,
            None => self.list(at).oldest = newer,
        }
        match newer.get() {
            Some(newer) => self.entries[newer].older = older,
            None => self.list(at).newest = older,
        }
    }
}

impl Entry {
    /// Past its time, or from the future after a step of the clock.
    fn is_old(&self, now: u32) -> bool {
        let lifetime = match self.state {
            State::Pending => PENDING_SECONDS,
            State::Reserved | State::Answered | State::Free => ANSWERED_SECONDS,
        };
        u64::from(now.wrapping_sub(self.since)) > lifetime
    }
}

fn low_bits(now: UnixSeconds) -> u32 {
    u32::try_from(now.0 & u64::from(u32::MAX)).expect("32 bits are left")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    const NOW: UnixSeconds = UnixSeconds(1000);

    fn key(port: u16, identifier: u8) -> Key {
        let source = SocketAddr::from(([192, 0, 2, 1], port));
        Key::new(source, Code::ACCESS_REQUEST, identifier)
    }

    fn store(
        cache: &mut Duplicates,
        lane: usize,
        key: &Key,
        authenticator: u8,
        reply: &[u8],
    ) -> bool {
        let ticket = cache.begin(lane, key, &[authenticator; 16], NOW);
        ticket.is_some_and(|ticket| {
            cache.answer(&ticket, reply);
            true
        })
    }

    fn reply(
        cache: &mut Duplicates,
        key: &Key,
        authenticator: u8,
        now: UnixSeconds,
    ) -> Option<Vec<u8>> {
        let Seen::Answered(at) = cache.seen(key, &[authenticator; 16], now) else {
            return None;
        };
        let mut buffer = [0; PACKET_LEN_MAX];
        let len = cache.copy_reply(at, &mut buffer);
        Some(buffer[..len].to_vec())
    }

    /// Every block is in exactly one place, every entry in its list, and the lanes' sums are right.
    fn check(cache: &Duplicates) {
        let mut seen = vec![false; BLOCKS_MAX];
        let mut mark = |mut block: Link| {
            let mut count = 0;
            while let Some(at) = block.get() {
                assert!(!std::mem::replace(&mut seen[at], true), "block {at} twice");
                count += 1;
                block = cache.next_block[at];
            }
            count
        };
        assert_eq!(mark(cache.free), cache.free_count);
        let mut lanes = vec![0; LANES_MAX];
        for (at, entry) in cache.entries.iter().enumerate() {
            if entry.state != State::Free {
                assert_eq!(mark(Link::to(at)), usize::from(entry.blocks));
                lanes[usize::from(entry.lane)] += usize::from(entry.blocks);
            }
        }
        assert!(seen.iter().all(|seen| *seen));
        let mut listed = 0;
        for lane in &cache.lanes {
            for (list, pending) in [(lane.answered, false), (lane.pending, true)] {
                let mut newest = Link::NONE;
                let mut next = list.oldest;
                while let Some(at) = next.get() {
                    let entry = &cache.entries[at];
                    assert_eq!(entry.state == State::Pending, pending);
                    assert_eq!(entry.older, newest);
                    listed += 1;
                    newest = next;
                    next = entry.newer;
                }
                assert_eq!(list.newest, newest);
            }
        }
        let used = |entry: &&Entry| entry.state != State::Free;
        assert_eq!(listed, cache.entries.iter().filter(used).count());
        assert!(lanes.iter().eq(cache.lanes.iter().map(|lane| &lane.blocks)));
    }

    #[test]
    fn n5_same_request_gets_the_same_reply_until_it_is_old() {
        let mut cache = Duplicates::new(1, 1);
        for len in [20, 255, 256, 257, 4096] {
            let octets: Vec<u8> = (0..len)
                .map(|n: u32| u8::try_from(n % 251).unwrap())
                .collect();
            assert!(store(&mut cache, 0, &key(1, 1), 7, &octets));
            assert_eq!(
                reply(&mut cache, &key(1, 1), 7, UnixSeconds(1010)),
                Some(octets)
            );
            assert_eq!(reply(&mut cache, &key(1, 1), 7, UnixSeconds(1011)), None);
            check(&cache);
        }
    }

    #[test]
    fn n5_new_authenticator_replaces_the_old_request() {
        let mut cache = Duplicates::new(1, 1);
        store(&mut cache, 0, &key(1, 1), 7, b"a");
        assert_eq!(cache.seen(&key(1, 1), &[8; 16], NOW), Seen::Never);
        assert_eq!(cache.seen(&key(1, 1), &[7; 16], NOW), Seen::Never);
        assert_eq!(cache.free_count, BLOCKS_MAX);
    }

    #[test]
    fn clock_that_steps_back_makes_entries_old() {
        let mut cache = Duplicates::new(1, 1);
        store(&mut cache, 0, &key(1, 1), 7, b"a");
        assert_eq!(reply(&mut cache, &key(1, 1), 7, UnixSeconds(999)), None);
    }

    #[test]
    fn n5_one_nas_cannot_push_out_the_replies_of_another() {
        let mut cache = Duplicates::new(1, 2);
        store(&mut cache, 1, &key(9, 9), 9, b"keep");
        for n in 0..=u16::MAX {
            assert!(store(&mut cache, 0, &key(n, 0), 1, b"flood"));
        }
        assert_eq!(
            reply(&mut cache, &key(9, 9), 9, NOW),
            Some(b"keep".to_vec())
        );
        assert_eq!(cache.lanes[0].blocks, BLOCKS_MAX / 2);
        // The newest of the flood are there, the oldest are not.
        assert!(reply(&mut cache, &key(u16::MAX, 0), 1, NOW).is_some());
        assert!(reply(&mut cache, &key(0, 0), 1, NOW).is_none());
        check(&cache);
    }

    #[test]
    fn lane_full_of_pending_takes_no_more_until_they_are_old() {
        let mut cache = Duplicates::new(1, LANES_MAX);
        let share = BLOCKS_MAX / LANES_MAX;
        let tickets: Vec<Ticket> = (0..share)
            .map(|n| {
                cache
                    .begin(3, &key(u16::try_from(n).unwrap(), 0), &[1; 16], NOW)
                    .unwrap()
            })
            .collect();
        assert_eq!(cache.begin(3, &key(99, 0), &[1; 16], NOW), None);
        let late = UnixSeconds(NOW.0 + PENDING_SECONDS + 1);
        assert!(cache.begin(3, &key(99, 0), &[1; 16], late).is_some());
        // The ticket of the one that went names nothing any more, not its successor.
        cache.answer(&tickets[0], b"stale");
        assert_eq!(cache.seen(&key(99, 0), &[1; 16], late), Seen::Pending);
        check(&cache);
    }

    #[test]
    fn abandoned_request_is_new_again() {
        let mut cache = Duplicates::new(1, 1);
        let ticket = cache.begin(0, &key(1, 1), &[1; 16], NOW).unwrap();
        assert_eq!(cache.seen(&key(1, 1), &[1; 16], NOW), Seen::Pending);
        cache.abandon(&ticket);
        assert_eq!(cache.seen(&key(1, 1), &[1; 16], NOW), Seen::Never);
        check(&cache);
    }

    #[test]
    fn reserved_request_may_be_pushed_out_and_its_ticket_names_nothing_then() {
        let mut cache = Duplicates::new(1, LANES_MAX);
        let share = u16::try_from(BLOCKS_MAX / LANES_MAX).unwrap();
        let tickets: Vec<Ticket> = (0..=share)
            .map(|n| cache.reserve(3, &key(n, 0), &[1; 16], NOW).unwrap())
            .collect();
        assert_eq!(cache.seen(&key(0, 0), &[1; 16], NOW), Seen::Never);
        let Seen::Reserved(at) = cache.seen(&key(1, 0), &[1; 16], NOW) else {
            panic!("the second is still there");
        };
        assert!(cache.is(&tickets[1], at));
        assert!(!cache.is(&tickets[0], at));
        for ticket in &tickets {
            cache.answer(ticket, b"reply");
            check(&cache);
        }
        assert_eq!(reply(&mut cache, &key(0, 0), 1, NOW), None);
        for n in 1..=share {
            let found = reply(&mut cache, &key(n, 0), 1, NOW);
            assert_eq!(found, Some(b"reply".to_vec()));
        }
    }

    #[test]
    fn new_nas_gets_its_share_from_lanes_that_hold_too_much() {
        let mut cache = Duplicates::new(1, 1);
        for n in 0..BLOCKS_MAX {
            store(&mut cache, 0, &key(u16::try_from(n).unwrap(), 0), 1, b"old");
        }
        assert_eq!(cache.free_count, 0);
        cache.share_among(2);
        assert!(store(&mut cache, 1, &key(9, 9), 9, &[5; 4096]));
        assert!(reply(&mut cache, &key(9, 9), 9, NOW).is_some());
        check(&cache);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn behaves_like_a_map(
            steps in prop::collection::vec((0_u16..40, 0_u8..3, 0_u8..4, 0_usize..1200), 1..300),
        ) {
            let mut cache = Duplicates::new(7, 4);
            let mut model: HashMap<u16, (u8, Option<usize>)> = HashMap::new();
            let mut tickets: HashMap<u16, Ticket> = HashMap::new();
            for (port, authenticator, action, len) in steps {
                let key = key(port, 0);
                let known = model.get(&port).filter(|known| known.0 == authenticator).copied();
                match (cache.seen(&key, &[authenticator; 16], NOW), known) {
                    (Seen::Answered(at), Some((_, Some(len)))) => {
                        prop_assert_eq!(cache.copy_reply(at, &mut [0; PACKET_LEN_MAX]), len);
                        continue;
                    }
                    (Seen::Pending | Seen::Reserved(_), Some((_, None))) => {
                        let ticket = tickets.remove(&port).unwrap();
                        if action == 0 {
                            cache.abandon(&ticket);
                            model.remove(&port);
                        } else {
                            cache.answer(&ticket, &vec![1; len]);
                            model.insert(port, (authenticator, Some(len)));
                        }
                    }
                    (Seen::Never, None) => {
                        let lane = usize::from(port);
                        let ticket = match action {
                            0 | 1 => cache.begin(lane, &key, &[authenticator; 16], NOW),
                            _ => cache.reserve(lane, &key, &[authenticator; 16], NOW),
                        };
                        tickets.insert(port, ticket.unwrap());
                        model.insert(port, (authenticator, None));
                    }
                    (seen, known) => prop_assert!(false, "{seen:?} {known:?}"),
                }
            }
            check(&cache);
        }
    }
}

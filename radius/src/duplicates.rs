//! Replies that may be asked for again (RFC 5080 section 2.2.2).
//!
//! Everything lives in blocks that are allocated once. A reply takes one block or more, so
//! the number of blocks bounds entries and bytes alike. Every NAS has a lane with an equal
//! share of the blocks and pushes out only its own oldest replies.
//!
//! An entry is first pending (an accounting record on its way to the disk) or answered at once.
//! Only requests that were verified come here, so a stranger cannot displace anything.

use std::net::{IpAddr, SocketAddr};

use crate::UnixSeconds;
use crate::code::Code;
use crate::nas::NOWHERE;
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

/// What names a request, but for its authenticator: a new one in the same place replaces the old.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Key {
    pub(crate) source: SocketAddr,
    pub(crate) code: Code,
    pub(crate) identifier: u8,
}

/// Names a pending entry. Hand it back once.
#[must_use = "a ticket that is not handed back blocks retransmissions for a while"]
#[derive(Debug, Eq, PartialEq)]
pub struct Ticket {
    entry: usize,
    generation: u64,
}

/// What is known of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Seen {
    Never,
    Pending,
    /// Its reply can be copied from there.
    Answered(usize),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Free,
    Pending,
    Answered,
}

#[derive(Clone, Debug)]
struct Entry {
    state: State,
    key: Key,
    authenticator: Authenticator,
    since: UnixSeconds,
    /// Counts the uses of this place, so that an old ticket names nothing.
    generation: u64,
    lane: usize,
    reply_len: usize,
    blocks: usize,
    bucket: usize,
    next_in_bucket: Option<usize>,
    older: Option<usize>,
    newer: Option<usize>,
}

/// Entries of one lane and state, oldest first.
#[derive(Clone, Copy, Debug, Default)]
struct List {
    oldest: Option<usize>,
    newest: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    answered: List,
    pending: List,
    blocks: usize,
}

/// The cache of one worker.
pub(crate) struct Duplicates {
    entries: Box<[Entry]>,
    octets: Box<[u8]>,
    /// The block after this one, in a reply or in the free list.
    next_block: Box<[Option<usize>]>,
    free: Option<usize>,
    free_count: usize,
    buckets: Box<[Option<usize>]>,
    lanes: Box<[Lane]>,
    lanes_used: usize,
    seed: u64,
}

impl Duplicates {
    /// `seed` keeps a NAS from choosing its hash chains.
    pub(crate) fn new(seed: u64, nas_count: usize) -> Self {
        let entry = Entry {
            state: State::Free,
            key: Key {
                source: NOWHERE,
                code: Code(0),
                identifier: 0,
            },
            authenticator: Authenticator::default(),
            since: UnixSeconds(0),
            generation: 0,
            lane: 0,
            reply_len: 0,
            blocks: 0,
            bucket: 0,
            next_in_bucket: None,
            older: None,
            newer: None,
        };
        let mut duplicates = Self {
            entries: vec![entry; BLOCKS_MAX].into(),
            octets: vec![0; BLOCKS_MAX * BLOCK_LEN].into(),
            next_block: (1..=BLOCKS_MAX)
                .map(|next| (next < BLOCKS_MAX).then_some(next))
                .collect(),
            free: Some(0),
            free_count: BLOCKS_MAX,
            buckets: vec![None; BUCKETS].into(),
            lanes: vec![Lane::default(); LANES_MAX].into(),
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
        if entry.authenticator == *authenticator && !entry.is_old(now) {
            return match entry.state {
                State::Free => Seen::Never,
                State::Pending => Seen::Pending,
                State::Answered => Seen::Answered(at),
            };
        }
        self.remove(at);
        Seen::Never
    }

    /// Copies a reply and returns its length.
    pub(crate) fn copy_reply(&self, at: usize, reply: &mut [u8; PACKET_LEN_MAX]) -> usize {
        let len = self.entries[at].reply_len;
        let mut block = Some(at);
        for part in reply[..len].chunks_mut(BLOCK_LEN) {
            let from = block.expect("a reply has a block for each of its parts");
            part.copy_from_slice(&self.octets[from * BLOCK_LEN..][..part.len()]);
            block = self.next_block[from];
        }
        len
    }

    /// Remembers a request that is not known, without its reply. `None` if the lane is full of such.
    pub(crate) fn begin(
        &mut self,
        lane: usize,
        key: &Key,
        authenticator: &Authenticator,
        now: UnixSeconds,
    ) -> Option<Ticket> {
        let lane = lane % self.lanes_used;
        if !self.make_room(lane, 1, now) {
            return None;
        }
        let at = self.take_block(lane)?;
        let bucket = self.bucket(key);
        let entry = &mut self.entries[at];
        entry.state = State::Pending;
        entry.key = *key;
        entry.authenticator = *authenticator;
        entry.since = now;
        entry.lane = lane;
        entry.reply_len = 0;
        entry.blocks = 1;
        entry.bucket = bucket;
        entry.next_in_bucket = self.buckets[bucket].replace(at);
        let generation = entry.generation;
        self.link(at);
        Some(Ticket {
            entry: at,
            generation,
        })
    }

    /// Gives a pending entry its reply. Forgets the entry if there is no room for it.
    pub(crate) fn answer(&mut self, ticket: &Ticket, reply: &[u8]) {
        let Some(at) = self.pending(ticket) else {
            return;
        };
        let lane = self.entries[at].lane;
        let more = reply.len().div_ceil(BLOCK_LEN).saturating_sub(1);
        // Not in a list while room is made, so that it cannot push itself out.
        self.unlink(at);
        self.entries[at].state = State::Answered;
        let since = self.entries[at].since;
        let fits = reply.len() <= PACKET_LEN_MAX && self.make_room(lane, more, since);
        self.link(at);
        if !fits {
            self.remove(at);
            return;
        }
        let mut block = at;
        for (index, part) in reply.chunks(BLOCK_LEN).enumerate() {
            if index > 0 {
                let next = self
                    .take_block(lane)
                    .expect("room was made for every block");
                self.next_block[block] = Some(next);
                block = next;
            }
            self.octets[block * BLOCK_LEN..][..part.len()].copy_from_slice(part);
        }
        let entry = &mut self.entries[at];
        entry.reply_len = reply.len();
        entry.blocks = 1 + more;
    }

    /// Forgets a pending entry: its retransmission is a new request.
    pub(crate) fn abandon(&mut self, ticket: &Ticket) {
        if let Some(at) = self.pending(ticket) {
            self.remove(at);
        }
    }

    fn pending(&self, ticket: &Ticket) -> Option<usize> {
        let entry = self.entries.get(ticket.entry)?;
        let same = entry.state == State::Pending && entry.generation == ticket.generation;
        same.then_some(ticket.entry)
    }

    fn find(&self, key: &Key) -> Option<usize> {
        let mut next = self.buckets[self.bucket(key)];
        while let Some(at) = next {
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
        let (high, low) = match key.source.ip() {
            IpAddr::V4(v4) => (0, u64::from(v4.to_bits())),
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, h] = v6.segments().map(u64::from);
                (
                    a << 48 | b << 32 | c << 16 | d,
                    e << 48 | f << 32 | g << 16 | h,
                )
            }
        };
        let rest = u64::from(key.source.port()) << 16
            | u64::from(key.code.0) << 8
            | u64::from(key.identifier);
        let mut hash = self.seed;
        for word in [high, low, rest] {
            hash = (hash ^ word).wrapping_mul(FACTOR);
            hash ^= hash >> 32;
        }
        usize::try_from(hash % (BUCKETS as u64)).expect("a remainder of the number of buckets")
    }

    /// Frees blocks until `wanted` fit into the lane's share. False if nothing more may go.
    fn make_room(&mut self, lane: usize, wanted: usize, now: UnixSeconds) -> bool {
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

    fn victim(&self, lane: usize, now: UnixSeconds) -> Option<usize> {
        let lane = &self.lanes[lane];
        let forgotten = |at: &usize| self.entries[*at].is_old(now);
        lane.answered
            .oldest
            .or(lane.pending.oldest.filter(forgotten))
    }

    fn take_block(&mut self, lane: usize) -> Option<usize> {
        let block = self.free?;
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
        entry.generation += 1;
        self.lanes[entry.lane].blocks -= entry.blocks;
        self.free_count += entry.blocks;
        let mut block = Some(at);
        while let Some(freed) = block {
            block = self.next_block[freed].take();
            self.next_block[freed] = self.free.replace(freed);
        }
    }

    fn leave_bucket(&mut self, at: usize) {
        let bucket = self.entries[at].bucket;
        let after = self.entries[at].next_in_bucket.take();
        let mut next = self.buckets[bucket];
        if next == Some(at) {
            self.buckets[bucket] = after;
            return;
        }
        while let Some(before) = next {
            next = self.entries[before].next_in_bucket;
            if next == Some(at) {
                self.entries[before].next_in_bucket = after;
                return;
            }
        }
    }

    fn list(&mut self, at: usize) -> &mut List {
        let entry = &self.entries[at];
        let lane = &mut self.lanes[entry.lane];
        match entry.state {
            State::Pending => &mut lane.pending,
            State::Answered | State::Free => &mut lane.answered,
        }
    }

    /// Appends to the list of its lane and state.
    fn link(&mut self, at: usize) {
        let list = self.list(at);
        let older = list.newest.replace(at);
        list.oldest = list.oldest.or(Some(at));
        if let Some(older) = older {
            self.entries[older].newer = Some(at);
        }
        let entry = &mut self.entries[at];
        entry.older = older;
        entry.newer = None;
    }

    /// Takes out of the list of its lane and state.
    fn unlink(&mut self, at: usize) {
        let older = self.entries[at].older.take();
        let newer = self.entries[at].newer.take();
        match older {
            Some(older) => self.entries[older].newer = newer,
            None => self.list(at).oldest = newer,
        }
        match newer {
            Some(newer) => self.entries[newer].older = older,
            None => self.list(at).newest = older,
        }
    }
}

impl Entry {
    /// Past its time, or from the future after a step of the clock.
    fn is_old(&self, now: UnixSeconds) -> bool {
        let lifetime = match self.state {
            State::Pending => PENDING_SECONDS,
            State::Answered | State::Free => ANSWERED_SECONDS,
        };
        now.0
            .checked_sub(self.since.0)
            .is_none_or(|age| age > lifetime)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    const NOW: UnixSeconds = UnixSeconds(1000);

    fn key(port: u16, identifier: u8) -> Key {
        Key {
            source: SocketAddr::from(([192, 0, 2, 1], port)),
            code: Code::ACCESS_REQUEST,
            identifier,
        }
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
        let mut mark = |mut block: Option<usize>| {
            let mut count = 0;
            while let Some(at) = block {
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
                assert_eq!(mark(Some(at)), entry.blocks);
                lanes[entry.lane] += entry.blocks;
            }
        }
        assert!(seen.iter().all(|seen| *seen));
        let mut listed = 0;
        for lane in &cache.lanes {
            for (list, state) in [
                (lane.answered, State::Answered),
                (lane.pending, State::Pending),
            ] {
                let mut newest = None;
                let mut next = list.oldest;
                while let Some(at) = next {
                    let entry = &cache.entries[at];
                    assert_eq!((entry.state, entry.older), (state, newest));
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
                    (Seen::Pending, Some((_, None))) => {
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
                        let ticket = cache.begin(usize::from(port), &key, &[authenticator; 16], NOW);
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

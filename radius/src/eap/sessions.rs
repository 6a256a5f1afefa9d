//! The conversations under way: from the State attribute to what was said so far.
//!
//! Shared by all workers, because the next round of a conversation may reach another one. A conversation
//! is taken out while it is worked on, so no lock is held during a handshake; whoever asks for it in that
//! moment is told that it is [`Taken::Busy`].
//!
//! Bounded: [`SESSIONS_MAX`] conversations; when there is no room the oldest makes it. Each lives for
//! [`LIFETIME_SECONDS`] and belongs to the NAS it began with.
//!
//! Not here: what a conversation is (`conversation`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::UnixSeconds;

/// The most conversations under way.
pub const SESSIONS_MAX: usize = 4096;
/// From its first request on, so long may a conversation take.
pub const LIFETIME_SECONDS: u64 = 60;
/// Locks the conversations are spread over.
const SHARDS: usize = 16;
/// The most conversations of one lock.
const SHARD_SESSIONS_MAX: usize = SESSIONS_MAX / SHARDS;

/// The value of a State attribute that we give out.
pub(crate) type State = [u8; 16];

/// What [`Sessions::take`] finds.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Taken<T> {
    /// The conversation, to be put back or finished.
    Session(T),
    /// Another worker has it at this moment.
    Busy,
    /// No such conversation of this NAS, or none any more.
    Unknown,
}

/// Conversations by State.
pub(super) struct Sessions<T> {
    shards: [Mutex<Shard<T>>; SHARDS],
}

struct Shard<T> {
    entries: BTreeMap<State, Entry<T>>,
    /// By age: the first is the oldest. As many as there are entries.
    order: BTreeMap<u64, State>,
    /// The number of the next.
    next: u64,
}

struct Entry<T> {
    nas: Arc<str>,
    begun: UnixSeconds,
    number: u64,
    /// `None` while a worker has it.
    session: Option<T>,
}

impl<T> Entry<T> {
    /// A clock that was set back ends no conversation; the bound on their number still does.
    fn is_expired(&self, now: UnixSeconds) -> bool {
        now.0.saturating_sub(self.begun.0) >= LIFETIME_SECONDS
    }
}

impl<T> Sessions<T> {
    pub(super) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| {
                Mutex::new(Shard {
                    entries: BTreeMap::new(),
                    order: BTreeMap::new(),
                    next: 0,
                })
            }),
        }
    }

    /// Keeps a conversation that begins. `state` is random: nobody has it yet.
    pub(super) fn insert(&self, state: State, nas: Arc<str>, now: UnixSeconds, session: T) {
        let mut shard = self.shard(&state);
        shard.make_room(now);
        let number = shard.next;
        shard.next += 1;
        shard.order.insert(number, state);
        let replaced = shard.entries.insert(
            state,
            Entry {
                nas,
                begun: now,
                number,
                session: Some(session),
            },
        );
        if let Some(replaced) = replaced {
            shard.order.remove(&replaced.number);
        }
    }

    /// Takes a conversation out to go on with it.
    pub(super) fn take(&self, state: &State, nas: &str, now: UnixSeconds) -> Taken<T> {
        let mut shard = self.shard(state);
        match shard.entries.get_mut(state) {
            Some(entry) if *entry.nas == *nas && !entry.is_expired(now) => {
                entry.session.take().map_or(Taken::Busy, Taken::Session)
            }
            Some(_) | None => Taken::Unknown,
        }
    }

    /// Puts back what was taken. If it had to make room meanwhile, it is gone.
    pub(super) fn put_back(&self, state: &State, session: T) {
        if let Some(entry) = self.shard(state).entries.get_mut(state) {
            entry.session = Some(session);
        }
    }

    /// Forgets a conversation that has ended.
    pub(super) fn finish(&self, state: &State) {
        self.shard(state).remove(state);
    }

    /// Conversations under way, those that expired and were not yet met included.
    pub(super) fn len(&self) -> usize {
        let shards = self.shards.iter();
        shards.map(|shard| lock(shard).entries.len()).sum()
    }

    fn shard(&self, state: &State) -> MutexGuard<'_, Shard<T>> {
        lock(&self.shards[usize::from(state[0]) % SHARDS])
    }
}

/// A worker that panicked left nothing half-done: each change under the lock is whole.
fn lock<T>(shard: &Mutex<Shard<T>>) -> MutexGuard<'_, Shard<T>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> Shard<T> {
    /// Forgets what has expired, and the oldest if there is still no room.
    fn make_room(&mut self, now: UnixSeconds) {
        while let Some((_, oldest)) = self.order.first_key_value() {
            let oldest = *oldest;
            let full = self.entries.len() >= SHARD_SESSIONS_MAX;
            let expired = |entry: &Entry<T>| entry.is_expired(now);
            if !full && !self.entries.get(&oldest).is_some_and(expired) {
                break;
            }
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, state: &State) {
        if let Some(entry) = self.entries.remove(state) {
            self.order.remove(&entry.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

    fn later(seconds: u64) -> UnixSeconds {
        UnixSeconds(NOW.0 + seconds)
    }

    fn state(n: usize) -> State {
        let mut state = [0; 16];
        state[8..].copy_from_slice(&n.to_be_bytes());
        state[0] = n.to_be_bytes()[7];
        state
    }

    fn with_one() -> Sessions<u32> {
        let sessions = Sessions::new();
        sessions.insert(state(1), "a".into(), NOW, 11);
        sessions
    }

    #[test]
    fn state_of_another_nas_is_unknown_and_stays_with_its_own() {
        let sessions = with_one();
        assert_eq!(sessions.take(&state(1), "b", NOW), Taken::Unknown);
        assert_eq!(sessions.take(&state(1), "a", NOW), Taken::Session(11));
    }

    #[test]
    fn state_that_nobody_gave_out_is_unknown() {
        assert_eq!(with_one().take(&state(2), "a", NOW), Taken::Unknown);
    }

    #[test]
    fn session_lives_for_its_seconds_and_no_longer() {
        let last = later(LIFETIME_SECONDS - 1);
        assert_eq!(with_one().take(&state(1), "a", last), Taken::Session(11));
        let over = later(LIFETIME_SECONDS);
        assert_eq!(with_one().take(&state(1), "a", over), Taken::Unknown);
    }

    #[test]
    fn clock_that_was_set_back_ends_no_session() {
        let before = UnixSeconds(NOW.0 - 1_000_000);
        assert_eq!(with_one().take(&state(1), "a", before), Taken::Session(11));
    }

    #[test]
    fn session_under_way_is_busy_until_put_back_and_unknown_once_finished() {
        let sessions = with_one();
        assert_eq!(sessions.take(&state(1), "a", NOW), Taken::Session(11));
        assert_eq!(sessions.take(&state(1), "a", NOW), Taken::Busy);
        sessions.put_back(&state(1), 12);
        assert_eq!(sessions.take(&state(1), "a", NOW), Taken::Session(12));
        sessions.finish(&state(1));
        sessions.put_back(&state(1), 13);
        assert_eq!(sessions.take(&state(1), "a", NOW), Taken::Unknown);
    }

    #[test]
    fn table_is_bounded_and_the_oldest_makes_room() {
        let sessions = Sessions::new();
        for n in 0..SESSIONS_MAX {
            sessions.insert(state(n), "a".into(), NOW, n);
        }
        assert_eq!(sessions.len(), SESSIONS_MAX);
        sessions.insert(state(SESSIONS_MAX), "a".into(), NOW, SESSIONS_MAX);
        assert_eq!(sessions.len(), SESSIONS_MAX);
        assert_eq!(sessions.take(&state(0), "a", NOW), Taken::Unknown);
        for n in 1..=SESSIONS_MAX {
            assert_eq!(sessions.take(&state(n), "a", NOW), Taken::Session(n));
        }
    }

    #[test]
    fn expired_sessions_make_room_before_the_table_is_full() {
        let sessions = Sessions::new();
        for n in 0..SHARDS * 8 {
            sessions.insert(state(n), "a".into(), NOW, n);
        }
        let over = later(LIFETIME_SECONDS);
        for n in 0..SHARDS {
            sessions.insert(state(1000 * SHARDS + n), "a".into(), over, n);
        }
        assert_eq!(sessions.len(), SHARDS);
    }

    proptest! {
        #[test]
        fn order_and_entries_are_the_same_sessions(
            steps in prop::collection::vec((0..3_u8, 0..40_usize, 0..90_u64), 0..200),
        ) {
            let sessions = Sessions::new();
            for (step, n, seconds) in steps {
                match step {
                    0 => sessions.insert(state(n), "a".into(), later(seconds), n),
                    1 => sessions.finish(&state(n)),
                    _ => if let Taken::Session(found) = sessions.take(&state(n), "a", later(seconds)) {
                        prop_assert_eq!(found, n);
                        sessions.put_back(&state(n), n);
                    },
                }
                for shard in &sessions.shards {
                    let shard = lock(shard);
                    let mut ordered: Vec<State> = shard.order.values().copied().collect();
                    ordered.sort_unstable();
                    let entries: Vec<State> = shard.entries.keys().copied().collect();
                    prop_assert_eq!(ordered, entries);
                }
            }
        }
    }
}

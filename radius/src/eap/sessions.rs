//! The conversations under way, and those that have just ended: from the State attribute to what was said.
//!
//! Shared by all workers, because the next round of a conversation may reach another one. A conversation
//! is taken out while it is worked on, so no lock is held during a handshake; whoever asks for it in that
//! moment is told that it is [`Taken::Busy`]. There is one lock: it is held to find an entry, which takes a
//! thousandth of what a handshake takes.
//!
//! Bounded: [`SESSIONS_MAX`] conversations, each for [`LIFETIME_SECONDS`], and as many ends, each for
//! [`ENDED_SECONDS`]; when there is no room the NAS that has most makes it (`shares`). Each belongs to the NAS
//! it began with.
//!
//! Not here: what a conversation is (`conversation`).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Uptime;
use super::shares::Shares;

/// The most conversations under way.
pub const SESSIONS_MAX: usize = 4096;
/// From its first request on, so long may a conversation take.
pub const LIFETIME_SECONDS: u64 = 60;
/// The most conversations whose end is remembered.
pub const ENDED_MAX: usize = 4096;
/// So long is an end remembered: a NAS that has lost the last reply asks for it within that time, or has given
/// up (three times five or ten seconds are usual).
pub const ENDED_SECONDS: u64 = 30;
/// The most that have expired and are let go with one packet: more than a packet can add.
const EXPIRED_PER_PACKET_MAX: usize = 4;
/// The most that have expired and are let go under one hold of the lock.
const EXPIRED_PER_HOLD_MAX: usize = 64;

/// The value of a State attribute that we give out.
pub(crate) type State = [u8; 16];

/// What [`Sessions::take`] finds.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Taken<T, E> {
    /// The conversation, to be put back or ended.
    Session(T),
    /// It has ended so.
    Ended(Arc<E>),
    /// Another worker has it at this moment.
    Busy,
    /// No such conversation of this NAS, or none any more.
    Unknown,
}

/// Conversations by State, and how those that are over ended.
pub(super) struct Sessions<T, E> {
    table: Mutex<Table<T, E>>,
    pushed_out: AtomicU64,
}

struct Table<T, E> {
    /// `None` while a worker has it.
    under_way: Shares<Option<T>>,
    ended: Shares<Arc<E>>,
}

impl<T, E> Sessions<T, E> {
    pub(super) fn new() -> Self {
        Self {
            table: Mutex::new(Table {
                under_way: Shares::new(SESSIONS_MAX, LIFETIME_SECONDS),
                ended: Shares::new(ENDED_MAX, ENDED_SECONDS),
            }),
            pushed_out: AtomicU64::new(0),
        }
    }

    /// Keeps a conversation that begins. `state` is random: nobody has it yet.
    pub(super) fn insert(&self, state: State, nas: &Arc<str>, now: Uptime, session: T) {
        let mut table = self.lock();
        let expired = table.expire(now, EXPIRED_PER_PACKET_MAX);
        let out = table.under_way.insert(state, nas, now, Some(session));
        drop(table);
        if out.is_some() {
            self.pushed_out.fetch_add(1, Ordering::Relaxed);
        }
        // Only now: a handshake's buffers are cleared as they go.
        drop((expired, out));
    }

    /// Takes a conversation out to go on with it.
    pub(super) fn take(&self, state: &State, nas: &str, now: Uptime) -> Taken<T, E> {
        let mut table = self.lock();
        if let Some(session) = table.under_way.get(state, nas, now) {
            return session.take().map_or(Taken::Busy, Taken::Session);
        }
        let ended = table.ended.get(state, nas, now);
        ended.map_or(Taken::Unknown, |ended| Taken::Ended(Arc::clone(ended)))
    }

    /// Puts back what was taken. If it had to make room meanwhile, it is gone.
    pub(super) fn put_back(&self, state: &State, session: T) {
        if let Some(place) = self.lock().under_way.find(state) {
            *place = Some(session);
        }
    }

    /// Forgets a conversation, and remembers how it ended.
    pub(super) fn end(&self, state: &State, nas: &Arc<str>, now: Uptime, ended: E) {
        let ended = Arc::new(ended);
        let mut table = self.lock();
        let session = table.under_way.remove(state);
        let expired = table.expire(now, EXPIRED_PER_PACKET_MAX);
        let out = table.ended.insert(*state, nas, now, ended);
        drop(table);
        drop((session, expired, out));
    }

    /// Lets go of all that has expired.
    pub(super) fn expire(&self, now: Uptime) {
        loop {
            let (sessions, ended) = self.lock().expire(now, EXPIRED_PER_HOLD_MAX);
            if sessions.is_empty() && ended.is_empty() {
                return;
            }
        }
    }

    /// Conversations under way, those that expired and were not yet let go included.
    pub(super) fn len(&self) -> usize {
        self.lock().under_way.len()
    }

    /// How many conversations made room for others.
    pub(super) fn pushed_out(&self) -> u64 {
        self.pushed_out.load(Ordering::Relaxed)
    }

    /// A worker that panicked left nothing half-done: each change under the lock is whole.
    fn lock(&self) -> MutexGuard<'_, Table<T, E>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T, E> Table<T, E> {
    fn expire(&mut self, now: Uptime, count_max: usize) -> (Vec<Option<T>>, Vec<Arc<E>>) {
        let sessions = self.under_way.expire(now, count_max);
        (sessions, self.ended.expire(now, count_max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Uptime = Uptime(1_800_000_000);

    fn later(seconds: u64) -> Uptime {
        Uptime(NOW.0 + seconds)
    }

    fn state(n: usize) -> State {
        let mut state = [0; 16];
        state[8..].copy_from_slice(&n.to_be_bytes());
        state
    }

    fn nas(name: &str) -> Arc<str> {
        name.into()
    }

    fn with_one() -> Sessions<u32, u32> {
        let sessions = Sessions::new();
        sessions.insert(state(1), &nas("a"), NOW, 11);
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
        let before = Uptime(NOW.0 - 1_000_000);
        assert_eq!(with_one().take(&state(1), "a", before), Taken::Session(11));
    }

    #[test]
    fn session_under_way_is_busy_until_put_back() {
        let sessions = with_one();
        assert_eq!(sessions.take(&state(1), "a", NOW), Taken::Session(11));
        assert_eq!(sessions.take(&state(1), "a", NOW), Taken::Busy);
        sessions.put_back(&state(1), 12);
        assert_eq!(sessions.take(&state(1), "a", NOW), Taken::Session(12));
    }

    #[test]
    fn end_is_remembered_for_its_seconds_and_for_its_nas() {
        let sessions = with_one();
        sessions.end(&state(1), &nas("a"), later(40), 13);
        sessions.put_back(&state(1), 12);
        assert_eq!(sessions.len(), 0);
        let last = later(40 + ENDED_SECONDS - 1);
        let ended = Taken::Ended(Arc::new(13));
        assert_eq!(sessions.take(&state(1), "a", last), ended);
        assert_eq!(sessions.take(&state(1), "b", last), Taken::Unknown);
        let over = later(40 + ENDED_SECONDS);
        assert_eq!(sessions.take(&state(1), "a", over), Taken::Unknown);
    }

    #[test]
    fn nas_with_many_peers_locks_out_no_other() {
        let sessions = with_one();
        for n in 2..3 * SESSIONS_MAX {
            sessions.insert(state(n), &nas("b"), NOW, 0);
        }
        assert_eq!(sessions.len(), SESSIONS_MAX);
        let added = u64::try_from(3 * SESSIONS_MAX - 1).unwrap();
        let kept = u64::try_from(SESSIONS_MAX).unwrap();
        assert_eq!(sessions.pushed_out(), added - kept);
        assert_eq!(sessions.take(&state(1), "a", NOW), Taken::Session(11));
    }

    #[test]
    fn ends_take_no_room_from_sessions_and_are_bounded() {
        let sessions = Sessions::<u32, u32>::new();
        for n in 0..ENDED_MAX + 10 {
            sessions.insert(state(n), &nas("a"), NOW, 0);
            sessions.end(&state(n), &nas("a"), NOW, 0);
        }
        assert_eq!(sessions.pushed_out(), 0);
        assert_eq!(sessions.lock().ended.len(), ENDED_MAX);
    }

    #[test]
    fn packets_let_go_of_what_has_expired_a_few_at_a_time() {
        let sessions = Sessions::<u32, u32>::new();
        for n in 0..100 {
            sessions.insert(state(n), &nas("a"), NOW, 0);
        }
        let over = later(LIFETIME_SECONDS);
        sessions.insert(state(100), &nas("b"), over, 0);
        assert_eq!(sessions.len(), 101 - EXPIRED_PER_PACKET_MAX);
        sessions.end(&state(100), &nas("b"), over, 0);
        assert_eq!(sessions.len(), 100 - 2 * EXPIRED_PER_PACKET_MAX);
    }

    #[test]
    fn all_that_has_expired_is_let_go_where_nobody_asks_any_more() {
        let sessions = Sessions::<u32, u32>::new();
        for n in 0..1000 {
            sessions.insert(state(n), &nas("a"), NOW, 0);
            sessions.end(&state(n), &nas("a"), NOW, 0);
            sessions.insert(state(1000 + n), &nas("a"), NOW, 0);
        }
        sessions.expire(later(ENDED_SECONDS - 1));
        assert_eq!(sessions.lock().ended.len(), 1000);
        sessions.expire(later(LIFETIME_SECONDS - 1));
        assert_eq!((sessions.len(), sessions.lock().ended.len()), (1000, 0));
        sessions.expire(later(LIFETIME_SECONDS));
        assert_eq!(sessions.len(), 0);
    }
}

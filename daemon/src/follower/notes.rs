//! What of the efforts must outlive this process: noted in the store, a moment behind them.
//!
//! What is settled within [`NOTE_AFTER`] is never written; the rest goes there in pieces, one after the other, in the
//! lane that commands pass by. A process that is killed has lost no more than that moment, and what changed then
//! the journal tells (`first_look`). Of the rates of a plan it does not: they are noted without delay.

use std::collections::HashMap;
use std::time::Duration;

use garth_store::record::{Session, SessionKey, Unsettled};
use garth_store::write::{UnsettledChange, WriteError};
use tokio::time::Instant;

/// How long after a change it is written: what a NAS does at once needs no row.
const NOTE_AFTER: Duration = Duration::from_secs(1);
/// The most sessions in one piece: as many as the store takes in one commit.
const NOTED_MAX: usize = 4_096;

/// The rows of unsettled sessions, as they are on the disk, or soon will be: at most as many as live.
#[derive(Default)]
pub(super) struct Notes {
    /// What is there once what is being written is.
    kept: HashMap<SessionKey, Unsettled>,
    pending: HashMap<SessionKey, Option<Unsettled>>,
    /// A piece that the store did not take.
    refused: Option<Vec<UnsettledChange>>,
    is_writing: bool,
    due: Option<Instant>,
}

impl Notes {
    /// As they were found.
    pub(super) fn new(kept: Vec<(SessionKey, Unsettled)>) -> Self {
        Self {
            kept: kept.into_iter().collect(),
            ..Self::default()
        }
    }

    /// What was noted of the session of that key.
    fn get(&self, key: &SessionKey) -> Option<Unsettled> {
        let pending = self.pending.get(key).copied();
        pending.unwrap_or_else(|| self.kept.get(key).copied())
    }

    /// What was noted of `session`, and not of another one that its NAS gave the same id.
    pub(super) fn of(&self, session: &Session) -> Option<Unsettled> {
        let noted = self.get(&session.key)?;
        // What came out of order may have moved the beginning back.
        (noted.started_at >= session.started_at).then_some(noted)
    }

    /// All sessions of which something is noted.
    pub(super) fn keys(&self) -> impl Iterator<Item = &SessionKey> {
        let kept = self.kept.keys();
        let gone = |key: &&SessionKey| !self.pending.get(*key).is_some_and(Option::is_none);
        let new = self
            .pending
            .iter()
            .filter(|(key, noted)| noted.is_some() && !self.kept.contains_key(*key));
        kept.filter(gone).chain(new.map(|(key, _)| key))
    }

    /// Notes what a session is like now; nothing if it is settled or over.
    pub(super) fn note(&mut self, key: &SessionKey, noted: Option<Unsettled>, now: Instant) {
        if self.kept.get(key) == noted.as_ref() {
            self.pending.remove(key);
            return;
        }
        self.pending.insert(key.clone(), noted);
        self.due.get_or_insert(now + NOTE_AFTER);
    }

    /// What is to be written is written at once: all sessions of a plan have changed, of which no journal tells.
    pub(super) fn hurry(&mut self, now: Instant) {
        if !self.pending.is_empty() {
            self.due = Some(now);
        }
    }

    /// When there is something to be written.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.due.filter(|_| !self.is_writing)
    }

    /// What is to be written now, until [`Notes::written`].
    pub(super) fn take(&mut self, now: Instant) -> Option<Vec<UnsettledChange>> {
        self.next_at().filter(|due| *due <= now)?;
        self.due = None;
        let changes = match self.refused.take() {
            Some(refused) => refused,
            None => self.piece(),
        };
        self.hurry(now);
        self.is_writing = !changes.is_empty();
        self.is_writing.then_some(changes)
    }

    fn piece(&mut self) -> Vec<UnsettledChange> {
        let keys: Vec<SessionKey> = self.pending.keys().take(NOTED_MAX).cloned().collect();
        let changes = keys
            .into_iter()
            .filter_map(|key| self.pending.remove_entry(&key));
        let changes: Vec<UnsettledChange> = changes.collect();
        for (key, noted) in &changes {
            match noted {
                Some(noted) => self.kept.insert(key.clone(), *noted),
                None => self.kept.remove(key),
            };
        }
        changes
    }

    /// Whether a piece is being written.
    pub(super) const fn is_writing(&self) -> bool {
        self.is_writing
    }

    /// Everything that is still to be written, what came first first: nothing comes after it.
    pub(super) fn rest(&mut self) -> Vec<UnsettledChange> {
        let mut rest = self.refused.take().unwrap_or_default();
        rest.extend(self.pending.drain());
        self.due = None;
        rest
    }

    /// What came of writing `changes`: what the store did not take it is given again.
    pub(super) fn written(
        &mut self,
        changes: Vec<UnsettledChange>,
        result: Result<(), WriteError>,
        now: Instant,
    ) {
        self.is_writing = false;
        if let Err(error) = result {
            tracing::debug!(%error, "what is not settled is noted later");
            self.refused = Some(changes);
            self.due = Some(now + NOTE_AFTER);
        }
    }
}

#[cfg(test)]
mod tests {
    use garth_store::record::LastTold;

    use super::*;

    fn key(number: usize) -> SessionKey {
        SessionKey {
            nas: "bng/192.0.2.1".into(),
            acct_session_id: number.to_string().as_bytes().into(),
        }
    }

    fn unsettled(is_alarm: bool) -> Unsettled {
        Unsettled {
            started_at: "2026-11-21T12:00:00Z".parse().unwrap(),
            told: Some(LastTold::Garden),
            is_alarm,
        }
    }

    #[test]
    fn what_is_settled_at_once_is_never_written() {
        let (mut notes, now) = (Notes::default(), Instant::now());
        notes.note(&key(1), Some(unsettled(false)), now);
        notes.note(&key(1), None, now);
        assert_eq!(notes.take(now + NOTE_AFTER), None);
        assert_eq!(notes.next_at(), None);
    }

    #[test]
    fn the_last_word_is_written_a_moment_later_and_once() {
        let (mut notes, now) = (Notes::default(), Instant::now());
        notes.note(&key(1), Some(unsettled(false)), now);
        notes.note(&key(1), Some(unsettled(true)), now);
        assert_eq!(notes.take(now), None);
        let then = notes.next_at().unwrap();
        assert_eq!(then, now + NOTE_AFTER);
        let changes = notes.take(then).unwrap();
        assert_eq!(changes, [(key(1), Some(unsettled(true)))]);
        // Meanwhile it is settled.
        notes.note(&key(1), None, then);
        assert_eq!(notes.take(then + NOTE_AFTER), None, "one piece at a time");
        notes.written(changes, Ok(()), then + NOTE_AFTER);
        let changes = notes.take(then + NOTE_AFTER).unwrap();
        assert_eq!(changes, [(key(1), None)]);
        notes.written(changes, Ok(()), then);
        assert_eq!((notes.next_at(), notes.keys().count()), (None, 0));
    }

    #[test]
    fn what_the_store_does_not_take_it_is_given_again_before_what_came_later() {
        let (mut notes, now) = (Notes::default(), Instant::now());
        notes.note(&key(1), Some(unsettled(false)), now);
        let changes = notes.take(now + NOTE_AFTER).unwrap();
        notes.note(&key(1), None, now);
        notes.written(changes.clone(), Err(WriteError::Busy), now + NOTE_AFTER);
        let again = notes.take(now + 2 * NOTE_AFTER);
        assert_eq!(again, Some(changes.clone()));
        notes.written(changes, Ok(()), now + 2 * NOTE_AFTER);
        let last = notes.take(now + 3 * NOTE_AFTER);
        assert_eq!(last, Some(vec![(key(1), None)]));
    }

    #[test]
    fn the_rest_is_what_was_refused_and_then_what_came_since() {
        let (mut notes, now) = (Notes::default(), Instant::now());
        notes.note(&key(1), Some(unsettled(false)), now);
        let refused = notes.take(now + NOTE_AFTER).unwrap();
        assert!(notes.is_writing());
        notes.note(&key(1), None, now);
        notes.written(refused, Err(WriteError::Busy), now + NOTE_AFTER);
        assert!(!notes.is_writing());
        let rest = [(key(1), Some(unsettled(false))), (key(1), None)];
        assert_eq!(notes.rest(), rest);
        assert_eq!((notes.rest(), notes.next_at()), (vec![], None));
    }

    #[test]
    fn more_than_a_piece_goes_piece_by_piece_and_all_of_it_goes() {
        let (mut notes, mut now) = (Notes::default(), Instant::now());
        for number in 0..3 * NOTED_MAX - 1 {
            notes.note(&key(number), Some(unsettled(false)), now);
        }
        let mut written = 0;
        while let Some(then) = notes.next_at() {
            now = then;
            let changes = notes.take(now).unwrap();
            assert!(changes.len() <= NOTED_MAX);
            written += changes.len();
            notes.written(changes, Ok(()), now);
        }
        assert_eq!(
            (written, notes.keys().count()),
            (3 * NOTED_MAX - 1, 3 * NOTED_MAX - 1)
        );
    }
}

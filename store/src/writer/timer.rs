//! What time itself does: agenda items, boundaries, stale sessions, old records.
//!
//! Access never depends on it (the standing is derived); it writes the journal entries, tells the
//! observer whose standing has changed, and keeps the tables of sessions within bounds.

use redb::{ReadableTable, ReadableTableMetadata};

use super::subscriptions::{Due, due};
use super::{Batch, Stop};
use crate::fault::Fault;
use crate::tables::{id_of, millis, session_key};
use crate::write::Fired;

/// The most agenda rows that one call works off.
const DUE_PER_CALL: usize = 1_024;
/// The most live sessions that one call looks at for staleness. Called every second, a million
/// sessions are looked through in about an hour.
const STALE_PER_CALL: usize = 256;
/// The most closed sessions that one call deletes.
const TRIMMED_PER_CALL: usize = 1_024;
/// Acct-Terminate-Cause "NAS Error" (RFC 2866 section 5.10): it stopped reporting the session.
const NAS_ERROR: u32 = 9;

impl Batch<'_> {
    pub(super) fn fire_due(&mut self) -> Result<Fired, Stop> {
        let mut fired = self.fire_agenda()?;
        fired.stale_sessions = self.close_stale()?;
        self.trim_closed()?;
        Ok(fired)
    }

    fn fire_agenda(&mut self) -> Result<Fired, Fault> {
        let until = (millis(self.now), u128::MAX);
        let rows = self.tables.agenda.range(..=until)?.take(DUE_PER_CALL);
        let rows: Vec<_> = rows
            .map(|row| row.map(|(key, _)| key.value()))
            .collect::<Result<_, _>>()?;
        let mut fired = Fired {
            more: rows.len() == DUE_PER_CALL,
            ..Fired::default()
        };
        for (at, key) in rows {
            let Some(stored) = self
                .load(id_of(key))?
                .filter(|stored| stored.boundary.map(millis) == Some(at))
            else {
                // No subscription knows of this row; it must not be found for ever.
                self.dirty = true;
                self.tables.agenda.remove((at, key))?;
                continue;
            };
            let mut subscription = stored.subscription;
            let terms = self.rules.terms(subscription.subscriber.partner.as_ref());
            let Due { done, is_stuck } = due(&subscription.facts, self.now, terms);
            for (order, decision) in &done {
                self.append(order, decision, None)?;
            }
            fired.agenda += done.len();
            match done.into_iter().next_back() {
                Some((_, decision)) => subscription.facts = decision.facts,
                None => fired.boundaries += 1,
            }
            self.put(subscription, stored.boundary, is_stuck)?;
        }
        Ok(fired)
    }

    /// Closes sessions of which nothing was heard for too long; looks at a part of them each time.
    fn close_stale(&mut self) -> Result<usize, Fault> {
        let after = self.memory.stale_after.take();
        let stale_after = self.shared.limits.session_stale_after;
        let page: Vec<_> = self
            .sessions
            .after(after.as_deref())
            .take(STALE_PER_CALL)
            .map(|(key, live)| (key, self.now.since(live.updated_at) > stale_after))
            .collect();
        let mut closed = 0;
        for (key, is_stale) in &page {
            // What this batch has heard of counts, too.
            if *is_stale && !self.staged.has(key) {
                closed += usize::from(self.cut(&session_key(key)?, NAS_ERROR)?);
            }
        }
        // The next look begins after the last key; at the end, with the first.
        if page.len() == STALE_PER_CALL {
            self.memory.stale_after = page.into_iter().next_back().map(|(key, _)| key);
        }
        Ok(closed)
    }

    /// Deletes closed sessions that are too old, or the oldest where there are too many.
    fn trim_closed(&mut self) -> Result<(), Fault> {
        let limits = &self.shared.limits;
        let kept = self.tables.closed.by_time.len()?;
        let over = kept.saturating_sub(limits.closed_sessions_max);
        let over = usize::try_from(over).unwrap_or(usize::MAX);
        let oldest = millis(self.now)
            .saturating_sub(u64::try_from(limits.closed_session_retention.millis()).unwrap_or(0));
        let mut gone = Vec::new();
        for (nth, row) in self
            .tables
            .closed
            .by_time
            .iter()?
            .take(TRIMMED_PER_CALL)
            .enumerate()
        {
            let (key, _) = row?;
            let (stopped_at, session) = key.value();
            if nth >= over && stopped_at >= oldest {
                break;
            }
            // The log knows more of this one: it goes after the next fold.
            if !self.sessions.is_changed(session) && !self.staged.has(session) {
                gone.push((stopped_at, session.to_vec()));
            }
        }
        for (stopped_at, key) in gone {
            self.dirty = true;
            self.tables.closed.forget(&key, stopped_at)?;
        }
        Ok(())
    }
}

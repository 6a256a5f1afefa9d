//! What time itself does: agenda items, boundaries, stale sessions, old records.
//!
//! Access never depends on it (the standing is derived); it writes the journal entries, tells the
//! observer whose standing has changed, and keeps the tables of sessions within bounds.

use redb::{ReadableTable, ReadableTableMetadata};

use super::subscriptions::due;
use super::{Batch, Stop};
use crate::disk::decode_session;
use crate::fault::Fault;
use crate::tables::{id_key, id_of, millis, session_key};
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
            let done = due(&subscription.facts, self.now, &self.rules);
            for (order, decision) in &done {
                self.append(order, decision, None)?;
            }
            fired.agenda += done.len();
            match done.into_iter().next_back() {
                Some((_, decision)) => subscription.facts = decision.facts,
                None => fired.boundaries += 1,
            }
            self.put(subscription, stored.boundary)?;
        }
        Ok(fired)
    }

    /// Closes sessions of which nothing was heard for too long; looks at a part of them each time.
    fn close_stale(&mut self) -> Result<usize, Fault> {
        let after = self.memory.stale_after.take().unwrap_or_default();
        let mut stale = Vec::new();
        let (mut last, mut seen) = (None, 0);
        let from = after.as_slice();
        for row in self
            .tables
            .live_sessions
            .range(from..)?
            .take(STALE_PER_CALL)
        {
            let (key, value) = row?;
            let (session, _) = decode_session(session_key(key.value())?, value.value())?;
            if self.now.since(session.updated_at) > self.shared.limits.session_stale_after {
                stale.push(session.key);
            }
            last = Some(key.value().to_vec());
            seen += 1;
        }
        // The next look begins right after the last key; at the end of the table, at its start.
        self.memory.stale_after = last.filter(|_| seen == STALE_PER_CALL).map(|mut key| {
            key.push(0);
            key
        });
        for key in &stale {
            self.close_live(key, NAS_ERROR)?;
        }
        Ok(stale.len())
    }

    /// Deletes closed sessions that are too old, or the oldest where there are too many.
    fn trim_closed(&mut self) -> Result<(), Fault> {
        let limits = &self.shared.limits;
        let kept = self.tables.closed_by_time.len()?;
        let over = kept.saturating_sub(limits.closed_sessions_max);
        let over = usize::try_from(over).unwrap_or(usize::MAX);
        let oldest = millis(self.now)
            .saturating_sub(u64::try_from(limits.closed_session_retention.millis()).unwrap_or(0));
        let mut gone = Vec::new();
        for (nth, row) in self
            .tables
            .closed_by_time
            .iter()?
            .take(TRIMMED_PER_CALL)
            .enumerate()
        {
            let (key, _) = row?;
            let (stopped_at, session) = key.value();
            if nth >= over && stopped_at >= oldest {
                break;
            }
            gone.push((stopped_at, session.to_vec()));
        }
        for (stopped_at, key) in gone {
            self.forget_closed(&key, stopped_at)?;
        }
        Ok(())
    }

    /// Deletes one closed session from all tables.
    pub(super) fn forget_closed(&mut self, key: &[u8], stopped_at: u64) -> Result<(), Fault> {
        self.dirty = true;
        self.tables.closed_by_time.remove((stopped_at, key))?;
        let Some(row) = self.tables.closed_sessions.remove((key, stopped_at))? else {
            return Ok(());
        };
        let (session, _) = decode_session(session_key(key)?, row.value())?;
        drop(row);
        if let Some(id) = session.subscription {
            self.tables
                .closed_by_subscription
                .remove((id_key(id), stopped_at, key))?;
        }
        Ok(())
    }
}

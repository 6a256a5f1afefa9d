//! What time itself does: agenda items, boundaries, stale sessions, old records.
//!
//! Access never depends on it (the standing is derived); it writes the journal entries, tells the
//! observer whose standing has changed, and keeps the tables of sessions within bounds.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use std::sync::Arc;
use std::sync::atomic::Ordering;

use garth_subscription::Timestamp;
use garth_subscription::time::Span;
use redb::{ReadableTable, ReadableTableMetadata};

use super::subscriptions::{Due, boundary, due};
use super::{Batch, Stop};
use crate::disk::{StoredSubscription, encode_subscription};
use crate::fault::Fault;
use crate::record::closed_here;
use crate::sessions::usage::MonthNumber;
use crate::tables::{USAGE, id_of, millis, of_millis, session_key};
use crate::write::Fired;

/// The most agenda rows that one call works off.
const DUE_PER_CALL: usize = 1_024;
/// The most live sessions that one call looks at for staleness. Called every second, a million
/// sessions are looked through in about an hour.
const STALE_PER_CALL: usize = 256;
/// The most closed sessions that one call deletes.
const TRIMMED_PER_CALL: usize = 1_024;
/// How far the last commit falls behind, where nothing else is committed.
const DURABLE_EVERY: Span = Span::from_seconds(3_600);

impl Batch<'_> {
    pub(super) fn fire_due(&mut self) -> Result<Fired, Stop> {
        let more = self.let_time_on()?;
        let mut fired = self.fire_agenda()?;
        fired.more |= more;
        fired.held = self.memory.guard.holds().first().map(|held| held.hold);
        fired.stale_sessions = self.close_stale()?;
        self.trim_closed()?;
        self.trim_usage()?;
        // So no start falls behind by more, however quiet it is.
        self.dirty |= self.now.since(self.meta.committed_at) >= DURABLE_EVERY;
        Ok(fired)
    }

    /// Carries out what is due by now in the order of the instants, across subscriptions: each item is
    /// decided at its own instant, however late it is.
    fn fire_agenda(&mut self) -> Result<Fired, Fault> {
        let until = (millis(self.now), u128::MAX);
        let rows = self.tables.agenda.range(..=until)?.take(DUE_PER_CALL);
        let mut waiting: BTreeSet<_> = rows
            .map(|row| row.map(|(key, _)| key.value()))
            .collect::<Result<_, _>>()?;
        let has_all = waiting.len() < DUE_PER_CALL;
        let known = match waiting.last() {
            Some(last) if !has_all => *last,
            Some(_) | None => until,
        };
        let mut fired = Fired::default();
        let mut looked_at = Vec::with_capacity(waiting.len());
        let mut moved = BTreeMap::new();
        for _ in 0..DUE_PER_CALL {
            let Some((at, key)) = waiting.pop_first() else {
                break;
            };
            let next = self.fire(at, key, &mut moved, &mut fired)?;
            looked_at.push((at, key));
            // What follows it has its turn, too, where nothing unknown can come before it.
            waiting.extend(
                next.map(|next| (millis(next), key))
                    .filter(|next| *next <= known),
            );
        }
        fired.more = !has_all || !waiting.is_empty();
        self.move_rows(looked_at, moved)?;
        Ok(fired)
    }

    /// Carries out what one subscription has due at one instant; when it is to be looked at again.
    fn fire(
        &mut self,
        at: u64,
        key: u128,
        moved: &mut BTreeMap<u128, StoredSubscription>,
        fired: &mut Fired,
    ) -> Result<Option<Timestamp>, Fault> {
        let is_its = |stored: &StoredSubscription| stored.boundary.map(millis) == Some(at);
        let stored = match moved.entry(key) {
            Entry::Occupied(entry) if is_its(entry.get()) => Some(entry.remove()),
            Entry::Occupied(_) => None,
            Entry::Vacant(_) => self.load(id_of(key))?.filter(is_its),
        };
        let Some(mut stored) = stored else {
            // No subscription knows of this row, which goes.
            return Ok(None);
        };
        let facts = &stored.subscription.facts;
        let at = of_millis(at)?;
        let rules = Arc::clone(&self.rules);
        let terms = rules.terms(stored.subscription.subscriber.partner.as_ref());
        let Due { done, is_stuck } = due(facts, at, terms);
        for (order, decision) in &done {
            self.append(order, decision, None)?;
        }
        fired.agenda += done.len();
        match done.into_iter().next_back() {
            Some((_, decision)) => stored.subscription.facts = decision.facts,
            None => fired.boundaries += 1,
        }
        let next = boundary(&stored.subscription.facts, at, terms.policy, is_stuck);
        stored.boundary = next;
        moved.insert(key, stored);
        Ok(next)
    }

    /// Deletes the rows that were looked at and writes what became of their subscriptions: table by
    /// table in the order of their keys, which a B-tree takes much faster.
    fn move_rows(
        &mut self,
        looked_at: Vec<(u64, u128)>,
        moved: BTreeMap<u128, StoredSubscription>,
    ) -> Result<(), Fault> {
        self.dirty |= !looked_at.is_empty();
        for row in looked_at {
            self.tables.agenda.remove(row)?;
        }
        let mut rows = Vec::with_capacity(moved.len());
        for (key, stored) in moved {
            rows.extend(stored.boundary.map(|at| (millis(at), key)));
            let row = encode_subscription(&stored.subscription, stored.boundary);
            self.tables.subscriptions.insert(key, row.as_slice())?;
            self.show(stored.subscription)?;
        }
        rows.sort_unstable();
        for row in rows {
            self.tables.agenda.insert(row, ())?;
        }
        Ok(())
    }

    /// Closes sessions of which nothing was heard for too long; looks at a part of them each time. How
    /// long that is depends on whether its NAS has ever sent an Interim-Update of it: where none are
    /// sent, silence says nothing, and the subscriber must still be known by the session (N32).
    fn close_stale(&mut self) -> Result<usize, Fault> {
        let after = self.memory.stale_after.take();
        let limits = &self.shared.limits;
        let page: Vec<_> = self
            .sessions
            .after(after.as_deref())
            .take(STALE_PER_CALL)
            .map(|(key, live)| {
                let age_max = if live.has_reported {
                    limits.session_age_max
                } else {
                    limits.session_age_max_without_interim
                };
                (key, self.now.since(live.updated_at) > age_max)
            })
            .collect();
        let mut closed = 0_u32;
        for (key, is_stale) in &page {
            // What this batch has heard of counts, too.
            if *is_stale && !self.staged.has(key) {
                closed += u32::from(self.cut(&session_key(key)?, closed_here::AGED)?);
            }
        }
        // The next look begins after the last key; at the end, with the first.
        if page.len() == STALE_PER_CALL {
            self.memory.stale_after = page.into_iter().next_back().map(|(key, _)| key);
        }
        let aged = &self.shared.counters.sessions_aged;
        aged.fetch_add(closed.into(), Ordering::Relaxed);
        Ok(usize::try_from(closed).unwrap_or(usize::MAX))
    }

    /// Deletes what was used in months that are too old, a bounded number of rows.
    fn trim_usage(&mut self) -> Result<(), Fault> {
        let current = MonthNumber::of(self.rules.zone(), self.now);
        let kept = (current.first_kept().0, 0);
        let mut table = self.txn.open_table(USAGE)?;
        let rows = table.range(..kept)?.take(TRIMMED_PER_CALL);
        let old: Vec<_> = rows
            .map(|row| row.map(|(key, _)| key.value()))
            .collect::<Result<_, _>>()?;
        self.dirty |= !old.is_empty();
        for key in old {
            table.remove(key)?;
        }
        Ok(())
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

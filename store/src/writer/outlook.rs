//! What time is about to do, for the breaker of [`crate::time_guard`].

use std::ops::Bound;

use garth_subscription::policy::Rules;
use garth_subscription::standing::{Access, standing};
use garth_subscription::{Facts, Timestamp};
use redb::ReadableTable;

use super::subscriptions::{boundary, due};
use crate::disk::decode_subscription;
use crate::fault::Fault;
use crate::index::Index;
use crate::tables::{id_of, millis, of_millis};
use crate::time_guard::{Agenda, Look, Row, instant_before};

/// The tables that say it, in a transaction of either kind.
pub(crate) struct Outlook<'a, A, S> {
    pub(crate) agenda: &'a A,
    pub(crate) subscriptions: &'a S,
    pub(crate) rules: &'a Rules,
    pub(crate) index: &'a Index,
}

impl<A, S> Agenda for Outlook<'_, A, S>
where
    A: ReadableTable<(u64, u128), ()>,
    S: ReadableTable<u128, &'static [u8]>,
{
    type Error = Fault;

    fn rows(&self, after: Row, through: Timestamp, limit: usize) -> Result<Vec<Row>, Fault> {
        let from = Bound::Excluded((millis(after.at), after.id));
        let until = Bound::Included((millis(through), u128::MAX));
        let rows = self.agenda.range((from, until))?.take(limit);
        rows.map(|row| {
            let (at, id) = row?.0.value();
            let at = of_millis(at)?;
            Ok(Row { at, id })
        })
        .collect()
    }

    fn look(&self, row: Row) -> Result<Look, Fault> {
        let Some(stored) = self.subscriptions.get(row.id)? else {
            return Ok(Look::default());
        };
        let stored = decode_subscription(id_of(row.id), stored.value())?;
        // It has changed since the row was found: its next change comes later.
        if stored.boundary.is_none_or(|boundary| boundary > row.at) {
            return Ok(Look::default());
        }
        let subscription = stored.subscription;
        let terms = self.rules.terms(subscription.subscriber.partner.as_ref());
        let before = instant_before(row.at);
        let earlier = if stored.boundary == Some(row.at) {
            subscription.facts
        } else {
            let done = due(&subscription.facts, before, terms).done.pop();
            done.map_or(subscription.facts, |(_, decision)| decision.facts)
        };
        let due = due(&earlier, row.at, terms);
        let later = due.done.last().map(|(_, decision)| &decision.facts);
        let later = later.unwrap_or(&earlier);
        Ok(Look {
            loses: has_full_access(&earlier, before) && !has_full_access(later, row.at),
            next: boundary(later, row.at, terms.policy, due.is_stuck),
        })
    }

    fn with_full_access(&self, at: Timestamp) -> u64 {
        let mut count = 0;
        self.index.for_each(|entry| {
            count += u64::from(standing(&entry.standing(), at).access() == Access::Full);
        });
        count
    }
}

fn has_full_access(facts: &Facts, at: Timestamp) -> bool {
    standing(&facts.standing_facts(), at).access() == Access::Full
}

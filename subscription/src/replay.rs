//! Replay: a journal's entries in, the facts they lead to out (L4).
//!
//! An entry counts unless another one that counts takes it back. So a revert of a revert gives the
//! first entry its effect again, and the facts are always the steps of the entries that count,
//! applied in order.

use std::collections::HashMap;

use crate::change::{Change, ChangeError, Step};
use crate::facts::Facts;
use crate::journal::{EntryId, JournalEntry};
use crate::time::{Span, Timestamp};

/// Why a journal cannot be replayed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ReplayError {
    /// No entry tells what the subscription began with.
    #[error("its first entry is missing")]
    NoBeginning,
    /// A step leads beyond what can be kept.
    #[error("entry {entry} cannot be applied: {error}", entry = .entry.0)]
    Step {
        /// Of which entry.
        entry: EntryId,
        /// What is wrong.
        error: ChangeError,
    },
}

/// What a replay has found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Replayed {
    /// The facts after the last entry.
    pub facts: Facts,
    /// For each entry, how much paid time its months added; nothing for those that do not count.
    pub added: Vec<Span>,
    /// For each entry, the end of paid service after it; nothing before the first facts.
    pub ends: Vec<Option<Timestamp>>,
}

/// For each of `entries`, oldest first, whether it counts; `left_out` does not in any case.
#[must_use]
pub fn counting(entries: &[JournalEntry], left_out: Option<EntryId>) -> Vec<bool> {
    let place: HashMap<EntryId, usize> = entries
        .iter()
        .enumerate()
        .map(|(at, entry)| (entry.id, at))
        .collect();
    let mut counts = vec![true; entries.len()];
    // What takes an entry back comes after it, so that from the end on all is known.
    for (at, entry) in entries.iter().enumerate().rev() {
        counts[at] &= Some(entry.id) != left_out;
        let reverted = entry.reverts.filter(|_| counts[at]);
        if let Some(earlier) = reverted.and_then(|id| place.get(&id)) {
            counts[*earlier] = false;
        }
    }
    counts
}

/// The facts that `entries`, oldest first, lead to.
///
/// # Errors
/// [`ReplayError`].
pub fn replay(entries: &[JournalEntry]) -> Result<Replayed, ReplayError> {
    replay_without(entries, None)
}

/// The facts that `entries` would lead to if `left_out` did not count.
///
/// # Errors
/// [`ReplayError`].
pub fn replay_without(
    entries: &[JournalEntry],
    left_out: Option<EntryId>,
) -> Result<Replayed, ReplayError> {
    let counts = counting(entries, left_out);
    let mut added = vec![Span::ZERO; entries.len()];
    let mut ends = Vec::with_capacity(entries.len());
    let mut facts: Option<Facts> = None;
    let mut version = 0;
    for (at, entry) in entries.iter().enumerate() {
        version = match (&facts, beginning(entry)) {
            (None, Some(first)) => first.version,
            _ if entry.steps.is_empty() && entry.reverts.is_none() => version,
            _ => version + 1,
        };
        for step in entry.steps.iter().filter(|_| counts[at]) {
            let before = facts.as_ref().map(|facts| facts.paid_through);
            apply(&mut facts, step).map_err(|error| ReplayError::Step {
                entry: entry.id,
                error,
            })?;
            if let (Some(before), Some(facts)) = (before, &facts)
                && matches!(
                    step.change,
                    Change::MonthsBought { .. } | Change::Renewed { .. }
                )
            {
                added[at] = facts.paid_through.since(before.max(step.at));
            }
        }
        ends.push(facts.as_ref().map(|facts| facts.paid_through));
    }
    let mut facts = facts.ok_or(ReplayError::NoBeginning)?;
    facts.version = version;
    Ok(Replayed { facts, added, ends })
}

/// The facts that an entry begins with, if it is one that begins.
fn beginning(entry: &JournalEntry) -> Option<&Facts> {
    entry.steps.iter().find_map(|step| {
        if let Change::Created(first) = &step.change {
            Some(&**first)
        } else {
            None
        }
    })
}

fn apply(facts: &mut Option<Facts>, step: &Step) -> Result<(), ChangeError> {
    match (&mut *facts, &step.change) {
        (None, Change::Created(first)) => {
            *facts = Some((**first).clone());
            Ok(())
        }
        // Entries of before the beginning that this journal knows of.
        (None, _) => Ok(()),
        (Some(facts), _) => facts.apply(step),
    }
}

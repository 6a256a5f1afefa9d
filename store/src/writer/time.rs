//! Letting time on, as [`crate::time_guard`] decides, and what a person confirms of it.

use garth_subscription::time::Span;
use garth_subscription::{Actor, Timestamp};
use redb::ReadableTable;

use super::outlook::Outlook;
use super::{Batch, Shared, Stop};
use crate::disk::Damaged;
use crate::fault::Fault;
use crate::tables::{META_TIME_CONFIRMED, millis, of_millis};
use crate::time_guard::{Confirmed, Guard, Hold, HoldKind, Reading, TimeHold};
use crate::write::WriteError;

/// Octets of `time_confirmed` before the actor's name: when it was confirmed by effective time, the wall
/// clock that was right, and the end of what may change; 0 for what was never confirmed.
const CONFIRMED_LEN: usize = 24;

/// What a commit confirms.
#[derive(Default)]
pub(super) struct Confirmation {
    confirmed: Confirmed,
    /// What each of whom has let pass.
    words: Vec<(Hold, Actor)>,
}

impl Confirmation {
    /// Goes by it: it is on the disk.
    pub(super) fn apply(&self, shared: &Shared, guard: &mut Guard) {
        guard.confirm(self.confirmed, shared.clock.monotonic());
        for (hold, actor) in &self.words {
            let role = actor.role.as_str();
            tracing::warn!(actor = %actor.name, role, %hold, "time is let on: confirmed");
        }
    }
}

/// Looks at the clocks and lets time on by one step; whether there is another to be done at once.
pub(crate) fn tick(
    shared: &Shared,
    guard: &mut Guard,
    agenda: &impl ReadableTable<(u64, u128), ()>,
    subscriptions: &impl ReadableTable<u128, &'static [u8]>,
) -> Result<bool, Fault> {
    let wall = shared.clock.now();
    let reading = Reading {
        wall,
        monotonic: shared.clock.monotonic(),
        is_synchronised: shared.clock.is_synchronised() == Some(true),
    };
    let outlook = Outlook {
        agenda,
        subscriptions,
        rules: &shared.rules.load(),
        index: &shared.index,
    };
    let more = guard.tick(reading, shared.time.now(wall), &outlook)?;
    shared.time.raise(guard.ceiling());
    show_holds(shared, guard);
    Ok(more)
}

/// Shows readers what holds time, and tells the observer what is new in it.
fn show_holds(shared: &Shared, guard: &Guard) {
    let (before, after) = (shared.holds.load(), guard.holds());
    if **before == after {
        return;
    }
    let has = |holds: &[TimeHold], kind| holds.iter().any(|held| held.hold.kind() == kind);
    for kind in HoldKind::ALL {
        if has(&before, kind) && !has(&after, kind) {
            shared.observer.released(kind);
        }
    }
    for held in &after {
        if !has(&before, held.hold.kind()) {
            shared.observer.held(&held.hold);
        }
    }
    shared.holds.store(after.into());
}

/// What was confirmed of the time in this file.
pub(crate) fn read_confirmed(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<Confirmed, Fault> {
    let Some(row) = meta.get(META_TIME_CONFIRMED)? else {
        return Ok(Confirmed::default());
    };
    let octets: &[u8; CONFIRMED_LEN] = row
        .value()
        .first_chunk()
        .ok_or_else(|| Damaged::new("meta row", "time_confirmed is too short"))?;
    let instant = |from: usize| {
        let part = octets[from..].first_chunk().expect("24 octets");
        Some(u64::from_be_bytes(*part))
            .filter(|millis| *millis != 0)
            .map(of_millis)
            .transpose()
    };
    Ok(Confirmed {
        wall: instant(8)?,
        through: instant(16)?,
    })
}

impl Batch<'_> {
    /// Lets time on; whether more of it can be let on at once.
    pub(super) fn let_time_on(&mut self) -> Result<bool, Fault> {
        let (agenda, subscriptions) = (&self.tables.agenda, &self.tables.subscriptions);
        let more = tick(self.shared, &mut self.memory.guard, agenda, subscriptions)?;
        self.now = self.shared.now();
        Ok(more)
    }

    /// The first instant of which the breaker has not seen all rows.
    pub(super) fn first_unchecked(&self) -> Timestamp {
        const NEXT: Span = Span::from_millis(1).expect("it is not negative");
        self.memory.guard.ceiling().saturating_add(NEXT)
    }

    /// Keeps what a person confirms; the guard goes by it once it is on the disk.
    pub(super) fn confirm_hold(&mut self, kind: HoldKind, actor: &Actor) -> Result<TimeHold, Stop> {
        let guard = &self.memory.guard;
        let earlier = self.changes.confirmed.as_ref();
        let earlier = earlier.map_or(guard.confirmed(), |earlier| earlier.confirmed);
        let holds = guard.holds();
        let held = holds.into_iter().find(|held| held.hold.kind() == kind);
        let (held, confirmed) = held
            .and_then(|held| Some((held, earlier.with(&held.hold)?)))
            .ok_or(WriteError::NotHeld(kind))?;
        let instants = [Some(self.now), confirmed.wall, confirmed.through];
        let octets = instants.map(|at| at.map_or(0, millis).to_be_bytes());
        let row = [octets.as_flattened(), actor.name.as_str().as_bytes()].concat();
        self.dirty = true;
        self.tables
            .meta
            .insert(META_TIME_CONFIRMED, row.as_slice())?;
        let confirmation = self.changes.confirmed.get_or_insert_default();
        confirmation.confirmed = confirmed;
        confirmation.words.push((held.hold, actor.clone()));
        Ok(held)
    }
}

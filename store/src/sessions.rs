//! The sessions in memory: every live one, and those closed ones that the disk does not have yet.
//!
//! The writer alone changes them, after the commit that made the change durable; so a reader sees
//! what was acknowledged and nothing else. The live sessions of the tables are older: they are
//! brought up to date now and then (`writer::fold`), and until then the accounting log has what they
//! lack.
//!
//! A live session takes [`SLOT_OCTETS`] and its places in two look-ups (about 50 and 40 octets, 355 in all),
//! as long as its id, its user name and its NAS-Port-Id have at most 22 octets each; one that the tables
//! lack takes 40 more, and 100 where a month is over for it or it is over itself. `Limits::sessions_max` bounds them.
//!
//! Not here: what a record means for a session ([`rules`]), a batch under way ([`staged`]).

pub(crate) mod octets;
mod read;
pub(crate) mod rules;
mod slab;
pub(crate) mod staged;
pub(crate) mod usage;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use foldhash::fast::RandomState;
use garth_subscription::calendar::BillingZone;
use garth_subscription::facts::SubscriptionId;

use crate::record::NasNames;
use crate::tables::split_session;
use octets::Octets;
use rules::{Closed, Live};
use slab::Slab;
use staged::Staged;
use usage::{Booking, MonthNumber};

/// Where a closed session lies: its end in milliseconds, and its key as octets.
pub(crate) type Place = (u64, Box<[u8]>);

/// What a live session takes beside its places in the look-ups.
const SLOT_OCTETS: usize = 264;
const _: () = assert!(size_of::<Option<Slot>>() <= SLOT_OCTETS);

/// Every live session, and what the tables lack.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    /// By the octets that the keys of the sessions of a NAS begin with.
    nases: BTreeMap<Arc<[u8]>, Nas>,
    slots: Slab<Slot>,
    /// The first live session of each subscription; the others follow by `Slot::next`.
    owners: HashMap<SubscriptionId, u32, RandomState>,
    /// Closed sessions that the tables lack or have otherwise; `None` where they must go.
    closed: BTreeMap<Place, Option<Closed>>,
    /// How many keys the tables have otherwise.
    changed: usize,
    /// What the bookings that the tables lack come to.
    unwritten: BTreeMap<(SubscriptionId, MonthNumber), usage::Change>,
    /// How many transactions have written sessions and bookings to the tables.
    folds: u64,
}

/// How many names of one NAS are kept once for all its sessions: behind a proxy there may be many.
const NAMES_SHARED_MAX: usize = 64;

/// The sessions of one NAS, by Acct-Session-Id.
#[derive(Debug, Default)]
struct Nas {
    /// What it calls itself.
    names: BTreeSet<Arc<NasNames>>,
    live: BTreeMap<Octets, u32>,
    /// Those of which the tables lack something.
    changed: BTreeSet<Octets>,
    /// The ends of those of its sessions that are in `Sessions::closed`.
    closed: BTreeMap<Octets, Vec<u64>>,
    /// The bookings of its sessions that the tables lack.
    bookings: BTreeMap<Octets, Vec<Booking>>,
}

/// A live session in its place.
#[derive(Debug)]
struct Slot {
    live: Live,
    nas: Arc<[u8]>,
    id: Octets,
    /// The other live sessions of its subscription.
    previous: Option<SlotNumber>,
    next: Option<SlotNumber>,
    is_changed: bool,
}

/// One more than the place in the slab, so that an `Option` of it has four octets.
type SlotNumber = std::num::NonZeroU32;

fn number(slot: u32) -> Option<SlotNumber> {
    SlotNumber::new(slot + 1)
}

fn place(number: SlotNumber) -> u32 {
    number.get() - 1
}

impl Slot {
    fn key(&self) -> Vec<u8> {
        joined(&self.nas, &self.id)
    }
}

/// Adds a change to those of its subscription and month, which go with the last one.
fn add(
    sums: &mut BTreeMap<(SubscriptionId, MonthNumber), usage::Change>,
    booking: &Booking,
    change: usage::Change,
) {
    let key = (booking.owner, booking.month);
    let sum = sums.entry(key).or_default();
    sum.add(change);
    if sum.is_none() {
        sums.remove(&key);
    }
}

fn joined(nas: &[u8], id: &Octets) -> Vec<u8> {
    [nas, id.as_slice()].concat()
}

/// What the tables lack of one key.
pub(crate) struct Change<'a> {
    pub(crate) key: Vec<u8>,
    /// None if it does not live.
    pub(crate) live: Option<&'a Live>,
    pub(crate) closed: Vec<(u64, Option<&'a Closed>)>,
    pub(crate) bookings: &'a [Booking],
}

impl Sessions {
    /// How many live.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// How many keys the tables have not as they are here.
    pub(crate) const fn changed(&self) -> usize {
        self.changed
    }

    /// How many closed sessions the tables have not as they are here.
    pub(crate) fn closed_waiting(&self) -> usize {
        self.closed.len()
    }

    /// The live session of that key, and where it lies.
    pub(crate) fn live(&self, key: &[u8]) -> Option<(u32, &Live)> {
        let (nas, id) = split_session(key)?;
        let slot = *self.nases.get(nas)?.live.get(id)?;
        Some((slot, &self.slots.get(slot)?.live))
    }

    /// Whether the tables have all of that key.
    pub(crate) fn is_changed(&self, key: &[u8]) -> bool {
        let nas = split_session(key).and_then(|(nas, id)| Some((self.nases.get(nas)?, id)));
        nas.is_some_and(|(nas, id)| nas.changed.contains(id))
    }

    /// The ends of the closed sessions of that key which the tables have not as they are here.
    pub(crate) fn closed_of(&self, key: &[u8]) -> &[u64] {
        let nas = split_session(key).and_then(|(nas, id)| Some((self.nases.get(nas)?, id)));
        nas.and_then(|(nas, id)| nas.closed.get(id))
            .map_or(&[], Vec::as_slice)
    }

    /// The closed session of that place if the tables have it not as it is here; `Some(None)` if it
    /// is to go from them.
    pub(crate) fn closed_at(&self, place: &Place) -> Option<Option<&Closed>> {
        self.closed.get(place).map(Option::as_ref)
    }

    /// All that the tables have not as they are here, the latest ends first.
    pub(crate) fn closed(&self) -> impl Iterator<Item = (&Place, Option<&Closed>)> {
        let all = self.closed.iter().rev();
        all.map(|(place, closed)| (place, closed.as_ref()))
    }

    /// Every live session in the order of their keys, from the one after `after` on.
    pub(crate) fn after(&self, after: Option<&[u8]>) -> impl Iterator<Item = (Vec<u8>, &Live)> {
        let (nas, id) = after.and_then(split_session).unwrap_or_default();
        let rest = self
            .nases
            .range::<[u8], _>((Bound::Included(nas), Bound::Unbounded));
        rest.flat_map(move |(prefix, sessions)| {
            let from = match after {
                Some(_) if **prefix == *nas => Bound::Excluded(id),
                Some(_) | None => Bound::Unbounded,
            };
            sessions.live.range::<[u8], _>((from, Bound::Unbounded))
        })
        .filter_map(|(_, slot)| self.slots.get(*slot))
        .map(|slot| (slot.key(), &slot.live))
    }

    /// Every live session of a NAS, by the octets that its keys begin with.
    pub(crate) fn of_nas<'a>(
        &'a self,
        prefix: &[u8],
    ) -> impl Iterator<Item = (Vec<u8>, &'a Live)> + use<'a> {
        let nas = self.nases.get(prefix).into_iter();
        nas.flat_map(|nas| nas.live.values())
            .filter_map(|slot| self.slots.get(*slot))
            .map(|slot| (slot.key(), &slot.live))
    }

    /// Every live session of a subscription, the latest begun first.
    pub(crate) fn of(&self, owner: SubscriptionId) -> impl Iterator<Item = (Vec<u8>, &Live)> {
        let first = self
            .owners
            .get(&owner)
            .and_then(|slot| self.slots.get(*slot));
        let next = |slot: &&Slot| slot.next.and_then(|next| self.slots.get(place(next)));
        std::iter::successors(first, next).map(|slot| (slot.key(), &slot.live))
    }

    /// The first `limit` keys after `after` of which the tables lack something, with what they lack.
    pub(crate) fn changes_after(&self, after: Option<&[u8]>, limit: usize) -> Vec<Change<'_>> {
        let (nas, id) = after.and_then(split_session).unwrap_or_default();
        let rest = self
            .nases
            .range::<[u8], _>((Bound::Included(nas), Bound::Unbounded));
        rest.flat_map(move |(prefix, sessions)| {
            let from = match after {
                Some(_) if **prefix == *nas => Bound::Excluded(id),
                Some(_) | None => Bound::Unbounded,
            };
            let ids = sessions.changed.range::<[u8], _>((from, Bound::Unbounded));
            ids.map(move |id| self.change(prefix, sessions, id))
        })
        .take(limit)
        .collect()
    }

    fn change<'a>(&'a self, prefix: &[u8], nas: &'a Nas, id: &Octets) -> Change<'a> {
        let key = joined(prefix, id);
        let live = nas.live.get(id).and_then(|slot| self.slots.get(*slot));
        let ends = nas.closed.get(id).into_iter().flatten();
        let closed = ends.map(|end| {
            let place = (*end, key.as_slice().into());
            (*end, self.closed.get(&place).and_then(Option::as_ref))
        });
        Change {
            closed: closed.collect(),
            bookings: nas.bookings.get(id).map_or(&[], Vec::as_slice),
            live: live.map(|slot| &slot.live),
            key,
        }
    }

    /// What is to be added to the tables for that subscription: by bookings that they lack, and by what
    /// is not booked of its live sessions.
    pub(crate) fn usage_of(
        &self,
        owner: SubscriptionId,
        zone: BillingZone,
    ) -> BTreeMap<MonthNumber, usage::Change> {
        let all = (owner, MonthNumber(0))..=(owner, MonthNumber(u16::MAX));
        let unwritten = self.unwritten.range(all);
        let unwritten = unwritten.map(|((_, month), change)| (*month, *change));
        let live = self.of(owner).flat_map(|(_, live)| live.unbooked(zone));
        let mut months: BTreeMap<MonthNumber, usage::Change> = BTreeMap::new();
        for (month, change) in unwritten.chain(live) {
            months.entry(month).or_default().add(change);
        }
        months
    }

    /// How many transactions have written sessions to the tables: a snapshot of the tables goes with
    /// this memory if it has the same number.
    pub(crate) const fn folds(&self) -> u64 {
        self.folds
    }

    /// Takes the number of such transactions as it was found.
    pub(crate) const fn restore_folds(&mut self, folds: u64) {
        self.folds = folds;
    }

    /// Takes note that the tables have all of these keys as it is here.
    pub(crate) fn folded(&mut self, keys: &[Vec<u8>]) {
        self.folds += 1;
        for key in keys {
            let Some((prefix, id)) = split_session(key) else {
                continue;
            };
            let Some(nas) = self.nases.get_mut(prefix) else {
                continue;
            };
            self.changed -= usize::from(nas.changed.remove(id));
            for end in nas.closed.remove(id).into_iter().flatten() {
                self.closed.remove(&(end, key.as_slice().into()));
            }
            for booking in nas.bookings.remove(id).into_iter().flatten() {
                add(&mut self.unwritten, &booking, booking.change.negated());
            }
            if let Some(slot) = nas.live.get(id)
                && let Some(slot) = self.slots.get_mut(*slot)
            {
                slot.is_changed = false;
            }
            if nas.live.is_empty() && nas.changed.is_empty() {
                self.nases.remove(prefix);
            }
        }
    }

    /// Takes a live session as the tables have it.
    pub(crate) fn restore(&mut self, key: &[u8], live: Live) {
        if let Some((prefix, id)) = split_session(key) {
            self.begin(prefix, id, live, false);
        }
    }

    /// Takes what a batch has changed; `tell` hears of each session that begins, ends, or claims
    /// otherwise.
    pub(crate) fn apply(
        &mut self,
        staged: Staged,
        mut tell: impl FnMut(&[u8], Option<&Live>, Option<&Live>),
    ) {
        for (key, change) in staged.keys {
            let Some((prefix, id)) = split_session(&key) else {
                continue;
            };
            let before = change.slot.and_then(|slot| self.slots.get(slot));
            let is_same = match (before, &change.live) {
                (Some(before), Some(after)) => before.live.claims_as(after),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            if !is_same {
                tell(&key, before.map(|slot| &slot.live), change.live.as_ref());
            }
            match (change.slot, change.live) {
                (Some(slot), Some(live)) => self.update(slot, live),
                (Some(slot), None) => self.end(slot),
                (None, Some(live)) => self.begin(prefix, id, live, true),
                (None, None) => {}
            }
            if !change.closed.is_empty() {
                self.note_closed(prefix, id, &change.closed);
            }
            if !change.bookings.is_empty() {
                self.note_bookings(prefix, id, &change.bookings);
            }
        }
        self.closed.extend(staged.closed);
    }

    fn note_closed(&mut self, prefix: &[u8], id: &[u8], ends: &[u64]) {
        let nas = self.nas(prefix);
        let is_new = nas.changed.insert(id.into());
        let known = nas.closed.entry(id.into()).or_default();
        for end in ends {
            if !known.contains(end) {
                known.push(*end);
            }
        }
        self.changed += usize::from(is_new);
    }

    /// Every booking comes with a change of a session of its key, which is noted.
    fn note_bookings(&mut self, prefix: &[u8], id: &[u8], bookings: &[Booking]) {
        for booking in bookings {
            add(&mut self.unwritten, booking, booking.change);
        }
        let known = self.nas(prefix).bookings.entry(id.into()).or_default();
        known.extend_from_slice(bookings);
    }

    fn nas(&mut self, prefix: &[u8]) -> &mut Nas {
        if !self.nases.contains_key(prefix) {
            self.nases.insert(prefix.into(), Nas::default());
        }
        self.nases.get_mut(prefix).expect("it was just put there")
    }

    /// Lets the session have what its NAS calls itself in common with the others.
    fn share_names(&mut self, prefix: &[u8], live: &mut Live) {
        let Some(own) = &mut live.nas_names else {
            return;
        };
        let shared = &mut self.nas(prefix).names;
        match shared.get(own) {
            Some(known) => *own = Arc::clone(known),
            None if shared.len() < NAMES_SHARED_MAX => {
                shared.insert(Arc::clone(own));
            }
            None => {}
        }
    }

    fn update(&mut self, number: u32, mut live: Live) {
        let Some(slot) = self.slots.get(number) else {
            return;
        };
        if live.nas_names != slot.live.nas_names {
            let nas = Arc::clone(&slot.nas);
            self.share_names(&nas, &mut live);
        }
        let slot = self.slots.get_mut(number).expect("it was there");
        let is_marked = std::mem::replace(&mut slot.is_changed, true);
        let has_moved = slot.live.subscription != live.subscription;
        if has_moved {
            self.unlink(number);
        }
        let slot = self.slots.get_mut(number).expect("it was there");
        slot.live = live;
        let mark = (!is_marked).then(|| (Arc::clone(&slot.nas), slot.id.clone()));
        if has_moved {
            self.link(number);
        }
        if let Some((prefix, id)) = mark {
            let is_new = self.nas(&prefix).changed.insert(id);
            self.changed += usize::from(is_new);
        }
    }

    fn begin(&mut self, prefix: &[u8], id: &[u8], mut live: Live, is_changed: bool) {
        self.nas(prefix);
        self.share_names(prefix, &mut live);
        let (nas, _) = self.nases.get_key_value(prefix).expect("it is there");
        let number = self.slots.insert(Slot {
            live,
            nas: Arc::clone(nas),
            id: id.into(),
            previous: None,
            next: None,
            is_changed,
        });
        self.link(number);
        let nas = self.nas(prefix);
        nas.live.insert(id.into(), number);
        let is_new = is_changed && nas.changed.insert(id.into());
        self.changed += usize::from(is_new);
    }

    fn end(&mut self, number: u32) {
        self.unlink(number);
        let Some(slot) = self.slots.remove(number) else {
            return;
        };
        let nas = self.nas(&slot.nas);
        nas.live.remove(slot.id.as_slice());
        let is_new = nas.changed.insert(slot.id);
        self.changed += usize::from(is_new);
    }

    /// Makes it the first of its subscription.
    fn link(&mut self, slot: u32) {
        let Some(owner) = self.slots.get(slot).and_then(|slot| slot.live.subscription) else {
            return;
        };
        let next = self.owners.insert(owner, slot).and_then(number);
        self.relink(number(slot), None, next);
    }

    /// Takes it out of its subscription's.
    fn unlink(&mut self, slot: u32) {
        let Some(found) = self.slots.get_mut(slot) else {
            return;
        };
        // Taken: a session that has no subscription any more must not remember its neighbours.
        let (previous, next) = (found.previous.take(), found.next.take());
        match (found.live.subscription, previous, next) {
            (Some(owner), None, Some(next)) => {
                self.owners.insert(owner, place(next));
            }
            (Some(owner), None, None) => {
                self.owners.remove(&owner);
            }
            (Some(_) | None, _, _) => {}
        }
        self.relink(None, previous, next);
    }

    /// Puts `slot`, or nothing, between two neighbours.
    fn relink(
        &mut self,
        slot: Option<SlotNumber>,
        previous: Option<SlotNumber>,
        next: Option<SlotNumber>,
    ) {
        let mut set = |number: Option<SlotNumber>, change: &dyn Fn(&mut Slot)| {
            if let Some(slot) = number.and_then(|number| self.slots.get_mut(place(number))) {
                change(slot);
            }
        };
        set(slot, &|slot| (slot.previous, slot.next) = (previous, next));
        set(previous, &|before| before.next = slot.or(next));
        set(next, &|after| after.previous = slot.or(previous));
    }
}

#[cfg(test)]
mod tests {
    use garth_subscription::time::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::record::{AccountingRecord, AccountingStatus, SessionKey};
    use crate::tables::session_octets;

    fn live(owner: Option<u128>) -> Live {
        let record = AccountingRecord {
            status: AccountingStatus::Start,
            key: SessionKey {
                nas: "".into(),
                acct_session_id: [].into(),
            },
            class: None,
            user_name: None,
            mac: None,
            framed_ipv4: None,
            framed_ipv6: None,
            delegated_ipv6: None,
            further_ipv6: Box::default(),
            nas_names: NasNames::default(),
            nas_port: None,
            nas_port_id: None,
            input_octets: 0,
            output_octets: 0,
            session_time: 0,
            terminate_cause: None,
            delay_seconds: 0,
        };
        let mut live = Live::new(&record, Timestamp::MIN, BillingZone::UTC);
        live.subscription = owner.map(|id| SubscriptionId(Uuid::from_u128(id)));
        live
    }

    /// Numbers from a seed, the same in every run.
    fn next(random: &mut u64) -> u64 {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        *random >> 8
    }

    #[test]
    fn the_sessions_of_a_subscription_are_those_that_name_it() {
        let mut sessions = Sessions::default();
        let mut model: BTreeMap<Vec<u8>, Option<u128>> = BTreeMap::new();
        let mut random = 0x9E37_79B9_7F4A_7C15;
        for step in 0..4_000 {
            let key = session_octets(&SessionKey {
                nas: format!("nas-{}", next(&mut random) % 3).into(),
                acct_session_id: next(&mut random).to_be_bytes()[7..].into(),
            });
            let slot = sessions.live(&key).map(|(slot, _)| slot);
            let after = match next(&mut random) % 4 {
                0 => None,
                1 => Some(None),
                _ => Some(Some(u128::from(next(&mut random) % 4))),
            };
            let mut staged = Staged::default();
            staged.put(&key, slot, after.map(live));
            sessions.apply(staged, |_, _, _| {});
            match after {
                Some(owner) => model.insert(key, owner),
                None => model.remove(&key),
            };
            let id = u128::from(next(&mut random) % 4);
            let owner = SubscriptionId(Uuid::from_u128(id));
            let found: BTreeSet<_> = sessions.of(owner).map(|(key, _)| key).collect();
            let wanted = model.iter().filter(|(_, of)| **of == Some(id));
            assert_eq!(
                found,
                wanted.map(|(key, _)| key.clone()).collect(),
                "{step}"
            );
            assert_eq!(sessions.len(), model.len(), "{step}");
            assert!(
                sessions
                    .after(None)
                    .map(|(key, _)| key)
                    .eq(model.keys().cloned())
            );
        }
    }
}

//! The writer's side of the index, and how it is filled when a store is opened.
//!
//! One writer publishes, one change after the other. An index that nobody reads yet may be filled
//! by several [`Loader`]s at once; it can be read when [`Index::finish`] has returned.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::PoisonError;

use garth_subscription::plan::Catalogue;
use garth_subscription::subscriber::Credential;

use super::entry::{Entry, FIXED_ADDRESSES, Indexed, Record};
use super::plans::{PlanRates, PlanTerms};
use super::slots::Spare;
use super::table::{Named, Table};
use super::{Index, SessionClaim};
use crate::disk::{Damaged, plan_id};
use crate::record::Subscription;

/// What the writer alone knows.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) spare: Spare,
}

impl Writer {
    pub(super) fn bytes(&self) -> usize {
        self.spare.bytes()
    }
}

impl Index {
    /// Takes the terms of the catalogue. Entries of a plan share them, so they change at once.
    pub(crate) fn publish_plans(&self, catalogue: &Catalogue) {
        for plan in catalogue.iter() {
            let terms = PlanTerms {
                rates: PlanRates {
                    down_kbps: plan.down_kbps,
                    up_kbps: plan.up_kbps,
                },
                session: plan.session.clone(),
            };
            self.plans.set(plan.id.as_str(), terms);
        }
    }

    /// Takes a subscription as it is now.
    pub(crate) fn publish_subscription(
        &self,
        subscription: &Subscription,
        credential: Option<&Credential>,
    ) {
        self.publish(&Indexed::of(subscription, credential));
    }

    pub(super) fn publish(&self, indexed: &Indexed<'_>) {
        // Never waited for: there is one writer. Readers of entries do not take it.
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let new = Record::of(indexed, self.plans.number_of(indexed.plan));
        let mut old = Record::empty();
        let old_named = self.find_id(indexed.id, &mut old);
        if old_named.is_some() && old.octets == new.octets {
            return;
        }
        let slot = self.slots.write(&mut writer.spare, &new.octets, new.len);
        let new = new.entry(&self.plans);
        let Some(old_named) = old_named else {
            self.by_id
                .insert(Named::new(self.hash_of_id(indexed.id), slot));
            self.publish_names(None, &new, slot);
            self.publish_addresses(None, &new);
            return;
        };
        let old = old.entry(&self.plans);
        self.by_id.replace(old_named, slot);
        let old = (&old, old_named.slot());
        self.publish_names(Some(old), &new, slot);
        self.publish_addresses(Some(old.0), &new);
        self.slots.retire(&mut writer.spare, old.1);
    }

    /// Makes the names of `new` find its slot, and those that only `old` had nothing.
    fn publish_names(&self, old: Option<(&Entry<'_>, u32)>, new: &Entry<'_>, slot: u32) {
        let name_of = |entry: &Entry<'_>| Some(self.hash_of_name(entry.user_name_octets()?));
        let mac_of = |entry: &Entry<'_>| Some(self.hash_of_mac(entry.mac()?));
        let old_slot = old.map(|(_, slot)| slot);
        let old = old.map(|(entry, _)| entry);
        let same_name = old.is_some_and(|old| old.user_name_octets() == new.user_name_octets());
        let names = (old.and_then(name_of), name_of(new));
        rename(&self.by_user_name, names, same_name, old_slot, slot);
        let same_mac = old.is_some_and(|old| old.mac() == new.mac());
        let macs = (old.and_then(mac_of), mac_of(new));
        rename(&self.by_mac, macs, same_mac, old_slot, slot);
        let circuit_of = |entry: &Entry<'_>| Some(self.hash_of_name(entry.circuit_id()?));
        let same_circuit = old.is_some_and(|old| old.circuit_id() == new.circuit_id());
        let circuits = (old.and_then(circuit_of), circuit_of(new));
        rename(&self.by_circuit_id, circuits, same_circuit, old_slot, slot);
        let remote_of = |entry: &Entry<'_>| Some(self.hash_of_name(entry.remote_id()?));
        let same_remote = old.is_some_and(|old| old.remote_id() == new.remote_id());
        let remotes = (old.and_then(remote_of), remote_of(new));
        rename(&self.by_remote_id, remotes, same_remote, old_slot, slot);
    }

    fn publish_addresses(&self, old: Option<&Entry<'_>>, new: &Entry<'_>) {
        let after = new.fixed_addresses();
        let before = old.map_or([None; FIXED_ADDRESSES], Entry::fixed_addresses);
        if before == after {
            return;
        }
        let id = new.id();
        for address in after.into_iter().flatten() {
            self.claims.claim(address, Some(id));
        }
        for address in before.into_iter().flatten() {
            self.claims.waive(address, Some(id));
        }
    }

    /// Takes the change of one session: what it claimed before, what it claims now.
    pub(crate) fn publish_session(
        &self,
        before: Option<&SessionClaim>,
        after: Option<&SessionClaim>,
    ) {
        self.claims.publish_session(before, after);
    }
}

/// Changes a table from the old to the new hash of a key.
fn rename(
    table: &Table,
    (old, new): (Option<u32>, Option<u32>),
    is_same: bool,
    old_slot: Option<u32>,
    slot: u32,
) {
    let old = old.zip(old_slot).map(|(hash, slot)| Named::new(hash, slot));
    match (old, new) {
        (Some(old), Some(_)) if is_same => {
            table.replace(old, slot);
        }
        (old, new) => {
            if let Some(hash) = new {
                table.insert(Named::new(hash, slot));
            }
            if let Some(old) = old {
                table.remove(old);
            }
        }
    }
}

/// How many keys are named at once: their places are fetched from memory together.
const NAMED_AT_ONCE: usize = 256;

/// How many keys of each kind there are.
#[derive(Clone, Copy, Default)]
struct Keys {
    ids: usize,
    user_names: usize,
    macs: usize,
    circuit_ids: usize,
    remote_ids: usize,
}

/// Fills an index that nobody reads, together with others.
pub(crate) struct Loader<'a> {
    index: &'a Index,
    spare: Spare,
    plans: HashMap<Box<str>, u32>,
    keys: Keys,
}

impl Loader<'_> {
    /// Takes a subscription that the index has not.
    ///
    /// # Errors
    /// [`Damaged`] if its plan cannot be one.
    pub(crate) fn add(&mut self, indexed: &Indexed<'_>) -> Result<(), Damaged> {
        let plan = self.plan(indexed.plan)?;
        let record = Record::of(indexed, plan);
        let index = self.index;
        index
            .slots
            .write(&mut self.spare, &record.octets, record.len);
        self.keys.ids += 1;
        self.keys.user_names += usize::from(indexed.user_name.is_some());
        self.keys.macs += usize::from(indexed.mac.is_some());
        self.keys.circuit_ids += usize::from(indexed.circuit_id.is_some());
        self.keys.remote_ids += usize::from(indexed.remote_id.is_some());
        index.publish_addresses(None, &record.entry(&index.plans));
        Ok(())
    }

    fn plan(&mut self, plan: &str) -> Result<u32, Damaged> {
        if let Some(number) = self.plans.get(plan) {
            return Ok(*number);
        }
        plan_id(plan)?;
        let number = self.index.plans.number_of(plan);
        self.plans.insert(plan.into(), number);
        Ok(number)
    }
}

impl Index {
    /// The index that a store with these plans and subscriptions opens with, without the store: for
    /// tests and measurements. Nobody has a session.
    ///
    /// No two subscriptions may share an id, a User-Name, a MAC address or a line; a store lets nobody.
    /// Each comes with its credential, which is not looked for in the subscription.
    #[must_use]
    pub fn of(
        catalogue: &Catalogue,
        subscriptions: impl IntoIterator<Item: Borrow<(Subscription, Option<Credential>)>>,
    ) -> Self {
        let index = Self::new();
        index.publish_plans(catalogue);
        let mut loader = index.loader();
        for one in subscriptions {
            let (subscription, credential) = one.borrow();
            let indexed = Indexed::of(subscription, credential.as_ref());
            loader
                .add(&indexed)
                .expect("a plan's id was checked when it was made");
        }
        index.finish(vec![loader]);
        index
    }

    /// One that fills it.
    pub(crate) fn loader(&self) -> Loader<'_> {
        Loader {
            index: self,
            spare: Spare::default(),
            plans: HashMap::new(),
            keys: Keys::default(),
        }
    }

    /// Makes all that the loaders have taken be found, by as many threads as there were loaders.
    ///
    /// The keys are read from the records again, in the order of the slots: so the tables are made
    /// for as many as there are, and no list of them is left behind in the allocator.
    pub(crate) fn finish(&self, loaders: Vec<Loader<'_>>) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = |part: fn(&Keys) -> usize| loaders.iter().map(|one| part(&one.keys)).sum();
        self.by_id.reserve(sum(|keys| keys.ids));
        self.by_user_name.reserve(sum(|keys| keys.user_names));
        self.by_mac.reserve(sum(|keys| keys.macs));
        self.by_circuit_id.reserve(sum(|keys| keys.circuit_ids));
        self.by_remote_id.reserve(sum(|keys| keys.remote_ids));
        let threads = u32::try_from(loaders.len().max(1)).expect("there are few threads");
        let end = self.slots.end();
        let share = end.div_ceil(threads);
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let from = share.saturating_mul(thread);
                scope.spawn(move || self.name_slots(from..from.saturating_add(share).min(end)));
            }
        });
        for loader in loaders {
            writer.spare.absorb(loader.spare);
        }
    }

    /// Makes the records that begin in these slots be found.
    fn name_slots(&self, slots: Range<u32>) {
        let mut record = Record::empty();
        let tables = self.tables();
        let mut named = tables.map(|_| Vec::new());
        for slot in slots {
            if !self.slots.begins_record(slot)
                || self.slots.read(slot, &mut record.octets).is_none()
            {
                continue;
            }
            let entry = record.entry(&self.plans);
            let hashes = [
                Some(self.hash_of_id(entry.id())),
                entry.user_name_octets().map(|name| self.hash_of_name(name)),
                entry.mac().map(|mac| self.hash_of_mac(mac)),
                entry.circuit_id().map(|id| self.hash_of_name(id)),
                entry.remote_id().map(|id| self.hash_of_name(id)),
            ];
            for ((named, hash), table) in named.iter_mut().zip(hashes).zip(tables) {
                named.extend(hash.map(|hash| Named::new(hash, slot)));
                if named.len() == NAMED_AT_ONCE {
                    table.fill(named);
                    named.clear();
                }
            }
        }
        for (named, table) in named.iter().zip(tables) {
            table.fill(named);
        }
    }
}

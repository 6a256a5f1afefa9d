//! The writer's side of the index, and how it is filled when a store is opened.
//!
//! One writer publishes, one change after the other. An index that nobody reads yet may be filled
//! by several [`Loader`]s at once; it can be read when [`Index::finish`] has returned.

use std::collections::HashMap;
use std::sync::PoisonError;

use garth_subscription::plan::Catalogue;

use super::entry::{Entry, Indexed, Record};
use super::plans::PlanRates;
use super::slots::Spare;
use super::table::{Named, Table};
use super::{Index, SessionClaim};
use crate::disk::Damaged;
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
    /// Takes the rates of the catalogue. Entries of a plan share them, so they change at once.
    pub(crate) fn publish_rates(&self, catalogue: &Catalogue) {
        for plan in catalogue.iter() {
            let rates = PlanRates {
                down_kbps: plan.down_kbps,
                up_kbps: plan.up_kbps,
            };
            self.plans
                .set(self.plans.number_of(plan.id.as_str()), rates);
        }
    }

    /// Takes a subscription as it is now.
    pub(crate) fn publish_subscription(&self, subscription: &Subscription) {
        self.publish(&Indexed::of(subscription));
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
    }

    fn publish_addresses(&self, old: Option<&Entry<'_>>, new: &Entry<'_>) {
        let after = new.fixed_addresses();
        let before = old.map_or([None; 2], Entry::fixed_addresses);
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

/// Fills an index that nobody reads, together with others.
pub(crate) struct Loader<'a> {
    index: &'a Index,
    spare: Spare,
    plans: HashMap<Box<str>, u32>,
    by_id: Vec<Named>,
    by_user_name: Vec<Named>,
    by_mac: Vec<Named>,
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
        let slot = index
            .slots
            .write(&mut self.spare, &record.octets, record.len);
        let named = |hash| Named::new(hash, slot);
        self.by_id.push(named(index.hash_of_id(indexed.id)));
        if let Some(name) = indexed.user_name {
            self.by_user_name
                .push(named(index.hash_of_name(name.as_bytes())));
        }
        if let Some(mac) = indexed.mac {
            self.by_mac.push(named(index.hash_of_mac(mac)));
        }
        index.publish_addresses(None, &record.entry(&index.plans));
        Ok(())
    }

    fn plan(&mut self, plan: &str) -> Result<u32, Damaged> {
        if let Some(number) = self.plans.get(plan) {
            return Ok(*number);
        }
        crate::disk::plan_id(plan)?;
        let number = self.index.plans.number_of(plan);
        self.plans.insert(plan.into(), number);
        Ok(number)
    }
}

impl Index {
    /// One that fills it.
    pub(crate) fn loader(&self) -> Loader<'_> {
        Loader {
            index: self,
            spare: Spare::default(),
            plans: HashMap::new(),
            by_id: Vec::new(),
            by_user_name: Vec::new(),
            by_mac: Vec::new(),
        }
    }

    /// Makes all that the loaders have taken be found, each loader's part by a thread of its own.
    pub(crate) fn finish(&self, mut loaders: Vec<Loader<'_>>) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = |part: fn(&Loader<'_>) -> usize| loaders.iter().map(part).sum();
        self.by_id.reserve(sum(|loader| loader.by_id.len()));
        self.by_user_name
            .reserve(sum(|loader| loader.by_user_name.len()));
        self.by_mac.reserve(sum(|loader| loader.by_mac.len()));
        std::thread::scope(|scope| {
            for loader in &mut loaders {
                scope.spawn(|| {
                    self.by_id.fill(&mut loader.by_id);
                    self.by_user_name.fill(&mut loader.by_user_name);
                    self.by_mac.fill(&mut loader.by_mac);
                });
            }
        });
        for loader in loaders {
            writer.spare.absorb(loader.spare);
        }
    }
}

//! The index in memory: what RADIUS, portal and enforcement ask for every request.
//!
//! Rebuilt from redb at start, published after each commit by the writer alone. A record of 128
//! octets for each subscription, and eight octets and a third for each of id, User-Name, MAC
//! address, circuit id and remote id that it has. A reader takes no lock, does not touch the disk and allocates nothing; it never waits
//! for the writer, also where that stands still in the middle of a change. It may see one
//! subscription's change a moment before another's, but never half an [`Entry`]. A search begins
//! again only if the writer has meanwhile reused the slot that was found, which it does as late as
//! it can.
//!
//! Hashes are keyed by random numbers of the process (SipHash, of the standard library): subscribers
//! choose User-Names and MAC addresses, and must not be able to choose where they are looked for.
//!
//! Not here: what an entry means at an instant (`subscription::standing`).

mod chunks;
mod claims;
mod content;
mod entry;
mod more;
mod plans;
mod publish;
mod slots;
mod table;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use garth_subscription::facts::SubscriptionId;
use garth_subscription::subscriber::MacAddress;

use crate::record::Address;

pub use claims::{AtAddress, PortMark};
pub use content::Content;
pub use entry::Entry;
pub use plans::{PlanRates, PlanTerms};

pub(crate) use claims::SessionClaim;
pub(crate) use entry::Indexed;

use claims::Claims;
use entry::Record;
use plans::Plans;
use publish::Writer;
use slots::{Slots, Stamp};
use table::{Named, Place, Places, Table};

/// The index. Readers share it; the writer alone changes it.
pub struct Index {
    hashes: RandomState,
    slots: Slots,
    by_id: Table,
    by_user_name: Table,
    by_mac: Table,
    by_circuit_id: Table,
    by_remote_id: Table,
    plans: Plans,
    claims: Claims,
    /// Taken by the writer; never by a reader of entries.
    writer: Mutex<Writer>,
}

/// What the index takes of memory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IndexMemory {
    /// Octets of records and tables, with what is spare in them. Addresses come on top.
    pub bytes: usize,
    /// The same for each subscription; 0 if there is none.
    pub bytes_per_subscription: usize,
    /// Octets of `bytes` that are records.
    pub record_bytes: usize,
    /// Octets of `bytes` that are tables.
    pub table_bytes: usize,
}

/// How a search ended.
enum Search {
    /// With the entry, found by this, its record copied.
    Found(Named),
    /// Nothing has that key.
    Absent,
    /// A slot was written again meanwhile: the tables know another.
    Disturbed,
}

impl Index {
    pub(crate) fn new() -> Self {
        Self {
            hashes: RandomState::new(),
            slots: Slots::new(),
            by_id: Table::new(),
            by_user_name: Table::new(),
            by_mac: Table::new(),
            by_circuit_id: Table::new(),
            by_remote_id: Table::new(),
            plans: Plans::new(),
            claims: Claims::new(),
            writer: Mutex::default(),
        }
    }

    /// What `read` makes of the entry with that User-Name, if there is one.
    pub fn by_user_name<R>(
        &self,
        user_name: &[u8],
        read: impl FnOnce(&Entry<'_>) -> R,
    ) -> Option<R> {
        let mut record = Record::empty();
        let is_it = |entry: &Entry<'_>| entry.user_name_octets() == Some(user_name);
        let hash = self.hash_of_name(user_name);
        self.find(&self.by_user_name, hash, is_it, &mut record)?;
        Some(read(&record.entry(&self.plans)))
    }

    /// What `read` makes of the entry with that MAC address, if there is one.
    pub fn by_mac<R>(&self, mac: MacAddress, read: impl FnOnce(&Entry<'_>) -> R) -> Option<R> {
        let mut record = Record::empty();
        let is_it = |entry: &Entry<'_>| entry.mac() == Some(mac);
        self.find(&self.by_mac, self.hash_of_mac(mac), is_it, &mut record)?;
        Some(read(&record.entry(&self.plans)))
    }

    /// What `read` makes of the entry on that line, by its Agent-Circuit-Id, if there is one.
    pub fn by_circuit_id<R>(
        &self,
        circuit_id: &[u8],
        read: impl FnOnce(&Entry<'_>) -> R,
    ) -> Option<R> {
        let mut record = Record::empty();
        let is_it = |entry: &Entry<'_>| entry.circuit_id() == Some(circuit_id);
        let hash = self.hash_of_name(circuit_id);
        self.find(&self.by_circuit_id, hash, is_it, &mut record)?;
        Some(read(&record.entry(&self.plans)))
    }

    /// What `read` makes of the entry on that line, by its Agent-Remote-Id, if there is one.
    pub fn by_remote_id<R>(
        &self,
        remote_id: &[u8],
        read: impl FnOnce(&Entry<'_>) -> R,
    ) -> Option<R> {
        let mut record = Record::empty();
        let is_it = |entry: &Entry<'_>| entry.remote_id() == Some(remote_id);
        let hash = self.hash_of_name(remote_id);
        self.find(&self.by_remote_id, hash, is_it, &mut record)?;
        Some(read(&record.entry(&self.plans)))
    }

    /// What `read` makes of the entry with that id, if there is one.
    pub fn by_id<R>(&self, id: SubscriptionId, read: impl FnOnce(&Entry<'_>) -> R) -> Option<R> {
        let mut record = Record::empty();
        self.find_id(id, &mut record)?;
        Some(read(&record.entry(&self.plans)))
    }

    /// Fetches from memory what searches for these User-Names will read, all at once.
    ///
    /// For a batch of requests: each search alone waits for memory twice, one after the other. A small
    /// index is in the processor's caches anyway, where asking twice only costs (measured: even at half a million).
    pub fn prefetch<'a>(&self, user_names: impl Iterator<Item = &'a [u8]>) {
        const AT_ONCE: usize = 64;
        const LEN_MIN: usize = 500_000;
        if self.len() < LEN_MIN {
            return;
        }
        let places = self.by_user_name.places();
        let mut found = [const { None }; AT_ONCE];
        let mut user_names = user_names.peekable();
        while user_names.peek().is_some() {
            for (found, name) in found.iter_mut().zip(&mut user_names) {
                *found = places.touch(self.hash_of_name(name));
            }
            let slots = found.iter_mut().filter_map(Option::take);
            let sum = slots.fold(0, |sum, named: Named| sum ^ self.slots.touch(named.slot()));
            std::hint::black_box(sum);
        }
    }

    /// Whose the address is, by fixed addresses and live sessions. An IPv6 address belongs to
    /// every prefix that contains it. An IPv4 address mapped into IPv6 is taken as IPv4.
    #[must_use]
    pub fn at_address(&self, address: IpAddr) -> AtAddress {
        self.claims.at_address(address)
    }

    /// The addresses of a subscription: fixed ones and those of its live sessions, each once.
    #[must_use]
    pub fn addresses_of(&self, id: SubscriptionId) -> Vec<Address> {
        self.claims.addresses_of(id)
    }

    /// Calls `visit` with every entry, in no order; with one that is changed meanwhile perhaps twice.
    pub fn for_each(&self, mut visit: impl FnMut(&Entry<'_>)) {
        let places = self.by_id.places();
        let mut record = Record::empty();
        for place in places.iter() {
            if self.copy(&self.by_id, &places, &place, &mut record) {
                visit(&record.entry(&self.plans));
            } else {
                self.for_each_with(place.named.hash(), &mut visit);
            }
        }
    }

    /// Calls `visit` with every entry whose id has that hash.
    fn for_each_with(&self, hash: u32, visit: &mut impl FnMut(&Entry<'_>)) {
        let mut ids = Vec::new();
        let mut record = Record::empty();
        while !self.ids_with(hash, &mut ids) {}
        for id in ids {
            if self.find_id(id, &mut record).is_some() {
                visit(&record.entry(&self.plans));
            }
        }
    }

    /// Gathers the ids with that hash; whether the writer has left them alone meanwhile.
    fn ids_with(&self, hash: u32, ids: &mut Vec<SubscriptionId>) -> bool {
        ids.clear();
        let mut record = Record::empty();
        let places = self.by_id.places();
        places.find(hash).all(|place| {
            let is_its = self.copy(&self.by_id, &places, &place, &mut record);
            if is_its {
                ids.push(record.entry(&self.plans).id());
            }
            is_its
        })
    }

    /// The rates of all plans, each at the place of its number ([`Entry::plan_number`]).
    #[must_use]
    pub fn plan_rates(&self) -> Vec<PlanRates> {
        self.plans
            .all()
            .into_iter()
            .map(|plan| plan.rates)
            .collect()
    }

    /// The terms of all plans, each at the place of its number ([`Entry::plan_number`]).
    #[must_use]
    pub fn plan_terms(&self) -> Vec<PlanTerms> {
        self.plans.all()
    }

    /// How many subscriptions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many sessions live, those of unknown subscribers among them.
    #[must_use]
    pub fn live_sessions(&self) -> usize {
        self.claims.live_sessions()
    }

    /// How many sessions of a subscription live, without those of the equipment `except`: who dials
    /// in again while its old session is still open is not a second user (N8).
    ///
    /// A session counts from the commit of its first record until it is closed. Sessions whose NAS
    /// told no MAC address always count here ([`Self::live_sessions_elsewhere`]). Never waits for the writer, so it may be called for every
    /// request.
    #[must_use]
    pub fn live_sessions_of(&self, id: SubscriptionId, except: Option<MacAddress>) -> u32 {
        self.claims.live_sessions_of(id, except)
    }

    /// How many sessions of a subscription live, without those at that port whose NAS told no MAC address: who dials in
    /// there again, at a NAS that names no stations, is not a second user (N8). Without a mark all of them count.
    #[must_use]
    pub fn live_sessions_elsewhere(&self, id: SubscriptionId, than: Option<PortMark>) -> u32 {
        self.claims.live_sessions_elsewhere(id, than)
    }

    /// What it takes of memory. It waits while the writer publishes: for status alone.
    #[must_use]
    pub fn memory(&self) -> IndexMemory {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let record_bytes = self.slots.bytes() + writer.bytes();
        let table_bytes = self.tables().into_iter().map(Table::bytes).sum();
        let bytes = record_bytes + table_bytes;
        IndexMemory {
            bytes,
            bytes_per_subscription: bytes.checked_div(self.len()).unwrap_or_default(),
            record_bytes,
            table_bytes,
        }
    }

    /// Those that find a subscription, the one of ids first.
    const fn tables(&self) -> [&Table; 5] {
        [
            &self.by_id,
            &self.by_user_name,
            &self.by_mac,
            &self.by_circuit_id,
            &self.by_remote_id,
        ]
    }

    fn find_id(&self, id: SubscriptionId, record: &mut Record) -> Option<Named> {
        let is_it = |entry: &Entry<'_>| entry.id() == id;
        self.find(&self.by_id, self.hash_of_id(id), is_it, record)
    }

    /// Copies the record that `is_it` to `record`; nothing if there is none.
    ///
    /// Again only after a disturbance, and for each of them the writer has done a change: some
    /// thread always gets on.
    fn find(
        &self,
        table: &Table,
        hash: u32,
        is_it: impl Fn(&Entry<'_>) -> bool,
        record: &mut Record,
    ) -> Option<Named> {
        loop {
            match self.search(table, hash, &is_it, record) {
                Search::Found(named) => return Some(named),
                Search::Absent => return None,
                Search::Disturbed => {}
            }
        }
    }

    fn search(
        &self,
        table: &Table,
        hash: u32,
        is_it: impl Fn(&Entry<'_>) -> bool,
        record: &mut Record,
    ) -> Search {
        let places = table.places();
        for place in places.find(hash) {
            let slot = place.named.slot();
            let Some(stamp) = self.slots.read(slot, &mut record.octets) else {
                return Search::Disturbed;
            };
            if is_it(&record.entry(&self.plans)) {
                return Search::Found(place.named);
            }
            if !self.was_its(table, &places, &place, stamp) {
                return Search::Disturbed;
            }
        }
        Search::Absent
    }

    /// Copies the record that a place names to `record`; whether it was that one.
    fn copy(
        &self,
        table: &Table,
        places: &Arc<Places>,
        place: &Place<'_>,
        record: &mut Record,
    ) -> bool {
        self.slots
            .read(place.named.slot(), &mut record.octets)
            .is_some_and(|stamp| self.was_its(table, places, place, stamp))
    }

    /// Whether the record that was read with that stamp was the one that the place named, and not
    /// one of another subscription that was given the slot after the place was read.
    ///
    /// Nobody writes a slot while a table names it. So the slot must not have changed until after
    /// the place was seen again, nor the place until after the table was.
    fn was_its(
        &self,
        table: &Table,
        places: &Arc<Places>,
        place: &Place<'_>,
        stamp: Stamp,
    ) -> bool {
        place.is_still() && self.slots.is_still(place.named.slot(), stamp) && table.is_still(places)
    }

    fn hash_of_name(&self, name: &[u8]) -> u32 {
        self.hash(name)
    }

    fn hash_of_id(&self, id: SubscriptionId) -> u32 {
        self.hash(id.0.as_bytes())
    }

    fn hash_of_mac(&self, mac: MacAddress) -> u32 {
        self.hash(&mac.0)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "half of the hash is enough"
    )]
    fn hash(&self, key: &[u8]) -> u32 {
        let mut hasher = self.hashes.build_hasher();
        hasher.write(key);
        hasher.finish() as u32
    }
}

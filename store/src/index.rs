//! The index in memory: what RADIUS, portal and enforcement ask for every request.
//!
//! Rebuilt from redb at start, published after each commit by the writer alone. A reader takes no
//! lock that the writer holds, does not touch the disk and allocates nothing; it may see one
//! subscription's change a moment before another's, but never half an [`Entry`].
//!
//! Not here: what an entry means at an instant (`subscription::standing`).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use garth_subscription::facts::SubscriptionId;
use garth_subscription::plan::Catalogue;
use garth_subscription::standing::StandingFacts;
use garth_subscription::subscriber::{Ipv6Prefix, MacAddress, Password, UserName};
use garth_subscription::text::PlanId;

use crate::chain;
use crate::record::{Address, Session, Subscription};

/// What the network needs to know of one subscription.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Which one.
    pub id: SubscriptionId,
    /// What its standing depends on.
    pub standing: StandingFacts,
    /// What RADIUS calls it.
    pub user_name: Option<UserName>,
    /// What it proves itself with.
    pub password: Option<Password>,
    /// Its equipment.
    pub mac: Option<MacAddress>,
    /// Its fixed IPv4 address.
    pub framed_ipv4: Option<Ipv4Addr>,
    /// Its fixed IPv6 prefix.
    pub delegated_ipv6: Option<Ipv6Prefix>,
    /// Shared by all entries of a plan, so that new rates need no new entries.
    rates: Arc<Rates>,
}

impl Entry {
    /// What its plan gives to the subscriber, in kbit/s.
    #[must_use]
    pub fn down_kbps(&self) -> u32 {
        self.rates.load().0
    }

    /// What its plan takes from the subscriber, in kbit/s.
    #[must_use]
    pub fn up_kbps(&self) -> u32 {
        self.rates.load().1
    }

    fn fixed_addresses(&self) -> impl Iterator<Item = Address> {
        let v4 = self.framed_ipv4.map(Address::V4);
        v4.into_iter().chain(self.delegated_ipv6.map(Address::V6))
    }
}

/// Down and up in one word, so that nobody sees the one without the other.
#[derive(Debug, Default)]
struct Rates(AtomicU64);

impl Rates {
    fn load(&self) -> (u32, u32) {
        let word = self.0.load(Ordering::Relaxed).to_be_bytes();
        let [a, b, c, d, e, f, g, h] = word;
        (
            u32::from_be_bytes([a, b, c, d]),
            u32::from_be_bytes([e, f, g, h]),
        )
    }

    fn store(&self, down_kbps: u32, up_kbps: u32) {
        let word = u64::from(down_kbps) << 32 | u64::from(up_kbps);
        self.0.store(word, Ordering::Relaxed);
    }
}

/// Whose an address is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AtAddress {
    /// Nobody's that is known.
    None,
    /// One subscription's.
    One(SubscriptionId),
    /// Several claim it, or a session of an unknown subscriber does too: do not guess (E15).
    Many,
}

/// One reason why an address belongs to someone. An unknown subscriber is `None`.
type Claimant = Option<SubscriptionId>;
type Claims = Box<[Claimant]>;
/// An IPv6 prefix as a key: its length and its first address.
type PrefixKey = (u8, u128);

/// The lengths that an IPv6 prefix can have: 0 to 128.
const PREFIX_LENGTHS: usize = 129;

/// The index. Readers share it; the writer alone changes it.
pub struct Index {
    by_id: papaya::HashMap<SubscriptionId, Arc<Entry>>,
    by_user_name: papaya::HashMap<Box<[u8]>, Arc<Entry>>,
    by_mac: papaya::HashMap<MacAddress, Arc<Entry>>,
    v4: papaya::HashMap<Ipv4Addr, Claims>,
    v6: papaya::HashMap<PrefixKey, Claims>,
    /// How many prefixes of each length there are, so that a lookup tries no length in vain.
    v6_lengths: [AtomicU32; PREFIX_LENGTHS],
    /// All claims of a subscription, one per reason.
    addresses: papaya::HashMap<SubscriptionId, Box<[Address]>>,
    rates: papaya::HashMap<PlanId, Arc<Rates>>,
    live_sessions: AtomicUsize,
}

impl Index {
    pub(crate) fn new() -> Self {
        Self {
            by_id: papaya::HashMap::new(),
            by_user_name: papaya::HashMap::new(),
            by_mac: papaya::HashMap::new(),
            v4: papaya::HashMap::new(),
            v6: papaya::HashMap::new(),
            v6_lengths: [const { AtomicU32::new(0) }; PREFIX_LENGTHS],
            addresses: papaya::HashMap::new(),
            rates: papaya::HashMap::new(),
            live_sessions: AtomicUsize::new(0),
        }
    }

    /// What `read` makes of the entry with that User-Name, if there is one.
    pub fn by_user_name<R>(&self, user_name: &[u8], read: impl FnOnce(&Entry) -> R) -> Option<R> {
        self.by_user_name
            .pin()
            .get(user_name)
            .map(|entry| read(entry))
    }

    /// What `read` makes of the entry with that MAC address, if there is one.
    pub fn by_mac<R>(&self, mac: MacAddress, read: impl FnOnce(&Entry) -> R) -> Option<R> {
        self.by_mac.pin().get(&mac).map(|entry| read(entry))
    }

    /// What `read` makes of the entry with that id, if there is one.
    pub fn by_id<R>(&self, id: SubscriptionId, read: impl FnOnce(&Entry) -> R) -> Option<R> {
        self.by_id.pin().get(&id).map(|entry| read(entry))
    }

    /// Whose the address is, by fixed addresses and live sessions. An IPv6 address belongs to
    /// every prefix that contains it. An IPv4 address mapped into IPv6 is taken as IPv4.
    #[must_use]
    pub fn at_address(&self, address: IpAddr) -> AtAddress {
        let mut found = Found::default();
        match address.to_canonical() {
            IpAddr::V4(address) => {
                if let Some(claims) = self.v4.pin().get(&address) {
                    found.add(claims);
                }
            }
            IpAddr::V6(address) => {
                let prefixes = self.v6.pin();
                for (len, count) in (0_u8..).zip(&self.v6_lengths) {
                    if count.load(Ordering::Relaxed) > 0
                        && let Some(claims) = prefixes.get(&(len, masked(address, len)))
                    {
                        found.add(claims);
                    }
                }
            }
        }
        found.answer()
    }

    /// The addresses of a subscription: fixed ones and those of its live sessions, each once.
    #[must_use]
    pub fn addresses_of(&self, id: SubscriptionId) -> Vec<Address> {
        let addresses = self.addresses.pin();
        let mut distinct: Vec<Address> = Vec::new();
        for address in addresses.get(&id).into_iter().flatten() {
            if !distinct.contains(address) {
                distinct.push(*address);
            }
        }
        distinct
    }

    /// Calls `visit` with every address that belongs to one subscription alone.
    ///
    /// What several claim is left out, as [`Self::at_address`] names nobody for it.
    pub fn for_each_address(&self, mut visit: impl FnMut(Address, SubscriptionId)) {
        for (address, claims) in &self.v4.pin() {
            if let AtAddress::One(id) = Found::of(claims).answer() {
                visit(Address::V4(*address), id);
            }
        }
        for ((len, bits), claims) in &self.v6.pin() {
            if let AtAddress::One(id) = Found::of(claims).answer()
                && let Ok(prefix) = Ipv6Prefix::new(Ipv6Addr::from_bits(*bits), *len)
            {
                visit(Address::V6(prefix), id);
            }
        }
    }

    /// Calls `visit` with every entry, in no order.
    pub fn for_each(&self, mut visit: impl FnMut(&Entry)) {
        for entry in self.by_id.pin().values() {
            visit(entry);
        }
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
        self.live_sessions.load(Ordering::Relaxed)
    }
}

/// Who claims an address, as far as it matters.
#[derive(Default)]
struct Found {
    known: Option<SubscriptionId>,
    unknown: bool,
    several: bool,
}

impl Found {
    fn of(claims: &[Claimant]) -> Self {
        let mut found = Self::default();
        found.add(claims);
        found
    }

    fn add(&mut self, claims: &[Claimant]) {
        for claimant in claims {
            match (claimant, self.known) {
                (None, _) => self.unknown = true,
                (Some(id), None) => self.known = Some(*id),
                (Some(id), Some(known)) => self.several |= *id != known,
            }
        }
    }

    const fn answer(&self) -> AtAddress {
        match self.known {
            None => AtAddress::None,
            Some(_) if self.several || self.unknown => AtAddress::Many,
            Some(id) => AtAddress::One(id),
        }
    }
}

/// The first address of the prefix of length `len` that contains `address`.
fn masked(address: Ipv6Addr, len: u8) -> u128 {
    let mask = u128::MAX
        .checked_shl(128 - u32::from(len))
        .unwrap_or_default();
    address.to_bits() & mask
}

/// What a live session claims: addresses, and for whom.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SessionClaim {
    pub(crate) claimant: Claimant,
    addresses: [Option<Address>; 3],
}

impl SessionClaim {
    /// The claim of a session; none if it is over.
    pub(crate) fn of(session: &Session) -> Option<Self> {
        session.stopped_at.is_none().then(|| Self {
            claimant: session.subscription,
            addresses: [
                session.framed_ipv4.map(Address::V4),
                session.framed_ipv6.map(Address::V6),
                session.delegated_ipv6.map(Address::V6),
            ],
        })
    }
}

/// The writer's side.
impl Index {
    /// Takes the rates of the catalogue. Entries of a plan share them, so they change at once.
    pub(crate) fn publish_rates(&self, catalogue: &Catalogue) {
        for plan in catalogue.iter() {
            self.rates_of(&plan.id).store(plan.down_kbps, plan.up_kbps);
        }
    }

    fn rates_of(&self, plan: &PlanId) -> Arc<Rates> {
        let rates = self.rates.pin();
        Arc::clone(rates.get_or_insert_with(plan.clone(), Arc::default))
    }

    /// Takes a subscription as it is now.
    pub(crate) fn publish_subscription(&self, subscription: &Subscription) {
        let subscriber = &subscription.subscriber;
        let entry = Arc::new(Entry {
            id: subscription.facts.id,
            standing: subscription.facts.standing_facts(),
            user_name: subscriber.user_name.clone(),
            password: subscriber.password.clone(),
            mac: subscriber.mac,
            framed_ipv4: subscriber.framed_ipv4,
            delegated_ipv6: subscriber.delegated_ipv6,
            rates: self.rates_of(&subscription.facts.plan),
        });
        let by_id = self.by_id.pin();
        let old = by_id.insert(entry.id, Arc::clone(&entry)).cloned();
        if let Some(old) = &old {
            self.forget_names(old, &entry);
        }
        if let Some(name) = &entry.user_name {
            self.by_user_name
                .pin()
                .insert(name.as_str().as_bytes().into(), Arc::clone(&entry));
        }
        if let Some(mac) = entry.mac {
            self.by_mac.pin().insert(mac, Arc::clone(&entry));
        }
        let before: Vec<_> = old.iter().flat_map(|old| old.fixed_addresses()).collect();
        let after: Vec<_> = entry.fixed_addresses().collect();
        if before != after {
            after.iter().for_each(|at| self.claim(*at, Some(entry.id)));
            before.iter().for_each(|at| self.waive(*at, Some(entry.id)));
        }
    }

    /// Takes away the names that `old` had and `new` has not.
    fn forget_names(&self, old: &Entry, new: &Entry) {
        if let Some(name) = &old.user_name
            && new.user_name.as_ref() != Some(name)
        {
            self.by_user_name.pin().remove(name.as_str().as_bytes());
        }
        if let Some(mac) = old.mac
            && new.mac != Some(mac)
        {
            self.by_mac.pin().remove(&mac);
        }
    }

    /// Takes the change of one session: what it claimed before, what it claims now.
    pub(crate) fn publish_session(
        &self,
        before: Option<&SessionClaim>,
        after: Option<&SessionClaim>,
    ) {
        if before == after {
            return;
        }
        // First the new claims, so that an address that stays is never without any.
        if let Some(claim) = after {
            self.live_sessions.fetch_add(1, Ordering::Relaxed);
            for address in claim.addresses.iter().flatten() {
                self.claim(*address, claim.claimant);
            }
        }
        if let Some(claim) = before {
            self.live_sessions.fetch_sub(1, Ordering::Relaxed);
            for address in claim.addresses.iter().flatten() {
                self.waive(*address, claim.claimant);
            }
        }
    }

    fn claim(&self, address: Address, claimant: Claimant) {
        match address {
            Address::V4(address) => {
                add(&self.v4, address, claimant);
            }
            Address::V6(prefix) => {
                // Counted before it is there: a reader may look in vain, but never past it.
                let count = &self.v6_lengths[usize::from(prefix.prefix_len())];
                count.fetch_add(1, Ordering::Relaxed);
                add(&self.v6, prefix_key(prefix), claimant);
            }
        }
        if let Some(id) = claimant {
            add(&self.addresses, id, address);
        }
    }

    fn waive(&self, address: Address, claimant: Claimant) {
        match address {
            Address::V4(address) => {
                take(&self.v4, &address, &claimant);
            }
            Address::V6(prefix) => {
                take(&self.v6, &prefix_key(prefix), &claimant);
                let count = &self.v6_lengths[usize::from(prefix.prefix_len())];
                count.fetch_sub(1, Ordering::Relaxed);
            }
        }
        if let Some(id) = claimant {
            take(&self.addresses, &id, &address);
        }
    }
}

fn prefix_key(prefix: Ipv6Prefix) -> PrefixKey {
    (prefix.prefix_len(), prefix.address().to_bits())
}

/// Adds one `value` to those of `key`.
fn add<K: Eq + std::hash::Hash, V: Copy>(map: &papaya::HashMap<K, Box<[V]>>, key: K, value: V) {
    let map = map.pin();
    let values = match map.get(&key) {
        Some(values) => values.iter().copied().chain([value]).collect(),
        None => Box::from([value]),
    };
    map.insert(key, values);
}

/// Takes one `value` from those of `key`, and the key with the last one.
fn take<K: Copy + Eq + std::hash::Hash, V: Copy + PartialEq>(
    map: &papaya::HashMap<K, Box<[V]>>,
    key: &K,
    value: &V,
) {
    let map = map.pin();
    let Some(values) = map.get(key) else {
        return;
    };
    let mut left = values.to_vec();
    if let Some(place) = left.iter().position(|held| held == value) {
        left.swap_remove(place);
    }
    if left.is_empty() {
        map.remove(key);
    } else {
        map.insert(*key, left.into());
    }
}

/// Everything in the index, in an order that two equal indexes share: for comparing them.
#[derive(Debug, Eq, PartialEq)]
pub struct Content {
    entries: Vec<String>,
    addresses: Vec<String>,
    live_sessions: usize,
}

impl Index {
    /// All that is in it, for a test that it equals one rebuilt from the disk.
    #[must_use]
    pub fn content(&self) -> Content {
        let describe = |entry: &Entry| {
            let name = entry
                .user_name
                .as_ref()
                .map(|name| name.as_str().as_bytes());
            let named = name.map(|name| self.by_user_name(name, |found| found.id));
            let at_mac = entry.mac.map(|mac| self.by_mac(mac, |found| found.id));
            let rates = (entry.down_kbps(), entry.up_kbps());
            let password = entry
                .password
                .as_ref()
                .map(|p| chain::digest(p.expose().as_bytes()));
            format!("{entry:?} {rates:?} {password:?} {named:?} {at_mac:?}")
        };
        let mut entries: Vec<_> = self.by_id.pin().values().map(|e| describe(e)).collect();
        entries.push(format!(
            "{} names, {} macs",
            self.by_user_name.len(),
            self.by_mac.len()
        ));
        let mut addresses: HashMap<String, Vec<Claimant>> = HashMap::new();
        for (address, claims) in &self.v4.pin() {
            addresses.insert(address.to_string(), claims.to_vec());
        }
        for ((len, bits), claims) in &self.v6.pin() {
            addresses.insert(
                format!("{}/{len}", Ipv6Addr::from_bits(*bits)),
                claims.to_vec(),
            );
        }
        for (id, held) in &self.addresses.pin() {
            let mut held: Vec<_> = held.iter().map(|at| format!("{at:?}")).collect();
            held.sort();
            addresses.insert(format!("{id} {held:?}"), Vec::new());
        }
        let mut addresses: Vec<_> = addresses
            .into_iter()
            .map(|(address, mut claims)| {
                claims.sort();
                format!("{address} {claims:?}")
            })
            .collect();
        entries.sort();
        addresses.sort();
        Content {
            entries,
            addresses,
            live_sessions: self.live_sessions(),
        }
    }
}

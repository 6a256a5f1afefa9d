//! Whose an address is: claims of fixed addresses and of live sessions.
//!
//! Several may claim one address; then it is nobody's until one claim is left. A claim is made
//! before the one in whose place it comes is waived, so that an address that stays is never
//! without any.
//!
//! The live sessions of a subscription are counted here too, with the equipment that each is of, so
//! that a request can be judged by them without a lock (N8).
//!
//! Not here: which subscription a session belongs to (`writer::accounting`).

use std::fmt::{self, Write as _};
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use foldhash::fast::RandomState;
use garth_subscription::facts::SubscriptionId;
use garth_subscription::subscriber::{Ipv6Prefix, MacAddress};
use papaya::Operation;

use crate::record::{Address, Session};

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
/// An IPv6 prefix as a key: its length and its first address.
type PrefixKey = (u8, u128);

/// The lengths that an IPv6 prefix can have: 0 to 128.
const PREFIX_LENGTHS: usize = 129;

/// The keys are what NASes and operators say, whom we trust not to look for collisions.
type HashMap<K, V> = papaya::HashMap<K, V, RandomState>;

/// One thing that a subscription has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Held {
    /// A reason why this address is its.
    Address(Address),
    /// A live session: the equipment that it is of, where its NAS told, else the port that it is at.
    Session(Option<MacAddress>, Option<PortMark>),
}

/// A port of a NAS, to be compared with others: a digest of its names that holds while this process runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PortMark([u8; 8]);

impl PortMark {
    /// The mark of a port of the NAS that is called so in the keys of its sessions; none if nothing tells which port.
    /// Takes no memory.
    pub fn new(nas: impl fmt::Display, number: Option<u32>, id: Option<&[u8]>) -> Option<Self> {
        struct Into<'a>(&'a mut DefaultHasher);
        impl fmt::Write for Into<'_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.0.write(text.as_bytes());
                Ok(())
            }
        }
        // Port 0 is what a NAS says that has no ports.
        let number = number.filter(|number| *number != 0);
        if number.is_none() && id.is_none() {
            return None;
        }
        let mut hasher = DefaultHasher::new();
        write!(Into(&mut hasher), "{nas}").expect("a hasher takes every octet");
        (number, id).hash(&mut hasher);
        Some(Self(hasher.finish().to_ne_bytes()))
    }

    fn of(session: &Session) -> Option<Self> {
        let id = session.nas_port_id.as_deref();
        Self::new(&session.key.nas, session.nas_port, id)
    }
}

/// All claims.
pub(super) struct Claims {
    v4: HashMap<Ipv4Addr, Few<Claimant>>,
    v6: HashMap<PrefixKey, Few<Claimant>>,
    /// How many prefixes of each length there are, so that a lookup tries no length in vain.
    v6_lengths: [AtomicU32; PREFIX_LENGTHS],
    /// What a subscription has: its claims, one per reason, and its live sessions.
    held: HashMap<SubscriptionId, Few<Held>>,
    live_sessions: AtomicUsize,
}

impl Claims {
    pub(super) fn new() -> Self {
        Self {
            v4: HashMap::default(),
            v6: HashMap::default(),
            v6_lengths: [const { AtomicU32::new(0) }; PREFIX_LENGTHS],
            held: HashMap::default(),
            live_sessions: AtomicUsize::new(0),
        }
    }

    pub(super) fn at_address(&self, address: IpAddr) -> AtAddress {
        let mut found = Found::default();
        match address.to_canonical() {
            IpAddr::V4(address) => {
                if let Some(claims) = self.v4.pin().get(&address) {
                    found.add(claims.all());
                }
            }
            IpAddr::V6(address) => {
                let prefixes = self.v6.pin();
                for (len, count) in (0_u8..).zip(&self.v6_lengths) {
                    if count.load(Ordering::Relaxed) > 0
                        && let Some(claims) = prefixes.get(&(len, masked(address, len)))
                    {
                        found.add(claims.all());
                    }
                }
            }
        }
        found.answer()
    }

    pub(super) fn addresses_of(&self, id: SubscriptionId) -> Vec<Address> {
        let held = self.held.pin();
        let mut distinct: Vec<Address> = Vec::new();
        for held in held.get(&id).into_iter().flat_map(Few::all) {
            if let Held::Address(address) = held
                && !distinct.contains(address)
            {
                distinct.push(*address);
            }
        }
        distinct
    }

    pub(super) fn live_sessions_of(&self, id: SubscriptionId, except: Option<MacAddress>) -> u32 {
        let held = self.held.pin();
        let others = held.get(&id).into_iter().flat_map(Few::all).filter(
            |held| matches!(held, Held::Session(mac, _) if except.is_none() || *mac != except),
        );
        u32::try_from(others.count()).unwrap_or(u32::MAX)
    }

    pub(super) fn live_sessions_elsewhere(
        &self,
        id: SubscriptionId,
        than: Option<PortMark>,
    ) -> u32 {
        let held = self.held.pin();
        let (mut here, mut elsewhere) = (0_u32, 0_u32);
        for held in held.get(&id).into_iter().flat_map(Few::all) {
            match held {
                Held::Session(_, port) if than.is_some() && *port == than => here += 1,
                Held::Session(..) => elsewhere += 1,
                Held::Address(_) => {}
            }
        }
        // Where several sessions are, the NAS calls many lines by one name, and no station is known by it.
        if here > 1 {
            elsewhere + here
        } else {
            elsewhere
        }
    }

    pub(super) fn live_sessions(&self) -> usize {
        self.live_sessions.load(Ordering::Relaxed)
    }

    /// Takes the change of one session: what it claimed before, what it claims now.
    pub(super) fn publish_session(
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
            for address in claim.addresses() {
                self.claim(address, claim.claimant);
            }
            if let Some(id) = claim.claimant {
                add(&self.held, id, Held::Session(claim.mac, claim.port));
            }
        }
        if let Some(claim) = before {
            self.live_sessions.fetch_sub(1, Ordering::Relaxed);
            if let Some(id) = claim.claimant {
                take(&self.held, id, Held::Session(claim.mac, claim.port));
            }
            for address in claim.addresses() {
                self.waive(address, claim.claimant);
            }
        }
    }

    /// Adds one reason why the address is the claimant's.
    pub(super) fn claim(&self, address: Address, claimant: Claimant) {
        match address {
            Address::V4(address) => add(&self.v4, address, claimant),
            Address::V6(prefix) => {
                // Counted before it is there: a reader may look in vain, but never past it.
                let count = &self.v6_lengths[usize::from(prefix.prefix_len())];
                count.fetch_add(1, Ordering::Relaxed);
                add(&self.v6, prefix_key(prefix), claimant);
            }
        }
        if let Some(id) = claimant {
            add(&self.held, id, Held::Address(address));
        }
    }

    /// Takes one such reason away.
    pub(super) fn waive(&self, address: Address, claimant: Claimant) {
        match address {
            Address::V4(address) => take(&self.v4, address, claimant),
            Address::V6(prefix) => {
                take(&self.v6, prefix_key(prefix), claimant);
                let count = &self.v6_lengths[usize::from(prefix.prefix_len())];
                count.fetch_sub(1, Ordering::Relaxed);
            }
        }
        if let Some(id) = claimant {
            take(&self.held, id, Held::Address(address));
        }
    }

    /// All claims in lines, in no order: for comparing.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{} sessions", self.live_sessions())];
        let sorted = |claims: &Few<Claimant>| {
            let mut claims = claims.all().to_vec();
            claims.sort();
            claims
        };
        for (address, claims) in &self.v4.pin() {
            lines.push(format!("{address} {:?}", sorted(claims)));
        }
        for ((len, bits), claims) in &self.v6.pin() {
            let address = Ipv6Addr::from_bits(*bits);
            lines.push(format!("{address}/{len} {:?}", sorted(claims)));
        }
        for (id, held) in &self.held.pin() {
            let mut held: Vec<_> = held.all().iter().map(|at| format!("{at:?}")).collect();
            held.sort();
            lines.push(format!("{id} {held:?}"));
        }
        lines
    }
}

fn prefix_key(prefix: Ipv6Prefix) -> PrefixKey {
    (prefix.prefix_len(), prefix.address().to_bits())
}

/// One value, as nearly always, or several.
#[derive(Clone)]
enum Few<T> {
    One(T),
    Several(Box<[T]>),
}

impl<T: Copy + PartialEq> Few<T> {
    fn all(&self) -> &[T] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Several(values) => values,
        }
    }

    fn with(&self, value: T) -> Self {
        Self::Several(self.all().iter().copied().chain([value]).collect())
    }

    /// Without one of that `value`; nothing if there is no other.
    fn without(&self, value: T) -> Option<Self> {
        let mut left = self.all().to_vec();
        if let Some(place) = left.iter().position(|held| *held == value) {
            left.swap_remove(place);
        }
        match left.as_slice() {
            [] => None,
            [value] => Some(Self::One(*value)),
            _ => Some(Self::Several(left.into())),
        }
    }
}

/// Adds one `value` to those of `key`.
fn add<K: Eq + Hash, V: Copy + PartialEq>(map: &HashMap<K, Few<V>>, key: K, value: V) {
    map.pin()
        .update_or_insert_with(key, |values| values.with(value), || Few::One(value));
}

/// Takes one `value` from those of `key`, and the key with the last one.
fn take<K: Eq + Hash, V: Copy + PartialEq>(map: &HashMap<K, Few<V>>, key: K, value: V) {
    map.pin().compute(key, |held| match held {
        Some((_, values)) => values
            .without(value)
            .map_or(Operation::Remove, Operation::Insert),
        None => Operation::Abort(()),
    });
}
/// Who claims an address, as far as it matters.
#[derive(Default)]
struct Found {
    known: Option<SubscriptionId>,
    unknown: bool,
    several: bool,
}

impl Found {
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
    mac: Option<MacAddress>,
    /// Only where there is no MAC.
    port: Option<PortMark>,
    addresses: [Option<Address>; 3],
    /// At most [`FURTHER_IPV6_MAX`](crate::record::FURTHER_IPV6_MAX).
    further: Box<[Ipv6Prefix]>,
}

impl SessionClaim {
    /// The claim of a session; none if it is over.
    pub(crate) fn of(session: &Session) -> Option<Self> {
        session.stopped_at.is_none().then(|| Self {
            claimant: session.subscription,
            mac: session.mac,
            port: session
                .mac
                .is_none()
                .then(|| PortMark::of(session))
                .flatten(),
            addresses: [
                session.framed_ipv4.map(Address::V4),
                session.framed_ipv6.map(Address::V6),
                session.delegated_ipv6.map(Address::V6),
            ],
            further: session.further_ipv6.clone(),
        })
    }

    fn addresses(&self) -> impl Iterator<Item = Address> {
        let further = self.further.iter().copied().map(Address::V6);
        self.addresses.into_iter().flatten().chain(further)
    }
}

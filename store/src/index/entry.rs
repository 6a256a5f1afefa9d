//! The record of one subscription: its octets, and a view of them.
//!
//! | octets | what |
//! | --- | --- |
//! | 0 to 15 | id |
//! | 16 to 23 | `paid_through`, milliseconds since 1970 |
//! | 24 to 27 | number of the plan |
//! | 28, 29 | what follows: see [`Part`] |
//! | 30, 31 | lengths of user name and password; 0 where there is none |
//! | from 32 | user name, password, parts in their order |
//! | then | if there is [`Part::More`]: see [`more`] |
//!
//! Numbers have their least octet first. A user name and a password of 13 octets together fit into
//! one slot with all parts there are but more; the longest of all fit into six.
//!
//! Not here: where records lie (`slots`), what they mean at an instant (`subscription`).

use std::net::{Ipv4Addr, Ipv6Addr};

use garth_subscription::facts::{Ending, SubscriptionId};
use garth_subscription::route::{FramedRoute, FramedRoutes, LinkPrefix};
use garth_subscription::standing::{PauseSpan, StandingFacts};
use garth_subscription::subscriber::{
    Credential, Ipv6Prefix, MacAddress, NtHash, Password, UserName,
};
use garth_subscription::text::{CircuitId, RemoteId};
use garth_subscription::time::{Span, Timestamp};
use uuid::Uuid;

use super::more::{self, More};
use super::plans::{PlanRates, Plans};
use super::slots::{RECORD_OCTETS_MAX, RecordOctets};
use crate::credential::Opened;
use crate::record::{Address, Subscription};

const PAID_THROUGH: usize = 16;
const PLAN: usize = 24;
const FLAGS: usize = 28;
const USER_NAME_LEN: usize = 30;
const PASSWORD_LEN: usize = 31;
const USER_NAME: usize = 32;
/// How many addresses may be its own without a session.
pub(super) const FIXED_ADDRESSES: usize = 3;

/// What a record may have, by the bit in its flags; those with octets follow one another.
#[derive(Clone, Copy)]
enum Part {
    Mac,
    FramedIpv4,
    DelegatedIpv6,
    StartAt,
    GraceUntil,
    /// The time that a pause has banked.
    Pause,
    PauseFrom,
    PauseUntil,
    PostponedUntil,
    EndsAt,
    ChangeAt,
    Suspended,
    Disabled,
    Cancelled,
    Terminated,
    /// What few subscriptions have follows the parts.
    More,
}

impl Part {
    /// Octets of each part, in their order; those after them are flags alone.
    const LENS: [usize; 11] = [6, 4, 17, 6, 6, 6, 6, 6, 6, 6, 6];

    const fn flag(self) -> u16 {
        1 << self as u16
    }
}

/// The flags of everything that a standing depends on besides the end of paid service.
const STANDING_FLAGS: u16 =
    !(Part::Mac.flag() | Part::FramedIpv4.flag() | Part::DelegatedIpv6.flag() | Part::More.flag());

const PARTS_LEN_MAX: usize = {
    let mut sum = 0;
    let mut part = 0;
    while part < Part::LENS.len() {
        sum += Part::LENS[part];
        part += 1;
    }
    sum
};

const _: () = assert!(
    USER_NAME + UserName::MAX_LEN + Password::MAX_LEN + PARTS_LEN_MAX + more::LEN_MAX
        <= RECORD_OCTETS_MAX,
    "the longest record fits"
);

/// What the index keeps of a subscription, borrowed from where it is read.
#[derive(Clone)]
pub(crate) struct Indexed<'a> {
    pub(crate) id: SubscriptionId,
    pub(crate) standing: StandingFacts,
    pub(crate) plan: &'a str,
    /// At most [`UserName::MAX_LEN`] octets.
    pub(crate) user_name: Option<&'a str>,
    pub(crate) credential: Option<Opened<'a>>,
    pub(crate) mac: Option<MacAddress>,
    /// At most [`CircuitId::MAX_LEN`] octets.
    pub(crate) circuit_id: Option<&'a str>,
    /// At most [`RemoteId::MAX_LEN`] octets.
    pub(crate) remote_id: Option<&'a str>,
    pub(crate) framed_ipv4: Option<Ipv4Addr>,
    pub(crate) framed_ipv6: Option<LinkPrefix>,
    pub(crate) delegated_ipv6: Option<Ipv6Prefix>,
    pub(crate) framed_routes: FramedRoutes,
}

impl<'a> Indexed<'a> {
    pub(crate) fn of(subscription: &'a Subscription, credential: Option<&'a Credential>) -> Self {
        let subscriber = &subscription.subscriber;
        Self {
            id: subscription.facts.id,
            standing: subscription.facts.standing_facts(),
            plan: subscription.facts.plan.as_str(),
            user_name: subscriber.user_name.as_ref().map(UserName::as_str),
            credential: credential.map(Opened::from),
            mac: subscriber.mac,
            circuit_id: subscriber.circuit_id.as_ref().map(CircuitId::as_str),
            remote_id: subscriber.remote_id.as_ref().map(RemoteId::as_str),
            framed_ipv4: subscriber.framed_ipv4,
            framed_ipv6: subscriber.framed_ipv6,
            delegated_ipv6: subscriber.delegated_ipv6,
            framed_routes: subscriber.framed_routes.clone(),
        }
    }

    /// What PAP and CHAP compare with.
    fn password(&self) -> Option<&'a str> {
        match self.credential {
            Some(Opened::Password(password)) => Some(password),
            Some(Opened::NtHash(_)) | None => None,
        }
    }
}

/// The octets of one record, copied out of its slots or on the way to them.
pub(super) struct Record {
    pub(super) octets: RecordOctets,
    /// How many octets it has; not known of one that was read.
    pub(super) len: usize,
}

impl Record {
    /// Room for a record that is to be read.
    pub(super) const fn empty() -> Self {
        Self {
            octets: [0; RECORD_OCTETS_MAX],
            len: 0,
        }
    }

    /// The record of a subscription whose plan has that number.
    pub(super) fn of(indexed: &Indexed<'_>, plan: u32) -> Self {
        let mut record = Self::empty();
        let standing = &indexed.standing;
        record.add(indexed.id.0.as_bytes());
        record.add_instant(standing.paid_through);
        record.add(&plan.to_le_bytes());
        record.len = USER_NAME;
        record.octets[USER_NAME_LEN] = record.add_text(indexed.user_name);
        record.octets[PASSWORD_LEN] = record.add_text(indexed.password());
        record.add_part(Part::Mac, indexed.mac.map(|mac| mac.0));
        record.add_part(Part::FramedIpv4, indexed.framed_ipv4.map(|at| at.octets()));
        record.add_part(
            Part::DelegatedIpv6,
            indexed.delegated_ipv6.map(prefix_octets),
        );
        let instant = |at: Timestamp| millis_octets(at.unix_millis());
        record.add_part(Part::StartAt, standing.start_at.map(instant));
        record.add_part(Part::GraceUntil, standing.grace_until.map(instant));
        let pause = standing.pause;
        let banked = pause.map(|pause| pause.banked.millis());
        record.add_part(Part::Pause, banked.map(millis_octets));
        record.add_part(Part::PauseFrom, pause.map(|pause| instant(pause.from)));
        let until = pause.and_then(|pause| pause.until);
        record.add_part(Part::PauseUntil, until.map(instant));
        let postponed = standing.suspended.flatten();
        record.add_part(Part::PostponedUntil, postponed.map(instant));
        record.add_part(Part::EndsAt, standing.ends_at.map(instant));
        record.add_part(Part::ChangeAt, standing.change_at.map(instant));
        record.set(Part::Suspended, standing.suspended.is_some());
        record.set(Part::Disabled, standing.disabled);
        record.set(Part::Cancelled, standing.ended == Some(Ending::Cancelled));
        record.set(Part::Terminated, standing.ended == Some(Ending::Terminated));
        let more_octets = more::encode(indexed);
        record.set(Part::More, !more_octets.is_empty());
        record.add(&more_octets);
        record
    }

    /// The record as it is read.
    pub(super) const fn entry<'a>(&'a self, plans: &'a Plans) -> Entry<'a> {
        Entry {
            octets: &self.octets,
            plans,
        }
    }

    fn add(&mut self, octets: &[u8]) {
        let end = self.len + octets.len();
        self.octets[self.len..end].copy_from_slice(octets);
        self.len = end;
    }

    fn add_instant(&mut self, at: Timestamp) {
        self.add(&at.unix_millis().to_le_bytes());
    }

    fn add_text(&mut self, text: Option<&str>) -> u8 {
        let text = text.unwrap_or_default();
        self.add(text.as_bytes());
        u8::try_from(text.len()).expect("names and passwords have at most 253 octets")
    }

    fn add_part<const N: usize>(&mut self, part: Part, octets: Option<[u8; N]>) {
        if let Some(octets) = octets {
            self.add(&octets);
            self.set(part, true);
        }
    }

    fn set(&mut self, part: Part, is_there: bool) {
        if is_there {
            let [low, high] = part.flag().to_le_bytes();
            self.octets[FLAGS] |= low;
            self.octets[FLAGS + 1] |= high;
        }
    }
}

fn prefix_octets(prefix: Ipv6Prefix) -> [u8; 17] {
    let mut octets = [prefix.prefix_len(); 17];
    octets[..16].copy_from_slice(&prefix.address().octets());
    octets
}

/// What the network needs to know of one subscription: a view of a copy of its record.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    octets: &'a RecordOctets,
    plans: &'a Plans,
}

impl<'a> Entry<'a> {
    /// Which one.
    #[must_use]
    pub fn id(&self) -> SubscriptionId {
        SubscriptionId(Uuid::from_bytes(self.fixed(0)))
    }

    /// What its standing depends on.
    #[must_use]
    pub fn standing(&self) -> StandingFacts {
        let paid_through = instant_of(i64::from_le_bytes(self.fixed(PAID_THROUGH)));
        // Nearly all have nothing else: they need not ask for each part.
        if u16::from_le_bytes(self.fixed(FLAGS)) & STANDING_FLAGS == 0 {
            return StandingFacts::paid(paid_through);
        }
        self.standing_of_parts(paid_through)
    }

    fn standing_of_parts(&self, paid_through: Timestamp) -> StandingFacts {
        let instant = |part| self.part(part).map(|octets| instant_of(millis_of(octets)));
        let pause = self.part(Part::Pause).map(|banked| {
            let banked = Span::from_millis(millis_of(banked));
            PauseSpan {
                from: instant(Part::PauseFrom).expect("a pause has a start"),
                until: instant(Part::PauseUntil),
                banked: banked.expect("it was a span when it was written"),
            }
        });
        let ended = if self.has(Part::Cancelled) {
            Some(Ending::Cancelled)
        } else {
            self.has(Part::Terminated).then_some(Ending::Terminated)
        };
        StandingFacts {
            start_at: instant(Part::StartAt),
            ended,
            paid_through,
            grace_until: instant(Part::GraceUntil),
            pause,
            suspended: self
                .has(Part::Suspended)
                .then(|| instant(Part::PostponedUntil)),
            disabled: self.has(Part::Disabled),
            ends_at: instant(Part::EndsAt),
            change_at: instant(Part::ChangeAt),
        }
    }

    /// What RADIUS calls it.
    #[must_use]
    pub fn user_name(&self) -> Option<&'a str> {
        let name = self.user_name_octets()?;
        Some(str::from_utf8(name).expect("it was text when it was written"))
    }

    /// What it proves itself with; not for logs.
    #[must_use]
    pub fn password(&self) -> Option<&'a [u8]> {
        let from = USER_NAME + usize::from(self.octets[USER_NAME_LEN]);
        let len = usize::from(self.octets[PASSWORD_LEN]);
        (len > 0).then(|| &self.octets[from..from + len])
    }

    /// Whether it has anything of what few have: an NT hash, a line, a link prefix, routes.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.has(Part::More)
    }

    /// The NT hash that it proves itself with, where no password is on file; not for logs.
    #[must_use]
    pub fn nt_hash(&self) -> Option<[u8; NtHash::LEN]> {
        self.more()?.nt_hash()
    }

    /// Its line, as the access node names it (Agent-Circuit-Id).
    #[must_use]
    pub fn circuit_id(&self) -> Option<&'a [u8]> {
        self.more()?.circuit_id()
    }

    /// The other end of its line (Agent-Remote-Id).
    #[must_use]
    pub fn remote_id(&self) -> Option<&'a [u8]> {
        self.more()?.remote_id()
    }

    /// The fixed IPv6 prefix of its link.
    #[must_use]
    pub fn framed_ipv6(&self) -> Option<LinkPrefix> {
        self.more()?.framed_ipv6()
    }

    /// What is routed to it besides, in its order.
    pub fn framed_routes(&self) -> impl Iterator<Item = FramedRoute> + use<'a> {
        self.more().into_iter().flat_map(More::framed_routes)
    }

    /// Its equipment.
    #[must_use]
    pub fn mac(&self) -> Option<MacAddress> {
        self.part(Part::Mac).map(MacAddress)
    }

    /// Its fixed IPv4 address.
    #[must_use]
    pub fn framed_ipv4(&self) -> Option<Ipv4Addr> {
        self.part::<4>(Part::FramedIpv4).map(Ipv4Addr::from)
    }

    /// Its fixed IPv6 prefix.
    #[must_use]
    pub fn delegated_ipv6(&self) -> Option<Ipv6Prefix> {
        let octets: [u8; 17] = self.part(Part::DelegatedIpv6)?;
        let (address, len) = octets.split_first_chunk::<16>().expect("17 octets");
        let prefix = Ipv6Prefix::new(Ipv6Addr::from(*address), len[0]);
        Some(prefix.expect("it was a prefix when it was written"))
    }

    /// What its plan gives to the subscriber, in kbit/s.
    #[must_use]
    pub fn down_kbps(&self) -> u32 {
        self.rates().down_kbps
    }

    /// What its plan takes from the subscriber, in kbit/s.
    #[must_use]
    pub fn up_kbps(&self) -> u32 {
        self.rates().up_kbps
    }

    /// Its plan, by the place of its rates in [`super::Index::plan_rates`].
    #[must_use]
    pub fn plan_number(&self) -> u32 {
        u32::from_le_bytes(self.fixed(PLAN))
    }

    fn rates(&self) -> PlanRates {
        self.plans.rates(self.plan_number())
    }

    pub(super) fn user_name_octets(&self) -> Option<&'a [u8]> {
        let len = usize::from(self.octets[USER_NAME_LEN]);
        (len > 0).then(|| &self.octets[USER_NAME..USER_NAME + len])
    }

    /// The addresses that are its own, whether or not it has a session.
    pub(super) fn fixed_addresses(&self) -> [Option<Address>; FIXED_ADDRESSES] {
        let link = self.framed_ipv6().map(LinkPrefix::prefix);
        [
            self.framed_ipv4().map(Address::V4),
            link.map(Address::V6),
            self.delegated_ipv6().map(Address::V6),
        ]
    }

    fn more(&self) -> Option<More<'a>> {
        self.has_more()
            .then(|| More::new(&self.octets[self.parts_end(Part::More)..]))
    }

    fn has(&self, part: Part) -> bool {
        u16::from_le_bytes(self.fixed(FLAGS)) & part.flag() != 0
    }

    fn part<const N: usize>(&self, part: Part) -> Option<[u8; N]> {
        self.has(part).then(|| self.fixed(self.parts_end(part)))
    }

    /// Where the parts before `part` end.
    fn parts_end(&self, part: Part) -> usize {
        let flags = u16::from_le_bytes(self.fixed(FLAGS)) & (part.flag() - 1);
        let before = Part::LENS.iter().enumerate();
        let offset: usize = before
            .filter(|(bit, _)| flags >> bit & 1 == 1)
            .map(|(_, len)| len)
            .sum();
        let lens = self.octets[USER_NAME_LEN..USER_NAME].iter();
        let texts: usize = lens.map(|len| usize::from(*len)).sum();
        USER_NAME + texts + offset
    }

    fn fixed<const N: usize>(&self, from: usize) -> [u8; N] {
        *self.octets[from..]
            .first_chunk()
            .expect("a record has its fixed octets and what its flags say")
    }
}

fn instant_of(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(millis).expect("it was an instant when it was written")
}

/// Milliseconds in six octets: they reach beyond the year 9999.
fn millis_octets(millis: i64) -> [u8; 6] {
    let [a, b, c, d, e, f, ..] = millis.to_le_bytes();
    [a, b, c, d, e, f]
}

fn millis_of([a, b, c, d, e, f]: [u8; 6]) -> i64 {
    i64::from_le_bytes([a, b, c, d, e, f, 0, 0])
}

const _: () = assert!(
    Timestamp::MAX.unix_millis() < 1 << 48,
    "every instant and every span between two of them fits six octets"
);

#[cfg(test)]
mod tests {
    use garth_subscription::route::{Ipv4Prefix, RoutePrefix};
    use proptest::prelude::*;

    use super::super::slots::SLOT_OCTETS;
    use super::*;

    fn instant() -> impl Strategy<Value = Timestamp> {
        let any = (0..=Timestamp::MAX.unix_millis())
            .prop_map(|at| Timestamp::from_unix_millis(at).unwrap());
        prop_oneof![8 => any, 1 => Just(Timestamp::MIN), 1 => Just(Timestamp::MAX)]
    }

    fn standing() -> impl Strategy<Value = StandingFacts> {
        let span = instant().prop_map(|end| end.since(Timestamp::MIN));
        let pause =
            (instant(), prop::option::of(instant()), span).prop_map(|(from, until, banked)| {
                PauseSpan {
                    from,
                    until,
                    banked,
                }
            });
        let ended = prop_oneof![Just(Ending::Cancelled), Just(Ending::Terminated)];
        (
            prop::option::of(instant()),
            prop::option::of(ended),
            instant(),
            prop::option::of(instant()),
            prop::option::of(pause),
            prop::option::of(prop::option::of(instant())),
            any::<bool>(),
            prop::option::of(instant()),
            prop::option::of(instant()),
        )
            .prop_map(|parts| StandingFacts {
                start_at: parts.0,
                ended: parts.1,
                paid_through: parts.2,
                grace_until: parts.3,
                pause: parts.4,
                suspended: parts.5,
                disabled: parts.6,
                ends_at: parts.7,
                change_at: parts.8,
            })
    }

    fn credential() -> impl Strategy<Value = Credential> {
        let password = "[ -~]{1,128}".prop_map(|text| Credential::Password(text.parse().unwrap()));
        let hash = any::<[u8; 16]>().prop_map(|octets| Credential::NtHash(NtHash::new(octets)));
        prop_oneof![password, hash]
    }

    fn routes() -> impl Strategy<Value = FramedRoutes> {
        let metric = || prop::option::of(any::<u8>());
        let v4 = (any::<u32>(), 0_u8..=32, metric()).prop_map(|(bits, len, metric)| {
            let mask = u32::MAX.checked_shl(32 - u32::from(len)).unwrap_or(0);
            let prefix = Ipv4Prefix::new(Ipv4Addr::from_bits(bits & mask), len).unwrap();
            let prefix = RoutePrefix::V4(prefix);
            FramedRoute { prefix, metric }
        });
        let v6 = (any::<u128>(), 0_u8..=128, metric()).prop_map(|(bits, len, metric)| {
            let mask = u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0);
            let prefix = Ipv6Prefix::new(Ipv6Addr::from_bits(bits & mask), len).unwrap();
            let prefix = RoutePrefix::V6(prefix);
            FramedRoute { prefix, metric }
        });
        let all = prop::collection::vec(prop_oneof![v4, v6], 0..=FramedRoutes::MAX);
        all.prop_filter_map("no prefix twice", |routes| FramedRoutes::new(routes).ok())
    }

    proptest! {
        #[test]
        fn a_record_gives_back_what_was_put_into_it(
            id: u128,
            standing in standing(),
            plan: u32,
            user_name in prop::option::of("[a-zä]{1,126}"),
            credential in prop::option::of(credential()),
            mac in prop::option::of(any::<[u8; 6]>()),
            framed_ipv4 in prop::option::of(any::<u32>()),
            delegated_ipv6 in prop::option::of(any::<u64>()),
            line in (prop::option::of("[ -~]{1,63}"), prop::option::of("[a-zä]{1,31}")),
            framed_ipv6 in prop::option::of(any::<[u8; 8]>()),
            framed_routes in routes(),
        ) {
            let prefix = |bits: u64| Ipv6Prefix::new(Ipv6Addr::from_bits(u128::from(bits) << 64), 64);
            let indexed = Indexed {
                id: SubscriptionId(Uuid::from_u128(id)),
                standing,
                plan: "",
                user_name: user_name.as_deref(),
                credential: credential.as_ref().map(Opened::from),
                mac: mac.map(MacAddress),
                circuit_id: line.0.as_deref(),
                remote_id: line.1.as_deref(),
                framed_ipv4: framed_ipv4.map(Ipv4Addr::from_bits),
                framed_ipv6: framed_ipv6.map(LinkPrefix::of_octets),
                delegated_ipv6: delegated_ipv6.map(|bits| prefix(bits).unwrap()),
                framed_routes,
            };
            let plans = Plans::new();
            let record = Record::of(&indexed, plan);
            let entry = record.entry(&plans);
            prop_assert_eq!(entry.id(), indexed.id);
            prop_assert_eq!(entry.standing(), indexed.standing);
            prop_assert_eq!(entry.plan_number(), plan);
            prop_assert_eq!(entry.user_name(), indexed.user_name);
            prop_assert_eq!(entry.password(), indexed.password().map(str::as_bytes));
            let hash = match indexed.credential {
                Some(Opened::NtHash(hash)) => Some(hash),
                Some(Opened::Password(_)) | None => None,
            };
            prop_assert_eq!(entry.nt_hash(), hash);
            prop_assert_eq!(entry.circuit_id(), indexed.circuit_id.map(str::as_bytes));
            prop_assert_eq!(entry.remote_id(), indexed.remote_id.map(str::as_bytes));
            prop_assert_eq!(entry.framed_ipv6(), indexed.framed_ipv6);
            let routes: Vec<_> = entry.framed_routes().collect();
            prop_assert_eq!(routes.as_slice(), indexed.framed_routes.as_slice());
            prop_assert_eq!(entry.mac(), indexed.mac);
            prop_assert_eq!(entry.framed_ipv4(), indexed.framed_ipv4);
            prop_assert_eq!(entry.delegated_ipv6(), indexed.delegated_ipv6);
            let texts = indexed.user_name.map_or(0, str::len) + indexed.password().map_or(0, str::len);
            let has_more = hash.is_some() || indexed.circuit_id.is_some() || indexed.remote_id.is_some()
                || indexed.framed_ipv6.is_some() || !routes.is_empty();
            let more_len = if has_more { NtHash::LEN + more::LEN_MAX } else { 0 };
            prop_assert!(record.len <= USER_NAME + texts + PARTS_LEN_MAX + more_len);
        }
    }

    #[test]
    fn a_usual_subscriber_with_all_that_there_may_be_fits_into_one_slot() {
        const { assert!(USER_NAME + 13 + PARTS_LEN_MAX <= SLOT_OCTETS) };
    }
}

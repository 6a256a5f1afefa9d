//! What the benchmarks of the hot paths measure: a server, its subscribers, and requests that are new to it.
//!
//! The subscribers are in a real index, and the directory asks it as the daemon's does. Requests are
//! those of the macro benchmarks ([`packets`](crate::packets)), made before any clock starts.
//!
//! Not here: sockets. What the kernel takes for a datagram is the same for everybody; what is measured is
//! what Garth adds to it.

use std::array;
use std::borrow::Borrow;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use garth_radius::UnixSeconds;
use garth_radius::attribute::AttributeType;
use garth_radius::code::Code;
use garth_radius::crypto::{Password, Secret, finish_response};
use garth_radius::dialect::{self, Dialect, Fill, GardenName, PortalUrl};
use garth_radius::directory::{self, Credential, Directory, Identity, Profile};
use garth_radius::nas::{Nas, NasTable};
use garth_radius::packet::{Authenticator, Encoder, PACKET_LEN_MAX};
use garth_radius::server::{
    AccountVerdict, Datagram, DropReason, GardenSettings, Outcome, PlanTerms, Rates, RejectReason,
    ReplyBuffer, Server, Settings, Ticket, Unknown, Verdict,
};
use garth_store::index::{Entry, Index};
use garth_store::record::Subscription;
use garth_subscription::calendar::{Anchor, CivilDate};
use garth_subscription::facts::{Holds, PauseUse, Phase, Renewal, SubscriptionId};
use garth_subscription::money::Currency;
use garth_subscription::plan::{Catalogue, Plan, PlanKind, SessionTerms};
use garth_subscription::standing::next_boundary;
use garth_subscription::subscriber::{self, MacAddress, Subscriber};
use garth_subscription::text::PlanId;
use garth_subscription::{Access, Facts, Money, Timestamp, standing};
use uuid::Uuid;

use crate::packets::{Kind, Load, SLOTS, secret, slot};
use crate::population::Population;

/// When all of it happens.
pub const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

/// So many requests may be asked over and over: when one comes again, its source port and identifier
/// were used by another meanwhile, so it is not taken for a repetition.
pub const REQUESTS: usize = 2 * SLOTS;

/// The only NAS, and somebody who is none.
const NAS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const STRANGER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
/// The first source port.
const PORT: u16 = 49_152;
/// The plan of everybody.
const PLAN: &str = "home-100";
/// Whoever has paid has done so for so many seconds from now on, whoever has not for so many until now.
const PAID_SECONDS: u32 = 2_000_000;
/// Lays the ends of paid time apart.
const SPREAD_SECONDS: u32 = 1_000_000;
/// Of the request that [`Accept`] answers.
const IDENTIFIER: u8 = 7;
/// What the users and authenticators of requests are drawn from.
const SEED: u64 = 1;

/// `NOW` as the rules take it.
///
/// # Panics
/// Never: it is in the calendar.
pub fn now() -> Timestamp {
    i64::try_from(NOW.0)
        .ok()
        .and_then(Timestamp::from_unix_seconds)
        .expect("it is in the calendar")
}

/// The index of everybody in `population`, without a store.
///
/// # Panics
/// Never: all of it is fixed here.
pub fn index(population: Population) -> Index {
    let currency: Currency = "EUR".parse().expect("a currency");
    let plan = Plan {
        id: PLAN.parse().expect("an id"),
        name: "Home 100".parse().expect("a label"),
        kind: PlanKind::Internet,
        down_kbps: 100_000,
        up_kbps: 20_000,
        session: SessionTerms::default(),
        prices: Vec::new(),
        change_to: Vec::new(),
    };
    let id = plan.id.clone();
    let catalogue = Catalogue::new(currency, vec![plan]).expect("one plan");
    let subscriptions =
        (0..population.count()).map(|user| subscription(population, user, &id, currency));
    Index::of(&catalogue, subscriptions)
}

fn subscription(
    population: Population,
    user: u32,
    plan: &PlanId,
    currency: Currency,
) -> (Subscription, Option<subscriber::Credential>) {
    let id = Population::class(user);
    let [.., a, b, c, d] = id;
    let seconds = i64::from(PAID_SECONDS + user % SPREAD_SECONDS);
    let from_now = if population.has_paid(user) {
        seconds
    } else {
        -seconds
    };
    let at = |seconds| Timestamp::from_unix_seconds(seconds).expect("it is in the calendar");
    let password = Population::password(user).parse().expect("a password");
    let subscription = Subscription {
        credential: None,
        subscriber: Subscriber {
            user_name: Some(Population::user_name(user).parse().expect("a name")),
            mac: Some(MacAddress([2, 0, a, b, c, d])),
            ..Subscriber::default()
        },
        facts: Facts {
            id: SubscriptionId(Uuid::from_bytes(id)),
            version: 1,
            phase: Phase::Started { at: at(0) },
            paid_through: at(now().unix_seconds() + from_now),
            anchor: Anchor {
                date: CivilDate::from_ymd(1970, 1, 1).expect("a day"),
            },
            grace_until: None,
            holds: Holds::default(),
            plan: plan.clone(),
            services: Vec::new(),
            renewal: Renewal::default(),
            balance: Money::zero(currency),
            owing_since: None,
            waived_debt: None,
            has_lapsed: false,
            unbilled: None,
            active_since: at(0),
            plan_change: None,
            termination: None,
            pause_use: PauseUse::default(),
            provisional: Vec::new(),
        },
    };
    (
        subscription,
        Some(subscriber::Credential::Password(password)),
    )
}

/// The subscribers of an index as the RADIUS server asks for them.
pub struct Subscribers<I>(pub I);

impl<I: Borrow<Index>> Directory for Subscribers<I> {
    fn find(&self, identity: &Identity<'_>, _: UnixSeconds, profile: &mut Profile) -> bool {
        let index = self.0.borrow();
        let found = match identity {
            Identity::UserName(name) => index.by_user_name(name, |entry| fill(entry, profile)),
            Identity::Mac(mac) => index.by_mac(MacAddress(*mac), |entry| fill(entry, profile)),
            Identity::Line { .. } => None,
        };
        found.is_some()
    }

    fn prefetch<'a>(&self, user_names: impl Iterator<Item = &'a [u8]>) {
        self.0.borrow().prefetch(user_names);
    }
}

fn fill(entry: &Entry<'_>, profile: &mut Profile) {
    let (facts, now) = (entry.standing(), now());
    profile.access = match standing(&facts, now).access() {
        Access::Full => directory::Access::Full,
        Access::Garden => directory::Access::Garden,
        Access::Reject => directory::Access::Reject,
    };
    if let Some(password) = entry.password().and_then(Password::new) {
        profile.credential = Credential::Password(password);
    }
    profile.plan = Some(entry.plan_number());
    profile.down_kbps = entry.down_kbps();
    profile.up_kbps = entry.up_kbps();
    profile.session_timeout_seconds = next_boundary(&facts, now)
        .and_then(|boundary| u32::try_from(boundary.since(now).seconds()).ok());
    profile.framed_ipv4 = entry.framed_ipv4();
    profile.delegated_ipv6 = entry
        .delegated_ipv6()
        .map(|prefix| (prefix.address(), prefix.prefix_len()));
    profile.class = *entry.id().0.as_bytes();
}

fn server(index: &Index) -> Server {
    let prefix = "192.0.2.0/24".parse().expect("a prefix");
    let nas = Nas::new("nas-1", prefix, secret(), Arc::new(Dialect::mikrotik()));
    let plans = index.plan_rates().into_iter().map(|rates| {
        PlanTerms::from(Rates {
            down_kbps: rates.down_kbps,
            up_kbps: rates.up_kbps,
        })
    });
    let settings = Settings::new(
        NasTable::new(vec![nas]).expect("one NAS"),
        GardenSettings {
            down_kbps: 1_000,
            up_kbps: 1_000,
            address_list: GardenName::new("garden").expect("a name"),
            portal_url: PortalUrl::default(),
            session_timeout_seconds: 600,
            interim_seconds: 120,
            unknown: Unknown::Reject,
        },
        plans.collect(),
    );
    Server::new(Arc::new(settings), SEED)
}

/// An Access-Accept for full access, encoded from its dialect's templates: as the server does where it
/// has nothing encoded ahead.
pub struct Accept {
    dialect: Dialect,
    garden_name: GardenName,
    secret: Secret,
    buffer: Box<ReplyBuffer>,
}

impl Default for Accept {
    fn default() -> Self {
        Self::new()
    }
}

impl Accept {
    /// Room for one.
    ///
    /// # Panics
    /// Never: all of it is fixed here.
    pub fn new() -> Self {
        Self {
            dialect: Dialect::mikrotik(),
            garden_name: GardenName::new("garden").expect("a name"),
            secret: secret(),
            buffer: Box::new([0; PACKET_LEN_MAX]),
        }
    }

    fn encoded(&mut self) -> (Encoder<'_>, &Secret) {
        let fill = Fill {
            down_kbps: black_box(100_000),
            up_kbps: black_box(20_000),
            garden_name: &self.garden_name,
            ..Fill::default()
        };
        let buffer = &mut self.buffer[..];
        let mut encoder = Encoder::new(buffer, Code::ACCESS_ACCEPT, IDENTIFIER).expect("room");
        encoder.message_authenticator().expect("room");
        dialect::encode(&self.dialect.full, fill, &mut encoder).expect("room");
        let seconds = black_box(86_400);
        encoder
            .integer(AttributeType::SESSION_TIMEOUT, seconds)
            .expect("room");
        encoder
            .attribute(AttributeType::CLASS, &black_box([7; 16]))
            .expect("room");
        (encoder, &self.secret)
    }

    /// Encodes all but the signature.
    ///
    /// # Panics
    /// Never: it fits.
    pub fn encode(&mut self) {
        black_box(self.encoded());
    }

    /// Encodes it, signs it and returns it.
    ///
    /// # Panics
    /// Never: it fits.
    pub fn encode_and_sign(&mut self, request_authenticator: &Authenticator) -> &[u8] {
        let (encoder, secret) = self.encoded();
        let len = finish_response(encoder, request_authenticator, secret);
        &self.buffer[..len]
    }
}

/// What is asked of a handler.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Asked {
    /// By the NAS.
    Kind(Kind),
    /// A PAP request, right in all but where it comes from.
    UnknownSource,
}

impl Asked {
    fn kind(self) -> Kind {
        match self {
            Self::Kind(kind) => kind,
            Self::UnknownSource => Kind::Pap,
        }
    }

    /// Whether that is the verdict on a request of the authentication port.
    fn is_answered(self, verdict: Verdict) -> bool {
        let outcome = match verdict {
            Verdict::Reply { outcome, .. } => outcome,
            Verdict::Drop(reason) => {
                return match self {
                    Self::Kind(kind) => {
                        kind == Kind::BadAuthenticator
                            && reason == DropReason::BadMessageAuthenticator
                    }
                    Self::UnknownSource => reason == DropReason::UnknownNas,
                };
            }
        };
        let Self::Kind(kind) = self else {
            return false;
        };
        let right = match kind {
            Kind::Pap | Kind::Chap => Outcome::AcceptFull,
            Kind::Garden => Outcome::AcceptGarden,
            Kind::Reject => Outcome::Reject(RejectReason::WrongPassword),
            Kind::UnknownUser => Outcome::Reject(RejectReason::UnknownUser),
            Kind::Accounting | Kind::BadAuthenticator => return false,
        };
        outcome == right
    }
}

/// A server and requests of one kind, asked in their order and again from the first.
pub struct Handler {
    asked: Asked,
    server: Server,
    subscribers: Subscribers<Index>,
    load: Load,
    next: usize,
    replies: Vec<ReplyBuffer>,
}

impl Handler {
    /// A server that knows `population`, and so many requests, in batches of up to `batch`.
    pub fn new(asked: Asked, population: Population, requests: usize, batch: usize) -> Self {
        let index = index(population);
        Self {
            asked,
            server: server(&index),
            subscribers: Subscribers(index),
            load: Load::new(asked.kind(), requests, population, SEED),
            next: 0,
            replies: vec![[0; PACKET_LEN_MAX]; batch],
        }
    }

    /// Answers the next `N` requests together; those of the accounting port are said to be durable at once.
    ///
    /// # Panics
    /// When one is not answered as is right, when `N` is above the batch it was made for, or when the
    /// number of its requests is no multiple of `N`.
    pub fn answer<const N: usize>(&mut self) {
        let address = match self.asked {
            Asked::Kind(_) => NAS,
            Asked::UnknownSource => STRANGER,
        };
        let (load, first) = (&self.load, self.next);
        let datagrams: [_; N] = array::from_fn(|at| Datagram {
            source: SocketAddr::from((address, port(first + at))),
            octets: load.get(first + at),
        });
        self.next = (first + N) % load.len();
        let replies = &mut self.replies[..N];
        if self.asked != Asked::Kind(Kind::Accounting) {
            let mut verdicts = [Verdict::Drop(DropReason::UnknownNas); N];
            self.server.authenticate_batch(
                NOW,
                &datagrams,
                &self.subscribers,
                replies,
                &mut verdicts,
            );
            for verdict in verdicts {
                assert!(self.asked.is_answered(verdict), "{verdict:?}");
            }
            return;
        }
        let mut tickets: [Option<(Ticket, usize)>; N] = [const { None }; N];
        self.server
            .account_batch(NOW, &datagrams, replies, |at, verdict| match verdict {
                AccountVerdict::Record {
                    ticket, reply_len, ..
                } => tickets[at] = Some((ticket, reply_len)),
                AccountVerdict::Reply { .. } | AccountVerdict::Drop(_) => {
                    panic!("no record came of request {at}: {verdict:?}")
                }
            });
        for (ticket, reply) in tickets.into_iter().zip(replies) {
            let (ticket, len) = ticket.expect("every datagram gets a verdict");
            self.server.committed(ticket, &reply[..len]);
        }
    }
}

/// The source port of a request.
fn port(number: usize) -> u16 {
    PORT + u16::try_from(slot(number).0).expect("there are few sockets")
}

#[cfg(test)]
mod tests {
    use garth_radius::packet::Packet;

    use super::*;
    use crate::packets::{Promise, verify};

    const KINDS: [Asked; 8] = [
        Asked::Kind(Kind::Pap),
        Asked::Kind(Kind::Chap),
        Asked::Kind(Kind::Reject),
        Asked::Kind(Kind::Garden),
        Asked::Kind(Kind::Accounting),
        Asked::Kind(Kind::UnknownUser),
        Asked::Kind(Kind::BadAuthenticator),
        Asked::UnknownSource,
    ];

    #[test]
    fn every_request_gets_the_verdict_of_its_kind_alone_and_in_a_batch() {
        for asked in KINDS {
            let mut handler = Handler::new(asked, Population::new(50), 64, 32);
            handler.answer::<32>();
            (0..32).for_each(|_| handler.answer::<1>());
            let records = if asked.kind() == Kind::Accounting {
                64
            } else {
                0
            };
            assert_eq!(handler.server.counters().committed(), records, "{asked:?}");
        }
    }

    #[test]
    fn requests_that_are_asked_over_and_over_are_never_repetitions() {
        for kind in [Kind::Pap, Kind::Accounting] {
            let mut handler =
                Handler::new(Asked::Kind(kind), Population::new(1_000), REQUESTS, 256);
            (0..3 * REQUESTS / 256).for_each(|_| handler.answer::<256>());
        }
    }

    #[test]
    fn the_accept_is_one_that_a_nas_takes() {
        let load = Load::new(Kind::Pap, 1, Population::new(10), SEED);
        let mut request = load.get(0).to_vec();
        request[1] = IDENTIFIER;
        let authenticator = *Packet::decode(&request).unwrap().authenticator();
        let mut accept = Accept::new();
        let reply = accept.encode_and_sign(&authenticator);
        verify(reply, &request, Kind::Pap, Promise::Signed, &secret()).unwrap();
        let reply = Packet::decode(reply).unwrap();
        assert!(reply.find(AttributeType::MESSAGE_AUTHENTICATOR).is_some());
        assert!(reply.find(AttributeType::VENDOR_SPECIFIC).is_some());
    }

    #[test]
    fn another_verdict_than_that_of_its_kind_is_not_taken() {
        let accept = |outcome| Verdict::Reply { len: 20, outcome };
        let verdicts = [
            accept(Outcome::AcceptFull),
            accept(Outcome::AcceptGarden),
            accept(Outcome::Reject(RejectReason::WrongPassword)),
            accept(Outcome::Reject(RejectReason::UnknownUser)),
            accept(Outcome::Duplicate),
            Verdict::Drop(DropReason::BadMessageAuthenticator),
            Verdict::Drop(DropReason::UnknownNas),
            Verdict::Drop(DropReason::Pending),
        ];
        let taken_of = |asked: Asked| {
            let taken = verdicts
                .iter()
                .filter(|verdict| asked.is_answered(**verdict));
            taken.count()
        };
        assert_eq!(KINDS.map(taken_of), [1, 1, 1, 1, 0, 1, 1, 1]);
    }

    #[test]
    fn the_index_has_everybody_and_whether_they_have_paid() {
        let population = Population::new(100);
        let index = index(population);
        assert_eq!(index.len(), 100);
        for user in 0..100 {
            let name = Population::user_name(user);
            let mut profile = Profile::default();
            let identity = Identity::UserName(name.as_bytes());
            assert!(Subscribers(&index).find(&identity, NOW, &mut profile));
            let access = if population.has_paid(user) {
                directory::Access::Full
            } else {
                directory::Access::Garden
            };
            assert_eq!(profile.access, access, "{user}");
            assert_eq!(profile.class, Population::class(user));
        }
    }
}

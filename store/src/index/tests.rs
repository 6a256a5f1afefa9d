//! The index as a whole: one writer, and readers that are in its way.

use std::net::Ipv4Addr;
use std::num::NonZeroU8;
use std::sync::atomic::{AtomicBool, Ordering};

use garth_subscription::calendar::{Anchor, CivilDate};
use garth_subscription::facts::{Facts, Holds, PauseUse, Phase, Renewal};
use garth_subscription::money::{Currency, Money};
use garth_subscription::plan::{Catalogue, Plan, PlanKind, SessionTerms};
use garth_subscription::route::FramedRoutes;
use garth_subscription::standing::StandingFacts;
use garth_subscription::subscriber;
use garth_subscription::time::Timestamp;
use uuid::Uuid;

use super::slots::Spare;
use super::*;
use crate::credential::Opened;
use crate::record::Subscription;

/// What a subscription of these tests is called, has and pays: all told by number and version.
struct Subscriber {
    number: u32,
    version: u32,
    user_name: String,
    password: String,
}

fn subscriber(number: u32, version: u32) -> Subscriber {
    let len = usize::try_from(version % 120).unwrap();
    Subscriber {
        number,
        version,
        user_name: format!("user{number}"),
        password: format!("{version}{}", "x".repeat(len)),
    }
}

impl Subscriber {
    fn indexed(&self) -> Indexed<'_> {
        let [a, b, c, d] = self.number.to_be_bytes();
        Indexed {
            id: id(self.number),
            standing: StandingFacts {
                start_at: None,
                ended: None,
                paid_through: Timestamp::from_unix_millis(i64::from(self.version)).unwrap(),
                grace_until: None,
                pause: None,
                suspended: None,
                disabled: false,
                ends_at: None,
                change_at: None,
            },
            plan: "home-100",
            user_name: Some(&self.user_name),
            credential: Some(Opened::Password(&self.password)),
            mac: Some(MacAddress([2, 0, a, b, c, d])),
            circuit_id: None,
            remote_id: None,
            framed_ipv4: None,
            framed_ipv6: None,
            delegated_ipv6: None,
            framed_routes: FramedRoutes::default(),
        }
    }

    fn subscription(&self, currency: Currency) -> Subscription {
        let indexed = self.indexed();
        let at = indexed.standing.paid_through;
        Subscription {
            subscriber: subscriber::Subscriber {
                user_name: Some(self.user_name.parse().unwrap()),
                mac: indexed.mac,
                framed_ipv4: Some(Ipv4Addr::from_bits(self.number)),
                ..subscriber::Subscriber::default()
            },
            credential: None,
            facts: Facts {
                id: indexed.id,
                version: 1,
                phase: Phase::Started { at },
                paid_through: at,
                anchor: Anchor {
                    date: CivilDate::from_ymd(2027, 1, 1).unwrap(),
                },
                grace_until: None,
                holds: Holds::default(),
                plan: indexed.plan.parse().unwrap(),
                services: Vec::new(),
                renewal: Renewal::default(),
                balance: Money::zero(currency),
                owing_since: None,
                waived_debt: None,
                has_lapsed: false,
                unbilled: None,
                active_since: at,
                plan_change: None,
                termination: None,
                pause_use: PauseUse::default(),
                provisional: Vec::new(),
            },
        }
    }

    fn is(&self, entry: &Entry<'_>) -> bool {
        let indexed = self.indexed();
        entry.id() == indexed.id
            && entry.standing() == indexed.standing
            && entry.user_name() == indexed.user_name
            && entry.password() == Some(self.password.as_bytes())
            && entry.mac() == indexed.mac
    }
}

fn id(number: u32) -> SubscriptionId {
    SubscriptionId(Uuid::from_u128(u128::from(number)))
}

/// An index that uses retired slots again at once.
fn hasty() -> Index {
    let index = Index::new();
    index.writer.lock().unwrap().spare = Spare::keeping(0);
    index
}

fn publish(index: &Index, number: u32, version: u32) {
    index.publish(&subscriber(number, version).indexed());
}

fn version_of(entry: &Entry<'_>) -> u32 {
    u32::try_from(entry.standing().paid_through.unix_millis()).unwrap()
}

#[test]
fn a_slot_that_was_given_to_another_is_not_taken_for_what_it_held() {
    let index = hasty();
    publish(&index, 1, 0);
    let mut record = Record::empty();
    let named = index.find_id(id(1), &mut record).unwrap();
    let places = index.by_id.places();
    let place = places.find(named.hash()).next().unwrap();
    assert!(index.copy(&index.by_id, &places, &place, &mut record));
    publish(&index, 1, 1);
    publish(&index, 2, 0);
    assert!(index.slots.read(named.slot(), &mut record.octets).is_some());
    assert_eq!(
        record.entry(&index.plans).id(),
        id(2),
        "the slot is used again"
    );
    assert!(!index.copy(&index.by_id, &places, &place, &mut record));
}

#[test]
fn a_table_that_was_left_is_not_believed() {
    let index = hasty();
    publish(&index, 1, 0);
    let mut record = Record::empty();
    let named = index.find_id(id(1), &mut record).unwrap();
    let places = index.by_id.places();
    index.by_id.reserve(1_000);
    publish(&index, 1, 1);
    publish(&index, 2, 0);
    let place = places.find(named.hash()).next().unwrap();
    assert!(place.is_still(), "nobody writes to a table that was left");
    assert!(!index.copy(&index.by_id, &places, &place, &mut record));
    let found = index.by_id(id(1), |entry| subscriber(1, 1).is(entry));
    assert_eq!(found, Some(true));
}

#[test]
fn what_has_another_name_is_found_by_that_alone() {
    let index = hasty();
    let mut renamed = subscriber(1, 0);
    index.publish(&renamed.indexed());
    renamed.user_name = "else".to_owned();
    index.publish(&renamed.indexed());
    assert!(index.by_user_name(b"user1", |_| ()).is_none());
    assert_eq!(
        index.by_user_name(b"else", |entry| renamed.is(entry)),
        Some(true)
    );
    let nameless = Indexed {
        user_name: None,
        mac: None,
        ..renamed.indexed()
    };
    index.publish(&nameless);
    assert!(index.by_user_name(b"else", |_| ()).is_none());
    assert!(
        index
            .by_mac(renamed.indexed().mac.unwrap(), |_| ())
            .is_none()
    );
    assert_eq!(
        (index.by_user_name.len(), index.by_mac.len(), index.len()),
        (0, 0, 1)
    );
}

#[test]
fn a_change_that_the_index_does_not_keep_takes_no_slot() {
    let index = hasty();
    publish(&index, 1, 7);
    let mut record = Record::empty();
    let before = index.find_id(id(1), &mut record);
    publish(&index, 1, 7);
    assert_eq!(index.find_id(id(1), &mut record), before);
    publish(&index, 1, 8);
    assert_ne!(index.find_id(id(1), &mut record), before);
}

#[test]
fn loaders_and_the_writer_fill_an_index_alike() {
    let (loaded, published) = (Index::new(), Index::new());
    let loaders = std::thread::scope(|scope| {
        let load = |part: u32| {
            let mut loader = loaded.loader();
            for number in (part..1_000).step_by(3) {
                let subscriber = subscriber(number, number);
                loader.add(&subscriber.indexed()).unwrap();
            }
            loader
        };
        let running: Vec<_> = (0..3).map(|part| scope.spawn(move || load(part))).collect();
        running
            .into_iter()
            .map(|loader| loader.join().unwrap())
            .collect()
    });
    loaded.finish(loaders);
    (0..1_000).for_each(|number| publish(&published, number, number));
    assert_eq!(loaded.content(), published.content());
    for index in [&loaded, &published] {
        (0..2_000).for_each(|number| publish(index, number, number / 2));
    }
    assert_eq!(loaded.content(), published.content());
}

#[test]
fn an_index_of_plans_and_subscriptions_is_as_if_they_were_published() {
    let currency: Currency = "EUR".parse().unwrap();
    let plan = Plan {
        id: "home-100".parse().unwrap(),
        name: "A plan".parse().unwrap(),
        kind: PlanKind::Internet,
        down_kbps: 100_000,
        up_kbps: 20_000,
        session: SessionTerms::default(),
        prices: Vec::new(),
        change_to: Vec::new(),
    };
    let catalogue = Catalogue::new(currency, vec![plan]).unwrap();
    let subscriptions: Vec<_> = (0..300)
        .map(|number| {
            let subscriber = subscriber(number, number);
            let password = subscriber.password.parse().unwrap();
            let credential = subscriber::Credential::Password(password);
            (subscriber.subscription(currency), Some(credential))
        })
        .collect();
    let published = Index::new();
    published.publish_plans(&catalogue);
    for (subscription, credential) in &subscriptions {
        published.publish_subscription(subscription, credential.as_ref());
    }
    let index = Index::of(&catalogue, &subscriptions);
    assert_eq!(index.len(), 300);
    assert_eq!(index.content(), published.content());
    let rates = index.by_user_name(b"user7", |entry| (entry.down_kbps(), entry.up_kbps()));
    assert_eq!(rates, Some((100_000, 20_000)));
}

#[test]
fn what_is_there_is_found_whole_by_every_name_while_everything_changes() {
    const SUBSCRIBERS: u32 = 50;
    const VERSIONS: u32 = 1_000;
    let index = hasty();
    (0..SUBSCRIBERS).for_each(|number| publish(&index, number, 0));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for first in 0..3 {
            let (index, over) = (&index, &over);
            scope.spawn(move || {
                let mut last = [0; SUBSCRIBERS as usize];
                for number in (0..SUBSCRIBERS).cycle().skip(first) {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    let check = |entry: &Entry<'_>| {
                        let version = version_of(entry);
                        assert!(subscriber(number, version).is(entry), "{number} {version}");
                        version
                    };
                    let name = format!("user{number}");
                    let seen = index.by_id(id(number), check).unwrap();
                    let named = index.by_user_name(name.as_bytes(), check).unwrap();
                    let mac = subscriber(number, 0).indexed().mac.unwrap();
                    let at_mac = index.by_mac(mac, check).unwrap();
                    let last = &mut last[usize::try_from(number).unwrap()];
                    // Each table has the new version a moment before or after the others, and a
                    // reader that is late may be given it a moment before they have.
                    let oldest = seen.min(named).min(at_mac);
                    assert!(oldest + 1 >= *last, "{oldest} after {last}");
                    *last = seen.max(named).max(at_mac);
                }
            });
        }
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let mut seen = [false; SUBSCRIBERS as usize];
                index.for_each(|entry| {
                    let number = u32::try_from(entry.id().0.as_u128()).unwrap();
                    assert!(subscriber(number, version_of(entry)).is(entry));
                    if let Some(seen) = seen.get_mut(usize::try_from(number).unwrap()) {
                        *seen = true;
                    }
                });
                assert_eq!(seen, [true; SUBSCRIBERS as usize]);
            }
        });
        for version in 1..VERSIONS {
            (0..SUBSCRIBERS).for_each(|number| publish(&index, number, version));
            // One more, so that the tables grow meanwhile.
            publish(&index, SUBSCRIBERS + version, 0);
        }
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn new_rates_reach_every_subscription_of_a_plan_and_numbers_stay() {
    let index = Index::new();
    publish(&index, 1, 0);
    let rates = PlanRates {
        down_kbps: 50_000,
        up_kbps: 10_000,
    };
    let session = SessionTerms {
        session_limit: NonZeroU8::new(2),
        framed_pool: "pool-1".parse().ok(),
        ..SessionTerms::default()
    };
    let terms = PlanTerms { rates, session };
    index.plans.set("home-100", terms.clone());
    let seen = index.by_id(id(1), |entry| {
        (entry.plan_number(), entry.down_kbps(), entry.up_kbps())
    });
    assert_eq!(seen, Some((0, 50_000, 10_000)));
    assert_eq!(index.plans.number_of("home-500"), 1);
    assert_eq!(index.plan_rates(), [rates, PlanRates::default()]);
    assert_eq!(index.plan_terms(), [terms, PlanTerms::default()]);
}

#[test]
fn memory_is_what_slots_and_tables_have() {
    let index = Index::new();
    (0..20_000).for_each(|number| publish(&index, number, 0));
    let memory = index.memory();
    assert_eq!(memory.bytes, memory.record_bytes + memory.table_bytes);
    assert_eq!(memory.bytes_per_subscription, memory.bytes / 20_000);
    // A slot each, with the spare ones; three tables with up to two places for each key, and two that
    // nothing is in.
    assert!(
        (20_000 * 128..20_000 * 144).contains(&memory.record_bytes),
        "{memory:?}"
    );
    assert!(
        (20_000 * 3 * 8..=20_000 * 3 * 16 + 1_024).contains(&memory.table_bytes),
        "{memory:?}"
    );
}

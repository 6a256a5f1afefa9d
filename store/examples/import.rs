//! Measures an import: `cargo run --release -p garth-store --example import -- FOLDER COUNT`.
//!
//! Adds COUNT subscriptions with user name, password and MAC address to the store in FOLDER, unless
//! it has them, opens it again, looks names up, and takes payments one after the other. Says how
//! long each took and how much memory the process then has.

use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use garth_store::write::{CommandRequest, NewSubscription};
use garth_store::{Clock, IMPORT_BATCH_MAX, Keys, Limits, Observer, Options, Store};
use garth_subscription::calendar::{BillingZone, Months};
use garth_subscription::command::{Actor, Command, Create, Note, Order, Role, Tender};
use garth_subscription::facts::{Renewal, SubscriptionId};
use garth_subscription::money::{Currency, Money};
use garth_subscription::plan::{Plan, PlanKind, PriceLine, SessionTerms};
use garth_subscription::policy::{Policies, Policy};
use garth_subscription::subscriber::{Credential, MacAddress, Subscriber};
use garth_subscription::time::Timestamp;
use uuid::Uuid;

/// What `garthd` keeps unless it is told otherwise.
const CACHE_MIB: usize = 48;
/// How many payments are taken one after the other.
const PAYMENTS: u32 = 200;
/// How many names are looked up in one go.
const LOOKUP_BATCH: u32 = 64;
/// 21 November 2026, in milliseconds.
const START: i64 = 1_795_262_400_000;

struct StandingClock;

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        instant(START)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

struct Nobody;

impl Observer for Nobody {
    fn changed(&self, _: &[SubscriptionId]) {}
    fn failed(&self, error: &str) {
        say(error);
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("the first argument is a folder");
    let count: u32 = arguments
        .next()
        .and_then(|count| count.parse().ok())
        .expect("the second argument is a number");
    let path = Path::new(&folder).join("import.redb");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime without drivers starts");
    let store = open(&path);
    if store.index().is_empty() {
        runtime.block_on(import(&store, count));
    }
    drop(store);
    let begun = instant_now();
    let store = open(&path);
    let memory = store.index().memory();
    say(&format!(
        "{} in the index after {:?}; {}; {memory:?}",
        store.index().len(),
        begun.elapsed(),
        resident()
    ));
    look_up(&store, count);
    let begun = instant_now();
    runtime.block_on(async {
        for number in 0..PAYMENTS.min(count) {
            store.command(payment(number)).await.expect("a payment");
        }
    });
    say(&format!("a payment in {:?}", begun.elapsed() / PAYMENTS));
}

async fn import(store: &Store, count: u32) {
    store
        .apply_plans(vec![plan()], operator())
        .await
        .expect("one plan is a catalogue");
    let begun = instant_now();
    let mut next = 0;
    while next < count {
        let until = count.min(next + u32::try_from(IMPORT_BATCH_MAX).unwrap_or(u32::MAX));
        let batch = (next..until).map(new).collect();
        let answers = store.import(batch, operator()).await.expect("a disk");
        assert!(answers.iter().all(Result::is_ok), "{:?}", answers.first());
        next = until;
    }
    say(&format!(
        "{count} imported in {:?}; {}",
        begun.elapsed(),
        resident()
    ));
}

/// Looks up names in no order, each alone, then prefetched in batches, then names that nobody has.
fn look_up(store: &Store, count: u32) {
    let index = store.index();
    let lookups = 2_000_000_u32;
    let name_of = |number: u32| user_name(scattered(number) % count.max(1));
    let timed = |what: &str, look: &dyn Fn(&[String])| {
        let mut took = Duration::ZERO;
        for batch in 0..lookups / LOOKUP_BATCH {
            let numbers = batch * LOOKUP_BATCH..(batch + 1) * LOOKUP_BATCH;
            let names: Vec<_> = numbers.map(name_of).collect();
            let begun = instant_now();
            look(&names);
            took += begun.elapsed();
        }
        say(&format!("{what}: {:?}", took / lookups));
    };
    let each = |names: &[String]| {
        for name in names {
            let found = index.by_user_name(name.as_bytes(), |entry| entry.down_kbps());
            assert_eq!(found, Some(100_000), "{name}");
        }
    };
    timed("a name that is there", &each);
    timed("the same, prefetched", &|names| {
        index.prefetch(names.iter().map(String::as_bytes));
        each(names);
    });
    timed("a name that is not there", &|names| {
        for name in names {
            assert!(black_box(index.by_user_name(&name.as_bytes()[1..], |_| ())).is_none());
        }
    });
}

/// The octets of physical memory that this process has, as the kernel says it.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status
        .lines()
        .filter(|line| ["VmRSS", "VmHWM"].iter().any(|name| line.starts_with(name)));
    lines.collect::<Vec<_>>().join(", ").replace('\t', " ")
}

const fn scattered(number: u32) -> u32 {
    number.wrapping_mul(2_654_435_761)
}

fn user_name(number: u32) -> String {
    // Scattered, as names that people choose are.
    format!("user{:010}", scattered(number))
}

fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("standard output is open");
}

#[expect(clippy::disallowed_methods, reason = "this program measures")]
fn instant_now() -> Instant {
    Instant::now()
}

fn instant(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(millis).expect("it is in this century")
}

fn open(path: &Path) -> Store {
    let options = Options {
        policies: Policies::new(Policy::new(BillingZone::UTC)),
        currency: Currency::EUR,
        clock: Arc::new(StandingClock),
        observer: Arc::new(Nobody),
        keys: Keys::beside(path),
        cache_bytes: cache_mib() << 20,
        limits: Limits::default(),
    };
    Store::open(path, options).expect("a folder that can be written to")
}

/// How much of the file redb keeps, in MiB: the third argument, or as much as `garthd` does.
fn cache_mib() -> usize {
    let argument = std::env::args().nth(3);
    argument
        .and_then(|mib| mib.parse().ok())
        .unwrap_or(CACHE_MIB)
}

fn operator() -> Actor {
    Actor {
        role: Role::Operator,
        name: "import".parse().expect("a name"),
        on_behalf_of: None,
    }
}

fn plan() -> Plan {
    Plan {
        id: "home-100".parse().expect("an id"),
        name: "Home 100".parse().expect("a name"),
        kind: PlanKind::Internet,
        down_kbps: 100_000,
        up_kbps: 20_000,
        session: SessionTerms::default(),
        prices: vec![PriceLine {
            months: Months::new(1).expect("a month"),
            amount: euros(30),
        }],
        change_to: Vec::new(),
    }
}

fn euros(euros: i64) -> Money {
    Money::from_minor(euros * 100, Currency::EUR).expect("a small amount")
}

fn id(number: u32) -> SubscriptionId {
    SubscriptionId(Uuid::from_u128((1 << 80) + u128::from(number)))
}

fn new(number: u32) -> NewSubscription {
    let [_, b, c, d] = number.to_be_bytes();
    NewSubscription {
        subscriber: Subscriber {
            user_name: user_name(number).parse().ok(),
            mac: Some(MacAddress([2, 0, 0, b, c, d])),
            ..Subscriber::default()
        },
        credential: format!("pw{number}").parse().ok().map(Credential::Password),
        create: Create {
            id: id(number),
            plan: "home-100".parse().expect("an id"),
            services: Vec::new(),
            start_at: None,
            paid_through: Some(instant(START + 86_400_000 * i64::from(number % 60 + 1))),
            anchor_day: None,
            balance: None,
            holds: Vec::new(),
            renewal: Renewal::default(),
            active_to: None,
        },
    }
}

fn payment(number: u32) -> CommandRequest {
    CommandRequest {
        subscription: id(number),
        order: Order {
            actor: operator(),
            reason: None,
            note: Note::default(),
            command: Command::Pay {
                months: Months::new(1).expect("a month"),
                tender: Tender::Captured {
                    payment: format!("pay-{number}").parse().expect("an id"),
                    amount: euros(30),
                },
                then_pause: false,
            },
        },
        command_id: None,
    }
}

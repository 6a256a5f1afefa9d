//! Measures the timer after a stop: `cargo run --release -p garth-store --example agenda -- FOLDER COUNT`.
//!
//! Adds COUNT subscriptions to a new store in FOLDER whose paid time ends within one week, half of them
//! at midnight and half at any second, every second one with credit for the next month; lets eight days
//! pass; works off what is due as `garthd` does, with a payment between two calls and a thread that looks
//! names up all the time. Says how long all of it took and what the others have waited.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use garth_store::write::{CommandRequest, NewSubscription};
use garth_store::{Clock, IMPORT_BATCH_MAX, Keys, Limits, Observer, Options, Store, TimeLimits};
use garth_subscription::calendar::{BillingZone, Months};
use garth_subscription::command::{Actor, Command, Create, Note, Order, Role};
use garth_subscription::facts::{Renewal, SubscriptionId};
use garth_subscription::money::{Currency, Money};
use garth_subscription::plan::{Plan, PlanKind, PriceLine, SessionTerms};
use garth_subscription::policy::{Policies, Policy};
use garth_subscription::standing::standing;
use garth_subscription::subscriber::{Credential, Subscriber};
use garth_subscription::time::Timestamp;
use uuid::Uuid;

/// What `garthd` keeps unless it is told otherwise.
const CACHE_BYTES: usize = 48 << 20;
/// 21 November 2026, in milliseconds.
const START: i64 = 1_795_262_400_000;
const DAY: i64 = 86_400_000;
/// How often the other thread looks a name up.
const LOOKUP_EVERY: Duration = Duration::from_micros(200);

/// Both clocks are moved by hand, together.
struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        instant(self.0.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis((self.0.load(Ordering::Relaxed) - START).unsigned_abs())
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
    let clock = Arc::new(HandClock(AtomicI64::new(START)));
    let store = open(&Path::new(&folder).join("agenda.redb"), &clock);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime without drivers starts");
    runtime.block_on(import(&store, count));
    say(&format!(
        "lookups at rest: {}",
        look_up(&store, count, || std::thread::sleep(Duration::from_secs(2)))
    ));
    clock.0.store(START + 8 * DAY, Ordering::Relaxed);
    let lookups = look_up(&store, count, || runtime.block_on(work_off(&store)));
    say(&format!("lookups beside it: {lookups}"));
    say(&format!("now is {}, {:?}", store.now(), store.holds()));
}

/// Calls the writer until nothing more is due, with a payment between two calls.
async fn work_off(store: &Store) {
    let begun = instant_now();
    let (mut calls, mut items, mut payments) = (0, 0, Vec::new());
    let before = store.status().commits;
    loop {
        let fired = store.fire_due().await.expect("a disk");
        calls += 1;
        items += fired.agenda;
        let asked = instant_now();
        store.command(payment(calls)).await.expect("a payment");
        payments.push(asked.elapsed());
        if !fired.more {
            break;
        }
    }
    let took = begun.elapsed();
    let commits = store.status().commits - before;
    say(&format!(
        "{items} agenda items in {took:?}, {calls} calls, {commits} commits; payments {}",
        percentiles(payments)
    ));
}

/// Does `work` while another thread looks names up as an Access-Request does; how long that took.
fn look_up(store: &Store, count: u32, work: impl FnOnce()) -> String {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut took = Vec::new();
            let mut number = 0_u32;
            while !stop.load(Ordering::Relaxed) {
                number = number.wrapping_add(7_919);
                let name = user_name(number % count);
                let begun = instant_now();
                let found = store.index().by_user_name(name.as_bytes(), |entry| {
                    standing(&entry.standing(), store.now())
                });
                took.push(begun.elapsed());
                assert!(found.is_some(), "{name}");
                std::thread::sleep(LOOKUP_EVERY);
            }
            took
        });
        work();
        stop.store(true, Ordering::Relaxed);
        percentiles(looking.join().expect("it does not panic"))
    })
}

fn percentiles(mut took: Vec<Duration>) -> String {
    took.sort_unstable();
    let part = |percent: usize| took.get((took.len() * percent / 100).min(took.len() - 1));
    format!(
        "{}: p50 {:?}, p99 {:?}, longest {:?}",
        took.len(),
        part(50),
        part(99),
        took.last()
    )
}

async fn import(store: &Store, count: u32) {
    store
        .apply_plans(vec![plan()], operator())
        .await
        .expect("one plan is a catalogue");
    let mut next = 0;
    while next < count {
        let until = count.min(next + u32::try_from(IMPORT_BATCH_MAX).unwrap_or(u32::MAX));
        let batch = (next..until).map(new).collect();
        let answers = store.import(batch, operator()).await.expect("a disk");
        assert!(answers.iter().all(Result::is_ok), "{:?}", answers.first());
        next = until;
    }
}

const fn scattered(number: u32) -> u32 {
    number.wrapping_mul(2_654_435_761)
}

fn user_name(number: u32) -> String {
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

fn open(path: &Path, clock: &Arc<HandClock>) -> Store {
    let clock: Arc<dyn Clock> = Arc::<HandClock>::clone(clock);
    let options = Options {
        policies: Policies::new(Policy::new(BillingZone::UTC)),
        currency: Currency::EUR,
        clock,
        observer: Arc::new(Nobody),
        keys: Keys::beside(path),
        cache_bytes: CACHE_BYTES,
        limits: Limits {
            time: TimeLimits {
                losing_percent: 100,
                ..TimeLimits::default()
            },
            ..Limits::default()
        },
    };
    Store::open(path, options).expect("a folder that can be written to")
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

/// As `garthd` makes them: in no order.
fn id(number: u32) -> SubscriptionId {
    let high = u128::from(scattered(number)) << 64;
    SubscriptionId(Uuid::from_u128((1 << 120) + high + u128::from(number)))
}

fn new(number: u32) -> NewSubscription {
    let day = DAY * i64::from(number % 7 + 1);
    let second = if number.is_multiple_of(2) {
        0
    } else {
        i64::from(scattered(number) % 86_400) * 1_000
    };
    NewSubscription {
        subscriber: Subscriber {
            user_name: user_name(number).parse().ok(),
            ..Subscriber::default()
        },
        credential: format!("pw{number}").parse().ok().map(Credential::Password),
        create: Create {
            id: id(number),
            plan: "home-100".parse().expect("an id"),
            services: Vec::new(),
            start_at: None,
            paid_through: Some(instant(START + day + second)),
            anchor_day: None,
            balance: (number % 4 < 2).then(|| euros(30)),
            holds: Vec::new(),
            renewal: Renewal::default(),
            active_to: None,
        },
    }
}

/// A payment for a subscription of the first few.
fn payment(number: u32) -> CommandRequest {
    CommandRequest {
        subscription: id(number),
        order: Order {
            actor: Actor {
                role: Role::Ledger,
                ..operator()
            },
            reason: None,
            note: Note::default(),
            command: Command::Capture {
                offer: None,
                payment: format!("pay-{number}").parse().expect("an id"),
                amount: euros(1),
                captured_at: instant(START + 8 * DAY),
            },
        },
        command_id: None,
    }
}

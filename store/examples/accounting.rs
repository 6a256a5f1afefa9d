//! Measures accounting: `cargo run --release -p garth-store --example accounting -- FOLDER SESSIONS RECORDS`.
//!
//! Begins a session of each of SESSIONS subscriptions in a new store in FOLDER, then sends records of random
//! ones, of a hundred eight Starts and eight Stops, in batches of 1, 16, 256 and 1,024 or of the size that is the
//! fourth argument, about RECORDS of each size, and prints what a record cost: CPU time of all threads of this
//! process, and time on the wall, with what the close at the end took.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use garth_store::record::{AccountingRecord, AccountingStatus, NasNames, SessionKey};
use garth_store::write::NewSubscription;
use garth_store::{Clock, IMPORT_BATCH_MAX, Keys, Limits, Observer, Options, Store};
use garth_subscription::calendar::{BillingZone, Months};
use garth_subscription::command::{Actor, Create, Role};
use garth_subscription::facts::{Renewal, SubscriptionId};
use garth_subscription::money::{Currency, Money};
use garth_subscription::plan::{Plan, PlanKind, PriceLine, SessionTerms};
use garth_subscription::policy::{Policies, Policy};
use garth_subscription::subscriber::Subscriber;
use garth_subscription::time::Timestamp;
use uuid::Uuid;

/// 21 November 2026, in milliseconds.
const START: i64 = 1_795_262_400_000;
/// The most commits of one measurement: small batches send fewer records.
const COMMITS_MAX: usize = 20_000;
/// How many records are made at a time, outside of what is measured.
const MADE_AT_ONCE: usize = 65_536;
/// Of a hundred records.
const STARTS: u32 = 8;
const STARTS_AND_STOPS: u32 = 16;
/// Sessions of one NAS.
const SESSIONS_PER_NAS: u32 = 8_192;

struct RunningClock(Instant);

impl Clock for RunningClock {
    fn now(&self) -> Timestamp {
        let since = i64::try_from(self.0.elapsed().as_millis()).unwrap_or(0);
        Timestamp::from_unix_millis(START + since).expect("it is in this century")
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

struct Nobody;

impl Observer for Nobody {
    fn changed(&self, _: &[SubscriptionId]) {}
    fn failed(&self, error: &str) {
        say(error);
    }
}

/// What a span of work cost.
#[derive(Clone, Copy)]
struct Cost {
    cpu: Duration,
    wall: Duration,
}

impl Cost {
    const NONE: Self = Self {
        cpu: Duration::ZERO,
        wall: Duration::ZERO,
    };

    /// The cost of `work`, added to this one.
    fn and(self, work: impl FnOnce()) -> Self {
        let (cpu, wall) = (cpu_time(), instant_now());
        work();
        Self {
            cpu: self.cpu + cpu_time().saturating_sub(cpu),
            wall: self.wall + wall.elapsed(),
        }
    }

    fn each(self, count: usize) -> String {
        let nanos = |span: Duration| span.as_nanos() / count.max(1) as u128;
        let (cpu, wall) = (nanos(self.cpu), nanos(self.wall));
        format!(
            "{}.{:02} µs CPU, {}.{:02} µs wall",
            cpu / 1_000,
            cpu % 1_000 / 10,
            wall / 1_000,
            wall % 1_000 / 10
        )
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("the first argument is a folder");
    let mut number = || -> usize {
        let argument = arguments.next().and_then(|count| count.parse().ok());
        argument.expect("the second and the third argument are numbers")
    };
    let (sessions, records) = (number(), number());
    let sizes = match arguments.next() {
        Some(size) => vec![size.parse().expect("the fourth argument is a number")],
        None => vec![1, 16, 256, 1_024],
    };
    let path = Path::new(&folder).join("accounting.redb");
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for batch in sizes {
        if path.exists() {
            std::fs::remove_file(&path).expect("the file of the last measurement");
        }
        let store = open(&path);
        subscribe(&store, sessions);
        let begun = Cost::NONE.and(|| begin(&store, sessions));
        say(&format!(
            "{sessions} sessions begun: {}",
            begun.each(sessions)
        ));
        let count = records.min(batch * COMMITS_MAX).max(batch);
        let mut cost = Cost::NONE;
        let mut sent = 0;
        while sent < count {
            let made: Vec<_> = batches(&mut random, sessions, batch, sent, count);
            sent += made.len() * batch;
            cost = cost.and(|| {
                for records in made {
                    store.account(records).expect("a disk");
                }
            });
        }
        let status = store.status();
        say(&format!(
            "batches of {batch}, {sent} records: {}; {} commits",
            cost.each(sent),
            status.commits
        ));
        let times = status.commit_micros;
        say(&format!(
            "  commits in µs: half {}, 99 of 100 {}, longest {}; {} folds, their longest part {} µs",
            times.p50, times.p99, times.max, status.folds, status.fold_commit_micros_max
        ));
        let whole = cost.and(|| store.close());
        say(&format!("  with the close: {}", whole.each(sent)));
        drop(store);
        let opened = Cost::NONE.and(|| drop(open(&path)));
        say(&format!("  opened and closed in {:?}", opened.wall));
    }
}

fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("standard output is open");
}

#[expect(clippy::disallowed_methods, reason = "this program measures")]
fn instant_now() -> Instant {
    Instant::now()
}

/// What all threads of this process have computed, those that have ended too: user and system time of
/// `/proc/self/stat`, in hundredths of a second.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
    let times = fields.split(' ').skip(11).take(2);
    let ticks: u64 = times.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(10 * ticks)
}

/// xorshift64: the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 % end as u64).expect("the number of sessions fits")
    }
}

fn open(path: &Path) -> Store {
    let options = Options {
        policies: Policies::new(Policy::new(BillingZone::UTC)),
        currency: Currency::EUR,
        clock: Arc::new(RunningClock(instant_now())),
        observer: Arc::new(Nobody),
        keys: Keys::beside(path),
        cache_bytes: 256 << 20,
        limits: Limits::default(),
    };
    Store::open(path, options).expect("a folder that can be written to")
}

/// A subscription for each session.
fn subscribe(store: &Store, sessions: usize) {
    let sessions = u32::try_from(sessions).expect("the number of sessions fits");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime without drivers starts");
    runtime.block_on(async {
        let planned = store.apply_plans(vec![plan()], operator()).await;
        planned.expect("one plan is a catalogue");
        let numbers: Vec<_> = (0..sessions).collect();
        for piece in numbers.chunks(IMPORT_BATCH_MAX) {
            let news = piece.iter().map(|number| new(*number)).collect();
            let answers = store.import(news, operator()).await.expect("a disk");
            assert!(answers.iter().all(Result::is_ok), "{:?}", answers.first());
        }
    });
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
            amount: Money::from_minor(3_000, Currency::EUR).expect("a small amount"),
        }],
        change_to: Vec::new(),
    }
}

fn id(number: u32) -> SubscriptionId {
    SubscriptionId(Uuid::from_u128((1 << 80) + u128::from(number)))
}

fn user_name(number: u32) -> String {
    format!("user{number:07}")
}

fn new(number: u32) -> NewSubscription {
    let until = Timestamp::from_unix_millis(START + 30 * 86_400_000);
    NewSubscription {
        subscriber: Subscriber {
            user_name: user_name(number).parse().ok(),
            ..Subscriber::default()
        },
        credential: None,
        create: Create {
            id: id(number),
            plan: "home-100".parse().expect("an id"),
            services: Vec::new(),
            start_at: None,
            paid_through: Some(until.expect("it is in this century")),
            anchor_day: None,
            balance: None,
            holds: Vec::new(),
            renewal: Renewal::default(),
            active_to: None,
        },
    }
}

fn begin(store: &Store, sessions: usize) {
    let sessions = u32::try_from(sessions).expect("the number of sessions fits");
    let numbers: Vec<_> = (0..sessions).collect();
    for piece in numbers.chunks(1_024) {
        let starts = piece.iter().map(|n| record(AccountingStatus::Start, *n, 0));
        store.account(starts.collect()).expect("a disk");
    }
}

fn batches(
    random: &mut Random,
    sessions: usize,
    batch: usize,
    sent: usize,
    count: usize,
) -> Vec<Vec<AccountingRecord>> {
    let left = (count - sent).min(MADE_AT_ONCE);
    (0..left.div_ceil(batch))
        .map(|nth| {
            let seconds = u32::try_from(sent + nth).expect("a short measurement");
            (0..batch)
                .map(|_| {
                    let status = match random.below(100) {
                        0..STARTS => AccountingStatus::Start,
                        STARTS..STARTS_AND_STOPS => AccountingStatus::Stop,
                        _ => AccountingStatus::InterimUpdate,
                    };
                    record(status, random.below(sessions), seconds)
                })
                .collect()
        })
        .collect()
}

fn record(status: AccountingStatus, number: u32, seconds: u32) -> AccountingRecord {
    AccountingRecord {
        status,
        key: SessionKey {
            nas: format!("pppoe/192.0.2.{}", number / SESSIONS_PER_NAS).into(),
            acct_session_id: format!("{:012X}", number.wrapping_mul(2_654_435_761))
                .into_bytes()
                .into(),
        },
        class: Some(id(number)),
        user_name: user_name(number).parse().ok(),
        mac: None,
        framed_ipv4: Some((0x0A40_0000 + number).into()),
        framed_ipv6: None,
        delegated_ipv6: None,
        further_ipv6: Box::default(),
        nas_names: NasNames::default(),
        nas_port: None,
        nas_port_id: None,
        input_octets: u64::from(seconds) * 1_000,
        output_octets: u64::from(seconds) * 10_000,
        session_time: seconds,
        terminate_cause: None,
        delay_seconds: 0,
    }
}

//! A store whose clocks are moved by hand.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use garth_store::write::{CommandRequest, Fired, NewSubscription};
use garth_store::{Clock, Hold, HoldKind, Keys, Limits, Observer, Options, SealingKey, Store};
use garth_subscription::calendar::{BillingZone, Months};
use garth_subscription::command::{Actor, Command, Create, Note, Order, Role, Tender};
use garth_subscription::facts::{Renewal, SubscriptionId};
use garth_subscription::money::{Currency, Money};
use garth_subscription::plan::{Plan, PlanKind, PriceLine, SessionTerms};
use garth_subscription::policy::{Policies, Policy};
use garth_subscription::standing::{Standing, standing};
use garth_subscription::subscriber::Subscriber;
use garth_subscription::time::Timestamp;
use uuid::Uuid;

use crate::disk::Disk;

pub(crate) const SECOND: i64 = 1_000;
pub(crate) const HOUR: i64 = 3_600 * SECOND;
pub(crate) const DAY: i64 = 24 * HOUR;
pub(crate) const YEAR: i64 = 365 * DAY;

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn start() -> Timestamp {
    at("2026-11-21T00:00:00Z")
}

pub(crate) fn after(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(start().unix_millis() + millis).unwrap()
}

#[derive(Default)]
pub(crate) struct Clocks {
    wall: AtomicI64,
    monotonic: AtomicI64,
    pub(crate) is_synchronised: AtomicBool,
}

impl Clock for Clocks {
    fn now(&self) -> Timestamp {
        after(self.wall.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.monotonic.load(Ordering::SeqCst).unsigned_abs())
    }

    fn is_synchronised(&self) -> Option<bool> {
        self.is_synchronised.load(Ordering::SeqCst).then_some(true)
    }
}

/// What the store told of holds: `+` and `-` with their kinds.
#[derive(Default)]
pub(crate) struct Ear(Mutex<Vec<String>>);

impl Observer for Ear {
    fn changed(&self, _: &[SubscriptionId]) {}

    fn held(&self, hold: &Hold) {
        self.0.lock().unwrap().push(format!("+{}", hold.kind()));
    }

    fn released(&self, kind: HoldKind) {
        self.0.lock().unwrap().push(format!("-{kind}"));
    }

    fn failed(&self, _: &str) {}
}

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) clocks: Arc<Clocks>,
    ear: Arc<Ear>,
    pub(crate) disk: Disk,
}

impl World {
    pub(crate) fn new() -> Self {
        let world = Self::open(&Disk::default(), 0).unwrap();
        wait(world.store.apply_plans(vec![plan()], operator())).unwrap();
        world
    }

    /// Opens what is on that disk, the wall clock being so far from the start.
    pub(crate) fn open(disk: &Disk, wall: i64) -> Option<Self> {
        Self::with(disk, wall, policies(false))
    }

    pub(crate) fn with(disk: &Disk, wall: i64, policies: Policies) -> Option<Self> {
        let (clocks, ear) = (Arc::<Clocks>::default(), Arc::<Ear>::default());
        clocks.wall.store(wall, Ordering::SeqCst);
        let options = Options {
            policies,
            currency: Currency::EUR,
            clock: Arc::<Clocks>::clone(&clocks),
            observer: Arc::<Ear>::clone(&ear),
            keys: Keys::given(SealingKey::parse(&[b'1'; 64]).unwrap()),
            cache_bytes: 1 << 20,
            limits: Limits::default(),
        };
        let store = Store::open_backend(disk.clone(), options).ok()?;
        Some(Self {
            store,
            clocks,
            ear,
            disk: disk.clone(),
        })
    }

    /// The power is lost and comes back, the wall clock being so far from the start.
    pub(crate) fn reopened(self, wall: i64) -> Self {
        self.store.close();
        Self::open(&self.disk.copy(None), wall).unwrap()
    }

    /// Adds subscriptions, all paid through that instant.
    pub(crate) fn add(&self, numbers: std::ops::Range<u32>, paid_through: Timestamp) {
        self.add_with(numbers, paid_through, None);
    }

    pub(crate) fn add_with(
        &self,
        numbers: std::ops::Range<u32>,
        paid_through: Timestamp,
        balance: Option<i64>,
    ) {
        let batch = numbers.map(|number| new(number, paid_through, balance));
        let answers = wait(self.store.import(batch.collect(), operator())).unwrap();
        assert!(answers.iter().all(Result::is_ok), "{:?}", answers.first());
    }

    /// Both clocks run.
    pub(crate) fn pass(&self, millis: i64) {
        self.clocks.wall.fetch_add(millis, Ordering::SeqCst);
        self.clocks.monotonic.fetch_add(millis, Ordering::SeqCst);
    }

    /// The wall clock is set to so far from the start.
    pub(crate) fn set(&self, millis: i64) {
        self.clocks.wall.store(millis, Ordering::SeqCst);
    }

    /// What the timer does in a tick.
    pub(crate) fn tick(&self) -> Fired {
        let mut all = Fired::default();
        loop {
            let fired = wait(self.store.fire_due()).unwrap();
            all.agenda += fired.agenda;
            all.boundaries += fired.boundaries;
            all.held = fired.held;
            if !fired.more {
                return all;
            }
        }
    }

    /// What RADIUS takes it for now.
    pub(crate) fn standing(&self, number: u32) -> Standing {
        let now = self.store.now();
        let read = |entry: &garth_store::index::Entry<'_>| standing(&entry.standing(), now);
        self.store.index().by_id(id(number), read).unwrap()
    }

    pub(crate) fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.ear.0.lock().unwrap())
    }

    pub(crate) fn kinds(&self) -> Vec<HoldKind> {
        let holds = self.store.holds().into_iter();
        holds.map(|held| held.hold.kind()).collect()
    }

    pub(crate) fn pay(&self, number: u32) -> Timestamp {
        let months = Months::new(1).unwrap();
        let tender = Tender::Captured {
            payment: format!("pay-{number}").parse().unwrap(),
            amount: cents(3_000),
        };
        let command = Command::Pay {
            months,
            tender,
            then_pause: false,
        };
        let request = CommandRequest {
            subscription: id(number),
            order: Order {
                actor: operator(),
                reason: None,
                note: Note::default(),
                command,
            },
            command_id: None,
        };
        let committed = wait(self.store.command(request)).unwrap();
        committed.decision.facts.paid_through
    }

    pub(crate) fn check(&self) {
        self.store.verify_journal(&mut |_, _| {}).unwrap();
        assert_eq!(self.store.audit().unwrap(), [""; 0]);
        let on_disk = self.store.content_on_disk().unwrap();
        assert_eq!(self.store.index().content(), on_disk);
    }
}

pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

/// Policies by which a debt suspends at once, or never.
pub(crate) fn policies(suspends: bool) -> Policies {
    let mut policy = Policy::new(BillingZone::UTC);
    policy.suspension.enabled = suspends;
    policy.suspension.delay_days = 0;
    Policies::new(policy)
}

pub(crate) fn operator() -> Actor {
    Actor {
        role: Role::Operator,
        name: "anna".parse().unwrap(),
        on_behalf_of: None,
    }
}

fn cents(cents: i64) -> Money {
    Money::from_minor(cents, Currency::EUR).unwrap()
}

pub(crate) fn plan() -> Plan {
    Plan {
        id: "home-100".parse().unwrap(),
        name: "A plan".parse().unwrap(),
        kind: PlanKind::Internet,
        down_kbps: 100_000,
        up_kbps: 20_000,
        session: SessionTerms::default(),
        prices: vec![PriceLine {
            months: Months::new(1).unwrap(),
            amount: cents(3_000),
        }],
        change_to: Vec::new(),
    }
}

pub(crate) fn id(number: u32) -> SubscriptionId {
    SubscriptionId(Uuid::from_u128(u128::from(number) + (7 << 100)))
}

fn new(number: u32, paid_through: Timestamp, balance: Option<i64>) -> NewSubscription {
    NewSubscription {
        subscriber: Subscriber {
            user_name: Some(format!("user{number}").parse().unwrap()),
            ..Subscriber::default()
        },
        credential: None,
        create: Create {
            id: id(number),
            plan: "home-100".parse().unwrap(),
            services: Vec::new(),
            start_at: None,
            paid_through: Some(paid_through),
            anchor_day: None,
            balance: balance.map(cents),
            holds: Vec::new(),
            renewal: Renewal::default(),
            active_to: None,
        },
    }
}

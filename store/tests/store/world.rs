//! A store for tests, its clock, its observer and what is asked of it.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use garth_store::record::{AccountingRecord, AccountingStatus, Checkout, CheckoutId};
use garth_store::record::{CheckoutState, NasNames, SessionKey};
use garth_store::write::{CaptureRequest, CommandRequest, Committed, NewSubscription, WriteError};
use garth_store::{Clock, KeySource, Keys, Limits, Observer, Options, SealingKey, Store};
use garth_subscription::calendar::{BillingZone, Months};
use garth_subscription::command::{Command, Create, Note, PauseEnd, Role, Tender, When};
use garth_subscription::facts::{Renewal, SubscriptionId};
use garth_subscription::money::Currency;
use garth_subscription::plan::{Plan, PlanKind, PriceLine, SessionTerms};
use garth_subscription::policy::{Policies, Policy};
use garth_subscription::quote::Offer;
use garth_subscription::subscriber::{Credential, Subscriber};
use garth_subscription::time::Span;
use garth_subscription::{Actor, Money, Order, Timestamp};
use redb::backends::InMemoryBackend;
use uuid::Uuid;

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn euro(text: &str) -> Money {
    Money::parse(text, Currency::EUR).unwrap()
}

pub(crate) fn months(count: u16) -> Months {
    Months::new(count).unwrap()
}

/// Runs a future to its end on this thread.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

/// A clock that stands still until it is set.
#[derive(Debug)]
pub(crate) struct TestClock {
    millis: AtomicI64,
    monotonic: AtomicI64,
    /// Whether the monotonic clock runs with the wall clock.
    runs: AtomicBool,
}

impl TestClock {
    pub(crate) fn new(text: &str) -> Arc<Self> {
        Arc::new(Self {
            millis: AtomicI64::new(at(text).unix_millis()),
            monotonic: AtomicI64::new(0),
            runs: AtomicBool::new(true),
        })
    }

    /// Lets the monotonic clock stand still from now on.
    pub(crate) fn stop_monotonic(&self) {
        self.runs.store(false, Ordering::SeqCst);
    }

    /// The monotonic clock runs with the wall clock while that runs forward.
    fn run_monotonic(&self, millis: i64) {
        if self.runs.load(Ordering::SeqCst) {
            self.pass_monotonic(millis.max(0));
        }
    }

    /// Moves the monotonic clock alone.
    pub(crate) fn pass_monotonic(&self, millis: i64) {
        self.monotonic.fetch_add(millis, Ordering::SeqCst);
    }

    pub(crate) fn set(&self, text: &str) {
        let millis = at(text).unix_millis();
        let before = self.millis.swap(millis, Ordering::SeqCst);
        self.run_monotonic(millis - before);
    }

    pub(crate) fn advance(&self, millis: i64) {
        self.millis.fetch_add(millis, Ordering::SeqCst);
        self.run_monotonic(millis);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.millis.load(Ordering::SeqCst)).unwrap()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.monotonic.load(Ordering::SeqCst).unsigned_abs())
    }
}

/// An observer that remembers.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    pub(crate) changed: Mutex<Vec<SubscriptionId>>,
    pub(crate) failed: Mutex<Vec<String>>,
}

impl Recorder {
    pub(crate) fn take_changed(&self) -> Vec<SubscriptionId> {
        std::mem::take(&mut self.changed.lock().unwrap())
    }
}

impl Observer for Recorder {
    fn changed(&self, ids: &[SubscriptionId]) {
        self.changed.lock().unwrap().extend_from_slice(ids);
    }

    fn failed(&self, error: &str) {
        self.failed.lock().unwrap().push(error.to_owned());
    }
}

/// Holds the writer where it tells of a change, until it is let on.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<GateState>,
    moved: Condvar,
}

#[derive(Default)]
struct GateState {
    is_shut: bool,
    /// Whether the writer stands there.
    is_reached: bool,
    let_on: bool,
}

impl Gate {
    pub(crate) fn shut() -> Self {
        let gate = Self::default();
        gate.shuts();
        gate
    }

    pub(crate) fn shuts(&self) {
        self.state.lock().unwrap().is_shut = true;
    }

    pub(crate) fn open(&self) {
        self.state.lock().unwrap().is_shut = false;
        self.moved.notify_all();
    }

    /// Waits until the writer stands there.
    pub(crate) fn until_reached(&self) {
        let state = self.state.lock().unwrap();
        drop(self.moved.wait_while(state, |state| !state.is_reached));
    }

    /// Lets the writer, which stands there, go on to the next change.
    pub(crate) fn lets_on(&self) {
        let mut state = self.state.lock().unwrap();
        assert!(state.is_reached);
        state.is_reached = false;
        state.let_on = true;
        drop(state);
        self.moved.notify_all();
    }
}

impl Observer for Gate {
    fn changed(&self, _: &[SubscriptionId]) {
        let mut state = self.state.lock().unwrap();
        state.is_reached = true;
        self.moved.notify_all();
        let stands = |state: &mut GateState| state.is_shut && !state.let_on;
        state = self.moved.wait_while(state, stands).unwrap();
        state.is_reached = false;
        state.let_on = false;
    }

    fn failed(&self, error: &str) {
        panic!("{error}");
    }
}

/// Waits for another thread to come that far.
pub(crate) fn until(condition: impl Fn() -> bool) {
    while !condition() {
        std::thread::yield_now();
    }
}

pub(crate) const START: &str = "2026-11-21T12:00:00Z";

/// A store in memory with one plan, `home-100`.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) recorder: Arc<Recorder>,
}

pub(crate) fn options(clock: &Arc<TestClock>, recorder: &Arc<Recorder>) -> Options {
    let clock: Arc<dyn Clock> = clock.clone();
    let observer: Arc<dyn Observer> = recorder.clone();
    Options {
        policies: Policies::new(Policy::new(BillingZone::UTC)),
        currency: Currency::EUR,
        clock,
        observer,
        keys: keys('1', &[]),
        cache_bytes: 16 << 20,
        limits: Limits::default(),
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(set: impl FnOnce(&mut Options)) -> Self {
        let (clock, recorder) = (TestClock::new(START), Arc::<Recorder>::default());
        let mut options = options(&clock, &recorder);
        set(&mut options);
        let store = Store::open_backend(InMemoryBackend::new(), options).unwrap();
        wait(store.apply_plans(vec![plan("home-100", 100_000)], operator())).unwrap();
        Self {
            store,
            clock,
            recorder,
        }
    }

    /// Adds subscriber `number`, paid through `paid_through`.
    pub(crate) fn add(&self, number: u32, paid_through: &str) -> SubscriptionId {
        let new = new(number, Some(at(paid_through)));
        let id = new.create.id;
        wait(self.store.add(new, operator(), None)).unwrap();
        id
    }

    pub(crate) fn command(
        &self,
        id: SubscriptionId,
        command: Command,
    ) -> Result<Committed, WriteError> {
        wait(self.store.command(request(id, command, None)))
    }

    pub(crate) fn give(&self, request: CommandRequest) -> Result<Committed, WriteError> {
        wait(self.store.command(request))
    }

    pub(crate) fn checkout(&self, id: SubscriptionId, number: u128, total: &str) -> CheckoutId {
        let checkout = checkout(id, number, total, self.store.now());
        wait(self.store.open_checkout(checkout)).unwrap();
        CheckoutId(Uuid::from_u128(number))
    }

    pub(crate) fn capture(
        &self,
        checkout: CheckoutId,
        payment: &str,
        amount: &str,
    ) -> Result<Committed, WriteError> {
        wait(
            self.store
                .capture(capture(checkout, payment, amount, self.store.now())),
        )
    }

    /// Lets the accounting log be folded to its end.
    pub(crate) fn fold(&self) {
        fold(&self.store, &self.clock);
    }

    /// What must hold at any time: the journal is whole and the index shows what the tables hold.
    pub(crate) fn check(&self) {
        check(&self.store);
    }
}

/// Lets a minute pass and the accounting log be folded to its end: the writer does a part of it after
/// each request while any is left.
pub(crate) fn fold(store: &Store, clock: &TestClock) {
    wait(store.fire_due()).unwrap();
    clock.advance(60_000);
    while store.status().accounting_log_records > 0 {
        wait(store.fire_due()).unwrap();
    }
}

/// Lets time on to where the clock is, and carries out nothing of what is due: any request does so.
pub(crate) fn let_time_on(store: &Store) {
    let nothing = wait(store.expire_checkout(CheckoutId(Uuid::nil())));
    assert!(matches!(nothing, Err(WriteError::UnknownCheckout)));
}

pub(crate) fn check(store: &Store) {
    store.verify_journal(&mut |_, _| {}).unwrap();
    assert_eq!(store.audit().unwrap(), [""; 0]);
    assert_eq!(store.index().content(), store.content_on_disk().unwrap());
}

pub(crate) fn operator() -> Actor {
    actor(Role::Operator, "anna")
}

pub(crate) fn actor(role: Role, name: &str) -> Actor {
    Actor {
        role,
        name: name.parse().unwrap(),
        on_behalf_of: None,
    }
}

pub(crate) fn plan(id: &str, down_kbps: u32) -> Plan {
    let price = |count, amount| PriceLine {
        months: months(count),
        amount: euro(amount),
    };
    Plan {
        id: id.parse().unwrap(),
        name: "A plan".parse().unwrap(),
        kind: PlanKind::Internet,
        down_kbps,
        up_kbps: 20_000,
        session: SessionTerms::default(),
        prices: vec![price(1, "30.00"), price(3, "85.00")],
        change_to: Vec::new(),
    }
}

pub(crate) fn id(number: u32) -> SubscriptionId {
    SubscriptionId(Uuid::from_u128(u128::from(number) + (7 << 100)))
}

pub(crate) fn new(number: u32, paid_through: Option<Timestamp>) -> NewSubscription {
    NewSubscription {
        subscriber: Subscriber {
            user_name: Some(format!("user{number}").parse().unwrap()),
            ..Subscriber::default()
        },
        credential: Some(password(&format!("pw{number}"))),
        create: Create {
            id: id(number),
            plan: "home-100".parse().unwrap(),
            services: Vec::new(),
            start_at: None,
            paid_through,
            anchor_day: None,
            balance: None,
            holds: Vec::new(),
            renewal: Renewal::default(),
            active_to: None,
        },
    }
}

pub(crate) fn password(text: &str) -> Credential {
    Credential::Password(text.parse().unwrap())
}

/// A key of that digit.
pub(crate) fn key(digit: char) -> SealingKey {
    SealingKey::parse(digit.to_string().repeat(64).as_bytes()).unwrap()
}

/// That key, and older ones.
pub(crate) fn keys(current: char, old: &[char]) -> Keys {
    Keys {
        current: KeySource::Given(key(current)),
        old: old
            .iter()
            .map(|digit| KeySource::Given(key(*digit)))
            .collect(),
    }
}

pub(crate) fn request(
    subscription: SubscriptionId,
    command: Command,
    command_id: Option<&str>,
) -> CommandRequest {
    CommandRequest {
        subscription,
        order: Order {
            actor: operator(),
            reason: Some("a reason".parse().unwrap()),
            note: Note::default(),
            command,
        },
        command_id: command_id.map(|id| id.parse().unwrap()),
    }
}

pub(crate) fn cash(count: u16, payment: &str, amount: &str) -> Command {
    Command::Pay {
        months: months(count),
        tender: Tender::Captured {
            payment: payment.parse().unwrap(),
            amount: euro(amount),
        },
        then_pause: false,
    }
}

/// That command, given by somebody.
pub(crate) fn by(role: Role, name: &str, of: SubscriptionId, command: Command) -> CommandRequest {
    let request = request(of, command, None);
    let order = Order {
        actor: actor(role, name),
        ..request.order
    };
    CommandRequest { order, ..request }
}

/// A pause from now on.
pub(crate) fn pause(end: PauseEnd) -> Command {
    Command::Pause {
        start: When::Now,
        end,
        is_locked: false,
    }
}

/// One month for `price`, promised for a day.
pub(crate) fn offer(price: &str, now: Timestamp) -> Offer {
    Offer {
        months: months(1),
        price: euro(price),
        debt: euro("0.00"),
        then_pause: false,
        expires_at: now.saturating_add(Span::from_days(1)),
    }
}

pub(crate) fn checkout(id: SubscriptionId, number: u128, total: &str, now: Timestamp) -> Checkout {
    Checkout {
        id: CheckoutId(Uuid::from_u128(number)),
        subscription: id,
        offer: Some(offer(total, now)),
        quote: None,
        total: euro(total),
        created_at: now,
        gateway_session: None,
        state: CheckoutState::Open,
    }
}

pub(crate) fn capture(
    checkout: CheckoutId,
    payment: &str,
    amount: &str,
    now: Timestamp,
) -> CaptureRequest {
    CaptureRequest {
        checkout,
        payment: payment.parse().unwrap(),
        amount: euro(amount),
        captured_at: now,
        actor: actor(Role::Ledger, "sandbox"),
    }
}

pub(crate) fn session_key(name: &str) -> SessionKey {
    SessionKey {
        nas: "pppoe-1".into(),
        acct_session_id: name.as_bytes().into(),
    }
}

pub(crate) fn record(status: AccountingStatus, session: &str, user: &str) -> AccountingRecord {
    AccountingRecord {
        status,
        key: session_key(session),
        class: None,
        user_name: Some(user.parse().unwrap()),
        mac: None,
        framed_ipv4: None,
        framed_ipv6: None,
        delegated_ipv6: None,
        further_ipv6: Box::default(),
        nas_names: NasNames::default(),
        nas_port: None,
        nas_port_id: None,
        input_octets: 0,
        output_octets: 0,
        session_time: 0,
        terminate_cause: None,
        delay_seconds: 0,
    }
}

//! The front desk and the cashier over a store on disk and the real sandbox.

use std::net::SocketAddr;
use std::path::Path;

use garth_captive_portal::desk::{CheckoutState, Release};
use garth_payments::Gateways;
use garth_payments::sandbox::{Sandbox, SandboxConfig};
use garth_payments::signature::SigningSecret;
use garth_store::record::{CheckoutId, CheckoutState as Kept};
use garth_store::write::{CommandRequest, NewSubscription};
use garth_store::{Clock, Keys, Limits, Observer, Options, SealingKey};
use garth_subscription::calendar::{BillingZone, Months};
use garth_subscription::command::{Command, Create, Note, PauseEnd, When};
use garth_subscription::money::{Currency, Money};
use garth_subscription::plan::{Plan, PlanKind, PriceLine, SessionTerms};
use garth_subscription::policy::{Policies, Policy};
use garth_subscription::subscriber::{Credential, Language, Subscriber};
use garth_subscription::{Order, Refusal, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

use super::*;
use crate::garthd::stop;

struct StandingClock;

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        now()
    }

    fn monotonic(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}

struct Nobody;

impl Observer for Nobody {
    fn changed(&self, _: &[SubscriptionId]) {}
    fn failed(&self, _: &str) {}
}

fn euro(text: &str) -> Money {
    Money::parse(text, Currency::EUR).unwrap()
}

fn id(number: u128) -> SubscriptionId {
    SubscriptionId(Uuid::from_u128(number))
}

fn months(count: u16) -> Months {
    Months::new(count).unwrap()
}

fn operator() -> Actor {
    Actor {
        role: Role::Operator,
        name: "anna".parse().unwrap(),
        on_behalf_of: None,
    }
}

async fn store(folder: &Path) -> Store {
    let options = Options {
        policies: Policies::new(Policy::new(BillingZone::UTC)),
        currency: Currency::EUR,
        clock: Arc::new(StandingClock),
        observer: Arc::new(Nobody),
        keys: Keys::given(SealingKey::random().unwrap()),
        cache_bytes: 16 << 20,
        limits: Limits::default(),
    };
    let store = Store::open(&folder.join("garth.redb"), options).unwrap();
    let plan = Plan {
        id: "home".parse().unwrap(),
        name: "Home".parse().unwrap(),
        kind: PlanKind::Internet,
        down_kbps: 100_000,
        up_kbps: 20_000,
        session: SessionTerms::default(),
        prices: vec![PriceLine {
            months: months(1),
            amount: euro("30.00"),
        }],
        change_to: vec!["fast".parse().unwrap()],
    };
    let fast = Plan {
        id: "fast".parse().unwrap(),
        name: "Fast".parse().unwrap(),
        prices: vec![PriceLine {
            months: months(1),
            amount: euro("60.00"),
        }],
        change_to: Vec::new(),
        ..plan.clone()
    };
    store
        .apply_plans(vec![plan, fast], operator())
        .await
        .unwrap();
    store
}

/// Subscriber `number`, whose paid time is over, with that credit.
async fn add(store: &Store, number: u128, credit: &str) {
    add_until(store, number, credit, "2026-11-20T00:00:00Z").await;
}

/// Subscriber `number`, paid until then, with that credit.
async fn add_until(store: &Store, number: u128, credit: &str, paid_through: &str) {
    let new = new(number, credit, paid_through);
    store.add(new, operator(), None).await.unwrap();
}

fn new(number: u128, credit: &str, paid_through: &str) -> NewSubscription {
    NewSubscription {
        subscriber: Subscriber {
            user_name: Some(format!("user{number}").parse().unwrap()),
            ..Subscriber::default()
        },
        credential: None,
        create: Create {
            id: id(number),
            plan: "home".parse().unwrap(),
            services: Vec::new(),
            start_at: None,
            paid_through: Some(paid_through.parse().unwrap()),
            anchor_day: None,
            balance: Some(euro(credit)),
            holds: Vec::new(),
            renewal: garth_subscription::facts::Renewal::default(),
            active_to: None,
        },
    }
}

fn desk(store: &Store, gateways: Gateways) -> FrontDesk {
    let cashier = Arc::new(Cashier::new(store.clone(), gateways));
    let url = "http://portal.example/".parse().unwrap();
    let parts = Parts {
        store: store.clone(),
        cashier,
        released: Arc::default(),
        passes: Arc::default(),
        shown: Arc::default(),
    };
    FrontDesk::new(parts, url)
}

fn balance(store: &Store, number: u128) -> Money {
    let known = store.subscription(id(number)).unwrap().unwrap();
    known.facts.balance
}

#[tokio::test]
async fn a_second_click_on_paying_from_credit_pays_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    add(&store, 1, "100.00").await;
    let desk = desk(&store, Gateways::Off);
    let pay = |once: &str| {
        let request = Request::PayFromBalance {
            months: months(1),
            then_pause: false,
        };
        desk.perform(id(1), Hand::Subscriber, request, once.parse().unwrap())
    };
    for _ in 0..3 {
        assert_eq!(pay("portal:1:pay-1").await.unwrap(), Performed::Done);
    }
    assert_eq!(balance(&store, 1), euro("70.00"));
    pay("portal:2:pay-1").await.unwrap();
    assert_eq!(
        balance(&store, 1),
        euro("40.00"),
        "another form is a renewal"
    );
    pay("portal:2:pay-1").await.unwrap();
    assert_eq!(balance(&store, 1), euro("40.00"));
}

/// A sandbox whose webhooks reach nobody, and the way to its pages.
struct Bank {
    sandbox: Sandbox,
    page: SocketAddr,
}

impl Bank {
    async fn open(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let page = listener.local_addr().unwrap();
        let config = SandboxConfig {
            listener,
            public_url: format!("http://{page}").parse().unwrap(),
            state_path: folder.join("bank"),
            webhook_url: "http://127.0.0.1:9/".parse().unwrap(),
            signing_secret: SigningSecret::new("0123456789abcdef".into()).unwrap(),
            late_after: std::time::Duration::ZERO,
        };
        let sandbox = Sandbox::start(config, Arc::new(now)).await.unwrap();
        Self { sandbox, page }
    }

    fn gateways(&self) -> Gateways {
        Gateways::Sandbox(Arc::new(self.sandbox.gateway()))
    }

    /// Pays on the page of a session.
    async fn pay(&self, session: &str) {
        let form = "action=pay&webhook=none";
        let request = format!(
            "POST /pay/{session} HTTP/1.1\r\nhost: bank\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{form}",
            form.len()
        );
        let mut stream = TcpStream::connect(self.page).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    }
}

/// Opens a checkout; it and the gateway's name for it.
async fn checkout(desk: &FrontDesk, store: &Store, number: u128) -> (CheckoutId, String) {
    let request = Request::StartCheckout {
        months: months(1),
        then_pause: false,
        language: Language::English,
        description: "Home".parse().unwrap(),
    };
    let once = "portal:1:checkout-1".parse().unwrap();
    desk.perform(id(number), Hand::Subscriber, request, once)
        .await
        .unwrap();
    let newest = store.checkouts_of(id(number), 1).unwrap().remove(0);
    let session = newest.gateway_session.unwrap();
    (newest.id, session.to_string())
}

/// Polls until `done`.
async fn poll(desk: &FrontDesk, done: impl Fn() -> bool) {
    let (stopper, stop) = stop::channel();
    let every = std::time::Duration::from_millis(10);
    let polling = tokio::spawn(Arc::clone(&desk.cashier).poll(every, stop));
    while !done() {
        tokio::time::sleep(every).await;
    }
    stopper.stop();
    polling.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_payment_that_cannot_be_booked_does_not_hold_up_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let bank = Bank::open(folder.path()).await;
    let desk = desk(&store, bank.gateways());
    let mut opened = Vec::new();
    for number in 1..=8 {
        add(&store, number, "0").await;
        opened.push(checkout(&desk, &store, number).await);
    }
    // Seven checkouts that all name the first one's payment: six of them cannot book it.
    bank.pay(&opened[0].1).await;
    for (other, _) in &opened[1..7] {
        let session = opened[0].1.as_str().into();
        store.attach_checkout(*other, session).await.unwrap();
    }
    bank.pay(&opened[7].1).await;
    let is_open = |id: &CheckoutId| store.checkout(*id).unwrap().unwrap().state == Kept::Open;
    poll(&desk, || opened.iter().all(|(id, _)| !is_open(id))).await;
    let paid = store.checkout(opened[7].0).unwrap().unwrap();
    assert!(matches!(paid.state, Kept::Paid { .. }));
    let booked = opened[..7]
        .iter()
        .filter(|(id, _)| {
            let state = store.checkout(*id).unwrap().unwrap().state;
            matches!(state, Kept::Paid { .. })
        })
        .count();
    assert_eq!(booked, 1, "one payment, one effect");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_gateway_that_is_silent() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let bank = Bank::open(folder.path()).await;
    let desk = desk(&store, bank.gateways());
    add(&store, 1, "0").await;
    checkout(&desk, &store, 1).await;
    tokio::time::pause();
    // From now on the gateway takes connections and says nothing.
    let mut held = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(bank.page).await.unwrap();
        stream.write_all(b"GET /").await.unwrap();
        held.push(stream);
    }
    let (stopper, stop) = stop::channel();
    let every = std::time::Duration::from_millis(1);
    let polling = tokio::spawn(Arc::clone(&desk.cashier).poll(every, stop));
    // The clock is paused: until the polling waits for the gateway.
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let begun = tokio::time::Instant::now();
    stopper.stop();
    polling.await.unwrap().unwrap();
    assert_eq!(begun.elapsed(), std::time::Duration::ZERO);
    // Although all its places are taken.
    bank.sandbox.shutdown().await;
    assert_eq!(begun.elapsed(), std::time::Duration::ZERO);
}

/// Far enough for months to be left.
const PAID_UNTIL: &str = "2026-12-21T00:00:00Z";

fn by_hand(
    desk: &FrontDesk,
    request: Request,
    once: &str,
) -> impl Future<Output = Result<Performed, Problem>> {
    desk.perform(id(1), Hand::Subscriber, request, once.parse().unwrap())
}

#[tokio::test]
async fn l16_a_change_costs_what_was_shown_or_is_not_done() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    add_until(&store, 1, "10.00", PAID_UNTIL).await;
    let desk = desk(&store, Gateways::Off);
    let (plan, start) = ("fast".parse::<PlanId>().unwrap(), ChangeStart::Now);
    let quote = desk.price_change(id(1), plan.clone(), start).await.unwrap();
    let missing = quote.price.total.checked_sub(euro("10.00")).unwrap();
    assert_eq!((quote.is_now, quote.missing), (true, Some(missing)));
    add_until(&store, 2, "100.00", PAID_UNTIL).await;
    let change = |shown| Request::ChangePlan {
        plan: plan.clone(),
        start,
        shown,
    };
    let perform =
        |request, once: &str| desk.perform(id(2), Hand::Subscriber, request, once.parse().unwrap());
    let dearer = perform(change(euro("1.00")), "portal:1:change").await;
    assert!(matches!(dearer, Err(Problem::PriceChanged)));
    assert_eq!(balance(&store, 2), euro("100.00"));
    let done = perform(change(quote.price.total), "portal:2:change").await;
    assert_eq!(done.unwrap(), Performed::Done);
    let left = euro("100.00").checked_sub(quote.price.total).unwrap();
    assert_eq!(balance(&store, 2), left);
    let poor = by_hand(&desk, change(quote.price.total), "portal:3:change").await;
    assert!(matches!(
        poor,
        Err(Problem::Refused(Refusal::Funds { missing: lacks, .. })) if lacks == missing
    ));
}

#[tokio::test]
async fn l16_money_is_paid_in_without_buying_anything() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let bank = Bank::open(folder.path()).await;
    let desk = desk(&store, bank.gateways());
    add(&store, 1, "0").await;
    let request = Request::PayIn {
        amount: euro("7.50"),
        language: Language::English,
        description: "Credit".parse().unwrap(),
    };
    by_hand(&desk, request, "portal:1:pay-in").await.unwrap();
    let opened = store.checkouts_of(id(1), 1).unwrap().remove(0);
    assert_eq!((opened.offer, opened.total), (None, euro("7.50")));
    bank.pay(opened.gateway_session.as_deref().unwrap()).await;
    poll(&desk, || balance(&store, 1) == euro("7.50")).await;
    let view = desk.view(id(1)).await.unwrap();
    assert_eq!(view.standing, Standing::Expired, "nothing was bought");
    let paid = CheckoutState::Paid {
        is_credit: true,
        release: Release::None,
    };
    assert_eq!(view.checkouts[0].state, paid, "nobody waits for a release");
}

#[tokio::test]
async fn who_was_never_walled_is_thanked_without_a_wait() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let bank = Bank::open(folder.path()).await;
    let desk = desk(&store, bank.gateways());
    add_until(&store, 1, "0", PAID_UNTIL).await;
    add(&store, 2, "0").await;
    for (number, release) in [(1, Release::None), (2, Release::UnderWay)] {
        let (checkout, session) = checkout(&desk, &store, number).await;
        bank.pay(&session).await;
        let is_open = || store.checkout(checkout).unwrap().unwrap().state == Kept::Open;
        poll(&desk, || !is_open()).await;
        let view = desk.view(id(number)).await.unwrap();
        let paid = CheckoutState::Paid {
            is_credit: false,
            release,
        };
        assert_eq!(view.checkouts[0].state, paid, "subscriber {number}");
    }
}

#[tokio::test]
async fn e6_what_a_subscriber_goes_to_the_gateway_with_is_kept_as_a_quote() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let bank = Bank::open(folder.path()).await;
    let desk = desk(&store, bank.gateways());
    add(&store, 1, "0").await;
    let (id, _) = checkout(&desk, &store, 1).await;
    let kept = store.checkout(id).unwrap().unwrap();
    let quote = store.quote(kept.quote.unwrap()).unwrap().unwrap();
    assert!(store.verify_quote(&quote));
    assert_eq!(Some(quote.offer), kept.offer);
}

#[tokio::test]
async fn l20_what_an_operator_does_in_the_portal_bears_the_operators_name() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    add_until(&store, 1, "0", PAID_UNTIL).await;
    let desk = desk(&store, Gateways::Off);
    let token = desk.passes.issue(id(1), "anna".parse().unwrap(), now());
    let pass = desk.redeem(&token).unwrap();
    assert_eq!(desk.redeem(&token), None);
    let request = Request::Pause {
        start: When::Now,
        end: PauseEnd::Open,
    };
    let by = Hand::Operator(pass.operator);
    let once = "portal:1:pause".parse().unwrap();
    desk.perform(id(1), by, request, once).await.unwrap();
    let newest = store.history(id(1), None, 1).unwrap().remove(0).entry;
    assert_eq!(newest.actor.role, Role::Customer);
    assert_eq!(newest.actor.name.as_str(), "anna");
    let behalf = newest.actor.on_behalf_of.unwrap();
    assert_eq!(behalf.as_str(), id(1).to_string());
}

#[tokio::test]
async fn t16_a_request_is_a_ticket_whose_answer_the_subscriber_sees() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    add_until(&store, 1, "0", PAID_UNTIL).await;
    let desk = desk(&store, Gateways::Off);
    for number in 0..=garth_store::OPEN_TICKETS_MAX {
        let request = Request::RequestChange {
            plan: Some("fast".parse().unwrap()),
            message: format!("please, {number}").parse().unwrap(),
        };
        let asked = by_hand(&desk, request, &format!("portal:{number}:request")).await;
        if number < garth_store::OPEN_TICKETS_MAX {
            asked.unwrap();
        } else {
            assert!(matches!(asked, Err(Problem::TooManyTickets)));
        }
    }
    let ticket = store.tickets(true, Some(id(1)), None, 1).unwrap().remove(0);
    let answer = Some("next week".parse().unwrap());
    let by = operator();
    let closed = store.close_ticket(ticket.id, &by, answer.clone());
    closed.await.unwrap();
    let view = desk.view(id(1)).await.unwrap();
    assert_eq!(view.tickets.len(), garth_store::OPEN_TICKETS_MAX);
    let oldest = view.tickets.last().unwrap();
    assert_eq!(oldest.message.as_str(), "please, 0");
    assert_eq!(oldest.closed, Some((now(), answer)));
}

#[tokio::test]
async fn t6_a_pause_that_the_provider_locked_offers_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let desk = desk(&store, Gateways::Off);
    for (number, is_locked) in [(1, false), (2, true)] {
        add_until(&store, number, "100.00", PAID_UNTIL).await;
        let command = Command::Pause {
            start: When::Now,
            end: PauseEnd::Open,
            is_locked,
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
        store.command(request).await.unwrap();
        let view = desk.view(id(number)).await.unwrap();
        assert_eq!(view.standing, Standing::Paused);
        assert_eq!(view.offers.is_empty(), is_locked);
        assert_eq!(view.pausing.may_end, !is_locked);
    }
}

#[tokio::test]
async fn the_portal_takes_the_password_whose_nt_hash_is_on_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    // The NT hash of "MyPw" (RFC 2433 section B.2).
    let hash = "fc156af7edcd6c0edde3337d427f4eac".parse().unwrap();
    let password = Credential::Password("tulip".parse().unwrap());
    for (number, credential) in [
        (1, Some(Credential::NtHash(hash))),
        (2, Some(password)),
        (3, None),
    ] {
        add_with(&store, number, credential).await;
    }
    let desk = desk(&store, Gateways::default());
    for (user, password, found) in [
        ("user1", "MyPw", Some(id(1))),
        ("user1", "mypw", None),
        ("user1", "fc156af7edcd6c0edde3337d427f4eac", None),
        ("user1", "", None),
        ("user2", "tulip", Some(id(2))),
        ("user2", "tulips", None),
        ("user2", "", None),
        ("user3", "", None),
        ("user3", "MyPw", None),
        ("nobody", "tulip", None),
        ("nobody", "", None),
    ] {
        assert_eq!(
            desk.login(user, password).await,
            found,
            "{user} {password:?}"
        );
    }
    let longest = "x".repeat(1_000);
    assert_eq!(desk.login("user1", &longest).await, None);
}

async fn add_with(store: &Store, number: u128, credential: Option<Credential>) {
    let new = NewSubscription {
        credential,
        ..new(number, "0.00", "2026-11-20T00:00:00Z")
    };
    store.add(new, operator(), None).await.unwrap();
}

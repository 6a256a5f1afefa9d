//! The front desk and the cashier over a store on disk and the real sandbox.

use std::net::SocketAddr;
use std::path::Path;

use garth_payments::Gateways;
use garth_payments::sandbox::{Sandbox, SandboxConfig};
use garth_payments::signature::SigningSecret;
use garth_store::record::{CheckoutId, CheckoutState as Kept};
use garth_store::write::NewSubscription;
use garth_store::{Clock, Limits, Observer, Options};
use garth_subscription::calendar::BillingZone;
use garth_subscription::command::Create;
use garth_subscription::money::{Currency, Money};
use garth_subscription::plan::{Plan, PlanKind, PriceLine};
use garth_subscription::policy::{Policies, Policy};
use garth_subscription::subscriber::Subscriber;
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
        prices: vec![PriceLine {
            months: months(1),
            amount: euro("30.00"),
        }],
        change_to: Vec::new(),
    };
    store.apply_plans(vec![plan], operator()).await.unwrap();
    store
}

/// Subscriber `number`, whose paid time is over, with that credit.
async fn add(store: &Store, number: u128, credit: &str) {
    let new = NewSubscription {
        subscriber: Subscriber {
            user_name: Some(format!("user{number}").parse().unwrap()),
            ..Subscriber::default()
        },
        create: Create {
            id: id(number),
            plan: "home".parse().unwrap(),
            services: Vec::new(),
            start_at: None,
            paid_through: Some("2026-11-20T00:00:00Z".parse().unwrap()),
            anchor_day: None,
            balance: Some(euro(credit)),
            holds: Vec::new(),
            renewal: garth_subscription::facts::Renewal::default(),
            active_to: None,
        },
    };
    store.add(new, operator(), None).await.unwrap();
}

fn desk(store: &Store, gateways: Gateways) -> FrontDesk {
    let cashier = Arc::new(Cashier::new(store.clone(), gateways));
    let url = "http://portal.example/".parse().unwrap();
    FrontDesk::new(store.clone(), cashier, Arc::default(), url)
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
        let request = Request::PayFromBalance { months: months(1) };
        desk.perform(id(1), request, once.parse().unwrap())
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
        language: Language::English,
        description: "Home".parse().unwrap(),
    };
    desk.perform(id(number), request, "portal:1:checkout-1".parse().unwrap())
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
    let reached = async {
        while !done() {
            tokio::time::sleep(every).await;
        }
    };
    let reached = tokio::time::timeout(std::time::Duration::from_secs(10), reached).await;
    stopper.stop();
    polling.await.unwrap().unwrap();
    reached.expect("polling found it");
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
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    stopper.stop();
    let soon = std::time::Duration::from_secs(1);
    tokio::time::timeout(soon, polling)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    tokio::time::timeout(soon, bank.sandbox.shutdown())
        .await
        .expect("the sandbox stops although all its places are taken");
}

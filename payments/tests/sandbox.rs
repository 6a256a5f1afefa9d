//! The sandbox as a stranger: everything here goes through its sockets.

#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use std::future::poll_fn;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use garth_payments::sandbox::{NAME, SIGNATURE_HEADER, Sandbox, SandboxConfig, SandboxError};
use garth_payments::signature::SigningSecret;
use garth_payments::{
    Captured, CheckoutId, CheckoutRequest, EventKind, Gateway, GatewayError, GatewayEvent, Hosted,
    SessionState,
};
use garth_subscription::money::{Currency, Money};
use garth_subscription::subscriber::Language;
use garth_subscription::time::Timestamp;
use http::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

const NOW: i64 = 1_800_000_000;
/// How late a webhook comes that is to come late.
const LATE: Duration = Duration::from_secs(3);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds).unwrap()
}

fn secret() -> SigningSecret {
    SigningSecret::new("whsec_test_0123456789abcdef".into()).unwrap()
}

/// What `work` comes to, with a paused clock standing still: it would leap whenever nobody has anything to do,
/// also while the kernel still has something on its way. So somebody always has: to look again.
async fn still<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|context| {
        let looked = work.as_mut().poll(context);
        if looked.is_pending() {
            context.waker().wake_by_ref();
        }
        looked
    })
    .await
}

/// A webhook receiver that hands on the signature and body of every request it reads.
struct Receiver {
    address: SocketAddr,
    events: mpsc::Receiver<(String, Vec<u8>)>,
}

async fn receiver(answers: &'static [&'static str]) -> Receiver {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, events) = mpsc::channel(16);
    tokio::spawn(async move {
        for index in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let text = read_message(&mut stream).await;
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            let signature = head
                .lines()
                .find_map(|line| line.strip_prefix(&format!("{SIGNATURE_HEADER}: ")))
                .unwrap_or_default()
                .to_owned();
            let status = answers.get(index).unwrap_or(&"200 OK");
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            // Before the answer: who has that, finds the event here.
            if sender
                .send((signature, body.as_bytes().to_vec()))
                .await
                .is_err()
            {
                return;
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    Receiver { address, events }
}

/// Reads one message with a Content-Length, or up to the end of the stream.
async fn read_message(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let whole = String::from_utf8_lossy(&text).to_string();
        if let Some((head, body)) = whole.split_once("\r\n\r\n") {
            let len: usize = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length: ")
                        .map(str::to_owned)
                })
                .map_or(0, |len| len.parse().unwrap());
            if body.len() >= len {
                return whole;
            }
        }
        match stream.read(&mut chunk).await.unwrap() {
            0 => return whole,
            n => text.extend_from_slice(&chunk[..n]),
        }
    }
}

async fn send(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let text = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

struct World {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
    clock: Arc<Mutex<i64>>,
}

async fn start(path: &Path, webhook: SocketAddr, clock: &Arc<Mutex<i64>>) -> Sandbox {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let public_url = format!("http://{}", listener.local_addr().unwrap());
    let config = SandboxConfig {
        listener,
        public_url: public_url.parse().unwrap(),
        state_path: path.to_owned(),
        webhook_url: format!("http://{webhook}/gateway/{NAME}").parse().unwrap(),
        signing_secret: secret(),
        late_after: LATE,
    };
    let clock = Arc::clone(clock);
    Sandbox::start(config, Arc::new(move || at(*clock.lock().unwrap())))
        .await
        .unwrap()
}

impl World {
    async fn new(webhook: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Mutex::new(NOW));
        let sandbox = start(&folder.path().join("state"), webhook, &clock).await;
        Self {
            sandbox,
            folder,
            clock,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    async fn open(&self) -> (CheckoutRequest, Hosted) {
        let request = CheckoutRequest {
            checkout: CheckoutId::random(),
            amount: Money::parse("85.00", Currency::EUR).unwrap(),
            description: "Home 100 <b>".parse().unwrap(),
            success_url: "http://portal.example/returned/co_1".parse().unwrap(),
            cancel_url: "http://portal.example/".parse().unwrap(),
            expires_at: at(NOW + 1_800),
            locale: Language::German,
        };
        let hosted = self
            .sandbox
            .gateway()
            .create(request.clone())
            .await
            .unwrap();
        (request, hosted)
    }

    async fn press(&self, hosted: &Hosted, form: &str) -> String {
        let path = hosted.url.path_and_query();
        send(self.sandbox.address(), "POST", path, "", form).await
    }

    async fn state(&self, hosted: &Hosted) -> SessionState {
        let gateway = self.sandbox.gateway();
        gateway.retrieve(&hosted.session).await.unwrap()
    }

    async fn paid(&self, hosted: &Hosted) -> Vec<Captured> {
        match self.state(hosted).await {
            SessionState::Paid(payments) => payments,
            other @ (SessionState::Open | SessionState::Expired) => panic!("{other:?}"),
        }
    }

    fn verified(&self, (signature, body): &(String, Vec<u8>)) -> GatewayEvent {
        let mut headers = HeaderMap::new();
        headers.insert(SIGNATURE_HEADER, signature.parse().unwrap());
        let gateway = self.sandbox.gateway();
        gateway.verify_webhook(&headers, body, at(NOW)).unwrap()
    }
}

#[tokio::test]
async fn a_payment_is_told_by_a_signed_webhook_and_by_asking_under_one_id() {
    let mut receiver = receiver(&[]).await;
    let world = World::new(receiver.address).await;
    let (request, hosted) = world.open().await;
    assert_eq!(world.state(&hosted).await, SessionState::Open);
    let answer = world.press(&hosted, "action=pay").await;
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    assert!(answer.contains("location: http://portal.example/returned/co_1\r\n"));
    let event = world.verified(&receiver.events.recv().await.unwrap());
    let EventKind::Paid {
        checkout,
        session,
        captured,
    } = event.kind
    else {
        panic!("another event");
    };
    assert_eq!(
        (checkout, session),
        (request.checkout, hosted.session.clone())
    );
    assert_eq!(captured.amount, request.amount);
    assert_eq!(world.paid(&hosted).await, [captured]);
}

#[tokio::test]
async fn every_page_says_test_mode_and_escapes_what_others_wrote() {
    let receiver = receiver(&[]).await;
    let world = World::new(receiver.address).await;
    let (_, hosted) = world.open().await;
    let path = hosted.url.path_and_query();
    let open = send(world.sandbox.address(), "GET", path, "", "").await;
    assert!(open.contains("Home 100 &lt;b&gt;") && open.contains("lang=\"de\""));
    assert!(
        open.contains("form-action 'self' http://portal.example"),
        "{open}"
    );
    let declined = world.press(&hosted, "action=decline").await;
    assert!(declined.contains("role=\"alert\""));
    let paid = world.press(&hosted, "action=pay&webhook=none").await;
    let again = world.press(&hosted, "action=pay&webhook=none").await;
    let none = send(world.sandbox.address(), "GET", "/", "", "").await;
    for page in [open, declined, paid, again, none] {
        assert!(page.contains("TEST MODE"), "{page}");
    }
    assert_eq!(world.sandbox.gateway().name(), "sandbox-TEST-MODE");
    assert_eq!(world.paid(&hosted).await.len(), 1, "one press, one payment");
}

#[tokio::test]
async fn paying_twice_brings_two_payments_with_two_events() {
    let mut receiver = receiver(&[]).await;
    let world = World::new(receiver.address).await;
    let (_, hosted) = world.open().await;
    world.press(&hosted, "action=pay_twice").await;
    let first = world.verified(&receiver.events.recv().await.unwrap());
    let second = world.verified(&receiver.events.recv().await.unwrap());
    assert_ne!(first.id, second.id);
    let payments = world.paid(&hosted).await;
    assert_eq!(payments.len(), 2);
    assert_ne!(payments[0].payment, payments[1].payment);
}

#[tokio::test]
async fn a_webhook_told_twice_carries_the_same_event_id() {
    let mut receiver = receiver(&[]).await;
    let world = World::new(receiver.address).await;
    let (_, hosted) = world.open().await;
    world.press(&hosted, "action=pay&webhook=twice").await;
    let first = world.verified(&receiver.events.recv().await.unwrap());
    let second = world.verified(&receiver.events.recv().await.unwrap());
    assert_eq!(first, second);
    assert_eq!(world.paid(&hosted).await.len(), 1);
}

#[tokio::test]
async fn a_webhook_before_the_redirect_is_there_when_the_browser_is_sent_back() {
    let mut receiver = receiver(&[]).await;
    let world = World::new(receiver.address).await;
    let (_, hosted) = world.open().await;
    world.press(&hosted, "action=pay&webhook=before").await;
    world.verified(&receiver.events.try_recv().unwrap());
}

#[tokio::test]
async fn without_a_webhook_asking_finds_the_payment() {
    let mut receiver = receiver(&[]).await;
    let world = World::new(receiver.address).await;
    let (_, hosted) = world.open().await;
    world.press(&hosted, "action=pay&webhook=none").await;
    assert_eq!(world.paid(&hosted).await.len(), 1);
    assert!(receiver.events.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_late_webhook_comes_after_the_redirect() {
    let mut receiver = receiver(&[]).await;
    let world = World::new(receiver.address).await;
    let (_, hosted) = still(world.open()).await;
    still(world.press(&hosted, "action=pay&webhook=late")).await;
    let event = {
        let mut event = pin!(receiver.events.recv());
        let second = Duration::from_secs(1);
        // Nobody has anything to do: the clock leaps.
        let early = tokio::time::timeout(LATE - second, &mut event).await;
        assert!(early.is_err());
        tokio::time::advance(second).await;
        still(event).await
    };
    world.verified(&event.unwrap());
}

#[tokio::test]
async fn a_webhook_that_was_refused_is_sent_again() {
    let mut receiver = receiver(&["500 No", "302 Found"]).await;
    let world = World::new(receiver.address).await;
    let (_, hosted) = world.open().await;
    world.press(&hosted, "action=pay").await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(world.verified(&receiver.events.recv().await.unwrap()).id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn an_acknowledged_payment_survives_a_restart() {
    let receiver = receiver(&[]).await;
    let world = World::new(receiver.address).await;
    let (request, hosted) = world.open().await;
    world.press(&hosted, "action=pay&webhook=none").await;
    let before = world.paid(&hosted).await;
    // What a kill leaves behind: the file as it is at this moment.
    let copy = world.path().with_extension("copy");
    std::fs::copy(world.path(), &copy).unwrap();
    let sandbox = start(&copy, receiver.address, &world.clock).await;
    let gateway = sandbox.gateway();
    assert_eq!(
        gateway.retrieve(&hosted.session).await.unwrap(),
        SessionState::Paid(before)
    );
    let again = gateway.create(request).await.unwrap();
    assert_eq!(
        again.session, hosted.session,
        "the same checkout, the same session"
    );
    sandbox.shutdown().await;
}

#[tokio::test]
async fn an_expired_session_takes_no_money() {
    let receiver = receiver(&[]).await;
    let world = World::new(receiver.address).await;
    let (_, hosted) = world.open().await;
    *world.clock.lock().unwrap() = NOW + 1_800;
    let answer = world.press(&hosted, "action=pay").await;
    assert!(answer.starts_with("HTTP/1.1 409"), "{answer}");
    assert_eq!(world.state(&hosted).await, SessionState::Expired);
}

#[tokio::test]
async fn the_api_is_closed_to_who_has_no_key() {
    let receiver = receiver(&[]).await;
    let world = World::new(receiver.address).await;
    let (_, hosted) = world.open().await;
    let path = format!("/v1/sessions/{}", hosted.session);
    for headers in ["", "authorization: Bearer guess\r\n"] {
        let answer = send(world.sandbox.address(), "GET", &path, headers, "").await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    }
    let unknown = "cs_test_0".parse().unwrap();
    let answer = world.sandbox.gateway().retrieve(&unknown).await;
    assert!(matches!(answer, Err(GatewayError::UnknownSession)));
}

#[tokio::test]
async fn a_webhook_over_tls_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let config = SandboxConfig {
        listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        public_url: "http://127.0.0.1/".parse().unwrap(),
        state_path: folder.path().join("state"),
        webhook_url: "https://portal.example/gateway/x".parse().unwrap(),
        signing_secret: secret(),
        late_after: Duration::ZERO,
    };
    let refused = Sandbox::start(config, Arc::new(|| at(NOW))).await;
    assert!(matches!(refused, Err(SandboxError::WebhookOverTls)));
}

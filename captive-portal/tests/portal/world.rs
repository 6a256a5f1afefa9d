//! A portal on real sockets over a desk that answers as a test wants, and a client that sends any octets.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use garth_captive_portal::desk::{Identified, Request};
use garth_captive_portal::limits::Limits;
use garth_captive_portal::{Listeners, Portal, PortalConfig, Services};
use garth_subscription::{Standing, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::fake::{Fake, id, now, view};

/// Addresses of loopback: whose they are is set by each test.
pub(super) const ALICE: &str = "127.0.0.11";
pub(super) const BOB: &str = "127.0.0.12";
pub(super) const SHARED: &str = "127.0.0.13";
pub(super) const NOBODY: &str = "127.0.0.14";

/// Far longer than a machine stalls.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);
/// Longer than any test is let run: the limits of a portal where a test sets no others.
pub(super) const NEVER: Duration = Duration::from_secs(3_600);

pub(super) struct World {
    pub(super) fake: Arc<Fake>,
    pub(super) address: SocketAddr,
    pub(super) clock: Arc<Mutex<Timestamp>>,
    pub(super) stop: Option<oneshot::Sender<()>>,
    pub(super) serving: JoinHandle<()>,
}

/// An answer, split.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// The token of the page's first form.
    pub(super) fn token(&self) -> &str {
        let (_, rest) = self.body.split_once("name=\"token\" value=\"").unwrap();
        rest.split('"').next().unwrap()
    }
}

impl World {
    pub(super) async fn with(change: impl FnOnce(&mut PortalConfig)) -> Self {
        let fake = Arc::new(Fake::default());
        let world = [(ALICE, 1, Standing::Expired), (BOB, 2, Standing::Active)];
        for (source, n, standing) in world {
            let known = Identified::Known(id(n));
            fake.addresses
                .lock()
                .unwrap()
                .insert(source.parse().unwrap(), known);
            fake.views.lock().unwrap().insert(id(n), view(standing));
        }
        let shared: IpAddr = SHARED.parse().unwrap();
        fake.addresses
            .lock()
            .unwrap()
            .insert(shared, Identified::Ambiguous);
        let url = "http://portal.example/".parse().unwrap();
        let mut config = PortalConfig::new(url, "Alpennetz", "Europe/Vienna".parse().unwrap());
        config.gateway_urls = vec!["https://pay.example/".parse().unwrap()];
        config.limits = Limits {
            header_timeout: NEVER,
            body_timeout: NEVER,
            connection_timeout: NEVER,
            ..Limits::default()
        };
        change(&mut config);
        let clock = Arc::new(Mutex::new(now()));
        let told = Arc::clone(&clock);
        let services = Services::of(&fake);
        let clock_of = Arc::new(move || *told.lock().unwrap());
        let portal = Portal::new(config, services, clock_of).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listeners = Listeners {
            http: vec![listener],
            https: None,
        };
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(portal.serve(listeners, async {
            stopped.await.unwrap_or_default();
        }));
        Self {
            fake,
            address,
            clock,
            stop: Some(stop),
            serving,
        }
    }

    pub(super) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(super) fn set(&self, n: u128, standing: Standing) {
        self.fake
            .views
            .lock()
            .unwrap()
            .insert(id(n), view(standing));
    }

    pub(super) async fn connect(&self, source: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{source}:0").parse().unwrap()).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    /// Sends these very octets and reads to the end.
    pub(super) async fn raw(&self, source: &str, octets: &[u8]) -> String {
        let mut stream = self.connect(source).await;
        // The portal may answer and close before it has read all of it.
        drop(stream.write_all(octets).await);
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "neither answered nor cut");
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub(super) async fn ask(&self, source: &str, line: &str, headers: &str, body: &str) -> Answer {
        let text = format!(
            "{line} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
            body.len()
        );
        let answer = self.raw(source, text.as_bytes()).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        Answer {
            status: head
                .get(9..12)
                .and_then(|code| code.parse().ok())
                .unwrap_or(0),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    /// A page of the portal itself.
    pub(super) async fn get(&self, source: &str, path: &str) -> Answer {
        self.ask(
            source,
            &format!("GET {path}"),
            "host: portal.example\r\n",
            "",
        )
        .await
    }

    /// A form of the portal, sent as a browser would.
    pub(super) async fn post(&self, source: &str, path: &str, form: &str) -> Answer {
        let headers = "host: portal.example\r\norigin: http://portal.example\r\nsec-fetch-site: same-origin\r\n";
        self.ask(source, &format!("POST {path}"), headers, form)
            .await
    }

    pub(super) fn performed(&self) -> Vec<Request> {
        let performed = self.fake.performed.lock().unwrap();
        performed
            .iter()
            .map(|(_, request)| request.clone())
            .collect()
    }
}

//! The portal over real sockets, with octets that no well-behaved client would send.

#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

#[path = "../fake/mod.rs"]
mod fake;
mod lifecycle;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fake::{Fake, id, now, refused, view};
use garth_captive_portal::desk::{Identified, Request};
use garth_captive_portal::limits::{FORM_LEN_MAX, Limits, WEBHOOK_LEN_MAX};
use garth_captive_portal::{Listeners, Portal, PortalConfig, Problem, Services, View};
use garth_subscription::calendar::Months;
use garth_subscription::command::{PauseEnd, When};
use garth_subscription::subscriber::Language;
use garth_subscription::time::Span;
use garth_subscription::{Standing, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Addresses of loopback: whose they are is set by each test.
const ALICE: &str = "127.0.0.11";
const BOB: &str = "127.0.0.12";
const SHARED: &str = "127.0.0.13";
const NOBODY: &str = "127.0.0.14";

/// Far longer than a machine stalls.
const PATIENCE: Duration = Duration::from_secs(120);
/// Longer than any test is let run: the limits of a portal where a test sets no others.
const NEVER: Duration = Duration::from_secs(3_600);

struct World {
    fake: Arc<Fake>,
    address: SocketAddr,
    clock: Arc<Mutex<Timestamp>>,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

/// An answer, split.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// The token of the page's first form.
    fn token(&self) -> &str {
        let (_, rest) = self.body.split_once("name=\"token\" value=\"").unwrap();
        rest.split('"').next().unwrap()
    }
}

impl World {
    async fn with(change: impl FnOnce(&mut PortalConfig)) -> Self {
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

    async fn new() -> Self {
        Self::with(|_| ()).await
    }

    fn set(&self, n: u128, standing: Standing) {
        self.fake
            .views
            .lock()
            .unwrap()
            .insert(id(n), view(standing));
    }

    async fn connect(&self, source: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{source}:0").parse().unwrap()).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    /// Sends these very octets and reads to the end.
    async fn raw(&self, source: &str, octets: &[u8]) -> String {
        let mut stream = self.connect(source).await;
        // The portal may answer and close before it has read all of it.
        drop(stream.write_all(octets).await);
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "neither answered nor cut");
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn ask(&self, source: &str, line: &str, headers: &str, body: &str) -> Answer {
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
    async fn get(&self, source: &str, path: &str) -> Answer {
        self.ask(
            source,
            &format!("GET {path}"),
            "host: portal.example\r\n",
            "",
        )
        .await
    }

    /// A form of the portal, sent as a browser would.
    async fn post(&self, source: &str, path: &str, form: &str) -> Answer {
        let headers = "host: portal.example\r\norigin: http://portal.example\r\nsec-fetch-site: same-origin\r\n";
        self.ask(source, &format!("POST {path}"), headers, form)
            .await
    }

    fn performed(&self) -> Vec<Request> {
        let performed = self.fake.performed.lock().unwrap();
        performed
            .iter()
            .map(|(_, request)| request.clone())
            .collect()
    }
}

fn is_the_redirect(answer: &Answer) -> bool {
    answer.status == 302
        && answer.header("location") == Some("http://portal.example/")
        && answer.header("cache-control") == Some("no-store")
        && answer.head.matches("location:").count() == 1
        && (1..200).contains(&answer.header("content-length").unwrap().parse().unwrap())
}

/// N30: host, path, and what the answer to an online client holds.
const PROBES: [(&str, &str, u16, &str); 9] = [
    (
        "captive.apple.com",
        "/hotspot-detect.html",
        200,
        "<TITLE>Success</TITLE>",
    ),
    ("connectivitycheck.gstatic.com", "/generate_204", 204, ""),
    ("www.gstatic.com", "/generate_204", 204, ""),
    ("clients3.google.com", "/generate_204", 204, ""),
    (
        "www.msftconnecttest.com",
        "/connecttest.txt",
        200,
        "Microsoft Connect Test",
    ),
    (
        "detectportal.firefox.com",
        "/canonical.html",
        200,
        "http-equiv=\"refresh\"",
    ),
    ("detectportal.firefox.com", "/success.txt", 200, "success\n"),
    (
        "nmcheck.gnome.org",
        "/check_network_status.txt",
        200,
        "NetworkManager is online",
    ),
    ("networkcheck.kde.org", "/", 200, "OK"),
];

#[tokio::test]
async fn n30_every_probe_of_a_captive_client_is_redirected() {
    let world = World::new().await;
    for (host, path, _, _) in PROBES {
        for source in [ALICE, SHARED, NOBODY] {
            for method in ["GET", "HEAD", "POST", "OPTIONS", "BREW"] {
                let line = format!("{method} {path}");
                let answer = world
                    .ask(source, &line, &format!("host: {host}\r\n"), "")
                    .await;
                assert!(
                    is_the_redirect(&answer),
                    "{line} at {host}: {}",
                    answer.head
                );
                assert_eq!(answer.body.is_empty(), method == "HEAD");
            }
        }
    }
}

#[tokio::test]
async fn n30_every_probe_of_an_online_client_succeeds() {
    let world = World::new().await;
    for (host, path, status, body) in PROBES {
        let line = format!("GET {path}");
        let answer = world
            .ask(BOB, &line, &format!("host: {host}\r\n"), "")
            .await;
        assert_eq!(answer.status, status, "{host}{path}");
        assert!(answer.body.contains(body), "{host}{path}: {}", answer.body);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let other = world.ask(BOB, "GET /x", "host: news.example\r\n", "").await;
    assert!(
        is_the_redirect(&other),
        "what is no probe comes to the portal"
    );
}

#[tokio::test]
async fn n30_no_request_chooses_where_it_is_redirected_to() {
    let world = World::new().await;
    for (line, headers) in [
        ("GET /", "host: evil.example\r\n"),
        ("GET //evil.example/%2f..", "host: evil.example\r\n"),
        (
            "GET /%0d%0alocation:%20http://evil.example/",
            "host: evil.example\r\n",
        ),
        ("GET http://evil.example/x", "host: portal.example\r\n"),
        (
            "GET http://portal.example@evil.example/",
            "host: portal.example\r\n",
        ),
        ("GET /", "host: portal.example@evil.example\r\n"),
        ("GET /", "host: portal.example\r\nhost: evil.example\r\n"),
        (
            "GET /",
            "host: evil.example\r\nx-forwarded-host: evil.example\r\n",
        ),
        ("GET /", "host: portal.example.evil.example\r\n"),
        ("GET /", "host: evil.example@portal.example\r\n"),
        ("GET /", "host: \r\n"),
        ("GET /", ""),
        ("CONNECT evil.example:443", "host: evil.example:443\r\n"),
        ("OPTIONS *", "host: evil.example\r\n"),
    ] {
        let answer = world.ask(ALICE, line, headers, "").await;
        assert!(
            is_the_redirect(&answer),
            "{line} {headers:?}: {}",
            answer.head
        );
    }
    for path in [
        "//evil.example/",
        "/\\evil.example",
        "/returned//evil.example",
    ] {
        let answer = world.get(ALICE, path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.header("location"), None);
    }
}

#[tokio::test]
async fn malformed_http_gets_an_error_or_silence_and_never_a_page() {
    let world = World::new().await;
    for octets in [
        b"\0\0\0\0\r\n\r\n".as_slice(),
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\r\nhost: portal.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /login HTTP/1.1\r\nhost: portal.example\r\ncontent-length: -1\r\n\r\n",
        b"POST /login HTTP/1.1\r\nhost: portal.example\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef",
    ] {
        let answer = world.raw(ALICE, octets).await;
        let fine = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
        assert!(fine, "{octets:?}: {answer}");
    }
    assert_eq!(world.get(ALICE, "/").await.status, 200, "it lives on");
}

#[tokio::test]
async fn headers_and_bodies_beyond_their_bounds_are_refused() {
    let world = World::new().await;
    let long = format!("host: portal.example\r\nx: {}\r\n", "a".repeat(20_000));
    assert_eq!(world.ask(ALICE, "GET /", &long, "").await.status, 431);
    let many = "host: portal.example\r\n".to_owned() + &"x: y\r\n".repeat(100);
    assert_eq!(world.ask(ALICE, "GET /", &many, "").await.status, 431);
    let form = "a".repeat(FORM_LEN_MAX + 1);
    assert_eq!(world.post(ALICE, "/checkout", &form).await.status, 413);
    let path = "/gateway/sandbox-TEST-MODE";
    let body = "a".repeat(WEBHOOK_LEN_MAX + 1);
    assert_eq!(world.post(NOBODY, path, &body).await.status, 413);
    let chunked = format!(
        "POST {path} HTTP/1.1\r\nhost: portal.example\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    let answer = world.raw(NOBODY, chunked.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(world.fake.webhooks.lock().unwrap().is_empty());
}

#[tokio::test]
async fn slow_clients_are_cut() {
    let soon = Duration::from_millis(100);
    let world = World::with(|config| config.limits.header_timeout = soon).await;
    let silent = world.raw(ALICE, b"").await;
    let half = world.raw(ALICE, b"GET / HTTP/1.1\r\nhost: port").await;
    for answer in [silent, half] {
        let cut = answer.is_empty() || answer.starts_with("HTTP/1.1 408");
        assert!(cut, "{answer}");
    }
    let world = World::with(|config| config.limits.body_timeout = soon).await;
    let body = b"POST /login HTTP/1.1\r\nhost: portal.example\r\ncontent-length: 9\r\n\r\nab";
    let answer = world.raw(ALICE, body).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn one_source_cannot_take_every_connection() {
    let world = World::with(|config| config.limits.connections_per_source_max = 2).await;
    let mut first = world.connect(ALICE).await;
    let mut second = world.connect(ALICE).await;
    for stream in [&mut first, &mut second] {
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: x.example\r\n\r\n")
            .await
            .unwrap();
        let mut some = [0; 12];
        stream.read_exact(&mut some).await.unwrap();
        assert_eq!(&some, b"HTTP/1.1 302");
    }
    assert_eq!(
        world.raw(ALICE, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await,
        ""
    );
    assert_eq!(world.get(BOB, "/").await.status, 200, "others are served");
    drop((first, second));
    while world.get(ALICE, "/").await.status != 200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn one_subscription_cannot_take_every_connection_from_its_many_addresses() {
    let world = World::with(|config| config.limits.connections_per_source_max = 1).await;
    let second_address = NOBODY.parse().unwrap();
    let known = Identified::Known(id(1));
    world
        .fake
        .addresses
        .lock()
        .unwrap()
        .insert(second_address, known);
    let mut first = world.connect(ALICE).await;
    let request = b"GET / HTTP/1.1\r\nhost: x.example\r\n\r\n";
    first.write_all(request).await.unwrap();
    let mut some = [0; 12];
    first.read_exact(&mut some).await.unwrap();
    assert_eq!(world.raw(NOBODY, request).await, "", "the same subscriber");
    assert_eq!(world.get(BOB, "/").await.status, 200, "others are served");
}

#[tokio::test]
async fn a_flood_of_pages_is_slowed_down_but_redirects_go_on() {
    let world = World::new().await;
    let mut statuses = Vec::new();
    for _ in 0..110 {
        statuses.push(world.get(ALICE, "/history").await.status);
    }
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        100
    );
    assert_eq!(statuses.last(), Some(&429));
    let probe = world
        .ask(ALICE, "GET /generate_204", "host: x.example\r\n", "")
        .await;
    assert!(is_the_redirect(&probe));
}

#[tokio::test]
async fn every_page_is_small_strict_and_well_formed_in_both_languages() {
    let world = World::new().await;
    *world.fake.change.lock().unwrap() = Some(fake::change_quote(Some("7.50")));
    let mut pages = 0;
    for standing in Standing::ALL {
        world.set(1, standing);
        for path in [
            "/",
            "/history",
            "/pause",
            "/plan",
            "/plan/price?plan=home-500&start=now",
            "/follow",
            "/end",
            "/call-off",
            "/cancelled",
            "/done",
            "/nothing",
            "/returned/co_open",
            "/returned/co_paid",
            "/returned/co_done",
            "/returned/co_credit",
            "/returned/co_online",
            "/returned/co_expired",
        ] {
            for language in ["en", "de"] {
                let headers = format!("host: portal.example\r\naccept-language: {language}\r\n");
                let answer = world.ask(ALICE, &format!("GET {path}"), &headers, "").await;
                if answer.status == 303 {
                    continue;
                }
                check_page(&answer, language);
                pages += 1;
                // A test of pages, not of rates.
                let mut clock = world.clock.lock().unwrap();
                *clock = clock.saturating_add(Span::from_seconds(1));
            }
        }
    }
    assert!(pages > 150, "{pages}");
    for language in ["en", "de"] {
        let headers = format!("host: portal.example\r\naccept-language: {language}\r\n");
        check_page(&world.ask(NOBODY, "GET /", &headers, "").await, language);
    }
}

fn check_page(answer: &Answer, language: &str) {
    let body = &answer.body;
    assert!(
        body.contains(&format!("<html lang=\"{language}\">")),
        "{body}"
    );
    assert!(body.len() < 15 * 1_024, "{} octets", body.len());
    assert!(!body.contains("<script") && !body.contains("style=\"") && !body.contains("://"));
    assert!(
        !body.contains("secret"),
        "the journal's actor and reason are not for the subscriber"
    );
    assert!(!body.contains("{$") && !body.contains("{ $"), "{body}");
    let policy = answer.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    for part in [
        "form-action 'self' https://pay.example;",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"));
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(answer.header(name), Some(value));
    }
    assert_well_formed(body);
}

/// Every element is closed in order, every attribute quoted, every field labelled.
fn assert_well_formed(page: &str) {
    const VOID: [&str; 3] = ["meta", "input", "!doctype"];
    let (head, rest) = page.split_once("<style>").unwrap();
    let (_, rest) = rest.split_once("</style>").unwrap();
    let text = format!("{head}{rest}");
    let mut open = Vec::new();
    for tag in text.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap();
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let name = tag.split_whitespace().next().unwrap();
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "in {page}");
        } else if !VOID.contains(&name) {
            open.push(name);
        }
        let is_field = ["input", "select", "textarea"].contains(&name);
        if is_field && !tag.contains("type=\"hidden\"") {
            let (_, id) = tag.split_once("id=\"").unwrap();
            let id = id.split('"').next().unwrap();
            assert!(
                text.contains(&format!("<label for=\"{id}\">")),
                "{id} has no label"
            );
        }
    }
    assert_eq!(open, [""; 0], "left open in {page}");
    assert_eq!(text.matches("<h1>").count(), 1);
}

#[tokio::test]
async fn n34_prices_and_dates_are_written_as_the_reader_does() {
    let world = World::new().await;
    let english = world.get(ALICE, "/").await.body;
    assert!(
        english.contains("18 November 2026") && english.contains("€17.40"),
        "{english}"
    );
    let headers = "host: portal.example\r\naccept-language: de-AT\r\n";
    let german = world.ask(ALICE, "GET /", headers, "").await.body;
    assert!(
        german.contains("18. November 2026") && german.contains("85,00 €"),
        "{german}"
    );
}

#[tokio::test]
async fn n34_the_switch_wins_over_the_subscribers_setting_and_that_over_the_browsers() {
    let world = World::new().await;
    let mut german = view(Standing::Expired);
    german.language = Some(Language::German);
    world.fake.views.lock().unwrap().insert(id(1), german);
    let headers = "host: portal.example\r\naccept-language: en\r\n";
    let page = world.ask(ALICE, "GET /", headers, "").await.body;
    assert!(page.contains("lang=\"de\">\n"), "{page}");
    let switch = world.get(ALICE, "/language/en").await;
    assert_eq!((switch.status, switch.header("location")), (303, Some("/")));
    let cookie = switch
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap();
    let headers = format!("host: portal.example\r\ncookie: {cookie}\r\n");
    let page = world.ask(ALICE, "GET /", &headers, "").await.body;
    assert!(page.contains("<html lang=\"en\">"));
    assert_eq!(world.get(ALICE, "/language/xx").await.status, 404);
}

#[tokio::test]
async fn months_are_paid_on_the_gateways_page() {
    let world = World::new().await;
    let page = world.get(ALICE, "/").await;
    let form = format!("token={}&months=3", page.token());
    let answer = world.post(ALICE, "/checkout", &form).await;
    assert_eq!(answer.status, 303);
    assert_eq!(
        answer.header("location"),
        Some("https://pay.example/p/cs_1")
    );
    let months = Months::new(3).unwrap();
    let language = Language::English;
    assert_eq!(
        world.performed(),
        [Request::StartCheckout {
            months,
            then_pause: false,
            language,
            description: "Home 100, 3 months".parse().unwrap(),
        }]
    );
}

#[tokio::test]
async fn months_that_the_credit_covers_need_no_gateway() {
    let world = World::new().await;
    let mut rich = view(Standing::Expired);
    rich.offers[0].total = fake::euro("0");
    world.fake.views.lock().unwrap().insert(id(1), rich);
    let page = world.get(ALICE, "/").await;
    let form = format!("token={}&months=1", page.token());
    let answer = world.post(ALICE, "/checkout", &form).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/done"))
    );
    let expected = Request::PayFromBalance {
        months: Months::new(1).unwrap(),
        then_pause: false,
    };
    assert_eq!(world.performed(), [expected]);
}

#[tokio::test]
async fn a_form_sent_twice_is_one_wish_and_two_forms_are_two() {
    let world = World::new().await;
    let mut rich = view(Standing::Expired);
    for offer in &mut rich.offers {
        offer.total = fake::euro("0");
    }
    world.fake.views.lock().unwrap().insert(id(1), rich);
    let pages = [world.get(ALICE, "/").await, world.get(ALICE, "/").await];
    for (page, months) in [(0, 1), (0, 1), (0, 3), (1, 1)] {
        let form = format!("token={}&months={months}", pages[page].token());
        assert_eq!(world.post(ALICE, "/checkout", &form).await.status, 303);
    }
    let once = world.fake.once.lock().unwrap().clone();
    assert_eq!(once[0], once[1], "a second click");
    assert_ne!(once[0], once[2], "another choice on the same page");
    assert_ne!(once[0], once[3], "another page");
}

#[tokio::test]
async fn months_that_are_not_on_offer_are_refused() {
    let world = World::new().await;
    let token = world.get(ALICE, "/").await.token().to_owned();
    for months in ["", "2", "0", "-1", "65537", "1e3", "3 "] {
        let form = format!("token={token}&months={months}");
        let answer = world.post(ALICE, "/checkout", &form).await;
        assert_eq!(answer.status, 409, "{months:?}");
    }
    assert!(world.performed().is_empty());
}

#[tokio::test]
async fn a_pause_begins_and_ends_by_the_subscribers_wish() {
    let world = World::new().await;
    let page = world.get(BOB, "/pause").await;
    assert!(page.body.contains("min=\"2026-11-21\""), "{}", page.body);
    let token = page.token();
    for until in ["", "tomorrow", "2027-02-30"] {
        let form = format!("token={token}&end=date&until={until}");
        let answer = world.post(BOB, "/pause", &form).await;
        assert_eq!(answer.status, 422, "{until}");
        assert!(answer.body.contains("role=\"alert\""));
    }
    for form in ["end=date&until=2026-12-24", "end=open"] {
        world
            .post(BOB, "/pause", &format!("token={token}&{form}"))
            .await;
    }
    let christmas = PauseEnd::On("2026-12-24".parse().unwrap());
    let start = When::Now;
    let expected = [christmas, PauseEnd::Open].map(|end| Request::Pause { start, end });
    assert_eq!(world.performed(), expected);
    world.set(1, Standing::Paused);
    let token = world.get(ALICE, "/").await.token().to_owned();
    world
        .post(ALICE, "/end-pause", &format!("token={token}"))
        .await;
    assert_eq!(world.performed().last(), Some(&Request::EndPause));
}

#[tokio::test]
async fn a_form_without_our_token_does_nothing() {
    let world = World::new().await;
    let mine = world.get(ALICE, "/").await.token().to_owned();
    let foreign = world.get(BOB, "/pause").await.token().to_owned();
    let strangers = world.get(NOBODY, "/").await.token().to_owned();
    for token in ["", "x", "9999999999.00", &foreign, &strangers] {
        let answer = world
            .post(ALICE, "/checkout", &format!("token={token}&months=3"))
            .await;
        assert_eq!(answer.status, 403, "{token}");
    }
    let form = format!("token={mine}&months=3");
    for headers in [
        "origin: http://evil.example\r\n",
        "origin: null\r\n",
        "origin: http://portal.example.evil.example\r\n",
        "origin: https://portal.example\r\n",
        "sec-fetch-site: cross-site\r\n",
        "sec-fetch-site: same-site\r\n",
    ] {
        let headers = format!("host: portal.example\r\n{headers}");
        let answer = world.ask(ALICE, "POST /checkout", &headers, &form).await;
        assert_eq!(answer.status, 403, "{headers}");
    }
    *world.clock.lock().unwrap() = now().saturating_add(Span::from_seconds(3_601));
    assert_eq!(
        world.post(ALICE, "/checkout", &form).await.status,
        403,
        "too old"
    );
    assert!(world.performed().is_empty());
}

#[tokio::test]
async fn another_subscribers_checkout_does_not_exist() {
    let world = World::new().await;
    let mut bob = view(Standing::Active);
    bob.checkouts.clear();
    world.fake.views.lock().unwrap().insert(id(2), bob);
    assert_eq!(world.get(ALICE, "/returned/co_online").await.status, 200);
    let foreign = world.get(BOB, "/returned/co_online").await;
    let missing = world.get(BOB, "/returned/co_nothing").await;
    assert_eq!((foreign.status, missing.status), (404, 404));
    let without_token = |answer: &Answer| answer.body.replace("co_online", "");
    assert_eq!(without_token(&foreign), without_token(&missing));
    let stranger = world.get(NOBODY, "/returned/co_online").await;
    assert!(stranger.body.contains("name=\"password\""));
}

#[tokio::test]
async fn the_page_waits_for_the_release_and_then_proves_it() {
    let world = World::new().await;
    for path in ["/returned/co_open", "/returned/co_paid"] {
        let waiting = world.get(ALICE, path).await.body;
        assert!(
            waiting.contains("http-equiv=\"refresh\" content=\"1\""),
            "{path}"
        );
    }
    world.set(1, Standing::Active);
    let done = world.get(ALICE, "/returned/co_online").await.body;
    assert!(done.contains("Online again after 350 ms"), "{done}");
    assert!(done.contains("31 January 2027") && !done.contains("http-equiv=\"refresh\""));
}

#[tokio::test]
async fn where_the_address_does_not_tell_a_login_does() {
    let world = World::new().await;
    for source in [SHARED, NOBODY] {
        let page = world.get(source, "/").await;
        assert!(page.body.contains("name=\"password\"") && !page.body.contains("Home 100"));
        let token = page.token();
        let wrong = format!("token={token}&user=%3Cb%3E&password=x");
        let answer = world.post(source, "/login", &wrong).await;
        assert_eq!(answer.status, 403);
        assert!(
            answer.body.contains("value=\"&#60;b&#62;\""),
            "{}",
            answer.body
        );
        let right = format!("token={token}&user=alice&password=tulip%26rose");
        let answer = world.post(source, "/login", &right).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
        let cookie = answer.header("set-cookie").unwrap();
        assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
        let cookie = cookie.split(';').next().unwrap();
        assert_eq!(cookie.len(), "garth=".len() + 64);
        let headers = format!("host: portal.example\r\ncookie: {cookie}\r\n");
        let account = world.ask(source, "GET /", &headers, "").await;
        assert!(account.body.contains("Home 100"));
        let form = format!("token={}&months=3", account.token());
        let stolen = world
            .ask(source, "POST /checkout", "host: portal.example\r\n", &form)
            .await;
        assert_eq!(stolen.status, 403, "the token without its session");
        let paid = world.ask(source, "POST /checkout", &headers, &form).await;
        assert_eq!(paid.status, 303);
        let form = format!("token={}", account.token());
        world.ask(source, "POST /logout", &headers, &form).await;
        let after = world.ask(source, "GET /", &headers, "").await;
        assert!(after.body.contains("name=\"password\""));
    }
}

#[tokio::test]
async fn a_login_shows_nothing_of_another_at_a_known_address() {
    let world = World::new().await;
    let token = world.get(NOBODY, "/").await.token().to_owned();
    let form = format!("token={token}&user=alice&password=tulip%26rose");
    let answer = world.post(NOBODY, "/login", &form).await;
    let cookie = answer
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap();
    let headers = format!("host: portal.example\r\ncookie: {cookie}\r\n");
    let page = world.ask(BOB, "GET /", &headers, "").await.body;
    assert!(page.contains("You are online"), "Bob's own page: {page}");
}

/// The status of each login in turn: ten guesses from one source, then the right password; one name from
/// eleven sources.
async fn statuses_of_logins() -> (Vec<u16>, Vec<u16>) {
    let world = World::new().await;
    let token = world.get(NOBODY, "/").await.token().to_owned();
    let guesses = (0..10).map(|n| format!("token={token}&user=guess{n}&password=x"));
    let right = format!("token={token}&user=alice&password=tulip%26rose");
    let mut by_source = Vec::new();
    for form in guesses.chain([right]) {
        by_source.push(world.post(NOBODY, "/login", &form).await.status);
    }
    let mut by_name = Vec::new();
    for last in 100..111 {
        let source = format!("127.0.1.{last}");
        let token = world.get(&source, "/").await.token().to_owned();
        let form = format!("token={token}&user=bob&password=x");
        by_name.push(world.post(&source, "/login", &form).await.status);
    }
    (by_source, by_name)
}

#[tokio::test]
async fn logins_are_slowed_down_by_source_and_by_user_name() {
    // Not even the right password is told apart then.
    let mut burst = vec![403; 10];
    burst.push(429);
    // Two that share a slot of the table share its rate, which is one of some 400 portals here.
    for _ in 0..4 {
        let (by_source, by_name) = statuses_of_logins().await;
        if by_source == burst && by_name == burst {
            return;
        }
        for strict in [by_source, by_name] {
            let is_lax = strict.iter().zip(&burst).any(|(is, most)| is < most);
            assert!(!is_lax, "{strict:?}");
        }
    }
    panic!("stricter than the rate in four portals");
}

#[tokio::test]
async fn a_problem_is_told_with_its_status() {
    let world = World::new().await;
    let token = world.get(ALICE, "/").await.token().to_owned();
    for (problem, status) in [
        (refused(), 409),
        (Problem::Gateway, 502),
        (Problem::Busy, 503),
    ] {
        *world.fake.problem.lock().unwrap() = Some(problem);
        let answer = world
            .post(ALICE, "/checkout", &format!("token={token}&months=3"))
            .await;
        assert_eq!(answer.status, status);
        assert!(answer.body.contains("href=\"/\""));
    }
}

#[tokio::test]
async fn what_others_wrote_cannot_become_markup() {
    let world = World::new().await;
    let mut evil = view(Standing::Expired);
    evil.plan_name = "<script>alert(1)</script>\"'&".parse().unwrap();
    evil.plan_names = vec![("home-100".parse().unwrap(), evil.plan_name.clone())];
    world.fake.views.lock().unwrap().insert(id(1), evil);
    let page = world.get(ALICE, "/").await.body;
    assert!(!page.contains("<script"), "{page}");
    assert_well_formed(&page);
}

#[tokio::test]
async fn n31_the_captive_portal_api_tells_who_is_captive() {
    let world = World::new().await;
    let ask = async |source: &str| {
        let answer = world.get(source, "/captive-portal/api").await;
        assert_eq!(
            answer.header("content-type"),
            Some("application/captive+json")
        );
        assert_eq!(answer.header("cache-control"), Some("private, no-store"));
        serde_json::from_str::<serde_json::Value>(&answer.body).unwrap()
    };
    for source in [ALICE, SHARED, NOBODY] {
        let answer = ask(source).await;
        assert_eq!(answer["captive"], true, "{source}");
        assert_eq!(answer["user-portal-url"], "http://portal.example/");
        assert_eq!(answer["can-extend-session"], true);
        assert!(answer.get("seconds-remaining").is_none());
    }
    let answer = ask(BOB).await;
    assert_eq!(answer["captive"], false);
    // 2026-11-20T11:00Z to 2027-01-31T23:00Z: 72 days and 12 hours.
    assert_eq!(answer["seconds-remaining"], 72 * 86_400 + 43_200);
}

#[tokio::test]
async fn a_subscriber_is_no_gateway() {
    let world = World::new().await;
    let path = "/gateway/sandbox-TEST-MODE";
    // An announced body that never comes would hold a place; it is not even waited for.
    let half = format!(
        "POST {path} HTTP/1.1\r\nhost: portal.example\r\nconnection: close\r\ncontent-length: 9\r\n\r\na"
    );
    for source in [ALICE, BOB] {
        let answer = world.raw(source, half.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
        assert_eq!(world.post(source, path, "{}").await.status, 404);
    }
    assert!(world.fake.webhooks.lock().unwrap().is_empty());
    assert_eq!(world.post(NOBODY, path, "{}").await.status, 200);
}

#[tokio::test]
async fn a_webhook_is_handed_on_as_it_came_even_at_the_bare_address() {
    let world = World::new().await;
    let path = "POST /gateway/sandbox-TEST-MODE";
    let body = "{\"a\":  1}\n";
    for host in ["portal.example", &world.address.to_string()] {
        let headers = format!("host: {host}\r\nsandbox-signature: t=1,v1=2\r\n");
        assert_eq!(world.ask(NOBODY, path, &headers, body).await.status, 200);
    }
    let webhooks = std::mem::take(&mut *world.fake.webhooks.lock().unwrap());
    assert_eq!(webhooks.len(), 2);
    assert_eq!(webhooks[0].body, body);
    assert_eq!(webhooks[0].headers["sandbox-signature"], "t=1,v1=2");
    for (line, status) in [
        ("GET /gateway/sandbox-TEST-MODE", 405),
        ("POST /gateway/other", 404),
        ("POST /gateway/", 404),
        ("POST /gateway/a/b", 404),
    ] {
        let answer = world
            .ask(NOBODY, line, "host: portal.example\r\n", body)
            .await;
        assert_eq!(answer.status, status, "{line}");
    }
}

#[tokio::test]
async fn without_tls_a_portal_with_tls_shows_no_page_but_takes_webhooks() {
    let world = World::with(|config| {
        config.public_url = "https://portal.example/".parse().unwrap();
    })
    .await;
    for line in ["GET /", "POST /login", "GET /history"] {
        let answer = world.ask(ALICE, line, "host: portal.example\r\n", "").await;
        assert_eq!(answer.status, 302, "{line}");
        assert_eq!(answer.header("location"), Some("https://portal.example/"));
        assert_eq!(answer.header("set-cookie"), None);
    }
    let webhook = world.post(NOBODY, "/gateway/sandbox-TEST-MODE", "{}").await;
    assert_eq!(webhook.status, 200);
}

#[tokio::test]
async fn the_stop_lets_an_answer_finish_and_closes_the_rest() {
    let mut world = World::new().await;
    let mut idle = world.connect(ALICE).await;
    idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut some = [0; 12];
    idle.read_exact(&mut some).await.unwrap();
    world.stop.take().unwrap().send(()).unwrap();
    (&mut world.serving).await.unwrap();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(TcpStream::connect(world.address).await.is_err());
}

#[tokio::test]
async fn forms_that_do_something_are_slowed_down_by_subscription() {
    let world = World::new().await;
    let token = world.get(ALICE, "/").await.token().to_owned();
    let form = format!("token={token}&months=3");
    for _ in 0..20 {
        assert_eq!(world.post(ALICE, "/checkout", &form).await.status, 303);
    }
    assert_eq!(world.post(ALICE, "/checkout", &form).await.status, 429);
    assert_eq!(world.performed().len(), 20);
}

#[tokio::test]
async fn a_page_without_offers_promises_none() {
    let world = World::new().await;
    for standing in [Standing::Expired, Standing::Suspended, Standing::Paused] {
        let mut stuck = view(standing);
        stuck.offers.clear();
        stuck.pausing.may_end = false;
        world.fake.views.lock().unwrap().insert(id(1), stuck);
        let page = world.get(ALICE, "/").await.body;
        assert!(
            page.contains("Please get in touch with us to go on."),
            "{page}"
        );
        assert!(!page.contains("action=\"/checkout\""));
    }
}

//! The API over a socket pair: roles, bounds, and the document that describes it.

mod bulk;
mod commands;
mod reverts;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use garth_store::record::{AccountingRecord, AccountingStatus, NasNames, Session, SessionKey};
use garth_store::{Clock, Keys, Limits, Observer, Options, SealingKey, Store};
use garth_subscription::Timestamp;
use garth_subscription::facts::SubscriptionId;
use garth_subscription::money::Currency;
use garth_subscription::policy::{Policies, Policy};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::UnixStream;
use tokio::sync::watch;

use super::role::Peer;
use super::routes::{Needs, ROUTES};
use super::wire::{NasBody, NasDetailBody, ProbeBody};
use super::*;

/// When every test begins, in milliseconds: 2026-11-21T12:00:00Z.
const BEGINNING_MILLIS: i64 = 1_795_262_400_000;

/// A clock that goes on when a test says so.
struct HandClock(AtomicI64);

impl HandClock {
    fn advance(&self, by: garth_subscription::time::Span) {
        self.0.fetch_add(by.millis(), Ordering::Relaxed);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.0.load(Ordering::Relaxed)).unwrap()
    }

    fn monotonic(&self) -> std::time::Duration {
        let since = self.0.load(Ordering::Relaxed) - BEGINNING_MILLIS;
        std::time::Duration::from_millis(since.unsigned_abs())
    }
}

struct Nobody;

impl Observer for Nobody {
    fn changed(&self, _: &[SubscriptionId]) {}
    fn failed(&self, error: &str) {
        panic!("{error}");
    }
}

struct TestNetwork;

impl Network for TestNetwork {
    fn garden_status(&self) -> Answer<'_, GardenStatus> {
        Box::pin(async { GardenStatus::default() })
    }

    fn walls(&self, _: SubscriptionId) -> Answer<'_, Vec<WallBody>> {
        Box::pin(async {
            vec![WallBody {
                prefix: "10.64.0.7".to_owned(),
                wanted: true,
                actual: WallState::Up,
            }]
        })
    }

    fn disconnect(&self, _: Session) -> Answer<'_, DisconnectAnswer> {
        Box::pin(async { DisconnectAnswer::Acknowledged })
    }

    fn nas_list(&self) -> Answer<'_, Result<Vec<NasBody>, String>> {
        Box::pin(async { Ok(vec![NasBody::default()]) })
    }

    fn nas_show(&self, name: String) -> Answer<'_, Result<Option<NasDetailBody>, String>> {
        Box::pin(async move { Ok((name == "pppoe-1").then(NasDetailBody::default)) })
    }

    fn nas_probe(
        &self,
        name: String,
        address: Option<IpAddr>,
    ) -> Answer<'_, Option<Result<Vec<ProbeBody>, String>>> {
        let to = address.ok_or_else(|| "give an address".to_owned());
        let probed = to.map(|to| {
            vec![ProbeBody {
                to: to.to_string(),
                ..ProbeBody::default()
            }]
        });
        Box::pin(async move { (name == "pppoe-1").then_some(probed) })
    }

    fn daemon_status(&self) -> DaemonStatus {
        DaemonStatus::default()
    }
}

/// An API over an empty store, asked by peers of any role.
struct Api {
    admin: Arc<Admin>,
    clock: Arc<HandClock>,
    _folder: tempfile::TempDir,
}

impl Api {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(HandClock(AtomicI64::new(BEGINNING_MILLIS)));
        let options = Options {
            policies: Policies::new(Policy::new("Europe/Vienna".parse().unwrap())),
            currency: Currency::EUR,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            observer: Arc::new(Nobody),
            keys: Keys::given(SealingKey::random().unwrap()),
            cache_bytes: 16 << 20,
            limits: Limits::default(),
        };
        let store = Store::open(&folder.path().join("garth.redb"), options).unwrap();
        let tz = chrono_tz::Europe::Vienna;
        Self {
            admin: Admin::new(store, Arc::new(TestNetwork), tz, Roles::default()),
            clock,
            _folder: folder,
        }
    }

    /// Status, media type and body.
    async fn ask(
        &self,
        role: Option<AdminRole>,
        method: &str,
        uri: &str,
        body: impl Into<Bytes>,
    ) -> (u16, String, Bytes) {
        self.ask_as("tester", role, method, uri, body).await
    }

    /// As [`Self::ask`], by a person of that name.
    async fn ask_as(
        &self,
        name: &str,
        role: Option<AdminRole>,
        method: &str,
        uri: &str,
        body: impl Into<Bytes>,
    ) -> (u16, String, Bytes) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (_stop, stopped) = watch::channel(false);
        let peer = Peer {
            name: name.parse().unwrap(),
            role,
        };
        let admin = Arc::clone(&self.admin);
        tokio::spawn(serve::connection(admin, theirs, peer, stopped));
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(ours))
            .await
            .unwrap();
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header("host", "localhost")
            .body(Full::new(body.into()))
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        let status = response.status().as_u16();
        let media_type = response.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, media_type, body)
    }

    /// As an operator, who is answered in JSON.
    async fn operate(&self, method: &str, uri: &str, body: Value) -> (u16, Value) {
        let role = Some(AdminRole::Operator);
        let (status, _, body) = self.ask(role, method, uri, body.to_string()).await;
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// As somebody of that name and role, who is answered in JSON.
    async fn act(
        &self,
        (name, role): (&str, AdminRole),
        method: &str,
        uri: &str,
        body: Value,
    ) -> (u16, Value) {
        let body = body.to_string();
        let (status, _, body) = self.ask_as(name, Some(role), method, uri, body).await;
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// Lets time go on, as the timer does each second.
    async fn wait(&self, seconds: u32) {
        self.clock
            .advance(garth_subscription::time::Span::from_seconds(seconds));
        self.admin.store.fire_due().await.unwrap();
    }

    /// What is read that must be there.
    async fn get(&self, uri: &str) -> Value {
        let (status, answer) = self.operate("GET", uri, Value::Null).await;
        assert_eq!(status, 200, "{uri}: {answer}");
        answer
    }

    /// Two plans, and one subscription in each standing, named after it.
    async fn with_all_standings() -> Self {
        let api = Self::new();
        let plans = json!({"plan": [
            {
                "id": "home-100", "name": "Home", "kind": "internet", "down_kbps": 1, "up_kbps": 1,
                "prices": [{"months": 1, "amount": "29.90"}, {"months": 3, "amount": "85.00"}],
                "change_to": ["home-500"]
            },
            {
                "id": "home-500", "name": "Fast", "kind": "internet", "down_kbps": 5, "up_kbps": 5,
                "prices": [{"months": 1, "amount": "49.90"}]
            }
        ]});
        assert_eq!(api.operate("PUT", "/v1/plans", plans).await.0, 200);
        let line = |name: &str, paid: &str, more: Value| {
            let mut line = json!({
                "username": name, "plan": "home-100", "paid_through": paid, "balance": "100.00",
            });
            for (key, value) in more.as_object().unwrap() {
                line[key] = value.clone();
            }
            line
        };
        let (paid, past) = ("2027-01-31", "2026-01-31");
        let suspend = json!({"suspend": {"cause": "operator", "debt": "5.00"}});
        for line in [
            line("active", paid, json!({"reseller": "north"})),
            line(
                "expired",
                past,
                json!({"reseller": "south", "balance": "0.00"}),
            ),
            line("paused", paid, json!({"hold": {"pause": {}}})),
            line("suspended", paid, json!({"hold": suspend})),
            line(
                "disabled",
                paid,
                json!({"hold": {"disable": {"reason": "spam"}}}),
            ),
            line("pending", "2027-06-30", json!({"start_at": "2027-01-01"})),
            line("terminated", paid, json!({})),
        ] {
            let (status, answer) = api.operate("POST", "/v1/subscriptions", line).await;
            assert_eq!(status, 201, "{answer}");
        }
        let uri = "/v1/subscriptions/terminated/terminate";
        let (status, answer) = api.operate("POST", uri, json!({"confirmed": true})).await;
        assert_eq!(status, 200, "{answer}");
        api
    }

    async fn with_plan_and_subscriber() -> Self {
        let api = Self::new();
        let plan = json!({"plan": [{
            "id": "home-100", "name": "Home", "kind": "internet", "down_kbps": 1, "up_kbps": 1,
            "prices": [{"months": 1, "amount": "29.90"}]
        }]});
        assert_eq!(api.operate("PUT", "/v1/plans", plan).await.0, 200);
        let line = json!({
            "username": "a/b", "plan": "home-100", "paid_through": "2027-01-31",
            "hold": {"suspend": {"cause": "overdue", "debt": "5.00"}}
        });
        assert_eq!(api.operate("POST", "/v1/subscriptions", line).await.0, 201);
        api
    }
}

/// A path of the route that names something.
fn example(path: &str) -> String {
    path.replace("{name}", "someone")
}

#[tokio::test]
async fn a_stranger_may_do_nothing_at_all() {
    let api = Api::new();
    for route in ROUTES {
        let (status, media_type, body) =
            api.ask(None, route.method, &example(route.path), "").await;
        assert_eq!(status, 403, "{}", route.path);
        assert_eq!(media_type, "application/problem+json");
        let problem: Problem = serde_json::from_slice(&body).unwrap();
        assert!(problem.detail.contains("tester"), "{problem}");
    }
}

#[tokio::test]
async fn a_viewer_reads_and_changes_nothing() {
    let api = Api::new();
    for route in ROUTES {
        for role in AdminRole::ALL {
            let uri = example(route.path);
            let (status, ..) = api.ask(Some(role), route.method, &uri, "{}").await;
            let denied = role == AdminRole::Viewer && route.needs != Needs::Read;
            assert_eq!(
                status == 403,
                denied,
                "{} {uri} as {role:?}: {status}",
                route.method
            );
        }
    }
    let viewer = Some(AdminRole::Viewer);
    assert_eq!(api.ask(viewer, "GET", "/v1/export", "").await.0, 200);
    assert_eq!(
        api.ask(viewer, "GET", "/v1/export?secrets=true", "")
            .await
            .0,
        403
    );
}

#[tokio::test]
async fn what_is_malformed_is_refused_with_a_problem() {
    let api = Api::with_plan_and_subscriber().await;
    let pay = "/v1/subscriptions/a%2Fb/pay";
    for (method, uri, body, status) in [
        ("GET", "/nowhere", json!(null), 404),
        ("DELETE", "/v1/plans", json!(null), 405),
        ("GET", "/v1/status?verbose=1", json!(null), 400),
        ("GET", "/v1/plans?dry_run=true", json!(null), 400),
        ("GET", "/v1/subscriptions?limit=0", json!(null), 400),
        ("GET", "/v1/subscriptions?limit=1&limit=2", json!(null), 400),
        ("GET", "/v1/subscriptions/%zz", json!(null), 400),
        ("GET", "/v1/subscriptions/nobody", json!(null), 404),
        ("POST", pay, json!({"month": 1}), 400),
        ("POST", pay, json!({"months": 0}), 400),
        ("POST", pay, json!({"months": 1, "amount": "1e3"}), 400),
        ("POST", pay, json!({"months": 2}), 409),
    ] {
        let (found, problem) = api.operate(method, uri, body).await;
        assert_eq!(found, status, "{method} {uri}: {problem}");
        assert_eq!(problem["status"], status);
        assert!(problem["title"].is_string() && problem["detail"].is_string());
    }
    let (_, problem) = api.operate("POST", pay, json!({"months": 2})).await;
    assert_eq!(problem["rule"], "L8");
}

#[tokio::test]
async fn a_body_over_its_bound_is_refused() {
    let api = Api::new();
    let body = vec![b' '; body::BODY_LEN_MAX + 1];
    let operator = Some(AdminRole::Operator);
    assert_eq!(api.ask(operator, "PUT", "/v1/plans", body).await.0, 413);
}

#[tokio::test]
async fn paying_settles_the_debt_that_the_quote_names() {
    let api = Api::with_plan_and_subscriber().await;
    let (_, quotes) = api
        .operate("GET", "/v1/subscriptions/a%2Fb/prices", json!(null))
        .await;
    assert_eq!(
        quotes[0]["total"],
        json!({"amount": "34.90", "currency": "EUR"})
    );
    let uri = "/v1/subscriptions/a%2Fb/pay?command_id=c-1";
    let (status, first) = api.operate("POST", uri, json!({"months": 1})).await;
    assert_eq!((status, &first["new"]["standing"]), (200, &json!("active")));
    // The quote is another one now; the repeat is still the same command.
    let (status, second) = api.operate("POST", uri, json!({"months": 1})).await;
    assert_eq!(
        (status, &second["repeated"]),
        (200, &json!(true)),
        "{second}"
    );
    assert_eq!(first["entry"], second["entry"]);
}

#[tokio::test]
async fn every_answer_has_exactly_the_fields_of_its_schema() {
    let api = Api::with_plan_and_subscriber().await;
    let (_, document) = api.operate("GET", "/openapi.json", json!(null)).await;
    for (uri, schema) in [
        ("/v1/status", "Status"),
        ("/v1/subscriptions", "SubscriptionPage"),
        ("/v1/subscriptions/a%2Fb", "Subscription"),
        ("/v1/subscriptions/a%2Fb/explain", "Explain"),
        ("/v1/subscriptions/a%2Fb/history", "EntryPage"),
        ("/v1/subscriptions/a%2Fb/actions", "Actions"),
        ("/v1/subscriptions/a%2Fb/prices", "Prices"),
        ("/v1/plans", "Plans"),
        ("/v1/plans/home-100", "Plan"),
        ("/v1/journal", "EntryPage"),
        ("/v1/garden", "GardenStatus"),
        ("/v1/approvals", "Approvals"),
        ("/v1/holds", "Held"),
        ("/v1/reverts", "RevertPage"),
        ("/v1/reports/reverts", "Report"),
        ("/v1/tickets", "TicketPage"),
        ("/v1/quotes?subscription=a/b", "StoredQuotePage"),
    ] {
        let (status, answer) = api.operate("GET", uri, json!(null)).await;
        assert_eq!(status, 200, "{uri}");
        let schema = json!({"$ref": format!("#/components/schemas/{schema}")});
        agrees(&answer, &schema, &document, uri);
    }
    let uri = "/v1/subscriptions/a%2Fb/lift?dry_run=true";
    let (_, answer) = api.operate("POST", uri, json!({})).await;
    let schema = json!({"$ref": "#/components/schemas/Change"});
    agrees(&answer, &schema, &document, uri);
}

/// `value` has the shape of that schema of the API's document.
async fn agrees_with(api: &Api, value: &Value, schema: &str) {
    let document = api.get("/openapi.json").await;
    let reference = json!({"$ref": format!("#/components/schemas/{schema}")});
    agrees(value, &reference, &document, schema);
}

/// `value` has the shape of `schema`, and no field that the schema does not know.
fn agrees(value: &Value, schema: &Value, document: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = document.pointer(&reference[1..]).unwrap_or(&Value::Null);
        assert!(schema.is_object(), "{reference} is not there");
        return agrees(value, schema, document, at);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        if !value.is_null() {
            agrees(value, &any[0], document, at);
        }
        return;
    }
    match schema["type"].as_str() {
        Some("array") => {
            for (number, item) in value.as_array().expect(at).iter().enumerate() {
                agrees(item, &schema["items"], document, &format!("{at}[{number}]"));
            }
        }
        Some("object") if schema["properties"].is_object() => {
            let fields = value.as_object().unwrap_or_else(|| panic!("{at}: {value}"));
            for (name, field) in fields {
                let known = &schema["properties"][name];
                assert!(known.is_object(), "{at}.{name} is not in the document");
                agrees(field, known, document, &format!("{at}.{name}"));
            }
            for name in schema["required"].as_array().unwrap() {
                let name = name.as_str().unwrap();
                assert!(
                    fields.get(name).is_some_and(|v| !v.is_null()),
                    "{at}.{name} is missing"
                );
            }
        }
        Some("boolean") => assert!(value.is_boolean(), "{at}: {value}"),
        Some(_) | None => {}
    }
}

#[test]
fn the_document_has_every_route_and_every_schema_it_refers_to() {
    let document = openapi::document();
    for route in ROUTES {
        let method = route.method.to_ascii_lowercase();
        let operation = &document["paths"][route.path][method];
        assert!(operation.is_object(), "{} {}", route.method, route.path);
    }
    let operations: usize = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .map(|path| path.as_object().unwrap().len())
        .sum();
    assert_eq!(operations, ROUTES.len());
    let text = document.to_string();
    let prefix = "#/components/schemas/";
    let referred: BTreeSet<_> = text
        .match_indices(prefix)
        .map(|(at, _)| text[at + prefix.len()..].split('"').next().unwrap())
        .collect();
    let known: BTreeSet<_> = document["components"]["schemas"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(referred.difference(&known).count(), 0, "{referred:?}");
    let unused: Vec<_> = known.difference(&referred).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[tokio::test]
async fn a_socket_that_nobody_serves_is_replaced_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let first = bind(&path).unwrap();
    let taken = bind(&path).unwrap_err();
    assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
    drop(first);
    drop(bind(&path).unwrap());
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let kept = bind(&file).unwrap_err();
    assert_eq!(kept.kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(&file).unwrap(), b"x");
}

#[tokio::test]
async fn the_live_sessions_of_a_subscription_are_listed_and_ended_at_the_nas() {
    let api = Api::with_plan_and_subscriber().await;
    let key = SessionKey {
        nas: "pppoe-1".into(),
        acct_session_id: Box::from(&b"\xff7"[..]),
    };
    let record = AccountingRecord {
        status: AccountingStatus::Start,
        key,
        class: None,
        user_name: "a/b".parse().ok(),
        mac: None,
        framed_ipv4: "10.64.0.7".parse().ok(),
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
    };
    let store = api.admin.store.clone();
    tokio::task::spawn_blocking(move || store.account(vec![record]))
        .await
        .unwrap()
        .unwrap();
    let uri = "/v1/sessions?subscription=a/b";
    let (_, listed) = api.operate("GET", uri, json!(null)).await;
    assert_eq!(listed["items"][0]["acct_session_id"], "0xff37");
    assert_eq!(listed["items"][0]["framed_ipv4"], "10.64.0.7");
    let (_, document) = api.operate("GET", "/openapi.json", json!(null)).await;
    let schema = json!({"$ref": "#/components/schemas/SessionPage"});
    agrees(&listed, &schema, &document, uri);
    let uri = "/v1/sessions/disconnect";
    let by_name = json!({"subscription": "a/b"});
    let (_, ended) = api.operate("POST", uri, by_name.clone()).await;
    let expected =
        json!([{"nas": "pppoe-1", "acct_session_id": "0xff37", "result": "acknowledged"}]);
    assert_eq!(ended, expected);
    let dry = format!("{uri}?dry_run=true");
    let (_, tried) = api.operate("POST", &dry, by_name).await;
    assert_eq!(tried[0]["result"], "dry_run");
    let by_key = json!({"nas": "pppoe-1", "acct_session_id": "0xff37"});
    assert_eq!(api.operate("POST", uri, by_key).await.1, expected);
    let other = json!({"nas": "pppoe-1", "acct_session_id": "0xff38"});
    assert_eq!(api.operate("POST", uri, other).await.0, 404);
    assert_eq!(
        api.operate("POST", uri, json!({"nas": "pppoe-1"})).await.0,
        400
    );
}

fn start_of(session: &str) -> AccountingRecord {
    AccountingRecord {
        status: AccountingStatus::Start,
        key: SessionKey {
            nas: "pppoe-1/192.0.2.1".into(),
            acct_session_id: session.as_bytes().into(),
        },
        class: None,
        user_name: "somebody".parse().ok(),
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

#[tokio::test]
async fn a_session_is_shown_with_its_port_and_with_who_else_claims_its_address() {
    let api = Api::with_plan_and_subscriber().await;
    let (store, address) = (api.admin.store.clone(), "10.64.0.7".parse().ok());
    let told = AccountingRecord {
        user_name: "a/b".parse().ok(),
        framed_ipv4: address,
        further_ipv6: ["2001:db8::7/128".parse().unwrap()].into(),
        nas_names: NasNames {
            nas_identifier: Some(b"bng-1".as_slice().into()),
            nas_ip_address: "192.0.2.1".parse().ok(),
            nas_ipv6_address: None,
        },
        nas_port: Some(7),
        nas_port_id: Some(b"\xffeth".as_slice().into()),
        input_octets: 1_500,
        session_time: 90,
        ..start_of("81")
    };
    let other = AccountingRecord {
        framed_ipv4: address,
        ..start_of("82")
    };
    tokio::task::spawn_blocking(move || {
        store.account(vec![told]).unwrap();
        store.account(vec![other]).unwrap();
    })
    .await
    .unwrap();
    let uri = "/v1/session?nas=pppoe-1%2F192.0.2.1&acct_session_id=81";
    let (status, shown) = api.operate("GET", uri, json!(null)).await;
    assert_eq!(status, 200, "{shown}");
    for (field, value) in [
        ("shared_address", json!(true)),
        ("further_ipv6", json!(["2001:db8::7/128"])),
        ("nas_identifier", json!("bng-1")),
        ("nas_ip_address", json!("192.0.2.1")),
        ("nas_port", json!(7)),
        ("nas_port_id", json!("0xff657468")),
    ] {
        assert_eq!(shown[field], value, "{field}");
    }
    let (_, document) = api.operate("GET", "/openapi.json", json!(null)).await;
    let schema = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    agrees(&shown, &schema("Session"), &document, uri);
    let uri = "/v1/subscriptions/a%2Fb/usage";
    let (_, usage) = api.operate("GET", uri, json!(null)).await;
    agrees(&usage, &schema("Usage"), &document, uri);
    let used = &usage[0];
    assert_eq!(
        (
            &used["input_octets"],
            &used["session_time"],
            &used["sessions"]
        ),
        (&json!(1_500), &json!(90), &json!(1))
    );
    for (uri, refused) in [
        ("/v1/session?nas=pppoe-1&acct_session_id=81", 404),
        ("/v1/session?nas=pppoe-1", 400),
        ("/v1/session?nas=pppoe-1&acct_session_id=0x8", 400),
        ("/v1/subscriptions/nobody/usage", 404),
    ] {
        assert_eq!(
            api.operate("GET", uri, json!(null)).await.0,
            refused,
            "{uri}"
        );
    }
}

#[tokio::test]
async fn all_live_sessions_come_page_by_page_each_once() {
    let api = Api::new();
    let store = api.admin.store.clone();
    let records = (0..25).map(|n| start_of(&format!("8000{n:04}"))).collect();
    tokio::task::spawn_blocking(move || store.account(records))
        .await
        .unwrap()
        .unwrap();
    let mut seen = Vec::new();
    let mut uri = "/v1/sessions?limit=10".to_owned();
    for expected in [10, 10, 5] {
        let (status, page) = api.operate("GET", &uri, json!(null)).await;
        assert_eq!(status, 200, "{page}");
        let items = page["items"].as_array().unwrap();
        assert_eq!(items.len(), expected);
        seen.extend(items.iter().map(|one| one["acct_session_id"].to_string()));
        let mut query = form_urlencoded::Serializer::new("/v1/sessions?limit=10&".to_owned());
        let next = page["next"].as_str().unwrap_or_default();
        uri = query.append_pair("after", next).finish();
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 25);
    let (status, _) = api
        .operate("GET", "/v1/sessions?after=odd", json!(null))
        .await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_command_id_is_refused_where_nothing_would_remember_it() {
    let api = Api::new();
    for route in ROUTES.iter().filter(|route| route.needs != Needs::Change) {
        let uri = format!("{}?command_id=c-1", example(route.path));
        let (status, answer) = api.operate(route.method, &uri, json!({})).await;
        assert_eq!(status, 400, "{uri}");
        let detail = answer["detail"].as_str().unwrap();
        assert!(detail.contains("no command id is kept here"), "{detail}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_user_has_a_bounded_number_of_connections() {
    use tokio::io::AsyncReadExt;

    let api = Api::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let listener = bind(&path).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(serve(Arc::clone(&api.admin), listener, async {
        stopped.await.ok();
    }));
    let mut open = Vec::new();
    for _ in 0..CONNECTIONS_PER_USER_MAX {
        open.push(UnixStream::connect(&path).await.unwrap());
    }
    let mut surplus = UnixStream::connect(&path).await.unwrap();
    let begun = tokio::time::Instant::now();
    assert_eq!(surplus.read(&mut [0]).await.unwrap(), 0);
    // The clock leaps to the patience with a slow head when nobody has anything to do.
    assert_eq!(begun.elapsed(), std::time::Duration::ZERO, "at once");
    stop.send(()).unwrap();
    server.await.unwrap();
}

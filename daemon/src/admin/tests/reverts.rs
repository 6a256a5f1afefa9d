//! Entries that are taken back: requested, decided by another, reported (L1–L6).

use super::*;

const ALICE: (&str, AdminRole) = ("alice", AdminRole::Operator);
const BOB: (&str, AdminRole) = ("bob", AdminRole::Approver);

/// Pays three months for the subscription of that name; the sequence number of the entry.
async fn paid(api: &Api, name: &str) -> u64 {
    let uri = format!("/v1/subscriptions/{name}/pay");
    let (status, paid) = api
        .operate("POST", &uri, json!({"months": 3, "amount": "85.00"}))
        .await;
    assert_eq!(status, 200, "{paid}");
    newest(api, name).await["sequence"].as_u64().unwrap()
}

async fn newest(api: &Api, name: &str) -> Value {
    let uri = format!("/v1/subscriptions/{name}/history?limit=1");
    api.get(&uri).await["items"][0].clone()
}

/// Requests that the entry be taken back; the request.
async fn requested(api: &Api, name: &str, sequence: u64, reason: &str) -> Value {
    let uri = format!("/v1/subscriptions/{name}/reverts");
    let body = json!({"entry": sequence, "reason": reason});
    let (status, asked) = api.act(ALICE, "POST", &uri, body).await;
    assert_eq!(status, 200, "{asked}");
    asked["request"].clone()
}

fn decide(request: &Value, how: &str) -> String {
    format!("/v1/reverts/{}/{how}", request["id"].as_str().unwrap())
}

#[tokio::test]
async fn l3_a_request_changes_nothing_until_another_operator_approves_it() {
    let api = Api::with_all_standings().await;
    let show = "/v1/subscriptions/active";
    let before = api.get(show).await;
    let sequence = paid(&api, "active").await;
    let after_payment = api.get(show).await;
    let request = requested(&api, "active", sequence, "typed wrong").await;
    for (key, expected) in [
        ("state", json!("pending")),
        ("username", json!("active")),
        ("reseller", json!("north")),
        ("amount", json!({"amount": "85.00", "currency": "EUR"})),
        ("action", json!("pay")),
        ("action_at", json!("2026-11-21T12:00:00Z")),
        ("reason", json!("typed wrong")),
        ("requested_by", json!("alice")),
    ] {
        assert_eq!(request[key], expected, "{key}");
    }
    assert_eq!(request["new"]["paid_through"], before["paid_through"]);
    assert_eq!(request["new"]["plan"], "home-100");
    assert_eq!(api.get(show).await, after_payment);
    assert_eq!(api.get("/v1/approvals").await["reverts"], json!([request]));
    assert_eq!(api.get("/v1/status").await["waiting"]["pending_reverts"], 1);
    let explained = api.get("/v1/subscriptions/active/explain").await["text"].to_string();
    assert!(
        explained.contains("alice asks to take back pay"),
        "{explained}"
    );
}

#[tokio::test]
async fn t23_only_another_operator_with_the_role_decides_and_once() {
    let api = Api::with_all_standings().await;
    let show = "/v1/subscriptions/active";
    let before = api.get(show).await;
    let sequence = paid(&api, "active").await;
    let after_payment = api.get(show).await;
    let request = requested(&api, "active", sequence, "typed wrong").await;
    let approve = decide(&request, "approve");
    let (status, problem) = api.act(ALICE, "POST", &approve, json!({})).await;
    assert_eq!(
        (status, &problem["rule"]),
        (403, &json!("T23")),
        "an operator: {problem}"
    );
    let alice_too = ("alice", AdminRole::Support);
    let (status, problem) = api.act(alice_too, "POST", &approve, json!({})).await;
    assert_eq!(
        (status, &problem["rule"]),
        (403, &json!("L3")),
        "her own: {problem}"
    );
    let dry = format!("{approve}?dry_run=true");
    let (status, tried) = api.act(BOB, "POST", &dry, json!({})).await;
    assert_eq!(
        (status, &tried["new"]["paid_through"]),
        (200, &before["paid_through"])
    );
    assert_eq!(api.get(show).await, after_payment, "it was only tried");

    let (status, done) = api
        .act(BOB, "POST", &approve, json!({"reason": "checked"}))
        .await;
    assert_eq!(status, 200, "{done}");
    assert_eq!(done["new"]["paid_through"], before["paid_through"]);
    assert_eq!(done["reverts"], request["entry"]);
    assert_eq!(api.get("/v1/approvals").await["reverts"], json!([]));
    let decided = api
        .get(&format!("/v1/reverts/{}", request["id"].as_str().unwrap()))
        .await;
    assert_eq!(decided["state"], "approved");
    assert_eq!(decided["verdict"]["by"], "bob");
    let (status, problem) = api.act(BOB, "POST", &approve, json!({})).await;
    assert_eq!(
        (status, &problem["rule"]),
        (409, &json!("T23")),
        "{problem}"
    );

    let history = api.get("/v1/subscriptions/active/history").await;
    let entries = history["items"].as_array().unwrap();
    assert_eq!(entries[0]["reverts"], request["entry"]);
    let taken_back = entries
        .iter()
        .find(|one| one["id"] == request["entry"])
        .unwrap();
    assert_eq!(taken_back["counts"], false);
    assert_eq!(taken_back["reverted_by"], entries[0]["id"]);
    assert_eq!(entries[0]["counts"], true);
    for (answer, schema) in [
        (&decided, "Revert"),
        (&history, "EntryPage"),
        (&done, "Change"),
    ] {
        agrees_with(&api, answer, schema).await;
    }
}

#[tokio::test]
async fn l3_a_request_for_what_has_changed_since_must_be_made_anew() {
    let api = Api::with_all_standings().await;
    let sequence = paid(&api, "active").await;
    let request = requested(&api, "active", sequence, "typed wrong").await;
    paid(&api, "active").await;
    let (status, problem) = api
        .act(BOB, "POST", &decide(&request, "approve"), json!({}))
        .await;
    assert_eq!((status, &problem["rule"]), (409, &json!("L3")), "{problem}");
    let again = requested(&api, "active", sequence, "typed wrong").await;
    let (status, done) = api
        .act(BOB, "POST", &decide(&again, "approve"), json!({}))
        .await;
    assert_eq!(status, 200, "{done}");
}

#[tokio::test]
async fn l2_a_preview_tells_later_renewals_that_shift_and_requests_nothing() {
    let api = Api::with_all_standings().await;
    let first = paid(&api, "active").await;
    paid(&api, "active").await;
    let second = newest(&api, "active").await;
    let uri = "/v1/subscriptions/active/reverts";
    let body = json!({"entry": first, "reason": "typed wrong", "status": "active"});
    let (status, asked) = api
        .act(ALICE, "POST", &format!("{uri}?dry_run=true"), body)
        .await;
    assert_eq!(status, 200, "{asked}");
    let shifts = asked["preview"]["shifts"].as_array().unwrap();
    assert_eq!(shifts.len(), 1);
    assert_eq!(shifts[0]["entry"], second["id"]);
    assert_eq!(shifts[0]["old"], second["new"]["paid_through"]);
    assert_eq!(asked["request"], Value::Null);
    assert_eq!(api.get("/v1/reverts").await["items"], json!([]));
    agrees_with(&api, &asked, "RevertAsked").await;
}

#[tokio::test]
async fn a_request_that_cannot_be_is_refused_with_its_rule() {
    let api = Api::with_all_standings().await;
    let sequence = paid(&api, "active").await;
    let uri = "/v1/subscriptions/active/reverts";
    for (body, status, rule) in [
        (json!({"entry": sequence}), 409, json!("L30")),
        (
            json!({"entry": sequence, "reason": "x", "status": "paused"}),
            409,
            json!("L2"),
        ),
        (
            json!({"entry": sequence, "reason": "x", "status": "odd"}),
            400,
            Value::Null,
        ),
        (
            json!({"entry": sequence, "reason": "x", "amount": "85.01"}),
            409,
            json!("T24"),
        ),
        (json!({"entry": 1, "reason": "x"}), 409, json!("L4")),
        (json!({"entry": 2, "reason": "x"}), 409, json!("L4")),
        (json!({"entry": 99_999, "reason": "x"}), 409, json!("L4")),
        (json!({"entry": "last", "reason": "x"}), 400, Value::Null),
        (json!({"reason": "x"}), 400, Value::Null),
    ] {
        for uri in [uri.to_owned(), format!("{uri}?dry_run=true")] {
            let (found, problem) = api.act(ALICE, "POST", &uri, body.clone()).await;
            assert_eq!(
                (found, &problem["rule"]),
                (status, &rule),
                "{uri} {body}: {problem}"
            );
        }
    }
    let of_another = json!({"entry": 2, "reason": "x"});
    let (_, problem) = api.act(ALICE, "POST", uri, of_another).await;
    assert_eq!(
        problem["detail"],
        "entry 2 is no entry of this subscription"
    );
    assert_eq!(api.get("/v1/reverts").await["items"], json!([]));
}

#[tokio::test]
async fn l33_a_request_repeated_under_its_id_is_one_request() {
    let api = Api::with_all_standings().await;
    let sequence = paid(&api, "active").await;
    let uri = "/v1/subscriptions/active/reverts?command_id=r-1";
    let body = json!({"entry": sequence, "reason": "typed wrong"});
    let (_, first) = api.act(ALICE, "POST", uri, body.clone()).await;
    api.wait(60).await;
    let (status, second) = api.act(ALICE, "POST", uri, body).await;
    assert_eq!(
        (status, &second["repeated"]),
        (200, &json!(true)),
        "{second}"
    );
    assert_eq!(second["request"], first["request"]);
    let (status, problem) = api
        .act(
            ALICE,
            "POST",
            "/v1/subscriptions/active/reverts",
            json!({"entry": sequence, "reason": "again"}),
        )
        .await;
    assert_eq!((status, &problem["rule"]), (409, &json!("L3")), "{problem}");
}

#[tokio::test]
async fn l6_reverts_are_counted_by_reason_plan_and_reseller() {
    let api = Api::with_all_standings().await;
    for (name, reason, how) in [
        ("active", "typed wrong", "approve"),
        ("expired", "typed wrong", "deny"),
        ("disabled", "chargeback", "approve"),
    ] {
        let sequence = if name == "disabled" {
            let uri = "/v1/subscriptions/disabled/enable";
            api.operate("POST", uri, json!({})).await;
            newest(&api, name).await["sequence"].as_u64().unwrap()
        } else {
            paid(&api, name).await
        };
        let request = requested(&api, name, sequence, reason).await;
        let (status, done) = api
            .act(BOB, "POST", &decide(&request, how), json!({}))
            .await;
        assert_eq!(status, 200, "{done}");
    }
    let report = api.get("/v1/reports/reverts?by=reason").await;
    let row = |report: &Value, key: Value| {
        let rows = report["rows"].as_array().unwrap();
        rows.iter().find(|row| row["key"] == key).unwrap().clone()
    };
    let typed = row(&report, json!("typed wrong"));
    assert_eq!(
        (&typed["approved"], &typed["denied"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        typed["amount"]["amount"], "85.00",
        "what was denied is not given back"
    );
    assert_eq!(report["sum"]["approved"], 2);
    let report = api
        .get("/v1/reports/reverts?by=reseller&from=2026-11-21&to=2026-11-22")
        .await;
    assert_eq!(row(&report, json!("north"))["approved"], 1);
    assert_eq!(row(&report, json!("south"))["denied"], 1);
    assert_eq!(row(&report, Value::Null)["approved"], 1);
    let report = api.get("/v1/reports/reverts?by=plan&to=2026-11-21").await;
    assert_eq!(report["rows"], json!([]), "all of them are later");
    agrees_with(&api, &report, "Report").await;
    let pending = api.get("/v1/reverts?pending=true").await;
    assert_eq!(pending["items"], json!([]));
    let of_one = api.get("/v1/reverts?subscription=active").await;
    assert_eq!(of_one["items"].as_array().unwrap().len(), 1);
    for wrong in ["by=mood", "from=soon", "to=soon"] {
        let uri = format!("/v1/reports/reverts?{wrong}");
        assert_eq!(
            api.operate("GET", &uri, Value::Null).await.0,
            400,
            "{wrong}"
        );
    }
}

//! Every command for one subscription: tried, done, repeated, refused.

use super::*;

/// Every verb once where it is taken: for whom, verb, body, effect, standing after it.
const COMMANDS: &str = r#"
active | renew | {"months": 1} | months_bought | active
active | pay | {"months": 3, "then_pause": true} | months_bought | active
expired | reactivate | {"months": 1} | months_bought | active
expired | pay | {"months": 1, "provisional": true} | months_bought | active
expired | grace | {"days": 3, "reason": "bank holiday"} | done | grace
active | pause | {"locked": true, "for_days": 14} | done | paused
active | pause | {"at": "2026-12-01", "until": "2026-12-24"} | scheduled | active
active | pause | {"after_days": 3} | scheduled | active
paused | end-pause | {} | pause_ended | active
active | active-to | {"at": "2026-12-24"} | scheduled | active
active | suspend | {"cause": "fraud", "reason": "bots"} | done | suspended
suspended | lift | {} | done | active
suspended | postpone | {"hours": 24} | done | active
suspended | postpone | {"until": "2026-11-23"} | done | active
active | disable | {"confirmed": true, "reason": "spam"} | done | disabled
disabled | enable | {} | done | active
active | change-plan | {"plan": "home-500", "start": "now"} | done | active
active | change-plan | {"plan": "home-500"} | scheduled | active
active | change-plan | {"plan": "home-500", "start": "2026-12-24"} | scheduled | active
pending | cancel | {} | done | cancelled
active | terminate | {"confirmed": true} | done | terminated
active | terminate | {"confirmed": true, "after_days": 1} | scheduled | active
active | set | {"renew_months": 3, "use_credit": false, "invoicing": "backward"} | done | active
"#;

/// A table of text: rows are lines, columns are apart by bars.
fn rows<const N: usize>(table: &'static str) -> impl Iterator<Item = [&'static str; N]> {
    table.trim().lines().map(|row| {
        let columns: Vec<_> = row.splitn(N, " | ").collect();
        columns.try_into().expect(row)
    })
}

fn body_of(text: &str) -> Value {
    serde_json::from_str(text).expect(text)
}

fn plain(name: &str) -> String {
    format!("/v1/subscriptions/{name}")
}

fn uri(name: &str, verb: &str) -> String {
    format!("/v1/subscriptions/{name}/{verb}")
}

#[tokio::test]
async fn l31_a_dry_run_tells_what_the_command_then_does_and_changes_nothing() {
    for [name, verb, body, effect, standing] in rows(COMMANDS) {
        let body = body_of(body);
        let api = Api::with_all_standings().await;
        let before = api.get(&plain(name)).await;
        let tried = format!("{}?dry_run=true", uri(name, verb));
        let (status, tried) = api.operate("POST", &tried, body.clone()).await;
        assert_eq!(status, 200, "{name} {verb} {body}: {tried}");
        assert_eq!(tried["dry_run"], true, "{verb}");
        assert_eq!(tried["entry"], Value::Null, "{verb}");
        assert_eq!(
            api.get(&plain(name)).await,
            before,
            "{verb}: it was only tried"
        );
        let (status, done) = api.operate("POST", &uri(name, verb), body.clone()).await;
        assert_eq!(status, 200, "{name} {verb} {body}: {done}");
        assert_eq!(done["effect"], effect, "{verb} {body}: {done}");
        assert_eq!(done["new"]["standing"], standing, "{verb} {body}: {done}");
        for key in [
            "effect",
            "old",
            "new",
            "amount",
            "agenda",
            "cleared",
            "price_of_change",
        ] {
            assert_eq!(tried[key], done[key], "{verb} {body}: {key}");
        }
        let after = api.get(&plain(name)).await;
        assert_ne!(after["version"], before["version"], "{verb}");
        assert_eq!(after["standing"], standing, "{verb}");
    }
}

#[tokio::test]
async fn l33_a_command_repeated_a_minute_later_has_one_effect() {
    for [name, verb, body, ..] in rows::<5>(COMMANDS) {
        let body = body_of(body);
        let api = Api::with_all_standings().await;
        let uri_with_id = format!("{}?command_id=c-1", uri(name, verb));
        let (status, first) = api.operate("POST", &uri_with_id, body.clone()).await;
        assert_eq!(status, 200, "{verb}: {first}");
        let version = api.get(&plain(name)).await["version"].clone();
        api.wait(60).await;
        let (status, second) = api.operate("POST", &uri_with_id, body).await;
        assert_eq!(status, 200, "{verb}: {second}");
        assert_eq!(second["repeated"], true, "{verb}");
        assert_eq!(second["entry"], first["entry"], "{verb}");
        assert_eq!(api.get(&plain(name)).await["version"], version, "{verb}");
    }
}

#[tokio::test]
async fn what_was_agreed_is_called_off_again() {
    for (name, verb, body, undo, undo_body) in [
        (
            "active",
            "terminate",
            json!({"at": "2026-12-24", "confirmed": true}),
            "cancel-termination",
            json!({}),
        ),
        (
            "active",
            "change-plan",
            json!({"plan": "home-500"}),
            "cancel-change",
            json!({}),
        ),
        (
            "active",
            "pause",
            json!({"after_days": 9}),
            "end-pause",
            json!({}),
        ),
        (
            "active",
            "active-to",
            json!({"at": "2026-12-24"}),
            "active-to",
            json!({"at": "none"}),
        ),
    ] {
        let api = Api::with_all_standings().await;
        let before = api.get(&plain(name)).await["agenda"].clone();
        let (status, planned) = api.operate("POST", &uri(name, verb), body).await;
        assert_eq!(
            (status, &planned["effect"]),
            (200, &json!("scheduled")),
            "{planned}"
        );
        assert_ne!(planned["agenda"], before, "{verb}");
        let undo_uri = format!("{}?command_id=u-1", uri(name, undo));
        for is_repeat in [false, true] {
            let (status, undone) = api.operate("POST", &undo_uri, undo_body.clone()).await;
            assert_eq!(
                (status, &undone["effect"]),
                (200, &json!("unscheduled")),
                "{undone}"
            );
            assert_eq!(undone["repeated"], is_repeat, "{undo}");
            assert_eq!(undone["agenda"], before, "{undo}");
        }
    }
}

/// For whom, verb, body, the rule that refuses, and some of its words.
const REFUSALS: &str = r#"
active | reactivate | {"months": 1} | T5 | it must be expired, paused or suspended
active | renew | {"months": 2} | L8 | on sale are 1, 3
expired | renew | {"months": 1} | L26 | 29.90 EUR are missing
active | pause | {"at": "2026-12-24", "until": "2026-12-24"} | L24 | the end must be after the start
active | pause | {"at": "2026-11-21"} | L24 | not in the future
active | pause | {"after_days": 0} | L24 | 1 to 3660
active | grace | {"days": 31, "reason": "x"} | L7 | 1 to 30 days
active | grace | {"days": 3} | L30 | a reason is needed
suspended | postpone | {"hours": 73} | L14 | until 2026-11-24T12:00:00Z at the latest
active | lift | {} | T10 | not suspended
active | disable | {"reason": "spam"} | L21 | still billed
active | terminate | {} | L22 | no longer logged
active | change-plan | {"plan": "home-100"} | L15 | home-100 already
active | change-plan | {"plan": "home-900"} | T1 | no plan home-900
active | cancel-change | {} | L17 | no change of plan
active | cancel | {} | T3 | it must be pending
active | cancel-termination | {} | T20 | no end
paused | active-to | {"at": "none"} | L10 | end-pause ends it
active | set | {"renew_months": 5} | L8 | on sale are 1, 3
active | lift | {"performed_at": "2026-11-22"} | L30 | cannot have been performed later
"#;

#[tokio::test]
async fn a_refusal_names_its_rule_and_what_would_be_accepted() {
    let api = Api::with_all_standings().await;
    for [name, verb, body, rule, words] in rows(REFUSALS) {
        let body = body_of(body);
        let (status, problem) = api.operate("POST", &uri(name, verb), body.clone()).await;
        assert_eq!(
            (status, &problem["rule"]),
            (409, &json!(rule)),
            "{verb} {body}: {problem}"
        );
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(words), "{verb} {body}: {detail}");
    }
}

/// Verb, body, and some of the words that name the field and what is allowed.
const WRONG_FIELDS: &str = r#"
pause | {"until": "soon"} | until "soon": not a date such as
pause | {"until": "2027-01-01", "for_days": 3} | either until or for_days
pause | {"at": "2027-01-01", "after_days": 3} | either at or after_days
pause | {"untill": "2027-01-01"} | unknown field `untill`
pause | {"after_days": -1} | invalid value
postpone | {"hours": 1, "until": "2027-01-01"} | either until or hours
renew | {"months": 0} | months:
pay | {} | give months, or a quote
pay | {"months": 1, "amount": "1,50"} | amount "1,50":
pay | {"months": 1, "quote": "x"} | neither months nor provisional
pay | {"quote": "x"} | a UUID
pay | {"months": 1, "from_balance": true, "amount": "1"} | from_balance
suspend | {"cause": "mood"} | allowed are overdue, fraud, operator
change-plan | {"plan": "a b"} | plan "a b":
change-plan | {"plan": "home-500", "start": "soon"} | allowed are now, next_period
set | {} | give renew_months, use_credit or invoicing
set | {"renew_months": "many"} | a number of months and default
set | {"use_credit": "yes"} | true, false and default
set | {"invoicing": "sideways"} | forward, backward and default
lift | {"sub_type": ""} | sub_type: must not be empty
lift | {"performed_by": 7} | performed_by:
lift | {"performed_at": "yesterday"} | performed_at "yesterday":
"#;

#[tokio::test]
async fn a_wrong_field_is_named_with_what_is_allowed() {
    let api = Api::with_all_standings().await;
    for [verb, body, words] in rows(WRONG_FIELDS) {
        let body = body_of(body);
        let (status, problem) = api
            .operate("POST", &uri("active", verb), body.clone())
            .await;
        assert_eq!(status, 400, "{verb} {body}: {problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(words), "{verb} {body}: {detail}");
    }
}

#[tokio::test]
async fn a_reason_has_at_most_a_thousand_octets() {
    let api = Api::with_all_standings().await;
    for (len, status) in [(1_000, 200), (1_001, 400)] {
        let body = json!({"reason": "x".repeat(len)});
        let (found, answer) = api.operate("POST", &uri("paused", "end-pause"), body).await;
        assert_eq!(found, status, "{answer}");
        let detail = answer["detail"].as_str().unwrap_or_default();
        let words = "reason: has 1001 octets, at most 1000";
        assert!(status == 200 || detail.contains(words), "{detail}");
    }
}

#[tokio::test]
async fn a_text_of_ten_megabytes_is_refused_whatever_it_is() {
    let api = Api::with_all_standings().await;
    let text = "x".repeat(10 << 20);
    for (uri, body) in [
        (uri("active", "lift"), json!({"reason": text})),
        (uri("active", "reverts"), json!({"entry": text})),
        (
            "/v1/quotes".to_owned(),
            json!({"subscription": text, "months": 1}),
        ),
    ] {
        let (status, problem) = api.operate("POST", &uri, body).await;
        assert_eq!(status, 413, "{uri}: {}", problem["title"]);
        assert!(problem.to_string().len() < 1_000);
    }
}

#[tokio::test]
async fn l30_what_is_noted_of_a_command_is_in_the_history() {
    let api = Api::with_all_standings().await;
    let body = json!({
        "reason": "called in", "sub_type": "holiday", "performed_by": "shop 7",
        "performed_at": "2026-11-20"
    });
    assert_eq!(
        api.operate("POST", &uri("active", "pause"), body).await.0,
        200
    );
    let history = api.get(&uri("active", "history")).await;
    let newest = &history["items"][0];
    assert_eq!(newest["reason"], "called in");
    assert_eq!(newest["actor"]["name"], "tester");
    assert_eq!(
        newest["note"],
        json!({
            "sub_type": "holiday", "performed_by": "shop 7",
            "performed_at": "2026-11-19T23:00:00Z"
        })
    );
}

#[tokio::test]
async fn l16_the_price_of_change_is_told_line_by_line() {
    let api = Api::with_all_standings().await;
    let tried = format!("{}?dry_run=true", uri("active", "change-plan"));
    let body = json!({"plan": "home-500", "start": "now"});
    let (_, tried) = api.operate("POST", &tried, body).await;
    let price = &tried["price_of_change"];
    let minor = |key: &str| {
        let amount = price[key]["amount"].as_str().unwrap();
        amount.replace('.', "").parse::<i64>().unwrap()
    };
    assert!(minor("refund") < 0 && minor("charge") > 0, "{price}");
    assert_eq!(
        minor("refund") + minor("charge") + minor("fee"),
        minor("total")
    );
    assert_eq!(price["at"], "2026-11-21T12:00:00Z");
    let balance = |side: &str| {
        let amount = tried[side]["balance"]["amount"].as_str().unwrap();
        amount.replace('.', "").parse::<i64>().unwrap()
    };
    assert_eq!(balance("old") - balance("new"), minor("total"));
}

#[tokio::test]
async fn l22_terminate_says_what_it_cleared_and_a_date_shows_as_pending() {
    let api = Api::with_all_standings().await;
    let plan = json!({"plan": "home-500", "start": "2026-12-24"});
    api.operate("POST", &uri("active", "change-plan"), plan)
        .await;
    let on = json!({"at": "2026-12-31", "confirmed": true, "reason": "moves"});
    api.operate("POST", &uri("active", "terminate"), on).await;
    let shown = api.get(&plain("active")).await;
    assert_eq!(shown["status"], "pending_terminate");
    assert_eq!(
        shown["pending_terminate"],
        json!({"at": "2026-12-30T23:00:00Z", "by": "tester", "reason": "moves"})
    );
    assert_eq!(shown["plan_change"]["plan"], "home-500");
    let now = json!({"confirmed": true});
    let (_, ended) = api.operate("POST", &uri("active", "terminate"), now).await;
    let cleared = ended["cleared"].as_array().unwrap();
    let actions: Vec<_> = cleared.iter().map(|item| &item["action"]).collect();
    assert_eq!(actions, ["change_plan", "terminate", "expiry"], "{ended}");
    assert_eq!(ended["agenda"], json!([]));
}

#[tokio::test]
async fn l23_only_support_brings_back_what_was_terminated() {
    let api = Api::with_all_standings().await;
    let uri = uri("terminated", "reinstate");
    for role in [AdminRole::Operator, AdminRole::Approver] {
        let (status, problem) = api.act(("bob", role), "POST", &uri, json!({})).await;
        assert_eq!(
            (status, &problem["rule"]),
            (403, &json!("T21")),
            "{problem}"
        );
    }
    let support = ("carol", AdminRole::Support);
    let (status, back) = api.act(support, "POST", &uri, json!({})).await;
    assert_eq!(
        (status, &back["new"]["standing"]),
        (200, &json!("expired")),
        "{back}"
    );
}

#[tokio::test]
async fn l9_only_what_is_given_of_a_renewal_is_set_also_at_a_repeat() {
    let api = Api::with_all_standings().await;
    let set = |id: &str| format!("{}?command_id={id}", uri("active", "set"));
    for (id, body, repeated) in [
        ("s-1", json!({"renew_months": 3}), false),
        ("s-2", json!({"use_credit": false}), false),
        // What the first one was made from has changed since; it is the same command.
        ("s-1", json!({"renew_months": 3}), true),
    ] {
        let (status, done) = api.operate("POST", &set(id), body).await;
        assert_eq!(
            (status, &done["repeated"]),
            (200, &json!(repeated)),
            "{done}"
        );
    }
    let shown = api.get(&plain("active")).await;
    assert_eq!(
        shown["renewal"],
        json!({"months": 3, "use_credit": false, "invoicing": "forward", "own": ["use_credit"]})
    );
    let reset = json!({"use_credit": "default", "renew_months": "default"});
    api.operate("POST", &uri("active", "set"), reset).await;
    let shown = api.get(&plain("active")).await;
    assert_eq!(
        shown["renewal"],
        json!({"months": null, "use_credit": true, "invoicing": "forward", "own": []})
    );
}

#[tokio::test]
async fn e6_a_quote_is_honoured_at_its_price_until_it_expires() {
    let api = Api::with_all_standings().await;
    let make = json!({"subscription": "expired", "months": 1});
    let (status, tried) = api
        .operate("POST", "/v1/quotes?dry_run=true", make.clone())
        .await;
    assert_eq!((status, &tried["id"]), (200, &Value::Null), "{tried}");
    let listed = api.get("/v1/quotes?subscription=expired").await;
    assert_eq!(listed["items"], json!([]), "it was only tried");
    let (_, first) = api.operate("POST", "/v1/quotes", make.clone()).await;
    let (_, second) = api.operate("POST", "/v1/quotes", make).await;
    assert_eq!(first["verified"], true, "{first}");
    agrees_with(&api, &first, "StoredQuote").await;
    let dearer = json!({"plan": [
        {"id": "home-100", "name": "Home", "kind": "internet", "down_kbps": 1, "up_kbps": 1,
         "prices": [{"months": 1, "amount": "39.90"}]},
        {"id": "home-500", "name": "Fast", "kind": "internet", "down_kbps": 5, "up_kbps": 5,
         "prices": [{"months": 1, "amount": "49.90"}]}
    ]});
    assert_eq!(api.operate("PUT", "/v1/plans", dearer).await.0, 200);
    let pay = json!({"quote": first["id"], "payment_id": "cash-1"});
    for is_repeat in [false, true] {
        let (status, paid) = api
            .operate("POST", &uri("expired", "pay"), pay.clone())
            .await;
        assert_eq!(
            (status, &paid["effect"]),
            (200, &json!("months_bought")),
            "{paid}"
        );
        assert_eq!(paid["amount"]["amount"], "29.90");
        assert_eq!(paid["new"]["balance"]["amount"], "0.00");
        assert_eq!(paid["repeated"], is_repeat);
        api.wait(3_600).await;
    }
    let late = json!({"quote": second["id"]});
    let (status, problem) = api.operate("POST", &uri("expired", "pay"), late).await;
    assert_eq!((status, &problem["rule"]), (409, &json!("E6")), "{problem}");
    let of_another = json!({"quote": first["id"]});
    let (status, problem) = api.operate("POST", &uri("active", "pay"), of_another).await;
    assert_eq!((status, &problem["rule"]), (404, &json!("E6")), "{problem}");
}

#[tokio::test]
async fn l29_an_operator_sees_bills_equipment_and_only_what_staff_can_do() {
    let api = Api::with_all_standings().await;
    let provisional = json!({"months": 1, "provisional": true, "payment_id": "cash-9"});
    api.operate("POST", &uri("expired", "pay"), provisional)
        .await;
    let record = AccountingRecord {
        user_name: "expired".parse().ok(),
        framed_ipv4: "10.64.0.9".parse().ok(),
        ..start_of("81200001")
    };
    let store = api.admin.store.clone();
    tokio::task::spawn_blocking(move || store.account(vec![record]))
        .await
        .unwrap()
        .unwrap();
    let seen = api.get(&uri("expired", "actions")).await;
    assert_eq!(seen["sessions"][0]["framed_ipv4"], "10.64.0.9");
    assert_eq!(seen["sessions"][0]["nas"], "pppoe-1/192.0.2.1");
    assert_eq!(seen["unsettled"]["provisional"][0]["payment_id"], "cash-9");
    let actions = seen["actions"].as_array().unwrap();
    assert!(
        actions.iter().all(|one| one["action"] != "request_change"),
        "customers alone ask"
    );
    let refused = actions.iter().find(|one| one["verb"] == "lift").unwrap();
    assert_eq!(
        (&refused["available"], &refused["rule"]),
        (&json!(false), &json!("T10"))
    );
    for action in actions {
        let verb = action["verb"].as_str().unwrap();
        let path = format!("/v1/subscriptions/{{name}}/{verb}");
        assert!(
            ROUTES.iter().any(|route| route.path == path),
            "{verb} is no verb"
        );
    }
}

#[tokio::test]
async fn l18_a_ticket_is_answered_once() {
    use garth_store::write::CommandRequest;
    use garth_subscription::command::{Note, Role};
    use garth_subscription::{Actor, Command, Order};

    let api = Api::with_all_standings().await;
    let id = api.get(&plain("active")).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let asked = CommandRequest {
        subscription: SubscriptionId(id.parse().unwrap()),
        order: Order {
            actor: Actor {
                role: Role::Customer,
                name: "active".parse().unwrap(),
                on_behalf_of: None,
            },
            reason: None,
            note: Note::default(),
            command: Command::RequestChange {
                plan: "home-500".parse().ok(),
                message: "faster, please".parse().unwrap(),
            },
        },
        command_id: None,
    };
    api.admin.store.command(asked).await.unwrap();
    let open = api.get("/v1/tickets?open=true").await;
    let ticket = &open["items"][0];
    assert_eq!(
        (&ticket["username"], &ticket["plan"]),
        (&json!("active"), &json!("home-500"))
    );
    assert_eq!(api.get("/v1/status").await["waiting"]["open_tickets"], 1);
    let explained = api.get(&uri("active", "explain")).await["text"].to_string();
    assert!(explained.contains("waits for an answer"), "{explained}");
    let close = format!("/v1/tickets/{}/close", ticket["id"].as_str().unwrap());
    let answer = json!({"answer": "from tomorrow on"});
    let (_, tried) = api
        .operate("POST", &format!("{close}?dry_run=true"), answer.clone())
        .await;
    assert_eq!(tried["state"], "closed");
    assert_eq!(
        api.get("/v1/tickets?open=true").await,
        open,
        "it was only tried"
    );
    let (status, closed) = api.operate("POST", &close, answer.clone()).await;
    agrees_with(&api, &closed, "Ticket").await;
    assert_eq!(
        (status, &closed["closed"]["reason"]),
        (200, &json!("from tomorrow on"))
    );
    for uri in [close.clone(), format!("{close}?dry_run=true")] {
        let (status, problem) = api.operate("POST", &uri, answer.clone()).await;
        assert_eq!(
            (status, &problem["rule"]),
            (409, &json!("L18")),
            "{problem}"
        );
    }
    assert_eq!(api.get("/v1/tickets?open=true").await["items"], json!([]));
    let (status, _) = api
        .operate("GET", "/v1/tickets/nonsense", Value::Null)
        .await;
    assert_eq!(status, 404);
}

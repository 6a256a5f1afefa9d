//! One command for many: selected, held, done, repeated (L20, E13).

use super::*;

/// The lines of the answer to a bulk.
async fn bulk(api: &Api, role: AdminRole, query: &str, order: Value, names: &[&str]) -> Vec<Value> {
    let mut body = order.to_string();
    for name in names {
        body.push('\n');
        body.push_str(&json!(name).to_string());
    }
    let uri = format!("/v1/bulk{query}");
    let (status, _, body) = api.ask(Some(role), "POST", &uri, body).await;
    assert_eq!(status, 200);
    let lines = std::str::from_utf8(&body).unwrap().lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// So many more who have full access, of one partner.
async fn with_many(count: u32) -> Api {
    let api = Api::with_all_standings().await;
    let lines: String = (0..count)
        .map(|n| {
            let line = json!({
                "username": format!("u{n}"), "plan": "home-100", "paid_through": "2027-01-31",
                "partner": "metro"
            });
            format!("{line}\n")
        })
        .collect();
    let operator = Some(AdminRole::Operator);
    assert_eq!(api.ask(operator, "POST", "/v1/import", lines).await.0, 200);
    api
}

fn last(lines: &[Value]) -> &Value {
    lines.last().unwrap()
}

#[tokio::test]
async fn l20_a_bulk_tells_each_failure_by_name_and_goes_on() {
    let api = Api::with_all_standings().await;
    let order = json!({"verb": "grace", "arguments": {"days": 3, "reason": "bank holiday"}});
    let names = ["active", "paused", "nobody", "expired", "active"];
    for query in ["?dry_run=true", ""] {
        let lines = bulk(&api, AdminRole::Operator, query, order.clone(), &names).await;
        let failed: Vec<_> = lines
            .iter()
            .filter_map(|line| Some((line["subscription"].as_str()?, &line["rule"])))
            .collect();
        assert_eq!(
            failed,
            [("nobody", &json!("T0")), ("paused", &json!("T12"))],
            "{query}"
        );
        let summary = last(&lines);
        for line in &lines {
            agrees_with(&api, line, "BulkLine").await;
        }
        for (key, count) in [("selected", 4), ("done", 2), ("failed", 2), ("losing", 0)] {
            assert_eq!(summary[key], count, "{query} {key}: {summary}");
        }
        let shown = api.get("/v1/subscriptions/expired").await;
        let expected = if query.is_empty() { "grace" } else { "expired" };
        assert_eq!(shown["standing"], expected, "{query}");
    }
}

#[tokio::test]
async fn l33_a_bulk_repeated_after_a_lost_connection_does_each_once() {
    let api = with_many(300).await;
    let order = json!({
        "verb": "grace", "arguments": {"days": 3, "reason": "bank holiday"},
        "filter": {"partner": "metro"}
    });
    let query = "?command_id=b-1";
    let first = bulk(&api, AdminRole::Operator, query, order.clone(), &[]).await;
    assert_eq!(last(&first)["done"], 300, "{}", last(&first));
    assert_eq!(last(&first)["repeated"], 0);
    let second = bulk(&api, AdminRole::Operator, query, order, &[]).await;
    assert_eq!(last(&second)["done"], 300, "{}", last(&second));
    assert_eq!(last(&second)["repeated"], 300);
    let shown = api.get("/v1/subscriptions/u7").await;
    assert_eq!(shown["version"], 2);
    // Another id is another bulk; half of it names those that were not in the first one.
    let order = json!({"verb": "grace", "arguments": {"days": 3, "reason": "bank holiday"}});
    let third = bulk(&api, AdminRole::Operator, query, order, &["u7", "active"]).await;
    assert_eq!(last(&third)["repeated"], 1, "{}", last(&third));
    assert_eq!(last(&third)["done"], 2);
}

#[tokio::test]
async fn l20_plans_change_in_bulk_by_filter() {
    let api = with_many(10).await;
    let order = json!({
        "verb": "change-plan", "arguments": {"plan": "home-500"},
        "filter": {"plan": "home-100", "standing": "active", "partner": "metro"}
    });
    let tried = bulk(
        &api,
        AdminRole::Operator,
        "?dry_run=true",
        order.clone(),
        &[],
    )
    .await;
    assert_eq!(last(&tried)["done"], 10, "{}", last(&tried));
    assert_eq!(
        api.get("/v1/subscriptions/u3").await["plan_change"],
        Value::Null
    );
    let done = bulk(&api, AdminRole::Operator, "", order, &[]).await;
    assert_eq!(last(&done)["done"], 10, "{}", last(&done));
    assert_eq!(
        api.get("/v1/subscriptions/u3").await["plan_change"]["plan"],
        "home-500"
    );
    assert_eq!(
        api.get("/v1/subscriptions/active").await["plan_change"],
        Value::Null
    );
}

#[tokio::test]
async fn e13_a_bulk_that_cuts_off_too_many_is_held_unless_an_approver_wants_it() {
    let api = with_many(60).await;
    let order = |over: bool| {
        json!({
            "verb": "suspend", "arguments": {"cause": "operator", "reason": "x"},
            "filter": {"partner": "metro"}, "over_breaker": over
        })
    };
    for (role, over, status) in [
        (AdminRole::Support, false, 409),
        (AdminRole::Operator, true, 403),
    ] {
        let lines = bulk(&api, role, "", order(over), &[]).await;
        let problem = &last(&lines)["problem"];
        assert_eq!(
            (&problem["status"], &problem["rule"]),
            (&json!(status), &json!("E13"))
        );
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("from 60 of the 61"), "{detail}");
        assert_eq!(api.get("/v1/subscriptions/u0").await["standing"], "active");
    }
    let lines = bulk(&api, AdminRole::Approver, "", order(true), &[]).await;
    assert_eq!(last(&lines)["done"], 60, "{}", last(&lines));
    assert_eq!(
        api.get("/v1/subscriptions/u0").await["standing"],
        "suspended"
    );
}

#[tokio::test]
async fn e13_an_end_or_a_pause_on_a_date_counts_as_lost_access() {
    let api = with_many(60).await;
    for (verb, arguments) in [
        ("terminate", json!({"after_days": 1, "confirmed": true})),
        ("pause", json!({"after_days": 1})),
    ] {
        let order = json!({
            "verb": verb, "arguments": arguments, "filter": {"partner": "metro"}
        });
        let lines = bulk(&api, AdminRole::Operator, "", order, &[]).await;
        assert_eq!(
            last(&lines)["problem"]["rule"],
            "E13",
            "{verb}: {}",
            last(&lines)
        );
    }
}

#[tokio::test]
async fn every_verb_of_many_is_taken_in_bulk() {
    let api = Api::with_all_standings().await;
    for (name, verb, arguments, standing) in [
        ("active", "pause", json!({"for_days": 3}), "paused"),
        ("active", "end-pause", json!({}), "active"),
        (
            "active",
            "suspend",
            json!({"cause": "operator", "reason": "x"}),
            "suspended",
        ),
        ("active", "postpone", json!({"hours": 3}), "active"),
        ("active", "lift", json!({}), "active"),
        (
            "active",
            "disable",
            json!({"confirmed": true, "reason": "x"}),
            "disabled",
        ),
        ("active", "enable", json!({}), "active"),
        (
            "active",
            "change-plan",
            json!({"plan": "home-500"}),
            "active",
        ),
        ("active", "cancel-change", json!({}), "active"),
        ("active", "set", json!({"use_credit": "default"}), "active"),
        (
            "active",
            "grace",
            json!({"days": 1, "reason": "x"}),
            "active",
        ),
        (
            "active",
            "terminate",
            json!({"after_days": 9, "confirmed": true}),
            "active",
        ),
        ("active", "cancel-termination", json!({}), "active"),
    ] {
        let order = json!({"verb": verb, "arguments": arguments});
        let lines = bulk(&api, AdminRole::Operator, "", order, &[name]).await;
        assert_eq!(last(&lines)["done"], 1, "{verb}: {lines:?}");
        let shown = api.get(&format!("/v1/subscriptions/{name}")).await;
        assert_eq!(shown["standing"], standing, "{verb}");
    }
}

#[tokio::test]
async fn a_bulk_that_makes_no_sense_names_what_is_wrong() {
    let api = Api::with_all_standings().await;
    let filter = json!({"plan": "home-100"});
    for (order, names, words) in [
        (
            json!({"verb": "pay", "filter": filter}),
            vec![],
            "verb: \"pay\" is none of change-plan",
        ),
        (
            json!({"verb": "lift", "filter": {"colour": "red"}}),
            vec![],
            "filter: \"colour\" is none of standing",
        ),
        (
            json!({"verb": "lift", "filter": {"standing": "odd"}}),
            vec![],
            "standing: \"odd\" is none of",
        ),
        (
            json!({"verb": "lift", "filter": {}}),
            vec![],
            "filter: empty",
        ),
        (
            json!({"verb": "lift", "filter": filter}),
            vec!["active"],
            "either a filter or names",
        ),
        (json!({"verb": "lift"}), vec![], "nobody is meant"),
        (
            json!({"verb": "grace", "arguments": {"dayz": 3}}),
            vec!["active"],
            "unknown field `dayz`",
        ),
        (
            json!({"verb": "lift", "speed": 3}),
            vec!["active"],
            "line 1: order: unknown field `speed`",
        ),
        (json!(null), vec![], "line 1: order"),
    ] {
        let lines = bulk(&api, AdminRole::Operator, "", order.clone(), &names).await;
        let problem = &last(&lines)["problem"];
        assert_eq!(problem["status"], 400, "{order}: {lines:?}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(words), "{order}: {detail}");
    }
    let long = format!("/v1/bulk?command_id={}", "x".repeat(92));
    let (status, problem) = api.operate("POST", &long, json!({})).await;
    assert_eq!(status, 400);
    assert!(
        problem["detail"].as_str().unwrap().contains("91 octets"),
        "{problem}"
    );
}

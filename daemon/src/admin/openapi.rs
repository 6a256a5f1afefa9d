//! The OpenAPI document (3.1), made from the table of routes and the shapes of the bodies.

use serde_json::{Map, Value, json};

use super::routes::{Needs, ROUTES, Route};

/// How a field is written in [`SCHEMAS`].
enum Is {
    Text,
    Number,
    Truth,
    /// RFC 3339.
    Time,
    /// Another schema.
    Ref(&'static str),
    /// An array of another schema.
    Many(&'static str),
    /// An array of texts.
    Texts,
    /// An object of numbers by name.
    Numbers,
}

use Is::{Many, Number, Numbers, Ref, Text, Texts, Time, Truth};

/// A schema: its name, its required fields, its further ones.
type Schema = (
    &'static str,
    &'static [(&'static str, Is)],
    &'static [(&'static str, Is)],
);

/// The shapes of all objects. Arrays have a name in [`ARRAYS`].
const SCHEMAS: &[Schema] = &[
    (
        "Problem",
        &[("title", Text), ("status", Number), ("detail", Text)],
        &[("rule", Text)],
    ),
    (
        "TimeHold",
        &[("kind", Text), ("since", Time), ("detail", Text)],
        &[],
    ),
    ("Money", &[("amount", Text), ("currency", Text)], &[]),
    (
        "Status",
        &[
            ("version", Text),
            ("now", Time),
            ("wall", Time),
            ("time_holds", Many("TimeHold")),
            ("time_zone", Text),
            ("currency", Text),
            ("subscriptions", Number),
            ("live_sessions", Number),
            ("plans", Number),
            ("store", Numbers),
            ("uptime_seconds", Number),
            ("gateway", Text),
            ("garden", Ref("GardenStatus")),
            ("alarms", Texts),
            ("counters", Numbers),
        ],
        &[("public_url", Text)],
    ),
    (
        "Subscription",
        &[
            ("id", Text),
            ("standing", Text),
            ("access", Text),
            ("paid_through", Time),
            ("plan", Text),
            ("services", Many("Service")),
            ("balance", Ref("Money")),
            ("holds", Ref("Holds")),
            ("agenda", Many("AgendaItem")),
            ("anchor_date", Text),
            ("version", Number),
        ],
        &[
            ("username", Text),
            ("mac", Text),
            ("external_id", Text),
            ("name", Text),
            ("phone", Text),
            ("language", Text),
            ("grace_until", Time),
            ("next_change", Time),
            ("start_at", Time),
            ("ended", Ref("Ended")),
            ("framed_ipv4", Text),
            ("delegated_ipv6", Text),
            ("partner", Text),
            ("reseller", Text),
        ],
    ),
    ("Service", &[("plan", Text), ("state", Text)], &[]),
    ("AgendaItem", &[("at", Time), ("action", Text)], &[]),
    ("Ended", &[("at", Time), ("by", Text)], &[("reason", Text)]),
    (
        "Holds",
        &[],
        &[
            ("pause", Ref("PauseHold")),
            ("suspend", Ref("SuspendHold")),
            ("disable", Ref("DisableHold")),
        ],
    ),
    (
        "PauseHold",
        &[("from", Time), ("banked_seconds", Number)],
        &[("until", Time)],
    ),
    (
        "SuspendHold",
        &[("cause", Text), ("since", Time)],
        &[
            ("debt", Ref("Money")),
            ("reason", Text),
            ("postponed_until", Time),
        ],
    ),
    ("DisableHold", &[("since", Time), ("reason", Text)], &[]),
    (
        "SubscriptionPage",
        &[("items", Many("Subscription"))],
        &[("next", Text)],
    ),
    (
        "SessionPage",
        &[("items", Many("Session"))],
        &[("next", Text)],
    ),
    ("EntryPage", &[("items", Many("Entry"))], &[("next", Text)]),
    (
        "Snapshot",
        &[
            ("standing", Text),
            ("access", Text),
            ("paid_through", Time),
            ("plan", Text),
            ("balance", Ref("Money")),
        ],
        &[],
    ),
    (
        "Change",
        &[
            ("subscription", Text),
            ("action", Text),
            ("effect", Text),
            ("dry_run", Truth),
            ("repeated", Truth),
            ("new", Ref("Snapshot")),
        ],
        &[
            ("entry", Text),
            ("old", Ref("Snapshot")),
            ("amount", Ref("Money")),
            ("payment_id", Text),
        ],
    ),
    (
        "Actor",
        &[("role", Text), ("name", Text)],
        &[("on_behalf_of", Text)],
    ),
    (
        "Entry",
        &[
            ("sequence", Number),
            ("id", Text),
            ("subscription", Text),
            ("action", Text),
            ("effect", Text),
            ("performed_at", Time),
            ("actor", Ref("Actor")),
            ("new", Ref("Snapshot")),
            ("previous_hash", Text),
            ("hash", Text),
        ],
        &[
            ("reason", Text),
            ("command_id", Text),
            ("old", Ref("Snapshot")),
            ("amount", Ref("Money")),
            ("payment_id", Text),
            ("reverts", Text),
        ],
    ),
    (
        "Wall",
        &[("prefix", Text), ("wanted", Truth), ("actual", Text)],
        &[],
    ),
    (
        "Explain",
        &[
            ("id", Text),
            ("standing", Text),
            ("access", Text),
            ("text", Texts),
            ("sessions", Many("Session")),
            ("walls", Many("Wall")),
            ("entries", Many("Entry")),
        ],
        &[],
    ),
    (
        "Action",
        &[("action", Text), ("available", Truth)],
        &[("rule", Text), ("detail", Text)],
    ),
    (
        "QuoteLine",
        &[("kind", Text), ("amount", Ref("Money"))],
        &[("plan", Text)],
    ),
    (
        "Quote",
        &[
            ("months", Number),
            ("lines", Many("QuoteLine")),
            ("price", Ref("Money")),
            ("total", Ref("Money")),
        ],
        &[],
    ),
    (
        "Session",
        &[
            ("nas", Text),
            ("acct_session_id", Text),
            ("started_at", Time),
            ("updated_at", Time),
            ("input_octets", Number),
            ("output_octets", Number),
            ("session_time", Number),
        ],
        &[
            ("subscription", Text),
            ("username", Text),
            ("framed_ipv4", Text),
            ("framed_ipv6", Text),
            ("delegated_ipv6", Text),
            ("mac", Text),
            ("stopped_at", Time),
            ("terminate_cause", Number),
        ],
    ),
    (
        "Price",
        &[("months", Number), ("amount", Text), ("currency", Text)],
        &[],
    ),
    (
        "Plan",
        &[
            ("id", Text),
            ("name", Text),
            ("kind", Text),
            ("down_kbps", Number),
            ("up_kbps", Number),
            ("prices", Many("Price")),
            ("change_to", Texts),
        ],
        &[],
    ),
    (
        "PlansApplied",
        &[
            ("dry_run", Truth),
            ("added", Texts),
            ("changed", Texts),
            ("removed", Texts),
            ("unchanged", Number),
        ],
        &[],
    ),
    (
        "DisconnectedSession",
        &[("nas", Text), ("acct_session_id", Text), ("result", Text)],
        &[("error_cause", Number), ("detail", Text)],
    ),
    (
        "GardenStatus",
        &[
            ("backend", Text),
            ("intact", Truth),
            ("walled_ipv4", Number),
            ("walled_ipv6", Number),
            ("missing", Number),
            ("surplus", Number),
            ("conflicts", Number),
            ("paid_but_blocked", Number),
            ("restored", Number),
        ],
        &[("error", Text)],
    ),
    (
        "ProgressLine",
        &[],
        &[
            ("line", Number),
            ("error", Text),
            ("rule", Text),
            ("done", Number),
            ("of", Number),
            ("imported", Number),
            ("failed", Number),
            ("dry_run", Truth),
            ("verified", Number),
            ("head", Text),
            ("problem", Ref("Problem")),
        ],
    ),
    (
        "Pay",
        &[("months", Number)],
        &[
            ("from_balance", Truth),
            ("amount", Text),
            ("payment_id", Text),
            ("reason", Text),
        ],
    ),
    ("Grace", &[("days", Number)], &[("reason", Text)]),
    ("Pause", &[], &[("until", Text), ("reason", Text)]),
    (
        "Suspend",
        &[("cause", Text)],
        &[("debt", Text), ("reason", Text)],
    ),
    ("Reasoned", &[], &[("reason", Text)]),
    ("Confirmed", &[], &[("confirmed", Truth), ("reason", Text)]),
    (
        "Disconnect",
        &[],
        &[
            ("subscription", Text),
            ("nas", Text),
            ("acct_session_id", Text),
        ],
    ),
    (
        "ImportLine",
        &[("plan", Text)],
        &[
            ("id", Text),
            ("username", Text),
            ("password", Text),
            ("mac", Text),
            ("external_id", Text),
            ("services", Texts),
            ("paid_through", Text),
            ("start_at", Text),
            ("anchor_day", Number),
            ("balance", Text),
            ("hold", Ref("HoldLine")),
            ("framed_ipv4", Text),
            ("delegated_ipv6", Text),
            ("language", Text),
            ("name", Text),
            ("phone", Text),
            ("partner", Text),
            ("reseller", Text),
        ],
    ),
    (
        "HoldLine",
        &[],
        &[
            ("pause", Ref("PauseLine")),
            ("suspend", Ref("SuspendLine")),
            ("disable", Ref("DisableLine")),
        ],
    ),
    ("PauseLine", &[], &[("until", Text)]),
    ("SuspendLine", &[("cause", Text)], &[("debt", Text)]),
    ("DisableLine", &[("reason", Text)], &[]),
    ("PlanFile", &[], &[("plan", Many("PlanLine"))]),
    (
        "PlanLine",
        &[("id", Text), ("name", Text), ("kind", Text)],
        &[
            ("down_kbps", Number),
            ("up_kbps", Number),
            ("prices", Many("PriceLine")),
            ("change_to", Texts),
        ],
    ),
    ("PriceLine", &[("months", Number), ("amount", Text)], &[]),
];

/// Answers that are an array of a schema.
const ARRAYS: &[(&str, &str)] = &[
    ("Plans", "Plan"),
    ("Actions", "Action"),
    ("Quotes", "Quote"),
    ("Disconnected", "DisconnectedSession"),
];

/// The whole document.
pub(crate) fn document() -> Value {
    let mut paths = Map::new();
    for route in &ROUTES {
        let path = paths
            .entry(route.path)
            .or_insert_with(|| Value::Object(Map::new()));
        path[route.method.to_ascii_lowercase()] = operation(route);
    }
    let mut schemas: Map<String, Value> = SCHEMAS
        .iter()
        .map(|schema| (schema.0.to_owned(), object(schema)))
        .collect();
    for (name, of) in ARRAYS {
        let array = json!({ "type": "array", "items": reference(of) });
        schemas.insert((*name).to_owned(), array);
    }
    schemas.insert("Document".to_owned(), json!({ "type": "object" }));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Garth admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "HTTP and JSON over the admin unix socket. The peer's uid decides its role."
        },
        "servers": [{ "url": "http://localhost" }],
        "paths": paths,
        "components": { "schemas": schemas },
    })
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn object((name, required, further): &Schema) -> Value {
    let properties: Map<String, Value> = required
        .iter()
        .chain(*further)
        .map(|(field, is)| ((*field).to_owned(), field_schema(is)))
        .collect();
    let names: Vec<_> = required.iter().map(|(field, _)| *field).collect();
    json!({ "title": name, "type": "object", "required": names, "properties": properties })
}

fn field_schema(is: &Is) -> Value {
    match is {
        Text => json!({ "type": ["string", "null"] }),
        Number => json!({ "type": ["integer", "null"] }),
        Truth => json!({ "type": "boolean" }),
        Time => json!({ "type": ["string", "null"], "format": "date-time" }),
        Ref(schema) => json!({ "anyOf": [reference(schema), { "type": "null" }] }),
        Many(schema) => json!({ "type": "array", "items": reference(schema) }),
        Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Numbers => json!({
            "type": "object", "additionalProperties": { "type": "integer" }
        }),
    }
}

fn operation(route: &Route) -> Value {
    let role = match route.needs {
        Needs::Read => "viewer",
        Needs::Change | Needs::Declare | Needs::Act => "operator",
    };
    let answer_type = match route.answer {
        "ProgressLine" | "ImportLine" => super::body::JSON_LINES,
        _ => "application/json",
    };
    let mut operation = json!({
        "operationId": format!("{:?}", route.action),
        "summary": route.summary,
        "x-role": role,
        "parameters": parameters(route),
        "responses": {
            "2XX": {
                "description": "Done",
                "content": { answer_type: { "schema": reference(route.answer) } }
            },
            "default": {
                "description": "Not done",
                "content": {
                    super::problem::Problem::MEDIA_TYPE: { "schema": reference("Problem") }
                }
            }
        },
    });
    if let Some(body) = route.body {
        let media_type = match route.answer {
            "ProgressLine" => super::body::JSON_LINES,
            _ => "application/json",
        };
        operation["requestBody"] =
            json!({ "content": { media_type: { "schema": reference(body) } } });
    }
    operation
}

fn parameters(route: &Route) -> Vec<Value> {
    let query = |name: &str| json!({ "name": name, "in": "query", "schema": { "type": "string" } });
    let mut parameters = Vec::new();
    if route.path.contains("{name}") {
        parameters.push(json!({
            "name": "name", "in": "path", "required": true, "schema": { "type": "string" }
        }));
    }
    parameters.extend(route.query.iter().map(|name| query(name)));
    if matches!(route.needs, Needs::Change | Needs::Declare) {
        parameters.push(json!({
            "name": "dry_run", "in": "query", "schema": { "type": "boolean" }
        }));
    }
    if route.needs == Needs::Change {
        parameters.push(query("command_id"));
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "schema": { "type": "string" }
        }));
    }
    parameters
}

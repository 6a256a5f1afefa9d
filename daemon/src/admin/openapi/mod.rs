//! The OpenAPI document (3.1), made from the table of routes and the shapes of the bodies.

mod schemas;

use serde_json::{Map, Value, json};

use super::routes::{Action, Needs, ROUTES, Route};
use schemas::{ARRAYS, Is, SAID, SAYING, SCHEMAS, Schema};

/// The whole document.
pub(crate) fn document() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
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
    let said = if SAYING.contains(name) { SAID } else { &[] };
    let properties: Map<String, Value> = required
        .iter()
        .chain(*further)
        .chain(said)
        .map(|(field, is)| ((*field).to_owned(), field_schema(is)))
        .collect();
    let names: Vec<_> = required.iter().map(|(field, _)| *field).collect();
    json!({ "title": name, "type": "object", "required": names, "properties": properties })
}

fn field_schema(is: &Is) -> Value {
    match is {
        Is::Text => json!({ "type": ["string", "null"] }),
        Is::Number => json!({ "type": ["integer", "null"] }),
        Is::Truth => json!({ "type": ["boolean", "null"] }),
        Is::Time => json!({ "type": ["string", "null"], "format": "date-time" }),
        Is::Ref(schema) => json!({ "anyOf": [reference(schema), { "type": "null" }] }),
        Is::Many(schema) => json!({ "type": "array", "items": reference(schema) }),
        Is::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Is::Numbers => json!({
            "type": "object", "additionalProperties": { "type": "integer" }
        }),
        Is::Object => json!({ "type": ["object", "null"] }),
        Is::NumberOr(word) => json!({ "anyOf": [{ "type": "integer" }, { "const": word }] }),
        Is::TruthOr(word) => json!({ "anyOf": [{ "type": "boolean" }, { "const": word }] }),
    }
}

fn operation(route: &Route) -> Value {
    let role = match route.needs {
        Needs::Read => "viewer",
        Needs::Change | Needs::Declare | Needs::Act => "operator",
    };
    let answer_type = match route.answer {
        "ProgressLine" | "ImportLine" | "BulkLine" => super::body::JSON_LINES,
        _ => "application/json",
    };
    let mut operation = json!({
        "operationId": operation_id(route),
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
            "ProgressLine" | "BulkLine" => super::body::JSON_LINES,
            _ => "application/json",
        };
        operation["requestBody"] =
            json!({ "content": { media_type: { "schema": reference(body) } } });
    }
    operation
}

/// A name for programs: that of the action, of a command the verb.
fn operation_id(route: &Route) -> String {
    if let Action::Command(verb) = route.action {
        format!("{verb:?}")
    } else {
        format!("{:?}", route.action)
    }
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

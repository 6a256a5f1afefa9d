//! `garthctl subscription open`: a one-time link to the portal (L20).

use serde_json::Value;

use super::client::{Client, Path};
use super::failure::Failure;
use super::output::Output;
use crate::admin::PassBody;

/// Prints the link alone, so that it can be handed to a browser.
pub(super) async fn run(name: &str, client: &Client, output: &mut Output) -> Result<(), Failure> {
    let path = Path::of(&["v1", "subscriptions", name, "open"]);
    let pass: PassBody = client.send_json("POST", &path, &Value::Null).await?;
    if output.is_json() {
        return output.json(&pass);
    }
    output.line(&pass.url)
}

//! One command for many subscriptions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::problem::Problem;

/// The first line of a bulk: what is to be done, and with whom. Without a filter, every further line is
/// the name of a subscription as a JSON string.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BulkOrder {
    /// A command, by the last segment of its path.
    pub verb: String,
    /// What the body of that command has.
    #[serde(default)]
    pub arguments: Map<String, Value>,
    /// `standing`, `plan`, `partner`, `reseller`: those that are so.
    pub filter: Option<BTreeMap<String, String>>,
    /// Also if it takes full access from more than the breaker lets pass (E13).
    #[serde(default)]
    pub over_breaker: bool,
}

/// How a bulk ended.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct BulkSummary {
    /// What was asked.
    pub verb: String,
    /// Whether nothing was changed because nothing was to be.
    pub dry_run: bool,
    /// The id of the bulk: a repeat under it does each once.
    pub command_id: Option<String>,
    /// How many subscriptions were meant.
    pub selected: u64,
    /// With how many it was done (or would be), the repeated ones among them.
    pub done: u64,
    /// With how many it was done before, under the same id.
    pub repeated: u64,
    /// With how many it was not done.
    pub failed: u64,
    /// How many lose full access by it, at once or on the date that is given.
    pub losing: u64,
    /// How many had full access when it began.
    pub full_access: u64,
    /// How many of them may lose it at once (E13).
    pub losing_max: u64,
}

/// A line of the answer to a bulk.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(untagged)]
pub enum BulkLine {
    /// One with which it was not done.
    Failed {
        /// Its username, MAC address, external id or id; the name given where there is no such one.
        subscription: String,
        /// Why.
        error: String,
        /// The rule that refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule: Option<String>,
    },
    /// The last line.
    Summary(BulkSummary),
    /// How far it is.
    Progress {
        /// Subscriptions done.
        done: u64,
        /// Of how many.
        of: u64,
    },
    /// The last line of one that could not go on.
    Stopped {
        /// Why.
        problem: Problem,
    },
}

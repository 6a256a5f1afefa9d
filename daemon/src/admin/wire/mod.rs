//! The JSON of the admin API: one struct per document, made from the domain's values.
//!
//! Names are `snake_case`, times RFC 3339 in UTC, money `{"amount":"12.50","currency":"EUR"}`.
//! Requests refuse unknown fields. A key whose value is unknown is there with `null`.

mod bulk;
mod catalogue;
mod entry;
mod explain;
mod nas;
mod request;
mod session;
mod subscription;

use std::collections::BTreeMap;

use garth_store::TimeHold;
use garth_subscription::Money;
use serde::{Deserialize, Serialize};

use super::network::{DaemonStatus, GardenStatus};

pub use bulk::{BulkLine, BulkOrder, BulkSummary};
pub(crate) use catalogue::plan_kind_name;
pub use catalogue::{PlanBody, PlansAppliedBody, PriceBody, QuoteBody, QuoteLineBody};
pub use entry::{ActorBody, ChangeBody, ChangePriceBody, EntryBody, NoteBody, SnapshotBody};
pub use explain::{ActionBody, ActionsBody, ExplainBody, UnsettledBody};
pub use nas::{NasBody, NasDetailBody, ProbeBody, ProbedBody, RequestsBody};
pub use request::{
    ApprovalsBody, ReportBody, ReportRow, RevertAskedBody, RevertBody, RevertPreviewBody,
    ShiftBody, StoredQuoteBody, TicketBody, VerdictBody,
};
pub use session::{DisconnectedBody, MonthUsageBody, SessionBody};
pub(crate) use session::{session_id_octets, session_id_text};
pub use subscription::{
    AgendaBody, DisableBody, EndedBody, HoldsBody, PauseBody, PlanChangeBody, ProvisionalBody,
    RenewalBody, ServiceBody, SubscriptionBody, SuspendBody, TerminationBody,
};
pub(crate) use subscription::{
    cause_from_name, cause_name, invoicing_from_name, service_state_name,
};

/// How the daemon is, as a whole.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct StatusBody {
    /// Of garthd.
    pub version: String,
    /// Effective now.
    pub now: String,
    /// What the clock of the machine shows.
    pub wall: String,
    /// Why time is not let on (E3, E13); empty where it is.
    #[serde(default)]
    pub time_holds: Vec<TimeHoldBody>,
    /// The billing time zone.
    pub time_zone: String,
    /// ISO 4217.
    pub currency: String,
    /// How many there are.
    pub subscriptions: u64,
    /// How many sessions live.
    pub live_sessions: u64,
    /// How many plans the catalogue has.
    pub plans: u64,
    /// What waits for a person.
    pub waiting: WaitingBody,
    /// The store's numbers by name.
    pub store: BTreeMap<String, u64>,
    /// The garden, measured now.
    pub garden: GardenStatus,
    /// What the running daemon adds.
    #[serde(flatten)]
    pub daemon: DaemonStatus,
}

/// Why time is not let on.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct TimeHoldBody {
    /// `clock_behind`, `clock_jump` or `mass_change`.
    pub kind: String,
    /// Since when, by the clock of the machine.
    pub since: String,
    /// What happened and what can be done, in a sentence.
    pub detail: String,
}

impl From<TimeHold> for TimeHoldBody {
    fn from(held: TimeHold) -> Self {
        Self {
            kind: held.hold.kind().to_string(),
            since: held.since.to_string(),
            detail: held.hold.to_string(),
        }
    }
}

/// How much waits for a person; at most 10,000 of each are counted.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct WaitingBody {
    /// Requests to take an entry back that wait for another operator.
    pub pending_reverts: u64,
    /// Tickets that wait for an answer.
    pub open_tickets: u64,
}

/// An amount.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct MoneyBody {
    /// A decimal number with the currency's decimals.
    pub amount: String,
    /// ISO 4217.
    pub currency: String,
}

impl From<Money> for MoneyBody {
    fn from(money: Money) -> Self {
        Self {
            amount: money.amount(),
            currency: money.currency().to_string(),
        }
    }
}

impl std::fmt::Display for MoneyBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

pub(crate) fn text<T: ToString>(value: Option<T>) -> Option<String> {
    value.map(|value| value.to_string())
}

/// Small hexadecimal digits.
pub(crate) fn hex(octets: &[u8]) -> String {
    use std::fmt::Write;
    octets.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02x}").expect("a String takes everything");
        text
    })
}

/// One page of a list.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Page<T> {
    /// In their order; may be empty although there is a next page.
    pub items: Vec<T>,
    /// What to ask for next; nothing after the last page.
    pub next: Option<String>,
}

/// A line of the answer to an import or a verification.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ProgressLine {
    /// A line that was not taken.
    Bad {
        /// Counts from 1.
        line: u64,
        /// Why.
        error: String,
        /// The rule that refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule: Option<String>,
    },
    /// How far it is.
    Progress {
        /// Lines or entries done.
        done: u64,
        /// Of how many, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<u64>,
    },
    /// The last line of an import.
    Summary {
        /// Subscriptions that are there now (or would be).
        imported: u64,
        /// Lines that were not taken.
        failed: u64,
        /// Whether nothing was changed because nothing was to be.
        dry_run: bool,
    },
    /// The last line of a verification that found nothing wrong.
    Verified {
        /// Entries re-hashed.
        verified: u64,
        /// The hash of the newest.
        head: Option<String>,
    },
    /// The last line of something that could not go on.
    Stopped {
        /// Why.
        problem: super::problem::Problem,
    },
}

//! Refusals on the wire: RFC 9457 problem documents with the number of the rule.

use garth_store::write::WriteError;
use garth_subscription::Refusal;
use http::StatusCode;
use serde::{Deserialize, Serialize};

/// Why something was not done.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    /// A few words, the same for every problem of the kind.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong this time.
    pub detail: String,
    /// The rule that refused, such as `L24`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "map_err hands errors over by value"
)]
impl Problem {
    /// The media type of RFC 9457.
    pub const MEDIA_TYPE: &'static str = "application/problem+json";

    fn new(title: &str, status: StatusCode, detail: impl ToString) -> Self {
        Self {
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.to_string(),
            rule: None,
        }
    }

    pub(crate) fn with_rule(mut self, rule: &str) -> Self {
        self.rule = Some(rule.to_owned());
        self
    }

    /// The request itself is wrong: a body, a parameter, a header.
    pub(crate) fn malformed(detail: impl ToString) -> Self {
        Self::new("malformed request", StatusCode::BAD_REQUEST, detail)
    }

    /// A command id where there is no record that could remember it.
    pub(crate) fn no_command_id() -> Self {
        Self::malformed(
            "no command id is kept here: the same plans or lines change nothing twice, and a \
             disconnect ends what is live at that time",
        )
    }

    /// The peer's role does not reach that far.
    pub(crate) fn forbidden(detail: impl ToString) -> Self {
        Self::new("not permitted", StatusCode::FORBIDDEN, detail)
    }

    /// What was named is not there.
    pub(crate) fn not_found(detail: impl ToString) -> Self {
        Self::new("not found", StatusCode::NOT_FOUND, detail)
    }

    /// There is no such subscription.
    pub(crate) fn unknown_subscription(name: &str) -> Self {
        Self::not_found(format_args!(
            "there is no subscription {:?}",
            name.chars().take(100).collect::<String>()
        ))
        .with_rule(Refusal::Unknown.rule())
    }

    /// The path is right, the method is not.
    pub(crate) fn method_not_allowed() -> Self {
        Self::new(
            "method not allowed",
            StatusCode::METHOD_NOT_ALLOWED,
            "this path does not take this method; see /openapi.json",
        )
    }

    /// A body over its bound.
    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(
            "body too large",
            StatusCode::PAYLOAD_TOO_LARGE,
            format_args!("the body is larger than {limit} octets"),
        )
    }

    /// A rule refused.
    pub(crate) fn refused(detail: impl ToString) -> Self {
        Self::new("refused by a rule", StatusCode::CONFLICT, detail)
    }

    /// Something here is full or slow.
    pub(crate) fn busy(detail: impl ToString) -> Self {
        Self::new("busy", StatusCode::SERVICE_UNAVAILABLE, detail)
    }

    /// Something here is broken.
    pub(crate) fn failed(detail: impl ToString) -> Self {
        Self::new("failed", StatusCode::INTERNAL_SERVER_ERROR, detail)
    }
}

impl From<&Refusal> for Problem {
    fn from(refusal: &Refusal) -> Self {
        let problem = if matches!(refusal, Refusal::Role { .. } | Refusal::OwnRequest) {
            Self::forbidden(refusal)
        } else if matches!(refusal, Refusal::Unknown | Refusal::UnknownRequest) {
            Self::not_found(refusal)
        } else {
            Self::refused(refusal)
        };
        problem.with_rule(refusal.rule())
    }
}

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        match &error {
            WriteError::Refused(refusal) => refusal.into(),
            WriteError::IdentityTaken { .. } | WriteError::NoIdentity => {
                Self::refused(&error).with_rule("T1")
            }
            WriteError::CommandIdReused => Self::refused(&error).with_rule("L33"),
            WriteError::PaymentIdReused => Self::refused(&error).with_rule("E4"),
            WriteError::UnknownCheckout | WriteError::UnknownTicket => Self::not_found(&error),
            WriteError::TooManyRequests
            | WriteError::EntryRequested(_)
            | WriteError::RequestIdReused => Self::refused(&error).with_rule("L3"),
            WriteError::TooManyTickets | WriteError::TicketClosed(_) => {
                Self::refused(&error).with_rule("L18")
            }
            WriteError::HistoryTooLong => Self::refused(&error).with_rule("L4"),
            WriteError::Catalogue(_) | WriteError::PlanInUse(_) => Self::refused(&error),
            WriteError::NotHeld(_) => Self::refused(&error).with_rule("E3"),
            WriteError::Busy => Self::busy(&error),
            WriteError::Failed(_) => Self::failed(&error),
        }
    }
}

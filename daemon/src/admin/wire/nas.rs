//! NASes: how each is configured, what is known of it, and what it answers.

use serde::{Deserialize, Serialize};

/// A NAS of the configuration, and how it does.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct NasBody {
    /// Its name in the configuration.
    pub name: String,
    /// The prefix that its packets over UDP come from.
    pub address: Option<String>,
    /// What its certificate over RadSec is known by.
    pub certificate: Option<String>,
    /// How it is told speeds and walls.
    pub dialect: String,
    /// How its packets come: `udp`, `radsec`, or both.
    pub transport: String,
    /// Its connections over RadSec.
    pub radsec_connections: u64,
    /// `require`, `auto` or `off`.
    pub message_authenticator: String,
    /// Whether it has sent a right Message-Authenticator since the start.
    pub message_authenticator_proven: bool,
    /// Where it takes CoA and Disconnect requests: an address with port, or `source:` and a port.
    pub dynamic_authorization: Option<String>,
    /// Its live sessions.
    pub live_sessions: u64,
    /// When the last accounting record of a live session of it arrived.
    pub last_record_at: Option<String>,
    /// What became of CoA and Disconnect requests to it since the start.
    pub requests: RequestsBody,
    /// Its sessions of subscribers who have paid, which it would not move out of the garden.
    pub paid_but_blocked: u64,
    /// Its sessions of subscribers who have not, which it would not move into the garden or end.
    pub walled_but_open: u64,
}

/// CoA and Disconnect requests by what became of them.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct RequestsBody {
    /// The NAS says it is done.
    pub acknowledged: u64,
    /// The NAS refuses, or does not know the session.
    pub refused: u64,
    /// The NAS said nothing.
    pub unanswered: u64,
}

/// A NAS, with what it is told.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct NasDetailBody {
    /// As in the list.
    #[serde(flatten)]
    pub nas: NasBody,
    /// What names a session to it.
    pub identify_by: Vec<String>,
    /// What an Access-Accept with full access has for it, with the rates of an example.
    pub accept_full: Vec<String>,
    /// What an Access-Accept into the garden has for it.
    pub accept_garden: Vec<String>,
    /// What moves a running session out of the garden; empty where it is ended instead.
    pub coa_full: Vec<String>,
    /// What moves a running session into the garden; empty where it is ended instead.
    pub coa_garden: Vec<String>,
}

/// What a NAS answers to requests about a session that cannot exist.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct ProbeBody {
    /// The NAS.
    pub nas: String,
    /// The address that was asked.
    pub to: String,
    /// To a Disconnect-Request.
    pub disconnect: ProbedBody,
    /// To a CoA-Request.
    pub coa: ProbedBody,
    /// Whether sessions there can be moved as the dialect wants.
    pub usable: bool,
    /// What the answers mean and what can be done, in sentences.
    pub text: Vec<String>,
}

/// The answer to one request.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct ProbedBody {
    /// `ack`, `nak`, `silence` or `not_sent`.
    pub answer: String,
    /// Error-Cause (RFC 5176 section 3.5).
    pub error_cause: Option<u32>,
    /// Its name.
    pub error_cause_name: Option<String>,
    /// How often the request was sent.
    pub attempts: u8,
    /// From the first of them to the answer, or to giving up.
    pub millis: u64,
    /// Why it could not be sent.
    pub detail: Option<String>,
}

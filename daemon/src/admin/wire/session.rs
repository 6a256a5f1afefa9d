//! RADIUS sessions.

use garth_store::record::{MonthUsage, Session};
use serde::{Deserialize, Serialize};

use super::super::network::DisconnectAnswer;
use super::{hex, text};

/// A RADIUS session.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SessionBody {
    /// The NAS, by its name in the configuration.
    pub nas: String,
    /// As the NAS sent it; `0x` and hexadecimal digits where that is no plain text.
    pub acct_session_id: String,
    /// Whose.
    pub subscription: Option<String>,
    /// As the NAS sent it.
    pub username: Option<String>,
    /// The subscriber's address.
    pub framed_ipv4: Option<String>,
    /// The subscriber's link prefix.
    pub framed_ipv6: Option<String>,
    /// The subscriber's delegated prefix.
    pub delegated_ipv6: Option<String>,
    /// Further prefixes and single addresses of the subscriber.
    #[serde(default)]
    pub further_ipv6: Vec<String>,
    /// Whether another live session or a fixed address claims one of these, for somebody else.
    #[serde(default)]
    pub shared_address: bool,
    /// What the NAS calls itself (NAS-Identifier); text or octets as with `acct_session_id`.
    pub nas_identifier: Option<String>,
    /// The address that the NAS says it has.
    pub nas_ip_address: Option<String>,
    /// The IPv6 address that the NAS says it has.
    pub nas_ipv6_address: Option<String>,
    /// The port as a number.
    pub nas_port: Option<u32>,
    /// The port as text; text or octets as with `acct_session_id`.
    pub nas_port_id: Option<String>,
    /// The subscriber's equipment.
    pub mac: Option<String>,
    /// When it began.
    pub started_at: String,
    /// The last record's arrival.
    pub updated_at: String,
    /// When it ended; live if `null`.
    pub stopped_at: Option<String>,
    /// Why it ended (RFC 2866 section 5.10); from 4294967041 on, why it was closed here.
    pub terminate_cause: Option<u32>,
    /// The subscriber's upload.
    pub input_octets: u64,
    /// The subscriber's download.
    pub output_octets: u64,
    /// In seconds.
    pub session_time: u32,
}

impl From<&Session> for SessionBody {
    fn from(session: &Session) -> Self {
        Self {
            nas: session.key.nas.to_string(),
            acct_session_id: session_id_text(&session.key.acct_session_id),
            subscription: text(session.subscription),
            username: text(session.user_name.as_ref()),
            framed_ipv4: text(session.framed_ipv4),
            framed_ipv6: text(session.framed_ipv6),
            delegated_ipv6: text(session.delegated_ipv6),
            further_ipv6: session
                .further_ipv6
                .iter()
                .map(ToString::to_string)
                .collect(),
            shared_address: false,
            nas_identifier: session
                .nas_names
                .nas_identifier
                .as_deref()
                .map(session_id_text),
            nas_ip_address: text(session.nas_names.nas_ip_address),
            nas_ipv6_address: text(session.nas_names.nas_ipv6_address),
            nas_port: session.nas_port,
            nas_port_id: session.nas_port_id.as_deref().map(session_id_text),
            mac: text(session.mac),
            started_at: session.started_at.to_string(),
            updated_at: session.updated_at.to_string(),
            stopped_at: text(session.stopped_at),
            terminate_cause: session.terminate_cause,
            input_octets: session.input_octets,
            output_octets: session.output_octets,
            session_time: session.session_time,
        }
    }
}

/// What a subscription has used in a calendar month of the billing zone.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct MonthUsageBody {
    /// Such as `2026-11`.
    pub month: String,
    /// The subscriber's upload.
    pub input_octets: u64,
    /// The subscriber's download.
    pub output_octets: u64,
    /// How long its sessions lasted, in seconds; several at once count each.
    pub session_time: u64,
    /// How many sessions began.
    pub sessions: u64,
}

impl From<&MonthUsage> for MonthUsageBody {
    fn from(usage: &MonthUsage) -> Self {
        Self {
            month: usage.month.to_string(),
            input_octets: usage.input_octets,
            output_octets: usage.output_octets,
            session_time: usage.session_time,
            sessions: usage.sessions,
        }
    }
}

/// Text as it is; octets that are none, or look like the escape, in hexadecimal digits.
pub(crate) fn session_id_text(id: &[u8]) -> String {
    match std::str::from_utf8(id) {
        Ok(text) if !text.starts_with("0x") && !text.chars().any(char::is_control) => {
            text.to_owned()
        }
        Ok(_) | Err(_) => format!("0x{}", hex(id)),
    }
}

/// What [`session_id_text`] was made from.
pub(crate) fn session_id_octets(text: &str) -> Option<Box<[u8]>> {
    let Some(digits) = text.strip_prefix("0x") else {
        return Some(text.as_bytes().into());
    };
    if digits.len() % 2 != 0 || !digits.is_ascii() {
        return None;
    }
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok())
        .collect()
}

/// What became of one session to be disconnected.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct DisconnectedBody {
    /// The NAS.
    pub nas: String,
    /// The session.
    pub acct_session_id: String,
    /// What the NAS said.
    #[serde(flatten)]
    pub answer: DisconnectAnswer,
}

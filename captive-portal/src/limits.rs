//! Every bound of the portal, and what happens when it is reached.

use std::time::Duration;

/// The longest body of a form, in octets; a longer one is refused with 413.
pub const FORM_LEN_MAX: usize = 4 * 1_024;
/// The longest body of a webhook, in octets; a longer one is refused with 413.
pub const WEBHOOK_LEN_MAX: usize = 64 * 1_024;
/// The most webhooks at once; a further one is answered 503 and comes again.
pub const WEBHOOKS_MAX: usize = 32;
/// The longest request header, in octets; a longer one is answered 431 by hyper.
pub const HEADER_LEN_MAX: usize = 16 * 1_024;
/// The most header fields of a request; more are answered 431 by hyper.
pub const HEADER_FIELDS_MAX: usize = 64;
/// The most sessions of subscribers who logged in; the oldest gives way.
pub const SESSIONS_MAX: usize = 4_096;
/// How long a login holds, in seconds.
pub const SESSION_SECONDS: u32 = 30 * 60;
/// How long a form may be looked at before it is sent, in seconds.
pub const FORM_SECONDS: u32 = 60 * 60;
/// The most journal entries on the history page.
pub const HISTORY_MAX: usize = 50;
/// Slots of each table that counts by address or name. Two that share a slot share its rate.
pub const RATE_SLOTS: usize = 16_384;

/// Requests for pages per subscription, or per source that is not known.
pub const PAGE_RATE: Rate = Rate {
    burst: 100,
    every: Duration::from_millis(50),
};
/// Webhooks per source.
pub const WEBHOOK_RATE: Rate = Rate {
    burst: 500,
    every: Duration::from_millis(5),
};
/// Forms that do something, per subscription.
pub const ACTION_RATE: Rate = Rate {
    burst: 20,
    every: Duration::from_secs(5),
};
/// Logins, per source and per user name.
pub const LOGIN_RATE: Rate = Rate {
    burst: 10,
    every: Duration::from_secs(30),
};

/// How many at once, and how often one more.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// How many at once.
    pub burst: u32,
    /// The time in which one more may come.
    pub every: Duration,
}

/// The bounds that an operator or a test may set.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most connections; a further one is closed at once.
    pub connections_max: usize,
    /// The most connections of one subscription, or of one source that is not known (IPv6: one /64); a
    /// further one is closed at once.
    pub connections_per_source_max: u32,
    /// From waiting for a request to the last octet of its header; then the connection is closed.
    pub header_timeout: Duration,
    /// From a body's first octet to its last; then 408.
    pub body_timeout: Duration,
    /// From connecting to the end of the TLS handshake.
    pub handshake_timeout: Duration,
    /// The whole life of a connection; then it is closed, whatever it does.
    pub connection_timeout: Duration,
    /// The wait for answers under way when the portal stops.
    pub stop_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 2_048,
            connections_per_source_max: 48,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(5),
            connection_timeout: Duration::from_secs(120),
            stop_timeout: Duration::from_secs(3),
        }
    }
}

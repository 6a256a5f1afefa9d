//! What an accounting record means for its session (RFC 2866).
//!
//! A NAS repeats what was not answered, so records come twice, late and in any order. Folding is
//! idempotent and counters never decrease, so an order of arrival cannot matter for them. Whether
//! a session lives is decided like this:
//!
//! - Its own Stop ends it for good. What still arrives of it (a late Start, an Interim-Update that
//!   began before the Stop) only raises counters.
//! - A session that was closed without its Stop (its NAS restarted or fell silent, or it was
//!   disconnected from here) lives again when a newer record of it says so.
//! - A NAS that counts its Acct-Session-Ids from the start again after a restart makes new
//!   sessions under old names; the closed ones are kept beside them.
//!
//! Pure: the instant of arrival is a parameter, so that a record read back from the log does what it
//! did when it came.

use std::net::Ipv4Addr;

use garth_subscription::facts::SubscriptionId;
use garth_subscription::subscriber::{Ipv6Prefix, MacAddress, UserName};
use garth_subscription::time::{Span, Timestamp};

use super::octets::Octets;
use crate::record::{AccountingRecord, AccountingStatus, Session, SessionKey};

/// How long after a Stop a record without Acct-Session-Time still counts as a late one of the
/// same session: longer than any NAS goes on repeating a request.
const LATE: Span = Span::from_seconds(300);

/// A live session without its key, as small as it can be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Live {
    pub(crate) subscription: Option<SubscriptionId>,
    user_name: Option<Octets>,
    pub(crate) framed_ipv4: Option<Ipv4Addr>,
    pub(crate) framed_ipv6: Option<Ipv6Prefix>,
    pub(crate) delegated_ipv6: Option<Ipv6Prefix>,
    pub(crate) mac: Option<MacAddress>,
    pub(crate) started_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) input_octets: u64,
    pub(crate) output_octets: u64,
    pub(crate) session_time: u32,
}

/// A session that is over.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Closed {
    /// What was known of it while it lived.
    pub(crate) session: Live,
    pub(crate) stopped_at: Timestamp,
    pub(crate) terminate_cause: Option<u32>,
    /// Whether its own Stop ended it.
    pub(crate) by_nas: bool,
}

/// What a record does to a session that is closed.
pub(crate) enum Late {
    /// It raises what was counted; the session stays closed.
    Counts,
    /// It shows that the session, closed without its Stop, has gone on.
    Continues,
    /// It is of another session under the same name.
    IsAnother,
}

impl Live {
    /// A session that `record` is the first of.
    pub(crate) fn new(record: &AccountingRecord, at: Timestamp) -> Self {
        Self {
            subscription: None,
            user_name: None,
            framed_ipv4: None,
            framed_ipv6: None,
            delegated_ipv6: None,
            mac: None,
            started_at: began_at(record, at),
            updated_at: at,
            input_octets: 0,
            output_octets: 0,
            session_time: 0,
        }
    }

    /// Takes what a record that arrived `at` adds, whether it is late or not.
    pub(crate) fn merge(
        &mut self,
        record: &AccountingRecord,
        at: Timestamp,
        subscription: Option<SubscriptionId>,
    ) {
        // A Start that arrives after newer records knows less than they do.
        let is_late = record.status == AccountingStatus::Start && self.session_time > 0;
        let newer = |old: bool, new: bool| new && !(is_late && old);
        if newer(self.framed_ipv4.is_some(), record.framed_ipv4.is_some()) {
            self.framed_ipv4 = record.framed_ipv4;
        }
        if newer(self.framed_ipv6.is_some(), record.framed_ipv6.is_some()) {
            self.framed_ipv6 = record.framed_ipv6;
        }
        if newer(
            self.delegated_ipv6.is_some(),
            record.delegated_ipv6.is_some(),
        ) {
            self.delegated_ipv6 = record.delegated_ipv6;
        }
        if self.user_name.is_none() {
            let name = record.user_name.as_ref();
            self.user_name = name.map(|name| name.as_str().as_bytes().into());
        }
        self.mac = self.mac.or(record.mac);
        self.subscription = self.subscription.or(subscription);
        self.started_at = self.started_at.min(began_at(record, at));
        self.updated_at = self.updated_at.max(at);
        self.input_octets = self.input_octets.max(record.input_octets);
        self.output_octets = self.output_octets.max(record.output_octets);
        self.session_time = self.session_time.max(record.session_time);
    }

    /// Ended by its own Stop.
    pub(crate) fn stopped(self, record: &AccountingRecord, at: Timestamp) -> Closed {
        Closed {
            stopped_at: happened_at(record, at).max(self.started_at),
            terminate_cause: record.terminate_cause,
            by_nas: true,
            session: self,
        }
    }

    /// Ended `at` without its Stop.
    pub(crate) fn cut(self, at: Timestamp, cause: u32) -> Closed {
        Closed {
            session: self,
            stopped_at: at,
            terminate_cause: Some(cause),
            by_nas: false,
        }
    }

    /// Whether another state of the session claims the same addresses for the same subscription.
    pub(crate) fn claims_as(&self, other: &Self) -> bool {
        self.subscription == other.subscription
            && self.framed_ipv4 == other.framed_ipv4
            && self.framed_ipv6 == other.framed_ipv6
            && self.delegated_ipv6 == other.delegated_ipv6
    }

    /// As the NAS sent it.
    pub(crate) fn user_name(&self) -> Option<&str> {
        let octets = self.user_name.as_ref()?.as_slice();
        Some(std::str::from_utf8(octets).expect("it was a UserName"))
    }

    /// As the rest of the workspace sees it.
    pub(crate) fn session(&self, key: SessionKey) -> Session {
        let name = self
            .user_name()
            .map(|name| name.parse::<UserName>().expect("it was a UserName"));
        Session {
            key,
            subscription: self.subscription,
            user_name: name,
            framed_ipv4: self.framed_ipv4,
            framed_ipv6: self.framed_ipv6,
            delegated_ipv6: self.delegated_ipv6,
            mac: self.mac,
            started_at: self.started_at,
            updated_at: self.updated_at,
            stopped_at: None,
            terminate_cause: None,
            input_octets: self.input_octets,
            output_octets: self.output_octets,
            session_time: self.session_time,
        }
    }
}

impl From<&Session> for Live {
    fn from(session: &Session) -> Self {
        let name = session.user_name.as_ref();
        Self {
            subscription: session.subscription,
            user_name: name.map(|name| name.as_str().as_bytes().into()),
            framed_ipv4: session.framed_ipv4,
            framed_ipv6: session.framed_ipv6,
            delegated_ipv6: session.delegated_ipv6,
            mac: session.mac,
            started_at: session.started_at,
            updated_at: session.updated_at,
            input_octets: session.input_octets,
            output_octets: session.output_octets,
            session_time: session.session_time,
        }
    }
}

impl Closed {
    /// The closed session of a row. `by_nas`: its own Stop ended it.
    pub(crate) fn of(session: &Session, by_nas: bool) -> Self {
        Self {
            session: session.into(),
            stopped_at: session.stopped_at.unwrap_or(session.updated_at),
            terminate_cause: session.terminate_cause,
            by_nas,
        }
    }

    /// As the rest of the workspace sees it.
    pub(crate) fn session(&self, key: SessionKey) -> Session {
        Session {
            stopped_at: Some(self.stopped_at),
            terminate_cause: self.terminate_cause,
            ..self.session.session(key)
        }
    }

    /// What a record that arrived `at` does to it.
    pub(crate) fn takes(&self, record: &AccountingRecord, at: Timestamp) -> Late {
        if self.counts(record, at) {
            Late::Counts
        } else if !self.by_nas
            && record.status == AccountingStatus::InterimUpdate
            && began_at(record, at) <= self.stopped_at
        {
            Late::Continues
        } else {
            Late::IsAnother
        }
    }

    /// Whether a record belongs to it and cannot bring it to life again.
    fn counts(&self, record: &AccountingRecord, at: Timestamp) -> bool {
        let happened_at = happened_at(record, at);
        let is_same = began_at(record, at) <= self.stopped_at;
        let is_just_over = happened_at.since(self.stopped_at) <= LATE;
        let says_nothing_of_its_age = record.session_time == 0;
        match record.status {
            AccountingStatus::Stop => is_same || (self.by_nas && is_just_over),
            AccountingStatus::Start | AccountingStatus::InterimUpdate if self.by_nas => {
                is_same || (says_nothing_of_its_age && is_just_over)
            }
            AccountingStatus::Start | AccountingStatus::InterimUpdate => {
                // Sent before it was closed from here, and only arrived since.
                happened_at <= self.stopped_at && record.delay_seconds > 0
            }
            AccountingStatus::AccountingOn | AccountingStatus::AccountingOff => false,
        }
    }

    /// Raises what it has counted. Its place is known by its end and its subscription; a late
    /// record moves neither.
    pub(crate) fn merge(&mut self, record: &AccountingRecord, at: Timestamp) {
        let owner = self.session.subscription;
        self.session.merge(record, at, owner);
        self.session.subscription = owner;
        if record.status == AccountingStatus::Stop {
            self.terminate_cause = record.terminate_cause.or(self.terminate_cause);
            self.by_nas = true;
        }
    }
}

/// When it happened, by what the NAS says it held the record back.
pub(crate) fn happened_at(record: &AccountingRecord, at: Timestamp) -> Timestamp {
    before(at, record.delay_seconds)
}

fn began_at(record: &AccountingRecord, at: Timestamp) -> Timestamp {
    before(happened_at(record, at), record.session_time)
}

/// `seconds` before `at`; the earliest instant where that would pass it.
fn before(at: Timestamp, seconds: u32) -> Timestamp {
    let millis = at.unix_millis() - Span::from_seconds(seconds).millis();
    Timestamp::from_unix_millis(millis).unwrap_or(Timestamp::MIN)
}

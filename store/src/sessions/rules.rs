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
//!   sessions under old names; the closed ones are kept beside them. If the old one was never
//!   closed, a record that names another subscription and began later closes it: nobody's address
//!   may be taken for that of who had the name before (N32).
//!
//! Of two records the one with the greater Acct-Session-Time is the newer, whichever arrived first;
//! its addresses count. When something happened is reckoned from the arrival here, by what the NAS
//! says it held the record back (Acct-Delay-Time) and how long the session had lasted. The clock of
//! the NAS (Event-Timestamp) is not looked at: it may be wrong by years, and none of these can put
//! the beginning of a session into the future. Values that no session can have are taken as not
//! said: [`DELAY_MAX`], [`SESSION_TIME_MAX`].
//!
//! A counter without its Gigawords after a wrap is smaller than it was and changes nothing; the next
//! record that has them tells the whole. No wrap is guessed: octets that nobody has sent must not be
//! on a bill.
//!
//! Pure: the instant of arrival is a parameter, so that a record read back from the log does what it
//! did when it came.

use std::net::Ipv4Addr;
use std::sync::Arc;

use garth_subscription::calendar::BillingZone;
use garth_subscription::facts::SubscriptionId;
use garth_subscription::subscriber::{Ipv6Prefix, MacAddress, UserName};
use garth_subscription::time::{Span, Timestamp};

use super::octets::Octets;
use super::usage::{Books, Counters, Meter, MonthNumber};
use crate::record::{
    AccountingRecord, AccountingStatus, FURTHER_IPV6_MAX, NasNames, Session, SessionKey,
    closed_here,
};

/// How long after a Stop a record without Acct-Session-Time still counts as a late one of the
/// same session: longer than any NAS goes on repeating a request.
const LATE: Span = Span::from_seconds(300);
/// The longest that a NAS can have held a record back, in seconds: a month. More is a fault, and
/// counts as this.
const DELAY_MAX: u32 = 31 * 86_400;
/// The longest that a session can have lasted, in seconds: ten years. More is the clock of a NAS
/// that was set while the session lasted.
const SESSION_TIME_MAX: u32 = 3_653 * 86_400;

/// A live session without its key, as small as it can be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Live {
    pub(crate) subscription: Option<SubscriptionId>,
    /// A [`UserName`].
    pub(crate) user_name: Option<Octets>,
    pub(crate) framed_ipv4: Option<Ipv4Addr>,
    pub(crate) framed_ipv6: Option<Ipv6Prefix>,
    pub(crate) delegated_ipv6: Option<Ipv6Prefix>,
    /// At most [`FURTHER_IPV6_MAX`]; never empty.
    pub(crate) further_ipv6: Option<Box<[Ipv6Prefix]>>,
    pub(crate) mac: Option<MacAddress>,
    /// Never empty; one for many sessions.
    pub(crate) nas_names: Option<Arc<NasNames>>,
    pub(crate) nas_port: Option<u32>,
    pub(crate) nas_port_id: Option<Octets>,
    /// Whether an Interim-Update has come of it.
    pub(crate) has_reported: bool,
    pub(crate) started_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) input_octets: u64,
    pub(crate) output_octets: u64,
    pub(crate) session_time: u32,
    pub(crate) meter: Meter,
}

/// A session that is over.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Closed {
    /// What was known of it while it lived.
    pub(crate) session: Live,
    pub(crate) ended: Ended,
}

/// How a session ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Ended {
    pub(crate) stopped_at: Timestamp,
    pub(crate) terminate_cause: Option<u32>,
    /// Whether its own Stop ended it.
    pub(crate) by_nas: bool,
}

/// Whose record it is that has the key of a live session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Relation {
    /// The session's own.
    Its,
    /// That of a later session of another subscription: this one is over.
    Successor,
    /// That of an earlier session of another subscription.
    Predecessor,
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
    pub(crate) fn new(record: &AccountingRecord, at: Timestamp, zone: BillingZone) -> Self {
        Self {
            meter: Meter::new(MonthNumber::of(zone, happened_at(record, at))),
            subscription: None,
            user_name: None,
            framed_ipv4: None,
            framed_ipv6: None,
            delegated_ipv6: None,
            further_ipv6: None,
            mac: None,
            nas_names: None,
            nas_port: None,
            nas_port_id: None,
            has_reported: false,
            started_at: began_at(record, at),
            updated_at: at,
            input_octets: 0,
            output_octets: 0,
            session_time: 0,
        }
    }

    /// Whose record it is that has its key, arrived `at` and names that subscription.
    pub(crate) fn relation(
        &self,
        record: &AccountingRecord,
        at: Timestamp,
        named: Option<SubscriptionId>,
    ) -> Relation {
        if !self.is_of_another(named) {
            Relation::Its
        } else if began_at(record, at) >= self.started_at {
            Relation::Successor
        } else {
            Relation::Predecessor
        }
    }

    /// Whether who is named is somebody else than whose it is known to be.
    fn is_of_another(&self, named: Option<SubscriptionId>) -> bool {
        let known = self.subscription.zip(named);
        known.is_some_and(|(own, named)| own != named)
    }

    /// Takes what a record that arrived `at` adds, whether it is late or not. Whether it says anything
    /// new of the NAS and its port.
    pub(crate) fn merge(
        &mut self,
        record: &AccountingRecord,
        at: Timestamp,
        subscription: Option<SubscriptionId>,
        books: &mut Books,
    ) -> bool {
        let is_late = session_time(record) < self.session_time;
        self.merge_addresses(record, is_late);
        let has_names = self.merge_names(record, is_late);
        if self.user_name.is_none() {
            let name = record.user_name.as_ref();
            self.user_name = name.map(|name| name.as_str().as_bytes().into());
        }
        self.mac = self.mac.or(record.mac);
        let was_owner = self.subscription;
        self.subscription = was_owner.or(subscription);
        self.has_reported |= record.status == AccountingStatus::InterimUpdate;
        self.started_at = self.started_at.min(began_at(record, at));
        self.updated_at = self.updated_at.max(at);
        let counted = Counters {
            input_octets: record.input_octets,
            output_octets: record.output_octets,
            session_time: session_time(record),
        };
        books.count(self, was_owner, record, counted, at);
        has_names
    }

    /// Takes the addresses that the record has; a late one knows less than what came before it.
    fn merge_addresses(&mut self, record: &AccountingRecord, is_late: bool) {
        fn take<T>(own: &mut Option<T>, new: Option<T>, is_late: bool) {
            if new.is_some() && !(is_late && own.is_some()) {
                *own = new;
            }
        }
        take(&mut self.framed_ipv4, record.framed_ipv4, is_late);
        take(&mut self.framed_ipv6, record.framed_ipv6, is_late);
        take(&mut self.delegated_ipv6, record.delegated_ipv6, is_late);
        let further = record.further_ipv6.iter().take(FURTHER_IPV6_MAX);
        if further.len() > 0 && self.further_ipv6.as_deref() != Some(&record.further_ipv6) {
            let further = further.copied().collect();
            take(&mut self.further_ipv6, Some(further), is_late);
        }
    }

    /// Takes what the NAS says of itself and its port; whether that is new.
    fn merge_names(&mut self, record: &AccountingRecord, is_late: bool) -> bool {
        let mut has_new = false;
        let names = Some(&record.nas_names).filter(|names| !names.is_empty());
        if names.is_some_and(|names| self.nas_names.as_deref() != Some(names))
            && !(is_late && self.nas_names.is_some())
        {
            self.nas_names = names.map(|names| Arc::new(names.clone()));
            has_new = true;
        }
        if record
            .nas_port
            .is_some_and(|port| self.nas_port != Some(port))
            && !(is_late && self.nas_port.is_some())
        {
            self.nas_port = record.nas_port;
            has_new = true;
        }
        let own = self.nas_port_id.as_ref().map(Octets::as_slice);
        if record
            .nas_port_id
            .as_deref()
            .is_some_and(|id| own != Some(id))
            && !(is_late && own.is_some())
        {
            self.nas_port_id = record.nas_port_id.as_deref().map(Into::into);
            has_new = true;
        }
        has_new
    }

    /// Ended by its own Stop.
    pub(crate) fn stopped(self, record: &AccountingRecord, at: Timestamp) -> Closed {
        let stopped_at = happened_at(record, at).max(self.started_at);
        self.over(stopped_at, record.terminate_cause, true)
    }

    /// Ended `at` without its Stop.
    pub(crate) fn cut(self, at: Timestamp, cause: u32) -> Closed {
        self.over(at, Some(cause), false)
    }

    /// Over because its key is that of another session now, which a record that arrived `at` is of: a
    /// millisecond before that began, as no two sessions of one key may end at once.
    pub(crate) fn replaced(self, record: &AccountingRecord, at: Timestamp) -> Closed {
        let millis = began_at(record, at).unix_millis() - 1;
        let end = Timestamp::from_unix_millis(millis).unwrap_or(Timestamp::MIN);
        self.cut(end, closed_here::REPLACED)
    }

    fn over(self, stopped_at: Timestamp, terminate_cause: Option<u32>, by_nas: bool) -> Closed {
        Closed {
            session: self,
            ended: Ended {
                stopped_at,
                terminate_cause,
                by_nas,
            },
        }
    }

    /// Whether another state of the session claims the same addresses for the same equipment, or port, of
    /// the same subscription.
    pub(crate) fn claims_as(&self, other: &Self) -> bool {
        self.subscription == other.subscription
            && self.mac == other.mac
            && (self.mac.is_some()
                || (self.nas_port == other.nas_port && self.nas_port_id == other.nas_port_id))
            && self.framed_ipv4 == other.framed_ipv4
            && self.framed_ipv6 == other.framed_ipv6
            && self.delegated_ipv6 == other.delegated_ipv6
            && self.further_ipv6 == other.further_ipv6
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
            further_ipv6: self.further_ipv6.clone().unwrap_or_default(),
            mac: self.mac,
            nas_names: self.nas_names.as_deref().cloned().unwrap_or_default(),
            nas_port: self.nas_port,
            nas_port_id: self.nas_port_id.as_ref().map(|id| id.as_slice().into()),
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

impl Closed {
    /// As the rest of the workspace sees it.
    pub(crate) fn session(&self, key: SessionKey) -> Session {
        Session {
            stopped_at: Some(self.ended.stopped_at),
            terminate_cause: self.ended.terminate_cause,
            ..self.session.session(key)
        }
    }

    /// What a record that arrived `at` and names that subscription does to it.
    pub(crate) fn takes(
        &self,
        record: &AccountingRecord,
        at: Timestamp,
        named: Option<SubscriptionId>,
    ) -> Late {
        if self.session.is_of_another(named) {
            Late::IsAnother
        } else if self.counts(record, at) {
            Late::Counts
        } else if !self.ended.by_nas
            && record.status == AccountingStatus::InterimUpdate
            && began_at(record, at) <= self.ended.stopped_at
        {
            Late::Continues
        } else {
            Late::IsAnother
        }
    }

    /// Whether it is known to be that subscription's.
    pub(crate) fn is_of(&self, named: Option<SubscriptionId>) -> bool {
        named.is_some() && self.session.subscription == named
    }

    /// Whether a record belongs to it and cannot bring it to life again.
    fn counts(&self, record: &AccountingRecord, at: Timestamp) -> bool {
        let (stopped_at, by_nas) = (self.ended.stopped_at, self.ended.by_nas);
        let happened_at = happened_at(record, at);
        let is_same = began_at(record, at) <= stopped_at;
        let is_just_over = happened_at.since(stopped_at) <= LATE;
        let says_nothing_of_its_age = session_time(record) == 0;
        match record.status {
            AccountingStatus::Stop => is_same || (by_nas && is_just_over),
            AccountingStatus::Start | AccountingStatus::InterimUpdate if by_nas => {
                is_same || (says_nothing_of_its_age && is_just_over)
            }
            AccountingStatus::Start | AccountingStatus::InterimUpdate => {
                // Sent before it was closed from here, and only arrived since.
                happened_at <= stopped_at && record.delay_seconds > 0
            }
            AccountingStatus::AccountingOn | AccountingStatus::AccountingOff => false,
        }
    }

    /// Raises what it has counted. Its place is known by its end and its subscription; a late
    /// record moves neither. Whether it says anything new of the NAS and its port.
    pub(crate) fn merge(
        &mut self,
        record: &AccountingRecord,
        at: Timestamp,
        books: &mut Books,
    ) -> bool {
        books.close(&self.session, -1);
        let has_names = self.session.merge(record, at, None, books);
        books.close(&self.session, 1);
        if record.status == AccountingStatus::Stop {
            self.ended.terminate_cause = record.terminate_cause.or(self.ended.terminate_cause);
            self.ended.by_nas = true;
        }
        has_names
    }
}

/// When it happened, by what the NAS says it held the record back.
pub(crate) fn happened_at(record: &AccountingRecord, at: Timestamp) -> Timestamp {
    before(at, record.delay_seconds.min(DELAY_MAX))
}

/// When the session of a record that arrived `at` began, as far as the record tells.
pub(crate) fn began_at(record: &AccountingRecord, at: Timestamp) -> Timestamp {
    before(happened_at(record, at), session_time(record))
}

/// How long the session had lasted, in seconds; 0 where the NAS does not tell, or cannot be right.
fn session_time(record: &AccountingRecord) -> u32 {
    Some(record.session_time)
        .filter(|seconds| *seconds <= SESSION_TIME_MAX)
        .unwrap_or_default()
}

/// `seconds` before `at`; the earliest instant where that would pass it.
fn before(at: Timestamp, seconds: u32) -> Timestamp {
    let millis = at.unix_millis() - Span::from_seconds(seconds).millis();
    Timestamp::from_unix_millis(millis).unwrap_or(Timestamp::MIN)
}

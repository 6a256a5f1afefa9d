//! Accounting records folded into sessions (RFC 2866).
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

use std::ops::Bound;

use garth_subscription::facts::SubscriptionId;
use garth_subscription::time::{Span, Timestamp};
use redb::{ReadableTable, ReadableTableMetadata};

use super::{Batch, Stop};
use crate::disk::{decode_session, encode_session};
use crate::fault::Fault;
use crate::index::SessionClaim;
use crate::record::{AccountingRecord, AccountingStatus, Session, SessionKey};
use crate::tables::{id_key, millis, nas_prefix, session_key, session_octets};
use crate::write::WriteError;

/// How long after a Stop a record without Acct-Session-Time still counts as a late one of the
/// same session: longer than any NAS goes on repeating a request.
const LATE: Span = Span::from_seconds(300);
/// Acct-Terminate-Cause "NAS Reboot" (RFC 2866 section 5.10).
const NAS_REBOOT: u32 = 11;

/// A closed session as found for a new record.
struct Closed {
    session: Session,
    /// Whether its own Stop ended it.
    by_nas: bool,
    stopped_at: Timestamp,
}

impl Batch<'_> {
    /// Folds records of one received batch. Busy if there is no room for a new session: the others
    /// are kept, yet nobody is told, and a NAS that repeats them does no harm.
    pub(super) fn account(&mut self, records: &[AccountingRecord]) -> Result<(), Stop> {
        let mut refused = 0;
        for record in records {
            match record.status {
                AccountingStatus::Start
                | AccountingStatus::InterimUpdate
                | AccountingStatus::Stop => {
                    if !self.fold(record)? {
                        refused += 1;
                    }
                }
                AccountingStatus::AccountingOn | AccountingStatus::AccountingOff => {
                    self.close_all(&record.key.nas, self.happened_at(record))?;
                }
            }
        }
        if refused == 0 {
            return Ok(());
        }
        let counter = &self.shared.counters.sessions_refused;
        counter.fetch_add(refused, std::sync::atomic::Ordering::Relaxed);
        Err(WriteError::Busy.into())
    }

    /// Closes a live session from here; whether there was one.
    pub(super) fn close_session(&mut self, key: &SessionKey, cause: u32) -> Result<bool, Stop> {
        Ok(self.close_live(key, cause)?)
    }

    /// Folds one record into its session; false if there is no room for a new one.
    fn fold(&mut self, record: &AccountingRecord) -> Result<bool, Fault> {
        let key = session_octets(&record.key);
        if let Some(session) = self.live(&key, &record.key)? {
            self.fold_live(&key, session, record)?;
            return Ok(true);
        }
        let closed = self.last_closed(&key, &record.key)?;
        let happened_at = self.happened_at(record);
        match closed {
            Some(closed) if closed.takes(record, happened_at) => {
                self.fold_closed(&key, closed, record)?;
                Ok(true)
            }
            Some(closed) if closed.is_continued_by(record, happened_at) => {
                if self.is_full()? {
                    return Ok(false);
                }
                self.forget_closed(&key, millis(closed.stopped_at))?;
                let mut session = closed.session;
                session.stopped_at = None;
                session.terminate_cause = None;
                self.begin(&key, session, record)?;
                Ok(true)
            }
            Some(_) | None => {
                let is_stop = record.status == AccountingStatus::Stop;
                if !is_stop && self.is_full()? {
                    return Ok(false);
                }
                let session = self.new_session(record, happened_at);
                self.begin(&key, session, record)?;
                Ok(true)
            }
        }
    }

    fn is_full(&self) -> Result<bool, Fault> {
        Ok(self.tables.live_sessions.len()? >= self.shared.limits.sessions_max)
    }

    /// When it happened, by what the NAS says it held the record back.
    fn happened_at(&self, record: &AccountingRecord) -> Timestamp {
        before(self.now, record.delay_seconds)
    }

    fn live(&self, key: &[u8], name: &SessionKey) -> Result<Option<Session>, Fault> {
        let row = self.tables.live_sessions.get(key)?;
        let session = row.map(|row| decode_session(name.clone(), row.value()));
        Ok(session.transpose()?.map(|(session, _)| session))
    }

    fn last_closed(&self, key: &[u8], name: &SessionKey) -> Result<Option<Closed>, Fault> {
        let all = (key, 0)..=(key, u64::MAX);
        let Some(row) = self.tables.closed_sessions.range(all)?.next_back() else {
            return Ok(None);
        };
        let (_, value) = row?;
        let (session, by_nas) = decode_session(name.clone(), value.value())?;
        let stopped_at = session.stopped_at.unwrap_or(session.updated_at);
        Ok(Some(Closed {
            session,
            by_nas,
            stopped_at,
        }))
    }

    fn new_session(&self, record: &AccountingRecord, happened_at: Timestamp) -> Session {
        Session {
            key: record.key.clone(),
            subscription: None,
            user_name: None,
            framed_ipv4: None,
            framed_ipv6: None,
            delegated_ipv6: None,
            mac: None,
            started_at: before(happened_at, record.session_time),
            updated_at: self.now,
            stopped_at: None,
            terminate_cause: None,
            input_octets: 0,
            output_octets: 0,
            session_time: 0,
        }
    }

    /// Writes a session that was not live before this record.
    fn begin(
        &mut self,
        key: &[u8],
        mut session: Session,
        record: &AccountingRecord,
    ) -> Result<(), Fault> {
        self.merge(&mut session, record);
        if record.status == AccountingStatus::Stop {
            self.end(&mut session, record);
            return self.put_closed(key, &session, true);
        }
        if let Some(id) = session.subscription {
            self.tables
                .live_by_subscription
                .insert((id_key(id), key), ())?;
        }
        self.put_live(key, None, &session)
    }

    fn fold_live(
        &mut self,
        key: &[u8],
        mut session: Session,
        record: &AccountingRecord,
    ) -> Result<(), Fault> {
        let before = SessionClaim::of(&session);
        let owner = session.subscription;
        self.merge(&mut session, record);
        if record.status == AccountingStatus::Stop {
            self.end(&mut session, record);
            return self.close(key, owner, before, &session, true);
        }
        if owner != session.subscription {
            if let Some(id) = owner {
                self.tables.live_by_subscription.remove((id_key(id), key))?;
            }
            if let Some(id) = session.subscription {
                self.tables
                    .live_by_subscription
                    .insert((id_key(id), key), ())?;
            }
        }
        self.put_live(key, before, &session)
    }

    /// Raises what a closed session has counted; it stays closed.
    fn fold_closed(
        &mut self,
        key: &[u8],
        closed: Closed,
        record: &AccountingRecord,
    ) -> Result<(), Fault> {
        let Closed {
            mut session,
            by_nas,
            stopped_at,
        } = closed;
        let is_stop = record.status == AccountingStatus::Stop;
        let owner = session.subscription;
        self.merge(&mut session, record);
        // The row's place is known by these two; a late record does not move it.
        session.stopped_at = Some(stopped_at);
        session.subscription = owner;
        if is_stop {
            session.terminate_cause = record.terminate_cause.or(session.terminate_cause);
        }
        self.dirty = true;
        let row = encode_session(&session, by_nas || is_stop);
        self.tables
            .closed_sessions
            .insert((key, millis(stopped_at)), row.as_slice())?;
        Ok(())
    }

    /// What a record adds to its session, whether it is late or not.
    fn merge(&self, session: &mut Session, record: &AccountingRecord) {
        // A Start that arrives after newer records knows less than they do.
        let is_late = record.status == AccountingStatus::Start && session.session_time > 0;
        let newer = |old: bool, new: bool| new && !(is_late && old);
        if newer(session.framed_ipv4.is_some(), record.framed_ipv4.is_some()) {
            session.framed_ipv4 = record.framed_ipv4;
        }
        if newer(session.framed_ipv6.is_some(), record.framed_ipv6.is_some()) {
            session.framed_ipv6 = record.framed_ipv6;
        }
        if newer(
            session.delegated_ipv6.is_some(),
            record.delegated_ipv6.is_some(),
        ) {
            session.delegated_ipv6 = record.delegated_ipv6;
        }
        if session.user_name.is_none() {
            session.user_name.clone_from(&record.user_name);
        }
        session.mac = session.mac.or(record.mac);
        if session.subscription.is_none() {
            session.subscription = self.identify(record);
        }
        let began_at = before(self.happened_at(record), record.session_time);
        session.started_at = session.started_at.min(began_at);
        session.updated_at = session.updated_at.max(self.now);
        session.input_octets = session.input_octets.max(record.input_octets);
        session.output_octets = session.output_octets.max(record.output_octets);
        session.session_time = session.session_time.max(record.session_time);
    }

    fn end(&self, session: &mut Session, record: &AccountingRecord) {
        session.stopped_at = Some(self.happened_at(record).max(session.started_at));
        session.terminate_cause = record.terminate_cause;
    }

    /// Whose session it is: our Class tells, else User-Name, else the MAC address.
    fn identify(&self, record: &AccountingRecord) -> Option<SubscriptionId> {
        let index = &self.shared.index;
        let by_class = record
            .class
            .and_then(|id| index.by_id(id, |entry| entry.id()));
        let by_name = || {
            let name = record.user_name.as_ref()?.as_str().as_bytes();
            index.by_user_name(name, |entry| entry.id())
        };
        let by_mac = || index.by_mac(record.mac?, |entry| entry.id());
        by_class.or_else(by_name).or_else(by_mac)
    }

    /// Closes every session of a NAS that began before it said so.
    fn close_all(&mut self, nas: &str, at: Timestamp) -> Result<(), Fault> {
        let prefix = nas_prefix(nas);
        let from: (Bound<&[u8]>, Bound<&[u8]>) =
            (Bound::Included(prefix.as_slice()), Bound::Unbounded);
        let mut over = Vec::new();
        for row in self.tables.live_sessions.range::<&[u8]>(from)? {
            let (key, value) = row?;
            if !key.value().starts_with(&prefix) {
                break;
            }
            let (session, _) = decode_session(session_key(key.value())?, value.value())?;
            if session.started_at <= at {
                over.push(session.key);
            }
        }
        for key in &over {
            self.close_live(key, NAS_REBOOT)?;
        }
        Ok(())
    }

    /// Closes a live session without its Stop; whether there was one.
    pub(super) fn close_live(&mut self, name: &SessionKey, cause: u32) -> Result<bool, Fault> {
        let key = session_octets(name);
        let Some(mut session) = self.live(&key, name)? else {
            return Ok(false);
        };
        let before = SessionClaim::of(&session);
        session.stopped_at = Some(self.now);
        session.terminate_cause = Some(cause);
        self.close(&key, session.subscription, before, &session, false)?;
        Ok(true)
    }

    fn close(
        &mut self,
        key: &[u8],
        owner: Option<SubscriptionId>,
        before: Option<SessionClaim>,
        session: &Session,
        by_nas: bool,
    ) -> Result<(), Fault> {
        self.tables.live_sessions.remove(key)?;
        if let Some(id) = owner {
            self.tables.live_by_subscription.remove((id_key(id), key))?;
        }
        self.changes.sessions.push((before, None));
        self.put_closed(key, session, by_nas)
    }

    fn put_live(
        &mut self,
        key: &[u8],
        before: Option<SessionClaim>,
        session: &Session,
    ) -> Result<(), Fault> {
        self.dirty = true;
        let row = encode_session(session, false);
        self.tables.live_sessions.insert(key, row.as_slice())?;
        self.changes
            .sessions
            .push((before, SessionClaim::of(session)));
        Ok(())
    }

    fn put_closed(&mut self, key: &[u8], session: &Session, by_nas: bool) -> Result<(), Fault> {
        self.dirty = true;
        let stopped_at = millis(session.stopped_at.unwrap_or(self.now));
        let row = encode_session(session, by_nas);
        self.tables
            .closed_sessions
            .insert((key, stopped_at), row.as_slice())?;
        self.tables.closed_by_time.insert((stopped_at, key), ())?;
        if let Some(id) = session.subscription {
            self.tables
                .closed_by_subscription
                .insert((id_key(id), stopped_at, key), ())?;
        }
        Ok(())
    }
}

impl Closed {
    /// Whether a record belongs to the closed session and cannot bring it to life again.
    fn takes(&self, record: &AccountingRecord, happened_at: Timestamp) -> bool {
        let began_at = before(happened_at, record.session_time);
        let is_same = began_at <= self.stopped_at;
        let says_nothing_of_its_age = record.session_time == 0;
        match record.status {
            AccountingStatus::Stop => is_same || (self.by_nas && self.is_just_over(happened_at)),
            AccountingStatus::Start | AccountingStatus::InterimUpdate if self.by_nas => {
                is_same || (says_nothing_of_its_age && self.is_just_over(happened_at))
            }
            AccountingStatus::Start | AccountingStatus::InterimUpdate => {
                // Sent before it was closed from here, and only arrived since.
                happened_at <= self.stopped_at && record.delay_seconds > 0
            }
            AccountingStatus::AccountingOn | AccountingStatus::AccountingOff => false,
        }
    }

    /// Whether a record shows that the session, closed without its Stop, has gone on.
    fn is_continued_by(&self, record: &AccountingRecord, happened_at: Timestamp) -> bool {
        !self.by_nas
            && record.status == AccountingStatus::InterimUpdate
            && before(happened_at, record.session_time) <= self.stopped_at
    }

    fn is_just_over(&self, at: Timestamp) -> bool {
        at.since(self.stopped_at) <= LATE
    }
}

/// `seconds` before `at`; the earliest instant where that would pass it.
fn before(at: Timestamp, seconds: u32) -> Timestamp {
    let millis = at.unix_millis() - Span::from_seconds(seconds).millis();
    Timestamp::from_unix_millis(millis).unwrap_or(Timestamp::MIN)
}

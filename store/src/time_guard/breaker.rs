//! The breaker: no instant passes at which too many lose their access (E13).
//!
//! Rows of the agenda are gone through once, in the order of their instants, ahead of time. A
//! subscription has one row, for its next change; what follows that change is worked out here, so that
//! a month is checked as well as a second. Losses are summed over days: a day begins with the first
//! change after the last day's end, so that after a week without power each of the seven days
//! may have as many as a day in operation. All changes of one instant pass together or not at all.
//!
//! Not here: what a subscription is at an instant ([`Agenda::look`]).

use std::collections::BTreeSet;
use std::ops::Bound;
use std::time::Duration;

use garth_subscription::Timestamp;
use garth_subscription::time::Span;

use super::{Hold, TimeLimits};

/// The most rows that one step goes through: a command waits for no more.
pub(super) const ROWS_PER_STEP: usize = 1_024;
/// What a share is of.
const DAY: Span = Span::from_days(1);
/// How long a count holds: what is changed meanwhile, as by payments, may make it good.
pub(super) const RECOUNT_AFTER: Duration = Duration::from_secs(60);
/// How far ahead of what is checked later changes are remembered, for a timer that is so late with
/// their rows.
const REMEMBERED_AHEAD: Span = Span::from_seconds(3_600);

/// A row of the agenda.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Row {
    pub(crate) at: Timestamp,
    /// The subscription.
    pub(crate) id: u128,
}

/// What the breaker asks of the store.
pub(crate) trait Agenda {
    type Error;

    /// At most `limit` rows after `after`, none later than `through`, in their order.
    fn rows(&self, after: Row, through: Timestamp, limit: usize) -> Result<Vec<Row>, Self::Error>;

    /// What time does to that subscription at that instant.
    fn look(&self, row: Row) -> Result<Look, Self::Error>;

    /// How many subscriptions have full access at that instant.
    fn with_full_access(&self, at: Timestamp) -> u64;
}

/// What time does to a subscription at an instant.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Look {
    /// Whether it has full access before and not after.
    pub(crate) loses: bool,
    /// When it is to be looked at again.
    pub(crate) next: Option<Timestamp>,
}

/// The losses of a day.
#[derive(Clone, Copy, Debug, Default)]
struct Day {
    /// The first instant at which anything changed in it.
    began: Option<Timestamp>,
    lost: u64,
    /// How many had full access before it.
    of: Option<u64>,
}

/// The changes of one instant.
#[derive(Clone, Copy, Debug)]
struct Instant {
    at: Timestamp,
    losing: u64,
}

#[derive(Debug)]
pub(super) struct Breaker {
    limits: TimeLimits,
    ceiling: Timestamp,
    /// Rows up to this one were gone through.
    checked: Row,
    /// Changes that follow those that were gone through: at most one for each subscription and ahead
    /// of the ceiling by [`REMEMBERED_AHEAD`] at most.
    following: BTreeSet<Row>,
    day: Day,
    /// The instant whose rows are gone through.
    instant: Option<Instant>,
    /// Everything up to here was confirmed.
    passed: Option<Timestamp>,
    hold: Option<Hold>,
    /// When what holds was counted; none while it is counted again.
    counted: Option<Duration>,
}

impl Breaker {
    pub(super) fn new(limits: TimeLimits, from: Timestamp, passed: Option<Timestamp>) -> Self {
        Self {
            limits,
            ceiling: from,
            checked: end_of(from),
            following: BTreeSet::new(),
            day: Day::default(),
            instant: None,
            passed,
            hold: None,
            counted: None,
        }
    }

    pub(super) const fn ceiling(&self) -> Timestamp {
        self.ceiling
    }

    pub(super) const fn hold(&self) -> Option<Hold> {
        self.hold
    }

    /// Lets what changes by `through` pass; what comes after is a new day.
    pub(super) fn pass(&mut self, through: Timestamp) {
        self.passed = Some(through);
        self.day = Day::default();
        self.instant = None;
        self.hold = None;
    }

    /// Goes on towards `target`; whether more rows are to be gone through at once.
    pub(super) fn advance<A: Agenda>(
        &mut self,
        target: Timestamp,
        monotonic: Duration,
        agenda: &A,
    ) -> Result<bool, A::Error> {
        if target <= self.ceiling || self.is_held(monotonic) {
            return Ok(false);
        }
        let rows = agenda.rows(self.checked, target, ROWS_PER_STEP)?;
        // Past the last of many rows nothing is known yet.
        let known = match rows.last() {
            Some(last) if rows.len() == ROWS_PER_STEP => *last,
            Some(_) | None => end_of(target),
        };
        let mut rows = rows.into_iter().peekable();
        for _ in 0..ROWS_PER_STEP {
            let following = (Bound::Excluded(self.checked), Bound::Included(known));
            let following = self.following.range(following).next().copied();
            let Some(row) = rows.peek().copied().into_iter().chain(following).min() else {
                break;
            };
            rows.next_if_eq(&row);
            if self.instant.is_none_or(|instant| instant.at < row.at) {
                if !self.leave(monotonic, agenda) {
                    return Ok(false);
                }
                self.enter(row.at);
            }
            self.count(row, agenda.look(row)?, target);
        }
        if known < end_of(target) || rows.peek().is_some() || self.follows(known) {
            return Ok(true);
        }
        if self.leave(monotonic, agenda) {
            self.hold = None;
            self.ceiling = target;
            self.checked = end_of(target);
        }
        Ok(false)
    }

    /// Whether a change up to `known` is remembered and not gone through.
    fn follows(&self, known: Row) -> bool {
        let rest = (Bound::Excluded(self.checked), Bound::Included(known));
        self.following.range(rest).next().is_some()
    }

    /// Counts what a row does.
    fn count(&mut self, row: Row, look: Look, target: Timestamp) {
        let is_passed = self.passed.is_some_and(|passed| row.at <= passed);
        if let Some(instant) = &mut self.instant {
            instant.losing += u64::from(look.loses && !is_passed);
        }
        let until = target.saturating_add(REMEMBERED_AHEAD);
        let next = look.next.filter(|next| row.at < *next && *next <= until);
        self.following.extend(next.map(|at| Row { at, id: row.id }));
        self.checked = row;
    }

    /// Whether a count holds; begins another where it is too old.
    fn is_held(&mut self, monotonic: Duration) -> bool {
        let Some(Hold::MassChange { .. }) = self.hold else {
            return false;
        };
        match self.counted {
            Some(counted) if monotonic.saturating_sub(counted) < RECOUNT_AFTER => true,
            Some(_) => {
                self.counted = None;
                self.checked = end_of(self.ceiling);
                false
            }
            None => false,
        }
    }

    /// Begins an instant: everything before it may pass.
    fn enter(&mut self, at: Timestamp) {
        if let Some(Hold::MassChange { at: held, .. }) = self.hold
            && held < at
        {
            self.hold = None;
        }
        if self.day.began.is_none_or(|began| at.since(began) >= DAY) {
            self.day = Day {
                began: Some(at),
                ..Day::default()
            };
        }
        self.ceiling = self.ceiling.max(instant_before(at));
        while self
            .following
            .first()
            .is_some_and(|row| row.at <= self.ceiling)
        {
            self.following.pop_first();
        }
        self.instant = Some(Instant { at, losing: 0 });
    }

    /// Ends an instant; whether it may pass.
    fn leave<A: Agenda>(&mut self, monotonic: Duration, agenda: &A) -> bool {
        let Some(Instant { at, losing }) = self.instant.take() else {
            return true;
        };
        let lost = self.day.lost + losing;
        if losing > 0 && lost > self.limits.losing_min {
            let began = self.day.began.unwrap_or(at);
            let count = || agenda.with_full_access(instant_before(began));
            let of = *self.day.of.get_or_insert_with(count);
            let share = of.saturating_mul(u64::from(self.limits.losing_percent)) / 100;
            let allowed = share.max(self.limits.losing_min);
            if lost > allowed {
                let losing = lost;
                self.hold = Some(Hold::MassChange {
                    at,
                    losing,
                    of,
                    allowed,
                });
                self.counted = Some(monotonic);
                return false;
            }
        }
        self.day.lost = lost;
        true
    }
}

/// What no row of that instant comes after.
const fn end_of(at: Timestamp) -> Row {
    Row { at, id: u128::MAX }
}

/// The instant before.
pub(crate) fn instant_before(at: Timestamp) -> Timestamp {
    Timestamp::from_unix_millis(at.unix_millis() - 1).unwrap_or(Timestamp::MIN)
}

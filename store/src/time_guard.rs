//! Time that can be trusted: it is let on only as far as it has been checked (E3, E13).
//!
//! The standing of every subscription follows from the facts and *now*, so a wrong *now* cuts
//! people off without anybody having decided it. What the store takes for now is the wall clock, but
//! never earlier than it was before and never later than a ceiling. Readers look at two numbers
//! ([`Effective`]). The writer moves the ceiling ([`Guard::tick`]) by three rules:
//!
//! - A clock that is **behind** (before the release, or before what was already now) moves nothing.
//! - A clock that has **jumped** ahead of the monotonic clock is not believed: time goes on from the
//!   last trusted reading by the monotonic clock, until the wall clock is back, is known to be
//!   synchronised, or a person confirms it.
//! - The agenda says who changes in the time that is to be let on. If too many of them lose their
//!   access, the ceiling stops before that instant until a person confirms it ([`breaker`]).
//!
//! What is decided while time is held is decided at the held time: payments and commands go on. Money
//! whose gateway says that it came later than the held time counts from the held time, so no offer
//! runs out and no month is lost.
//!
//! Pure: readings come in, holds come out; no clock, no table. Not here: who may confirm, and who is
//! told (`daemon`).

mod breaker;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use garth_subscription::Timestamp;
use garth_subscription::time::Span;

pub(crate) use breaker::{Agenda, Look, Row, instant_before};

use breaker::Breaker;

/// No clock that is right shows a time before this: it is when this version was made,
/// 2026-11-01 00:00 UTC. A release moves it forward.
pub const RELEASED_AT: Timestamp = Timestamp::from_unix_seconds(1_793_491_200).expect("after 1970");
/// How far ahead of the wall clock time is checked. Ticks come every second; a writer that is busy
/// for longer than this makes time stand still until it has checked on.
const LOOKAHEAD: Span = Span::from_seconds(10);

/// What makes the store doubt the time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TimeLimits {
    /// A wall clock before this is wrong.
    pub not_before: Timestamp,
    /// How far the wall clock may fall behind what was already now: NTP steps less.
    pub clock_behind_max: Span,
    /// How much further than the monotonic clock the wall clock may go from one tick to the next.
    pub clock_jump_max: Span,
    /// How long after the last commit a start may be without a doubt: a week without power is normal.
    pub start_gap_max: Span,
    /// So many may lose their access within a day in any case.
    pub losing_min: u64,
    /// The part of all with full access that may lose it within a day, in percent. Where all
    /// subscriptions end on the first of the month and 15 % of them are not renewed in time, that is
    /// one instant with 15 %: a normal month passes, and a fifth of an ISP's subscribers is
    /// what no normal day takes.
    pub losing_percent: u8,
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self {
            not_before: RELEASED_AT,
            clock_behind_max: Span::from_seconds(60),
            clock_jump_max: Span::from_seconds(3_600),
            start_gap_max: Span::from_days(30),
            losing_min: 50,
            losing_percent: 20,
        }
    }
}

/// Why time is not let on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hold {
    /// The wall clock is earlier than it can be: time stands still.
    ClockBehind {
        /// What it shows.
        wall: Timestamp,
        /// The earliest that it can be.
        least: Timestamp,
    },
    /// The wall clock went ahead by more than time can have passed: time goes on by the monotonic
    /// clock.
    ClockJump {
        /// Where time goes on from.
        from: Timestamp,
        /// What the wall clock shows.
        to: Timestamp,
    },
    /// Too many would lose their access: time stands still before that instant.
    MassChange {
        /// When they would lose it.
        at: Timestamp,
        /// How many, with those of the day before that instant.
        losing: u64,
        /// Of how many with full access.
        of: u64,
        /// How many may.
        allowed: u64,
    },
}

/// The kind of a [`Hold`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum HoldKind {
    /// See [`Hold::ClockBehind`]. It cannot be confirmed: somebody must set the clock.
    ClockBehind,
    /// See [`Hold::ClockJump`].
    ClockJump,
    /// See [`Hold::MassChange`].
    MassChange,
}

impl HoldKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::ClockBehind, Self::ClockJump, Self::MassChange];

    /// The name in answers, in `snake_case`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClockBehind => "clock_behind",
            Self::ClockJump => "clock_jump",
            Self::MassChange => "mass_change",
        }
    }
}

impl fmt::Display for HoldKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Hold {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> HoldKind {
        match self {
            Self::ClockBehind { .. } => HoldKind::ClockBehind,
            Self::ClockJump { .. } => HoldKind::ClockJump,
            Self::MassChange { .. } => HoldKind::MassChange,
        }
    }
}

/// In a sentence for operators, with what they can do.
impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClockBehind { wall, least } => write!(
                f,
                "the clock shows {wall}, which cannot be: it is {least} at least; time stands still \
                 until it is set (NTP)"
            ),
            Self::ClockJump { from, to } => write!(
                f,
                "the clock jumped from {from} to {to}; nobody expires by that jump until the clock \
                 is set (NTP) or an operator confirms it"
            ),
            Self::MassChange {
                at,
                losing,
                of,
                allowed,
            } => write!(
                f,
                "{losing} of {of} subscriptions would lose their access by {at}, {allowed} may in a \
                 day; time stands still before that until an operator confirms it"
            ),
        }
    }
}

/// A hold, and since when there is one of its kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TimeHold {
    /// Why.
    pub hold: Hold,
    /// Since when, by the wall clock, in this run.
    pub since: Timestamp,
}

/// What readers take for now: two numbers, no lock.
#[derive(Debug)]
pub(crate) struct Effective {
    /// No reader sees a later time.
    ceiling: AtomicI64,
    /// The latest time that any reader has seen: none sees an earlier one.
    seen: AtomicI64,
}

impl Effective {
    pub(crate) const fn new(at: Timestamp) -> Self {
        Self {
            ceiling: AtomicI64::new(at.unix_millis()),
            seen: AtomicI64::new(at.unix_millis()),
        }
    }

    /// Now, while the wall clock shows `wall`. It writes once in a millisecond, whoever asks.
    pub(crate) fn now(&self, wall: Timestamp) -> Timestamp {
        let now = wall.unix_millis().min(self.ceiling.load(Ordering::Acquire));
        let seen = self.seen.load(Ordering::Acquire);
        let now = if now > seen {
            self.seen.fetch_max(now, Ordering::AcqRel).max(now)
        } else {
            seen
        };
        Timestamp::from_unix_millis(now).expect("it was an instant when it was stored")
    }

    pub(crate) fn ceiling(&self) -> Timestamp {
        let millis = self.ceiling.load(Ordering::Acquire);
        Timestamp::from_unix_millis(millis).expect("it was an instant when it was stored")
    }

    /// Lets time on.
    pub(crate) fn raise(&self, ceiling: Timestamp) {
        self.ceiling
            .fetch_max(ceiling.unix_millis(), Ordering::AcqRel);
    }
}

/// The clocks at one instant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Reading {
    pub(crate) wall: Timestamp,
    pub(crate) monotonic: Duration,
    /// Whether the wall clock is known to be right.
    pub(crate) is_synchronised: bool,
}

/// What a person has confirmed; kept on the disk, so that no restart asks again.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Confirmed {
    /// The wall clock was right when it showed this.
    pub(crate) wall: Option<Timestamp>,
    /// All that changes up to this instant is meant to.
    pub(crate) through: Option<Timestamp>,
}

impl Confirmed {
    /// With that hold confirmed as well; nothing where no person can.
    pub(crate) const fn with(self, hold: &Hold) -> Option<Self> {
        match *hold {
            Hold::ClockBehind { .. } => None,
            Hold::ClockJump { to, .. } => Some(Self {
                wall: Some(to),
                ..self
            }),
            Hold::MassChange { at, .. } => Some(Self {
                through: Some(at),
                ..self
            }),
        }
    }
}

/// The last reading that was trusted.
#[derive(Clone, Copy, Debug)]
struct Trusted {
    wall: Timestamp,
    monotonic: Duration,
    /// How much further than the monotonic clock the wall clock may have gone since.
    gap_max: Span,
}

impl Trusted {
    /// What the wall clock should show by now.
    fn expected(&self, monotonic: Duration) -> Timestamp {
        let elapsed = monotonic.saturating_sub(self.monotonic).as_millis();
        let elapsed = i64::try_from(elapsed).ok().and_then(Span::from_millis);
        self.wall
            .saturating_add(elapsed.expect("no machine runs for so many milliseconds"))
    }
}

/// The writer's part: decides how far time is let on.
#[derive(Debug)]
pub(crate) struct Guard {
    limits: TimeLimits,
    /// None while a new store has not seen a clock that can be right.
    trusted: Option<Trusted>,
    confirmed: Confirmed,
    clock: Option<Hold>,
    breaker: Breaker,
    /// Since when there is a hold of the clock, and one of the breaker.
    since: [Option<Timestamp>; 2],
}

impl Guard {
    /// The guard of a store whose last commit was at `committed_at`; [`Timestamp::MIN`] before the first.
    pub(crate) fn new(
        limits: TimeLimits,
        committed_at: Timestamp,
        confirmed: Confirmed,
        monotonic: Duration,
    ) -> Self {
        let is_new = committed_at == Timestamp::MIN;
        let floor = if is_new {
            limits.not_before
        } else {
            committed_at
        };
        let known = confirmed.wall.unwrap_or(committed_at).max(committed_at);
        let trusted = (!is_new).then_some(Trusted {
            wall: known,
            monotonic,
            gap_max: limits.start_gap_max,
        });
        Self {
            limits,
            trusted,
            confirmed,
            clock: None,
            breaker: Breaker::new(limits, floor, confirmed.through),
            since: [None; 2],
        }
    }

    /// How far time is let on.
    pub(crate) const fn ceiling(&self) -> Timestamp {
        self.breaker.ceiling()
    }

    /// Looks at the clocks and lets time on as far as that is right; whether more could be checked
    /// at once. `now` is what readers were given last.
    ///
    /// # Errors
    /// Those of the agenda.
    pub(crate) fn tick<A: Agenda>(
        &mut self,
        reading: Reading,
        now: Timestamp,
        agenda: &A,
    ) -> Result<bool, A::Error> {
        let target = self.judge(reading, now);
        let more = self.breaker.advance(target, reading.monotonic, agenda)?;
        for (since, hold) in self.since.iter_mut().zip([self.clock, self.breaker.hold()]) {
            *since = hold.map(|_| since.unwrap_or(reading.wall));
        }
        Ok(more)
    }

    /// How far the clocks alone let time on.
    fn judge(&mut self, reading: Reading, now: Timestamp) -> Timestamp {
        let Reading {
            wall, monotonic, ..
        } = reading;
        let behind = now.since(wall) > self.limits.clock_behind_max;
        if behind || wall < self.limits.not_before {
            let least = now.max(self.limits.not_before);
            self.clock = Some(Hold::ClockBehind { wall, least });
            return self.ceiling();
        }
        if let Some(trusted) = &self.trusted {
            let expected = trusted.expected(monotonic);
            if wall.since(expected) > trusted.gap_max && !reading.is_synchronised {
                let from = match self.clock {
                    Some(Hold::ClockJump { from, .. }) => from,
                    Some(Hold::ClockBehind { .. } | Hold::MassChange { .. }) | None => expected,
                };
                self.clock = Some(Hold::ClockJump { from, to: wall });
                return expected;
            }
        }
        self.trust(wall, monotonic);
        wall.saturating_add(LOOKAHEAD)
    }

    fn trust(&mut self, wall: Timestamp, monotonic: Duration) {
        self.clock = None;
        self.trusted = Some(Trusted {
            wall,
            monotonic,
            gap_max: self.limits.clock_jump_max,
        });
    }

    /// What holds time: at most one hold of the clock and one of the breaker.
    pub(crate) fn holds(&self) -> Vec<TimeHold> {
        let holds = [self.clock, self.breaker.hold()];
        holds
            .into_iter()
            .zip(self.since)
            .filter_map(|(hold, since)| {
                Some(TimeHold {
                    hold: hold?,
                    since: since?,
                })
            })
            .collect()
    }

    /// What was confirmed.
    pub(crate) const fn confirmed(&self) -> Confirmed {
        self.confirmed
    }

    /// Goes by a confirmation that is on the disk.
    pub(crate) fn confirm(&mut self, confirmed: Confirmed, monotonic: Duration) {
        if confirmed.wall != self.confirmed.wall
            && let Some(wall) = confirmed.wall
        {
            self.trust(wall, monotonic);
        }
        if confirmed.through != self.confirmed.through
            && let Some(through) = confirmed.through
        {
            self.breaker.pass(through);
        }
        self.confirmed = confirmed;
    }
}

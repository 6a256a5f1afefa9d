//! The one place that reads a clock.
//!
//! Everything else is given the time. The store makes the wall clock effective:
//! it never runs behind what was committed.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use garth_subscription::Timestamp;
use garth_subscription::time::Span;

/// No clock that is right shows a time before this: it is when this version was made,
/// 2026-11-01 00:00 UTC. A release moves it forward.
const RELEASED_AT: Timestamp = Timestamp::from_unix_seconds(1_793_491_200).expect("after 1970");
/// How far the wall clock may be behind the last commit before it is an alarm: NTP steps less.
const BEHIND_MAX: Span = Span::from_seconds(60);

/// Why the wall clock cannot be trusted (E3).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum ClockFault {
    /// Before this version was made: a machine that lost its clock.
    #[error("the clock shows a time before this version of garthd was made; set it (NTP)")]
    BeforeRelease,
    /// Behind what was committed already; until it has caught up, garthd's time stands still.
    #[error(
        "the clock is {seconds} seconds behind the last commit; time stands still here until it has \
         caught up: set it (NTP)"
    )]
    Behind {
        /// How far.
        seconds: i64,
    },
}

/// What is wrong with a wall clock that shows `wall` and is `behind` the last commit.
#[must_use]
pub(crate) fn fault(wall: Timestamp, behind: Span) -> Option<ClockFault> {
    if wall < RELEASED_AT {
        Some(ClockFault::BeforeRelease)
    } else if behind > BEHIND_MAX {
        let seconds = behind.seconds();
        Some(ClockFault::Behind { seconds })
    } else {
        None
    }
}

/// The wall clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SystemClock;

impl garth_store::Clock for SystemClock {
    fn now(&self) -> Timestamp {
        wall()
    }

    fn monotonic(&self) -> Duration {
        // The first call is the instant that all later ones are measured from.
        static BEGINNING: OnceLock<Instant> = OnceLock::new();
        let now = monotonic();
        now.saturating_duration_since(*BEGINNING.get_or_init(|| now))
    }
}

/// The wall clock; the earliest instant where it stands before 1970.
#[must_use]
pub(crate) fn wall() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the module that reads the clock"
    )]
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since_epoch.as_millis())
        .ok()
        .and_then(Timestamp::from_unix_millis)
        .unwrap_or(Timestamp::MIN)
}

/// A clock that only runs forward, for measuring spans.
#[must_use]
pub(crate) fn monotonic() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the module that reads the clock"
    )]
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_before_the_release_or_far_behind_the_store_is_a_fault() {
        let right: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let lost: Timestamp = "1970-01-01T00:05:00Z".parse().unwrap();
        let seconds = Span::from_seconds;
        assert_eq!(fault(right, seconds(0)), None);
        assert_eq!(fault(right, seconds(60)), None, "NTP steps so far");
        assert_eq!(
            fault(right, seconds(61)),
            Some(ClockFault::Behind { seconds: 61 })
        );
        assert_eq!(fault(lost, seconds(0)), Some(ClockFault::BeforeRelease));
        assert_eq!(RELEASED_AT.to_string(), "2026-11-01T00:00:00Z");
    }
}

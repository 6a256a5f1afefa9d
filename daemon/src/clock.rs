//! The one place that reads a clock.
//!
//! Everything else is given the time. The store makes the wall clock effective: it decides whether the
//! clock can be right (`garth_store::TimeLimits`).

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use garth_subscription::Timestamp;
use garth_subscription::time::Span;

/// What systemd-timesyncd touches each time that it has synchronised the clock
/// (systemd-timesyncd.service(8)); it is gone after a restart of the machine.
const SYNCHRONISED: &str = "/run/systemd/timesync/synchronized";
/// How long ago that may be: timesyncd synchronises again after 34 minutes and 8 seconds at most
/// (`PollIntervalMaxSec=` of timesyncd.conf(5)).
///
/// It has to be less than the jump that the store asks about: what was touched before a jump is then
/// too old after it, and so is no proof of the time that the clock has jumped to.
const SYNCHRONISED_WITHIN: Span = Span::from_seconds(45 * 60);
/// How far before the touch the clock may be: less than a step back, more than what two looks differ by.
const TOUCHED_AHEAD_MAX: Span = Span::from_seconds(1);

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

    /// What systemd-timesyncd says; `None` where it does not run. Other programs for NTP leave no
    /// such file: there a person confirms what the store doubts.
    fn is_synchronised(&self) -> Option<bool> {
        let touched = std::fs::metadata(SYNCHRONISED).and_then(|file| file.modified());
        touched.ok().map(|touched| proves(instant(touched), wall()))
    }
}

/// The wall clock; the earliest instant where it stands before 1970.
#[must_use]
pub(crate) fn wall() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the module that reads the clock"
    )]
    let now = SystemTime::now();
    instant(now)
}

/// The earliest instant for a time that is none.
fn instant(at: SystemTime) -> Timestamp {
    let since_epoch = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis())
        .ok()
        .and_then(Timestamp::from_unix_millis)
        .unwrap_or(Timestamp::MIN)
}

/// Whether a synchronisation at `touched` proves that a clock that shows `wall` is right.
fn proves(touched: Timestamp, wall: Timestamp) -> bool {
    wall.since(touched) <= SYNCHRONISED_WITHIN && touched.since(wall) <= TOUCHED_AHEAD_MAX
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
    use garth_store::TimeLimits;

    use super::*;

    #[test]
    fn a_synchronisation_proves_the_time_until_the_next_one_and_none_that_the_clock_jumped_to() {
        let touched: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let later = |seconds| touched.saturating_add(Span::from_seconds(seconds));
        assert!(proves(touched, touched));
        assert!(proves(touched, later(34 * 60 + 8)));
        assert!(!proves(touched, later(45 * 60 + 1)));
        assert!(proves(later(1), touched));
        assert!(!proves(later(2), touched), "the clock was set back since");
        let jump = TimeLimits::default().clock_jump_max;
        assert!(!proves(touched, touched.saturating_add(jump)));
    }
}

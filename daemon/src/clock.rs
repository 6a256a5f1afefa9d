//! The one place that reads a clock.
//!
//! Everything else is given the time. The store makes the wall clock effective:
//! it never runs behind what was committed.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use garth_subscription::Timestamp;

/// The wall clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SystemClock;

impl garth_store::Clock for SystemClock {
    fn now(&self) -> Timestamp {
        wall()
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

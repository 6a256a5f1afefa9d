//! The one place of this crate that reads a clock, and waiting for a condition.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use nix::time::ClockId;

/// Between two looks at a condition.
const POLL_PAUSE: Duration = Duration::from_millis(1);

/// The monotonic clock.
#[expect(clippy::disallowed_methods, reason = "this crate measures")]
pub fn now() -> Instant {
    Instant::now()
}

/// Processor time of the calling thread so far.
///
/// # Panics
/// Never: every thread has such a clock.
pub fn thread_time() -> Duration {
    let clock = ClockId::CLOCK_THREAD_CPUTIME_ID;
    clock.now().expect("every thread has a clock").into()
}

/// Nanoseconds since `begun`.
pub fn nanos_since(begun: Instant) -> u64 {
    u64::try_from((now() - begun).as_nanos()).expect("no benchmark takes 500 years")
}

/// What `look` finds within `limit`, looking again and again.
///
/// # Errors
/// That `what` did not come, or what `look` failed with.
pub fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let begun = now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if now() - begun >= limit {
            bail!("{what}: not within {limit:?}");
        }
        thread::sleep(POLL_PAUSE);
    }
}

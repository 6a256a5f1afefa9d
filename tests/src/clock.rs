//! The one place of this crate that reads a clock, and waiting for a condition.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Between two looks at a condition.
const POLL_PAUSE: Duration = Duration::from_millis(2);

/// The monotonic clock.
#[expect(
    clippy::disallowed_methods,
    reason = "a test measures; nothing of Garth is decided by it"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// What `look` finds within `limit`, looking again and again.
///
/// # Errors
///
/// That `what` did not come, after `limit`.
pub fn wait_for<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> Result<T> {
    let deadline = now() + limit;
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if now() >= deadline {
            bail!("{what}: not within {} ms", limit.as_millis());
        }
        thread::sleep(POLL_PAUSE);
    }
}

/// Milliseconds with one decimal, for people.
pub fn milliseconds(duration: Duration) -> String {
    let tenths = duration.as_micros() / 100;
    format!("{}.{} ms", tenths / 10, tenths % 10)
}

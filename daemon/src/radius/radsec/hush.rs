//! A line of the log that a peer can bring about, and so not as often as it likes.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Between two lines of one kind.
const INTERVAL: Duration = Duration::from_secs(10);

/// When a line of one kind was last said.
#[derive(Default)]
pub(super) struct Hush(Mutex<Option<Instant>>);

impl Hush {
    /// Whether it may be said at `now`; it counts as said then.
    pub(super) fn may_be_said(&self, now: Instant) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_soon = last.is_some_and(|last| now.duration_since(last) < INTERVAL);
        if !is_soon {
            *last = Some(now);
        }
        !is_soon
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_that_comes_without_end_is_said_once_in_an_interval() {
        let (hush, begin) = (Hush::default(), Instant::now());
        let said: Vec<u64> = (0..30_000)
            .step_by(10)
            .filter(|at| hush.may_be_said(begin + Duration::from_millis(*at)))
            .collect();
        assert_eq!(said, [0, 10_000, 20_000]);
    }
}

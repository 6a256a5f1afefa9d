//! Says when the wall clock cannot be trusted (E3), and when it can be again.
//!
//! Nobody loses access by a clock that fell behind: effective time stands still at the last
//! commit until the clock has caught up, so nothing falls due. But then nobody's time is counted
//! either, and somebody must set the clock: an alarm, repeated while it lasts.

use std::time::Duration;

use garth_store::Store;
use tokio::time::MissedTickBehavior;

use super::stop::Stop;
use crate::clock::{self, ClockFault};

/// How often the clock is looked at.
const TICK: Duration = Duration::from_secs(5);
/// After how many looks an alarm is repeated: ten minutes.
const REPEAT_AFTER: u32 = 120;

/// Runs until the stop.
pub(super) async fn run(store: Store, mut stop: Stop) {
    let mut alarm = Alarm::default();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.unless(tick.tick()).await.is_some() {
        let fault = clock::fault(clock::wall(), store.status().clock_behind);
        match alarm.turn(fault) {
            Some(Word::Raised(fault)) => tracing::error!(%fault, "ALARM: the clock is wrong"),
            Some(Word::Cleared) => tracing::info!("the clock is right again"),
            None => {}
        }
    }
}

/// What is to be said.
#[derive(Debug, Eq, PartialEq)]
enum Word {
    Raised(ClockFault),
    Cleared,
}

/// Whether the alarm is up, and how many looks ago it was said.
#[derive(Default)]
struct Alarm {
    said: Option<u32>,
}

impl Alarm {
    fn turn(&mut self, fault: Option<ClockFault>) -> Option<Word> {
        match (fault, self.said) {
            (None, None) => None,
            (None, Some(_)) => {
                self.said = None;
                Some(Word::Cleared)
            }
            (Some(_), Some(ago)) if ago < REPEAT_AFTER => {
                self.said = Some(ago + 1);
                None
            }
            (Some(fault), Some(_) | None) => {
                self.said = Some(1);
                Some(Word::Raised(fault))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_is_said_once_then_repeated_slowly_then_cleared() {
        let mut alarm = Alarm::default();
        let fault = Some(ClockFault::BeforeRelease);
        assert_eq!(alarm.turn(None), None);
        assert_eq!(
            alarm.turn(fault),
            Some(Word::Raised(ClockFault::BeforeRelease))
        );
        let said = (1..REPEAT_AFTER).filter_map(|_| alarm.turn(fault)).count();
        assert_eq!(said, 0, "quiet for ten minutes");
        assert!(alarm.turn(fault).is_some(), "and then again");
        assert_eq!(alarm.turn(None), Some(Word::Cleared));
        assert_eq!(alarm.turn(None), None);
    }
}

//! Says when time is held and when it goes on (E3, E13).
//!
//! Nobody loses access while it is held. But then nobody's time is counted either, and somebody must
//! set the clock or confirm what is to happen: an alarm, repeated while it lasts.

use std::time::Duration;

use garth_store::{Hold, HoldKind, Store, TimeHold};
use tokio::time::MissedTickBehavior;

use super::stop::Stop;

/// How often is looked for holds.
const TICK: Duration = Duration::from_secs(5);
/// After how many looks an alarm is repeated: ten minutes.
const REPEAT_AFTER: u32 = 120;

/// Runs until the stop.
pub(super) async fn run(store: Store, mut stop: Stop) {
    let mut alarms = HoldKind::ALL.map(Alarm::new);
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.unless(tick.tick()).await.is_some() {
        let holds = store.holds();
        for alarm in &mut alarms {
            match alarm.turn(&holds) {
                Some(Word::Raised(hold)) => {
                    tracing::error!(kind = %hold.kind(), "ALARM: time is held: {hold}");
                }
                Some(Word::Cleared) => tracing::info!(kind = %alarm.kind, "time goes on"),
                None => {}
            }
        }
    }
}

/// What is to be said.
#[derive(Debug, Eq, PartialEq)]
enum Word {
    Raised(Hold),
    Cleared,
}

/// Whether the alarm for holds of one kind is up, and how many looks ago it was said.
struct Alarm {
    kind: HoldKind,
    said: Option<u32>,
}

impl Alarm {
    const fn new(kind: HoldKind) -> Self {
        Self { kind, said: None }
    }

    fn turn(&mut self, holds: &[TimeHold]) -> Option<Word> {
        let hold = holds
            .iter()
            .map(|held| held.hold)
            .find(|hold| hold.kind() == self.kind);
        match (hold, self.said) {
            (None, None) => None,
            (None, Some(_)) => {
                self.said = None;
                Some(Word::Cleared)
            }
            (Some(_), Some(ago)) if ago < REPEAT_AFTER => {
                self.said = Some(ago + 1);
                None
            }
            (Some(hold), Some(_) | None) => {
                self.said = Some(1);
                Some(Word::Raised(hold))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use garth_subscription::Timestamp;

    use super::*;

    #[test]
    fn an_alarm_is_said_once_then_repeated_slowly_then_cleared() {
        let mut alarm = Alarm::new(HoldKind::ClockJump);
        let hold = Hold::ClockJump {
            from: Timestamp::MIN,
            to: Timestamp::MAX,
        };
        let since = Timestamp::MIN;
        let holds = [TimeHold { hold, since }];
        assert_eq!(alarm.turn(&[]), None);
        assert_eq!(alarm.turn(&holds), Some(Word::Raised(hold)));
        let said = (1..REPEAT_AFTER).filter_map(|_| alarm.turn(&holds)).count();
        assert_eq!(said, 0, "quiet for ten minutes");
        assert!(alarm.turn(&holds).is_some(), "and then again");
        assert_eq!(alarm.turn(&[]), Some(Word::Cleared));
        assert_eq!(alarm.turn(&[]), None);
        let mut other = Alarm::new(HoldKind::MassChange);
        assert_eq!(other.turn(&holds), None, "each kind has its own");
    }
}

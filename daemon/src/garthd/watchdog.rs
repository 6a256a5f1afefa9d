//! Tells systemd that we live, as long as the writer does.

use std::time::Duration;

use garth_store::Store;
use sd_notify::NotifyState;
use tokio::time::MissedTickBehavior;

use super::stop::Stop;

/// How often we tell where systemd does not ask: never less often than half of what it allows.
const IDLE: Duration = Duration::from_secs(3_600);

/// Runs until the stop. A writer that hangs keeps the word from being said, and systemd restarts us.
pub(super) async fn run(store: Store, mut stop: Stop) -> anyhow::Result<()> {
    let watched = sd_notify::watchdog_enabled();
    let period = watched.map_or(IDLE, |allowed| {
        (allowed / 2).max(Duration::from_millis(100))
    });
    let mut tick = tokio::time::interval(period);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.unless(tick.tick()).await.is_some() {
        if watched.is_some()
            && stop
                .unless(store.fire_due())
                .await
                .is_some_and(|fired| fired.is_ok())
        {
            drop(sd_notify::notify(&[NotifyState::Watchdog]));
        }
    }
    Ok(())
}

//! Lets time act: what is due is carried out by the one writer.
//!
//! A late tick changes nothing for anyone's access, which follows from the facts; it
//! only delays the journal entry and the push to the network. Each tick passes through
//! the writer, so it is also the proof that the writer lives ([`Watchdog`]).

use std::time::Duration;

use garth_store::Store;
use garth_store::write::{Fired, WriteError};
use tokio::time::MissedTickBehavior;

use super::stop::Stop;
use super::watchdog::Watchdog;

/// How often is looked for what is due.
const TICK: Duration = Duration::from_secs(1);

/// Runs until the stop.
///
/// # Errors
/// The store's end.
pub(super) async fn run(store: Store, mut stop: Stop) -> anyhow::Result<()> {
    let mut watchdog = Watchdog::new();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.unless(tick.tick()).await.is_some() {
        let mut more = true;
        while more {
            // A writer that hangs gives no answer: then it is the stop that ends this wait.
            let Some(fired) = stop.unless(store.fire_due()).await else {
                return Ok(());
            };
            more = match fired {
                Ok(fired) => {
                    report(fired);
                    watchdog.writer_answered();
                    fired.more
                }
                // Full, and perhaps only busy: the commits tell whether the writer works.
                Err(WriteError::Busy) => {
                    watchdog.commits_seen(store.status().commits);
                    false
                }
                Err(error) => return Err(error.into()),
            };
        }
    }
    Ok(())
}

fn report(fired: Fired) {
    let Fired {
        agenda,
        boundaries,
        stale_sessions,
        more: _,
    } = fired;
    if agenda + boundaries > 0 {
        tracing::info!(agenda, boundaries, "what was due is done");
    }
    if stale_sessions > 0 {
        tracing::warn!(
            stale_sessions,
            "sessions closed: their NAS has long said nothing of them"
        );
    }
}

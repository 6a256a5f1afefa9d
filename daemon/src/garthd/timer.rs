//! Lets time act: what is due is carried out by the one writer.
//!
//! A late tick changes nothing for anyone's access, which follows from the facts; it
//! only delays the journal entry and the push to the network.

use std::time::Duration;

use garth_store::Store;
use garth_store::write::WriteError;
use tokio::time::MissedTickBehavior;

use super::stop::Stop;

/// How often is looked for what is due.
const TICK: Duration = Duration::from_secs(1);

/// Runs until the stop.
///
/// # Errors
/// The store's end.
pub(super) async fn run(store: Store, mut stop: Stop) -> anyhow::Result<()> {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.unless(tick.tick()).await.is_some() {
        loop {
            match store.fire_due().await {
                Ok(fired) if fired.agenda + fired.boundaries == 0 => break,
                Ok(fired) => tracing::info!(fired.agenda, fired.boundaries, "what was due is done"),
                Err(WriteError::Busy) => break,
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

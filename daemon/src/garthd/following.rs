//! The tasks that keep the NASes told, and what operators see of them.

use std::sync::Arc;

use garth_store::ReadError;

use super::Essential;
use super::stop::Stop;
use crate::clock;
use crate::config::{self, Config};
use crate::disconnector::Disconnector;
use crate::dynamic_authorization::Client;
use crate::follower::{Alarms, Changes, Follower};
use crate::nases::NasDesk;
use crate::radius::Shared;
use crate::radius::radsec::RadSec;

/// Starts the task that asks NASes, and the one that knows what to ask them for. What operators see has the alarms
/// of before the start.
///
/// # Errors
/// The store's trouble.
pub(super) fn start(
    config: &Config,
    radius: &Shared,
    radsec: Option<Arc<RadSec>>,
    changes: Arc<Changes>,
    essential: &mut Essential,
    stop: &Stop,
) -> Result<NasDesk, ReadError> {
    let (client, task) = Client::new(clock::wall);
    let asking = stop.clone();
    essential.spawn(async move {
        task.run(asking).await;
        ("CoA and Disconnect requests", Ok(()))
    });
    let counts = client.counts().clone();
    let store = radius.store.clone();
    let disconnector = Disconnector::new(store.clone(), Arc::clone(&radius.settings), client);
    let (disconnector, alarms) = (Arc::new(disconnector), Arc::new(Alarms::default()));
    let walls_here = config.enforcement != config::Enforcement::None;
    let follower = Follower::new(
        store.clone(),
        Arc::clone(&disconnector),
        Arc::clone(&alarms),
        walls_here,
        store.resumed_at(),
    )?;
    let following = stop.clone();
    essential.spawn(async move { ("session follower", follower.run(changes, following).await) });
    Ok(NasDesk::new(store, disconnector, counts, alarms, radsec))
}

//! The tasks that keep the NASes told, and what operators see of them.

use std::sync::Arc;

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

/// Starts the task that asks NASes, and the one that knows what to ask them for.
pub(super) fn start(
    config: &Config,
    radius: &Shared,
    radsec: Option<Arc<RadSec>>,
    changes: Arc<Changes>,
    essential: &mut Essential,
    stop: &Stop,
) -> NasDesk {
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
    );
    let following = stop.clone();
    essential.spawn(async move { ("session follower", follower.run(changes, following).await) });
    NasDesk::new(store, disconnector, counts, alarms, radsec)
}

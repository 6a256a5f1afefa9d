//! Keeps the garden in the kernel equal to what the store says.
//!
//! One thread owns the [`Garden`]. It wakes when something changed, and every
//! [`TICK`] to see whether another tool touched the ruleset; either way it compares
//! and repairs. A lost event, a flushed ruleset and a restart heal the same way.
//!
//! Not here: what a standing grants (`subscription`), how nftables is spoken to
//! (`enforcement`).

mod released;
mod roster;
mod wake;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use garth_enforcement::{Drift, Garden, PREFIXES_PER_CALL_MAX, Prefix, Wanted, reconcile};
use garth_store::Store;
use garth_store::record::Address;
use garth_subscription::facts::SubscriptionId;
use garth_subscription::route::RoutePrefix;
use garth_subscription::{Access, Timestamp, standing};

use crate::clock;

pub(crate) use released::Released;
use roster::{Moves, Roster};
use wake::Question;
pub(crate) use wake::Wake;

/// How often the kernel's ruleset is looked at: what another tool flushed is back within two of these.
const TICK: Duration = Duration::from_millis(500);
/// The largest network behind a subscriber that is walled, by the length of its prefix.
const WALLED_ROUTE_V4_LEN_MIN: u8 = 24;
const WALLED_ROUTE_V6_LEN_MIN: u8 = 48;

/// What `garden status` tells.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct GardenStatus {
    /// Whether this router enforces at all.
    pub(crate) enforcing: bool,
    /// IPv4 prefixes that are walled.
    pub(crate) walled_ipv4: usize,
    /// IPv6 prefixes that are walled.
    pub(crate) walled_ipv6: usize,
    /// Prefixes that more than one subscription holds.
    pub(crate) conflicts: usize,
    /// Entitled prefixes that the kernel walls nevertheless. Must be 0.
    pub(crate) paid_but_blocked: usize,
    /// How far the kernel was from what is wanted when it was looked at.
    pub(crate) drift: Drift,
    /// How often a drift was repaired since the start.
    pub(crate) repairs: u64,
    /// Why the kernel could not be read, if so.
    pub(crate) error: Option<String>,
}

/// The wall at one prefix.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Wall {
    /// Where.
    pub(crate) prefix: Prefix,
    /// Whether it should be up.
    pub(crate) wanted: bool,
    /// Whether it is, in the kernel.
    pub(crate) actual: WallState,
}

/// What the kernel does at a prefix.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum WallState {
    /// Its packets stay in the garden.
    Up,
    /// Its packets pass.
    Down,
    /// The kernel could not be read.
    Unknown,
    /// This router enforces nothing; a remote NAS may.
    Elsewhere,
}

/// What the thread needs.
pub(crate) struct Enforcer {
    store: Store,
    /// `None` where a remote NAS enforces.
    garden: Option<Garden>,
    wake: Arc<Wake>,
    released: Arc<Released>,
    roster: Roster,
    /// The kernel's generation after our own last change.
    generation: Option<u32>,
    /// When everything was last compared.
    compared_at: Option<Instant>,
    repairs: u64,
}

impl Enforcer {
    /// Builds the table with everybody in it who belongs there; RADIUS answers only after this.
    pub(crate) fn start(
        store: Store,
        mut garden: Option<Garden>,
        wake: Arc<Wake>,
        released: Arc<Released>,
    ) -> Result<Self, garth_enforcement::Error> {
        let mut roster = Roster::default();
        let now = store.now();
        for id in everybody(&store) {
            let (access, places) = now_at(&store, id, now);
            roster.update(id, access, places, &mut Moves::default());
        }
        if let Some(garden) = &mut garden {
            garden.install(Wanted::new(roster.walled())?)?;
        }
        Ok(Self {
            store,
            garden,
            wake,
            released,
            roster,
            generation: None,
            compared_at: None,
            repairs: 0,
        })
    }

    /// Runs until [`Wake::stop`]; gives the garden back so that the caller can leave it open or closed.
    pub(crate) fn run(mut self) -> Option<Garden> {
        loop {
            let work = self.wake.take(TICK);
            if work.stop {
                return self.garden;
            }
            let mut ids: Vec<SubscriptionId> = work.changed.into_iter().collect();
            if work.everything {
                // Those who are gone from the index have left the roster to be told.
                ids = self.roster.subscriptions();
                ids.extend(everybody(&self.store));
                ids.sort_unstable();
                ids.dedup();
            }
            self.follow(&ids);
            self.heal();
            for question in work.questions {
                // The one who asked may have gone; that is no fault.
                match question {
                    Question::Status(answer) => drop(answer.send(self.status())),
                    Question::Walls(id, answer) => drop(answer.send(self.walls(id))),
                }
            }
        }
    }

    /// Brings the wall to where these subscriptions are now.
    fn follow(&mut self, ids: &[SubscriptionId]) {
        let now = self.store.now();
        let mut moves = Moves::default();
        let mut released = Vec::new();
        for id in ids {
            let (access, places) = now_at(&self.store, *id, now);
            if self.roster.update(*id, access, places, &mut moves) {
                released.push(*id);
            }
        }
        if self.move_wall(&moves) {
            let at = self.store.now();
            for id in released {
                self.released.record(id, at);
            }
        }
    }

    /// Applies moves to the kernel; on failure the next tick repairs, and the alarm is the drift it reports.
    ///
    /// A failed call does not end it: the garden must be told of every move, as it repairs towards
    /// what it was told and nothing else.
    fn move_wall(&mut self, moves: &Moves) -> bool {
        let Some(garden) = &mut self.garden else {
            return true;
        };
        let steps = moves
            .wall
            .len()
            .max(moves.release.len())
            .div_ceil(PREFIXES_PER_CALL_MAX / 2);
        let half = PREFIXES_PER_CALL_MAX / 2;
        let mut moved = true;
        for step in 0..steps {
            let part = |prefixes: &BTreeSet<Prefix>| {
                prefixes
                    .iter()
                    .skip(step * half)
                    .take(half)
                    .copied()
                    .collect::<Vec<_>>()
            };
            match garden.apply(&part(&moves.wall), &part(&moves.release)) {
                Ok(applied) => {
                    if applied.added + applied.removed > 0 {
                        // Each call is one transaction. If another tool came between, the numbers
                        // differ and everything is compared.
                        self.generation =
                            self.generation.map(|generation| generation.wrapping_add(1));
                    }
                    tracing::debug!(
                        added = applied.added,
                        removed = applied.removed,
                        "the wall moved"
                    );
                    if let Some(drift) = applied.repaired {
                        self.repairs += 1;
                        tracing::warn!(?drift, "the ruleset was not as expected and was repaired");
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "the wall could not be moved; it is tried again");
                    self.generation = None;
                    moved = false;
                }
            }
        }
        moved
    }

    /// Repairs what another tool changed.
    fn heal(&mut self) {
        let Some(garden) = &mut self.garden else {
            return;
        };
        let generation = garden.generation().ok();
        if generation.is_some() && generation == self.generation {
            return;
        }
        // Comparing everything costs a dump of the sets: once a tick is enough.
        let now = clock::monotonic();
        if self
            .compared_at
            .is_some_and(|at| now.duration_since(at) < TICK)
        {
            return;
        }
        self.compared_at = Some(now);
        match garden.repair() {
            Ok(drift) => {
                if !drift.is_none() {
                    self.repairs += 1;
                    tracing::warn!(?drift, "another tool changed the ruleset; it is restored");
                }
                // The number from before the comparison: one read after it would cover a flush in between,
                // which nobody has seen. After a repair everything is compared once more.
                self.generation = generation.filter(|_| drift.is_none());
            }
            Err(error) => {
                tracing::error!(%error, "the ruleset could not be repaired; it is tried again")
            }
        }
    }

    fn walls(&mut self, id: SubscriptionId) -> Vec<Wall> {
        let kernel = self.garden.as_mut().map(Garden::inspect);
        let actual = |prefix: &Prefix| match &kernel {
            None => WallState::Elsewhere,
            Some(Err(_)) => WallState::Unknown,
            // Members of sets that no rule asks wall nobody.
            Some(Ok(kernel)) if kernel.intact && kernel.blocks(prefix) => WallState::Up,
            Some(Ok(_)) => WallState::Down,
        };
        let places = self.roster.places_of(id).iter();
        places
            .map(|prefix| Wall {
                prefix: *prefix,
                wanted: self.roster.is_walled(prefix),
                actual: actual(prefix),
            })
            .collect()
    }

    fn status(&mut self) -> GardenStatus {
        let mut status = GardenStatus {
            enforcing: self.garden.is_some(),
            walled_ipv4: self.roster.walled().filter(Prefix::is_ipv4).count(),
            walled_ipv6: self
                .roster
                .walled()
                .filter(|prefix| !prefix.is_ipv4())
                .count(),
            conflicts: self.roster.conflicts(),
            repairs: self.repairs,
            ..GardenStatus::default()
        };
        if let Some(garden) = &mut self.garden {
            match garden.inspect() {
                Ok(actual) => {
                    let compared = reconcile(garden.wanted(), &actual, self.roster.entitled());
                    status.drift = compared.drift;
                    status.paid_but_blocked = compared.paid_but_blocked;
                }
                Err(error) => {
                    status.drift.ruleset_lost = true;
                    status.error = Some(error.to_string());
                }
            }
        }
        status
    }
}

/// Every subscription there is.
fn everybody(store: &Store) -> Vec<SubscriptionId> {
    let mut ids = Vec::with_capacity(store.index().len());
    store.index().for_each(|entry| ids.push(entry.id()));
    ids
}

/// What a subscription may have at `now`, and where it is: at its addresses, and, while it has a session, at the
/// networks that are routed to it.
fn now_at(store: &Store, id: SubscriptionId, now: Timestamp) -> (Access, Vec<Prefix>) {
    let index = store.index();
    let has_session = index.live_sessions_of(id, None) > 0;
    let (access, routes) = index
        .by_id(id, |entry| {
            let routes = entry.framed_routes().filter(|_| has_session);
            let routes: Vec<Prefix> = routes.filter_map(|route| routed(route.prefix)).collect();
            (standing(&entry.standing(), now).access(), routes)
        })
        .unwrap_or((Access::Reject, Vec::new()));
    let addresses = index.addresses_of(id).into_iter().filter_map(prefix_of);
    let mut places: Vec<Prefix> = addresses.collect();
    for route in routes {
        if !places.contains(&route) {
            places.push(route);
        }
    }
    (access, places)
}

/// A network behind a subscriber. None if it is so large that other subscribers may be in it: a NAS sends them their
/// packets by their own addresses all the same, but the wall of the network would be around them too.
fn routed(prefix: RoutePrefix) -> Option<Prefix> {
    match prefix {
        RoutePrefix::V4(prefix) if prefix.prefix_len() >= WALLED_ROUTE_V4_LEN_MIN => {
            Prefix::new(IpAddr::V4(prefix.address()), prefix.prefix_len()).ok()
        }
        RoutePrefix::V6(prefix) if prefix.prefix_len() >= WALLED_ROUTE_V6_LEN_MIN => {
            prefix_of(Address::V6(prefix))
        }
        RoutePrefix::V4(_) | RoutePrefix::V6(_) => None,
    }
}

fn prefix_of(address: Address) -> Option<Prefix> {
    match address {
        Address::V4(address) => Some(Prefix::host(IpAddr::V4(address))),
        Address::V6(prefix) => Prefix::new(IpAddr::V6(prefix.address()), prefix.prefix_len()).ok(),
    }
}

#[cfg(test)]
mod tests;

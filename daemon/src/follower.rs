//! Lets the NASes follow: a session that was begun under another entitlement than the subscription has
//! now is ended, so that its NAS asks anew.
//!
//! Level-triggered, as the enforcer: a change only makes the follower look. What a session was told is
//! what its subscription was entitled to when the session was first seen here; after a restart that is
//! taken from the moment of the restart, and Session-Timeout does the rest. A NAS that does not answer
//! is asked again, a bounded number of times.
//!
//! | from | to | the session is ended |
//! | --- | --- | --- |
//! | any | reject | always |
//! | full | garden, or the other way | where this router does not wall by itself |
//! | full, one plan | full, another plan | always |
//!
//! Not here: changing a session in place (CoA); which packets pass on this router (`enforcer`).

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use garth_store::record::{Session, SessionKey};
use garth_store::{ReadError, Store};
use garth_subscription::facts::SubscriptionId;
use garth_subscription::{Access, standing};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::admin::DisconnectAnswer;
use crate::disconnector::{Disconnector, Reachable};
use crate::garthd::stop::Stop;

/// The most subscriptions remembered one by one; beyond it everything is looked at.
const CHANGED_MAX: usize = 65_536;
/// The most sessions of one subscription that are looked at.
const SESSIONS_EACH_MAX: usize = 64;
/// How many live sessions are read at a time when everything is looked at.
const PAGE: usize = 4_096;
/// The most sessions that are being ended at a time; further ones wait for the next round.
const UNDER_WAY_MAX: usize = 256;
/// How often a NAS that refuses or says nothing is asked again.
const RETRY_EVERY: Duration = Duration::from_secs(30);
/// How many times a session is tried; then its Session-Timeout must do.
const TRIES_MAX: u8 = 10;

/// What a subscription is entitled to, as far as a NAS is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Entitlement {
    access: Access,
    /// By the index's number; matters with full access alone.
    plan: u32,
}

impl Entitlement {
    /// Whether a session that was told this must end where its subscription has `now`.
    fn must_end(self, now: Self, walls_here: bool) -> bool {
        match (self.access, now.access) {
            (was, Access::Reject) => was != Access::Reject,
            (Access::Full, Access::Full) => self.plan != now.plan,
            (Access::Garden, Access::Garden) => false,
            (Access::Full | Access::Garden | Access::Reject, Access::Full | Access::Garden) => {
                !walls_here
            }
        }
    }
}

/// What has changed since the follower last looked: a bounded set behind a bell.
#[derive(Default)]
pub(crate) struct Changes {
    pending: Mutex<Pending>,
    bell: Notify,
}

#[derive(Default)]
struct Pending {
    changed: HashSet<SubscriptionId>,
    everything: bool,
}

impl Changes {
    /// These may have another entitlement, or other sessions.
    pub(crate) fn changed(&self, ids: &[SubscriptionId]) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.everything || pending.changed.len() + ids.len() > CHANGED_MAX {
            pending.changed.clear();
            pending.everything = true;
        } else {
            pending.changed.extend(ids);
        }
        drop(pending);
        self.bell.notify_one();
    }

    fn take(&self) -> Pending {
        std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a session was told, and how often it was tried to end it.
#[derive(Clone, Copy)]
struct Told {
    entitlement: Entitlement,
    tries: u8,
}

/// Keeps the sessions at the NASes to what their subscriptions are entitled to.
pub(crate) struct Follower {
    store: Store,
    disconnector: Arc<Disconnector>,
    /// Whether this router walls by itself.
    walls_here: bool,
    /// Live sessions at NASes that can be asked; as many as the store keeps live.
    told: HashMap<SessionKey, Told>,
    /// Subscriptions with a session that is not ended yet.
    unsettled: HashSet<SubscriptionId>,
    under_way: JoinSet<(SubscriptionId, SessionKey, Entitlement, DisconnectAnswer)>,
}

impl Follower {
    pub(crate) fn new(store: Store, disconnector: Arc<Disconnector>, walls_here: bool) -> Self {
        Self {
            store,
            disconnector,
            walls_here,
            told: HashMap::new(),
            unsettled: HashSet::new(),
            under_way: JoinSet::new(),
        }
    }

    /// Runs until the stop.
    ///
    /// # Errors
    /// The store's trouble.
    pub(crate) async fn run(mut self, changes: Arc<Changes>, mut stop: Stop) -> anyhow::Result<()> {
        self.everything()?;
        let mut retry = tokio::time::interval(RETRY_EVERY);
        retry.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.wait() => return Ok(()),
                () = changes.bell.notified() => self.look(changes.take())?,
                _ = retry.tick() => self.retry()?,
                Some(done) = self.under_way.join_next() => self.settle(done?),
            }
        }
    }

    /// Looks at what has changed.
    fn look(&mut self, pending: Pending) -> Result<(), ReadError> {
        if pending.everything {
            return self.everything();
        }
        self.look_at_all(pending.changed)
    }

    /// Looks at every live session, and forgets those that are over.
    fn everything(&mut self) -> Result<(), ReadError> {
        let reachable = self.disconnector.reachable();
        if reachable.is_empty() {
            self.told.clear();
            return Ok(());
        }
        let mut seen = HashMap::with_capacity(self.told.len());
        let mut after: Option<SessionKey> = None;
        loop {
            let page = self.store.live_sessions(after.as_ref(), PAGE)?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|session| session.key.clone());
            for session in page {
                let key = session.key.clone();
                self.look_at_session(session, &reachable);
                if let Some(told) = self.told.get(&key) {
                    seen.insert(key, *told);
                }
            }
            if is_last {
                break;
            }
        }
        self.told = seen;
        Ok(())
    }

    /// Looks at the sessions of these; at none where no NAS can be asked.
    fn look_at_all(&mut self, ids: HashSet<SubscriptionId>) -> Result<(), ReadError> {
        let reachable = self.disconnector.reachable();
        if reachable.is_empty() {
            return Ok(());
        }
        for id in ids {
            let sessions = self.store.sessions(Some(id), true, SESSIONS_EACH_MAX)?;
            if sessions.is_empty() {
                self.unsettled.remove(&id);
            }
            for session in sessions {
                self.look_at_session(session, &reachable);
            }
        }
        Ok(())
    }

    fn retry(&mut self) -> Result<(), ReadError> {
        let unsettled = std::mem::take(&mut self.unsettled);
        self.look_at_all(unsettled)?;
        // What is over is not looked at any more: it goes when there is more of it than of what lives.
        if self.told.len() > 2 * self.store.index().live_sessions() + PAGE {
            self.everything()?;
        }
        Ok(())
    }

    fn look_at_session(&mut self, session: Session, reachable: &Reachable) {
        let Some(id) = session.subscription else {
            return;
        };
        let Some(now) = self.entitlement(id).filter(|_| reachable.has(&session.key)) else {
            return;
        };
        let told = *self.told.entry(session.key.clone()).or_insert(Told {
            entitlement: now,
            tries: 0,
        });
        // A session that was never entitled to anything: it began before this program did.
        let is_over = now.access == Access::Reject && told.tries == 0;
        if !is_over && !told.entitlement.must_end(now, self.walls_here) {
            return;
        }
        if told.tries >= TRIES_MAX {
            return;
        }
        self.unsettled.insert(id);
        if self.under_way.len() >= UNDER_WAY_MAX {
            return;
        }
        if let Some(told) = self.told.get_mut(&session.key) {
            told.tries += 1;
        }
        let disconnector = Arc::clone(&self.disconnector);
        self.under_way.spawn(async move {
            let key = session.key.clone();
            let answer = disconnector.disconnect(session).await;
            (id, key, now, answer)
        });
    }

    fn entitlement(&self, id: SubscriptionId) -> Option<Entitlement> {
        let now = self.store.now();
        self.store.index().by_id(id, |entry| Entitlement {
            access: standing(&entry.standing(), now).access(),
            plan: entry.plan_number(),
        })
    }

    fn settle(
        &mut self,
        (id, key, now, answer): (SubscriptionId, SessionKey, Entitlement, DisconnectAnswer),
    ) {
        let session = key.acct_session_id.escape_ascii().to_string();
        match answer {
            DisconnectAnswer::Acknowledged | DisconnectAnswer::Unknown => {
                tracing::info!(nas = %key.nas, session, "a session was ended: its subscription has changed");
                self.unsettled.remove(&id);
                if let Some(told) = self.told.get_mut(&key) {
                    *told = Told {
                        entitlement: now,
                        tries: 1,
                    };
                }
            }
            DisconnectAnswer::DryRun
            | DisconnectAnswer::Refused { .. }
            | DisconnectAnswer::TimedOut
            | DisconnectAnswer::NotConfigured
            | DisconnectAnswer::Failed { .. } => {
                tracing::warn!(nas = %key.nas, session, ?answer, "a session could not be ended; its Session-Timeout will");
            }
        }
    }
}

#[cfg(test)]
mod tests;

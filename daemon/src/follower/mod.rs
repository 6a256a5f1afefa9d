//! Keeps the sessions at the NASes to what their subscriptions are entitled to.
//!
//! Level-triggered, as the enforcer: a change only makes the follower look. It compares what each live session
//! was told with what it is entitled to now ([`entitlement`]), and climbs the release ladder
//! (`garth_radius::dynamic::ladder`, N11) for those that differ: one rung at a time for each session, NASes in
//! turn ([`queue`]). What was told is known from the login or the last acknowledged change; for a session seen for
//! the first time it is found out ([`first_look`]). An ACK is believed when accounting agrees ([`evidence`]). What
//! cannot be moved is an alarm ([`alarms`]), and is tried again every [`ALARM_RETRY`]. What is not settled is noted
//! in the store ([`notes`]): a restart goes on with it, and believes what was acknowledged before it.
//!
//! The first rung, the wall on this router, is the enforcer's and waits for none of this.
//!
//! Not here: sockets and retransmissions (`dynamic_authorization`).

mod alarms;
mod changes;
mod climb;
mod effort;
mod entitlement;
mod evidence;
mod first_look;
mod notes;
mod queue;
mod redials;
mod terms;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use garth_radius::dialect::Change;
use garth_radius::nas::Nas;
use garth_store::record::{Session, SessionKey, Unsettled};
use garth_store::write::{UnsettledChange, WriteError};
use garth_store::{ReadError, Store};
use garth_subscription::Timestamp;
use garth_subscription::facts::SubscriptionId;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use crate::disconnector::{Disconnector, Nases};
use crate::dynamic_authorization::Answered;
use crate::garthd::stop::Stop;
pub(crate) use alarms::Alarms;
pub(crate) use changes::Changes;
use changes::Pending;
use effort::{Effort, Phase, Rung};
use entitlement::{Entitlement, Told};
use notes::Notes;
use queue::{Queue, Urgency};
use redials::Redials;
use terms::Terms;

/// The most sessions of one subscription that are looked at.
const SESSIONS_EACH_MAX: usize = 64;
/// How many live sessions are read at a time when everything is looked at.
const PAGE: usize = 4_096;
/// How often everything is looked at: a session without an address begins without a word to the follower.
const SWEEP_EVERY: Duration = Duration::from_secs(300);
/// How often the records of a session are looked at after an ACK.
const WATCH_EVERY: Duration = Duration::from_secs(10);
/// How often a session that cannot be moved is tried again.
const ALARM_RETRY: Duration = Duration::from_secs(600);
/// How long a NAS is left alone that has been asked too much.
const BUSY_RETRY: Duration = Duration::from_secs(5);
/// How long a session is remembered that its NAS denied: one that goes on all the same reports within that time.
const FORGOTTEN_MAX: Duration = Duration::from_secs(1_800);

/// A live session at a NAS that can be asked.
struct Followed {
    subscription: SubscriptionId,
    /// A NAS that counts its ids from the start again makes another session under the same key.
    started_at: Timestamp,
    told: Told,
    effort: Option<Box<Effort>>,
    /// Whether its NAS did not move it when it was last tried.
    is_alarm: bool,
}

impl Followed {
    /// What is to be noted of it; nothing where it has what it is entitled to.
    fn unsettled(&self) -> Option<Unsettled> {
        let effort = self.effort.as_ref()?;
        Some(Unsettled {
            started_at: self.started_at,
            told: match self.told {
                // Also what it has acknowledged and not proven: after a restart that is believed.
                Told::Is(told) => Some(told.last_told(effort.wanted)),
                Told::Unknown => None,
            },
            is_alarm: self.is_alarm,
        })
    }
}

/// A request that a NAS was asked.
struct Asked {
    key: SessionKey,
    /// Its number, as in [`Phase::UnderWay`].
    request: u64,
    rung: Rung,
    urgency: Urgency,
}

/// What a task under way comes back with.
enum Done {
    Answered(Asked, Answered),
    Forgotten(SessionKey, Result<(), String>),
    Noted(Vec<UnsettledChange>, Result<(), WriteError>),
}

/// Why the follower does something.
enum Woken {
    /// Something has changed.
    Changed,
    /// It is time to look at everything.
    Sweep,
    /// A task is back.
    Ended(Done),
    /// It is somebody's time.
    Due,
}

/// Keeps the sessions at the NASes to what their subscriptions are entitled to.
pub(crate) struct Follower {
    store: Store,
    disconnector: Arc<Disconnector>,
    alarms: Arc<Alarms>,
    /// Whether this router walls by itself.
    walls_here: bool,
    /// When the follower before this one ended.
    lived_until: Timestamp,
    since: Instant,
    nases: Arc<Nases>,
    /// As many as the store keeps live.
    sessions: HashMap<SessionKey, Followed>,
    /// Those with an effort, by subscription.
    efforts: BTreeSet<(SubscriptionId, SessionKey)>,
    queue: Queue,
    /// Whom we have made log in again.
    redials: Redials,
    /// When efforts go on by themselves.
    due: BTreeSet<(Instant, SessionKey)>,
    notes: Notes,
    /// Counts requests.
    requests: u64,
    under_way: JoinSet<Done>,
}

impl Follower {
    /// One that goes on with what was not settled when another one ended, at `lived_until`. It raises the alarms
    /// that there were.
    ///
    /// # Errors
    /// The store's trouble.
    pub(crate) fn new(
        store: Store,
        disconnector: Arc<Disconnector>,
        alarms: Arc<Alarms>,
        walls_here: bool,
        lived_until: Timestamp,
    ) -> Result<Self, ReadError> {
        let noted = store.unsettled_sessions()?;
        let follower = Self {
            nases: disconnector.nases(None),
            store,
            disconnector,
            alarms,
            walls_here,
            lived_until,
            since: Instant::now(),
            sessions: HashMap::new(),
            efforts: BTreeSet::new(),
            queue: Queue::default(),
            redials: Redials::default(),
            due: BTreeSet::new(),
            notes: Notes::new(noted),
            requests: 0,
            under_way: JoinSet::new(),
        };
        follower.raise_noted();
        Ok(follower)
    }

    /// Raises the alarms that were noted of sessions that live.
    fn raise_noted(&self) {
        for key in self.notes.keys() {
            let is_asked = self.nases.asked_about(key).is_some();
            let Some(session) = self.store.live_session(key).filter(|_| is_asked) else {
                continue;
            };
            let noted = self.notes.of(&session).filter(|noted| noted.is_alarm);
            if noted.is_some()
                && let Some(wanted) = self.entitlement(&session)
            {
                self.alarms.raise(key, wanted.goal().alarm());
            }
        }
    }

    /// Runs until the stop.
    ///
    /// # Errors
    /// The store's trouble.
    pub(crate) async fn run(mut self, changes: Arc<Changes>, mut stop: Stop) -> anyhow::Result<()> {
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let due = self.due.first().map(|(at, _)| *at);
            let others = [self.queue.next_at(), self.notes.next_at()];
            let next = due.into_iter().chain(others.into_iter().flatten()).min();
            // Among themselves in any order, so that none of them waits for ever.
            let woken = async {
                tokio::select! {
                    () = changes.rung() => Ok(Woken::Changed),
                    _ = sweep.tick() => Ok(Woken::Sweep),
                    Some(ended) = self.under_way.join_next() => ended.map(Woken::Ended),
                    () = tokio::time::sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => Ok(Woken::Due),
                }
            };
            // The stop comes before all that it brings with it.
            let Some(woken) = stop.unless(woken).await else {
                return self.write_last_notes().await;
            };
            let mut done = None;
            match woken? {
                Woken::Changed => self.look(changes.take()).await?,
                Woken::Sweep => self.everything().await?,
                Woken::Ended(ended) => done = Some(ended),
                Woken::Due => {}
            }
            let now = Instant::now();
            if let Some(done) = done {
                self.settle(done, now);
            }
            self.wake(now);
            self.dispatch(now);
            self.write_notes(now);
        }
    }

    /// Writes what is to be noted, if it is time.
    fn write_notes(&mut self, now: Instant) {
        if let Some(changes) = self.notes.take(now) {
            let store = self.store.clone();
            self.under_way.spawn_blocking(move || {
                let result = store.note_unsettled(changes.clone());
                Done::Noted(changes, result)
            });
        }
    }

    /// Writes everything that is to be noted: the one who comes after this process goes on with it.
    async fn write_last_notes(mut self) -> anyhow::Result<()> {
        while self.notes.is_writing()
            && let Some(ended) = self.under_way.join_next().await
        {
            if let Done::Noted(changes, result) = ended? {
                self.notes.written(changes, result, Instant::now());
            }
        }
        let rest = self.notes.rest();
        let written = tokio::task::spawn_blocking(move || self.store.note_unsettled(rest)).await?;
        if let Err(error) = written {
            tracing::warn!(%error, "not all sessions that are not settled could be noted");
        }
        Ok(())
    }

    /// Takes the NASes as they are configured now. After a change what could not be moved is tried at once: it may
    /// have been made for that.
    fn renew_nases(&mut self) {
        let nases = self.disconnector.nases(Some(&self.nases));
        if Arc::ptr_eq(&nases, &self.nases) {
            return;
        }
        self.nases = nases;
        let now = Instant::now();
        for (_, key) in &self.efforts {
            let effort = self
                .sessions
                .get_mut(key)
                .and_then(|one| one.effort.as_mut());
            if let Some(effort) = effort.filter(|effort| effort.phase == Phase::Alarmed) {
                effort.wake_at = Some(now);
                self.due.insert((now, key.clone()));
            }
        }
    }

    /// Looks at what has changed.
    async fn look(&mut self, pending: Pending) -> Result<(), ReadError> {
        if pending.everything {
            return self.everything().await;
        }
        self.renew_nases();
        if self.nases.are_deaf() {
            return Ok(());
        }
        let mut batch = Vec::new();
        for id in pending.changed {
            let sessions = self.store.sessions(Some(id), true, SESSIONS_EACH_MAX)?;
            self.ended_of(id);
            batch.extend(sessions);
            if batch.len() >= PAGE {
                self.look_at(std::mem::take(&mut batch)).await?;
            }
        }
        self.look_at(batch).await
    }

    /// Drops the efforts of a subscription whose sessions are over.
    fn ended_of(&mut self, id: SubscriptionId) {
        let first = SessionKey {
            nas: "".into(),
            acct_session_id: [].into(),
        };
        let efforts = self.efforts.range((id, first)..);
        let gone: Vec<SessionKey> = efforts
            .take_while(|(of, _)| *of == id)
            .map(|(_, key)| key)
            .filter(|key| self.store.live_session(key).is_none())
            .filter(|key| !self.is_forgotten(key))
            .cloned()
            .collect();
        for key in gone {
            self.ended(&key);
        }
    }

    /// Whether the session was closed here because its NAS denied it: it may still go on.
    fn is_forgotten(&self, key: &SessionKey) -> bool {
        let effort = self.sessions.get(key).and_then(|one| one.effort.as_ref());
        effort.is_some_and(|effort| matches!(effort.phase, Phase::Forgetting | Phase::Forgotten))
    }

    /// Looks at every live session, and forgets those that are over.
    async fn everything(&mut self) -> Result<(), ReadError> {
        self.renew_nases();
        if self.nases.are_deaf() {
            let all: Vec<SessionKey> = self.sessions.keys().cloned().collect();
            for key in all {
                self.unfollow(&key);
            }
            return Ok(());
        }
        let mut live = HashSet::with_capacity(self.sessions.len());
        let mut after: Option<SessionKey> = None;
        loop {
            let page = self.store.live_sessions(after.as_ref(), PAGE)?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|session| session.key.clone());
            live.extend(page.iter().map(|session| session.key.clone()));
            self.look_at(page).await?;
            if is_last {
                break;
            }
        }
        let over: Vec<SessionKey> = self
            .sessions
            .keys()
            .filter(|key| !live.contains(*key) && !self.is_forgotten(key))
            .cloned()
            .collect();
        for key in over {
            self.ended(&key);
        }
        self.forget_notes(&live);
        self.notes.hurry(Instant::now());
        Ok(())
    }

    /// Forgets what was noted of sessions that are over. One that its NAS denied before a restart may go on for some
    /// time after it.
    fn forget_notes(&mut self, live: &HashSet<SessionKey>) {
        let over: Vec<SessionKey> = self
            .notes
            .keys()
            .filter(|key| !live.contains(*key) && !self.sessions.contains_key(*key))
            .cloned()
            .collect();
        let now = Instant::now();
        for key in over {
            self.alarms.clear(&key);
            if now.saturating_duration_since(self.since) >= FORGOTTEN_MAX {
                self.notes.note(&key, None, now);
            }
        }
    }

    /// Looks at these live sessions.
    async fn look_at(&mut self, sessions: Vec<Session>) -> Result<(), ReadError> {
        let mut unknown = Vec::new();
        for session in &sessions {
            let Some(nas) = self.nases.asked_about(&session.key).map(Arc::clone) else {
                self.unfollow(&session.key);
                continue;
            };
            let is_known = self.sessions.get(&session.key).is_some_and(|followed| {
                Some(followed.subscription) == session.subscription
                    && followed.started_at >= session.started_at
            });
            if is_known {
                continue;
            }
            let Some(wanted) = self.entitlement(session) else {
                continue;
            };
            match self.notes.of(session) {
                Some(noted) => {
                    let told = Told::noted(noted.told, wanted);
                    self.follow(session.clone(), told, noted.is_alarm);
                }
                None => unknown.push((session.clone(), wanted, has_coa(&nas))),
            }
        }
        if !unknown.is_empty() {
            let (store, lived_until) = (self.store.clone(), self.lived_until);
            let found = tokio::task::spawn_blocking(move || {
                let each = unknown.into_iter().map(|(session, wanted, has_coa)| {
                    let told = first_look::told(&store, &session, wanted, has_coa, lived_until)?;
                    Ok((session, told))
                });
                each.collect::<Result<Vec<_>, ReadError>>()
            });
            for (session, told) in found.await.expect("it does not panic")? {
                self.follow(session, told, false);
            }
        }
        let now = Instant::now();
        for session in &sessions {
            self.consider(session, now);
        }
        Ok(())
    }

    fn follow(&mut self, session: Session, told: Told, is_alarm: bool) {
        if self.sessions.contains_key(&session.key) {
            self.ended(&session.key);
        }
        let Some(subscription) = session.subscription else {
            return;
        };
        // Who logs in because we ended the session was told by its login what we ended it for.
        let told = match (told, self.entitlement(&session)) {
            (Told::Unknown, Some(wanted))
                if self
                    .redials
                    .is_one(subscription, wanted, session.started_at) =>
            {
                Told::Is(wanted)
            }
            (told, _) => told,
        };
        let followed = Followed {
            subscription,
            started_at: session.started_at,
            told,
            effort: None,
            is_alarm,
        };
        self.sessions.insert(session.key, followed);
    }

    /// That session is over.
    fn ended(&mut self, key: &SessionKey) {
        self.unfollow(key);
        self.notes.note(key, None, Instant::now());
    }

    /// The NAS of that session is not asked any more. What was noted stays, for the day on which it is again.
    fn unfollow(&mut self, key: &SessionKey) {
        if let Some(followed) = self.sessions.remove(key) {
            self.efforts.remove(&(followed.subscription, key.clone()));
            self.queue.remove(key);
            self.alarms.clear(key);
        }
    }

    fn entitlement(&self, session: &Session) -> Option<Entitlement> {
        let now = self.store.now();
        self.store
            .index()
            .by_id(session.subscription?, |entry| Entitlement::of(entry, now))
    }

    fn terms(&self, session: &Session) -> Option<Terms> {
        let now = self.store.now();
        let garden = self.nases.settings().garden();
        let index = self.store.index();
        index.by_id(session.subscription?, |entry| {
            Terms::of(entry, session, garden, now)
        })
    }
}

fn has_coa(nas: &Nas) -> bool {
    matches!(nas.dialect.change, Change::Coa { .. })
}

#[cfg(test)]
mod tests;

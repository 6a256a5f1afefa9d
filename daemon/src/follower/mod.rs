//! Keeps the sessions at the NASes to what their subscriptions are entitled to.
//!
//! Level-triggered, as the enforcer: a change only makes the follower look. It compares what each live session
//! was told with what it is entitled to now ([`entitlement`]), and climbs the release ladder
//! (`garth_radius::dynamic::ladder`, N11) for those that differ: one rung at a time for each session, NASes in
//! turn ([`queue`]). What was told is known from the login or the last acknowledged change; for a session seen for
//! the first time it is found out ([`first_look`]). An ACK is believed when accounting agrees ([`evidence`]). What
//! cannot be moved is an alarm ([`alarms`]), and is tried again every [`ALARM_RETRY`].
//!
//! The first rung, the wall on this router, is the enforcer's and waits for none of this.
//!
//! Not here: sockets and retransmissions (`dynamic_authorization`).

mod alarms;
mod changes;
mod effort;
mod entitlement;
mod evidence;
mod first_look;
mod queue;
mod redials;
mod terms;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use garth_radius::dialect::Change;
use garth_radius::dynamic::ErrorCause;
use garth_radius::dynamic::ladder::{LadderInput, LadderStep};
use garth_radius::nas::Nas;
use garth_store::record::{Session, SessionKey};
use garth_store::{ReadError, Store};
use garth_subscription::Timestamp;
use garth_subscription::facts::SubscriptionId;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use crate::disconnector::{Disconnector, Nases};
use crate::dynamic_authorization::{Answered, Outcome};
use crate::garthd::stop::Stop;
pub(crate) use alarms::Alarms;
pub(crate) use changes::Changes;
use changes::Pending;
use effort::{Effort, Phase, Rung};
use entitlement::{Entitlement, Told, means};
use queue::Queue;
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

/// How long a session is remembered that its NAS denied: one that goes on all the same reports within that time.
const FORGOTTEN_MAX: Duration = Duration::from_secs(1_800);

/// A live session at a NAS that can be asked.
struct Followed {
    subscription: SubscriptionId,
    /// A NAS that counts its ids from the start again makes another session under the same key.
    started_at: Timestamp,
    told: Told,
    effort: Option<Box<Effort>>,
}

/// What a task under way comes back with.
enum Done {
    Answered(SessionKey, Rung, Answered),
    Forgotten(SessionKey, Result<(), String>),
}

/// Keeps the sessions at the NASes to what their subscriptions are entitled to.
pub(crate) struct Follower {
    store: Store,
    disconnector: Arc<Disconnector>,
    alarms: Arc<Alarms>,
    /// Whether this router walls by itself.
    walls_here: bool,
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
    under_way: JoinSet<Done>,
}

impl Follower {
    pub(crate) fn new(
        store: Store,
        disconnector: Arc<Disconnector>,
        alarms: Arc<Alarms>,
        walls_here: bool,
    ) -> Self {
        Self {
            nases: disconnector.nases(None),
            store,
            disconnector,
            alarms,
            walls_here,
            sessions: HashMap::new(),
            efforts: BTreeSet::new(),
            queue: Queue::default(),
            redials: Redials::default(),
            due: BTreeSet::new(),
            under_way: JoinSet::new(),
        }
    }

    /// Runs until the stop.
    ///
    /// # Errors
    /// The store's trouble.
    pub(crate) async fn run(mut self, changes: Arc<Changes>, mut stop: Stop) -> anyhow::Result<()> {
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut done = None;
        loop {
            let next = self.due.first().map(|(at, _)| *at);
            tokio::select! {
                () = stop.wait() => return Ok(()),
                () = changes.rung() => self.look(changes.take()).await?,
                _ = sweep.tick() => self.everything().await?,
                Some(ended) = self.under_way.join_next() => done = Some(ended?),
                () = tokio::time::sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
            }
            let now = Instant::now();
            if let Some(done) = done.take() {
                self.settle(done, now)?;
            }
            self.wake(now)?;
            self.dispatch(now)?;
        }
    }

    /// Looks at what has changed.
    async fn look(&mut self, pending: Pending) -> Result<(), ReadError> {
        if pending.everything {
            return self.everything().await;
        }
        self.nases = self.disconnector.nases(Some(&self.nases));
        if self.nases.are_deaf() {
            return Ok(());
        }
        let mut batch = Vec::new();
        for id in pending.changed {
            let sessions = self.store.sessions(Some(id), true, SESSIONS_EACH_MAX)?;
            self.ended_of(id, &sessions);
            batch.extend(sessions);
            if batch.len() >= PAGE {
                self.look_at(std::mem::take(&mut batch)).await?;
            }
        }
        self.look_at(batch).await
    }

    /// Drops the efforts of a subscription whose sessions are over: these are the live ones.
    fn ended_of(&mut self, id: SubscriptionId, live: &[Session]) {
        let first = SessionKey {
            nas: "".into(),
            acct_session_id: [].into(),
        };
        let efforts = self.efforts.range((id, first)..);
        let gone: Vec<SessionKey> = efforts
            .take_while(|(of, _)| *of == id)
            .map(|(_, key)| key)
            .filter(|key| live.iter().all(|session| session.key != **key))
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
        self.nases = self.disconnector.nases(Some(&self.nases));
        let mut live = HashSet::with_capacity(self.sessions.len());
        let mut after: Option<SessionKey> = None;
        while !self.nases.are_deaf() {
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
        Ok(())
    }

    /// Looks at these live sessions.
    async fn look_at(&mut self, sessions: Vec<Session>) -> Result<(), ReadError> {
        let mut unknown = Vec::new();
        for session in &sessions {
            let Some(nas) = self.nases.asked_about(&session.key) else {
                continue;
            };
            let is_known = self.sessions.get(&session.key).is_some_and(|followed| {
                Some(followed.subscription) == session.subscription
                    && followed.started_at >= session.started_at
            });
            if !is_known && let Some(wanted) = self.entitlement(session) {
                unknown.push((session.clone(), wanted, has_coa(nas)));
            }
        }
        if !unknown.is_empty() {
            let store = self.store.clone();
            let found = tokio::task::spawn_blocking(move || {
                let each = unknown.into_iter().map(|(session, wanted, has_coa)| {
                    let told = first_look::told(&store, &session, wanted, has_coa)?;
                    Ok((session, told))
                });
                each.collect::<Result<Vec<_>, ReadError>>()
            });
            for (session, told) in found.await.expect("it does not panic")? {
                self.follow(session, told);
            }
        }
        let now = Instant::now();
        for session in &sessions {
            self.consider(session, now);
        }
        Ok(())
    }

    fn follow(&mut self, session: Session, told: Told) {
        self.ended(&session.key);
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
        };
        self.sessions.insert(session.key, followed);
    }

    /// That session is over.
    fn ended(&mut self, key: &SessionKey) {
        if let Some(followed) = self.sessions.remove(key) {
            self.efforts.remove(&(followed.subscription, key.clone()));
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

    /// The session, if it lives.
    fn live(&self, key: &SessionKey) -> Result<Option<Session>, ReadError> {
        let Some(followed) = self.sessions.get(key) else {
            return Ok(None);
        };
        let all = self
            .store
            .sessions(Some(followed.subscription), true, SESSIONS_EACH_MAX)?;
        Ok(all.into_iter().find(|session| session.key == *key))
    }

    /// Begins an effort for a session that differs from what it is entitled to; ends one that is not needed.
    fn consider(&mut self, session: &Session, now: Instant) {
        let key = &session.key;
        let Some(wanted) = self.entitlement(session) else {
            return;
        };
        let Some(nas) = self.nases.asked_about(key).map(Arc::clone) else {
            return;
        };
        let Some(followed) = self.sessions.get_mut(key) else {
            return;
        };
        match &followed.effort {
            // On its way, unless the NAS does not know the session and it goes on all the same.
            Some(effort) if effort.wanted == wanted => {
                if effort.phase == Phase::Forgotten {
                    self.input(key, LadderInput::NotConfirmed, now);
                }
                return;
            }
            // What the NAS answers is awaited first: one request at a time.
            Some(effort) if matches!(effort.phase, Phase::UnderWay | Phase::Forgetting) => return,
            Some(_) | None => {}
        }
        if means(followed.told, wanted, has_coa(&nas), self.walls_here).is_none() {
            self.finish(key);
            return;
        }
        let (effort, step) = Effort::begin(followed.told, wanted, &nas.dialect);
        followed.effort = Some(Box::new(effort));
        self.efforts.insert((followed.subscription, key.clone()));
        self.perform(key, step, now);
    }

    /// The session has what it is entitled to.
    fn finish(&mut self, key: &SessionKey) {
        if let Some(followed) = self.sessions.get_mut(key) {
            followed.effort = None;
            self.efforts.remove(&(followed.subscription, key.clone()));
            self.alarms.clear(key);
        }
    }

    /// Tells the ladder of a session what has happened, and does what it says.
    fn input(&mut self, key: &SessionKey, input: LadderInput, now: Instant) {
        let Some(effort) = self.effort(key) else {
            return;
        };
        let step = effort.next(input);
        self.perform(key, step, now);
    }

    fn effort(&mut self, key: &SessionKey) -> Option<&mut Effort> {
        self.sessions.get_mut(key)?.effort.as_deref_mut()
    }

    fn perform(&mut self, key: &SessionKey, step: LadderStep, now: Instant) {
        let store_now = self.store.now();
        let nases = Arc::clone(&self.nases);
        let Some(effort) = self.effort(key) else {
            return;
        };
        let wake_at = match step {
            LadderStep::Change | LadderStep::Disconnect => {
                let rung = if step == LadderStep::Change {
                    Rung::Change
                } else {
                    Rung::Disconnect
                };
                effort.phase = Phase::Waiting(rung);
                self.queue.push(key);
                return;
            }
            LadderStep::Wait => {
                effort.watch(store_now, now, nases.settings().garden());
                now + WATCH_EVERY
            }
            LadderStep::Pause { seconds } => {
                effort.phase = Phase::Pausing;
                now + Duration::from_secs(u64::from(seconds))
            }
            LadderStep::Forget => {
                effort.phase = Phase::Forgetting;
                let (disconnector, key) = (Arc::clone(&self.disconnector), key.clone());
                self.under_way.spawn(async move {
                    let forgotten = disconnector.forget(key.clone()).await;
                    Done::Forgotten(key, forgotten)
                });
                return;
            }
            LadderStep::Alarm(alarm) => {
                effort.phase = Phase::Alarmed;
                self.alarms.raise(key, alarm);
                now + ALARM_RETRY
            }
            LadderStep::Done => {
                self.finish(key);
                return;
            }
        };
        if let Some(effort) = self.effort(key) {
            effort.wake_at = Some(wake_at);
        }
        self.due.insert((wake_at, key.clone()));
    }

    /// Sends what has its turn.
    fn dispatch(&mut self, now: Instant) -> Result<(), ReadError> {
        while let Some(key) = self.queue.next() {
            let Some(session) = self.live(&key)? else {
                self.queue.done(&key);
                self.ended(&key);
                continue;
            };
            // It may be entitled to something else by now.
            self.consider(&session, now);
            let Some(terms) = self.terms(&session) else {
                self.queue.done(&key);
                self.ended(&key);
                continue;
            };
            let Some(followed) = self.sessions.get_mut(&key) else {
                self.queue.done(&key);
                continue;
            };
            let Some(effort) = followed.effort.as_deref_mut() else {
                self.queue.done(&key);
                continue;
            };
            let Phase::Waiting(rung) = effort.phase else {
                self.queue.done(&key);
                continue;
            };
            effort.phase = Phase::UnderWay;
            let request = effort.request(rung, terms);
            if rung == Rung::Change {
                // From here on the NAS may have done it or not.
                followed.told = Told::Unknown;
            }
            let (disconnector, nases) = (Arc::clone(&self.disconnector), Arc::clone(&self.nases));
            self.under_way.spawn(async move {
                let answered = disconnector.ask(&nases, &session, request).await;
                Done::Answered(session.key, rung, answered)
            });
        }
        Ok(())
    }

    fn settle(&mut self, done: Done, now: Instant) -> Result<(), ReadError> {
        let key = match done {
            Done::Answered(key, rung, answered) => {
                self.queue.done(&key);
                self.answered(&key, rung, &answered, now);
                key
            }
            Done::Forgotten(key, forgotten) => {
                if let Err(error) = forgotten {
                    tracing::warn!(nas = %key.nas, error, "a session that its NAS does not know stays open");
                }
                let until = now + FORGOTTEN_MAX;
                if let Some(effort) = self.effort(&key) {
                    effort.phase = Phase::Forgotten;
                    effort.wake_at = Some(until);
                    self.due.insert((until, key));
                }
                return Ok(());
            }
        };
        // Meanwhile it may be entitled to something else.
        if let Some(session) = self.live(&key)? {
            self.consider(&session, now);
        }
        Ok(())
    }

    fn answered(&mut self, key: &SessionKey, rung: Rung, answered: &Answered, now: Instant) {
        let Some(followed) = self.sessions.get_mut(key) else {
            return;
        };
        let Some(effort) = followed.effort.as_deref() else {
            return;
        };
        let session = key.acct_session_id.escape_ascii().to_string();
        tracing::debug!(nas = %key.nas, session, ?rung, ?answered, "a NAS was told");
        let input = match &answered.outcome {
            Outcome::Ack => LadderInput::Answer(garth_radius::dynamic::Answer::Ack),
            Outcome::Nak(cause) => LadderInput::Answer(garth_radius::dynamic::Answer::Nak(*cause)),
            Outcome::Silence => LadderInput::Timeout,
            Outcome::NotSent(_) => LadderInput::CannotAsk,
        };
        let wanted = effort.wanted;
        let subscription = followed.subscription;
        let is_told = matches!(
            answered.outcome,
            // It asks us for what it is to do, which it is told then.
            Outcome::Ack | Outcome::Nak(Some(ErrorCause::RequestInitiated))
        );
        if rung == Rung::Change && is_told {
            followed.told = Told::Is(wanted);
        }
        if matches!(answered.outcome, Outcome::Ack | Outcome::Nak(_)) && rung == Rung::Disconnect {
            self.redials.note(subscription, wanted, self.store.now());
        }
        self.input(key, input, now);
    }

    /// Goes on with the efforts whose time has come.
    fn wake(&mut self, now: Instant) -> Result<(), ReadError> {
        while let Some((at, key)) = self.due.first().filter(|(at, _)| *at <= now).cloned() {
            self.due.remove(&(at, key.clone()));
            let Some(effort) = self
                .effort(&key)
                .filter(|effort| effort.wake_at == Some(at))
            else {
                continue;
            };
            effort.wake_at = None;
            let Some(session) = self.live(&key)? else {
                self.ended(&key);
                continue;
            };
            self.go_on(&session, now);
        }
        Ok(())
    }

    fn go_on(&mut self, session: &Session, now: Instant) {
        let key = &session.key;
        let Some(followed) = self.sessions.get_mut(key) else {
            return;
        };
        let Some(effort) = followed.effort.as_deref_mut() else {
            return;
        };
        match &effort.phase {
            Phase::Waiting(_) | Phase::UnderWay | Phase::Forgetting | Phase::Forgotten => {}
            Phase::Pausing => self.input(key, LadderInput::PauseOver, now),
            Phase::Alarmed => {
                // Once more from the first rung; the alarm stands until it has helped.
                followed.effort = None;
                self.consider(session, now);
            }
            Phase::Watching(_) => match effort.look(session, now) {
                Some(input) => {
                    if input == LadderInput::NotConfirmed {
                        followed.told = Told::Unknown;
                    }
                    self.input(key, input, now);
                }
                None => {
                    let again = now + WATCH_EVERY;
                    effort.wake_at = Some(again);
                    self.due.insert((again, key.clone()));
                }
            },
        }
    }
}

fn has_coa(nas: &Nas) -> bool {
    matches!(nas.dialect.change, Change::Coa { .. })
}

#[cfg(test)]
mod tests;

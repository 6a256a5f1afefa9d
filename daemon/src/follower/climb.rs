//! Sessions on their way: begun, asked about, answered, and gone on with in their time.

use std::sync::Arc;
use std::time::Duration;

use garth_radius::dynamic::ErrorCause;
use garth_radius::dynamic::ladder::{LadderInput, LadderStep};
use garth_store::record::{Session, SessionKey};
use tokio::time::Instant;

use super::effort::{Effort, Phase, Rung};
use super::entitlement::{Told, means};
use super::queue::{Heard, Urgency};
use super::{ALARM_RETRY, Asked, BUSY_RETRY, Done, FORGOTTEN_MAX, Follower, WATCH_EVERY, has_coa};
use crate::dynamic_authorization::{Answered, Outcome};

impl Follower {
    /// Begins an effort for a session that differs from what it is entitled to; ends one that is not needed.
    pub(super) fn consider(&mut self, session: &Session, now: Instant) {
        let key = &session.key;
        let Some(wanted) = self.entitlement(session) else {
            return;
        };
        let Some(nas) = self.nases.asked_about(key).map(Arc::clone) else {
            self.unfollow(key);
            return;
        };
        let Some(followed) = self.sessions.get_mut(key) else {
            return;
        };
        match &followed.effort {
            // On its way, unless the NAS does not know the session and it goes on all the same, or takes no CoA
            // by now.
            Some(effort) if effort.wanted == wanted => match effort.phase {
                Phase::Forgotten => return self.input(key, LadderInput::NotConfirmed, now),
                Phase::Waiting(Rung::Change) if !has_coa(&nas) => {}
                Phase::Waiting(_)
                | Phase::UnderWay(_)
                | Phase::Watching(_)
                | Phase::Pausing
                | Phase::Forgetting
                | Phase::Alarmed => return,
            },
            // What the NAS answers is awaited first: one request at a time.
            Some(effort) if matches!(effort.phase, Phase::UnderWay(_) | Phase::Forgetting) => {
                return;
            }
            // The alarm is of another goal.
            Some(effort) if followed.is_alarm && effort.wanted.goal() != wanted.goal() => {
                followed.is_alarm = false;
                self.alarms.clear(key);
            }
            Some(_) | None => {}
        }
        if means(followed.told, wanted, has_coa(&nas), self.walls_here).is_none() {
            self.finish(key, now);
            return;
        }
        let (effort, step) = Effort::begin(followed.told, wanted, &nas.dialect);
        followed.effort = Some(Box::new(effort));
        self.efforts.insert((followed.subscription, key.clone()));
        self.perform(key, step, now);
        self.note(key, now);
    }

    /// Notes what the session is like now.
    fn note(&mut self, key: &SessionKey, now: Instant) {
        if let Some(followed) = self.sessions.get(key) {
            self.notes.note(key, followed.unsettled(), now);
        }
    }

    /// The session has what it is entitled to.
    fn finish(&mut self, key: &SessionKey, now: Instant) {
        if let Some(followed) = self.sessions.get_mut(key) {
            followed.effort = None;
            followed.is_alarm = false;
            self.efforts.remove(&(followed.subscription, key.clone()));
            self.queue.remove(key);
            self.alarms.clear(key);
            self.notes.note(key, None, now);
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
                let urgency = effort.urgency();
                self.queue.push(key, urgency);
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
                if let Some(followed) = self.sessions.get_mut(key) {
                    followed.is_alarm = true;
                }
                self.note(key, now);
                now + ALARM_RETRY
            }
            LadderStep::Done => {
                self.finish(key, now);
                return;
            }
        };
        if let Some(effort) = self.effort(key) {
            effort.wake_at = Some(wake_at);
        }
        self.due.insert((wake_at, key.clone()));
    }

    /// Sends what has its turn.
    pub(super) fn dispatch(&mut self, now: Instant) {
        while let Some(key) = self.queue.next(now) {
            let Some(session) = self.store.live_session(&key) else {
                self.queue.done(&key, Heard::NotAsked);
                self.ended(&key);
                continue;
            };
            // It may be entitled to something else by now, and has its turn all the same.
            self.consider(&session, now);
            self.queue.remove(&key);
            if !self.ask(session) {
                self.queue.done(&key, Heard::NotAsked);
            }
            self.note(&key, now);
        }
    }

    /// Asks the NAS of a session whose turn it is for what it waits for; whether there was anything.
    fn ask(&mut self, session: Session) -> bool {
        let Some(terms) = self.terms(&session) else {
            // Nobody's session is entitled to anything.
            self.ended(&session.key);
            return false;
        };
        let Some(followed) = self.sessions.get_mut(&session.key) else {
            return false;
        };
        let Some(effort) = followed.effort.as_deref_mut() else {
            return false;
        };
        let Phase::Waiting(rung) = effort.phase else {
            return false;
        };
        self.requests += 1;
        effort.phase = Phase::UnderWay(self.requests);
        let (request, urgency) = (effort.request(rung, terms), effort.urgency());
        if rung == Rung::Change {
            // From here on the NAS may have done it or not.
            followed.told = effort.from.in_doubt(effort.wanted);
        }
        let asked = Asked {
            key: session.key.clone(),
            request: self.requests,
            rung,
            urgency,
        };
        let (disconnector, nases) = (Arc::clone(&self.disconnector), Arc::clone(&self.nases));
        self.under_way.spawn(async move {
            let goes_first = urgency == Urgency::Release;
            let answered = disconnector
                .ask(&nases, &session, request, goes_first)
                .await;
            Done::Answered(asked, answered)
        });
        true
    }

    pub(super) fn settle(&mut self, done: Done, now: Instant) {
        match done {
            Done::Answered(asked, answered) => {
                let heard = match &answered.outcome {
                    Outcome::Ack | Outcome::Nak(_) => Heard::Answer,
                    Outcome::Silence => Heard::Silence,
                    Outcome::NotSent(_) => Heard::NotAsked,
                    Outcome::Busy(_) => return self.put_off(&asked, now),
                    // Nothing follows from it: the one who comes after this process goes on.
                    Outcome::Stopping => return,
                };
                self.queue.done(&asked.key, heard);
                self.answered(&asked, &answered, now);
                // Meanwhile it may be entitled to something else.
                if let Some(session) = self.store.live_session(&asked.key) {
                    self.consider(&session, now);
                }
                self.note(&asked.key, now);
            }
            Done::Forgotten(key, forgotten) => {
                let is_closed = forgotten.is_ok();
                if let Err(error) = forgotten {
                    tracing::warn!(nas = %key.nas, error, "a session that its NAS does not know stays open");
                }
                let until = now + FORGOTTEN_MAX;
                let effort = self.effort(&key);
                if let Some(effort) = effort.filter(|effort| effort.phase == Phase::Forgetting) {
                    effort.phase = Phase::Forgotten;
                    effort.wake_at = Some(until);
                    self.due.insert((until, key.clone()));
                }
                if is_closed {
                    self.is_no_alarm(&key, now);
                }
                // A record may have come since, of a session that goes on all the same.
                if is_closed && let Some(session) = self.store.live_session(&key) {
                    self.consider(&session, now);
                }
            }
            Done::Noted(changes, result) => self.notes.written(changes, result, now),
        }
    }

    /// The session is closed in the books, and its subscriber logs in again.
    fn is_no_alarm(&mut self, key: &SessionKey, now: Instant) {
        if let Some(followed) = self.sessions.get_mut(key) {
            followed.is_alarm = false;
            self.alarms.clear(key);
            self.note(key, now);
        }
    }

    /// The NAS has been asked too much: the session waits again.
    fn put_off(&mut self, asked: &Asked, now: Instant) {
        let until = now + BUSY_RETRY;
        self.queue.put_off(&asked.key, asked.urgency, until);
        self.was_not_told(asked);
        if let Some(effort) = self.asked_of(asked) {
            effort.phase = Phase::Waiting(asked.rung);
        }
        if let Some(session) = self.store.live_session(&asked.key) {
            self.consider(&session, now);
        }
        self.note(&asked.key, now);
    }

    /// The request did not leave this router: what the session was told before stands.
    fn was_not_told(&mut self, asked: &Asked) {
        if asked.rung == Rung::Change
            && let Some(told) = self.asked_of(asked).map(|effort| effort.from)
            && let Some(followed) = self.sessions.get_mut(&asked.key)
        {
            followed.told = told;
        }
    }

    /// The effort that the request is of. The session may be over meanwhile, and its id that of another one.
    fn asked_of(&mut self, asked: &Asked) -> Option<&mut Effort> {
        let effort = self.effort(&asked.key)?;
        (effort.phase == Phase::UnderWay(asked.request)).then_some(effort)
    }

    fn answered(&mut self, asked: &Asked, answered: &Answered, now: Instant) {
        let Asked { key, rung, .. } = asked;
        let Some(wanted) = self.asked_of(asked).map(|effort| effort.wanted) else {
            return;
        };
        if matches!(answered.outcome, Outcome::NotSent(_)) {
            self.was_not_told(asked);
        }
        let Some(followed) = self.sessions.get_mut(key) else {
            return;
        };
        let session = key.acct_session_id.escape_ascii().to_string();
        tracing::debug!(nas = %key.nas, session, ?rung, ?answered, "a NAS was told");
        let input = match &answered.outcome {
            Outcome::Ack => LadderInput::Answer(garth_radius::dynamic::Answer::Ack),
            Outcome::Nak(cause) => LadderInput::Answer(garth_radius::dynamic::Answer::Nak(*cause)),
            Outcome::Silence => LadderInput::Timeout,
            Outcome::NotSent(_) | Outcome::Busy(_) | Outcome::Stopping => LadderInput::CannotAsk,
        };
        let subscription = followed.subscription;
        let is_told = matches!(
            answered.outcome,
            // It asks us for what it is to do, which it is told then.
            Outcome::Ack | Outcome::Nak(Some(ErrorCause::RequestInitiated))
        );
        if *rung == Rung::Change && is_told {
            followed.told = Told::Is(wanted);
        }
        if matches!(answered.outcome, Outcome::Ack | Outcome::Nak(_)) && *rung == Rung::Disconnect {
            self.redials.note(subscription, wanted, self.store.now());
        }
        self.input(key, input, now);
    }

    /// Goes on with the efforts whose time has come.
    pub(super) fn wake(&mut self, now: Instant) {
        while let Some((at, key)) = self.due.first().filter(|(at, _)| *at <= now).cloned() {
            self.due.remove(&(at, key.clone()));
            let Some(effort) = self
                .effort(&key)
                .filter(|effort| effort.wake_at == Some(at))
            else {
                continue;
            };
            effort.wake_at = None;
            let Some(session) = self.store.live_session(&key) else {
                self.ended(&key);
                continue;
            };
            self.go_on(&session, now);
            self.note(&key, now);
        }
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
            Phase::Waiting(_) | Phase::UnderWay(_) | Phase::Forgetting | Phase::Forgotten => {}
            Phase::Pausing => self.input(key, LadderInput::PauseOver, now),
            Phase::Alarmed => {
                // Once more from the first rung; the alarm stands until it has helped.
                followed.effort = None;
                self.consider(session, now);
            }
            Phase::Watching(_) => match effort.look(session, now) {
                Some(input) => {
                    // An end that did not come changes nothing about what the session was told.
                    if input == LadderInput::NotConfirmed && effort.is_confirming() {
                        followed.told = effort.from.in_doubt(effort.wanted);
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

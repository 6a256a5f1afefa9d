//! One session on its way to what it is entitled to: its ladder, and what it waits for.

use std::time::Duration;

use garth_radius::dialect::Dialect;
use garth_radius::dynamic::ladder::{Ladder, LadderInput, LadderStep, State};
use garth_radius::server::{GardenSettings, Given, Rates};
use garth_store::record::Session;
use garth_subscription::Timestamp;
use tokio::time::Instant;

use super::entitlement::{Entitlement, Told};
use super::evidence::{Claim, Verdict, Watch, watch_max};
use super::queue::Urgency;
use super::terms::Terms;
use crate::dynamic_authorization::{Move, Request};

/// After an ACK to a Disconnect-Request so long without a record counts as an interval without news: a Stop
/// comes at once where it comes at all.
const END_INTERVAL: Duration = Duration::from_secs(60);

/// What is asked of a NAS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Rung {
    /// To change the session in place.
    Change,
    /// To end it.
    Disconnect,
}

/// What a session waits for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    /// Its turn.
    Waiting(Rung),
    /// The answer of its NAS to the request of that number.
    UnderWay(u64),
    /// Proof of what the NAS has acknowledged.
    Watching(Watched),
    /// The end of a pause.
    Pausing,
    /// The store, which closes it: its NAS does not know it.
    Forgetting,
    /// A login: its NAS does not know it.
    Forgotten,
    /// A person.
    Alarmed,
}

/// What is waited for after an ACK.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Watched {
    watch: Watch,
    /// When the ladder is told that nothing contradicts.
    until: Instant,
}

/// One session on its way.
#[derive(Debug)]
pub(super) struct Effort {
    /// Where to.
    pub(super) wanted: Entitlement,
    /// What the session was told before.
    pub(super) from: Told,
    ladder: Ladder,
    pub(super) phase: Phase,
    /// When it goes on by itself.
    pub(super) wake_at: Option<Instant>,
}

impl Effort {
    /// At the foot of the ladder.
    pub(super) fn begin(from: Told, wanted: Entitlement, dialect: &Dialect) -> (Self, LadderStep) {
        let (ladder, step) = Ladder::new(wanted.goal(), dialect);
        let effort = Self {
            wanted,
            from,
            ladder,
            // Until the step is taken.
            phase: Phase::Waiting(Rung::Disconnect),
            wake_at: None,
        };
        (effort, step)
    }

    /// What follows from what has happened.
    pub(super) fn next(&mut self, input: LadderInput) -> LadderStep {
        let (ladder, step) = self.ladder.next(input);
        self.ladder = ladder;
        step
    }

    /// Whether the NAS says that it has moved the session, and that is looked at.
    pub(super) const fn is_confirming(&self) -> bool {
        matches!(self.ladder.state(), State::Confirming { .. })
    }

    /// How soon it has its turn.
    pub(super) const fn urgency(&self) -> Urgency {
        match (self.from, self.wanted) {
            (_, Entitlement::Garden | Entitlement::Reject) => Urgency::Wall,
            (Told::Is(Entitlement::Full { .. }), Entitlement::Full { .. }) => Urgency::Rate,
            // Who may be blocked.
            (Told::Is(_) | Told::Unknown, Entitlement::Full { .. }) => Urgency::Release,
        }
    }

    /// What the NAS is asked for on that rung.
    pub(super) fn request(&self, rung: Rung, terms: Terms) -> Request {
        let to = match (rung, self.wanted) {
            (
                Rung::Change,
                Entitlement::Full {
                    down_kbps, up_kbps, ..
                },
            ) => Given::Full(Rates { down_kbps, up_kbps }),
            (Rung::Change, Entitlement::Garden) => Given::Garden,
            (Rung::Change, Entitlement::Reject) | (Rung::Disconnect, _) => {
                return Request::Disconnect;
            }
        };
        Request::Move(Move {
            from: terms.before(self.from, self.wanted),
            to,
            session_timeout_seconds: terms.session_timeout_seconds,
        })
    }

    /// Begins to look at the records of the session, or goes on with it.
    pub(super) fn watch(&mut self, store_now: Timestamp, now: Instant, garden: &GardenSettings) {
        let claim = match (self.from, self.wanted) {
            _ if matches!(self.ladder.state(), State::Ending { .. }) => Claim::Ended,
            (_, Entitlement::Reject) => Claim::Ended,
            (_, Entitlement::Garden) => Claim::Limited {
                down_kbps: garden.down_kbps,
            },
            (Told::Is(Entitlement::Full { .. }), Entitlement::Full { down_kbps, .. }) => {
                Claim::Limited { down_kbps }
            }
            (Told::Is(_) | Told::Unknown, Entitlement::Full { .. }) => Claim::Released,
        };
        let until = now
            + match claim {
                Claim::Ended => END_INTERVAL,
                Claim::Released | Claim::Limited { .. } => watch_max(garden.interim_seconds),
            };
        match &mut self.phase {
            Phase::Watching(watched) => watched.until = until,
            Phase::Waiting(_)
            | Phase::UnderWay(_)
            | Phase::Pausing
            | Phase::Forgetting
            | Phase::Forgotten
            | Phase::Alarmed => {
                let watch = Watch::new(claim, store_now);
                self.phase = Phase::Watching(Watched { watch, until });
            }
        }
    }

    /// What the records of the session tell the ladder, if anything yet.
    pub(super) fn look(&mut self, session: &Session, now: Instant) -> Option<LadderInput> {
        let Phase::Watching(watched) = &mut self.phase else {
            return None;
        };
        match watched.watch.look(session) {
            Verdict::Proven => Some(LadderInput::Confirmed),
            Verdict::Disproven => Some(LadderInput::NotConfirmed),
            Verdict::Open if now < watched.until => None,
            // A session that should have ended and did not is asked about again; one that proves nothing has
            // nobody who could be blocked.
            Verdict::Open if matches!(self.ladder.state(), State::Ending { .. }) => {
                Some(LadderInput::NoNews)
            }
            Verdict::Open => Some(LadderInput::Confirmed),
        }
    }
}

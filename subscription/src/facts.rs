//! What is stored of a subscription: facts that do not go stale by the passing of time.

use uuid::Uuid;

use crate::calendar::Anchor;
use crate::money::Money;
use crate::text::{ActorName, PlanId, Reason};
use crate::time::{Span, Timestamp};

/// Names a subscription: a UUID, version 7 where it was made here.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SubscriptionId(pub Uuid);

impl std::fmt::Display for SubscriptionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a subscription is in its life.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Phase {
    /// Agreed, not yet begun.
    Pending {
        /// When it starts.
        start_at: Timestamp,
    },
    /// Running.
    Started {
        /// Since when.
        at: Timestamp,
    },
    /// Over.
    Ended {
        /// Since when.
        at: Timestamp,
        /// How it ended.
        how: Ending,
        /// Who ended it.
        by: ActorName,
        /// Why.
        reason: Option<Reason>,
    },
}

/// How a subscription ended.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Ending {
    /// Before it began.
    Cancelled,
    /// After it had begun.
    Terminated,
}

/// Short-term deactivation by wish (L24–L28): paid time is banked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pause {
    /// Since when.
    pub from: Timestamp,
    /// When it ends by itself; open if `None`.
    pub until: Option<Timestamp>,
    /// Paid time left at its start, given back at its end (L27).
    pub banked: Span,
}

/// What a suspension was made for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SuspendCause {
    /// An amount stayed unpaid; paying clears it.
    Overdue,
    /// Fraud; paying does not clear it.
    Fraud,
    /// An operator's decision. Paying clears it only where a debt was stated.
    Operator,
}

/// A wall put up by policy, an operator or headquarters (T9).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Suspend {
    /// What for.
    pub cause: SuspendCause,
    /// Since when.
    pub since: Timestamp,
    /// What is owed, if that is known.
    pub debt: Option<Money>,
    /// Why, in a person's words.
    pub reason: Option<Reason>,
    /// Until then it is put off (L14): access is what lies below.
    pub postponed_until: Option<Timestamp>,
}

/// Switched off, still billed (L21).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Disable {
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub reason: Reason,
}

/// What keeps a subscription from its paid service; at most one of each.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Holds {
    /// By the subscriber's wish.
    pub pause: Option<Pause>,
    /// By policy or debt.
    pub suspend: Option<Suspend>,
    /// By an operator.
    pub disable: Option<Disable>,
}

/// The state of one service of the bundle.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ServiceState {
    /// Ordered, not yet running.
    Draft,
    /// Running, and billed.
    Effective,
    /// Over.
    Ended,
}

/// One of the items billed together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Service {
    /// What was bought.
    pub plan: PlanId,
    /// Whether it runs.
    pub state: ServiceState,
}

/// A command that waits for its instant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AgendaItem {
    /// When it is due.
    pub at: Timestamp,
    /// What is to be done.
    pub action: AgendaAction,
}

/// What an agenda can hold, in the order that holds at one instant (LIFECYCLE section 4).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum AgendaAction {
    /// The pause runs out (T7).
    EndPause,
}

/// Everything the rules know of a subscription.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Facts {
    /// Which one.
    pub id: SubscriptionId,
    /// How often it was changed; the first state is 1.
    pub version: u64,
    /// Where it is in its life.
    pub phase: Phase,
    /// The exclusive end of paid service.
    pub paid_through: Timestamp,
    /// Where its months are counted from.
    pub anchor: Anchor,
    /// The end of grace, free of charge.
    pub grace_until: Option<Timestamp>,
    /// What keeps it from its service.
    pub holds: Holds,
    /// The plan for access to the Internet.
    pub plan: PlanId,
    /// What else is billed with it.
    pub services: Vec<Service>,
    /// Credit above zero, debt below.
    pub balance: Money,
}

impl Facts {
    /// The most further services of one subscription.
    pub const SERVICES_MAX: usize = 16;

    /// What is due at an instant to come, earliest first. Derived, never stored apart from the facts.
    #[must_use]
    pub fn agenda(&self) -> Vec<AgendaItem> {
        let end_pause = self
            .holds
            .pause
            .and_then(|pause| pause.until)
            .map(|at| AgendaItem {
                at,
                action: AgendaAction::EndPause,
            });
        end_pause.into_iter().collect()
    }
}

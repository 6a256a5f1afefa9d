//! What is stored of a subscription: facts that do not go stale by the passing of time.

use uuid::Uuid;

use crate::calendar::{Anchor, Months};
use crate::money::Money;
use crate::text::{ActorName, PaymentId, PlanId, Reason};
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
    /// Since when, or from when on: one that is to come is on the agenda.
    pub from: Timestamp,
    /// When it ends by itself; open if `None`.
    pub until: Option<Timestamp>,
    /// Paid time left at its start, given back at its end (L27).
    pub banked: Span,
    /// Whether the subscriber may not end it (T6).
    pub is_locked: bool,
    /// Whether its start is in the journal; before, its services still run.
    pub has_begun: bool,
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
    /// Whether the subscriber has put it off: once for each suspension (L14).
    pub postponed_by_customer: bool,
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
    /// Taken along by a pause (L25); runs again after it.
    Held,
    /// Over.
    Ended,
}

/// When a period is paid for (L10).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Invoicing {
    /// Before it begins.
    Forward,
    /// After it has ended.
    Backward,
}

/// One of the items billed together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Service {
    /// What was bought.
    pub plan: PlanId,
    /// Whether it runs.
    pub state: ServiceState,
    /// When it is paid for; as the subscription where `None`.
    pub invoicing: Option<Invoicing>,
}

/// How a subscription goes on at the end of its paid time (L9, L10).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Renewal {
    /// How many months at a time; the fewest on sale where `None`.
    pub months: Option<Months>,
    /// Whether credit buys them by itself; as policy says where `None`.
    pub use_credit: Option<bool>,
    /// When they are paid for; as policy says where `None`.
    pub invoicing: Option<Invoicing>,
}

/// A change of plan that waits for its date (L17).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlanChange {
    /// When.
    pub at: Timestamp,
    /// To what.
    pub plan: PlanId,
    /// What was shown to whoever asked (L16); below zero it is paid back.
    pub price: Money,
    /// The end of paid service that the price was made for: another end, another price.
    pub paid_through: Timestamp,
}

/// An end that waits for its date (T19).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Termination {
    /// When.
    pub at: Timestamp,
    /// Who asked for it.
    pub by: ActorName,
    /// Why.
    pub reason: Option<Reason>,
}

/// How much of its pauses a subscription has used in one year (L28).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PauseUse {
    /// The civil year; 0 before the first pause.
    pub year: u16,
    /// Pauses that began in it.
    pub times: u16,
    /// Days, or parts of them, of those that have ended.
    pub days: u16,
}

/// Access given for money that nobody could confirm yet (E16).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Provisional {
    /// Which payment.
    pub payment: PaymentId,
    /// How much it is said to be.
    pub amount: Money,
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
    /// How it goes on at the end of its paid time.
    pub renewal: Renewal,
    /// Credit above zero, debt below.
    pub balance: Money,
    /// Since when the balance is below zero.
    pub owing_since: Option<Timestamp>,
    /// The debt that an operator lifted a suspension for: only a greater one suspends again (L14).
    pub waived_debt: Option<Money>,
    /// Whether the end of its paid time is dealt with: it was not renewed.
    pub has_lapsed: bool,
    /// The months that are running and invoiced when they are over (L10).
    pub unbilled: Option<Months>,
    /// Since when it runs without a break: started, reactivated or back from a pause.
    pub active_since: Timestamp,
    /// A change of plan to come; one at most.
    pub plan_change: Option<PlanChange>,
    /// Its end to come.
    pub termination: Option<Termination>,
    /// The pauses of this year.
    pub pause_use: PauseUse,
    /// Payments that nobody has confirmed yet.
    pub provisional: Vec<Provisional>,
}

impl Facts {
    /// The most further services of one subscription.
    pub const SERVICES_MAX: usize = 16;
    /// The most payments of one subscription that wait for confirmation.
    pub const PROVISIONAL_MAX: usize = 16;

    /// Whether paid time or grace reaches to `at`: a pause that is to begin then finds something to
    /// pause.
    #[must_use]
    pub(crate) fn is_served_until(&self, at: Timestamp) -> bool {
        at <= self.paid_through || self.grace_until.is_some_and(|grace| at <= grace)
    }

    /// Whether it has ended.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended { .. })
    }
}

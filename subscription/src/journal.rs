//! The journal: one append-only entry per change.

use uuid::Uuid;

use crate::command::{Actor, CommandKind};
use crate::facts::{Facts, SubscriptionId};
use crate::money::Money;
use crate::standing::{Standing, standing};
use crate::text::{CommandId, PaymentId, PlanId, Reason};
use crate::time::Timestamp;

/// Names a journal entry: a UUID of version 7, made here.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EntryId(pub Uuid);

/// What a change is measured by, before and after it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Snapshot {
    /// What the subscription was or is.
    pub standing: Standing,
    /// The exclusive end of paid service.
    pub paid_through: Timestamp,
    /// The plan for access to the Internet.
    pub plan: PlanId,
    /// Credit or debt.
    pub balance: Money,
}

impl Snapshot {
    /// How `facts` look at `now`.
    #[must_use]
    pub fn of(facts: &Facts, now: Timestamp) -> Self {
        Self {
            standing: standing(&facts.standing_facts(), now),
            paid_through: facts.paid_through,
            plan: facts.plan.clone(),
            balance: facts.balance,
        }
    }
}

/// What came of a command, finer than its name.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Effect {
    /// It did what it says.
    Done,
    /// Months were bought.
    MonthsBought,
    /// The money did not buy what was on offer and is credit now (E7), or the months were bought already.
    CreditOnly,
    /// The debt was settled, and the wall with it; nothing was bought.
    DebtSettled,
    /// The pause ended, and there was paid time to give back.
    PauseEnded,
    /// The pause ended into expiry: nothing was banked.
    PauseEndedUnfunded,
}

impl Effect {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Done,
        Self::MonthsBought,
        Self::CreditOnly,
        Self::DebtSettled,
        Self::PauseEnded,
        Self::PauseEndedUnfunded,
    ];

    /// The name in journals and answers, in `snake_case`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::MonthsBought => "months_bought",
            Self::CreditOnly => "credit_only",
            Self::DebtSettled => "debt_settled",
            Self::PauseEnded => "pause_ended",
            Self::PauseEndedUnfunded => "pause_ended_unfunded",
        }
    }
}

/// One change, as the rules see it. The store adds its place in the chain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct JournalEntry {
    /// Which entry.
    pub id: EntryId,
    /// Of which subscription.
    pub subscription: SubscriptionId,
    /// What it was asked under, for safe repeats (L33).
    pub command_id: Option<CommandId>,
    /// Who did it.
    pub actor: Actor,
    /// Why.
    pub reason: Option<Reason>,
    /// What was done.
    pub action: CommandKind,
    /// What came of it.
    pub effect: Effect,
    /// When.
    pub performed_at: Timestamp,
    /// Before; `None` for a new subscription.
    pub old: Option<Snapshot>,
    /// After.
    pub new: Snapshot,
    /// The money that came in (above zero) or went out (below).
    pub amount: Option<Money>,
    /// The payment that brought it.
    pub payment: Option<PaymentId>,
    /// The entry that this one takes back.
    pub reverts: Option<EntryId>,
}

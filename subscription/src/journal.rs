//! The journal: one append-only entry per change.

use uuid::Uuid;

use crate::change::Step;
use crate::command::{Actor, CommandKind, Note};
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

/// Fills [`Effect`] and its names from one list.
macro_rules! effects {
    ($($(#[$doc:meta])+ $variant:ident, $name:literal;)+) => {
        /// What came of a command, finer than its name.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum Effect {
            $($(#[$doc])+ $variant,)+
        }

        impl Effect {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in journals and answers, in `snake_case`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

effects! {
    /// It did what it says.
    Done, "done";
    /// Months were bought.
    MonthsBought, "months_bought";
    /// The money did not buy what was on offer and is credit now (E7), or the months were bought already.
    CreditOnly, "credit_only";
    /// The debt was settled, and the wall with it; nothing was bought.
    DebtSettled, "debt_settled";
    /// The pause ended, and there was paid time to give back.
    PauseEnded, "pause_ended";
    /// The pause ended into expiry: nothing was banked, and no credit bought months.
    PauseEndedUnfunded, "pause_ended_unfunded";
    /// Credit, or an invoice to come, moved the end of paid time.
    Renewed, "renewed";
    /// Paid time ended without a renewal.
    Lapsed, "lapsed";
    /// It is on the agenda.
    Scheduled, "scheduled";
    /// It is off the agenda.
    Unscheduled, "unscheduled";
    /// What was on the agenda could not be done and is off it.
    Dropped, "dropped";
    /// It waits for a person.
    Requested, "requested";
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
    /// What the ISP itself notes of it (L30).
    pub note: Note,
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
    /// The payment that it is about: a refund names the one it gives back.
    pub payment: Option<PaymentId>,
    /// The entry that this one takes back.
    pub reverts: Option<EntryId>,
    /// What changed, in order: enough to do it again (L4). Nothing where only a request was made.
    pub steps: Vec<Step>,
}

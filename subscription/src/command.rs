//! What can be asked of a subscription, and by whom.

use crate::calendar::{CivilDate, Months};
use crate::facts::{Service, SubscriptionId, SuspendCause};
use crate::money::Money;
use crate::text::{ActorName, PaymentId, PlanId, Reason};
use crate::time::Timestamp;

/// Who may do what is decided by the rules, not at the edges.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Role {
    /// The subscriber, in the portal.
    Customer,
    /// An operator, at the admin socket.
    Operator,
    /// A second operator, who decides on requests.
    Approver,
    /// The support role.
    Support,
    /// The central ledger, or what stands in for it: a payment gateway's proof.
    Ledger,
    /// Time itself.
    Timer,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Customer,
        Self::Operator,
        Self::Approver,
        Self::Support,
        Self::Ledger,
        Self::Timer,
    ];

    /// The name in journals and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Operator => "operator",
            Self::Approver => "approver",
            Self::Support => "support",
            Self::Ledger => "ledger",
            Self::Timer => "timer",
        }
    }

    /// Whether it acts for the ISP at the admin socket.
    #[must_use]
    pub const fn is_staff(self) -> bool {
        matches!(self, Self::Operator | Self::Approver | Self::Support)
    }
}

/// Who acts.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Actor {
    /// In which capacity.
    pub role: Role,
    /// Under which name.
    pub name: ActorName,
    /// For whom, where that is someone else.
    pub on_behalf_of: Option<ActorName>,
}

/// A command with who gives it and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Order {
    /// Who.
    pub actor: Actor,
    /// Why; some commands demand it.
    pub reason: Option<Reason>,
    /// What.
    pub command: Command,
}

/// What a new subscription begins with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Create {
    /// Its id, made by the caller.
    pub id: SubscriptionId,
    /// The plan for access to the Internet.
    pub plan: PlanId,
    /// What else is billed with it.
    pub services: Vec<Service>,
    /// When it starts; now where `None`.
    pub start_at: Option<Timestamp>,
    /// The end of service already paid for; its start where `None`.
    pub paid_through: Option<Timestamp>,
    /// The day of the month its months are counted from, 1 to 31; that of `paid_through` where `None`.
    pub anchor_day: Option<u8>,
    /// Credit or debt brought along; nothing where `None`.
    pub balance: Option<Money>,
    /// Holds brought along.
    pub holds: Vec<InitialHold>,
}

/// A hold that a new subscription is born with (an import from another system).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum InitialHold {
    /// Paused, open or until an instant.
    Pause {
        /// When it ends.
        until: Option<Timestamp>,
    },
    /// Suspended.
    Suspend {
        /// What for.
        cause: SuspendCause,
        /// What is owed.
        debt: Option<Money>,
    },
    /// Disabled.
    Disable {
        /// Why.
        reason: Reason,
    },
}

/// Where the money for months comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Tender {
    /// The credit on the account.
    Balance,
    /// Money taken by someone: cash at the desk, or a gateway.
    Captured {
        /// One id has one effect (E4).
        payment: PaymentId,
        /// How much was taken.
        amount: Money,
    },
}

/// When a pause ends.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum PauseEnd {
    /// Not by itself.
    Open,
    /// At that instant.
    At(Timestamp),
    /// With the local midnight that starts that day.
    On(CivilDate),
}

/// What can be asked (LIFECYCLE section 4).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Command {
    /// T1: a new subscription.
    Create(Box<Create>),
    /// T4: months for one that is active or in grace, counted from the old end.
    Pay {
        /// How many.
        months: Months,
        /// With what.
        tender: Tender,
    },
    /// T5, T6: months for one that is expired or paused, counted from now.
    Reactivate {
        /// How many.
        months: Months,
        /// With what.
        tender: Tender,
    },
    /// Money that a gateway has taken for months that were on offer. Never refused for what became of
    /// the subscription meanwhile: what it cannot buy becomes credit (E4, E6, E7, T26).
    Capture {
        /// What the money was meant to buy; nothing where the offer was used by another payment.
        months: Option<Months>,
        /// One id has one effect (E4).
        payment: PaymentId,
        /// How much was taken.
        amount: Money,
        /// When the gateway took it; it counts before an expiry at the same instant.
        captured_at: Timestamp,
    },
    /// T8: short-term deactivation, from now.
    Pause {
        /// Until when.
        end: PauseEnd,
    },
    /// T6, T7: the end of a pause, by wish or at its instant.
    EndPause,
    /// T9: the wall.
    Suspend {
        /// What for.
        cause: SuspendCause,
        /// What is owed.
        debt: Option<Money>,
    },
    /// T10: the end of the wall.
    Lift,
    /// T12: days free of charge.
    Grace {
        /// How many; at least 1.
        days: u32,
    },
    /// T13: switched off, still billed.
    Disable {
        /// Whether "still billed" was answered.
        confirmed: bool,
    },
    /// T14: switched on again.
    Enable,
    /// T18: the end.
    Terminate {
        /// Whether "logging stops" was answered.
        confirmed: bool,
    },
}

impl Command {
    /// What it is, without what it carries.
    #[must_use]
    pub const fn kind(&self) -> CommandKind {
        match self {
            Self::Create(_) => CommandKind::Create,
            Self::Pay { .. } => CommandKind::Pay,
            Self::Reactivate { .. } => CommandKind::Reactivate,
            Self::Capture { .. } => CommandKind::Capture,
            Self::Pause { .. } => CommandKind::Pause,
            Self::EndPause => CommandKind::EndPause,
            Self::Suspend { .. } => CommandKind::Suspend,
            Self::Lift => CommandKind::Lift,
            Self::Grace { .. } => CommandKind::Grace,
            Self::Disable { .. } => CommandKind::Disable,
            Self::Enable => CommandKind::Enable,
            Self::Terminate { .. } => CommandKind::Terminate,
        }
    }

    /// The payment it brings, if any.
    #[must_use]
    pub const fn payment(&self) -> Option<(&PaymentId, Money)> {
        match self {
            Self::Pay {
                tender: Tender::Captured { payment, amount },
                ..
            }
            | Self::Reactivate {
                tender: Tender::Captured { payment, amount },
                ..
            }
            | Self::Capture {
                payment, amount, ..
            } => Some((payment, *amount)),
            Self::Pay {
                tender: Tender::Balance,
                ..
            }
            | Self::Reactivate {
                tender: Tender::Balance,
                ..
            }
            | Self::Create(_)
            | Self::Pause { .. }
            | Self::EndPause
            | Self::Suspend { .. }
            | Self::Lift
            | Self::Grace { .. }
            | Self::Disable { .. }
            | Self::Enable
            | Self::Terminate { .. } => None,
        }
    }
}

/// The commands by name alone: what a journal entry says was done.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum CommandKind {
    /// See [`Command::Create`].
    Create,
    /// See [`Command::Pay`].
    Pay,
    /// See [`Command::Reactivate`].
    Reactivate,
    /// See [`Command::Capture`].
    Capture,
    /// See [`Command::Pause`].
    Pause,
    /// See [`Command::EndPause`].
    EndPause,
    /// See [`Command::Suspend`].
    Suspend,
    /// See [`Command::Lift`].
    Lift,
    /// See [`Command::Grace`].
    Grace,
    /// See [`Command::Disable`].
    Disable,
    /// See [`Command::Enable`].
    Enable,
    /// See [`Command::Terminate`].
    Terminate,
}

impl CommandKind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Create,
        Self::Pay,
        Self::Reactivate,
        Self::Capture,
        Self::Pause,
        Self::EndPause,
        Self::Suspend,
        Self::Lift,
        Self::Grace,
        Self::Disable,
        Self::Enable,
        Self::Terminate,
    ];

    /// The name in journals and answers, in `snake_case`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Pay => "pay",
            Self::Reactivate => "reactivate",
            Self::Capture => "capture",
            Self::Pause => "pause",
            Self::EndPause => "end_pause",
            Self::Suspend => "suspend",
            Self::Lift => "lift",
            Self::Grace => "grace",
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::Terminate => "terminate",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

//! Why a command is refused: typed, numbered by the rule, worded for a person.

use crate::calendar::{CalendarError, Months};
use crate::command::{CommandKind, Role};
use crate::money::{Money, MoneyError};
use crate::standing::Standing;
use crate::text::PlanId;

/// Why [`crate::decide()`] changes nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The subscription is already there.
    #[error("the subscription is already there")]
    Exists,
    /// There is no such subscription.
    #[error("there is no such subscription")]
    Unknown,
    /// Not for this role.
    #[error("{} may not {}", role.as_str(), command.as_str())]
    Role {
        /// Who asked.
        role: Role,
        /// What for.
        command: CommandKind,
    },
    /// Not from this standing.
    #[error("a subscription that is {standing} cannot {}; it must be {allowed}", command.as_str())]
    Standing {
        /// What it is.
        standing: Standing,
        /// What was asked.
        command: CommandKind,
        /// What it would have to be, in words.
        allowed: &'static str,
    },
    /// There is no such hold to take away.
    #[error("the subscription is not {0}")]
    NotHeld(&'static str),
    /// The plan is not on sale.
    #[error("there is no plan {0}")]
    UnknownPlan(PlanId),
    /// That number of months is not on sale.
    #[error("{months} months of plan {plan} are not on sale; on sale are {on_sale}")]
    Months {
        /// What was asked for.
        months: Months,
        /// Of which plan.
        plan: PlanId,
        /// The numbers on sale, in words.
        on_sale: String,
    },
    /// Not enough money.
    #[error("{price} are due, {available} are there: {missing} are missing")]
    Funds {
        /// What is due.
        price: Money,
        /// What is there.
        available: Money,
        /// The difference.
        missing: Money,
    },
    /// Below or at zero where it must be above.
    #[error("the amount must be above zero")]
    AmountNotPositive,
    /// Money arithmetic failed.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// A date is out of range.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// An end that is not after its start.
    #[error("the end must be after the start")]
    EndNotAfterStart,
    /// A pause without end where policy wants one, or too long a one.
    #[error("a pause may last at most {days_max} days and needs an end")]
    PauseTooLong {
        /// The most days allowed.
        days_max: u32,
    },
    /// Grace of no days or too many.
    #[error("grace is 1 to {days_max} days")]
    GraceDays {
        /// The most days allowed.
        days_max: u32,
    },
    /// No reason where one is demanded.
    #[error("a reason is needed")]
    ReasonMissing,
    /// A warning was not answered.
    #[error("{0}; confirm it to go on")]
    NotConfirmed(Warning),
    /// Policy has switched this off.
    #[error("{0} is switched off by policy")]
    SwitchedOff(&'static str),
    /// The debt is below what may suspend.
    #[error("the debt is below {minimum}, the least that may suspend")]
    DebtTooSmall {
        /// The least.
        minimum: Money,
    },
    /// A day of the month that is none.
    #[error("an anchor day is 1 to 31")]
    AnchorDay,
    /// Too many services.
    #[error("a subscription has at most {max} further services")]
    TooManyServices {
        /// The most.
        max: usize,
    },
}

/// What a person must know before they confirm.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
pub enum Warning {
    /// L21.
    #[error("a disabled subscription is still billed")]
    StillBilled,
    /// L22.
    #[error("a terminated subscription is no longer logged and its agenda is cleared")]
    LoggingStops,
}

impl Refusal {
    /// The number of the rule in the lifecycle document that refused.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Exists | Self::UnknownPlan(_) | Self::TooManyServices { .. } => "T1",
            Self::Unknown => "T0",
            Self::Role { command, .. } | Self::Standing { command, .. } => transition(*command),
            Self::NotHeld(_) => "T10",
            Self::Months { .. } => "L8",
            Self::Funds { .. } | Self::AmountNotPositive => "L26",
            Self::Money(_) => "E11",
            Self::Calendar(_) | Self::AnchorDay => "E1",
            Self::EndNotAfterStart => "L24",
            Self::PauseTooLong { .. } => "L28",
            Self::GraceDays { .. } => "L7",
            Self::ReasonMissing => "L30",
            Self::NotConfirmed(Warning::StillBilled) => "L21",
            Self::NotConfirmed(Warning::LoggingStops) => "L22",
            Self::SwitchedOff(_) => "L12",
            Self::DebtTooSmall { .. } => "L11",
        }
    }
}

/// The row of the transition table that a command belongs to.
const fn transition(command: CommandKind) -> &'static str {
    match command {
        CommandKind::Create => "T1",
        CommandKind::Pay | CommandKind::Capture => "T4",
        CommandKind::Reactivate => "T5",
        CommandKind::Pause => "T8",
        CommandKind::EndPause => "T6",
        CommandKind::Suspend => "T9",
        CommandKind::Lift => "T10",
        CommandKind::Grace => "T12",
        CommandKind::Disable => "T13",
        CommandKind::Enable => "T14",
        CommandKind::Terminate => "T18",
    }
}

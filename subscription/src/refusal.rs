//! Why a command is refused: typed, numbered by the rule, worded for a person.

use crate::calendar::{CalendarError, CivilDate, Months};
use crate::change::ChangeError;
use crate::command::{CommandKind, Role};
use crate::facts::Facts;
use crate::money::{Money, MoneyError};
use crate::standing::Standing;
use crate::text::{PaymentId, PlanId};
use crate::time::Timestamp;

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
    #[error("{} is not for the role {}", command.as_str(), role.as_str())]
    Role {
        /// Who asked.
        role: Role,
        /// What for.
        command: CommandKind,
    },
    /// Not from this standing.
    #[error("{} is not possible while the subscription is {standing}: it must be {allowed}", command.as_str())]
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
    /// There is no such thing on the agenda.
    #[error("there is no {what} on its agenda")]
    NotPlanned {
        /// What was meant.
        what: &'static str,
        /// What was asked.
        command: CommandKind,
    },
    /// One at most, and there is one.
    #[error("there is {what} already; {instead}")]
    Planned {
        /// What there is.
        what: &'static str,
        /// What to do about it.
        instead: &'static str,
        /// The rule that allows one.
        rule: &'static str,
    },
    /// The plan is not in the catalogue.
    #[error("there is no plan {0}")]
    UnknownPlan(PlanId),
    /// The plan has no prices.
    #[error("plan {plan} is not on sale")]
    NotOnSale {
        /// Which.
        plan: PlanId,
    },
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
    #[error("the end must be after the start, {start}")]
    EndNotAfterStart {
        /// When it starts.
        start: Timestamp,
    },
    /// A date that has passed.
    #[error("{at} is not in the future; it is {now} now")]
    NotInFuture {
        /// What was asked for.
        at: Timestamp,
        /// What time it is.
        now: Timestamp,
        /// The rule that wants it so.
        rule: &'static str,
    },
    /// A number of days that is none.
    #[error("a number of days is 1 to {days_max}")]
    Days {
        /// The most that make sense.
        days_max: u32,
    },
    /// A pause without end where policy wants one, or too long a one.
    #[error("a pause may last at most {days_max} days and needs an end")]
    PauseTooLong {
        /// The most days allowed.
        days_max: u32,
    },
    /// Enough pauses for this year.
    #[error("a year has at most {max} {what} of pause, and {used} are used")]
    PauseUsedUp {
        /// Times or days.
        what: &'static str,
        /// How many are used.
        used: u16,
        /// The most in a year.
        max: u16,
    },
    /// Not yet active for long enough.
    #[error("it must run for {months} months without a break before a pause: until {from}")]
    PauseTooEarly {
        /// How many.
        months: u16,
        /// When they are over.
        from: Timestamp,
    },
    /// A pause of one who owes something.
    #[error("{debt} are owed; who owes something may not pause")]
    PauseWithDebt {
        /// How much.
        debt: Money,
    },
    /// Only operators end this pause.
    #[error("this pause was made by the provider, who alone may end it")]
    PauseLocked,
    /// Grace of no days or too many.
    #[error("grace is 1 to {days_max} days, what was given before counted in")]
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
    #[error("{what} is switched off by policy")]
    SwitchedOff {
        /// What.
        what: &'static str,
        /// The rule that has the switch.
        rule: &'static str,
    },
    /// Not even a debt to suspend for.
    #[error("nothing is owed")]
    NoDebt,
    /// The debt is below what may suspend.
    #[error("the debt is below {minimum}, the least that may suspend")]
    DebtTooSmall {
        /// The least.
        minimum: Money,
    },
    /// Not before policy says so.
    #[error("policy suspends for this debt at {at}, not before")]
    SuspensionTooEarly {
        /// When.
        at: Timestamp,
    },
    /// A day without suspensions.
    #[error("{date} is a day on which nobody is suspended for debt")]
    ExcludedDay {
        /// Which.
        date: CivilDate,
    },
    /// An operator lifted a suspension for this debt.
    #[error("a suspension for {waived} was lifted; only a greater debt suspends again")]
    DebtWaived {
        /// For how much.
        waived: Money,
    },
    /// Too old to suspend by.
    #[error("what is known of the debt is older than {hours_max} hours, or its age is not known")]
    DebtTooOld {
        /// How old it may be.
        hours_max: i64,
    },
    /// The subscriber's one time is over.
    #[error("this suspension was postponed already; a subscriber may do so once")]
    PostponedAlready,
    /// Longer than policy allows.
    #[error("a suspension can be postponed until {latest} at the latest")]
    PostponedTooLong {
        /// The latest instant.
        latest: Timestamp,
    },
    /// A plan that one may not change to.
    #[error("from plan {from} one may change to {allowed}, not to {plan}")]
    ChangeTarget {
        /// The plan it has.
        from: PlanId,
        /// The plan asked for.
        plan: PlanId,
        /// Those allowed, in words.
        allowed: String,
    },
    /// The plan it has.
    #[error("it has plan {0} already")]
    SamePlan(PlanId),
    /// After its end has gone by.
    #[error("it ended more than {days} days ago: the time to reinstate it is over")]
    RetentionOver {
        /// How long it could be.
        days: u32,
    },
    /// No such entry, or none that can be taken back.
    #[error("this entry cannot be taken back: {0}")]
    NotRevertible(&'static str),
    /// The journal cannot tell what would have been.
    #[error("the journal of this subscription cannot be replayed: {0}")]
    Replay(String),
    /// More than what is left of it.
    #[error(
        "{asked} are more than the unconsumed value, {unconsumed}; to return more, say that a loss is meant"
    )]
    MoreThanUnconsumed {
        /// What was asked for.
        asked: Money,
        /// What is left.
        unconsumed: Money,
    },
    /// More than was paid.
    #[error("{asked} are more than the {paid} that were paid")]
    MoreThanPaid {
        /// What was asked for.
        asked: Money,
        /// What was paid.
        paid: Money,
    },
    /// The new status is not the one asked for.
    #[error("after it the subscription would be {found}, not {expected}")]
    OtherStanding {
        /// What was asked for.
        expected: Standing,
        /// What it would be.
        found: Standing,
    },
    /// There is no such request.
    #[error("there is no such request")]
    UnknownRequest,
    /// The request is decided.
    #[error("this request is {0} already")]
    RequestDecided(&'static str),
    /// A request for what has changed since.
    #[error("the subscription has changed since this was requested: request it anew")]
    RequestStale,
    /// One's own request.
    #[error("who requested it may not decide it; another operator must")]
    OwnRequest,
    /// There was no such payment for this subscription.
    #[error("payment {0} is not known for this subscription")]
    UnknownPayment(PaymentId),
    /// Too much for money that nobody has confirmed.
    #[error("at most {count_max} payments may wait for confirmation, of {value_max} together")]
    ProvisionalBound {
        /// How many.
        count_max: u32,
        /// How much, in words.
        value_max: String,
    },
    /// A date of performance that is to come.
    #[error("what is entered now cannot have been performed later, at {0}")]
    PerformedLater(Timestamp),
    /// A day of the month that is none.
    #[error("an anchor day is 1 to 31")]
    AnchorDay,
    /// Too many services.
    #[error("a subscription has at most {} further services", Facts::SERVICES_MAX)]
    TooManyServices,
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

impl From<ChangeError> for Refusal {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Money(error) => Self::Money(error),
            ChangeError::Calendar(error) => Self::Calendar(error),
        }
    }
}

impl Refusal {
    /// The number of the rule in the lifecycle document that refused.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Exists
            | Self::UnknownPlan(_)
            | Self::NotOnSale { .. }
            | Self::TooManyServices => "T1",
            Self::Unknown => "T0",
            Self::Role { command, .. }
            | Self::Standing { command, .. }
            | Self::NotPlanned { command, .. } => command.rule(),
            Self::Planned { rule, .. }
            | Self::SwitchedOff { rule, .. }
            | Self::NotInFuture { rule, .. } => rule,
            Self::NotHeld("disabled") => "T14",
            Self::NotHeld(_) => "T10",
            Self::Months { .. } => "L8",
            Self::Funds { .. } | Self::AmountNotPositive => "L26",
            Self::Money(_) => "E11",
            Self::Calendar(_) | Self::AnchorDay => "E1",
            Self::EndNotAfterStart { .. } | Self::Days { .. } => "L24",
            Self::PauseTooLong { .. }
            | Self::PauseUsedUp { .. }
            | Self::PauseTooEarly { .. }
            | Self::PauseWithDebt { .. } => "L28",
            Self::PauseLocked => "T6",
            Self::GraceDays { .. } => "L7",
            Self::ReasonMissing | Self::PerformedLater(_) => "L30",
            Self::NotConfirmed(Warning::StillBilled) => "L21",
            Self::NotConfirmed(Warning::LoggingStops) => "L22",
            Self::NoDebt
            | Self::DebtTooSmall { .. }
            | Self::SuspensionTooEarly { .. }
            | Self::ExcludedDay { .. } => "L11",
            Self::DebtWaived { .. } | Self::PostponedAlready | Self::PostponedTooLong { .. } => {
                "L14"
            }
            Self::DebtTooOld { .. } => "E14",
            Self::ChangeTarget { .. } | Self::SamePlan(_) => "L15",
            Self::RetentionOver { .. } => "L23",
            Self::NotRevertible(_) | Self::Replay(_) => "L4",
            Self::MoreThanUnconsumed { .. } => "L5",
            Self::OtherStanding { .. } => "L2",
            Self::UnknownRequest | Self::RequestDecided(_) => "T23",
            Self::RequestStale | Self::OwnRequest => "L3",
            Self::UnknownPayment(_) | Self::MoreThanPaid { .. } => "T24",
            Self::ProvisionalBound { .. } => "E16",
        }
    }
}

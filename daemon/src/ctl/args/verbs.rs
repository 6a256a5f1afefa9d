//! What the commands for one subscription and those for many have in common.

use clap::{Args, ValueEnum};

/// Months, and the money for them.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(in crate::ctl) struct Purchase {
    /// How many
    #[arg(
        long,
        value_name = "N",
        required_unless_present = "quote",
        conflicts_with = "quote"
    )]
    pub(in crate::ctl) months: Option<u16>,
    /// The money taken, such as 29.90
    #[arg(long)]
    pub(in crate::ctl) amount: Option<String>,
    /// The payment's id at whoever took the money; one id has one effect
    #[arg(long, value_name = "ID")]
    pub(in crate::ctl) payment_id: Option<String>,
    /// At the price that this quote promised
    #[arg(long, value_name = "ID")]
    pub(in crate::ctl) quote: Option<String>,
    /// Nobody can confirm the money yet; the ledger posts or voids it later
    #[arg(long, conflicts_with = "quote")]
    pub(in crate::ctl) provisional: bool,
    /// Pause at the end of them, until further notice
    #[arg(long)]
    pub(in crate::ctl) then_pause: bool,
}

/// Days free of charge.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(in crate::ctl) struct Grace {
    /// How many
    #[arg(long, value_name = "N")]
    pub(in crate::ctl) days: u32,
}

/// From when and until when.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(in crate::ctl) struct Pause {
    /// When it starts: a date or an RFC 3339 time; now where nothing is said
    #[arg(long, visible_alias = "on", value_name = "WHEN")]
    pub(in crate::ctl) at: Option<String>,
    /// It starts with the midnight so many days from today
    #[arg(long, value_name = "N", conflicts_with = "at")]
    pub(in crate::ctl) after_days: Option<u32>,
    /// When it ends by itself: a date or an RFC 3339 time
    #[arg(long, value_name = "WHEN")]
    pub(in crate::ctl) until: Option<String>,
    /// It ends with the midnight so many days after that of its start
    #[arg(long, value_name = "N", conflicts_with = "until")]
    pub(in crate::ctl) for_days: Option<u32>,
    /// The subscriber may not end it
    #[arg(long)]
    pub(in crate::ctl) locked: bool,
}

/// What for.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(in crate::ctl) struct Suspend {
    /// What for
    #[arg(long, value_enum, default_value = "operator")]
    pub(in crate::ctl) cause: Cause,
    /// What is owed; paying it lifts the wall
    #[arg(long, value_name = "AMOUNT")]
    pub(in crate::ctl) debt: Option<String>,
}

/// What an operator may suspend for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(in crate::ctl) enum Cause {
    /// A decision, perhaps with a debt
    Operator,
    /// Fraud: paying does not lift it
    Fraud,
}

impl Cause {
    pub(in crate::ctl) const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Fraud => "fraud",
        }
    }
}

/// Until when.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(in crate::ctl) struct Postpone {
    /// A date or an RFC 3339 time
    #[arg(long, value_name = "WHEN")]
    pub(in crate::ctl) until: Option<String>,
    /// For so many hours from now
    #[arg(long, value_name = "N", conflicts_with = "until")]
    pub(in crate::ctl) hours: Option<u32>,
}

/// To which plan, and when.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(in crate::ctl) struct ChangePlan {
    /// The new plan
    #[arg(value_name = "PLAN")]
    pub(in crate::ctl) plan: String,
    /// At once
    #[arg(long, conflicts_with_all = ["next_period", "on"])]
    pub(in crate::ctl) now: bool,
    /// With the end of what is paid
    #[arg(long, conflicts_with = "on")]
    pub(in crate::ctl) next_period: bool,
    /// With the first instant of that date
    #[arg(long, value_name = "DATE")]
    pub(in crate::ctl) on: Option<String>,
}

/// When it ends.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(in crate::ctl) struct Terminate {
    /// A date or an RFC 3339 time; now where nothing is said
    #[arg(long, visible_alias = "on", value_name = "WHEN")]
    pub(in crate::ctl) at: Option<String>,
    /// With the midnight so many days from today
    #[arg(long, value_name = "N", conflicts_with = "at")]
    pub(in crate::ctl) after_days: Option<u32>,
}

/// How it is renewed.
#[derive(Args, Clone, Debug)]
#[group(id = "settings", required = true, multiple = true)]
pub(in crate::ctl) struct Set {
    /// How many months at a time: a number, or default
    #[arg(long, value_name = "N")]
    pub(in crate::ctl) renew_months: Option<String>,
    /// Whether credit buys them by itself
    #[arg(long, value_enum)]
    pub(in crate::ctl) use_credit: Option<OnOff>,
    /// Whether they are paid for before or after: forward, backward, default
    #[arg(long, value_name = "WHEN", value_parser = ["forward", "backward", "default"])]
    pub(in crate::ctl) invoicing: Option<String>,
}

/// A switch that can be left to policy.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(in crate::ctl) enum OnOff {
    /// Yes
    On,
    /// No
    Off,
    /// As policy says
    Default,
}

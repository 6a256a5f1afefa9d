//! `revert …`, `ticket …`, `quote …`: what waits for a person, and what was promised.

use clap::{Subcommand, ValueEnum};

use super::{Change, Said};

#[derive(Debug, Subcommand)]
pub(in crate::ctl) enum Revert {
    /// Ask that a journal entry be taken back; another operator decides
    #[command(
        after_help = "Examples:\n  garthctl revert request user0000001 42 --reason \"invoice 4711\" --dry-run\n  \
        garthctl revert request user0000001 42 --reason \"invoice 4711\" --amount 10.00 --status active\n\n\
        A dry run shows all effects: how the subscription would be, which later renewals shift, what is given back."
    )]
    Request {
        /// Id, username, MAC address or external id
        #[arg(value_name = "ID")]
        name: String,
        /// The entry, by its id or by its sequence number
        entry: String,
        /// What the subscription is to be after it; refused where it would be something else
        #[arg(long, value_name = "STANDING")]
        status: Option<String>,
        /// How much to give back; what is not consumed where nothing is said
        #[arg(long)]
        amount: Option<String>,
        /// Also more than what is not consumed, at a loss
        #[arg(long)]
        allow_loss: bool,
        #[command(flatten)]
        said: Said,
        #[command(flatten)]
        change: Change,
    },
    /// List requests, oldest first
    #[command(after_help = "Examples:\n  garthctl revert list --pending\n  \
        garthctl revert list --subscription user0000001")]
    List {
        /// Only those that wait for a decision
        #[arg(long)]
        pending: bool,
        /// Only those of this subscription
        #[arg(long, value_name = "ID")]
        subscription: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value = "50")]
        limit: usize,
    },
    /// Show a request
    #[command(after_help = "Example:\n  garthctl revert show 0190f5fe-7c00-7a00-8000-000000000001")]
    Show {
        /// The request
        #[arg(value_name = "REQUEST")]
        id: String,
    },
    /// Agree to the request of another operator, and have it done
    #[command(
        after_help = "Examples:\n  garthctl revert approve 0190f5fe-7c00-7a00-8000-000000000001 --dry-run\n  \
        garthctl revert approve 0190f5fe-7c00-7a00-8000-000000000001"
    )]
    Approve(Decide),
    /// Do not agree to a request
    #[command(
        after_help = "Example:\n  garthctl revert deny 0190f5fe-7c00-7a00-8000-000000000001 --reason \"invoice 4711\""
    )]
    Deny(Decide),
    /// Count requests and sum what they gave back
    #[command(
        after_help = "Examples:\n  garthctl revert report --from 2026-11-01 --to 2026-12-01\n  \
        garthctl revert report --by reseller"
    )]
    Report {
        /// Those requested then or later: a date or an RFC 3339 time
        #[arg(long, value_name = "WHEN")]
        from: Option<String>,
        /// Those requested before then
        #[arg(long, value_name = "WHEN")]
        to: Option<String>,
        /// What the rows are
        #[arg(long, value_enum, default_value = "reason")]
        by: By,
    },
}

/// Which request is decided.
#[derive(clap::Args, Clone, Debug)]
pub(in crate::ctl) struct Decide {
    /// The request
    #[arg(value_name = "REQUEST")]
    pub(in crate::ctl) id: String,
    #[command(flatten)]
    pub(in crate::ctl) said: Said,
    #[command(flatten)]
    pub(in crate::ctl) change: Change,
}

/// What a report is by.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(in crate::ctl) enum By {
    /// Why it was requested
    Reason,
    /// The plan at that time
    Plan,
    /// Who sold it
    Reseller,
}

impl By {
    pub(in crate::ctl) const fn as_str(self) -> &'static str {
        match self {
            Self::Reason => "reason",
            Self::Plan => "plan",
            Self::Reseller => "reseller",
        }
    }
}

#[derive(Debug, Subcommand)]
pub(in crate::ctl) enum Ticket {
    /// List tickets, oldest first
    #[command(after_help = "Examples:\n  garthctl ticket list\n  \
        garthctl ticket list --subscription user0000001 --all")]
    List {
        /// Also those that are closed
        #[arg(long)]
        all: bool,
        /// Only those of this subscription
        #[arg(long, value_name = "ID")]
        subscription: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value = "50")]
        limit: usize,
    },
    /// Show a ticket
    #[command(after_help = "Example:\n  garthctl ticket show 0190f5fe-7c00-7a00-8000-000000000001")]
    Show {
        /// The ticket
        #[arg(value_name = "TICKET")]
        id: String,
    },
    /// Close a ticket
    #[command(
        after_help = "Example:\n  garthctl ticket close 0190f5fe-7c00-7a00-8000-000000000001 --answer \"bank holiday\""
    )]
    Close {
        /// The ticket
        #[arg(value_name = "TICKET")]
        id: String,
        /// What the subscriber is told
        #[arg(long, value_name = "TEXT")]
        answer: Option<String>,
        /// Show the ticket as it would be, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(in crate::ctl) enum Hold {
    /// List what keeps time from going on
    #[command(after_help = "Example:\n  garthctl hold list")]
    List,
    /// Let time go on: the clock is right, or the mass change is meant
    #[command(
        after_help = "Examples:\n  garthctl hold confirm clock_jump --dry-run\n  \
        garthctl hold confirm mass_change --yes"
    )]
    Confirm {
        /// What holds it: clock_jump, or, for approvers, mass_change
        kind: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Show what would be confirmed, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(in crate::ctl) enum Quote {
    /// Promise today's price for a time
    #[command(
        after_help = "Example:\n  garthctl quote make user0000001 --months 3\n\n\
        subscription pay --quote ID takes money for it."
    )]
    Make {
        /// Id, username, MAC address or external id
        #[arg(value_name = "ID")]
        name: String,
        /// How many
        #[arg(long, value_name = "N")]
        months: u16,
        /// Pause at the end of them, until further notice
        #[arg(long)]
        then_pause: bool,
        /// Show the price, and promise nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// List the quotes of a subscription, newest first
    #[command(after_help = "Example:\n  garthctl quote list user0000001")]
    List {
        /// Id, username, MAC address or external id
        #[arg(value_name = "ID")]
        name: String,
        /// At most so many
        #[arg(long, value_name = "N", default_value = "50")]
        limit: usize,
    },
    /// Show a quote
    #[command(after_help = "Example:\n  garthctl quote show 0190f5fe-7c00-4a00-8000-000000000001")]
    Show {
        /// The quote
        #[arg(value_name = "QUOTE")]
        id: String,
    },
}

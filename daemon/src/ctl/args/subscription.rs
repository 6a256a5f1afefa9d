//! `subscription …`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::verbs::{ChangePlan, Grace, Pause, Postpone, Purchase, Set, Suspend, Terminate};
use super::{Bulk, Change, Target};

#[derive(Debug, Subcommand)]
pub(in crate::ctl) enum Subscription {
    /// List subscriptions
    #[command(
        after_help = "Examples:\n  garthctl subscription list --standing suspended\n  \
        garthctl --json subscription list --plan home-100 | jq -r .[].username"
    )]
    List {
        /// Only those that are: pending, active, grace, expired, paused, suspended, disabled, terminated, cancelled
        #[arg(long)]
        standing: Option<String>,
        /// Only those with this plan
        #[arg(long, value_name = "ID")]
        plan: Option<String>,
        /// Only those sold under this partner
        #[arg(long, value_name = "NAME")]
        partner: Option<String>,
        /// Only those sold by this reseller
        #[arg(long, value_name = "NAME")]
        reseller: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// Show a subscription
    #[command(after_help = "Examples:\n  garthctl subscription show user0000001\n  \
        garthctl --json subscription show 02:00:00:00:00:07")]
    Show {
        /// Id, username, MAC address or external id
        #[arg(value_name = "ID")]
        name: String,
    },
    /// Add a subscription
    #[command(
        after_help = "Example:\n  printf %s tulip | garthctl subscription add \
        --username user0000001 --password-stdin --plan home-100 --paid-through 2027-01-31"
    )]
    Add(Box<Add>),
    /// Add many subscriptions from JSON Lines or CSV
    #[command(
        after_help = "Examples:\n  garthctl subscription import subscribers.jsonl\n  \
        garthctl subscription import --dry-run subscribers.csv\n  \
        zcat old.jsonl.gz | garthctl subscription import -\n\n\
        Every bad line is reported by its number; the good ones are kept, and the exit code is 1.\n\
        A dry run checks names against the store and against each other, the latter for the first 4 \
        million."
    )]
    Import {
        /// The file; - is standard input
        file: PathBuf,
        /// The file is CSV; so is one that is named *.csv
        #[arg(long)]
        csv: bool,
        /// Show what would be refused, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Write all subscriptions as JSON Lines that an import reads
    #[command(after_help = "Example:\n  garthctl subscription export --secrets --output all.jsonl")]
    Export {
        /// With passwords and NT hashes
        #[arg(long, alias = "with-secrets")]
        secrets: bool,
        /// Into a file that only its owner reads, instead of standard output
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Buy months from the credit on the account
    #[command(
        after_help = "Examples:\n  garthctl subscription renew user0000001 --months 1\n  \
        garthctl subscription renew user0000001 --months 3 --then-pause --dry-run"
    )]
    Renew {
        #[command(flatten)]
        target: Target,
        /// How many
        #[arg(long, value_name = "N")]
        months: u16,
        /// Pause at the end of them, until further notice
        #[arg(long)]
        then_pause: bool,
    },
    /// Buy months; this also brings back one that is expired, paused or suspended for a debt
    #[command(
        after_help = "Examples:\n  garthctl subscription pay user0000001 --months 3\n  \
        garthctl subscription pay user0000001 --months 1 --amount 29.90 --payment-id cash-4711\n  \
        garthctl subscription pay user0000001 --quote 0190f5fe-7c00-4a00-8000-000000000001\n  \
        garthctl subscription pay user0000001 --months 1 --provisional\n\n\
        Without --amount it is what the months cost now; the payment id is in the answer."
    )]
    Pay {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        purchase: Purchase,
        /// From the credit on the account, as renew does
        #[arg(long, conflicts_with_all = ["amount", "payment_id", "quote", "provisional"])]
        from_balance: bool,
    },
    /// Buy months for one that is expired, paused or suspended; refused for one that is not
    #[command(after_help = "Example:\n  garthctl subscription reactivate user0000001 --months 1")]
    Reactivate {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        purchase: Purchase,
    },
    /// Give days free of charge
    #[command(
        after_help = "Example:\n  garthctl subscription grace user0000001 --days 3 \
        --reason \"bank holiday\""
    )]
    Grace {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        grace: Grace,
    },
    /// Deactivate for a while; paid time is banked
    #[command(
        after_help = "Examples:\n  garthctl subscription pause user0000001 --until 2027-03-01\n  \
        garthctl subscription pause user0000001 --at 2027-02-01 --for-days 14\n  \
        garthctl subscription pause user0000001 --after-days 3 --locked\n\n\
        A date is its first instant in the billing time zone; without an end the pause is open."
    )]
    Pause {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        pause: Pause,
    },
    /// End a pause and give banked time back, or call off a pause to come
    #[command(after_help = "Example:\n  garthctl subscription end-pause user0000001")]
    EndPause(Target),
    /// Pause from a date on, until further notice; or let it run on
    #[command(
        after_help = "Examples:\n  garthctl subscription active-to user0000001 2027-06-30\n  \
        garthctl subscription active-to user0000001 none"
    )]
    ActiveTo {
        #[command(flatten)]
        target: Target,
        /// A date, an RFC 3339 time, or none
        #[arg(value_name = "WHEN")]
        at: String,
    },
    /// Wall a subscription
    #[command(after_help = "Example:\n  garthctl subscription suspend user0000001 \
        --cause operator --debt 29.90 --reason \"invoice 4711\"")]
    Suspend {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        suspend: Suspend,
    },
    /// End a suspension
    #[command(after_help = "Example:\n  garthctl subscription lift user0000001")]
    Lift(Target),
    /// Put a suspension off
    #[command(
        after_help = "Examples:\n  garthctl subscription postpone user0000001\n  \
        garthctl subscription postpone user0000001 --hours 24\n\n\
        Without --until and --hours it is for as long as policy allows."
    )]
    Postpone {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        postpone: Postpone,
    },
    /// Switch off; it is still billed
    #[command(after_help = "Example:\n  garthctl subscription disable user0000001 \
        --reason \"router sends spam\" --yes")]
    Disable {
        #[command(flatten)]
        target: Target,
        /// Answer the warning
        #[arg(long)]
        yes: bool,
    },
    /// Switch on again
    #[command(after_help = "Example:\n  garthctl subscription enable user0000001")]
    Enable(Target),
    /// Change the plan, with the next period unless another time is given
    #[command(
        after_help = "Examples:\n  garthctl subscription change-plan user0000001 home-500 --dry-run\n  \
        garthctl subscription change-plan user0000001 home-500 --now --yes\n  \
        garthctl subscription change-plan user0000001 home-500 --on 2027-03-01\n\n\
        The price of change is shown line by line; on a terminal it is asked before it is done."
    )]
    ChangePlan {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        plan: ChangePlan,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Call off a change of plan to come
    #[command(after_help = "Example:\n  garthctl subscription cancel-change user0000001")]
    CancelChange(Target),
    /// Call off a subscription that has not begun
    #[command(after_help = "Example:\n  garthctl subscription cancel user0000001")]
    Cancel(Target),
    /// End for good, now or on a date; it is no longer logged then
    #[command(
        after_help = "Examples:\n  garthctl subscription terminate user0000001 --yes\n  \
        garthctl subscription terminate user0000001 --at 2027-03-01 --yes\n\n\
        What was on its agenda is cleared, and the answer says what that was."
    )]
    Terminate {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        terminate: Terminate,
        /// Answer the warning
        #[arg(long)]
        yes: bool,
    },
    /// Call off an end to come
    #[command(after_help = "Example:\n  garthctl subscription cancel-termination user0000001")]
    CancelTermination(Target),
    /// Bring back one that was terminated, expired; for support only
    #[command(after_help = "Example:\n  garthctl subscription reinstate user0000001")]
    Reinstate(Target),
    /// Set how it goes on at the end of its paid time
    #[command(
        after_help = "Examples:\n  garthctl subscription set user0000001 --renew-months 3 --use-credit on\n  \
        garthctl subscription set user0000001 --invoicing backward\n  \
        garthctl subscription set user0000001 --renew-months default\n\n\
        What is not given stays as it is; default is what policy says."
    )]
    Set {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        set: Set,
    },
    /// One command for many subscriptions
    #[command(subcommand)]
    Bulk(Bulk),
    /// Tell in words why it has this access
    #[command(after_help = "Example:\n  garthctl subscription explain user0000001")]
    Explain {
        /// Id, username, MAC address or external id
        #[arg(value_name = "ID")]
        name: String,
    },
    /// List its journal entries, newest first
    #[command(after_help = "Example:\n  garthctl subscription history user0000001 --limit 5")]
    History {
        /// Id, username, MAC address or external id
        #[arg(value_name = "ID")]
        name: String,
        /// At most so many
        #[arg(long, value_name = "N", default_value = "50")]
        limit: usize,
    },
    /// Show what it has used, month by month, the newest first
    #[command(after_help = "Example:\n  garthctl subscription usage user0000001")]
    Usage {
        /// Id, username, MAC address or external id
        #[arg(value_name = "ID")]
        name: String,
    },
    /// Print a one-time link to its portal, as its subscriber sees it
    #[command(after_help = "Example:\n  garthctl subscription open user0000001\n\n\
        The link opens once, within five minutes. What is done behind it bears your name.")]
    Open {
        /// Id, username, MAC address or external id
        #[arg(value_name = "ID")]
        name: String,
    },
    /// List what can be done with it now, beside its services, equipment and unsettled bills
    #[command(after_help = "Example:\n  garthctl subscription actions user0000001 --all")]
    Actions {
        /// Id, username, MAC address or external id
        #[arg(value_name = "ID")]
        name: String,
        /// Also what cannot be done, and why not
        #[arg(long)]
        all: bool,
    },
}

/// A new subscription.
#[derive(Args, Debug)]
pub(in crate::ctl) struct Add {
    /// The plan for access to the Internet
    #[arg(long, value_name = "ID")]
    pub(in crate::ctl) plan: String,
    /// What RADIUS calls it
    #[arg(long)]
    pub(in crate::ctl) username: Option<String>,
    /// The password; others on this machine can see it, so better --password-stdin
    #[arg(long, conflicts_with = "password_stdin")]
    pub(in crate::ctl) password: Option<String>,
    /// Read the password from standard input
    #[arg(long)]
    pub(in crate::ctl) password_stdin: bool,
    /// A file with the NT hash of a password that is not known itself: 32 hexadecimal digits
    #[arg(long, value_name = "FILE", conflicts_with_all = ["password", "password_stdin"])]
    pub(in crate::ctl) nt_hash_file: Option<PathBuf>,
    /// Its equipment
    #[arg(long)]
    pub(in crate::ctl) mac: Option<String>,
    /// Its line, as the access node names it (Agent-Circuit-Id)
    #[arg(long, value_name = "ID")]
    pub(in crate::ctl) circuit_id: Option<String>,
    /// The other end of its line (Agent-Remote-Id)
    #[arg(long, value_name = "ID")]
    pub(in crate::ctl) remote_id: Option<String>,
    /// What another system calls it
    #[arg(long, value_name = "ID")]
    pub(in crate::ctl) external_id: Option<String>,
    /// A UUID; made up where there is none
    #[arg(long, value_name = "UUID")]
    pub(in crate::ctl) id: Option<String>,
    /// A date (to its end) or an RFC 3339 time; its start where there is none
    #[arg(long, value_name = "WHEN")]
    pub(in crate::ctl) paid_through: Option<String>,
    /// A date (its first instant) or an RFC 3339 time; now where there is none
    #[arg(long, value_name = "WHEN")]
    pub(in crate::ctl) start_at: Option<String>,
    /// The day of the month its months are counted from
    #[arg(long, value_name = "DAY")]
    pub(in crate::ctl) anchor_day: Option<u8>,
    /// Credit, or debt with a minus
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    pub(in crate::ctl) balance: Option<String>,
    /// A further plan that is billed with it; may be given several times
    #[arg(long = "service", value_name = "PLAN")]
    pub(in crate::ctl) services: Vec<String>,
    /// Its fixed IPv4 address
    #[arg(long, value_name = "ADDRESS")]
    pub(in crate::ctl) framed_ipv4: Option<String>,
    /// The fixed IPv6 prefix of its link, a /64
    #[arg(long, value_name = "PREFIX")]
    pub(in crate::ctl) framed_ipv6: Option<String>,
    /// Its fixed IPv6 prefix
    #[arg(long, value_name = "PREFIX")]
    pub(in crate::ctl) delegated_ipv6: Option<String>,
    /// A network behind it: "198.51.100.0/24", or with a metric "198.51.100.0/24 10"; up to four times
    #[arg(long = "framed-route", value_name = "ROUTE")]
    pub(in crate::ctl) framed_routes: Vec<String>,
    /// The language of its portal: en, de
    #[arg(long)]
    pub(in crate::ctl) language: Option<String>,
    /// A person's or company's name
    #[arg(long)]
    pub(in crate::ctl) name: Option<String>,
    /// A telephone number
    #[arg(long)]
    pub(in crate::ctl) phone: Option<String>,
    /// Sold under
    #[arg(long)]
    pub(in crate::ctl) partner: Option<String>,
    /// Sold by
    #[arg(long)]
    pub(in crate::ctl) reseller: Option<String>,
    #[command(flatten)]
    pub(in crate::ctl) change: Change,
}

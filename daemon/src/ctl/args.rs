//! The command line: nouns, verbs, and their options.

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

/// Operates garthd over its admin socket.
#[derive(Debug, Parser)]
#[command(
    name = "garthctl",
    version,
    after_help = "Examples:\n  garthctl status\n  garthctl subscription explain user0000001\n  \
        garthctl --json subscription list --standing suspended | jq -r .[].username"
)]
pub(super) struct Cli {
    /// The admin socket of garthd
    #[arg(
        long,
        global = true,
        env = "GARTH_SOCKET",
        hide_env_values = true,
        default_value = "/run/garth/admin.sock",
        value_name = "PATH"
    )]
    pub(super) socket: PathBuf,
    /// Print JSON for programs
    #[arg(long, global = true)]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) noun: Noun,
}

/// How every run ends; the last lines of every help.
const EXIT_CODES: &str = "Exit codes:\n  0  done\n  1  refused by a rule, or failed; the reason is on standard error\n  \
    2  the command line or a value is wrong\n  3  garthd does not answer, or is too busy\n  \
    4  not permitted to this user";

/// The command line with the exit codes in the help of every noun and verb.
pub(super) fn command() -> clap::Command {
    with_exit_codes(Cli::command())
}

fn with_exit_codes(command: clap::Command) -> clap::Command {
    let help = match command.get_after_help() {
        Some(help) => format!("{help}\n\n{EXIT_CODES}"),
        None => EXIT_CODES.to_owned(),
    };
    command.mut_subcommands(with_exit_codes).after_help(help)
}

#[derive(Debug, Subcommand)]
pub(super) enum Noun {
    /// Subscriptions: who has which access, until when, and why
    #[command(subcommand, visible_alias = "sub")]
    Subscription(Subscription),
    /// The catalogue of plans
    #[command(subcommand)]
    Plan(Plan),
    /// RADIUS sessions
    #[command(subcommand)]
    Session(Session),
    /// The journal of all changes
    #[command(subcommand)]
    Journal(Journal),
    /// The garden on this router
    #[command(subcommand)]
    Garden(Garden),
    /// The captive portal
    #[command(subcommand)]
    Portal(Portal),
    /// Health, counts and settings of the daemon
    #[command(after_help = "Examples:\n  garthctl status\n  garthctl status --all")]
    Status {
        /// Also counters that are zero
        #[arg(long)]
        all: bool,
    },
    /// Print a completion script for a shell
    #[command(
        after_help = "Example:\n  garthctl completions bash > /etc/bash_completion.d/garthctl"
    )]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages
    #[command(after_help = "Example:\n  garthctl man /usr/local/share/man/man1")]
    Man {
        /// Where to
        directory: PathBuf,
    },
}

/// What every change takes.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Change {
    /// Show what would change, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Make it safe to repeat: the same id has one effect
    #[arg(long, value_name = "ID")]
    pub(super) command_id: Option<String>,
}

/// A change of one subscription.
#[derive(Args, Clone, Debug)]
pub(super) struct Target {
    /// Id, username, MAC address or external id
    #[arg(value_name = "ID")]
    pub(super) name: String,
    /// Why, for the journal
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
    #[command(flatten)]
    pub(super) change: Change,
}

#[derive(Debug, Subcommand)]
pub(super) enum Subscription {
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
        /// With passwords
        #[arg(long)]
        secrets: bool,
        /// Into a file that only its owner reads, instead of standard output
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Buy months
    #[command(
        after_help = "Examples:\n  garthctl subscription pay user0000001 --months 3\n  \
        garthctl subscription pay user0000001 --months 1 --from-balance --dry-run\n\n\
        Without --amount it is what the months cost now; the payment id is in the answer."
    )]
    Pay {
        #[command(flatten)]
        target: Target,
        /// How many
        #[arg(long, value_name = "N")]
        months: u16,
        /// The money taken, such as 29.90
        #[arg(long)]
        amount: Option<String>,
        /// The payment's id at whoever took the money; one id has one effect
        #[arg(long, value_name = "ID")]
        payment_id: Option<String>,
        /// From the credit on the account
        #[arg(long, conflicts_with_all = ["amount", "payment_id"])]
        from_balance: bool,
    },
    /// Give days free of charge
    #[command(
        after_help = "Example:\n  garthctl subscription grace user0000001 --days 3 \
        --reason \"bank holiday\""
    )]
    Grace {
        #[command(flatten)]
        target: Target,
        /// How many
        #[arg(long, value_name = "N")]
        days: u32,
    },
    /// Deactivate for a while; paid time is banked
    #[command(
        after_help = "Examples:\n  garthctl subscription pause user0000001 --until 2027-03-01\n  \
        garthctl subscription pause user0000001\n\n\
        A date is its first instant in the billing time zone; without --until the pause is open."
    )]
    Pause {
        #[command(flatten)]
        target: Target,
        /// A date or an RFC 3339 time
        #[arg(long, value_name = "WHEN")]
        until: Option<String>,
    },
    /// End a pause; banked time is given back
    #[command(after_help = "Example:\n  garthctl subscription end-pause user0000001")]
    EndPause(Target),
    /// Wall a subscription
    #[command(after_help = "Example:\n  garthctl subscription suspend user0000001 \
        --cause operator --debt 29.90 --reason \"invoice 4711\"")]
    Suspend {
        #[command(flatten)]
        target: Target,
        /// What for
        #[arg(long, value_enum, default_value = "operator")]
        cause: Cause,
        /// What is owed; paying it lifts the wall
        #[arg(long, value_name = "AMOUNT")]
        debt: Option<String>,
    },
    /// End a suspension
    #[command(after_help = "Example:\n  garthctl subscription lift user0000001")]
    Lift(Target),
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
    /// End for good; it is no longer logged
    #[command(after_help = "Example:\n  garthctl subscription terminate user0000001 --yes")]
    Terminate {
        #[command(flatten)]
        target: Target,
        /// Answer the warning
        #[arg(long)]
        yes: bool,
    },
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
    /// List what can be done with it now
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

/// What an operator may suspend for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Cause {
    /// A decision, perhaps with a debt
    Operator,
    /// Fraud: paying does not lift it
    Fraud,
}

/// A new subscription.
#[derive(Args, Debug)]
pub(super) struct Add {
    /// The plan for access to the Internet
    #[arg(long, value_name = "ID")]
    pub(super) plan: String,
    /// What RADIUS calls it
    #[arg(long)]
    pub(super) username: Option<String>,
    /// The password; others on this machine can see it, so better --password-stdin
    #[arg(long, conflicts_with = "password_stdin")]
    pub(super) password: Option<String>,
    /// Read the password from standard input
    #[arg(long)]
    pub(super) password_stdin: bool,
    /// Its equipment
    #[arg(long)]
    pub(super) mac: Option<String>,
    /// What another system calls it
    #[arg(long, value_name = "ID")]
    pub(super) external_id: Option<String>,
    /// A UUID; made up where there is none
    #[arg(long, value_name = "UUID")]
    pub(super) id: Option<String>,
    /// A date (to its end) or an RFC 3339 time; its start where there is none
    #[arg(long, value_name = "WHEN")]
    pub(super) paid_through: Option<String>,
    /// A date (its first instant) or an RFC 3339 time; now where there is none
    #[arg(long, value_name = "WHEN")]
    pub(super) start_at: Option<String>,
    /// The day of the month its months are counted from
    #[arg(long, value_name = "DAY")]
    pub(super) anchor_day: Option<u8>,
    /// Credit, or debt with a minus
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    pub(super) balance: Option<String>,
    /// A further plan that is billed with it; may be given several times
    #[arg(long = "service", value_name = "PLAN")]
    pub(super) services: Vec<String>,
    /// Its fixed IPv4 address
    #[arg(long, value_name = "ADDRESS")]
    pub(super) framed_ipv4: Option<String>,
    /// Its fixed IPv6 prefix
    #[arg(long, value_name = "PREFIX")]
    pub(super) delegated_ipv6: Option<String>,
    /// The language of its portal: en, de
    #[arg(long)]
    pub(super) language: Option<String>,
    /// A person's or company's name
    #[arg(long)]
    pub(super) name: Option<String>,
    /// A telephone number
    #[arg(long)]
    pub(super) phone: Option<String>,
    /// Sold under
    #[arg(long)]
    pub(super) partner: Option<String>,
    /// Sold by
    #[arg(long)]
    pub(super) reseller: Option<String>,
    #[command(flatten)]
    pub(super) change: Change,
}

#[derive(Debug, Subcommand)]
pub(super) enum Plan {
    /// List the catalogue
    #[command(after_help = "Example:\n  garthctl plan list")]
    List,
    /// Show a plan
    #[command(after_help = "Example:\n  garthctl plan show home-100")]
    Show {
        /// Which one
        id: String,
    },
    /// Replace the catalogue by the one in a TOML file
    #[command(after_help = "Example:\n  garthctl plan apply plans.toml --dry-run")]
    Apply {
        /// The file; - is standard input
        file: PathBuf,
        /// Show what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Session {
    /// List sessions
    #[command(after_help = "Examples:\n  garthctl session list\n  \
        garthctl session list --subscription user0000001 --all")]
    List {
        /// Only those of this subscription
        #[arg(long, value_name = "ID")]
        subscription: Option<String>,
        /// Also those that have ended, the newest first: 1000 at most in all
        #[arg(long)]
        all: bool,
        /// At most so many
        #[arg(long, value_name = "N", default_value = "100")]
        limit: usize,
    },
    /// Ask the NAS to end the sessions of a subscription, or one session
    #[command(
        after_help = "Examples:\n  garthctl session disconnect user0000001\n  \
        garthctl session disconnect --nas pppoe-1 --session 8000002a"
    )]
    Disconnect {
        /// Whose: id, username, MAC address or external id
        #[arg(
            value_name = "ID",
            required_unless_present = "nas",
            conflicts_with = "nas"
        )]
        name: Option<String>,
        /// At which NAS
        #[arg(long, requires = "session")]
        nas: Option<String>,
        /// Which session (Acct-Session-Id)
        #[arg(long, requires = "nas", value_name = "ID")]
        session: Option<String>,
        /// Show which sessions are meant, and end none
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Journal {
    /// List entries, oldest first
    #[command(after_help = "Example:\n  garthctl journal list --from 100 --limit 20")]
    List {
        /// The first one
        #[arg(long, value_name = "SEQUENCE", default_value = "1")]
        from: u64,
        /// At most so many
        #[arg(long, value_name = "N", default_value = "50")]
        limit: usize,
    },
    /// Hash all entries again and compare
    #[command(after_help = "Example:\n  garthctl journal verify")]
    Verify,
}

#[derive(Debug, Subcommand)]
pub(super) enum Garden {
    /// Show drift, and the paid but blocked (must be 0)
    #[command(after_help = "Example:\n  garthctl garden status")]
    Status,
}

#[derive(Debug, Subcommand)]
pub(super) enum Portal {
    /// Print the DHCP and router advertisement options that announce the portal (RFC 8910)
    #[command(after_help = "Example:\n  garthctl portal options")]
    Options,
}

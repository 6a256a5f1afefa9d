//! The command line: nouns, verbs, and their options.

mod bulk;
mod requests;
mod subscription;
mod verbs;

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};

pub(super) use bulk::{Bulk, Selection};
pub(super) use requests::{Decide, Hold, Quote, Revert, Ticket};
pub(super) use subscription::{Add, Subscription};
pub(super) use verbs::{
    ChangePlan, Grace, OnOff, Pause, Postpone, Purchase, Set, Suspend, Terminate,
};

/// Operates garthd over its admin socket.
#[derive(Debug, Parser)]
#[command(
    name = "garthctl",
    version,
    after_help = "Examples:\n  garthctl status\n  garthctl subscription explain user0000001\n  \
        garthctl --json subscription list --standing suspended | jq -r .[].username"
)]
pub(in crate::ctl) struct Cli {
    /// The admin socket of garthd
    #[arg(
        long,
        global = true,
        env = "GARTH_SOCKET",
        hide_env_values = true,
        default_value = "/run/garth/admin.sock",
        value_name = "PATH"
    )]
    pub(in crate::ctl) socket: PathBuf,
    /// Print JSON for programs
    #[arg(long, global = true)]
    pub(in crate::ctl) json: bool,
    #[command(subcommand)]
    pub(in crate::ctl) noun: Noun,
}

/// How every run ends; the last lines of every help.
const EXIT_CODES: &str = "Exit codes:\n  0  done\n  1  refused by a rule, or failed; the reason is on standard error\n  \
    2  the command line or a value is wrong\n  3  garthd does not answer, or is too busy\n  \
    4  not permitted to this user";

/// The command line with the exit codes in the help of every noun and verb.
pub(in crate::ctl) fn command() -> clap::Command {
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
pub(in crate::ctl) enum Noun {
    /// Subscriptions: who has which access, until when, and why
    #[command(subcommand, visible_alias = "sub")]
    Subscription(Subscription),
    /// Journal entries that are to be taken back
    #[command(subcommand)]
    Revert(Revert),
    /// List everything that waits for a second person
    #[command(after_help = "Example:\n  garthctl approvals")]
    Approvals,
    /// Time that is held, as something cannot be right
    #[command(subcommand)]
    Hold(Hold),
    /// What subscribers ask of the operators
    #[command(subcommand)]
    Ticket(Ticket),
    /// Prices that are promised for a time
    #[command(subcommand)]
    Quote(Quote),
    /// The catalogue of plans
    #[command(subcommand)]
    Plan(Plan),
    /// The devices that ask and are told: each `[[nas]]` of the configuration
    #[command(subcommand)]
    Nas(Nas),
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
pub(in crate::ctl) struct Change {
    /// Show what would change, and change nothing
    #[arg(long)]
    pub(in crate::ctl) dry_run: bool,
    /// Make it safe to repeat: the same id has one effect
    #[arg(long, value_name = "ID")]
    pub(in crate::ctl) command_id: Option<String>,
}

/// What is said with a change, for the journal.
#[derive(Args, Clone, Debug, Default)]
pub(in crate::ctl) struct Said {
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(in crate::ctl) reason: Option<String>,
    /// Your own name for this kind of action
    #[arg(long, value_name = "LABEL")]
    pub(in crate::ctl) sub_type: Option<String>,
    /// Who did it, where that is not you
    #[arg(long, value_name = "NAME")]
    pub(in crate::ctl) performed_by: Option<String>,
    /// When it was done, where that is not now: a date or an RFC 3339 time
    #[arg(long, value_name = "WHEN")]
    pub(in crate::ctl) performed_at: Option<String>,
}

/// A change of one subscription.
#[derive(Args, Clone, Debug)]
pub(in crate::ctl) struct Target {
    /// Id, username, MAC address or external id
    #[arg(value_name = "ID")]
    pub(in crate::ctl) name: String,
    #[command(flatten)]
    pub(in crate::ctl) said: Said,
    #[command(flatten)]
    pub(in crate::ctl) change: Change,
}

#[derive(Debug, Subcommand)]
pub(in crate::ctl) enum Plan {
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
pub(in crate::ctl) enum Nas {
    /// List NASes, and how they do
    #[command(after_help = "Example:\n  garthctl nas list")]
    List,
    /// Show a NAS, and what it is told in an Access-Accept and a CoA-Request
    #[command(after_help = "Example:\n  garthctl nas show pppoe-1")]
    Show {
        /// Which one
        name: String,
    },
    /// Ask a NAS about a session that cannot exist, and say what its answers mean
    #[command(after_help = "Examples:\n  garthctl nas probe pppoe-1\n  \
        garthctl nas probe access-net --address 192.0.2.7")]
    Probe {
        /// Which one
        name: String,
        /// At this address, where one entry is for many devices
        #[arg(long, value_name = "ADDRESS")]
        address: Option<std::net::IpAddr>,
    },
}

#[derive(Debug, Subcommand)]
pub(in crate::ctl) enum Session {
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
    /// Show a session: the live one of that name, else the one that ended last
    #[command(
        after_help = "Example:\n  garthctl session show --nas pppoe-1/192.0.2.1 --session 8000002a"
    )]
    Show {
        /// At which NAS, as in the list
        #[arg(long)]
        nas: String,
        /// Which session (Acct-Session-Id)
        #[arg(long, value_name = "ID")]
        session: String,
    },
    /// Ask the NAS to end the sessions of a subscription, or one session
    #[command(
        after_help = "Examples:\n  garthctl session disconnect user0000001\n  \
        garthctl session disconnect --nas pppoe-1/192.0.2.1 --session 8000002a"
    )]
    Disconnect {
        /// Whose: id, username, MAC address or external id
        #[arg(
            value_name = "ID",
            required_unless_present = "nas",
            conflicts_with = "nas"
        )]
        name: Option<String>,
        /// At which NAS, as in the list
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
pub(in crate::ctl) enum Journal {
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
pub(in crate::ctl) enum Garden {
    /// Show drift, and the paid but blocked (must be 0)
    #[command(after_help = "Example:\n  garthctl garden status")]
    Status,
}

#[derive(Debug, Subcommand)]
pub(in crate::ctl) enum Portal {
    /// Print the DHCP and router advertisement options that announce the portal (RFC 8910)
    #[command(after_help = "Example:\n  garthctl portal options")]
    Options,
}

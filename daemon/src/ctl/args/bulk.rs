//! `subscription bulk …`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::verbs::{ChangePlan, Grace, Pause, Postpone, Set, Suspend, Terminate};
use super::{Change, Said};

/// Which subscriptions, and how sure one is.
#[derive(Args, Clone, Debug)]
pub(in crate::ctl) struct Selection {
    /// Those that are so: standing=, plan=, partner= and reseller=, apart by commas
    #[arg(
        long,
        value_name = "KEY=VALUE,…",
        required_unless_present = "file",
        conflicts_with = "file"
    )]
    pub(in crate::ctl) filter: Option<String>,
    /// Those that the file names, one a line: id, username, MAC address or external id; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(in crate::ctl) file: Option<PathBuf>,
    /// Do not ask
    #[arg(long)]
    pub(in crate::ctl) yes: bool,
    /// Also if it takes full access from more than the breaker lets pass (E13); for approvers
    #[arg(long)]
    pub(in crate::ctl) over_breaker: bool,
    #[command(flatten)]
    pub(in crate::ctl) said: Said,
    #[command(flatten)]
    pub(in crate::ctl) change: Change,
}

/// What is done to many.
#[derive(Debug, Subcommand)]
pub(in crate::ctl) enum Bulk {
    /// Change the plan, with the next period unless another time is given
    #[command(
        after_help = "Examples:\n  garthctl subscription bulk change-plan home-500 --filter plan=home-100 --dry-run\n  \
        garthctl subscription bulk change-plan home-500 --now --file names.txt --yes"
    )]
    ChangePlan {
        #[command(flatten)]
        plan: ChangePlan,
        #[command(flatten)]
        selection: Selection,
    },
    /// Call off changes of plan to come
    #[command(
        after_help = "Example:\n  garthctl subscription bulk cancel-change --filter plan=home-100"
    )]
    CancelChange(Selection),
    /// Give days free of charge
    #[command(
        after_help = "Example:\n  garthctl subscription bulk grace --days 3 --filter standing=expired \
        --reason \"bank holiday\""
    )]
    Grace {
        #[command(flatten)]
        grace: Grace,
        #[command(flatten)]
        selection: Selection,
    },
    /// Wall them
    #[command(
        after_help = "Example:\n  garthctl subscription bulk suspend --file names.txt \
        --reason \"invoice 4711\""
    )]
    Suspend {
        #[command(flatten)]
        suspend: Suspend,
        #[command(flatten)]
        selection: Selection,
    },
    /// End suspensions
    #[command(
        after_help = "Example:\n  garthctl subscription bulk lift --filter standing=suspended,reseller=north"
    )]
    Lift(Selection),
    /// Put suspensions off
    #[command(
        after_help = "Example:\n  garthctl subscription bulk postpone --hours 24 --filter standing=suspended"
    )]
    Postpone {
        #[command(flatten)]
        postpone: Postpone,
        #[command(flatten)]
        selection: Selection,
    },
    /// Deactivate them for a while
    #[command(
        after_help = "Example:\n  garthctl subscription bulk pause --at 2027-07-01 --for-days 30 --file names.txt"
    )]
    Pause {
        #[command(flatten)]
        pause: Pause,
        #[command(flatten)]
        selection: Selection,
    },
    /// End pauses
    #[command(
        after_help = "Example:\n  garthctl subscription bulk end-pause --filter standing=paused,partner=north"
    )]
    EndPause(Selection),
    /// End them for good, now or on a date
    #[command(
        after_help = "Example:\n  garthctl subscription bulk terminate --at 2027-12-31 --file names.txt --dry-run"
    )]
    Terminate {
        #[command(flatten)]
        terminate: Terminate,
        #[command(flatten)]
        selection: Selection,
    },
    /// Call off ends to come
    #[command(
        after_help = "Example:\n  garthctl subscription bulk cancel-termination --file names.txt"
    )]
    CancelTermination(Selection),
    /// Switch them off; they are still billed
    #[command(
        after_help = "Example:\n  garthctl subscription bulk disable --file names.txt \
        --reason \"router sends spam\""
    )]
    Disable(Selection),
    /// Switch them on again
    #[command(
        after_help = "Example:\n  garthctl subscription bulk enable --filter standing=disabled"
    )]
    Enable(Selection),
    /// Set how they are renewed
    #[command(
        after_help = "Example:\n  garthctl subscription bulk set --use-credit on --filter partner=north"
    )]
    Set {
        #[command(flatten)]
        set: Set,
        #[command(flatten)]
        selection: Selection,
    },
}

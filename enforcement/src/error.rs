//! What can go wrong at the edge, split by who can put it right.

use std::fmt;

use nix::errno::Errno;

use crate::ruleset::RulesetError;
use crate::wanted::WantedError;

/// What was being done when the kernel refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Operation {
    /// Opening the netlink socket.
    OpenSocket,
    /// Adding and removing members of the garden sets.
    ChangeMembers,
    /// Reading the table, its members or the generation.
    ReadTable,
    /// Removing the table.
    RemoveTable,
    /// Opening a destination.
    Allow,
    /// Deleting conntrack entries.
    DeleteConnections,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OpenSocket => "opening a netfilter netlink socket",
            Self::ChangeMembers => "changing the garden's members",
            Self::ReadTable => "reading table inet garth",
            Self::RemoveTable => "removing table inet garth",
            Self::Allow => "opening a destination to the garden",
            Self::DeleteConnections => "deleting conntrack entries",
        })
    }
}

/// Why the garden could not be made as wanted.
///
/// The operator's: [`Self::NftMissing`], [`Self::NotPermitted`], [`Self::NotInKernel`],
/// [`Self::Ruleset`], [`Self::Wanted`]. The caller's: [`Self::TooMany`]. The garden's state:
/// [`Self::NoTable`], [`Self::AllowFull`]. Ours or the kernel's: the rest.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program that builds the table is not installed.
    #[error("nft not found in PATH, /usr/sbin or /sbin: install the package nftables")]
    NftMissing,
    /// No permission.
    #[error(
        "no permission for {operation}: CAP_NET_ADMIN is needed (systemd: AmbientCapabilities=CAP_NET_ADMIN)"
    )]
    NotPermitted {
        /// What was refused.
        operation: Operation,
    },
    /// The kernel lacks nf_tables or conntrack.
    #[error(
        "the kernel cannot do it ({operation}): load the modules nf_tables, nft_redir, nft_reject_inet, nf_conntrack_netlink"
    )]
    NotInKernel {
        /// What was refused.
        operation: Operation,
        /// The kernel's answer.
        #[source]
        source: Errno,
    },
    /// The settings do not make a table.
    #[error(transparent)]
    Ruleset(#[from] RulesetError),
    /// Too many prefixes for the garden.
    #[error(transparent)]
    Wanted(#[from] WantedError),
    /// One call named more prefixes than [`crate::PREFIXES_PER_CALL_MAX`]; split it.
    #[error(
        "{given} prefixes in one call; at most {} are taken",
        crate::PREFIXES_PER_CALL_MAX
    )]
    TooMany {
        /// How many were named.
        given: usize,
    },
    /// The table is gone, or was never installed; repairing the garden brings it back.
    #[error("table inet garth does not exist")]
    NoTable,
    /// The allow set has no room; entries leave as their time ends.
    #[error("the set of allowed destinations is full")]
    AllowFull,
    /// `nft` did not take the table.
    #[error("nft refused the garden's table: {message}")]
    NftRefused {
        /// The beginning of what it said.
        message: String,
    },
    /// `nft` could not be run.
    #[error("nft could not be run")]
    NftFailed(#[source] std::io::Error),
    /// Others kept changing the ruleset or the table while it was being repaired.
    #[error(
        "table inet garth kept changing during {attempts} attempts to repair it: does another program manage it?"
    )]
    Unsettled {
        /// How many attempts were made.
        attempts: usize,
    },
    /// Another answer of the kernel.
    #[error("the kernel refused {operation}")]
    Kernel {
        /// What was refused.
        operation: Operation,
        /// The kernel's answer.
        #[source]
        source: Errno,
    },
}

impl Error {
    /// The error that the kernel's answer means during `operation`.
    pub(crate) fn of(operation: Operation) -> impl Fn(Errno) -> Self {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "error numbers are the kernel's, and open-ended"
        )]
        move |source| match source {
            Errno::EPERM | Errno::EACCES => Self::NotPermitted { operation },
            Errno::EPROTONOSUPPORT | Errno::EOPNOTSUPP | Errno::EAFNOSUPPORT | Errno::EINVAL
                if operation == Operation::OpenSocket =>
            {
                Self::NotInKernel { operation, source }
            }
            Errno::EPROTONOSUPPORT | Errno::EOPNOTSUPP => Self::NotInKernel { operation, source },
            Errno::ENFILE if operation == Operation::Allow => Self::AllowFull,
            Errno::ENOENT if operation == Operation::Allow => Self::NoTable,
            _ => Self::Kernel { operation, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_capability_is_named_whatever_was_refused() {
        for errno in [Errno::EPERM, Errno::EACCES] {
            let error = Error::of(Operation::ChangeMembers)(errno);
            assert!(error.to_string().contains("CAP_NET_ADMIN"), "{error}");
        }
    }

    #[test]
    fn a_kernel_without_netfilter_is_told_from_one_that_refuses() {
        let missing = Error::of(Operation::OpenSocket)(Errno::EPROTONOSUPPORT);
        assert!(matches!(missing, Error::NotInKernel { .. }), "{missing}");
        let refused = Error::of(Operation::ChangeMembers)(Errno::EINVAL);
        assert!(matches!(refused, Error::Kernel { .. }), "{refused}");
    }

    #[test]
    fn a_full_allow_set_is_told_from_a_missing_table() {
        let allow = Error::of(Operation::Allow);
        assert!(matches!(allow(Errno::ENFILE), Error::AllowFull));
        assert!(matches!(allow(Errno::ENOENT), Error::NoTable));
    }
}

//! What goes wrong below the rules: the disk, or what lies on it.

use crate::credential::UnsealError;
use crate::disk::Damaged;
use crate::key_file::KeyError;

/// The disk failed, or what it gave back cannot be.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// redb could not read or write.
    #[error(transparent)]
    Disk(Box<redb::Error>),
    /// A row is there and cannot be read.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// A credential is there and does not open.
    #[error(transparent)]
    Unseal(#[from] UnsealError),
    /// No random octets from the system.
    #[error("the system gave no random octets")]
    Random(#[from] getrandom::Error),
}

macro_rules! from_redb {
    ($($error:ident),+) => {
        $(impl From<redb::$error> for Fault {
            fn from(error: redb::$error) -> Self {
                Self::Disk(Box::new(error.into()))
            }
        })+
    };
}

from_redb!(
    CommitError,
    DatabaseError,
    SetDurabilityError,
    StorageError,
    TableError,
    TransactionError
);

/// Why a read gave nothing. Never the caller's fault.
#[derive(Debug, thiserror::Error)]
#[error("the store cannot be read")]
pub struct ReadError(#[from] Fault);

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be created, or its mode not set.
    #[error("the store's file cannot be opened")]
    File(#[source] std::io::Error),
    /// Another process has it open.
    #[error("the store is open in another process")]
    InUse,
    /// Written by a program that is newer than this one.
    #[error("the store has schema {found}, this program knows {known}: use the newer program")]
    Newer {
        /// The schema of the file.
        found: u32,
        /// The newest one known here.
        known: u32,
    },
    /// Written by a program too old to be migrated from.
    #[error("the store has schema {found}, which this program cannot migrate from")]
    TooOld {
        /// The schema of the file.
        found: u32,
    },
    /// The account is kept in another currency.
    #[error("the store is kept in {found}, the configuration says {expected}")]
    Currency {
        /// The currency of the file.
        found: String,
        /// The currency asked for.
        expected: String,
    },
    /// No random octets from the system.
    #[error("the system gave no random octets")]
    Random(#[source] getrandom::Error),
    /// There is no key for the credentials.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The writer's thread cannot be started.
    #[error("the writer's thread cannot be started")]
    Thread(#[source] std::io::Error),
    /// The disk failed, or what lies on it is damaged.
    #[error("the store's file is not readable")]
    Fault(#[from] Fault),
}

/// Where the journal is not what it was when it was written.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// An entry is missing.
    #[error("entry {sequence} is missing")]
    Missing {
        /// The first missing one.
        sequence: u64,
    },
    /// An entry is not what was hashed.
    #[error("entry {sequence} does not match its hash")]
    Broken {
        /// The first one that does not match.
        sequence: u64,
    },
    /// The last entry is not the one that the store remembers.
    #[error("the journal ends at entry {found}, the store remembers {expected}")]
    End {
        /// The last entry in the journal.
        found: u64,
        /// The last entry that was committed.
        expected: u64,
    },
    /// The disk failed.
    #[error("the journal cannot be read")]
    Read(#[from] Fault),
}

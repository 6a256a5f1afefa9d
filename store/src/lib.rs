//! What is durable: one redb file, one writer, and an index in memory for the readers.
//!
//! Every change is a write that waits in a bounded queue. The writer decides it by the rules of
//! `subscription`, puts state and journal entry into one transaction together with whatever else
//! waits (group commit), publishes the outcome to the [`index`], and only then answers. Readers of
//! the index never wait for the writer.
//!
//! Promises: what was answered is on disk; what was not is absent or whole. An
//! error of the disk is final: the writer stops, and so should the process.
//!
//! Not here: who may ask (`daemon`), what a command means (`subscription`), what
//! an address may reach (`enforcement`).

pub mod index;
pub mod record;
pub mod write;

mod audit;
mod chain;
mod credential;
mod disk;
mod fault;
mod key_file;
mod migrate;
mod open;
mod queue;
mod read;
mod replay;
mod requests;
mod scan;
mod sessions;
mod signature;
mod store;
mod tables;
mod time_guard;
mod unsettled;
mod writer;

pub use credential::{KeyId, NotAKey, SealedCredential, SealingKey, UnsealError};
pub use disk::Damaged;
pub use fault::{Fault, OpenError, ReadError, VerifyError};
pub use key_file::{KeyError, KeySource, Keys};
pub use queue::{BULK_LANE_MAX, BULK_RECORDS_PER_COMMIT, COMMAND_LANE_MAX, COMMANDS_PER_COMMIT};
pub use read::{HISTORY_MAX, READ_MAX, Verified};
pub use requests::RevertFilter;
pub use sessions::usage::USAGE_MONTHS;
pub use store::{
    ACCOUNTING_BATCH_MAX, Clock, IMPORT_BATCH_MAX, Limits, Observer, Options, Store, StoreStatus,
};
pub use time_guard::{Hold, HoldKind, RELEASED_AT, TimeHold, TimeLimits};
pub use writer::{
    CommitTimes, NOTICES_KEPT, OPEN_TICKETS_MAX, PENDING_REVERTS_MAX, QUOTES_KEPT, TICKETS_KEPT,
};

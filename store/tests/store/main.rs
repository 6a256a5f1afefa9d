//! The store as the daemon sees it: through its handle, on a file or on a disk that fails.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod accounting;
mod audits;
mod commands;
mod credentials;
mod disk;
mod faults;
mod folds;
mod groups;
mod identities;
mod migration;
mod opening;
mod policies;
mod properties;
mod quotes;
mod requests;
mod rows;
mod schema_2;
mod schema_3;
mod tickets;
mod unsettled;
mod usage;
mod world;

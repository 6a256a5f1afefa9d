//! The store as the daemon sees it: through its handle, on a file or on a disk that fails.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod accounting;
mod commands;
mod disk;
mod faults;
mod folds;
mod groups;
mod migration;
mod opening;
mod properties;
mod schema_2;
mod world;

//! The store as the daemon sees it: through its handle, on a file or on a disk that fails.

mod accounting;
mod commands;
mod opening;
mod world;

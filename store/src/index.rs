//! The index in memory: what RADIUS, portal and enforcement ask for every request.
//!
//! Rebuilt from redb at start, published after each commit. A reader takes no lock
//! that the writer holds and does not touch the disk.

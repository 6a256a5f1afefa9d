//! Tells systemd that we live, as long as the writer does.
//!
//! The writer is the one part that everything durable waits for. If it hangs, the word
//! is not said, and systemd starts us again (`WatchdogSec=`).

use sd_notify::NotifyState;

/// What is said to systemd, and only while it listens.
pub(super) struct Watchdog {
    is_asked: bool,
    commits: u64,
}

impl Watchdog {
    pub(super) fn new() -> Self {
        Self {
            is_asked: sd_notify::watchdog_enabled().is_some(),
            commits: 0,
        }
    }

    /// The writer has answered.
    pub(super) fn writer_answered(&self) {
        if self.is_asked {
            // If nobody hears it, we are started again; nothing else can be done here.
            drop(sd_notify::notify(&[NotifyState::Watchdog]));
        }
    }

    /// The writer took no question; it lives all the same if it has committed since the last look.
    pub(super) fn commits_seen(&mut self, commits: u64) {
        if self.commits != commits {
            self.commits = commits;
            self.writer_answered();
        }
    }
}

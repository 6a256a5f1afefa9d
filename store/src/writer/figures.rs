//! What the writer tells of itself: how long its commits and folds took.

use std::time::Duration;

/// How many of the latest commits the percentiles are of.
const WINDOW: usize = 1_024;

/// The latest commits and folds, in microseconds.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// The latest commits; once full, the oldest is overwritten.
    commits: Vec<u64>,
    next: usize,
    last_commit: u64,
    pub(crate) folds: u64,
    pub(crate) last_fold: u64,
    pub(crate) fold_commit_max: u64,
}

/// How long the latest commits took, in microseconds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct CommitTimes {
    /// The last one.
    pub last: u64,
    /// Half of them took no longer.
    pub p50: u64,
    /// 99 of 100 took no longer.
    pub p99: u64,
    /// The longest.
    pub max: u64,
}

impl Figures {
    pub(super) fn commit(&mut self, took: Duration) {
        self.last_commit = micros(took);
        match self.commits.get_mut(self.next) {
            Some(oldest) => *oldest = self.last_commit,
            None => self.commits.push(self.last_commit),
        }
        self.next = (self.next + 1) % WINDOW;
    }

    /// One transaction of a fold.
    pub(super) fn fold_commit(&mut self, took: Duration) {
        self.fold_commit_max = self.fold_commit_max.max(micros(took));
    }

    /// A whole fold.
    pub(super) fn fold(&mut self, took: Duration) {
        self.folds += 1;
        self.last_fold = micros(took);
    }

    pub(crate) fn commit_times(&self) -> CommitTimes {
        let mut sorted = self.commits.clone();
        sorted.sort_unstable();
        let part = |percent: usize| {
            let rank = (sorted.len() * percent).div_ceil(100);
            sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
        };
        CommitTimes {
            last: self.last_commit,
            p50: part(50),
            p99: part(99),
            max: part(100),
        }
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_latest_commits_alone() {
        let mut figures = Figures::default();
        assert_eq!(figures.commit_times(), CommitTimes::default());
        for took in (1..=100_000).rev() {
            figures.commit(Duration::from_micros(took));
        }
        let wanted = CommitTimes {
            last: 1,
            p50: 512,
            p99: 1_014,
            max: 1_024,
        };
        assert_eq!(figures.commit_times(), wanted);
    }
}

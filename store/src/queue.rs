//! What waits for the writer: two lanes, both bounded.
//!
//! Commands and payments never queue up behind accounting or imports: a commit takes all that
//! waits in the first lane, up to [`COMMANDS_PER_COMMIT`]. The second lane has the commits that no
//! command needs, and at least every second one, with at most [`BULK_RECORDS_PER_COMMIT`] records.
//! So a payment waits for one such commit and no more, and accounting never stands still. A full
//! lane refuses ([`WriteError::Busy`]); nobody blocks on it.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::write::{Write, WriteError};

/// The most commands, payments and timer runs that wait; more are refused as busy.
pub const COMMAND_LANE_MAX: usize = 4_096;
/// The most batches of accounting records or new subscriptions that wait; more are refused as busy.
pub const BULK_LANE_MAX: usize = 1_024;
/// The most commands in one commit: about what a disk writes in 50 ms.
pub const COMMANDS_PER_COMMIT: usize = 1_024;
/// No further batch joins a commit that has this many records of accounting or import. It bounds
/// how long a payment can wait behind them: measured with a million subscriptions, an import of
/// this many takes a quarter of a second. With a quarter of them an import takes twice as long, as
/// names are scattered and every commit writes nearly every page of them.
pub const BULK_RECORDS_PER_COMMIT: usize = 16_384;

/// Both lanes, shared by the callers and the writer.
pub(crate) struct Queue {
    lanes: Mutex<Lanes>,
    filled: Condvar,
}

struct Lanes {
    commands: VecDeque<Write>,
    bulk: VecDeque<Write>,
    /// Whether the last commit left the second lane alone.
    bulk_passed_by: bool,
    /// Why nothing more is taken.
    closed: Option<WriteError>,
    refused: u64,
}

/// How full the lanes are.
pub(crate) struct Depth {
    pub(crate) commands: usize,
    pub(crate) bulk: usize,
    pub(crate) refused: u64,
}

impl Queue {
    pub(crate) fn new() -> Self {
        Self {
            lanes: Mutex::new(Lanes {
                commands: VecDeque::new(),
                bulk: VecDeque::new(),
                bulk_passed_by: false,
                closed: None,
                refused: 0,
            }),
            filled: Condvar::new(),
        }
    }

    /// Adds a write to its lane, or says why not.
    pub(crate) fn push(&self, write: Write) -> Result<(), WriteError> {
        let mut lanes = self.lock();
        if let Some(error) = &lanes.closed {
            return Err(error.clone());
        }
        let (lane, max) = if write.is_bulk() {
            (&mut lanes.bulk, BULK_LANE_MAX)
        } else {
            (&mut lanes.commands, COMMAND_LANE_MAX)
        };
        if lane.len() >= max {
            lanes.refused += 1;
            return Err(WriteError::Busy);
        }
        lane.push_back(write);
        drop(lanes);
        self.filled.notify_one();
        Ok(())
    }

    /// Takes what one commit is to hold, which may be nothing; `None` once closed and empty.
    pub(crate) fn poll(&self) -> Option<Vec<Write>> {
        let mut lanes = self.lock();
        if lanes.commands.is_empty() && lanes.bulk.is_empty() {
            return lanes.closed.is_none().then(Vec::new);
        }
        Some(lanes.batch())
    }

    /// Waits for something to do and takes what one commit is to hold; nothing once closed and empty.
    pub(crate) fn take(&self) -> Option<Vec<Write>> {
        let mut lanes = self.lock();
        while lanes.commands.is_empty() && lanes.bulk.is_empty() {
            if lanes.closed.is_some() {
                return None;
            }
            lanes = self
                .filled
                .wait(lanes)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Some(lanes.batch())
    }

    /// Takes nothing more; what waits is still done.
    pub(crate) fn close(&self, why: WriteError) {
        self.lock().closed.get_or_insert(why);
        self.filled.notify_all();
    }

    /// Takes nothing more and gives back what waited, to be told why.
    pub(crate) fn fail(&self, why: &WriteError) -> Vec<Write> {
        let mut lanes = self.lock();
        lanes.closed = Some(why.clone());
        let Lanes { commands, bulk, .. } = &mut *lanes;
        commands.drain(..).chain(bulk.drain(..)).collect()
    }

    pub(crate) fn depth(&self) -> Depth {
        let lanes = self.lock();
        Depth {
            commands: lanes.commands.len(),
            bulk: lanes.bulk.len(),
            refused: lanes.refused,
        }
    }

    /// No code that can panic runs under this lock, so a poisoned one still holds whole lanes.
    fn lock(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lanes {
    /// What the next commit is to hold.
    fn batch(&mut self) -> Vec<Write> {
        let commands = self.commands.len().min(COMMANDS_PER_COMMIT);
        let mut batch: Vec<_> = self.commands.drain(..commands).collect();
        if !batch.is_empty() && !self.bulk_passed_by {
            self.bulk_passed_by = !self.bulk.is_empty();
            return batch;
        }
        self.bulk_passed_by = false;
        let mut records = 0;
        while records < BULK_RECORDS_PER_COMMIT
            && let Some(write) = self.bulk.pop_front()
        {
            records += write.records();
            batch.push(write);
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> Write {
        Write::FireDue(Box::new(|_| {}))
    }

    fn bulk() -> Write {
        Write::Account(Vec::new(), Box::new(|_| {}))
    }

    fn taken(queue: &Queue) -> (usize, usize) {
        let batch = queue.take().unwrap();
        let bulk = batch.iter().filter(|write| write.is_bulk()).count();
        (batch.len() - bulk, bulk)
    }

    #[test]
    fn commands_pass_by_the_bulk_lane_which_has_every_second_commit() {
        let queue = Queue::new();
        queue.push(bulk()).unwrap();
        queue.push(command()).unwrap();
        assert_eq!(taken(&queue), (1, 0));
        queue.push(command()).unwrap();
        assert_eq!(taken(&queue), (1, 1));
        queue.push(bulk()).unwrap();
        assert_eq!(taken(&queue), (0, 1));
    }

    #[test]
    fn what_is_noted_of_unsettled_sessions_waits_in_the_lane_that_commands_pass_by() {
        let queue = Queue::new();
        let noted = Write::NoteUnsettled(Vec::new(), Box::new(|_| {}));
        queue.push(noted).unwrap();
        queue.push(command()).unwrap();
        assert_eq!(taken(&queue), (1, 0));
        assert_eq!(taken(&queue), (0, 1));
    }

    #[test]
    fn a_full_lane_is_busy_and_the_other_is_not() {
        let queue = Queue::new();
        for _ in 0..COMMAND_LANE_MAX {
            queue.push(command()).unwrap();
        }
        assert!(matches!(queue.push(command()), Err(WriteError::Busy)));
        assert_eq!(queue.depth().refused, 1);
        for _ in 0..BULK_LANE_MAX {
            queue.push(bulk()).unwrap();
        }
        assert!(matches!(queue.push(bulk()), Err(WriteError::Busy)));
    }

    #[test]
    fn a_closed_queue_gives_out_what_waits_and_then_nothing() {
        let queue = Queue::new();
        queue.push(command()).unwrap();
        queue.close(WriteError::Busy);
        assert!(queue.push(command()).is_err());
        assert_eq!(taken(&queue), (1, 0));
        assert!(queue.take().is_none());
    }
}

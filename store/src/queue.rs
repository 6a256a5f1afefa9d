//! What waits for the writer: two lanes, both bounded.
//!
//! Commands and payments never wait behind accounting or imports: every commit takes all that
//! waits in the first lane, up to [`COMMANDS_PER_COMMIT`], and only then a bounded number of
//! records of the second. A full lane refuses ([`WriteError::Busy`]); nobody blocks on it.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::write::{Write, WriteError};

/// The most commands, payments and timer runs that wait; more are refused as busy.
pub const COMMAND_LANE_MAX: usize = 4_096;
/// The most batches of accounting records or new subscriptions that wait; more are refused as busy.
pub const BULK_LANE_MAX: usize = 1_024;
/// The most commands in one commit: about what a disk writes in 50 ms.
pub const COMMANDS_PER_COMMIT: usize = 1_024;
/// No further batch joins a commit that has this many records of accounting or import; it bounds
/// how long a payment can wait behind them.
pub const BULK_RECORDS_PER_COMMIT: usize = 4_096;

/// Both lanes, shared by the callers and the writer.
pub(crate) struct Queue {
    lanes: Mutex<Lanes>,
    filled: Condvar,
}

struct Lanes {
    commands: VecDeque<Write>,
    bulk: VecDeque<Write>,
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
        let commands = lanes.commands.len().min(COMMANDS_PER_COMMIT);
        let mut batch: Vec<_> = lanes.commands.drain(..commands).collect();
        let mut records = 0;
        while records < BULK_RECORDS_PER_COMMIT
            && let Some(write) = lanes.bulk.pop_front()
        {
            records += write.records();
            batch.push(write);
        }
        Some(batch)
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

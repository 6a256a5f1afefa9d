//! A disk in memory that fails, and loses what was not synced.

use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};

use redb::StorageBackend;

/// What the loss of power leaves of writes that were not synced.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Left {
    /// None of them.
    Nothing,
    /// All of them, the failed one too.
    Everything,
    /// Every second one, and of those only the first half.
    Pieces,
    /// The later ones without the earlier ones.
    Latest,
}

#[derive(Debug)]
enum Change {
    Write(usize, Vec<u8>),
    SetLen(usize),
}

#[derive(Debug, Default)]
struct State {
    synced: Vec<u8>,
    seen: Vec<u8>,
    unsynced: Vec<Change>,
    operations: u64,
    fails_at: Option<u64>,
}

/// A handle on the disk; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Arc<Mutex<State>>);

impl Disk {
    /// A copy of what was synced, which fails at the `operation`-th write, change of length or
    /// sync from now on, and ever after; never if `None`.
    pub(crate) fn copy(&self, fails_at: Option<u64>) -> Self {
        let image = self.state().synced.clone();
        Self(Arc::new(Mutex::new(State {
            seen: image.clone(),
            synced: image,
            fails_at,
            ..State::default()
        })))
    }

    /// How many operations there were.
    pub(crate) fn operations(&self) -> u64 {
        self.state().operations
    }

    /// The disk after the loss of power.
    pub(crate) fn after_power_loss(&self, left: Left) -> Self {
        let mut state = self.state();
        let mut image = std::mem::take(&mut state.synced);
        let changes = std::mem::take(&mut state.unsynced);
        let count = changes.len();
        for (nth, change) in changes.into_iter().enumerate() {
            match (left, change) {
                (Left::Nothing, _) => {}
                (_, Change::SetLen(len)) => image.resize(len, 0),
                (Left::Everything, Change::Write(at, data)) => put(&mut image, at, &data),
                (Left::Pieces, Change::Write(at, data)) => {
                    if nth % 2 == 0 {
                        put(&mut image, at, &data[..data.len() / 2]);
                    }
                }
                (Left::Latest, Change::Write(at, data)) => {
                    if nth >= count / 2 {
                        put(&mut image, at, &data);
                    }
                }
            }
        }
        Self(Arc::new(Mutex::new(State {
            seen: image.clone(),
            synced: image,
            ..State::default()
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

fn put(image: &mut Vec<u8>, at: usize, data: &[u8]) {
    if image.len() < at + data.len() {
        image.resize(at + data.len(), 0);
    }
    image[at..at + data.len()].copy_from_slice(data);
}

impl State {
    /// Counts an operation; the one that fails still reaches what was not synced.
    fn operate(&mut self, change: Option<Change>) -> Result<(), Error> {
        self.operations += 1;
        let fails = self.fails_at.is_some_and(|at| self.operations >= at);
        let is_first = self.fails_at.is_some_and(|at| self.operations == at);
        if !fails || is_first {
            self.unsynced.extend(change);
        }
        if fails {
            return Err(Error::new(ErrorKind::StorageFull, "the disk fails"));
        }
        Ok(())
    }
}

fn index(at: u64) -> usize {
    usize::try_from(at).unwrap()
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, Error> {
        Ok(self.state().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let state = self.state();
        let at = index(offset);
        let data = state.seen.get(at..at + out.len());
        out.copy_from_slice(data.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), Error> {
        let mut state = self.state();
        state.operate(Some(Change::SetLen(index(len))))?;
        state.seen.resize(index(len), 0);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), Error> {
        let mut state = self.state();
        state.operate(None)?;
        state.unsynced.clear();
        let State { synced, seen, .. } = &mut *state;
        synced.clone_from(seen);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        let mut state = self.state();
        state.operate(Some(Change::Write(index(offset), data.to_vec())))?;
        put(&mut state.seen, index(offset), data);
        Ok(())
    }
}

//! Sessions whose NAS has not followed, kept for whoever asks the NASes: it goes on with them after a restart.
//!
//! The store only keeps them. It does not look whether such a session lives, nor what it is entitled to: a row is
//! there until it is taken away.

use redb::{ReadableDatabase, ReadableTable, TableError};

use crate::disk::decode_unsettled;
use crate::fault::{Fault, ReadError};
use crate::record::{Session, SessionKey, Unsettled};
use crate::store::{Store, UNSETTLED_BATCH_MAX};
use crate::tables::{UNSETTLED_SESSIONS, session_key, session_octets};
use crate::write::{UnsettledChange, Write, WriteError};

impl Store {
    /// Keeps what has become of these sessions, or forgets those with nothing; returns once that is on the disk.
    /// It waits in the lane of accounting, which commands pass by. It blocks: not for async code.
    ///
    /// # Errors
    /// [`WriteError::Busy`] while the writer is behind: some of it may be kept. Else the store's own trouble.
    pub fn note_unsettled(&self, mut changes: Vec<UnsettledChange>) -> Result<(), WriteError> {
        while !changes.is_empty() {
            let after = changes.split_off(changes.len().min(UNSETTLED_BATCH_MAX));
            let piece = std::mem::replace(&mut changes, after);
            self.ask_blocking(|reply| Write::NoteUnsettled(piece, reply))?;
        }
        Ok(())
    }

    /// All that is kept of such sessions, in the order of their keys. It reads the disk.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn unsettled_sessions(&self) -> Result<Vec<(SessionKey, Unsettled)>, ReadError> {
        Ok(self.read_unsettled()?)
    }

    fn read_unsettled(&self) -> Result<Vec<(SessionKey, Unsettled)>, Fault> {
        let txn = self.shared().db.begin_read()?;
        let table = match txn.open_table(UNSETTLED_SESSIONS) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let rows = table.iter()?.map(|row| {
            let (key, value) = row?;
            Ok((session_key(key.value())?, decode_unsettled(value.value())?))
        });
        rows.collect()
    }

    /// The session of that name, if it lives. From memory.
    #[must_use]
    pub fn live_session(&self, key: &SessionKey) -> Option<Session> {
        let memory = self.shared().sessions();
        let (_, live) = memory.live(&session_octets(key))?;
        Some(live.session(key.clone()))
    }
}

//! Sessions whose NAS has not followed, as they are noted.

use redb::Table;

use super::{Batch, Stop};
use crate::disk::encode_unsettled;
use crate::fault::Fault;
use crate::tables::{UNSETTLED_SESSIONS, session_octets};
use crate::write::UnsettledChange;

impl Batch<'_> {
    /// Writes those that are to be kept, and deletes the others.
    pub(super) fn note_unsettled(&mut self, changes: &[UnsettledChange]) -> Result<(), Stop> {
        self.dirty |= !changes.is_empty();
        let mut table = self
            .txn
            .open_table(UNSETTLED_SESSIONS)
            .map_err(Fault::from)?;
        Ok(write(&mut table, changes)?)
    }
}

fn write(
    table: &mut Table<'_, &'static [u8], &'static [u8]>,
    changes: &[UnsettledChange],
) -> Result<(), Fault> {
    for (key, unsettled) in changes {
        let key = session_octets(key);
        match unsettled {
            Some(unsettled) => {
                table.insert(key.as_slice(), encode_unsettled(unsettled).as_slice())?
            }
            None => table.remove(key.as_slice())?,
        };
    }
    Ok(())
}

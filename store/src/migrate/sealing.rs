//! Credentials of a whole file, sealed: from schema 3 to 4, and anew when the key is another one.
//!
//! The first transaction notes the key, so that from then on nobody opens the file without it; the
//! pieces follow, each noting where the next one begins. At the end what lay open is wiped: redb writes
//! to free pages before it writes over old ones, so pages of before are still in the file. All free
//! pages are written over with zeros once.
//!
//! What has been in copies of the file, or on a disk that writes elsewhere than it is told to, nobody
//! wipes from here.

use redb::{Database, DatabaseStats, ReadableDatabase, ReadableTable, TableDefinition};

use super::PIECE;
use crate::credential::{KeyId, KeyRing};
use crate::disk::{StoredSubscription, decode_unsealed, encode_subscription};
use crate::fault::{Fault, OpenError};
use crate::tables::{
    META, META_KEY, META_SCHEMA, META_SEALING, META_WIPING, Tables, id_of, optional,
};
use crate::writer;
use garth_subscription::subscriber::Credential;

/// Notes the key in a file of before schema 4: from here on credentials may be sealed with it.
pub(super) fn take_key(db: &Database, keys: &KeyRing) -> Result<(), Fault> {
    let txn = writer::begin(db)?;
    txn.open_table(META)?
        .insert(META_KEY, keys.current().0.as_slice())?;
    txn.commit()?;
    Ok(())
}

/// Seals what is not sealed with the current key, and goes on where an earlier start was cut off.
pub(super) fn up(db: &Database, keys: &KeyRing) -> Result<(), OpenError> {
    let sealed = optional(&db.begin_read()?.open_table(META)?, META_KEY)?.map(KeyId);
    if sealed != Some(keys.current()) {
        begin(db, keys)?;
    }
    while let Some(next) = next(db)? {
        piece(db, next, keys)?;
    }
    if optional::<0>(&db.begin_read()?.open_table(META)?, META_WIPING)?.is_some() {
        wipe(db)?;
    }
    Ok(())
}

/// Notes the key and that every subscription is to be looked at; the file is one of schema 4 from here on.
pub(super) fn begin(db: &Database, keys: &KeyRing) -> Result<(), Fault> {
    let txn = writer::begin(db)?;
    {
        let meta = &mut Tables::create(&txn)?.meta;
        meta.insert(META_KEY, keys.current().0.as_slice())?;
        meta.insert(META_SEALING, 0_u128.to_be_bytes().as_slice())?;
        meta.insert(META_SCHEMA, 4_u32.to_be_bytes().as_slice())?;
    }
    txn.commit()?;
    tracing::info!(key = %keys.current(), "the credentials of the store are sealed");
    Ok(())
}

/// The key of the subscription that is next; nothing once all of them are sealed.
fn next(db: &Database) -> Result<Option<u128>, Fault> {
    let table = db.begin_read()?.open_table(META)?;
    Ok(optional(&table, META_SEALING)?.map(u128::from_be_bytes))
}

/// Seals the credentials of some subscriptions.
fn piece(db: &Database, next: u128, keys: &KeyRing) -> Result<(), Fault> {
    let txn = writer::begin(db)?;
    {
        let mut tables = Tables::open(&txn)?;
        let rows: Vec<(u128, Vec<u8>)> = tables
            .subscriptions
            .range(next..)?
            .take(PIECE)
            .map(|row| row.map(|(key, value)| (key.value(), value.value().to_vec())))
            .collect::<Result<_, _>>()?;
        for (key, row) in &rows {
            let stored = sealed(keys, *key, row)?;
            let new = encode_subscription(&stored.subscription, stored.boundary);
            if new != *row {
                tables.subscriptions.insert(*key, new.as_slice())?;
            }
        }
        let last = rows.last().filter(|_| rows.len() == PIECE);
        match last.and_then(|(key, _)| key.checked_add(1)) {
            Some(next) => {
                let next = next.to_be_bytes();
                tables.meta.insert(META_SEALING, next.as_slice())?;
            }
            None => {
                tables.meta.remove(META_SEALING)?;
                tables.meta.insert(META_WIPING, [].as_slice())?;
            }
        }
    }
    txn.commit()?;
    Ok(())
}

/// The subscription of a row, its credential sealed with the current key.
pub(super) fn sealed(keys: &KeyRing, key: u128, row: &[u8]) -> Result<StoredSubscription, Fault> {
    let id = id_of(key);
    let (mut stored, password) = decode_unsealed(id, row)?;
    let sealed = &mut stored.subscription.credential;
    if let Some(password) = password {
        *sealed = Some(keys.seal(id, &Credential::Password(password))?);
    } else if let Some(old) = sealed.as_ref().filter(|old| old.key() != keys.current()) {
        *sealed = Some(keys.seal(id, &keys.open(id, old)?)?);
    }
    Ok(stored)
}

/// Octets in free pages: what is left over in pages in use is nobody's, and would make the file grow.
fn free_octets(stats: &DatabaseStats) -> u64 {
    let used = stats.stored_bytes() + stats.metadata_bytes();
    let left_over = (stats.allocated_pages() * stats.page_size() as u64).saturating_sub(used);
    stats.fragmented_bytes().saturating_sub(left_over)
}

/// Writes zeros over every free page, by giving all of them to a table that is deleted again.
fn wipe(db: &Database) -> Result<(), Fault> {
    const ZEROS: TableDefinition<u64, &[u8]> = TableDefinition::new("zeros");
    /// Octets that redb needs in a page besides one value.
    const OVERHEAD: usize = 64;
    // Pages that a commit has left are free with the one after the next.
    for _ in 0..2 {
        let txn = writer::begin(db)?;
        txn.open_table(META)?.insert(META_WIPING, [].as_slice())?;
        txn.commit()?;
    }
    let txn = writer::begin(db)?;
    let stats = txn.stats()?;
    let page = stats.page_size();
    {
        let mut table = txn.open_table(ZEROS)?;
        let zeros = vec![0; page.saturating_sub(OVERHEAD)];
        for number in 0..free_octets(&stats) / page as u64 {
            table.insert(number, zeros.as_slice())?;
        }
    }
    txn.commit()?;
    let txn = writer::begin(db)?;
    txn.delete_table(ZEROS)?;
    txn.open_table(META)?.remove(META_WIPING)?;
    txn.commit()?;
    tracing::info!("what of the credentials lay open in the store was wiped");
    Ok(())
}

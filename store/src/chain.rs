//! The hash chain of the journal and the ids of its entries (LEDGER section 3).
//!
//! An entry's hash is SHA-256 over epoch, sequence, the hash before and the body, the numbers as
//! eight octets, most significant first. A row is the hash and then the body.

use garth_subscription::journal::{EntryId, JournalEntry};
use garth_subscription::time::Timestamp;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::disk::{Damaged, decode_entry, encode_entry};
use crate::fault::Fault;
use crate::record::ChainedEntry;
use crate::tables::{Meta, Tables, id_key, millis};

/// A SHA-256 digest.
pub(crate) type Hash = [u8; 32];

/// What the first entry has for the hash before it.
pub(crate) const NO_HASH: Hash = [0; 32];

/// The hash of an entry.
pub(crate) fn hash(epoch: u64, sequence: u64, previous: &Hash, body: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(epoch.to_be_bytes());
    hasher.update(sequence.to_be_bytes());
    hasher.update(previous);
    hasher.update(body);
    hasher.finalize().into()
}

/// The digest of a request.
pub(crate) fn digest(octets: &[u8]) -> Hash {
    Sha256::digest(octets).into()
}

/// The row of an entry.
pub(crate) fn row(hash: &Hash, body: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(hash.len() + body.len());
    row.extend_from_slice(hash);
    row.extend_from_slice(body);
    row
}

/// The hash and the body of a row.
pub(crate) fn parts(row: &[u8]) -> Result<(Hash, &[u8]), Damaged> {
    row.split_first_chunk()
        .map(|(hash, body)| (*hash, body))
        .ok_or_else(|| Damaged::new("journal entry", "it is too short"))
}

/// The entry of a row whose predecessor has the hash `previous`.
pub(crate) fn chained(sequence: u64, previous: Hash, row: &[u8]) -> Result<ChainedEntry, Damaged> {
    let (hash, body) = parts(row)?;
    Ok(ChainedEntry {
        sequence,
        previous_hash: previous,
        hash,
        entry: decode_entry(body)?,
    })
}

/// Adds an entry to the journal, whose end `meta` knows.
pub(crate) fn append(
    tables: &mut Tables<'_>,
    meta: &mut Meta,
    entry: &JournalEntry,
) -> Result<(), Fault> {
    let sequence = meta.sequence + 1;
    let body = encode_entry(entry);
    let hash = hash(meta.epoch, sequence, &meta.hash, &body);
    let row = row(&hash, &body);
    tables.journal.insert(sequence, row.as_slice())?;
    tables
        .journal_by_subscription
        .insert((id_key(entry.subscription), sequence), ())?;
    meta.sequence = sequence;
    meta.hash = hash;
    Ok(())
}

/// Bits of a sequence that fit into an entry's id: enough for a million entries a second
/// during fifty days, or a thousand a second during a century.
const SEQUENCE_BITS: u32 = 42;

/// The id of the entry `sequence` that was made at `now` on `edge`.
///
/// A UUID of version 7 (RFC 9562 section 5.7): the millisecond, then, where others put random
/// bits, sequence and edge. So ids rise with the sequence even within one millisecond, and two
/// edges never make the same.
pub(crate) fn entry_id(now: Timestamp, sequence: u64, edge: u32) -> EntryId {
    let sequence = u128::from(sequence & ((1 << SEQUENCE_BITS) - 1));
    let instant = u128::from(millis(now)) & ((1 << 48) - 1);
    let (high, low) = (sequence >> 30, sequence & ((1 << 30) - 1));
    let version = 7;
    let variant = 0b10;
    EntryId(Uuid::from_u128(
        instant << 80 | version << 76 | high << 64 | variant << 62 | low << 32 | u128::from(edge),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(millis).unwrap()
    }

    #[test]
    fn entry_ids_are_of_version_7_and_rise_with_the_sequence() {
        let mut last = entry_id(at(1_700_000_000_000), 0, u32::MAX);
        for sequence in [1, 2, (1 << 30) - 1, 1 << 30, 1 << 31, (1 << 42) - 1] {
            let id = entry_id(at(1_700_000_000_000), sequence, 7);
            assert!(id > last, "{sequence}");
            assert_eq!(id.0.get_version_num(), 7);
            assert_eq!(id.0.get_variant(), uuid::Variant::RFC4122);
            last = id;
        }
        assert!(entry_id(at(1_700_000_000_001), 0, 0) > last);
    }

    #[test]
    fn the_hash_covers_epoch_sequence_predecessor_and_body() {
        let base = hash(1, 2, &NO_HASH, b"body");
        let others = [
            hash(2, 2, &NO_HASH, b"body"),
            hash(1, 3, &NO_HASH, b"body"),
            hash(1, 2, &[1; 32], b"body"),
            hash(1, 2, &NO_HASH, b"bodz"),
        ];
        assert!(others.iter().all(|other| *other != base));
    }
}

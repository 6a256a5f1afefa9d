//! Files of older programs, brought up to the tables of this one.
//!
//! One version at a time, each in one transaction that also raises the version: a loss of power
//! leaves the old file or the new one.

use redb::{Database, TableDefinition};

use crate::fault::Fault;
use crate::tables::{META_ACCOUNTING_FOLDED, META_SCHEMA, Tables};
use crate::writer;

/// The oldest version that can be brought up.
pub(crate) const OLDEST: u32 = 1;

/// Brings up a file of version `schema`, which is [`OLDEST`] or later.
pub(crate) fn up(db: &Database, schema: u32) -> Result<(), Fault> {
    if schema < 2 {
        accounting_log(db)?;
    }
    Ok(())
}

/// From 1 to 2: accounting is appended to a log, and which sessions of a subscription live is known
/// in memory alone. The rows of the sessions stay as they are.
fn accounting_log(db: &Database) -> Result<(), Fault> {
    const LIVE_BY_SUBSCRIPTION: TableDefinition<(u128, &[u8]), ()> =
        TableDefinition::new("live_by_subscription");
    let txn = writer::begin(db)?;
    txn.delete_table(LIVE_BY_SUBSCRIPTION)?;
    {
        let meta = &mut Tables::create(&txn)?.meta;
        meta.insert(META_ACCOUNTING_FOLDED, 0_u64.to_be_bytes().as_slice())?;
        meta.insert(META_SCHEMA, 2_u32.to_be_bytes().as_slice())?;
    }
    txn.commit()?;
    tracing::info!("the store was brought up from schema 1 to 2");
    Ok(())
}

//! How a store comes up: created or migrated, then read once to fill the index.

use arc_swap::ArcSwap;
use garth_subscription::money::Currency;
use garth_subscription::plan::Catalogue;
use garth_subscription::policy::Rules;
use garth_subscription::time::Timestamp;
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable};

use crate::chain::{self, NO_HASH};
use crate::disk::{Damaged, decode_plan, decode_session, decode_subscription};
use crate::fault::{Fault, OpenError};
use crate::index::{Index, SessionClaim};
use crate::queue::Queue;
use crate::store::Options;
use crate::tables::{
    JOURNAL, LIVE_SESSIONS, META, META_CURRENCY, META_SCHEMA, Meta, PLANS, SCHEMA_VERSION,
    SUBSCRIPTIONS, Tables, fixed, has_meta, id_of, session_key,
};
use crate::writer::{self, Counters, Shared};

/// The first life of an edge's journal.
const FIRST_EPOCH: u64 = 1;

macro_rules! open_error_from {
    ($($error:ident),+) => {
        $(impl From<redb::$error> for OpenError {
            fn from(error: redb::$error) -> Self {
                Self::Fault(error.into())
            }
        })+
    };
}

open_error_from!(CommitError, StorageError, TableError, TransactionError);

/// Says who is at fault when redb does not open a file.
pub(crate) fn database_error(error: redb::DatabaseError) -> OpenError {
    if matches!(error, redb::DatabaseError::DatabaseAlreadyOpen) {
        OpenError::InUse
    } else {
        OpenError::Fault(error.into())
    }
}

/// Creates the tables or checks them, and reads what memory needs of them.
pub(crate) fn load(db: Database, options: Options) -> Result<(Shared, Meta), OpenError> {
    if has_meta(&db.begin_read()?)? {
        check(&db, options.currency)?;
    } else {
        create(&db, options.currency)?;
    }
    let txn = db.begin_read()?;
    let meta = Meta::read(&txn.open_table(META)?)?;
    check_head(&txn, &meta)?;
    let catalogue = catalogue(&txn, options.currency)?;
    let index = Index::new();
    index.publish_rates(&catalogue);
    fill(&index, &txn)?;
    drop(txn);
    let shared = Shared {
        db,
        queue: Queue::new(),
        index,
        rules: ArcSwap::from_pointee(Rules {
            policy: options.policy,
            catalogue,
        }),
        clock: options.clock,
        observer: options.observer,
        limits: options.limits,
        counters: Counters::default(),
    };
    shared.publish_meta(&meta);
    Ok((shared, meta))
}

fn create(db: &Database, currency: Currency) -> Result<(), OpenError> {
    let mut edge = [0; 4];
    getrandom::fill(&mut edge).map_err(OpenError::Random)?;
    let txn = writer::begin(db)?;
    {
        let mut tables = Tables::open(&txn)?;
        let schema = SCHEMA_VERSION.to_be_bytes();
        tables.meta.insert(META_SCHEMA, schema.as_slice())?;
        let currency = currency.as_str().as_bytes();
        tables.meta.insert(META_CURRENCY, currency)?;
        Meta {
            edge: u32::from_be_bytes(edge),
            epoch: FIRST_EPOCH,
            committed_at: Timestamp::MIN,
            sequence: 0,
            hash: NO_HASH,
        }
        .write(&mut tables.meta)?;
    }
    txn.commit()?;
    Ok(())
}

/// Proves that this program can read the file; migrates an older one. It writes nothing before
/// that is clear.
fn check(db: &Database, currency: Currency) -> Result<(), OpenError> {
    let txn = db.begin_read()?;
    let meta = txn.open_table(META)?;
    let schema = u32::from_be_bytes(fixed(&meta, META_SCHEMA)?);
    if schema > SCHEMA_VERSION {
        return Err(OpenError::Newer {
            found: schema,
            known: SCHEMA_VERSION,
        });
    }
    // Schema 1 is the first there is. The next one migrates here, one version at a time, each in
    // one transaction that also raises the version.
    if schema < SCHEMA_VERSION {
        return Err(OpenError::TooOld { found: schema });
    }
    let found: [u8; 3] = fixed(&meta, META_CURRENCY)?;
    if found.as_slice() != currency.as_str().as_bytes() {
        return Err(OpenError::Currency {
            found: String::from_utf8_lossy(&found).into_owned(),
            expected: currency.to_string(),
        });
    }
    Ok(())
}

/// Proves that the journal ends where the store remembers.
fn check_head(txn: &ReadTransaction, meta: &Meta) -> Result<(), Fault> {
    let journal = txn.open_table(JOURNAL)?;
    let (sequence, hash) = match journal.last()? {
        Some((key, row)) => (key.value(), chain::parts(row.value())?.0),
        None => (0, NO_HASH),
    };
    if (sequence, hash) == (meta.sequence, meta.hash) {
        Ok(())
    } else {
        let detail = format_args!(
            "it ends at entry {sequence}, the store remembers {}",
            meta.sequence
        );
        Err(Damaged::new("journal", detail).into())
    }
}

fn catalogue(txn: &ReadTransaction, currency: Currency) -> Result<Catalogue, Fault> {
    let mut plans = Vec::new();
    for row in txn.open_table(PLANS)?.iter()? {
        plans.push(decode_plan(row?.1.value())?);
    }
    Ok(Catalogue::new(currency, plans).map_err(|error| Damaged::new("catalogue", error))?)
}

/// Fills the index from the tables.
pub(crate) fn fill(index: &Index, txn: &ReadTransaction) -> Result<(), Fault> {
    for row in txn.open_table(SUBSCRIPTIONS)?.iter()? {
        let (key, value) = row?;
        let stored = decode_subscription(id_of(key.value()), value.value())?;
        index.publish_subscription(&stored.subscription);
    }
    for row in txn.open_table(LIVE_SESSIONS)?.iter()? {
        let (key, value) = row?;
        let (session, _) = decode_session(session_key(key.value())?, value.value())?;
        index.publish_session(None, SessionClaim::of(&session).as_ref());
    }
    Ok(())
}

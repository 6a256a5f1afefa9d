//! How a store comes up: created or migrated, then read once to fill the index.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::RwLock;

use arc_swap::ArcSwap;
use garth_subscription::money::Currency;
use garth_subscription::plan::Catalogue;
use garth_subscription::policy::Rules;
use garth_subscription::time::Timestamp;
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable};

use crate::chain::{self, NO_HASH};
use crate::credential::{KeyId, KeyRing, Scratch};
use crate::disk::{Damaged, decode_indexed, decode_plan};
use crate::fault::{Fault, OpenError};
use crate::index::{Index, SessionClaim};
use crate::migrate;
use crate::queue::Queue;
use crate::replay;
use crate::scan::Scan;
use crate::sessions::Sessions;
use crate::signature::QuoteKey;
use crate::store::Options;
use crate::tables::{
    AGENDA, JOURNAL, META, META_ACCOUNTING_FOLDED, META_AGENDA_POLICIES, META_CURRENCY, META_KEY,
    META_QUOTE_KEY, META_SCHEMA, Meta, PLANS, SCHEMA_VERSION, SUBSCRIPTIONS, Tables, fixed,
    has_meta, id_of, optional, session_key,
};
use crate::time_guard::{Effective, Guard};
use crate::writer::{self, Counters, Opened, Shared, agenda_digest, read_confirmed};

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

/// What follows a file's name while it is being made.
const UNFINISHED: &str = ".unfinished";
/// Read and written by its owner alone: it holds what subscribers owe and how to reach them.
const OWNER_ONLY: u32 = 0o600;

/// Opens the file at `path`, or makes it.
///
/// redb cannot open a file whose first writes were cut off. So a new one is made whole under
/// another name and only then given its own; a loss of power before that leaves nothing at `path`.
pub(crate) fn file(path: &Path, options: &Options) -> Result<Database, OpenError> {
    let mut builder = redb::Builder::new();
    builder.set_cache_size(options.cache_bytes);
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(UNFINISHED);
    let unfinished = Path::new(&unfinished);
    if path.try_exists().map_err(OpenError::File)? {
        settle_name(unfinished, path).map_err(OpenError::File)?;
    } else {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(OWNER_ONLY)
            .open(unfinished)
            .map_err(OpenError::File)?;
        let db = builder.create_file(file).map_err(database_error)?;
        create(&db, options)?;
        drop(db);
        give_name(unfinished, path, &mut || Ok(())).map_err(OpenError::File)?;
    }
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(OpenError::File)?;
    restrict(&file).map_err(OpenError::File)?;
    builder.create_file(file).map_err(database_error)
}

/// Makes the file that is `unfinished` the one at `path`, durably. Another file there stays. `after_each` of its
/// steps may end it, as a loss of power does.
pub(crate) fn give_name(
    unfinished: &Path,
    path: &Path,
    after_each: &mut dyn FnMut() -> io::Result<()>,
) -> io::Result<()> {
    std::fs::hard_link(unfinished, path)?;
    after_each()?;
    std::fs::remove_file(unfinished)?;
    after_each()?;
    sync_folder(path)?;
    after_each()
}

/// Ends what [`give_name`] may have been cut off in: takes the other name away, and lets the one at `path` last.
pub(crate) fn settle_name(unfinished: &Path, path: &Path) -> io::Result<()> {
    remove_leftover(unfinished)?;
    match sync_folder(path) {
        // Who may not look into the folder has not made the file there.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}

/// Takes away what a start that was cut off has left, if it has.
pub(crate) fn remove_leftover(unfinished: &Path) -> io::Result<()> {
    match std::fs::remove_file(unfinished) {
        // Where nothing can be written, as in a folder of credentials, no start has left anything.
        Err(error)
            if ![io::ErrorKind::NotFound, io::ErrorKind::ReadOnlyFilesystem]
                .contains(&error.kind()) =>
        {
            Err(error)
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

/// Takes away what a copied file may allow to others.
fn restrict(file: &File) -> io::Result<()> {
    if file.metadata()?.permissions().mode() & !OWNER_ONLY & 0o777 != 0 {
        file.set_permissions(Permissions::from_mode(OWNER_ONLY))?;
    }
    Ok(())
}

/// Creates the tables or checks them, and reads what memory needs of them.
pub(crate) fn load(mut db: Database, options: Options) -> Result<(Shared, Opened), OpenError> {
    let keys = if has_meta(&db.begin_read()?)? {
        check(&mut db, &options)?
    } else {
        create(&db, &options)?
    };
    let txn = db.begin_read()?;
    let table = txn.open_table(META)?;
    let meta = Meta::read(&table)?;
    let quote_key = QuoteKey::new(fixed(&table, META_QUOTE_KEY)?);
    check_head(&txn, &meta)?;
    let catalogue = catalogue(&txn, options.currency)?;
    let index = Index::new();
    index.publish_plans(&catalogue);
    fill(&index, &txn, &keys)?;
    let (sessions, extent) = replay::sessions(&txn, options.policies.default.zone)?;
    fill_sessions(&index, &sessions)?;
    let monotonic = options.clock.monotonic();
    let confirmed = read_confirmed(&txn.open_table(META)?)?;
    let guard = Guard::new(options.limits.time, meta.committed_at, confirmed, monotonic);
    let shared = Shared {
        time: Effective::new(guard.ceiling()),
        holds: ArcSwap::default(),
        db,
        queue: Queue::new(),
        index,
        sessions: RwLock::new(sessions),
        rules: ArcSwap::from_pointee(Rules {
            policies: options.policies,
            catalogue,
        }),
        clock: options.clock,
        observer: options.observer,
        limits: options.limits,
        quote_key,
        keys,
        resumed_at: meta.committed_at,
        counters: Counters::default(),
    };
    shared.publish_meta(&meta);
    let mut opened = Opened {
        meta,
        extent,
        guard,
    };
    let (agenda, subscriptions) = (txn.open_table(AGENDA)?, txn.open_table(SUBSCRIPTIONS)?);
    // A first step; the rest is the timer's.
    writer::tick(&shared, &mut opened.guard, &agenda, &subscriptions)?;
    Ok((shared, opened))
}

fn create(db: &Database, options: &Options) -> Result<KeyRing, OpenError> {
    // Before anything is sealed with it, the key is where it stays.
    let keys = options.keys.ring(None)?;
    let mut edge = [0; 4];
    getrandom::fill(&mut edge).map_err(OpenError::Random)?;
    let quote_key = QuoteKey::random().map_err(OpenError::Random)?;
    let txn = writer::begin(db)?;
    {
        let mut tables = Tables::create(&txn)?;
        let schema = SCHEMA_VERSION.to_be_bytes();
        tables.meta.insert(META_SCHEMA, schema.as_slice())?;
        let currency = options.currency.as_str().as_bytes();
        tables.meta.insert(META_CURRENCY, currency)?;
        Meta {
            edge: u32::from_be_bytes(edge),
            epoch: FIRST_EPOCH,
            committed_at: Timestamp::MIN,
            sequence: 0,
            hash: NO_HASH,
            price_list: 0,
        }
        .write(&mut tables.meta)?;
        let folded = 0_u64.to_be_bytes();
        tables
            .meta
            .insert(META_ACCOUNTING_FOLDED, folded.as_slice())?;
        tables
            .meta
            .insert(META_QUOTE_KEY, quote_key.octets().as_slice())?;
        let policies = agenda_digest(&options.policies);
        tables
            .meta
            .insert(META_AGENDA_POLICIES, policies.as_slice())?;
        tables.meta.insert(META_KEY, keys.current().0.as_slice())?;
    }
    txn.commit()?;
    Ok(keys)
}

/// Proves that this program can read the file; migrates an older one. It writes nothing before
/// that is clear. Gives the keys that its credentials are sealed with.
fn check(db: &mut Database, options: &Options) -> Result<KeyRing, OpenError> {
    let currency = options.currency;
    let txn = db.begin_read()?;
    let meta = txn.open_table(META)?;
    let schema = u32::from_be_bytes(fixed(&meta, META_SCHEMA)?);
    if schema > SCHEMA_VERSION {
        return Err(OpenError::Newer {
            found: schema,
            known: SCHEMA_VERSION,
        });
    }
    if schema < migrate::OLDEST {
        return Err(OpenError::TooOld { found: schema });
    }
    let found: [u8; 3] = fixed(&meta, META_CURRENCY)?;
    if found.as_slice() != currency.as_str().as_bytes() {
        return Err(OpenError::Currency {
            found: String::from_utf8_lossy(&found).into_owned(),
            expected: currency.to_string(),
        });
    }
    let sealed = optional(&meta, META_KEY)?.map(KeyId);
    drop(meta);
    drop(txn);
    let keys = options.keys.ring(sealed)?;
    migrate::up(db, schema, options, &keys)?;
    Ok(keys)
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

/// Fills the index with the subscriptions of the tables, with all processors.
pub(crate) fn fill(index: &Index, txn: &ReadTransaction, keys: &KeyRing) -> Result<(), Fault> {
    let scan = Scan::new(txn.open_table(SUBSCRIPTIONS)?)?;
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let loaders = std::thread::scope(|scope| {
        let work = || {
            let mut loader = index.loader();
            let mut scratch = Scratch::new();
            scan.run(|key, row| {
                let indexed = decode_indexed(id_of(key), row, keys, &mut scratch)?;
                Ok(loader.add(&indexed)?)
            })?;
            Ok::<_, Fault>(loader)
        };
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        running
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect::<Result<Vec<_>, Fault>>()
    });
    index.finish(loaders?);
    Ok(())
}

/// Fills the index with what the live sessions claim.
pub(crate) fn fill_sessions(index: &Index, sessions: &Sessions) -> Result<(), Fault> {
    for (key, live) in sessions.after(None) {
        let session = live.session(session_key(&key)?);
        index.publish_session(None, SessionClaim::of(&session).as_ref());
    }
    Ok(())
}

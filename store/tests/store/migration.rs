//! Files of schema 1: opened, with all that they hold.

use std::sync::Arc;

use garth_store::record::{AccountingRecord, AccountingStatus, SessionKey};
use garth_store::{OpenError, Store};
use garth_subscription::facts::SubscriptionId;
use minicbor::Encoder;
use redb::{Database, ReadableDatabase, TableDefinition, TableHandle, WriteTransaction};

use crate::disk::{Disk, Left};
use crate::world::{Recorder, START, TestClock, at, check, id, options, record, session_key, wait};

type Octets = &'static [u8];

const META: TableDefinition<&str, Octets> = TableDefinition::new("meta");
const LIVE: TableDefinition<Octets, Octets> = TableDefinition::new("live_sessions");
const LIVE_BY_SUBSCRIPTION: TableDefinition<(u128, Octets), ()> =
    TableDefinition::new("live_by_subscription");
const CLOSED: TableDefinition<(Octets, u64), Octets> = TableDefinition::new("closed_sessions");
const CLOSED_BY_TIME: TableDefinition<(u64, Octets), ()> = TableDefinition::new("closed_by_time");
const CLOSED_BY_SUBSCRIPTION: TableDefinition<(u128, u64, Octets), ()> =
    TableDefinition::new("closed_by_subscription");

/// The rest of what version 1 created.
fn create_empty(txn: &WriteTransaction) -> Result<(), redb::TableError> {
    type Named = TableDefinition<'static, &'static str, Octets>;
    type Numbered<V> = TableDefinition<'static, u128, V>;
    txn.open_table(Named::new("plans"))?;
    txn.open_table(Named::new("payments"))?;
    txn.open_table(Named::new("commands"))?;
    txn.open_table(Numbered::<Octets>::new("subscriptions"))?;
    txn.open_table(Numbered::<Octets>::new("checkouts"))?;
    txn.open_table(Numbered::<()>::new("open_checkouts"))?;
    txn.open_table(TableDefinition::<Octets, u128>::new("identities"))?;
    txn.open_table(TableDefinition::<u64, Octets>::new("journal"))?;
    txn.open_table(TableDefinition::<(u128, u64), ()>::new(
        "journal_by_subscription",
    ))?;
    txn.open_table(TableDefinition::<(u64, u128), ()>::new("agenda"))?;
    txn.open_table(TableDefinition::<(u128, u64, u128), ()>::new(
        "checkouts_by_subscription",
    ))?;
    Ok(())
}

fn key_octets(key: &SessionKey) -> Vec<u8> {
    let nas = u16::try_from(key.nas.len()).unwrap().to_be_bytes();
    [&nas, key.nas.as_bytes(), &key.acct_session_id].concat()
}

/// A session's row as version 1 wrote it, of subscription 1.
fn row(octets: u64, stopped_at: Option<i64>) -> Vec<u8> {
    let mut row = Encoder::new(vec![1]);
    row.array(14).unwrap();
    row.bytes(id(1).0.as_bytes()).unwrap();
    row.str("user1").unwrap();
    row.u32(0x0A40_0007).unwrap();
    row.null().unwrap().null().unwrap().null().unwrap();
    let started_at = at(START).unix_millis() - 600_000;
    row.i64(started_at).unwrap().i64(started_at).unwrap();
    row.encode(stopped_at).unwrap();
    row.encode(stopped_at.map(|_| 1_u32)).unwrap();
    row.u64(octets).unwrap().u64(0).unwrap().u32(600).unwrap();
    row.bool(stopped_at.is_some()).unwrap();
    row.into_writer()
}

/// A file as version 1 left it, with one live session and one that was closed.
fn schema_1() -> Disk {
    let disk = Disk::default();
    let db = Database::builder()
        .create_with_backend(disk.clone())
        .unwrap();
    let txn = db.begin_write().unwrap();
    create_empty(&txn).unwrap();
    let stopped_at = at(START).unix_millis() - 60_000;
    let end = u64::try_from(stopped_at).unwrap();
    let (live, closed) = (
        key_octets(&session_key("s1")),
        key_octets(&session_key("s0")),
    );
    let owner = id(1).0.as_u128();
    let mut head = [0; 48];
    head[..8].copy_from_slice(&at(START).unix_millis().to_be_bytes());
    {
        let mut meta = txn.open_table(META).unwrap();
        let rows: [(&str, &[u8]); 5] = [
            ("schema", &1_u32.to_be_bytes()),
            ("currency", b"EUR"),
            ("edge", &7_u32.to_be_bytes()),
            ("epoch", &1_u64.to_be_bytes()),
            ("head", &head),
        ];
        for (name, value) in rows {
            meta.insert(name, value).unwrap();
        }
        let put = |key: &[u8]| {
            let row = row(1_000, None);
            txn.open_table(LIVE)
                .unwrap()
                .insert(key, row.as_slice())
                .unwrap();
        };
        put(&live);
        let mut by_owner = txn.open_table(LIVE_BY_SUBSCRIPTION).unwrap();
        by_owner.insert((owner, live.as_slice()), ()).unwrap();
        let row = row(500, Some(stopped_at));
        let mut table = txn.open_table(CLOSED).unwrap();
        table
            .insert((closed.as_slice(), end), row.as_slice())
            .unwrap();
        let mut by_time = txn.open_table(CLOSED_BY_TIME).unwrap();
        by_time.insert((end, closed.as_slice()), ()).unwrap();
        let mut by_owner = txn.open_table(CLOSED_BY_SUBSCRIPTION).unwrap();
        by_owner
            .insert((owner, end, closed.as_slice()), ())
            .unwrap();
    }
    txn.commit().unwrap();
    drop(db);
    disk
}

fn open(disk: &Disk) -> Result<Store, OpenError> {
    let clock = TestClock::new(START);
    Store::open_backend(disk.clone(), options(&clock, &Arc::<Recorder>::default()))
}

/// What the sessions of the file have counted, the live one first.
fn counted(store: &Store, of: Option<SubscriptionId>) -> Vec<(SessionKey, u64)> {
    let sessions = store.sessions(of, false, 9).unwrap();
    sessions
        .into_iter()
        .map(|session| (session.key, session.input_octets))
        .collect()
}

#[test]
fn a_file_of_schema_1_opens_and_keeps_its_sessions() {
    let disk = schema_1();
    let store = open(&disk).unwrap();
    let wanted = [(session_key("s1"), 1_000), (session_key("s0"), 500)];
    assert_eq!(counted(&store, None), wanted);
    assert_eq!(counted(&store, Some(id(1))), wanted);
    assert_eq!(store.index().live_sessions(), 1);
    check(&store);
    let more = AccountingRecord {
        session_time: 700,
        input_octets: 1_100,
        ..record(AccountingStatus::InterimUpdate, "s1", "user1")
    };
    store.account(vec![more]).unwrap();
    wait(store.fire_due()).unwrap();
    drop(store);
    let store = open(&disk.copy(None)).unwrap();
    let wanted = [(session_key("s1"), 1_100), (session_key("s0"), 500)];
    assert_eq!(counted(&store, Some(id(1))), wanted);
    check(&store);
    drop(store);
    let db = Database::builder()
        .create_with_backend(disk.copy(None))
        .unwrap();
    let txn = db.begin_read().unwrap();
    let schema = txn
        .open_table(META)
        .unwrap()
        .get("schema")
        .unwrap()
        .unwrap();
    assert_eq!(schema.value(), 4_u32.to_be_bytes());
    let mut tables = txn.list_tables().unwrap();
    assert!(!tables.any(|table| table.name() == "live_by_subscription"));
}

#[test]
fn a_migration_that_is_cut_off_leaves_the_old_file_or_the_new_one() {
    let old = schema_1();
    let whole = old.copy(None);
    drop(open(&whole).unwrap());
    let wanted = [(session_key("s1"), 1_000), (session_key("s0"), 500)];
    for left in [Left::Nothing, Left::Everything, Left::Pieces, Left::Latest] {
        for operation in 1..=whole.operations() {
            let disk = old.copy(Some(operation));
            drop(open(&disk));
            let store = open(&disk.after_power_loss(left)).unwrap();
            assert_eq!(
                counted(&store, None),
                wanted,
                "operation {operation}, {left:?}"
            );
        }
    }
}

//! Files of earlier schemas, row by row: table, key and value in hexadecimal digits, a line each, as the
//! last program of that schema wrote them.

use std::collections::BTreeMap;

use redb::{Database, Key, StorageBackend, TableDefinition, Value, WriteTransaction};

use crate::disk::Disk;

type Octets = &'static [u8];
/// The fields of a key, and the value.
pub(crate) type Row = (String, Vec<u8>);
/// The rows of each table.
pub(crate) type Rows = BTreeMap<&'static str, Vec<Row>>;

fn octets(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    let octet = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    pairs.map(octet).collect()
}

/// The rows of a file in that form.
pub(crate) fn rows(text: &'static str) -> Rows {
    let mut tables = Rows::new();
    for line in text.lines() {
        let mut fields = line.split(' ');
        let mut next = || fields.next().unwrap();
        let (table, key, value) = (next(), next(), next());
        let value = if value == "-" {
            Vec::new()
        } else {
            octets(value)
        };
        let rows = tables.entry(table).or_default();
        rows.push((key.to_owned(), value));
    }
    tables
}

pub(crate) fn field(key: &str, nth: usize) -> u128 {
    u128::from_str_radix(key.split(':').nth(nth).unwrap(), 16).unwrap()
}

fn field_64(key: &str, nth: usize) -> u64 {
    u64::try_from(field(key, nth)).unwrap()
}

/// Fills one table; `put` gives each row to it.
fn fill<K: Key + 'static, V: Value + 'static>(
    txn: &WriteTransaction,
    name: &str,
    rows: &[Row],
    put: impl Fn(&mut redb::Table<'_, K, V>, &str, &[u8]),
) {
    let mut table = txn.open_table(TableDefinition::<K, V>::new(name)).unwrap();
    for (key, value) in rows {
        put(&mut table, key, value);
    }
}

/// The file that has those rows.
pub(crate) fn disk(tables: &Rows) -> Disk {
    let disk = Disk::default();
    let db = Database::builder()
        .create_with_backend(disk.clone())
        .unwrap();
    let txn = db.begin_write().unwrap();
    for (name, rows) in tables {
        match *name {
            "commands" | "meta" | "payments" | "plans" => {
                fill::<&str, Octets>(&txn, name, rows, |table, key, value| {
                    table.insert(key, value).unwrap();
                });
            }
            "checkouts" | "subscriptions" => {
                fill::<u128, Octets>(&txn, name, rows, |table, key, value| {
                    table.insert(field(key, 0), value).unwrap();
                });
            }
            "journal" => fill::<u64, Octets>(&txn, name, rows, |table, key, value| {
                table.insert(field_64(key, 0), value).unwrap();
            }),
            "identities" => fill::<Octets, u128>(&txn, name, rows, |table, key, value| {
                let id = u128::from_be_bytes(value.try_into().unwrap());
                table.insert(octets(key).as_slice(), id).unwrap();
            }),
            "open_checkouts" => fill::<u128, ()>(&txn, name, rows, |table, key, _| {
                table.insert(field(key, 0), ()).unwrap();
            }),
            "journal_by_subscription" | "notices" => {
                fill::<(u128, u64), ()>(&txn, name, rows, |table, key, _| {
                    table.insert((field(key, 0), field_64(key, 1)), ()).unwrap();
                });
            }
            "agenda" => fill::<(u64, u128), ()>(&txn, name, rows, |table, key, _| {
                table.insert((field_64(key, 0), field(key, 1)), ()).unwrap();
            }),
            "checkouts_by_subscription" => {
                fill::<(u128, u64, u128), ()>(&txn, name, rows, |table, key, _| {
                    let key = (field(key, 0), field_64(key, 1), field(key, 2));
                    table.insert(key, ()).unwrap();
                });
            }
            other => panic!("there is no table {other}"),
        }
    }
    txn.commit().unwrap();
    drop(db);
    disk
}

/// All octets of a file.
pub(crate) fn image(disk: &Disk) -> Vec<u8> {
    let mut octets = vec![0; usize::try_from(disk.len().unwrap()).unwrap()];
    disk.read(0, &mut octets).unwrap();
    octets
}

/// Whether that text is anywhere among them.
pub(crate) fn holds(image: &[u8], text: &str) -> bool {
    image
        .windows(text.len())
        .any(|octets| octets == text.as_bytes())
}

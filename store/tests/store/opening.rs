//! Files: created, opened again, and refused.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use garth_store::{OpenError, Store, VerifyError};
use garth_subscription::command::Command;
use redb::{ReadableTable, TableDefinition};

use crate::world::{
    Recorder, START, TestClock, check, id, new, operator, options, plan, request, wait,
};

#[test]
fn a_store_opened_again_has_all_that_was_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("garth.redb");
    let (clock, recorder) = (TestClock::new(START), Arc::<Recorder>::default());
    let grace = || request(id(1), Command::Grace { days: 3 }, Some("c-1"));
    let store = Store::open(&path, options(&clock, &recorder)).unwrap();
    wait(store.apply_plans(vec![plan("home-100", 100_000)], operator())).unwrap();
    wait(store.add(new(1, None), operator(), None)).unwrap();
    let first = wait(store.command(grace())).unwrap();
    let (before, status) = (store.index().content(), store.status());
    assert!(matches!(
        Store::open(&path, options(&clock, &recorder)),
        Err(OpenError::InUse)
    ));
    drop(store);

    clock.set("2020-01-01T00:00:00Z");
    let store = Store::open(&path, options(&clock, &recorder)).unwrap();
    assert_eq!(store.index().content(), before);
    assert_eq!(store.now(), status.committed_at);
    assert_eq!(store.status().journal_hash, status.journal_hash);
    let again = wait(store.command(grace())).unwrap();
    assert!(again.repeated);
    assert_eq!(again.decision, first.decision);
    check(&store);
}

#[test]
fn the_file_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("garth.redb");
    let (clock, recorder) = (TestClock::new(START), Arc::<Recorder>::default());
    drop(Store::open(&path, options(&clock, &recorder)).unwrap());
    let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    drop(Store::open(&path, options(&clock, &recorder)).unwrap());
    assert_eq!(mode(), 0o600);
}

#[test]
fn a_creation_that_was_cut_off_is_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("garth.redb");
    let unfinished = folder.path().join("garth.redb.unfinished");
    std::fs::write(&unfinished, [0; 10_000]).unwrap();
    let (clock, recorder) = (TestClock::new(START), Arc::<Recorder>::default());
    drop(Store::open(&path, options(&clock, &recorder)).unwrap());
    assert!(path.exists() && !unfinished.exists());
}

#[test]
fn a_file_that_is_no_store_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("garth.redb");
    std::fs::write(&path, "a letter").unwrap();
    let (clock, recorder) = (TestClock::new(START), Arc::<Recorder>::default());
    let opened = Store::open(&path, options(&clock, &recorder));
    assert!(matches!(opened, Err(OpenError::Fault(_))));
    assert_eq!(std::fs::read(&path).unwrap(), b"a letter");
}

/// Opens a new store whose `meta` row was overwritten, and says why it is refused.
fn refusal(name: &str, value: &[u8]) -> String {
    const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("garth.redb");
    let (clock, recorder) = (TestClock::new(START), Arc::<Recorder>::default());
    drop(Store::open(&path, options(&clock, &recorder)).unwrap());
    let db = redb::Database::open(&path).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(META).unwrap().insert(name, value).unwrap();
    txn.commit().unwrap();
    drop(db);
    match Store::open(&path, options(&clock, &recorder)) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_file_of_a_newer_program_is_refused_by_name() {
    assert_eq!(
        refusal("schema", &5_u32.to_be_bytes()),
        "the store has schema 5, this program knows 4: use the newer program"
    );
    assert!(refusal("schema", &0_u32.to_be_bytes()).contains("cannot migrate"));
}

#[test]
fn a_file_in_another_currency_is_refused() {
    assert_eq!(
        refusal("currency", b"CHF"),
        "the store is kept in CHF, the configuration says EUR"
    );
}

const JOURNAL: TableDefinition<u64, &[u8]> = TableDefinition::new("journal");

#[test]
fn a_journal_without_its_last_entry_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("garth.redb");
    let (clock, recorder) = (TestClock::new(START), Arc::<Recorder>::default());
    let store = Store::open(&path, options(&clock, &recorder)).unwrap();
    wait(store.apply_plans(vec![plan("home-100", 100_000)], operator())).unwrap();
    wait(store.add(new(1, None), operator(), None)).unwrap();
    drop(store);
    let db = redb::Database::open(&path).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(JOURNAL).unwrap().remove(1).unwrap();
    txn.commit().unwrap();
    drop(db);
    let opened = Store::open(&path, options(&clock, &recorder));
    assert!(matches!(opened, Err(OpenError::Fault(_))));
}

/// What verification says of a journal of five entries after `tamper`.
fn verified_after(tamper: impl FnOnce(&mut redb::Table<'_, u64, &'static [u8]>)) -> VerifyError {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("garth.redb");
    let (clock, recorder) = (TestClock::new(START), Arc::<Recorder>::default());
    let store = Store::open(&path, options(&clock, &recorder)).unwrap();
    wait(store.apply_plans(vec![plan("home-100", 100_000)], operator())).unwrap();
    for n in 1..=5 {
        wait(store.add(new(n, None), operator(), None)).unwrap();
    }
    let mut calls = Vec::new();
    let verified = store
        .verify_journal(&mut |done, of| calls.push((done, of)))
        .unwrap();
    assert_eq!((verified.entries, calls.last()), (5, Some(&(5, 5))));
    drop(store);
    let db = redb::Database::open(&path).unwrap();
    let txn = db.begin_write().unwrap();
    tamper(&mut txn.open_table(JOURNAL).unwrap());
    txn.commit().unwrap();
    drop(db);
    let store = Store::open(&path, options(&clock, &recorder)).unwrap();
    store.verify_journal(&mut |_, _| {}).unwrap_err()
}

#[test]
fn verification_names_the_first_entry_that_was_altered() {
    let error = verified_after(|journal| {
        for sequence in [3, 4] {
            let mut row = journal.get(sequence).unwrap().unwrap().value().to_vec();
            *row.last_mut().unwrap() ^= 1;
            journal.insert(sequence, row.as_slice()).unwrap();
        }
    });
    assert!(matches!(error, VerifyError::Broken { sequence: 3 }));
}

#[test]
fn verification_names_the_first_entry_that_is_missing() {
    let error = verified_after(|journal| {
        journal.remove(2).unwrap();
    });
    assert!(matches!(error, VerifyError::Missing { sequence: 2 }));
}

#[test]
fn two_entries_changed_for_each_other_are_found() {
    let error = verified_after(|journal| {
        let second = journal.get(2).unwrap().unwrap().value().to_vec();
        let third = journal.get(3).unwrap().unwrap().value().to_vec();
        journal.insert(2, third.as_slice()).unwrap();
        journal.insert(3, second.as_slice()).unwrap();
    });
    assert!(matches!(error, VerifyError::Broken { sequence: 2 }));
}

/// Puts a control character into a text of a row.
fn control(row: &mut [u8], text: &[u8]) {
    let mut parts = row.windows(text.len());
    let at = parts.position(|part| part == text).unwrap();
    row[at] = 7;
}

#[test]
fn a_damaged_subscription_fails_the_start_by_name() {
    const SUBSCRIPTIONS: TableDefinition<u128, &[u8]> = TableDefinition::new("subscriptions");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("garth.redb");
    let (clock, recorder) = (TestClock::new(START), Arc::<Recorder>::default());
    let store = Store::open(&path, options(&clock, &recorder)).unwrap();
    wait(store.apply_plans(vec![plan("home-100", 100_000)], operator())).unwrap();
    (1..=9).for_each(|n| drop(wait(store.add(new(n, None), operator(), None)).unwrap()));
    drop(store);
    let refused = |damage: fn(&mut Vec<u8>)| {
        let damaged = folder.path().join("damaged.redb");
        std::fs::copy(&path, &damaged).unwrap();
        let db = redb::Database::open(&damaged).unwrap();
        let txn = db.begin_write().unwrap();
        {
            let mut table = txn.open_table(SUBSCRIPTIONS).unwrap();
            let key = id(7).0.as_u128();
            let mut row = table.get(key).unwrap().unwrap().value().to_vec();
            damage(&mut row);
            table.insert(key, row.as_slice()).unwrap();
        }
        txn.commit().unwrap();
        drop(db);
        let Err(error) = Store::open(&damaged, options(&clock, &recorder)) else {
            panic!("it was opened");
        };
        let source = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {source:?}")
    };
    assert!(refused(|row| row.truncate(row.len() / 2)).contains("a stored subscription"));
    assert!(refused(|row| row[0] = 9).contains("its version is 9"));
    assert!(refused(|row| control(row, b"user7")).contains("a stored user name"));
    assert!(refused(|row| control(row, b"home-100")).contains("a stored plan id"));
}

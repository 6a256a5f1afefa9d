//! Sessions whose NAS has not followed.

use garth_store::Store;
use garth_store::record::{AccountingStatus, LastTold, SessionKey, ToldRates, Unsettled};
use redb::{Database, TableDefinition};

use crate::disk::Disk;
use crate::world::{
    Recorder, START, TestClock, World, at, id, new, operator, options, plan, record, session_key,
    wait,
};

/// More than one piece has.
const MANY: usize = 10_000;

fn unsettled(told: Option<LastTold>, is_alarm: bool) -> Unsettled {
    Unsettled {
        started_at: at(START),
        told,
        is_alarm,
    }
}

fn open(disk: &Disk, clock: &str) -> Store {
    let (clock, recorder) = (TestClock::new(clock), std::sync::Arc::<Recorder>::default());
    Store::open_backend(disk.clone(), options(&clock, &recorder)).unwrap()
}

#[test]
fn every_kind_of_unsettled_session_is_read_back_as_it_was_noted() {
    let disk = Disk::default();
    let store = open(&disk, START);
    let rates = ToldRates {
        down_kbps: 100_000,
        up_kbps: 20_000,
    };
    let told = [
        None,
        Some(LastTold::Full(rates)),
        Some(LastTold::AnotherFull(Some(rates))),
        Some(LastTold::AnotherFull(None)),
        Some(LastTold::Garden),
        Some(LastTold::Reject),
    ];
    let each = told.into_iter().enumerate().flat_map(|(n, told)| {
        [false, true].map(|is_alarm| {
            let key = session_key(&format!("s{n}-{is_alarm}"));
            (key, unsettled(told, is_alarm))
        })
    });
    let each: Vec<(SessionKey, Unsettled)> = each.collect();
    let noted = each.iter().map(|(key, one)| (key.clone(), Some(*one)));
    store.note_unsettled(noted.collect()).unwrap();
    drop(store);
    assert_eq!(open(&disk, START).unsettled_sessions().unwrap(), each);
}

#[test]
fn more_than_a_piece_is_noted_piece_by_piece_and_forgotten_again() {
    let world = World::new();
    let key = |n: usize| session_key(&format!("s{n:05}"));
    let noted = |is_there: bool| {
        let each = (0..MANY).map(|n| (key(n), is_there.then(|| unsettled(None, false))));
        world.store.note_unsettled(each.collect()).unwrap();
        world.store.unsettled_sessions().unwrap().len()
    };
    assert_eq!(noted(true), MANY);
    assert_eq!(noted(false), 0);
}

#[test]
fn a_file_of_before_there_were_unsettled_sessions_has_none_and_takes_some() {
    let disk = Disk::default();
    drop(open(&disk, START));
    let db = Database::builder()
        .create_with_backend(disk.clone())
        .unwrap();
    let txn = db.begin_write().unwrap();
    let table = TableDefinition::<&[u8], &[u8]>::new("unsettled_sessions");
    assert!(txn.delete_table(table).unwrap());
    txn.commit().unwrap();
    drop(db);
    let store = open(&disk, START);
    assert_eq!(store.unsettled_sessions().unwrap(), []);
    let one = (session_key("s1"), unsettled(Some(LastTold::Garden), true));
    store
        .note_unsettled(vec![(one.0.clone(), Some(one.1))])
        .unwrap();
    assert_eq!(store.unsettled_sessions().unwrap(), [one]);
}

#[test]
fn a_store_knows_when_the_one_before_it_last_committed() {
    let disk = Disk::default();
    let store = open(&disk, START);
    let resumed_first = store.resumed_at();
    wait(store.apply_plans(vec![plan("home-100", 100_000)], operator())).unwrap();
    drop(store);
    let store = open(&disk, "2026-11-22T12:00:00Z");
    wait(store.add(new(1, None), operator(), None)).unwrap();
    assert_eq!(store.resumed_at(), at(START));
    assert!(resumed_first < at(START));
}

#[test]
fn a_live_session_is_found_by_its_key_and_a_closed_one_is_not() {
    let world = World::new();
    world.add(1, "2027-01-31T00:00:00Z");
    let account = |status| {
        let told = record(status, "s1", "user1");
        world.store.account(vec![told]).unwrap();
        world.store.live_session(&session_key("s1"))
    };
    let found = account(AccountingStatus::Start).unwrap();
    assert_eq!((found.subscription, found.stopped_at), (Some(id(1)), None));
    assert_eq!(account(AccountingStatus::Stop), None);
}

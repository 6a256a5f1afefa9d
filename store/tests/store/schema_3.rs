//! Files of schema 3: opened, with all that they hold and with their passwords sealed.
//!
//! `schema_3.txt` is such a file row by row, as the last program of that schema wrote it. Of its six
//! subscriptions all but the second have a password; the first was added under a command id.

use std::sync::Arc;

use garth_store::record::Subscription;
use garth_store::write::WriteError;
use garth_store::{KeyError, OpenError, Store};
use garth_subscription::facts::SubscriptionId;
use garth_subscription::subscriber::{Credential, CredentialForm};

use crate::disk::{Disk, Left};
use crate::rows::{Rows, disk, field, holds, image, rows};
use crate::world::{
    Recorder, START, TestClock, at, cash, check, id, keys, new, operator, options, password,
    request, wait,
};

const ROWS: &str = include_str!("schema_3.txt");
/// More than the upgrade takes in two pieces.
const MANY: u32 = 9_000;

fn schema_3() -> Disk {
    disk(&rows(ROWS))
}

/// The file, and subscriptions without a journal that are as the first one and have other names and passwords.
fn schema_3_of_many() -> Disk {
    let mut tables = rows(ROWS);
    (0..MANY).for_each(|number| add(&mut tables, number));
    disk(&tables)
}

fn add(tables: &mut Rows, number: u32) {
    let name = format!("{number:05}");
    let mut row = tables["subscriptions"][0].1.clone();
    for (text, tail) in [(&b"user1"[..], 0), (b"tulip-and-rose-1", 11)] {
        let mut places = row.windows(text.len());
        let place = places.position(|octets| octets == text).unwrap() + tail;
        row[place..place + 5].copy_from_slice(name.as_bytes());
    }
    let own = id(1).0.as_u128();
    let agenda = tables["agenda"].iter();
    let boundary = agenda.clone().find(|(key, _)| field(key, 1) == own);
    let boundary = boundary.map(|(key, _)| field(key, 0)).unwrap();
    let key = id(1_000 + number).0.as_u128();
    let identity: String = name.bytes().map(|octet| format!("{octet:02x}")).collect();
    let mut put = |table, key, value| tables.get_mut(table).unwrap().push((key, value));
    put("subscriptions", format!("{key:x}"), row);
    put("agenda", format!("{boundary:x}:{key:x}"), Vec::new());
    put(
        "identities",
        format!("01{identity}"),
        key.to_be_bytes().to_vec(),
    );
}

fn open_with(disk: &Disk, current: char, old: &[char]) -> Result<Store, OpenError> {
    let mut options = options(&TestClock::new(START), &Arc::<Recorder>::default());
    options.keys = keys(current, old);
    Store::open_backend(disk.clone(), options)
}

fn open(disk: &Disk) -> Store {
    open_with(disk, '1', &[]).unwrap()
}

fn credential_of(store: &Store, id: SubscriptionId) -> Option<Credential> {
    let subscription = store.subscription(id).unwrap().unwrap();
    store.credential(&subscription).unwrap()
}

/// The passwords of the file, by subscription.
fn passwords() -> Vec<(u32, String)> {
    let longest = "ü".repeat(64);
    let known = |number: u32| (number, format!("tulip-and-rose-{number}"));
    vec![known(1), (3, longest), known(4), known(5), known(6)]
}

#[test]
fn every_password_is_sealed_and_works_as_before() {
    let disk = schema_3();
    let store = open(&disk);
    check(&store);
    for (number, text) in passwords() {
        assert_eq!(
            credential_of(&store, id(number)),
            Some(password(&text)),
            "{number}"
        );
        let subscription = store.subscription(id(number)).unwrap().unwrap();
        let form = subscription.credential.unwrap().form();
        assert_eq!(form, CredentialForm::Password);
        let found = store
            .index()
            .by_id(id(number), |entry| entry.password().map(<[u8]>::to_vec));
        assert_eq!(found.flatten(), Some(text.into_bytes()), "{number}");
    }
    assert_eq!(credential_of(&store, id(2)), None);
}

#[test]
fn whatever_else_a_subscription_had_stays() {
    let store = open(&schema_3());
    let two = store.subscription(id(2)).unwrap().unwrap().subscriber;
    assert_eq!(two.mac, "02:00:00:00:00:02".parse().ok());
    assert_eq!(two.external_id, "crm-2".parse().ok());
    assert_eq!(two.name, "Ada Müller".parse().ok());
    assert_eq!(two.phone, "+43 1 2345".parse().ok());
    assert_eq!(two.framed_ipv4, "10.64.0.2".parse().ok());
    assert_eq!(two.delegated_ipv6, "2001:db8:2::/56".parse().ok());
    assert_eq!(
        (two.partner, two.reseller),
        ("south".parse().ok(), "shop-7".parse().ok())
    );
    assert_eq!(
        (two.circuit_id, two.remote_id, two.framed_ipv6),
        (None, None, None)
    );
    assert_eq!(store.status().journal_sequence, 10, "no entry is made");
    let paid = wait(store.command(request(id(1), cash(1, "desk-1", "30.00"), Some("pay-1"))));
    assert!(paid.unwrap().repeated);
}

#[test]
fn no_password_is_left_in_the_file() {
    let old = schema_3();
    for (_, text) in passwords() {
        assert!(holds(&image(&old), &text), "the test would see it");
    }
    let disk = old.copy(None);
    drop(open(&disk));
    for (number, text) in passwords() {
        assert!(!holds(&image(&disk), &text), "{number}");
    }
}

#[test]
fn no_password_is_left_in_a_file_of_many() {
    let disk = schema_3_of_many();
    assert!(holds(&image(&disk), "tulip-and-r"));
    let store = open(&disk);
    assert_eq!(store.index().len(), 6 + MANY as usize);
    let last = credential_of(&store, id(1_000 + MANY - 1));
    assert_eq!(last, Some(password(&format!("tulip-and-r{:05}", MANY - 1))));
    drop(store);
    let image = image(&disk);
    let mut left = image.windows(11).filter(|octets| *octets == b"tulip-and-r");
    assert_eq!(left.next(), None);
}

#[test]
fn l33_an_addition_of_before_the_upgrade_has_the_answer_that_it_had() {
    let store = open(&schema_3());
    let ask = |text: &str| {
        let mut new = new(1, Some(at("2027-01-31T00:00:00Z")));
        new.credential = Some(password(text));
        wait(store.add(new, operator(), "add-1".parse().ok()))
    };
    assert!(ask("tulip-and-rose-1").unwrap().repeated);
    assert!(matches!(
        ask("tulip-and-rose-2"),
        Err(WriteError::CommandIdReused)
    ));
}

#[test]
fn a_file_that_was_sealed_does_not_open_with_another_key() {
    let disk = schema_3();
    drop(open(&disk));
    let disk = disk.copy(None);
    let error = open_with(&disk, '2', &[]).err().unwrap();
    assert!(
        matches!(error, OpenError::Key(KeyError::Other { .. })),
        "{error}"
    );
    assert!(error.to_string().contains("old_key_files"), "{error}");
    assert_eq!(
        credential_of(&open(&disk), id(1)),
        Some(password("tulip-and-rose-1"))
    );
}

/// What of a store does not depend on where its upgrade was cut off.
fn state(store: &Store) -> Vec<(Subscription, Option<Credential>)> {
    assert_eq!(store.index().content(), store.content_on_disk().unwrap());
    let all = store.subscriptions(None, 10_000).unwrap().into_iter();
    let opened = all.map(|mut one| {
        let credential = store.credential(&one).unwrap();
        one.credential = None;
        (one, credential)
    });
    opened.collect()
}

#[test]
fn an_upgrade_that_is_cut_off_is_gone_on_with() {
    let old = schema_3();
    let whole = old.copy(None);
    let wanted = state(&open(&whole));
    let lefts = [Left::Nothing, Left::Everything, Left::Pieces, Left::Latest];
    for (first, left) in (1..).zip(lefts) {
        // Each operation once, with one of the four: all with all take minutes.
        for operation in (first..=whole.operations()).step_by(lefts.len()) {
            let disk = old.copy(Some(operation));
            drop(open_with(&disk, '1', &[]));
            let disk = disk.after_power_loss(left);
            let store = open(&disk);
            assert!(state(&store) == wanted, "operation {operation}, {left:?}");
            drop(store);
            assert!(
                !holds(&image(&disk), "tulip-and-rose"),
                "operation {operation}, {left:?}"
            );
        }
    }
}

#[test]
fn an_upgrade_of_many_that_is_cut_off_is_gone_on_with() {
    const CUTS: u64 = 7;
    let old = schema_3_of_many();
    let whole = old.copy(None);
    let wanted = state(&open(&whole));
    for cut in 1..=CUTS {
        let disk = old.copy(Some(whole.operations() * cut / CUTS));
        drop(open_with(&disk, '1', &[]));
        let store = open(&disk.after_power_loss(Left::Nothing));
        assert!(state(&store) == wanted, "cut {cut}");
    }
}

//! Credentials at rest: sealed in the file, open in the index, and what is said when they do not open.

use std::path::Path;
use std::sync::Arc;

use garth_store::write::{NewSubscription, WriteError};
use garth_store::{KeyError, KeySource, Keys, OpenError, Store};
use garth_subscription::subscriber::{Credential, CredentialForm, NtHash};
use redb::{Database, ReadableTable, TableDefinition};

use crate::disk::{Disk, Left};
use crate::rows::{holds, image};
use crate::world::{
    Recorder, START, TestClock, World, cash, check, id, key, keys, new, operator, options,
    password, plan, request, wait,
};

const SUBSCRIPTIONS: TableDefinition<u128, &[u8]> = TableDefinition::new("subscriptions");
const HASH: [u8; 16] = *b"sixteen-octets-!";

fn open(disk: &Disk, current: char, old: &[char]) -> Result<Store, OpenError> {
    let mut options = options(&TestClock::new(START), &Arc::<Recorder>::default());
    options.keys = keys(current, old);
    Store::open_backend(disk.clone(), options)
}

fn with_password(number: u32) -> NewSubscription {
    NewSubscription {
        credential: Some(password(&format!("tulip-and-rose-{number}"))),
        ..new(number, None)
    }
}

fn with_hash(number: u32) -> NewSubscription {
    NewSubscription {
        credential: Some(Credential::NtHash(NtHash::new(HASH))),
        ..new(number, None)
    }
}

/// A file sealed with the key `1`, of three: two with passwords, one with an NT hash.
fn sealed() -> Disk {
    let disk = Disk::default();
    let store = open(&disk, '1', &[]).unwrap();
    wait(store.apply_plans(vec![plan("home-100", 100_000)], operator())).unwrap();
    wait(store.add(with_password(1), operator(), "add-1".parse().ok())).unwrap();
    let more = vec![with_password(2), with_hash(3)];
    for one in wait(store.import(more, operator())).unwrap() {
        one.unwrap();
    }
    disk
}

/// What the three prove themselves with, or why the store says nothing of it.
fn credentials(store: &Store) -> Vec<Option<Credential>> {
    let of = |number| store.subscription(id(number)).unwrap().unwrap();
    let opened = (1..=3).map(|number| store.credential(&of(number)).unwrap());
    opened.collect()
}

fn all() -> Vec<Option<Credential>> {
    let all = [with_password(1), with_password(2), with_hash(3)];
    all.into_iter().map(|new| new.credential).collect()
}

/// Changes the rows of the subscriptions as a hand on the file could.
fn tamper(
    disk: &Disk,
    change: impl FnOnce(&mut dyn FnMut(u32, Option<Vec<u8>>) -> Vec<u8>),
) -> Disk {
    let disk = disk.copy(None);
    let db = Database::builder()
        .create_with_backend(disk.clone())
        .unwrap();
    let txn = db.begin_write().unwrap();
    {
        let mut table = txn.open_table(SUBSCRIPTIONS).unwrap();
        change(&mut |number, row| {
            let key = id(number).0.as_u128();
            if let Some(row) = &row {
                table.insert(key, row.as_slice()).unwrap();
            }
            table.get(key).unwrap().unwrap().value().to_vec()
        });
    }
    txn.commit().unwrap();
    drop(db);
    disk
}

/// Where the sealed credential of a row begins: its layout, its form and its key.
fn place(row: &[u8]) -> usize {
    let name = key('1').id().to_string();
    let octet = |nth: usize| u8::from_str_radix(&name[2 * nth..2 * nth + 2], 16).unwrap();
    let id: Vec<u8> = (0..8).map(octet).collect();
    row.windows(8).position(|octets| octets == id).unwrap() - 2
}

#[test]
fn the_file_holds_no_credential_and_the_index_does() {
    let disk = sealed();
    for text in ["tulip-and-rose", "sixteen-octets"] {
        assert!(!holds(&image(&disk), text), "{text}");
    }
    let store = open(&disk, '1', &[]).unwrap();
    check(&store);
    assert_eq!(credentials(&store), all());
    let known = |number: u32| {
        let known = |entry: &garth_store::index::Entry<'_>| {
            (entry.password().map(<[u8]>::to_vec), entry.nt_hash())
        };
        store.index().by_id(id(number), known).unwrap()
    };
    assert_eq!(known(2), (Some(b"tulip-and-rose-2".to_vec()), None));
    assert_eq!(known(3), (None, Some(HASH)));
    let forms = [1, 3].map(|number| {
        let subscription = store.subscription(id(number)).unwrap().unwrap();
        subscription.credential.unwrap().form()
    });
    assert_eq!(forms, [CredentialForm::Password, CredentialForm::NtHash]);
}

#[test]
fn a_payment_writes_the_row_again_and_leaves_the_credential_as_it_lies() {
    let world = World::new();
    wait(world.store.add(with_password(1), operator(), None)).unwrap();
    let before = world.store.subscription(id(1)).unwrap().unwrap();
    world.command(id(1), cash(1, "desk-1", "30.00")).unwrap();
    let after = world.store.subscription(id(1)).unwrap().unwrap();
    assert_ne!(before.facts, after.facts);
    assert_eq!(before.credential, after.credential);
    world.check();
}

#[test]
fn l33_an_addition_with_another_credential_is_another_command() {
    let disk = sealed();
    let store = open(&disk, '1', &[]).unwrap();
    let add = |credential| {
        let new = NewSubscription {
            credential,
            ..new(1, None)
        };
        wait(store.add(new, operator(), "add-1".parse().ok()))
    };
    assert!(add(with_password(1).credential).unwrap().repeated);
    for other in [with_password(2).credential, with_hash(1).credential, None] {
        assert!(matches!(add(other), Err(WriteError::CommandIdReused)));
    }
}

#[test]
fn a_credential_in_the_row_of_another_is_told_and_the_store_does_not_open() {
    let disk = tamper(&sealed(), |row| {
        let (one, mut two) = (row(1, None), row(2, None));
        let (from, to) = (place(&one), place(&two));
        let len = 10 + 12 + "tulip-and-rose-1".len() + 16;
        two[to..to + len].copy_from_slice(&one[from..from + len]);
        row(2, Some(two));
    });
    let told = source(open(&disk, '1', &[]).err().unwrap());
    assert!(told.contains("damaged, or not its own"), "{told}");
    assert!(told.contains(&id(2).to_string()), "{told}");
}

#[test]
fn a_bit_flipped_in_a_credential_is_told_and_the_store_does_not_open() {
    let disk = sealed();
    // In its nonce, in what is sealed, and in its tag.
    for octet in [10, 22, 22 + 16 + 15] {
        let disk = tamper(&disk, |row| {
            let mut one = row(1, None);
            let at = place(&one) + octet;
            one[at] ^= 0x10;
            row(1, Some(one));
        });
        let told = source(open(&disk, '1', &[]).err().unwrap());
        assert!(told.contains("damaged, or not its own"), "{octet}: {told}");
    }
}

/// The innermost cause, in words.
fn source(error: OpenError) -> String {
    let OpenError::Fault(fault) = error else {
        panic!("{error}");
    };
    fault.to_string()
}

#[test]
fn a_single_row_under_an_unknown_key_is_told_apart_from_damage() {
    let disk = tamper(&sealed(), |row| {
        let mut one = row(1, None);
        let at = place(&one) + 2;
        one[at] ^= 1;
        row(1, Some(one));
    });
    let told = source(open(&disk, '1', &[]).err().unwrap());
    assert!(
        told.contains("old_key_files") && !told.contains("damaged"),
        "{told}"
    );
}

#[test]
fn another_key_alone_opens_nothing_and_harms_nothing() {
    let disk = sealed().copy(None);
    let error = open(&disk, '2', &[]).err().unwrap();
    assert!(
        matches!(error, OpenError::Key(KeyError::Other { .. })),
        "{error}"
    );
    for name in [key('1').id(), key('2').id()] {
        assert!(error.to_string().contains(&name.to_string()), "{error}");
    }
    assert_eq!(
        credentials(&open(&disk.copy(None), '1', &[]).unwrap()),
        all()
    );
}

#[test]
fn a_new_key_beside_the_old_one_seals_everything_anew() {
    let disk = sealed();
    let store = open(&disk, '2', &['1']).unwrap();
    assert_eq!(credentials(&store), all());
    wait(store.command(request(id(1), cash(1, "desk-1", "30.00"), None))).unwrap();
    check(&store);
    drop(store);
    let error = open(&disk.copy(None), '1', &[]).err().unwrap();
    assert!(
        matches!(error, OpenError::Key(KeyError::Other { .. })),
        "{error}"
    );
    let store = open(&disk, '2', &[]).unwrap();
    assert_eq!(credentials(&store), all());
    check(&store);
    drop(store);
    let old = key('1').id().to_string();
    let octets: Vec<u8> = (0..8)
        .map(|nth| u8::from_str_radix(&old[2 * nth..2 * nth + 2], 16).unwrap())
        .collect();
    let image = image(&disk);
    assert_eq!(
        image.windows(8).filter(|some| *some == octets).count(),
        0,
        "what was sealed is wiped"
    );
}

#[test]
fn a_change_of_the_key_that_is_cut_off_is_gone_on_with() {
    let old = sealed();
    let whole = old.copy(None);
    drop(open(&whole, '2', &['1']).unwrap());
    let lefts = [Left::Nothing, Left::Everything, Left::Pieces, Left::Latest];
    for (first, left) in (1..).zip(lefts) {
        for operation in (first..=whole.operations()).step_by(lefts.len()) {
            let disk = old.copy(Some(operation));
            drop(open(&disk, '2', &['1']));
            let disk = disk.after_power_loss(left);
            let store = open(&disk, '2', &['1']).unwrap();
            assert_eq!(
                credentials(&store),
                all(),
                "operation {operation}, {left:?}"
            );
            drop(store);
            let alone = open(&disk, '2', &[]).unwrap();
            assert_eq!(
                credentials(&alone),
                all(),
                "operation {operation}, {left:?}"
            );
        }
    }
}

fn open_file(path: &Path) -> Result<Store, OpenError> {
    let mut options = options(&TestClock::new(START), &Arc::<Recorder>::default());
    options.keys = Keys::beside(path);
    Store::open(path, options)
}

fn fill(store: &Store) {
    wait(store.apply_plans(vec![plan("home-100", 100_000)], operator())).unwrap();
    for new in [with_password(1), with_password(2), with_hash(3)] {
        wait(store.add(new, operator(), None)).unwrap();
    }
}

#[test]
fn the_first_start_makes_a_key_beside_the_store_and_the_next_ones_use_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("garth.redb");
    fill(&open_file(&path).unwrap());
    let key = std::fs::read(folder.path().join("garth.redb.key")).unwrap();
    assert_eq!(credentials(&open_file(&path).unwrap()), all());
    let again = std::fs::read(folder.path().join("garth.redb.key")).unwrap();
    assert!(key == again && key.len() == 65);
    let octets = std::fs::read(&path).unwrap();
    assert!(!holds(&octets, "tulip-and-rose"));
}

#[test]
fn a_start_cut_off_between_the_key_and_the_store_goes_on_with_that_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("garth.redb");
    fill(&open_file(&path).unwrap());
    let key = std::fs::read(folder.path().join("garth.redb.key")).unwrap();
    // The key was durable and the store had no name yet.
    std::fs::rename(&path, folder.path().join("garth.redb.unfinished")).unwrap();
    fill(&open_file(&path).unwrap());
    assert_eq!(credentials(&open_file(&path).unwrap()), all());
    let again = std::fs::read(folder.path().join("garth.redb.key")).unwrap();
    assert!(key == again);
}

#[test]
fn a_store_without_its_key_does_not_open_and_says_where_the_key_should_be() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("garth.redb");
    let key = folder.path().join("garth.redb.key");
    fill(&open_file(&path).unwrap());
    std::fs::rename(&key, folder.path().join("elsewhere")).unwrap();
    let error = open_file(&path).err().unwrap();
    assert!(
        matches!(error, OpenError::Key(KeyError::Missing { .. })),
        "{error}"
    );
    assert!(
        error.to_string().contains(&key.display().to_string()),
        "{error}"
    );
    assert!(!key.exists(), "no key is made in its place");
    let mut options = options(&TestClock::new(START), &Arc::<Recorder>::default());
    options.keys.current = KeySource::File(folder.path().join("elsewhere"));
    assert_eq!(credentials(&Store::open(&path, options).unwrap()), all());
}

//! The audit, on files that somebody has tampered with.

use std::sync::Arc;

use garth_store::Store;
use garth_subscription::command::{Command, Role};
use garth_subscription::revert::RevertId;
use redb::{Database, ReadableTable, TableDefinition, WriteTransaction};
use uuid::Uuid;

use crate::disk::{Disk, Left};
use crate::requests::ask;
use crate::world::{
    Recorder, START, TestClock, at, by, cash, check, id, months, new, operator, options, plan,
    request, wait,
};

type Octets = &'static [u8];
type Numbered = TableDefinition<'static, u128, Octets>;

fn open(disk: &Disk) -> Store {
    let clock = TestClock::new(START);
    Store::open_backend(disk.clone(), options(&clock, &Arc::<Recorder>::default())).unwrap()
}

/// A file with a request that waits and one that was approved, a ticket, a quote and a notice.
fn filed() -> Disk {
    let disk = Disk::default();
    let store = open(&disk);
    wait(store.apply_plans(vec![plan("home-100", 100_000)], operator())).unwrap();
    let paid_through = Some(at("2026-12-01T00:00:00Z"));
    wait(store.add(new(1, paid_through), operator(), None)).unwrap();
    let give = |request| wait(store.command(request)).unwrap().entry;
    let paid = give(request(id(1), cash(1, "desk-1", "30.00"), None));
    give(request(id(1), Command::RequestRevert(ask(1, paid)), None));
    let agree = Command::ApproveRevert(RevertId(Uuid::from_u128(1)));
    give(by(Role::Approver, "bert", id(1), agree));
    let paid = give(request(id(1), cash(1, "desk-2", "30.00"), None));
    give(request(id(1), Command::RequestRevert(ask(2, paid)), None));
    let (plan, message) = (None, "faster".parse().unwrap());
    give(by(
        Role::Customer,
        "user1",
        id(1),
        Command::RequestChange { plan, message },
    ));
    wait(store.make_quote(id(1), months(1), false)).unwrap();
    check(&store);
    drop(store);
    disk.after_power_loss(Left::Nothing)
}

/// What the audit says after `tamper`.
fn told_after(tamper: impl FnOnce(&WriteTransaction)) -> String {
    let disk = filed();
    let db = Database::builder()
        .create_with_backend(disk.clone())
        .unwrap();
    let txn = db.begin_write().unwrap();
    tamper(&txn);
    txn.commit().unwrap();
    drop(db);
    open(&disk).audit().unwrap().join("\n")
}

fn keys(txn: &WriteTransaction, name: &str) -> Vec<u128> {
    let table = txn
        .open_table(TableDefinition::<u128, ()>::new(name))
        .unwrap();
    let rows = table.iter().unwrap();
    rows.map(|row| row.unwrap().0.value()).collect()
}

#[test]
fn a_request_or_ticket_that_waits_and_is_not_listed_is_told_of() {
    for name in ["pending_reverts", "open_tickets"] {
        let told = told_after(|txn| {
            let key = keys(txn, name)[0];
            let mut table = txn
                .open_table(TableDefinition::<u128, ()>::new(name))
                .unwrap();
            table.remove(key).unwrap();
        });
        assert!(told.starts_with(&format!("{name} lacks ")), "{told}");
    }
}

#[test]
fn a_row_of_a_list_that_belongs_to_nothing_is_told_of() {
    for name in ["reverts_by_subscription", "tickets_by_subscription"] {
        let told = told_after(|txn| {
            let list = TableDefinition::<(u128, u128), ()>::new(name);
            txn.open_table(list).unwrap().insert((7, 7), ()).unwrap();
        });
        assert_eq!(told, format!("{name} has (7, 7) without need"));
    }
    let told = told_after(|txn| {
        let list = TableDefinition::<(u128, u64, u128), ()>::new("quotes_by_subscription");
        txn.open_table(list).unwrap().insert((7, 7, 7), ()).unwrap();
    });
    assert_eq!(told, "quotes_by_subscription has (7, 7, 7) without need");
}

#[test]
fn a_notice_of_an_entry_that_nobody_is_told_of_is_told_of() {
    let owner = id(1).0.as_u128();
    let told = told_after(|txn| {
        let list = TableDefinition::<(u128, u64), ()>::new("notices");
        txn.open_table(list)
            .unwrap()
            .insert((owner, 2), ())
            .unwrap();
    });
    assert_eq!(told, format!("notices has ({owner}, 2) without need"));
}

#[test]
fn a_quote_that_was_changed_on_the_disk_is_told_of() {
    let told = told_after(|txn| {
        let mut quotes = txn.open_table(Numbered::new("quotes")).unwrap();
        let (key, mut row) = {
            let (key, row) = quotes.first().unwrap().unwrap();
            (key.value(), row.value().to_vec())
        };
        // An octet of its signature.
        row[3] ^= 1;
        quotes.insert(key, row.as_slice()).unwrap();
    });
    assert!(told.contains("which is not as signed"), "{told}");
}

#[test]
fn facts_that_no_journal_leads_to_are_told_of() {
    let told = told_after(|txn| {
        let mut table = txn.open_table(Numbered::new("subscriptions")).unwrap();
        let key = id(1).0.as_u128();
        let mut row = table.get(key).unwrap().unwrap().value().to_vec();
        // The version is the first number of the facts.
        assert_eq!(row[..3], [1, 0x83, 0x91]);
        row[3] += 1;
        table.insert(key, row.as_slice()).unwrap();
    });
    assert!(told.contains("its journal leads to"), "{told}");
}

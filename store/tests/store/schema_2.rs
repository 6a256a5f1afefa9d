//! Files of schema 2: opened, with all that they hold, and with a journal that can be replayed.
//!
//! `schema_2.txt` is such a file row by row, as the last program of that schema wrote it. It has a subscription of every standing and an answer to every
//! kind of command that there was.

use std::sync::Arc;

use garth_store::Store;
use garth_store::record::{CheckoutId, CheckoutState};
use garth_store::write::WriteError;
use garth_subscription::calendar::CivilDate;
use garth_subscription::change::Change;
use garth_subscription::command::{
    Command, CommandKind, InitialHold, PauseEnd, Role, Tender, When,
};
use garth_subscription::facts::SuspendCause;
use garth_subscription::journal::Effect;
use garth_subscription::revert::{RevertAsk, RevertId};
use garth_subscription::standing::{Standing, standing};
use redb::{Database, ReadableDatabase, TableDefinition};
use uuid::Uuid;

use crate::disk::{Disk, Left};
use crate::rows::{Rows, disk, field, rows};
use crate::world::{
    Recorder, START, TestClock, actor, at, capture, cash, check, euro, id, months, new, operator,
    options, pause, request, wait,
};

type Octets = &'static [u8];

const ROWS: &str = include_str!("schema_2.txt");
const SUBSCRIPTIONS: u32 = 9;
/// More than the upgrade takes in two pieces.
const MANY: u32 = 9_000;

/// The file, with `extra` subscriptions that are as the first one and have other names.
fn schema_2(extra: u32) -> Disk {
    let mut tables = rows(ROWS);
    add(&mut tables, extra);
    disk(&tables)
}

fn add(tables: &mut Rows, extra: u32) {
    let first = tables["subscriptions"][0].1.clone();
    let place = first.windows(5).position(|five| five == b"user1").unwrap();
    let boundary = tables["agenda"]
        .iter()
        .find(|(key, _)| field(key, 1) == id(1).0.as_u128());
    let boundary = boundary.map(|(key, _)| field(key, 0)).unwrap();
    for number in 0..extra {
        let name = format!("{number:05}");
        let mut row = first.clone();
        row[place..place + 5].copy_from_slice(name.as_bytes());
        let key = id(1_000 + number).0.as_u128();
        tables
            .get_mut("subscriptions")
            .unwrap()
            .push((format!("{key:x}"), row));
        let agenda = tables.get_mut("agenda").unwrap();
        agenda.push((format!("{boundary:x}:{key:x}"), Vec::new()));
        let mut identity = "01".to_owned();
        identity.extend(name.bytes().map(|octet| format!("{octet:02x}")));
        let identities = tables.get_mut("identities").unwrap();
        identities.push((identity, key.to_be_bytes().to_vec()));
    }
}

fn open(disk: &Disk) -> Store {
    let clock = TestClock::new(START);
    Store::open_backend(disk.clone(), options(&clock, &Arc::<Recorder>::default())).unwrap()
}

#[test]
fn every_subscription_begins_anew_and_is_what_it_was() {
    let store = open(&schema_2(0));
    check(&store);
    let wanted = [
        Standing::Active,
        Standing::Active,
        Standing::Paused,
        Standing::Suspended,
        Standing::Active,
        Standing::Pending,
        Standing::Terminated,
        Standing::Suspended,
        Standing::Expired,
    ];
    for (number, wanted) in (1..=SUBSCRIPTIONS).zip(wanted) {
        let facts = store.subscription(id(number)).unwrap().unwrap().facts;
        assert_eq!(
            standing(&facts.standing_facts(), at(START)),
            wanted,
            "{number}"
        );
        let history = store.history(id(number), None, 99).unwrap();
        assert_eq!(facts.version, history.len() as u64, "{number}");
        let entry = &history[0].entry;
        assert_eq!(
            (entry.action, entry.actor.role),
            (CommandKind::Create, Role::Timer)
        );
        assert_eq!(
            entry.reason.as_ref().unwrap().as_str(),
            "brought up to schema 3"
        );
        assert_eq!(entry.old.as_ref(), Some(&entry.new));
        let [step] = entry.steps.as_slice() else {
            panic!("{:?}", entry.steps);
        };
        assert_eq!(step.change, Change::Created(Box::new(facts)));
        assert!(
            history[1..]
                .iter()
                .all(|before| before.entry.steps.is_empty())
        );
    }
}

#[test]
fn what_facts_could_not_say_is_filled_in() {
    let store = open(&schema_2(0));
    let facts = |number| store.subscription(id(number)).unwrap().unwrap().facts;
    let committed_at = at("2026-11-21T12:00:00Z");
    assert_eq!(facts(1).active_since, at("2026-11-20T12:00:00Z"));
    assert_eq!(facts(6).active_since, at("2026-12-05T00:00:00Z"));
    assert_eq!(facts(4).owing_since, Some(committed_at));
    assert_eq!(facts(1).owing_since, None);
    assert!(facts(3).holds.pause.unwrap().has_begun);
    let lapsed = (1..=SUBSCRIPTIONS).filter(|number| facts(*number).has_lapsed);
    assert_eq!(lapsed.collect::<Vec<_>>(), [9]);
    assert!(facts(7).has_ended());
}

#[test]
fn l33_a_command_of_before_the_upgrade_has_the_answer_that_it_had() {
    let store = open(&schema_2(0));
    let before = store.status().journal_sequence;
    let paid = |payment: &str, amount| Tender::Captured {
        payment: payment.parse().unwrap(),
        amount: euro(amount),
    };
    let suspend = |cause, debt: Option<&str>| Command::Suspend {
        cause,
        debt: debt.map(euro),
        as_of: None,
    };
    let grace = Command::Grace { days: 3 };
    let reactivate = Command::Reactivate {
        months: months(1),
        tender: paid("desk-2", "90.00"),
        then_pause: false,
    };
    let balance = Command::Pay {
        months: months(1),
        tender: Tender::Balance,
        then_pause: false,
    };
    let day = CivilDate::from_ymd(2026, 12, 1).unwrap();
    let instant = at("2026-11-25T00:00:00Z");
    let terminate = Command::Terminate {
        when: When::Now,
        confirmed: true,
    };
    let disable = Command::Disable { confirmed: true };
    let asked = [
        (1, "pay-captured", cash(1, "desk-1", "40.00")),
        (1, "grace", grace),
        (1, "suspend", suspend(SuspendCause::Operator, Some("5.00"))),
        (1, "lift", Command::Lift),
        (2, "reactivate", reactivate),
        (2, "pay-balance", balance),
        (3, "pause-open", pause(PauseEnd::Open)),
        (3, "end-pause", Command::EndPause),
        (3, "pause-on", pause(PauseEnd::On(day))),
        (3, "end-pause-2", Command::EndPause),
        (3, "pause-at", pause(PauseEnd::At(instant))),
        (4, "suspend-4", suspend(SuspendCause::Fraud, None)),
        (5, "disable", disable.clone()),
        (5, "enable", Command::Enable),
        (5, "disable-2", disable),
        (7, "terminate", terminate),
    ];
    for (number, name, command) in asked {
        let answer = wait(store.command(request(id(number), command, Some(name))));
        let answer = answer.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(answer.repeated, "{name}");
    }
    let other = request(id(1), Command::Grace { days: 4 }, Some("grace"));
    assert!(matches!(
        wait(store.command(other)),
        Err(WriteError::CommandIdReused)
    ));
    assert_eq!(store.status().journal_sequence, before);
}

#[test]
fn l33_an_addition_of_before_the_upgrade_has_the_answer_that_it_had() {
    let store = open(&schema_2(0));
    let one = new(1, Some(at("2026-12-01T00:00:00Z")));
    let mut four = new(4, Some(at("2026-12-10T00:00:00Z")));
    four.create.balance = Some(euro("-12.00"));
    four.create.anchor_day = Some(31);
    let mut eight = new(8, Some(at("2026-12-10T00:00:00Z")));
    let (cause, debt) = (SuspendCause::Overdue, Some(euro("9.00")));
    let until = Some(at("2026-12-24T00:00:00Z"));
    eight.create.holds = vec![
        InitialHold::Pause { until },
        InitialHold::Suspend { cause, debt },
    ];
    for (name, new) in [("add-1", one), ("add-4", four), ("add-8", eight)] {
        let answer = wait(store.add(new, operator(), name.parse().ok()));
        assert!(answer.unwrap().repeated, "{name}");
    }
}

#[test]
fn e6_a_checkout_of_before_the_upgrade_buys_what_it_was_for() {
    let store = open(&schema_2(0));
    let paid = store
        .checkout(CheckoutId(Uuid::from_u128(1)))
        .unwrap()
        .unwrap();
    assert!(matches!(paid.state, CheckoutState::Paid { .. }));
    let open = store
        .checkout(CheckoutId(Uuid::from_u128(2)))
        .unwrap()
        .unwrap();
    let offer = open.offer.unwrap();
    assert_eq!((offer.months, offer.price), (months(1), euro("20.00")));
    let bought = wait(store.capture(capture(open.id, "gate-2", "20.00", at(START)))).unwrap();
    assert_eq!(bought.decision.effect, Effect::MonthsBought);
    let again = capture(paid.id, "gate-1", "20.00", at("2026-11-21T11:00:00Z"));
    assert!(wait(store.capture(again)).unwrap().repeated);
    check(&store);
}

#[test]
fn l4_what_came_after_the_upgrade_can_be_taken_back_and_what_was_before_cannot() {
    let store = open(&schema_2(0));
    let before = store.subscription(id(5)).unwrap().unwrap().facts;
    wait(store.command(request(id(5), cash(1, "desk-9", "30.00"), None))).unwrap();
    let history = store.history(id(5), None, 99).unwrap();
    let ask = |nth: usize| RevertAsk {
        id: RevertId(Uuid::from_u128(u128::try_from(nth).unwrap())),
        entry: history[nth].entry.id,
        standing: None,
        amount: None,
        allow_loss: false,
    };
    for nth in 1..history.len() {
        assert!(store.preview_revert(id(5), &ask(nth)).is_err(), "{nth}");
    }
    let asked = request(id(5), Command::RequestRevert(ask(0)), None);
    wait(store.command(asked)).unwrap();
    let mut agreed = request(id(5), Command::ApproveRevert(ask(0).id), None);
    agreed.order.actor = actor(Role::Approver, "bert");
    let answer = wait(store.command(agreed)).unwrap();
    let after = answer.decision.facts;
    assert_eq!(after.paid_through, before.paid_through);
    assert_eq!(after.balance, euro("30.00"));
    check(&store);
}

#[test]
fn an_upgrade_of_many_takes_several_pieces_and_misses_none() {
    let disk = schema_2(MANY);
    let store = open(&disk);
    let all = u64::from(SUBSCRIPTIONS + MANY);
    assert_eq!(store.index().len() as u64, all);
    let first = store.status().journal_sequence - all;
    assert_eq!(first, 27, "one entry each");
    check(&store);
}

/// What of a store does not depend on where its upgrade was cut off.
fn state(store: &Store) -> (u64, Vec<garth_subscription::Facts>) {
    check(store);
    let all = store.subscriptions(None, 10_000).unwrap();
    let facts = all.into_iter().map(|subscription| subscription.facts);
    (store.status().journal_sequence, facts.collect())
}

/// Cuts the upgrade of `old` off at `operation`, opens what is left, and compares.
fn cut_off(old: &Disk, operation: u64, left: Left, wanted: &(u64, Vec<garth_subscription::Facts>)) {
    let disk = old.copy(Some(operation));
    let clock = TestClock::new(START);
    let options = options(&clock, &Arc::<Recorder>::default());
    drop(Store::open_backend(disk.clone(), options));
    let store = open(&disk.after_power_loss(left));
    assert!(state(&store) == *wanted, "operation {operation}, {left:?}");
}

#[test]
fn an_upgrade_that_is_cut_off_is_gone_on_with() {
    let old = schema_2(0);
    let whole = old.copy(None);
    let wanted = state(&open(&whole));
    for left in [Left::Nothing, Left::Everything, Left::Pieces, Left::Latest] {
        for operation in 1..=whole.operations() {
            cut_off(&old, operation, left, &wanted);
        }
    }
}

#[test]
fn an_upgrade_of_many_that_is_cut_off_is_gone_on_with() {
    const CUTS: u64 = 7;
    let old = schema_2(MANY);
    let whole = old.copy(None);
    let wanted = state(&open(&whole));
    let operations = whole.operations();
    for cut in 1..=CUTS {
        cut_off(&old, operations * cut / CUTS, Left::Nothing, &wanted);
    }
}

#[test]
fn no_older_program_takes_a_file_whose_upgrade_was_cut_off() {
    let old = schema_2(MANY);
    let whole = old.copy(None);
    drop(open(&whole));
    for cut in 1..6 {
        let disk = old.copy(Some(whole.operations() * cut / 6));
        let clock = TestClock::new(START);
        let options = options(&clock, &Arc::<Recorder>::default());
        assert!(Store::open_backend(disk.clone(), options).is_err());
        let left = disk.after_power_loss(Left::Nothing);
        let db = Database::builder().create_with_backend(left).unwrap();
        let meta = TableDefinition::<&str, Octets>::new("meta");
        let meta = db.begin_read().unwrap().open_table(meta).unwrap();
        let schema = meta.get("schema").unwrap().unwrap();
        let schema = u32::from_be_bytes(schema.value().try_into().unwrap());
        let goes_on = |name| meta.get(name).unwrap().is_some();
        match schema {
            3 => assert!(goes_on("upgrade_to_3"), "{cut}"),
            4 => assert!(goes_on("sealing") || goes_on("wiping"), "{cut}"),
            other => panic!("{cut}: schema {other}"),
        }
    }
}

//! Random commands over a few subscriptions, with the store opened again in between.

use std::collections::HashMap;
use std::sync::Arc;

use garth_store::Store;
use garth_store::record::{AccountingRecord, AccountingStatus, CheckoutId};
use garth_store::write::WriteError;
use garth_subscription::Money;
use garth_subscription::command::{Command, PauseEnd, Tender};
use garth_subscription::facts::SuspendCause;
use garth_subscription::journal::Effect;
use garth_subscription::money::Currency;
use garth_subscription::time::Span;
use proptest::prelude::*;
use uuid::Uuid;

use crate::disk::{Disk, Left};
use crate::world::{
    Recorder, START, TestClock, at, capture, cash, check, checkout, euro, id, months, new,
    operator, options, plan, record, request, wait,
};

const SUBSCRIPTIONS: u32 = 4;

#[derive(Clone, Debug)]
enum Action {
    /// A command; the same number is the same request under the same command id.
    Command(u32, u8),
    Capture(u32, u8),
    Account(u32, u8, u32),
    Advance(u32),
    Fire,
    Reopen,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => (1..=SUBSCRIPTIONS, 0..12_u8).prop_map(|(n, kind)| Action::Command(n, kind)),
        3 => (1..=SUBSCRIPTIONS, 0..3_u8).prop_map(|(n, payment)| Action::Capture(n, payment)),
        3 => (1..=SUBSCRIPTIONS, 0..4_u8, 0..900_u32)
            .prop_map(|(n, kind, seconds)| Action::Account(n, kind, seconds)),
        4 => (1..2_000_000_u32).prop_map(Action::Advance),
        2 => Just(Action::Fire),
        1 => Just(Action::Reopen),
    ]
}

fn command(kind: u8, payment: &str) -> Command {
    match kind {
        0..=2 => cash(1, payment, "30.00"),
        3 => Command::Pay {
            months: months(1),
            tender: Tender::Balance,
        },
        4 => Command::Reactivate {
            months: months(1),
            tender: Tender::Balance,
        },
        5 => Command::Pause {
            end: PauseEnd::Open,
        },
        6 => Command::Pause {
            end: PauseEnd::At(at(START).saturating_add(Span::from_days(5))),
        },
        7 => Command::EndPause,
        8 => Command::Grace { days: 2 },
        9 => Command::Suspend {
            cause: SuspendCause::Operator,
            debt: Some(euro("10.00")),
        },
        10 => Command::Lift,
        _ => Command::Terminate { confirmed: true },
    }
}

/// A store under test and what it has answered.
struct Model {
    disk: Disk,
    clock: Arc<TestClock>,
    recorder: Arc<Recorder>,
    store: Store,
    answers: HashMap<String, garth_store::write::Committed>,
    orders: HashMap<String, u8>,
    issued: u32,
}

impl Model {
    fn new() -> Self {
        let disk = Disk::default();
        let (clock, recorder) = (TestClock::new(START), Arc::<Recorder>::default());
        let store = Store::open_backend(disk.clone(), options(&clock, &recorder)).unwrap();
        wait(store.apply_plans(vec![plan("home-100", 100_000)], operator())).unwrap();
        for n in 1..=SUBSCRIPTIONS {
            let paid_through = at(START).saturating_add(Span::from_days(n));
            wait(store.add(new(n, Some(paid_through)), operator(), None)).unwrap();
            let offer = checkout(id(n), u128::from(n), "30.00", at(START));
            wait(store.open_checkout(offer)).unwrap();
        }
        Self {
            disk,
            clock,
            recorder,
            store,
            answers: HashMap::new(),
            orders: HashMap::new(),
            issued: 0,
        }
    }

    fn run(&mut self, action: &Action) {
        match *action {
            Action::Command(n, kind) => self.command(n, kind),
            Action::Capture(n, payment) => self.capture(n, payment),
            Action::Account(n, kind, seconds) => self.account(n, kind, seconds),
            Action::Advance(seconds) => self.clock.advance(i64::from(seconds) * 1_000),
            Action::Fire => {
                wait(self.store.fire_due()).unwrap();
                assert_eq!(wait(self.store.fire_due()).unwrap().agenda, 0);
            }
            Action::Reopen => self.reopen(),
        }
    }

    /// Asks twice under one command id; the second answer is the first one.
    fn command(&mut self, n: u32, kind: u8) {
        self.issued += 1;
        let name = format!("c-{}", self.issued);
        let payment = format!("p-{}", self.issued);
        let ask = || {
            let request = request(id(n), command(kind, &payment), Some(&name));
            wait(self.store.command(request))
        };
        let before = self.store.status().journal_sequence;
        match ask() {
            Ok(first) => {
                let after = self.store.status().journal_sequence;
                let again = ask().unwrap();
                assert!(again.repeated && !first.repeated);
                assert_eq!(
                    (again.entry, &again.decision),
                    (first.entry, &first.decision)
                );
                assert_eq!(self.store.status().journal_sequence, after);
                self.orders.insert(name.clone(), kind);
                self.answers.insert(format!("{n} {name}"), first);
            }
            Err(WriteError::Refused(_)) => {
                assert_eq!(self.store.status().journal_sequence, before);
            }
            Err(other) => panic!("{other}"),
        }
    }

    fn capture(&mut self, n: u32, payment: u8) {
        let offer = CheckoutId(Uuid::from_u128(u128::from(n)));
        let name = format!("g-{n}-{payment}");
        let request = capture(offer, &name, "30.00", self.store.now());
        let committed = wait(self.store.capture(request)).unwrap();
        assert_eq!(committed.repeated, self.answers.contains_key(&name));
        if let Some(first) = self.answers.get(&name) {
            assert_eq!(committed.entry, first.entry);
        } else {
            self.answers.insert(name, committed);
        }
    }

    fn account(&self, n: u32, kind: u8, seconds: u32) {
        let status = match kind {
            0 => AccountingStatus::Start,
            1 => AccountingStatus::InterimUpdate,
            2 => AccountingStatus::Stop,
            _ => AccountingStatus::AccountingOn,
        };
        let record = AccountingRecord {
            framed_ipv4: Some(std::net::Ipv4Addr::from(seconds % 3)),
            session_time: seconds,
            input_octets: u64::from(seconds),
            ..record(status, &format!("s{n}"), &format!("user{n}"))
        };
        self.store.account(vec![record]).unwrap();
    }

    fn reopen(&mut self) {
        let disk = self.disk.after_power_loss(Left::Nothing);
        let head = self.store.status();
        self.store =
            Store::open_backend(disk.clone(), options(&self.clock, &self.recorder)).unwrap();
        self.disk = disk;
        assert_eq!(self.store.status().journal_hash, head.journal_hash);
        for (name, answer) in &self.answers {
            let Some((n, command_id)) = name.split_once(' ') else {
                continue;
            };
            let (n, kind) = (n.parse().unwrap(), self.orders[command_id]);
            let payment = command_id.replace('c', "p");
            let request = request(id(n), command(kind, &payment), Some(command_id));
            let again = wait(self.store.command(request)).unwrap();
            assert_eq!((again.entry, again.repeated), (answer.entry, true));
            assert_eq!(again.decision, answer.decision);
        }
    }

    /// Money comes from payments alone, and goes for months and debts alone.
    fn check(&self) {
        check(&self.store);
        for n in 1..=SUBSCRIPTIONS {
            let facts = self.store.subscription(id(n)).unwrap().unwrap().facts;
            let history = self.store.history(id(n), None, 10_000).unwrap();
            assert_eq!(facts.version, history.len() as u64);
            let mut balance = Money::zero(Currency::EUR);
            for chained in history.iter().rev() {
                let entry = &chained.entry;
                if let Some(old) = &entry.old {
                    assert_eq!(
                        old.balance, balance,
                        "an entry starts where the last one ended"
                    );
                }
                let paid = entry.amount.unwrap_or(Money::zero(Currency::EUR));
                let most = balance.checked_add(paid).unwrap();
                match entry.effect {
                    Effect::MonthsBought | Effect::DebtSettled => {
                        assert!(entry.new.balance.minor() < most.minor());
                    }
                    Effect::Done
                    | Effect::CreditOnly
                    | Effect::PauseEnded
                    | Effect::PauseEndedUnfunded => assert_eq!(entry.new.balance, most),
                }
                balance = entry.new.balance;
            }
            assert_eq!(facts.balance, balance);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_the_journal_the_tables_and_the_index_agree(
        actions in prop::collection::vec(action(), 1..60)
    ) {
        let mut model = Model::new();
        for action in &actions {
            model.run(action);
        }
        model.check();
        model.reopen();
        model.check();
    }
}

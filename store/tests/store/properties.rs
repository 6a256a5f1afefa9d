//! Random commands over a few subscriptions, with the store opened again in between.

use std::collections::HashMap;
use std::sync::Arc;

use garth_store::record::{AccountingRecord, AccountingStatus, CheckoutId, TicketState};
use garth_store::write::{CommandRequest, Committed, WriteError};
use garth_store::{NOTICES_KEPT, OPEN_TICKETS_MAX, PENDING_REVERTS_MAX, RevertFilter, Store};
use garth_subscription::change::Change;
use garth_subscription::command::{ChangeStart, Command, PauseEnd, Role, Tender, When};
use garth_subscription::facts::{Invoicing, Renewal, SuspendCause};
use garth_subscription::journal::JournalEntry;
use garth_subscription::money::{Currency, Money};
use garth_subscription::refusal::Refusal;
use garth_subscription::revert::{RevertAsk, RevertId, RevertState};
use garth_subscription::time::Span;
use proptest::prelude::*;
use uuid::Uuid;

use crate::disk::{Disk, Left};
use crate::world::{
    Recorder, START, TestClock, actor, at, capture, cash, check, checkout, euro, id, let_time_on,
    months, new, operator, options, pause, plan, record, request, wait,
};

const SUBSCRIPTIONS: u32 = 4;
const KINDS: u8 = 24;

#[derive(Clone, Debug)]
enum Action {
    /// A command of that kind.
    Command(u32, u8),
    /// A request to take back an entry of the history, counted from its end.
    Request(u32, u8),
    /// The decision on a request, counted from the first; whether it is approved, and by whom.
    Decide(u8, bool, bool),
    Capture(u32, u8),
    /// A quote, and whether it is paid for.
    Quote(u32, bool),
    CloseTicket(u32),
    Account(u32, u8, u32),
    Advance(u32),
    Fire,
    Reopen,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        12 => (1..=SUBSCRIPTIONS, 0..KINDS).prop_map(|(n, kind)| Action::Command(n, kind)),
        4 => (1..=SUBSCRIPTIONS, 0..6_u8).prop_map(|(n, back)| Action::Request(n, back)),
        4 => (0..4_u8, any::<bool>(), any::<bool>())
            .prop_map(|(nth, agrees, is_other)| Action::Decide(nth, agrees, is_other)),
        3 => (1..=SUBSCRIPTIONS, 0..3_u8).prop_map(|(n, payment)| Action::Capture(n, payment)),
        2 => (1..=SUBSCRIPTIONS, any::<bool>()).prop_map(|(n, pays)| Action::Quote(n, pays)),
        1 => (1..=SUBSCRIPTIONS).prop_map(Action::CloseTicket),
        3 => (1..=SUBSCRIPTIONS, 0..4_u8, 0..900_u32)
            .prop_map(|(n, kind, seconds)| Action::Account(n, kind, seconds)),
        4 => (1..2_000_000_u32).prop_map(Action::Advance),
        2 => Just(Action::Fire),
        1 => Just(Action::Reopen),
    ]
}

/// A command of that kind and who gives it; `paid` is a payment of before.
fn command(kind: u8, payment: &str, paid: &str) -> (Role, Command) {
    match kind {
        0..16 => (Role::Operator, everyday_command(kind, payment)),
        16 => (Role::Operator, Command::CancelChange),
        17 => {
            let (when, confirmed) = (When::AfterDays(9), true);
            (Role::Operator, Command::Terminate { when, confirmed })
        }
        18 => (Role::Operator, Command::CancelTermination),
        19 => (Role::Support, Command::Reinstate),
        20 => {
            let (plan, message) = (None, "faster, please".parse().unwrap());
            (Role::Customer, Command::RequestChange { plan, message })
        }
        21 => {
            let (payment, amount) = (payment.parse().unwrap(), euro("30.00"));
            let command = Command::Reactivate {
                months: months(1),
                tender: Tender::Provisional { payment, amount },
                then_pause: false,
            };
            (Role::Operator, command)
        }
        22 => {
            let payment = paid.parse().unwrap();
            (Role::Ledger, Command::Void { payment })
        }
        _ => {
            let (payment, amount) = (paid.parse().unwrap(), euro("7.00"));
            (Role::Ledger, Command::Refund { payment, amount })
        }
    }
}

fn everyday_command(kind: u8, payment: &str) -> Command {
    match kind {
        0..=2 => cash(1, payment, "30.00"),
        3 => Command::Pay {
            months: months(1),
            tender: Tender::Balance,
            then_pause: true,
        },
        4 => Command::Reactivate {
            months: months(1),
            tender: Tender::Balance,
            then_pause: false,
        },
        5 => pause(PauseEnd::Open),
        6 => pause(PauseEnd::At(at(START).saturating_add(Span::from_days(5)))),
        7 => Command::Pause {
            start: When::AfterDays(2),
            end: PauseEnd::ForDays(3),
            is_locked: true,
        },
        8 => Command::EndPause,
        9 => Command::Grace { days: 2 },
        10 => Command::Suspend {
            cause: SuspendCause::Operator,
            debt: Some(euro("10.00")),
            as_of: None,
        },
        11 => Command::Lift,
        12 => Command::Postpone { until: None },
        13 => Command::SetRenewal(Renewal {
            invoicing: Some(Invoicing::Backward),
            ..Renewal::default()
        }),
        14 => Command::ChangePlan {
            plan: "home-500".parse().unwrap(),
            start: ChangeStart::NextPeriod,
        },
        _ => Command::ChangePlan {
            plan: "home-100".parse().unwrap(),
            start: ChangeStart::Now,
        },
    }
}

/// A store under test and what it has answered.
struct Model {
    disk: Disk,
    clock: Arc<TestClock>,
    recorder: Arc<Recorder>,
    store: Store,
    /// What was asked under command ids, and the answers.
    answers: Vec<(CommandRequest, Committed)>,
    payments: HashMap<String, Committed>,
    requests: Vec<RevertId>,
    issued: u32,
}

impl Model {
    fn new() -> Self {
        let disk = Disk::default();
        let (clock, recorder) = (TestClock::new(START), Arc::<Recorder>::default());
        let store = Store::open_backend(disk.clone(), options(&clock, &recorder)).unwrap();
        let plans = ["home-100", "home-500"].map(|name| plan(name, 100_000));
        wait(store.apply_plans(plans.to_vec(), operator())).unwrap();
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
            answers: Vec::new(),
            payments: HashMap::new(),
            requests: Vec::new(),
            issued: 0,
        }
    }

    fn run(&mut self, action: &Action) {
        match *action {
            Action::Command(n, kind) => self.command(n, kind),
            Action::Request(n, back) => self.request(n, back),
            Action::Decide(nth, agrees, is_other) => self.decide(nth, agrees, is_other),
            Action::Capture(n, payment) => {
                self.capture(CheckoutId(Uuid::from_u128(u128::from(n))), n, payment);
            }
            Action::Quote(n, pays) => self.quote(n, pays),
            Action::CloseTicket(n) => self.close_ticket(n),
            Action::Account(n, kind, seconds) => self.account(n, kind, seconds),
            Action::Advance(seconds) => {
                self.clock.advance(i64::from(seconds) * 1_000);
                let_time_on(&self.store);
            }
            Action::Fire => {
                wait(self.store.fire_due()).unwrap();
                assert_eq!(wait(self.store.fire_due()).unwrap().agenda, 0);
            }
            Action::Reopen => self.reopen(),
        }
    }

    /// Asks twice under one command id; the second answer is the first one.
    fn ask(&mut self, mut request: CommandRequest) -> Result<Committed, Refusal> {
        self.issued += 1;
        request.command_id = Some(format!("c-{}", self.issued).parse().unwrap());
        let before = self.store.status().journal_sequence;
        match wait(self.store.command(request.clone())) {
            Ok(first) => {
                let after = self.store.status().journal_sequence;
                let again = wait(self.store.command(request.clone())).unwrap();
                assert!(again.repeated && !first.repeated);
                assert_eq!(
                    (again.entry, &again.decision),
                    (first.entry, &first.decision)
                );
                assert_eq!(self.store.status().journal_sequence, after);
                self.answers.push((request, first.clone()));
                Ok(first)
            }
            Err(error) => {
                assert_eq!(self.store.status().journal_sequence, before);
                Err(self.refusal_of(&request, &error))
            }
        }
    }

    /// What the rules said; where the store has no room, [`Refusal::Unknown`] once that is true.
    fn refusal_of(&self, request: &CommandRequest, error: &WriteError) -> Refusal {
        if let WriteError::Refused(refusal) = error {
            return refusal.clone();
        }
        if let WriteError::EntryRequested(other) = error {
            let other = self.store.revert_request(*other).unwrap().unwrap();
            assert_eq!(other.state, RevertState::Pending);
        } else {
            assert!(matches!(error, WriteError::TooManyTickets), "{error}");
            let of = Some(request.subscription);
            let open = self.store.tickets(true, of, None, 99).unwrap();
            assert_eq!(open.len(), OPEN_TICKETS_MAX);
        }
        Refusal::Unknown
    }

    fn command(&mut self, n: u32, kind: u8) {
        let history = self.store.history(id(n), None, 99).unwrap();
        let paid = history
            .iter()
            .find_map(|chained| chained.entry.payment.clone());
        let paid = paid.map_or_else(|| "none".to_owned(), |paid| paid.to_string());
        let (role, command) = command(kind, &format!("p-{}", self.issued), &paid);
        let mut request = request(id(n), command, None);
        request.order.actor = actor(role, "anna");
        let before = self.store.preview(&request);
        let answer = self.ask(request);
        if let (Ok(before), Ok(answer)) = (before, answer) {
            assert_eq!(before, answer.decision, "a preview is what it would be");
        }
    }

    fn request(&mut self, n: u32, back: u8) {
        let history = self.store.history(id(n), None, 99).unwrap();
        let Some(entry) = history.get(usize::from(back)) else {
            return;
        };
        let ask = RevertAsk {
            id: RevertId(Uuid::from_u128(u128::from(self.issued) + (9 << 100))),
            entry: entry.entry.id,
            standing: None,
            amount: None,
            allow_loss: false,
        };
        let preview = self.store.preview_revert(id(n), &ask);
        let answer = self.ask(request(id(n), Command::RequestRevert(ask.clone()), None));
        if let Ok(answer) = answer {
            let kept = self.store.revert_request(ask.id).unwrap().unwrap();
            assert_eq!(kept.new, preview.unwrap().decision.new);
            assert_eq!(
                answer.decision.old.as_ref(),
                Some(&answer.decision.new),
                "nothing is done yet"
            );
            self.requests.push(ask.id);
        }
    }

    fn decide(&mut self, nth: u8, agrees: bool, is_other: bool) {
        let Some(wanted) = self.requests.get(usize::from(nth)).copied() else {
            return;
        };
        let waiting = self.store.revert_request(wanted).unwrap().unwrap();
        let command = if agrees {
            Command::ApproveRevert(wanted)
        } else {
            Command::DenyRevert(wanted)
        };
        let mut request = request(waiting.subscription, command, None);
        request.order.actor = actor(Role::Approver, if is_other { "bert" } else { "anna" });
        let answer = self.ask(request);
        let kept = self.store.revert_request(wanted).unwrap().unwrap();
        match answer {
            Ok(answer) => {
                assert!(is_other && waiting.state == RevertState::Pending);
                assert_eq!(answer.decision.request.as_deref(), Some(&kept));
                assert_eq!(agrees, matches!(kept.state, RevertState::Approved(_)));
                assert_eq!(agrees, answer.decision.reverts == Some(waiting.entry));
            }
            Err(refusal) => {
                assert_eq!(kept, waiting);
                let is_decided = waiting.state != RevertState::Pending;
                assert_eq!(is_decided, matches!(refusal, Refusal::RequestDecided(_)));
                assert_eq!(!is_decided && !is_other, refusal == Refusal::OwnRequest);
            }
        }
    }

    fn capture(&mut self, offer: CheckoutId, n: u32, payment: u8) {
        let name = format!("g-{n}-{payment}");
        let request = capture(offer, &name, "30.00", self.store.now());
        let committed = wait(self.store.capture(request)).unwrap();
        assert_eq!(committed.repeated, self.payments.contains_key(&name));
        if let Some(first) = self.payments.get(&name) {
            assert_eq!(committed.entry, first.entry);
        } else {
            self.payments.insert(name, committed);
        }
    }

    fn quote(&mut self, n: u32, pays: bool) {
        let Ok(made) = wait(self.store.make_quote(id(n), months(1), false)) else {
            return;
        };
        assert!(self.store.verify_quote(&made));
        assert_eq!(self.store.quote(made.id).unwrap().as_ref(), Some(&made));
        if pays {
            self.issued += 1;
            let number = u128::from(self.issued) << 32;
            let mut offer = checkout(id(n), number, "30.00", self.store.now());
            offer.offer = Some(made.offer);
            offer.quote = Some(made.id);
            wait(self.store.open_checkout(offer)).unwrap();
            self.issued += 1;
            let name = format!("q-{}", self.issued);
            let offer = CheckoutId(Uuid::from_u128(number));
            let request = capture(offer, &name, "30.00", self.store.now());
            wait(self.store.capture(request)).unwrap();
        }
    }

    fn close_ticket(&self, n: u32) {
        for ticket in self.store.tickets(true, Some(id(n)), None, 1).unwrap() {
            let close = || wait(self.store.close_ticket(ticket.id, &operator(), None));
            assert!(matches!(close().unwrap().state, TicketState::Closed { .. }));
            assert!(matches!(close(), Err(WriteError::TicketClosed(_))));
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
        for (request, answer) in &self.answers {
            let again = wait(self.store.command(request.clone())).unwrap();
            assert_eq!((again.entry, again.repeated), (answer.entry, true));
            assert_eq!(again.decision, answer.decision);
        }
    }

    /// Money comes from payments alone and goes for what was bought, and people have no more to do
    /// than the bounds say.
    fn check(&self) {
        check(&self.store);
        for n in 1..=SUBSCRIPTIONS {
            let facts = self.store.subscription(id(n)).unwrap().unwrap().facts;
            let history = self.store.history(id(n), None, 10_000).unwrap();
            let changes = |entry: &JournalEntry| !entry.steps.is_empty() || entry.reverts.is_some();
            let changed = history.iter().filter(|chained| changes(&chained.entry));
            assert_eq!(facts.version, changed.count() as u64);
            let mut balance = Money::zero(Currency::EUR);
            for chained in history.iter().rev() {
                let entry = &chained.entry;
                if let Some(old) = &entry.old {
                    assert_eq!(
                        old.balance, balance,
                        "an entry starts where the last one ended"
                    );
                }
                if entry.reverts.is_none() {
                    let moved = entry.new.balance.checked_sub(balance).unwrap();
                    assert_eq!(moved, moved_by(entry));
                }
                balance = entry.new.balance;
            }
            assert_eq!(facts.balance, balance);
            let filter = RevertFilter {
                pending_only: true,
                subscription: Some(id(n)),
                ..RevertFilter::default()
            };
            let pending = self.store.revert_requests(filter, None, 99).unwrap();
            assert!(pending.len() <= PENDING_REVERTS_MAX);
            assert!(self.store.notices(id(n), 99).unwrap().len() <= NOTICES_KEPT);
        }
    }
}

/// The money that came with the steps of an entry, less what they cost.
fn moved_by(entry: &JournalEntry) -> Money {
    let mut sum = Money::zero(Currency::EUR);
    for step in &entry.steps {
        if let Change::MoneyIn(amount) = &step.change {
            sum = sum.checked_add(*amount).unwrap();
        } else if let Change::MoneyOut(amount)
        | Change::DebtSettled(amount)
        | Change::Charged { amount, .. }
        | Change::MonthsBought { price: amount, .. }
        | Change::Renewed { price: amount, .. }
        | Change::PlanChanged { price: amount, .. } = &step.change
        {
            sum = sum.checked_sub(*amount).unwrap();
        }
    }
    sum
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

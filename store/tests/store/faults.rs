//! The disk fails at every write and every sync of a workload, and the power is lost with it.

use std::sync::Arc;

use garth_store::index::Content;
use garth_store::record::{
    AccountingRecord, AccountingStatus, CheckoutId, LastTold, Notice, Session, SessionKey, Ticket,
    Unsettled,
};
use garth_store::write::WriteError;
use garth_store::{Limits, Options, Store};
use garth_subscription::command::{Command, PauseEnd, Role};
use garth_subscription::revert::{RevertAsk, RevertId};
use uuid::Uuid;

use crate::disk::{Disk, Left};
use crate::world::{
    Recorder, TestClock, actor, at, capture, cash, check, checkout, id, months, new, operator,
    options, pause, plan, record, request, session_key, wait,
};

/// A store that is used step by step, always at the same instants.
struct Run {
    store: Store,
    clock: Arc<TestClock>,
    recorder: Arc<Recorder>,
}

const STEPS: usize = 22;

fn small(clock: &Arc<TestClock>, recorder: &Arc<Recorder>) -> Options {
    Options {
        cache_bytes: 1 << 20,
        limits: Limits {
            sessions_max: 100,
            // A fold takes several transactions, a minute after the first record that it folds.
            fold_sessions_max: 1,
            ..Limits::default()
        },
        ..options(clock, recorder)
    }
}

impl Run {
    fn open(disk: &Disk) -> Option<Self> {
        let (clock, recorder) = (TestClock::new(&instant(0)), Arc::<Recorder>::default());
        let store = Store::open_backend(disk.clone(), small(&clock, &recorder)).ok()?;
        Some(Self {
            store,
            clock,
            recorder,
        })
    }

    fn account(&self, status: AccountingStatus, seconds: u32) -> Result<(), WriteError> {
        let told = |n: u32| AccountingRecord {
            framed_ipv4: Some((0x0A40_0000 + n).into()),
            session_time: seconds,
            input_octets: u64::from(seconds) * 10,
            ..record(status, &format!("s{n}"), &format!("user{n}"))
        };
        self.store.account((1..=3).map(told).collect()).map(drop)
    }

    fn command(&self, command: Command, command_id: &str) -> Result<(), WriteError> {
        wait(
            self.store
                .command(request(id(1), command, Some(command_id))),
        )
        .map(drop)
    }

    /// One step; each can be done again without a second effect, as whoever had no answer will.
    fn step(&self, step: usize) -> Result<(), WriteError> {
        self.clock.set(&instant(step));
        let now = at(&instant(step));
        let offer = CheckoutId(Uuid::from_u128(1));
        let paid = |payment: &str| wait(self.store.capture(capture(offer, payment, "30.00", now)));
        let add = |n: u32| {
            let command_id = format!("a-{n}").parse().unwrap();
            wait(
                self.store
                    .add(new(n, Some(now)), operator(), Some(command_id)),
            )
            .map(drop)
        };
        match step {
            1 => self.plans(&["home-100"]),
            2 => add(1),
            3 => add(2),
            4 => self.account(AccountingStatus::Start, 0),
            5 => self.command(cash(1, "desk-1", "30.00"), "c-1"),
            6 => wait(self.store.open_checkout(checkout(id(2), 1, "30.00", now))),
            7 => paid("pay-1").map(drop),
            // The repeat of the first payment commits nothing, so this is one commit, too.
            8 => paid("pay-1").and_then(|_| paid("pay-2")).map(drop),
            9 => self.account(AccountingStatus::InterimUpdate, 180),
            10 => {
                let end = PauseEnd::At(at(&instant(12)));
                self.command(pause(end), "c-2")
            }
            11 => self.import(),
            12 => wait(self.store.fire_due()).map(drop),
            13 => self.account(AccountingStatus::Stop, 500),
            14 => self.plans(&["home-100", "home-500"]),
            21 => self.unsettled(&[(1, Some(true)), (2, Some(false))]),
            22 => self.unsettled(&[(1, None), (2, Some(true)), (3, Some(false))]),
            _ => self.step_of_people(step),
        }
    }

    /// The steps that people wait for.
    fn step_of_people(&self, step: usize) -> Result<(), WriteError> {
        let wanted = RevertId(Uuid::from_u128(1));
        let give = |role, name, command, command_id: &str| {
            let mut request = request(id(1), command, Some(command_id));
            request.order.actor = actor(role, name);
            wait(self.store.command(request)).map(drop)
        };
        match step {
            15 => {
                let paid = self.store.payment(&"desk-1".parse().unwrap()).unwrap();
                let ask = RevertAsk {
                    id: wanted,
                    entry: paid.unwrap().entry,
                    standing: None,
                    amount: None,
                    allow_loss: false,
                };
                self.command(Command::RequestRevert(ask), "r-1")
            }
            16 => give(
                Role::Approver,
                "bert",
                Command::ApproveRevert(wanted),
                "r-2",
            ),
            17 => {
                let (plan, message) = (None, "faster".parse().unwrap());
                let wish = Command::RequestChange { plan, message };
                give(Role::Customer, "user1", wish, "t-1")
            }
            18 => {
                let tickets = self.store.tickets(true, None, None, 9).unwrap();
                let close = |ticket: &Ticket| {
                    wait(self.store.close_ticket(ticket.id, &operator(), None)).map(drop)
                };
                tickets.iter().try_for_each(close)
            }
            19 => wait(self.store.make_quote(id(2), months(1), false)).map(drop),
            _ => {
                let notices = self.store.notices(id(1), 9).unwrap();
                let dismiss = |notice: &Notice| {
                    wait(self.store.dismiss_notice(id(1), notice.sequence)).map(drop)
                };
                notices.iter().try_for_each(dismiss)
            }
        }
    }

    fn plans(&self, names: &[&str]) -> Result<(), WriteError> {
        let plans = names.iter().map(|name| plan(name, 100_000)).collect();
        wait(self.store.apply_plans(plans, operator())).map(drop)
    }

    fn import(&self) -> Result<(), WriteError> {
        let batch = (10..20).map(|n| new(n, None)).collect();
        let answers = wait(self.store.import(batch, operator()))?;
        let is_kept = answers[0].is_ok();
        for answer in answers {
            match answer {
                Ok(_) if is_kept => {}
                Err(WriteError::Refused(garth_subscription::Refusal::Exists)) if !is_kept => {}
                other => panic!("an import that is half there: {other:?}"),
            }
        }
        Ok(())
    }

    /// Notes sessions that operators were told of, or not, and forgets those with nothing.
    fn unsettled(&self, changes: &[(u32, Option<bool>)]) -> Result<(), WriteError> {
        let change = |(n, is_alarm): &(u32, Option<bool>)| {
            let unsettled = is_alarm.map(|is_alarm| Unsettled {
                started_at: at(&instant(4)),
                told: Some(LastTold::Garden),
                is_alarm,
            });
            (session_key(&format!("s{n}")), unsettled)
        };
        self.store
            .note_unsettled(changes.iter().map(change).collect())
    }

    fn papers(&self) -> Papers {
        let request = RevertId(Uuid::from_u128(1));
        let request = self.store.revert_request(request).unwrap();
        let tickets = |open_only| self.store.tickets(open_only, None, None, 9).unwrap().len();
        Papers {
            request: request.map(|request| request.state.as_str()),
            tickets: tickets(false),
            open_tickets: tickets(true),
            has_quote: !self.store.quotes(id(2), None, 9).unwrap().is_empty(),
            notices: self.store.notices(id(1), 9).unwrap().len(),
        }
    }

    fn state(&self) -> State {
        check(&self.store);
        let offer = CheckoutId(Uuid::from_u128(1));
        let balance = |n| self.store.subscription(id(n)).unwrap().map(|s| s.facts);
        let paid = |payment: &str| self.store.payment(&payment.parse().unwrap()).unwrap();
        State {
            entries: self.store.status().journal_sequence,
            index: self.store.index().content(),
            sessions: self.store.sessions(None, false, 9).unwrap(),
            facts: format!("{:?} {:?}", balance(1), balance(2)),
            plans: self.store.rules().catalogue.len(),
            checkout: self
                .store
                .checkout(offer)
                .unwrap()
                .map(|checkout| format!("{:?}", std::mem::discriminant(&checkout.state))),
            payments: ["desk-1", "pay-1", "pay-2"].map(|name| paid(name).is_some()),
            papers: self.papers(),
            unsettled: self.store.unsettled_sessions().unwrap(),
        }
    }
}

/// All of a store that does not depend on its edge's random number.
#[derive(Debug, PartialEq)]
struct State {
    entries: u64,
    index: Content,
    sessions: Vec<Session>,
    facts: String,
    plans: usize,
    checkout: Option<String>,
    payments: [bool; 3],
    papers: Papers,
    unsettled: Vec<(SessionKey, Unsettled)>,
}

/// What people wait for.
#[derive(Debug, PartialEq)]
struct Papers {
    request: Option<&'static str>,
    tickets: usize,
    open_tickets: usize,
    /// Whoever had no answer asks for another one.
    has_quote: bool,
    notices: usize,
}

/// The instant of a step: a minute after the one before.
fn instant(step: usize) -> String {
    format!("2026-11-21T12:{step:02}:00Z")
}

/// The states after each step where nothing fails, and how many operations that took.
fn reference(created: &Disk) -> (Vec<State>, u64) {
    let disk = created.copy(None);
    let run = Run::open(&disk).unwrap();
    let mut states = vec![run.state()];
    for step in 1..=STEPS {
        run.step(step).unwrap();
        states.push(run.state());
    }
    let done = Papers {
        request: Some("approved"),
        tickets: 1,
        open_tickets: 0,
        has_quote: true,
        notices: 0,
    };
    assert_eq!(states[STEPS].papers, done);
    let is_alarm = |(_, one): &(SessionKey, Unsettled)| one.is_alarm;
    for state in &states[STEPS - 1..] {
        let alarms: Vec<bool> = state.unsettled.iter().map(is_alarm).collect();
        assert_eq!(alarms, [true, false]);
    }
    // The last fold is when the store closes.
    assert!(run.store.status().folds > 0);
    drop(run);
    (states, disk.operations())
}

/// Fails at `operation`; what is left of the disk has every answered step, and the next one
/// wholly or not at all; doing the rest leads where it leads without a failure.
fn fail_at(created: &Disk, operation: u64, left: Left, states: &[State]) {
    let disk = created.copy(Some(operation));
    let mut answered = 0;
    if let Some(run) = Run::open(&disk) {
        while answered < STEPS && run.step(answered + 1).is_ok() {
            answered += 1;
        }
        if answered < STEPS {
            assert_eq!(run.recorder.failed.lock().unwrap().len(), 1);
            assert!(matches!(run.step(answered + 1), Err(WriteError::Failed(_))));
        }
    }
    let disk = disk.after_power_loss(left);
    let context = format!("operation {operation}, left {left:?}, {answered} steps answered");
    let run = Run::open(&disk).unwrap_or_else(|| panic!("{context}: it does not open"));
    let found = run.state();
    let next = (answered + 1).min(STEPS);
    assert!(
        found == states[answered] || found == states[next],
        "{context}: {found:#?}"
    );
    for step in answered + 1..=STEPS {
        run.step(step).unwrap();
    }
    assert_eq!(run.state(), states[STEPS], "{context}");
}

/// Loses power with nothing under way: all that was answered is there.
fn lose_power_after(created: &Disk, answered: usize, left: Left, state: &State) {
    let disk = created.copy(None);
    let run = Run::open(&disk).unwrap();
    for step in 1..=answered {
        run.step(step).unwrap();
    }
    let found = Run::open(&disk.after_power_loss(left)).unwrap().state();
    assert_eq!(found, *state, "left {left:?}, {answered} steps answered");
}

fn fail_everywhere(left: Left) {
    // How a file comes to be is another matter: see `opening`.
    let created = Disk::default();
    drop(Run::open(&created).unwrap());
    let (states, operations) = reference(&created);
    for (answered, state) in states.iter().enumerate() {
        lose_power_after(&created, answered, left, state);
    }
    for operation in 1..=operations {
        fail_at(&created, operation, left, &states);
    }
}

#[test]
fn a_failure_that_leaves_nothing_unsynced_loses_no_answer() {
    fail_everywhere(Left::Nothing);
}

#[test]
fn a_failure_that_leaves_everything_loses_no_answer() {
    fail_everywhere(Left::Everything);
}

#[test]
fn a_failure_that_leaves_torn_writes_loses_no_answer() {
    fail_everywhere(Left::Pieces);
}

#[test]
fn a_failure_that_leaves_the_latest_writes_loses_no_answer() {
    fail_everywhere(Left::Latest);
}

//! garthd is killed again and again while accounting, payments and commands run: nothing that was
//! acknowledged is missing or doubled, the journal's chain holds, and RADIUS answers soon after.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that is wrong"
)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use garth_tests::Lab;
use garth_tests::clock;
use garth_tests::garthctl::Garthctl;
use garth_tests::radius::{Client, Status, code};
use serde_json::Value;

/// How often garthd is killed.
const CYCLES: u64 = 100;

/// The most acknowledgements between two kills.
const ACKNOWLEDGED_PER_CYCLE_MAX: u64 = 40;

/// How long the first right answer after a start is waited for.
const FIRST_ANSWER_MAX: Duration = Duration::from_secs(30);

/// How long acknowledgements may stay away.
const PROGRESS_MAX: Duration = Duration::from_secs(30);

/// How long a client waits for one answer.
const ANSWER_MAX: Duration = Duration::from_millis(200);

/// Records of one session before its Stop.
const RECORDS_PER_SESSION: u32 = 5;

/// What all workers share.
#[derive(Default)]
struct Loop {
    ended: AtomicBool,
    acknowledged: AtomicU64,
}

impl Loop {
    fn runs(&self) -> bool {
        !self.ended.load(Ordering::Acquire)
    }

    fn count(&self) {
        self.acknowledged.fetch_add(1, Ordering::AcqRel);
    }

    /// Does `try_once` until it is acknowledged; false when the loop ended before that.
    fn insist(&self, mut try_once: impl FnMut() -> bool) -> bool {
        while self.runs() {
            if try_once() {
                self.count();
                return true;
            }
            thread::sleep(Duration::from_millis(1));
        }
        false
    }
}

/// One session, as its NAS knows it.
#[derive(Debug, Default)]
struct Accounted {
    started: bool,
    acknowledged_octets: u32,
    sent_octets: u32,
    stop_sent: bool,
    stopped: bool,
}

/// Sends the records of session after session, each until it is acknowledged.
fn accounts(run: &Loop, mut client: Client, name: &str) -> BTreeMap<String, Accounted> {
    let mut sessions = BTreeMap::new();
    for number in 0.. {
        let id = format!("{name}-{number}");
        let mut session = Accounted::default();
        for record in 0..RECORDS_PER_SESSION {
            let status = if record == 0 {
                Status::Start
            } else {
                Status::Interim
            };
            session.sent_octets = record * 1_000;
            if !run.insist(|| {
                client
                    .account(status, "bruno", &id, record * 1_000)
                    .unwrap()
            }) {
                break;
            }
            session.started = true;
            session.acknowledged_octets = record * 1_000;
        }
        if number % 2 == 0 && run.runs() {
            session.stop_sent = true;
            session.stopped = run.insist(|| {
                client
                    .account(Status::Stop, "bruno", &id, session.sent_octets)
                    .unwrap()
            });
        }
        sessions.insert(id, session);
        if !run.runs() {
            break;
        }
    }
    sessions
}

/// Pays months under ever new payment ids, each until it is acknowledged; returns those that were.
fn pays(run: &Loop, garthctl: &Garthctl) -> Vec<String> {
    let mut paid = Vec::new();
    for number in 0.. {
        let id = format!("payment-{number}");
        let arguments = [
            "subscription",
            "pay",
            "bruno",
            "--months",
            "1",
            "--amount",
            "29.90",
            "--payment-id",
            &id,
        ];
        if !run.insist(|| garthctl.try_run(&arguments).unwrap().exit == 0) {
            break;
        }
        paid.push(id);
    }
    paid
}

/// Suspends and lifts in turn, each until it is acknowledged; returns the command ids.
fn commands(run: &Loop, garthctl: &Garthctl) -> Vec<String> {
    let mut done = Vec::new();
    for number in 0u32.. {
        let id = format!("00000000-0000-4000-8000-{number:012x}");
        let verb = if number % 2 == 0 { "suspend" } else { "lift" };
        let mut arguments = vec![
            "subscription",
            verb,
            "carla",
            "--command-id",
            &id,
            "--reason",
            "kill loop",
        ];
        if verb == "suspend" {
            arguments.extend(["--cause", "operator"]);
        }
        if !run.insist(|| garthctl.try_run(&arguments).unwrap().exit == 0) {
            break;
        }
        done.push(id);
    }
    done
}

/// Numbers that nobody foresees, from a seed that a failure can be replayed with.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Kills and starts garthd [`CYCLES`] times; after each start it answers rightly.
fn kills(lab: &mut Lab, run: &Loop) {
    let seed = u64::from(std::process::id()) << 32 | 0x6a77;
    drop(writeln!(std::io::stderr(), "seed {seed}"));
    let mut random = Random(seed);
    let mut client = Client::connect(&lab.network.router, 1812, ANSWER_MAX).unwrap();
    for cycle in 0..CYCLES {
        let enough =
            run.acknowledged.load(Ordering::Acquire) + 1 + random.below(ACKNOWLEDGED_PER_CYCLE_MAX);
        clock::wait_for(&format!("progress in cycle {cycle}"), PROGRESS_MAX, || {
            (run.acknowledged.load(Ordering::Acquire) >= enough).then_some(())
        })
        .unwrap();
        lab.garthd.kill().unwrap();
        lab.restart().unwrap();
        clock::wait_for("a right answer", FIRST_ANSWER_MAX, || {
            let answer = client.pap("bruno", "bird-cherry-8").unwrap();
            (answer == Some(code::ACCESS_ACCEPT)).then_some(())
        })
        .unwrap();
    }
}

/// How often each value of `key` stands in the journal of `name`.
fn entries(lab: &Lab, name: &str, key: &str) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for entry in lab.history(name).unwrap() {
        if let Some(value) = entry[key].as_str() {
            *counts.entry(value.to_owned()).or_default() += 1;
        }
    }
    counts
}

fn assert_sessions(lab: &Lab, accounted: &BTreeMap<String, Accounted>) {
    let mut live: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for session in lab.sessions("bruno").unwrap() {
        let id = session["acct_session_id"].as_str().unwrap().to_owned();
        live.entry(id).or_default().push(session);
    }
    for (id, session) in accounted {
        let seen = live.get(id).map_or(&[][..], Vec::as_slice);
        if session.stopped {
            assert!(seen.is_empty(), "{id} goes on after its Stop: {seen:?}");
        } else if session.started && !session.stop_sent {
            assert_eq!(seen.len(), 1, "{id}: {session:?} is kept as {seen:?}");
            let octets = seen[0]["output_octets"].as_u64().unwrap();
            let right = u64::from(session.acknowledged_octets)..=u64::from(session.sent_octets);
            assert!(
                right.contains(&octets),
                "{id}: {octets} instead of {right:?}"
            );
        }
    }
}

#[test]
fn nothing_acknowledged_is_missing_or_doubled_after_a_hundred_kills() {
    let mut lab = Lab::start().unwrap();
    lab.import(
        "{\"username\":\"bruno\",\"password\":\"bird-cherry-8\",\"plan\":\"home-100\",\"paid_through\":\"2099-01-31\"}\n\
         {\"username\":\"carla\",\"password\":\"p\",\"plan\":\"home-100\",\"paid_through\":\"2099-01-31\"}\n",
    )
    .unwrap();
    let run = Loop::default();
    let garthctl = lab.garthctl.clone();
    let [first, second] =
        [0, 1].map(|_| Client::connect(&lab.network.router, 1813, ANSWER_MAX).unwrap());

    let (killed, accounted, paid, done) = thread::scope(|scope| {
        let first = scope.spawn(|| accounts(&run, first, "a"));
        let second = scope.spawn(|| accounts(&run, second, "b"));
        let paid = scope.spawn(|| pays(&run, &garthctl));
        let done = scope.spawn(|| commands(&run, &garthctl));
        let killed =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| kills(&mut lab, &run)));
        // Whatever happened, the workers must end, or nobody would hear of it.
        run.ended.store(true, Ordering::Release);
        let mut accounted = first.join().unwrap();
        accounted.extend(second.join().unwrap());
        (
            killed,
            accounted,
            paid.join().unwrap(),
            done.join().unwrap(),
        )
    });
    killed.unwrap();

    lab.garthctl.run(&["journal", "verify"]).unwrap();
    assert_sessions(&lab, &accounted);
    let payments = entries(&lab, "bruno", "payment_id");
    for id in &paid {
        assert_eq!(payments.get(id), Some(&1), "{id} was acknowledged");
    }
    assert!(
        payments.values().all(|count| *count == 1),
        "doubled: {payments:?}"
    );
    let command_ids = entries(&lab, "carla", "command_id");
    for id in &done {
        assert_eq!(
            command_ids.get(id),
            Some(&1),
            "command {id} was acknowledged"
        );
    }
    assert!(
        command_ids.values().all(|count| *count == 1),
        "doubled: {command_ids:?}"
    );
    let shares = [accounted.len(), paid.len(), done.len()];
    assert!(
        shares.iter().all(|share| *share >= 10),
        "sessions, payments, commands: {shares:?}"
    );
}

//! What waits together is committed together.

use std::sync::Arc;

use garth_store::write::WriteError;
use garth_store::{Clock, Options, Store};
use garth_subscription::Refusal;
use garth_subscription::command::Command;
use redb::backends::InMemoryBackend;

use crate::world::{
    Gate, Recorder, START, TestClock, check, id, new, operator, options, plan, request, until, wait,
};

#[test]
fn requests_that_wait_share_a_commit_and_a_refused_one_spoils_no_other() {
    let gate = Arc::new(Gate::shut());
    let clock = TestClock::new(START);
    let as_clock: Arc<dyn Clock> = clock.clone();
    let options = Options {
        clock: as_clock,
        observer: gate.clone(),
        ..options(&clock, &Arc::<Recorder>::default())
    };
    let store = Store::open_backend(InMemoryBackend::new(), options).unwrap();
    wait(store.apply_plans(vec![plan("home-100", 100_000)], operator())).unwrap();
    let ask = |work: Box<dyn FnOnce(Store) -> Result<(), WriteError> + Send>| {
        let waiting = store.status().commands_waiting;
        let store_there = store.clone();
        let thread = std::thread::spawn(move || work(store_there));
        (waiting, thread)
    };
    let add = |n| {
        ask(Box::new(move |store| {
            wait(store.add(new(n, None), operator(), None)).map(drop)
        }))
    };
    let command = |n, command| {
        ask(Box::new(move |store| {
            wait(store.command(request(id(n), command, None))).map(drop)
        }))
    };
    let (_, first) = add(1);
    gate.until_reached();
    // The writer stands; all of these wait together, in this order.
    let queued = |(waiting, thread)| {
        until(|| store.status().commands_waiting > waiting);
        thread
    };
    let second = queued(add(2));
    let taken = queued(add(2));
    let grace = queued(command(2, Command::Grace { days: 2 }));
    let refused = queued(command(2, Command::Lift));
    let third = queued(add(3));
    gate.open();
    let answers = [first, second, taken, grace, refused, third].map(|asked| asked.join().unwrap());
    let [first, second, taken, grace, refused, third] = answers;
    assert!([first, second, grace, third].iter().all(Result::is_ok));
    assert!(matches!(taken, Err(WriteError::Refused(Refusal::Exists))));
    assert!(matches!(
        refused,
        Err(WriteError::Refused(Refusal::NotHeld(_)))
    ));
    let status = store.status();
    assert_eq!((status.commits, status.last_commit_requests), (3, 5));
    // With the end of what was paid, which the command found due.
    assert_eq!(store.history(id(2), None, 9).unwrap().len(), 3);
    check(&store);
}

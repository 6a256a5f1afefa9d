use std::collections::HashSet;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn key(nas: &str, number: usize) -> SessionKey {
    SessionKey {
        nas: nas.into(),
        acct_session_id: number.to_string().as_bytes().into(),
    }
}

/// A queue at an instant that stands still.
struct Turns {
    queue: Queue,
    now: Instant,
}

impl Turns {
    fn new() -> Self {
        Self {
            queue: Queue::default(),
            now: Instant::now(),
        }
    }

    fn push(&mut self, nas: &str, numbers: std::ops::Range<usize>, urgency: Urgency) {
        for number in numbers {
            self.queue.push(&key(nas, number), urgency);
        }
    }

    fn next(&mut self) -> Option<SessionKey> {
        self.queue.next(self.now)
    }

    /// All that have their turn until there is no room.
    fn all(&mut self) -> Vec<SessionKey> {
        std::iter::from_fn(|| self.next()).collect()
    }
}

fn of(keys: &[SessionKey], nas: &str) -> usize {
    keys.iter().filter(|key| *key.nas == *nas).count()
}

#[test]
fn n10_a_mass_release_at_one_nas_does_not_delay_another() {
    let mut turns = Turns::new();
    turns.push("busy/192.0.2.1", 0..10_000, Urgency::Release);
    turns.push("calm/192.0.2.2", 0..1, Urgency::Release);
    assert_eq!(turns.next(), Some(key("busy/192.0.2.1", 0)));
    assert_eq!(turns.next(), Some(key("calm/192.0.2.2", 0)));
}

#[test]
fn n10_no_more_are_under_way_than_the_bounds_allow() {
    let mut turns = Turns::new();
    let nases = 2 * SILENT_MAX / UNDER_WAY_EACH_MAX;
    let name = |nas: usize| format!("nas-{nas}/192.0.2.1");
    for nas in 0..nases {
        turns.push(&name(nas), 0..2 * UNDER_WAY_EACH_MAX, Urgency::Wall);
    }
    let under_way = turns.all();
    assert_eq!(under_way.len(), nases + SILENT_MAX);
    for nas in 0..nases {
        assert!(of(&under_way, &name(nas)) <= UNDER_WAY_EACH_MAX);
    }
    turns.queue.done(&under_way[0], Heard::Silence);
    assert_eq!(turns.all().len(), 1);
}

#[test]
fn n10_a_nas_that_answers_is_never_behind_those_that_are_silent() {
    let mut turns = Turns::new();
    for nas in 0..100 {
        turns.push(
            &format!("silent-{nas}/192.0.2.1"),
            0..1_000,
            Urgency::Release,
        );
    }
    let silent = turns.all();
    assert_eq!(silent.len(), 100 + SILENT_MAX);
    turns.push("well/192.0.2.2", 0..1_000, Urgency::Rate);
    // Its own place, and with its first answer as many as it can use.
    assert_eq!(turns.all(), [key("well/192.0.2.2", 0)]);
    turns.queue.done(&key("well/192.0.2.2", 0), Heard::Answer);
    let answered = turns.all();
    assert_eq!(of(&answered, "well/192.0.2.2"), UNDER_WAY_EACH_MAX);
    assert_eq!(answered.len(), UNDER_WAY_EACH_MAX);
    // Silent once, it is one of many; its sessions under way count there.
    turns.queue.done(&answered[0], Heard::Silence);
    assert_eq!(turns.all(), []);
    assert_eq!(
        (turns.queue.answering, turns.queue.silent),
        (0, SILENT_MAX + 62)
    );
}

#[test]
fn n10_of_many_that_answer_each_has_a_place_of_its_own() {
    let mut turns = Turns::new();
    let name = |nas: usize| format!("nas-{nas}/192.0.2.1");
    let nases = 2 * ANSWERING_MAX / UNDER_WAY_EACH_MAX;
    for nas in 0..nases {
        turns.push(&name(nas), 0..1, Urgency::Rate);
    }
    for one in turns.all() {
        turns.push(&one.nas, 1..1_000, Urgency::Rate);
        turns.queue.done(&one, Heard::Answer);
    }
    assert_eq!(turns.all().len(), nases + ANSWERING_MAX);
    turns.push("late/192.0.2.2", 0..2, Urgency::Rate);
    assert_eq!(turns.next(), Some(key("late/192.0.2.2", 0)));
}

#[test]
fn n11_a_release_overtakes_walls_and_rates_and_a_wall_overtakes_rates() {
    let mut turns = Turns::new();
    turns.push("a/192.0.2.1", 0..1, Urgency::Rate);
    turns.push("a/192.0.2.1", 1..2, Urgency::Wall);
    turns.push("a/192.0.2.1", 2..4, Urgency::Release);
    let numbers = [2, 3, 1, 0].map(|number| key("a/192.0.2.1", number));
    assert_eq!(turns.all(), numbers);
}

#[test]
fn the_less_urgent_have_every_16th_turn_the_longest_waiting_first() {
    let mut turns = Turns::new();
    turns.push("a/192.0.2.1", 0..1, Urgency::Rate);
    turns.push("a/192.0.2.1", 1..2, Urgency::Wall);
    turns.push("a/192.0.2.1", 2..100, Urgency::Release);
    let order = turns.all();
    let place_of = |number| {
        order
            .iter()
            .position(|one| *one == key("a/192.0.2.1", number))
    };
    assert_eq!((place_of(0), place_of(1)), (Some(15), Some(31)));
}

#[test]
fn what_was_said_last_of_the_urgency_of_a_session_holds_and_it_waits_once() {
    let mut turns = Turns::new();
    turns.push("a/192.0.2.1", 0..3, Urgency::Rate);
    for _ in 0..1_000 {
        turns.push("a/192.0.2.1", 2..3, Urgency::Release);
        turns.push("a/192.0.2.1", 2..3, Urgency::Wall);
    }
    assert_eq!(turns.queue.lanes["a/192.0.2.1"].waiting.len(), 3);
    let numbers = [2, 0, 1].map(|number| key("a/192.0.2.1", number));
    assert_eq!(turns.all(), numbers);
}

#[test]
fn n10_a_nas_without_identifiers_holds_no_place_and_takes_releases_while_there_are_some() {
    let mut turns = Turns::new();
    turns.push("a/192.0.2.1", 0..2, Urgency::Rate);
    let first = turns.next().unwrap();
    let until = turns.now + Duration::from_secs(5);
    turns.queue.put_off(&first, Urgency::Rate, until);
    assert_eq!((turns.next(), turns.queue.next_at()), (None, Some(until)));
    turns.push("a/192.0.2.1", 2..4, Urgency::Release);
    let release = turns.next().unwrap();
    assert_eq!(release, key("a/192.0.2.1", 2));
    let later = until + Duration::from_secs(1);
    turns.queue.put_off(&release, Urgency::Release, later);
    assert_eq!(turns.next(), None);
    turns.now = until;
    assert_eq!(turns.next(), None);
    assert_eq!(turns.queue.next_at(), Some(later));
    turns.now = later;
    let numbers = [2, 3, 0, 1].map(|number| key("a/192.0.2.1", number));
    assert_eq!(turns.all(), numbers, "who was put off comes first");
    assert_eq!(turns.queue.next_at(), None);
}

#[test]
fn a_session_that_is_over_waits_no_more() {
    let mut turns = Turns::new();
    turns.push("a/192.0.2.1", 0..100_000, Urgency::Rate);
    for number in 0..100_000 {
        turns.queue.remove(&key("a/192.0.2.1", number));
    }
    assert_eq!(turns.next(), None);
    let queue = turns.queue;
    assert_eq!(
        (queue.len(), queue.lanes.len(), queue.turn.len()),
        (0, 0, 0)
    );
}

#[test]
fn a_session_that_is_under_way_can_wait_again() {
    let mut turns = Turns::new();
    turns.push("a/192.0.2.1", 1..2, Urgency::Wall);
    let next = turns.next().unwrap();
    turns.queue.push(&next, Urgency::Release);
    turns.queue.done(&next, Heard::Answer);
    assert_eq!(turns.next(), Some(next));
}

#[derive(Clone, Debug)]
enum Act {
    Push(usize, usize, Urgency),
    Remove(usize, usize),
    Next,
    Done(usize, Heard),
    PutOff(usize, u64),
    Pass(u64),
}

fn act() -> impl Strategy<Value = Act> {
    use Urgency::{Rate, Release, Wall};
    let urgency = || prop::sample::select(vec![Release, Wall, Rate]);
    let heard = prop::sample::select(vec![Heard::Answer, Heard::Silence, Heard::NotAsked]);
    prop_oneof![
        6 => (0..6_usize, 0..300_usize, urgency()).prop_map(|(nas, n, how)| Act::Push(nas, n, how)),
        1 => (0..6_usize, 0..300_usize).prop_map(|(nas, number)| Act::Remove(nas, number)),
        6 => Just(Act::Next),
        4 => (any::<usize>(), heard).prop_map(|(which, heard)| Act::Done(which, heard)),
        1 => (any::<usize>(), 0..9_u64).prop_map(|(which, wait)| Act::PutOff(which, wait)),
        1 => (0..5_u64).prop_map(Act::Pass),
    ]
}

proptest! {
    /// Against a list of who waits: nobody is lost or told twice, bounds hold, and whoever has a turn is the most
    /// urgent of their NAS but for one turn in 16, and the first of their kind that was not put off.
    #[test]
    fn n11_turns_are_by_urgency_bounded_and_complete(acts in prop::collection::vec(act(), 1..400)) {
        let name = |nas: usize| format!("nas-{nas}/192.0.2.1");
        let mut turns = Turns::new();
        let mut waiting: HashMap<SessionKey, Urgency> = HashMap::new();
        let mut under_way: Vec<(SessionKey, Urgency)> = Vec::new();
        let mut passed_by: HashMap<Box<str>, u8> = HashMap::new();
        let mut put_off = HashSet::new();
        for act in acts {
            match act {
                Act::Push(nas, number, urgency) => {
                    let key = key(&name(nas), number);
                    turns.queue.push(&key, urgency);
                    waiting.insert(key, urgency);
                }
                Act::Remove(nas, number) => {
                    let key = key(&name(nas), number);
                    turns.queue.remove(&key);
                    waiting.remove(&key);
                }
                Act::Next => {
                    let Some(key) = turns.next() else {
                        continue;
                    };
                    let urgency = waiting.remove(&key);
                    let urgency = urgency.ok_or(TestCaseError::fail("it did not wait"))?;
                    let mut others = waiting.iter().filter(|(one, _)| one.nas == key.nas);
                    let is_overtaken = others.any(|(_, other)| *other < urgency);
                    let passed_by = passed_by.entry(key.nas.clone()).or_default();
                    // What a NAS is not asked for at present may be overtaken.
                    if is_overtaken && !put_off.contains(&key.nas) {
                        prop_assert!(*passed_by >= PASSED_BY_MAX - 1, "{}", passed_by);
                    }
                    *passed_by = if is_overtaken { 0 } else { *passed_by + 1 };
                    under_way.push((key, urgency));
                }
                Act::Done(which, heard) => {
                    if let Some(which) = which.checked_rem(under_way.len()) {
                        turns.queue.done(&under_way.swap_remove(which).0, heard);
                    }
                }
                Act::PutOff(which, wait) => {
                    if let Some(which) = which.checked_rem(under_way.len()) {
                        let (key, urgency) = under_way.swap_remove(which);
                        let until = turns.now + Duration::from_secs(wait);
                        turns.queue.put_off(&key, urgency, until);
                        put_off.insert(key.nas.clone());
                        waiting.entry(key).or_insert(urgency);
                    }
                }
                Act::Pass(seconds) => turns.now += Duration::from_secs(seconds),
            }
            let queue = &turns.queue;
            prop_assert_eq!(queue.len(), waiting.len());
            let in_lanes: usize = queue.lanes.values().map(|lane| lane.waiting.len()).sum();
            prop_assert_eq!(in_lanes, waiting.len());
            let asked: usize = queue.lanes.values().map(|lane| lane.under_way).sum();
            prop_assert_eq!(asked, under_way.len());
            let shared: usize = queue.lanes.values().map(Lane::shared).sum();
            prop_assert_eq!(queue.answering + queue.silent, shared);
            for lane in queue.lanes.values() {
                prop_assert!(lane.under_way <= UNDER_WAY_EACH_MAX);
            }
        }
        turns.now += Duration::from_secs(10);
        for (key, _) in under_way {
            turns.queue.done(&key, Heard::Answer);
        }
        while let Some(key) = turns.next() {
            turns.queue.done(&key, Heard::Answer);
            prop_assert!(waiting.remove(&key).is_some());
        }
        prop_assert_eq!(waiting.len(), 0);
        prop_assert_eq!((turns.queue.lanes.len(), turns.queue.turn.len()), (0, 0));
    }
}

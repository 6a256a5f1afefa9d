//! Many sessions at once: bounded at each NAS, in order of urgency, and complete in the end.

use garth_subscription::Command;

use super::super::*;
use super::world::{MOMENT, PATIENCE, World, blocked, disable};
use crate::dynamic_authorization::fake_nas::{Came, Manner, Place};

#[tokio::test(start_paused = true)]
async fn n10_a_mass_release_is_bounded_at_the_nas_and_complete_in_the_end() {
    const SESSIONS: u128 = 600;
    let world = World::new("mikrotik", true).await;
    for number in 1..=SESSIONS {
        world.subscriber(number).await;
        world.logs_in(number, &format!("s{number}")).await;
    }
    world.pass(MOMENT).await;
    world.nas.with(|state| state.is_holding = true);
    world.plans(50_000).await;
    world.pass(MOMENT).await;
    let held = world.nas.with(|state| state.held());
    assert_eq!(held, queue::UNDER_WAY_EACH_MAX);
    world.nas.with(|state| state.is_holding = false);
    world.nas.answer_held().await;
    world.pass(Duration::from_secs(5)).await;
    let asked = world.nas.with(|state| {
        let ports: BTreeSet<_> = state.came.iter().map(|came| came.from.port()).collect();
        let sessions: BTreeSet<_> = state.came.iter().map(Came::session).collect();
        (state.requests(), sessions.len(), ports.len())
    });
    // 256 identifiers a port.
    assert_eq!(asked, (600, 600, 3));
}

/// A plan's rates change for `count` sessions at the NAS, and one subscriber more is in the garden there.
async fn rates_change(world: &World, count: u128) {
    world.subscriber(count + 1).await;
    world.command(count + 1, disable()).await;
    world.pass(Duration::from_secs(120)).await;
    for number in 1..=count {
        world.subscriber(number).await;
        world.logs_in(number, &format!("s{number}")).await;
    }
    world.logs_in(count + 1, "blocked").await;
    world.pass(MOMENT).await;
    world.nas.with(|state| state.is_holding = true);
    world.plans(50_000).await;
    world.pass(MOMENT).await;
}

#[tokio::test(start_paused = true)]
async fn n11_a_release_overtakes_the_rates_of_a_plan() {
    const RATES: u128 = 200;
    let world = World::new("mikrotik", true).await;
    rates_change(&world, RATES).await;
    world.command(RATES + 1, Command::Enable).await;
    world.pass(MOMENT).await;
    world.nas.with(|state| state.is_holding = false);
    world.nas.answer_held().await;
    world.pass(MOMENT).await;
    let before: BTreeSet<String> = world.nas.with(|state| {
        let sessions = state.came.iter().map(Came::session);
        sessions
            .take_while(|session| session != "blocked")
            .collect()
    });
    assert_eq!(
        before.len(),
        queue::UNDER_WAY_EACH_MAX,
        "it is the next one at all"
    );
    world.pass(Duration::from_secs(5)).await;
    let told = world.nas.with(|state| state.requests());
    assert_eq!(told, 201, "nobody is left behind");
}

#[tokio::test(start_paused = true)]
async fn n10_a_nas_that_was_asked_all_it_can_be_takes_a_release_and_the_rest_in_300_seconds() {
    // Four ports: three of them, 768 requests, for rates.
    const RATES: u128 = 800;
    let world = World::with_ports("mikrotik", 4).await;
    rates_change(&world, RATES).await;
    world.nas.with(|state| state.is_holding = false);
    world.nas.answer_held().await;
    world.pass(Duration::from_secs(20)).await;
    assert_eq!(world.nas.with(|state| state.requests()), 768);
    world.command(RATES + 1, Command::Enable).await;
    world.pass(MOMENT).await;
    assert_eq!(world.place("blocked"), Some(Place::Full));
    world.pass(Duration::from_secs(290)).await;
    assert_eq!(world.nas.with(|state| state.requests()), 801);
}

#[tokio::test(start_paused = true)]
async fn n10_eight_silent_nases_do_not_delay_one_that_answers() {
    const EACH: u128 = 70;
    let mut world = World::new("mikrotik", true).await;
    world.has_others(8).await;
    for other in 0..8 {
        world.others[other].with(|state| {
            state.coa = Manner::Silent;
            state.disconnect = Manner::Silent;
        });
    }
    for number in 1..=8 * EACH {
        world.subscriber(number).await;
        let other = usize::try_from(number % 8).unwrap();
        world.logs_in_at(other, number, &format!("s{number}")).await;
    }
    for number in 1_000..1_100 {
        world.subscriber(number).await;
        world.logs_in(number, &format!("s{number}")).await;
    }
    world.pass(MOMENT).await;
    // All of them, so that those that are silent come first as often as not.
    world.plans(50_000).await;
    world.pass(MOMENT).await;
    assert_eq!(world.nas.with(|state| state.requests()), 100);
    let silent: usize = world
        .others
        .iter()
        .map(|nas| nas.with(|state| state.requests()))
        .sum();
    assert_eq!(silent, 8 * queue::UNDER_WAY_EACH_MAX);
    // While they hold all their places.
    world.subscriber(2_000).await;
    world.command(2_000, disable()).await;
    world.logs_in(2_000, "late").await;
    world.command(2_000, Command::Enable).await;
    world.pass(MOMENT).await;
    let asked = world
        .nas
        .with(|state| state.came.iter().any(|came| came.session() == "late"));
    assert!(asked);
}

#[tokio::test(start_paused = true)]
async fn a_dialect_without_coa_after_a_reload_sends_none() {
    const SESSIONS: u128 = 80;
    let world = World::new("mikrotik", true).await;
    for number in 1..=SESSIONS {
        world.subscriber(number).await;
        world.logs_in(number, &format!("s{number}")).await;
    }
    world.pass(MOMENT).await;
    world.nas.with(|state| state.is_holding = true);
    world.plans(50_000).await;
    world.pass(MOMENT).await;
    let generic = garth_radius::dialect::Dialect::by_name("generic").unwrap();
    world.nas_changes(|nas| nas.dialect = Arc::new(generic));
    world.pass(MOMENT).await;
    world.nas.with(|state| state.is_holding = false);
    world.nas.answer_held().await;
    world.pass(MOMENT).await;
    let (changes, ends) = world
        .asked()
        .chars()
        .partition::<String, _>(|kind| *kind == 'C');
    assert_eq!((changes.len(), ends.len()), (64, 16));
}

#[tokio::test(start_paused = true)]
async fn all_sessions_of_a_subscription_follow_however_many_they_are() {
    let world = World::new("mikrotik", true).await;
    world.subscriber(1).await;
    for session in 0..SESSIONS_EACH_MAX + 10 {
        world.logs_in(1, &format!("s{session}")).await;
    }
    world.pass(MOMENT).await;
    world.command(1, disable()).await;
    world.pass(SWEEP_EVERY).await;
    world.pass(MOMENT).await;
    let walled = world.nas.with(|state| {
        let all = state.sessions.values();
        all.filter(|place| **place == Place::Garden).count()
    });
    assert_eq!(walled, SESSIONS_EACH_MAX + 10);
}

#[tokio::test(start_paused = true)]
async fn a_nas_that_restarts_in_the_middle_of_a_mass_change_leaves_nothing_behind() {
    const SESSIONS: u128 = 200;
    let world = World::new("mikrotik", true).await;
    rates_change(&world, SESSIONS).await;
    let on = garth_store::record::AccountingStatus::AccountingOn;
    world.account(0, "", on, 0, 0).await;
    world.nas.with(|state| {
        state.sessions.clear();
        state.is_holding = false;
    });
    world.pass(Duration::from_secs(10)).await;
    assert_eq!(
        world.nas.with(|state| state.requests()),
        queue::UNDER_WAY_EACH_MAX
    );
    assert_eq!((blocked(&world), world.noted()), ((0, 0), vec![]));
    world.logs_in(1, "n1").await;
    world.pass(PATIENCE).await;
    assert_eq!(
        world.nas.with(|state| state.requests()),
        queue::UNDER_WAY_EACH_MAX
    );
}

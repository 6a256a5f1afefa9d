//! What a session was told, where its NAS did not say.

use garth_store::record::AccountingStatus::InterimUpdate;
use garth_store::record::{LastTold, ToldRates};
use garth_subscription::Command;

use super::super::*;
use super::world::{MOMENT, World, blocked, disable, other_plan};
use crate::dynamic_authorization::fake_nas::{Manner, Place};

#[tokio::test(start_paused = true)]
async fn n11_another_plan_that_a_nas_does_not_take_is_no_way_out_of_the_garden() {
    let world = World::new("juniper", true).await;
    world.subscriber(1).await;
    world.logs_in(1, "s1").await;
    world.pass(MOMENT).await;
    world
        .nas
        .with(|state| (state.coa, state.disconnect) = (Manner::Silent, Manner::Silent));
    world.command(1, other_plan()).await;
    world.pass(Duration::from_secs(540)).await;
    assert_eq!(blocked(&world), (1, 0));
    world.nas.with(|state| {
        state.coa = Manner::Does;
        state.came.clear();
    });
    world.pass(ALARM_RETRY).await;
    assert_eq!(world.asked(), "C");
    let (_, deactivated) = world.nas.with(|state| state.came[0].services());
    assert_eq!(deactivated, "garth-full(100000000,20000000)");
}

#[tokio::test(start_paused = true)]
async fn n11_another_plan_stays_an_alarm_where_a_nas_only_says_that_it_ends_sessions() {
    let world = World::new("generic", true).await;
    world.subscriber(1).await;
    world.logs_in(1, "s1").await;
    world.pass(MOMENT).await;
    world.nas.with(|state| state.disconnect = Manner::Lies);
    world.command(1, other_plan()).await;
    let mut asked = 0;
    for minute in 1..=60 {
        world.pass(Duration::from_secs(60)).await;
        world.account(1, "s1", InterimUpdate, minute, minute).await;
        if minute == 30 {
            assert_eq!(blocked(&world), (1, 0));
            asked = world.nas.with(|state| state.came.len());
        }
    }
    assert_eq!(blocked(&world), (1, 0));
    let asked_since = world.nas.with(|state| state.came.len()) - asked;
    assert!(asked_since > 0, "it is tried again");
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_sent_has_told_nobody_anything() {
    const IDENTIFIERS: usize = 256;
    let world = World::with_ports("mikrotik", 1).await;
    world.subscriber(1).await;
    for session in 0..IDENTIFIERS {
        world.logs_in(1, &format!("s{session}")).await;
    }
    world.pass(MOMENT).await;
    world.plans(50_000).await;
    world.pass(MOMENT).await;
    assert_eq!(world.nas.with(|state| state.requests()), IDENTIFIERS);
    world.subscriber(2).await;
    world.logs_in(2, "last").await;
    world.pass(MOMENT).await;
    world.command(2, disable()).await;
    world.pass(Duration::from_secs(2)).await;
    assert_eq!(world.place("last"), Some(Place::Full));
    let key = world.key("last");
    let noted = world.noted();
    let (_, noted) = noted.iter().find(|(one, _)| *one == key).unwrap();
    let rates = ToldRates {
        down_kbps: 50_000,
        up_kbps: 10_000,
    };
    assert_eq!(noted.told, Some(LastTold::AnotherFull(Some(rates))));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_its_nas_denies_is_no_alarm() {
    let world = World::new("mikrotik", true).await;
    world.subscriber(1).await;
    world.command(1, disable()).await;
    world.pass(Duration::from_secs(120)).await;
    world.logs_in(1, "s1").await;
    world.pass(MOMENT).await;
    world
        .nas
        .with(|state| (state.coa, state.disconnect) = (Manner::Silent, Manner::Silent));
    world.command(1, Command::Enable).await;
    world.pass(Duration::from_secs(540)).await;
    assert_eq!(blocked(&world), (1, 0));
    world.nas.with(|state| {
        state.coa = Manner::Refuses(503);
        state.sessions.clear();
    });
    world.pass(ALARM_RETRY).await;
    world.until_closed("s1").await;
    assert_eq!(blocked(&world), (0, 0));
    world.pass(Duration::from_secs(2)).await;
    assert!(world.noted().iter().all(|(_, noted)| !noted.is_alarm));
}

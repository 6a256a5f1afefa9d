//! What a follower makes of sessions that it sees for the first time.

use garth_store::record::AccountingStatus::InterimUpdate;
use garth_subscription::Command;

use super::super::*;
use super::world::{MOMENT, World, disable, other_plan, terminate};
use crate::dynamic_authorization::fake_nas::Place;

/// Somebody in the garden, who pays while the follower is dead.
async fn paid_in_the_dark(dialect: &'static str, walls_here: bool) -> World {
    let mut world = World::new(dialect, walls_here).await;
    world.subscriber(1).await;
    world.command(1, disable()).await;
    world.pass(Duration::from_secs(120)).await;
    world.logs_in(1, "s1").await;
    world.pass(MOMENT).await;
    world.kill_follower().await;
    world.command(1, Command::Enable).await;
    world.pass(Duration::from_secs(5)).await;
    assert_eq!(
        (world.asked().as_str(), world.place("s1")),
        ("", Some(Place::Garden))
    );
    world.changes.take();
    world.runs();
    world.pass(MOMENT).await;
    world
}

#[tokio::test(start_paused = true)]
async fn n11_a_crash_between_the_payment_and_the_coa_does_not_leave_the_payer_blocked() {
    for walls_here in [true, false] {
        let world = paid_in_the_dark("mikrotik", walls_here).await;
        assert_eq!(
            (world.asked().as_str(), world.place("s1")),
            ("C", Some(Place::Full))
        );
    }
    let world = paid_in_the_dark("generic", false).await;
    assert_eq!((world.asked().as_str(), world.place("s1")), ("D", None));
}

#[tokio::test(start_paused = true)]
async fn a_restart_alone_asks_for_nothing() {
    let mut world = World::new("mikrotik", true).await;
    world.subscriber(1).await;
    world.pass(Duration::from_secs(120)).await;
    world.logs_in(1, "s1").await;
    world.pass(MOMENT).await;
    world.kill_follower().await;
    world.runs();
    world.pass(Duration::from_secs(30)).await;
    assert_eq!(world.asked(), "");
}

#[tokio::test(start_paused = true)]
async fn a_change_of_long_ago_is_not_told_again() {
    let mut world = World::new("mikrotik", true).await;
    world.subscriber(1).await;
    world.logs_in(1, "s1").await;
    world.pass(MOMENT).await;
    world.command(1, disable()).await;
    world.pass(MOMENT).await;
    world.command(1, Command::Enable).await;
    world.pass(MOMENT).await;
    assert_eq!(world.asked(), "CC");
    for _ in 0..8 {
        world.pass(Duration::from_secs(500)).await;
    }
    world.account(1, "s1", InterimUpdate, 9, 9).await;
    world.kill_follower().await;
    world.runs();
    world.pass(MOMENT).await;
    assert_eq!(world.asked(), "CC");
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_the_session_of_who_has_nothing_any_more_is_ended() {
    let mut world = World::new("mikrotik", true).await;
    world.subscriber(1).await;
    world.logs_in(1, "s1").await;
    world.pass(MOMENT).await;
    world.kill_follower().await;
    world.command(1, terminate()).await;
    world.changes.take();
    world.runs();
    world.pass(MOMENT).await;
    assert_eq!(world.asked(), "D");
}

#[tokio::test(start_paused = true)]
async fn a_session_of_who_has_had_nothing_for_long_is_ended_all_the_same() {
    let mut world = World::new("generic", true).await;
    world.subscriber(1).await;
    world.logs_in(1, "s1").await;
    world.pass(MOMENT).await;
    world.kill_follower().await;
    world.command(1, terminate()).await;
    for _ in 0..8 {
        world.pass(Duration::from_secs(500)).await;
    }
    world.account(1, "s1", InterimUpdate, 9, 9).await;
    world.changes.take();
    world.runs();
    world.pass(MOMENT).await;
    assert_eq!(world.asked(), "D");
}

#[tokio::test(start_paused = true)]
async fn another_plan_while_nobody_looked_ends_the_session_where_there_is_no_coa() {
    let mut world = World::new("generic", true).await;
    world.subscriber(1).await;
    world.logs_in(1, "s1").await;
    world.pass(Duration::from_secs(2)).await;
    world.kill_follower().await;
    world.command(1, other_plan()).await;
    world.changes.take();
    world.runs();
    world.pass(MOMENT).await;
    assert_eq!(world.asked(), "D");
}

#[tokio::test(start_paused = true)]
async fn a_payment_between_the_login_and_its_first_record_reaches_the_session() {
    let world = World::new("mikrotik", true).await;
    world.subscriber(1).await;
    world.command(1, disable()).await;
    world.pass(Duration::from_secs(120)).await;
    // The Access-Accept says garden; the payment comes before the Start.
    world
        .nas
        .with(|state| state.sessions.insert("s1".to_owned(), Place::Garden));
    world.command(1, Command::Enable).await;
    world.pass(Duration::from_secs(5)).await;
    world
        .account(1, "s1", garth_store::record::AccountingStatus::Start, 0, 0)
        .await;
    world.pass(MOMENT).await;
    assert_eq!(
        (world.asked().as_str(), world.place("s1")),
        ("C", Some(Place::Full))
    );
}

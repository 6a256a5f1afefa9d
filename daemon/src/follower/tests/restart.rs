//! What a follower makes of sessions that it sees for the first time.

use garth_store::record::AccountingStatus::{InterimUpdate, Start, Stop};
use garth_subscription::Command;

use super::super::*;
use super::world::{MOMENT, PATIENCE, World, blocked, disable, other_plan, terminate};
use crate::dynamic_authorization::fake_nas::{Manner, Place};

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
    world.account(1, "s1", Start, 0, 0).await;
    world.pass(MOMENT).await;
    assert_eq!(
        (world.asked().as_str(), world.place("s1")),
        ("C", Some(Place::Full))
    );
}

/// Hours, in steps in which no session is taken for dead.
async fn hours_pass(world: &World) {
    for _ in 0..16 {
        world.pass(Duration::from_secs(500)).await;
    }
}

/// Somebody who has paid and whose NAS says nothing any more: an alarm for hours, then the follower is killed.
async fn blocked_for_long(dialect: &'static str, refuses: Manner) -> World {
    let mut world = World::new(dialect, false).await;
    world.subscriber(1).await;
    world.command(1, disable()).await;
    world.pass(Duration::from_secs(120)).await;
    world.logs_in(1, "s1").await;
    world.pass(MOMENT).await;
    world
        .nas
        .with(|state| (state.coa, state.disconnect) = (refuses, refuses));
    world.command(1, Command::Enable).await;
    hours_pass(&world).await;
    world.account(1, "s1", InterimUpdate, 9, 9).await;
    assert_eq!(blocked(&world), (1, 0));
    world.kill_follower().await;
    world
}

#[tokio::test(start_paused = true)]
async fn n11_an_alarm_is_there_before_anybody_looks_and_an_effort_again_however_old_the_change_is()
{
    for (dialect, asked, place) in [("mikrotik", "C", Some(Place::Full)), ("generic", "D", None)] {
        for refuses in [Manner::Silent, Manner::Refuses(506)] {
            let mut world = blocked_for_long(dialect, refuses).await;
            world.nas.with(|state| {
                (state.coa, state.disconnect) = (Manner::Does, Manner::Does);
                state.came.clear();
            });
            world.runs();
            assert_eq!(blocked(&world), (1, 0), "{dialect}: before it has run");
            world.pass(MOMENT).await;
            assert_eq!((world.asked().as_str(), world.place("s1")), (asked, place));
            if place.is_none() {
                world.account(1, "s1", Stop, 9, 9).await;
            }
            world.pass(Duration::from_secs(700)).await;
            assert_eq!((blocked(&world), world.noted()), ((0, 0), vec![]));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_alarm_of_a_session_that_is_over_is_none_after_a_restart() {
    let mut world = blocked_for_long("mikrotik", Manner::Silent).await;
    world.account(1, "s1", Stop, 9, 9).await;
    world.runs();
    assert_eq!(blocked(&world), (0, 0));
    world.pass(FORGOTTEN_MAX).await;
    world.pass(SWEEP_EVERY).await;
    world.pass(MOMENT).await;
    assert_eq!(world.noted(), []);
}

#[tokio::test(start_paused = true)]
async fn what_was_noted_of_a_session_is_not_said_of_another_one_under_its_id() {
    let mut world = blocked_for_long("mikrotik", Manner::Silent).await;
    world.account(1, "s1", Stop, 9, 9).await;
    world.pass(Duration::from_secs(400)).await;
    world.account(1, "s1", Start, 0, 0).await;
    world.nas.with(|state| state.came.clear());
    world.runs();
    assert_eq!(blocked(&world), (0, 0));
    world.pass(Duration::from_secs(60)).await;
    assert_eq!((world.asked().as_str(), world.noted()), ("", vec![]));
}

#[tokio::test(start_paused = true)]
async fn n11_another_rate_that_a_nas_has_not_taken_is_told_after_a_restart() {
    let mut world = World::new("juniper", true).await;
    world.subscriber(1).await;
    world.logs_in(1, "s1").await;
    world.pass(MOMENT).await;
    world.nas.with(|state| state.coa = Manner::Silent);
    world.plans(200_000).await;
    // It is not in the journal.
    world.pass(Duration::from_secs(4)).await;
    world.kill_follower().await;
    world.nas.with(|state| {
        state.coa = Manner::Does;
        state.came.clear();
    });
    hours_pass(&world).await;
    world.account(1, "s1", InterimUpdate, 9, 9).await;
    world.runs();
    world.pass(MOMENT).await;
    assert_eq!(world.asked(), "C");
    let (activated, deactivated) = world.nas.with(|state| state.came[0].services());
    assert_eq!(activated, "\u{1}garth-full(200000000,40000000)");
    assert_eq!(
        deactivated, "garth-full(100000000,20000000)",
        "what the session has"
    );
}

#[tokio::test(start_paused = true)]
async fn n11_what_a_nas_has_acknowledged_is_not_told_again_after_a_restart() {
    for dialect in ["mikrotik", "juniper", "cisco-isg"] {
        let mut world = World::new(dialect, false).await;
        world.subscriber(1).await;
        world.logs_in(1, "s1").await;
        world.subscriber(2).await;
        world.logs_in(2, "s2").await;
        world.pass(MOMENT).await;
        world.command(1, disable()).await;
        world.plans(200_000).await;
        world.pass(Duration::from_secs(2)).await;
        assert_eq!(world.asked(), "CC");
        assert_eq!(world.noted().len(), 2, "it is not proven");
        world.kill_follower().await;
        world.runs();
        world.pass(PATIENCE).await;
        assert_eq!(
            (world.asked().as_str(), world.noted()),
            ("CC", vec![]),
            "{dialect}"
        );
        assert_eq!(
            (world.place("s1"), world.place("s2")),
            (Some(Place::Garden), Some(Place::Full))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn n11_what_was_acknowledged_before_a_restart_and_is_not_wanted_after_it_is_told() {
    let mut world = World::new("juniper", false).await;
    world.subscriber(1).await;
    world.logs_in(1, "s1").await;
    world.pass(MOMENT).await;
    world.command(1, disable()).await;
    world.pass(Duration::from_secs(2)).await;
    world.kill_follower().await;
    world.command(1, Command::Enable).await;
    world.changes.take();
    world.runs();
    world.pass(MOMENT).await;
    assert_eq!(
        (world.asked().as_str(), world.place("s1")),
        ("CC", Some(Place::Full))
    );
}

#[tokio::test(start_paused = true)]
async fn n11_a_payment_just_before_a_long_outage_reaches_the_session_after_it() {
    let mut world = World::new("mikrotik", true).await;
    world.subscriber(1).await;
    world.command(1, disable()).await;
    world.pass(Duration::from_secs(120)).await;
    world.logs_in(1, "s1").await;
    world.pass(MOMENT).await;
    world.kill_follower().await;
    world.command(1, Command::Enable).await;
    world.changes.take();
    hours_pass(&world).await;
    // The NAS was quicker than the follower.
    world.account(1, "s1", InterimUpdate, 9, 9).await;
    world.runs();
    world.pass(MOMENT).await;
    assert_eq!(
        (world.asked().as_str(), world.place("s1")),
        ("C", Some(Place::Full))
    );
}

#[tokio::test(start_paused = true)]
async fn a_boundary_that_passed_in_an_outage_reaches_the_session_after_it() {
    const DAY: Duration = Duration::from_secs(86_400);
    let mut world = World::new("mikrotik", true).await;
    world.subscriber(1).await;
    // To the last day of what is paid for.
    world.pass(70 * DAY).await;
    world.logs_in(1, "s1").await;
    world.pass(MOMENT).await;
    world.kill_follower().await;
    world.pass(DAY).await;
    world.account(1, "s1", InterimUpdate, 9, 9).await;
    world.changes.take();
    world.runs();
    world.pass(MOMENT).await;
    assert_eq!(world.place("s1"), Some(Place::Garden));
}

#[tokio::test(start_paused = true)]
async fn what_a_nas_does_and_proves_leaves_nothing_noted() {
    let world = World::new("mikrotik", true).await;
    world.subscriber(1).await;
    world.logs_in(1, "s1").await;
    world.pass(MOMENT).await;
    world.plans(200_000).await;
    world.pass(Duration::from_secs(2)).await;
    assert_eq!(world.noted().len(), 1, "an ACK is no proof");
    world.pass(Duration::from_secs(700)).await;
    assert_eq!(world.noted(), []);
}

#[tokio::test(start_paused = true)]
async fn another_rate_is_noted_at_once_for_all_sessions_of_the_plan() {
    const SESSIONS: usize = 200;
    let world = World::new("mikrotik", true).await;
    world.subscriber(1).await;
    world.nas.with(|state| state.coa = Manner::Silent);
    for session in 0..SESSIONS {
        world.account(1, &format!("s{session}"), Start, 0, 0).await;
    }
    world.pass(SWEEP_EVERY).await;
    world.plans(200_000).await;
    world.pass(MOMENT).await;
    assert_eq!(world.noted().len(), SESSIONS);
}

#[tokio::test(start_paused = true)]
async fn a_clean_stop_raises_no_alarm_and_notes_all_that_is_not_settled() {
    let mut world = World::new("mikrotik", true).await;
    world.subscriber(1).await;
    world.command(1, disable()).await;
    world.pass(Duration::from_secs(120)).await;
    world.logs_in(1, "s1").await;
    world.pass(MOMENT).await;
    world.nas.with(|state| state.coa = Manner::Silent);
    world.command(1, Command::Enable).await;
    world.pass(Duration::from_millis(100)).await;
    world.stop_client();
    world.pass(Duration::from_millis(100)).await;
    assert_eq!((world.asked().as_str(), blocked(&world)), ("C", (0, 0)));
    assert_eq!(world.noted(), [], "not before its time");
    world.stop_follower().await;
    assert_eq!(blocked(&world), (0, 0));
    let noted: Vec<_> = world
        .noted()
        .into_iter()
        .map(|(key, noted)| (key, noted.told, noted.is_alarm))
        .collect();
    assert_eq!(noted, [(world.key("s1"), None, false)]);
}

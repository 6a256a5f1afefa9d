//! What a CoA-Request says beside the state: how long the session lasts, and what it replaces.

use garth_subscription::Command;

use super::super::*;
use super::world::{MOMENT, World, disable, other_plan};

/// Session-Timeout (RFC 2865 section 5.27).
const SESSION_TIMEOUT: u8 = 27;

/// A session that began a while ago in the garden; then the subscriber is let out of it and walled again.
async fn out_and_in(dialect: &'static str) -> (Timestamp, Vec<(Timestamp, Option<u32>)>) {
    let world = World::new(dialect, true).await;
    world.subscriber(1).await;
    world.command(1, disable()).await;
    world.pass(Duration::from_secs(120)).await;
    let began = world.store.now();
    world.logs_in(1, "s1").await;
    let mut told = Vec::new();
    for command in [Command::Enable, disable()] {
        world.pass(Duration::from_secs(300)).await;
        let at = world.store.now();
        world.command(1, command).await;
        world.pass(MOMENT).await;
        let timeout = world.nas.with(|state| {
            let octets = state.came.last().unwrap().attribute(SESSION_TIMEOUT);
            octets.map(|octets| u32::from_be_bytes(octets.try_into().unwrap()))
        });
        told.push((at, timeout));
    }
    assert_eq!(world.asked(), "CC");
    (began, told)
}

#[tokio::test(start_paused = true)]
async fn n10_both_states_say_how_long_the_session_lasts_from_its_start() {
    for dialect in ["mikrotik", "nokia"] {
        let (began, told) = out_and_in(dialect).await;
        let paid_through: Timestamp = "2027-01-31T00:00:00Z".parse().unwrap();
        let [(_, full), (walled_at, garden)] = told[..] else {
            panic!("{told:?}");
        };
        // Whole seconds of two spans together may be one less than those of their sum.
        let until_boundary = paid_through.since(began).seconds();
        let full = i64::from(full.unwrap());
        assert!(
            (until_boundary - 1..=until_boundary).contains(&full),
            "{dialect}: {full} of {until_boundary}"
        );
        // It is told within a moment of the command.
        let backstop = walled_at.since(began).seconds() + 600;
        let garden = i64::from(garden.unwrap());
        assert!(
            (backstop..=backstop + 1).contains(&garden),
            "{dialect}: {garden} of {backstop}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_nas_that_takes_no_session_timeout_is_told_none() {
    for dialect in ["cisco-isg", "juniper", "huawei", "accel-ppp"] {
        let (_, told) = out_and_in(dialect).await;
        assert!(
            told.iter().all(|(_, timeout)| timeout.is_none()),
            "{dialect}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_service_that_is_deactivated_is_the_one_that_was_activated() {
    let world = World::new("juniper", true).await;
    world.subscriber(1).await;
    world.logs_in(1, "s1").await;
    world.pass(MOMENT).await;
    let slow = "garth-full(100000000,20000000)";
    let fast = "garth-full(500000000,100000000)";
    let garden = "garden(1000000,1000000)";
    for (command, deactivated, activated) in [
        (other_plan(), slow, fast),
        (disable(), fast, garden),
        (Command::Enable, garden, fast),
    ] {
        world.command(1, command).await;
        world.pass(MOMENT).await;
        let (activate, deactivate) = world
            .nas
            .with(|state| state.came.last().unwrap().services());
        assert_eq!(deactivate, deactivated);
        assert_eq!(activate, format!("\u{1}{activated}"), "with its tag");
    }
    assert_eq!(world.asked(), "CCC");
}

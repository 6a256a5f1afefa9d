//! Paid, suspended, ended: what the NAS is asked for, and what it has in the end.

use std::net::Ipv6Addr;

use garth_store::record::AccountingStatus::{InterimUpdate, Start, Stop};
use garth_subscription::Command;

use super::super::*;
use super::world::{
    MOMENT, PATIENCE, World, blocked, disable, in_garden, other_plan, renew, terminate,
};
use crate::dynamic_authorization::fake_nas::{Manner, Place};

const WITH_COA: [&str; 7] = [
    "mikrotik",
    "cisco-isg",
    "juniper",
    "nokia",
    "huawei",
    "accel-ppp",
    "coovachilli",
];

/// A subscriber with a session in full; then the wall comes down on them.
async fn walled(dialect: &'static str, walls_here: bool) -> World {
    let world = World::new(dialect, walls_here).await;
    world.subscriber(1).await;
    world.logs_in(1, "s1").await;
    world.pass(MOMENT).await;
    assert_eq!(
        world.asked(),
        "",
        "{dialect}: it has what it was told at the login"
    );
    world.command(1, disable()).await;
    world.pass(MOMENT).await;
    world
}

#[tokio::test(start_paused = true)]
async fn n11_each_dialect_with_coa_moves_a_session_into_the_garden_and_out_of_it_in_place() {
    for dialect in WITH_COA {
        for walls_here in [true, false] {
            let world = walled(dialect, walls_here).await;
            assert_eq!(world.place("s1"), Some(Place::Garden), "{dialect}");
            world.command(1, Command::Enable).await;
            world.pass(MOMENT).await;
            assert_eq!(world.place("s1"), Some(Place::Full), "{dialect}");
            assert_eq!(world.asked(), "CC", "{dialect}");
            assert_eq!(blocked(&world), (0, 0));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn n11_a_generic_nas_ends_the_session_where_another_router_walls() {
    let world = walled("generic", false).await;
    assert_eq!((world.asked().as_str(), world.place("s1")), ("D", None));
    world.account(1, "s1", Stop, 0, 0).await;
    world.logs_in(1, "s2").await;
    world.pass(MOMENT).await;
    world.command(1, Command::Enable).await;
    world.pass(MOMENT).await;
    assert_eq!((world.asked().as_str(), world.place("s2")), ("DD", None));
    world.account(1, "s2", Stop, 0, 0).await;
    world.logs_in(1, "s3").await;
    world.pass(PATIENCE).await;
    assert_eq!(
        (world.asked().as_str(), world.place("s3")),
        ("DD", Some(Place::Full))
    );
}

#[tokio::test(start_paused = true)]
async fn a_generic_session_stays_where_this_router_walls() {
    let world = walled("generic", true).await;
    world.command(1, Command::Enable).await;
    world.pass(MOMENT).await;
    assert_eq!(world.asked(), "");
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_who_pays_gets_the_rate_of_the_plan_although_the_wall_is_on_this_router() {
    let world = in_garden("mikrotik", Manner::Does, Manner::Does).await;
    world.command(1, Command::Enable).await;
    world.pass(MOMENT).await;
    let rate = world.nas.with(|state| state.came[0].mikrotik_rate());
    assert_eq!(rate.as_deref(), Some("20000k/100000k"));
    assert_eq!(world.place("s1"), Some(Place::Full));
}

#[tokio::test(start_paused = true)]
async fn another_plan_and_another_rate_of_the_plan_reach_a_running_session() {
    let world = World::new("mikrotik", true).await;
    world.subscriber(1).await;
    world.logs_in(1, "s1").await;
    world.pass(MOMENT).await;
    world.command(1, other_plan()).await;
    world.pass(MOMENT).await;
    world.command(1, renew()).await;
    world.pass(MOMENT).await;
    assert_eq!(world.asked(), "C", "a renewal changes nothing");
    world.subscriber(2).await;
    world.logs_in(2, "s2").await;
    world.pass(MOMENT).await;
    world.plans(200_000).await;
    world.pass(MOMENT).await;
    let rates: Vec<_> = world.nas.with(|state| {
        state
            .came
            .iter()
            .map(|came| (came.session(), came.mikrotik_rate().unwrap()))
            .collect()
    });
    let expected = [("s1", "100000k/500000k"), ("s2", "40000k/200000k")];
    assert_eq!(
        rates,
        expected.map(|(session, rate)| (session.to_owned(), rate.to_owned()))
    );
}

#[tokio::test(start_paused = true)]
async fn another_plan_ends_the_session_of_a_nas_without_coa() {
    let world = World::new("generic", true).await;
    world.subscriber(1).await;
    world.logs_in(1, "s1").await;
    world.pass(MOMENT).await;
    world.command(1, other_plan()).await;
    world.pass(MOMENT).await;
    assert_eq!(world.asked(), "D");
}

#[tokio::test(start_paused = true)]
async fn the_session_of_a_terminated_subscription_is_ended_once() {
    let world = World::new("mikrotik", true).await;
    world.subscriber(1).await;
    world.logs_in(1, "s1").await;
    world.pass(MOMENT).await;
    world.command(1, terminate()).await;
    world.pass(MOMENT).await;
    // A last record, then its Stop.
    world.account(1, "s1", InterimUpdate, 1, 1).await;
    world.pass(MOMENT).await;
    world.account(1, "s1", Stop, 1, 1).await;
    world.pass(Duration::from_secs(600)).await;
    assert_eq!((world.asked().as_str(), blocked(&world)), ("D", (0, 0)));
}

#[tokio::test(start_paused = true)]
async fn n11_a_nas_that_refuses_a_change_is_asked_to_disconnect() {
    for cause in [
        401, 402, 403, 404, 405, 406, 407, 501, 502, 504, 505, 506, 508,
    ] {
        let world = in_garden("mikrotik", Manner::Refuses(cause), Manner::Does).await;
        world.command(1, Command::Enable).await;
        world.pass(MOMENT).await;
        assert_eq!(
            (world.asked().as_str(), world.place("s1")),
            ("CD", None),
            "{cause}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn n11_a_nas_that_does_not_answer_a_change_is_asked_to_disconnect() {
    let world = in_garden("mikrotik", Manner::Silent, Manner::Does).await;
    world.command(1, Command::Enable).await;
    world.pass(PATIENCE).await;
    assert_eq!((world.asked().as_str(), world.place("s1")), ("CD", None));
    let sent = world.nas.with(|state| state.came.len());
    assert_eq!(sent, 4, "the change three times, the end once");
}

#[tokio::test(start_paused = true)]
async fn n11_a_session_that_its_nas_does_not_know_is_forgotten_and_the_login_awaited() {
    let world = in_garden("mikrotik", Manner::Does, Manner::Does).await;
    world.nas.with(|state| state.sessions.clear());
    world.command(1, Command::Enable).await;
    world.until_closed("s1").await;
    assert_eq!(world.asked(), "C");
    world.pass(Duration::from_secs(120)).await;
    world.logs_in(1, "s2").await;
    world.pass(PATIENCE).await;
    assert_eq!(
        (world.asked().as_str(), world.place("s2")),
        ("C", Some(Place::Full))
    );
    assert_eq!(blocked(&world), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_goes_on_although_its_nas_denied_it_is_disconnected() {
    let world = in_garden("mikrotik", Manner::Refuses(503), Manner::Does).await;
    world.command(1, Command::Enable).await;
    world.until_closed("s1").await;
    world.account(1, "s1", InterimUpdate, 9, 9).await;
    world.pass(MOMENT).await;
    assert_eq!((world.asked().as_str(), world.place("s1")), ("CD", None));
}

#[tokio::test(start_paused = true)]
async fn n10_an_ack_without_effect_is_found_out_by_accounting() {
    let world = in_garden("mikrotik", Manner::Lies, Manner::Does).await;
    world.command(1, Command::Enable).await;
    world.pass(MOMENT).await;
    assert_eq!(
        (world.asked().as_str(), world.place("s1")),
        ("C", Some(Place::Garden))
    );
    world.pass(Duration::from_secs(60)).await;
    world.account(1, "s1", InterimUpdate, 100_000, 50_000).await;
    world.pass(Duration::from_secs(60)).await;
    assert_eq!(world.asked(), "C", "one record alone says nothing");
    // The subscriber asks and gets refusals.
    world.account(1, "s1", InterimUpdate, 120_000, 65_000).await;
    world.pass(Duration::from_secs(11)).await;
    assert_eq!((world.asked().as_str(), world.place("s1")), ("CD", None));
}

#[tokio::test(start_paused = true)]
async fn n10_a_wall_without_effect_is_found_out_by_accounting() {
    let world = World::new("mikrotik", false).await;
    world.subscriber(1).await;
    world.logs_in(1, "s1").await;
    world.pass(MOMENT).await;
    world.nas.with(|state| state.coa = Manner::Lies);
    world.command(1, disable()).await;
    world.pass(Duration::from_secs(60)).await;
    world
        .account(1, "s1", InterimUpdate, 0, 1_000_000_000)
        .await;
    world.pass(Duration::from_secs(60)).await;
    world
        .account(1, "s1", InterimUpdate, 0, 1_200_000_000)
        .await;
    world.pass(Duration::from_secs(11)).await;
    assert_eq!((world.asked().as_str(), world.place("s1")), ("CD", None));
}

#[tokio::test(start_paused = true)]
async fn n10_an_ack_is_believed_where_traffic_flows_or_nobody_is_there() {
    for output in [65_000, 9_000_000] {
        let world = in_garden("mikrotik", Manner::Does, Manner::Does).await;
        world.command(1, Command::Enable).await;
        world.pass(Duration::from_secs(60)).await;
        world.account(1, "s1", InterimUpdate, 100_000, 65_000).await;
        world.pass(Duration::from_secs(60)).await;
        world.account(1, "s1", InterimUpdate, 102_000, output).await;
        world.pass(Duration::from_secs(600)).await;
        assert_eq!(
            (world.asked().as_str(), world.place("s1")),
            ("C", Some(Place::Full))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn n11_who_has_paid_and_is_blocked_is_an_alarm_until_the_nas_answers_again() {
    let world = in_garden("mikrotik", Manner::Silent, Manner::Silent).await;
    world.command(1, Command::Enable).await;
    world.pass(Duration::from_secs(60)).await;
    assert_eq!(blocked(&world), (0, 0), "not at the first silence");
    world.pass(Duration::from_secs(480)).await;
    assert_eq!(blocked(&world), (1, 0));
    let words = world.alarms.in_words();
    assert!(
        words[0].starts_with("paid but blocked: NAS bng"),
        "{words:?}"
    );
    world
        .nas
        .with(|state| (state.coa, state.disconnect) = (Manner::Does, Manner::Does));
    world.pass(ALARM_RETRY).await;
    assert_eq!(world.place("s1"), Some(Place::Full));
    // Two records without a contradiction, or the end of the wait.
    world.pass(Duration::from_secs(700)).await;
    assert_eq!(blocked(&world), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn n11_the_end_of_the_session_clears_its_alarm() {
    let world = in_garden("mikrotik", Manner::Silent, Manner::Refuses(506)).await;
    world.command(1, Command::Enable).await;
    world.pass(Duration::from_secs(540)).await;
    assert_eq!(blocked(&world), (1, 0));
    world.account(1, "s1", Stop, 0, 0).await;
    world.pass(MOMENT).await;
    assert_eq!(blocked(&world), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn n11_who_has_not_paid_and_is_open_is_an_alarm_too() {
    let world = World::new("mikrotik", false).await;
    world.subscriber(1).await;
    world.logs_in(1, "s1").await;
    world.pass(MOMENT).await;
    world
        .nas
        .with(|state| (state.coa, state.disconnect) = (Manner::Silent, Manner::Silent));
    world.command(1, disable()).await;
    world.pass(Duration::from_secs(540)).await;
    assert_eq!(blocked(&world), (0, 1));
    // Paid again: where the session is, is where it should be.
    world.nas.with(|state| state.coa = Manner::Does);
    world.command(1, Command::Enable).await;
    world.pass(Duration::from_secs(700)).await;
    assert_eq!(
        (blocked(&world), world.place("s1")),
        ((0, 0), Some(Place::Full))
    );
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_lost_repeated_forged_or_from_elsewhere_do_not_confuse() {
    let world = in_garden("mikrotik", Manner::LosesAnswer, Manner::Does).await;
    world.command(1, Command::Enable).await;
    world.pass(PATIENCE).await;
    assert_eq!(
        (world.asked().as_str(), world.place("s1")),
        ("C", Some(Place::Full))
    );

    let world = in_garden("mikrotik", Manner::Repeats, Manner::Does).await;
    world.command(1, Command::Enable).await;
    world.pass(PATIENCE).await;
    assert_eq!(
        (world.asked().as_str(), world.place("s1")),
        ("C", Some(Place::Full))
    );

    for manner in [
        Manner::AnswersFromElsewhere,
        Manner::AnswersWithAnotherSecret,
    ] {
        let world = in_garden("mikrotik", manner, Manner::Silent).await;
        world.command(1, Command::Enable).await;
        world.pass(PATIENCE).await;
        assert_eq!(world.asked(), "CD", "{manner:?}: as if it had said nothing");
    }
}

#[tokio::test(start_paused = true)]
async fn one_session_has_one_request_under_way_and_ends_where_the_subscriber_is_entitled_to_be() {
    let world = in_garden("accel-ppp", Manner::Does, Manner::Does).await;
    world.nas.with(|state| state.is_holding = true);
    world.command(1, Command::Enable).await;
    world.pass(MOMENT).await;
    world.command(1, disable()).await;
    world.pass(Duration::from_millis(100)).await;
    assert_eq!(
        world.nas.with(|state| state.held()),
        1,
        "the second one waits"
    );
    world.nas.with(|state| state.is_holding = false);
    world.nas.answer_held().await;
    world.pass(MOMENT).await;
    assert_eq!(
        (world.asked().as_str(), world.place("s1")),
        ("CC", Some(Place::Garden))
    );
}

#[tokio::test(start_paused = true)]
async fn a_nas_that_needs_user_name_gets_it() {
    let world = in_garden("coovachilli", Manner::NeedsUserName, Manner::NeedsUserName).await;
    world.command(1, Command::Enable).await;
    world.pass(MOMENT).await;
    assert_eq!(
        (world.asked().as_str(), world.place("s1")),
        ("C", Some(Place::Full))
    );
}

#[tokio::test(start_paused = true)]
async fn a_nas_is_asked_over_ipv6() {
    let world = World::at(Ipv6Addr::LOCALHOST.into(), "mikrotik", true).await;
    world.subscriber(1).await;
    world.logs_in(1, "s1").await;
    world.pass(MOMENT).await;
    world.command(1, disable()).await;
    world.pass(MOMENT).await;
    assert_eq!(
        (world.asked().as_str(), world.place("s1")),
        ("C", Some(Place::Garden))
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_session_under_an_old_id_is_another_one() {
    let world = in_garden("mikrotik", Manner::Silent, Manner::Silent).await;
    world.command(1, Command::Enable).await;
    world.pass(Duration::from_secs(540)).await;
    assert_eq!(blocked(&world), (1, 0));
    world.account(1, "s1", Stop, 0, 0).await;
    world.pass(Duration::from_secs(400)).await;
    world.account(1, "s1", Start, 0, 0).await;
    world.pass(MOMENT).await;
    assert_eq!(blocked(&world), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_answer_about_a_session_is_not_taken_for_one_about_the_next_under_its_id() {
    let world = in_garden("mikrotik", Manner::Refuses(503), Manner::Does).await;
    world.subscriber(2).await;
    world.nas.with(|state| state.is_holding = true);
    world.command(1, Command::Enable).await;
    world.pass(Duration::from_secs(2)).await;
    // The NAS has restarted without a word, counts from the start again, and answers late.
    world.command(2, disable()).await;
    world.account(2, "s1", Start, 0, 0).await;
    world.pass(MOMENT).await;
    world.nas.answer_held().await;
    world.pass(MOMENT).await;
    world.pass(MOMENT).await;
    assert!(world.is_live("s1"), "it was not that one");
}

#[tokio::test(start_paused = true)]
async fn an_alarm_of_another_goal_is_none_any_more() {
    let world = in_garden("mikrotik", Manner::Silent, Manner::Silent).await;
    world.command(1, Command::Enable).await;
    world.pass(Duration::from_secs(560)).await;
    assert_eq!(blocked(&world), (1, 0));
    world.command(1, disable()).await;
    world.pass(MOMENT).await;
    assert_eq!(blocked(&world), (0, 0), "nobody has paid");
    world.pass(Duration::from_secs(560)).await;
    assert_eq!(blocked(&world), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_who_goes_to_and_fro_ends_where_they_are_entitled_to_be() {
    for place in [Place::Full, Place::Garden] {
        // What is lost is sent again after a second: all of it happens while the first request is under way.
        let world = in_garden("mikrotik", Manner::LosesAnswer, Manner::Does).await;
        for _ in 0..20 {
            world.command(1, Command::Enable).await;
            world.command(1, disable()).await;
        }
        if place == Place::Full {
            world.command(1, Command::Enable).await;
        }
        world.pass(PATIENCE).await;
        assert_eq!(world.place("s1"), Some(place));
        let asked = world.asked();
        assert!(["", "C", "CC", "CCC"].contains(&&*asked), "{asked}");
        world.pass(Duration::from_secs(700)).await;
        assert_eq!((blocked(&world), world.noted()), ((0, 0), vec![]));
    }
}

//! Paid, suspended, ended: what the NAS is asked for, and what it has in the end.

use std::net::Ipv6Addr;

use garth_store::record::AccountingStatus::{InterimUpdate, Start, Stop};
use garth_subscription::Command;

use super::super::*;
use super::world::{MOMENT, PATIENCE, World, disable, other_plan, renew, terminate};
use crate::dynamic_authorization::fake_nas::{Came, Manner, Place};

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

/// Somebody in the garden since the login; the NAS takes CoA in that manner.
async fn in_garden(dialect: &'static str, coa: Manner, disconnect: Manner) -> World {
    let world = World::new(dialect, true).await;
    world.subscriber(1).await;
    world.command(1, disable()).await;
    // What has changed this long before a login was told at the login.
    world.pass(Duration::from_secs(120)).await;
    world.logs_in(1, "s1").await;
    world.pass(MOMENT).await;
    assert_eq!(
        (world.asked().as_str(), world.place("s1")),
        ("", Some(Place::Garden))
    );
    world
        .nas
        .with(|state| (state.coa, state.disconnect) = (coa, disconnect));
    world
}

fn blocked(world: &World) -> (u64, u64) {
    let stuck = world.alarms.sum();
    (stuck.paid_but_blocked, stuck.walled_but_open)
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
async fn a_nas_that_takes_no_requests_is_not_asked() {
    let world = World::new("mikrotik", false).await;
    world.nas_changes(|nas| nas.dynamic_authorization = None);
    world.subscriber(1).await;
    world.logs_in(1, "s1").await;
    world.pass(MOMENT).await;
    world.command(1, terminate()).await;
    world.pass(Duration::from_secs(600)).await;
    assert_eq!((world.asked().as_str(), blocked(&world)), ("", (0, 0)));
}

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
async fn a_probe_touches_nobody_and_tells_secret_from_silence() {
    let world = World::new("mikrotik", true).await;
    world.subscriber(1).await;
    world.logs_in(1, "s1").await;
    let client_counts = crate::dynamic_authorization::Counts::default();
    let desk = crate::nases::NasDesk::new(
        world.store.clone(),
        Arc::clone(&world.disconnector),
        client_counts,
        Arc::clone(&world.alarms),
        None,
    );
    for (coa, disconnect, usable, word) in [
        (Manner::Does, Manner::Does, true, "the secret is right"),
        (Manner::Refuses(401), Manner::Does, false, "right dialect"),
        (Manner::Lies, Manner::Does, true, "proves nothing"),
        (
            Manner::AnswersWithAnotherSecret,
            Manner::AnswersWithAnotherSecret,
            false,
            "the secret: a NAS drops",
        ),
        (Manner::Silent, Manner::Silent, false, "firewalls"),
    ] {
        world
            .nas
            .with(|state| (state.coa, state.disconnect) = (coa, disconnect));
        let probes = desk.probe("bng", None).await.unwrap().unwrap();
        let text = probes[0].text.join(" ");
        assert_eq!((probes.len(), probes[0].usable), (1, usable), "{text}");
        assert!(text.contains(word), "{word}: {text}");
    }
    assert_eq!(world.place("s1"), Some(Place::Full));
    let named = world.nas.with(|state| {
        state
            .came
            .iter()
            .all(|came| came.session().starts_with("garth-probe-"))
    });
    assert!(named, "only about a session that cannot exist");
    assert!(desk.probe("bng-2", None).await.is_none());

    world.nas_changes(|nas| {
        let port = 3_799;
        nas.dynamic_authorization = Some(garth_radius::nas::DynamicAuthorization::Source { port });
    });
    let probes = desk.probe("bng", None).await.unwrap().unwrap();
    assert_eq!(
        probes[0].to, "127.0.0.1:3799",
        "where its records come from"
    );
    let list = desk.list().await.unwrap();
    assert_eq!(
        (
            list[0].live_sessions,
            list[0].dynamic_authorization.as_deref()
        ),
        (1, Some("source:3799"))
    );
    assert!(list[0].last_record_at.is_some());
    let shown = desk.show("bng").await.unwrap().unwrap();
    assert!(
        shown
            .coa_garden
            .contains(&"Mikrotik-Address-List = \"garden\"".to_owned())
    );
    world.nas_changes(|nas| nas.dynamic_authorization = None);
    assert!(desk.probe("bng", None).await.unwrap().is_err());
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
async fn a_nas_that_is_removed_has_no_alarms_and_its_sessions_are_gone_on_with_once_it_is_back() {
    for is_deaf in [true, false] {
        let world = in_garden("mikrotik", Manner::Silent, Manner::Silent).await;
        world.command(1, Command::Enable).await;
        world.pass(Duration::from_secs(5_000)).await;
        assert_eq!(blocked(&world), (1, 0));
        if is_deaf {
            world.nas_changes(|nas| nas.dynamic_authorization = None);
        } else {
            world.nas_is_removed();
        }
        world.pass(MOMENT).await;
        let asked = world.asked();
        assert_eq!(blocked(&world), (0, 0));
        world.pass(Duration::from_secs(1_300)).await;
        assert_eq!((blocked(&world), world.asked()), ((0, 0), asked));
        world.nas.with(|state| state.coa = Manner::Does);
        world.nas_changes(|_| {});
        world.pass(MOMENT).await;
        assert_eq!(world.place("s1"), Some(Place::Full));
    }
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_moved_is_tried_at_once_when_the_configuration_changes() {
    let world = in_garden("mikrotik", Manner::Silent, Manner::Silent).await;
    world.command(1, Command::Enable).await;
    world.pass(Duration::from_secs(560)).await;
    assert_eq!(blocked(&world), (1, 0));
    world.nas.with(|state| state.coa = Manner::Does);
    world.nas_changes(|_| {});
    world.pass(MOMENT).await;
    assert_eq!(world.place("s1"), Some(Place::Full));
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

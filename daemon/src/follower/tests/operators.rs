//! What operators do: probes, and other settings for a NAS.

use garth_subscription::Command;

use super::super::*;
use super::world::{MOMENT, World, blocked, in_garden, terminate};
use crate::dynamic_authorization::fake_nas::{Manner, Place};

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

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use garth_radius::crypto::Secret;
use garth_radius::dialect::{Dialect, GardenName, PortalUrl};
use garth_radius::nas::{NasTable, Prefix};
use garth_radius::server::{GardenSettings, Given, Unknown};
use garth_subscription::Timestamp;
use tokio::task::JoinSet;

use super::fake_nas::{FakeNas, Manner, Place, SECRET};
use super::*;
use crate::garthd::stop::{self, Stopper};

const GARDEN: Request = Request::Move(Move {
    from: Given::Garden,
    to: Given::Garden,
    session_timeout_seconds: 600,
});

/// A client with its task, and a NAS that knows the sessions "0", "1" and so on.
struct World {
    client: Client,
    nas: FakeNas,
    settings: Arc<Settings>,
    stopper: Stopper,
}

impl World {
    async fn new(dialect: &'static str, sessions: usize) -> Self {
        let nas = FakeNas::start(Ipv4Addr::LOCALHOST.into(), dialect).await;
        let place = Place::Garden;
        let known = (0..sessions).map(|number| (number.to_string(), place));
        nas.with(|state| state.sessions.extend(known));
        let (client, task) = Client::new(|| Timestamp::from_unix_seconds(1_800_000_000).unwrap());
        let (stopper, stop) = stop::channel();
        tokio::spawn(task.run(stop));
        let garden = GardenSettings {
            down_kbps: 1_000,
            up_kbps: 1_000,
            address_list: GardenName::new("garden").unwrap(),
            portal_url: PortalUrl::default(),
            session_timeout_seconds: 600,
            interim_seconds: 120,
            unknown: Unknown::Reject,
        };
        let prefix = Prefix::new(nas.address.ip(), 32).unwrap();
        let secret = Secret::new(SECRET.as_bytes()).unwrap();
        let dialect = Arc::new(Dialect::by_name(dialect).unwrap());
        let table = NasTable::new(vec![Nas::new("bng", prefix, secret, dialect)]).unwrap();
        Self {
            settings: Arc::new(Settings::new(table, garden, Vec::new())),
            client,
            nas,
            stopper,
        }
    }

    fn ask(&self, session: &str, user_name: Option<&str>, request: Request) -> Ask {
        let about = About::Session(SessionKey {
            nas: "bng/127.0.0.1".into(),
            acct_session_id: session.as_bytes().into(),
        });
        Ask {
            nas: Arc::clone(self.settings.nas().iter().next().unwrap()),
            settings: Arc::clone(&self.settings),
            to: self.nas.address,
            identifiers: Identifiers {
                about,
                user_name: user_name.map(|name| name.as_bytes().into()),
                acct_session_id: session.as_bytes().into(),
                framed_ip_address: None,
                calling_station_id: None,
                nas_port_id: None,
                nas_names: NasNames::default(),
            },
            request,
            goes_first: true,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn n10_silence_is_three_attempts_in_seven_seconds_of_the_same_octets() {
    let world = World::new("mikrotik", 1).await;
    world.nas.with(|state| state.disconnect = Manner::Silent);
    let answered = world
        .client
        .ask(world.ask("0", None, Request::Disconnect))
        .await;
    assert_eq!((answered.outcome, answered.attempts), (Outcome::Silence, 3));
    assert_eq!(answered.millis, 7_000);
    let came = world.nas.with(|state| state.came.clone());
    assert_eq!(came.len(), 3);
    assert!(came.iter().all(|one| *one == came[0]));
    let count = world.client.counts().of("bng");
    assert_eq!((count.unanswered, count.acknowledged), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_answer_after_the_first_repetition_counts_two_attempts() {
    let world = World::new("mikrotik", 1).await;
    world.nas.with(|state| state.coa = Manner::LosesAnswer);
    let answered = world.client.ask(world.ask("0", None, GARDEN)).await;
    assert_eq!((answered.outcome, answered.attempts), (Outcome::Ack, 2));
    assert_eq!(answered.millis, 1_000);
    assert_eq!(world.client.counts().sum().acknowledged, 1);
}

#[tokio::test(start_paused = true)]
async fn n10_more_requests_than_identifiers_leave_from_further_ports() {
    const REQUESTS: usize = 1_000;
    let world = World::new("mikrotik", REQUESTS).await;
    let mut under_way = JoinSet::new();
    for number in 0..REQUESTS {
        let ask = world.ask(&number.to_string(), None, Request::Disconnect);
        let client = world.client.clone();
        under_way.spawn(async move { client.ask(ask).await });
    }
    while let Some(answered) = under_way.join_next().await {
        assert_eq!(answered.unwrap().outcome, Outcome::Ack);
    }
    let came = world.nas.with(|state| state.came.clone());
    let places: BTreeSet<_> = came
        .iter()
        .map(|one| (one.from.port(), one.identifier))
        .collect();
    assert_eq!(places.len(), REQUESTS, "no identifier of a port twice");
    let ports: BTreeSet<_> = came.iter().map(|one| one.from.port()).collect();
    assert_eq!(ports.len(), REQUESTS.div_ceil(256));
}

#[tokio::test(start_paused = true)]
async fn two_requests_about_one_session_go_one_after_the_other() {
    let world = World::new("mikrotik", 1).await;
    world.nas.with(|state| state.is_holding = true);
    let (first, second) = (
        world.ask("0", None, GARDEN),
        world.ask("0", None, Request::Disconnect),
    );
    let clients = (world.client.clone(), world.client.clone());
    let both =
        tokio::spawn(async move { tokio::join!(clients.0.ask(first), clients.1.ask(second)) });
    // Paused: until everybody waits.
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(world.nas.with(|state| state.held()), 1);
    world.nas.with(|state| state.is_holding = false);
    world.nas.answer_held().await;
    let (first, second) = both.await.unwrap();
    assert_eq!(
        (first.outcome, second.outcome),
        (Outcome::Ack, Outcome::Ack)
    );
    let kinds = world
        .nas
        .with(|state| state.came.iter().map(|one| one.is_coa).collect::<Vec<_>>());
    assert_eq!(kinds, [true, false]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_name_a_session_is_not_sent() {
    let world = World::new("coovachilli", 1).await;
    let answered = world
        .client
        .ask(world.ask("0", None, Request::Disconnect))
        .await;
    let Outcome::NotSent(why) = answered.outcome else {
        panic!("{answered:?}");
    };
    assert!(why.contains("user_name"), "{why}");
    let answered = world
        .client
        .ask(world.ask("0", Some("anna"), Request::Disconnect))
        .await;
    assert_eq!(answered.outcome, Outcome::Ack);
}

#[tokio::test(start_paused = true)]
async fn a_stop_answers_who_waits() {
    let world = World::new("mikrotik", 1).await;
    world.nas.with(|state| state.disconnect = Manner::Silent);
    let (ask, client) = (
        world.ask("0", None, Request::Disconnect),
        world.client.clone(),
    );
    let waiting = tokio::spawn(async move { client.ask(ask).await });
    tokio::task::yield_now().await;
    world.stopper.stop();
    assert_eq!(waiting.await.unwrap().outcome, Outcome::Stopping);
}

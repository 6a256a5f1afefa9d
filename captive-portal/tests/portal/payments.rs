//! Months are chosen and paid; what the gateway says is handed on.

use garth_captive_portal::desk::Request;
use garth_subscription::Standing;
use garth_subscription::calendar::Months;
use garth_subscription::command::{PauseEnd, When};
use garth_subscription::subscriber::Language;

use super::fake::{self, id, view};
use super::world::{ALICE, BOB, NOBODY, World};

#[tokio::test]
async fn months_are_paid_on_the_gateways_page() {
    let world = World::new().await;
    let page = world.get(ALICE, "/").await;
    let form = format!("token={}&months=3", page.token());
    let answer = world.post(ALICE, "/checkout", &form).await;
    assert_eq!(answer.status, 303);
    assert_eq!(
        answer.header("location"),
        Some("https://pay.example/p/cs_1")
    );
    let months = Months::new(3).unwrap();
    let language = Language::English;
    assert_eq!(
        world.performed(),
        [Request::StartCheckout {
            months,
            then_pause: false,
            language,
            description: "Home 100, 3 months".parse().unwrap(),
        }]
    );
}

#[tokio::test]
async fn months_that_the_credit_covers_need_no_gateway() {
    let world = World::new().await;
    let mut rich = view(Standing::Expired);
    rich.offers[0].total = fake::euro("0");
    world.fake.views.lock().unwrap().insert(id(1), rich);
    let page = world.get(ALICE, "/").await;
    let form = format!("token={}&months=1", page.token());
    let answer = world.post(ALICE, "/checkout", &form).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/done"))
    );
    let expected = Request::PayFromBalance {
        months: Months::new(1).unwrap(),
        then_pause: false,
    };
    assert_eq!(world.performed(), [expected]);
}

#[tokio::test]
async fn a_form_sent_twice_is_one_wish_and_two_forms_are_two() {
    let world = World::new().await;
    let mut rich = view(Standing::Expired);
    for offer in &mut rich.offers {
        offer.total = fake::euro("0");
    }
    world.fake.views.lock().unwrap().insert(id(1), rich);
    let pages = [world.get(ALICE, "/").await, world.get(ALICE, "/").await];
    for (page, months) in [(0, 1), (0, 1), (0, 3), (1, 1)] {
        let form = format!("token={}&months={months}", pages[page].token());
        assert_eq!(world.post(ALICE, "/checkout", &form).await.status, 303);
    }
    let once = world.fake.once.lock().unwrap().clone();
    assert_eq!(once[0], once[1], "a second click");
    assert_ne!(once[0], once[2], "another choice on the same page");
    assert_ne!(once[0], once[3], "another page");
}

#[tokio::test]
async fn months_that_are_not_on_offer_are_refused() {
    let world = World::new().await;
    let token = world.get(ALICE, "/").await.token().to_owned();
    for months in ["", "2", "0", "-1", "65537", "1e3", "3 "] {
        let form = format!("token={token}&months={months}");
        let answer = world.post(ALICE, "/checkout", &form).await;
        assert_eq!(answer.status, 409, "{months:?}");
    }
    assert!(world.performed().is_empty());
}

#[tokio::test]
async fn a_pause_begins_and_ends_by_the_subscribers_wish() {
    let world = World::new().await;
    let page = world.get(BOB, "/pause").await;
    assert!(page.body.contains("min=\"2026-11-21\""), "{}", page.body);
    let token = page.token();
    for until in ["", "tomorrow", "2027-02-30"] {
        let form = format!("token={token}&end=date&until={until}");
        let answer = world.post(BOB, "/pause", &form).await;
        assert_eq!(answer.status, 422, "{until}");
        assert!(answer.body.contains("role=\"alert\""));
    }
    for form in ["end=date&until=2026-12-24", "end=open"] {
        world
            .post(BOB, "/pause", &format!("token={token}&{form}"))
            .await;
    }
    let christmas = PauseEnd::On("2026-12-24".parse().unwrap());
    let start = When::Now;
    let expected = [christmas, PauseEnd::Open].map(|end| Request::Pause { start, end });
    assert_eq!(world.performed(), expected);
    world.set(1, Standing::Paused);
    let token = world.get(ALICE, "/").await.token().to_owned();
    world
        .post(ALICE, "/end-pause", &format!("token={token}"))
        .await;
    assert_eq!(world.performed().last(), Some(&Request::EndPause));
}

#[tokio::test]
async fn the_page_waits_for_the_release_and_then_proves_it() {
    let world = World::new().await;
    for path in ["/returned/co_open", "/returned/co_paid"] {
        let waiting = world.get(ALICE, path).await.body;
        assert!(
            waiting.contains("http-equiv=\"refresh\" content=\"1\""),
            "{path}"
        );
    }
    world.set(1, Standing::Active);
    let done = world.get(ALICE, "/returned/co_online").await.body;
    assert!(done.contains("Online again after 350 ms"), "{done}");
    assert!(done.contains("31 January 2027") && !done.contains("http-equiv=\"refresh\""));
}

#[tokio::test]
async fn a_webhook_is_handed_on_as_it_came_even_at_the_bare_address() {
    let world = World::new().await;
    let path = "POST /gateway/sandbox-TEST-MODE";
    let body = "{\"a\":  1}\n";
    for host in ["portal.example", &world.address.to_string()] {
        let headers = format!("host: {host}\r\nsandbox-signature: t=1,v1=2\r\n");
        assert_eq!(world.ask(NOBODY, path, &headers, body).await.status, 200);
    }
    let webhooks = std::mem::take(&mut *world.fake.webhooks.lock().unwrap());
    assert_eq!(webhooks.len(), 2);
    assert_eq!(webhooks[0].body, body);
    assert_eq!(webhooks[0].headers["sandbox-signature"], "t=1,v1=2");
    for (line, status) in [
        ("GET /gateway/sandbox-TEST-MODE", 405),
        ("POST /gateway/other", 404),
        ("POST /gateway/", 404),
        ("POST /gateway/a/b", 404),
    ] {
        let answer = world
            .ask(NOBODY, line, "host: portal.example\r\n", body)
            .await;
        assert_eq!(answer.status, status, "{line}");
    }
}

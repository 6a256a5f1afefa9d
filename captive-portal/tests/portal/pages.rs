//! What every page keeps to, whatever it says.

use garth_captive_portal::Problem;
use garth_subscription::Standing;
use garth_subscription::subscriber::Language;
use garth_subscription::time::Span;

use super::fake::{self, id, refused, view};
use super::world::{ALICE, Answer, NOBODY, World};

#[tokio::test]
async fn every_page_is_small_strict_and_well_formed_in_both_languages() {
    let world = World::new().await;
    *world.fake.change.lock().unwrap() = Some(fake::change_quote(Some("7.50")));
    let mut pages = 0;
    for standing in Standing::ALL {
        world.set(1, standing);
        for path in [
            "/",
            "/history",
            "/pause",
            "/plan",
            "/plan/price?plan=home-500&start=now",
            "/follow",
            "/end",
            "/call-off",
            "/cancelled",
            "/done",
            "/nothing",
            "/returned/co_open",
            "/returned/co_paid",
            "/returned/co_done",
            "/returned/co_credit",
            "/returned/co_online",
            "/returned/co_expired",
        ] {
            for language in ["en", "de"] {
                let headers = format!("host: portal.example\r\naccept-language: {language}\r\n");
                let answer = world.ask(ALICE, &format!("GET {path}"), &headers, "").await;
                if answer.status == 303 {
                    continue;
                }
                check_page(&answer, language);
                pages += 1;
                // A test of pages, not of rates.
                let mut clock = world.clock.lock().unwrap();
                *clock = clock.saturating_add(Span::from_seconds(1));
            }
        }
    }
    assert!(pages > 150, "{pages}");
    for language in ["en", "de"] {
        let headers = format!("host: portal.example\r\naccept-language: {language}\r\n");
        check_page(&world.ask(NOBODY, "GET /", &headers, "").await, language);
    }
}

fn check_page(answer: &Answer, language: &str) {
    let body = &answer.body;
    assert!(
        body.contains(&format!("<html lang=\"{language}\">")),
        "{body}"
    );
    assert!(body.len() < 15 * 1_024, "{} octets", body.len());
    assert!(!body.contains("<script") && !body.contains("style=\"") && !body.contains("://"));
    assert!(
        !body.contains("secret"),
        "the journal's actor and reason are not for the subscriber"
    );
    assert!(!body.contains("{$") && !body.contains("{ $"), "{body}");
    let policy = answer.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    for part in [
        "form-action 'self' https://pay.example;",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"));
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(answer.header(name), Some(value));
    }
    assert_well_formed(body);
}

/// Every element is closed in order, every attribute quoted, every field labelled.
fn assert_well_formed(page: &str) {
    const VOID: [&str; 3] = ["meta", "input", "!doctype"];
    let (head, rest) = page.split_once("<style>").unwrap();
    let (_, rest) = rest.split_once("</style>").unwrap();
    let text = format!("{head}{rest}");
    let mut open = Vec::new();
    for tag in text.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap();
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let name = tag.split_whitespace().next().unwrap();
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "in {page}");
        } else if !VOID.contains(&name) {
            open.push(name);
        }
        let is_field = ["input", "select", "textarea"].contains(&name);
        if is_field && !tag.contains("type=\"hidden\"") {
            let (_, id) = tag.split_once("id=\"").unwrap();
            let id = id.split('"').next().unwrap();
            assert!(
                text.contains(&format!("<label for=\"{id}\">")),
                "{id} has no label"
            );
        }
    }
    assert_eq!(open, [""; 0], "left open in {page}");
    assert_eq!(text.matches("<h1>").count(), 1);
}

#[tokio::test]
async fn n34_prices_and_dates_are_written_as_the_reader_does() {
    let world = World::new().await;
    let english = world.get(ALICE, "/").await.body;
    assert!(
        english.contains("18 November 2026") && english.contains("€17.40"),
        "{english}"
    );
    let headers = "host: portal.example\r\naccept-language: de-AT\r\n";
    let german = world.ask(ALICE, "GET /", headers, "").await.body;
    assert!(
        german.contains("18. November 2026") && german.contains("85,00 €"),
        "{german}"
    );
}

#[tokio::test]
async fn n34_the_switch_wins_over_the_subscribers_setting_and_that_over_the_browsers() {
    let world = World::new().await;
    let mut german = view(Standing::Expired);
    german.language = Some(Language::German);
    world.fake.views.lock().unwrap().insert(id(1), german);
    let headers = "host: portal.example\r\naccept-language: en\r\n";
    let page = world.ask(ALICE, "GET /", headers, "").await.body;
    assert!(page.contains("lang=\"de\">\n"), "{page}");
    let switch = world.get(ALICE, "/language/en").await;
    assert_eq!((switch.status, switch.header("location")), (303, Some("/")));
    let cookie = switch
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap();
    let headers = format!("host: portal.example\r\ncookie: {cookie}\r\n");
    let page = world.ask(ALICE, "GET /", &headers, "").await.body;
    assert!(page.contains("<html lang=\"en\">"));
    assert_eq!(world.get(ALICE, "/language/xx").await.status, 404);
}

#[tokio::test]
async fn a_problem_is_told_with_its_status() {
    let world = World::new().await;
    let token = world.get(ALICE, "/").await.token().to_owned();
    for (problem, status) in [
        (refused(), 409),
        (Problem::Gateway, 502),
        (Problem::Busy, 503),
    ] {
        *world.fake.problem.lock().unwrap() = Some(problem);
        let answer = world
            .post(ALICE, "/checkout", &format!("token={token}&months=3"))
            .await;
        assert_eq!(answer.status, status);
        assert!(answer.body.contains("href=\"/\""));
    }
}

#[tokio::test]
async fn what_others_wrote_cannot_become_markup() {
    let world = World::new().await;
    let mut evil = view(Standing::Expired);
    evil.plan_name = "<script>alert(1)</script>\"'&".parse().unwrap();
    evil.plan_names = vec![("home-100".parse().unwrap(), evil.plan_name.clone())];
    world.fake.views.lock().unwrap().insert(id(1), evil);
    let page = world.get(ALICE, "/").await.body;
    assert!(!page.contains("<script"), "{page}");
    assert_well_formed(&page);
}

#[tokio::test]
async fn a_page_without_offers_promises_none() {
    let world = World::new().await;
    for standing in [Standing::Expired, Standing::Suspended, Standing::Paused] {
        let mut stuck = view(standing);
        stuck.offers.clear();
        stuck.pausing.may_end = false;
        world.fake.views.lock().unwrap().insert(id(1), stuck);
        let page = world.get(ALICE, "/").await.body;
        assert!(
            page.contains("Please get in touch with us to go on."),
            "{page}"
        );
        assert!(!page.contains("action=\"/checkout\""));
    }
}

//! Octets that no well-behaved client would send, and more of them than one may.

use std::time::Duration;

use garth_captive_portal::desk::Identified;
use garth_captive_portal::limits::{FORM_LEN_MAX, WEBHOOK_LEN_MAX};
use garth_subscription::Standing;
use garth_subscription::time::Span;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::captive::is_the_redirect;
use super::fake::{id, now, view};
use super::world::{ALICE, Answer, BOB, NOBODY, World};

#[tokio::test]
async fn malformed_http_gets_an_error_or_silence_and_never_a_page() {
    let world = World::new().await;
    for octets in [
        b"\0\0\0\0\r\n\r\n".as_slice(),
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\r\nhost: portal.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /login HTTP/1.1\r\nhost: portal.example\r\ncontent-length: -1\r\n\r\n",
        b"POST /login HTTP/1.1\r\nhost: portal.example\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef",
    ] {
        let answer = world.raw(ALICE, octets).await;
        let fine = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
        assert!(fine, "{octets:?}: {answer}");
    }
    assert_eq!(world.get(ALICE, "/").await.status, 200, "it lives on");
}

#[tokio::test]
async fn headers_and_bodies_beyond_their_bounds_are_refused() {
    let world = World::new().await;
    let long = format!("host: portal.example\r\nx: {}\r\n", "a".repeat(20_000));
    assert_eq!(world.ask(ALICE, "GET /", &long, "").await.status, 431);
    let many = "host: portal.example\r\n".to_owned() + &"x: y\r\n".repeat(100);
    assert_eq!(world.ask(ALICE, "GET /", &many, "").await.status, 431);
    let form = "a".repeat(FORM_LEN_MAX + 1);
    assert_eq!(world.post(ALICE, "/checkout", &form).await.status, 413);
    let path = "/gateway/sandbox-TEST-MODE";
    let body = "a".repeat(WEBHOOK_LEN_MAX + 1);
    assert_eq!(world.post(NOBODY, path, &body).await.status, 413);
    let chunked = format!(
        "POST {path} HTTP/1.1\r\nhost: portal.example\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    let answer = world.raw(NOBODY, chunked.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(world.fake.webhooks.lock().unwrap().is_empty());
}

#[tokio::test]
async fn slow_clients_are_cut() {
    let soon = Duration::from_millis(100);
    let world = World::with(|config| config.limits.header_timeout = soon).await;
    let silent = world.raw(ALICE, b"").await;
    let half = world.raw(ALICE, b"GET / HTTP/1.1\r\nhost: port").await;
    for answer in [silent, half] {
        let cut = answer.is_empty() || answer.starts_with("HTTP/1.1 408");
        assert!(cut, "{answer}");
    }
    let world = World::with(|config| config.limits.body_timeout = soon).await;
    let body = b"POST /login HTTP/1.1\r\nhost: portal.example\r\ncontent-length: 9\r\n\r\nab";
    let answer = world.raw(ALICE, body).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn one_source_cannot_take_every_connection() {
    let world = World::with(|config| config.limits.connections_per_source_max = 2).await;
    let mut first = world.connect(ALICE).await;
    let mut second = world.connect(ALICE).await;
    for stream in [&mut first, &mut second] {
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: x.example\r\n\r\n")
            .await
            .unwrap();
        let mut some = [0; 12];
        stream.read_exact(&mut some).await.unwrap();
        assert_eq!(&some, b"HTTP/1.1 302");
    }
    assert_eq!(
        world.raw(ALICE, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await,
        ""
    );
    assert_eq!(world.get(BOB, "/").await.status, 200, "others are served");
    drop((first, second));
    while world.get(ALICE, "/").await.status != 200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn one_subscription_cannot_take_every_connection_from_its_many_addresses() {
    let world = World::with(|config| config.limits.connections_per_source_max = 1).await;
    let second_address = NOBODY.parse().unwrap();
    let known = Identified::Known(id(1));
    world
        .fake
        .addresses
        .lock()
        .unwrap()
        .insert(second_address, known);
    let mut first = world.connect(ALICE).await;
    let request = b"GET / HTTP/1.1\r\nhost: x.example\r\n\r\n";
    first.write_all(request).await.unwrap();
    let mut some = [0; 12];
    first.read_exact(&mut some).await.unwrap();
    assert_eq!(world.raw(NOBODY, request).await, "", "the same subscriber");
    assert_eq!(world.get(BOB, "/").await.status, 200, "others are served");
}

#[tokio::test]
async fn a_flood_of_pages_is_slowed_down_but_redirects_go_on() {
    let world = World::new().await;
    let mut statuses = Vec::new();
    for _ in 0..110 {
        statuses.push(world.get(ALICE, "/history").await.status);
    }
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        100
    );
    assert_eq!(statuses.last(), Some(&429));
    let probe = world
        .ask(ALICE, "GET /generate_204", "host: x.example\r\n", "")
        .await;
    assert!(is_the_redirect(&probe));
}

#[tokio::test]
async fn forms_that_do_something_are_slowed_down_by_subscription() {
    let world = World::new().await;
    let token = world.get(ALICE, "/").await.token().to_owned();
    let form = format!("token={token}&months=3");
    for _ in 0..20 {
        assert_eq!(world.post(ALICE, "/checkout", &form).await.status, 303);
    }
    assert_eq!(world.post(ALICE, "/checkout", &form).await.status, 429);
    assert_eq!(world.performed().len(), 20);
}

#[tokio::test]
async fn a_form_without_our_token_does_nothing() {
    let world = World::new().await;
    let mine = world.get(ALICE, "/").await.token().to_owned();
    let foreign = world.get(BOB, "/pause").await.token().to_owned();
    let strangers = world.get(NOBODY, "/").await.token().to_owned();
    for token in ["", "x", "9999999999.00", &foreign, &strangers] {
        let answer = world
            .post(ALICE, "/checkout", &format!("token={token}&months=3"))
            .await;
        assert_eq!(answer.status, 403, "{token}");
    }
    let form = format!("token={mine}&months=3");
    for headers in [
        "origin: http://evil.example\r\n",
        "origin: null\r\n",
        "origin: http://portal.example.evil.example\r\n",
        "origin: https://portal.example\r\n",
        "sec-fetch-site: cross-site\r\n",
        "sec-fetch-site: same-site\r\n",
    ] {
        let headers = format!("host: portal.example\r\n{headers}");
        let answer = world.ask(ALICE, "POST /checkout", &headers, &form).await;
        assert_eq!(answer.status, 403, "{headers}");
    }
    *world.clock.lock().unwrap() = now().saturating_add(Span::from_seconds(3_601));
    assert_eq!(
        world.post(ALICE, "/checkout", &form).await.status,
        403,
        "too old"
    );
    assert!(world.performed().is_empty());
}

#[tokio::test]
async fn another_subscribers_checkout_does_not_exist() {
    let world = World::new().await;
    let mut bob = view(Standing::Active);
    bob.checkouts.clear();
    world.fake.views.lock().unwrap().insert(id(2), bob);
    assert_eq!(world.get(ALICE, "/returned/co_online").await.status, 200);
    let foreign = world.get(BOB, "/returned/co_online").await;
    let missing = world.get(BOB, "/returned/co_nothing").await;
    assert_eq!((foreign.status, missing.status), (404, 404));
    let without_token = |answer: &Answer| answer.body.replace("co_online", "");
    assert_eq!(without_token(&foreign), without_token(&missing));
    let stranger = world.get(NOBODY, "/returned/co_online").await;
    assert!(stranger.body.contains("name=\"password\""));
}

#[tokio::test]
async fn a_subscriber_is_no_gateway() {
    let world = World::new().await;
    let path = "/gateway/sandbox-TEST-MODE";
    // An announced body that never comes would hold a place; it is not even waited for.
    let half = format!(
        "POST {path} HTTP/1.1\r\nhost: portal.example\r\nconnection: close\r\ncontent-length: 9\r\n\r\na"
    );
    for source in [ALICE, BOB] {
        let answer = world.raw(source, half.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
        assert_eq!(world.post(source, path, "{}").await.status, 404);
    }
    assert!(world.fake.webhooks.lock().unwrap().is_empty());
    assert_eq!(world.post(NOBODY, path, "{}").await.status, 200);
}

#[tokio::test]
async fn the_stop_lets_an_answer_finish_and_closes_the_rest() {
    let mut world = World::new().await;
    let mut idle = world.connect(ALICE).await;
    idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut some = [0; 12];
    idle.read_exact(&mut some).await.unwrap();
    world.stop.take().unwrap().send(()).unwrap();
    (&mut world.serving).await.unwrap();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(TcpStream::connect(world.address).await.is_err());
}

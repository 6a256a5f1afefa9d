//! What a captive client is told: redirects, probes and the API (N30, N31).

use super::world::{ALICE, Answer, BOB, NOBODY, SHARED, World};

pub(super) fn is_the_redirect(answer: &Answer) -> bool {
    answer.status == 302
        && answer.header("location") == Some("http://portal.example/")
        && answer.header("cache-control") == Some("no-store")
        && answer.head.matches("location:").count() == 1
        && (1..200).contains(&answer.header("content-length").unwrap().parse().unwrap())
}

/// N30: host, path, and what the answer to an online client holds.
const PROBES: [(&str, &str, u16, &str); 9] = [
    (
        "captive.apple.com",
        "/hotspot-detect.html",
        200,
        "<TITLE>Success</TITLE>",
    ),
    ("connectivitycheck.gstatic.com", "/generate_204", 204, ""),
    ("www.gstatic.com", "/generate_204", 204, ""),
    ("clients3.google.com", "/generate_204", 204, ""),
    (
        "www.msftconnecttest.com",
        "/connecttest.txt",
        200,
        "Microsoft Connect Test",
    ),
    (
        "detectportal.firefox.com",
        "/canonical.html",
        200,
        "http-equiv=\"refresh\"",
    ),
    ("detectportal.firefox.com", "/success.txt", 200, "success\n"),
    (
        "nmcheck.gnome.org",
        "/check_network_status.txt",
        200,
        "NetworkManager is online",
    ),
    ("networkcheck.kde.org", "/", 200, "OK"),
];

#[tokio::test]
async fn n30_every_probe_of_a_captive_client_is_redirected() {
    let world = World::new().await;
    for (host, path, _, _) in PROBES {
        for source in [ALICE, SHARED, NOBODY] {
            for method in ["GET", "HEAD", "POST", "OPTIONS", "BREW"] {
                let line = format!("{method} {path}");
                let answer = world
                    .ask(source, &line, &format!("host: {host}\r\n"), "")
                    .await;
                assert!(
                    is_the_redirect(&answer),
                    "{line} at {host}: {}",
                    answer.head
                );
                assert_eq!(answer.body.is_empty(), method == "HEAD");
            }
        }
    }
}

#[tokio::test]
async fn n30_every_probe_of_an_online_client_succeeds() {
    let world = World::new().await;
    for (host, path, status, body) in PROBES {
        let line = format!("GET {path}");
        let answer = world
            .ask(BOB, &line, &format!("host: {host}\r\n"), "")
            .await;
        assert_eq!(answer.status, status, "{host}{path}");
        assert!(answer.body.contains(body), "{host}{path}: {}", answer.body);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let other = world.ask(BOB, "GET /x", "host: news.example\r\n", "").await;
    assert!(
        is_the_redirect(&other),
        "what is no probe comes to the portal"
    );
}

#[tokio::test]
async fn n30_no_request_chooses_where_it_is_redirected_to() {
    let world = World::new().await;
    for (line, headers) in [
        ("GET /", "host: evil.example\r\n"),
        ("GET //evil.example/%2f..", "host: evil.example\r\n"),
        (
            "GET /%0d%0alocation:%20http://evil.example/",
            "host: evil.example\r\n",
        ),
        ("GET http://evil.example/x", "host: portal.example\r\n"),
        (
            "GET http://portal.example@evil.example/",
            "host: portal.example\r\n",
        ),
        ("GET /", "host: portal.example@evil.example\r\n"),
        ("GET /", "host: portal.example\r\nhost: evil.example\r\n"),
        (
            "GET /",
            "host: evil.example\r\nx-forwarded-host: evil.example\r\n",
        ),
        ("GET /", "host: portal.example.evil.example\r\n"),
        ("GET /", "host: evil.example@portal.example\r\n"),
        ("GET /", "host: \r\n"),
        ("GET /", ""),
        ("CONNECT evil.example:443", "host: evil.example:443\r\n"),
        ("OPTIONS *", "host: evil.example\r\n"),
    ] {
        let answer = world.ask(ALICE, line, headers, "").await;
        assert!(
            is_the_redirect(&answer),
            "{line} {headers:?}: {}",
            answer.head
        );
    }
    for path in [
        "//evil.example/",
        "/\\evil.example",
        "/returned//evil.example",
    ] {
        let answer = world.get(ALICE, path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.header("location"), None);
    }
}

#[tokio::test]
async fn n31_the_captive_portal_api_tells_who_is_captive() {
    let world = World::new().await;
    let ask = async |source: &str| {
        let answer = world.get(source, "/captive-portal/api").await;
        assert_eq!(
            answer.header("content-type"),
            Some("application/captive+json")
        );
        assert_eq!(answer.header("cache-control"), Some("private, no-store"));
        serde_json::from_str::<serde_json::Value>(&answer.body).unwrap()
    };
    for source in [ALICE, SHARED, NOBODY] {
        let answer = ask(source).await;
        assert_eq!(answer["captive"], true, "{source}");
        assert_eq!(answer["user-portal-url"], "http://portal.example/");
        assert_eq!(answer["can-extend-session"], true);
        assert!(answer.get("seconds-remaining").is_none());
    }
    let answer = ask(BOB).await;
    assert_eq!(answer["captive"], false);
    // 2026-11-20T11:00Z to 2027-01-31T23:00Z: 72 days and 12 hours.
    assert_eq!(answer["seconds-remaining"], 72 * 86_400 + 43_200);
}

#[tokio::test]
async fn without_tls_a_portal_with_tls_shows_no_page_but_takes_webhooks() {
    let world = World::with(|config| {
        config.public_url = "https://portal.example/".parse().unwrap();
    })
    .await;
    for line in ["GET /", "POST /login", "GET /history"] {
        let answer = world.ask(ALICE, line, "host: portal.example\r\n", "").await;
        assert_eq!(answer.status, 302, "{line}");
        assert_eq!(answer.header("location"), Some("https://portal.example/"));
        assert_eq!(answer.header("set-cookie"), None);
    }
    let webhook = world.post(NOBODY, "/gateway/sandbox-TEST-MODE", "{}").await;
    assert_eq!(webhook.status, 200);
}

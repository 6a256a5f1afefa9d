//! Subscribers whose address does not tell who they are.

use super::world::{BOB, NOBODY, SHARED, World};

#[tokio::test]
async fn where_the_address_does_not_tell_a_login_does() {
    let world = World::new().await;
    for source in [SHARED, NOBODY] {
        let page = world.get(source, "/").await;
        assert!(page.body.contains("name=\"password\"") && !page.body.contains("Home 100"));
        let token = page.token();
        let wrong = format!("token={token}&user=%3Cb%3E&password=x");
        let answer = world.post(source, "/login", &wrong).await;
        assert_eq!(answer.status, 403);
        assert!(
            answer.body.contains("value=\"&#60;b&#62;\""),
            "{}",
            answer.body
        );
        let right = format!("token={token}&user=alice&password=tulip%26rose");
        let answer = world.post(source, "/login", &right).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
        let cookie = answer.header("set-cookie").unwrap();
        assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
        let cookie = cookie.split(';').next().unwrap();
        assert_eq!(cookie.len(), "garth=".len() + 64);
        let headers = format!("host: portal.example\r\ncookie: {cookie}\r\n");
        let account = world.ask(source, "GET /", &headers, "").await;
        assert!(account.body.contains("Home 100"));
        let form = format!("token={}&months=3", account.token());
        let stolen = world
            .ask(source, "POST /checkout", "host: portal.example\r\n", &form)
            .await;
        assert_eq!(stolen.status, 403, "the token without its session");
        let paid = world.ask(source, "POST /checkout", &headers, &form).await;
        assert_eq!(paid.status, 303);
        let form = format!("token={}", account.token());
        world.ask(source, "POST /logout", &headers, &form).await;
        let after = world.ask(source, "GET /", &headers, "").await;
        assert!(after.body.contains("name=\"password\""));
    }
}

#[tokio::test]
async fn a_login_shows_nothing_of_another_at_a_known_address() {
    let world = World::new().await;
    let token = world.get(NOBODY, "/").await.token().to_owned();
    let form = format!("token={token}&user=alice&password=tulip%26rose");
    let answer = world.post(NOBODY, "/login", &form).await;
    let cookie = answer
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap();
    let headers = format!("host: portal.example\r\ncookie: {cookie}\r\n");
    let page = world.ask(BOB, "GET /", &headers, "").await.body;
    assert!(page.contains("You are online"), "Bob's own page: {page}");
}

/// The status of each login in turn: ten guesses from one source, then the right password; one name from
/// eleven sources.
async fn statuses_of_logins() -> (Vec<u16>, Vec<u16>) {
    let world = World::new().await;
    let token = world.get(NOBODY, "/").await.token().to_owned();
    let guesses = (0..10).map(|n| format!("token={token}&user=guess{n}&password=x"));
    let right = format!("token={token}&user=alice&password=tulip%26rose");
    let mut by_source = Vec::new();
    for form in guesses.chain([right]) {
        by_source.push(world.post(NOBODY, "/login", &form).await.status);
    }
    let mut by_name = Vec::new();
    for last in 100..111 {
        let source = format!("127.0.1.{last}");
        let token = world.get(&source, "/").await.token().to_owned();
        let form = format!("token={token}&user=bob&password=x");
        by_name.push(world.post(&source, "/login", &form).await.status);
    }
    (by_source, by_name)
}

#[tokio::test]
async fn logins_are_slowed_down_by_source_and_by_user_name() {
    // Not even the right password is told apart then.
    let mut burst = vec![403; 10];
    burst.push(429);
    // Two that share a slot of the table share its rate, which is one of some 400 portals here.
    for _ in 0..4 {
        let (by_source, by_name) = statuses_of_logins().await;
        if by_source == burst && by_name == burst {
            return;
        }
        for strict in [by_source, by_name] {
            let is_lax = strict.iter().zip(&burst).any(|(is, most)| is < most);
            assert!(!is_lax, "{strict:?}");
        }
    }
    panic!("stricter than the rate in four portals");
}

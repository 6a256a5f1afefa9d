//! What subscribers steer of their subscription's life, page by page and form by form.

use garth_captive_portal::desk::{EndingView, Hand, Pass, PauseLimits, Postponing, Request};
use garth_captive_portal::shown::{Field, MenuItem, Shown};
use garth_captive_portal::{Problem, View};
use garth_subscription::command::{ChangeStart, PauseEnd, When};
use garth_subscription::facts::{PlanChange, SuspendCause};
use garth_subscription::plan_change::ChangeOffer;
use garth_subscription::{Access, Refusal, Standing};

use super::fake::{change_quote, euro, id, pause, revert_of};
use super::world::{ALICE, Answer, BOB, NOBODY, World};

/// Sends a form whose token is on the page `from`.
async fn send(world: &World, source: &str, from: &str, path: &str, form: &str) -> Answer {
    let token = world.get(source, from).await.token().to_owned();
    world
        .post(source, path, &format!("token={token}&{form}"))
        .await
}

fn change(world: &World, n: u128, change: impl FnOnce(&mut View)) {
    let mut views = world.fake.views.lock().unwrap();
    change(views.get_mut(&id(n)).unwrap());
}

fn is_done(answer: &Answer) -> bool {
    (answer.status, answer.header("location")) == (303, Some("/done"))
}

#[tokio::test]
async fn t6_a_locked_pause_offers_nothing_and_says_who_can_end_it() {
    let world = World::new().await;
    world.set(1, Standing::Paused);
    let page = world.get(ALICE, "/").await.body;
    assert!(page.contains("17 days") && page.contains("action=\"/end-pause\""));
    change(&world, 1, |view| {
        view.pausing.current.as_mut().unwrap().is_locked = true;
        view.pausing.may_end = false;
        view.offers.clear();
    });
    let page = world.get(ALICE, "/").await.body;
    assert!(page.contains("only we can end the pause"), "{page}");
    assert!(!page.contains("action=\"/end-pause\"") && !page.contains("/checkout"));
}

#[tokio::test]
async fn l28_the_limits_of_a_pause_are_said_before_it() {
    let world = World::new().await;
    change(&world, 2, |view| {
        view.pausing.limits = PauseLimits {
            needs_end: true,
            days_max: Some(60),
            times_left: Some(2),
            days_left: Some(45),
            fee: Some(euro("3.00")),
        };
    });
    let page = world.get(BOB, "/pause").await.body;
    for part in ["60 days", "45 days", "€3.00", "Pauses left this year"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("value=\"open\""), "it needs an end");
    let answer = send(&world, BOB, "/pause", "/pause", "start=now&end=open").await;
    assert_eq!(answer.status, 422);
    assert!(world.performed().is_empty());
}

#[tokio::test]
async fn l28_a_fee_that_the_credit_does_not_cover_is_paid_in_first() {
    let world = World::new().await;
    change(&world, 2, |view| {
        view.pausing.begin = Err(Refusal::Funds {
            price: euro("3.00"),
            available: euro("1.00"),
            missing: euro("2.00"),
        });
    });
    let page = world.get(BOB, "/pause").await.body;
    assert!(page.contains("Pay in €2.00") && !page.contains("action=\"/pause\""));
    let answer = send(&world, BOB, "/pause", "/pay-in", "for=pause&amount=999").await;
    assert_eq!(answer.status, 303);
    let [Request::PayIn { amount, .. }] = &world.performed()[..] else {
        panic!("{:?}", world.performed())
    };
    assert_eq!(*amount, euro("2.00"), "what lacks, whatever a form says");
}

#[tokio::test]
async fn t8_a_planned_pause_is_shown_and_called_off() {
    let world = World::new().await;
    change(&world, 2, |view| {
        let from = "2026-12-23T23:00:00Z".parse().unwrap();
        let planned = garth_subscription::facts::Pause {
            from,
            has_begun: false,
            ..pause()
        };
        view.pausing.current = Some(planned);
        view.pausing.may_end = true;
        view.pausing.begin = Err(Refusal::PauseLocked);
    });
    for path in ["/", "/pause"] {
        let page = world.get(BOB, path).await.body;
        assert!(page.contains("24 December 2026"), "{path}: {page}");
        assert!(page.contains("action=\"/end-pause\""), "{path}");
        assert!(!page.contains("name=\"end\""), "one at most");
    }
    let answer = send(&world, BOB, "/", "/end-pause", "").await;
    assert!(is_done(&answer));
    assert_eq!(world.performed(), [Request::EndPause]);
}

#[tokio::test]
async fn t11_a_suspension_is_put_off_once_and_then_the_offer_is_gone() {
    let world = World::new().await;
    world.set(1, Standing::Suspended);
    let page = world.get(ALICE, "/").await.body;
    assert!(page.contains("23 November 2026, 09:00"), "{page}");
    assert!(is_done(&send(&world, ALICE, "/", "/postpone", "").await));
    assert_eq!(world.performed(), [Request::Postpone]);
    world.set(1, Standing::Active);
    change(&world, 1, |view| {
        view.suspended_for = Some(SuspendCause::Overdue);
        let until = "2026-11-23T08:00:00Z".parse().unwrap();
        view.postponing = Postponing::Used { until };
    });
    let page = world.get(ALICE, "/").await.body;
    assert!(!page.contains("action=\"/postpone\""), "{page}");
    assert!(page.contains("This can be done once"), "{page}");
    let other = world.get(ALICE, "/history").await.body;
    assert!(other.contains("stays open until 23 November 2026, 09:00"));
}

#[tokio::test]
async fn l16_the_price_of_a_change_is_shown_line_by_line_before_it_is_done() {
    let world = World::new().await;
    *world.fake.change.lock().unwrap() = Some(change_quote(None));
    let choice = world.get(BOB, "/plan").await.body;
    assert!(choice.contains("Home 500") && choice.contains("€49.90 for 1 month"));
    let path = "/plan/price?plan=home-500&start=now";
    let page = world.get(BOB, path).await.body;
    for part in ["-€29.90", "€44.90", "€5.00", "€20.00"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(world.performed().is_empty(), "a look changes nothing");
    let form = "plan=home-500&start=now&date=&shown=20.00";
    assert!(is_done(&send(&world, BOB, path, "/plan", form).await));
    let expected = Request::ChangePlan {
        plan: "home-500".parse().unwrap(),
        start: ChangeStart::Now,
        shown: euro("20.00"),
    };
    assert_eq!(world.performed(), [expected]);
}

#[tokio::test]
async fn l16_a_price_that_has_changed_is_shown_again() {
    let world = World::new().await;
    *world.fake.change.lock().unwrap() = Some(change_quote(None));
    *world.fake.problem.lock().unwrap() = Some(Problem::PriceChanged);
    let form = "plan=home-500&start=now&date=&shown=19.00";
    let answer = send(&world, BOB, "/plan", "/plan", form).await;
    assert_eq!(answer.status, 422);
    assert!(answer.body.contains("The price is another one now"));
    assert!(answer.body.contains("name=\"shown\" value=\"20.00\""));
}

#[tokio::test]
async fn l16_too_little_credit_says_what_lacks_and_pays_just_that_in() {
    let world = World::new().await;
    *world.fake.change.lock().unwrap() = Some(change_quote(Some("7.50")));
    let path = "/plan/price?plan=home-500&start=now";
    let page = world.get(BOB, path).await.body;
    assert!(page.contains("€7.50 is missing"), "{page}");
    assert!(!page.contains("action=\"/plan\""), "money first");
    let form = "for=change&plan=home-500&start=now&date=&amount=1";
    let answer = send(&world, BOB, path, "/pay-in", form).await;
    assert_eq!(
        answer.header("location"),
        Some("https://pay.example/p/cs_1")
    );
    let [Request::PayIn { amount, .. }] = &world.performed()[..] else {
        panic!("{:?}", world.performed())
    };
    assert_eq!(*amount, euro("7.50"));
}

#[tokio::test]
async fn l17_a_change_that_waits_is_shown_and_called_off() {
    let world = World::new().await;
    change(&world, 2, |view| {
        view.changing.pending = Some(PlanChange {
            at: view.paid_through,
            plan: "home-500".parse().unwrap(),
            price: euro("5.00"),
            paid_through: view.paid_through,
        });
        view.changing.offer = ChangeOffer::Request;
    });
    for path in ["/", "/plan"] {
        let page = world.get(BOB, path).await.body;
        assert!(
            page.contains("Home 500 on 1 February 2027"),
            "{path}: {page}"
        );
        assert!(page.contains("action=\"/cancel-change\"") && !page.contains("/plan/price"));
    }
    assert!(is_done(&send(&world, BOB, "/", "/cancel-change", "").await));
    assert_eq!(world.performed(), [Request::CancelChange]);
}

#[tokio::test]
async fn l18_the_portal_follows_the_matrix_of_change_and_request() {
    let world = World::new().await;
    let targets = vec!["home-500".parse().unwrap()];
    let own = |may_request| ChangeOffer::SelfChange {
        targets: targets.clone(),
        may_request,
    };
    for (offer, chooses, asks) in [
        (own(true), true, true),
        (own(false), true, false),
        (ChangeOffer::Request, false, true),
        (ChangeOffer::NoTarget, false, false),
        (ChangeOffer::Nothing, false, false),
    ] {
        change(&world, 2, |view| view.changing.offer = offer.clone());
        let link = world.get(BOB, "/").await.body.contains("href=\"/plan\"");
        assert_eq!(link, chooses || asks, "{offer:?}");
        let page = world.get(BOB, "/plan").await.body;
        assert_eq!(
            page.contains("action=\"/plan/price\""),
            chooses,
            "{offer:?}"
        );
        assert_eq!(page.contains("action=\"/request\""), asks, "{offer:?}");
    }
}

#[tokio::test]
async fn t16_a_request_becomes_a_ticket_whose_answer_is_shown() {
    let world = World::new().await;
    let form = "plan=home-500&message=More+speed%0D%0Aplease";
    assert!(is_done(&send(&world, BOB, "/plan", "/request", form).await));
    let expected = Request::RequestChange {
        plan: Some("home-500".parse().unwrap()),
        message: "More speed\nplease".parse().unwrap(),
    };
    assert_eq!(world.performed(), [expected]);
    let empty = send(&world, BOB, "/plan", "/request", "plan=&message=+").await;
    assert_eq!(empty.status, 422);
    let page = world.get(BOB, "/").await.body;
    assert!(page.contains("Next week.") && page.contains("2 November 2026"));
    assert!(page.contains("&#60;soon&#62;") && !page.contains("<soon>"));
    change(&world, 2, |view| view.tickets[0].closed = None);
    let page = world.get(BOB, "/").await.body;
    assert!(
        page.contains("We have your request of 1 November 2026"),
        "{page}"
    );
}

#[tokio::test]
async fn l13_months_can_be_followed_by_a_pause_where_that_is_on_offer() {
    let world = World::new().await;
    let answer = send(&world, ALICE, "/", "/checkout", "months=3&then=pause").await;
    assert_eq!(answer.status, 303);
    assert!(matches!(
        world.performed()[..],
        [Request::StartCheckout {
            then_pause: true,
            ..
        }]
    ));
    change(&world, 1, |view| view.may_pause_after = false);
    assert!(!world.get(ALICE, "/").await.body.contains("id=\"then\""));
    let answer = send(&world, ALICE, "/", "/checkout", "months=3&then=pause").await;
    assert_eq!(answer.status, 409);
}

#[tokio::test]
async fn l10_what_is_paid_can_be_followed_by_a_pause_later_too() {
    let world = World::new().await;
    let page = world.get(BOB, "/follow").await.body;
    assert!(page.contains("31 January 2027"), "{page}");
    assert!(is_done(&send(&world, BOB, "/follow", "/follow", "").await));
    let start = When::At("2027-01-31T23:00:00Z".parse().unwrap());
    let end = PauseEnd::Open;
    assert_eq!(world.performed(), [Request::Pause { start, end }]);
}

#[tokio::test]
async fn l6_a_revert_is_told_until_it_was_seen() {
    let world = World::new().await;
    let page = world.get(BOB, "/").await.body;
    assert!(
        page.contains("“Months bought” of 31 October 2026"),
        "{page}"
    );
    assert!(is_done(
        &send(&world, BOB, "/", "/dismiss", "notice=9").await
    ));
    assert_eq!(world.performed(), [Request::DismissNotice { sequence: 9 }]);
}

#[tokio::test]
async fn what_was_taken_back_is_marked_in_the_history() {
    let world = World::new().await;
    assert!(!world.get(BOB, "/history").await.body.contains("Taken back"));
    change(&world, 2, |view| {
        let entry = revert_of(&view.history[0]);
        view.history.insert(0, entry);
    });
    let page = world.get(BOB, "/history").await.body;
    assert_eq!(page.matches("Taken back later").count(), 1, "{page}");
    assert!(page.contains("Booking corrected"));
}

#[tokio::test]
async fn who_is_switched_off_or_gone_is_told_so_and_can_do_nothing() {
    let world = World::new().await;
    for standing in [
        Standing::Disabled,
        Standing::Terminated,
        Standing::Cancelled,
    ] {
        world.set(1, standing);
        assert_eq!(
            standing == Standing::Disabled,
            standing.access() == Access::Garden
        );
        let page = world.get(ALICE, "/").await.body;
        assert!(
            !page.contains("<form") && !page.contains("class=\"links\""),
            "{page}"
        );
        for path in ["/history", "/pause", "/plan", "/end", "/follow"] {
            let answer = world.get(ALICE, path).await;
            assert_eq!(answer.header("location"), Some("/"), "{standing} {path}");
        }
        let token = {
            world.set(1, Standing::Active);
            world.get(ALICE, "/").await.token().to_owned()
        };
        world.set(1, standing);
        for path in [
            "/end-pause",
            "/postpone",
            "/dismiss",
            "/keep",
            "/cancel-change",
        ] {
            let form = format!("token={token}&notice=9");
            let answer = world.post(ALICE, path, &form).await;
            assert_eq!(answer.status, 409, "{standing} {path}");
        }
    }
    assert!(world.performed().is_empty());
}

#[tokio::test]
async fn t3_who_waits_for_the_start_can_pay_and_call_off() {
    let world = World::new().await;
    world.set(1, Standing::Pending);
    let page = world.get(ALICE, "/").await.body;
    assert!(page.contains("2 December 2026") && page.contains("action=\"/checkout\""));
    assert!(page.contains("href=\"/call-off\""), "{page}");
    assert!(is_done(
        &send(&world, ALICE, "/call-off", "/call-off", "").await
    ));
    assert_eq!(world.performed(), [Request::Cancel]);
}

#[tokio::test]
async fn t19_an_end_wants_a_confirmation_and_can_be_called_off() {
    let world = World::new().await;
    let unsure = send(&world, BOB, "/end", "/end", "on=2027-01-01").await;
    assert_eq!(unsure.status, 422);
    let sure = send(&world, BOB, "/end", "/end", "on=2027-01-01&sure=yes").await;
    assert!(is_done(&sure));
    let when = When::On("2027-01-01".parse().unwrap());
    assert_eq!(world.performed(), [Request::Terminate { when }]);
    change(&world, 2, |view| {
        view.ending = EndingView {
            may_end: true,
            ends_at: Some("2026-12-31T23:00:00Z".parse().unwrap()),
            may_call_off: true,
        };
    });
    let page = world.get(BOB, "/end").await.body;
    assert!(page.contains("1 January 2027") && !page.contains("name=\"sure\""));
    assert!(is_done(&send(&world, BOB, "/end", "/keep", "").await));
    assert_eq!(world.performed().last(), Some(&Request::CancelTermination));
}

#[tokio::test]
async fn grace_is_told_above_every_page() {
    let world = World::new().await;
    world.set(1, Standing::Grace);
    for path in ["/history", "/pause", "/plan"] {
        let page = world.get(ALICE, path).await.body;
        assert!(
            page.contains("online until 5 February 2027"),
            "{path}: {page}"
        );
    }
}

#[tokio::test]
async fn l19_menu_and_fields_are_those_of_the_partner() {
    let world = World::new().await;
    change(&world, 2, |view| {
        view.shown = Shown {
            menu: vec![MenuItem::History],
            fields: vec![Field::Plan],
        };
    });
    let page = world.get(BOB, "/").await.body;
    assert!(page.contains("href=\"/history\"") && page.contains("Home 100"));
    for hidden in ["/pause", "/plan", "/follow", "/end"] {
        assert!(!page.contains(&format!("href=\"{hidden}\"")), "{hidden}");
        let answer = world.get(BOB, hidden).await;
        assert_eq!(answer.header("location"), Some("/"), "{hidden}");
    }
    for hidden in ["alice", "Telephone", "Your credit</dt>", "id=\"then\""] {
        assert!(!page.contains(hidden), "{hidden}: {page}");
    }
    let form = "start=now&end=open";
    assert_eq!(send(&world, BOB, "/", "/pause", form).await.status, 409);
    assert!(world.performed().is_empty());
}

#[tokio::test]
async fn a_second_click_is_done_whatever_is_on_offer_by_then() {
    let world = World::new().await;
    let token = world.get(BOB, "/pause").await.token().to_owned();
    let form = format!("token={token}&start=now&end=open");
    assert!(is_done(&world.post(BOB, "/pause", &form).await));
    let once = world.fake.once.lock().unwrap()[0].clone();
    change(&world, 2, |view| {
        view.history[0].command_id = Some(once);
        view.pausing.begin = Err(Refusal::PauseLocked);
    });
    assert!(is_done(&world.post(BOB, "/pause", &form).await));
    assert_eq!(world.performed().len(), 1);
    let other = format!("token={token}&start=now&end=days&days=3");
    assert_eq!(world.post(BOB, "/pause", &other).await.status, 409);
}

#[tokio::test]
async fn a_refusal_says_in_words_what_would_be_taken() {
    let world = World::new().await;
    let days_max = 30;
    let refusal = Refusal::PauseTooLong { days_max };
    *world.fake.problem.lock().unwrap() = Some(Problem::Refused(refusal));
    let form = "start=now&end=days&days=31";
    let answer = send(&world, BOB, "/pause", "/pause", form).await;
    assert_eq!(answer.status, 422);
    assert!(
        answer.body.contains("30 days at the most"),
        "{}",
        answer.body
    );
    assert!(answer.body.contains("value=\"31\""), "what was typed stays");
    assert!(!answer.body.contains("L28"));
}

#[tokio::test]
async fn l20_an_operator_sees_the_portal_as_its_subscriber_and_says_so() {
    let world = World::new().await;
    let pass = Pass {
        subscription: id(2),
        operator: "anna".parse().unwrap(),
    };
    let passes = || world.fake.passes.lock().unwrap();
    passes().insert("abc".to_owned(), pass.clone());
    let at_a_line = world.get(ALICE, "/pass/abc").await;
    assert_eq!(at_a_line.status, 403, "another subscriber's address");
    assert!(!passes().is_empty(), "it keeps");
    let entered = world.get(NOBODY, "/pass/abc").await;
    assert_eq!(
        (entered.status, entered.header("location")),
        (303, Some("/"))
    );
    let cookie = entered.header("set-cookie").unwrap();
    let cookie = cookie.split(';').next().unwrap();
    let headers = format!("host: portal.example\r\ncookie: {cookie}\r\n");
    for path in ["/", "/history", "/pause", "/nothing"] {
        let page = world
            .ask(NOBODY, &format!("GET {path}"), &headers, "")
            .await;
        assert!(
            page.body.contains("as alice, logged in as operator anna"),
            "{path}"
        );
        assert!(page.body.contains("action=\"/logout\""), "{path}");
    }
    let page = world.ask(NOBODY, "GET /pause", &headers, "").await;
    let form = format!("token={}&start=now&end=open", page.token());
    world.ask(NOBODY, "POST /pause", &headers, &form).await;
    let hands = world.fake.hands.lock().unwrap().clone();
    assert_eq!(hands, [Hand::Operator(pass.operator)]);
    assert_eq!(world.get(NOBODY, "/pass/abc").await.status, 403, "once");
    let form = format!("token={}", page.token());
    world.ask(NOBODY, "POST /logout", &headers, &form).await;
    let after = world.ask(NOBODY, "GET /", &headers, "").await;
    assert!(after.body.contains("name=\"password\""));
}

#[tokio::test]
async fn a_payment_that_opened_nothing_is_thanked_for_at_once() {
    let world = World::new().await;
    for (path, words) in [
        ("/returned/co_done", "Thank you. Paid until 31 January 2027"),
        ("/returned/co_credit", "on your account now"),
    ] {
        let page = world.get(BOB, path).await.body;
        assert!(page.contains(words), "{path}: {page}");
        assert!(!page.contains("http-equiv=\"refresh\""), "{path}");
    }
}

//! Commands, payments, plans and time.

use garth_store::record::CheckoutState;
use garth_store::write::{NewSubscription, WriteError};
use garth_subscription::command::{Command, PauseEnd};
use garth_subscription::facts::SubscriptionId;
use garth_subscription::journal::Effect;
use garth_subscription::standing::{Standing, standing};
use garth_subscription::{Refusal, Role};

use crate::world::{
    World, at, capture, cash, euro, id, let_time_on, new, operator, pause, plan, request, wait,
};

fn now_standing(world: &World, id: SubscriptionId) -> Standing {
    let now = world.store.now();
    world
        .store
        .index()
        .by_id(id, |entry| standing(&entry.standing(), now))
        .unwrap()
}

#[test]
fn an_answered_command_is_in_the_tables_the_journal_and_the_index() {
    let world = World::new();
    let id = world.add(1, "2026-11-20T00:00:00Z");
    assert_eq!(now_standing(&world, id), Standing::Expired);
    let reactivate = Command::Reactivate {
        months: crate::world::months(1),
        tender: garth_subscription::command::Tender::Captured {
            payment: "cash-1".parse().unwrap(),
            amount: euro("30.00"),
        },
        then_pause: false,
    };
    let committed = world.command(id, reactivate).unwrap();
    assert!(!committed.repeated);
    assert_eq!(now_standing(&world, id), Standing::Active);
    assert_eq!(world.recorder.take_changed(), [id, id]);
    let history = world.store.history(id, None, 10).unwrap();
    assert_eq!(history.len(), 2);
    assert_eq!(history[0].entry.id, committed.entry);
    assert_eq!(history[0].entry.new, committed.decision.new);
    assert_eq!(history[0].previous_hash, history[1].hash);
    let stored = world.store.subscription(id).unwrap().unwrap();
    assert_eq!(stored.facts, committed.decision.facts);
    assert_eq!(world.store.journal(1, 10).unwrap().len(), 2);
    world.check();
}

#[test]
fn l33_a_command_repeated_with_its_id_has_one_effect_and_one_answer() {
    let world = World::new();
    let id = world.add(1, "2026-12-01T00:00:00Z");
    let grace = |days| request(id, Command::Grace { days }, Some("c-1"));
    let first = wait(world.store.command(grace(3))).unwrap();
    world.command(id, Command::Grace { days: 1 }).unwrap();
    world.clock.advance(1_000);
    let again = wait(world.store.command(grace(3))).unwrap();
    assert!(again.repeated && !first.repeated);
    assert_eq!(
        (again.entry, &again.decision),
        (first.entry, &first.decision)
    );
    assert_eq!(world.store.history(id, None, 10).unwrap().len(), 3);
    assert!(matches!(
        wait(world.store.command(grace(4))),
        Err(WriteError::CommandIdReused)
    ));
}

#[test]
fn l33_an_addition_repeated_with_its_command_id_has_one_effect() {
    let world = World::new();
    let add = |number: u32| {
        let new = NewSubscription {
            create: garth_subscription::command::Create {
                id: id(number),
                ..new(1, None).create
            },
            ..new(1, None)
        };
        wait(
            world
                .store
                .add(new, operator(), Some("a-1".parse().unwrap())),
        )
    };
    let first = add(1).unwrap();
    let again = add(2).unwrap();
    assert!(again.repeated);
    assert_eq!(again.decision.facts.id, first.decision.facts.id);
    assert_eq!(world.store.index().len(), 1);
}

#[test]
fn a_refused_command_changes_nothing_and_says_why() {
    let world = World::new();
    let id = world.add(1, "2026-12-01T00:00:00Z");
    let before = world.store.status();
    let refused = world.command(id, Command::Lift);
    assert!(matches!(
        refused,
        Err(WriteError::Refused(Refusal::NotHeld(_)))
    ));
    assert_eq!(world.store.status(), before);
    assert!(matches!(
        world.command(crate::world::id(9), Command::Lift),
        Err(WriteError::Refused(Refusal::Unknown))
    ));
}

#[test]
fn a_name_in_use_is_refused_and_the_rest_of_the_import_is_kept() {
    let world = World::new();
    world.add(1, "2026-12-01T00:00:00Z");
    let batch = vec![
        new(2, None),
        NewSubscription {
            subscriber: new(1, None).subscriber,
            ..new(3, None)
        },
        new(4, None),
        new(4, None),
        NewSubscription {
            subscriber: garth_subscription::subscriber::Subscriber::default(),
            ..new(5, None)
        },
        // The name is free on the disk and taken two lines before.
        NewSubscription {
            subscriber: new(4, None).subscriber,
            ..new(6, None)
        },
    ];
    let answers = wait(world.store.import(batch, operator())).unwrap();
    assert_eq!(*answers[0].as_ref().unwrap(), id(2));
    assert!(matches!(
        &answers[1],
        Err(WriteError::IdentityTaken { kind: "username", value }) if value == "user1"
    ));
    assert_eq!(*answers[2].as_ref().unwrap(), id(4));
    assert!(matches!(
        answers[3],
        Err(WriteError::Refused(Refusal::Exists))
    ));
    assert!(matches!(answers[4], Err(WriteError::NoIdentity)));
    assert!(matches!(
        &answers[5],
        Err(WriteError::IdentityTaken { kind: "username", value }) if value == "user4"
    ));
    assert_eq!(world.store.index().len(), 3);
    world.check();
}

#[test]
fn a_subscription_is_found_by_id_username_mac_and_external_id() {
    let world = World::new();
    let mut new = new(1, None);
    new.subscriber.mac = Some("02:00:00:00:00:07".parse().unwrap());
    new.subscriber.external_id = Some("crm 17".parse().unwrap());
    wait(world.store.add(new, operator(), None)).unwrap();
    let uuid = id(1).to_string();
    for name in [uuid.as_str(), "user1", "0200.0000.0007", "crm 17"] {
        assert_eq!(world.store.resolve(name).unwrap(), Some(id(1)), "{name}");
    }
    assert_eq!(world.store.resolve("user2").unwrap(), None);
}

#[test]
fn e4_one_payment_has_one_effect_and_a_second_one_is_credit() {
    let world = World::new();
    let id = world.add(1, "2026-11-20T00:00:00Z");
    let checkout = world.checkout(id, 1, "30.00");
    let first = world.capture(checkout, "pay-1", "30.00").unwrap();
    assert_eq!(first.decision.effect, Effect::MonthsBought);
    let again = world.capture(checkout, "pay-1", "30.00").unwrap();
    assert!(again.repeated);
    assert_eq!(again.entry, first.entry);
    assert_eq!(again.decision, first.decision);
    let second = world.capture(checkout, "pay-2", "30.00").unwrap();
    assert_eq!(second.decision.effect, Effect::CreditOnly);
    assert_eq!(second.decision.new.balance, euro("30.00"));
    let kept = world.store.checkout(checkout).unwrap().unwrap();
    assert!(matches!(
        kept.state,
        CheckoutState::Paid { payment, entry, .. }
            if payment.as_str() == "pay-1" && entry == first.entry
    ));
    assert!(world.store.open_checkouts(None, 10).unwrap().is_empty());
    assert_eq!(world.store.history(id, None, 10).unwrap().len(), 3);
    assert!(matches!(
        world.capture(checkout, "pay-1", "29.00"),
        Err(WriteError::PaymentIdReused)
    ));
    let payment = world.store.payment(&"pay-2".parse().unwrap()).unwrap();
    assert_eq!(payment.unwrap().entry, second.entry);
}

#[test]
fn e4_a_payment_for_an_expired_checkout_is_credit() {
    let world = World::new();
    let id = world.add(1, "2026-11-20T00:00:00Z");
    let checkout = world.checkout(id, 1, "30.00");
    wait(world.store.expire_checkout(checkout)).unwrap();
    let late = world.capture(checkout, "pay-1", "30.00").unwrap();
    assert_eq!(late.decision.effect, Effect::CreditOnly);
    let kept = world.store.checkout(checkout).unwrap().unwrap();
    assert_eq!(kept.state, CheckoutState::Expired);
}

#[test]
fn e4_cash_booked_under_one_payment_id_counts_once() {
    let world = World::new();
    let id = world.add(1, "2026-12-01T00:00:00Z");
    let first = world.command(id, cash(1, "desk-1", "30.00")).unwrap();
    let again = world.command(id, cash(1, "desk-1", "30.00")).unwrap();
    assert!(again.repeated);
    assert_eq!(again.entry, first.entry);
    let other = world.add(2, "2026-12-01T00:00:00Z");
    assert!(matches!(
        world.command(other, cash(1, "desk-1", "30.00")),
        Err(WriteError::PaymentIdReused)
    ));
}

#[test]
fn a_checkout_is_opened_attached_and_listed() {
    let world = World::new();
    let id = world.add(1, "2026-11-20T00:00:00Z");
    let older = world.checkout(id, 1, "30.00");
    world.clock.advance(5);
    let newer = world.checkout(id, 2, "30.00");
    wait(world.store.attach_checkout(newer, "cs_1".into())).unwrap();
    let listed = world.store.checkouts_of(id, 10).unwrap();
    assert_eq!([listed[0].id, listed[1].id], [newer, older]);
    assert_eq!(listed[0].gateway_session.as_deref(), Some("cs_1"));
    let nobody = garth_store::record::CheckoutId(uuid::Uuid::from_u128(3));
    assert!(matches!(
        wait(world.store.attach_checkout(nobody, "cs_2".into())),
        Err(WriteError::UnknownCheckout)
    ));
    let request = capture(nobody, "pay-1", "30.00", world.store.now());
    assert!(matches!(
        wait(world.store.capture(request)),
        Err(WriteError::UnknownCheckout)
    ));
}

#[test]
fn more_open_checkouts_than_the_bound_are_refused_as_busy() {
    let world = World::with(|options| options.limits.open_checkouts_max = 1);
    let id = world.add(1, "2026-11-20T00:00:00Z");
    let first = world.checkout(id, 1, "30.00");
    let second = crate::world::checkout(id, 2, "30.00", world.store.now());
    assert!(matches!(
        wait(world.store.open_checkout(second.clone())),
        Err(WriteError::Busy)
    ));
    wait(world.store.expire_checkout(first)).unwrap();
    wait(world.store.open_checkout(second)).unwrap();
}

#[test]
fn no_subscription_takes_the_checkouts_of_the_others() {
    let world = World::with(|options| options.limits.open_checkouts_each_max = 2);
    let (greedy, other) = (
        world.add(1, "2026-11-20T00:00:00Z"),
        world.add(2, "2026-11-20T00:00:00Z"),
    );
    let first = world.checkout(greedy, 1, "30.00");
    world.checkout(greedy, 2, "30.00");
    let third = crate::world::checkout(greedy, 3, "30.00", world.store.now());
    assert!(matches!(
        wait(world.store.open_checkout(third.clone())),
        Err(WriteError::Busy)
    ));
    world.checkout(other, 4, "30.00");
    world.capture(first, "pay-1", "30.00").unwrap();
    wait(world.store.open_checkout(third)).unwrap();
    world.check();
}

#[test]
fn a_checkout_that_came_to_nothing_is_forgotten_and_a_paid_one_is_not() {
    let world = World::new();
    let id = world.add(1, "2026-11-20T00:00:00Z");
    let paid = world.checkout(id, 1, "30.00");
    world.capture(paid, "pay-1", "30.00").unwrap();
    let expired = world.checkout(id, 2, "30.00");
    wait(world.store.expire_checkout(expired)).unwrap();
    let open = world.checkout(id, 3, "30.00");
    world.clock.set("2026-12-20T12:00:00Z");
    world.checkout(id, 4, "30.00");
    assert!(world.store.checkout(expired).unwrap().is_some(), "29 days");
    world.clock.set("2026-12-22T12:00:00Z");
    world.checkout(id, 5, "30.00");
    assert_eq!(world.store.checkout(expired).unwrap(), None);
    for kept in [paid, open] {
        assert!(world.store.checkout(kept).unwrap().is_some());
    }
    assert_eq!(world.store.checkouts_of(id, 10).unwrap().len(), 4);
    world.check();
}

#[test]
fn open_checkouts_are_seen_in_turn_however_many_there_are() {
    let world = World::new();
    let id = world.add(1, "2026-11-20T00:00:00Z");
    for number in 1..=7 {
        world.checkout(id, number, "30.00");
    }
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let part = world.store.open_checkouts(after, 3).unwrap();
        let Some(last) = part.last() else { break };
        after = Some(last.id);
        seen.extend(part.iter().map(|checkout| checkout.id.0.as_u128()));
    }
    assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn t7_the_timer_ends_a_pause_and_says_so_once() {
    let world = World::new();
    let id = world.add(1, "2026-12-01T00:00:00Z");
    let end = PauseEnd::At(at("2026-11-25T00:00:00Z"));
    world.command(id, pause(end)).unwrap();
    world.recorder.take_changed();
    assert_eq!(wait(world.store.fire_due()).unwrap().agenda, 0);
    world.clock.set("2026-11-25T00:00:00Z");
    let fired = wait(world.store.fire_due()).unwrap();
    assert_eq!((fired.agenda, fired.boundaries, fired.more), (1, 0, false));
    assert_eq!(world.recorder.take_changed(), [id]);
    let last = &world.store.history(id, None, 1).unwrap()[0].entry;
    assert_eq!(
        (last.actor.role, last.effect),
        (Role::Timer, Effect::PauseEnded)
    );
    assert_eq!(wait(world.store.fire_due()).unwrap().agenda, 0);
    world.check();
}

#[test]
fn a_command_after_the_end_of_a_pause_finds_the_pause_ended_by_the_timer() {
    let world = World::new();
    let id = world.add(1, "2026-12-01T00:00:00Z");
    let end = PauseEnd::At(at("2026-11-25T00:00:00Z"));
    world.command(id, pause(end)).unwrap();
    world.clock.set("2026-11-26T00:00:00Z");
    let_time_on(&world.store);
    let preview = world
        .store
        .preview(&request(id, cash(1, "desk-1", "30.00"), None))
        .unwrap();
    let committed = world.command(id, cash(1, "desk-1", "30.00")).unwrap();
    assert_eq!(preview, committed.decision);
    let history = world.store.history(id, None, 2).unwrap();
    assert_eq!(history[1].entry.actor.role, Role::Timer);
    assert_eq!(
        history[1].entry.new.paid_through,
        history[0].entry.old.as_ref().unwrap().paid_through
    );
    assert_eq!(wait(world.store.fire_due()).unwrap().agenda, 0);
}

#[test]
fn an_expiry_is_reported_when_it_comes_and_the_next_boundary_waits() {
    let world = World::new();
    let id = world.add(1, "2026-11-22T00:00:00Z");
    world.command(id, Command::Grace { days: 2 }).unwrap();
    world.recorder.take_changed();
    // The end of what is paid is an entry, that of grace is none.
    for (day, items) in [("2026-11-22T00:00:00Z", 1), ("2026-11-24T00:00:00Z", 0)] {
        world.clock.set(day);
        let fired = wait(world.store.fire_due()).unwrap();
        assert_eq!(
            (fired.agenda, fired.boundaries),
            (items, 1 - items),
            "{day}"
        );
        assert_eq!(world.recorder.take_changed(), [id]);
    }
    assert_eq!(now_standing(&world, id), Standing::Expired);
    world.clock.set("2027-11-24T00:00:00Z");
    assert_eq!(wait(world.store.fire_due()).unwrap().boundaries, 0);
}

#[test]
fn e3_effective_now_never_falls_behind_the_last_commit() {
    let world = World::new();
    let id = world.add(1, "2026-12-01T00:00:00Z");
    world.clock.set("2020-01-01T00:00:00Z");
    assert_eq!(world.store.now(), at(crate::world::START));
    assert!(!world.store.status().clock_behind.is_zero());
    let committed = world.command(id, Command::Grace { days: 1 }).unwrap();
    let entry = &world.store.history(id, None, 1).unwrap()[0].entry;
    assert_eq!(entry.id, committed.entry);
    assert_eq!(entry.performed_at, at(crate::world::START));
}

#[test]
fn a_plan_in_use_cannot_vanish_and_new_rates_reach_every_entry_at_once() {
    let world = World::new();
    let id = world.add(1, "2026-12-01T00:00:00Z");
    let apply = |plans| wait(world.store.apply_plans(plans, operator()));
    assert!(matches!(
        apply(vec![plan("home-500", 500_000)]),
        Err(WriteError::PlanInUse(plan)) if plan == "home-100"
    ));
    let applied = apply(vec![plan("home-500", 500_000), plan("home-100", 50_000)]).unwrap();
    assert_eq!((applied.added.len(), applied.changed.len()), (1, 1));
    let rate = world.store.index().by_id(id, |entry| entry.down_kbps());
    assert_eq!(rate, Some(50_000));
    let applied = apply(vec![plan("home-100", 50_000)]).unwrap();
    assert_eq!(applied.removed.len(), 1);
    assert_eq!(world.store.rules().catalogue.len(), 1);
    world.check();
}

#[test]
fn what_waits_is_done_before_the_store_closes_and_nothing_after() {
    let world = World::new();
    let id = world.add(1, "2026-12-01T00:00:00Z");
    world.store.close();
    assert!(matches!(
        world.command(id, Command::Lift),
        Err(WriteError::Failed(_))
    ));
    assert!(world.store.subscription(id).unwrap().is_some());
}

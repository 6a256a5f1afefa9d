//! Quotes: a price that is promised for a time (E6).

use garth_store::QUOTES_KEPT;
use garth_store::record::{Checkout, CheckoutId, CheckoutState, StoredQuote};
use garth_store::write::{Committed, WriteError};
use garth_subscription::command::{Command, When};
use garth_subscription::facts::SubscriptionId;
use garth_subscription::journal::Effect;
use garth_subscription::plan::{Plan, PriceLine};
use garth_subscription::quote::QuoteLine;
use garth_subscription::standing::Standing;
use garth_subscription::{Money, Refusal};
use proptest::prelude::*;
use uuid::Uuid;

use crate::disk::{Disk, Left};
use crate::world::{World, at, euro, let_time_on, months, operator, options, plan, wait};

impl World {
    fn quote(&self, of: SubscriptionId) -> StoredQuote {
        wait(self.store.make_quote(of, months(1), false)).unwrap()
    }

    /// A checkout for a quote, as the portal opens it.
    fn checkout_for(&self, quote: &StoredQuote, number: u128) -> CheckoutId {
        let id = CheckoutId(Uuid::from_u128(number));
        let checkout = Checkout {
            id,
            subscription: quote.subscription,
            offer: Some(quote.offer.clone()),
            quote: Some(quote.id),
            total: quote.quote.total,
            created_at: self.store.now(),
            gateway_session: None,
            state: CheckoutState::Open,
        };
        wait(self.store.open_checkout(checkout)).unwrap();
        id
    }

    fn price(&self, of_a_month: &str) {
        let plan = Plan {
            prices: vec![PriceLine {
                months: months(1),
                amount: euro(of_a_month),
            }],
            ..plan("home-100", 100_000)
        };
        wait(self.store.apply_plans(vec![plan], operator())).unwrap();
    }

    fn pay(&self, checkout: CheckoutId, payment: &str, amount: &str) -> Committed {
        self.capture(checkout, payment, amount).unwrap()
    }
}

#[test]
fn e6_a_quote_is_kept_signed_and_of_todays_price_list() {
    let world = World::new();
    let id = world.add(1, "2026-11-20T00:00:00Z");
    let made = wait(world.store.make_quote(id, months(3), true)).unwrap();
    assert_eq!((made.subscription, made.price_list), (id, 1));
    assert_eq!(
        (made.quote.total, made.offer.price),
        (euro("85.00"), euro("85.00"))
    );
    assert!(made.offer.then_pause);
    assert_eq!(made.created_at, at("2026-11-21T12:00:00Z"));
    assert_eq!(made.offer.expires_at, at("2026-11-21T12:30:00Z"));
    assert_eq!(world.store.quote(made.id).unwrap(), Some(made.clone()));
    assert!(world.store.verify_quote(&made));
    world.price("31.00");
    assert_eq!(world.quote(id).price_list, 2);
    // The same plans again are no other price list.
    world.price("31.00");
    assert_eq!(world.quote(id).price_list, 2);
    world.check();
}

#[test]
fn e6_a_signature_holds_for_what_was_signed_alone() {
    let (one, other) = (World::new(), World::new());
    let id = one.add(1, "2026-11-20T00:00:00Z");
    let made = one.quote(id);
    assert!(!other.store.verify_quote(&made), "the key is of the file");
    let forged = |forge: fn(&mut StoredQuote)| {
        let mut quote = made.clone();
        forge(&mut quote);
        assert_ne!(quote, made);
        one.store.verify_quote(&quote)
    };
    let cent = || euro("0.01");
    let forgeries: [fn(&mut StoredQuote); 10] = [
        |quote| quote.id.0 = Uuid::from_u128(1),
        |quote| quote.subscription = crate::world::id(2),
        |quote| quote.quote.lines.clear(),
        |quote| quote.quote.total = euro("0.01"),
        |quote| quote.offer.price = euro("0.01"),
        |quote| quote.offer.months = months(12),
        |quote| quote.offer.then_pause = true,
        |quote| quote.offer.expires_at = at("2030-01-01T00:00:00Z"),
        |quote| quote.price_list = 9,
        |quote| quote.signature[31] ^= 1,
    ];
    assert!(forgeries.iter().all(|forge| !forged(*forge)));
    let line = QuoteLine::Credit(cent());
    let mut quote = made.clone();
    quote.quote.lines.push(line);
    assert!(!one.store.verify_quote(&quote));
}

#[test]
fn e6_a_price_that_was_raised_meanwhile_is_not_asked_for() {
    let world = World::new();
    let id = world.add(1, "2026-11-20T00:00:00Z");
    let quote = world.quote(id);
    let checkout = world.checkout_for(&quote, 1);
    world.price("35.00");
    world.clock.set("2026-11-21T12:29:59Z");
    let bought = world.pay(checkout, "pay-1", "30.00");
    assert_eq!(bought.decision.effect, Effect::MonthsBought);
    assert_eq!(bought.decision.new.balance, euro("0.00"));
    world.check();
}

#[test]
fn e6_a_quote_that_had_expired_when_the_money_was_taken_leaves_credit() {
    let world = World::new();
    let id = world.add(1, "2026-11-20T00:00:00Z");
    let checkout = world.checkout_for(&world.quote(id), 1);
    world.clock.set("2026-11-21T12:30:00Z");
    let_time_on(&world.store);
    let late = world.pay(checkout, "pay-1", "30.00");
    assert_eq!(late.decision.effect, Effect::CreditOnly);
    assert_eq!(late.decision.new.balance, euro("30.00"));
    let fresh = world.quote(id);
    assert_eq!(fresh.quote.total, euro("0.00"));
    assert!(
        fresh
            .quote
            .lines
            .contains(&QuoteLine::Credit(euro("-30.00")))
    );
    world.check();
}

#[test]
fn e4_the_second_payment_of_a_quote_is_credit() {
    let world = World::new();
    let id = world.add(1, "2026-11-20T00:00:00Z");
    let checkout = world.checkout_for(&world.quote(id), 1);
    let first = world.pay(checkout, "pay-1", "30.00");
    let second = world.pay(checkout, "pay-2", "30.00");
    let again = world.pay(checkout, "pay-1", "30.00");
    assert_eq!(first.decision.effect, Effect::MonthsBought);
    assert_eq!(second.decision.effect, Effect::CreditOnly);
    assert!(again.repeated);
    assert_eq!(
        world
            .store
            .payment(&"pay-2".parse().unwrap())
            .unwrap()
            .unwrap()
            .entry,
        second.entry
    );
}

#[test]
fn e7_money_for_the_account_is_credit_and_its_checkout_is_paid() {
    let world = World::new();
    let id = world.add(1, "2026-11-20T00:00:00Z");
    let mut checkout = crate::world::checkout(id, 1, "12.00", world.store.now());
    checkout.offer = None;
    wait(world.store.open_checkout(checkout.clone())).unwrap();
    assert_eq!(
        world.store.checkout(checkout.id).unwrap(),
        Some(checkout.clone())
    );
    let paid = world.pay(checkout.id, "pay-1", "12.00");
    assert_eq!(paid.decision.effect, Effect::CreditOnly);
    assert_eq!(paid.decision.new.balance, euro("12.00"));
    let kept = world.store.checkout(checkout.id).unwrap().unwrap();
    assert!(matches!(kept.state, CheckoutState::Paid { .. }));
    world.check();
}

#[test]
fn nobody_is_promised_a_price_for_months_that_cannot_be_bought() {
    let world = World::new();
    let id = world.add(1, "2026-12-20T00:00:00Z");
    let (when, confirmed) = (When::Now, true);
    let refusal = |wanted| {
        let refused = wait(world.store.make_quote(id, months(1), false));
        assert!(matches!(refused,
            Err(WriteError::Refused(Refusal::Standing { standing, .. })) if standing == wanted));
    };
    world.quote(id);
    world.command(id, Command::Disable { confirmed }).unwrap();
    refusal(Standing::Disabled);
    world
        .command(id, Command::Terminate { when, confirmed })
        .unwrap();
    refusal(Standing::Terminated);
    let nobody = crate::world::id(9);
    assert!(matches!(
        wait(world.store.make_quote(nobody, months(1), false)),
        Err(WriteError::Refused(Refusal::Unknown))
    ));
    assert!(matches!(
        wait(
            world
                .store
                .make_quote(crate::world::id(1), months(7), false)
        ),
        Err(WriteError::Refused(_))
    ));
}

#[test]
fn quotes_of_a_subscription_are_kept_within_their_bounds() {
    let world = World::new();
    let id = world.add(1, "2026-11-20T00:00:00Z");
    let other = world.add(2, "2026-11-20T00:00:00Z");
    let of_other = world.quote(other);
    let mut made = Vec::new();
    for _ in 0..=QUOTES_KEPT {
        world.clock.advance(1_000);
        made.push(world.quote(id));
    }
    let kept = world.store.quotes(id, None, 999).unwrap();
    let newest_first: Vec<_> = made.iter().rev().take(QUOTES_KEPT).cloned().collect();
    assert_eq!(kept, newest_first);
    let page = world.store.quotes(id, Some(kept[1].id), 2).unwrap();
    assert_eq!(page, kept[2..4]);
    assert!(world.store.quote(made[0].id).unwrap().is_none());
    // Half an hour and thirty days after the first: it goes, its neighbours stay.
    world.clock.set("2026-12-21T12:30:02.500Z");
    let last = world.quote(id);
    let kept = world.store.quotes(id, None, 999).unwrap();
    assert_eq!((kept.len(), &kept[0]), (QUOTES_KEPT, &last));
    world.clock.set("2027-02-01T00:00:00Z");
    world.quote(id);
    assert_eq!(world.store.quotes(id, None, 999).unwrap().len(), 1);
    assert!(world.store.quote(of_other.id).unwrap().is_some());
    world.check();
}

#[test]
fn e6_quotes_outlive_a_restart_and_so_does_their_key() {
    let disk = Disk::default();
    let world = World::new();
    let open = |disk: &Disk| {
        let options = options(&world.clock, &world.recorder);
        garth_store::Store::open_backend(disk.clone(), options).unwrap()
    };
    let store = open(&disk);
    wait(store.apply_plans(vec![plan("home-100", 1)], operator())).unwrap();
    wait(store.add(crate::world::new(1, None), operator(), None)).unwrap();
    let made = wait(store.make_quote(crate::world::id(1), months(1), false)).unwrap();
    drop(store);
    let store = open(&disk.after_power_loss(Left::Nothing));
    assert_eq!(store.quote(made.id).unwrap(), Some(made.clone()));
    assert!(store.verify_quote(&made));
    let next = wait(store.make_quote(crate::world::id(1), months(1), false)).unwrap();
    assert_eq!(next.price_list, 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn e6_what_a_quote_promises_is_what_is_bought(
        balance in -5_000..5_000_i64,
        price in 1..9_000_i64,
        raised in 1..9_000_i64,
        seconds in 0..3_600_i64,
    ) {
        let world = World::new();
        let cents = |minor| Money::from_minor(minor, garth_subscription::money::Currency::EUR).unwrap();
        world.price(&cents(price).amount());
        let mut new = crate::world::new(1, Some(at("2026-11-20T00:00:00Z")));
        new.create.balance = Some(cents(balance));
        wait(world.store.add(new, operator(), None)).unwrap();
        let quote = world.quote(crate::world::id(1));
        let total = quote.quote.total;
        if total.is_positive() {
            let checkout = world.checkout_for(&quote, 1);
            world.price(&cents(raised).amount());
            world.clock.advance(seconds * 1_000);
            let_time_on(&world.store);
            let paid = world.pay(checkout, "pay-1", &total.amount());
            let is_in_time = seconds < 30 * 60;
            prop_assert_eq!(paid.decision.effect == Effect::MonthsBought, is_in_time);
            if is_in_time {
                prop_assert_eq!(paid.decision.new.balance, cents(0));
            }
        }
        world.check();
    }
}

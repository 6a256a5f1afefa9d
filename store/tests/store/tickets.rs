//! Tickets, notices, and what ends with a subscription.

use garth_store::record::TicketState;
use garth_store::write::{Committed, WriteError};
use garth_store::{NOTICES_KEPT, OPEN_TICKETS_MAX, TICKETS_KEPT};
use garth_subscription::Refusal;
use garth_subscription::calendar::CivilDate;
use garth_subscription::command::{ChangeStart, Command, PauseEnd, Role, Tender, When};
use garth_subscription::facts::SubscriptionId;
use garth_subscription::journal::{Effect, EntryId};
use garth_subscription::plan::{Plan, PriceLine};
use uuid::Uuid;

use crate::requests::ask;
use crate::world::{World, at, by, euro, months, operator, plan, request, wait};

impl World {
    fn wish(&self, of: SubscriptionId) -> Result<Committed, WriteError> {
        let command = Command::RequestChange {
            plan: Some("home-500".parse().unwrap()),
            message: "faster,\nplease".parse().unwrap(),
        };
        self.give(by(Role::Customer, "user1", of, command))
    }

    /// With a second plan.
    fn of_two_plans(price: &str) -> Self {
        let world = Self::new();
        let other = Plan {
            prices: vec![PriceLine {
                months: months(1),
                amount: euro(price),
            }],
            ..plan("home-500", 500_000)
        };
        let plans = vec![plan("home-100", 100_000), other];
        wait(world.store.apply_plans(plans, operator())).unwrap();
        world
    }
}

#[test]
fn t16_a_wish_for_another_plan_is_a_ticket_until_it_is_answered_once() {
    let world = World::of_two_plans("50.00");
    let id = world.add(1, "2026-12-01T00:00:00Z");
    let before = world.store.subscription(id).unwrap().unwrap().facts;
    let made = world.wish(id).unwrap();
    assert_eq!(world.store.subscription(id).unwrap().unwrap().facts, before);
    let ticket = world.store.ticket(made.entry).unwrap().unwrap();
    assert_eq!(
        (ticket.subscription, &ticket.state),
        (id, &TicketState::Open)
    );
    assert_eq!(ticket.message.as_str(), "faster,\nplease");
    assert_eq!(ticket.plan.as_ref().unwrap().as_str(), "home-500");
    assert_eq!(
        world.store.tickets(true, None, None, 9).unwrap(),
        std::slice::from_ref(&ticket)
    );
    let close = |answer: &str| {
        let answer = Some(answer.parse().unwrap());
        wait(world.store.close_ticket(ticket.id, &operator(), answer))
    };
    let closed = close("from next month on").unwrap();
    assert!(
        matches!(&closed.state, TicketState::Closed { by, answer, .. }
        if by.as_str() == "anna" && answer.as_ref().unwrap().as_str() == "from next month on")
    );
    assert_eq!(world.store.ticket(ticket.id).unwrap(), Some(closed));
    let twice = close("never").unwrap_err();
    assert_eq!(twice.to_string(), "this ticket was closed by anna already");
    assert!(
        world
            .store
            .tickets(true, Some(id), None, 9)
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        world.store.tickets(false, Some(id), None, 9).unwrap().len(),
        1
    );
    let nobody = EntryId(Uuid::from_u128(1));
    assert!(matches!(
        wait(world.store.close_ticket(nobody, &operator(), None)),
        Err(WriteError::UnknownTicket)
    ));
    world.check();
}

#[test]
fn l18_no_more_tickets_of_a_subscription_are_open_than_the_bound() {
    let world = World::of_two_plans("50.00");
    let one = world.add(1, "2026-12-01T00:00:00Z");
    let two = world.add(2, "2026-12-01T00:00:00Z");
    for _ in 0..OPEN_TICKETS_MAX {
        world.wish(one).unwrap();
    }
    let entries = world.store.status().journal_sequence;
    assert!(matches!(world.wish(one), Err(WriteError::TooManyTickets)));
    assert_eq!(world.store.status().journal_sequence, entries);
    world.wish(two).unwrap();
    let first = world.store.tickets(true, Some(one), None, 1).unwrap()[0].id;
    wait(world.store.close_ticket(first, &operator(), None)).unwrap();
    world.wish(one).unwrap();
    let open = world.store.tickets(true, None, None, 99).unwrap();
    let next = world
        .store
        .tickets(true, None, Some(open[1].id), 2)
        .unwrap();
    assert_eq!(next, open[2..4]);
    world.check();
}

#[test]
fn tickets_that_were_answered_long_ago_make_room() {
    let world = World::of_two_plans("50.00");
    let id = world.add(1, "2026-12-01T00:00:00Z");
    let unanswered = world.wish(id).unwrap().entry;
    let closed: Vec<_> = (0..TICKETS_KEPT)
        .map(|_| {
            let ticket = world.wish(id).unwrap().entry;
            wait(world.store.close_ticket(ticket, &operator(), None)).unwrap();
            ticket
        })
        .collect();
    let kept = world.store.tickets(false, Some(id), None, 999).unwrap();
    assert_eq!(kept.len(), TICKETS_KEPT);
    assert_eq!(kept[0].id, unanswered);
    assert!(world.store.ticket(closed[0]).unwrap().is_none());
    assert!(world.store.ticket(closed[1]).unwrap().is_some());
    world.check();
}

#[test]
fn l6_the_subscriber_is_told_of_a_revert_until_they_have_seen_it() {
    let world = World::new();
    let (id, entry) = world.paid();
    world.request_revert(id, &ask(1, entry)).unwrap();
    assert!(world.store.notices(id, 9).unwrap().is_empty());
    let done = world.approve("bert", id, 1).unwrap();
    let notices = world.store.notices(id, 9).unwrap();
    assert_eq!(notices.len(), 1);
    assert_eq!(
        (notices[0].entry.id, notices[0].entry.reverts),
        (done.entry, Some(entry))
    );
    let sequence = notices[0].sequence;
    let other = world.add(2, "2026-12-01T00:00:00Z");
    assert!(!wait(world.store.dismiss_notice(other, sequence)).unwrap());
    assert!(wait(world.store.dismiss_notice(id, sequence)).unwrap());
    assert!(!wait(world.store.dismiss_notice(id, sequence)).unwrap());
    assert!(world.store.notices(id, 9).unwrap().is_empty());
    world.check();
}

#[test]
fn t17_the_subscriber_is_told_of_a_change_that_could_not_be_paid_for() {
    let world = World::of_two_plans("300.00");
    let id = world.add(1, "2026-12-20T00:00:00Z");
    let date = CivilDate::from_ymd(2026, 11, 25).unwrap();
    let change = Command::ChangePlan {
        plan: "home-500".parse().unwrap(),
        start: ChangeStart::On(date),
    };
    world.command(id, change).unwrap();
    world.clock.set("2026-11-25T00:00:00Z");
    assert_eq!(wait(world.store.fire_due()).unwrap().agenda, 1);
    let notices = world.store.notices(id, 9).unwrap();
    assert_eq!(notices.len(), 1);
    assert_eq!(notices[0].entry.effect, Effect::Dropped);
    world.check();
}

#[test]
fn e16_the_subscriber_is_told_of_a_payment_that_never_came_and_old_notices_make_room() {
    let world = World::new();
    let id = world.add(1, "2026-12-01T00:00:00Z");
    for nth in 0..=NOTICES_KEPT {
        let payment = format!("trust-{nth}").parse().unwrap();
        let taken = Command::Pay {
            months: months(1),
            tender: Tender::Provisional {
                payment,
                amount: euro("30.00"),
            },
            then_pause: false,
        };
        world.command(id, taken).unwrap();
        let payment = format!("trust-{nth}").parse().unwrap();
        world
            .give(by(Role::Ledger, "hq", id, Command::Void { payment }))
            .unwrap();
    }
    let notices = world.store.notices(id, 99).unwrap();
    assert_eq!(notices.len(), NOTICES_KEPT);
    assert!(notices.is_sorted_by(|newer, older| newer.sequence > older.sequence));
    assert_eq!(notices[0].sequence, world.store.status().journal_sequence);
    let oldest = &notices[NOTICES_KEPT - 1].entry;
    assert_eq!(oldest.payment.as_ref().unwrap().as_str(), "trust-1");
    world.check();
}

#[test]
fn l22_termination_clears_the_agenda_in_its_transaction_and_says_what() {
    let world = World::new();
    let id = world.add(1, "2026-12-20T00:00:00Z");
    let pause = Command::Pause {
        start: When::At(at("2026-11-25T00:00:00Z")),
        end: PauseEnd::ForDays(3),
        is_locked: false,
    };
    world.command(id, pause).unwrap();
    let (when, confirmed) = (When::Now, true);
    let terminate = request(id, Command::Terminate { when, confirmed }, Some("t-1"));
    let done = wait(world.store.command(terminate.clone())).unwrap();
    assert!(!done.decision.cleared.is_empty());
    let again = wait(world.store.command(terminate)).unwrap();
    assert_eq!(again.decision, done.decision);
    // The audit finds no row of the agenda that its subscription does not want.
    world.check();
    world.clock.set("2027-11-25T00:00:00Z");
    let fired = wait(world.store.fire_due()).unwrap();
    assert_eq!((fired.agenda, fired.boundaries), (0, 0));
}

#[test]
fn t24_a_refund_names_a_payment_of_this_subscription() {
    let world = World::new();
    let (one, _) = world.paid();
    let two = world.add(2, "2026-12-01T00:00:00Z");
    let refund = |of| {
        let (payment, amount) = ("desk-1".parse().unwrap(), euro("10.00"));
        world.give(by(
            Role::Ledger,
            "hq",
            of,
            Command::Refund { payment, amount },
        ))
    };
    assert!(matches!(
        refund(two),
        Err(WriteError::Refused(Refusal::UnknownPayment(_)))
    ));
    assert_eq!(refund(one).unwrap().decision.new.balance, euro("-10.00"));
    world.check();
}

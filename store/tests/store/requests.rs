//! What waits for a person: requests to take an entry back, tickets, notices.

use garth_store::write::{CommandRequest, Committed, WriteError};
use garth_store::{HISTORY_MAX, PENDING_REVERTS_MAX, RevertFilter};
use garth_subscription::command::{Command, Role};
use garth_subscription::facts::SubscriptionId;
use garth_subscription::journal::{Effect, EntryId};
use garth_subscription::revert::{RevertAsk, RevertId, RevertState};
use garth_subscription::standing::Standing;
use garth_subscription::{Order, Refusal};
use uuid::Uuid;

use crate::world::{World, at, by, cash, euro, let_time_on, new, operator, request, wait};

fn revert_id(number: u128) -> RevertId {
    RevertId(Uuid::from_u128(number))
}

pub(crate) fn ask(number: u128, entry: EntryId) -> RevertAsk {
    RevertAsk {
        id: revert_id(number),
        entry,
        standing: None,
        amount: None,
        allow_loss: false,
    }
}

impl World {
    /// Subscriber 1 with a month bought; returns who and by which entry.
    pub(crate) fn paid(&self) -> (SubscriptionId, EntryId) {
        let id = self.add(1, "2026-12-01T00:00:00Z");
        let paid = self.command(id, cash(1, "desk-1", "30.00")).unwrap();
        (id, paid.entry)
    }

    pub(crate) fn request_revert(
        &self,
        of: SubscriptionId,
        ask: &RevertAsk,
    ) -> Result<Committed, WriteError> {
        self.command(of, Command::RequestRevert(ask.clone()))
    }

    pub(crate) fn approve(
        &self,
        name: &str,
        of: SubscriptionId,
        number: u128,
    ) -> Result<Committed, WriteError> {
        let command = Command::ApproveRevert(revert_id(number));
        self.give(by(Role::Approver, name, of, command))
    }

    fn deny(&self, of: SubscriptionId, number: u128) -> Result<Committed, WriteError> {
        let command = Command::DenyRevert(revert_id(number));
        self.give(by(Role::Approver, "bert", of, command))
    }

    fn pending(&self, of: Option<SubscriptionId>) -> Vec<u128> {
        let filter = RevertFilter {
            pending_only: true,
            subscription: of,
            ..RevertFilter::default()
        };
        let found = self.store.revert_requests(filter, None, 99).unwrap();
        found.iter().map(|request| request.id.0.as_u128()).collect()
    }
}

#[test]
fn t22_t23_a_request_waits_and_is_done_once_another_operator_agrees() {
    let world = World::new();
    let (id, entry) = world.paid();
    let before = world.store.subscription(id).unwrap().unwrap().facts;
    let preview = world.store.preview_revert(id, &ask(1, entry)).unwrap();
    assert_eq!(world.store.subscription(id).unwrap().unwrap().facts, before);
    let made = world.request_revert(id, &ask(1, entry)).unwrap();
    assert_eq!(made.decision.effect, Effect::Requested);
    assert_eq!(world.store.subscription(id).unwrap().unwrap().facts, before);
    let kept = world.store.revert_request(revert_id(1)).unwrap().unwrap();
    assert_eq!((kept.state, kept.entry), (RevertState::Pending, entry));
    assert_eq!(kept.new, preview.decision.new);
    assert_eq!(kept.amount, euro("30.00"));
    assert_eq!(world.pending(Some(id)), [1]);
    assert!(matches!(
        world.approve("anna", id, 1),
        Err(WriteError::Refused(Refusal::OwnRequest))
    ));
    let done = world.approve("bert", id, 1).unwrap();
    assert_eq!(done.decision.reverts, Some(entry));
    assert_eq!(done.decision.new, preview.decision.new);
    let kept = world.store.revert_request(revert_id(1)).unwrap().unwrap();
    assert!(matches!(&kept.state, RevertState::Approved(verdict) if verdict.by.as_str() == "bert"));
    assert_eq!(world.pending(None), []);
    world.check();
}

#[test]
fn t23_of_two_approvers_at_once_one_wins() {
    let world = World::new();
    let (id, entry) = world.paid();
    world.request_revert(id, &ask(1, entry)).unwrap();
    // Both wait in the queue before either has an answer.
    let (first, second) = wait(async {
        let [first, second] = ["bert", "carl"].map(|name| {
            let store = world.store.clone();
            let command = Command::ApproveRevert(revert_id(1));
            let request = by(Role::Approver, name, id, command);
            tokio::spawn(async move { store.command(request).await })
        });
        (first.await.unwrap(), second.await.unwrap())
    });
    assert!(first.is_ok());
    assert!(matches!(
        second,
        Err(WriteError::Refused(Refusal::RequestDecided("approved")))
    ));
    assert_eq!(world.store.history(id, None, 9).unwrap().len(), 4);
    world.check();
}

#[test]
fn l3_a_request_that_the_subscription_has_left_behind_must_be_made_anew() {
    let world = World::new();
    let (id, entry) = world.paid();
    world.request_revert(id, &ask(1, entry)).unwrap();
    world.command(id, Command::Grace { days: 1 }).unwrap();
    assert!(matches!(
        world.approve("bert", id, 1),
        Err(WriteError::Refused(Refusal::RequestStale))
    ));
    // The new one takes the place of the old one.
    world.request_revert(id, &ask(2, entry)).unwrap();
    assert_eq!(world.pending(Some(id)), [2]);
    let old = world.store.revert_request(revert_id(1)).unwrap().unwrap();
    assert!(matches!(&old.state, RevertState::Denied(verdict)
        if verdict.reason.as_ref().unwrap().as_str() == "requested anew"));
    world.approve("bert", id, 2).unwrap();
    world.check();
}

#[test]
fn l3_what_time_has_done_since_makes_a_request_stale_as_well() {
    let world = World::new();
    let id = world.add(1, "2026-11-22T00:00:00Z");
    let grace = world.command(id, Command::Grace { days: 9 }).unwrap();
    world.request_revert(id, &ask(1, grace.entry)).unwrap();
    // Paid time ends; nobody has told the timer.
    world.clock.set("2026-11-23T00:00:00Z");
    assert!(matches!(
        world.approve("bert", id, 1),
        Err(WriteError::Refused(Refusal::RequestStale))
    ));
    // What was due is a part of the history that the revert is decided by.
    world.request_revert(id, &ask(2, grace.entry)).unwrap();
    let done = world.approve("bert", id, 2).unwrap();
    assert_eq!(done.decision.new.standing, Standing::Expired);
    world.check();
}

#[test]
fn l2_a_preview_is_of_what_it_is_once_the_agenda_has_what_it_is_owed() {
    let world = World::new();
    let mut new = new(1, Some(at("2026-11-22T00:00:00Z")));
    new.create.balance = Some(euro("30.00"));
    let id = new.create.id;
    wait(world.store.add(new, operator(), None)).unwrap();
    let grace = world.command(id, Command::Grace { days: 9 }).unwrap();
    // Credit buys the next month; nobody has told the timer.
    world.clock.set("2026-11-23T00:00:00Z");
    let_time_on(&world.store);
    let preview = world
        .store
        .preview_revert(id, &ask(1, grace.entry))
        .unwrap();
    assert_eq!(preview.decision.new.balance, euro("0.00"));
    assert_eq!(
        preview.decision.new.paid_through,
        at("2026-12-22T00:00:00Z")
    );
    let made = world.request_revert(id, &ask(1, grace.entry)).unwrap();
    assert_eq!(made.decision.request.unwrap().new, preview.decision.new);
    let done = world.approve("bert", id, 1).unwrap();
    assert_eq!(done.decision.new, preview.decision.new);
    world.check();
}

#[test]
fn l33_an_approval_repeated_with_its_command_id_has_one_effect() {
    let world = World::new();
    let (id, entry) = world.paid();
    let named = |name: &str, request: CommandRequest| CommandRequest {
        command_id: name.parse().ok(),
        ..request
    };
    let wish = request(id, Command::RequestRevert(ask(1, entry)), Some("r-1"));
    let made = world.give(wish.clone()).unwrap();
    let agree = by(
        Role::Approver,
        "bert",
        id,
        Command::ApproveRevert(revert_id(1)),
    );
    let agree = named("a-1", agree);
    let first = world.give(agree.clone()).unwrap();
    let again = world.give(agree).unwrap();
    assert!(again.repeated && !first.repeated);
    assert_eq!(
        (again.entry, &again.decision),
        (first.entry, &first.decision)
    );
    // Whoever asks again because no answer came may have made another id.
    let wish = CommandRequest {
        order: Order {
            command: Command::RequestRevert(ask(7, entry)),
            ..wish.order.clone()
        },
        ..wish
    };
    let again = world.give(wish).unwrap();
    assert!(again.repeated);
    assert_eq!(again.decision, made.decision);
    assert_eq!(again.decision.request.unwrap().id, revert_id(1));
    assert!(world.store.revert_request(revert_id(7)).unwrap().is_none());
    world.check();
}

#[test]
fn l3_a_denied_request_changes_nothing_and_is_over() {
    let world = World::new();
    let (id, entry) = world.paid();
    let before = world.store.subscription(id).unwrap().unwrap().facts;
    world.request_revert(id, &ask(1, entry)).unwrap();
    world.deny(id, 1).unwrap();
    assert_eq!(world.store.subscription(id).unwrap().unwrap().facts, before);
    assert!(matches!(
        world.approve("carl", id, 1),
        Err(WriteError::Refused(Refusal::RequestDecided("denied")))
    ));
    assert!(world.store.notices(id, 9).unwrap().is_empty());
    world.request_revert(id, &ask(2, entry)).unwrap();
    world.check();
}

#[test]
fn a_request_of_another_subscription_is_unknown_to_this_one() {
    let world = World::new();
    let (id, entry) = world.paid();
    let other = world.add(2, "2026-12-01T00:00:00Z");
    world.request_revert(id, &ask(1, entry)).unwrap();
    for of in [other, id] {
        let preview = world.store.preview(&by(
            Role::Approver,
            "bert",
            of,
            Command::ApproveRevert(revert_id(1)),
        ));
        assert_eq!(preview.is_ok(), of == id);
    }
    assert!(matches!(
        world.approve("bert", other, 1),
        Err(WriteError::Refused(Refusal::UnknownRequest))
    ));
    assert!(matches!(
        world.request_revert(other, &ask(1, entry)),
        Err(WriteError::Refused(Refusal::NotRevertible(_)))
    ));
}

#[test]
fn l3_one_request_of_an_entry_waits_and_its_id_is_its_own() {
    let world = World::new();
    let (id, entry) = world.paid();
    let grace = world.command(id, Command::Grace { days: 1 }).unwrap().entry;
    world.request_revert(id, &ask(1, entry)).unwrap();
    assert!(matches!(
        world.request_revert(id, &ask(2, entry)),
        Err(WriteError::EntryRequested(waiting)) if waiting == revert_id(1)
    ));
    assert!(matches!(
        world.request_revert(id, &ask(1, grace)),
        Err(WriteError::RequestIdReused)
    ));
    world.request_revert(id, &ask(2, grace)).unwrap();
    assert_eq!(world.pending(Some(id)), [1, 2]);
}

#[test]
fn l3_no_more_requests_of_a_subscription_wait_than_the_bound() {
    let world = World::new();
    let id = world.add(1, "2026-12-01T00:00:00Z");
    let entries: Vec<_> = (0..=PENDING_REVERTS_MAX)
        .map(|nth| {
            world
                .command(id, cash(1, &format!("desk-{nth}"), "30.00"))
                .unwrap()
                .entry
        })
        .collect();
    for (number, entry) in (1..).zip(&entries[..PENDING_REVERTS_MAX]) {
        world.request_revert(id, &ask(number, *entry)).unwrap();
    }
    let last = ask(99, entries[PENDING_REVERTS_MAX]);
    assert!(matches!(
        world.request_revert(id, &last),
        Err(WriteError::TooManyRequests)
    ));
    world.deny(id, 1).unwrap();
    world.request_revert(id, &last).unwrap();
    world.check();
}

#[test]
fn l6_requests_are_listed_by_state_subscription_and_period() {
    let world = World::new();
    let (one, entry) = world.paid();
    let two = world.add(2, "2026-12-01T00:00:00Z");
    let other = world
        .command(two, cash(1, "desk-2", "30.00"))
        .unwrap()
        .entry;
    world.request_revert(one, &ask(3, entry)).unwrap();
    world.clock.advance(60_000);
    world.request_revert(two, &ask(1, other)).unwrap();
    world.deny(two, 1).unwrap();
    world.request_revert(two, &ask(2, other)).unwrap();
    let listed = |filter: RevertFilter, after, limit| -> Vec<u128> {
        let found = world.store.revert_requests(filter, after, limit).unwrap();
        found.iter().map(|request| request.id.0.as_u128()).collect()
    };
    let all = RevertFilter::default();
    assert_eq!(listed(all, None, 9), [1, 2, 3]);
    assert_eq!(listed(all, Some(revert_id(1)), 1), [2]);
    let second = Some(at("2026-11-21T12:01:00Z"));
    let (from, until) = (
        RevertFilter {
            from: second,
            ..all
        },
        RevertFilter {
            until: second,
            ..all
        },
    );
    assert_eq!(
        (listed(from, None, 9), listed(until, None, 9)),
        (vec![1, 2], vec![3])
    );
    let of_two = RevertFilter {
        subscription: Some(two),
        ..all
    };
    assert_eq!(listed(of_two, None, 9), [1, 2]);
    assert_eq!(
        (world.pending(Some(two)), world.pending(None)),
        (vec![2], vec![2, 3])
    );
}

#[test]
fn l4_a_journal_too_long_to_be_replayed_is_refused_in_words() {
    let world = World::new();
    let (id, entry) = world.paid();
    let renewal = |nth: usize| {
        Command::SetRenewal(garth_subscription::facts::Renewal {
            use_credit: Some(nth.is_multiple_of(2)),
            ..Default::default()
        })
    };
    // There are two entries already.
    let batch = |from: usize, until: usize| {
        let ask = |nth| world.store.command(request(id, renewal(nth), None));
        wait(async {
            let mut asked: Vec<_> = (from..until).map(|nth| Box::pin(ask(nth))).collect();
            for one in &mut asked {
                one.await.unwrap();
            }
        });
    };
    batch(2, HISTORY_MAX);
    world.store.preview_revert(id, &ask(1, entry)).unwrap();
    batch(HISTORY_MAX, HISTORY_MAX + 1);
    assert!(matches!(
        world.store.preview_revert(id, &ask(1, entry)),
        Err(WriteError::HistoryTooLong)
    ));
    let refused = world.request_revert(id, &ask(1, entry)).unwrap_err();
    assert!(refused.to_string().contains("10000 entries"), "{refused}");
}

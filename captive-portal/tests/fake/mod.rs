//! A desk with made-up subscribers, for tests and for looking at the pages.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;

use garth_captive_portal::desk::{
    ChangeQuote, Changing, Checkout, CheckoutState, Desk, Directory, Door, EndingView, Hand,
    Identified, Later, Notice, Pass, PauseLimits, Pausing, Performed, Postponing, Problem,
    RawWebhook, Release, Request, Target, Ticket, View, WebhookAnswer, Webhooks,
};
use garth_captive_portal::shown::Shown;
use garth_subscription::calendar::Months;
use garth_subscription::command::{Actor, ChangeStart, CommandKind, Note, Role};
use garth_subscription::facts::{Pause, SubscriptionId, SuspendCause};
use garth_subscription::journal::{Effect, EntryId, JournalEntry, Snapshot};
use garth_subscription::money::Currency;
use garth_subscription::plan_change::{ChangeOffer, ChangePrice};
use garth_subscription::quote::{Quote, QuoteLine};
use garth_subscription::text::{CommandId, PlanId};
use garth_subscription::time::Span;
use garth_subscription::{Access, Money, Refusal, Standing, Timestamp};
use uuid::Uuid;

/// 2026-11-20, midday in Vienna.
pub(crate) fn now() -> Timestamp {
    "2026-11-20T11:00:00Z".parse().unwrap()
}

pub(crate) fn id(n: u128) -> SubscriptionId {
    SubscriptionId(Uuid::from_u128(n))
}

pub(crate) fn euro(text: &str) -> Money {
    Money::parse(text, Currency::EUR).unwrap()
}

/// Who has which address and what each of them sees.
#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) addresses: Mutex<HashMap<IpAddr, Identified>>,
    pub(crate) views: Mutex<HashMap<SubscriptionId, View>>,
    pub(crate) performed: Mutex<Vec<(SubscriptionId, Request)>>,
    /// By whose hand.
    pub(crate) hands: Mutex<Vec<Hand>>,
    /// What a change of plan costs; a refusal where nothing is said.
    pub(crate) change: Mutex<Option<ChangeQuote>>,
    /// What operators' passes open.
    pub(crate) passes: Mutex<HashMap<String, Pass>>,
    /// What each of them was called.
    pub(crate) once: Mutex<Vec<CommandId>>,
    pub(crate) webhooks: Mutex<Vec<RawWebhook>>,
    /// Where a checkout leads.
    pub(crate) hosted: Option<String>,
    pub(crate) problem: Mutex<Option<Problem>>,
}

impl Directory for Fake {
    fn identify(&self, source: IpAddr) -> Identified {
        let addresses = self.addresses.lock().unwrap();
        addresses
            .get(&source)
            .copied()
            .unwrap_or(Identified::Unknown)
    }

    fn access(&self, id: SubscriptionId) -> Access {
        let views = self.views.lock().unwrap();
        views.get(&id).map_or(Access::Reject, |view| view.access)
    }
}

impl Door for Fake {
    fn login<'a>(&'a self, user: &'a str, password: &'a str) -> Later<'a, Option<SubscriptionId>> {
        Box::pin(async move { (user == "alice" && password == "tulip&rose").then(|| id(1)) })
    }

    fn redeem(&self, token: &str) -> Option<Pass> {
        self.passes.lock().unwrap().remove(token)
    }
}

impl Desk for Fake {
    fn view(&self, id: SubscriptionId) -> Later<'_, Option<View>> {
        Box::pin(async move { self.views.lock().unwrap().get(&id).cloned() })
    }

    fn price_change(
        &self,
        _: SubscriptionId,
        _: PlanId,
        _: ChangeStart,
    ) -> Later<'_, Result<ChangeQuote, Problem>> {
        Box::pin(async move { self.change.lock().unwrap().ok_or_else(refused) })
    }

    fn perform(
        &self,
        id: SubscriptionId,
        by: Hand,
        request: Request,
        once: CommandId,
    ) -> Later<'_, Result<Performed, Problem>> {
        Box::pin(async move {
            if let Some(problem) = self.problem.lock().unwrap().clone() {
                return Err(problem);
            }
            self.once.lock().unwrap().push(once);
            self.hands.lock().unwrap().push(by);
            self.performed.lock().unwrap().push((id, request.clone()));
            match request {
                Request::StartCheckout { .. } | Request::PayIn { .. } => {
                    let url = self
                        .hosted
                        .as_deref()
                        .unwrap_or("https://pay.example/p/cs_1");
                    Ok(Performed::Redirect(url.parse().unwrap()))
                }
                Request::EndPause
                | Request::PayFromBalance { .. }
                | Request::Pause { .. }
                | Request::Postpone
                | Request::ChangePlan { .. }
                | Request::CancelChange
                | Request::RequestChange { .. }
                | Request::DismissNotice { .. }
                | Request::Cancel
                | Request::Terminate { .. }
                | Request::CancelTermination => Ok(Performed::Done),
            }
        })
    }
}

impl Webhooks for Fake {
    fn webhook(&self, webhook: RawWebhook) -> Later<'_, WebhookAnswer> {
        Box::pin(async move {
            if webhook.gateway != "sandbox-TEST-MODE" {
                return WebhookAnswer::UnknownGateway;
            }
            self.webhooks.lock().unwrap().push(webhook);
            WebhookAnswer::Taken
        })
    }
}

/// A subscriber of that standing with everything that a page can show.
pub(crate) fn view(standing: Standing) -> View {
    let suspended = standing == Standing::Suspended;
    let notice_only = matches!(
        standing,
        Standing::Disabled | Standing::Terminated | Standing::Cancelled
    );
    let debt = suspended.then(|| euro("29.90"));
    let paid_through: Timestamp = match standing.access() {
        Access::Full => "2027-01-31T23:00:00Z",
        Access::Garden | Access::Reject => "2026-11-18T23:00:00Z",
    }
    .parse()
    .unwrap();
    let is_served = standing.access() == Access::Full;
    let history = history(paid_through);
    View {
        standing,
        access: standing.access(),
        shown: Shown::default(),
        user_name: Some("alice".parse().unwrap()),
        suspended_for: suspended.then_some(SuspendCause::Overdue),
        plan: "home-100".parse().unwrap(),
        plan_name: "Home 100".parse().unwrap(),
        plan_names: vec![
            ("home-100".parse().unwrap(), "Home 100".parse().unwrap()),
            ("home-500".parse().unwrap(), "Home 500".parse().unwrap()),
        ],
        services: vec!["Telephone".parse().unwrap()],
        paid_through,
        starts_at: (standing == Standing::Pending).then(|| "2026-12-01T23:00:00Z".parse().unwrap()),
        grace_until: (standing == Standing::Grace).then(|| "2027-02-05T23:00:00Z".parse().unwrap()),
        balance: euro("12.50"),
        debt,
        offers: if notice_only {
            Vec::new()
        } else {
            offers(debt)
        },
        may_pause_after: !notice_only,
        pausing: pausing(standing),
        postponing: if suspended {
            Postponing::Offered {
                until: "2026-11-23T08:00:00Z".parse().unwrap(),
            }
        } else {
            Postponing::Closed
        },
        changing: changing(is_served, paid_through),
        may_cancel: standing == Standing::Pending,
        ending: EndingView {
            may_end: is_served,
            ..EndingView::default()
        },
        tickets: vec![ticket()],
        notices: vec![Notice {
            sequence: 9,
            entry: revert_of(&history[0]),
        }],
        history,
        checkouts: checkouts(),
        language: None,
    }
}

fn pausing(standing: Standing) -> Pausing {
    let is_paused = standing == Standing::Paused;
    let is_served = standing.access() == Access::Full;
    Pausing {
        current: is_paused.then(pause),
        may_end: is_paused,
        begin: if is_served {
            Ok(())
        } else {
            Err(Refusal::PauseLocked)
        },
        may_follow: is_served,
        limits: PauseLimits::default(),
    }
}

/// A pause until the end of February with 17 days banked.
pub(crate) fn pause() -> Pause {
    Pause {
        from: "2026-10-31T12:00:00Z".parse().unwrap(),
        until: Some("2027-02-28T23:00:00Z".parse().unwrap()),
        banked: Span::from_days(17),
        is_locked: false,
        has_begun: true,
    }
}

fn changing(is_served: bool, paid_through: Timestamp) -> Changing {
    let plan: PlanId = "home-500".parse().unwrap();
    Changing {
        offer: if is_served {
            ChangeOffer::SelfChange {
                targets: vec![plan.clone()],
                may_request: true,
            }
        } else {
            ChangeOffer::Nothing
        },
        pending: None,
        targets: vec![Target {
            plan,
            name: "Home 500".parse().unwrap(),
            price: Some((Months::new(1).unwrap(), euro("49.90"))),
        }],
        next_period: is_served.then_some(paid_through),
    }
}

/// A change that costs 20.00 net of a refund and a fee.
pub(crate) fn change_quote(missing: Option<&str>) -> ChangeQuote {
    ChangeQuote {
        at: now(),
        is_now: true,
        price: ChangePrice {
            refund: euro("-29.90"),
            charge: euro("44.90"),
            fee: euro("5.00"),
            total: euro("20.00"),
        },
        missing: missing.map(euro),
    }
}

fn ticket() -> Ticket {
    Ticket {
        plan: Some("home-500".parse().unwrap()),
        message: "More speed, please\n& <soon>".parse().unwrap(),
        created_at: "2026-11-01T12:00:00Z".parse().unwrap(),
        closed: Some((
            "2026-11-02T12:00:00Z".parse().unwrap(),
            Some("Next week.".parse().unwrap()),
        )),
    }
}

/// The entry that takes `entry` back.
pub(crate) fn revert_of(entry: &JournalEntry) -> JournalEntry {
    JournalEntry {
        id: EntryId(Uuid::from_u128(99)),
        action: CommandKind::ApproveRevert,
        effect: Effect::Done,
        amount: None,
        reverts: Some(entry.id),
        ..entry.clone()
    }
}

fn checkouts() -> Vec<Checkout> {
    let paid = |is_credit, release| CheckoutState::Paid { is_credit, release };
    let online = Release::After { millis: 350 };
    vec![
        checkout("co_open", CheckoutState::Open),
        checkout("co_paid", paid(false, Release::UnderWay)),
        checkout("co_done", paid(false, Release::None)),
        checkout("co_credit", paid(true, Release::None)),
        checkout("co_online", paid(false, online)),
        checkout("co_expired", CheckoutState::Expired),
    ]
}

fn checkout(id: &str, state: CheckoutState) -> Checkout {
    Checkout {
        id: id.parse().unwrap(),
        state,
    }
}

fn offers(debt: Option<Money>) -> Vec<Quote> {
    [(1, "29.90"), (3, "85.00"), (12, "299.00")]
        .into_iter()
        .map(|(months, amount)| {
            let amount = euro(amount);
            let price = debt.map_or(amount, |debt| debt.checked_add(amount).unwrap());
            let lines = debt
                .map(QuoteLine::Debt)
                .into_iter()
                .chain([
                    QuoteLine::Months {
                        plan: "home-100".parse().unwrap(),
                        amount,
                    },
                    QuoteLine::Credit(euro("-12.50")),
                ])
                .collect();
            Quote {
                months: Months::new(months).unwrap(),
                lines,
                price,
                total: price.checked_sub(euro("12.50")).unwrap(),
            }
        })
        .collect()
}

fn history(paid_through: Timestamp) -> Vec<JournalEntry> {
    [
        (CommandKind::Capture, Effect::MonthsBought, Some("85.00")),
        (CommandKind::EndPause, Effect::PauseEnded, None),
        (CommandKind::Pause, Effect::Done, None),
        (CommandKind::Capture, Effect::CreditOnly, Some("12.50")),
        (CommandKind::Create, Effect::Done, None),
    ]
    .into_iter()
    .zip(7..)
    .map(|((action, effect, amount), number)| JournalEntry {
        id: EntryId(Uuid::from_u128(number)),
        subscription: id(1),
        command_id: None,
        actor: Actor {
            role: Role::Operator,
            name: "secret-operator".parse().unwrap(),
            on_behalf_of: None,
        },
        reason: Some("secret-reason".parse().unwrap()),
        action,
        effect,
        performed_at: "2026-10-31T12:00:00Z".parse().unwrap(),
        old: None,
        new: Snapshot {
            standing: Standing::Active,
            paid_through,
            plan: "home-100".parse().unwrap(),
            balance: euro("0"),
        },
        amount: amount.map(euro),
        payment: None,
        reverts: None,
        note: Note::default(),
        steps: Vec::new(),
    })
    .collect()
}

/// A refusal as the rules give it.
pub(crate) fn refused() -> Problem {
    Problem::Refused(Refusal::SwitchedOff {
        what: "reactivation by the subscriber",
        rule: "L12",
    })
}

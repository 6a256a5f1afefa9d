//! A desk with made-up subscribers, for tests and for looking at the pages.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;

use garth_captive_portal::desk::{
    Checkout, CheckoutState, Desk, Directory, Identified, Later, Performed, Problem, RawWebhook,
    Request, View, WebhookAnswer,
};
use garth_subscription::calendar::Months;
use garth_subscription::command::{Actor, CommandKind, Note, Role};
use garth_subscription::facts::{SubscriptionId, SuspendCause};
use garth_subscription::journal::{Effect, EntryId, JournalEntry, Snapshot};
use garth_subscription::money::Currency;
use garth_subscription::quote::{Quote, QuoteLine};
use garth_subscription::text::CommandId;
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

    fn login<'a>(&'a self, user: &'a str, password: &'a str) -> Later<'a, Option<SubscriptionId>> {
        Box::pin(async move { (user == "alice" && password == "tulip&rose").then(|| id(1)) })
    }
}

impl Desk for Fake {
    fn view(&self, id: SubscriptionId) -> Later<'_, Option<View>> {
        Box::pin(async move { self.views.lock().unwrap().get(&id).cloned() })
    }

    fn perform(
        &self,
        id: SubscriptionId,
        request: Request,
        once: CommandId,
    ) -> Later<'_, Result<Performed, Problem>> {
        Box::pin(async move {
            if let Some(problem) = self.problem.lock().unwrap().clone() {
                return Err(problem);
            }
            self.once.lock().unwrap().push(once);
            self.performed.lock().unwrap().push((id, request.clone()));
            match request {
                Request::StartCheckout { .. } => {
                    let url = self
                        .hosted
                        .as_deref()
                        .unwrap_or("https://pay.example/p/cs_1");
                    Ok(Performed::Redirect(url.parse().unwrap()))
                }
                Request::EndPause => Ok(Performed::Done),
                Request::PayFromBalance { .. } | Request::Pause { .. } => Ok(Performed::Done),
            }
        })
    }

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
    let paused = standing == Standing::Paused;
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
    View {
        standing,
        access: standing.access(),
        suspended_for: suspended.then_some(SuspendCause::Overdue),
        plan_name: "Home 100".parse().unwrap(),
        plan_names: vec![("home-100".parse().unwrap(), "Home 100".parse().unwrap())],
        paid_through,
        starts_at: (standing == Standing::Pending).then(|| "2026-12-01T23:00:00Z".parse().unwrap()),
        grace_until: (standing == Standing::Grace).then(|| "2027-02-05T23:00:00Z".parse().unwrap()),
        pause_until: paused.then(|| "2027-02-28T23:00:00Z".parse().unwrap()),
        banked: if paused {
            Span::from_days(17)
        } else {
            Span::ZERO
        },
        balance: euro("12.50"),
        debt,
        offers: if notice_only {
            Vec::new()
        } else {
            offers(debt)
        },
        may_end_pause: paused,
        may_pause: standing.access() == Access::Full,
        pause_needs_end: false,
        history: if notice_only {
            Vec::new()
        } else {
            history(paid_through)
        },
        checkouts: vec![
            checkout("co_open", CheckoutState::Open),
            checkout(
                "co_paid",
                CheckoutState::Paid {
                    released_after_ms: None,
                },
            ),
            checkout(
                "co_online",
                CheckoutState::Paid {
                    released_after_ms: Some(350),
                },
            ),
            checkout("co_expired", CheckoutState::Expired),
        ],
        language: None,
    }
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
    .map(|(action, effect, amount)| JournalEntry {
        id: EntryId(Uuid::from_u128(7)),
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

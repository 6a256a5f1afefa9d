//! A subscription as it is now.

use garth_store::record::Subscription;
use garth_subscription::agenda::AgendaItem;
use garth_subscription::calendar::Months;
use garth_subscription::decide::settled;
use garth_subscription::facts::{
    Ending, Facts, Invoicing, Phase, PlanChange, Provisional, Renewal, ServiceState, SuspendCause,
    Termination,
};
use garth_subscription::policy::{Rules, Terms};
use garth_subscription::standing::{next_boundary, standing};
use garth_subscription::{Standing, Timestamp};
use serde::{Deserialize, Serialize};

use super::{MoneyBody, text};

/// The pause of a subscription.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PauseBody {
    /// Since when.
    pub from: String,
    /// Until when; open if `null`.
    pub until: Option<String>,
    /// Paid time given back at its end.
    pub banked_seconds: i64,
    /// Whether the subscriber may not end it.
    pub locked: bool,
    /// Whether it runs; before, it is on the agenda.
    pub has_begun: bool,
}

/// The suspension of a subscription.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SuspendBody {
    /// `overdue`, `fraud`, `operator`.
    pub cause: String,
    /// Since when.
    pub since: String,
    /// What is owed.
    pub debt: Option<MoneyBody>,
    /// Why.
    pub reason: Option<String>,
    /// Until then it is put off.
    pub postponed_until: Option<String>,
    /// Whether the subscriber has used the one time that they may put it off.
    pub postponed_by_customer: bool,
}

/// The switch-off of a subscription.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct DisableBody {
    /// Since when.
    pub since: String,
    /// Why.
    pub reason: String,
}

/// What keeps a subscription from its service; a hold that is not there has no key.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct HoldsBody {
    /// By the subscriber's wish.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<PauseBody>,
    /// By policy or debt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend: Option<SuspendBody>,
    /// By an operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable: Option<DisableBody>,
}

/// A service billed with the plan.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ServiceBody {
    /// What was bought.
    pub plan: String,
    /// `draft`, `effective`, `held`, `ended`.
    pub state: String,
}

/// What waits for its instant.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct AgendaBody {
    /// When it is due.
    pub at: String,
    /// What is done then.
    pub action: String,
}

impl From<&AgendaItem> for AgendaBody {
    fn from(item: &AgendaItem) -> Self {
        Self {
            at: item.at.to_string(),
            action: item.action.as_str().to_owned(),
        }
    }
}

/// A change of plan that waits for its date.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PlanChangeBody {
    /// When it takes hold.
    pub at: String,
    /// The plan from then on.
    pub plan: String,
    /// What it costs; below zero it is paid back.
    pub price: MoneyBody,
}

/// An end that waits for its date.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct TerminationBody {
    /// When.
    pub at: String,
    /// Who asked for it.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
}

/// How it goes on at the end of its paid time.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RenewalBody {
    /// How many months at a time; the fewest on sale if `null`.
    pub months: Option<u16>,
    /// Whether credit buys them by itself.
    pub use_credit: bool,
    /// `forward`, `backward`: whether months are paid for before or after.
    pub invoicing: String,
    /// Which of `use_credit` and `invoicing` are its own and not what policy says.
    pub own: Vec<String>,
}

/// A payment that nobody has confirmed yet.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ProvisionalBody {
    /// Which payment.
    pub payment_id: String,
    /// How much it is said to be.
    pub amount: MoneyBody,
}

/// How a subscription ended.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct EndedBody {
    /// When.
    pub at: String,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
}

/// A subscription as it is now.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SubscriptionBody {
    /// UUID.
    pub id: String,
    /// What RADIUS calls it.
    pub username: Option<String>,
    /// Its equipment.
    pub mac: Option<String>,
    /// What another system calls it.
    pub external_id: Option<String>,
    /// Of the person or company.
    pub name: Option<String>,
    /// Telephone.
    pub phone: Option<String>,
    /// ISO 639-1.
    pub language: Option<String>,
    /// LIFECYCLE section 2, in `snake_case`.
    pub standing: String,
    /// The status of TMF637; `pending_terminate` where an end waits for its date.
    pub status: String,
    /// `full`, `garden`, `reject`.
    pub access: String,
    /// The exclusive end of paid service.
    pub paid_through: String,
    /// The end of grace.
    pub grace_until: Option<String>,
    /// When time alone changes the standing next.
    pub next_change: Option<String>,
    /// When it starts or started, as far as is known.
    pub start_at: Option<String>,
    /// How it ended.
    pub ended: Option<EndedBody>,
    /// The plan for access to the Internet.
    pub plan: String,
    /// What is billed with it.
    pub services: Vec<ServiceBody>,
    /// Credit, or debt below zero.
    pub balance: MoneyBody,
    /// What keeps it from its service.
    pub holds: HoldsBody,
    /// What waits for its instant.
    pub agenda: Vec<AgendaBody>,
    /// The change of plan to come.
    pub plan_change: Option<PlanChangeBody>,
    /// The end to come.
    pub pending_terminate: Option<TerminationBody>,
    /// How it goes on at the end of its paid time.
    pub renewal: RenewalBody,
    /// Since when the balance is below zero.
    pub owing_since: Option<String>,
    /// The debt that suspends no more, as an operator has lifted a suspension for it.
    pub waived_debt: Option<MoneyBody>,
    /// Months that run and are invoiced when they are over.
    pub unbilled_months: Option<u16>,
    /// Payments that nobody has confirmed yet.
    pub provisional: Vec<ProvisionalBody>,
    /// Where its months are counted from.
    pub anchor_date: String,
    /// What form of credential is on file: `password`, `nt_hash`, `none`. Never the credential.
    pub credential: String,
    /// Its line, as the access node names it (Agent-Circuit-Id).
    pub circuit_id: Option<String>,
    /// The other end of its line (Agent-Remote-Id).
    pub remote_id: Option<String>,
    /// Its fixed IPv4 address.
    pub framed_ipv4: Option<String>,
    /// The fixed IPv6 prefix of its link.
    pub framed_ipv6: Option<String>,
    /// Its fixed IPv6 prefix.
    pub delegated_ipv6: Option<String>,
    /// What is routed to it besides.
    pub framed_routes: Vec<String>,
    /// Sold under.
    pub partner: Option<String>,
    /// Sold by.
    pub reseller: Option<String>,
    /// Grows with every change.
    pub version: u64,
}

impl SubscriptionBody {
    /// The subscription as it is at `now`.
    #[must_use]
    pub fn of(subscription: &Subscription, rules: &Rules, now: Timestamp) -> Self {
        let facts = settled(&subscription.facts, now);
        let terms = rules.terms(subscription.subscriber.partner.as_ref());
        let subscriber = &subscription.subscriber;
        let at_now = standing(&facts.standing_facts(), now);
        let (start_at, ended) = life(&facts.phase);
        let sealed = subscription.credential.as_ref();
        let credential = sealed.map(|sealed| sealed.form().as_str());
        let routes = subscriber.framed_routes.as_slice();
        Self {
            id: facts.id.to_string(),
            username: text(subscriber.user_name.as_ref()),
            mac: text(subscriber.mac),
            external_id: text(subscriber.external_id.as_ref()),
            name: text(subscriber.name.as_ref()),
            phone: text(subscriber.phone.as_ref()),
            language: text(subscriber.language.map(|language| language.code())),
            standing: at_now.to_string(),
            status: status(&facts, at_now).to_owned(),
            access: at_now.access().as_str().to_owned(),
            paid_through: facts.paid_through.to_string(),
            grace_until: text(facts.grace_until),
            next_change: text(next_boundary(&facts.standing_facts(), now)),
            start_at,
            ended,
            plan: facts.plan.to_string(),
            services: services(&facts),
            balance: facts.balance.into(),
            holds: holds(&facts),
            agenda: facts.agenda(terms.policy).iter().map(Into::into).collect(),
            plan_change: facts.plan_change.as_ref().map(plan_change),
            pending_terminate: facts.termination.as_ref().map(termination),
            renewal: renewal(facts.renewal, terms),
            owing_since: text(facts.owing_since),
            waived_debt: facts.waived_debt.map(Into::into),
            unbilled_months: facts.unbilled.map(Months::get),
            provisional: facts.provisional.iter().map(provisional).collect(),
            anchor_date: facts.anchor.date.to_string(),
            credential: credential.unwrap_or("none").to_owned(),
            circuit_id: text(subscriber.circuit_id.as_ref()),
            remote_id: text(subscriber.remote_id.as_ref()),
            framed_ipv4: text(subscriber.framed_ipv4),
            framed_ipv6: text(subscriber.framed_ipv6),
            delegated_ipv6: text(subscriber.delegated_ipv6),
            framed_routes: routes.iter().map(ToString::to_string).collect(),
            partner: text(subscriber.partner.as_ref()),
            reseller: text(subscriber.reseller.as_ref()),
            version: facts.version,
        }
    }
}

fn life(phase: &Phase) -> (Option<String>, Option<EndedBody>) {
    match phase {
        Phase::Pending { start_at } => (Some(start_at.to_string()), None),
        Phase::Started { at } => (Some(at.to_string()), None),
        Phase::Ended {
            at,
            how: Ending::Cancelled | Ending::Terminated,
            by,
            reason,
        } => (
            None,
            Some(EndedBody {
                at: at.to_string(),
                by: by.to_string(),
                reason: text(reason.as_ref()),
            }),
        ),
    }
}

fn services(facts: &Facts) -> Vec<ServiceBody> {
    facts
        .services
        .iter()
        .map(|service| ServiceBody {
            plan: service.plan.to_string(),
            state: service_state_name(service.state).to_owned(),
        })
        .collect()
}

/// The name of a service's state.
pub(crate) const fn service_state_name(state: ServiceState) -> &'static str {
    match state {
        ServiceState::Draft => "draft",
        ServiceState::Effective => "effective",
        ServiceState::Held => "held",
        ServiceState::Ended => "ended",
    }
}

/// The name of a suspension's cause.
pub(crate) const fn cause_name(cause: SuspendCause) -> &'static str {
    match cause {
        SuspendCause::Overdue => "overdue",
        SuspendCause::Fraud => "fraud",
        SuspendCause::Operator => "operator",
    }
}

/// The cause of that name; `non_payment` is another word for `overdue`.
pub(crate) fn cause_from_name(name: &str) -> Option<SuspendCause> {
    match name {
        "overdue" | "non_payment" => Some(SuspendCause::Overdue),
        "fraud" => Some(SuspendCause::Fraud),
        "operator" => Some(SuspendCause::Operator),
        _ => None,
    }
}

fn holds(facts: &Facts) -> HoldsBody {
    HoldsBody {
        pause: facts.holds.pause.map(|pause| PauseBody {
            from: pause.from.to_string(),
            until: text(pause.until),
            banked_seconds: pause.banked.seconds(),
            locked: pause.is_locked,
            has_begun: pause.has_begun,
        }),
        suspend: facts.holds.suspend.as_ref().map(|suspend| SuspendBody {
            cause: cause_name(suspend.cause).to_owned(),
            since: suspend.since.to_string(),
            debt: suspend.debt.map(Into::into),
            reason: text(suspend.reason.as_ref()),
            postponed_until: text(suspend.postponed_until),
            postponed_by_customer: suspend.postponed_by_customer,
        }),
        disable: facts.holds.disable.as_ref().map(|disable| DisableBody {
            since: disable.since.to_string(),
            reason: disable.reason.to_string(),
        }),
    }
}

/// LIFECYCLE section 2, column TMF637, in `snake_case`.
const fn status(facts: &Facts, is: Standing) -> &'static str {
    if facts.termination.is_some() && !facts.has_ended() {
        return "pending_terminate";
    }
    match is {
        Standing::Terminated => "terminated",
        Standing::Cancelled => "cancelled",
        Standing::Pending => "pending_active",
        Standing::Active | Standing::Grace => "active",
        Standing::Expired | Standing::Paused | Standing::Suspended | Standing::Disabled => {
            "suspended"
        }
    }
}

fn plan_change(change: &PlanChange) -> PlanChangeBody {
    PlanChangeBody {
        at: change.at.to_string(),
        plan: change.plan.to_string(),
        price: change.price.into(),
    }
}

fn termination(end: &Termination) -> TerminationBody {
    TerminationBody {
        at: end.at.to_string(),
        by: end.by.to_string(),
        reason: text(end.reason.as_ref()),
    }
}

fn renewal(own: Renewal, terms: Terms<'_>) -> RenewalBody {
    let policy = &terms.policy.renewal;
    let set = [
        ("use_credit", own.use_credit.is_some()),
        ("invoicing", own.invoicing.is_some()),
    ];
    RenewalBody {
        months: own.months.map(Months::get),
        use_credit: own.use_credit.unwrap_or(policy.use_credit),
        invoicing: invoicing_name(own.invoicing.unwrap_or(policy.invoicing)).to_owned(),
        own: set
            .into_iter()
            .filter(|(_, is_own)| *is_own)
            .map(|(name, _)| name.to_owned())
            .collect(),
    }
}

fn provisional(taken: &Provisional) -> ProvisionalBody {
    ProvisionalBody {
        payment_id: taken.payment.to_string(),
        amount: taken.amount.into(),
    }
}

/// The name of when months are paid for.
pub(crate) const fn invoicing_name(invoicing: Invoicing) -> &'static str {
    match invoicing {
        Invoicing::Forward => "forward",
        Invoicing::Backward => "backward",
    }
}

/// When months are paid for, by its name.
pub(crate) fn invoicing_from_name(name: &str) -> Option<Invoicing> {
    [Invoicing::Forward, Invoicing::Backward]
        .into_iter()
        .find(|known| invoicing_name(*known) == name)
}

//! The JSON of the admin API: one struct per document, made from the domain's values.
//!
//! Names are `snake_case`, times RFC 3339 in UTC, money `{"amount":"12.50","currency":"EUR"}`.
//! Requests refuse unknown fields. A key whose value is unknown is there with `null`.

use std::collections::BTreeMap;

use garth_store::TimeHold;
use garth_store::record::{ChainedEntry, Session, Subscription};
use garth_subscription::command::Actor;
use garth_subscription::decide::settled;
use garth_subscription::facts::{Ending, Facts, Phase, ServiceState, SuspendCause};
use garth_subscription::journal::Snapshot;
use garth_subscription::plan::{Plan, PlanKind};
use garth_subscription::policy::{Rules, Terms};
use garth_subscription::quote::{Quote, QuoteLine};
use garth_subscription::standing::{next_boundary, standing};
use garth_subscription::{Decision, Money, Timestamp};
use serde::{Deserialize, Serialize};

use super::network::{DaemonStatus, GardenStatus};

/// How the daemon is, as a whole.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct StatusBody {
    /// Of garthd.
    pub version: String,
    /// Effective now.
    pub now: String,
    /// What the clock of the machine shows.
    pub wall: String,
    /// Why time is not let on (E3, E13); empty where it is.
    #[serde(default)]
    pub time_holds: Vec<TimeHoldBody>,
    /// The billing time zone.
    pub time_zone: String,
    /// ISO 4217.
    pub currency: String,
    /// How many there are.
    pub subscriptions: u64,
    /// How many sessions live.
    pub live_sessions: u64,
    /// How many plans the catalogue has.
    pub plans: u64,
    /// The store's numbers by name.
    pub store: BTreeMap<String, u64>,
    /// The garden, measured now.
    pub garden: GardenStatus,
    /// What the running daemon adds.
    #[serde(flatten)]
    pub daemon: DaemonStatus,
}

/// Why time is not let on.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct TimeHoldBody {
    /// `clock_behind`, `clock_jump` or `mass_change`.
    pub kind: String,
    /// Since when, by the clock of the machine.
    pub since: String,
    /// What happened and what can be done, in a sentence.
    pub detail: String,
}

impl From<TimeHold> for TimeHoldBody {
    fn from(held: TimeHold) -> Self {
        Self {
            kind: held.hold.kind().to_string(),
            since: held.since.to_string(),
            detail: held.hold.to_string(),
        }
    }
}

/// An amount.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct MoneyBody {
    /// A decimal number with the currency's decimals.
    pub amount: String,
    /// ISO 4217.
    pub currency: String,
}

impl From<Money> for MoneyBody {
    fn from(money: Money) -> Self {
        Self {
            amount: money.amount(),
            currency: money.currency().to_string(),
        }
    }
}

impl std::fmt::Display for MoneyBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

/// The pause of a subscription.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PauseBody {
    /// Since when.
    pub from: String,
    /// Until when; open if `null`.
    pub until: Option<String>,
    /// Paid time given back at its end.
    pub banked_seconds: i64,
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
    /// Where its months are counted from.
    pub anchor_date: String,
    /// Its fixed IPv4 address.
    pub framed_ipv4: Option<String>,
    /// Its fixed IPv6 prefix.
    pub delegated_ipv6: Option<String>,
    /// Sold under.
    pub partner: Option<String>,
    /// Sold by.
    pub reseller: Option<String>,
    /// Grows with every change.
    pub version: u64,
}

fn text<T: ToString>(value: Option<T>) -> Option<String> {
    value.map(|value| value.to_string())
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
        Self {
            id: facts.id.to_string(),
            username: text(subscriber.user_name.as_ref()),
            mac: text(subscriber.mac),
            external_id: text(subscriber.external_id.as_ref()),
            name: text(subscriber.name.as_ref()),
            phone: text(subscriber.phone.as_ref()),
            language: text(subscriber.language.map(|language| language.code())),
            standing: at_now.to_string(),
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
            agenda: agenda(&facts, terms),
            anchor_date: facts.anchor.date.to_string(),
            framed_ipv4: text(subscriber.framed_ipv4),
            delegated_ipv6: text(subscriber.delegated_ipv6),
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
        }),
        suspend: facts.holds.suspend.as_ref().map(|suspend| SuspendBody {
            cause: cause_name(suspend.cause).to_owned(),
            since: suspend.since.to_string(),
            debt: suspend.debt.map(Into::into),
            reason: text(suspend.reason.as_ref()),
            postponed_until: text(suspend.postponed_until),
        }),
        disable: facts.holds.disable.as_ref().map(|disable| DisableBody {
            since: disable.since.to_string(),
            reason: disable.reason.to_string(),
        }),
    }
}

fn agenda(facts: &Facts, terms: Terms<'_>) -> Vec<AgendaBody> {
    facts
        .agenda(terms.policy)
        .into_iter()
        .map(|item| AgendaBody {
            at: item.at.to_string(),
            action: item.action.as_str().to_owned(),
        })
        .collect()
}

/// One side of a change.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SnapshotBody {
    /// As in [`SubscriptionBody`].
    pub standing: String,
    /// As in [`SubscriptionBody`].
    pub access: String,
    /// As in [`SubscriptionBody`].
    pub paid_through: String,
    /// As in [`SubscriptionBody`].
    pub plan: String,
    /// As in [`SubscriptionBody`].
    pub balance: MoneyBody,
}

impl From<&Snapshot> for SnapshotBody {
    fn from(snapshot: &Snapshot) -> Self {
        Self {
            standing: snapshot.standing.to_string(),
            access: snapshot.standing.access().as_str().to_owned(),
            paid_through: snapshot.paid_through.to_string(),
            plan: snapshot.plan.to_string(),
            balance: snapshot.balance.into(),
        }
    }
}

/// What a command did, or would do (L31).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ChangeBody {
    /// Of which subscription.
    pub subscription: String,
    /// What was asked.
    pub action: String,
    /// What came of it.
    pub effect: String,
    /// Whether nothing was changed because nothing was to be.
    pub dry_run: bool,
    /// Whether this is the answer to an earlier command with the same id (L33).
    pub repeated: bool,
    /// The journal entry; none for a dry run.
    pub entry: Option<String>,
    /// Before; none for a new subscription.
    pub old: Option<SnapshotBody>,
    /// After.
    pub new: SnapshotBody,
    /// The money that came in.
    pub amount: Option<MoneyBody>,
    /// The payment that brought it.
    pub payment_id: Option<String>,
}

impl ChangeBody {
    /// A decision that nobody has committed yet.
    pub(crate) fn of(decision: &Decision, action: &str, payment_id: Option<String>) -> Self {
        Self {
            subscription: decision.facts.id.to_string(),
            action: action.to_owned(),
            effect: decision.effect.as_str().to_owned(),
            dry_run: true,
            repeated: false,
            entry: None,
            old: decision.old.as_ref().map(Into::into),
            new: (&decision.new).into(),
            amount: decision.amount.map(Into::into),
            payment_id,
        }
    }
}

/// Who acted.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ActorBody {
    /// In which capacity.
    pub role: String,
    /// Under which name.
    pub name: String,
    /// For whom, where that is someone else.
    pub on_behalf_of: Option<String>,
}

impl From<&Actor> for ActorBody {
    fn from(actor: &Actor) -> Self {
        Self {
            role: actor.role.as_str().to_owned(),
            name: actor.name.to_string(),
            on_behalf_of: text(actor.on_behalf_of.as_ref()),
        }
    }
}

/// A journal entry in its place in the chain.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct EntryBody {
    /// Counts from 1, without gaps.
    pub sequence: u64,
    /// UUID.
    pub id: String,
    /// Of which subscription.
    pub subscription: String,
    /// What was done.
    pub action: String,
    /// What came of it.
    pub effect: String,
    /// When.
    pub performed_at: String,
    /// By whom.
    pub actor: ActorBody,
    /// Why.
    pub reason: Option<String>,
    /// What it was asked under.
    pub command_id: Option<String>,
    /// Before.
    pub old: Option<SnapshotBody>,
    /// After.
    pub new: SnapshotBody,
    /// The money that came in or went out.
    pub amount: Option<MoneyBody>,
    /// The payment that brought it.
    pub payment_id: Option<String>,
    /// The entry that this one takes back.
    pub reverts: Option<String>,
    /// SHA-256 of the entry before, in hexadecimal digits.
    pub previous_hash: String,
    /// SHA-256 over epoch, sequence, previous hash and body.
    pub hash: String,
}

impl From<&ChainedEntry> for EntryBody {
    fn from(chained: &ChainedEntry) -> Self {
        let entry = &chained.entry;
        Self {
            sequence: chained.sequence,
            id: entry.id.0.to_string(),
            subscription: entry.subscription.to_string(),
            action: entry.action.as_str().to_owned(),
            effect: entry.effect.as_str().to_owned(),
            performed_at: entry.performed_at.to_string(),
            actor: (&entry.actor).into(),
            reason: text(entry.reason.as_ref()),
            command_id: text(entry.command_id.as_ref()),
            old: entry.old.as_ref().map(Into::into),
            new: (&entry.new).into(),
            amount: entry.amount.map(Into::into),
            payment_id: text(entry.payment.as_ref()),
            reverts: entry.reverts.map(|id| id.0.to_string()),
            previous_hash: hex(&chained.previous_hash),
            hash: hex(&chained.hash),
        }
    }
}

/// Small hexadecimal digits.
pub(crate) fn hex(octets: &[u8]) -> String {
    use std::fmt::Write;
    octets.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02x}").expect("a String takes everything");
        text
    })
}

/// A RADIUS session.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SessionBody {
    /// The NAS, by its name in the configuration.
    pub nas: String,
    /// As the NAS sent it; `0x` and hexadecimal digits where that is no plain text.
    pub acct_session_id: String,
    /// Whose.
    pub subscription: Option<String>,
    /// As the NAS sent it.
    pub username: Option<String>,
    /// The subscriber's address.
    pub framed_ipv4: Option<String>,
    /// The subscriber's link prefix.
    pub framed_ipv6: Option<String>,
    /// The subscriber's delegated prefix.
    pub delegated_ipv6: Option<String>,
    /// The subscriber's equipment.
    pub mac: Option<String>,
    /// When it began.
    pub started_at: String,
    /// The last record's arrival.
    pub updated_at: String,
    /// When it ended; live if `null`.
    pub stopped_at: Option<String>,
    /// Why it ended (RFC 2866 section 5.10).
    pub terminate_cause: Option<u32>,
    /// The subscriber's upload.
    pub input_octets: u64,
    /// The subscriber's download.
    pub output_octets: u64,
    /// In seconds.
    pub session_time: u32,
}

impl From<&Session> for SessionBody {
    fn from(session: &Session) -> Self {
        Self {
            nas: session.key.nas.to_string(),
            acct_session_id: session_id_text(&session.key.acct_session_id),
            subscription: text(session.subscription),
            username: text(session.user_name.as_ref()),
            framed_ipv4: text(session.framed_ipv4),
            framed_ipv6: text(session.framed_ipv6),
            delegated_ipv6: text(session.delegated_ipv6),
            mac: text(session.mac),
            started_at: session.started_at.to_string(),
            updated_at: session.updated_at.to_string(),
            stopped_at: text(session.stopped_at),
            terminate_cause: session.terminate_cause,
            input_octets: session.input_octets,
            output_octets: session.output_octets,
            session_time: session.session_time,
        }
    }
}

/// Text as it is; octets that are none, or look like the escape, in hexadecimal digits.
pub(crate) fn session_id_text(id: &[u8]) -> String {
    match std::str::from_utf8(id) {
        Ok(text) if !text.starts_with("0x") && !text.chars().any(char::is_control) => {
            text.to_owned()
        }
        Ok(_) | Err(_) => format!("0x{}", hex(id)),
    }
}

/// What [`session_id_text`] was made from.
pub(crate) fn session_id_octets(text: &str) -> Option<Box<[u8]>> {
    let Some(digits) = text.strip_prefix("0x") else {
        return Some(text.as_bytes().into());
    };
    if digits.len() % 2 != 0 || !digits.is_ascii() {
        return None;
    }
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok())
        .collect()
}

/// A price line.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PriceBody {
    /// How many months it buys.
    pub months: u16,
    /// For all of them.
    #[serde(flatten)]
    pub price: MoneyBody,
}

/// A plan of the catalogue.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PlanBody {
    /// Its name in commands and files.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// `internet`, `voice`, `recurring`.
    pub kind: String,
    /// To the subscriber, in kbit/s.
    pub down_kbps: u32,
    /// From the subscriber, in kbit/s.
    pub up_kbps: u32,
    /// What is on sale.
    pub prices: Vec<PriceBody>,
    /// What its subscribers may change to.
    pub change_to: Vec<String>,
}

impl From<&Plan> for PlanBody {
    fn from(plan: &Plan) -> Self {
        Self {
            id: plan.id.to_string(),
            name: plan.name.to_string(),
            kind: plan_kind_name(plan.kind).to_owned(),
            down_kbps: plan.down_kbps,
            up_kbps: plan.up_kbps,
            prices: plan
                .prices
                .iter()
                .map(|line| PriceBody {
                    months: line.months.get(),
                    price: line.amount.into(),
                })
                .collect(),
            change_to: plan.change_to.iter().map(ToString::to_string).collect(),
        }
    }
}

/// The name of a plan's kind.
pub(crate) const fn plan_kind_name(kind: PlanKind) -> &'static str {
    match kind {
        PlanKind::Internet => "internet",
        PlanKind::Voice => "voice",
        PlanKind::Recurring => "recurring",
    }
}

/// One line of a quote.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct QuoteLineBody {
    /// `debt`, `months`, `credit`.
    pub kind: String,
    /// Of which plan, for months.
    pub plan: Option<String>,
    /// Below zero for credit.
    pub amount: MoneyBody,
}

/// What a number of months costs now.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct QuoteBody {
    /// How many.
    pub months: u16,
    /// What makes up the total.
    pub lines: Vec<QuoteLineBody>,
    /// Before credit.
    pub price: MoneyBody,
    /// What is left to pay.
    pub total: MoneyBody,
}

impl From<&Quote> for QuoteBody {
    fn from(quote: &Quote) -> Self {
        let line = |line: &QuoteLine| match line {
            QuoteLine::Debt(amount) => ("debt", None, *amount),
            QuoteLine::Months { plan, amount } => ("months", Some(plan.to_string()), *amount),
            QuoteLine::Credit(amount) => ("credit", None, *amount),
        };
        Self {
            months: quote.months.get(),
            lines: quote
                .lines
                .iter()
                .map(line)
                .map(|(kind, plan, amount)| QuoteLineBody {
                    kind: kind.to_owned(),
                    plan,
                    amount: amount.into(),
                })
                .collect(),
            price: quote.price.into(),
            total: quote.total.into(),
        }
    }
}

/// One page of a list.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Page<T> {
    /// In their order; may be empty although there is a next page.
    pub items: Vec<T>,
    /// What to ask for next; nothing after the last page.
    pub next: Option<String>,
}

/// Why a subscriber has this access, in words (L32).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ExplainBody {
    /// Which subscription.
    pub id: String,
    /// As in [`SubscriptionBody`].
    pub standing: String,
    /// As in [`SubscriptionBody`].
    pub access: String,
    /// Sentences, the most important first.
    pub text: Vec<String>,
    /// Its live sessions, a few at most.
    #[serde(default)]
    pub sessions: Vec<SessionBody>,
    /// The wall wherever it is.
    #[serde(default)]
    pub walls: Vec<super::network::WallBody>,
    /// The last journal entries, newest first.
    pub entries: Vec<EntryBody>,
}

/// What can be done with a subscription now (L29).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ActionBody {
    /// The command.
    pub action: String,
    /// Whether it would be taken now.
    pub available: bool,
    /// The rule that stands against it.
    pub rule: Option<String>,
    /// Why not, in words.
    pub detail: Option<String>,
}

/// What was done to the catalogue.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct PlansAppliedBody {
    /// Whether nothing was changed because nothing was to be.
    pub dry_run: bool,
    /// New plans.
    pub added: Vec<String>,
    /// Plans that are different now.
    pub changed: Vec<String>,
    /// Plans that are gone.
    pub removed: Vec<String>,
    /// How many stayed as they were.
    pub unchanged: usize,
}

/// What became of one session to be disconnected.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct DisconnectedBody {
    /// The NAS.
    pub nas: String,
    /// The session.
    pub acct_session_id: String,
    /// What the NAS said.
    #[serde(flatten)]
    pub answer: super::network::DisconnectAnswer,
}

/// A line of the answer to an import or a verification.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ProgressLine {
    /// A line that was not taken.
    Bad {
        /// Counts from 1.
        line: u64,
        /// Why.
        error: String,
        /// The rule that refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule: Option<String>,
    },
    /// How far it is.
    Progress {
        /// Lines or entries done.
        done: u64,
        /// Of how many, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<u64>,
    },
    /// The last line of an import.
    Summary {
        /// Subscriptions that are there now (or would be).
        imported: u64,
        /// Lines that were not taken.
        failed: u64,
        /// Whether nothing was changed because nothing was to be.
        dry_run: bool,
    },
    /// The last line of a verification that found nothing wrong.
    Verified {
        /// Entries re-hashed.
        verified: u64,
        /// The hash of the newest.
        head: Option<String>,
    },
    /// The last line of something that could not go on.
    Stopped {
        /// Why.
        problem: super::problem::Problem,
    },
}

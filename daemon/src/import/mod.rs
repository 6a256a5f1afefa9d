//! Subscriptions as lines of text: JSON Lines and CSV, in and out.
//!
//! A line is checked alone: what is wrong with it is said of it, and the next one is read.
//! Unknown keys are refused, so that a misspelt one is not lost in silence.
//!
//! Not here: reading files or sockets (`ctl`, `admin`), keeping anything (`store`).

mod csv_lines;
mod plans;
mod split;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use garth_store::record::Subscription;
use garth_store::write::NewSubscription;
use garth_subscription::calendar::{BillingZone, CivilDate};
use garth_subscription::command::{Create, InitialHold};
use garth_subscription::decide::settled;
use garth_subscription::facts::{Phase, Renewal, Service, ServiceState, SubscriptionId};
use garth_subscription::money::Currency;
use garth_subscription::route::FramedRoutes;
use garth_subscription::subscriber::{Credential, Language, Subscriber};
use garth_subscription::{Money, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use csv_lines::CsvHeader;
pub use plans::{PlanFile, PlanLine};
pub use split::{LINE_LEN_MAX, Lines, Split};

use crate::admin::wire::{cause_from_name, cause_name, service_state_name};

/// The most holds, services and so on that make sense are far below a line's length; this is the
/// longest value shown in a complaint, in characters.
const SHOWN_MAX: usize = 60;

/// A line of an import, as it is written.
#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ImportLine {
    /// A UUID; made here where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What RADIUS calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// In clear text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// The NT hash of a password that is not known itself: 32 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nt_hash: Option<String>,
    /// Its equipment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Its line, as the access node names it (Agent-Circuit-Id).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub circuit_id: Option<String>,
    /// The other end of its line (Agent-Remote-Id).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_id: Option<String>,
    /// What another system calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The plan for access to the Internet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// What is billed with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub services: Option<Vec<ServiceLine>>,
    /// A date or an instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paid_through: Option<String>,
    /// A date (its first instant) or an instant to come; now where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_at: Option<String>,
    /// The day of the month its months are counted from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchor_day: Option<u8>,
    /// Credit, or debt below zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balance: Option<String>,
    /// What keeps it from its service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldLine>,
    /// Its fixed IPv4 address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framed_ipv4: Option<String>,
    /// The fixed IPv6 prefix of its link, a /64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framed_ipv6: Option<String>,
    /// Its fixed IPv6 prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delegated_ipv6: Option<String>,
    /// What is routed to it besides: a prefix each, perhaps with a metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framed_routes: Option<Vec<String>>,
    /// ISO 639-1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Of the person or company.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Telephone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Sold under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partner: Option<String>,
    /// Sold by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reseller: Option<String>,
    /// When it pauses by itself: a date (to its end) or an instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_to: Option<String>,
}

/// A service: its plan alone, or with its state.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
pub enum ServiceLine {
    /// Effective.
    Plan(String),
    /// With a state.
    Stated(StatedService),
}

/// A service with its state.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StatedService {
    /// What was bought.
    pub plan: String,
    /// `draft`, `effective`, `ended`.
    pub state: String,
}

/// What a subscription is born with.
#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HoldLine {
    /// Paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<PauseLine>,
    /// Suspended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend: Option<SuspendLine>,
    /// Disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable: Option<DisableLine>,
}

/// `hold.pause`.
#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PauseLine {
    /// A date or an instant; open where there is none.
    pub until: Option<String>,
}

/// `hold.suspend`.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SuspendLine {
    /// `overdue` (or `non_payment`), `fraud`, `operator`.
    pub cause: String,
    /// What is owed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub debt: Option<String>,
}

/// `hold.disable`.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DisableLine {
    /// Why.
    pub reason: String,
}

/// Why a line is not taken. It never shows a password.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LineError {
    /// Longer than any subscription.
    #[error("the line is longer than {LINE_LEN_MAX} octets")]
    TooLong,
    /// No JSON object with known keys.
    #[error("{0}")]
    Json(String),
    /// No CSV record that fits the header.
    #[error("{0}")]
    Csv(String),
    /// A key that must be there.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A password and an NT hash.
    #[error("password and nt_hash are both given: one of them is enough")]
    TwoCredentials,
    /// A value that is none of its kind.
    #[error("{key} {value:?}: {why}")]
    Value {
        /// The key.
        key: &'static str,
        /// The value, cut short.
        value: String,
        /// What is wrong with it.
        why: String,
    },
}

/// What a line is read by.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// Where dates are.
    pub zone: BillingZone,
    /// What amounts are in.
    pub currency: Currency,
    /// When the line is read: ids made here carry it.
    pub now: Timestamp,
}

/// An instant from a date alone or an RFC 3339 time.
///
/// # Errors
/// In words, if the text is neither.
pub fn instant(
    text: &str,
    of_date: impl FnOnce(CivilDate) -> Result<Timestamp, garth_subscription::calendar::CalendarError>,
) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let date = text.parse::<CivilDate>().map_err(|_| {
        "not a date such as 2027-01-31 or an RFC 3339 time such as 2027-01-31T00:00:00Z".to_owned()
    })?;
    of_date(date).map_err(|error| error.to_string())
}

/// A new id, ordered by time, and within a millisecond by when it was asked for.
#[must_use]
pub fn new_id(now: Timestamp) -> SubscriptionId {
    /// How much of an id counts; 32 bits are left to chance.
    const COUNTER_BITS: u8 = 42;
    static COUNTER: OnceLock<AtomicU64> = OnceLock::new();
    // It starts anywhere, so that two edges do not count alike.
    let counter = COUNTER.get_or_init(|| {
        let (_, random) = Uuid::new_v4().as_u64_pair();
        AtomicU64::new(random >> COUNTER_BITS)
    });
    let count = counter.fetch_add(1, Ordering::Relaxed);
    let millis = u64::try_from(now.unix_millis()).expect("instants start at 1970");
    let nanos = u32::try_from(millis % 1_000 * 1_000_000).expect("below a second");
    let at =
        uuid::Timestamp::from_unix_time(millis / 1_000, nanos, u128::from(count), COUNTER_BITS);
    SubscriptionId(Uuid::new_v7(at))
}

impl ImportLine {
    /// A line of JSON.
    ///
    /// # Errors
    /// [`LineError::Json`].
    pub fn from_json(line: &[u8]) -> Result<Self, LineError> {
        serde_json::from_slice(line).map_err(|error| LineError::Json(without_value(&error)))
    }

    /// The subscription that the line tells of.
    ///
    /// # Errors
    /// [`LineError`], naming key and value.
    pub fn checked(self, context: &Context) -> Result<NewSubscription, LineError> {
        let zone = context.zone;
        let id = match &self.id {
            Some(text) => SubscriptionId(parse("id", text)?),
            None => new_id(context.now),
        };
        let plan = self.plan.as_deref().ok_or(LineError::Missing("plan"))?;
        let create = Create {
            id,
            plan: parse("plan", plan)?,
            services: services(self.services.as_deref().unwrap_or_default())?,
            start_at: dated("start_at", self.start_at.as_deref(), |d| zone.start_of(d))?,
            paid_through: dated("paid_through", self.paid_through.as_deref(), |d| {
                zone.end_of(d)
            })?,
            anchor_day: self.anchor_day,
            balance: money("balance", self.balance.as_deref(), context.currency)?,
            holds: holds(self.hold.as_ref(), context)?,
            renewal: Renewal::default(),
            active_to: dated("active_to", self.active_to.as_deref(), |d| zone.end_of(d))?,
        };
        Ok(NewSubscription {
            subscriber: self.subscriber()?,
            credential: self.credential()?,
            create,
        })
    }

    fn credential(&self) -> Result<Option<Credential>, LineError> {
        match (&self.password, &self.nt_hash) {
            (Some(text), None) => {
                let password = text.parse().map_err(|why| unshown("password", why))?;
                Ok(Some(Credential::Password(password)))
            }
            (None, Some(text)) => {
                let hash = text.parse().map_err(|why| unshown("nt_hash", why))?;
                Ok(Some(Credential::NtHash(hash)))
            }
            (Some(_), Some(_)) => Err(LineError::TwoCredentials),
            (None, None) => Ok(None),
        }
    }

    fn subscriber(&self) -> Result<Subscriber, LineError> {
        let language = match self.language.as_deref() {
            Some(code) => Some(Language::from_code(code).ok_or_else(|| {
                let known: Vec<_> = Language::ALL.iter().map(|known| known.code()).collect();
                wrong("language", code, format!("allowed: {}", known.join(", ")))
            })?),
            None => None,
        };
        Ok(Subscriber {
            user_name: optional("username", self.username.as_deref())?,
            mac: optional("mac", self.mac.as_deref())?,
            circuit_id: optional("circuit_id", self.circuit_id.as_deref())?,
            remote_id: optional("remote_id", self.remote_id.as_deref())?,
            external_id: optional("external_id", self.external_id.as_deref())?,
            name: optional("name", self.name.as_deref())?,
            phone: optional("phone", self.phone.as_deref())?,
            language,
            framed_ipv4: optional("framed_ipv4", self.framed_ipv4.as_deref())?,
            framed_ipv6: optional("framed_ipv6", self.framed_ipv6.as_deref())?,
            delegated_ipv6: optional("delegated_ipv6", self.delegated_ipv6.as_deref())?,
            framed_routes: routes(self.framed_routes.as_deref().unwrap_or_default())?,
            partner: optional("partner", self.partner.as_deref())?,
            reseller: optional("reseller", self.reseller.as_deref())?,
        })
    }

    /// The line that tells of a subscription, so that an import brings it back.
    ///
    /// `None` for one that has ended: a line cannot say so. Grace given, what is in the journal
    /// and since when a hold stands are not part of a line either. `credential` is written as it is.
    #[must_use]
    pub fn of(
        subscription: &Subscription,
        now: Timestamp,
        credential: Option<&Credential>,
    ) -> Option<Self> {
        let facts = settled(&subscription.facts, now);
        let start_at = match &facts.phase {
            Phase::Pending { start_at } => Some(start_at.to_string()),
            Phase::Started { .. } => None,
            Phase::Ended { .. } => return None,
        };
        // An import banks what is paid beyond its own now, so banked time is written that way.
        let running = facts.holds.pause.filter(|pause| pause.has_begun);
        let to_come = facts.holds.pause.filter(|pause| !pause.has_begun);
        let paid_through = match running {
            Some(pause) => now.saturating_add(pause.banked),
            None => facts.paid_through,
        };
        let (_, _, anchor_day) = facts.anchor.date.ymd();
        let subscriber = &subscription.subscriber;
        let (password, nt_hash) = match credential {
            Some(Credential::Password(password)) => (Some(password.expose().to_owned()), None),
            Some(Credential::NtHash(hash)) => (None, Some(hash.expose_text())),
            None => (None, None),
        };
        let routes = subscriber.framed_routes.as_slice();
        Some(Self {
            id: Some(facts.id.to_string()),
            username: text(subscriber.user_name.as_ref()),
            password,
            nt_hash,
            mac: text(subscriber.mac),
            circuit_id: text(subscriber.circuit_id.as_ref()),
            remote_id: text(subscriber.remote_id.as_ref()),
            external_id: text(subscriber.external_id.as_ref()),
            plan: Some(facts.plan.to_string()),
            services: (!facts.services.is_empty()).then(|| service_lines(&facts.services)),
            paid_through: Some(paid_through.to_string()),
            start_at,
            anchor_day: u8::try_from(anchor_day).ok(),
            balance: (!facts.balance.is_zero()).then(|| facts.balance.amount()),
            hold: hold_line(&facts.holds),
            framed_ipv4: text(subscriber.framed_ipv4),
            framed_ipv6: text(subscriber.framed_ipv6),
            delegated_ipv6: text(subscriber.delegated_ipv6),
            framed_routes: (!routes.is_empty())
                .then(|| routes.iter().map(ToString::to_string).collect()),
            language: text(subscriber.language.map(Language::code)),
            name: text(subscriber.name.as_ref()),
            phone: text(subscriber.phone.as_ref()),
            partner: text(subscriber.partner.as_ref()),
            reseller: text(subscriber.reseller.as_ref()),
            active_to: text(to_come.map(|pause| pause.from)),
        })
    }
}

fn text<T: ToString>(value: Option<T>) -> Option<String> {
    value.map(|value| value.to_string())
}

fn wrong(key: &'static str, value: &str, why: impl std::fmt::Display) -> LineError {
    LineError::Value {
        key,
        value: value.chars().take(SHOWN_MAX).collect(),
        why: format!("{why}"),
    }
}

/// What is wrong with a secret, without it.
fn unshown(key: &'static str, why: impl std::fmt::Display) -> LineError {
    LineError::Value {
        key,
        value: "…".to_owned(),
        why: format!("{why}"),
    }
}

fn routes(lines: &[String]) -> Result<FramedRoutes, LineError> {
    let key = "framed_routes";
    let routes = lines.iter().map(|line| parse(key, line));
    let routes = routes.collect::<Result<_, LineError>>()?;
    FramedRoutes::new(routes).map_err(|why| wrong(key, &lines.join("; "), why))
}

fn parse<T>(key: &'static str, text: &str) -> Result<T, LineError>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    text.parse().map_err(|why| wrong(key, text, why))
}

fn optional<T>(key: &'static str, text: Option<&str>) -> Result<Option<T>, LineError>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    text.map(|text| parse(key, text)).transpose()
}

fn dated(
    key: &'static str,
    text: Option<&str>,
    of_date: impl FnOnce(CivilDate) -> Result<Timestamp, garth_subscription::calendar::CalendarError>,
) -> Result<Option<Timestamp>, LineError> {
    text.map(|text| instant(text, of_date).map_err(|why| wrong(key, text, why)))
        .transpose()
}

fn money(
    key: &'static str,
    text: Option<&str>,
    currency: Currency,
) -> Result<Option<Money>, LineError> {
    text.map(|text| Money::parse(text, currency).map_err(|why| wrong(key, text, why)))
        .transpose()
}

fn services(lines: &[ServiceLine]) -> Result<Vec<Service>, LineError> {
    lines
        .iter()
        .map(|line| {
            let (plan, state) = match line {
                ServiceLine::Plan(plan) => (plan, "effective"),
                ServiceLine::Stated(stated) => (&stated.plan, stated.state.as_str()),
            };
            let known = [
                ServiceState::Draft,
                ServiceState::Effective,
                ServiceState::Held,
                ServiceState::Ended,
            ];
            let state = known
                .into_iter()
                .find(|known| service_state_name(*known) == state)
                .ok_or_else(|| {
                    wrong(
                        "services.state",
                        state,
                        "allowed: draft, effective, held, ended",
                    )
                })?;
            Ok(Service {
                plan: parse("services.plan", plan)?,
                state,
                invoicing: None,
            })
        })
        .collect()
}

fn holds(line: Option<&HoldLine>, context: &Context) -> Result<Vec<InitialHold>, LineError> {
    let Some(line) = line else {
        return Ok(Vec::new());
    };
    let mut holds = Vec::new();
    if let Some(pause) = &line.pause {
        let zone = context.zone;
        let until = dated("hold.pause.until", pause.until.as_deref(), |d| {
            zone.end_of(d)
        })?;
        holds.push(InitialHold::Pause { until });
    }
    if let Some(suspend) = &line.suspend {
        let cause = cause_from_name(&suspend.cause).ok_or_else(|| {
            let allowed = "allowed: overdue, fraud, operator";
            wrong("hold.suspend.cause", &suspend.cause, allowed)
        })?;
        let debt = money(
            "hold.suspend.debt",
            suspend.debt.as_deref(),
            context.currency,
        )?;
        holds.push(InitialHold::Suspend { cause, debt });
    }
    if let Some(disable) = &line.disable {
        holds.push(InitialHold::Disable {
            reason: parse("hold.disable.reason", &disable.reason)?,
        });
    }
    Ok(holds)
}

fn service_lines(services: &[Service]) -> Vec<ServiceLine> {
    services
        .iter()
        .map(|service| match service.state {
            ServiceState::Effective => ServiceLine::Plan(service.plan.to_string()),
            ServiceState::Draft | ServiceState::Held | ServiceState::Ended => {
                ServiceLine::Stated(StatedService {
                    plan: service.plan.to_string(),
                    state: service_state_name(service.state).to_owned(),
                })
            }
        })
        .collect()
}

fn hold_line(holds: &garth_subscription::facts::Holds) -> Option<HoldLine> {
    let pause = holds.pause.filter(|pause| pause.has_begun);
    if pause.is_none() && holds.suspend.is_none() && holds.disable.is_none() {
        return None;
    }
    Some(HoldLine {
        pause: pause.map(|pause| PauseLine {
            until: text(pause.until),
        }),
        suspend: holds.suspend.as_ref().map(|suspend| SuspendLine {
            cause: cause_name(suspend.cause).to_owned(),
            debt: suspend.debt.map(Money::amount),
        }),
        disable: holds.disable.as_ref().map(|disable| DisableLine {
            reason: disable.reason.to_string(),
        }),
    })
}

/// The keys and values of one CSV record, on their way to an [`ImportLine`].
pub(crate) type Fields = BTreeMap<&'static str, String>;

/// What is wrong, and where; the value itself may be a password.
fn without_value(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let shows_a_value = ["invalid type", "invalid value", "invalid length"];
    let Some(kind) = shows_a_value.iter().find(|kind| said.starts_with(**kind)) else {
        return said;
    };
    let expected = said.rfind(", expected").map_or("", |at| &said[at..]);
    format!("{kind}{expected}")
}

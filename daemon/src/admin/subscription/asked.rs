//! What the body of a command asks for, checked as far as it can be without the subscription.
//!
//! A field that is not taken is named with what is allowed. Times are a date, which is its first
//! instant in the billing time zone, or an RFC 3339 time.
//!
//! Not here: what the rules say to it (`subscription`), what it needs to know of the subscription
//! (`complete`).

use garth_subscription::calendar::{CivilDate, Months};
use garth_subscription::command::{ChangeStart, Note, PauseEnd, When};
use garth_subscription::facts::{Invoicing, SuspendCause};
use garth_subscription::text::{PaymentId, PlanId, Reason};
use garth_subscription::{Command, Money, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::verb::Verb;
use crate::admin::problem::Problem;
use crate::admin::wire::{cause_from_name, invoicing_from_name};
use crate::import::Context;

/// What is said with every command: why, and what the ISP notes of it (L30).
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    pub(crate) reason: Option<Reason>,
    pub(crate) note: Note,
}

/// What a body asks for.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    /// A command that is complete.
    Command(Command),
    /// Months, for money that is taken now.
    Months(Purchase),
    /// What was planned for the end of its paid time is called off (L10).
    ActiveOn,
    /// The wall is put off for so many hours from now.
    PostponeHours(u32),
    /// Some of how it goes on at the end of its paid time.
    Renewal(RenewalAsked),
}

/// Months and the money for them.
#[derive(Clone, Debug)]
pub(crate) struct Purchase {
    /// How many; those of the quote where nothing is said.
    pub(crate) months: Option<Months>,
    /// What they cost now where nothing is said.
    pub(crate) amount: Option<Money>,
    /// Made here where nothing is said.
    pub(crate) payment: Option<PaymentId>,
    /// A price that was promised (E6).
    pub(crate) quote: Option<Uuid>,
    /// Nobody can confirm the money yet (E16).
    pub(crate) is_provisional: bool,
    /// It pauses at the end of them (L13).
    pub(crate) then_pause: bool,
    /// Only for one that is walled (T5, T6).
    pub(crate) is_reactivation: bool,
}

/// What is set of a renewal; the rest stays as it is. `Some(None)` is the policy's default.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RenewalAsked {
    pub(crate) months: Option<Option<Months>>,
    pub(crate) use_credit: Option<Option<bool>>,
    pub(crate) invoicing: Option<Option<Invoicing>>,
}

/// What a body with nothing of its own may have: see [`Said`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RenewBody {
    months: u16,
    #[serde(default)]
    then_pause: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PayBody {
    months: Option<u16>,
    #[serde(default)]
    from_balance: bool,
    amount: Option<String>,
    payment_id: Option<String>,
    quote: Option<String>,
    #[serde(default)]
    provisional: bool,
    #[serde(default)]
    then_pause: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GraceBody {
    days: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PauseBody {
    at: Option<String>,
    after_days: Option<u32>,
    until: Option<String>,
    for_days: Option<u32>,
    #[serde(default)]
    locked: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActiveToBody {
    at: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SuspendBody {
    cause: String,
    debt: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PostponeBody {
    until: Option<String>,
    hours: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfirmedBody {
    #[serde(default)]
    confirmed: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangePlanBody {
    plan: String,
    start: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TerminateBody {
    at: Option<String>,
    after_days: Option<u32>,
    #[serde(default)]
    confirmed: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetBody {
    renew_months: Option<Value>,
    use_credit: Option<Value>,
    invoicing: Option<String>,
}

/// Takes what is said with every command out of `body`.
pub(crate) fn said(body: &mut Map<String, Value>, context: &Context) -> Result<Said, Problem> {
    let performed_at = taken(body, "performed_at")?
        .map(|text: String| match moment("performed_at", &text)? {
            Moment::At(at) => Ok(at),
            Moment::On(date) => {
                let start = context.zone.start_of(date);
                start.map_err(|error| wrong("performed_at", &text, error))
            }
        })
        .transpose()?;
    Ok(Said {
        reason: parsed(body, "reason")?,
        note: Note {
            sub_type: parsed(body, "sub_type")?,
            performed_by: parsed(body, "performed_by")?,
            performed_at,
        },
    })
}

/// What `body`, without what [`said`] takes, asks `verb` to do.
///
/// A dry run needs no confirmation: it is what one looks at before confirming.
pub(crate) fn asked(
    verb: Verb,
    body: Map<String, Value>,
    context: &Context,
    is_dry_run: bool,
) -> Result<Asked, Problem> {
    let command = match verb {
        Verb::Pay | Verb::Reactivate => {
            return purchase(typed(body)?, verb == Verb::Reactivate, context);
        }
        Verb::Set => return Ok(Asked::Renewal(renewal(&typed(body)?)?)),
        Verb::Postpone => return postpone(&typed(body)?, context),
        Verb::ActiveTo => return active_to(&typed(body)?),
        Verb::Renew => renew(&typed(body)?)?,
        Verb::Grace => grace(&typed(body)?),
        Verb::Pause => pause(&typed(body)?)?,
        Verb::Suspend => suspend(&typed(body)?, context)?,
        Verb::ChangePlan => change_plan(&typed(body)?)?,
        Verb::Disable => {
            let asked: ConfirmedBody = typed(body)?;
            Command::Disable {
                confirmed: asked.confirmed || is_dry_run,
            }
        }
        Verb::Terminate => terminate(&typed(body)?, is_dry_run)?,
        Verb::EndPause
        | Verb::Lift
        | Verb::Enable
        | Verb::CancelChange
        | Verb::Cancel
        | Verb::CancelTermination
        | Verb::Reinstate => {
            let Nothing {} = typed(body)?;
            plain(verb)
        }
    };
    Ok(Asked::Command(command))
}

/// The command of a verb that carries nothing.
fn plain(verb: Verb) -> Command {
    match verb {
        Verb::EndPause => Command::EndPause,
        Verb::Lift => Command::Lift,
        Verb::Enable => Command::Enable,
        Verb::CancelChange => Command::CancelChange,
        Verb::Cancel => Command::Cancel,
        Verb::CancelTermination => Command::CancelTermination,
        Verb::Reinstate => Command::Reinstate,
        Verb::Renew
        | Verb::Pay
        | Verb::Reactivate
        | Verb::Grace
        | Verb::Pause
        | Verb::ActiveTo
        | Verb::Suspend
        | Verb::Postpone
        | Verb::Disable
        | Verb::ChangePlan
        | Verb::Terminate
        | Verb::Set => unreachable!("it carries something"),
    }
}

/// A body as what it must be; every field is known.
pub(crate) fn typed<T: DeserializeOwned>(body: Map<String, Value>) -> Result<T, Problem> {
    serde_json::from_value(Value::Object(body))
        .map_err(|error| Problem::malformed(format!("body: {error}")))
}

/// Takes a field out of a body; `null` is not there.
fn taken<T: DeserializeOwned>(
    body: &mut Map<String, Value>,
    key: &str,
) -> Result<Option<T>, Problem> {
    match body.remove(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => serde_json::from_value(value)
            .map(Some)
            .map_err(|error| Problem::malformed(format!("{key}: {error}"))),
    }
}

/// Takes a field out of a body that is text of a kind.
fn parsed<T>(body: &mut Map<String, Value>, key: &str) -> Result<Option<T>, Problem>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let text: Option<String> = taken(body, key)?;
    text.map(|text| {
        text.parse()
            .map_err(|error| Problem::malformed(format!("{key}: {error}")))
    })
    .transpose()
}

/// The longest value shown in a complaint, in characters.
const SHOWN_MAX: usize = 60;

fn wrong(key: &str, value: &str, why: impl std::fmt::Display) -> Problem {
    let shown: String = value.chars().take(SHOWN_MAX).collect();
    Problem::malformed(format!("{key} {shown:?}: {why}"))
}

/// A time as people give it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Moment {
    /// RFC 3339.
    At(Timestamp),
    /// The first instant of that day in the billing time zone.
    On(CivilDate),
}

pub(crate) fn moment(key: &str, text: &str) -> Result<Moment, Problem> {
    if let Ok(at) = text.parse() {
        return Ok(Moment::At(at));
    }
    text.parse().map(Moment::On).map_err(|_| {
        wrong(
            key,
            text,
            "not a date such as 2027-01-31 or an RFC 3339 time such as 2027-01-31T00:00:00Z",
        )
    })
}

impl Moment {
    /// The instant, by the zone of `context`.
    pub(crate) fn instant(self, key: &str, context: &Context) -> Result<Timestamp, Problem> {
        match self {
            Self::At(at) => Ok(at),
            Self::On(date) => context
                .zone
                .start_of(date)
                .map_err(|error| Problem::malformed(format!("{key}: {error}"))),
        }
    }
}

/// When something begins: at once where nothing is said (L24).
fn when(at: Option<&String>, after_days: Option<u32>) -> Result<When, Problem> {
    match (at, after_days) {
        (None, None) => Ok(When::Now),
        (Some(text), None) => Ok(match moment("at", text)? {
            Moment::At(at) => When::At(at),
            Moment::On(date) => When::On(date),
        }),
        (None, Some(days)) => Ok(When::AfterDays(days)),
        (Some(_), Some(_)) => Err(Problem::malformed("give either at or after_days")),
    }
}

pub(crate) fn months(count: u16) -> Result<Months, Problem> {
    Months::new(count).map_err(|error| Problem::malformed(format!("months: {error}")))
}

pub(crate) fn money(key: &str, text: &str, context: &Context) -> Result<Money, Problem> {
    Money::parse(text, context.currency).map_err(|error| wrong(key, text, error))
}

fn purchase(asked: PayBody, is_reactivation: bool, context: &Context) -> Result<Asked, Problem> {
    let months = asked.months.map(months).transpose()?;
    if asked.from_balance {
        let is_alone = asked.amount.is_none() && asked.payment_id.is_none();
        if !is_alone || asked.quote.is_some() || asked.provisional || is_reactivation {
            return Err(Problem::malformed(
                "from_balance takes neither amount, payment_id, quote nor provisional",
            ));
        }
        let count = asked.months.unwrap_or_default();
        let body = RenewBody {
            months: count,
            then_pause: asked.then_pause,
        };
        return Ok(Asked::Command(renew(&body)?));
    }
    if asked.quote.is_some() && (asked.provisional || asked.months.is_some()) {
        let detail =
            "quote says how many months and at what price: it takes neither months nor provisional";
        return Err(Problem::malformed(detail));
    }
    if asked.quote.is_none() && months.is_none() {
        return Err(Problem::malformed(
            "months: missing; give months, or a quote",
        ));
    }
    let payment = asked.payment_id.as_deref().map(|text| {
        text.parse()
            .map_err(|error| wrong("payment_id", text, error))
    });
    let quote = asked.quote.as_deref().map(|text| {
        text.parse()
            .map_err(|_| wrong("quote", text, "the id of a quote is a UUID"))
    });
    Ok(Asked::Months(Purchase {
        months,
        amount: asked
            .amount
            .map(|text| money("amount", &text, context))
            .transpose()?,
        payment: payment.transpose()?,
        quote: quote.transpose()?,
        is_provisional: asked.provisional,
        then_pause: asked.then_pause,
        is_reactivation,
    }))
}

fn renew(asked: &RenewBody) -> Result<Command, Problem> {
    Ok(Command::Pay {
        months: months(asked.months)?,
        tender: garth_subscription::command::Tender::Balance,
        then_pause: asked.then_pause,
    })
}

const fn grace(asked: &GraceBody) -> Command {
    Command::Grace { days: asked.days }
}

fn pause(asked: &PauseBody) -> Result<Command, Problem> {
    let end = match (&asked.until, asked.for_days) {
        (None, None) => PauseEnd::Open,
        (Some(text), None) => match moment("until", text)? {
            Moment::At(at) => PauseEnd::At(at),
            Moment::On(date) => PauseEnd::On(date),
        },
        (None, Some(days)) => PauseEnd::ForDays(days),
        (Some(_), Some(_)) => {
            return Err(Problem::malformed("give either until or for_days"));
        }
    };
    Ok(Command::Pause {
        start: when(asked.at.as_ref(), asked.after_days)?,
        end,
        is_locked: asked.locked,
    })
}

/// The word for "it runs on" where a date can be given.
const NO_DATE: &str = "none";

fn active_to(asked: &ActiveToBody) -> Result<Asked, Problem> {
    if asked.at == NO_DATE {
        return Ok(Asked::ActiveOn);
    }
    Ok(Asked::Command(Command::Pause {
        start: when(Some(&asked.at), None)?,
        end: PauseEnd::Open,
        is_locked: false,
    }))
}

fn suspend(asked: &SuspendBody, context: &Context) -> Result<Command, Problem> {
    let cause: SuspendCause = cause_from_name(&asked.cause).ok_or_else(|| {
        wrong(
            "cause",
            &asked.cause,
            "allowed are overdue, fraud, operator",
        )
    })?;
    Ok(Command::Suspend {
        cause,
        debt: asked
            .debt
            .as_ref()
            .map(|text| money("debt", text, context))
            .transpose()?,
        as_of: None,
    })
}

fn postpone(asked: &PostponeBody, context: &Context) -> Result<Asked, Problem> {
    let until = match (&asked.until, asked.hours) {
        (Some(_), Some(_)) => return Err(Problem::malformed("give either until or hours")),
        (None, Some(hours)) => return Ok(Asked::PostponeHours(hours)),
        (Some(text), None) => Some(moment("until", text)?.instant("until", context)?),
        (None, None) => None,
    };
    Ok(Asked::Command(Command::Postpone { until }))
}

fn change_plan(asked: &ChangePlanBody) -> Result<Command, Problem> {
    let plan: PlanId = asked
        .plan
        .parse()
        .map_err(|error| wrong("plan", &asked.plan, error))?;
    let start = match asked.start.as_deref() {
        None | Some("next_period") => ChangeStart::NextPeriod,
        Some("now") => ChangeStart::Now,
        Some(text) => ChangeStart::On(text.parse().map_err(|_| {
            let allowed = "allowed are now, next_period and a date such as 2027-01-31";
            wrong("start", text, allowed)
        })?),
    };
    Ok(Command::ChangePlan { plan, start })
}

fn terminate(asked: &TerminateBody, is_dry_run: bool) -> Result<Command, Problem> {
    Ok(Command::Terminate {
        when: when(asked.at.as_ref(), asked.after_days)?,
        confirmed: asked.confirmed || is_dry_run,
    })
}

/// The word that puts a setting back to what policy says.
const DEFAULT: &str = "default";

fn renewal(asked: &SetBody) -> Result<RenewalAsked, Problem> {
    let renew_months = asked.renew_months.as_ref().map(|value| match value {
        Value::String(text) if text == DEFAULT => Ok(None),
        Value::Number(number) => {
            let count = number.as_u64().and_then(|count| u16::try_from(count).ok());
            months(count.unwrap_or_default()).map(Some)
        }
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            Err(wrong(
                "renew_months",
                &value.to_string(),
                "allowed are a number of months and default",
            ))
        }
    });
    let use_credit = asked.use_credit.as_ref().map(|value| match value {
        Value::String(text) if text == DEFAULT => Ok(None),
        Value::Bool(is_on) => Ok(Some(*is_on)),
        Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            Err(wrong(
                "use_credit",
                &value.to_string(),
                "allowed are true, false and default",
            ))
        }
    });
    let invoicing = asked.invoicing.as_deref().map(|text| match text {
        DEFAULT => Ok(None),
        name => invoicing_from_name(name).map(Some).ok_or_else(|| {
            wrong(
                "invoicing",
                text,
                "allowed are forward, backward and default",
            )
        }),
    });
    let wanted = RenewalAsked {
        months: renew_months.transpose()?,
        use_credit: use_credit.transpose()?,
        invoicing: invoicing.transpose()?,
    };
    if wanted.months.is_none() && wanted.use_credit.is_none() && wanted.invoicing.is_none() {
        return Err(Problem::malformed(
            "nothing to set: give renew_months, use_credit or invoicing",
        ));
    }
    Ok(wanted)
}

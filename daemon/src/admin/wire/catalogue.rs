//! Plans, and what months cost.

use std::num::{NonZeroU8, NonZeroU32};

use garth_subscription::plan::{Plan, PlanKind};
use garth_subscription::quote::{Quote, QuoteLine};
use serde::{Deserialize, Serialize};

use super::{MoneyBody, text};

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
    /// The most sessions at once; any number if `null`.
    pub session_limit: Option<u8>,
    /// A session ends after so many seconds without traffic; as the NAS does it if `null`.
    pub idle_timeout_seconds: Option<u32>,
    /// Where IPv4 addresses come from.
    pub framed_pool: Option<String>,
    /// Where the IPv6 prefixes of links come from.
    pub framed_ipv6_pool: Option<String>,
    /// Where delegated IPv6 prefixes come from.
    pub delegated_ipv6_pool: Option<String>,
    /// What is on sale.
    pub prices: Vec<PriceBody>,
    /// What its subscribers may change to.
    pub change_to: Vec<String>,
}

impl From<&Plan> for PlanBody {
    fn from(plan: &Plan) -> Self {
        let session = &plan.session;
        Self {
            id: plan.id.to_string(),
            name: plan.name.to_string(),
            kind: plan_kind_name(plan.kind).to_owned(),
            down_kbps: plan.down_kbps,
            up_kbps: plan.up_kbps,
            session_limit: session.session_limit.map(NonZeroU8::get),
            idle_timeout_seconds: session.idle_timeout_seconds.map(NonZeroU32::get),
            framed_pool: text(session.framed_pool.as_ref()),
            framed_ipv6_pool: text(session.framed_ipv6_pool.as_ref()),
            delegated_ipv6_pool: text(session.delegated_ipv6_pool.as_ref()),
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

//! The plan file: the whole catalogue, declared.

use std::num::{NonZeroU8, NonZeroU32};

use garth_subscription::Money;
use garth_subscription::calendar::Months;
use garth_subscription::money::Currency;
use garth_subscription::plan::{Plan, PlanKind, PriceLine, SessionTerms};
use serde::{Deserialize, Serialize};

use super::{LineError, optional, parse, wrong};
use crate::admin::wire::plan_kind_name;

/// A catalogue as it is written: TOML in a file, JSON on the wire.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    /// All plans on sale.
    #[serde(default)]
    pub plan: Vec<PlanLine>,
}

/// One plan as it is written.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PlanLine {
    /// Its name in commands and files.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// `internet`, `voice`, `recurring`.
    pub kind: String,
    /// To the subscriber, in kbit/s.
    #[serde(default)]
    pub down_kbps: u32,
    /// From the subscriber, in kbit/s.
    #[serde(default)]
    pub up_kbps: u32,
    /// The most sessions of a subscription at once, 1 to 255; any number where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_limit: Option<NonZeroU8>,
    /// A session ends after so many seconds without traffic; as the NAS does it where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout_seconds: Option<NonZeroU32>,
    /// Where IPv4 addresses come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framed_pool: Option<String>,
    /// Where the IPv6 prefixes of links come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framed_ipv6_pool: Option<String>,
    /// Where delegated IPv6 prefixes come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delegated_ipv6_pool: Option<String>,
    /// What is on sale.
    #[serde(default)]
    pub prices: Vec<PriceText>,
    /// What its subscribers may change to.
    #[serde(default)]
    pub change_to: Vec<String>,
}

/// One price as it is written.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PriceText {
    /// How many months it buys.
    pub months: u16,
    /// For all of them.
    pub amount: String,
}

impl PlanFile {
    /// The plans, each for itself in order; the catalogue as a whole is checked by the store.
    ///
    /// # Errors
    /// [`LineError`], naming key and value.
    pub fn checked(self, currency: Currency) -> Result<Vec<Plan>, LineError> {
        self.plan
            .into_iter()
            .map(|line| line.checked(currency))
            .collect()
    }
}

impl PlanLine {
    fn checked(self, currency: Currency) -> Result<Plan, LineError> {
        let kinds = [PlanKind::Internet, PlanKind::Voice, PlanKind::Recurring];
        let kind = kinds
            .into_iter()
            .find(|kind| plan_kind_name(*kind) == self.kind)
            .ok_or_else(|| {
                wrong(
                    "plan.kind",
                    &self.kind,
                    "allowed: internet, voice, recurring",
                )
            })?;
        if kind == PlanKind::Internet && (self.down_kbps == 0 || self.up_kbps == 0) {
            let why = "an internet plan needs down_kbps and up_kbps above zero";
            return Err(wrong("plan.id", &self.id, why));
        }
        let price = |line: &PriceText| {
            Ok(PriceLine {
                months: Months::new(line.months)
                    .map_err(|why| wrong("plan.prices.months", &line.months.to_string(), why))?,
                amount: Money::parse(&line.amount, currency)
                    .map_err(|why| wrong("plan.prices.amount", &line.amount, why))?,
            })
        };
        Ok(Plan {
            id: parse("plan.id", &self.id)?,
            name: parse("plan.name", &self.name)?,
            kind,
            down_kbps: self.down_kbps,
            up_kbps: self.up_kbps,
            session: SessionTerms {
                session_limit: self.session_limit,
                idle_timeout_seconds: self.idle_timeout_seconds,
                framed_pool: optional("plan.framed_pool", self.framed_pool.as_deref())?,
                framed_ipv6_pool: optional(
                    "plan.framed_ipv6_pool",
                    self.framed_ipv6_pool.as_deref(),
                )?,
                delegated_ipv6_pool: optional(
                    "plan.delegated_ipv6_pool",
                    self.delegated_ipv6_pool.as_deref(),
                )?,
            },
            prices: self.prices.iter().map(price).collect::<Result<_, _>>()?,
            change_to: self
                .change_to
                .iter()
                .map(|id| parse("plan.change_to", id))
                .collect::<Result<_, _>>()?,
        })
    }
}

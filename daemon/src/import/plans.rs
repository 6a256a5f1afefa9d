//! The plan file: the whole catalogue, declared.

use garth_subscription::Money;
use garth_subscription::calendar::Months;
use garth_subscription::money::Currency;
use garth_subscription::plan::{Plan, PlanKind, PriceLine};
use serde::{Deserialize, Serialize};

use super::{LineError, parse, wrong};
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
            prices: self.prices.iter().map(price).collect::<Result<_, _>>()?,
            change_to: self
                .change_to
                .iter()
                .map(|id| parse("plan.change_to", id))
                .collect::<Result<_, _>>()?,
        })
    }
}

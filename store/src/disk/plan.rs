//! Plans on the disk.

use garth_subscription::calendar::Months;
use garth_subscription::plan::{Plan, PlanKind, PriceLine};
use minicbor::{Decode, Encode};

use super::{Damaged, MoneyRow, codes, money, money_row, of_row, plan_id, text, to_row};

#[derive(Decode, Encode)]
struct PlanRow<'a> {
    #[b(0)]
    id: &'a str,
    #[b(1)]
    name: &'a str,
    #[n(2)]
    kind: u8,
    #[n(3)]
    down_kbps: u32,
    #[n(4)]
    up_kbps: u32,
    #[n(5)]
    prices: Vec<PriceRow>,
    #[b(6)]
    change_to: Vec<&'a str>,
}

#[derive(Decode, Encode)]
struct PriceRow {
    #[n(0)]
    months: u16,
    #[n(1)]
    amount: MoneyRow,
}

codes!(PlanKind, "kind of plan", kind_code, kind_of: Internet = 1, Voice = 2, Recurring = 3);

/// The row of a plan.
pub(crate) fn encode_plan(plan: &Plan) -> Vec<u8> {
    to_row(&PlanRow {
        id: plan.id.as_str(),
        name: plan.name.as_str(),
        kind: kind_code(plan.kind),
        down_kbps: plan.down_kbps,
        up_kbps: plan.up_kbps,
        prices: plan
            .prices
            .iter()
            .map(|line| PriceRow {
                months: line.months.get(),
                amount: money_row(line.amount),
            })
            .collect(),
        change_to: plan.change_to.iter().map(|id| id.as_str()).collect(),
    })
}

/// The plan of a row.
pub(crate) fn decode_plan(octets: &[u8]) -> Result<Plan, Damaged> {
    let row: PlanRow<'_> = of_row("plan", octets)?;
    let price = |line: &PriceRow| {
        Ok(PriceLine {
            months: Months::new(line.months).map_err(|error| Damaged::new("price", error))?,
            amount: money(&line.amount)?,
        })
    };
    Ok(Plan {
        id: plan_id(row.id)?,
        name: text("plan name", row.name)?,
        kind: kind_of(row.kind)?,
        down_kbps: row.down_kbps,
        up_kbps: row.up_kbps,
        prices: row
            .prices
            .iter()
            .map(price)
            .collect::<Result<_, Damaged>>()?,
        change_to: row
            .change_to
            .iter()
            .map(|id| plan_id(id))
            .collect::<Result<_, Damaged>>()?,
    })
}

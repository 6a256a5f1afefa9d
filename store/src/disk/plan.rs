//! Plans on the disk.

use std::num::{NonZeroU8, NonZeroU32};

use garth_subscription::calendar::Months;
use garth_subscription::plan::{Plan, PlanKind, PriceLine, SessionTerms};
use garth_subscription::text::PoolName;
use minicbor::{Decode, Encode};

use super::{
    Damaged, MoneyRow, codes, money, money_row, of_row, optional_text, plan_id, text, to_row,
};

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
    /// Fields from here on came with schema 4.
    #[n(7)]
    session_limit: Option<u8>,
    #[n(8)]
    idle_timeout_seconds: Option<u32>,
    #[b(9)]
    framed_pool: Option<&'a str>,
    #[b(10)]
    framed_ipv6_pool: Option<&'a str>,
    #[b(11)]
    delegated_ipv6_pool: Option<&'a str>,
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
    let session = &plan.session;
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
        session_limit: session.session_limit.map(NonZeroU8::get),
        idle_timeout_seconds: session.idle_timeout_seconds.map(NonZeroU32::get),
        framed_pool: session.framed_pool.as_ref().map(PoolName::as_str),
        framed_ipv6_pool: session.framed_ipv6_pool.as_ref().map(PoolName::as_str),
        delegated_ipv6_pool: session.delegated_ipv6_pool.as_ref().map(PoolName::as_str),
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
        session: session(&row)?,
    })
}

fn session(row: &PlanRow<'_>) -> Result<SessionTerms, Damaged> {
    let zero = |what| move || Damaged::new(what, "it is 0");
    let pool = |name| optional_text("pool", name);
    Ok(SessionTerms {
        session_limit: row
            .session_limit
            .map(|limit| NonZeroU8::new(limit).ok_or_else(zero("session limit")))
            .transpose()?,
        idle_timeout_seconds: row
            .idle_timeout_seconds
            .map(|seconds| NonZeroU32::new(seconds).ok_or_else(zero("idle timeout")))
            .transpose()?,
        framed_pool: pool(row.framed_pool)?,
        framed_ipv6_pool: pool(row.framed_ipv6_pool)?,
        delegated_ipv6_pool: pool(row.delegated_ipv6_pool)?,
    })
}

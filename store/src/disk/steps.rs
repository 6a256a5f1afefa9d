//! The steps of a journal entry, on the disk.
//!
//! They are hashed into the chain with their entry and read back to be replayed, so no number of a
//! variant is ever given again.

use garth_subscription::calendar::BillingZone;
use garth_subscription::change::{Change, Charge, Step};
use garth_subscription::facts::SubscriptionId;
use minicbor::{Decode, Encode};

use super::facts::{
    FactsRow, PauseRow, PlanChangeRow, ProvisionalRow, RenewalRow, SuspendRow, TerminationRow,
    ending_code, ending_of, facts, facts_row, months, pause, pause_row, plan_change,
    plan_change_row, provisional, provisional_row, renewal, renewal_row, suspend, suspend_row,
    termination, termination_row,
};
use super::{
    Damaged, MoneyRow, codes, instant, money, money_row, optional_money, optional_text, plan_id,
    text,
};

#[derive(Decode, Encode)]
pub(super) struct StepRow<'a> {
    #[n(0)]
    at: i64,
    #[b(1)]
    change: ChangeRow<'a>,
}

#[derive(Decode, Encode)]
enum ChangeRow<'a> {
    #[n(1)]
    Created(#[b(0)] Box<FactsRow<'a>>),
    #[n(2)]
    Started,
    #[n(3)]
    MoneyIn(#[n(0)] MoneyRow),
    #[n(4)]
    MoneyOut(#[n(0)] MoneyRow),
    #[n(5)]
    Charged(#[n(0)] u8, #[n(1)] MoneyRow),
    #[n(6)]
    DebtSettled(#[n(0)] MoneyRow),
    #[n(7)]
    MonthsBought(#[n(0)] u16, #[n(1)] MoneyRow, #[n(2)] bool, #[b(3)] &'a str),
    #[n(8)]
    Renewed(
        #[n(0)] u16,
        #[n(1)] MoneyRow,
        #[n(2)] Option<u16>,
        #[b(3)] &'a str,
    ),
    #[n(9)]
    Lapsed,
    #[n(10)]
    RenewalSet(#[n(0)] RenewalRow),
    #[n(11)]
    Graced(#[n(0)] u32, #[b(1)] &'a str),
    #[n(12)]
    PausePlanned(#[n(0)] PauseRow),
    #[n(13)]
    PauseBegan(#[n(0)] u16),
    #[n(14)]
    PauseEnded,
    #[n(15)]
    PauseDropped,
    #[n(16)]
    Suspended(#[b(0)] SuspendRow<'a>),
    #[n(17)]
    Lifted(#[n(0)] Option<MoneyRow>),
    #[n(18)]
    Postponed(#[n(0)] i64, #[n(1)] bool),
    #[n(19)]
    Disabled(#[b(0)] &'a str),
    #[n(20)]
    Enabled,
    #[n(21)]
    ChangePlanned(#[b(0)] PlanChangeRow<'a>),
    #[n(22)]
    ChangeCancelled,
    #[n(23)]
    PlanChanged(#[b(0)] &'a str, #[n(1)] MoneyRow, #[n(2)] bool),
    #[n(24)]
    TerminationPlanned(#[b(0)] TerminationRow<'a>),
    #[n(25)]
    TerminationCancelled,
    #[n(26)]
    Ended(
        #[n(0)] u8,
        #[b(1)] &'a str,
        #[b(2)] Option<&'a str>,
        #[n(3)] bool,
    ),
    #[n(27)]
    Reinstated,
    #[n(28)]
    ProvisionalTaken(#[b(0)] ProvisionalRow<'a>),
    #[n(29)]
    ProvisionalDone(#[b(0)] &'a str),
    #[n(30)]
    Compensated(#[n(0)] MoneyRow),
}

codes!(Charge, "charge", charge_code, charge_of: Arrears = 1, PauseFee = 2);

/// The row of a step.
pub(super) fn step_row(step: &Step) -> StepRow<'_> {
    StepRow {
        at: step.at.unix_millis(),
        change: change_row(&step.change),
    }
}

/// The step of a row, of that subscription.
pub(super) fn step(id: SubscriptionId, row: &StepRow<'_>) -> Result<Step, Damaged> {
    Ok(Step {
        at: instant(row.at)?,
        change: change(id, &row.change)?,
    })
}

fn change_row(change: &Change) -> ChangeRow<'_> {
    match change {
        Change::Created(facts) => ChangeRow::Created(Box::new(facts_row(facts))),
        Change::Started => ChangeRow::Started,
        Change::MoneyIn(amount) => ChangeRow::MoneyIn(money_row(*amount)),
        Change::MoneyOut(amount) => ChangeRow::MoneyOut(money_row(*amount)),
        Change::Charged { charge, amount } => {
            ChangeRow::Charged(charge_code(*charge), money_row(*amount))
        }
        Change::DebtSettled(amount) => ChangeRow::DebtSettled(money_row(*amount)),
        Change::MonthsBought {
            months,
            price,
            keeps_anchor,
            zone,
        } => ChangeRow::MonthsBought(
            months.get(),
            money_row(*price),
            *keeps_anchor,
            zone.as_str(),
        ),
        Change::Renewed {
            months,
            price,
            unbilled,
            zone,
        } => ChangeRow::Renewed(
            months.get(),
            money_row(*price),
            unbilled.map(|months| months.get()),
            zone.as_str(),
        ),
        Change::Lapsed => ChangeRow::Lapsed,
        Change::RenewalSet(renewal) => ChangeRow::RenewalSet(renewal_row(renewal)),
        Change::Graced { days, zone } => ChangeRow::Graced(*days, zone.as_str()),
        Change::PausePlanned(pause) => ChangeRow::PausePlanned(pause_row(*pause)),
        Change::PauseBegan { year } => ChangeRow::PauseBegan(*year),
        Change::PauseEnded => ChangeRow::PauseEnded,
        Change::PauseDropped => ChangeRow::PauseDropped,
        Change::Suspended(suspend) => ChangeRow::Suspended(suspend_row(suspend)),
        Change::Lifted { waived } => ChangeRow::Lifted(waived.map(money_row)),
        Change::Postponed { until, by_customer } => {
            ChangeRow::Postponed(until.unix_millis(), *by_customer)
        }
        Change::Disabled { reason } => ChangeRow::Disabled(reason.as_str()),
        Change::Enabled => ChangeRow::Enabled,
        Change::ChangePlanned(change) => ChangeRow::ChangePlanned(plan_change_row(change)),
        Change::ChangeCancelled => ChangeRow::ChangeCancelled,
        Change::PlanChanged {
            plan,
            price,
            was_planned,
        } => ChangeRow::PlanChanged(plan.as_str(), money_row(*price), *was_planned),
        Change::TerminationPlanned(end) => ChangeRow::TerminationPlanned(termination_row(end)),
        Change::TerminationCancelled => ChangeRow::TerminationCancelled,
        Change::Ended {
            how,
            by,
            reason,
            was_planned,
        } => ChangeRow::Ended(
            ending_code(*how),
            by.as_str(),
            reason.as_ref().map(|reason| reason.as_str()),
            *was_planned,
        ),
        Change::Reinstated => ChangeRow::Reinstated,
        Change::ProvisionalTaken(taken) => ChangeRow::ProvisionalTaken(provisional_row(taken)),
        Change::ProvisionalDone { payment } => ChangeRow::ProvisionalDone(payment.as_str()),
        Change::Compensated(amount) => ChangeRow::Compensated(money_row(*amount)),
    }
}

fn change(id: SubscriptionId, row: &ChangeRow<'_>) -> Result<Change, Damaged> {
    Ok(match row {
        ChangeRow::Created(row) => Change::Created(Box::new(facts(id, row)?)),
        ChangeRow::Started => Change::Started,
        ChangeRow::MoneyIn(amount) => Change::MoneyIn(money(amount)?),
        ChangeRow::MoneyOut(amount) => Change::MoneyOut(money(amount)?),
        ChangeRow::Charged(code, amount) => Change::Charged {
            charge: charge_of(*code)?,
            amount: money(amount)?,
        },
        ChangeRow::DebtSettled(amount) => Change::DebtSettled(money(amount)?),
        ChangeRow::MonthsBought(count, price, keeps_anchor, name) => Change::MonthsBought {
            months: months(*count)?,
            price: money(price)?,
            keeps_anchor: *keeps_anchor,
            zone: zone(name)?,
        },
        ChangeRow::Renewed(count, price, unbilled, name) => Change::Renewed {
            months: months(*count)?,
            price: money(price)?,
            unbilled: unbilled.map(months).transpose()?,
            zone: zone(name)?,
        },
        ChangeRow::Lapsed => Change::Lapsed,
        ChangeRow::RenewalSet(row) => Change::RenewalSet(renewal(row)?),
        ChangeRow::Graced(days, name) => Change::Graced {
            days: *days,
            zone: zone(name)?,
        },
        ChangeRow::PausePlanned(row) => Change::PausePlanned(pause(row)?),
        ChangeRow::PauseBegan(year) => Change::PauseBegan { year: *year },
        ChangeRow::PauseEnded => Change::PauseEnded,
        ChangeRow::PauseDropped => Change::PauseDropped,
        ChangeRow::Suspended(row) => Change::Suspended(Box::new(suspend(row)?)),
        ChangeRow::Lifted(waived) => Change::Lifted {
            waived: optional_money(waived.as_ref())?,
        },
        ChangeRow::Postponed(until, by_customer) => Change::Postponed {
            until: instant(*until)?,
            by_customer: *by_customer,
        },
        ChangeRow::Disabled(reason) => Change::Disabled {
            reason: text("reason", reason)?,
        },
        ChangeRow::Enabled => Change::Enabled,
        ChangeRow::ChangePlanned(row) => Change::ChangePlanned(Box::new(plan_change(row)?)),
        ChangeRow::ChangeCancelled => Change::ChangeCancelled,
        ChangeRow::PlanChanged(plan, price, was_planned) => Change::PlanChanged {
            plan: plan_id(plan)?,
            price: money(price)?,
            was_planned: *was_planned,
        },
        ChangeRow::TerminationPlanned(row) => {
            Change::TerminationPlanned(Box::new(termination(row)?))
        }
        ChangeRow::TerminationCancelled => Change::TerminationCancelled,
        ChangeRow::Ended(how, by, reason, was_planned) => Change::Ended {
            how: ending_of(*how)?,
            by: text("actor", by)?,
            reason: optional_text("reason", *reason)?,
            was_planned: *was_planned,
        },
        ChangeRow::Reinstated => Change::Reinstated,
        ChangeRow::ProvisionalTaken(row) => Change::ProvisionalTaken(provisional(row)?),
        ChangeRow::ProvisionalDone(payment) => Change::ProvisionalDone {
            payment: text("payment id", payment)?,
        },
        ChangeRow::Compensated(amount) => Change::Compensated(money(amount)?),
    })
}

fn zone(name: &str) -> Result<BillingZone, Damaged> {
    text("time zone", name)
}

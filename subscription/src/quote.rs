//! What months would cost a subscription now: the price before anyone pays.

use crate::calendar::Months;
use crate::facts::{Facts, ServiceState, SuspendCause};
use crate::money::Money;
use crate::policy::Rules;
use crate::refusal::Refusal;
use crate::text::PlanId;

/// One line of a quote.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum QuoteLine {
    /// What is owed from before.
    Debt(Money),
    /// Months of one plan of the bundle.
    Months {
        /// Of which plan.
        plan: PlanId,
        /// For all the months.
        amount: Money,
    },
    /// Credit on the account that is used first; below zero.
    Credit(Money),
}

/// What a number of months costs, line by line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Quote {
    /// How many.
    pub months: Months,
    /// What makes up the total.
    pub lines: Vec<QuoteLine>,
    /// What all of it costs, before credit.
    pub price: Money,
    /// What is left to pay: zero where the credit covers it.
    pub total: Money,
}

/// What `months` cost the subscription with these facts.
///
/// # Errors
/// [`Refusal::UnknownPlan`], [`Refusal::Months`], or a sum out of range.
pub fn quote(facts: &Facts, months: Months, rules: &Rules) -> Result<Quote, Refusal> {
    let mut lines = Vec::new();
    let mut price = Money::zero(rules.catalogue.currency());
    if let Some(debt) = debt(facts) {
        price = price.checked_add(debt)?;
        lines.push(QuoteLine::Debt(debt));
    }
    for plan in billed_plans(facts) {
        let amount = price_of(plan, months, rules)?;
        price = price.checked_add(amount)?;
        lines.push(QuoteLine::Months {
            plan: plan.clone(),
            amount,
        });
    }
    let credit = facts.balance.or_zero().min(price);
    if credit.is_positive() {
        lines.push(QuoteLine::Credit(
            Money::zero(credit.currency()).checked_sub(credit)?,
        ));
    }
    // A debt on the account is due with the months; a debt of the suspension is in the lines already.
    let total = price.checked_sub(facts.balance)?.or_zero();
    Ok(Quote {
        months,
        lines,
        price,
        total,
    })
}

/// One quote per number of months on sale for the subscription, fewest first.
///
/// # Errors
/// As [`quote`]; a bundle in which one plan lacks a number of months leaves that number out.
pub fn offers(facts: &Facts, rules: &Rules) -> Result<Vec<Quote>, Refusal> {
    let plan = rules
        .catalogue
        .get(&facts.plan)
        .ok_or_else(|| Refusal::UnknownPlan(facts.plan.clone()))?;
    Ok(plan
        .prices
        .iter()
        .filter_map(|line| quote(facts, line.months, rules).ok())
        .collect())
}

/// What the suspension is for, where paying can clear it.
#[must_use]
pub fn debt(facts: &Facts) -> Option<Money> {
    let suspend = facts.holds.suspend.as_ref()?;
    match suspend.cause {
        SuspendCause::Overdue | SuspendCause::Operator => suspend.debt,
        SuspendCause::Fraud => None,
    }
}

/// The plans that are billed together: the access plan and every service that has not ended.
fn billed_plans(facts: &Facts) -> impl Iterator<Item = &PlanId> {
    let further = facts
        .services
        .iter()
        .filter(|service| service.state != ServiceState::Ended);
    std::iter::once(&facts.plan).chain(further.map(|service| &service.plan))
}

fn price_of(id: &PlanId, months: Months, rules: &Rules) -> Result<Money, Refusal> {
    let plan = rules
        .catalogue
        .get(id)
        .ok_or_else(|| Refusal::UnknownPlan(id.clone()))?;
    plan.price(months).ok_or_else(|| Refusal::Months {
        months,
        plan: id.clone(),
        on_sale: plan
            .prices
            .iter()
            .map(|line| line.months.to_string())
            .collect::<Vec<_>>()
            .join(", "),
    })
}

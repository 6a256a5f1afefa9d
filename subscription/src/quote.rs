//! What months would cost a subscription now: the price before anyone pays.

use crate::calendar::Months;
use crate::facts::{Facts, Invoicing, ServiceState, SuspendCause};
use crate::money::{Money, MoneyError};
use crate::plan::Plan;
use crate::policy::Terms;
use crate::refusal::Refusal;
use crate::text::PlanId;
use crate::time::Timestamp;

/// One line of a quote.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum QuoteLine {
    /// What is owed from before: for a suspension, or by the account.
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

/// Months at a price that was promised for a time (E6).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Offer {
    /// How many.
    pub months: Months,
    /// What they cost, without any debt.
    pub price: Money,
    /// What is owed besides and is paid with them.
    pub debt: Money,
    /// Whether it pauses at the end of them (L13).
    pub then_pause: bool,
    /// Money taken at this instant or later buys nothing by itself: a new quote is needed.
    pub expires_at: Timestamp,
}

impl Quote {
    /// What is owed from before, in its lines.
    ///
    /// # Panics
    /// Never: its lines are of one currency.
    #[must_use]
    pub fn debt(&self) -> Money {
        let debts = self.lines.iter().filter_map(|line| match line {
            QuoteLine::Debt(amount) => Some(*amount),
            QuoteLine::Months { .. } | QuoteLine::Credit(_) => None,
        });
        debts.fold(Money::zero(self.price.currency()), |sum, debt| {
            sum.checked_add(debt)
                .expect("the price holds this sum already")
        })
    }

    /// The promise to sell at this quote's price until `expires_at`.
    ///
    /// # Panics
    /// Never: the debt is a part of the price.
    #[must_use]
    pub fn offer(&self, then_pause: bool, expires_at: Timestamp) -> Offer {
        let debt = self.debt();
        Offer {
            months: self.months,
            price: self
                .price
                .checked_sub(debt)
                .expect("the debt is a part of the price"),
            debt,
            then_pause,
            expires_at,
        }
    }
}

/// What `months` cost the subscription with these facts.
///
/// # Errors
/// [`Refusal::UnknownPlan`], [`Refusal::Months`], or a sum out of range.
pub fn quote(facts: &Facts, months: Months, terms: Terms<'_>) -> Result<Quote, Refusal> {
    let mut lines = Vec::new();
    let mut price = Money::zero(terms.catalogue.currency());
    let account = facts.balance.negated().or_zero();
    let debts = [debt(facts), Some(account).filter(|debt| debt.is_positive())];
    for debt in debts.into_iter().flatten() {
        price = price.checked_add(debt)?;
        lines.push(QuoteLine::Debt(debt));
    }
    for plan in plans_of(facts) {
        let amount = price_of(plan, months, terms)?;
        price = price.checked_add(amount)?;
        lines.push(QuoteLine::Months {
            plan: plan.clone(),
            amount,
        });
    }
    let credit = facts.balance.or_zero().min(price);
    if credit.is_positive() {
        lines.push(QuoteLine::Credit(credit.negated()));
    }
    let total = price.checked_sub(credit)?;
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
pub fn offers(facts: &Facts, terms: Terms<'_>) -> Result<Vec<Quote>, Refusal> {
    let plan = known(access_plan(facts), terms)?;
    Ok(plan
        .prices
        .iter()
        .filter_map(|line| quote(facts, line.months, terms).ok())
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

/// The plan for access that the next months are of: the agreed one where it takes hold with them.
fn access_plan(facts: &Facts) -> &PlanId {
    match &facts.plan_change {
        Some(change) if change.at <= facts.paid_through => &change.plan,
        Some(_) | None => &facts.plan,
    }
}

/// The plans that are billed together: the access plan and every service that has not ended.
fn plans_of(facts: &Facts) -> impl Iterator<Item = &PlanId> {
    std::iter::once(access_plan(facts)).chain(services_of(facts).map(|(plan, _)| plan))
}

fn services_of(facts: &Facts) -> impl Iterator<Item = (&PlanId, Option<Invoicing>)> {
    facts
        .services
        .iter()
        .filter(|service| service.state != ServiceState::Ended)
        .map(|service| (&service.plan, service.invoicing))
}

/// What a renewal of `months` costs of the plans that are paid for before, or of those that are paid for
/// after. `None` where there is no such plan.
pub(crate) fn renewal_price(
    facts: &Facts,
    months: Months,
    invoicing: Invoicing,
    terms: Terms<'_>,
) -> Result<Option<Money>, Refusal> {
    let default = facts
        .renewal
        .invoicing
        .unwrap_or(terms.policy.renewal.invoicing);
    let all = std::iter::once((access_plan(facts), None)).chain(services_of(facts));
    let mut sum = None;
    for (plan, _) in all.filter(|(_, own)| own.unwrap_or(default) == invoicing) {
        let so_far = sum.unwrap_or(Money::zero(terms.catalogue.currency()));
        sum = Some(so_far.checked_add(price_of(plan, months, terms)?)?);
    }
    Ok(sum)
}

/// How many months a renewal is of: as agreed, or the fewest on sale.
pub(crate) fn renewal_months(facts: &Facts, terms: Terms<'_>) -> Result<Months, Refusal> {
    if let Some(months) = facts.renewal.months {
        return Ok(months);
    }
    let plan = known(access_plan(facts), terms)?;
    let fewest = plan.prices.first().ok_or_else(|| Refusal::NotOnSale {
        plan: plan.id.clone(),
    })?;
    Ok(fewest.months)
}

/// The plan of that id.
pub(crate) fn known<'a>(id: &PlanId, terms: Terms<'a>) -> Result<&'a Plan, Refusal> {
    terms
        .catalogue
        .get(id)
        .ok_or_else(|| Refusal::UnknownPlan(id.clone()))
}

fn price_of(id: &PlanId, months: Months, terms: Terms<'_>) -> Result<Money, Refusal> {
    let plan = known(id, terms)?;
    if let Some(amount) = plan.price(months) {
        return Ok(amount);
    }
    let on_sale: Vec<String> = plan
        .prices
        .iter()
        .map(|line| line.months.to_string())
        .collect();
    if on_sale.is_empty() {
        return Err(Refusal::NotOnSale { plan: id.clone() });
    }
    Err(Refusal::Months {
        months,
        plan: id.clone(),
        on_sale: on_sale.join(", "),
    })
}

/// The sum of what is owed: by the account and for the suspension. Zero where nothing is.
///
/// # Errors
/// [`MoneyError`] beyond what can be kept.
pub fn owed(facts: &Facts) -> Result<Money, MoneyError> {
    let account = facts.balance.negated().or_zero();
    match debt(facts) {
        Some(debt) => account.checked_add(debt),
        None => Ok(account),
    }
}

//! What is sold: plans, their speeds and their prices per number of months.

use std::collections::BTreeMap;
use std::num::{NonZeroU8, NonZeroU32};

use crate::calendar::Months;
use crate::money::{Currency, Money};
use crate::text::{Label, PlanId, PoolName};

/// What a plan is for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum PlanKind {
    /// Access to the Internet; a subscription has one of these.
    Internet,
    /// Telephony billed together with it.
    Voice,
    /// Anything else billed together with it.
    Recurring,
}

/// The price of `months` months together (E12: not `months` times a rounded price).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PriceLine {
    /// How many months it buys.
    pub months: Months,
    /// For all of them.
    pub amount: Money,
}

/// What a plan asks of the NAS besides its rates; the NAS's own choice where nothing is said.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct SessionTerms {
    /// The most sessions that a subscription may have at once; any number where `None`.
    pub session_limit: Option<NonZeroU8>,
    /// After so many seconds without traffic a session ends (Idle-Timeout, RFC 2865 section 5.28).
    pub idle_timeout_seconds: Option<NonZeroU32>,
    /// Where IPv4 addresses come from (Framed-Pool, RFC 2869 section 5.18).
    pub framed_pool: Option<PoolName>,
    /// Where the prefixes of links come from (Framed-IPv6-Pool, RFC 3162 section 2.6).
    pub framed_ipv6_pool: Option<PoolName>,
    /// Where delegated prefixes come from (Delegated-IPv6-Prefix-Pool, RFC 6911 section 3.4).
    pub delegated_ipv6_pool: Option<PoolName>,
}

/// A plan of the catalogue.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// Its name in commands and files.
    pub id: PlanId,
    /// Its name for people.
    pub name: Label,
    /// What it is for.
    pub kind: PlanKind,
    /// To the subscriber, in kbit/s.
    pub down_kbps: u32,
    /// From the subscriber, in kbit/s.
    pub up_kbps: u32,
    /// What it asks of the NAS.
    pub session: SessionTerms,
    /// The numbers of months on sale (L8), each once, in rising order.
    pub prices: Vec<PriceLine>,
    /// Plans that its subscribers may change to (L15).
    pub change_to: Vec<PlanId>,
}

impl Plan {
    /// The price of `months` months, if that number is on sale.
    #[must_use]
    pub fn price(&self, months: Months) -> Option<Money> {
        self.prices
            .iter()
            .find(|line| line.months == months)
            .map(|line| line.amount)
    }
}

/// Why a set of plans is no catalogue.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CatalogueError {
    /// The same plan twice.
    #[error("plan {0} is given twice")]
    DuplicatePlan(PlanId),
    /// The same number of months twice.
    #[error("plan {plan} has two prices for {months} months")]
    DuplicateMonths {
        /// The plan.
        plan: PlanId,
        /// The number given twice.
        months: Months,
    },
    /// A price below zero or in another currency than the account's.
    #[error("plan {plan}: the price {amount} must be zero or more, in {currency}")]
    Price {
        /// The plan.
        plan: PlanId,
        /// The price given.
        amount: Money,
        /// The billing currency.
        currency: Currency,
    },
    /// A change to a plan that is not there.
    #[error("plan {plan} lists {target} in change_to, but there is no such plan")]
    UnknownTarget {
        /// The plan.
        plan: PlanId,
        /// What it names.
        target: PlanId,
    },
}

/// The plans on sale, checked as a whole.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Catalogue {
    currency: Currency,
    plans: BTreeMap<PlanId, Plan>,
}

impl Catalogue {
    /// A catalogue of `plans`, all priced in `currency`.
    ///
    /// # Errors
    /// [`CatalogueError`], naming the plan at fault.
    pub fn new(currency: Currency, plans: Vec<Plan>) -> Result<Self, CatalogueError> {
        let mut catalogue = Self {
            currency,
            plans: BTreeMap::new(),
        };
        for mut plan in plans {
            plan.prices.sort_by_key(|line| line.months);
            if let Some(pair) = plan
                .prices
                .windows(2)
                .find(|pair| pair[0].months == pair[1].months)
            {
                return Err(CatalogueError::DuplicateMonths {
                    months: pair[0].months,
                    plan: plan.id,
                });
            }
            if let Some(line) = plan
                .prices
                .iter()
                .find(|line| line.amount.minor() < 0 || line.amount.currency() != currency)
            {
                return Err(CatalogueError::Price {
                    amount: line.amount,
                    plan: plan.id,
                    currency,
                });
            }
            if let Some(twice) = catalogue.plans.insert(plan.id.clone(), plan) {
                return Err(CatalogueError::DuplicatePlan(twice.id));
            }
        }
        for plan in catalogue.plans.values() {
            if let Some(target) = plan
                .change_to
                .iter()
                .find(|id| !catalogue.plans.contains_key(*id))
            {
                return Err(CatalogueError::UnknownTarget {
                    plan: plan.id.clone(),
                    target: target.clone(),
                });
            }
        }
        Ok(catalogue)
    }

    /// The billing currency.
    #[must_use]
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// The plan of that id.
    #[must_use]
    pub fn get(&self, id: &PlanId) -> Option<&Plan> {
        self.plans.get(id)
    }

    /// All plans, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Plan> {
        self.plans.values()
    }

    /// How many plans there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.plans.len()
    }

    /// Whether nothing is on sale.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.plans.is_empty()
    }
}

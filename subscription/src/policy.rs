//! Policies as data: what an ISP decides once for all its subscriptions.

use crate::calendar::BillingZone;
use crate::money::Money;
use crate::plan::Catalogue;

/// What [`crate::decide()`] asks where the rules leave a choice.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    /// Where days and months are counted.
    pub zone: BillingZone,
    /// Whether subscribers may pay their way out of the garden themselves (L12).
    pub customer_reactivation: bool,
    /// Whether anyone may be suspended for debt at all (L12).
    pub suspension: bool,
    /// Whether a subscriber may pause in the portal.
    pub customer_pause: bool,
    /// The longest pause, in days; an open one is refused where this is set (L28).
    pub pause_days_max: Option<u32>,
    /// The longest grace one command may give, in days (L7).
    pub grace_days_max: u32,
    /// The least debt that may suspend (L11); any debt where `None`.
    pub debt_min: Option<Money>,
}

impl Policy {
    /// What holds where the operator says nothing.
    #[must_use]
    pub const fn new(zone: BillingZone) -> Self {
        Self {
            zone,
            customer_reactivation: true,
            suspension: true,
            customer_pause: true,
            pause_days_max: None,
            grace_days_max: 30,
            debt_min: None,
        }
    }
}

/// What decisions are made by: the policies and what is on sale.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rules {
    /// The ISP's choices.
    pub policy: Policy,
    /// What is on sale, and in which currency.
    pub catalogue: Catalogue,
}

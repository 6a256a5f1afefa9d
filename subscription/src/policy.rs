//! Policies as data: what an ISP decides once, for all its subscriptions or for those of one partner.
//!
//! A [`Policy`] is complete: what a partner leaves open was filled from the default before it got
//! here (L19). [`Rules`] holds all of them with the catalogue; [`Terms`] is the part that one
//! subscription's decisions are made by.

use std::collections::BTreeMap;

use crate::calendar::{BillingZone, CivilDate, Weekday};
use crate::facts::Invoicing;
use crate::money::Money;
use crate::plan::Catalogue;
use crate::text::Label;
use crate::time::Span;

/// What [`crate::decide()`] asks where the rules leave a choice.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    /// Where days and months are counted.
    pub zone: BillingZone,
    /// Whether subscribers may pay their way out of the garden themselves (L12).
    pub customer_reactivation: bool,
    /// Whether subscribers may end their subscription themselves (T18, T19).
    pub customer_termination: bool,
    /// For how many days after its end a subscription may be reinstated (L23).
    pub retention_days: u32,
    /// The longest grace, in days from the end of paid time or from now (L7).
    pub grace_days_max: u32,
    /// How paid time is renewed.
    pub renewal: RenewalPolicy,
    /// How a subscription may be paused.
    pub pause: PausePolicy,
    /// When a debt suspends.
    pub suspension: SuspensionPolicy,
    /// How a plan may be changed.
    pub change: ChangePolicy,
    /// What may be given for money that nobody can confirm yet.
    pub provisional: ProvisionalPolicy,
}

/// How paid time is renewed (L9, L10, T5).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RenewalPolicy {
    /// Whether credit buys the next months by itself.
    pub use_credit: bool,
    /// When a period is paid for.
    pub invoicing: Invoicing,
    /// Whether months bought after an expiry still end on the old day of the month.
    pub keeps_anchor: bool,
}

/// How a subscription may be paused (L28).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PausePolicy {
    /// Whether subscribers may pause in the portal.
    pub customer: bool,
    /// The longest pause, in days; an open one is refused where this is set.
    pub days_max: Option<u32>,
    /// Pauses that may begin in one civil year.
    pub times_per_year: Option<u16>,
    /// Days of pause in one civil year; an open pause is refused where this is set.
    pub days_per_year: Option<u16>,
    /// Months that it must have run without a break before.
    pub active_months_min: Option<u16>,
    /// What a pause costs, from the credit on the account.
    pub fee: Option<Money>,
    /// Whether one may pause who owes something.
    pub with_debt: bool,
}

/// When a debt suspends (L11, L14, E14).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SuspensionPolicy {
    /// Whether anyone is suspended for debt at all (L12).
    pub enabled: bool,
    /// The least debt that may suspend; any debt where `None`.
    pub debt_min: Option<Money>,
    /// Days from the debt to the suspension.
    pub delay_days: u32,
    /// Days of the week on which nobody is suspended for debt.
    pub excluded_weekdays: Vec<Weekday>,
    /// Dates on which nobody is suspended for debt.
    pub holidays: Vec<CivilDate>,
    /// The local time of day at which the timer suspends, in minutes from midnight.
    pub minute_of_day: u16,
    /// How old a statement of debt may be.
    pub debt_age_max: Span,
    /// Whether a subscriber may postpone a suspension, once for each.
    pub customer_postpone: bool,
    /// For how many hours at most.
    pub postpone_hours_max: u32,
    /// Whether a chargeback suspends at once (T24).
    pub on_chargeback: bool,
}

/// What a change of plan costs for paid time that is left (L16).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Proration {
    /// The old plan's unused money is paid back, the new plan is paid for.
    Exact,
    /// A dearer plan costs the difference; a cheaper one pays nothing back.
    ChargeOnly,
    /// Nothing is paid either way until the next months.
    None,
}

impl Proration {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Exact, Self::ChargeOnly, Self::None];

    /// The name in the configuration, in `snake_case`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::ChargeOnly => "charge_only",
            Self::None => "none",
        }
    }
}

/// How a plan may be changed (L15, L16).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ChangePolicy {
    /// Whether subscribers may change their plan themselves.
    pub self_change: bool,
    /// Whether subscribers may ask for a change, which becomes a ticket.
    pub request_change: bool,
    /// What is paid for time that is left.
    pub proration: Proration,
    /// What a change to a dearer plan costs besides.
    pub fee_up: Option<Money>,
    /// What a change to a cheaper plan costs besides.
    pub fee_down: Option<Money>,
}

/// What may be given for money that nobody can confirm yet (E16).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProvisionalPolicy {
    /// Such payments of one subscription at a time.
    pub count_max: u32,
    /// Their sum at most; no bound where `None`.
    pub value_max: Option<Money>,
}

impl Policy {
    /// What holds where the operator says nothing.
    #[must_use]
    pub const fn new(zone: BillingZone) -> Self {
        Self {
            zone,
            customer_reactivation: true,
            customer_termination: false,
            retention_days: 90,
            grace_days_max: 30,
            renewal: RenewalPolicy {
                use_credit: true,
                invoicing: Invoicing::Forward,
                keeps_anchor: false,
            },
            pause: PausePolicy {
                customer: true,
                days_max: None,
                times_per_year: None,
                days_per_year: None,
                active_months_min: None,
                fee: None,
                with_debt: true,
            },
            suspension: SuspensionPolicy {
                enabled: true,
                debt_min: None,
                delay_days: 14,
                excluded_weekdays: Vec::new(),
                holidays: Vec::new(),
                minute_of_day: 9 * 60,
                debt_age_max: Span::from_days(3),
                customer_postpone: true,
                postpone_hours_max: 72,
                on_chargeback: true,
            },
            change: ChangePolicy {
                self_change: true,
                request_change: true,
                proration: Proration::Exact,
                fee_up: None,
                fee_down: None,
            },
            provisional: ProvisionalPolicy {
                count_max: 1,
                value_max: None,
            },
        }
    }
}

/// The policies of an ISP: one for all, and those of partners where they differ (L19).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policies {
    /// What holds for a subscription without a partner, or whose partner has no policy of its own.
    pub default: Policy,
    /// By the partner's name.
    pub partners: BTreeMap<Label, Policy>,
}

impl Policies {
    /// Policies that make no difference between partners.
    #[must_use]
    pub const fn new(default: Policy) -> Self {
        Self {
            default,
            partners: BTreeMap::new(),
        }
    }

    /// What holds for the subscriptions of `partner`.
    #[must_use]
    pub fn of(&self, partner: Option<&Label>) -> &Policy {
        partner
            .and_then(|partner| self.partners.get(partner))
            .unwrap_or(&self.default)
    }
}

/// Everything decisions are made by: the policies and what is on sale.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rules {
    /// The ISP's choices.
    pub policies: Policies,
    /// What is on sale, and in which currency.
    pub catalogue: Catalogue,
}

impl Rules {
    /// What holds for the subscriptions of `partner`.
    #[must_use]
    pub fn terms(&self, partner: Option<&Label>) -> Terms<'_> {
        Terms {
            policy: self.policies.of(partner),
            catalogue: &self.catalogue,
        }
    }

    /// Where days and months are counted: the same for all.
    #[must_use]
    pub const fn zone(&self) -> BillingZone {
        self.policies.default.zone
    }
}

/// What decisions about one subscription are made by.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The ISP's choices, for its partner.
    pub policy: &'a Policy,
    /// What is on sale, and in which currency.
    pub catalogue: &'a Catalogue,
}

//! Which subscriptions are meant: what a list is narrowed to, and a bulk is given to.

use garth_store::record::Subscription;
use garth_subscription::standing::standing;
use garth_subscription::text::{Label, PlanId};
use garth_subscription::{Standing, Timestamp};

use crate::admin::problem::Problem;

/// The keys that a filter knows.
pub(crate) const KEYS: [&str; 4] = ["standing", "plan", "partner", "reseller"];

/// All that is set must be so; nothing set takes all.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Filter {
    standing: Option<Standing>,
    plan: Option<PlanId>,
    partner: Option<Label>,
    reseller: Option<Label>,
}

impl Filter {
    /// The filter whose values `value_of` gives by key.
    pub(crate) fn read<'a>(value_of: impl Fn(&str) -> Option<&'a str>) -> Result<Self, Problem> {
        let standing = value_of("standing").map(|name| {
            let found = Standing::ALL
                .into_iter()
                .find(|known| known.as_str() == name);
            found.ok_or_else(|| {
                let known = Standing::ALL.map(Standing::as_str).join(", ");
                Problem::malformed(format!("standing: {name:?} is none of {known}"))
            })
        });
        Ok(Self {
            standing: standing.transpose()?,
            plan: parsed("plan", value_of("plan"))?,
            partner: parsed("partner", value_of("partner"))?,
            reseller: parsed("reseller", value_of("reseller"))?,
        })
    }

    /// Whether the subscription is meant, by its standing at `now`.
    pub(crate) fn takes(&self, subscription: &Subscription, now: Timestamp) -> bool {
        let (facts, subscriber) = (&subscription.facts, &subscription.subscriber);
        let is = || standing(&facts.standing_facts(), now);
        let is_of = |wanted: &Option<Label>, has: &Option<Label>| wanted.is_none() || wanted == has;
        self.plan.as_ref().is_none_or(|plan| *plan == facts.plan)
            && is_of(&self.partner, &subscriber.partner)
            && is_of(&self.reseller, &subscriber.reseller)
            && self.standing.is_none_or(|wanted| wanted == is())
    }
}

fn parsed<T>(key: &str, text: Option<&str>) -> Result<Option<T>, Problem>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    text.map(|text| {
        text.parse()
            .map_err(|error| Problem::malformed(format!("{key}: {error}")))
    })
    .transpose()
}

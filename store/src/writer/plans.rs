//! The catalogue, replaced as a whole.

use std::collections::BTreeSet;
use std::sync::Arc;

use garth_subscription::Actor;
use garth_subscription::plan::{Catalogue, Plan};
use garth_subscription::policy::Rules;
use garth_subscription::text::PlanId;
use redb::ReadableTable;

use super::{Batch, Stop};
use crate::disk::{decode_subscription, encode_plan};
use crate::fault::Fault;
use crate::tables::id_of;
use crate::write::{PlansApplied, WriteError};

impl Batch<'_> {
    /// Puts `plans` in the place of the catalogue. A plan in use cannot vanish.
    pub(super) fn apply_plans(
        &mut self,
        plans: Vec<Plan>,
        actor: &Actor,
    ) -> Result<PlansApplied, Stop> {
        let old = &self.rules.catalogue;
        let catalogue = Catalogue::new(old.currency(), plans).map_err(WriteError::from)?;
        let mut applied = PlansApplied::default();
        for plan in catalogue.iter() {
            match old.get(&plan.id) {
                None => applied.added.push(plan.id.clone()),
                Some(known) if known != plan => applied.changed.push(plan.id.clone()),
                Some(_) => {}
            }
        }
        let gone = old.iter().filter(|plan| catalogue.get(&plan.id).is_none());
        applied.removed = gone.map(|plan| plan.id.clone()).collect();
        if let Some(plan) = self.first_in_use(&applied.removed)? {
            return Err(WriteError::PlanInUse(plan.to_string()).into());
        }
        if applied == PlansApplied::default() {
            return Ok(applied);
        }
        self.dirty = true;
        for id in applied.added.iter().chain(&applied.changed) {
            let plan = catalogue.get(id).expect("it was just found there");
            let row = encode_plan(plan);
            self.tables.plans.insert(id.as_str(), row.as_slice())?;
        }
        for id in &applied.removed {
            self.tables.plans.remove(id.as_str())?;
        }
        self.meta.price_list += 1;
        self.meta.write_price_list(&mut self.tables.meta)?;
        tracing::info!(actor = %actor.name, ?applied, "the catalogue was replaced");
        self.rules = Arc::new(Rules {
            policies: self.rules.policies.clone(),
            catalogue,
        });
        self.changes.rules = Some(Arc::clone(&self.rules));
        Ok(applied)
    }

    /// The first of `plans` that a subscription has. Reads all subscriptions, one microsecond
    /// each; only a plan that is taken away costs that.
    fn first_in_use(&self, plans: &[PlanId]) -> Result<Option<PlanId>, Fault> {
        if plans.is_empty() {
            return Ok(None);
        }
        let plans: BTreeSet<_> = plans.iter().collect();
        for row in self.tables.subscriptions.iter()? {
            let (key, value) = row?;
            let facts = decode_subscription(id_of(key.value()), value.value())?
                .subscription
                .facts;
            let services = facts.services.iter().map(|service| &service.plan);
            let to_come = facts.plan_change.as_ref().map(|change| &change.plan);
            let used = std::iter::once(&facts.plan).chain(services).chain(to_come);
            if let Some(plan) = used.into_iter().find(|plan| plans.contains(plan)) {
                return Ok(Some(plan.clone()));
            }
        }
        Ok(None)
    }
}

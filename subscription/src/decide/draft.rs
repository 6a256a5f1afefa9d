//! A decision in the making: facts that steps are pushed onto.

use super::{Decision, standing_of};
use crate::change::{Change, Step};
use crate::command::{Actor, CommandKind, Order, Role};
use crate::facts::Facts;
use crate::journal::{Effect, Snapshot};
use crate::money::Money;
use crate::policy::{Policy, Terms};
use crate::refusal::Refusal;
use crate::standing::Standing;
use crate::text::Reason;
use crate::time::Timestamp;

/// Facts as the steps so far leave them. Thrown away where a guard refuses.
#[derive(Clone)]
pub(super) struct Draft<'a> {
    pub(super) facts: Facts,
    steps: Vec<Step>,
    order: &'a Order,
    /// The instant that the order is decided at.
    pub(super) now: Timestamp,
    pub(super) terms: Terms<'a>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(facts: &Facts, order: &'a Order, now: Timestamp, terms: Terms<'a>) -> Self {
        Self {
            facts: facts.clone(),
            steps: Vec::new(),
            order,
            now,
            terms,
        }
    }

    /// Does one change, from now on.
    pub(super) fn push(&mut self, change: Change) -> Result<(), Refusal> {
        self.push_at(self.now, change)
    }

    /// Does one change, from `at` on.
    pub(super) fn push_at(&mut self, at: Timestamp, change: Change) -> Result<(), Refusal> {
        let step = Step { at, change };
        self.facts.apply(&step)?;
        self.steps.push(step);
        Ok(())
    }

    pub(super) const fn policy(&self) -> &'a Policy {
        self.terms.policy
    }

    pub(super) const fn actor(&self) -> &'a Actor {
        &self.order.actor
    }

    pub(super) const fn is_customer(&self) -> bool {
        matches!(self.order.actor.role, Role::Customer)
    }

    pub(super) const fn reason(&self) -> Option<&'a Reason> {
        self.order.reason.as_ref()
    }

    pub(super) const fn kind(&self) -> CommandKind {
        self.order.command.kind()
    }

    /// The civil year of an instant, where days are counted.
    pub(super) fn year(&self, at: Timestamp) -> u16 {
        let (year, ..) = self.policy().zone.date_of(at).ymd();
        u16::try_from(year).expect("an instant is of the years 1970 to 9999, give or take a day")
    }

    pub(super) fn zero(&self) -> Money {
        Money::zero(self.terms.catalogue.currency())
    }

    /// What it is now, with the steps so far.
    pub(super) fn standing(&self) -> Standing {
        standing_of(&self.facts, self.now)
    }

    /// Passes if the balance covers `price`.
    pub(super) fn must_afford(&self, price: Money) -> Result<(), Refusal> {
        let missing = price.checked_sub(self.facts.balance)?;
        if missing.is_positive() && price.is_positive() {
            return Err(Refusal::Funds {
                price,
                available: self.facts.balance,
                missing,
            });
        }
        Ok(())
    }

    /// The decision that the steps so far make, for facts that were `before`.
    pub(super) fn decided(self, before: &Facts, effect: Effect, now: Timestamp) -> Decision {
        let policy = self.policy();
        let mut facts = self.facts;
        if !self.steps.is_empty() {
            facts.version = before.version.saturating_add(1);
        }
        let amount = amount_of(&self.steps);
        let cleared = if facts.has_ended() && !before.has_ended() {
            let mut agenda = before.agenda(policy);
            agenda.retain(|item| item.at > now);
            agenda
        } else {
            Vec::new()
        };
        Decision {
            old: Some(Snapshot::of(before, now)),
            new: Snapshot::of(&facts, now),
            effect,
            amount,
            steps: self.steps,
            reverts: None,
            cleared,
            request: None,
            facts,
        }
    }
}

/// The money that came in or went out with these steps.
fn amount_of(steps: &[Step]) -> Option<Money> {
    steps.iter().find_map(|step| {
        if let Change::MoneyIn(amount) = step.change {
            Some(amount)
        } else if let Change::MoneyOut(amount) = step.change {
            Some(amount.negated())
        } else {
            None
        }
    })
}

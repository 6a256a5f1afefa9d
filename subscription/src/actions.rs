//! What can be done with a subscription now, and what stands against the rest (L29).

use crate::command::{
    Actor, ChangeStart, Command, CommandKind, Note, Order, PauseEnd, Tender, When,
};
use crate::decide::{Case, decide};
use crate::facts::{Facts, SuspendCause};
use crate::plan_change::{self, ChangeOffer};
use crate::policy::Terms;
use crate::quote;
use crate::refusal::Refusal;
use crate::time::{Span, Timestamp};

/// One command, and whether it would be taken now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Action {
    /// What.
    pub command: CommandKind,
    /// What stands against it, if anything does.
    pub refusal: Option<Refusal>,
}

/// Tries every command that `actor` could give by hand, with values that only the subscription itself
/// can stand against.
#[must_use]
pub fn actions(facts: &Facts, actor: &Actor, now: Timestamp, terms: Terms<'_>) -> Vec<Action> {
    samples(facts, now, terms)
        .into_iter()
        .map(|command| {
            let kind = command.kind();
            let order = Order {
                actor: actor.clone(),
                reason: Some("tried".parse().expect("letters make a reason")),
                note: Note::default(),
                command,
            };
            Action {
                command: kind,
                refusal: decide(Case::of(facts), &order, now, terms).err(),
            }
        })
        .collect()
}

/// One sample of each command that people give to a subscription that is there.
#[must_use]
pub fn samples(facts: &Facts, now: Timestamp, terms: Terms<'_>) -> Vec<Command> {
    let mut samples = bought(facts, terms);
    let soon = now.saturating_add(Span::from_seconds(1));
    // Where policy wants an end, any end that policy allows will do: a moment from now.
    let bounded =
        terms.policy.pause.days_max.is_some() || terms.policy.pause.days_per_year.is_some();
    samples.extend([
        Command::Cancel,
        Command::Grace { days: 1 },
        Command::Pause {
            start: When::Now,
            end: if bounded {
                PauseEnd::At(soon)
            } else {
                PauseEnd::Open
            },
            is_locked: false,
        },
        Command::EndPause,
        Command::Suspend {
            cause: SuspendCause::Operator,
            debt: None,
            as_of: None,
        },
        Command::Lift,
        Command::Postpone { until: None },
        Command::Disable { confirmed: true },
        Command::Enable,
    ]);
    samples.extend(changed(facts, terms));
    samples.extend([
        Command::CancelChange,
        Command::RequestChange {
            plan: None,
            message: "tried".parse().expect("letters make a message"),
        },
        Command::SetRenewal(facts.renewal),
        Command::Terminate {
            when: When::Now,
            confirmed: true,
        },
        Command::CancelTermination,
        Command::Reinstate,
    ]);
    samples
}

/// The fewest months, paid with what they cost, as a renewal and to come out of the garden.
fn bought(facts: &Facts, terms: Terms<'_>) -> Vec<Command> {
    let offers = quote::offers(facts, terms).unwrap_or_default();
    let Some(quote) = offers.into_iter().next() else {
        return Vec::new();
    };
    let tender = if quote.total.is_positive() {
        Tender::Captured {
            payment: "tried".parse().expect("letters make a payment id"),
            amount: quote.total,
        }
    } else {
        Tender::Balance
    };
    let months = quote.months;
    vec![
        Command::Pay {
            months,
            tender: tender.clone(),
            then_pause: false,
        },
        Command::Reactivate {
            months,
            tender,
            then_pause: false,
        },
    ]
}

/// A change to the first plan there is to change to, with the next period: it costs no more than credit.
fn changed(facts: &Facts, terms: Terms<'_>) -> Option<Command> {
    let target = match plan_change::offer(facts, terms) {
        ChangeOffer::SelfChange { targets, .. } => targets.into_iter().next(),
        ChangeOffer::Request | ChangeOffer::NoTarget | ChangeOffer::Nothing => terms
            .catalogue
            .iter()
            .map(|plan| plan.id.clone())
            .find(|plan| *plan != facts.plan),
    };
    target.map(|plan| Command::ChangePlan {
        plan,
        start: ChangeStart::NextPeriod,
    })
}

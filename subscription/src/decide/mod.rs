//! Decisions: facts, an order and `now` in; new facts or a refusal out.
//!
//! One exhaustive `match` names every command; each arm is one function of the
//! modules below, which checks and then pushes steps onto a `Draft`. What time
//! alone has changed already (a start that has come, a pause that has run out) is
//! folded in first, so that no arm sees stale facts.
//!
//! Not here: whether a command id or a payment id was seen before (L33, E4). That
//! takes memory, so it is the store's.

mod authorise;
mod create;
mod draft;
mod due;
mod ending;
mod holds;
mod money;
mod months;
mod pause;
mod plans;
mod suspend;

use crate::agenda::AgendaItem;
use crate::change::Step;
use crate::command::{Command, CommandKind, Order, Role};
use crate::facts::Facts;
use crate::journal::{Effect, EntryId, JournalEntry, Snapshot};
use crate::money::Money;
use crate::policy::Terms;
use crate::refusal::{Refusal, Warning};
use crate::revert::{self, RevertRequest};
use crate::standing::{Standing, standing};
use crate::text::{CommandId, Reason};
use crate::time::Timestamp;

use draft::Draft;

/// What is known of the subscription that an order is for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Case<'a> {
    /// Its facts; there is no such subscription where `None`.
    pub facts: Option<&'a Facts>,
    /// Its whole journal, oldest first, where [`Command::needs_history`] says so.
    pub history: &'a [JournalEntry],
    /// The request that the command names, if it is this subscription's.
    pub request: Option<&'a RevertRequest>,
}

impl<'a> Case<'a> {
    /// A subscription of which only the facts are asked for.
    #[must_use]
    pub const fn of(facts: &'a Facts) -> Self {
        Self {
            facts: Some(facts),
            history: &[],
            request: None,
        }
    }
}

/// What a command would change, or has changed once the store commits it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decision {
    /// The facts from now on.
    pub facts: Facts,
    /// How it looked before; `None` for a new subscription.
    pub old: Option<Snapshot>,
    /// How it looks now.
    pub new: Snapshot,
    /// What came of the command.
    pub effect: Effect,
    /// The money that came in (above zero) or went out (below), if any.
    pub amount: Option<Money>,
    /// What changed, in order; nothing where only a request was made.
    pub steps: Vec<Step>,
    /// The entry that is taken back.
    pub reverts: Option<EntryId>,
    /// What went off the agenda undone (L22).
    pub cleared: Vec<AgendaItem>,
    /// The request that was made or decided, as it is now.
    pub request: Option<Box<RevertRequest>>,
}

impl Decision {
    /// A decision that leaves the facts as they are.
    pub(crate) fn unchanged(facts: &Facts, effect: Effect, now: Timestamp) -> Self {
        let snapshot = Snapshot::of(facts, now);
        Self {
            facts: facts.clone(),
            old: Some(snapshot.clone()),
            new: snapshot,
            effect,
            amount: None,
            steps: Vec::new(),
            reverts: None,
            cleared: Vec::new(),
            request: None,
        }
    }

    /// The journal entry that tells of this decision.
    #[must_use]
    pub fn entry(
        &self,
        id: EntryId,
        command_id: Option<CommandId>,
        order: &Order,
        now: Timestamp,
    ) -> JournalEntry {
        JournalEntry {
            id,
            subscription: self.facts.id,
            command_id,
            actor: order.actor.clone(),
            reason: order.reason.clone(),
            note: order.note.clone(),
            action: order.command.kind(),
            effect: self.effect,
            performed_at: now,
            old: self.old.clone(),
            new: self.new.clone(),
            amount: self.amount,
            payment: order.command.about_payment().cloned(),
            reverts: self.reverts,
            steps: self.steps.clone(),
        }
    }
}

/// Decides `order` in `case` at `now`.
///
/// # Errors
/// A [`Refusal`] that names the rule; nothing has changed then.
pub fn decide(
    case: Case<'_>,
    order: &Order,
    now: Timestamp,
    terms: Terms<'_>,
) -> Result<Decision, Refusal> {
    authorise::authorise(order, now, terms.policy)?;
    let reason = order.reason.as_ref();
    let change = |act: &dyn Fn(&mut Draft<'_>) -> Result<Effect, Refusal>| {
        changed(case, order, now, terms, act)
    };
    match &order.command {
        Command::Create(create) => match case.facts {
            None => create::create(create, now, terms),
            Some(_) => Err(Refusal::Exists),
        },
        Command::StartDue => change(&due::start),
        Command::Cancel => change(&ending::cancel),
        Command::Pay {
            months,
            tender,
            then_pause,
        } => change(&|draft| months::pay(draft, *months, tender, *then_pause)),
        Command::Reactivate {
            months,
            tender,
            then_pause,
        } => change(&|draft| months::reactivate(draft, *months, tender, *then_pause)),
        Command::Capture { offer, amount, .. } => {
            change(&|draft| months::capture(draft, offer.as_deref(), *amount))
        }
        Command::ExpiryDue => change(&due::expiry),
        Command::SetRenewal(renewal) => change(&|draft| months::set_renewal(draft, *renewal)),
        Command::Pause {
            start,
            end,
            is_locked,
        } => change(&|draft| pause::pause(draft, *start, *end, *is_locked)),
        Command::PauseDue => change(&pause::pause_due),
        Command::EndPause => change(&pause::end_pause),
        Command::Suspend { cause, debt, as_of } => {
            change(&|draft| suspend::suspend(draft, *cause, *debt, *as_of))
        }
        Command::Lift => change(&suspend::lift),
        Command::Postpone { until } => change(&|draft| suspend::postpone(draft, *until)),
        Command::Grace { days } => change(&|draft| holds::grace(draft, *days)),
        Command::Disable { confirmed } => change(&|draft| holds::disable(draft, *confirmed)),
        Command::Enable => change(&holds::enable),
        Command::ChangePlan { plan, start } => change(&|draft| plans::change(draft, plan, *start)),
        Command::CancelChange => change(&plans::cancel),
        Command::RequestChange { plan, .. } => {
            change(&|draft| plans::request(draft, plan.as_ref()))
        }
        Command::ChangeDue => change(&plans::change_due),
        Command::Terminate { when, confirmed } => {
            change(&|draft| ending::terminate(draft, *when, *confirmed))
        }
        Command::TerminateDue => change(&ending::terminate_due),
        Command::CancelTermination => change(&ending::cancel_termination),
        Command::Reinstate => change(&ending::reinstate),
        Command::RequestRevert(ask) => {
            revert::request(case, ask, &order.actor, demanded(reason)?, now)
        }
        Command::ApproveRevert(_) => revert::approve(case, &order.actor, reason, now),
        Command::DenyRevert(_) => revert::deny(case, &order.actor, reason, now),
        Command::OpenPortal => change(&|_| Ok(Effect::Done)),
        Command::Refund { payment, amount } => {
            change(&|draft| money::refund(draft, case.history, payment, *amount))
        }
        Command::Chargeback { payment, amount } => {
            change(&|draft| money::chargeback(draft, case.history, payment, *amount))
        }
        Command::Post { payment } => change(&|draft| money::post(draft, payment)),
        Command::Void { payment } => revert::void(case, payment, now),
    }
}

/// Decides a command that `act` does to the facts of a subscription that is there.
fn changed(
    case: Case<'_>,
    order: &Order,
    now: Timestamp,
    terms: Terms<'_>,
    act: &dyn Fn(&mut Draft<'_>) -> Result<Effect, Refusal>,
) -> Result<Decision, Refusal> {
    let facts = case.facts.ok_or(Refusal::Unknown)?;
    // E6 and section 4: captured money counts from its own instant, also over an expiry since.
    let at = if let Command::Capture { captured_at, .. } = &order.command {
        now.min(*captured_at)
    } else {
        now
    };
    let mut draft = Draft::new(facts, order, at, terms);
    // What the timer does, it does at its own instant, one thing after the other.
    if order.actor.role != Role::Timer {
        due::fold(&mut draft)?;
    }
    // Section 2: who is switched off is shown a notice, and nothing else.
    if order.actor.role == Role::Customer && draft.standing() == Standing::Disabled {
        return Err(wrong_standing(&draft, "enabled by the provider"));
    }
    let effect = act(&mut draft)?;
    Ok(draft.decided(facts, effect, now))
}

/// Whether that role may give that command at all, whatever policy and facts say.
#[must_use]
pub fn may(role: Role, command: &Command) -> bool {
    authorise::is_allowed(role, command)
}

/// Folds in what time alone has changed: a start, a pause's start or end, an end that has come.
///
/// It is what the timer will write down; where that is held back, people see this.
#[must_use]
pub fn settled(facts: &Facts, now: Timestamp) -> Facts {
    due::settled(facts, now)
}

/// The refusal of `command` at the standing that the draft has.
fn wrong_standing(draft: &Draft<'_>, allowed: &'static str) -> Refusal {
    Refusal::Standing {
        standing: draft.standing(),
        command: draft.kind(),
        allowed,
    }
}

/// Passes at one of these standings.
fn must_be(
    draft: &Draft<'_>,
    standings: &[Standing],
    in_words: &'static str,
) -> Result<(), Refusal> {
    if standings.contains(&draft.standing()) {
        Ok(())
    } else {
        Err(wrong_standing(draft, in_words))
    }
}

/// The reason, which some commands demand (L30).
fn demanded(reason: Option<&Reason>) -> Result<Reason, Refusal> {
    reason.cloned().ok_or(Refusal::ReasonMissing)
}

/// Passes if a warning was answered.
const fn answered(confirmed: bool, warning: Warning) -> Result<(), Refusal> {
    if confirmed {
        Ok(())
    } else {
        Err(Refusal::NotConfirmed(warning))
    }
}

/// The standing of `facts` at `now`.
fn standing_of(facts: &Facts, now: Timestamp) -> Standing {
    standing(&facts.standing_facts(), now)
}

/// The refusal for a thing that is not on the agenda.
const fn not_planned(what: &'static str, command: CommandKind) -> Refusal {
    Refusal::NotPlanned { what, command }
}

#[cfg(test)]
mod tests;

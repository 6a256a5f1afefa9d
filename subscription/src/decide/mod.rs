//! Decisions: facts, an order and `now` in; new facts or a refusal out.
//!
//! One exhaustive `match` names every command; each arm is one function of the
//! modules below. What time alone has changed already (a start that has come, a
//! pause that has run out) is folded in first, so that no arm sees stale facts.
//!
//! Not here: whether a command id or a payment id was seen before (L33, E4). That
//! takes memory, so it is the store's.

mod create;
mod holds;
mod months;

use crate::command::{Actor, Command, CommandKind, Order, Role, Tender};
use crate::facts::{Ending, Facts, Pause, Phase, SuspendCause};
use crate::journal::{Effect, EntryId, JournalEntry, Snapshot};
use crate::money::Money;
use crate::policy::Rules;
use crate::refusal::{Refusal, Warning};
use crate::standing::{Standing, standing};
use crate::text::{CommandId, Reason};
use crate::time::Timestamp;

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
    /// The money that came in, if any.
    pub amount: Option<Money>,
}

impl Decision {
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
            action: order.command.kind(),
            effect: self.effect,
            performed_at: now,
            old: self.old.clone(),
            new: self.new.clone(),
            amount: self.amount,
            payment: order.command.payment().map(|(id, _)| id.clone()),
            reverts: None,
        }
    }
}

/// What an arm of the match returns: the facts it leaves and what to call it.
type Outcome = Result<(Facts, Effect), Refusal>;

/// Decides `order` on `facts` (`None`: there is no such subscription) at `now`.
///
/// # Errors
/// A [`Refusal`] that names the rule; nothing has changed then.
pub fn decide(
    facts: Option<&Facts>,
    order: &Order,
    now: Timestamp,
    rules: &Rules,
) -> Result<Decision, Refusal> {
    let command = &order.command;
    authorise(&order.actor, command)?;
    let reason = order.reason.as_ref();
    let current = || {
        facts
            .map(|facts| settled(facts, now))
            .ok_or(Refusal::Unknown)
    };
    let (mut after, effect) = match command {
        Command::Create(create) if facts.is_none() => create::create(create, now, rules),
        Command::Create(_) => Err(Refusal::Exists),
        Command::Pay { months, tender } => months::pay(current()?, *months, tender, now, rules),
        Command::Reactivate { months, tender } => {
            months::reactivate(current()?, *months, tender, &order.actor, now, rules)
        }
        Command::Capture {
            months,
            amount,
            captured_at,
            ..
        } => {
            // E6 and section 4: captured money counts from its own instant, also over an expiry since.
            let at = now.min(*captured_at);
            let facts = facts
                .map(|facts| settled(facts, at))
                .ok_or(Refusal::Unknown)?;
            months::capture(facts, *months, *amount, at, rules)
        }
        Command::Pause { end } => holds::pause(current()?, *end, &order.actor, now, rules),
        Command::EndPause => {
            holds::end_pause(facts.ok_or(Refusal::Unknown)?.clone(), &order.actor, now)
        }
        Command::Suspend { cause, debt } => {
            holds::suspend(current()?, *cause, *debt, reason, now, rules)
        }
        Command::Lift => holds::lift(current()?),
        Command::Grace { days } => holds::grace(current()?, *days, reason, now, rules),
        Command::Disable { confirmed } => holds::disable(current()?, *confirmed, reason, now),
        Command::Enable => holds::enable(current()?),
        Command::Terminate { confirmed } => holds::terminate(current()?, *confirmed, order, now),
    }?;
    after.version = facts.map_or(0, |facts| facts.version).saturating_add(1);
    Ok(Decision {
        old: facts.map(|facts| Snapshot::of(facts, now)),
        new: Snapshot::of(&after, now),
        amount: command.payment().map(|(_, amount)| amount),
        facts: after,
        effect,
    })
}

/// Folds in what time alone has changed: a start that has come, a pause that has run out.
#[must_use]
pub fn settled(facts: &Facts, now: Timestamp) -> Facts {
    let mut facts = facts.clone();
    if let Phase::Pending { start_at } = facts.phase
        && start_at <= now
    {
        facts.phase = Phase::Started { at: start_at };
    }
    if let Some(Pause {
        until: Some(until),
        banked,
        ..
    }) = facts.holds.pause
        && until <= now
    {
        facts.holds.pause = None;
        facts.paid_through = until.saturating_add(banked);
    }
    facts
}

/// Who may give which command (LIFECYCLE section 4, column "who").
fn authorise(actor: &Actor, command: &Command) -> Result<(), Refusal> {
    let role = actor.role;
    let staff_or_ledger = role.is_staff() || role == Role::Ledger;
    let allowed = match command {
        Command::Create(_)
        | Command::Lift
        | Command::Grace { .. }
        | Command::Disable { .. }
        | Command::Enable
        | Command::Terminate { .. } => staff_or_ledger,
        Command::Pay { tender, .. } | Command::Reactivate { tender, .. } => match tender {
            Tender::Balance => staff_or_ledger || role == Role::Customer,
            Tender::Captured { .. } => staff_or_ledger,
        },
        Command::Capture { .. } => role == Role::Ledger,
        Command::Pause { .. } => staff_or_ledger || role == Role::Customer,
        Command::EndPause => staff_or_ledger || matches!(role, Role::Customer | Role::Timer),
        Command::Suspend { cause, .. } => match cause {
            SuspendCause::Overdue => matches!(role, Role::Ledger | Role::Timer),
            SuspendCause::Fraud | SuspendCause::Operator => staff_or_ledger,
        },
    };
    if allowed {
        Ok(())
    } else {
        Err(Refusal::Role {
            role,
            command: command.kind(),
        })
    }
}

/// The standing at `now`, for a guard.
fn standing_of(facts: &Facts, now: Timestamp) -> Standing {
    standing(&facts.standing_facts(), now)
}

/// The refusal of `command` at the standing that `facts` have.
fn wrong_standing(
    facts: &Facts,
    now: Timestamp,
    command: CommandKind,
    allowed: &'static str,
) -> Refusal {
    Refusal::Standing {
        standing: standing_of(facts, now),
        command,
        allowed,
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

/// Passes if the subscription has begun and has not ended.
fn must_be_started(facts: &Facts, now: Timestamp, command: CommandKind) -> Result<(), Refusal> {
    match facts.phase {
        Phase::Started { .. } => Ok(()),
        Phase::Pending { .. }
        | Phase::Ended {
            how: Ending::Cancelled | Ending::Terminated,
            ..
        } => Err(wrong_standing(facts, now, command, "started and not ended")),
    }
}

#[cfg(test)]
mod tests;

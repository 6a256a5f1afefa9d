//! Reverts: an entry of the journal is taken back by two people (L1–L6, T22, T23).
//!
//! One operator asks, with a reason; nothing changes. Another one approves: the facts become what
//! the journal gives without that entry, and what its money leaves is settled in the same entry.
//! Only the value that is not consumed yet is given back, unless a loss is meant.
//!
//! Not here: how requests are kept (`store`).

use uuid::Uuid;

use crate::change::{Change, Step};
use crate::command::{Actor, CommandKind, Role};
use crate::decide::{Case, Decision};
use crate::facts::{Facts, SubscriptionId};
use crate::journal::{Effect, EntryId, JournalEntry, Snapshot};
use crate::money::Money;
use crate::refusal::Refusal;
use crate::replay::{self, ReplayError, Replayed};
use crate::standing::Standing;
use crate::text::{ActorName, PaymentId, Reason};
use crate::time::Timestamp;

/// Names a request: a UUID of version 7, made here.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RevertId(pub Uuid);

/// What an operator asks for (L2).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct RevertAsk {
    /// The request's id, made by the caller.
    pub id: RevertId,
    /// The entry to take back.
    pub entry: EntryId,
    /// What the subscription is to be after it: a check, as the facts decide.
    pub standing: Option<Standing>,
    /// How much to give back; all that is not consumed where `None`.
    pub amount: Option<Money>,
    /// Whether more than what is not consumed may be given back, at a loss (L5).
    pub allow_loss: bool,
}

/// How a request stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RevertState {
    /// It waits for another operator.
    Pending,
    /// Done.
    Approved(Verdict),
    /// Not to be done.
    Denied(Verdict),
}

impl RevertState {
    /// The name in answers.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved(_) => "approved",
            Self::Denied(_) => "denied",
        }
    }
}

/// Who decided a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// Who.
    pub by: ActorName,
    /// When.
    pub at: Timestamp,
    /// Why, if they said.
    pub reason: Option<Reason>,
}

/// A request to take back an entry, with what an approver must see (L3).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RevertRequest {
    /// Which request.
    pub id: RevertId,
    /// Of which subscription.
    pub subscription: SubscriptionId,
    /// The entry.
    pub entry: EntryId,
    /// What that entry did.
    pub action: CommandKind,
    /// When that was.
    pub performed_at: Timestamp,
    /// Who asks.
    pub requested_by: ActorName,
    /// When.
    pub requested_at: Timestamp,
    /// Why.
    pub reason: Reason,
    /// The version of the facts that the request was made for: another one needs another request.
    pub version: u64,
    /// How it looked when that was asked.
    pub old: Snapshot,
    /// How it is to look.
    pub new: Snapshot,
    /// How much is given back.
    pub amount: Money,
    /// How much of the entry's value was not consumed then.
    pub unconsumed: Money,
    /// Whether a loss was meant.
    pub allow_loss: bool,
    /// How it stands.
    pub state: RevertState,
}

/// What another entry's months become when an earlier one is taken back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Shift {
    /// Which entry.
    pub entry: EntryId,
    /// The end of paid service after it.
    pub old: Timestamp,
    /// The end it would have led to.
    pub new: Timestamp,
}

/// All that a revert does (L2).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Preview {
    /// What would change.
    pub decision: Decision,
    /// How much is given back.
    pub amount: Money,
    /// How much of the entry's value is not consumed.
    pub unconsumed: Money,
    /// The renewals after it that shift.
    pub shifts: Vec<Shift>,
}

/// Which entry is to be taken back, and what of its money is given back.
struct Wanted {
    entry: EntryId,
    amount: Option<Money>,
    allow_loss: bool,
    /// Whether its payment never came (E16): then there is nothing to give back.
    is_void: bool,
}

/// Everything that taking back `ask.entry` would do at `now` (L2).
///
/// # Errors
/// [`Refusal`]; nothing else tells whether the request would be taken.
pub fn preview(case: Case<'_>, ask: &RevertAsk, now: Timestamp) -> Result<Preview, Refusal> {
    let wanted = Wanted {
        entry: ask.entry,
        amount: ask.amount,
        allow_loss: ask.allow_loss,
        is_void: false,
    };
    let preview = revert(case, &wanted, now)?;
    let found = preview.decision.new.standing;
    match ask.standing {
        Some(expected) if expected != found => Err(Refusal::OtherStanding { expected, found }),
        Some(_) | None => Ok(preview),
    }
}

/// T22: the request of an operator; the subscription stays as it is.
pub(crate) fn request(
    case: Case<'_>,
    ask: &RevertAsk,
    actor: &Actor,
    reason: Reason,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let facts = case.facts.ok_or(Refusal::Unknown)?;
    let entry = find(case.history, ask.entry)?;
    let preview = preview(case, ask, now)?;
    let request = RevertRequest {
        id: ask.id,
        subscription: facts.id,
        entry: ask.entry,
        action: entry.action,
        performed_at: entry.performed_at,
        requested_by: actor.name.clone(),
        requested_at: now,
        reason,
        version: facts.version,
        old: Snapshot::of(facts, now),
        new: preview.decision.new,
        amount: preview.amount,
        unconsumed: preview.unconsumed,
        allow_loss: ask.allow_loss,
        state: RevertState::Pending,
    };
    Ok(Decision {
        request: Some(Box::new(request)),
        ..Decision::unchanged(facts, Effect::Requested, now)
    })
}

/// T23: another operator agrees, and it is done as it was shown.
pub(crate) fn approve(
    case: Case<'_>,
    actor: &Actor,
    reason: Option<&Reason>,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let facts = case.facts.ok_or(Refusal::Unknown)?;
    let request = decidable(case, actor)?;
    if request.version != facts.version {
        return Err(Refusal::RequestStale);
    }
    let wanted = Wanted {
        entry: request.entry,
        amount: Some(request.amount),
        // What was not consumed when it was requested was promised; it is shown to the approver.
        allow_loss: true,
        is_void: false,
    };
    let decision = revert(case, &wanted, now)?.decision;
    let approved = RevertRequest {
        state: RevertState::Approved(Verdict {
            by: actor.name.clone(),
            at: now,
            reason: reason.cloned(),
        }),
        ..request.clone()
    };
    Ok(Decision {
        request: Some(Box::new(approved)),
        ..decision
    })
}

/// T23: another operator does not agree.
pub(crate) fn deny(
    case: Case<'_>,
    actor: &Actor,
    reason: Option<&Reason>,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let facts = case.facts.ok_or(Refusal::Unknown)?;
    let request = decidable(case, actor)?;
    let denied = RevertRequest {
        state: RevertState::Denied(Verdict {
            by: actor.name.clone(),
            at: now,
            reason: reason.cloned(),
        }),
        ..request.clone()
    };
    Ok(Decision {
        request: Some(Box::new(denied)),
        ..Decision::unchanged(facts, Effect::Done, now)
    })
}

/// E16: a payment that was taken on trust never came.
pub(crate) fn void(
    case: Case<'_>,
    payment: &PaymentId,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let facts = case.facts.ok_or(Refusal::Unknown)?;
    let unknown = || Refusal::UnknownPayment(payment.clone());
    if !facts
        .provisional
        .iter()
        .any(|taken| taken.payment == *payment)
    {
        return Err(unknown());
    }
    let entry = case
        .history
        .iter()
        .find(|entry| entry.payment.as_ref() == Some(payment))
        .ok_or_else(unknown)?;
    let wanted = Wanted {
        entry: entry.id,
        amount: None,
        allow_loss: false,
        is_void: true,
    };
    Ok(revert(case, &wanted, now)?.decision)
}

/// The request, if this actor may decide it.
fn decidable<'a>(case: Case<'a>, actor: &Actor) -> Result<&'a RevertRequest, Refusal> {
    let request = case.request.ok_or(Refusal::UnknownRequest)?;
    match request.state {
        RevertState::Pending => {}
        RevertState::Approved(_) | RevertState::Denied(_) => {
            return Err(Refusal::RequestDecided(request.state.as_str()));
        }
    }
    if request.requested_by == actor.name && actor.role != Role::Ledger {
        return Err(Refusal::OwnRequest);
    }
    Ok(request)
}

fn find(history: &[JournalEntry], id: EntryId) -> Result<&JournalEntry, Refusal> {
    history
        .iter()
        .find(|entry| entry.id == id)
        .ok_or(Refusal::NotRevertible("there is no such entry"))
}

fn revert(case: Case<'_>, wanted: &Wanted, now: Timestamp) -> Result<Preview, Refusal> {
    let facts = case.facts.ok_or(Refusal::Unknown)?;
    let entry = find(case.history, wanted.entry)?;
    may_be_taken_back(case.history, entry)?;
    let with = replay::replay(case.history)?;
    let without = replay::replay_without(case.history, Some(entry.id))?;
    let value = value_of(entry);
    let unconsumed = unconsumed(facts, case.history, &with, entry, value, now);
    let amount = given_back(wanted, value, unconsumed)?;
    let money_in = if wanted.is_void {
        Money::zero(facts.balance.currency())
    } else {
        money_in(entry)
    };
    let compensation = money_in.checked_sub(value)?.checked_add(amount)?;
    let shifts = shifts(case.history, entry.id, &with, &without);
    let mut after = without.facts;
    if after.has_ended() != facts.has_ended() {
        // L23: also where the entry only agreed on the end that came.
        return Err(Refusal::NotRevertible(
            "an end is undone by reinstating alone",
        ));
    }
    // What the new history leaves behind has passed: no credit renews it for the time before.
    let lapsed = Change::Lapsed;
    let steps = [Change::Compensated(compensation), lapsed].map(|change| Step { at: now, change });
    for step in &steps {
        after.apply(step)?;
    }
    after.version = facts.version.saturating_add(1);
    Ok(Preview {
        decision: Decision {
            old: Some(Snapshot::of(facts, now)),
            new: Snapshot::of(&after, now),
            effect: Effect::Done,
            amount: None,
            steps: steps.to_vec(),
            reverts: Some(entry.id),
            cleared: Vec::new(),
            request: None,
            facts: after,
        },
        amount,
        unconsumed,
        shifts,
    })
}

/// Whether an entry is of a kind that can be taken back, and was not yet.
fn may_be_taken_back(history: &[JournalEntry], entry: &JournalEntry) -> Result<(), Refusal> {
    let first = history.iter().find(|entry| !entry.steps.is_empty());
    if first.is_some_and(|first| first.id == entry.id) || entry.action == CommandKind::Create {
        return Err(Refusal::NotRevertible("it is how the subscription began"));
    }
    let ends = |step: &Step| matches!(step.change, Change::Ended { .. } | Change::Reinstated);
    if entry.steps.iter().any(ends) {
        return Err(Refusal::NotRevertible(
            "an end is undone by reinstating alone",
        ));
    }
    if entry.steps.is_empty() && entry.reverts.is_none() {
        return Err(Refusal::NotRevertible("it changed nothing"));
    }
    if history.iter().any(|later| later.reverts == Some(entry.id)) {
        return Err(Refusal::NotRevertible(
            "it was taken back already; revert that revert instead",
        ));
    }
    Ok(())
}

/// What the months of an entry cost.
fn value_of(entry: &JournalEntry) -> Money {
    sum(entry, |change| {
        if let Change::MonthsBought { price, .. } | Change::Renewed { price, .. } = change {
            Some(*price)
        } else {
            None
        }
    })
}

/// What an entry brought in.
fn money_in(entry: &JournalEntry) -> Money {
    sum(entry, |change| {
        if let Change::MoneyIn(amount) = change {
            Some(*amount)
        } else {
            None
        }
    })
}

fn sum(entry: &JournalEntry, amount: impl Fn(&Change) -> Option<Money>) -> Money {
    let zero = Money::zero(entry.new.balance.currency());
    let amounts = entry.steps.iter().filter_map(|step| amount(&step.change));
    amounts.fold(zero, |sum, amount| sum.checked_add(amount).unwrap_or(sum))
}

/// The part of an entry's months that lies ahead, in money: what was bought last is used last.
fn unconsumed(
    facts: &Facts,
    history: &[JournalEntry],
    with: &Replayed,
    entry: &JournalEntry,
    value: Money,
    now: Timestamp,
) -> Money {
    let paused = facts.holds.pause.filter(|pause| pause.from <= now);
    let left = match paused {
        Some(pause) => match pause.until {
            Some(until) if until <= now => until.saturating_add(pause.banked).since(now),
            Some(_) | None => pause.banked,
        },
        None => facts.paid_through.since(now),
    };
    let mut ahead = left.millis();
    for (later, added) in history.iter().zip(&with.added).rev() {
        if later.id == entry.id {
            let own = added.millis();
            return value.part(ahead.min(own), own);
        }
        ahead = ahead.saturating_sub(added.millis()).max(0);
    }
    Money::zero(value.currency())
}

/// How much is given back (L5).
fn given_back(wanted: &Wanted, value: Money, unconsumed: Money) -> Result<Money, Refusal> {
    let Some(asked) = wanted.amount else {
        return Ok(unconsumed);
    };
    if asked.is_negative() {
        return Err(Refusal::AmountNotPositive);
    }
    asked.checked_sub(value)?;
    if asked.minor() > value.minor() {
        return Err(Refusal::MoreThanPaid { asked, paid: value });
    }
    if asked.minor() > unconsumed.minor() && !wanted.allow_loss {
        return Err(Refusal::MoreThanUnconsumed { asked, unconsumed });
    }
    Ok(asked)
}

/// The later renewals whose end of paid service becomes another one.
fn shifts(
    history: &[JournalEntry],
    left_out: EntryId,
    with: &Replayed,
    without: &Replayed,
) -> Vec<Shift> {
    let later = history.iter().enumerate();
    let later = later.skip_while(|(_, entry)| entry.id != left_out).skip(1);
    later
        .filter(|(at, _)| !with.added[*at].is_zero() || !without.added[*at].is_zero())
        .filter_map(|(at, entry)| {
            let (old, new) = (with.ends[at]?, without.ends[at]?);
            (old != new).then_some(Shift {
                entry: entry.id,
                old,
                new,
            })
        })
        .collect()
}

impl From<ReplayError> for Refusal {
    fn from(error: ReplayError) -> Self {
        Self::Replay(error.to_string())
    }
}

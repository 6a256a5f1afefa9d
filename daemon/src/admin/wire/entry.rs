//! Changes: what a command did or would do, and the journal entry that tells of it.

use garth_store::record::ChainedEntry;
use garth_subscription::command::{Actor, Note};
use garth_subscription::journal::Snapshot;
use garth_subscription::plan_change::ChangePrice;
use garth_subscription::{Decision, Timestamp};
use serde::{Deserialize, Serialize};

use super::{AgendaBody, MoneyBody, hex, text};

/// One side of a change.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SnapshotBody {
    /// As in [`super::SubscriptionBody`].
    pub standing: String,
    /// As in [`super::SubscriptionBody`].
    pub access: String,
    /// As in [`super::SubscriptionBody`].
    pub paid_through: String,
    /// As in [`super::SubscriptionBody`].
    pub plan: String,
    /// As in [`super::SubscriptionBody`].
    pub balance: MoneyBody,
}

impl From<&Snapshot> for SnapshotBody {
    fn from(snapshot: &Snapshot) -> Self {
        Self {
            standing: snapshot.standing.to_string(),
            access: snapshot.standing.access().as_str().to_owned(),
            paid_through: snapshot.paid_through.to_string(),
            plan: snapshot.plan.to_string(),
            balance: snapshot.balance.into(),
        }
    }
}

/// What a command did, or would do (L31).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ChangeBody {
    /// Of which subscription.
    pub subscription: String,
    /// What was asked.
    pub action: String,
    /// What came of it.
    pub effect: String,
    /// Whether nothing was changed because nothing was to be.
    pub dry_run: bool,
    /// Whether this is the answer to an earlier command with the same id (L33).
    pub repeated: bool,
    /// The journal entry; none for a dry run.
    pub entry: Option<String>,
    /// Before; none for a new subscription.
    pub old: Option<SnapshotBody>,
    /// After.
    pub new: SnapshotBody,
    /// The money that came in.
    pub amount: Option<MoneyBody>,
    /// The payment that brought it.
    pub payment_id: Option<String>,
    /// What a change of plan costs, line by line.
    pub price_of_change: Option<ChangePriceBody>,
    /// What went off the agenda undone.
    pub cleared: Vec<AgendaBody>,
    /// What is on the agenda after it.
    pub agenda: Vec<AgendaBody>,
    /// The entry that is taken back.
    pub reverts: Option<String>,
}

/// What a change of plan costs (L16).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ChangePriceBody {
    /// When the new plan takes hold.
    pub at: String,
    /// Unused money of the old plan; below zero, as it is paid back.
    pub refund: MoneyBody,
    /// The new plan for the time that is left.
    pub charge: MoneyBody,
    /// For the change itself.
    pub fee: MoneyBody,
    /// Their sum; below zero it becomes credit.
    pub total: MoneyBody,
}

impl From<(Timestamp, ChangePrice)> for ChangePriceBody {
    fn from((at, price): (Timestamp, ChangePrice)) -> Self {
        Self {
            at: at.to_string(),
            refund: price.refund.into(),
            charge: price.charge.into(),
            fee: price.fee.into(),
            total: price.total.into(),
        }
    }
}

impl ChangeBody {
    /// A decision that nobody has committed yet.
    pub(crate) fn of(decision: &Decision, action: &str, payment_id: Option<String>) -> Self {
        Self {
            subscription: decision.facts.id.to_string(),
            action: action.to_owned(),
            effect: decision.effect.as_str().to_owned(),
            dry_run: true,
            repeated: false,
            entry: None,
            old: decision.old.as_ref().map(Into::into),
            new: (&decision.new).into(),
            amount: decision.amount.map(Into::into),
            payment_id,
            price_of_change: None,
            cleared: decision.cleared.iter().map(Into::into).collect(),
            agenda: Vec::new(),
            reverts: decision.reverts.map(|id| id.0.to_string()),
        }
    }
}

/// Who acted.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ActorBody {
    /// In which capacity.
    pub role: String,
    /// Under which name.
    pub name: String,
    /// For whom, where that is someone else.
    pub on_behalf_of: Option<String>,
}

impl From<&Actor> for ActorBody {
    fn from(actor: &Actor) -> Self {
        Self {
            role: actor.role.as_str().to_owned(),
            name: actor.name.to_string(),
            on_behalf_of: text(actor.on_behalf_of.as_ref()),
        }
    }
}

/// What was noted of a command besides what it did (L30).
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct NoteBody {
    /// The ISP's own name for this kind of action.
    pub sub_type: Option<String>,
    /// Who did it, where that is not who was logged in.
    pub performed_by: Option<String>,
    /// When it was done, where that was before it was entered.
    pub performed_at: Option<String>,
}

impl From<&Note> for NoteBody {
    fn from(note: &Note) -> Self {
        Self {
            sub_type: text(note.sub_type.as_ref()),
            performed_by: text(note.performed_by.as_ref()),
            performed_at: text(note.performed_at),
        }
    }
}

/// A journal entry in its place in the chain.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct EntryBody {
    /// Counts from 1, without gaps.
    pub sequence: u64,
    /// UUID.
    pub id: String,
    /// Of which subscription.
    pub subscription: String,
    /// What was done.
    pub action: String,
    /// What came of it.
    pub effect: String,
    /// When.
    pub performed_at: String,
    /// By whom.
    pub actor: ActorBody,
    /// Why.
    pub reason: Option<String>,
    /// What it was asked under.
    pub command_id: Option<String>,
    /// Before.
    pub old: Option<SnapshotBody>,
    /// After.
    pub new: SnapshotBody,
    /// The money that came in or went out.
    pub amount: Option<MoneyBody>,
    /// The payment that brought it.
    pub payment_id: Option<String>,
    /// The entry that this one takes back.
    pub reverts: Option<String>,
    /// What the ISP noted of it.
    pub note: NoteBody,
    /// Whether it counts: no other entry that counts takes it back. Unknown in the journal as a whole.
    pub counts: Option<bool>,
    /// The entry that takes this one back.
    pub reverted_by: Option<String>,
    /// SHA-256 of the entry before, in hexadecimal digits.
    pub previous_hash: String,
    /// SHA-256 over epoch, sequence, previous hash and body.
    pub hash: String,
}

impl From<&ChainedEntry> for EntryBody {
    fn from(chained: &ChainedEntry) -> Self {
        let entry = &chained.entry;
        Self {
            sequence: chained.sequence,
            id: entry.id.0.to_string(),
            subscription: entry.subscription.to_string(),
            action: entry.action.as_str().to_owned(),
            effect: entry.effect.as_str().to_owned(),
            performed_at: entry.performed_at.to_string(),
            actor: (&entry.actor).into(),
            reason: text(entry.reason.as_ref()),
            command_id: text(entry.command_id.as_ref()),
            old: entry.old.as_ref().map(Into::into),
            new: (&entry.new).into(),
            amount: entry.amount.map(Into::into),
            payment_id: text(entry.payment.as_ref()),
            reverts: entry.reverts.map(|id| id.0.to_string()),
            note: (&entry.note).into(),
            counts: None,
            reverted_by: None,
            previous_hash: hex(&chained.previous_hash),
            hash: hex(&chained.hash),
        }
    }
}

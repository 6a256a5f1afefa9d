//! Journal entries on the disk: the body that the chain hashes.

use garth_subscription::Timestamp;
use garth_subscription::command::{Actor, CommandKind, Note, Role};
use garth_subscription::facts::SubscriptionId;
use garth_subscription::journal::{Effect, EntryId, JournalEntry, Snapshot};
use garth_subscription::standing::Standing;
use minicbor::{Decode, Encode};

use super::steps::{StepRow, step, step_row};
use super::{
    Damaged, IdRow, MoneyRow, codes, instant, money, money_row, of_row, optional_instant,
    optional_money, optional_text, plan_id, text, to_row,
};

#[derive(Decode, Encode)]
struct EntryRow<'a> {
    #[n(0)]
    id: IdRow,
    #[n(1)]
    subscription: IdRow,
    #[b(2)]
    command_id: Option<&'a str>,
    #[n(3)]
    role: u8,
    #[b(4)]
    actor: &'a str,
    #[b(5)]
    on_behalf_of: Option<&'a str>,
    #[b(6)]
    reason: Option<&'a str>,
    #[n(7)]
    action: u8,
    #[n(8)]
    effect: u8,
    #[n(9)]
    performed_at: i64,
    #[b(10)]
    old: Option<SnapshotRow<'a>>,
    #[b(11)]
    new: SnapshotRow<'a>,
    #[n(12)]
    amount: Option<MoneyRow>,
    #[b(13)]
    payment: Option<&'a str>,
    #[n(14)]
    reverts: Option<IdRow>,
    /// Nothing in entries of before schema 3: those cannot be replayed.
    #[b(15)]
    steps: Option<Vec<StepRow<'a>>>,
    #[b(16)]
    sub_type: Option<&'a str>,
    #[b(17)]
    performed_by: Option<&'a str>,
    #[n(18)]
    entered_for: Option<i64>,
}

#[derive(Decode, Encode)]
pub(super) struct SnapshotRow<'a> {
    #[n(0)]
    standing: u8,
    #[n(1)]
    paid_through: i64,
    #[b(2)]
    plan: &'a str,
    #[n(3)]
    balance: MoneyRow,
}

codes!(Role, "role", role_code, role_of:
    Customer = 1, Operator = 2, Approver = 3, Support = 4, Ledger = 5, Timer = 6);
codes!(CommandKind, "action", action_code, action_of:
    Create = 1, Pay = 2, Reactivate = 3, Capture = 4, Pause = 5, EndPause = 6, Suspend = 7,
    Lift = 8, Grace = 9, Disable = 10, Enable = 11, Terminate = 12, StartDue = 13, Cancel = 14,
    ExpiryDue = 15, SetRenewal = 16, PauseDue = 17, Postpone = 18, ChangePlan = 19,
    CancelChange = 20, RequestChange = 21, ChangeDue = 22, TerminateDue = 23,
    CancelTermination = 24, Reinstate = 25, RequestRevert = 26, ApproveRevert = 27,
    DenyRevert = 28, Refund = 29, Chargeback = 30, Post = 31, Void = 32,
    OpenPortal = 33);
codes!(Effect, "effect", effect_code, effect_of:
    Done = 1, MonthsBought = 2, CreditOnly = 3, DebtSettled = 4, PauseEnded = 5,
    PauseEndedUnfunded = 6, Renewed = 7, Lapsed = 8, Scheduled = 9, Unscheduled = 10,
    Dropped = 11, Requested = 12);
codes!(Standing, "standing", standing_code, standing_of:
    Pending = 1, Active = 2, Grace = 3, Expired = 4, Paused = 5, Suspended = 6, Disabled = 7,
    Terminated = 8, Cancelled = 9);

pub(super) fn snapshot_row(snapshot: &Snapshot) -> SnapshotRow<'_> {
    SnapshotRow {
        standing: standing_code(snapshot.standing),
        paid_through: snapshot.paid_through.unix_millis(),
        plan: snapshot.plan.as_str(),
        balance: money_row(snapshot.balance),
    }
}

pub(super) fn snapshot(row: &SnapshotRow<'_>) -> Result<Snapshot, Damaged> {
    Ok(Snapshot {
        standing: standing_of(row.standing)?,
        paid_through: instant(row.paid_through)?,
        plan: plan_id(row.plan)?,
        balance: money(&row.balance)?,
    })
}

/// The body of an entry.
pub(crate) fn encode_entry(entry: &JournalEntry) -> Vec<u8> {
    to_row(&EntryRow {
        id: entry.id.0.into(),
        subscription: entry.subscription.0.into(),
        command_id: entry.command_id.as_ref().map(|id| id.as_str()),
        role: role_code(entry.actor.role),
        actor: entry.actor.name.as_str(),
        on_behalf_of: entry.actor.on_behalf_of.as_ref().map(|name| name.as_str()),
        reason: entry.reason.as_ref().map(|reason| reason.as_str()),
        action: action_code(entry.action),
        effect: effect_code(entry.effect),
        performed_at: entry.performed_at.unix_millis(),
        old: entry.old.as_ref().map(snapshot_row),
        new: snapshot_row(&entry.new),
        amount: entry.amount.map(money_row),
        payment: entry.payment.as_ref().map(|id| id.as_str()),
        reverts: entry.reverts.map(|id| id.0.into()),
        steps: (!entry.steps.is_empty()).then(|| entry.steps.iter().map(step_row).collect()),
        sub_type: entry.note.sub_type.as_ref().map(|label| label.as_str()),
        performed_by: entry.note.performed_by.as_ref().map(|name| name.as_str()),
        entered_for: entry.note.performed_at.map(Timestamp::unix_millis),
    })
}

/// The entry of a body.
pub(crate) fn decode_entry(octets: &[u8]) -> Result<JournalEntry, Damaged> {
    let row: EntryRow<'_> = of_row("journal entry", octets)?;
    let subscription = SubscriptionId(row.subscription.into());
    Ok(JournalEntry {
        id: EntryId(row.id.into()),
        subscription,
        command_id: optional_text("command id", row.command_id)?,
        actor: Actor {
            role: role_of(row.role)?,
            name: text("actor", row.actor)?,
            on_behalf_of: optional_text("actor", row.on_behalf_of)?,
        },
        reason: optional_text("reason", row.reason)?,
        action: action_of(row.action)?,
        effect: effect_of(row.effect)?,
        performed_at: instant(row.performed_at)?,
        old: row.old.as_ref().map(snapshot).transpose()?,
        new: snapshot(&row.new)?,
        amount: optional_money(row.amount.as_ref())?,
        payment: optional_text("payment id", row.payment)?,
        reverts: row.reverts.map(|id| EntryId(id.into())),
        steps: row
            .steps
            .iter()
            .flatten()
            .map(|row| step(subscription, row))
            .collect::<Result<_, Damaged>>()?,
        note: Note {
            sub_type: optional_text("sub-type", row.sub_type)?,
            performed_by: optional_text("actor", row.performed_by)?,
            performed_at: optional_instant(row.entered_for)?,
        },
    })
}

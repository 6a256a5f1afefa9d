//! Commands for one subscription, after what its agenda is owed.

use std::borrow::Cow;

use garth_subscription::command::{Actor, Command, CommandKind, Note, Role};
use garth_subscription::facts::{Facts, SubscriptionId};
use garth_subscription::journal::{EntryId, JournalEntry};
use garth_subscription::policy::{Policy, Rules, Terms};
use garth_subscription::revert::{RevertId, RevertRequest, RevertState};
use garth_subscription::standing::next_boundary;
use garth_subscription::text::{CommandId, PaymentId};
use garth_subscription::{Case, Decision, Money, Order, Refusal, Timestamp, decide};
use redb::ReadableTable;

use super::{Batch, Stop};
use crate::chain;
use crate::disk::{
    self, AnswerRecord, Damaged, StoredSubscription, decode_answer, decode_payment,
    decode_subscription, encode_answer, encode_payment, encode_subscription,
};
use crate::fault::Fault;
use crate::read;
use crate::record::{Payment, Subscription};
use crate::tables::{Meta, Reverts, id_key, millis, read_revert, revert_key};
use crate::write::{CommandRequest, Committed, WriteError};

/// No subscription has more agenda items due at once; the rest is done the next time.
const DUE_MAX: usize = 16;

/// What is known of a subscription that a command is for.
pub(crate) struct Known {
    pub(crate) subscription: Subscription,
    /// Its whole journal, oldest first, where the command needs it.
    history: Vec<JournalEntry>,
    /// The request that the command names, if it is of this subscription.
    request: Option<RevertRequest>,
    /// Where the journal of all ends.
    meta: Meta,
}

impl Known {
    /// Reads what `command` needs: `history` gives the journal of the subscription unless it is too
    /// long, `request` the request of that id.
    pub(crate) fn gather(
        subscription: Subscription,
        command: &Command,
        meta: Meta,
        history: impl FnOnce(SubscriptionId) -> Result<Option<Vec<JournalEntry>>, Fault>,
        request: impl FnOnce(RevertId) -> Result<Option<RevertRequest>, Fault>,
    ) -> Result<Self, Stop> {
        let id = subscription.facts.id;
        let history = if command.needs_history() {
            history(id)?.ok_or(WriteError::HistoryTooLong)?
        } else {
            Vec::new()
        };
        let request = if let Command::ApproveRevert(named) | Command::DenyRevert(named) = command {
            request(*named)?
        } else {
            None
        };
        Ok(Self {
            subscription,
            history,
            request: request.filter(|request| request.subscription == id),
            meta,
        })
    }
}

/// A subscription once its agenda has what it is owed, nothing of it written yet.
pub(crate) struct Settled<'a> {
    known: &'a Known,
    /// Agenda items that were due, each with its decision.
    due: Vec<(Order, Decision)>,
    history: Cow<'a, [JournalEntry]>,
}

impl<'a> Settled<'a> {
    pub(crate) fn new(known: &'a Known, now: Timestamp, terms: Terms<'_>) -> Self {
        let due = due(&known.subscription.facts, now, terms).done;
        let mut history = Cow::Borrowed(known.history.as_slice());
        if !history.is_empty() && !due.is_empty() {
            // Whoever replays the journal must meet the facts that they decide on.
            let entries = history.to_mut();
            for (sequence, (order, decision)) in (known.meta.sequence + 1..).zip(&due) {
                let id = chain::entry_id(now, sequence, known.meta.edge);
                entries.push(decision.entry(id, None, order, now));
            }
        }
        Self {
            known,
            due,
            history,
        }
    }

    pub(crate) fn case(&self) -> Case<'_> {
        let last = self.due.last().map(|(_, decision)| &decision.facts);
        Case {
            facts: Some(last.unwrap_or(&self.known.subscription.facts)),
            history: &self.history,
            request: self.known.request.as_ref(),
        }
    }
}

/// A decision and what the timer owes before it, nothing of it written yet.
pub(crate) struct Staged {
    /// Agenda items that were due, each with its decision.
    due: Vec<(Order, Decision)>,
    /// What was asked, decided on the facts after them.
    pub(crate) decision: Decision,
}

/// Decides `order`, after what the agenda owes by `now`.
pub(crate) fn stage(
    known: &Known,
    order: &Order,
    now: Timestamp,
    rules: &Rules,
) -> Result<Staged, Refusal> {
    let terms = rules.terms(known.subscription.subscriber.partner.as_ref());
    let settled = Settled::new(known, now, terms);
    let decision = decide(settled.case(), order, now, terms)?;
    Ok(Staged {
        due: settled.due,
        decision,
    })
}

/// What the agenda owed.
pub(super) struct Due {
    /// Earliest first, each decided on the facts after the one before.
    pub(super) done: Vec<(Order, Decision)>,
    /// Whether the next item is due as well and was refused: it must not be tried for ever.
    pub(super) is_stuck: bool,
}

/// Decides what the agenda owes by `now`.
pub(super) fn due(facts: &Facts, now: Timestamp, terms: Terms<'_>) -> Due {
    let mut done: Vec<(Order, Decision)> = Vec::new();
    while done.len() < DUE_MAX {
        let facts = done.last().map_or(facts, |(_, decision)| &decision.facts);
        let Some(item) = facts.next_due(terms.policy).filter(|item| item.at <= now) else {
            break;
        };
        let order = Order {
            actor: timer(),
            reason: None,
            note: Note::default(),
            command: item.action.command(),
        };
        match decide(Case::of(facts), &order, now, terms) {
            Ok(decision) => done.push((order, decision)),
            Err(refusal) => {
                let action = item.action.as_str();
                tracing::warn!(subscription = %facts.id, action, %refusal, "a due agenda item was refused");
                let is_stuck = true;
                return Due { done, is_stuck };
            }
        }
    }
    let is_stuck = false;
    Due { done, is_stuck }
}

/// When a subscription is to be looked at again: at the next change of its standing or the next item of
/// its agenda. One that is due now and `is_stuck` is left out.
pub(crate) fn boundary(
    facts: &Facts,
    now: Timestamp,
    policy: &Policy,
    is_stuck: bool,
) -> Option<Timestamp> {
    let item = if is_stuck {
        let agenda = facts.agenda(policy);
        agenda.into_iter().find(|item| item.at > now)
    } else {
        facts.next_due(policy)
    };
    let standing = next_boundary(&facts.standing_facts(), now);
    standing.into_iter().chain(item.map(|item| item.at)).min()
}

/// Time as the one who acts.
fn timer() -> Actor {
    Actor {
        role: Role::Timer,
        name: "timer".parse().expect("a name without control characters"),
        on_behalf_of: None,
    }
}

/// What is remembered of a request besides its decision.
pub(super) struct Asked {
    pub(super) order: Order,
    pub(super) command_id: Option<CommandId>,
    /// SHA-256 of the request.
    pub(super) digest: chain::Hash,
}

impl Batch<'_> {
    pub(super) fn command(&mut self, request: &CommandRequest) -> Result<Committed, Stop> {
        let digest = chain::digest(&disk::encode_order(request.subscription, &request.order));
        if let Some(command_id) = &request.command_id
            && let Some(committed) = self.answered(command_id, &digest)?
        {
            return Ok(committed);
        }
        if let Some((payment, amount)) = request.order.command.payment()
            && let Some(committed) = self.booked(payment, request.subscription, amount)?
        {
            return Ok(committed);
        }
        if matches!(request.order.command, Command::Create(_)) {
            // A command names a subscription, not who it belongs to; see `add`.
            return Err(WriteError::NoIdentity.into());
        }
        let stored = self.load(request.subscription)?.ok_or(Refusal::Unknown)?;
        self.carry_out(
            stored,
            &Asked {
                order: request.order.clone(),
                command_id: request.command_id.clone(),
                digest,
            },
        )
    }

    /// Decides on `stored` what was asked and writes it down with all that belongs to it.
    pub(super) fn carry_out(
        &mut self,
        stored: StoredSubscription,
        asked: &Asked,
    ) -> Result<Committed, Stop> {
        let known = self.known(stored.subscription, &asked.order.command)?;
        let Staged { due, decision } = stage(&known, &asked.order, self.now, &self.rules)?;
        let paper = self.paper(&asked.order, &decision)?;
        // From here on only the disk can fail.
        for (order, decision) in &due {
            self.append(order, decision, None)?;
        }
        let entry = self.append(&asked.order, &decision, asked.command_id.clone())?;
        if let Some(paper) = paper {
            self.file(paper, decision.facts.id, entry, &asked.order.actor.name)?;
        }
        let subscription = Subscription {
            subscriber: known.subscription.subscriber,
            credential: known.subscription.credential,
            facts: decision.facts.clone(),
        };
        self.put(subscription, stored.boundary, false)?;
        self.remember(asked, &decision, entry)?;
        Ok(Committed {
            decision,
            entry,
            repeated: false,
        })
    }

    /// What the rules must know of a subscription for that command.
    fn known(&self, subscription: Subscription, command: &Command) -> Result<Known, Stop> {
        let tables = &self.tables;
        Known::gather(
            subscription,
            command,
            self.meta,
            |id| read::whole_history(&tables.journal, &tables.journal_by_subscription, id),
            |id| read_revert(&Reverts::open(self.txn)?.rows, revert_key(id)),
        )
    }

    /// Keeps the answer for when the command id or the payment id comes again.
    pub(super) fn remember(
        &mut self,
        asked: &Asked,
        decision: &Decision,
        entry: EntryId,
    ) -> Result<(), Fault> {
        let payment = asked.order.command.payment();
        if asked.command_id.is_none() && payment.is_none() {
            return Ok(());
        }
        let answer = encode_answer(&AnswerRecord {
            digest: asked.digest,
            sequence: self.meta.sequence,
            facts: decision.facts.clone(),
            request: decision.request.as_ref().map(|request| request.id),
            cleared: decision.cleared.clone(),
        });
        if let Some(id) = &asked.command_id {
            self.tables
                .commands
                .insert(id.as_str(), answer.as_slice())?;
        }
        if let Some((id, amount)) = payment {
            let payment = Payment {
                id: id.clone(),
                subscription: decision.facts.id,
                amount,
                entry,
                booked_at: self.now,
            };
            let row = encode_payment(&payment, &answer);
            self.tables.payments.insert(id.as_str(), row.as_slice())?;
        }
        Ok(())
    }

    /// The answer that the same request under this command id got before (L33).
    pub(super) fn answered(
        &self,
        id: &CommandId,
        digest: &chain::Hash,
    ) -> Result<Option<Committed>, Stop> {
        let Some(answer) = self.answer(id)? else {
            return Ok(None);
        };
        if answer.digest != *digest {
            return Err(WriteError::CommandIdReused.into());
        }
        Ok(Some(self.repeat(answer)?))
    }

    /// What this command id was answered before.
    pub(super) fn answer(&self, id: &CommandId) -> Result<Option<AnswerRecord>, Fault> {
        let row = self.tables.commands.get(id.as_str())?;
        Ok(row.map(|row| decode_answer(row.value())).transpose()?)
    }

    /// The answer that this payment got before (E4).
    pub(super) fn booked(
        &self,
        id: &PaymentId,
        subscription: SubscriptionId,
        amount: Money,
    ) -> Result<Option<Committed>, Stop> {
        let Some(row) = self.tables.payments.get(id.as_str())? else {
            return Ok(None);
        };
        let (payment, answer) = decode_payment(id.clone(), row.value())?;
        if payment.subscription != subscription || payment.amount != amount {
            return Err(WriteError::PaymentIdReused.into());
        }
        Ok(Some(self.repeat(decode_answer(answer)?)?))
    }

    /// The answer once more, from the journal and the facts kept with it.
    pub(super) fn repeat(&self, answer: AnswerRecord) -> Result<Committed, Fault> {
        let row =
            self.tables.journal.get(answer.sequence)?.ok_or_else(|| {
                Damaged::new("answer", format_args!("no entry {}", answer.sequence))
            })?;
        let (_, body) = chain::parts(row.value())?;
        let entry = disk::decode_entry(body)?;
        let request = answer.request.map(|id| self.request_of(id, entry.action));
        Ok(Committed {
            decision: Decision {
                facts: answer.facts,
                old: entry.old,
                new: entry.new,
                effect: entry.effect,
                amount: entry.amount,
                steps: entry.steps,
                reverts: entry.reverts,
                cleared: answer.cleared,
                request: request.transpose()?.flatten(),
            },
            entry: entry.id,
            repeated: true,
        })
    }

    /// The request of an answer, as it was when `action` was answered.
    fn request_of(
        &self,
        id: RevertId,
        action: CommandKind,
    ) -> Result<Option<Box<RevertRequest>>, Fault> {
        let request = read_revert(&Reverts::open(self.txn)?.rows, revert_key(id))?;
        Ok(request.map(|mut request| {
            if action == CommandKind::RequestRevert {
                request.state = RevertState::Pending;
            }
            Box::new(request)
        }))
    }

    pub(super) fn load(&self, id: SubscriptionId) -> Result<Option<StoredSubscription>, Fault> {
        let row = self.tables.subscriptions.get(id_key(id))?;
        Ok(row
            .map(|row| decode_subscription(id, row.value()))
            .transpose()?)
    }

    /// Adds an entry to the journal.
    pub(super) fn append(
        &mut self,
        order: &Order,
        decision: &Decision,
        command_id: Option<CommandId>,
    ) -> Result<EntryId, Fault> {
        self.dirty = true;
        let id = chain::entry_id(self.now, self.meta.sequence + 1, self.meta.edge);
        let entry = decision.entry(id, command_id, order, self.now);
        chain::append(&mut self.tables, &mut self.meta, &entry)?;
        self.notify(&entry)?;
        Ok(id)
    }

    /// Writes a subscription and moves its row in the agenda from `stored` to where it belongs.
    pub(super) fn put(
        &mut self,
        subscription: Subscription,
        stored: Option<Timestamp>,
        is_stuck: bool,
    ) -> Result<(), Fault> {
        self.dirty = true;
        let id = subscription.facts.id;
        let policy = self
            .rules
            .policies
            .of(subscription.subscriber.partner.as_ref());
        let next = boundary(&subscription.facts, self.now, policy, is_stuck);
        if next != stored {
            if let Some(at) = stored {
                self.tables.agenda.remove((millis(at), id_key(id)))?;
            }
            if let Some(at) = next {
                self.tables.agenda.insert((millis(at), id_key(id)), ())?;
            }
        }
        let row = encode_subscription(&subscription, next);
        self.tables
            .subscriptions
            .insert(id_key(id), row.as_slice())?;
        self.show(subscription)
    }

    /// Notes a subscription for the index, with its credential opened: a damaged one must be found
    /// before the commit, not after it.
    pub(super) fn show(&mut self, subscription: Subscription) -> Result<(), Fault> {
        let id = subscription.facts.id;
        let open = |sealed| self.shared.keys.open(id, sealed);
        let credential = subscription.credential.as_ref().map(open).transpose()?;
        self.changes.subscriptions.push((subscription, credential));
        Ok(())
    }
}

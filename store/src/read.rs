//! Reads: each on one snapshot of redb, so that it sees whole commits only.
//!
//! They block on the disk; async code calls them where blocking is allowed.

use std::ops::Bound;

use garth_subscription::Command;
use garth_subscription::facts::SubscriptionId;
use garth_subscription::journal::JournalEntry;
use garth_subscription::subscriber::{Credential, MacAddress, Subscriber};
use garth_subscription::text::PaymentId;
use redb::{ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable};
use uuid::Uuid;

use crate::chain::{self, Hash, NO_HASH};
use crate::disk::{Damaged, decode_checkout, decode_entry, decode_payment, decode_subscription};
use crate::fault::{Fault, ReadError, VerifyError};
use crate::index::{Content, Index};
use crate::open;
use crate::record::{ChainedEntry, Checkout, CheckoutId, Payment, Subscription};
use crate::replay;
use crate::store::Store;
use crate::tables::{
    CHECKOUTS, CHECKOUTS_BY_SUBSCRIPTION, IDENTITIES, IdentityKind, JOURNAL,
    JOURNAL_BY_SUBSCRIPTION, META, Meta, OPEN_CHECKOUTS, PAYMENTS, REVERTS, SUBSCRIPTIONS, id_key,
    id_of, identities, identity_text, read_revert, revert_key,
};
use crate::write::WriteError;
use crate::writer::{Known, Stop};

/// The most rows that one read returns, whatever is asked for.
pub const READ_MAX: usize = 10_000;
/// The most journal entries of one subscription that are replayed; a revert of more is refused.
pub const HISTORY_MAX: usize = 10_000;
/// How many entries are verified between two reports of progress.
const PROGRESS_EVERY: u64 = 4_096;

/// What a verification has proved.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Verified {
    /// How many entries there are.
    pub entries: u64,
    /// The hash of the last one; zeros if there is none.
    pub head: [u8; 32],
}

type Journal = ReadOnlyTable<u64, &'static [u8]>;

impl Store {
    pub(crate) fn snapshot(&self) -> Result<ReadTransaction, Fault> {
        Ok(self.shared().db.begin_read()?)
    }

    /// The subscription of that id.
    ///
    /// # Errors
    /// [`ReadError`] if the disk fails; so of all reads.
    pub fn subscription(&self, id: SubscriptionId) -> Result<Option<Subscription>, ReadError> {
        Ok(read_subscription(&self.snapshot()?, id)?)
    }

    /// What a subscription proves itself with: for a person who has asked for it, and may.
    ///
    /// # Errors
    /// [`ReadError`] if it does not open.
    pub fn credential(&self, of: &Subscription) -> Result<Option<Credential>, ReadError> {
        let open = |sealed| self.shared().keys.open(of.facts.id, sealed);
        let opened = of.credential.as_ref().map(open).transpose();
        Ok(opened.map_err(Fault::from)?)
    }

    /// The subscription that goes by that name: an id, a user name, a MAC address in any usual
    /// notation or an external id, tried in this order.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn resolve(&self, name: &str) -> Result<Option<SubscriptionId>, ReadError> {
        Ok(resolve(&self.snapshot()?, name)?)
    }

    /// Whether a new subscription could go by these names and addresses now: what [`Self::preview`]
    /// does not look at.
    ///
    /// # Errors
    /// [`WriteError::NoIdentity`], [`WriteError::IdentityTaken`] as adding it would say, or
    /// [`WriteError::Failed`] if the disk cannot be read.
    pub fn check_identities(&self, subscriber: &Subscriber) -> Result<(), WriteError> {
        if subscriber.user_name.is_none()
            && subscriber.mac.is_none()
            && subscriber.external_id.is_none()
        {
            return Err(WriteError::NoIdentity);
        }
        let taken = self
            .snapshot()
            .and_then(|txn| taken_identity(&txn, subscriber));
        match taken {
            Ok(None) => Ok(()),
            Ok(Some(kind)) => Err(WriteError::IdentityTaken {
                kind: kind.as_str(),
                value: identity_text(subscriber, kind),
            }),
            Err(fault) => Err(WriteError::Failed(ReadError::from(fault).to_string())),
        }
    }

    /// At most `limit` subscriptions in the order of their ids, those after `after`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn subscriptions(
        &self,
        after: Option<SubscriptionId>,
        limit: usize,
    ) -> Result<Vec<Subscription>, ReadError> {
        Ok(subscriptions(&self.snapshot()?, after, limit)?)
    }

    /// At most `limit` journal entries of a subscription, newest first, those before sequence
    /// `before`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn history(
        &self,
        id: SubscriptionId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<ChainedEntry>, ReadError> {
        Ok(history(&self.snapshot()?, id, before, limit)?)
    }

    /// At most `limit` journal entries from sequence `from` on.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn journal(&self, from: u64, limit: usize) -> Result<Vec<ChainedEntry>, ReadError> {
        Ok(journal(&self.snapshot()?, from, limit)?)
    }

    /// Hashes the whole journal again, as of now; `progress` is told how many entries of how many
    /// are done.
    ///
    /// # Errors
    /// [`VerifyError`] names the first entry that is not what it was.
    pub fn verify_journal(
        &self,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Verified, VerifyError> {
        verify(&self.snapshot()?, progress)
    }

    /// The payment of that id.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn payment(&self, id: &PaymentId) -> Result<Option<Payment>, ReadError> {
        Ok(payment(&self.snapshot()?, id)?)
    }

    /// The checkout of that id.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn checkout(&self, id: CheckoutId) -> Result<Option<Checkout>, ReadError> {
        let txn = self.snapshot()?;
        Ok(read_checkout(&txn, id.0.as_u128())?)
    }

    /// At most `limit` checkouts that wait for their payment, in the order of their ids from the one
    /// after `after` on: who comes back with the last of them sees every one in turn.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn open_checkouts(
        &self,
        after: Option<CheckoutId>,
        limit: usize,
    ) -> Result<Vec<Checkout>, ReadError> {
        Ok(open_checkouts(&self.snapshot()?, after, limit)?)
    }

    /// At most `limit` checkouts of a subscription, newest first.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn checkouts_of(
        &self,
        id: SubscriptionId,
        limit: usize,
    ) -> Result<Vec<Checkout>, ReadError> {
        Ok(checkouts_of(&self.snapshot()?, id, limit)?)
    }

    /// The content of an index filled from the disk alone: what [`Store::index`] must equal.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn content_on_disk(&self) -> Result<Content, ReadError> {
        let index = Index::new();
        index.publish_plans(&self.rules().catalogue);
        let txn = self.snapshot()?;
        open::fill(&index, &txn, &self.shared().keys)?;
        let zone = self.rules().zone();
        open::fill_sessions(&index, &replay::sessions(&txn, zone)?.0)?;
        Ok(index.content())
    }
}

impl Store {
    /// What the rules must know of a subscription for that command; nothing if there is none.
    pub(crate) fn known(
        &self,
        id: SubscriptionId,
        command: &Command,
    ) -> Result<Option<Known>, WriteError> {
        let txn = self.snapshot().map_err(Stop::from)?;
        Ok(known(&txn, id, command)?)
    }
}

fn known(
    txn: &ReadTransaction,
    id: SubscriptionId,
    command: &Command,
) -> Result<Option<Known>, Stop> {
    let Some(subscription) = read_subscription(txn, id)? else {
        return Ok(None);
    };
    let meta = Meta::read(&txn.open_table(META).map_err(Fault::from)?)?;
    let known = Known::gather(
        subscription,
        command,
        meta,
        |id| {
            let journal = txn.open_table(JOURNAL)?;
            whole_history(&journal, &txn.open_table(JOURNAL_BY_SUBSCRIPTION)?, id)
        },
        |id| read_revert(&txn.open_table(REVERTS)?, revert_key(id)),
    )?;
    Ok(Some(known))
}

/// Every journal entry of a subscription, oldest first; nothing if they are more than
/// [`HISTORY_MAX`].
pub(crate) fn whole_history(
    journal: &impl ReadableTable<u64, &'static [u8]>,
    by_subscription: &impl ReadableTable<(u128, u64), ()>,
    id: SubscriptionId,
) -> Result<Option<Vec<JournalEntry>>, Fault> {
    let all = (id_key(id), 0)..=(id_key(id), u64::MAX);
    let mut entries = Vec::new();
    for row in by_subscription.range(all)? {
        let (_, sequence) = row?.0.value();
        if entries.len() == HISTORY_MAX {
            return Ok(None);
        }
        entries.push(entry_at(journal, sequence)?);
    }
    Ok(Some(entries))
}

/// The journal entry of that sequence.
pub(crate) fn entry_at(
    journal: &impl ReadableTable<u64, &'static [u8]>,
    sequence: u64,
) -> Result<JournalEntry, Fault> {
    let missing = || Damaged::new("journal", format_args!("entry {sequence} is missing"));
    let row = journal.get(sequence)?.ok_or_else(missing)?;
    Ok(decode_entry(chain::parts(row.value())?.1)?)
}

fn read_subscription(
    txn: &ReadTransaction,
    id: SubscriptionId,
) -> Result<Option<Subscription>, Fault> {
    let table = txn.open_table(SUBSCRIPTIONS)?;
    let row = table.get(id_key(id))?;
    let stored = row.map(|row| decode_subscription(id, row.value()));
    Ok(stored.transpose()?.map(|stored| stored.subscription))
}

fn resolve(txn: &ReadTransaction, name: &str) -> Result<Option<SubscriptionId>, Fault> {
    if let Ok(id) = name.parse::<Uuid>()
        && let table = txn.open_table(SUBSCRIPTIONS)?
        && table.get(id.as_u128())?.is_some()
    {
        return Ok(Some(SubscriptionId(id)));
    }
    let identities = txn.open_table(IDENTITIES)?;
    let find = |key: Vec<u8>| -> Result<Option<SubscriptionId>, Fault> {
        Ok(identities.get(key.as_slice())?.map(|id| id_of(id.value())))
    };
    if let Some(id) = find(IdentityKind::UserName.key(name.as_bytes()))? {
        return Ok(Some(id));
    }
    if let Ok(mac) = name.parse::<MacAddress>()
        && let Some(id) = find(IdentityKind::Mac.key(&mac.0))?
    {
        return Ok(Some(id));
    }
    find(IdentityKind::ExternalId.key(name.as_bytes()))
}

fn taken_identity(
    txn: &ReadTransaction,
    subscriber: &Subscriber,
) -> Result<Option<IdentityKind>, Fault> {
    let table = txn.open_table(IDENTITIES)?;
    for (kind, key) in identities(subscriber) {
        if table.get(key.as_slice())?.is_some() {
            return Ok(Some(kind));
        }
    }
    Ok(None)
}

fn subscriptions(
    txn: &ReadTransaction,
    after: Option<SubscriptionId>,
    limit: usize,
) -> Result<Vec<Subscription>, Fault> {
    let table = txn.open_table(SUBSCRIPTIONS)?;
    let Some(from) = after.map_or(Some(0), |id| id_key(id).checked_add(1)) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for row in table.range(from..)?.take(limit.min(READ_MAX)) {
        let (key, value) = row?;
        found.push(decode_subscription(id_of(key.value()), value.value())?.subscription);
    }
    Ok(found)
}

fn history(
    txn: &ReadTransaction,
    id: SubscriptionId,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<ChainedEntry>, Fault> {
    let sequences = txn.open_table(JOURNAL_BY_SUBSCRIPTION)?;
    let journal = txn.open_table(JOURNAL)?;
    let id = id_key(id);
    let range = (id, 0)..(id, before.unwrap_or(u64::MAX));
    let mut found = Vec::new();
    for row in sequences.range(range)?.rev().take(limit.min(READ_MAX)) {
        let (_, sequence) = row?.0.value();
        let row = entry_row(&journal, sequence)?;
        let previous = hash_before(&journal, sequence)?;
        found.push(chain::chained(sequence, previous, row.value())?);
    }
    Ok(found)
}

fn journal(txn: &ReadTransaction, from: u64, limit: usize) -> Result<Vec<ChainedEntry>, Fault> {
    let journal = txn.open_table(JOURNAL)?;
    let from = from.max(1);
    let mut previous = None;
    let mut found: Vec<ChainedEntry> = Vec::new();
    for row in journal.range(from..)?.take(limit.min(READ_MAX)) {
        let (key, value) = row?;
        let before = match previous {
            Some(hash) => hash,
            None => hash_before(&journal, key.value())?,
        };
        let entry = chain::chained(key.value(), before, value.value())?;
        previous = Some(entry.hash);
        found.push(entry);
    }
    Ok(found)
}

fn entry_row(
    journal: &Journal,
    sequence: u64,
) -> Result<redb::AccessGuard<'_, &'static [u8]>, Fault> {
    let missing = || Damaged::new("journal", format_args!("entry {sequence} is missing"));
    Ok(journal.get(sequence)?.ok_or_else(missing)?)
}

fn hash_before(journal: &Journal, sequence: u64) -> Result<Hash, Fault> {
    if sequence <= 1 {
        return Ok(NO_HASH);
    }
    Ok(chain::parts(entry_row(journal, sequence - 1)?.value())?.0)
}

fn verify(
    txn: &ReadTransaction,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Verified, VerifyError> {
    let meta = Meta::read(&txn.open_table(META).map_err(Fault::from)?)?;
    let journal = txn.open_table(JOURNAL).map_err(Fault::from)?;
    let (mut done, mut previous) = (0, NO_HASH);
    for row in journal.iter().map_err(Fault::from)? {
        let (key, value) = row.map_err(Fault::from)?;
        let sequence = done + 1;
        if key.value() != sequence {
            return Err(VerifyError::Missing { sequence });
        }
        let broken = VerifyError::Broken { sequence };
        let Ok((hash, body)) = chain::parts(value.value()) else {
            return Err(broken);
        };
        if chain::hash(meta.epoch, sequence, &previous, body) != hash {
            return Err(broken);
        }
        (done, previous) = (sequence, hash);
        if done % PROGRESS_EVERY == 0 {
            progress(done, meta.sequence);
        }
    }
    if (done, previous) != (meta.sequence, meta.hash) {
        return Err(VerifyError::End {
            found: done,
            expected: meta.sequence,
        });
    }
    progress(done, meta.sequence);
    Ok(Verified {
        entries: done,
        head: previous,
    })
}

fn payment(txn: &ReadTransaction, id: &PaymentId) -> Result<Option<Payment>, Fault> {
    let table = txn.open_table(PAYMENTS)?;
    let Some(row) = table.get(id.as_str())? else {
        return Ok(None);
    };
    Ok(Some(decode_payment(id.clone(), row.value())?.0))
}

fn read_checkout(txn: &ReadTransaction, id: u128) -> Result<Option<Checkout>, Fault> {
    let table = txn.open_table(CHECKOUTS)?;
    let row = table.get(id)?;
    let checkout = row.map(|row| decode_checkout(CheckoutId(Uuid::from_u128(id)), row.value()));
    Ok(checkout.transpose()?)
}

fn open_checkouts(
    txn: &ReadTransaction,
    after: Option<CheckoutId>,
    limit: usize,
) -> Result<Vec<Checkout>, Fault> {
    let mut found = Vec::new();
    let from = after.map_or(Bound::Unbounded, |id| Bound::Excluded(id.0.as_u128()));
    for row in txn
        .open_table(OPEN_CHECKOUTS)?
        .range::<u128>((from, Bound::Unbounded))?
        .take(limit.min(READ_MAX))
    {
        found.extend(read_checkout(txn, row?.0.value())?);
    }
    Ok(found)
}

fn checkouts_of(
    txn: &ReadTransaction,
    id: SubscriptionId,
    limit: usize,
) -> Result<Vec<Checkout>, Fault> {
    let table = txn.open_table(CHECKOUTS_BY_SUBSCRIPTION)?;
    let id = id_key(id);
    let range = (id, 0, 0)..=(id, u64::MAX, u128::MAX);
    let mut found = Vec::new();
    for row in table.range(range)?.rev().take(limit.min(READ_MAX)) {
        let (_, _, checkout) = row?.0.value();
        found.extend(read_checkout(txn, checkout)?);
    }
    Ok(found)
}

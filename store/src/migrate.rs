//! Files of older programs, brought up to the tables of this one.
//!
//! One version at a time. From 1 to 2 is one transaction. From 2 to 3, and from 3 to 4, rewrites every
//! subscription, in pieces of bounded memory: the first transaction raises the version, so that no
//! older program touches the file any more, and each piece notes where the next one begins. A loss of
//! power at any instant leaves a file that the next start goes on with.
//!
//! Not here: how credentials are sealed, in schema 4 and whenever the key is another ([`sealing`]).

mod sealing;

use garth_subscription::change::{Change, Step};
use garth_subscription::command::{Actor, CommandKind, Note, Role};
use garth_subscription::facts::{Facts, Phase};
use garth_subscription::journal::{Effect, JournalEntry, Snapshot};
use garth_subscription::policy::Policies;
use garth_subscription::time::Timestamp;
use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};

use crate::chain;
use crate::credential::KeyRing;
use crate::disk::encode_subscription;
use crate::fault::{Fault, OpenError};
use crate::signature::QuoteKey;
use crate::store::Options;
use crate::tables::{
    META, META_ACCOUNTING_FOLDED, META_AGENDA_POLICIES, META_PRICE_LIST, META_QUOTE_KEY,
    META_SCHEMA, META_UPGRADE, Meta, Tables, millis, optional,
};
use crate::writer::{self, agenda_digest, boundary};

/// The oldest version that can be brought up.
pub(crate) const OLDEST: u32 = 1;
/// How many subscriptions one transaction rewrites: some megabytes of memory.
const PIECE: usize = 4_096;

/// Brings up a file of version `schema`, which is [`OLDEST`] or later, and goes on where an earlier
/// start was cut off.
pub(crate) fn up(
    db: &Database,
    schema: u32,
    options: &Options,
    keys: &KeyRing,
) -> Result<(), OpenError> {
    if schema < 4 {
        sealing::take_key(db, keys)?;
    }
    if schema < 2 {
        accounting_log(db)?;
    }
    if schema < 3 {
        let key = QuoteKey::random().map_err(OpenError::Random)?;
        begin_lifecycle(db, &key, &options.policies)?;
    }
    // Before the first piece: an older program would lose what the pieces seal.
    if schema < 4 {
        sealing::begin(db, keys)?;
    }
    while let Some(next) = upgrade_from(db)? {
        lifecycle(db, next, &options.policies, keys)?;
    }
    sealing::up(db, keys)
}

/// From 1 to 2: accounting is appended to a log, and which sessions of a subscription live is known
/// in memory alone. The rows of the sessions stay as they are.
fn accounting_log(db: &Database) -> Result<(), Fault> {
    const LIVE_BY_SUBSCRIPTION: TableDefinition<(u128, &[u8]), ()> =
        TableDefinition::new("live_by_subscription");
    let txn = writer::begin(db)?;
    txn.delete_table(LIVE_BY_SUBSCRIPTION)?;
    {
        let meta = &mut Tables::create(&txn)?.meta;
        meta.insert(META_ACCOUNTING_FOLDED, 0_u64.to_be_bytes().as_slice())?;
        meta.insert(META_SCHEMA, 2_u32.to_be_bytes().as_slice())?;
    }
    txn.commit()?;
    tracing::info!("the store was brought up from schema 1 to 2");
    Ok(())
}

/// From 2 to 3, the first part: the new tables, and what `meta` has besides.
fn begin_lifecycle(db: &Database, key: &QuoteKey, policies: &Policies) -> Result<(), Fault> {
    let txn = writer::begin(db)?;
    {
        let mut tables = Tables::create(&txn)?;
        let price_list = u64::from(!tables.plans.is_empty()?);
        let meta = &mut tables.meta;
        meta.insert(META_PRICE_LIST, price_list.to_be_bytes().as_slice())?;
        meta.insert(META_QUOTE_KEY, key.octets().as_slice())?;
        // If the pieces see other policies, the agenda is computed anew by the timer.
        meta.insert(META_AGENDA_POLICIES, agenda_digest(policies).as_slice())?;
        meta.insert(META_UPGRADE, 0_u128.to_be_bytes().as_slice())?;
        meta.insert(META_SCHEMA, 3_u32.to_be_bytes().as_slice())?;
    }
    txn.commit()?;
    Ok(())
}

/// The key of the subscription that is next; nothing once all of them are brought up.
fn upgrade_from(db: &Database) -> Result<Option<u128>, Fault> {
    let table = db.begin_read()?.open_table(META)?;
    Ok(optional(&table, META_UPGRADE)?.map(u128::from_be_bytes))
}

/// From 2 to 3, one piece: each subscription's journal begins anew with its facts, so that it can be
/// replayed, and its place in the agenda is computed.
fn lifecycle(db: &Database, next: u128, policies: &Policies, keys: &KeyRing) -> Result<(), Fault> {
    let txn = writer::begin(db)?;
    {
        let mut tables = Tables::open(&txn)?;
        let mut meta = Meta::read(&tables.meta)?;
        let rows: Vec<(u128, Vec<u8>)> = tables
            .subscriptions
            .range(next..)?
            .take(PIECE)
            .map(|row| row.map(|(key, value)| (key.value(), value.value().to_vec())))
            .collect::<Result<_, _>>()?;
        for (key, row) in &rows {
            renew(&mut tables, &mut meta, *key, row, policies, keys)?;
        }
        meta.write_head(&mut tables.meta)?;
        let last = rows.last().filter(|_| rows.len() == PIECE);
        match last.and_then(|(key, _)| key.checked_add(1)) {
            Some(next) => {
                let next = next.to_be_bytes();
                tables.meta.insert(META_UPGRADE, next.as_slice())?;
            }
            None => {
                tables.meta.remove(META_UPGRADE)?;
                tracing::info!("the store was brought up from schema 2 to 3");
            }
        }
    }
    txn.commit()?;
    Ok(())
}

/// Rewrites one subscription, as of the last commit: what the clock says now may be wrong, and what
/// has become due since is the timer's.
fn renew(
    tables: &mut Tables<'_>,
    meta: &mut Meta,
    key: u128,
    row: &[u8],
    policies: &Policies,
    keys: &KeyRing,
) -> Result<(), Fault> {
    let now = meta.committed_at;
    let stored = sealing::sealed(keys, key, row)?;
    let mut subscription = stored.subscription;
    let old = Snapshot::of(&subscription.facts, now);
    bring_up(&mut subscription.facts, now);
    let entry = beginning(&subscription.facts, old, meta);
    chain::append(tables, meta, &entry)?;
    let policy = policies.of(subscription.subscriber.partner.as_ref());
    let next = boundary(&subscription.facts, now, policy, false);
    if let Some(at) = stored.boundary {
        tables.agenda.remove((millis(at), key))?;
    }
    if let Some(at) = next {
        tables.agenda.insert((millis(at), key), ())?;
    }
    let row = encode_subscription(&subscription, next);
    tables.subscriptions.insert(key, row.as_slice())?;
    Ok(())
}

/// Fills in what facts of before schema 3 could not say.
fn bring_up(facts: &mut Facts, now: Timestamp) {
    facts.version += 1;
    facts.active_since = match facts.phase {
        Phase::Pending { start_at } => start_at,
        Phase::Started { at } | Phase::Ended { at, .. } => at,
    };
    // An expiry from before there were renewals is nobody's to renew.
    let is_started = matches!(facts.phase, Phase::Started { .. });
    facts.has_lapsed = is_started && facts.paid_through <= now;
    facts.owing_since = facts.balance.is_negative().then_some(now);
}

/// The entry that a subscription's journal begins anew with.
fn beginning(facts: &Facts, old: Snapshot, meta: &Meta) -> JournalEntry {
    let now = meta.committed_at;
    JournalEntry {
        id: chain::entry_id(now, meta.sequence + 1, meta.edge),
        subscription: facts.id,
        command_id: None,
        actor: Actor {
            role: Role::Timer,
            name: "garthd".parse().expect("a name without control characters"),
            on_behalf_of: None,
        },
        reason: "brought up to schema 3".parse().ok(),
        note: Note::default(),
        action: CommandKind::Create,
        effect: Effect::Done,
        performed_at: now,
        old: Some(old),
        new: Snapshot::of(facts, now),
        amount: None,
        payment: None,
        reverts: None,
        steps: vec![Step {
            at: now,
            change: Change::Created(Box::new(facts.clone())),
        }],
    }
}

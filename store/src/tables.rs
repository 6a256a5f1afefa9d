//! The tables of the redb file: their names, their keys, and how they are opened.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | `meta` | name | octets; see [`Meta`] |
//! | `plans` | plan id | plan |
//! | `subscriptions` | id | facts, subscriber with its sealed credential, agenda instant |
//! | `identities` | kind, value | subscription id; unique |
//! | `journal` | sequence | hash, then body |
//! | `journal_by_subscription` | id, sequence | – |
//! | `agenda` | instant, id | – |
//! | `live_sessions` | NAS, Acct-Session-Id | session |
//! | `unsettled_sessions` | NAS, Acct-Session-Id | what its NAS was told, which has not followed |
//! | `closed_sessions` | session key, stop instant | session |
//! | `closed_by_time` | stop instant, session key | – |
//! | `closed_by_subscription` | id, stop instant, session key | – |
//! | `usage` | month, id | what a subscription has used, without what its live sessions have not booked |
//! | `accounting_log` | sequence of the last event in it | block of events |
//! | `accounting_folds` | session key | sequence; see below |
//! | `payments` | payment id | payment and the answer it got |
//! | `checkouts` | id | checkout |
//! | `open_checkouts` | id | – |
//! | `checkouts_by_subscription` | id, creation instant, checkout id | – |
//! | `commands` | command id | digest of the request and the answer it got |
//! | `reverts` | id | request to take an entry back |
//! | `pending_reverts` | request id | – |
//! | `reverts_by_subscription` | id, request id | – |
//! | `tickets` | id of its journal entry | ticket |
//! | `open_tickets` | ticket id | – |
//! | `tickets_by_subscription` | id, ticket id | – |
//! | `quotes` | id | signature, then quote |
//! | `quotes_by_subscription` | id, creation instant, quote id | – |
//! | `notices` | id, sequence of a journal entry | – |
//!
//! The outbox for the ledger is no table: every journal entry has to be delivered, in order, so
//! what waits is the journal above the sequence that the ledger has acknowledged. A number cannot
//! grow; rows that nobody fetches (an edge that stands alone) would.
//!
//! `journal`, `payments`, `commands` and the paid ones of `checkouts` only grow: about 300 octets for
//! each change of a subscription. Payment and command ids are never forgotten, as a repeat may come
//! at any time. Checkouts that came to nothing are bounded for each subscription and deleted later.
//! Requests to take an entry back grow with the journal; tickets, quotes and notices are bounded for
//! each subscription.
//!
//! Accounting is appended to `accounting_log`; the tables of sessions are brought up to date later,
//! some keys at a time. `accounting_folds` says which events they have: a row `(key, sequence)` holds
//! for the session keys above its own, up to the key of the next row. All of them have every event up
//! to `accounting_folded` in `meta`; blocks up to there are on their way out.
//!
//! Instants in keys are milliseconds since 1970 as `u64`; ids are UUIDs as `u128`, so that redb
//! sorts both as people do.

mod requests;

use garth_subscription::facts::SubscriptionId;
use garth_subscription::subscriber::Subscriber;
use garth_subscription::time::Timestamp;
use redb::{ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction};

use crate::disk::{Damaged, decode_stored, encode_closed};
use crate::fault::Fault;
use crate::record::SessionKey;
use crate::sessions::rules::Closed;

pub(crate) use requests::{
    NOTICES, OPEN_TICKETS, PENDING_REVERTS, QUOTES, QUOTES_BY_SUBSCRIPTION, Quotes, REVERTS,
    REVERTS_BY_SUBSCRIPTION, Reverts, TICKETS, TICKETS_BY_SUBSCRIPTION, Tickets, place, quote_key,
    read_quote, read_revert, read_ticket, revert_key, ticket_key,
};

type Definition<K, V> = TableDefinition<'static, K, V>;
type Octets = &'static [u8];

pub(crate) const META: Definition<&str, Octets> = Definition::new("meta");
pub(crate) const PLANS: Definition<&str, Octets> = Definition::new("plans");
pub(crate) const SUBSCRIPTIONS: Definition<u128, Octets> = Definition::new("subscriptions");
pub(crate) const IDENTITIES: Definition<Octets, u128> = Definition::new("identities");
pub(crate) const JOURNAL: Definition<u64, Octets> = Definition::new("journal");
pub(crate) const JOURNAL_BY_SUBSCRIPTION: Definition<(u128, u64), ()> =
    Definition::new("journal_by_subscription");
pub(crate) const AGENDA: Definition<(u64, u128), ()> = Definition::new("agenda");
pub(crate) const LIVE_SESSIONS: Definition<Octets, Octets> = Definition::new("live_sessions");
/// Files of before it was there have it from the first session on that a NAS does not move at once.
pub(crate) const UNSETTLED_SESSIONS: Definition<Octets, Octets> =
    Definition::new("unsettled_sessions");
pub(crate) const CLOSED_SESSIONS: Definition<(Octets, u64), Octets> =
    Definition::new("closed_sessions");
pub(crate) const CLOSED_BY_TIME: Definition<(u64, Octets), ()> = Definition::new("closed_by_time");
pub(crate) const CLOSED_BY_SUBSCRIPTION: Definition<(u128, u64, Octets), ()> =
    Definition::new("closed_by_subscription");
/// By [`MonthNumber`](crate::sessions::usage::MonthNumber) first: sessions end in the current month, whose
/// rows share pages, and months that are too old are neighbours. Files of before it was there have it from
/// the first fold on.
pub(crate) const USAGE: Definition<(u16, u128), Octets> = Definition::new("usage");
pub(crate) const ACCOUNTING_LOG: Definition<u64, Octets> = Definition::new("accounting_log");
pub(crate) const ACCOUNTING_FOLDS: Definition<Octets, u64> = Definition::new("accounting_folds");
pub(crate) const PAYMENTS: Definition<&str, Octets> = Definition::new("payments");
pub(crate) const CHECKOUTS: Definition<u128, Octets> = Definition::new("checkouts");
pub(crate) const OPEN_CHECKOUTS: Definition<u128, ()> = Definition::new("open_checkouts");
pub(crate) const CHECKOUTS_BY_SUBSCRIPTION: Definition<(u128, u64, u128), ()> =
    Definition::new("checkouts_by_subscription");
pub(crate) const COMMANDS: Definition<&str, Octets> = Definition::new("commands");

/// Every table that requests change often, open for writing in one transaction. The fold of the
/// accounting log opens `live_sessions` and `accounting_folds` for itself; [`requests`] are opened
/// where they are needed.
pub(crate) struct Tables<'txn> {
    pub(crate) meta: Table<'txn, &'static str, Octets>,
    pub(crate) plans: Table<'txn, &'static str, Octets>,
    pub(crate) subscriptions: Table<'txn, u128, Octets>,
    pub(crate) identities: Table<'txn, Octets, u128>,
    pub(crate) journal: Table<'txn, u64, Octets>,
    pub(crate) journal_by_subscription: Table<'txn, (u128, u64), ()>,
    pub(crate) agenda: Table<'txn, (u64, u128), ()>,
    pub(crate) closed: ClosedTables<'txn>,
    pub(crate) accounting_log: Table<'txn, u64, Octets>,
    pub(crate) payments: Table<'txn, &'static str, Octets>,
    pub(crate) checkouts: Table<'txn, u128, Octets>,
    pub(crate) open_checkouts: Table<'txn, u128, ()>,
    pub(crate) checkouts_by_subscription: Table<'txn, (u128, u64, u128), ()>,
    pub(crate) commands: Table<'txn, &'static str, Octets>,
}

impl<'txn> Tables<'txn> {
    /// Opens them, once every table is there.
    pub(crate) fn create(txn: &'txn WriteTransaction) -> Result<Self, Fault> {
        txn.open_table(LIVE_SESSIONS)?;
        txn.open_table(UNSETTLED_SESSIONS)?;
        txn.open_table(ACCOUNTING_FOLDS)?;
        txn.open_table(USAGE)?;
        requests::create(txn)?;
        Self::open(txn)
    }

    /// Opens them.
    pub(crate) fn open(txn: &'txn WriteTransaction) -> Result<Self, Fault> {
        Ok(Self {
            meta: txn.open_table(META)?,
            plans: txn.open_table(PLANS)?,
            subscriptions: txn.open_table(SUBSCRIPTIONS)?,
            identities: txn.open_table(IDENTITIES)?,
            journal: txn.open_table(JOURNAL)?,
            journal_by_subscription: txn.open_table(JOURNAL_BY_SUBSCRIPTION)?,
            agenda: txn.open_table(AGENDA)?,
            closed: ClosedTables::open(txn)?,
            accounting_log: txn.open_table(ACCOUNTING_LOG)?,
            payments: txn.open_table(PAYMENTS)?,
            checkouts: txn.open_table(CHECKOUTS)?,
            open_checkouts: txn.open_table(OPEN_CHECKOUTS)?,
            checkouts_by_subscription: txn.open_table(CHECKOUTS_BY_SUBSCRIPTION)?,
            commands: txn.open_table(COMMANDS)?,
        })
    }
}

/// The table of closed sessions, open for writing.
pub(crate) type ClosedTable<'txn> = Table<'txn, (Octets, u64), Octets>;

/// The three tables of closed sessions, which change together.
pub(crate) struct ClosedTables<'txn> {
    pub(crate) sessions: ClosedTable<'txn>,
    pub(crate) by_time: Table<'txn, (u64, Octets), ()>,
    by_subscription: Table<'txn, (u128, u64, Octets), ()>,
}

impl<'txn> ClosedTables<'txn> {
    /// Opens them, and creates those that are not there.
    pub(crate) fn open(txn: &'txn WriteTransaction) -> Result<Self, Fault> {
        Ok(Self {
            sessions: txn.open_table(CLOSED_SESSIONS)?,
            by_time: txn.open_table(CLOSED_BY_TIME)?,
            by_subscription: txn.open_table(CLOSED_BY_SUBSCRIPTION)?,
        })
    }

    /// Writes a closed session. One that lay there may have been another subscription's, which has it no more.
    pub(crate) fn put(&mut self, key: &[u8], closed: &Closed) -> Result<(), Fault> {
        let stopped_at = millis(closed.ended.stopped_at);
        self.forget(key, stopped_at)?;
        let row = encode_closed(closed);
        self.sessions.insert((key, stopped_at), row.as_slice())?;
        self.by_time.insert((stopped_at, key), ())?;
        if let Some(id) = closed.session.subscription {
            self.by_subscription
                .insert((id_key(id), stopped_at, key), ())?;
        }
        Ok(())
    }

    /// Deletes a closed session.
    pub(crate) fn forget(&mut self, key: &[u8], stopped_at: u64) -> Result<(), Fault> {
        self.by_time.remove((stopped_at, key))?;
        let Some(row) = self.sessions.remove((key, stopped_at))? else {
            return Ok(());
        };
        let owner = decode_stored(row.value())?.0.subscription;
        drop(row);
        if let Some(id) = owner {
            self.by_subscription.remove((id_key(id), stopped_at, key))?;
        }
        Ok(())
    }
}

/// The version of the tables as a whole.
pub(crate) const SCHEMA_VERSION: u32 = 4;

/// What the store knows of itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Meta {
    /// Tells this edge's entry ids from those of others; random, made with the file.
    pub(crate) edge: u32,
    /// Which life of this edge's journal it is (LEDGER section 6).
    pub(crate) epoch: u64,
    /// The last commit's instant: effective now never falls behind it (E3).
    pub(crate) committed_at: Timestamp,
    /// The last journal entry; 0 before the first.
    pub(crate) sequence: u64,
    /// Its hash; zeros before the first.
    pub(crate) hash: [u8; 32],
    /// The version of the price list: every change of the catalogue raises it; 0 before the first.
    pub(crate) price_list: u64,
}

pub(crate) const META_SCHEMA: &str = "schema";
pub(crate) const META_CURRENCY: &str = "currency";
/// The last event of the accounting log that every row of the tables of sessions has.
pub(crate) const META_ACCOUNTING_FOLDED: &str = "accounting_folded";
/// How many transactions have written sessions to the tables; not there before the first.
pub(crate) const META_SESSION_FOLDS: &str = "session_folds";
/// The key that quotes are signed with.
pub(crate) const META_QUOTE_KEY: &str = "quote_key";
/// The digest of the policies that every row of the agenda is by.
pub(crate) const META_AGENDA_POLICIES: &str = "agenda_policies";
/// While the agenda is computed anew: the digest of the policies that it will be by, and the key of
/// the subscription that is next.
pub(crate) const META_AGENDA_RENEWAL: &str = "agenda_renewal";
/// While a file is brought up to schema 3: the key of the subscription that is next.
pub(crate) const META_UPGRADE: &str = "upgrade_to_3";
/// The id of the key that credentials are sealed with; not there before any was.
pub(crate) const META_KEY: &str = "credential_key";
/// While credentials are sealed, or sealed anew: the key of the subscription that is next.
pub(crate) const META_SEALING: &str = "sealing";
/// While what lay open before is written over; empty.
pub(crate) const META_WIPING: &str = "wiping";
pub(crate) const META_PRICE_LIST: &str = "price_list";
/// What a person has confirmed of the time; see `writer::time`.
pub(crate) const META_TIME_CONFIRMED: &str = "time_confirmed";
const META_EDGE: &str = "edge";
const META_EPOCH: &str = "epoch";
const META_HEAD: &str = "head";

impl Meta {
    /// Reads it from a `meta` table that was written before.
    pub(crate) fn read(table: &impl ReadableTable<&'static str, Octets>) -> Result<Self, Fault> {
        let head: [u8; 48] = fixed(table, META_HEAD)?;
        let (committed_at, rest) = head.split_first_chunk::<8>().expect("48 octets");
        let (sequence, hash) = rest.split_first_chunk::<8>().expect("40 octets");
        Ok(Self {
            edge: u32::from_be_bytes(fixed(table, META_EDGE)?),
            epoch: u64::from_be_bytes(fixed(table, META_EPOCH)?),
            committed_at: of_millis(u64::from_be_bytes(*committed_at))?,
            sequence: u64::from_be_bytes(*sequence),
            hash: hash.try_into().expect("32 octets"),
            price_list: u64::from_be_bytes(fixed(table, META_PRICE_LIST)?),
        })
    }

    /// Writes all of it.
    pub(crate) fn write(&self, table: &mut Table<'_, &'static str, Octets>) -> Result<(), Fault> {
        table.insert(META_EDGE, self.edge.to_be_bytes().as_slice())?;
        table.insert(META_EPOCH, self.epoch.to_be_bytes().as_slice())?;
        self.write_price_list(table)?;
        self.write_head(table)
    }

    /// Writes what moves with the catalogue.
    pub(crate) fn write_price_list(
        &self,
        table: &mut Table<'_, &'static str, Octets>,
    ) -> Result<(), Fault> {
        table.insert(META_PRICE_LIST, self.price_list.to_be_bytes().as_slice())?;
        Ok(())
    }

    /// Writes what moves with every commit.
    pub(crate) fn write_head(
        &self,
        table: &mut Table<'_, &'static str, Octets>,
    ) -> Result<(), Fault> {
        let mut head = [0; 48];
        head[..8].copy_from_slice(&millis(self.committed_at).to_be_bytes());
        head[8..16].copy_from_slice(&self.sequence.to_be_bytes());
        head[16..].copy_from_slice(&self.hash);
        table.insert(META_HEAD, head.as_slice())?;
        Ok(())
    }
}

/// A value of known length in `meta`.
pub(crate) fn fixed<const N: usize>(
    table: &impl ReadableTable<&'static str, Octets>,
    name: &'static str,
) -> Result<[u8; N], Fault> {
    let guard = table
        .get(name)?
        .ok_or_else(|| Damaged::new("meta row", format_args!("{name} is missing")))?;
    let octets = guard.value();
    Ok(octets
        .try_into()
        .map_err(|_| Damaged::new("meta row", format_args!("{name} has {}", octets.len())))?)
}

/// As [`fixed`], of a value that may not be there.
pub(crate) fn optional<const N: usize>(
    table: &impl ReadableTable<&'static str, Octets>,
    name: &'static str,
) -> Result<Option<[u8; N]>, Fault> {
    let is_there = table.get(name)?.is_some();
    is_there.then(|| fixed(table, name)).transpose()
}

/// Whether a table has any row; a table that was never created has none.
pub(crate) fn has_meta(txn: &ReadTransaction) -> Result<bool, Fault> {
    match txn.open_table(META) {
        Ok(table) => Ok(table.get(META_SCHEMA)?.is_some()),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// An instant as part of a key.
pub(crate) fn millis(at: Timestamp) -> u64 {
    u64::try_from(at.unix_millis()).expect("a Timestamp is not before 1970")
}

/// The instant of a key.
pub(crate) fn of_millis(millis: u64) -> Result<Timestamp, Damaged> {
    i64::try_from(millis)
        .ok()
        .and_then(Timestamp::from_unix_millis)
        .ok_or_else(|| Damaged::new("instant", format_args!("{millis} ms is out of range")))
}

/// A subscription's id as a key.
pub(crate) const fn id_key(id: SubscriptionId) -> u128 {
    id.0.as_u128()
}

/// The subscription of a key.
pub(crate) const fn id_of(key: u128) -> SubscriptionId {
    SubscriptionId(uuid::Uuid::from_u128(key))
}

/// The octets before which all sessions of a NAS lie: the length of its name and the name, so that
/// no NAS's sessions follow those of another whose name is a part of its own.
pub(crate) fn nas_prefix(nas: &str) -> Vec<u8> {
    key_octets(nas, &[])
}

/// A session's key as octets.
pub(crate) fn session_octets(key: &SessionKey) -> Vec<u8> {
    key_octets(&key.nas, &key.acct_session_id)
}

/// In one piece: each record of accounting needs its own.
fn key_octets(nas: &str, id: &[u8]) -> Vec<u8> {
    let len = u16::try_from(nas.len()).unwrap_or(u16::MAX);
    let nas = &nas.as_bytes()[..usize::from(len)];
    let mut octets = Vec::with_capacity(size_of_val(&len) + nas.len() + id.len());
    octets.extend_from_slice(&len.to_be_bytes());
    octets.extend_from_slice(nas);
    octets.extend_from_slice(id);
    octets
}

/// The octets of a session's key as those of its NAS and its Acct-Session-Id.
pub(crate) fn split_session(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = usize::from(u16::from_be_bytes(*key.first_chunk()?));
    key.split_at_checked(2 + len)
}

/// The session's key of those octets.
pub(crate) fn session_key(octets: &[u8]) -> Result<SessionKey, Damaged> {
    let (nas, acct_session_id) =
        split_session(octets).ok_or_else(|| Damaged::new("session key", "it is too short"))?;
    let nas = nas.get(2..).unwrap_or_default();
    Ok(SessionKey {
        nas: std::str::from_utf8(nas)
            .map_err(|error| Damaged::new("session key", error))?
            .into(),
        acct_session_id: acct_session_id.into(),
    })
}

/// What a subscription is found by.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum IdentityKind {
    UserName,
    Mac,
    ExternalId,
    FramedIpv4,
    DelegatedIpv6,
    CircuitId,
    RemoteId,
    FramedIpv6,
}

impl IdentityKind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::UserName => "username",
            Self::Mac => "mac",
            Self::ExternalId => "external_id",
            Self::FramedIpv4 => "framed_ipv4",
            Self::DelegatedIpv6 => "delegated_ipv6",
            Self::CircuitId => "circuit_id",
            Self::RemoteId => "remote_id",
            Self::FramedIpv6 => "framed_ipv6",
        }
    }

    /// The key of a value of this kind.
    pub(crate) fn key(self, value: &[u8]) -> Vec<u8> {
        let code = match self {
            Self::UserName => 1,
            Self::Mac => 2,
            Self::ExternalId => 3,
            Self::FramedIpv4 => 4,
            Self::DelegatedIpv6 => 5,
            Self::CircuitId => 6,
            Self::RemoteId => 7,
            Self::FramedIpv6 => 8,
        };
        let mut key = Vec::with_capacity(1 + value.len());
        key.push(code);
        key.extend_from_slice(value);
        key
    }
}

/// The keys in `identities` that belong to a subscriber.
pub(crate) fn identities(subscriber: &Subscriber) -> Vec<(IdentityKind, Vec<u8>)> {
    let mut keys = Vec::with_capacity(2);
    let mut add = |kind: IdentityKind, value: &[u8]| keys.push((kind, kind.key(value)));
    if let Some(name) = &subscriber.user_name {
        add(IdentityKind::UserName, name.as_str().as_bytes());
    }
    if let Some(mac) = &subscriber.mac {
        add(IdentityKind::Mac, &mac.0);
    }
    if let Some(id) = &subscriber.external_id {
        add(IdentityKind::ExternalId, id.as_str().as_bytes());
    }
    if let Some(address) = &subscriber.framed_ipv4 {
        add(IdentityKind::FramedIpv4, &address.octets());
    }
    if let Some(prefix) = &subscriber.delegated_ipv6 {
        let mut value = prefix.address().octets().to_vec();
        value.push(prefix.prefix_len());
        add(IdentityKind::DelegatedIpv6, &value);
    }
    if let Some(id) = &subscriber.circuit_id {
        add(IdentityKind::CircuitId, id.as_str().as_bytes());
    }
    if let Some(id) = &subscriber.remote_id {
        add(IdentityKind::RemoteId, id.as_str().as_bytes());
    }
    if let Some(prefix) = &subscriber.framed_ipv6 {
        add(IdentityKind::FramedIpv6, &prefix.octets());
    }
    keys
}

/// The value of an identity for people.
pub(crate) fn identity_text(subscriber: &Subscriber, kind: IdentityKind) -> String {
    let text = match kind {
        IdentityKind::UserName => subscriber.user_name.as_ref().map(ToString::to_string),
        IdentityKind::Mac => subscriber.mac.as_ref().map(ToString::to_string),
        IdentityKind::ExternalId => subscriber.external_id.as_ref().map(ToString::to_string),
        IdentityKind::FramedIpv4 => subscriber.framed_ipv4.as_ref().map(ToString::to_string),
        IdentityKind::DelegatedIpv6 => subscriber.delegated_ipv6.as_ref().map(ToString::to_string),
        IdentityKind::CircuitId => subscriber.circuit_id.as_ref().map(ToString::to_string),
        IdentityKind::RemoteId => subscriber.remote_id.as_ref().map(ToString::to_string),
        IdentityKind::FramedIpv6 => subscriber.framed_ipv6.as_ref().map(ToString::to_string),
    };
    text.unwrap_or_default().escape_debug().to_string()
}

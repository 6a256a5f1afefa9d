//! The agenda after a change of policy: when a debt suspends depends on it, so each subscription's
//! place in the agenda is computed anew, some of them per tick.
//!
//! Where that is up to is in `meta`, in the transaction of each piece, so that a restart goes on.
//! Until a subscription's turn, its next item comes when the policies before wanted it; by which the
//! rules then decide is another matter, so nothing happens that they do not allow.

use std::sync::Arc;

use garth_subscription::policy::{Policies, Rules};
use redb::ReadableTable;

use super::subscriptions::boundary;
use super::{Batch, Stop};
use crate::chain::{self, Hash};
use crate::disk::{Damaged, decode_subscription, encode_agenda_policies, encode_subscription};
use crate::fault::Fault;
use crate::tables::{META_AGENDA_POLICIES, META_AGENDA_RENEWAL, fixed, id_key, id_of, millis};
use crate::write::Fired;

/// The most subscriptions whose place is computed anew per tick.
pub(crate) const RENEWED_PER_TICK: usize = 1_024;

/// The digest of what the agenda depends on in `policies`.
pub(crate) fn digest(policies: &Policies) -> Hash {
    chain::digest(&encode_agenda_policies(policies))
}

/// Rules and their digest, so that a tick does not compute it again.
pub(super) type Digested = (Arc<Rules>, Hash);

impl Batch<'_> {
    /// Does what a tick of the timer does.
    pub(super) fn tick(&mut self) -> Result<Fired, Stop> {
        let renewed = self.renew_agenda()?;
        Ok(Fired {
            renewed,
            ..self.fire_due()?
        })
    }

    /// Computes the next places anew, if policies are not those that the agenda is by; returns how
    /// many subscriptions it has looked at.
    fn renew_agenda(&mut self) -> Result<usize, Fault> {
        let wanted = self.policies_digest();
        let Some(from) = self.renewal_from(&wanted)? else {
            return Ok(0);
        };
        let rows: Vec<(u128, Vec<u8>)> = self
            .tables
            .subscriptions
            .range(from..)?
            .take(RENEWED_PER_TICK)
            .map(|row| row.map(|(key, value)| (key.value(), value.value().to_vec())))
            .collect::<Result<_, _>>()?;
        for (key, row) in &rows {
            self.renew(*key, row)?;
        }
        self.dirty = true;
        let last = rows.last().map(|(key, _)| *key);
        let next = last.filter(|_| rows.len() == RENEWED_PER_TICK);
        match next.and_then(|key| key.checked_add(1)) {
            Some(next) => {
                let state = [wanted.as_slice(), &next.to_be_bytes()].concat();
                self.tables
                    .meta
                    .insert(META_AGENDA_RENEWAL, state.as_slice())?;
            }
            None => {
                self.tables.meta.remove(META_AGENDA_RENEWAL)?;
                self.tables
                    .meta
                    .insert(META_AGENDA_POLICIES, wanted.as_slice())?;
                tracing::info!("the agenda is by the policies in place");
            }
        }
        Ok(rows.len())
    }

    fn policies_digest(&mut self) -> Hash {
        match &self.memory.digested {
            Some((rules, hash)) if Arc::ptr_eq(rules, &self.rules) => *hash,
            Some(_) | None => {
                let hash = digest(&self.rules.policies);
                self.memory.digested = Some((Arc::clone(&self.rules), hash));
                hash
            }
        }
    }

    /// The key of the subscription that is next; nothing where the agenda is by those policies.
    fn renewal_from(&self, wanted: &Hash) -> Result<Option<u128>, Fault> {
        let meta = &self.tables.meta;
        if let Some(row) = meta.get(META_AGENDA_RENEWAL)? {
            let damaged = || Damaged::new("meta row", "agenda_renewal has another length");
            let (under_way, next) = row.value().split_first_chunk().ok_or_else(damaged)?;
            let next = u128::from_be_bytes(next.try_into().map_err(|_| damaged())?);
            // Other policies since it began: from the beginning.
            return Ok(Some(if under_way == wanted { next } else { 0 }));
        }
        let present: Hash = fixed(meta, META_AGENDA_POLICIES)?;
        Ok((present != *wanted).then_some(0))
    }

    /// Computes the place of one subscription anew.
    fn renew(&mut self, key: u128, row: &[u8]) -> Result<(), Fault> {
        let stored = decode_subscription(id_of(key), row)?;
        let subscription = stored.subscription;
        let partner = subscription.subscriber.partner.as_ref();
        let policy = self.rules.policies.of(partner);
        let next = boundary(&subscription.facts, self.now, policy, false);
        if next == stored.boundary {
            return Ok(());
        }
        // Not where time was checked already: the breaker must see who loses access by other policies.
        let next = next.map(|at| at.max(self.first_unchecked()));
        if let Some(at) = stored.boundary {
            self.tables.agenda.remove((millis(at), key))?;
        }
        if let Some(at) = next {
            self.tables.agenda.insert((millis(at), key), ())?;
        }
        let row = encode_subscription(&subscription, next);
        self.tables
            .subscriptions
            .insert(id_key(subscription.facts.id), row.as_slice())?;
        Ok(())
    }
}

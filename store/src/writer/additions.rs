//! New subscriptions: one with its answer, or many at once.

use std::collections::HashSet;

use garth_subscription::command::{Actor, Command, Note};
use garth_subscription::facts::{Facts, SubscriptionId};
use garth_subscription::text::CommandId;
use garth_subscription::{Case, Decision, Order, Refusal, decide};
use redb::ReadableTable;

use super::subscriptions::{Asked, boundary};
use super::{Batch, Stop};
use crate::chain;
use crate::disk::{self, AnswerRecord, encode_subscription};
use crate::fault::Fault;
use crate::record::Subscription;
use crate::tables::{id_key, identities, identity_text, millis};
use crate::write::{Committed, Imported, NewSubscription, WriteError};

/// The order that makes a new subscription.
pub(crate) fn birth(new: &NewSubscription, actor: &Actor) -> Order {
    Order {
        actor: actor.clone(),
        reason: None,
        note: Note::default(),
        command: Command::Create(Box::new(new.create.clone())),
    }
}

impl Batch<'_> {
    pub(super) fn add(
        &mut self,
        new: NewSubscription,
        actor: &Actor,
        command_id: Option<CommandId>,
    ) -> Result<Committed, Stop> {
        let digest = chain::digest(&disk::encode_new(&new, actor));
        if let Some(command_id) = &command_id
            && let Some(answer) = self.answer(command_id)?
        {
            if !self.is_answer_to(&answer, &new, actor, &digest)? {
                return Err(WriteError::CommandIdReused.into());
            }
            return Ok(self.repeat(answer)?);
        }
        let mut claims = Claims::read(self, std::slice::from_ref(&new))?;
        let (order, decision) = self.admit(&new, actor, &mut claims)?;
        let entry = self.append(&order, &decision, command_id.clone())?;
        for key in claims.granted {
            self.tables
                .identities
                .insert(key.as_slice(), id_key(decision.facts.id))?;
        }
        let subscription = self.born(new, decision.facts.clone())?;
        self.put(subscription, None, false)?;
        let asked = Asked {
            order,
            command_id,
            digest,
        };
        self.remember(&asked, &decision, entry)?;
        Ok(Committed {
            decision,
            entry,
            repeated: false,
        })
    }

    /// New subscriptions by the thousand: tables are written one after the other and in the order
    /// of their keys, which a B-tree takes five times as fast as one subscription after the other.
    pub(super) fn import(
        &mut self,
        news: Vec<NewSubscription>,
        actor: &Actor,
    ) -> Result<Imported, Stop> {
        let mut claims = Claims::read(self, &news)?;
        let mut answers = Vec::with_capacity(news.len());
        let mut names = Vec::with_capacity(2 * news.len());
        let mut born = Vec::with_capacity(news.len());
        for new in news {
            match self.admit(&new, actor, &mut claims) {
                Ok((order, decision)) => {
                    let id = decision.facts.id;
                    names.extend(claims.granted.drain(..).map(|key| (key, id_key(id))));
                    self.append(&order, &decision, None)?;
                    born.push(self.born(new, decision.facts)?);
                    answers.push(Ok(id));
                }
                Err(Stop::Refused(error)) => answers.push(Err(error)),
                Err(Stop::Fault(fault)) => return Err(fault.into()),
            }
        }
        names.sort_unstable();
        for (key, id) in &names {
            self.tables.identities.insert(key.as_slice(), id)?;
        }
        born.sort_unstable_by_key(|subscription| subscription.facts.id);
        let mut agenda = Vec::with_capacity(born.len());
        for subscription in born {
            let id = id_key(subscription.facts.id);
            let policy = self
                .rules
                .policies
                .of(subscription.subscriber.partner.as_ref());
            let next = boundary(&subscription.facts, self.now, policy, false);
            agenda.extend(next.map(|at| (millis(at), id)));
            let row = encode_subscription(&subscription, next);
            self.tables.subscriptions.insert(id, row.as_slice())?;
            self.show(subscription)?;
        }
        agenda.sort_unstable();
        for key in agenda {
            self.tables.agenda.insert(key, ())?;
        }
        Ok(answers)
    }

    /// The subscription that a new one with those facts is, its credential sealed.
    fn born(&self, new: NewSubscription, facts: Facts) -> Result<Subscription, Fault> {
        let seal = |credential| self.shared.keys.seal(facts.id, &credential);
        Ok(Subscription {
            subscriber: new.subscriber,
            credential: new.credential.map(seal).transpose()?,
            facts,
        })
    }

    /// Whether that is the answer that adding `new` got before (L33).
    fn is_answer_to(
        &self,
        answer: &AnswerRecord,
        new: &NewSubscription,
        actor: &Actor,
        digest: &chain::Hash,
    ) -> Result<bool, Stop> {
        if answer.digest != *digest {
            // Before schema 4 the password was among what is digested.
            return Ok(answer.digest == chain::digest(&disk::encode_unsealed_new(new, actor)));
        }
        let id = answer.facts.id;
        let stored = self.load(id)?;
        let sealed = stored.and_then(|stored| stored.subscription.credential);
        let open = |sealed| self.shared.keys.open(id, &sealed).map_err(Fault::from);
        Ok(sealed.map(open).transpose()? == new.credential)
    }

    /// Decides on one new subscription; its names are granted to it in `claims`.
    fn admit(
        &self,
        new: &NewSubscription,
        actor: &Actor,
        claims: &mut Claims,
    ) -> Result<(Order, Decision), Stop> {
        let subscriber = &new.subscriber;
        if subscriber.user_name.is_none()
            && subscriber.mac.is_none()
            && subscriber.external_id.is_none()
        {
            return Err(WriteError::NoIdentity.into());
        }
        if claims.ids.contains(&new.create.id) {
            return Err(Refusal::Exists.into());
        }
        let keys = identities(subscriber);
        if let Some((kind, _)) = keys.iter().find(|(_, key)| claims.taken.contains(key)) {
            return Err(WriteError::IdentityTaken {
                kind: kind.as_str(),
                value: identity_text(subscriber, *kind),
            }
            .into());
        }
        let order = birth(new, actor);
        let terms = self.rules.terms(subscriber.partner.as_ref());
        let decision = decide(Case::default(), &order, self.now, terms)?;
        claims.ids.insert(new.create.id);
        for (_, key) in keys {
            claims.taken.insert(key.clone());
            claims.granted.push(key);
        }
        Ok((order, decision))
    }
}

/// Which names and ids are taken, as far as a batch of new subscriptions asks for them.
struct Claims {
    ids: HashSet<SubscriptionId>,
    taken: HashSet<Vec<u8>>,
    /// Granted since this was last emptied.
    granted: Vec<Vec<u8>>,
}

impl Claims {
    /// Asks the tables in the order of their keys, so that neighbours share pages in the cache.
    fn read(batch: &Batch<'_>, news: &[NewSubscription]) -> Result<Self, Fault> {
        let mut claims = Self {
            ids: HashSet::new(),
            taken: HashSet::new(),
            granted: Vec::new(),
        };
        let mut ids: Vec<_> = news.iter().map(|new| new.create.id).collect();
        ids.sort_unstable();
        for id in ids {
            if batch.tables.subscriptions.get(id_key(id))?.is_some() {
                claims.ids.insert(id);
            }
        }
        let keys = news.iter().flat_map(|new| identities(&new.subscriber));
        let mut keys: Vec<_> = keys.map(|(_, key)| key).collect();
        keys.sort_unstable();
        for key in keys {
            if batch.tables.identities.get(key.as_slice())?.is_some() {
                claims.taken.insert(key);
            }
        }
        Ok(claims)
    }
}

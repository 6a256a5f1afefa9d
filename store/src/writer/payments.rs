//! Checkouts and the payments that come for them (E4, E6, E7).

use garth_subscription::command::Note;
use garth_subscription::time::Span;
use garth_subscription::{Command, Order, Refusal, Timestamp};
use redb::{ReadableTable, ReadableTableMetadata};
use uuid::Uuid;

use super::subscriptions::Asked;
use super::{Batch, Stop};
use crate::chain;
use crate::disk::{self, decode_checkout, encode_checkout};
use crate::fault::Fault;
use crate::record::{Checkout, CheckoutId, CheckoutState};
use crate::tables::{id_key, millis};
use crate::write::{CaptureRequest, Committed, WriteError};

/// How long a checkout that came to nothing is kept: longer than any gateway goes on repeating that
/// it was paid after all.
const UNPAID_KEPT: Span = Span::from_days(30);
/// How far back open checkouts of a subscription are counted: no gateway keeps a page open for longer.
const OPEN_AT_MOST: Span = Span::from_days(1);
/// The most old checkouts of a subscription that are looked at when it opens another; those that were
/// paid are among them, one for each renewal.
const TRIMMED_PER_OPENING: usize = 256;

impl Batch<'_> {
    /// Keeps an offer. The same offer again is no error. Busy where too many are open already: of all
    /// subscriptions, or of this one, so that none can take the places of the others.
    pub(super) fn open_checkout(&mut self, checkout: &Checkout) -> Result<(), Stop> {
        if let Some(known) = self.checkout(checkout.id)? {
            return if known == *checkout {
                Ok(())
            } else {
                Err(Refusal::Exists.into())
            };
        }
        let subscription = id_key(checkout.subscription);
        if self.tables.subscriptions.get(subscription)?.is_none() {
            return Err(Refusal::Unknown.into());
        }
        if self.tables.open_checkouts.len()? >= self.shared.limits.open_checkouts_max {
            return Err(WriteError::Busy.into());
        }
        if self.open_checkouts_of(subscription)? >= self.shared.limits.open_checkouts_each_max {
            return Err(WriteError::Busy.into());
        }
        self.trim_checkouts(subscription)?;
        let created_at = millis(checkout.created_at);
        self.tables
            .checkouts_by_subscription
            .insert((subscription, created_at, checkout.id.0.as_u128()), ())?;
        self.put_checkout(checkout)?;
        Ok(())
    }

    /// Keeps the gateway's own name for a checkout.
    pub(super) fn attach_checkout(
        &mut self,
        id: CheckoutId,
        gateway_session: Box<str>,
    ) -> Result<(), Stop> {
        let mut checkout = self.checkout(id)?.ok_or(WriteError::UnknownCheckout)?;
        checkout.gateway_session = Some(gateway_session);
        self.put_checkout(&checkout)?;
        Ok(())
    }

    /// Notes that the gateway will take no money any more. A paid checkout stays paid.
    pub(super) fn expire_checkout(&mut self, id: CheckoutId) -> Result<(), Stop> {
        let mut checkout = self.checkout(id)?.ok_or(WriteError::UnknownCheckout)?;
        match checkout.state {
            CheckoutState::Open => {
                checkout.state = CheckoutState::Expired;
                self.put_checkout(&checkout)?;
            }
            CheckoutState::Paid { .. } | CheckoutState::Expired => {}
        }
        Ok(())
    }

    /// Books captured money: the first payment of an open checkout buys its months, any other is
    /// credit. Payment, months and the state of the checkout are one change.
    pub(super) fn capture(&mut self, request: CaptureRequest) -> Result<Committed, Stop> {
        let mut checkout = self
            .checkout(request.checkout)?
            .ok_or(WriteError::UnknownCheckout)?;
        let subscription = checkout.subscription;
        if let Some(committed) = self.booked(&request.payment, subscription, request.amount)? {
            return Ok(committed);
        }
        let is_open = match checkout.state {
            CheckoutState::Open => true,
            CheckoutState::Paid { .. } | CheckoutState::Expired => false,
        };
        let order = Order {
            actor: request.actor,
            reason: None,
            note: Note::default(),
            command: Command::Capture {
                offer: checkout.offer.clone().filter(|_| is_open).map(Box::new),
                payment: request.payment.clone(),
                amount: request.amount,
                captured_at: request.captured_at,
            },
        };
        let stored = self.load(subscription)?.ok_or(Refusal::Unknown)?;
        let digest = chain::digest(&disk::encode_order(subscription, &order));
        let asked = Asked {
            order,
            command_id: None,
            digest,
        };
        let committed = self.carry_out(stored, &asked)?;
        if is_open {
            checkout.state = CheckoutState::Paid {
                payment: request.payment,
                entry: committed.entry,
                confirmed_at: self.now,
            };
            self.put_checkout(&checkout)?;
        }
        Ok(committed)
    }

    /// How many checkouts of a subscription are open.
    fn open_checkouts_of(&self, subscription: u128) -> Result<u64, Fault> {
        let from = ago(self.now, OPEN_AT_MOST);
        let all = (subscription, from, 0)..=(subscription, u64::MAX, u128::MAX);
        let mut open = 0;
        for row in self.tables.checkouts_by_subscription.range(all)? {
            let (_, _, id) = row?.0.value();
            open += u64::from(self.tables.open_checkouts.get(id)?.is_some());
        }
        Ok(open)
    }

    /// Deletes the oldest checkouts of a subscription that came to nothing long ago.
    fn trim_checkouts(&mut self, subscription: u128) -> Result<(), Fault> {
        let until = ago(self.now, UNPAID_KEPT);
        let old = (subscription, 0, 0)..(subscription, until, 0);
        let mut gone = Vec::new();
        for row in self
            .tables
            .checkouts_by_subscription
            .range(old)?
            .take(TRIMMED_PER_OPENING)
        {
            let key = row?.0.value();
            let checkout = self.checkout(CheckoutId(Uuid::from_u128(key.2)))?;
            if checkout.is_some_and(|checkout| checkout.state == CheckoutState::Expired) {
                gone.push(key);
            }
        }
        for key in gone {
            self.dirty = true;
            self.tables.checkouts_by_subscription.remove(key)?;
            self.tables.checkouts.remove(key.2)?;
        }
        Ok(())
    }

    fn checkout(&self, id: CheckoutId) -> Result<Option<Checkout>, Fault> {
        let row = self.tables.checkouts.get(id.0.as_u128())?;
        Ok(row
            .map(|row| decode_checkout(id, row.value()))
            .transpose()?)
    }

    fn put_checkout(&mut self, checkout: &Checkout) -> Result<(), Fault> {
        self.dirty = true;
        let id = checkout.id.0.as_u128();
        match checkout.state {
            CheckoutState::Open => {
                self.tables.open_checkouts.insert(id, ())?;
            }
            CheckoutState::Paid { .. } | CheckoutState::Expired => {
                self.tables.open_checkouts.remove(id)?;
            }
        }
        let row = encode_checkout(checkout);
        self.tables.checkouts.insert(id, row.as_slice())?;
        Ok(())
    }
}

/// `span` before `at`, as part of a key.
fn ago(at: Timestamp, span: Span) -> u64 {
    millis(at).saturating_sub(u64::try_from(span.millis()).unwrap_or(u64::MAX))
}

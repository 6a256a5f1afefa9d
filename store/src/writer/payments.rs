//! Checkouts and the payments that come for them (E4, E6, E7).

use garth_subscription::{Command, Order, Refusal};
use redb::{ReadableTable, ReadableTableMetadata};

use super::subscriptions::Asked;
use super::{Batch, Stop};
use crate::chain;
use crate::disk::{self, decode_checkout, encode_checkout};
use crate::fault::Fault;
use crate::record::{Checkout, CheckoutId, CheckoutState};
use crate::tables::{id_key, millis};
use crate::write::{CaptureRequest, Committed, WriteError};

impl Batch<'_> {
    /// Keeps an offer. The same offer again is no error.
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
            command: Command::Capture {
                months: is_open.then_some(checkout.months),
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

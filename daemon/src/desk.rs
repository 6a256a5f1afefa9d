//! The portal's view of the daemon: who is at an address, what to show, what to do.
//!
//! Everything a subscriber asks for becomes a command with the role `Customer`; the
//! rules decide, not this file. What is shown is in `view`, what is done in `acts`.

mod acts;
mod view;

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use garth_captive_portal::desk::{
    ChangeQuote, Desk, Directory, Door, Hand, Identified, Later, Pass, Performed, Problem,
    RawWebhook, Request, View, WebhookAnswer, Webhooks,
};
use garth_payments::WebUrl;
use garth_radius::crypto::Password as RadiusPassword;
use garth_radius::mschap;
use garth_store::index::AtAddress;
use garth_store::record::{self, Subscription};
use garth_store::write::WriteError;
use garth_store::{ReadError, Store};
use garth_subscription::command::ChangeStart;
use garth_subscription::facts::SubscriptionId;
use garth_subscription::policy::Terms;
use garth_subscription::quote::{self, Quote};
use garth_subscription::subscriber::{NtHash, Password};
use garth_subscription::text::{CommandId, PlanId};
use garth_subscription::{Access, Actor, Facts, Role, Standing, standing};
use subtle::ConstantTimeEq;

use crate::admin::Passes;
use crate::cashier::{self, Cashier, CashierError};
use crate::config::ShownTo;
use crate::enforcer::Released;

/// What the portal asks.
pub(crate) struct FrontDesk {
    store: Store,
    cashier: Arc<Cashier>,
    released: Arc<Released>,
    passes: Arc<Passes>,
    shown: Arc<ArcSwap<ShownTo>>,
    public_url: WebUrl,
}

/// What a desk works with.
pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) cashier: Arc<Cashier>,
    pub(crate) released: Arc<Released>,
    /// What lets operators in.
    pub(crate) passes: Arc<Passes>,
    /// Menus and fields of partners; a reload puts others in their place.
    pub(crate) shown: Arc<ArcSwap<ShownTo>>,
}

impl FrontDesk {
    pub(crate) fn new(parts: Parts, public_url: WebUrl) -> Self {
        Self {
            store: parts.store,
            cashier: parts.cashier,
            released: parts.released,
            passes: parts.passes,
            shown: parts.shown,
            public_url,
        }
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Store) -> Result<T, ReadError> + Send + 'static,
    ) -> Option<T> {
        let store = self.store.clone();
        match tokio::task::spawn_blocking(move || read(&store)).await {
            Ok(Ok(value)) => Some(value),
            Ok(Err(error)) => {
                tracing::error!(%error, "the portal could not read the store");
                None
            }
            Err(error) => {
                tracing::error!(%error, "the portal could not read the store");
                None
            }
        }
    }

    async fn subscription(&self, id: SubscriptionId) -> Option<Subscription> {
        self.read(move |store| store.subscription(id))
            .await
            .flatten()
    }
}

/// The subscriber as the one who acts, by their own hand or by an operator's (L20).
fn actor(id: SubscriptionId, by: Hand) -> Actor {
    let subscriber = id.to_string().parse().expect("an id is a short plain text");
    let (name, on_behalf_of) = match by {
        Hand::Subscriber => (subscriber, None),
        Hand::Operator(name) => (name, Some(subscriber)),
    };
    Actor {
        role: Role::Customer,
        name,
        on_behalf_of,
    }
}

/// Where the browser goes after the gateway: paid, or turned back.
fn return_urls(public_url: &WebUrl, checkout: record::CheckoutId) -> (WebUrl, WebUrl) {
    let join = |path: &str| {
        public_url
            .join(path)
            .expect("our own path is plain and short")
    };
    (
        join(&format!("/returned/{}", cashier::reference(checkout))),
        join("/cancelled"),
    )
}

/// What can be bought now, by whoever sits at the portal.
fn offers(facts: &Facts, standing: Standing, terms: Terms<'_>) -> Vec<Quote> {
    // T6: only the provider ends what the provider has locked.
    let is_locked = facts
        .holds
        .pause
        .is_some_and(|pause| pause.is_locked && pause.has_begun);
    let sold = !is_locked
        && match standing {
            Standing::Pending | Standing::Active | Standing::Grace => true,
            Standing::Expired | Standing::Paused => terms.policy.customer_reactivation,
            Standing::Suspended => facts.is_payable() && terms.policy.customer_reactivation,
            Standing::Disabled | Standing::Terminated | Standing::Cancelled => false,
        };
    if sold {
        quote::offers(facts, terms).unwrap_or_default()
    } else {
        Vec::new()
    }
}

fn problem_of(error: CashierError) -> Problem {
    match error {
        CashierError::Write(WriteError::Refused(refusal)) => Problem::Refused(refusal),
        CashierError::Write(WriteError::TooManyTickets) => Problem::TooManyTickets,
        CashierError::Write(error) => {
            tracing::warn!(%error, "a subscriber's request could not be carried out");
            Problem::Busy
        }
        CashierError::Read(error) => {
            tracing::error!(%error, "a subscriber's request could not be carried out");
            Problem::Busy
        }
        error @ (CashierError::Off
        | CashierError::Gateway(_)
        | CashierError::Slow
        | CashierError::Webhook(_)) => {
            tracing::warn!(%error, "a checkout could not be opened");
            Problem::Gateway
        }
    }
}

impl Directory for FrontDesk {
    fn identify(&self, source: IpAddr) -> Identified {
        match self.store.index().at_address(source) {
            AtAddress::None => Identified::Unknown,
            AtAddress::One(id) => Identified::Known(id),
            AtAddress::Many => Identified::Ambiguous,
        }
    }

    fn access(&self, id: SubscriptionId) -> Access {
        let now = self.store.now();
        self.store
            .index()
            .by_id(id, |entry| standing(&entry.standing(), now).access())
            .unwrap_or(Access::Reject)
    }
}

/// What somebody has typed to prove who they are.
struct Typed<'a> {
    text: &'a str,
    password: Option<RadiusPassword>,
}

impl<'a> Typed<'a> {
    fn new(text: &'a str) -> Self {
        let password = RadiusPassword::new(text.as_bytes());
        Self { text, password }
    }

    /// Whether it is the password or the hash that is on file, whichever there is. It compares with both
    /// in any case: how long it takes must not tell what is on file.
    fn proves(&self, kept: Option<&[u8]>, hash: Option<[u8; NtHash::LEN]>) -> bool {
        let nobody = [0; Password::MAX_LEN];
        let other = &nobody[..self.text.len().min(nobody.len())];
        let is_text: bool = kept.unwrap_or(other).ct_eq(self.text.as_bytes()).into();
        let other = mschap::NtHash::new(hash.unwrap_or_default());
        let is_hashed = black_box(
            self.password
                .as_ref()
                .is_some_and(|typed| other.is_of(typed)),
        );
        (kept.is_some() & is_text) | (hash.is_some() & is_hashed)
    }
}

impl Door for FrontDesk {
    fn login<'a>(
        &'a self,
        user_name: &'a str,
        password: &'a str,
    ) -> Later<'a, Option<SubscriptionId>> {
        Box::pin(async move {
            let typed = Typed::new(password);
            let known = self
                .store
                .index()
                .by_user_name(user_name.as_bytes(), |entry| {
                    let (kept, hash) = (entry.password(), entry.nt_hash());
                    typed.proves(kept, hash).then(|| entry.id())
                });
            known.unwrap_or_else(|| {
                // A wrong name costs the same comparisons as a wrong password.
                black_box(typed.proves(None, None));
                None
            })
        })
    }

    fn redeem(&self, token: &str) -> Option<Pass> {
        let pass = self.passes.redeem(token, self.store.now())?;
        tracing::info!(
            operator = %pass.operator,
            subscription = %pass.subscription,
            "an operator opens the portal as a subscriber"
        );
        Some(pass)
    }
}

impl Desk for FrontDesk {
    fn view(&self, id: SubscriptionId) -> Later<'_, Option<View>> {
        Box::pin(self.view_of(id))
    }

    fn price_change(
        &self,
        id: SubscriptionId,
        plan: PlanId,
        start: ChangeStart,
    ) -> Later<'_, Result<ChangeQuote, Problem>> {
        Box::pin(self.price_of(id, plan, start))
    }

    fn perform(
        &self,
        id: SubscriptionId,
        by: Hand,
        request: Request,
        once: CommandId,
    ) -> Later<'_, Result<Performed, Problem>> {
        Box::pin(self.perform_now(id, by, request, once))
    }
}

impl Webhooks for FrontDesk {
    fn webhook(&self, webhook: RawWebhook) -> Later<'_, WebhookAnswer> {
        Box::pin(async move {
            match self
                .cashier
                .webhook(&webhook.gateway, &webhook.headers, &webhook.body)
                .await
            {
                Ok(()) => WebhookAnswer::Taken,
                Err(CashierError::Off) => WebhookAnswer::UnknownGateway,
                Err(error @ CashierError::Webhook(_)) => {
                    // Anyone in the garden can send one: no more than a line for who looks for it.
                    tracing::debug!(%error, "a webhook is not believed");
                    WebhookAnswer::Refused
                }
                Err(CashierError::Write(error @ (WriteError::Busy | WriteError::Failed(_)))) => {
                    tracing::warn!(%error, "a webhook must wait");
                    WebhookAnswer::Busy
                }
                Err(error) => {
                    // Signed by the gateway, yet not ours to book: a person must look, and sending it
                    // again would not help.
                    tracing::error!(%error, "a proven payment could not be booked");
                    WebhookAnswer::Taken
                }
            }
        })
    }
}

#[cfg(test)]
mod tests;

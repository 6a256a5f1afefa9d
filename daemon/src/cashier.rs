//! From an offer to money on the account: checkouts, webhooks, polling.
//!
//! The gateway's proof, a signed webhook or our own question to it, becomes one
//! `Capture` under the payment's id, so it does not matter how often, in which order
//! or by which of the two ways it arrives. That a browser came back proves nothing.
//!
//! Order at a checkout: the offer is durable here, then the gateway is asked. A crash
//! in between leaves an offer nobody can pay, which expires; a lost answer leaves a
//! hosted page whose webhook still names our checkout.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use garth_payments::{
    Captured, CheckoutRequest, EventKind, GatewayError, Gateways, SessionState, WebUrl,
    WebhookError, ids,
};
use garth_store::Store;
use garth_store::record::{Checkout, CheckoutId, CheckoutState, QuoteId};
use garth_store::write::{CaptureRequest, Committed, WriteError};
use garth_subscription::facts::SubscriptionId;
use garth_subscription::subscriber::Language;
use garth_subscription::text::Label;
use garth_subscription::time::Span;
use garth_subscription::{Actor, Money, Role};
use http::HeaderMap;
use tokio::sync::{Notify, Semaphore};
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use crate::clock;
use crate::garthd::stop::Stop;

/// How long a hosted page for money on the account can be paid, and the longest that any can.
const CHECKOUT_LIFETIME: Span = Span::from_seconds(3_600);
/// How long after that we still ask the gateway, before an unpaid checkout is closed here.
const LATE_PAYMENT: Span = Span::from_seconds(3_600);
/// The most checkouts asked about in one round of polling.
const POLLED_MAX: usize = 256;
/// The most checkouts that browsers wait for at a time; further ones wait for their turn.
const HINTED_MAX: usize = 256;
/// The least time between two rounds, however many browsers come back: hints gather meanwhile.
const POLL_PAUSE: Duration = Duration::from_millis(250);
/// The most questions to the gateway under way at a time.
const GATEWAY_CALLS_MAX: usize = 16;
/// How long the gateway may take to answer.
const GATEWAY_PATIENCE: Duration = Duration::from_secs(10);

/// Why money could not be taken or booked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CashierError {
    /// No gateway is configured.
    #[error("payments are switched off")]
    Off,
    /// The gateway did not do it.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The gateway took too long.
    #[error("the gateway does not answer")]
    Slow,
    /// A webhook that is not believed.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// The store refused.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] garth_store::ReadError),
}

/// What a subscriber is about to pay.
pub(crate) struct Offer {
    pub(crate) subscription: SubscriptionId,
    /// The quote, and what it promises until when; nothing where the money only goes on the account.
    pub(crate) quote: Option<(QuoteId, garth_subscription::quote::Offer)>,
    /// What is left to pay after credit; above zero.
    pub(crate) total: Money,
    /// What the payer reads at the gateway.
    pub(crate) description: Label,
    pub(crate) language: Language,
}

/// Takes money through the configured gateway.
pub(crate) struct Cashier {
    store: Store,
    gateways: Gateways,
    calls: Semaphore,
    /// Rung when a browser comes back: look now instead of at the next round.
    hint: Notify,
    /// What to look at then.
    hinted: Mutex<BTreeSet<CheckoutId>>,
}

impl Cashier {
    pub(crate) fn new(store: Store, gateways: Gateways) -> Self {
        Self {
            store,
            gateways,
            calls: Semaphore::new(GATEWAY_CALLS_MAX),
            hint: Notify::new(),
            hinted: Mutex::default(),
        }
    }

    /// Opens a checkout; the browser goes to the page it returns. `return_to` makes the address the
    /// browser comes back to from our own reference.
    pub(crate) async fn open(
        &self,
        offer: Offer,
        return_to: impl Fn(CheckoutId) -> (WebUrl, WebUrl),
    ) -> Result<(CheckoutId, WebUrl), CashierError> {
        let gateway = self.gateways.active().ok_or(CashierError::Off)?;
        let id = CheckoutId(random_uuid());
        let now = self.store.now();
        let (quote, promised) = offer.quote.unzip();
        // Money that comes when the price holds no more buys nothing by itself: it is not asked for then.
        let expires_at = promised
            .as_ref()
            .map_or(now.saturating_add(CHECKOUT_LIFETIME), |promised| {
                promised.expires_at
            });
        self.store
            .open_checkout(Checkout {
                id,
                subscription: offer.subscription,
                offer: promised,
                quote,
                total: offer.total,
                created_at: now,
                gateway_session: None,
                state: CheckoutState::Open,
            })
            .await?;
        let (success_url, cancel_url) = return_to(id);
        let request = CheckoutRequest {
            checkout: reference(id),
            amount: offer.total,
            description: offer.description,
            success_url,
            cancel_url,
            expires_at,
            locale: offer.language,
        };
        let hosted = self.patiently(gateway.create(request)).await?;
        self.store
            .attach_checkout(id, hosted.session.as_str().into())
            .await?;
        Ok((id, hosted.url))
    }

    /// Books what a webhook proves. Anything else in it is acknowledged and let go.
    pub(crate) async fn webhook(
        &self,
        name: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(), CashierError> {
        let gateway = self
            .gateways
            .active()
            .filter(|gateway| gateway.name() == name)
            .ok_or(CashierError::Off)?;
        let event = gateway.verify_webhook(headers, body, clock::wall())?;
        match event.kind {
            EventKind::Paid {
                checkout, captured, ..
            } => match checkout_id(&checkout) {
                Some(id) => self.book(gateway.name(), id, captured).await.map(drop),
                None => {
                    tracing::error!(%checkout, event = %event.id, "money was taken for a checkout that is not ours");
                    Ok(())
                }
            },
            EventKind::Other(kind) => {
                tracing::debug!(kind = %kind.escape_debug(), "a webhook told nothing we need");
                Ok(())
            }
        }
    }

    /// A browser waits for these: perhaps they are paid.
    pub(crate) fn hint(&self, checkouts: impl IntoIterator<Item = CheckoutId>) {
        let mut hinted = self.hinted.lock().unwrap_or_else(PoisonError::into_inner);
        for checkout in checkouts {
            if hinted.len() < HINTED_MAX {
                hinted.insert(checkout);
            }
        }
        drop(hinted);
        self.hint.notify_one();
    }

    /// Asks the gateway about open checkouts until the stop: all of them in turn, and those that a
    /// browser waits for at once.
    pub(crate) async fn poll(
        self: Arc<Self>,
        every: Duration,
        mut stop: Stop,
    ) -> anyhow::Result<()> {
        let mut turn = tokio::time::interval(every);
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut after = None;
        loop {
            // A stop cuts a round short: what the store was told it does, and the rest is asked again.
            let round = async {
                tokio::select! {
                    _ = turn.tick() => self.ask_next(&mut after).await,
                    () = self.hint.notified() => {
                        tokio::time::sleep(POLL_PAUSE).await;
                        self.ask_hinted().await
                    }
                }
            };
            match stop.unless(round).await {
                None => return Ok(()),
                Some(Ok(())) => {}
                Some(Err(error @ CashierError::Write(WriteError::Failed(_)))) => {
                    return Err(error.into());
                }
                Some(Err(error)) => {
                    tracing::warn!(%error, "open checkouts could not be looked at; it is tried again")
                }
            }
        }
    }

    /// The next open checkouts after `after`; from the first one again once all had their turn.
    ///
    /// A round ends with the first question that the gateway does not answer: the others would not be
    /// answered either, and each would take its time. The next round goes on behind that one.
    async fn ask_next(&self, after: &mut Option<CheckoutId>) -> Result<(), CashierError> {
        let (store, from) = (self.store.clone(), *after);
        let open = self
            .read(move || store.open_checkouts(from, POLLED_MAX))
            .await?;
        let is_last = open.len() < POLLED_MAX;
        for checkout in open {
            self.ask_hinted().await?;
            *after = Some(checkout.id);
            self.ask(checkout).await?;
        }
        if is_last {
            *after = None;
        }
        Ok(())
    }

    /// What browsers wait for now.
    async fn ask_hinted(&self) -> Result<(), CashierError> {
        let hinted =
            std::mem::take(&mut *self.hinted.lock().unwrap_or_else(PoisonError::into_inner));
        for id in hinted {
            let store = self.store.clone();
            let checkout = self.read(move || store.checkout(id)).await?;
            if let Some(checkout) = checkout.filter(|known| known.state == CheckoutState::Open) {
                self.ask(checkout).await?;
            }
        }
        Ok(())
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> Result<T, garth_store::ReadError> + Send + 'static,
    ) -> Result<T, CashierError> {
        Ok(tokio::task::spawn_blocking(read)
            .await
            .expect("reading checkouts does not panic")?)
    }

    /// Asks the gateway what became of one checkout and books it.
    async fn ask(&self, checkout: Checkout) -> Result<(), CashierError> {
        let Some(gateway) = self.gateways.active() else {
            return Ok(());
        };
        let session = checkout
            .gateway_session
            .as_deref()
            .and_then(|session| session.parse().ok());
        let state = match session {
            Some(session) => match self.patiently(gateway.retrieve(&session)).await {
                Ok(state) => state,
                Err(CashierError::Gateway(GatewayError::UnknownSession)) => SessionState::Expired,
                Err(error @ CashierError::Gateway(GatewayError::Answer(_))) => {
                    tracing::warn!(%error, checkout = %checkout.id.0, "the gateway's answer on a checkout is no use");
                    return Ok(());
                }
                Err(error) => return Err(error),
            },
            None => SessionState::Open,
        };
        let over = self.store.now()
            > checkout
                .created_at
                .saturating_add(CHECKOUT_LIFETIME)
                .saturating_add(LATE_PAYMENT);
        match state {
            SessionState::Paid(captured) => {
                self.book_all(gateway.name(), checkout.id, captured).await?;
            }
            SessionState::Expired => self.store.expire_checkout(checkout.id).await?,
            SessionState::Open if over => self.store.expire_checkout(checkout.id).await?,
            SessionState::Open => {}
        }
        Ok(())
    }

    /// Books what the gateway says was paid. What a rule refuses is told once, for a person to look at,
    /// and not asked about for ever: it must not stand in the way of other payments.
    async fn book_all(
        &self,
        gateway: &str,
        checkout: CheckoutId,
        payments: Vec<Captured>,
    ) -> Result<(), CashierError> {
        let mut refused = false;
        for captured in payments {
            let payment = captured.payment.clone();
            match self.book(gateway, checkout, captured).await {
                Ok(_) => {}
                Err(error @ CashierError::Write(WriteError::Busy | WriteError::Failed(_))) => {
                    return Err(error);
                }
                Err(error) => {
                    tracing::error!(%error, checkout = %checkout.0, %payment, "a proven payment could not be booked");
                    refused = true;
                }
            }
        }
        if refused {
            self.store.expire_checkout(checkout).await?;
        }
        Ok(())
    }

    /// One payment, one effect, whoever tells of it.
    async fn book(
        &self,
        gateway: &str,
        checkout: CheckoutId,
        captured: Captured,
    ) -> Result<Committed, CashierError> {
        let actor = Actor {
            role: Role::Ledger,
            name: format!("gateway:{gateway}")
                .parse()
                .expect("a gateway's name is short and plain"),
            on_behalf_of: None,
        };
        let request = CaptureRequest {
            checkout,
            payment: captured.payment.clone(),
            amount: captured.amount,
            captured_at: captured.captured_at,
            actor,
        };
        let committed = self.store.capture(request).await?;
        if committed.repeated {
            tracing::debug!(payment = %captured.payment, "a payment is told again; it is booked already");
        } else {
            tracing::info!(
                checkout = %checkout.0,
                payment = %captured.payment,
                amount = %captured.amount,
                subscription = %committed.decision.facts.id,
                effect = committed.decision.effect.as_str(),
                "a payment is booked"
            );
        }
        Ok(committed)
    }

    async fn patiently<T>(
        &self,
        call: impl Future<Output = Result<T, GatewayError>>,
    ) -> Result<T, CashierError> {
        let _turn = self.calls.acquire().await;
        match tokio::time::timeout(GATEWAY_PATIENCE, call).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(CashierError::Slow),
        }
    }
}

/// Our reference in the gateway's terms, and back.
pub(crate) fn reference(id: CheckoutId) -> ids::CheckoutId {
    id.0.simple()
        .to_string()
        .parse()
        .expect("32 hexadecimal digits are an id")
}

fn checkout_id(reference: &ids::CheckoutId) -> Option<CheckoutId> {
    Uuid::parse_str(reference.as_str()).ok().map(CheckoutId)
}

/// 122 bits that nobody can guess.
pub(crate) fn random_uuid() -> Uuid {
    let mut octets = [0; 16];
    getrandom::fill(&mut octets).expect("the system has randomness from boot on");
    uuid::Builder::from_random_bytes(octets).into_uuid()
}

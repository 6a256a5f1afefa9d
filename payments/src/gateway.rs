//! What Garth asks of a payment gateway.
//!
//! Shaped like hosted checkouts are everywhere: a session is created, the browser
//! goes to its URL, money is captured there, a signed event tells of it, and
//! asking tells the same. One session may bring more than one payment.

use std::future::Future;
use std::pin::Pin;

use garth_subscription::subscriber::Language;
use garth_subscription::text::{Label, PaymentId};
use garth_subscription::{Money, Timestamp};
use http::HeaderMap;

use crate::ids::{CheckoutId, EventId, SessionId};
use crate::url::WebUrl;

/// An answer that a gateway gives later.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, GatewayError>> + Send + 'a>>;

/// A hosted checkout: whoever takes the money on a page of its own.
pub trait Gateway: Send + Sync + 'static {
    /// Its name in configuration, journals and the path of its webhook: letters, digits and `-`.
    fn name(&self) -> &'static str;

    /// Opens a checkout. The same checkout id asked for again gives the same session.
    fn create(&self, request: CheckoutRequest) -> Answer<'_, Hosted>;

    /// What became of a session. Finds every payment whose webhook was lost.
    fn retrieve<'a>(&'a self, session: &'a SessionId) -> Answer<'a, SessionState>;

    /// The event of a webhook, if its signature over `body` is right and fresh at `now`.
    ///
    /// # Errors
    /// [`WebhookError`]: nothing of the body may be believed.
    fn verify_webhook(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<GatewayEvent, WebhookError>;
}

/// What is to be paid, and where the browser goes afterwards.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CheckoutRequest {
    /// Our reference; also what makes a repeated request safe.
    pub checkout: CheckoutId,
    /// How much; above zero.
    pub amount: Money,
    /// What the payer reads on the hosted page.
    pub description: Label,
    /// Where the browser goes once paid. That it came there proves nothing.
    pub success_url: WebUrl,
    /// Where the browser goes if the payer turns back.
    pub cancel_url: WebUrl,
    /// From then on nothing can be paid there.
    pub expires_at: Timestamp,
    /// The language of the hosted page.
    pub locale: Language,
}

/// A checkout that the gateway has opened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hosted {
    /// The gateway's name for it.
    pub session: SessionId,
    /// The page to send the browser to.
    pub url: WebUrl,
}

/// Money that the gateway has taken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Captured {
    /// One id, one payment, however often it is told.
    pub payment: PaymentId,
    /// How much.
    pub amount: Money,
    /// When.
    pub captured_at: Timestamp,
}

/// What became of a session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SessionState {
    /// It can still be paid.
    Open,
    /// It was paid, perhaps more than once.
    Paid(Vec<Captured>),
    /// It can no longer be paid, and was not.
    Expired,
}

/// A webhook that was proven to come from the gateway.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GatewayEvent {
    /// The same event may be delivered more than once, under the same id.
    pub id: EventId,
    /// What it tells.
    pub kind: EventKind,
}

/// What a webhook tells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum EventKind {
    /// Money was taken.
    Paid {
        /// For which of our checkouts.
        checkout: CheckoutId,
        /// On which hosted page.
        session: SessionId,
        /// The payment.
        captured: Captured,
    },
    /// Something else, to be acknowledged and let go.
    Other(String),
}

/// Why a gateway did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// It could not be reached, or broke off. Whether it acted is unknown: ask again.
    #[error("the gateway cannot be reached: {0}")]
    Unreachable(String),
    /// It answered that it will not.
    #[error("the gateway refused with status {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// It answered something that is no answer.
    #[error("the gateway's answer is not understood: {0}")]
    Answer(&'static str),
    /// There is no such session, or no longer.
    #[error("the gateway knows no such session")]
    UnknownSession,
}

/// Why a webhook is not believed. Always the sender's fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WebhookError {
    /// No signature, or none of that form.
    #[error("there is no signature of the form t=…,v1=…")]
    Unsigned,
    /// No signature matches the body.
    #[error("the signature does not match the body")]
    Mismatch,
    /// Signed too long ago, or in the future.
    #[error("the signature is {off_by_seconds} s off the clock")]
    Stale {
        /// How far the time of signing is from now, either way.
        off_by_seconds: u64,
    },
    /// Signed rightly, but not an event that can be read.
    #[error("the signed body is not an event: {0}")]
    Body(&'static str),
}

//! Payment gateways: what is asked of one, and a sandbox that behaves like one.
//!
//! A [`Gateway`] takes the money on a page of its own: [`Gateway::create`] opens a
//! checkout there, the subscriber's browser is sent to it, and the proof that
//! money was taken comes back by a signed webhook or by asking
//! ([`Gateway::retrieve`]). The redirect back to the portal is a hint, never
//! proof.
//!
//! Promises: an amount is integer minor units with its currency; every payment
//! has one id, the same in a webhook and in an answer; a webhook is believed only
//! with a fresh signature over the very octets that came; no reply of a gateway
//! is read beyond a named bound.
//!
//! Not here: what a payment buys (`subscription`), that it is applied once
//! (`store`, by the payment's id), the pages of the portal (`captive-portal`).

mod client;
pub mod gateway;
pub mod gateways;
pub mod ids;
mod random;
pub mod sandbox;
pub mod signature;
pub mod url;

pub use gateway::{
    Captured, CheckoutRequest, EventKind, Gateway, GatewayError, GatewayEvent, Hosted,
    SessionState, WebhookError,
};
pub use gateways::Gateways;
pub use ids::{CheckoutId, EventId, SessionId};
pub use url::WebUrl;

/// Where this crate learns the time: it is told, it never asks the system itself.
pub type Clock = std::sync::Arc<dyn Fn() -> garth_subscription::Timestamp + Send + Sync>;

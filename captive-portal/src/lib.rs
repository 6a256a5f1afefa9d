//! The captive portal: where a walled-in subscriber learns why, pays, and is online again.
//!
//! Any request for a foreign host is answered with a redirect to one configured
//! address. There the subscriber, known by the source address of the connection,
//! sees the reason, chooses months, goes to the payment gateway and comes back to
//! a page that waits for the release. It also answers the captive portal API
//! (RFC 8908) and takes the webhooks of payment gateways.
//!
//! Promises: nothing of one subscriber is shown at another's address; every form
//! carries a token that another site cannot know; a redirect never goes where a
//! request says; every connection, buffer and table has a bound in [`limits`];
//! all texts come from `locales/`; pages work without scripts.
//!
//! Not here: who has access (`subscription`), what a payment does (`daemon`,
//! behind [`Desk`]), which packets come here at all (`enforcement`).

mod access;
mod api;
pub mod config;
pub mod desk;
pub mod dns;
mod form;
mod handle;
pub mod l10n;
pub mod limits;
mod pages;
mod probes;
mod rate;
mod reply;
pub mod serve;
pub mod shown;
mod token;

pub use config::PortalConfig;
pub use desk::{
    Desk, Directory, Door, Identified, Performed, Problem, Request, Services, View, Webhooks,
};
pub use serve::{Https, Listeners, Portal, PortalError};

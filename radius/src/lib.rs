//! RADIUS for Garth: octets in, a verdict and octets out.
//!
//! Sans-IO: no socket, no clock, no randomness, no logging. Time is a parameter
//! ([`UnixSeconds`]), who may connect is asked through [`directory::Directory`],
//! and what is refused is returned as a reason to be counted by the caller.
//! In the steady state no packet costs an allocation, but for EAP: its conversations have a heap, and its
//! TLS has the randomness of its provider.
//!
//! Where to start: [`server::Server`] joins everything; [`packet`] and [`crypto`]
//! know the octets; [`dialect`] knows what each kind of NAS wants to read.
//!
//! Not here: who has paid (`subscription`), what is durable (`store`), sockets,
//! retransmission timers and metrics export (`daemon`).

mod access;
mod account;
pub mod accounting;
pub mod attribute;
mod authentication;
mod batch;
pub mod certificate;
pub mod client_trust;
pub mod code;
pub mod crypto;
pub mod dialect;
pub mod directory;
mod duplicates;
pub mod dynamic;
pub mod eap;
mod hexadecimal;
mod lanes;
mod mac;
pub mod mschap;
pub mod nas;
pub mod packet;
pub mod plan;
pub mod radius11;
pub mod radsec;
pub mod realm;
mod reason;
mod reply;
mod request;
pub mod server;
mod settings;
mod vendor_attributes;

/// Seconds since 1970-01-01T00:00:00Z, as the caller's clock says.
///
/// The duplicate cache measures age with it. A step of the clock in either
/// direction at worst makes a retransmission be handled as a new request.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct UnixSeconds(pub u64);

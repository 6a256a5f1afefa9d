//! The portal over real sockets, asked as browsers, gateways and attackers would.

#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

mod captive;
#[path = "../fake/mod.rs"]
mod fake;
mod hostile;
mod lifecycle;
mod logins;
mod pages;
mod payments;
mod world;

//! The server from outside: datagrams in, verdicts and replies out.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod accounting;
mod batch;
mod dialects;
mod eap;
mod eap_again;
mod methods;
mod radsec;
mod support;
mod vectors;

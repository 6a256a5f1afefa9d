//! The rules of a subscription: facts in, standing and decisions out.
//!
//! Everything here is a pure function of its arguments, `now` among them. A
//! subscription is a set of [`Facts`]; its [`Standing`] is derived from them and
//! never stored, so a missed timer cannot leave access wrong. Every change is a
//! [`Command`] that [`decide()`] turns into a [`Decision`] or a [`Refusal`]; a dry
//! run is a decision that nobody commits. A decision is a list of
//! [`change::Step`]s: written into the journal they can be replayed, also without
//! one of its entries ([`revert`]).
//!
//! Promises: no I/O, no clock, no randomness, no floating point, no panic on any
//! input. Money is integer minor units in one currency per account.
//!
//! Not here: how facts are kept (`store`), who reaches which network
//! (`enforcement`, `radius`), how money arrives (`payments`).

pub mod actions;
pub mod agenda;
pub mod calendar;
pub mod change;
pub mod command;
pub mod decide;
pub mod facts;
pub mod journal;
pub mod money;
pub mod plan;
pub mod plan_change;
pub mod policy;
pub mod quote;
pub mod refusal;
pub mod replay;
pub mod revert;
pub mod route;
pub mod standing;
pub mod subscriber;
pub mod text;
pub mod time;

pub use command::{Actor, Command, Order, Role};
pub use decide::{Case, Decision, decide};
pub use facts::Facts;
pub use money::Money;
pub use refusal::Refusal;
pub use standing::{Access, Standing, standing};
pub use time::Timestamp;

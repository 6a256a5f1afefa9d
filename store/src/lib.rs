//! What is durable: one redb file, one writer, and an index in memory for the readers.
//!
//! Every change is a [`Write`]. The writer decides it by the rules of
//! `subscription`, puts state, journal entry and outbox row into one
//! transaction together with whatever else waits (group commit), publishes the
//! outcome to the [`index`], and only then answers. Readers of the index never
//! wait for the writer.
//!
//! Promises: what was answered is on disk; what was not is absent or whole. An
//! error of the disk is final: the writer stops, and so should the process.
//!
//! Not here: who may ask (`daemon`), what a command means (`subscription`), what
//! an address may reach (`enforcement`).

pub mod index;
pub mod record;
pub mod write;

mod store;

pub use store::{Options, Store};

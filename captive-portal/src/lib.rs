//! Garth.

pub mod dns;

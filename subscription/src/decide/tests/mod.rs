//! Every row of the transition table and every rule that facts alone can show, by topic.
//!
//! A test is named after the number that it proves. Sequences are in `tests/properties.rs`, a year of
//! life in `tests/model_year.rs`.

mod create;
mod ending;
mod fixture;
mod holds;
mod money;
mod months;
mod pause;
mod plans;
mod refusals;

mod renewal;
mod reverts;
mod roles;
mod suspension;

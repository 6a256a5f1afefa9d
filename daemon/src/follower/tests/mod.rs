//! The release ladder against NASes that do what they should, and against those that lie.

mod ladder;
mod restart;
mod terms;
mod world;

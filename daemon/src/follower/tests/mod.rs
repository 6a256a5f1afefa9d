//! The release ladder against NASes that do what they should, and against those that lie.

mod doubt;
mod ladder;
mod mass;
mod operators;
mod restart;
mod terms;
mod world;

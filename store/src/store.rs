//! The handle that everyone holds.
/// O
pub struct Options {}
/// S
pub struct Store {}

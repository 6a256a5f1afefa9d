//! Garth.

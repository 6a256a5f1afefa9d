//! The measuring instruments: Garth beside FreeRADIUS and the floors in one run, and the hot paths alone.
//!
//! [`packets`] makes requests before any clock starts, [`generator`] sends them and times the answers,
//! [`observe`] reads what the kernel says of the server's process. [`servers`] starts who is measured;
//! [`parts`] are what `scripts/bench` names; [`report`] and [`svg`] render the figures.
//!
//! Not here: the handler alone without sockets, which `benches/hot_path.rs` and
//! `benches/instructions.rs` measure with what [`handler`] makes.

#![expect(
    clippy::float_arithmetic,
    reason = "figures are divided and compared for a report; nothing is decided by them"
)]

pub mod clock;
pub mod floor;
pub mod generator;
pub mod handler;
pub mod latency;
pub mod machine;
pub mod measure;
pub mod observe;
pub mod packets;
pub mod parts;
pub mod population;
pub mod process;
pub mod profile;
pub mod random;
pub mod report;
pub mod results;
pub mod servers;
pub mod sockets;
pub mod svg;

//! The daemon: what joins the other crates to a program, and the tool that operates it.
//!
//! Here are the edges: configuration files, sockets, clocks, the admin socket, the command
//! line. What they decide is in `subscription`; what they keep is in `store`.

pub mod admin;
pub mod config;
pub mod ctl;
pub mod garthd;
pub mod import;

mod cashier;
mod clock;
mod desk;
mod disconnector;
mod dynamic_authorization;
mod enforcer;
mod follower;
mod nases;
mod network;
mod radius;

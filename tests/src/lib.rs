//! A lab for whole-program tests: three network namespaces, real programs, real peers.
//!
//! ```text
//!  home ──lan0── router ──wan0── internet
//!  curl          garthd          a web server, HTTP and TLS
//!  chromium      radclient
//! ```
//!
//! [`Lab`] makes them, starts `garthd` with a configuration of its own and waits until it says that it is
//! ready. Everything ends when the lab is dropped, after a failed test too: programs, namespaces, files.
//!
//! Promises: no packet leaves the namespaces; nothing of the machine outside them is changed, but for
//! `/etc/netns/…` (the hosts files of the namespaces) while the lab is there; no test waits for a time,
//! only for a condition with a deadline.
//!
//! It needs root. Where something is missing it fails and says what; it never skips.

pub mod browser;
pub mod clock;
pub mod curl;
pub mod dynamic_nas;
pub mod eapol;
pub mod garthctl;
pub mod garthd;
pub mod html;
pub mod internet;
pub mod interop;
pub mod lab;
pub mod namespace;
pub mod network;
pub mod process;
pub mod radclient;
pub mod radius;
pub mod radsec;
pub mod raw;
pub mod story;
pub mod tls;
pub mod wire;

pub use lab::Lab;

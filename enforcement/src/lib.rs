//! The garden on this router: who is walled, kept true in the kernel (nftables and conntrack).
//!
//! One `inet` table of our own holds the rules; the subscribers' prefixes are elements of its
//! sets and change over netlink, one transaction per call. A reconciler compares what is wanted
//! with what the kernel holds and repairs the difference, so a flushed ruleset or a lost event
//! heals by itself.
//!
//! - [`ruleset`] turns the settings into the text of the table (pure);
//! - [`Wanted`] is the set of walled prefixes, nested ones included (pure);
//! - [`reconcile()`] compares wanted and actual (pure);
//! - [`Garden`] is the edge: it builds the table, changes its sets, deletes conntrack entries;
//! - [`Allow`] opens destinations for a while, for the garden's DNS resolver.
//!
//! Calls of [`Garden`] and [`Allow`] block for as long as the kernel works; run them on a thread
//! of their own. Traffic of sources outside the garden is never touched.
//!
//! Not here: who belongs in the garden (`subscription`), which address is whose (`daemon`),
//! RADIUS change-of-authorisation (`radius`), the portal and the resolver (`captive-portal`).

mod allow;
mod conntrack;
mod error;
mod garden;
mod netlink;
mod prefix;
pub mod reconcile;
pub mod ruleset;
mod wanted;

pub use allow::Allow;
pub use conntrack::Flushed;
pub use error::{Error, Operation};
pub use garden::{Actual, Applied, Garden, Leave, PREFIXES_PER_CALL_MAX};
pub use prefix::{Prefix, PrefixError};
pub use reconcile::{Drift, reconcile};
pub use ruleset::{Interface, Ruleset, RulesetError};
pub use wanted::{PREFIXES_MAX, Wanted, WantedError};

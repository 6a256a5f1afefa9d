//! All that an index holds, for a test that it equals one rebuilt from the disk.

use super::{Entry, Index};
use crate::chain;

/// Everything in the index, in an order that two equal indexes share: for comparing them.
#[derive(Debug, Eq, PartialEq)]
pub struct Content {
    entries: Vec<String>,
    addresses: Vec<String>,
    live_sessions: usize,
}

impl Index {
    /// All that is in it. Passwords are in it as their digests.
    #[must_use]
    pub fn content(&self) -> Content {
        let mut entries = Vec::with_capacity(self.len() + 1);
        self.for_each(|entry| entries.push(self.describe(entry)));
        entries.push(format!(
            "{} names, {} MACs",
            self.by_user_name.len(),
            self.by_mac.len()
        ));
        let mut addresses = self.claims.lines();
        entries.sort();
        addresses.sort();
        Content {
            entries,
            addresses,
            live_sessions: self.live_sessions(),
        }
    }

    /// An entry, and what is found by its names: not its number of a plan, which is this process's.
    fn describe(&self, entry: &Entry<'_>) -> String {
        let id = entry.id();
        let by_id = self.by_id(id, |found| found.id());
        let name = entry.user_name();
        let by_name = name.map(|name| self.by_user_name(name.as_bytes(), |found| found.id()));
        let by_mac = entry.mac().map(|mac| self.by_mac(mac, |found| found.id()));
        format!(
            "{id} {:?} {name:?} {:?} {:?} {:?} {:?} {:?} {by_id:?} {by_name:?} {by_mac:?}",
            entry.standing(),
            entry.password().map(chain::digest),
            entry.mac(),
            entry.framed_ipv4(),
            entry.delegated_ipv6(),
            (entry.down_kbps(), entry.up_kbps()),
        )
    }
}

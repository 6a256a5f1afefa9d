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
    /// All that is in it. Credentials are in it as their digests.
    #[must_use]
    pub fn content(&self) -> Content {
        let mut entries = Vec::with_capacity(self.len() + 1);
        self.for_each(|entry| entries.push(self.describe(entry)));
        entries.push(format!(
            "{} names, {} MACs, {} circuits, {} remotes",
            self.by_user_name.len(),
            self.by_mac.len(),
            self.by_circuit_id.len(),
            self.by_remote_id.len(),
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
        let circuit = entry.circuit_id();
        let by_circuit = circuit.map(|id| self.by_circuit_id(id, |found| found.id()));
        let remote = entry.remote_id();
        let by_remote = remote.map(|id| self.by_remote_id(id, |found| found.id()));
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let line = (circuit.map(text), remote.map(text), by_circuit, by_remote);
        let routes: Vec<_> = entry.framed_routes().collect();
        format!(
            "{id} {:?} {name:?} {:?} {:?} {:?} {:?} {:?} {:?} {by_id:?} {by_name:?} {by_mac:?} {line:?} \
             {:?} {routes:?}",
            entry.standing(),
            entry.password().map(chain::digest),
            entry.nt_hash().map(|hash| chain::digest(&hash)),
            entry.mac(),
            entry.framed_ipv4(),
            entry.delegated_ipv6(),
            (entry.down_kbps(), entry.up_kbps()),
            entry.framed_ipv6(),
        )
    }
}

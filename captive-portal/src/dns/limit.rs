//! How much one source may ask: a rate and a number of questions at once, in constant memory.
//!
//! Sources share [`SLOTS`] slots by a keyed hash; two sources in one slot share its limits, and nobody
//! outside can find a source that shares another's. An IPv6 source counts as its /64.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Slots, of 16 octets each. A garden of a thousand active sources shares few of them.
const SLOTS: usize = 8_192;
/// The sustained rate: a page of today asks for some tens of names at once, then rests.
const QUERIES_PER_SECOND: u32 = 20;
/// What a rested source may ask at once.
const BURST: u32 = 100;
/// Unanswered questions of one source.
const AT_ONCE_MAX: u8 = 32;

const COST: Duration = Duration::from_millis(1_000 / QUERIES_PER_SECOND as u64);

/// The limits of all sources.
#[derive(Debug)]
pub(super) struct Sources {
    key: RandomState,
    slots: Mutex<Box<[Slot]>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// When the slot has rested, were nothing more asked (GCRA).
    rested: Duration,
    at_once: u8,
}

/// The right to ask one question; given back when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    sources: Arc<Sources>,
    slot: usize,
}

impl Sources {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            key: RandomState::new(),
            slots: Mutex::new(vec![Slot::default(); SLOTS].into_boxed_slice()),
        })
    }

    /// The right of `source` to ask at `now`, a time since any fixed moment; none when it asks too much.
    pub(super) fn permit(self: &Arc<Self>, source: IpAddr, now: Duration) -> Option<Permit> {
        let at = self.slot(source);
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = &mut slots[at];
        let rested = slot.rested.max(now) + COST;
        if slot.at_once >= AT_ONCE_MAX || rested > now + COST * BURST {
            return None;
        }
        *slot = Slot {
            rested,
            at_once: slot.at_once + 1,
        };
        Some(Permit {
            sources: Arc::clone(self),
            slot: at,
        })
    }

    /// Where the limits of `source` are, which it may share.
    pub(super) fn slot(&self, source: IpAddr) -> usize {
        let subscriber = match source.to_canonical() {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits() >> 64 << 64,
        };
        let hash = self.key.hash_one(subscriber) % u64::try_from(SLOTS).expect("a small number");
        usize::try_from(hash).expect("below a small number")
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut slots = self
            .sources
            .slots
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        slots[self.slot].at_once -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    #[test]
    fn a_source_has_a_burst_and_then_its_rate() {
        let sources = Sources::new();
        let start = Duration::from_secs(100);
        let given = (0..1_000)
            .filter(|_| sources.permit(A, start).is_some())
            .count();
        assert_eq!(given, usize::try_from(BURST).unwrap());
        let later = start + Duration::from_secs(1);
        let given = (0..1_000)
            .filter(|_| sources.permit(A, later).is_some())
            .count();
        assert_eq!(given, usize::try_from(QUERIES_PER_SECOND).unwrap());
    }

    #[test]
    fn unanswered_questions_are_bounded_and_come_back() {
        let sources = Sources::new();
        let now = Duration::ZERO;
        let held: Vec<_> = std::iter::from_fn(|| sources.permit(A, now)).collect();
        assert_eq!(held.len(), usize::from(AT_ONCE_MAX));
        drop(held);
        assert!(sources.permit(A, now).is_some());
    }

    #[test]
    fn one_subscriber_cannot_spread_over_its_own_64() {
        let sources = Sources::new();
        let own = |n: u16| IpAddr::V6(std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 7, 0, 0, 0, n));
        assert_eq!(sources.slot(own(1)), sources.slot(own(9)));
        let all: std::collections::HashSet<usize> = (0..200)
            .map(|n| sources.slot(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, n))))
            .collect();
        assert!(all.len() > 150, "{}", all.len());
    }
}

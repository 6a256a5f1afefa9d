//! Rates by key in constant memory.
//!
//! A fixed table of instants (the generic cell rate algorithm); the key's hash,
//! keyed afresh in every process, chooses the slot. Keys that share one share its
//! rate: strict, never lax.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};

use garth_subscription::Timestamp;
use garth_subscription::facts::SubscriptionId;

use crate::desk::Identified;
use crate::limits::{RATE_SLOTS, Rate};

/// A table of rates.
pub(crate) struct RateTable {
    slots: Box<[AtomicI64]>,
    hasher: RandomState,
    every_ms: i64,
    burst_ms: i64,
}

impl RateTable {
    pub(crate) fn new(rate: Rate) -> Self {
        let every_ms = i64::try_from(rate.every.as_millis())
            .unwrap_or(i64::MAX)
            .max(1);
        Self {
            slots: (0..RATE_SLOTS).map(|_| AtomicI64::new(0)).collect(),
            hasher: RandomState::new(),
            every_ms,
            burst_ms: every_ms.saturating_mul(i64::from(rate.burst)),
        }
    }

    /// Counts one for `key`; whether it is within the rate.
    pub(crate) fn allow(&self, key: impl Hash, now: Timestamp) -> bool {
        let now = now.unix_millis();
        let slots = u64::try_from(self.slots.len()).expect("a table fits in memory");
        let index = self.hasher.hash_one(key) % slots;
        let index = usize::try_from(index).expect("below the table's length");
        let step = |full_at: i64| {
            // Further ahead than a full burst is a clock that was set back: it must not lock out.
            let start = if full_at > now + self.burst_ms {
                now
            } else {
                full_at.max(now)
            };
            let next = start + self.every_ms;
            (next - now <= self.burst_ms).then_some(next)
        };
        self.slots[index]
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, step)
            .is_ok()
    }
}

/// Who is counted.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Counted {
    /// A subscription, at whichever of its addresses: it may have a whole delegated prefix, in which
    /// every /64 would otherwise be one more source.
    Subscription(SubscriptionId),
    /// An address that does not tell, see [`source_key`].
    Source(IpAddr),
}

impl Counted {
    pub(crate) fn of(source: IpAddr, identified: Identified) -> Self {
        match identified {
            Identified::Known(id) => Self::Subscription(id),
            Identified::Ambiguous | Identified::Unknown => Self::Source(source_key(source)),
        }
    }
}

/// Whose connection it is: an IPv4 address, or the /64 that a household has in IPv6.
pub(crate) fn source_key(source: IpAddr) -> IpAddr {
    match source {
        IpAddr::V4(_) => source,
        IpAddr::V6(ip) => {
            let network = ip.to_bits() >> 64 << 64;
            IpAddr::V6(std::net::Ipv6Addr::from_bits(network))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(1_000_000 + millis).unwrap()
    }

    fn table() -> RateTable {
        RateTable::new(Rate {
            burst: 3,
            every: Duration::from_secs(1),
        })
    }

    #[test]
    fn a_burst_is_let_through_then_one_at_a_time() {
        let table = table();
        let allowed: Vec<bool> = (0..5).map(|_| table.allow("a", at(0))).collect();
        assert_eq!(allowed, [true, true, true, false, false]);
        assert!(!table.allow("a", at(999)));
        assert!(table.allow("a", at(1_000)));
        assert!(!table.allow("a", at(1_000)));
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out() {
        let table = table();
        assert!(table.allow("a", at(900_000)));
        assert!(table.allow("a", at(0)));
    }

    #[test]
    fn a_subscription_is_counted_once_in_all_of_its_prefix() {
        let owner = Identified::Known(SubscriptionId(uuid::Uuid::from_u128(1)));
        let counted = |text: &str, who| Counted::of(text.parse().unwrap(), who);
        assert_eq!(
            counted("2001:db8:0:1::1", owner),
            counted("2001:db8:0:2::1", owner)
        );
        for nobody in [Identified::Unknown, Identified::Ambiguous] {
            assert_ne!(
                counted("2001:db8:0:1::1", nobody),
                counted("2001:db8:0:2::1", nobody)
            );
        }
    }

    #[test]
    fn one_household_is_one_source_in_ipv6() {
        let key = |text: &str| source_key(text.parse().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }
}

//! What a plan gives, as far as a NAS is told.
//!
//! Not here: prices and periods (`subscription`), how rates are said to each NAS (`dialect`).

use std::num::{NonZeroU8, NonZeroU32};

use crate::attribute::AttributeType;
use crate::packet::{EncodeError, Encoder};

/// The longest name of a pool, in octets.
pub const POOL_NAME_LEN_MAX: usize = 63;

/// What a plan's traffic is limited to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Rates {
    /// Rate towards the subscriber.
    pub down_kbps: u32,
    /// Rate from the subscriber.
    pub up_kbps: u32,
}

/// The name of a pool of addresses on the NAS: 1 to 63 octets of visible ASCII.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PoolName(Box<str>);

/// Why a pool name is refused. Always the operator's fault.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("pool {name:?} is not a name of 1 to {POOL_NAME_LEN_MAX} visible ASCII characters")]
pub struct PoolNameError {
    /// What was given.
    pub name: String,
}

impl PoolName {
    /// Takes a name.
    ///
    /// # Errors
    /// When it is empty, too long, or has a character that no NAS would take.
    pub fn new(name: &str) -> Result<Self, PoolNameError> {
        let visible = name.bytes().all(|octet| octet.is_ascii_graphic());
        if !visible || !(1..=POOL_NAME_LEN_MAX).contains(&name.len()) {
            return Err(PoolNameError { name: name.into() });
        }
        Ok(Self(name.into()))
    }
}

/// Everything of a plan that a NAS is told.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PlanTerms {
    /// What its traffic is limited to.
    pub rates: Rates,
    /// The most live sessions of one subscription; no limit if `None`.
    pub session_limit: Option<NonZeroU8>,
    /// A session this long without traffic is ended, in seconds.
    pub idle_timeout_seconds: Option<NonZeroU32>,
    /// Where IPv4 addresses come from.
    pub framed_pool: Option<PoolName>,
    /// Where IPv6 prefixes of links come from.
    pub framed_ipv6_pool: Option<PoolName>,
    /// Where delegated prefixes come from.
    pub delegated_ipv6_pool: Option<PoolName>,
}

impl From<Rates> for PlanTerms {
    fn from(rates: Rates) -> Self {
        Self {
            rates,
            ..Self::default()
        }
    }
}

impl PlanTerms {
    /// Appends what holds with full access alone.
    pub(crate) fn encode_full(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if let Some(seconds) = self.idle_timeout_seconds {
            encoder.integer(AttributeType::IDLE_TIMEOUT, seconds.get())?;
        }
        Ok(())
    }

    /// Appends where addresses come from: the same in the garden, so that a release need not change them.
    pub(crate) fn encode_pools(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        for (kind, pool) in [
            (AttributeType::FRAMED_POOL, &self.framed_pool),
            (AttributeType::FRAMED_IPV6_POOL, &self.framed_ipv6_pool),
            (
                AttributeType::DELEGATED_IPV6_PREFIX_POOL,
                &self.delegated_ipv6_pool,
            ),
        ] {
            if let Some(pool) = pool {
                encoder.attribute(kind, pool.0.as_bytes())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pool_names_are_short_and_visible() {
        let longest = "p".repeat(POOL_NAME_LEN_MAX);
        for name in ["home", "pool-1/a", &longest] {
            PoolName::new(name).unwrap();
        }
        let longer = "p".repeat(POOL_NAME_LEN_MAX + 1);
        for name in ["", " ", "a b", "a\0", "ä", &longer] {
            let name = name.to_owned();
            assert_eq!(PoolName::new(&name).err(), Some(PoolNameError { name }));
        }
    }
}

//! Address prefixes, IPv4 and IPv6.
//!
//! A [`Prefix`] never has host bits set. [`Prefix::new`] and parsing also refuse prefixes wider
//! than any subscription, so that a slip of the hand cannot wall the Internet.
//!
//! Not here: which prefixes are walled (`wanted`), how the kernel stores them (`netlink`).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The widest IPv4 prefix that may be walled: a whole carrier-grade pool is `/10`.
const SHORTEST_V4: u8 = 8;
/// The widest IPv6 prefix that may be walled: the largest provider allocations are near `/20`.
const SHORTEST_V6: u8 = 16;

/// The address family of a prefix; the kernel keeps one set for each.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    /// Bits in an address: 32 or 128.
    pub(crate) const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    /// The highest address as a number.
    pub(crate) const fn last(self) -> u128 {
        match self {
            // `u128::from` is not const; widening loses nothing.
            Self::V4 => u32::MAX as u128,
            Self::V6 => u128::MAX,
        }
    }
}

/// An address prefix: `192.0.2.7`, `192.0.2.0/24`, `2001:db8:7::/56`.
///
/// Ordered by family, then first address, then length, so a prefix sorts directly before the
/// prefixes inside it.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Prefix {
    family: Family,
    /// The first address as a number; host bits are zero.
    first: u128,
    length: u8,
}

/// Why a text or an address with a length is not a prefix that can be walled.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PrefixError {
    /// Neither an address nor `address/length`.
    #[error("{text:?} is not an address or a prefix such as 192.0.2.0/24 or 2001:db8::/56")]
    Malformed {
        /// What was given.
        text: String,
    },
    /// The length does not exist in this family, or covers more than any subscription has.
    #[error("prefix length {length} is out of range: {shortest} to {longest} is allowed")]
    Length {
        /// What was given.
        length: u8,
        /// The smallest length allowed.
        shortest: u8,
        /// The largest length allowed.
        longest: u8,
    },
}

impl Prefix {
    /// The prefix of `length` bits that contains `address`; host bits are cleared.
    ///
    /// # Errors
    ///
    /// [`PrefixError::Length`] outside 8 to 32 (IPv4) or 16 to 128 (IPv6).
    pub fn new(address: IpAddr, length: u8) -> Result<Self, PrefixError> {
        let (family, bits) = number(address);
        let shortest = match family {
            Family::V4 => SHORTEST_V4,
            Family::V6 => SHORTEST_V6,
        };
        let longest = family.bits();
        if length < shortest || length > longest {
            return Err(PrefixError::Length {
                length,
                shortest,
                longest,
            });
        }
        Ok(Self::masked(family, bits, length))
    }

    /// The prefix that contains `address` alone. An IPv4-mapped IPv6 address counts as IPv4.
    pub fn host(address: IpAddr) -> Self {
        let (family, first) = number(address.to_canonical());
        Self {
            family,
            first,
            length: family.bits(),
        }
    }

    /// The first address.
    pub fn address(&self) -> IpAddr {
        address(self.family, self.first)
    }

    /// Bits of the network part.
    pub fn length(&self) -> u8 {
        self.length
    }

    /// Whether it is IPv4.
    pub fn is_ipv4(&self) -> bool {
        self.family == Family::V4
    }

    /// Whether it is one address.
    pub fn is_host(&self) -> bool {
        self.length == self.family.bits()
    }

    /// Whether every address of `other` is in this prefix.
    pub fn contains(&self, other: &Self) -> bool {
        self.family == other.family && self.first <= other.first && other.last() <= self.last()
    }

    pub(crate) fn family(&self) -> Family {
        self.family
    }

    pub(crate) fn first(&self) -> u128 {
        self.first
    }

    /// The last address as a number.
    pub(crate) fn last(&self) -> u128 {
        self.first | host_mask(self.family, self.length)
    }

    /// The next wider prefix; none for length 0.
    pub(crate) fn parent(&self) -> Option<Self> {
        let length = self.length.checked_sub(1)?;
        Some(Self::masked(self.family, self.first, length))
    }

    /// Like [`Self::new`], of any length: what the kernel holds may be anything.
    fn masked(family: Family, bits: u128, length: u8) -> Self {
        Self {
            family,
            first: bits & !host_mask(family, length),
            length,
        }
    }

    /// The fewest prefixes that together are the addresses `first` to `last`, in order.
    pub(crate) fn cover(family: Family, first: u128, last: u128) -> Vec<Self> {
        let mut prefixes = Vec::new();
        let mut start = first;
        while start <= last {
            let mut prefix = Self {
                family,
                first: start,
                length: family.bits(),
            };
            while let Some(wider) = prefix.parent() {
                if wider.first != start || wider.last() > last {
                    break;
                }
                prefix = wider;
            }
            prefixes.push(prefix);
            match prefix.last().checked_add(1) {
                Some(next) if next <= family.last() => start = next,
                Some(_) | None => break,
            }
        }
        prefixes
    }
}

impl From<IpAddr> for Prefix {
    fn from(address: IpAddr) -> Self {
        Self::host(address)
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let malformed = || PrefixError::Malformed {
            text: text.to_owned(),
        };
        let Some((address, length)) = text.split_once('/') else {
            return text.parse().map(Self::host).map_err(|_| malformed());
        };
        // `u8::from_str` takes a leading plus sign; a prefix has none.
        if !length.bytes().all(|b| b.is_ascii_digit()) {
            return Err(malformed());
        }
        let address = address.parse().map_err(|_| malformed())?;
        let length = length.parse().map_err(|_| malformed())?;
        Self::new(address, length)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_host() {
            write!(f, "{}", self.address())
        } else {
            write!(f, "{}/{}", self.address(), self.length)
        }
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn host_mask(family: Family, length: u8) -> u128 {
    let host_bits = family.bits().saturating_sub(length);
    match 1_u128.checked_shl(u32::from(host_bits)) {
        Some(power) => power - 1,
        None => u128::MAX,
    }
}

fn number(address: IpAddr) -> (Family, u128) {
    match address {
        IpAddr::V4(v4) => (Family::V4, u128::from(v4.to_bits())),
        IpAddr::V6(v6) => (Family::V6, v6.to_bits()),
    }
}

/// The address that `bits` stands for in `family`.
pub(crate) fn address(family: Family, bits: u128) -> IpAddr {
    match family {
        Family::V4 => {
            let bits = u32::try_from(bits).expect("an IPv4 prefix holds 32 bits");
            IpAddr::V4(Ipv4Addr::from_bits(bits))
        }
        Family::V6 => IpAddr::V6(Ipv6Addr::from_bits(bits)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn p(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn a_prefix_reads_as_it_was_written() {
        for text in [
            "192.0.2.7",
            "192.0.2.0/24",
            "2001:db8::1",
            "2001:db8:7::/56",
            "255.255.255.255",
        ] {
            assert_eq!(p(text).to_string(), text);
        }
        assert_eq!(p("192.0.2.7/32"), p("192.0.2.7"));
        assert_eq!(p("2001:db8::1/128"), p("2001:db8::1"));
    }

    #[test]
    fn host_bits_are_cleared() {
        assert_eq!(p("192.0.2.7/24"), p("192.0.2.0/24"));
        assert_eq!(p("2001:db8:7:ff::1/56"), p("2001:db8:7::/56"));
    }

    #[test]
    fn a_prefix_wider_than_any_subscription_is_refused() {
        for text in [
            "0.0.0.0/0",
            "10.0.0.0/7",
            "::/0",
            "2000::/3",
            "192.0.2.0/33",
            "::/129",
        ] {
            assert!(
                matches!(text.parse::<Prefix>(), Err(PrefixError::Length { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn text_that_is_no_prefix_is_refused() {
        for text in [
            "",
            "/",
            "192.0.2.0/",
            "192.0.2.0/+24",
            "192.0.2/24",
            "host",
            "10.0.0.1/256",
            " 10.0.0.1",
        ] {
            assert!(
                matches!(text.parse::<Prefix>(), Err(PrefixError::Malformed { .. })),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address() {
        assert_eq!(p("::ffff:192.0.2.7"), p("192.0.2.7"));
    }

    #[test]
    fn a_prefix_sorts_before_what_it_contains() {
        assert!(p("10.0.0.0/24") < p("10.0.0.0/25"));
        assert!(p("10.0.0.0/24") < p("10.0.0.0"));
        assert!(p("255.255.255.255") < p("2001:db8::"));
    }

    proptest! {
        #[test]
        fn a_cover_is_exactly_the_range(first: u32, extra in 0_u32..5_000) {
            let (first, last) = (u128::from(first), u128::from(first.saturating_add(extra)));
            let cover = Prefix::cover(Family::V4, first, last);
            let mut next = first;
            for prefix in &cover {
                prop_assert_eq!(prefix.first(), next);
                next = prefix.last() + 1;
            }
            prop_assert_eq!(next, last + 1);
        }

        #[test]
        fn any_prefix_covers_itself(bits: u128, length in 16_u8..=128) {
            let prefix = Prefix::new(IpAddr::V6(Ipv6Addr::from_bits(bits)), length).unwrap();
            prop_assert_eq!(Prefix::cover(Family::V6, prefix.first(), prefix.last()), vec![prefix]);
            prop_assert_eq!(prefix.to_string().parse::<Prefix>(), Ok(prefix));
        }
    }
}

//! What is routed to a subscriber: the prefix of its link, and networks behind its equipment.
//!
//! Not here: a delegated prefix ([`crate::subscriber::Ipv6Prefix`]), how a NAS is told (`radius`).

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::subscriber::{Ipv6Prefix, NotAPrefix};

/// The fixed IPv6 prefix of a link: a /64 (Framed-IPv6-Prefix, RFC 3162 section 2.3).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct LinkPrefix(Ipv6Prefix);

/// Text or a prefix that is none of a link.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a /64 such as 2001:db8:7:1::/64, with no bits set beyond its length")]
pub struct NotALinkPrefix;

impl LinkPrefix {
    /// The length that stateless address configuration needs (RFC 4862), in bits.
    pub const LEN: u8 = 64;

    /// The prefix itself.
    #[must_use]
    pub const fn prefix(self) -> Ipv6Prefix {
        self.0
    }

    /// Its upper half; the lower one is zero.
    #[must_use]
    pub fn octets(self) -> [u8; 8] {
        let [octets @ .., _, _, _, _, _, _, _, _] = self.0.address().octets();
        octets
    }

    /// The prefix with that upper half.
    #[must_use]
    pub fn of_octets(octets: [u8; 8]) -> Self {
        let address = Ipv6Addr::from_bits(u128::from(u64::from_be_bytes(octets)) << 64);
        Self(Ipv6Prefix::new(address, Self::LEN).expect("the lower half is zero"))
    }
}

impl TryFrom<Ipv6Prefix> for LinkPrefix {
    type Error = NotALinkPrefix;

    fn try_from(prefix: Ipv6Prefix) -> Result<Self, NotALinkPrefix> {
        let is_one = prefix.prefix_len() == Self::LEN;
        is_one.then_some(Self(prefix)).ok_or(NotALinkPrefix)
    }
}

impl FromStr for LinkPrefix {
    type Err = NotALinkPrefix;

    fn from_str(text: &str) -> Result<Self, NotALinkPrefix> {
        let prefix: Ipv6Prefix = text.parse().map_err(|_: NotAPrefix| NotALinkPrefix)?;
        prefix.try_into()
    }
}

impl fmt::Display for LinkPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An IPv4 prefix.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Ipv4Prefix {
    address: Ipv4Addr,
    len: u8,
}

impl Ipv4Prefix {
    /// The prefix `address/len`.
    ///
    /// # Errors
    /// [`NotARoute`] if `len` is over 32 or bits are set beyond it.
    pub fn new(address: Ipv4Addr, len: u8) -> Result<Self, NotARoute> {
        let host_bits = 32_u8.checked_sub(len).ok_or(NotARoute)?;
        let host_mask = 1_u32
            .checked_shl(u32::from(host_bits))
            .map_or(u32::MAX, |bit| bit - 1);
        if address.to_bits() & host_mask == 0 {
            Ok(Self { address, len })
        } else {
            Err(NotARoute)
        }
    }

    /// Its first address.
    #[must_use]
    pub const fn address(self) -> Ipv4Addr {
        self.address
    }

    /// Its length in bits, 0 to 32.
    #[must_use]
    pub const fn prefix_len(self) -> u8 {
        self.len
    }
}

/// Where a route leads to.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RoutePrefix {
    /// For Framed-Route (RFC 2865 section 5.22).
    V4(Ipv4Prefix),
    /// For Framed-IPv6-Route (RFC 3162 section 2.5).
    V6(Ipv6Prefix),
}

/// A network behind a subscriber's equipment: a prefix, and the metric that the NAS gives its route.
///
/// As text: `198.51.100.0/24`, or with its metric `198.51.100.0/24 10`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct FramedRoute {
    /// Where to.
    pub prefix: RoutePrefix,
    /// The NAS's own choice where `None`.
    pub metric: Option<u8>,
}

/// Text that is no route.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "not a route such as \"198.51.100.0/24\" or \"2001:db8:7::/56 10\": a prefix with no bits set \
     beyond its length, then perhaps a metric"
)]
pub struct NotARoute;

impl FromStr for RoutePrefix {
    type Err = NotARoute;

    fn from_str(text: &str) -> Result<Self, NotARoute> {
        if text.contains(':') {
            return text
                .parse()
                .map(Self::V6)
                .map_err(|_: NotAPrefix| NotARoute);
        }
        let (address, len) = text.split_once('/').ok_or(NotARoute)?;
        let address = address.parse().map_err(|_| NotARoute)?;
        Ipv4Prefix::new(address, len.parse().map_err(|_| NotARoute)?).map(Self::V4)
    }
}

impl fmt::Display for RoutePrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(prefix) => write!(f, "{}/{}", prefix.address, prefix.len),
            Self::V6(prefix) => prefix.fmt(f),
        }
    }
}

impl FromStr for FramedRoute {
    type Err = NotARoute;

    fn from_str(text: &str) -> Result<Self, NotARoute> {
        let (prefix, metric) = match text.split_once(' ') {
            Some((prefix, metric)) => (prefix, Some(metric.parse().map_err(|_| NotARoute)?)),
            None => (text, None),
        };
        let prefix = prefix.parse()?;
        Ok(Self { prefix, metric })
    }
}

impl fmt::Display for FramedRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.prefix.fmt(f)?;
        match self.metric {
            Some(metric) => write!(f, " {metric}"),
            None => Ok(()),
        }
    }
}

/// The routes of one subscription: at most [`Self::MAX`], each prefix once.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FramedRoutes(Vec<FramedRoute>);

/// Why routes are not those of one subscription.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RoutesError {
    /// More than there may be.
    #[error("at most {} routes", FramedRoutes::MAX)]
    TooMany,
    /// The same prefix twice.
    #[error("{0} is given twice")]
    Twice(RoutePrefix),
}

impl FramedRoutes {
    /// The most routes of one subscription.
    pub const MAX: usize = 4;

    /// Those routes, in their order.
    ///
    /// # Errors
    /// [`RoutesError`].
    pub fn new(routes: Vec<FramedRoute>) -> Result<Self, RoutesError> {
        if routes.len() > Self::MAX {
            return Err(RoutesError::TooMany);
        }
        for (place, route) in routes.iter().enumerate() {
            if routes[..place]
                .iter()
                .any(|other| other.prefix == route.prefix)
            {
                return Err(RoutesError::Twice(route.prefix));
            }
        }
        Ok(Self(routes))
    }

    /// All of them.
    #[must_use]
    pub fn as_slice(&self) -> &[FramedRoute] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_written_as_it_is_read() {
        for text in [
            "198.51.100.0/24",
            "0.0.0.0/0 1",
            "2001:db8:7::/56 255",
            "::/0",
        ] {
            let route: FramedRoute = text.parse().unwrap();
            assert_eq!(route.to_string(), text);
        }
        for text in [
            "",
            "198.51.100.0",
            "198.51.100.1/24",
            "198.51.100.0/33",
            "198.51.100.0/24 ",
            "198.51.100.0/24 -1",
            "198.51.100.0/24 256",
            "198.51.100.0/24 192.0.2.1 1",
            "2001:db8::1/56",
            "2001:db8::/129",
        ] {
            assert_eq!(text.parse::<FramedRoute>(), Err(NotARoute), "{text:?}");
        }
    }

    #[test]
    fn there_are_at_most_four_routes_and_no_prefix_twice() {
        let route = |text: &str| text.parse::<FramedRoute>().unwrap();
        let five: Vec<_> = (0..5).map(|n| route(&format!("10.0.{n}.0/24"))).collect();
        assert_eq!(FramedRoutes::new(five.clone()), Err(RoutesError::TooMany));
        let four = five[..4].to_vec();
        assert_eq!(FramedRoutes::new(four.clone()).unwrap().as_slice(), four);
        let twice = vec![route("10.0.1.0/24"), route("10.0.1.0/24 5")];
        let prefix = twice[0].prefix;
        assert_eq!(FramedRoutes::new(twice), Err(RoutesError::Twice(prefix)));
    }

    #[test]
    fn the_prefix_of_a_link_is_a_64() {
        let prefix: LinkPrefix = "2001:db8:7:1::/64".parse().unwrap();
        assert_eq!(prefix.octets(), [0x20, 0x01, 0x0d, 0xb8, 0, 7, 0, 1]);
        assert_eq!(LinkPrefix::of_octets(prefix.octets()), prefix);
        for text in [
            "2001:db8:7::/56",
            "2001:db8:7:1::1/64",
            "2001:db8::/128",
            "x",
        ] {
            assert_eq!(text.parse::<LinkPrefix>(), Err(NotALinkPrefix), "{text}");
        }
    }
}

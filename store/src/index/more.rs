//! What few subscriptions have: the octets after the parts of a record, and a view of them.
//!
//! | octets | what |
//! | --- | --- |
//! | 0 | what follows, a bit each, in this order |
//! | 16 | NT hash |
//! | 8 | upper half of the link's IPv6 prefix |
//! | 1 and up to 63 | length of the circuit id, and it |
//! | 1 and up to 63 | length of the remote id, and it |
//! | 1 and up to 76 | number of routes, and they |
//!
//! A route is an octet that says what it has ([`METRIC`], [`IS_IPV6`]), its metric, the length of its
//! prefix, and the address in full. A subscription with none of this has no octet of it.

use std::net::{Ipv4Addr, Ipv6Addr};

use garth_subscription::route::{FramedRoute, FramedRoutes, Ipv4Prefix, LinkPrefix, RoutePrefix};
use garth_subscription::subscriber::{Ipv6Prefix, NtHash};
use garth_subscription::text::{CircuitId, RemoteId};

use super::entry::Indexed;
use crate::credential::Opened;

const NT_HASH: u8 = 1;
const FRAMED_IPV6: u8 = 2;
const CIRCUIT_ID: u8 = 4;
const REMOTE_ID: u8 = 8;
const ROUTES: u8 = 16;

const LINK_LEN: usize = 8;
/// The route has a metric.
const METRIC: u8 = 1;
/// The route is of IPv6.
const IS_IPV6: u8 = 2;
const ROUTE_LEN_MAX: usize = 1 + 1 + 1 + 16;

/// The most octets of it besides an NT hash, whose owner has no password.
pub(super) const LEN_MAX: usize = 1
    + LINK_LEN
    + (1 + CircuitId::MAX_LEN)
    + (1 + RemoteId::MAX_LEN)
    + (1 + FramedRoutes::MAX * ROUTE_LEN_MAX);

/// The octets of what a subscription has of this; none if it has nothing.
pub(super) fn encode(indexed: &Indexed<'_>) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut add = |flag: u8, value: &[&[u8]]| {
        if octets.is_empty() {
            octets.push(0);
        }
        octets[0] |= flag;
        value.iter().for_each(|part| octets.extend_from_slice(part));
    };
    if let Some(Opened::NtHash(hash)) = &indexed.credential {
        add(NT_HASH, &[hash]);
    }
    if let Some(prefix) = indexed.framed_ipv6 {
        add(FRAMED_IPV6, &[&prefix.octets()]);
    }
    if let Some(id) = indexed.circuit_id {
        add(CIRCUIT_ID, &[&[len(id.as_bytes())], id.as_bytes()]);
    }
    if let Some(id) = indexed.remote_id {
        add(REMOTE_ID, &[&[len(id.as_bytes())], id.as_bytes()]);
    }
    let routes = indexed.framed_routes.as_slice();
    if !routes.is_empty() {
        let encoded: Vec<u8> = routes.iter().flat_map(encode_route).collect();
        let count = u8::try_from(routes.len()).expect("there are at most four");
        add(ROUTES, &[&[count], &encoded]);
    }
    octets
}

fn len(text: &[u8]) -> u8 {
    u8::try_from(text.len()).expect("a line is named by at most 63 octets")
}

fn encode_route(route: &FramedRoute) -> Vec<u8> {
    let mut octets = Vec::with_capacity(ROUTE_LEN_MAX);
    let has_metric = if route.metric.is_some() { METRIC } else { 0 };
    match route.prefix {
        RoutePrefix::V4(prefix) => {
            octets.push(has_metric);
            octets.extend(route.metric);
            octets.push(prefix.prefix_len());
            octets.extend_from_slice(&prefix.address().octets());
        }
        RoutePrefix::V6(prefix) => {
            octets.push(has_metric | IS_IPV6);
            octets.extend(route.metric);
            octets.push(prefix.prefix_len());
            octets.extend_from_slice(&prefix.address().octets());
        }
    }
    octets
}

/// A view of them.
#[derive(Clone, Copy)]
pub(super) struct More<'a>(&'a [u8]);

impl<'a> More<'a> {
    /// Of those that begin here; others may follow them.
    pub(super) const fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    pub(super) fn nt_hash(self) -> Option<[u8; NtHash::LEN]> {
        self.at(NT_HASH).map(|mut octets| octets.take())
    }

    pub(super) fn framed_ipv6(self) -> Option<LinkPrefix> {
        let octets = self.at(FRAMED_IPV6).map(|mut octets| octets.take());
        octets.map(LinkPrefix::of_octets)
    }

    pub(super) fn circuit_id(self) -> Option<&'a [u8]> {
        self.at(CIRCUIT_ID).map(|mut octets| octets.text())
    }

    pub(super) fn remote_id(self) -> Option<&'a [u8]> {
        self.at(REMOTE_ID).map(|mut octets| octets.text())
    }

    pub(super) fn framed_routes(self) -> impl Iterator<Item = FramedRoute> + use<'a> {
        let mut octets = self.at(ROUTES);
        let count = octets.as_mut().map_or(0, |octets| octets.take::<1>()[0]);
        (0..count).map_while(move |_| octets.as_mut().map(Octets::route))
    }

    fn has(self, flag: u8) -> bool {
        self.0[0] & flag != 0
    }

    /// Where what has that flag begins, if it is there.
    fn at(self, flag: u8) -> Option<Octets<'a>> {
        if !self.has(flag) {
            return None;
        }
        let mut octets = Octets(&self.0[1..]);
        for before in [NT_HASH, FRAMED_IPV6, CIRCUIT_ID, REMOTE_ID] {
            if before == flag {
                break;
            }
            match before {
                _ if !self.has(before) => {}
                NT_HASH => octets.skip(NtHash::LEN),
                FRAMED_IPV6 => octets.skip(LINK_LEN),
                _ => octets.skip(1 + usize::from(octets.0[0])),
            }
        }
        Some(octets)
    }
}

/// Octets that are read one after the other. There are as many as was written.
struct Octets<'a>(&'a [u8]);

impl<'a> Octets<'a> {
    fn skip(&mut self, len: usize) {
        self.0 = &self.0[len..];
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let octets = *self.0.first_chunk().expect("it was written whole");
        self.skip(N);
        octets
    }

    fn text(&mut self) -> &'a [u8] {
        let len = usize::from(self.take::<1>()[0]);
        let text = &self.0[..len];
        self.skip(len);
        text
    }

    fn route(&mut self) -> FramedRoute {
        let [has] = self.take();
        let metric = (has & METRIC != 0).then(|| self.take::<1>()[0]);
        let [len] = self.take();
        let prefix = if has & IS_IPV6 == 0 {
            let prefix = Ipv4Prefix::new(Ipv4Addr::from(self.take::<4>()), len);
            RoutePrefix::V4(prefix.expect("it was a prefix when it was written"))
        } else {
            let prefix = Ipv6Prefix::new(Ipv6Addr::from(self.take::<16>()), len);
            RoutePrefix::V6(prefix.expect("it was a prefix when it was written"))
        };
        FramedRoute { prefix, metric }
    }
}

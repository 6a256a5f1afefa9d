//! Who a subscriber is and by what its sessions are known, on the disk.

use std::net::Ipv4Addr;

use garth_subscription::route::{FramedRoute, FramedRoutes, Ipv4Prefix, LinkPrefix, RoutePrefix};
use garth_subscription::subscriber::{Language, MacAddress, Password, Subscriber};
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use super::network::{PrefixRow, prefix, prefix_row};
use super::{Damaged, optional_text};

#[derive(Decode, Encode)]
pub(super) struct SubscriberRow<'a> {
    #[b(0)]
    pub(super) user_name: Option<&'a str>,
    /// In clear text, of before schema 4; nothing in rows that are written.
    #[b(1)]
    pub(super) password: Option<&'a str>,
    #[n(2)]
    pub(super) mac: Option<ByteArray<6>>,
    #[b(3)]
    pub(super) external_id: Option<&'a str>,
    #[b(4)]
    pub(super) name: Option<&'a str>,
    #[b(5)]
    pub(super) phone: Option<&'a str>,
    #[b(6)]
    pub(super) language: Option<&'a str>,
    #[n(7)]
    pub(super) framed_ipv4: Option<u32>,
    #[n(8)]
    pub(super) delegated_ipv6: Option<PrefixRow>,
    #[b(9)]
    pub(super) partner: Option<&'a str>,
    #[b(10)]
    pub(super) reseller: Option<&'a str>,
    #[cbor(b(11), with = "minicbor::bytes")]
    pub(super) credential: Option<&'a [u8]>,
    #[b(12)]
    pub(super) circuit_id: Option<&'a str>,
    #[b(13)]
    pub(super) remote_id: Option<&'a str>,
    #[n(14)]
    pub(super) framed_ipv6: Option<ByteArray<8>>,
    #[n(15)]
    pub(super) framed_routes: Option<Vec<RouteRow>>,
}

/// A route, of either kind.
#[derive(Decode, Encode)]
pub(super) enum RouteRow {
    #[n(1)]
    V4 {
        #[n(0)]
        address: u32,
        #[n(1)]
        len: u8,
        #[n(2)]
        metric: Option<u8>,
    },
    #[n(2)]
    V6 {
        #[n(0)]
        prefix: PrefixRow,
        #[n(1)]
        metric: Option<u8>,
    },
}

pub(super) fn subscriber_row(subscriber: &Subscriber) -> SubscriberRow<'_> {
    SubscriberRow {
        user_name: subscriber.user_name.as_ref().map(|name| name.as_str()),
        password: None,
        mac: subscriber.mac.map(|mac| ByteArray::from(mac.0)),
        external_id: subscriber.external_id.as_ref().map(|id| id.as_str()),
        name: subscriber.name.as_ref().map(|name| name.as_str()),
        phone: subscriber.phone.as_ref().map(|phone| phone.as_str()),
        language: subscriber.language.map(Language::code),
        framed_ipv4: subscriber.framed_ipv4.map(Ipv4Addr::to_bits),
        delegated_ipv6: subscriber.delegated_ipv6.map(prefix_row),
        partner: subscriber.partner.as_ref().map(|name| name.as_str()),
        reseller: subscriber.reseller.as_ref().map(|name| name.as_str()),
        credential: None,
        circuit_id: subscriber.circuit_id.as_ref().map(|id| id.as_str()),
        remote_id: subscriber.remote_id.as_ref().map(|id| id.as_str()),
        framed_ipv6: subscriber
            .framed_ipv6
            .map(|prefix| ByteArray::from(prefix.octets())),
        framed_routes: (!subscriber.framed_routes.as_slice().is_empty()).then(|| {
            let routes = subscriber.framed_routes.as_slice().iter();
            routes.map(route_row).collect()
        }),
    }
}

/// As [`subscriber_row`], with a password as rows of before schema 4 had it.
pub(super) fn unsealed_row<'a>(
    subscriber: &'a Subscriber,
    password: Option<&'a Password>,
) -> SubscriberRow<'a> {
    SubscriberRow {
        password: password.map(Password::expose),
        ..subscriber_row(subscriber)
    }
}

fn route_row(route: &FramedRoute) -> RouteRow {
    let metric = route.metric;
    match route.prefix {
        RoutePrefix::V4(prefix) => RouteRow::V4 {
            address: prefix.address().to_bits(),
            len: prefix.prefix_len(),
            metric,
        },
        RoutePrefix::V6(prefix) => RouteRow::V6 {
            prefix: prefix_row(prefix),
            metric,
        },
    }
}

fn route(row: &RouteRow) -> Result<FramedRoute, Damaged> {
    let (prefix, metric) = match row {
        RouteRow::V4 {
            address,
            len,
            metric,
        } => {
            let prefix = Ipv4Prefix::new(Ipv4Addr::from_bits(*address), *len);
            let prefix = prefix.map_err(|error| Damaged::new("route", error))?;
            (RoutePrefix::V4(prefix), *metric)
        }
        RouteRow::V6 {
            prefix: row,
            metric,
        } => (RoutePrefix::V6(prefix(row)?), *metric),
    };
    Ok(FramedRoute { prefix, metric })
}

pub(super) fn routes(rows: &[RouteRow]) -> Result<FramedRoutes, Damaged> {
    let routes = rows.iter().map(route).collect::<Result<_, Damaged>>()?;
    FramedRoutes::new(routes).map_err(|error| Damaged::new("routes", error))
}

pub(super) fn subscriber(row: &SubscriberRow<'_>) -> Result<Subscriber, Damaged> {
    let language = |code: &str| {
        Language::from_code(code)
            .ok_or_else(|| Damaged::new("language", format_args!("{code:?} is none")))
    };
    Ok(Subscriber {
        user_name: optional_text("user name", row.user_name)?,
        mac: row.mac.as_ref().map(|mac| MacAddress(**mac)),
        external_id: optional_text("external id", row.external_id)?,
        name: optional_text("name", row.name)?,
        phone: optional_text("phone", row.phone)?,
        language: row.language.map(language).transpose()?,
        circuit_id: optional_text("circuit id", row.circuit_id)?,
        remote_id: optional_text("remote id", row.remote_id)?,
        framed_ipv4: row.framed_ipv4.map(Ipv4Addr::from_bits),
        framed_ipv6: row
            .framed_ipv6
            .as_ref()
            .map(|octets| LinkPrefix::of_octets(**octets)),
        delegated_ipv6: row.delegated_ipv6.as_ref().map(prefix).transpose()?,
        framed_routes: routes(row.framed_routes.as_deref().unwrap_or_default())?,
        partner: optional_text("partner", row.partner)?,
        reseller: optional_text("reseller", row.reseller)?,
    })
}

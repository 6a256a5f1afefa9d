//! RFC 8910: how a network announces its portal.

use serde_json::{Value, json};

use super::client::{Client, Path};
use super::failure::{Failure, warn};
use super::output::Output;
use crate::admin::wire::hex;

/// Where the portal answers RFC 8908 requests.
const API_PATH: &str = "/captive-portal/api";
/// The DHCPv4 option (RFC 8910 section 2.1).
const DHCPV4: u8 = 114;
/// The DHCPv6 option (RFC 8910 section 2.2).
const DHCPV6: u16 = 103;
/// The option of a router advertisement (RFC 8910 section 2.3).
const ROUTER_ADVERTISEMENT: u8 = 37;
/// The longest URI that fits into all three.
const URI_LEN_MAX: usize = 255;

/// The three options for one URI.
#[derive(Debug, Eq, PartialEq)]
struct Announcement {
    uri: String,
    dhcpv4: Vec<u8>,
    dhcpv6: Vec<u8>,
    router_advertisement: Vec<u8>,
}

impl Announcement {
    /// The octets of each option, header included; `None` for a URI that is too long.
    fn of(public_url: &str) -> Option<Self> {
        let uri = format!("{}{API_PATH}", public_url.trim_end_matches('/'));
        let short_len = u8::try_from(uri.len())
            .ok()
            .filter(|_| uri.len() <= URI_LEN_MAX)?;
        let mut dhcpv4 = vec![DHCPV4, short_len];
        dhcpv4.extend(uri.as_bytes());
        let mut dhcpv6 = DHCPV6.to_be_bytes().to_vec();
        dhcpv6.extend(u16::from(short_len).to_be_bytes());
        dhcpv6.extend(uri.as_bytes());
        // In units of 8 octets with type and length, padded with NUL.
        let units = (uri.len() + 2).div_ceil(8);
        let mut advertisement = vec![ROUTER_ADVERTISEMENT, u8::try_from(units).ok()?];
        advertisement.extend(uri.as_bytes());
        advertisement.resize(units * 8, 0);
        Some(Self {
            uri,
            dhcpv4,
            dhcpv6,
            router_advertisement: advertisement,
        })
    }
}

pub(super) async fn options(client: &Client, output: &mut Output) -> Result<(), Failure> {
    let status: Value = client.get(&Path::of(&["v1", "status"])).await?;
    let public_url = status
        .get("public_url")
        .and_then(Value::as_str)
        .ok_or_else(|| Failure::Usage("the daemon has no [portal] with a public_url".to_owned()))?;
    let announcement = Announcement::of(public_url)
        .ok_or_else(|| Failure::Usage(format!("{public_url} is too long to be announced")))?;
    let uri = &announcement.uri;
    if !uri.starts_with("https://") {
        warn("RFC 8908 wants an https:// URL; phones will ignore this one");
    }
    let v4 = hex(&announcement.dhcpv4);
    let v6 = hex(&announcement.dhcpv6);
    let ra = hex(&announcement.router_advertisement);
    if output.is_json() {
        return output.json(&json!({
            "uri": uri,
            "dhcpv4": { "option": DHCPV4, "hex": v4 },
            "dhcpv6": { "option": DHCPV6, "hex": v6 },
            "router_advertisement": { "option": ROUTER_ADVERTISEMENT, "hex": ra },
        }));
    }
    output.pairs([
        ("URI", uri.clone()),
        ("DHCPv4 option 114", v4),
        ("DHCPv6 option 103", v6),
        ("RA option 37", ra),
        ("dnsmasq", format!("dhcp-option=114,{uri}")),
        ("dnsmasq, IPv6", format!("dhcp-option=option6:103,{uri}")),
        (
            "Kea, DHCPv4",
            format!("{{ \"name\": \"v4-captive-portal\", \"data\": \"{uri}\" }}"),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_carry_the_api_uri_without_a_terminator() {
        let made = Announcement::of("https://portal.example.net").unwrap();
        assert_eq!(made.uri, "https://portal.example.net/captive-portal/api");
        assert_eq!(&made.dhcpv4[..2], [114, 45]);
        assert_eq!(&made.dhcpv6[..4], [0, 103, 0, 45]);
        assert_eq!(&made.dhcpv4[2..], made.uri.as_bytes());
        assert_eq!(&made.dhcpv6[4..], made.uri.as_bytes());
    }

    #[test]
    fn a_router_advertisement_is_padded_to_units_of_eight() {
        let made = Announcement::of("https://portal.example.net").unwrap();
        let octets = &made.router_advertisement;
        assert_eq!(octets.len(), 48);
        assert_eq!(&octets[..2], [37, 6]);
        assert_eq!(octets[47], 0);
    }

    #[test]
    fn a_uri_that_does_not_fit_is_refused() {
        let url = format!("https://{}.example", "a".repeat(300));
        assert_eq!(Announcement::of(&url), None);
    }
}

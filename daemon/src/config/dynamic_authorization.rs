//! `nas.dynamic_authorization`: where a NAS takes CoA and Disconnect requests.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// Where a NAS takes CoA and Disconnect requests, as the file says it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct DynamicAuthorization {
    /// `None` for `source`: where the records of the session came from.
    pub address: Option<IpAddr>,
    /// `None` for the port of the dialect.
    pub port: Option<u16>,
}

/// Text that does not say where a NAS takes requests.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("neither an address nor source, with or without a port")]
pub struct NotAPlace;

impl FromStr for DynamicAuthorization {
    type Err = NotAPlace;

    /// Reads `192.0.2.1`, `192.0.2.1:3799`, `2001:db8::1`, `[2001:db8::1]:3799`, `source` or `source:3799`.
    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let (address, port) = if let Some(rest) = text.strip_prefix("source") {
            let port = match rest.strip_prefix(':') {
                Some(port) => Some(port.parse().map_err(|_| NotAPlace)?),
                None if rest.is_empty() => None,
                None => return Err(NotAPlace),
            };
            (None, port)
        } else if let Ok(address) = text.parse::<IpAddr>() {
            (Some(address), None)
        } else {
            let socket: SocketAddr = text.parse().map_err(|_| NotAPlace)?;
            (Some(socket.ip()), Some(socket.port()))
        };
        // Nobody listens at port 0, and everybody at the unspecified address.
        if port == Some(0) || address.is_some_and(|address| address.is_unspecified()) {
            return Err(NotAPlace);
        }
        Ok(Self { address, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_or_the_source_of_the_records_with_or_without_a_port() {
        for (text, address, port) in [
            ("192.0.2.1", Some("192.0.2.1"), None),
            ("192.0.2.1:1700", Some("192.0.2.1"), Some(1700)),
            ("2001:db8::1", Some("2001:db8::1"), None),
            ("[2001:db8::1]:3799", Some("2001:db8::1"), Some(3799)),
            ("source", None, None),
            ("source:3799", None, Some(3799)),
        ] {
            let read: DynamicAuthorization = text.parse().unwrap();
            let address = address.map(|address| address.parse().unwrap());
            assert_eq!(read, DynamicAuthorization { address, port }, "{text}");
        }
    }

    #[test]
    fn what_nobody_listens_at_is_refused() {
        for text in [
            "",
            "nas.example.net",
            "192.0.2.1:",
            "192.0.2.1:0",
            "192.0.2.1:65536",
            "192.0.2.0/24",
            "0.0.0.0:3799",
            "::",
            "source:",
            "source:0",
            "sources",
            "source 3799",
        ] {
            assert_eq!(
                text.parse::<DynamicAuthorization>(),
                Err(NotAPlace),
                "{text}"
            );
        }
    }
}

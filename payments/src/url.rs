//! Web addresses that were checked once.

use std::fmt;
use std::str::FromStr;

use http::Uri;

/// An absolute `http` or `https` URL without user information or fragment.
///
/// Holds printable ASCII alone, so that it is safe in a header and, escaped, in a page.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WebUrl {
    text: Box<str>,
    uri: Uri,
}

/// Text that is no such URL.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an absolute http or https URL such as https://portal.example.net/")]
pub struct NotAUrl;

/// The port of `http` where none is written.
const HTTP_PORT: u16 = 80;
/// The port of `https` where none is written.
const HTTPS_PORT: u16 = 443;

impl WebUrl {
    /// The longest one, in octets.
    pub const MAX_LEN: usize = 2_048;

    /// The URL as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is reached over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    /// Scheme, host and port, as browsers write an origin: `https://pay.example`.
    #[must_use]
    pub fn origin(&self) -> String {
        let scheme = if self.is_https() { "https" } else { "http" };
        let host = self.host().to_ascii_lowercase();
        let usual = if self.is_https() {
            HTTPS_PORT
        } else {
            HTTP_PORT
        };
        match self.port() {
            port if port == usual => format!("{scheme}://{host}"),
            port => format!("{scheme}://{host}:{port}"),
        }
    }

    /// The host, an IPv6 address in its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.uri.host().unwrap_or_default()
    }

    /// The port, the scheme's own where none is written.
    #[must_use]
    pub fn port(&self) -> u16 {
        let usual = if self.is_https() {
            HTTPS_PORT
        } else {
            HTTP_PORT
        };
        self.uri.port_u16().unwrap_or(usual)
    }

    /// What to ask the host for: path and query, at least `/`.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        self.uri.path_and_query().map_or("/", |both| both.as_str())
    }

    /// The URL of `path` (which starts with `/`) below this one.
    ///
    /// # Errors
    /// [`NotAUrl`] if that is too long or not plain.
    pub fn join(&self, path: &str) -> Result<Self, NotAUrl> {
        format!("{}{path}", self.text.trim_end_matches('/')).parse()
    }
}

impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for WebUrl {
    type Err = NotAUrl;

    fn from_str(text: &str) -> Result<Self, NotAUrl> {
        let plain = text.len() <= Self::MAX_LEN
            && text.bytes().all(|b| b.is_ascii_graphic())
            && !text.contains(['#', '@', '\\', '"', '<', '>', '\'', ';', ',']);
        let uri: Uri = text.parse().map_err(|_| NotAUrl)?;
        let absolute = matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.port_u16().is_some() == uri.port().is_some();
        if plain && absolute {
            Ok(Self {
                text: text.into(),
                uri,
            })
        } else {
            Err(NotAUrl)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_do() {
        for (text, origin) in [
            ("https://Pay.Example/a?b", "https://pay.example"),
            ("https://pay.example:443", "https://pay.example"),
            ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080"),
            ("http://[::1]:80/", "http://[::1]"),
        ] {
            assert_eq!(text.parse::<WebUrl>().unwrap().origin(), origin);
        }
    }

    #[test]
    fn what_could_break_a_header_a_policy_or_a_page_is_no_url() {
        for text in [
            "",
            "/pay",
            "//pay.example/",
            "ftp://pay.example/",
            "javascript:alert(1)",
            "http:///x",
            "http://user@pay.example/",
            "http://pay.example/\r\nX: y",
            "http://pay.example/a b",
            "http://pay.example/;script-src",
            "http://pay.example/#f",
        ] {
            assert_eq!(text.parse::<WebUrl>(), Err(NotAUrl), "{text:?}");
        }
    }

    #[test]
    fn a_joined_path_stays_below() {
        let base: WebUrl = "https://portal.example/".parse().unwrap();
        assert_eq!(
            base.join("/returned/x").unwrap().as_str(),
            "https://portal.example/returned/x"
        );
    }
}

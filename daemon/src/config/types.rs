//! The configuration once it is checked: types that cannot hold a wrong value.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use garth_radius::certificate::CertificateName;
use garth_radius::dialect::Dialect;
use garth_radius::eap::{EapMethod, TlsPolicy};
use garth_radius::realm::Realms;
use garth_store::TimeLimits;
use garth_subscription::calendar::BillingZone;
use garth_subscription::money::Currency;
use garth_subscription::policy::Policies;
use garth_subscription::time::Span;

use super::dynamic_authorization::DynamicAuthorization;
use super::lifecycle::ShownTo;
use super::secret::Secret;
use crate::admin::AdminRole;

/// Everything `garthd` is told. It has no `Debug`: secrets are in it.
pub struct Config {
    /// Where the store is.
    pub store: Store,
    /// Currency and time zone.
    pub billing: Billing,
    /// The rules' choices, from `[lifecycle]` and `[billing]`.
    pub policies: Policies,
    /// What makes the daemon doubt the time.
    pub time: TimeLimits,
    /// RADIUS listeners.
    pub radius: Radius,
    /// EAP; refused without the section.
    pub eap: Option<Eap>,
    /// When sessions are given up.
    pub accounting: Accounting,
    /// RADIUS over TLS; none without the section.
    pub radsec: Option<RadSec>,
    /// Who may ask RADIUS.
    pub nas: Vec<Nas>,
    /// What the walled get.
    pub garden: Garden,
    /// The garden on this router.
    pub enforcement: Enforcement,
    /// The portal; none without the section.
    pub portal: Option<Portal>,
    /// How money arrives.
    pub gateway: Gateway,
    /// The admin socket.
    pub admin: Admin,
}

/// `[store]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Store {
    /// The redb file.
    pub path: PathBuf,
    /// For redb's page cache, in octets.
    pub cache_bytes: usize,
    /// The key that credentials are sealed with; the file beside the store's if `None`.
    pub key_file: Option<PathBuf>,
    /// Keys that they may still be sealed with.
    pub old_key_files: Vec<PathBuf>,
}

/// `[accounting]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Accounting {
    /// A session is given up once nothing was heard of it for longer.
    pub session_age_max: Span,
    /// The same for a session of which no Interim-Update has ever come.
    pub session_age_max_without_interim: Span,
}

/// `[billing]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Billing {
    /// The one currency of all accounts.
    pub currency: Currency,
    /// Where days and months are counted.
    pub zone: BillingZone,
    /// The same zone's data, for showing times to people.
    pub tz: chrono_tz::Tz,
}

/// `[radius]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Radius {
    /// Where Access-Requests arrive; empty: nowhere.
    pub auth: Vec<SocketAddr>,
    /// Where Accounting-Requests arrive; empty: nowhere.
    pub acct: Vec<SocketAddr>,
    /// Threads per listener; as many as there are processors if `None`.
    pub workers: Option<u16>,
    /// What becomes of a User-Name with a realm.
    pub realms: Realms,
}

/// `[radsec]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RadSec {
    /// Where NASes connect; empty: nowhere.
    pub listen: Vec<SocketAddr>,
    /// Our own certificate chain and key.
    pub certificate: CertificateFiles,
    /// PEM of the authorities that NASes' certificates are of, read again on reload.
    pub client_ca: PathBuf,
    /// PEM of what these have revoked, read again on reload.
    pub client_crls: Vec<PathBuf>,
    /// Whether RADIUS/1.1 is spoken.
    pub radius_1_1: Radius11,
}

/// Whether RADIUS/1.1 (RFC 9765) is spoken.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Radius11 {
    /// With every NAS that can.
    #[default]
    Allow,
    /// With every NAS; others are refused.
    Require,
    /// Never.
    Forbid,
}

/// An IPv4 or IPv6 prefix without host bits; an address alone is its own prefix.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Prefix {
    /// The first address.
    pub address: IpAddr,
    /// In bits.
    pub len: u8,
}

/// Text that is no prefix.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotAPrefix {
    /// Not of that form at all.
    #[error("not an address or prefix")]
    Form,
    /// Longer than the address.
    #[error("the prefix length is over {0}")]
    Length(u8),
    /// Bits beyond the length.
    #[error("bits are set beyond the prefix length")]
    HostBits,
}

impl FromStr for Prefix {
    type Err = NotAPrefix;

    fn from_str(text: &str) -> Result<Self, NotAPrefix> {
        let (address, len) = match text.split_once('/') {
            Some((address, len)) => (address, Some(len)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NotAPrefix::Form)?;
        let (bits, bits_max) = match address {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
            IpAddr::V6(v6) => (v6.to_bits(), 128),
        };
        let len: u8 = match len {
            Some(len) => len.parse().map_err(|_| NotAPrefix::Form)?,
            None => bits_max,
        };
        if len > bits_max {
            return Err(NotAPrefix::Length(bits_max));
        }
        if bits.checked_shl(u32::from(len)).unwrap_or(0) == 0 {
            Ok(Self { address, len })
        } else {
            Err(NotAPrefix::HostBits)
        }
    }
}

/// One `[[nas]]`.
pub struct Nas {
    /// Its name in logs, sessions and metrics; unique.
    pub name: Box<str>,
    /// Where its requests come from over UDP; unique.
    pub prefix: Option<Prefix>,
    /// What its certificate is known by over RadSec; unique. It has this, or a prefix, or both.
    pub certificate: Option<CertificateName>,
    /// What it and we sign with over UDP; there if anything goes over UDP.
    pub secret: Option<Secret>,
    /// How it is told speeds and walls.
    pub dialect: Arc<Dialect>,
    /// Whether its requests must be signed.
    pub message_authenticator: MessageAuthenticator,
    /// Where it takes CoA and Disconnect requests (RFC 5176).
    pub dynamic_authorization: Option<DynamicAuthorization>,
}

/// When a request must carry a Message-Authenticator (N4).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum MessageAuthenticator {
    /// Always.
    Require,
    /// Once the NAS has sent one.
    Auto,
    /// Never.
    Off,
}

/// `[garden]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Garden {
    /// To the subscriber, in kbit/s.
    pub down_kbps: u32,
    /// From the subscriber, in kbit/s.
    pub up_kbps: u32,
    /// The list, filter or service that the dialects name.
    pub address_list: Box<str>,
    /// How long a garden session lasts at most.
    pub session_timeout_seconds: u32,
    /// How often a garden session reports.
    pub interim_seconds: u32,
    /// What is open by name on TCP 443.
    pub allow: Vec<NamePattern>,
    /// What becomes of subscribers that nobody knows.
    pub unknown: UnknownSubscriber,
    /// Where the garden's resolver listens; empty: nowhere.
    pub dns: Vec<SocketAddr>,
    /// Whom it asks; empty: the system's resolvers.
    pub dns_upstream: Vec<SocketAddr>,
    /// What stays when the daemon stops.
    pub on_stop: OnStop,
}

/// A DNS name, or all names below one (`*.bank.example`), in small letters.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum NamePattern {
    /// That name.
    Exact(Box<str>),
    /// Every name that ends with this after a dot; not the name itself.
    Below(Box<str>),
}

/// Text that is no DNS name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a DNS name")]
pub struct NotAName;

impl FromStr for NamePattern {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let (below, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // RFC 1035 section 2.3.4: a name has at most 253 characters. A lone label is never meant.
        if name.len() > 253 || !name.contains('.') || !name.split('.').all(is_label) {
            return Err(NotAName);
        }
        let name = name.to_ascii_lowercase().into_boxed_str();
        Ok(if below {
            Self::Below(name)
        } else {
            Self::Exact(name)
        })
    }
}

/// What becomes of a subscriber that nobody knows.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum UnknownSubscriber {
    /// Access-Reject.
    Reject,
    /// The garden, where newcomers may sign up.
    Garden,
}

/// What stays of the garden when the daemon stops (N25).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum OnStop {
    /// The ruleset is removed: everybody has access.
    Open,
    /// The ruleset stays: the walled stay walled.
    Closed,
}

/// `[enforcement]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Enforcement {
    /// A remote NAS enforces.
    None,
    /// nftables on this router.
    Nftables {
        /// Towards the subscribers; `ppp*` is a pattern.
        interfaces: Vec<InterfacePattern>,
    },
}

/// An interface name, or all that begin alike (`ppp*`).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct InterfacePattern(Box<str>);

/// Text that is no interface name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an interface name")]
pub struct NotAnInterface;

impl InterfacePattern {
    /// As nftables writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InterfacePattern {
    type Err = NotAnInterface;

    fn from_str(text: &str) -> Result<Self, NotAnInterface> {
        let name = text.strip_suffix('*').unwrap_or(text);
        // IFNAMSIZ is 16 with the NUL. The letters are those that need no quoting in a ruleset.
        let fits = (1..=15).contains(&name.len());
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'@');
        if fits && name.bytes().all(plain) {
            Ok(Self(text.into()))
        } else {
            Err(NotAnInterface)
        }
    }
}

/// `[eap]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Eap {
    /// What is offered, the preferred one first.
    pub methods: Vec<EapMethod>,
    /// The server's certificate chain and key; there if a method needs them.
    pub certificate: Option<CertificateFiles>,
    /// Who signs the subscribers' certificates, in PEM; there if they log in by them.
    pub client_ca: Option<PathBuf>,
    /// What these have revoked, in PEM.
    pub client_crls: Vec<PathBuf>,
    /// What is demanded of a peer's TLS.
    pub tls: TlsPolicy,
}

/// `[portal]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Portal {
    /// Plain listeners; the garden redirects TCP 80 here.
    pub http: Vec<SocketAddr>,
    /// TLS listeners.
    pub https: Vec<SocketAddr>,
    /// What subscribers are sent to.
    pub public_url: PublicUrl,
    /// Certificate chain and key; `None` for one that the portal signs itself.
    pub certificate: Option<CertificateFiles>,
    /// The ISP's name on every page.
    pub brand: Box<str>,
    /// Texts that replace the built-in ones.
    pub locales_dir: Option<PathBuf>,
    /// What the pages show, for each partner.
    pub shown: ShownTo,
}

/// PEM files, read again on reload.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertificateFiles {
    /// The chain, the leaf first.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// An `http` or `https` URL of scheme, host and perhaps port, without a path.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct PublicUrl(Box<str>);

/// Text that is no such URL.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an http:// or https:// URL of a host, perhaps with a port, and no path")]
pub struct NotAUrl;

impl PublicUrl {
    /// The URL, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether browsers reach it over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// Host and perhaps port.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.0
            .split_once("://")
            .map_or("", |(_, authority)| authority)
    }
}

impl FromStr for PublicUrl {
    type Err = NotAUrl;

    fn from_str(text: &str) -> Result<Self, NotAUrl> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let uri: http::Uri = text.parse().map_err(|_| NotAUrl)?;
        let scheme_known = matches!(uri.scheme_str(), Some("http" | "https"));
        let host = uri.host().unwrap_or_default();
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let bare = uri.path() == "/" && uri.query().is_none() && !text.contains(['#', '@']);
        if scheme_known && !host.is_empty() && bare && !authority.ends_with(':') {
            Ok(Self(text.into()))
        } else {
            Err(NotAUrl)
        }
    }
}

/// `[payments]`: one gateway or none, so that a test gateway never stands beside a real one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Gateway {
    /// Nobody takes money for us; subscribers can use their credit only.
    None,
    /// The built-in test gateway: no real money.
    Sandbox(Sandbox),
}

/// The built-in test gateway.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sandbox {
    /// Where its hosted pages are served.
    pub listen: SocketAddr,
    /// How browsers reach them.
    pub public_url: PublicUrl,
    /// How often open checkouts are asked about.
    pub poll_seconds: u32,
}

/// `[admin]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Admin {
    /// The unix socket.
    pub socket: PathBuf,
    /// Who may do what there.
    pub roles: Roles,
}

/// Who has which role at the admin socket.
///
/// Root and the daemon's own user have [`AdminRole::Support`]. Whoever is not named has none.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Roles(pub Vec<(Who, AdminRole)>);

/// Someone at the admin socket.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Who {
    /// A user by number.
    Uid(u32),
    /// A user by name.
    User(Box<str>),
    /// A group by name, written `@name`.
    Group(Box<str>),
}

/// Text that names nobody.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a user name, @group or uid")]
pub struct NotAnAccount;

impl FromStr for Who {
    type Err = NotAnAccount;

    fn from_str(text: &str) -> Result<Self, NotAnAccount> {
        if let Ok(uid) = text.parse() {
            return Ok(Self::Uid(uid));
        }
        let (group, name) = match text.strip_prefix('@') {
            Some(name) => (true, name),
            None => (false, text),
        };
        let plain =
            |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'$' | b'@');
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            return Err(NotAnAccount);
        }
        Ok(if group {
            Self::Group(name.into())
        } else {
            Self::User(name.into())
        })
    }
}

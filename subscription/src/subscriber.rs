//! Who a subscription belongs to and how the network recognises it.
//!
//! None of this decides access; it is what RADIUS, the portal and people look a
//! subscription up by.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::route::{FramedRoutes, LinkPrefix};
use crate::text::{CircuitId, ExternalId, Label, RemoteId};

/// A MAC address (EUI-48), read in any usual notation.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MacAddress(pub [u8; 6]);

/// Text that is no MAC address.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a MAC address such as 02:00:00:00:00:07")]
pub struct NotAMacAddress;

impl FromStr for MacAddress {
    type Err = NotAMacAddress;

    /// Twelve hexadecimal digits, alone or grouped by `:`, `-` or `.`.
    fn from_str(text: &str) -> Result<Self, NotAMacAddress> {
        let mut octets = [0_u8; 6];
        let mut digits = 0_usize;
        for c in text.chars().filter(|c| !matches!(c, ':' | '-' | '.')) {
            let digit = c
                .to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
                .ok_or(NotAMacAddress)?;
            let octet = octets.get_mut(digits / 2).ok_or(NotAMacAddress)?;
            *octet = *octet << 4 | digit;
            digits += 1;
        }
        if digits == 12 {
            Ok(Self(octets))
        } else {
            Err(NotAMacAddress)
        }
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// A RADIUS user name (RFC 2865 section 5.1): 1 to 253 octets of UTF-8 without control characters.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UserName(Box<str>);

/// Text that is no user name or no password.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CredentialError {
    /// Empty, or over what RADIUS can carry.
    #[error("must have 1 to {max} octets")]
    Length {
        /// The longest RADIUS can carry.
        max: usize,
    },
    /// A control character.
    #[error("must have no control characters")]
    Control,
}

impl UserName {
    /// The longest value of a RADIUS attribute, in octets.
    pub const MAX_LEN: usize = 253;

    /// Whether the text could be one, without making it.
    ///
    /// # Errors
    /// [`CredentialError`] if it could not.
    pub fn check(text: &str) -> Result<(), CredentialError> {
        if text.is_empty() || text.len() > Self::MAX_LEN {
            return Err(CredentialError::Length { max: Self::MAX_LEN });
        }
        if text.chars().any(char::is_control) {
            return Err(CredentialError::Control);
        }
        Ok(())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = CredentialError;

    fn from_str(text: &str) -> Result<Self, CredentialError> {
        Self::check(text)?;
        Ok(Self(text.into()))
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A password in clear text, as PAP and CHAP both need it. It has no `Debug` of its content.
#[derive(Clone, Eq, PartialEq)]
pub struct Password(Box<str>);

impl Password {
    /// The longest User-Password (RFC 2865 section 5.2), in octets.
    pub const MAX_LEN: usize = 128;

    /// Whether the text could be one, without making it.
    ///
    /// # Errors
    /// [`CredentialError::Length`] if it could not.
    pub const fn check(text: &str) -> Result<(), CredentialError> {
        if text.is_empty() || text.len() > Self::MAX_LEN {
            return Err(CredentialError::Length { max: Self::MAX_LEN });
        }
        Ok(())
    }

    /// The secret itself; not for logs.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for Password {
    type Err = CredentialError;

    fn from_str(text: &str) -> Result<Self, CredentialError> {
        Self::check(text)?;
        Ok(Self(text.into()))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// The NT hash of a password: MD4 of its UTF-16 (RFC 2759 section 8.3), which is all that MS-CHAP
/// needs. Whoever has it can log in with it, so it has no `Debug` of its content.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct NtHash([u8; Self::LEN]);

/// Text that is no NT hash.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an NT hash: 32 hexadecimal digits")]
pub struct NotAnNtHash;

impl NtHash {
    /// Its length in octets.
    pub const LEN: usize = 16;

    /// The hash of those octets.
    #[must_use]
    pub const fn new(octets: [u8; Self::LEN]) -> Self {
        Self(octets)
    }

    /// The secret itself; not for logs.
    #[must_use]
    pub const fn expose(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// The secret as [`Self::from_str`] reads it; not for logs.
    #[must_use]
    pub fn expose_text(&self) -> String {
        self.0.iter().map(|octet| format!("{octet:02x}")).collect()
    }
}

impl FromStr for NtHash {
    type Err = NotAnNtHash;

    fn from_str(text: &str) -> Result<Self, NotAnNtHash> {
        if text.len() != 2 * Self::LEN {
            return Err(NotAnNtHash);
        }
        let mut octets = [0_u8; Self::LEN];
        for (place, c) in text.chars().enumerate() {
            let digit = c
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
                .ok_or(NotAnNtHash)?;
            let octet = octets.get_mut(place / 2).ok_or(NotAnNtHash)?;
            *octet = *octet << 4 | digit;
        }
        Ok(Self(octets))
    }
}

impl fmt::Debug for NtHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NtHash(…)")
    }
}

/// What a subscription proves itself with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Credential {
    /// A password in clear text: good for every method.
    Password(Password),
    /// An NT hash: good for MS-CHAP, for PAP and for the portal; not for CHAP.
    NtHash(NtHash),
}

impl Credential {
    /// What form it has.
    #[must_use]
    pub const fn form(&self) -> CredentialForm {
        match self {
            Self::Password(_) => CredentialForm::Password,
            Self::NtHash(_) => CredentialForm::NtHash,
        }
    }
}

/// The form of a credential, which is no secret.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum CredentialForm {
    /// [`Credential::Password`].
    Password,
    /// [`Credential::NtHash`].
    NtHash,
}

impl CredentialForm {
    /// Its name: `password` or `nt_hash`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::NtHash => "nt_hash",
        }
    }
}

/// An IPv6 prefix: of a link (RFC 3162) or delegated (RFC 4818).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Ipv6Prefix {
    address: Ipv6Addr,
    len: u8,
}

/// Text that is no IPv6 prefix.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an IPv6 prefix such as 2001:db8:7::/56, with no bits set beyond its length")]
pub struct NotAPrefix;

impl Ipv6Prefix {
    /// The prefix `address/len`.
    ///
    /// # Errors
    /// [`NotAPrefix`] if `len` is over 128 or bits are set beyond it.
    pub fn new(address: Ipv6Addr, len: u8) -> Result<Self, NotAPrefix> {
        let host_bits = u32::from(128_u8.checked_sub(len).ok_or(NotAPrefix)?);
        let host_mask = 1_u128
            .checked_shl(host_bits)
            .map_or(u128::MAX, |bit| bit - 1);
        if address.to_bits() & host_mask == 0 {
            Ok(Self { address, len })
        } else {
            Err(NotAPrefix)
        }
    }

    /// Its first address.
    #[must_use]
    pub const fn address(self) -> Ipv6Addr {
        self.address
    }

    /// Its length in bits, 0 to 128.
    #[must_use]
    pub const fn prefix_len(self) -> u8 {
        self.len
    }

    /// Whether `address` lies within.
    #[must_use]
    pub fn contains(self, address: Ipv6Addr) -> bool {
        let host_bits = u32::from(128 - self.len);
        let shift = |bits: u128| bits.checked_shr(host_bits).unwrap_or(0);
        shift(address.to_bits()) == shift(self.address.to_bits())
    }
}

impl FromStr for Ipv6Prefix {
    type Err = NotAPrefix;

    fn from_str(text: &str) -> Result<Self, NotAPrefix> {
        let (address, len) = text.split_once('/').ok_or(NotAPrefix)?;
        Self::new(
            address.parse().map_err(|_| NotAPrefix)?,
            len.parse().map_err(|_| NotAPrefix)?,
        )
    }
}

impl fmt::Display for Ipv6Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.len)
    }
}

/// A language the portal speaks to a subscriber.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// German.
    German,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// Its ISO 639-1 code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// The language of a code such as `de` or `de-AT`, if it is spoken here.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        let primary = code.split(['-', '_']).next().unwrap_or_default();
        Self::ALL
            .into_iter()
            .find(|language| language.code().eq_ignore_ascii_case(primary))
    }
}

/// What a subscription is recognised and addressed by. At least one of user name, MAC and
/// external id is there, so that it can be named. Nothing of it is a secret.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Subscriber {
    /// What RADIUS calls it.
    pub user_name: Option<UserName>,
    /// Its equipment, for authorisation by MAC (call-check).
    pub mac: Option<MacAddress>,
    /// The line that it is on, as the access node names it (Agent-Circuit-Id, RFC 4679 section 3.3.1).
    pub circuit_id: Option<CircuitId>,
    /// The other end of that line (Agent-Remote-Id, RFC 4679 section 3.3.2).
    pub remote_id: Option<RemoteId>,
    /// What another system calls it.
    pub external_id: Option<ExternalId>,
    /// A person's or company's name.
    pub name: Option<Label>,
    /// A telephone number.
    pub phone: Option<Label>,
    /// The language to speak; the browser's where `None`.
    pub language: Option<Language>,
    /// Its fixed IPv4 address.
    pub framed_ipv4: Option<Ipv4Addr>,
    /// The fixed IPv6 prefix of its link (Framed-IPv6-Prefix, RFC 3162 section 2.3).
    pub framed_ipv6: Option<LinkPrefix>,
    /// Its fixed IPv6 prefix.
    pub delegated_ipv6: Option<Ipv6Prefix>,
    /// What is routed to it besides.
    pub framed_routes: FramedRoutes,
    /// The partner it was sold under.
    pub partner: Option<Label>,
    /// The reseller it was sold by.
    pub reseller: Option<Label>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_address_is_read_in_any_usual_notation() {
        let expected = MacAddress([0x02, 0, 0, 0, 0xab, 7]);
        for text in [
            "02:00:00:00:ab:07",
            "02-00-00-00-AB-07",
            "0200.0000.ab07",
            "02000000ab07",
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in [
            "",
            "02:00:00:00:ab",
            "02:00:00:00:ab:07:08",
            "02:00:00:00:ab:0g",
            "²2000000ab07",
        ] {
            assert_eq!(text.parse::<MacAddress>(), Err(NotAMacAddress), "{text}");
        }
        assert_eq!(expected.to_string(), "02:00:00:00:ab:07");
    }

    #[test]
    fn a_prefix_with_host_bits_is_refused() {
        assert!("2001:db8:7::/56".parse::<Ipv6Prefix>().is_ok());
        assert!("2001:db8::1/128".parse::<Ipv6Prefix>().is_ok());
        assert!("::/0".parse::<Ipv6Prefix>().is_ok());
        for text in ["2001:db8::1/56", "::/129", "::", "10.0.0.0/8"] {
            assert_eq!(text.parse::<Ipv6Prefix>(), Err(NotAPrefix), "{text}");
        }
    }

    #[test]
    fn a_prefix_contains_its_addresses_only() {
        let prefix: Ipv6Prefix = "2001:db8:7:100::/56".parse().unwrap();
        assert!(prefix.contains("2001:db8:7:1ff::1".parse().unwrap()));
        assert!(!prefix.contains("2001:db8:7:200::1".parse().unwrap()));
        assert!(
            "::/0"
                .parse::<Ipv6Prefix>()
                .unwrap()
                .contains("ff::1".parse().unwrap())
        );
    }

    #[test]
    fn a_credential_never_shows_in_debug_output() {
        let password = Credential::Password("tulip".parse().unwrap());
        assert!(!format!("{password:?}").contains("tulip"));
        let hash = Credential::NtHash(NtHash::new([0xab; 16]));
        let shown = format!("{hash:?}").to_lowercase();
        assert!(!shown.contains("ab") && !shown.contains("171"), "{shown}");
    }

    #[test]
    fn an_nt_hash_is_32_hexadecimal_digits_and_nothing_else() {
        // The NT hash of "MyPw" (RFC 2433 section B.2).
        let text = "fc156af7edcd6c0edde3337d427f4eac";
        let hash: NtHash = text.parse().unwrap();
        assert_eq!(hash.expose()[..3], [0xfc, 0x15, 0x6a]);
        assert_eq!(hash.expose_text(), text);
        assert_eq!(text.to_uppercase().parse(), Ok(hash));
        let wide = "ü".repeat(16);
        for text in [
            "",
            &text[1..],
            &format!("{text}0"),
            &wide,
            &text.replace('f', "g"),
        ] {
            assert_eq!(text.parse::<NtHash>(), Err(NotAnNtHash), "{text}");
        }
    }

    #[test]
    fn a_user_name_with_a_nul_is_refused() {
        assert_eq!("user\0".parse::<UserName>(), Err(CredentialError::Control));
    }
}

//! What the certificate of a NAS is known by (RFC 6614 section 2.3).
//!
//! Not here: whether a certificate is genuine, and reading one (`daemon`, TLS).

use std::fmt;
use std::str::FromStr;

/// Text that names no certificate. Always the operator's fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("neither a DNS name nor a fingerprint")]
pub struct NotACertificate;

/// What the certificate of a NAS is known by (RFC 6614 section 2.3). Whether it is genuine, TLS has checked.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum CertificateName {
    /// A DNS name among its subject alternative names, in small letters.
    Dns(Box<str>),
    /// The SHA-256 of the whole certificate.
    Fingerprint([u8; FINGERPRINT_LEN]),
}

/// Octets of a certificate's fingerprint.
pub const FINGERPRINT_LEN: usize = 32;
/// What a fingerprint is written with in front.
const FINGERPRINT_PREFIX: &str = "fingerprint:";
/// RFC 1035 section 2.3.4.
const DNS_NAME_LEN_MAX: usize = 253;
const DNS_LABEL_LEN_MAX: usize = 63;

impl CertificateName {
    /// The DNS name that a certificate has; `None` if it is no name of one host. Case does not matter.
    pub fn dns(name: &str) -> Option<Self> {
        let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
        let is_label = |label: &str| {
            (1..=DNS_LABEL_LEN_MAX).contains(&label.len()) && label.bytes().all(plain)
        };
        (name.len() <= DNS_NAME_LEN_MAX && name.split('.').all(is_label))
            .then(|| Self::Dns(name.to_ascii_lowercase().into()))
    }
}

impl FromStr for CertificateName {
    type Err = NotACertificate;

    /// Reads a DNS name, or `fingerprint:` and 64 hexadecimal digits, with colons between octets or without.
    fn from_str(text: &str) -> Result<Self, NotACertificate> {
        let read = match text.strip_prefix(FINGERPRINT_PREFIX) {
            Some(digits) => fingerprint(digits).map(Self::Fingerprint),
            None => Self::dns(text),
        };
        read.ok_or(NotACertificate)
    }
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Fingerprint(octets) => {
                f.write_str(FINGERPRINT_PREFIX)?;
                octets.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
            }
        }
    }
}

fn fingerprint(text: &str) -> Option<[u8; FINGERPRINT_LEN]> {
    let digits: Vec<u8> = text.bytes().filter(|octet| *octet != b':').collect();
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    let mut octets = [0; FINGERPRINT_LEN];
    if pairs.len() != octets.len() {
        return None;
    }
    let digit = |octet: u8| char::from(octet).to_digit(16);
    for (octet, [high, low]) in octets.iter_mut().zip(pairs) {
        *octet = u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?;
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINGERPRINT: &str =
        "fingerprint:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    #[test]
    fn n7_what_names_a_certificate_reads_back() {
        for text in ["nas", "nas-1.example.net", FINGERPRINT] {
            assert_eq!(text.parse::<CertificateName>().unwrap().to_string(), text);
        }
        for other in [
            FINGERPRINT.replace("aabb", "AABB"),
            FINGERPRINT.replace("aabb", "aa:bb"),
        ] {
            assert_eq!(
                other.parse::<CertificateName>(),
                FINGERPRINT.parse(),
                "{other}"
            );
        }
        assert_eq!(
            "NAS.Example.net".parse::<CertificateName>(),
            "nas.example.net".parse()
        );
    }

    #[test]
    fn sloppy_certificate_names_are_refused() {
        let label = format!("{}.example", "x".repeat(64));
        let name = format!("{}example", "x.".repeat(124));
        let short = &FINGERPRINT[..FINGERPRINT.len() - 1];
        let signed = FINGERPRINT.replace("00112", "+0112");
        for text in [
            "",
            "*.example.net",
            "nas.",
            ".nas",
            "a b",
            "ünd.example",
            "fingerprint:",
            &label,
            &name,
            short,
            &signed,
        ] {
            assert!(text.parse::<CertificateName>().is_err(), "{text}");
        }
    }
}

//! Whom a certificate names (RFC 5280 section 4.1, RFC 5216 section 5.2).
//!
//! The subscriber of EAP-TLS is the first of these that the certificate has: an e-mail address, a user
//! principal name, a DNS name, each from the subject alternative name; else the subject's common name.
//!
//! A reader of DER that knows only the way to these fields. Total: octets that are no certificate name
//! nobody. Not here: whether the certificate is genuine (rustls has verified it).

/// Tags of DER (X.690) on the way.
mod tag {
    pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
    pub(super) const BOOLEAN: u8 = 0x01;
    pub(super) const OCTET_STRING: u8 = 0x04;
    pub(super) const UTF8_STRING: u8 = 0x0C;
    pub(super) const PRINTABLE_STRING: u8 = 0x13;
    pub(super) const IA5_STRING: u8 = 0x16;
    pub(super) const SEQUENCE: u8 = 0x30;
    pub(super) const SET: u8 = 0x31;
    pub(super) const VERSION: u8 = 0xA0;
    pub(super) const EXTENSIONS: u8 = 0xA3;
    /// Of a GeneralName (RFC 5280 section 4.2.1.6).
    pub(super) const OTHER_NAME: u8 = 0xA0;
    pub(super) const RFC822_NAME: u8 = 0x81;
    pub(super) const DNS_NAME: u8 = 0x82;
    /// The value of an otherName.
    pub(super) const OTHER_VALUE: u8 = 0xA0;
}

/// 2.5.29.17, the subject alternative name.
const SUBJECT_ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1D, 0x11];
/// 2.5.4.3, the common name.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// 1.3.6.1.4.1.311.20.2.3, the user principal name of Microsoft.
const USER_PRINCIPAL_NAME: &[u8] = &[0x2B, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x14, 0x02, 0x03];

/// The name of the subscriber whose certificate this is; `None` if it names nobody.
pub(super) fn subscriber(certificate: &[u8]) -> Option<&[u8]> {
    let mut certificate = Reader(Reader(certificate).accept(tag::SEQUENCE)?);
    let mut signed = Reader(certificate.accept(tag::SEQUENCE)?);
    signed.accept(tag::VERSION);
    // Serial number, algorithm, issuer, validity; behind the subject its key.
    for _ in 0..4 {
        signed.next()?;
    }
    let subject = signed.accept(tag::SEQUENCE)?;
    let names = std::iter::from_fn(|| signed.next())
        .find(|(tag, _)| *tag == tag::EXTENSIONS)
        .and_then(|(_, extensions)| alternative_names(extensions));
    names
        .and_then(best_alternative_name)
        .or_else(|| common_name(subject))
        .filter(|name| !name.is_empty())
}

/// The GeneralNames among the extensions.
fn alternative_names(extensions: &[u8]) -> Option<&[u8]> {
    let mut extensions = Reader(Reader(extensions).accept(tag::SEQUENCE)?);
    while let Some(extension) = extensions.accept(tag::SEQUENCE) {
        let mut extension = Reader(extension);
        let identifier = extension.accept(tag::OBJECT_IDENTIFIER)?;
        if identifier == SUBJECT_ALTERNATIVE_NAME {
            extension.accept(tag::BOOLEAN);
            return Reader(extension.accept(tag::OCTET_STRING)?).accept(tag::SEQUENCE);
        }
    }
    None
}

fn best_alternative_name(names: &[u8]) -> Option<&[u8]> {
    let (mut principal, mut dns) = (None, None);
    let mut names = Reader(names);
    while let Some((tag, name)) = names.next() {
        match tag {
            tag::RFC822_NAME => return Some(name),
            tag::OTHER_NAME => principal = principal.or(principal_name(name)),
            tag::DNS_NAME => dns = dns.or(Some(name)),
            _ => {}
        }
    }
    principal.or(dns)
}

fn principal_name(other_name: &[u8]) -> Option<&[u8]> {
    let mut other_name = Reader(other_name);
    if other_name.accept(tag::OBJECT_IDENTIFIER)? != USER_PRINCIPAL_NAME {
        return None;
    }
    Reader(other_name.accept(tag::OTHER_VALUE)?).accept(tag::UTF8_STRING)
}

/// The last of the common names: the most specific.
fn common_name(subject: &[u8]) -> Option<&[u8]> {
    let mut found = None;
    let mut subject = Reader(subject);
    while let Some(set) = subject.accept(tag::SET) {
        let mut set = Reader(set);
        while let Some(attribute) = set.accept(tag::SEQUENCE) {
            let mut attribute = Reader(attribute);
            if attribute.accept(tag::OBJECT_IDENTIFIER) != Some(COMMON_NAME) {
                continue;
            }
            if let Some((tag::UTF8_STRING | tag::PRINTABLE_STRING | tag::IA5_STRING, name)) =
                attribute.next()
            {
                found = Some(name);
            }
        }
    }
    found
}

/// What is left of a series of values.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The next value and its tag; `None` at the end or where it does not fit.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (len, rest) = match first {
            0..=0x7F => (usize::from(first), rest),
            // One to three octets of length: a certificate is shorter than a flight.
            0x81..=0x83 => {
                let (len, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
                let len = len
                    .iter()
                    .fold(0, |len, octet| len << 8 | usize::from(*octet));
                (len, rest)
            }
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some((tag, value))
    }

    /// The next value if it has this tag; otherwise it stays.
    fn accept(&mut self, tag: u8) -> Option<&'a [u8]> {
        (*self.0.first()? == tag)
            .then(|| self.next())?
            .map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, KeyPair, OtherNameValue, SanType};

    use super::*;

    fn mail(name: &str) -> SanType {
        SanType::Rfc822Name(name.try_into().unwrap())
    }

    fn dns(name: &str) -> SanType {
        SanType::DnsName(name.try_into().unwrap())
    }

    fn principal(name: &str) -> SanType {
        let identifier = vec![1, 3, 6, 1, 4, 1, 311, 20, 2, 3];
        SanType::OtherName((identifier, OtherNameValue::Utf8String(name.to_owned())))
    }

    fn other(name: &str) -> SanType {
        let identifier = vec![1, 2, 3, 4];
        SanType::OtherName((identifier, OtherNameValue::Utf8String(name.to_owned())))
    }

    fn certificate(names: Vec<SanType>, common_names: &[&str]) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::OrganizationName, "isp");
        for name in common_names {
            params.distinguished_name.push(DnType::CommonName, *name);
        }
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    fn named(names: Vec<SanType>, common_names: &[&str]) -> Option<String> {
        let certificate = certificate(names, common_names);
        subscriber(&certificate).map(|name| String::from_utf8(name.to_vec()).unwrap())
    }

    #[test]
    fn mail_before_principal_before_dns_before_common_name() {
        let mut names = vec![
            dns("d.example"),
            other("o"),
            principal("p@example"),
            mail("m@example"),
        ];
        for expected in ["m@example", "p@example", "d.example", "d.example", "cn"] {
            assert_eq!(named(names.clone(), &["cn"]).as_deref(), Some(expected));
            names.pop();
        }
    }

    #[test]
    fn first_name_of_a_kind_counts() {
        let names = vec![mail("a@example"), mail("b@example")];
        assert_eq!(named(names, &["cn"]).as_deref(), Some("a@example"));
    }

    #[test]
    fn certificate_without_a_name_names_nobody() {
        assert_eq!(named(Vec::new(), &[]), None);
        assert_eq!(named(vec![other("o")], &[]), None);
        assert_eq!(named(Vec::new(), &[""]), None);
    }

    #[test]
    fn truncated_certificate_names_nobody_or_the_same() {
        let whole = certificate(vec![mail("m@example")], &["cn"]);
        for len in 0..whole.len() {
            assert_eq!(subscriber(&whole[..len]), None, "{len}");
        }
    }

    proptest! {
        #[test]
        fn no_octets_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = subscriber(&octets);
        }

        #[test]
        fn no_damaged_certificate_panics(at in 0..400_usize, octet in any::<u8>()) {
            let mut damaged = certificate(vec![dns("d.example"), principal("p")], &["cn"]);
            if let Some(there) = damaged.get_mut(at) {
                *there = octet;
            }
            let _ = subscriber(&damaged);
        }
    }
}

//! `[[nas]]` and `[radsec]`: who may ask RADIUS, and how it is known.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use garth_radius::certificate::CertificateName;
use garth_radius::dialect::Dialect;
use toml::Spanned;

use super::diagnose::Problems;
use super::dialects::Dialects;
use super::dynamic_authorization::DynamicAuthorization;
use super::raw;
use super::secret::Secret;
use super::sections::addresses;
use super::types::{CertificateFiles, MessageAuthenticator, Nas, Prefix, RadSec, Radius11};

/// The most NAS entries: the table is scanned by prefix length.
const NAS_MAX: usize = 10_000;
/// What a prefix looks like.
const PREFIX: &str = "an address or prefix such as 192.0.2.0/24 or 2001:db8::1";
/// What a certificate is known by.
const CERTIFICATE: &str =
    "a DNS name such as nas.example.net, or fingerprint: and the SHA-256 in hexadecimal digits";
/// Registered for RADIUS over TLS (RFC 6614 section 7).
const RADSEC_PORT: u16 = 2083;

/// `[radsec]`, if there is one.
pub(super) fn radsec_section(
    raw: Option<&raw::Radsec>,
    problems: &mut Problems,
) -> Option<Option<RadSec>> {
    match raw {
        Some(raw) => radsec(raw, problems).map(Some),
        None => Some(None),
    }
}

fn radsec(raw: &raw::Radsec, problems: &mut Problems) -> Option<RadSec> {
    let listen = match &raw.listen {
        Some(texts) => addresses("radsec.listen", texts, problems),
        None => Some(vec![
            SocketAddr::from(([0, 0, 0, 0], RADSEC_PORT)),
            SocketAddr::from(([0_u16; 8], RADSEC_PORT)),
        ]),
    };
    let choices = [
        ("allow", Radius11::Allow),
        ("require", Radius11::Require),
        ("forbid", Radius11::Forbid),
    ];
    let radius_1_1 = match &raw.radius_1_1 {
        Some(text) => problems.choose("radsec.radius_1_1", text, &choices),
        None => Some(Radius11::Allow),
    };
    Some(RadSec {
        listen: listen?,
        certificate: CertificateFiles {
            certificate: raw.certificate_file.clone(),
            key: raw.key_file.clone(),
        },
        client_ca: raw.client_ca_file.clone(),
        client_crls: raw.client_crl_files.clone(),
        radius_1_1: radius_1_1?,
    })
}

/// All `[[nas]]`; whether there is a `[radsec]` decides what they may be known by.
pub(super) fn all(
    raw: &[Spanned<raw::Nas>],
    over_radsec: bool,
    dialects: &Dialects,
    credentials: Option<&Path>,
    problems: &mut Problems,
) -> Option<Vec<Nas>> {
    if let Some(surplus) = raw.get(NAS_MAX) {
        let message = format!("more than {NAS_MAX} entries");
        problems.add("nas", surplus.span(), message, None);
        return None;
    }
    let mut names = HashMap::new();
    let mut prefixes = HashMap::new();
    let mut certificates = HashMap::new();
    let mut all = Vec::with_capacity(raw.len());
    for entry in raw {
        let entry = entry.get_ref();
        let Some(nas) = nas(entry, dialects, credentials, problems) else {
            continue;
        };
        if names.insert(nas.name.clone(), ()).is_some() {
            let message = format!("{:?} is given twice", nas.name);
            problems.add(
                "nas.name",
                entry.name.span(),
                message,
                Some("a name of its own"),
            );
        }
        if let (Some(prefix), Some(text)) = (nas.prefix, &entry.address)
            && let Some(other) = prefixes.insert(prefix, nas.name.clone())
        {
            problems.add(
                "nas.address",
                text.span(),
                format_args!("{:?} is that of {other} already", text.get_ref()),
                Some("a prefix of its own; a longer one inside another is fine"),
            );
        }
        if let (Some(certificate), Some(text)) = (&nas.certificate, &entry.certificate) {
            let other = certificates.insert(certificate.clone(), nas.name.clone());
            if let Some(other) = other {
                problems.add(
                    "nas.certificate",
                    text.span(),
                    format_args!("{:?} is that of {other} already", text.get_ref()),
                    Some("a certificate of its own"),
                );
            }
            if !over_radsec {
                problems.add(
                    "nas.certificate",
                    text.span(),
                    "it is for RadSec, and nothing listens for that",
                    Some("add a [radsec] section"),
                );
            }
        }
        all.push(nas);
    }
    (all.len() == raw.len()).then_some(all)
}

fn nas(
    raw: &raw::Nas,
    dialects: &Dialects,
    credentials: Option<&Path>,
    problems: &mut Problems,
) -> Option<Nas> {
    const NAME_LEN_MAX: usize = 64;
    let name = raw.name.get_ref();
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let named = (1..=NAME_LEN_MAX).contains(&name.len()) && name.bytes().all(plain);
    if !named {
        let message = format!("{name:?} is no name");
        let allowed = "1 to 64 letters, digits and - _ .";
        problems.add("nas.name", raw.name.span(), message, Some(allowed));
    }
    let known_by = known_by(raw, problems);
    let secret = secret(raw, credentials, problems);
    let dialect = match &raw.dialect {
        Some(text) => dialects.choose("nas.dialect", text, problems),
        None => Some(Arc::new(Dialect::generic())),
    };
    let modes = [
        ("require", MessageAuthenticator::Require),
        ("auto", MessageAuthenticator::Auto),
        ("off", MessageAuthenticator::Off),
    ];
    let message_authenticator = match &raw.message_authenticator {
        Some(text) => problems.choose("nas.message_authenticator", text, &modes),
        None => Some(MessageAuthenticator::Require),
    };
    let allowed = "an address such as 192.0.2.1 or [2001:db8::1]:3799, or source for the address of each device";
    let dynamic_authorization = match &raw.dynamic_authorization {
        Some(text) => problems
            .parse::<DynamicAuthorization>("nas.dynamic_authorization", text, allowed)
            .map(Some),
        None => Some(None),
    };
    let (prefix, certificate) = known_by?;
    if let (Some(_), Some(Some(place)), Some(text)) = (
        &certificate,
        &dynamic_authorization,
        &raw.dynamic_authorization,
    ) && place.address.is_none()
    {
        problems.add(
            "nas.dynamic_authorization",
            text.span(),
            "over RadSec a NAS is known by its certificate, whatever its address",
            Some("the address where it takes requests"),
        );
        return None;
    }
    Some(Nas {
        name: named.then(|| name.as_str().into())?,
        prefix,
        certificate,
        secret: secret?,
        dialect: dialect?,
        message_authenticator: message_authenticator?,
        dynamic_authorization: dynamic_authorization?,
    })
}

/// Where its datagrams come from, what its certificate is known by: one of them at least.
fn known_by(
    raw: &raw::Nas,
    problems: &mut Problems,
) -> Option<(Option<Prefix>, Option<CertificateName>)> {
    let prefix = match &raw.address {
        Some(text) => problems.parse("nas.address", text, PREFIX).map(Some),
        None => Some(None),
    };
    let certificate = match &raw.certificate {
        Some(text) => problems
            .parse("nas.certificate", text, CERTIFICATE)
            .map(Some),
        None => Some(None),
    };
    if raw.address.is_none() && raw.certificate.is_none() {
        let message = format!(
            "{:?} has neither address nor certificate",
            raw.name.get_ref()
        );
        problems.add("nas.address", raw.name.span(), message, Some(PREFIX));
        return None;
    }
    Some((prefix?, certificate?))
}

/// The one secret of a NAS that anything over UDP is signed with; the outer `None` means that something was
/// reported. Its text is never part of a complaint.
#[expect(
    clippy::option_option,
    reason = "the outer one is this module's sign of a report, the inner one the value"
)]
fn secret(
    raw: &raw::Nas,
    credentials: Option<&Path>,
    problems: &mut Problems,
) -> Option<Option<Secret>> {
    let allowed = "one of secret_file, secret_credential or secret";
    let (key, span, read) = match (&raw.secret_file, &raw.secret_credential, &raw.secret) {
        (Some(path), None, None) => (
            "nas.secret_file",
            path.span(),
            Secret::from_file(Path::new(path.get_ref())),
        ),
        (None, Some(name), None) => (
            "nas.secret_credential",
            name.span(),
            Secret::from_credential(credentials, name.get_ref()),
        ),
        (None, None, Some(text)) => ("nas.secret", text.span(), Secret::inline(text.get_ref())),
        (None, None, None) if raw.address.is_none() && raw.dynamic_authorization.is_none() => {
            return Some(None);
        }
        (None, None, None) => {
            let message = format!("{:?} has no secret", raw.name.get_ref());
            problems.add("nas.secret_file", raw.name.span(), message, Some(allowed));
            return None;
        }
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
            let message = format!("{:?} has more than one secret", raw.name.get_ref());
            problems.add("nas.secret_file", raw.name.span(), message, Some(allowed));
            return None;
        }
    };
    read.inspect_err(|error| problems.add(key, span, error, Some(allowed)))
        .ok()
        .map(Some)
}

//! `[eap]`: which methods are offered, and whether the files they need are named.

use toml::Spanned;

use garth_radius::eap::{EapMethod, TlsPolicy, TlsVersion};

use super::diagnose::Problems;
use super::raw;
use super::sections::certificate;
use super::types::Eap;

/// As the file says them, the usual preference first.
const METHODS: [(&str, EapMethod); 5] = [
    ("peap", EapMethod::Peap),
    ("ttls", EapMethod::Ttls),
    ("tls", EapMethod::Tls),
    ("mschapv2", EapMethod::MsChapV2),
    ("md5", EapMethod::Md5),
];

/// The outer `None` means that something was reported.
#[expect(
    clippy::option_option,
    reason = "the outer one is the sections' sign of a report, the inner one the value"
)]
pub(super) fn section(
    raw: Option<Spanned<raw::Eap>>,
    problems: &mut Problems,
) -> Option<Option<Eap>> {
    let Some(raw) = raw else {
        return Some(None);
    };
    let span = raw.span();
    let raw = raw.into_inner();
    let lonely = "both files, or neither without a method in TLS";
    let (chain, key) = (raw.certificate_file, raw.key_file);
    let certificate = certificate("eap", chain, key, lonely, problems);
    let tls_min = match &raw.tls_min {
        Some(text) => {
            let versions = [("1.2", TlsVersion::Tls12), ("1.3", TlsVersion::Tls13)];
            problems.choose("eap.tls_min", text, &versions)
        }
        None => Some(TlsVersion::default()),
    };
    let extended_master_secret = raw
        .require_extended_master_secret
        .unwrap_or(TlsPolicy::default().extended_master_secret);
    let (certificate, client_ca) = (certificate?, raw.client_ca_file);
    let lacks = |method: EapMethod| match method {
        _ if method.needs_certificate() && certificate.is_none() => {
            Some("certificate_file and key_file")
        }
        EapMethod::Tls if client_ca.is_none() => Some("client_ca_file"),
        EapMethod::Peap
        | EapMethod::Ttls
        | EapMethod::Tls
        | EapMethod::MsChapV2
        | EapMethod::Md5 => None,
    };
    let methods = match &raw.methods {
        Some(list) if list.get_ref().is_empty() => {
            let allowed = "one method at least, or no [eap] section";
            problems.add("eap.methods", list.span(), "there is none", Some(allowed));
            None
        }
        Some(list) => methods(list.get_ref(), lacks, problems),
        None => Some(by_default(lacks)),
    };
    // Who names files for the peers' certificates wants them asked for.
    if client_ca.is_some() && certificate.is_none() {
        let allowed = "certificate_file and key_file beside it";
        problems.add(
            "eap.client_ca_file",
            span.clone(),
            "is of no use alone",
            Some(allowed),
        );
    }
    if client_ca.is_none() && !raw.client_crl_files.is_empty() {
        let allowed = "client_ca_file beside it";
        problems.add(
            "eap.client_crl_files",
            span,
            "is of no use alone",
            Some(allowed),
        );
    }
    Some(Some(Eap {
        methods: methods?,
        certificate,
        client_ca,
        client_crls: raw.client_crl_files,
        tls: TlsPolicy {
            version_min: tls_min?,
            extended_master_secret,
        },
    }))
}

/// All but EAP-MD5, as far as there are the files for them.
fn by_default(lacks: impl Fn(EapMethod) -> Option<&'static str>) -> Vec<EapMethod> {
    let methods = METHODS.iter().map(|(_, method)| *method);
    methods
        .filter(|method| *method != EapMethod::Md5 && lacks(*method).is_none())
        .collect()
}

fn methods(
    list: &[raw::Text],
    lacks: impl Fn(EapMethod) -> Option<&'static str>,
    problems: &mut Problems,
) -> Option<Vec<EapMethod>> {
    let mut methods = Vec::new();
    let mut fits = true;
    for text in list {
        let Some(method) = problems.choose("eap.methods", text, &METHODS) else {
            fits = false;
            continue;
        };
        if methods.contains(&method) {
            let message = format!("{:?} is there twice", text.get_ref());
            problems.add("eap.methods", text.span(), message, None);
            fits = false;
        }
        if let Some(files) = lacks(method) {
            let message = format!("{:?} needs {files}", text.get_ref());
            problems.add("eap.methods", text.span(), message, None);
            fits = false;
        }
        methods.push(method);
    }
    fits.then_some(methods)
}

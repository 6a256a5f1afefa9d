//! Certificates: the portal's, the operator's or one that we sign ourselves until there is one; and RadSec's.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use garth_radius::client_trust::ClientTrust;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::revocation;
use crate::config::{CertificateFiles, Portal, RadSec};
use crate::radius;

/// What the portal's TLS listeners speak with.
///
/// # Errors
/// Files that cannot be read, or a certificate that does not fit its key.
pub(super) fn config(portal: &Portal) -> anyhow::Result<Arc<ServerConfig>> {
    let (certificates, key) = match &portal.certificate {
        Some(files) => from_files("portal", files)?,
        None => self_signed(host(portal.public_url.authority()))?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .context("portal.certificate_file does not fit portal.key_file")?;
    Ok(Arc::new(config))
}

pub(super) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// What RadSec's listeners speak with.
///
/// # Errors
/// Files that cannot be read, a certificate that does not fit its key, or nobody to trust.
pub(super) fn radsec(radsec: &RadSec) -> anyhow::Result<radius::radsec::Tls> {
    let (chain, key) = from_files("radsec", &radsec.certificate)?;
    let trust = client_trust("radsec", &radsec.client_ca, &radsec.client_crls)?;
    let tls = radius::radsec::Tls::new(&chain, &key, trust, radsec.radius_1_1)?;
    Ok(tls)
}

/// Whose clients a section of the configuration lets in, and which of them no more.
pub(super) fn client_trust(
    section: &str,
    authorities: &Path,
    lists: &[PathBuf],
) -> anyhow::Result<ClientTrust> {
    let authorities = certificates(section, "client_ca_file", authorities)?;
    let mut read = Vec::new();
    for path in lists {
        let lists = revocation::read(section, path)?;
        read.extend(lists.into_iter().map(|list| list.der));
    }
    Ok(ClientTrust::new(authorities, read))
}

/// The chain and the key that a section of the configuration names.
pub(super) fn from_files(section: &str, files: &CertificateFiles) -> anyhow::Result<Identity> {
    let certificates = certificates(section, "certificate_file", &files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .with_context(|| format!("{section}.key_file {} cannot be read", files.key.display()))?;
    Ok((certificates, key))
}

/// The certificates in a file that a section of the configuration names.
pub(super) fn certificates(
    section: &str,
    key: &str,
    path: &Path,
) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates =
        read.with_context(|| format!("{section}.{key} {} cannot be read", path.display()))?;
    anyhow::ensure!(
        !certificates.is_empty(),
        "{section}.{key} {} has no certificate in PEM",
        path.display()
    );
    Ok(certificates)
}

/// A certificate nobody trusts yet: enough to try things out, and said aloud in the log.
fn self_signed(host: &str) -> anyhow::Result<Identity> {
    tracing::warn!(
        host,
        "portal.certificate_file is not set: the portal signs its own certificate, and browsers will warn"
    );
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed([host.to_owned()])
        .with_context(|| format!("no certificate can be made for {host}"))?;
    let key = PrivateKeyDer::try_from(signing_key.serialize_der())
        .map_err(|error| anyhow::anyhow!("a key of our own is not read: {error}"))?;
    Ok((vec![cert.der().clone()], key))
}

/// The name or address of an authority such as `portal.example.net:8443` or `[2001:db8::1]:8443`.
fn host(authority: &str) -> &str {
    if let Some((address, _)) = authority
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        return address;
    }
    match authority.rsplit_once(':') {
        Some((host, _)) if host.parse::<IpAddr>().is_ok() || !host.contains(':') => host,
        Some(_) | None => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_an_authority_has_no_port() {
        for (authority, expected) in [
            ("portal.example.net", "portal.example.net"),
            ("portal.example.net:8443", "portal.example.net"),
            ("192.0.2.1:8443", "192.0.2.1"),
            ("[2001:db8::1]:8443", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
        ] {
            assert_eq!(host(authority), expected);
        }
    }

    #[test]
    fn a_self_signed_certificate_fits_its_key_and_names_the_host() {
        for host in ["portal.example.net", "192.0.2.1", "2001:db8::1"] {
            let (certificates, key) = self_signed(host).unwrap();
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let built = ServerConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(certificates, key);
            assert!(built.is_ok(), "{host}");
        }
    }
}

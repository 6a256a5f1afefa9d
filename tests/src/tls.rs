//! Certificates of the lab: one authority, made anew each time, that signs a name.

use std::net::IpAddr;

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};

/// An authority that only the lab's programs trust.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, as PEM.
pub struct Certificate {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    ///
    /// When there is no randomness.
    pub fn create() -> Result<Self> {
        let mut parameters = CertificateParams::new(Vec::new()).context("no names are right")?;
        parameters
            .distinguished_name
            .push(DnType::CommonName, "Authority of the lab");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().context("making a key")?;
        let issuer = CertifiedIssuer::self_signed(parameters, key).context("signing")?;
        Ok(Self { issuer })
    }

    /// The authority's own certificate, as PEM, for those who trust it.
    pub fn certificate(&self) -> String {
        self.issuer.pem()
    }

    /// The authority's private key, as PEM, for programs that sign in its name.
    pub fn key(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// A certificate for `name` and `addresses`.
    ///
    /// # Errors
    ///
    /// When `name` is not a host name.
    pub fn issue(&self, name: &str, addresses: &[IpAddr]) -> Result<Certificate> {
        let mut parameters =
            CertificateParams::new(vec![name.to_owned()]).context("a host name")?;
        parameters
            .subject_alt_names
            .extend(addresses.iter().copied().map(SanType::IpAddress));
        // A subject like its issuer's would look self-signed.
        parameters.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().context("making a key")?;
        let certificate = parameters
            .signed_by(&key, &self.issuer)
            .context("signing")?;
        Ok(Certificate {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }
}

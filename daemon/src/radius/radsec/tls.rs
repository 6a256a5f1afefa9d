//! TLS for RadSec: who is trusted, and which version of RADIUS a connection speaks (RFC 9765 section 3.3).

use std::sync::Arc;
use std::time::Duration;

use garth_radius::client_trust::{ClientTrust, TrustError};
use garth_radius::radius11::{ALPN, ALPN_HISTORIC};
use garth_subscription::Timestamp;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::ClientCertVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{CertificateError, ServerConfig, SupportedProtocolVersion};

use super::{Refused, Version};
use crate::config::Radius11;

/// What a connection is accepted with.
pub(crate) struct Tls {
    radius_1_1: Radius11,
    historic: Arc<ServerConfig>,
    v11: Arc<ServerConfig>,
    verifier: Arc<dyn ClientCertVerifier>,
}

/// Why there is none. Always the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// Nobody can be trusted with them.
    #[error("radsec.client_ca_file or radsec.client_crl_files")]
    Trust(#[from] TrustError),
    /// Certificate and key are not a pair.
    #[error("radsec.certificate_file does not fit radsec.key_file")]
    Pair(#[from] rustls::Error),
}

impl Tls {
    /// With our own certificate chain, leaf first, and its key; clients must have a certificate that `trust` holds for.
    ///
    /// # Errors
    /// [`TlsError`].
    pub(crate) fn new(
        certificates: &[CertificateDer<'static>],
        key: &PrivateKeyDer<'static>,
        trust: ClientTrust,
        radius_1_1: Radius11,
    ) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = trust.verifier(Arc::clone(&provider))?;
        let config = |versions: &[&'static SupportedProtocolVersion], alpn: &[u8]| {
            let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
                .with_protocol_versions(versions)?
                .with_client_cert_verifier(Arc::clone(&verifier))
                .with_single_cert(certificates.to_vec(), key.clone_key())?;
            config.alpn_protocols = vec![alpn.to_vec()];
            // No resumption: connections last, each checks the certificate anew, and the version of an earlier
            // one cannot be undercut (RFC 9765 section 3.5).
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
            Ok::<_, rustls::Error>(Arc::new(config))
        };
        Ok(Self {
            radius_1_1,
            historic: config(&[&TLS12, &TLS13], ALPN_HISTORIC)?,
            // RFC 9765 section 3.4: TLS 1.3 or later.
            v11: config(&[&TLS13], ALPN)?,
            verifier,
        })
    }

    /// Whether that version may be spoken at all.
    pub(super) const fn speaks(&self, version: Version) -> bool {
        match (self.radius_1_1, version) {
            (Radius11::Allow, _)
            | (Radius11::Require, Version::V11)
            | (Radius11::Forbid, Version::Historic) => true,
            (Radius11::Require, Version::Historic) | (Radius11::Forbid, Version::V11) => false,
        }
    }

    /// Whether a client with this certificate, and those above it, is let in at `now`. That it has the key was
    /// seen in its handshake.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn trusts(
        &self,
        certificate: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
        now: Timestamp,
    ) -> Result<(), Refused> {
        let seconds = u64::try_from(now.unix_seconds()).unwrap_or_default();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let verified = self.verifier.verify_client_cert(certificate, above, now);
        verified.map(drop).map_err(|error| refused(&error))
    }

    /// What a client is accepted with that offers these versions by ALPN, or does not speak of them.
    ///
    /// One that offers none we may speak gets the alert of RFC 7301 section 3.2 by the configuration given.
    ///
    /// # Errors
    /// When RADIUS/1.1 must be and the client does not know of it: TLS has no alert for that.
    pub(super) fn choose<'a>(
        &self,
        offered: Option<impl Iterator<Item = &'a [u8]>>,
    ) -> Result<(Version, Arc<ServerConfig>), Refused> {
        let offers = offered.map(|mut offered| offered.any(|name| name == ALPN));
        let version = match (self.radius_1_1, offers) {
            (Radius11::Require, None) => return Err(Refused::NoVersion),
            (Radius11::Require, Some(_)) | (Radius11::Allow, Some(true)) => Version::V11,
            (Radius11::Allow, None | Some(false)) | (Radius11::Forbid, _) => Version::Historic,
        };
        let config = match version {
            Version::Historic => &self.historic,
            Version::V11 => &self.v11,
        };
        Ok((version, Arc::clone(config)))
    }
}

/// What a failed handshake is counted as.
pub(super) fn why_refused(error: &std::io::Error) -> Refused {
    let inner = error.get_ref();
    let Some(error) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return Refused::Handshake;
    };
    refused(error)
}

fn refused(error: &rustls::Error) -> Refused {
    if let rustls::Error::NoCertificatesPresented = error {
        return Refused::NoCertificate;
    }
    if let rustls::Error::NoApplicationProtocol = error {
        return Refused::NoVersion;
    }
    // The list, and not the certificate, is what cannot be used.
    if let rustls::Error::InvalidCertRevocationList(_) = error {
        return Refused::RevocationUnknown;
    }
    let rustls::Error::InvalidCertificate(error) = error else {
        return Refused::Handshake;
    };
    let out_of_time = matches!(
        error,
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
    );
    if out_of_time {
        Refused::Expired
    } else if let CertificateError::Revoked = error {
        Refused::Revoked
    } else if let CertificateError::UnknownRevocationStatus = error {
        Refused::RevocationUnknown
    } else {
        Refused::Untrusted
    }
}

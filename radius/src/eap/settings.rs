//! What the operator says about EAP: methods in order of preference, certificates.
//!
//! Checked when made; a reload makes new ones, and conversations under way keep theirs.
//!
//! Not here: reading files (`daemon`).

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::time_provider::TimeProvider;
use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion};

use super::packet::Type;
use crate::UnixSeconds;
use crate::client_trust::{ClientTrust, TrustError};

/// A method a peer may prove itself with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EapMethod {
    /// PEAP version 0 with EAP-MSCHAPv2 inside.
    Peap,
    /// EAP-TTLS version 0 with PAP, CHAP or MS-CHAPv2 inside.
    Ttls,
    /// EAP-TLS: the peer has a certificate.
    Tls,
    /// EAP-MSCHAPv2 with nothing around it.
    MsChapV2,
    /// EAP-MD5: no keys, no proof of the server.
    Md5,
}

impl EapMethod {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Peap, Self::Ttls, Self::Tls, Self::MsChapV2, Self::Md5];

    pub(super) const fn kind(self) -> Type {
        match self {
            Self::Peap => Type::PEAP,
            Self::Ttls => Type::TTLS,
            Self::Tls => Type::TLS,
            Self::MsChapV2 => Type::MS_CHAP_V2,
            Self::Md5 => Type::MD5_CHALLENGE,
        }
    }

    /// Whether it is carried in TLS, and so the server needs a certificate.
    pub const fn needs_certificate(self) -> bool {
        match self {
            Self::Peap | Self::Ttls | Self::Tls => true,
            Self::MsChapV2 | Self::Md5 => false,
        }
    }
}

/// The oldest version of TLS that is spoken.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TlsVersion {
    /// TLS 1.2 and 1.3.
    #[default]
    Tls12,
    /// TLS 1.3 alone.
    Tls13,
}

/// What is demanded of a peer's TLS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TlsPolicy {
    /// The oldest version.
    pub version_min: TlsVersion,
    /// TLS 1.2 must bind its keys to the whole handshake (RFC 7627). Section 5.4 there forbids the methods in
    /// TLS to go on without, because the keys may then be those of another handshake as well.
    pub extended_master_secret: bool,
}

impl Default for TlsPolicy {
    fn default() -> Self {
        Self {
            version_min: TlsVersion::default(),
            extended_master_secret: true,
        }
    }
}

/// Why settings are refused. Always the operator's fault.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Nothing could be offered.
    #[error("there is no EAP method")]
    NoMethod,
    /// Which one is preferred would be unclear.
    #[error("an EAP method is there twice")]
    RepeatedMethod,
    /// PEAP, TTLS or TLS is there.
    #[error("an EAP method in TLS needs a certificate")]
    NoCertificate,
    /// EAP-TLS is there.
    #[error("EAP-TLS needs the certificates of the authorities that sign the subscribers'")]
    NoClientAuthority,
    /// The certificate and the key are not of one another, or of a kind that is not supported.
    #[error("the certificate does not fit its key")]
    Certificate(#[source] rustls::Error),
    /// Nobody's certificate can be trusted.
    #[error("no subscriber's certificate can be trusted")]
    Clients(#[from] TrustError),
}

/// With what TLS is spoken: to peers without a certificate, and to peers with one.
#[derive(Debug)]
pub struct TlsSettings {
    anonymous: ServerConfig,
    authenticated: Option<ServerConfig>,
}

impl TlsSettings {
    /// Takes the server's certificates, its own first, their key, and who signs the subscribers' certificates:
    /// nobody if EAP-TLS is not spoken.
    ///
    /// # Errors
    /// When they cannot be used.
    pub fn new(
        certificates: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        clients: impl Into<ClientTrust>,
        policy: TlsPolicy,
    ) -> Result<Self, SettingsError> {
        let clients = clients.into();
        let authenticated = match clients.is_empty() {
            true => None,
            false => Some(server_config(
                certificates.clone(),
                key.clone_key(),
                Some(clients),
                policy,
            )?),
        };
        Ok(Self {
            anonymous: server_config(certificates, key, None, policy)?,
            authenticated,
        })
    }
}

fn server_config(
    certificates: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    clients: Option<ClientTrust>,
    policy: TlsPolicy,
) -> Result<ServerConfig, SettingsError> {
    let versions: &[&SupportedProtocolVersion] = match policy.version_min {
        TlsVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersion::Tls13 => &[&rustls::version::TLS13],
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(SettingsError::Certificate)?;
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => builder.with_client_cert_verifier(clients.verifier(provider)?),
    };
    let mut config = builder
        .with_single_cert(certificates, key)
        .map_err(SettingsError::Certificate)?;
    // Nothing is resumed: a subscriber who lost access, or whose password was changed, proves anew.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.require_ems = policy.extended_master_secret;
    Ok(config)
}

/// The instant certificates are judged at.
#[derive(Debug)]
struct At(UnixSeconds);

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0.0)))
    }
}

/// What a reload may change.
#[derive(Debug)]
pub struct EapSettings {
    methods: Vec<EapMethod>,
    tls: Option<TlsSettings>,
}

impl EapSettings {
    /// Takes the methods that are offered, the preferred one first.
    ///
    /// # Errors
    /// When there is none, one is there twice, or one needs a certificate that is not there.
    pub fn new(methods: Vec<EapMethod>, tls: Option<TlsSettings>) -> Result<Self, SettingsError> {
        if methods.is_empty() {
            return Err(SettingsError::NoMethod);
        }
        if (1..methods.len()).any(|at| methods[..at].contains(&methods[at])) {
            return Err(SettingsError::RepeatedMethod);
        }
        if tls.is_none() && methods.iter().any(|method| method.needs_certificate()) {
            return Err(SettingsError::NoCertificate);
        }
        let has_authority = tls.as_ref().is_some_and(|tls| tls.authenticated.is_some());
        if methods.contains(&EapMethod::Tls) && !has_authority {
            return Err(SettingsError::NoClientAuthority);
        }
        Ok(Self { methods, tls })
    }

    /// The method that is offered first.
    pub(super) fn preferred(&self) -> EapMethod {
        self.methods[0]
    }

    /// The method of a type, if it is allowed.
    pub(super) fn method(&self, kind: Type) -> Option<EapMethod> {
        let mut methods = self.methods.iter().copied();
        methods.find(|method| method.kind() == kind)
    }

    /// A TLS server that demands a certificate or does not, judging certificates at `now`.
    ///
    /// # Errors
    /// When it cannot be made, which these settings exclude.
    pub(super) fn connect(
        &self,
        demand_certificate: bool,
        now: UnixSeconds,
    ) -> Option<ServerConnection> {
        let tls = self.tls.as_ref()?;
        let mut config = match demand_certificate {
            true => tls.authenticated.clone()?,
            false => tls.anonymous.clone(),
        };
        config.time_provider = Arc::new(At(now));
        ServerConnection::new(Arc::new(config)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_could_offer_nothing_or_lack_a_certificate_are_refused() {
        let made = |methods: &[EapMethod]| EapSettings::new(methods.to_vec(), None);
        assert!(matches!(made(&[]), Err(SettingsError::NoMethod)));
        assert!(matches!(
            made(&[EapMethod::Md5, EapMethod::MsChapV2, EapMethod::Md5]),
            Err(SettingsError::RepeatedMethod)
        ));
        for method in EapMethod::ALL {
            let refused = matches!(made(&[method]), Err(SettingsError::NoCertificate));
            assert_eq!(refused, method.needs_certificate(), "{method:?}");
        }
    }
}

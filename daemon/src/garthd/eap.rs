//! EAP's certificates from the configured files, and the randomness of its challenges.

use std::sync::Arc;

use anyhow::Context;
use garth_radius::client_trust::ClientTrust;
use garth_radius::eap::{EapServer, EapSettings, Random, TlsSettings};

use super::tls;
use crate::config;

/// What EAP is spoken with; files are read each time.
///
/// # Errors
/// Files that cannot be read or do not fit one another.
pub(super) fn settings(eap: &config::Eap) -> anyhow::Result<Arc<EapSettings>> {
    let tls = eap.certificate.as_ref().map(|files| {
        let (certificates, key) = tls::from_files("eap", files)?;
        let clients = match &eap.client_ca {
            Some(authorities) => tls::client_trust("eap", authorities, &eap.client_crls)?,
            None => ClientTrust::default(),
        };
        TlsSettings::new(certificates, key, clients, eap.tls_min)
            .context("the certificates that [eap] names")
    });
    let settings = EapSettings::new(eap.methods.clone(), tls.transpose()?);
    Ok(Arc::new(settings.context("eap.methods")?))
}

/// The conversations of all workers.
pub(crate) fn server() -> Arc<EapServer> {
    Arc::new(EapServer::new(Box::new(SystemRandom)))
}

/// The operating system's randomness.
struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, octets: &mut [u8]) {
        getrandom::fill(octets).expect("a system that has started gives random octets");
    }
}

//! EAP's certificates from the configured files, the randomness of its challenges, and the end of conversations
//! that nobody goes on with.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use garth_radius::client_trust::ClientTrust;
use garth_radius::eap::{EapServer, EapSettings, Random, TlsSettings, Uptime};
use tokio::time::MissedTickBehavior;

use super::stop::Stop;
use super::tls;
use crate::{clock, config};

/// How often conversations are told the time that they age by.
const TICK: Duration = Duration::from_secs(1);

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
        TlsSettings::new(certificates, key, clients, eap.tls)
            .context("the certificates that [eap] names")
    });
    let settings = EapSettings::new(eap.methods.clone(), tls.transpose()?);
    Ok(Arc::new(settings.context("eap.methods")?))
}

/// The conversations of all workers.
pub(crate) fn server() -> Arc<EapServer> {
    Arc::new(EapServer::new(Box::new(SystemRandom)))
}

/// Lets conversations age until the stop: by a clock of their own, because the store's stands still while time is held.
pub(super) async fn run(eap: Arc<EapServer>, mut stop: Stop) {
    let begin = clock::monotonic();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.unless(tick.tick()).await.is_some() {
        let age = clock::monotonic().saturating_duration_since(begin);
        eap.tick(Uptime(age.as_secs()));
        eap.expire();
    }
}

/// The operating system's randomness.
struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, octets: &mut [u8]) {
        getrandom::fill(octets).expect("a system that has started gives random octets");
    }
}

//! From the checked configuration to what each part is set up with.

use std::sync::Arc;

use garth_enforcement::{Leave, Ruleset};
use garth_radius::crypto::{Secret, SecretError};
use garth_radius::dialect::{GardenName, GardenNameError, PortalUrl, PortalUrlError};
use garth_radius::nas::{
    DynamicAuthorization, MessageAuthenticatorPolicy, Nas, NasError, NasTable, Prefix,
};
use garth_radius::server::{GardenSettings, PlanTerms, Settings, Unknown};

use super::eap;
use crate::config::{self, Config};

/// What the file's checks cannot see because it takes several entries together.
#[derive(Debug, thiserror::Error)]
pub(super) enum SettingsError {
    #[error(transparent)]
    Nas(#[from] NasError),
    #[error("nas {name}: {source}")]
    Secret {
        name: Box<str>,
        #[source]
        source: SecretError,
    },
    #[error("garden.address_list: {0}")]
    GardenName(#[from] GardenNameError),
    #[error("portal.public_url: {0}")]
    PortalUrl(#[from] PortalUrlError),
    #[error("enforcement.interfaces: {0}")]
    Interface(#[from] garth_enforcement::RulesetError),
    // Its causes are its own text: whoever shows this shows one line.
    #[error("{0:#}")]
    Eap(anyhow::Error),
}

/// The NAS table and the garden's attributes; replies are prepared for `plans`.
pub(super) fn radius(config: &Config, plans: Vec<PlanTerms>) -> Result<Settings, SettingsError> {
    let mut nas = Vec::with_capacity(config.nas.len());
    for entry in &config.nas {
        nas.extend(over_udp(entry)?);
        nas.extend(over_radsec(entry));
    }
    let garden = GardenSettings {
        down_kbps: config.garden.down_kbps,
        up_kbps: config.garden.up_kbps,
        address_list: GardenName::new(&config.garden.address_list)?,
        portal_url: match &config.portal {
            Some(portal) => PortalUrl::new(portal.public_url.as_str())?,
            None => PortalUrl::default(),
        },
        session_timeout_seconds: config.garden.session_timeout_seconds,
        interim_seconds: config.garden.interim_seconds,
        unknown: match config.garden.unknown {
            config::UnknownSubscriber::Reject => Unknown::Reject,
            config::UnknownSubscriber::Garden => Unknown::Garden,
        },
    };
    // No plans: rates are encoded from the dialects' templates, as the catalogue says at the moment.
    let eap = config.eap.as_ref().map(eap::settings).transpose();
    let settings = Settings::new(NasTable::new(nas)?, garden, plans);
    let settings = settings.with_realms(config.radius.realms.clone());
    Ok(settings.with_eap(eap.map_err(SettingsError::Eap)?))
}

/// The entry for what has the configured secret: requests over UDP, and those we send. Where there is one, it
/// comes before that for RadSec of the same name.
fn over_udp(nas: &config::Nas) -> Result<Option<Nas>, SettingsError> {
    let Some(secret) = &nas.secret else {
        return Ok(None);
    };
    let secret = Secret::new(secret.expose()).map_err(|source| SettingsError::Secret {
        name: nas.name.clone(),
        source,
    })?;
    let mut made = Nas::without_prefix(&nas.name, secret, Arc::clone(&nas.dialect));
    made.prefix = nas
        .prefix
        .map(|prefix| Prefix::new(prefix.address, prefix.len))
        .transpose()?;
    made.message_authenticator = match nas.message_authenticator {
        config::MessageAuthenticator::Require => MessageAuthenticatorPolicy::Require,
        config::MessageAuthenticator::Auto => MessageAuthenticatorPolicy::Auto,
        config::MessageAuthenticator::Off => MessageAuthenticatorPolicy::Off,
    };
    made.dynamic_authorization = nas.dynamic_authorization.map(|place| {
        let port = place.port.unwrap_or(made.dialect.port);
        place
            .address
            .map_or(DynamicAuthorization::Source { port }, |address| {
                DynamicAuthorization::At((address, port).into())
            })
    });
    Ok(Some(made))
}

/// The entry for what comes over RadSec, which has a secret that everybody knows.
fn over_radsec(nas: &config::Nas) -> Option<Nas> {
    let certificate = nas.certificate.clone()?;
    Some(Nas::radsec(
        &nas.name,
        certificate,
        Arc::clone(&nas.dialect),
    ))
}

/// The rules of the table on this router; `None` where a remote NAS enforces.
pub(super) fn ruleset(config: &Config) -> Result<Option<Ruleset>, SettingsError> {
    let config::Enforcement::Nftables { interfaces } = &config.enforcement else {
        return Ok(None);
    };
    let Some(portal) = &config.portal else {
        return Ok(None);
    };
    let local_ports = match &config.gateway {
        config::Gateway::None => Vec::new(),
        config::Gateway::Sandbox(sandbox) => vec![sandbox.listen.port()],
    };
    let interfaces = interfaces
        .iter()
        .map(|name| name.as_str().parse())
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Some(Ruleset {
        interfaces,
        portal_http_port: portal.http.first().map_or(0, |address| address.port()),
        portal_https_ports: portal.https.iter().map(|address| address.port()).collect(),
        local_ports,
        dns_port: config.garden.dns.first().map(|address| address.port()),
    }))
}

/// What becomes of the garden when the daemon stops.
pub(super) fn leave(config: &Config) -> Leave {
    match config.garden.on_stop {
        config::OnStop::Open => Leave::Open,
        config::OnStop::Closed => Leave::Closed,
    }
}

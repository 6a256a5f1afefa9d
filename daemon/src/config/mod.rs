//! The configuration file: TOML in, checked types out.
//!
//! [`Config::load`] reads, checks and reports everything that is wrong at once, each fault with
//! file, line, key, value and what is allowed. Unknown keys are refused. Secrets come from a
//! file, a systemd credential or (for tests) the file itself; complaints never show them.
//!
//! Not here: opening sockets, resolving user names, reloading (the daemon's main loop).

mod diagnose;
mod dialects;
mod dynamic_authorization;
mod eap;
mod lifecycle;
mod nas;
mod raw;
mod realms;
mod secret;
mod sections;
#[cfg(test)]
mod tests;
mod types;

use std::path::{Path, PathBuf};

pub use dynamic_authorization::{DynamicAuthorization, NotAPlace};
pub use lifecycle::ShownTo;
pub use secret::{SECRET_LEN_MAX, Secret, SecretError};
pub use types::{
    Accounting, Admin, Billing, CertificateFiles, Config, Eap, Enforcement, Garden, Gateway,
    InterfacePattern, MessageAuthenticator, NamePattern, Nas, OnStop, Portal, Prefix, PublicUrl,
    RadSec, Radius, Radius11, Roles, Sandbox, Store, UnknownSubscriber, Who,
};

use diagnose::Problems;

/// The largest configuration file, in octets.
const FILE_LEN_MAX: usize = 16 << 20;

/// Where systemd puts credentials (systemd.exec, `LoadCredential=`).
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

impl Config {
    /// The configuration in the file at `path`, with its secrets read.
    ///
    /// # Errors
    /// A report of everything that is wrong, fit for a person.
    pub fn load(path: &Path) -> Result<Self, miette::Report> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| miette::miette!("cannot read {name}: {error}"))?;
        if text.len() > FILE_LEN_MAX {
            return Err(miette::miette!(
                "{name} has {} octets, at most {FILE_LEN_MAX} are allowed",
                text.len()
            ));
        }
        let credentials = std::env::var_os(CREDENTIALS_DIRECTORY).map(PathBuf::from);
        Self::read(&name, &text, credentials.as_deref())
    }

    /// The configuration that `text` says; `name` is what complaints call it.
    pub(crate) fn read(
        name: &str,
        text: &str,
        credentials: Option<&Path>,
    ) -> Result<Self, miette::Report> {
        let mut problems = Problems::new(name, text);
        let file: raw::File = match toml::from_str(text) {
            Ok(file) => file,
            Err(error) => {
                problems.add_toml(&error);
                return Err(problems.into_report());
            }
        };
        match sections::checked(file, credentials, &mut problems) {
            Some(config) if problems.is_empty() => Ok(config),
            Some(_) | None => Err(problems.into_report()),
        }
    }
}

/// Whether the file at `path` is a configuration that `garthd` would start with.
///
/// # Errors
/// As [`Config::load`].
pub fn check(path: &Path) -> Result<(), miette::Report> {
    Config::load(path).map(|_| ())
}

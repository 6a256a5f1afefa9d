//! An EAP peer and its NAS that are not ours: eapol_test of wpa_supplicant, on the router.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result};

use crate::garthd::SECRET;
use crate::namespace::Namespace;

/// How long a login may take, in seconds, as eapol_test is told.
const LOGIN_SECONDS_MAX: &str = "10";

/// How eapol_test is started, besides what it logs in with.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The port on the router.
    pub port: &'a str,
    /// The NAS's secret.
    pub secret: &'a str,
    /// MPPE keys are expected and compared.
    pub keys: bool,
    /// How often it logs in again, resuming what it can.
    pub again: u32,
    /// A configuration of OpenSSL in place of the system's.
    pub openssl_conf: Option<&'a Path>,
}

impl Default for Start<'_> {
    fn default() -> Self {
        Self {
            port: "1812",
            secret: SECRET,
            keys: true,
            again: 0,
            openssl_conf: None,
        }
    }
}

/// How a login ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Login {
    /// The peer is content and the NAS has an Access-Accept.
    pub accepted: bool,
    /// The NAS was told that it is refused.
    pub rejected: bool,
    /// How many Access-Challenge there were.
    pub challenges: usize,
    /// Both sides have the same keys, after each login.
    pub keys_match: bool,
    /// All that eapol_test said.
    pub said: String,
}

/// Logs in once, with `network` as lines of wpa_supplicant's network block; `config` is a file to be
/// written for it. With `keys`, MPPE keys are expected and compared.
///
/// # Errors
///
/// When eapol_test does not run. A refusal is a login too.
pub fn login(router: &Namespace, config: &Path, network: &str, keys: bool) -> Result<Login> {
    let start = Start {
        keys,
        ..Start::default()
    };
    start_with(router, &start, config, network)
}

/// The same at the server that listens on the router at a port, with its secret.
///
/// # Errors
///
/// See [`login`].
pub fn login_at(
    router: &Namespace,
    (port, secret): (&str, &str),
    config: &Path,
    network: &str,
    keys: bool,
) -> Result<Login> {
    let start = Start {
        port,
        secret,
        keys,
        ..Start::default()
    };
    start_with(router, &start, config, network)
}

/// The same, started in any way.
///
/// # Errors
///
/// See [`login`].
pub fn start_with(
    router: &Namespace,
    start: &Start<'_>,
    config: &Path,
    network: &str,
) -> Result<Login> {
    let text = format!("network={{\nkey_mgmt=IEEE8021X\n{network}\n}}\n");
    fs::write(config, text).context("writing a configuration for eapol_test")?;
    let mut command = router.command("eapol_test");
    command
        .args(["-a", "127.0.0.1", "-A", "127.0.0.1", "-p", start.port])
        .args(["-s", start.secret, "-t", LOGIN_SECONDS_MAX])
        .args(["-r", &start.again.to_string(), "-c"])
        .arg(config)
        .stdin(Stdio::null());
    if let Some(path) = start.openssl_conf {
        command.env("OPENSSL_CONF", path);
    }
    if !start.keys {
        command.arg("-n");
    }
    let output = command.output().context("eapol_test does not start")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let has_line = |wanted: &str| said.lines().any(|line| line == wanted);
    let all_keys = format!("MPPE keys OK: {}  mismatch: 0", start.again + 1);
    Ok(Login {
        accepted: output.status.success() && has_line("SUCCESS"),
        rejected: said.contains("code=3 (Access-Reject)"),
        challenges: said.matches("code=11 (Access-Challenge)").count(),
        keys_match: has_line(&all_keys),
        said,
    })
}

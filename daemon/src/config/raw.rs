//! The configuration file as it is written: every key, nothing checked yet.
//!
//! Values that are checked later keep their place in the file ([`Spanned`]), so that a
//! complaint can point at it. Unknown keys are refused here.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::lifecycle::{Lifecycle, Partner};

/// A text whose place in the file is known.
pub(super) type Text = Spanned<String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub(super) store: Store,
    pub(super) billing: Billing,
    #[serde(default)]
    pub(super) lifecycle: Lifecycle,
    #[serde(default)]
    pub(super) partner: Vec<Partner>,
    #[serde(default)]
    pub(super) time: Time,
    #[serde(default)]
    pub(super) radius: Radius,
    pub(super) eap: Option<Spanned<Eap>>,
    pub(super) radsec: Option<Radsec>,
    #[serde(default)]
    pub(super) realm: Vec<Spanned<Realm>>,
    #[serde(default)]
    pub(super) accounting: Accounting,
    #[serde(default)]
    pub(super) nas: Vec<Spanned<Nas>>,
    #[serde(default)]
    pub(super) dialect: Vec<Spanned<Dialect>>,
    #[serde(default)]
    pub(super) garden: Garden,
    pub(super) enforcement: Option<Spanned<Enforcement>>,
    pub(super) portal: Option<Portal>,
    pub(super) payments: Option<Spanned<Payments>>,
    #[serde(default)]
    pub(super) admin: Admin,
    pub(super) ledger: Option<Spanned<Ledger>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Store {
    pub(super) path: Option<Spanned<PathBuf>>,
    pub(super) cache_mib: Option<Spanned<u32>>,
    pub(super) key_file: Option<Spanned<PathBuf>>,
    pub(super) key_credential: Option<Text>,
    #[serde(default)]
    pub(super) old_key_files: Vec<Spanned<PathBuf>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Billing {
    pub(super) currency: Text,
    pub(super) time_zone: Text,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Time {
    pub(super) mass_change_percent: Option<Spanned<u32>>,
    pub(super) mass_change_min: Option<Spanned<u32>>,
    pub(super) clock_jump_minutes_max: Option<Spanned<u32>>,
    pub(super) start_gap_days_max: Option<Spanned<u32>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Radius {
    pub(super) auth: Option<Spanned<Vec<Text>>>,
    pub(super) acct: Option<Spanned<Vec<Text>>>,
    pub(super) workers: Option<Spanned<u16>>,
    pub(super) other_realms: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Realm {
    pub(super) name: Text,
    pub(super) rule: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Eap {
    pub(super) methods: Option<Spanned<Vec<Text>>>,
    pub(super) certificate_file: Option<Spanned<PathBuf>>,
    pub(super) key_file: Option<Spanned<PathBuf>>,
    pub(super) client_ca_file: Option<PathBuf>,
    #[serde(default)]
    pub(super) client_crl_files: Vec<PathBuf>,
    pub(super) tls_min: Option<Text>,
    pub(super) require_extended_master_secret: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Accounting {
    pub(super) session_age_seconds: Option<Spanned<u32>>,
    pub(super) session_age_without_interim_seconds: Option<Spanned<u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Radsec {
    pub(super) listen: Option<Vec<Text>>,
    pub(super) certificate_file: PathBuf,
    pub(super) key_file: PathBuf,
    pub(super) client_ca_file: PathBuf,
    #[serde(default)]
    pub(super) client_crl_files: Vec<PathBuf>,
    pub(super) radius_1_1: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nas {
    pub(super) name: Text,
    pub(super) address: Option<Text>,
    pub(super) certificate: Option<Text>,
    pub(super) secret: Option<Text>,
    pub(super) secret_file: Option<Text>,
    pub(super) secret_credential: Option<Text>,
    pub(super) dialect: Option<Text>,
    pub(super) message_authenticator: Option<Text>,
    pub(super) dynamic_authorization: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dialect {
    pub(super) name: Text,
    pub(super) based_on: Option<Text>,
    pub(super) accept_full: Option<Vec<Spanned<Attribute>>>,
    pub(super) accept_garden: Option<Vec<Spanned<Attribute>>>,
    pub(super) coa_full: Option<Vec<Spanned<Attribute>>>,
    pub(super) coa_garden: Option<Vec<Spanned<Attribute>>>,
    pub(super) identify_by: Option<Vec<Text>>,
    pub(super) required: Option<Vec<Text>>,
    pub(super) port: Option<Spanned<u32>>,
    pub(super) one_change_at_a_time: Option<bool>,
    pub(super) coa_session_timeout: Option<bool>,
}

/// One line of a dialect's table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Attribute {
    pub(super) attribute: Text,
    pub(super) text: Option<Text>,
    pub(super) integer: Option<Spanned<Integer>>,
    pub(super) address: Option<Text>,
    pub(super) tag: Option<Spanned<u32>>,
}

/// A number as it stands, or the name of one.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Integer {
    Literal(u32),
    Named(String),
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Garden {
    pub(super) down_kbps: Option<Spanned<u32>>,
    pub(super) up_kbps: Option<Spanned<u32>>,
    pub(super) address_list: Option<Text>,
    pub(super) session_timeout_seconds: Option<Spanned<u32>>,
    pub(super) interim_seconds: Option<Spanned<u32>>,
    #[serde(default)]
    pub(super) allow: Vec<Text>,
    pub(super) unknown: Option<Text>,
    #[serde(default)]
    pub(super) dns: Vec<Text>,
    #[serde(default)]
    pub(super) dns_upstream: Vec<Text>,
    pub(super) on_stop: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Enforcement {
    pub(super) backend: Text,
    #[serde(default)]
    pub(super) interfaces: Vec<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Portal {
    #[serde(default)]
    pub(super) http: Vec<Text>,
    #[serde(default)]
    pub(super) https: Vec<Text>,
    pub(super) public_url: Text,
    pub(super) certificate_file: Option<Spanned<PathBuf>>,
    pub(super) key_file: Option<Spanned<PathBuf>>,
    pub(super) brand: Option<Text>,
    pub(super) locales_dir: Option<PathBuf>,
    pub(super) menu: Option<Vec<Text>>,
    pub(super) fields: Option<Vec<Text>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Payments {
    pub(super) gateway: Text,
    pub(super) sandbox_listen: Option<Text>,
    pub(super) sandbox_public_url: Option<Text>,
    pub(super) poll_seconds: Option<Spanned<u32>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Admin {
    pub(super) socket: Option<PathBuf>,
    #[serde(default)]
    pub(super) roles: BTreeMap<Text, Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ledger {
    #[expect(
        dead_code,
        reason = "the section parses so that it can be refused in words"
    )]
    url: Option<String>,
}

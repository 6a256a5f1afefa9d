//! From what is written to what is meant, section by section.
//!
//! Every function reports through [`Problems`] and goes on, so that one run shows all faults.
//! `None` means that something was reported.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use garth_radius::dialect::PORTAL_URL_LEN_MAX;
use garth_store::TimeLimits;
use garth_subscription::calendar::BillingZone;
use garth_subscription::money::Currency;
use garth_subscription::time::Span;
use toml::Spanned;

use super::diagnose::Problems;
use super::dialects::{Names, dialects};
use super::eap;
use super::lifecycle::{self, Partner, PartnerPortal};
use super::realms::realms;
use super::secret::Secret;
use super::types::{
    Accounting, Admin, Billing, CertificateFiles, Config, Enforcement, Garden, Gateway,
    InterfacePattern, OnStop, Portal, PublicUrl, Radius, Roles, Sandbox, Store, UnknownSubscriber,
};
use super::{nas, raw};
use crate::admin::AdminRole;

/// What an address to listen on looks like.
const LISTEN: &str = "an address and port such as 0.0.0.0:1812 or [::]:1812";
/// What a URL looks like.
const URL: &str = "such as https://portal.example.net";
/// What an interface looks like.
const INTERFACE: &str =
    "up to 15 letters, digits, - _ . @, such as lan0; a * at its end stands for the rest";

/// What redb keeps unless it is told otherwise, in MiB: enough that an import of a million takes less
/// than half a minute, and little beside the index of those.
const CACHE_MIB: u32 = 48;
const KEY: &str = "/etc/garth/store.key";
const OLD_KEY: &str = "/etc/garth/store.old.key";
const STORE_PATH: &str = "/var/lib/garth/garth.redb";
const ADMIN_SOCKET: &str = "/run/garth/admin.sock";
const SANDBOX_LISTEN: &str = "0.0.0.0:8090";

pub(super) fn checked(
    file: raw::File,
    credentials: Option<&Path>,
    problems: &mut Problems,
) -> Option<Config> {
    if let Some(ledger) = &file.ledger {
        problems.add(
            "ledger",
            ledger.span(),
            "not in this version: leave it out for stand-alone",
            None,
        );
    }
    let store = store(file.store, credentials, problems);
    let billing = billing(&file.billing, problems);
    let policies = billing
        .as_ref()
        .and_then(|billing| lifecycle::policies(&file.lifecycle, &file.partner, billing, problems));
    let time = time(&file.time, problems);
    let radius = radius(&file.radius, &file.realm, problems);
    let eap = eap::section(file.eap, problems);
    let radsec = nas::radsec_section(file.radsec.as_ref(), problems);
    let garden = garden(&file.garden, problems);
    let interim_seconds = garden.as_ref().map(|garden| garden.interim_seconds);
    let accounting = accounting(&file.accounting, interim_seconds, problems);
    let portal = match file.portal {
        Some(raw) => portal(raw, &file.partner, problems).map(Some),
        None => Some(None),
    };
    let names = Names {
        garden: garden.as_ref().map_or("", |garden| &garden.address_list),
        portal_url: match &portal {
            Some(Some(portal)) => portal.public_url.as_str(),
            Some(None) | None => "",
        },
    };
    let dialects = dialects(&file.dialect, names, problems);
    let nas = nas::all(
        &file.nas,
        file.radsec.is_some(),
        &dialects,
        credentials,
        problems,
    );
    if let (Some(raw), Some(None)) = (&file.enforcement, &portal)
        && raw.get_ref().backend.get_ref() == "nftables"
    {
        problems.add(
            "enforcement.backend",
            raw.get_ref().backend.span(),
            "\"nftables\" sends the walled to a portal, and there is none",
            Some("add a [portal] section, or set backend = \"none\""),
        );
    }
    let enforcement = enforcement(file.enforcement.as_ref(), problems);
    let gateway = gateway(file.payments.as_ref(), problems);
    let admin = admin(&file.admin, problems);
    Some(Config {
        store: store?,
        billing: billing?,
        policies: policies?,
        time: time?,
        radius: radius?,
        eap: eap?,
        accounting: accounting?,
        radsec: radsec?,
        nas: nas?,
        garden: garden?,
        enforcement: enforcement?,
        portal: portal?,
        gateway: gateway?,
        admin: admin?,
    })
}

fn store(raw: raw::Store, credentials: Option<&Path>, problems: &mut Problems) -> Option<Store> {
    let cache_mib = match &raw.cache_mib {
        Some(mib) => problems.within("store.cache_mib", mib, 1..=65_536)?,
        None => CACHE_MIB,
    };
    let path = match raw.path {
        Some(path) => absolute("store.path", path, STORE_PATH, problems),
        None => Some(STORE_PATH.into()),
    };
    let key_file = key_file(
        raw.key_file,
        raw.key_credential.as_ref(),
        credentials,
        problems,
    );
    let old = raw.old_key_files.into_iter();
    let old = old.map(|path| absolute("store.old_key_files", path, OLD_KEY, problems));
    Some(Store {
        old_key_files: old.collect::<Option<_>>()?,
        path: path?,
        cache_bytes: usize::try_from(cache_mib).ok()?.checked_mul(1 << 20)?,
        key_file: key_file?,
    })
}

/// A path that does not depend on where the daemon was started.
fn absolute(
    key: &str,
    path: Spanned<PathBuf>,
    example: &str,
    problems: &mut Problems,
) -> Option<PathBuf> {
    if path.get_ref().is_absolute() {
        return Some(path.into_inner());
    }
    let message = format!("{:?} is relative", path.get_ref());
    let allowed = format!("an absolute path, such as {example}");
    problems.add(key, path.span(), message, Some(&allowed));
    None
}

/// Where the key of the store is, if anything is said of it.
fn key_file(
    file: Option<Spanned<PathBuf>>,
    credential: Option<&raw::Text>,
    credentials: Option<&Path>,
    problems: &mut Problems,
) -> Option<Option<PathBuf>> {
    let allowed = Some("key_file, key_credential, or neither");
    match (file, credential) {
        (Some(path), None) => absolute("store.key_file", path, KEY, problems).map(Some),
        (None, Some(name)) => Secret::path_of_credential(credentials, name.get_ref())
            .inspect_err(|error| {
                problems.add("store.key_credential", name.span(), error, allowed);
            })
            .ok()
            .map(Some),
        (Some(_), Some(name)) => {
            let message = "the store has one key";
            problems.add("store.key_credential", name.span(), message, allowed);
            None
        }
        (None, None) => Some(None),
    }
}

/// What makes the daemon doubt the time; all keys are looked at before one of them ends it.
fn time(raw: &raw::Time, problems: &mut Problems) -> Option<TimeLimits> {
    let mut number = |key, value: &Option<Spanned<u32>>, default, allowed| match value {
        Some(value) => problems.within(key, value, allowed),
        None => Some(default),
    };
    let percent = number(
        "time.mass_change_percent",
        &raw.mass_change_percent,
        20,
        1..=100,
    );
    let least = number(
        "time.mass_change_min",
        &raw.mass_change_min,
        50,
        1..=1_000_000_000,
    );
    let minutes = number(
        "time.clock_jump_minutes_max",
        &raw.clock_jump_minutes_max,
        60,
        1..=1_440,
    );
    let days = number(
        "time.start_gap_days_max",
        &raw.start_gap_days_max,
        30,
        1..=366,
    );
    Some(TimeLimits {
        losing_percent: u8::try_from(percent?).ok()?,
        losing_min: least?.into(),
        clock_jump_max: Span::from_seconds(minutes? * 60),
        start_gap_max: Span::from_days(days?),
        ..TimeLimits::default()
    })
}

/// How many Interim-Updates in a row may be lost before a session is given up.
const INTERIMS_LOST_MAX: u32 = 3;

/// When sessions are given up; in no case sooner than three Interim-Updates of the garden.
fn accounting(
    raw: &raw::Accounting,
    interim_seconds: Option<u32>,
    problems: &mut Problems,
) -> Option<Accounting> {
    const DAY: u32 = 86_400;
    let least = interim_seconds
        .unwrap_or_default()
        .saturating_mul(INTERIMS_LOST_MAX)
        .max(600);
    let age = match &raw.session_age_seconds {
        Some(age) => problems.within("accounting.session_age_seconds", age, least..=366 * DAY),
        None => Some(DAY.max(least)),
    };
    let key = "accounting.session_age_without_interim_seconds";
    let age_without = match &raw.session_age_without_interim_seconds {
        Some(age) => problems.within(key, age, DAY..=3_653 * DAY),
        None => Some(30 * DAY),
    };
    Some(Accounting {
        session_age_max: Span::from_seconds(age?),
        session_age_max_without_interim: Span::from_seconds(age_without?),
    })
}

fn billing(raw: &raw::Billing, problems: &mut Problems) -> Option<Billing> {
    let currency: Option<Currency> =
        problems.parse("billing.currency", &raw.currency, "such as EUR");
    let zone_allowed = "an IANA name such as Europe/Vienna, never an offset";
    let zone: Option<BillingZone> =
        problems.parse("billing.time_zone", &raw.time_zone, zone_allowed);
    Some(Billing {
        currency: currency?,
        zone: zone?,
        tz: raw.time_zone.get_ref().parse().ok()?,
    })
}

fn radius(
    raw: &raw::Radius,
    all_realms: &[Spanned<raw::Realm>],
    problems: &mut Problems,
) -> Option<Radius> {
    let mut listeners = |key, raw: &Option<Spanned<Vec<raw::Text>>>, port: u16| match raw {
        Some(texts) => addresses(key, texts.get_ref(), problems),
        None => Some(vec![
            SocketAddr::from(([0, 0, 0, 0], port)),
            SocketAddr::from(([0_u16; 8], port)),
        ]),
    };
    let auth = listeners("radius.auth", &raw.auth, 1812);
    let acct = listeners("radius.acct", &raw.acct, 1813);
    let workers = match &raw.workers {
        Some(workers) if (1..=256).contains(workers.get_ref()) => Some(Some(*workers.get_ref())),
        Some(workers) => {
            problems.add(
                "radius.workers",
                workers.span(),
                format_args!("{} is out of range", workers.get_ref()),
                Some("allowed: 1 to 256"),
            );
            None
        }
        None => Some(None),
    };
    let realms = realms(all_realms, raw.other_realms.as_ref(), problems);
    Some(Radius {
        auth: auth?,
        acct: acct?,
        workers: workers?,
        realms: realms?,
    })
}

pub(super) fn addresses(
    key: &str,
    texts: &[raw::Text],
    problems: &mut Problems,
) -> Option<Vec<SocketAddr>> {
    let addresses: Vec<_> = texts
        .iter()
        .filter_map(|text| problems.parse(key, text, LISTEN))
        .collect();
    (addresses.len() == texts.len()).then_some(addresses)
}

fn garden(raw: &raw::Garden, problems: &mut Problems) -> Option<Garden> {
    let mut number = |key: &str, value: &Option<Spanned<u32>>, default, allowed| match value {
        Some(value) => problems.within(key, value, allowed),
        None => Some(default),
    };
    // The dialects write speeds in bit/s into 32 bits (WISPr-Bandwidth-Max-Down).
    let kbps = 1..=4_000_000;
    let down_kbps = number("garden.down_kbps", &raw.down_kbps, 1_000, kbps.clone());
    let up_kbps = number("garden.up_kbps", &raw.up_kbps, 1_000, kbps);
    let session_timeout_seconds = number(
        "garden.session_timeout_seconds",
        &raw.session_timeout_seconds,
        600,
        30..=86_400,
    );
    // RFC 2869 section 5.16: not under 60 seconds.
    let interim_seconds = number(
        "garden.interim_seconds",
        &raw.interim_seconds,
        120,
        60..=86_400,
    );
    let address_list = address_list(raw.address_list.as_ref(), problems);
    let names = "a name such as checkout.stripe.com, or *.bank.example for all below it";
    let allow: Vec<_> = raw
        .allow
        .iter()
        .filter_map(|text| problems.parse("garden.allow", text, names))
        .collect();
    let unknown = match &raw.unknown {
        Some(text) => problems.choose(
            "garden.unknown",
            text,
            &[
                ("reject", UnknownSubscriber::Reject),
                ("garden", UnknownSubscriber::Garden),
            ],
        ),
        None => Some(UnknownSubscriber::Reject),
    };
    let on_stop = match &raw.on_stop {
        Some(text) => problems.choose(
            "garden.on_stop",
            text,
            &[("open", OnStop::Open), ("closed", OnStop::Closed)],
        ),
        None => Some(OnStop::Open),
    };
    let dns = addresses("garden.dns", &raw.dns, problems);
    let dns_upstream = addresses("garden.dns_upstream", &raw.dns_upstream, problems);
    Some(Garden {
        down_kbps: down_kbps?,
        up_kbps: up_kbps?,
        address_list: address_list?,
        session_timeout_seconds: session_timeout_seconds?,
        interim_seconds: interim_seconds?,
        allow,
        unknown: unknown?,
        dns: dns?,
        dns_upstream: dns_upstream?,
        on_stop: on_stop?,
    })
}

fn address_list(text: Option<&raw::Text>, problems: &mut Problems) -> Option<Box<str>> {
    const LEN_MAX: usize = 64;
    let Some(text) = text else {
        return Some("garden".into());
    };
    let name = text.get_ref();
    if (1..=LEN_MAX).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic()) {
        return Some(name.as_str().into());
    }
    let message = format!("{name:?} is no name of a list");
    let allowed = "1 to 64 visible ASCII characters";
    problems.add("garden.address_list", text.span(), message, Some(allowed));
    None
}

fn enforcement(
    raw: Option<&Spanned<raw::Enforcement>>,
    problems: &mut Problems,
) -> Option<Enforcement> {
    let Some(raw) = raw.map(Spanned::get_ref) else {
        return Some(Enforcement::None);
    };
    let backends = [("nftables", true), ("none", false)];
    let nftables = problems.choose("enforcement.backend", &raw.backend, &backends);
    let patterns = raw.interfaces.iter();
    let interfaces: Vec<InterfacePattern> = patterns
        .filter_map(|text| problems.parse("enforcement.interfaces", text, INTERFACE))
        .collect();
    if !nftables? {
        return Some(Enforcement::None);
    }
    if raw.interfaces.is_empty() {
        problems.add(
            "enforcement.interfaces",
            raw.backend.span(),
            "no interface towards subscribers is named",
            Some("such as [\"ppp*\", \"lan0\"]"),
        );
        return None;
    }
    Some(Enforcement::Nftables { interfaces })
}

fn portal(raw: raw::Portal, partners: &[Partner], problems: &mut Problems) -> Option<Portal> {
    let http = addresses("portal.http", &raw.http, problems);
    let https = addresses("portal.https", &raw.https, problems);
    let public_url: Option<PublicUrl> = problems.parse("portal.public_url", &raw.public_url, URL);
    let lonely = "both files, or neither for a self-signed certificate";
    let (chain, key) = (raw.certificate_file, raw.key_file);
    let certificate = certificate("portal", chain, key, lonely, problems);
    let own = PartnerPortal {
        menu: raw.menu,
        fields: raw.fields,
    };
    let shown = lifecycle::shown(&own, partners, problems);
    let public_url = public_url?;
    if public_url.is_https() && raw.https.is_empty() {
        problems.add(
            "portal.public_url",
            raw.public_url.span(),
            format_args!(
                "{:?} is https, and https listens nowhere",
                public_url.as_str()
            ),
            Some("add https = [\"0.0.0.0:8443\"], or use an http:// URL"),
        );
    }
    let url_len = public_url.as_str().len();
    if url_len > PORTAL_URL_LEN_MAX {
        let message = format!("it has {url_len} octets");
        let allowed = format!("at most {PORTAL_URL_LEN_MAX}, so that a NAS can be told");
        let span = raw.public_url.span();
        problems.add("portal.public_url", span, message, Some(&allowed));
    }
    if raw.http.is_empty() {
        problems.add(
            "portal.http",
            raw.public_url.span(),
            "http listens nowhere, so nobody can be redirected",
            Some("such as http = [\"0.0.0.0:8080\", \"[::]:8080\"]"),
        );
    }
    let brand = match &raw.brand {
        Some(text) if text.get_ref().trim().is_empty() || text.get_ref().len() > 100 => {
            let allowed = "1 to 100 octets of text";
            problems.add("portal.brand", text.span(), "no name", Some(allowed));
            return None;
        }
        Some(text) => text.get_ref().as_str().into(),
        None => "Internet".into(),
    };
    Some(Portal {
        http: http?,
        https: https?,
        public_url,
        certificate: certificate?,
        brand,
        locales_dir: raw.locales_dir,
        shown: shown?,
    })
}

/// Both files of a section or neither; the outer `None` means that something was reported.
#[expect(
    clippy::option_option,
    reason = "the outer one is this module's sign of a report, the inner one the value"
)]
pub(super) fn certificate(
    section: &str,
    certificate: Option<Spanned<PathBuf>>,
    key: Option<Spanned<PathBuf>>,
    allowed: &str,
    problems: &mut Problems,
) -> Option<Option<CertificateFiles>> {
    let (lonely, name, missing) = match (certificate, key) {
        (Some(certificate), Some(key)) => {
            return Some(Some(CertificateFiles {
                certificate: certificate.into_inner(),
                key: key.into_inner(),
            }));
        }
        (None, None) => return Some(None),
        (Some(path), None) => (path, "certificate_file", "key_file"),
        (None, Some(path)) => (path, "key_file", "certificate_file"),
    };
    let message = format!("{missing} is missing beside it");
    let key = format!("{section}.{name}");
    problems.add(&key, lonely.span(), message, Some(allowed));
    None
}

fn gateway(raw: Option<&Spanned<raw::Payments>>, problems: &mut Problems) -> Option<Gateway> {
    let Some(raw) = raw.map(Spanned::get_ref) else {
        return Some(Gateway::None);
    };
    // Keys of a gateway that is not chosen are checked all the same: a typo must not wait for its day.
    let listen = match &raw.sandbox_listen {
        Some(text) => problems.parse("payments.sandbox_listen", text, LISTEN),
        None => SANDBOX_LISTEN.parse().ok(),
    };
    let public_url = match &raw.sandbox_public_url {
        Some(text) => problems.parse("payments.sandbox_public_url", text, URL),
        None => listen.and_then(|listen: SocketAddr| sandbox_url(listen).parse().ok()),
    };
    let poll_seconds = match &raw.poll_seconds {
        Some(seconds) => problems.within("payments.poll_seconds", seconds, 1..=3_600),
        None => Some(5),
    };
    let gateways = [("sandbox", true), ("none", false)];
    if !problems.choose("payments.gateway", &raw.gateway, &gateways)? {
        return Some(Gateway::None);
    }
    Some(Gateway::Sandbox(Sandbox {
        listen: listen?,
        public_url: public_url?,
        poll_seconds: poll_seconds?,
    }))
}

/// How a browser on this machine reaches the test gateway, where nothing else is said.
fn sandbox_url(listen: SocketAddr) -> String {
    if listen.ip().is_unspecified() {
        format!("http://localhost:{}", listen.port())
    } else {
        format!("http://{listen}")
    }
}

fn admin(raw: &raw::Admin, problems: &mut Problems) -> Option<Admin> {
    let who_allowed = "a user name, a @group or a uid, such as alice, \"@noc\" or \"1001\"";
    let choices = AdminRole::ALL.map(|role| (role.as_str(), role));
    let mut roles = Vec::with_capacity(raw.roles.len());
    for (who, role) in &raw.roles {
        let who = problems.parse("admin.roles", who, who_allowed);
        let role = problems.choose("admin.roles", role, &choices);
        roles.extend(who.zip(role));
    }
    (roles.len() == raw.roles.len()).then(|| Admin {
        socket: raw.socket.clone().unwrap_or_else(|| ADMIN_SOCKET.into()),
        roles: Roles(roles),
    })
}

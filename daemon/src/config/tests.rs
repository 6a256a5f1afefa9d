//! What is taken, what is refused, and what is said then.

use std::net::SocketAddr;
use std::path::Path;

use garth_radius::realm::{RealmRule, Realms};

use super::*;
use crate::admin::AdminRole;

/// The shortest configuration there is.
const LEAST: &str = "[billing]\ncurrency = \"EUR\"\ntime_zone = \"Europe/Vienna\"\n";

/// The configuration of the design, as it stands there, with a secret that needs no file.
const DESIGN: &str = r#"
[store]
path = "/var/lib/garth/garth.redb"

[billing]
currency = "EUR"
time_zone = "Europe/Vienna"

[radius]
auth = ["0.0.0.0:1812", "[::]:1812"]
acct = ["0.0.0.0:1813", "[::]:1813"]

[[nas]]
name = "pppoe-1"
address = "192.0.2.0/24"
secret = "tulip"
dialect = "mikrotik"                # generic, mikrotik
message_authenticator = "require"   # require (default), auto, off
dynamic_authorization = "192.0.2.1:3799"

[garden]
down_kbps = 1_000
up_kbps = 1_000
address_list = "garden"             # what the dialects fill in: list, filter or service name
session_timeout_seconds = 600
interim_seconds = 120
allow = ["checkout.stripe.com", "*.bank.example"]   # by name, TCP 443 only
unknown = "reject"                  # or "garden", where newcomers may sign up

[enforcement]
backend = "nftables"                # or "none" where a remote NAS enforces
interfaces = ["ppp*", "lan0"]

[portal]
http = ["0.0.0.0:8080", "[::]:8080"]
https = ["0.0.0.0:8443"]
public_url = "https://portal.example.net"
certificate_file = "/etc/garth/portal.crt"
key_file = "/etc/garth/portal.key"

[payments]
gateway = "sandbox"                 # sandbox, stripe

[admin]
socket = "/run/garth/admin.sock"
"#;

fn read(text: &str) -> Result<Config, miette::Report> {
    Config::read("garthd.toml", text, None)
}

fn taken(text: &str) -> Config {
    read(text).unwrap_or_else(|report| panic!("{report:?}"))
}

/// The complaints, one `file:line: key: message` each, and what is allowed.
fn complaints(text: &str) -> Vec<String> {
    let report = read(text).err().expect("a fault");
    let related = report.related().expect("complaints").map(|one| {
        let help = one
            .help()
            .map_or(String::new(), |help| format!(" | {help}"));
        format!("{one}{help}")
    });
    related.collect()
}

#[test]
fn the_configuration_of_the_design_is_taken() {
    let config = taken(DESIGN);
    assert_eq!(config.nas.len(), 1);
    assert_eq!(config.nas[0].dialect.name, "mikrotik");
    assert_eq!(config.nas[0].secret.as_ref().unwrap().expose(), b"tulip");
    assert_eq!(config.radius.auth.len(), 2);
    assert_eq!(config.billing.tz, chrono_tz::Europe::Vienna);
    assert_eq!(
        config.garden.allow[1],
        NamePattern::Below("bank.example".into())
    );
    assert!(matches!(config.gateway, Gateway::Sandbox(_)));
    assert!(matches!(config.enforcement, Enforcement::Nftables { .. }));
    assert!(
        config
            .portal
            .is_some_and(|portal| portal.certificate.is_some())
    );
}

#[test]
fn every_shipped_example_is_taken() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let mut count = 0;
    for entry in std::fs::read_dir(docs).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().ends_with(".example.toml") {
            check(&path).unwrap_or_else(|report| panic!("{}: {report:?}", path.display()));
            count += 1;
        }
    }
    assert!(count >= 1);
}

#[test]
fn the_keys_that_the_example_comments_out_are_keys() {
    let example = include_str!("../../../docs/garthd.example.toml");
    let all: String = example
        .lines()
        // A comment is `# text`; a key that is commented out is `#key`.
        .map(|line| match line.strip_prefix('#') {
            Some(key) if !key.starts_with(' ') && !is_elsewhere(key) => key,
            Some(_) | None => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let config = taken(&all);
    assert_eq!(config.admin.roles.0.len(), 3);
    assert_eq!(config.nas[0].dialect.name, "mikrotik");
    assert_eq!(config.policies.default.pause.days_max, Some(180));
}

/// Whether the key says where a secret is instead of another one that is there.
fn is_elsewhere(key: &str) -> bool {
    key.starts_with("secret") || key.starts_with("key_credential")
}

#[test]
fn the_store_has_one_key_and_its_path_is_whole() {
    let with = |text: &str| LEAST.replacen("[billing]", &format!("[store]\n{text}\n[billing]"), 1);
    let config = taken(&with("key_file = \"/k/new\"\nold_key_files = [\"/k/old\"]"));
    assert_eq!(config.store.key_file.as_deref(), Some(Path::new("/k/new")));
    assert_eq!(config.store.old_key_files, [Path::new("/k/old")]);
    for (text, told) in [
        ("key_file = \"k\"", "store.key_file: \"k\" is relative"),
        (
            "old_key_files = [\"k\"]",
            "store.old_key_files: \"k\" is relative",
        ),
        ("key_credential = \"k\"", "CREDENTIALS_DIRECTORY is not set"),
        (
            "key_file = \"/k\"\nkey_credential = \"k\"",
            "the store has one key",
        ),
    ] {
        let complaints = complaints(&with(text));
        assert!(complaints[0].contains(told), "{complaints:?}");
    }
}

#[test]
fn what_is_left_out_has_its_default() {
    let config = taken(LEAST);
    let any: SocketAddr = "[::]:1813".parse().unwrap();
    assert_eq!(config.radius.acct[1], any);
    assert_eq!(config.enforcement, Enforcement::None);
    assert_eq!(config.gateway, Gateway::None);
    assert_eq!(config.admin.socket, Path::new("/run/garth/admin.sock"));
    assert!(config.portal.is_none() && config.nas.is_empty());
    assert_eq!(config.garden.on_stop, OnStop::Open);
    let policy = garth_subscription::policy::Policy::new(config.billing.zone);
    assert_eq!(config.policies.default, policy);
}

#[test]
fn each_fault_is_told_with_file_line_key_value_and_what_is_allowed() {
    let cases = [
        (
            "time_zone = \"Europe/Vienna\"",
            "time_zone = \"+01:00\"",
            "garthd.toml:7: billing.time_zone: \"+01:00\": not an IANA time zone name such as \
             Europe/Vienna | an IANA name such as Europe/Vienna, never an offset",
        ),
        (
            "\"mikrotik\"  ",
            "\"junos\"  ",
            "garthd.toml:17: nas.dialect: \"junos\" is not known | allowed: generic, mikrotik, \
             cisco-isg, juniper, nokia, huawei, accel-ppp, coovachilli",
        ),
        (
            "192.0.2.0/24",
            "192.0.2.1/24",
            "garthd.toml:15: nas.address: \"192.0.2.1/24\": bits are set beyond the prefix length \
             | an address or prefix such as 192.0.2.0/24 or 2001:db8::1",
        ),
        (
            "\"[::]:1812\"",
            "\"[::]:99999\"",
            "garthd.toml:10: radius.auth: \"[::]:99999\": invalid socket address syntax | an \
             address and port such as 0.0.0.0:1812 or [::]:1812",
        ),
        (
            "interim_seconds = 120",
            "interim_seconds = 5",
            "garthd.toml:26: garden.interim_seconds: 5 is out of range | allowed: 60 to 86400",
        ),
        (
            "\"sandbox\"  ",
            "\"stripe\"  ",
            "garthd.toml:42: payments.gateway: \"stripe\" is not known | allowed: sandbox, none",
        ),
        (
            "public_url = \"https://portal.example.net\"",
            "public_url = \"https://portal.example.net/pay\"",
            "garthd.toml:37: portal.public_url: \"https://portal.example.net/pay\": not an http:// \
             or https:// URL of a host, perhaps with a port, and no path | such as \
             https://portal.example.net",
        ),
        (
            "down_kbps",
            "down_kbit",
            "garthd.toml:22: garden.down_kbit: unknown field `down_kbit`, expected one of \
             `down_kbps`, `up_kbps`, `address_list`, `session_timeout_seconds`, \
             `interim_seconds`, `allow`, `unknown`, `dns`, `dns_upstream`, `on_stop`",
        ),
    ];
    for (from, to, expected) in cases {
        assert!(DESIGN.contains(from), "{from}");
        assert_eq!(complaints(&DESIGN.replacen(from, to, 1)), [expected]);
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let text = DESIGN
        .replace("\"EUR\"", "\"euro\"")
        .replace("\"lan0\"", "\"lan 0\"")
        .replace("\"require\" ", "\"maybe\" ");
    let told = complaints(&text);
    assert_eq!(told.len(), 3, "{told:?}");
}

#[test]
fn a_ledger_is_refused_in_words() {
    let text = format!("{DESIGN}\n[ledger]\nurl = \"https://ledger.example.net:7443\"\n");
    assert_eq!(
        complaints(&text),
        ["garthd.toml:47: ledger: not in this version: leave it out for stand-alone"]
    );
}

#[test]
fn a_secret_never_shows_in_a_complaint() {
    let faulty = [
        DESIGN.replace("\"mikrotik\"  ", "\"junos\"  "),
        DESIGN.replace("dialect", "dialects"),
        DESIGN.replace("dialect = ", "dialect "),
        DESIGN.replace("secret = ", "secret_file = \"/x\"\nsecret = "),
    ];
    for text in faulty {
        let report = read(&text).err().expect("a fault");
        assert!(
            !format!("{report:?} {report:#}").contains("tulip"),
            "{report:?}"
        );
    }
}

#[test]
fn a_secret_comes_from_a_file_or_a_credential_without_its_newline() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pppoe-1");
    std::fs::write(&path, "rose\n").unwrap();
    let by_file = DESIGN.replace(
        "secret = \"tulip\"",
        &format!("secret_file = {:?}", path.display().to_string()),
    );
    assert_eq!(
        taken(&by_file).nas[0].secret.as_ref().unwrap().expose(),
        b"rose"
    );
    let by_credential = DESIGN.replace("secret = \"tulip\"", "secret_credential = \"pppoe-1\"");
    let config = Config::read("garthd.toml", &by_credential, Some(folder.path()))
        .unwrap_or_else(|report| panic!("{report:?}"));
    assert_eq!(config.nas[0].secret.as_ref().unwrap().expose(), b"rose");
    assert!(complaints(&by_credential)[0].contains("CREDENTIALS_DIRECTORY is not set"));
    let outside = by_credential.replace("\"pppoe-1\"\ndialect", "\"../pppoe-1\"\ndialect");
    assert!(Config::read("garthd.toml", &outside, Some(folder.path())).is_err());
    std::fs::write(&path, "\n").unwrap();
    assert!(complaints(&by_file)[0].contains("nas.secret_file: the secret is empty"));
}

#[test]
fn a_nas_has_one_secret_a_name_and_a_prefix_of_its_own() {
    let second = "[[nas]]\nname = \"pppoe-1\"\naddress = \"192.0.2.0/24\"\nsecret = \"x\"\n";
    let told = complaints(&format!("{DESIGN}\n{second}"));
    assert!(
        told[0].contains("nas.name: \"pppoe-1\" is given twice"),
        "{told:?}"
    );
    assert!(told[1].contains("is that of pppoe-1 already"), "{told:?}");
    let told = complaints(&DESIGN.replace("secret = \"tulip\"", ""));
    assert!(
        told[0].contains("nas.secret_file: \"pppoe-1\" has no secret"),
        "{told:?}"
    );
}

const RADSEC: &str = r#"
[radsec]
certificate_file = "/etc/garth/radsec.crt"
key_file = "/etc/garth/radsec.key"
client_ca_file = "/etc/garth/radsec-ca.crt"
"#;

#[test]
fn n7_a_nas_is_known_by_its_address_its_certificate_or_both() {
    let named = "[[nas]]\nname = \"olt\"\ncertificate = \"OLT.example.net\"\n";
    let both = DESIGN.replace(
        "secret = \"tulip\"",
        "secret = \"tulip\"\ncertificate = \"a.example\"",
    );
    let config = taken(&format!("{both}{RADSEC}{named}"));
    let certificate = |at: usize| config.nas[at].certificate.as_ref().map(ToString::to_string);
    assert_eq!(certificate(0).as_deref(), Some("a.example"));
    assert_eq!(certificate(1).as_deref(), Some("olt.example.net"));
    assert!(config.nas[0].prefix.is_some() && config.nas[0].secret.is_some());
    assert!(config.nas[1].prefix.is_none() && config.nas[1].secret.is_none());
    let radsec = config.radsec.unwrap();
    assert_eq!(
        radsec.listen,
        [
            "0.0.0.0:2083".parse().unwrap(),
            "[::]:2083".parse().unwrap()
        ]
    );
    assert_eq!(radsec.radius_1_1, Radius11::Allow);
    assert!(taken(DESIGN).radsec.is_none());
    let told = taken(&format!(
        "{DESIGN}{RADSEC}listen = [\"[::1]:2083\"]\nradius_1_1 = \"require\"\n"
    ));
    let radsec = told.radsec.unwrap();
    assert_eq!(radsec.listen, ["[::1]:2083".parse().unwrap()]);
    assert_eq!(radsec.radius_1_1, Radius11::Require);
}

#[test]
fn n7_what_is_wrong_with_radsec_is_told() {
    let olt = "[[nas]]\nname = \"olt\"\n";
    let named = "certificate = \"olt.example.net\"\n";
    for (text, told) in [
        (
            format!(
                "{DESIGN}{RADSEC}{olt}{named}secret = \"tulip\"\ndynamic_authorization = \"source\"\n"
            ),
            "nas.dynamic_authorization: over RadSec a NAS is known by its certificate",
        ),
        (
            format!("{DESIGN}{olt}"),
            "nas.address: \"olt\" has neither address nor certificate",
        ),
        (
            format!("{DESIGN}{olt}{named}"),
            "nas.certificate: it is for RadSec, and nothing listens for that | add a [radsec]",
        ),
        (
            format!("{DESIGN}{RADSEC}{olt}certificate = \"*.example\"\n"),
            "nas.certificate: \"*.example\": neither a DNS name nor a fingerprint",
        ),
        (
            format!("{DESIGN}{RADSEC}{olt}{named}[[nas]]\nname = \"two\"\n{named}"),
            "nas.certificate: \"olt.example.net\" is that of olt already",
        ),
        (
            format!("{DESIGN}{RADSEC}{olt}{named}dynamic_authorization = \"192.0.2.9:3799\"\n"),
            "nas.secret_file: \"olt\" has no secret",
        ),
        (
            format!("{DESIGN}{RADSEC}radius_1_1 = \"yes\"\n"),
            "allowed: allow, require, forbid",
        ),
        (
            format!("{DESIGN}{RADSEC}listen = [\"2083\"]\n"),
            "radsec.listen",
        ),
    ] {
        let complaints = complaints(&text);
        assert!(complaints[0].contains(told), "{told}: {complaints:?}");
    }
}

#[test]
fn https_without_a_certificate_is_left_to_a_self_signed_one() {
    let bare = DESIGN
        .replace("certificate_file = \"/etc/garth/portal.crt\"\n", "")
        .replace("key_file = \"/etc/garth/portal.key\"\n", "");
    let portal = Config::read("garthd.toml", &bare, None)
        .ok()
        .and_then(|config| config.portal);
    assert!(portal.is_some_and(|portal| portal.certificate.is_none() && !portal.https.is_empty()));
}

/// The keys of a section: the fields of its struct, with their types.
fn keys_of(source: &str, section: &str) -> Vec<(String, String)> {
    let (_, body) = source
        .split_once(&format!("struct {section} {{"))
        .unwrap_or_else(|| panic!("no section {section}"));
    let (body, _) = body.split_once("\n}").unwrap();
    body.lines()
        .map(|line| line.trim().trim_start_matches("pub(super) "))
        .filter_map(|line| line.split_once(": "))
        .map(|(key, kind)| (key.to_owned(), kind.trim_end_matches(',').to_owned()))
        .collect()
}

#[test]
fn n1_realms_have_rules() {
    let others = DESIGN.replacen("[radius]\n", "[radius]\nother_realms = \"reject\"\n", 1);
    let expected = Realms::new([], RealmRule::Reject);
    assert_eq!(taken(&others).radius.realms, expected.unwrap());
    let text = format!("{DESIGN}\n[[realm]]\nname = \"isp.example\"\nrule = \"strip\"\n");
    let expected = Realms::new([("isp.example", RealmRule::Strip)], RealmRule::Keep);
    assert_eq!(taken(&text).radius.realms, expected.unwrap());
    for (from, to, wrong) in [
        (
            "\"strip\"",
            "\"drop\"",
            "realm.rule: \"drop\" is not known | allowed: keep, strip, reject",
        ),
        (
            "\"isp.example\"",
            "\"a@b\"",
            "realm.name: realm \"a@b\" is not a name",
        ),
    ] {
        let complaint = complaints(&text.replacen(from, to, 1)).join("\n");
        assert!(complaint.contains(wrong), "{complaint}");
    }
    let twice = format!("{text}[[realm]]\nname = \"ISP.example\"\nrule = \"keep\"\n");
    assert!(complaints(&twice).join("").contains("has two rules"));
}

#[test]
fn every_key_is_described_in_the_documentation() {
    let (raw, lifecycle) = (include_str!("raw.rs"), include_str!("lifecycle.rs"));
    let page = include_str!("../../../docs/configuration.md");
    let sections = keys_of(raw, "File");
    assert!(sections.len() > 8, "{sections:?}");
    let mut described = 0;
    for (section, _) in sections.iter().filter(|(section, _)| section != "ledger") {
        let heading = match section.as_str() {
            "nas" | "partner" | "realm" | "dialect" => format!("## `[[{section}]]`"),
            other => format!("## `[{other}]`"),
        };
        let (_, part) = page
            .split_once(&heading)
            .unwrap_or_else(|| panic!("{heading} is missing"));
        let part = part.split("\n## ").next().unwrap();
        let (first, rest) = section.split_at(1);
        let source = if ["lifecycle", "partner"].contains(&section.as_str()) {
            lifecycle
        } else {
            raw
        };
        let mut keys = Vec::new();
        for (key, kind) in keys_of(source, &format!("{}{rest}", first.to_uppercase())) {
            if section == "lifecycle" && !kind.starts_with("Option") {
                let inner = keys_of(lifecycle, &kind).into_iter();
                keys.extend(inner.map(|(inner, _)| format!("{key}.{inner}")));
            } else {
                keys.push(key);
            }
        }
        assert!(!keys.is_empty());
        described += keys.len();
        for key in keys {
            assert!(
                part.contains(&format!("| `{key}` |"))
                    || part.contains(&format!("`[admin.{key}]`")),
                "{heading} does not describe {key}"
            );
        }
    }
    assert!(described > 70, "only {described} keys were looked at");
}

#[test]
fn l19_a_partner_differs_where_it_says_so_and_is_as_the_default_elsewhere() {
    let text = format!(
        "{LEAST}[lifecycle]\ngrace_days_max = 7\n[lifecycle.pause]\ndays_max = 90\n\
         [[partner]]\nname = \"Acme\"\n[partner.lifecycle.pause]\ncustomer = false\n\
         [partner.lifecycle.suspension]\nexcluded_weekdays = [\"sunday\"]\ntime_of_day = \"07:30\"\n"
    );
    let policies = taken(&text).policies;
    let acme = policies.of(Some(&"Acme".parse().unwrap()));
    assert!(!acme.pause.customer && policies.default.pause.customer);
    assert_eq!((acme.pause.days_max, acme.grace_days_max), (Some(90), 7));
    assert_eq!(acme.suspension.minute_of_day, 7 * 60 + 30);
    assert_eq!(policies.default.suspension.minute_of_day, 9 * 60);
    let other = policies.of(Some(&"Other".parse().unwrap()));
    assert_eq!(*other, policies.default, "nothing is said of this one");
}

#[test]
fn l19_a_partner_has_its_own_menu_and_the_fields_of_the_default() {
    use garth_captive_portal::shown::{Field, MenuItem};
    let text = DESIGN.replace(
        "[payments]",
        "fields = [\"plan\"]\n[[partner]]\nname = \"Acme\"\n[partner.portal]\nmenu = [\"history\"]\n[payments]",
    );
    let text = text.replace("certificate_file", "menu = [\"pause\"]\ncertificate_file");
    let config = taken(&text);
    let shown = config.portal.unwrap().shown;
    let acme = shown.of(Some(&"Acme".parse().unwrap()));
    assert_eq!(acme.menu, [MenuItem::History]);
    assert_eq!(acme.fields, [Field::Plan]);
    assert_eq!(shown.of(None).menu, [MenuItem::Pause]);
}

#[test]
fn a_fault_in_a_policy_is_told_with_its_key_and_what_is_allowed() {
    for (text, told) in [
        (
            "[lifecycle.pause]\nfee = \"-1.00\"\n",
            "lifecycle.pause.fee: \"-1.00\" is below zero",
        ),
        (
            "[lifecycle.suspension]\ntime_of_day = \"24:00\"\n",
            "no time of day | such as \"09:00\"",
        ),
        (
            "[lifecycle.suspension]\nholidays = [\"2026-02-30\"]\n",
            "2026-02-30",
        ),
        (
            "[lifecycle.change]\nproration = \"some\"\n",
            "allowed: exact, charge_only, none",
        ),
        (
            "[lifecycle.suspension]\nexcluded_weekdays = [\"monday\",\"tuesday\",\"wednesday\",\"thursday\",\"friday\",\"saturday\",\"sunday\"]\n",
            "leave no day",
        ),
        (
            "[[partner]]\nname = \"A\"\n[partner.lifecycle]\ngrace_days_max = 0\n",
            "partner A: lifecycle.grace_days_max: 0 is out of range",
        ),
        (
            "[[partner]]\nname = \"A\"\n[[partner]]\nname = \"A\"\n",
            "\"A\" is there twice",
        ),
        ("[[partner]]\nname = \"\"\n", "partner.name"),
    ] {
        let complaints = complaints(&format!("{LEAST}{text}"));
        assert!(complaints[0].contains(told), "{text}: {complaints:?}");
    }
}

#[test]
fn a_garden_on_this_router_needs_a_portal_and_interfaces() {
    let garden = "[enforcement]\nbackend = \"nftables\"\ninterfaces = [\"lan0\"]\n";
    let told = complaints(&format!("{LEAST}{garden}"));
    assert!(
        told[0].contains("there is none | add a [portal] section"),
        "{told:?}"
    );
    let told = complaints(&DESIGN.replace("[\"ppp*\", \"lan0\"]", "[]"));
    assert!(
        told[0].contains("no interface towards subscribers"),
        "{told:?}"
    );
}

#[test]
fn sessions_are_not_given_up_sooner_than_three_interim_updates() {
    let ages = |text: &str| {
        let config = taken(text).accounting;
        let seconds = |age: garth_subscription::time::Span| age.seconds();
        (
            seconds(config.session_age_max),
            seconds(config.session_age_max_without_interim),
        )
    };
    assert_eq!(ages(DESIGN), (86_400, 30 * 86_400));
    let with = |interim: u32, age: &str| {
        let text = DESIGN.replacen(
            "interim_seconds = 120",
            &format!("interim_seconds = {interim}"),
            1,
        );
        format!("{text}\n[accounting]\n{age}")
    };
    assert_eq!(ages(&with(86_400, "")).0, 3 * 86_400);
    assert_eq!(ages(&with(300, "session_age_seconds = 900")).0, 900);
    let complaint = complaints(&with(301, "session_age_seconds = 900"));
    assert_eq!(complaint.len(), 1, "{complaint:?}");
    assert!(complaint[0].ends_with("900 is out of range | allowed: 903 to 31622400"));
}

#[test]
fn roles_are_given_to_users_groups_and_numbers() {
    let roles =
        "[admin.roles]\nalice = \"operator\"\n\"@noc\" = \"viewer\"\n\"1001\" = \"support\"\n";
    let mut given = taken(&format!("{LEAST}{roles}")).admin.roles.0;
    given.sort_by_key(|(_, role)| *role);
    assert_eq!(
        given,
        [
            (Who::Group("noc".into()), AdminRole::Viewer),
            (Who::User("alice".into()), AdminRole::Operator),
            (Who::Uid(1001), AdminRole::Support),
        ]
    );
    let told = complaints(&format!("{LEAST}[admin.roles]\nalice = \"root\"\n"));
    assert!(
        told[0].contains("allowed: viewer, operator, approver, support"),
        "{told:?}"
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let report = check(Path::new("/nonexistent/garthd.toml")).unwrap_err();
    assert!(
        report
            .to_string()
            .starts_with("cannot read /nonexistent/garthd.toml")
    );
}

fn eap(section: &str) -> String {
    format!("{DESIGN}\n[eap]\n{section}")
}

const EAP_FILES: &str = "certificate_file = \"/c\"\nkey_file = \"/k\"\n";

#[test]
fn eap_methods_are_by_default_those_there_are_files_for_and_never_md5() {
    use garth_radius::eap::EapMethod::{MsChapV2, Peap, Tls, Ttls};
    let methods = |section: &str| taken(&eap(section)).eap.unwrap().methods;
    assert_eq!(taken(DESIGN).eap, None);
    assert_eq!(methods(""), [MsChapV2]);
    assert_eq!(methods(EAP_FILES), [Peap, Ttls, MsChapV2]);
    let with_authority = format!("{EAP_FILES}client_ca_file = \"/a\"");
    assert_eq!(methods(&with_authority), [Peap, Ttls, Tls, MsChapV2]);
    let chosen = format!("{EAP_FILES}methods = [\"ttls\", \"peap\"]");
    assert_eq!(methods(&chosen), [Ttls, Peap]);
}

#[test]
fn eap_demands_extended_master_secret_unless_it_is_told_otherwise() {
    let demanded = |section: &str| taken(&eap(section)).eap.unwrap().tls.extended_master_secret;
    assert!(demanded(""));
    assert!(demanded("require_extended_master_secret = true"));
    assert!(!demanded("require_extended_master_secret = false"));
}

#[test]
fn eap_faults_are_told() {
    for (section, expected) in [
        ("methods = []", "eap.methods: there is none"),
        (
            "methods = [\"leap\"]",
            "eap.methods: \"leap\" is not known | allowed: peap, ttls, tls, mschapv2, md5",
        ),
        (
            "methods = [\"md5\", \"md5\"]",
            "eap.methods: \"md5\" is there twice",
        ),
        (
            "methods = [\"peap\"]",
            "eap.methods: \"peap\" needs certificate_file and key_file",
        ),
        (
            "methods = [\"tls\"]\ncertificate_file = \"/c\"\nkey_file = \"/k\"",
            "eap.methods: \"tls\" needs client_ca_file",
        ),
        (
            "key_file = \"/k\"",
            "eap.key_file: certificate_file is missing beside it",
        ),
        (
            "client_ca_file = \"/a\"",
            "eap.client_ca_file: is of no use alone",
        ),
        (
            "client_crl_files = [\"/r\"]",
            "eap.client_crl_files: is of no use alone",
        ),
        (
            "tls_min = \"1.1\"",
            "eap.tls_min: \"1.1\" is not known | allowed: 1.2, 1.3",
        ),
    ] {
        let complaints = complaints(&eap(section));
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        assert!(complaints[0].contains(expected), "{complaints:?}");
    }
}

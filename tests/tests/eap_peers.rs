//! EAP as a peer of another house speaks it: eapol_test of wpa_supplicant (N1).

#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that is wrong"
)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use garth_tests::Lab;
use garth_tests::clock;
use garth_tests::eapol::{self, Login, Start};
use garth_tests::garthd::PLANS;
use garth_tests::interop::{Exchange, Peer};
use garth_tests::tls::{Authority, Certificate};
use tempfile::TempDir;

const PEOPLE: &str = r#"{"username":"bruno","password":"bird-cherry-8","plan":"home-100","paid_through":"2099-01-31"}
{"username":"unpaid","password":"bird-cherry-8","plan":"home-100"}
"#;

const SERVER_NAME: &str = "radius.example.net";

/// Longer than any reload takes.
const RELOAD_MAX: Duration = Duration::from_secs(10);

/// Both versions of TLS, as wpa_supplicant is told. OpenSSL takes no version above one that is disabled.
const TLS: [(&str, &str); 2] = [
    ("1.2", "tls_disable_tlsv1_3=1"),
    (
        "1.3",
        "tls_disable_tlsv1_0=1 tls_disable_tlsv1_1=1 tls_disable_tlsv1_2=1 tls_disable_tlsv1_3=0",
    ),
];

/// A lab that speaks EAP, and the certificates of its peers.
struct Office {
    lab: Lab,
    folder: TempDir,
}

impl Office {
    fn open() -> Self {
        let folder = TempDir::with_prefix("garth-eap-").unwrap();
        let authority = Authority::create().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let issue = |name: &str, Certificate { certificate, key }| {
            write(&format!("{name}.pem"), &certificate);
            write(&format!("{name}.key"), &key);
        };
        write("authority.pem", &authority.certificate());
        issue("server", authority.issue(SERVER_NAME, &[]).unwrap());
        for name in ["bruno", "unpaid", "stranger"] {
            issue(name, authority.issue(name, &[]).unwrap());
        }
        let other = Authority::create().unwrap();
        write("other.pem", &other.certificate());
        issue("forged", other.issue("bruno", &[]).unwrap());
        let section = section(folder.path(), "server");
        let lab = Lab::start_with(|config| config + &section).unwrap();
        let office = Self { lab, folder };
        let plans = office.path("plans.toml");
        fs::write(&plans, PLANS).unwrap();
        office.lab.garthctl.run(&["plan", "apply", &plans]).unwrap();
        office.lab.import(PEOPLE).unwrap();
        office
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn login(&self, network: &str, keys: bool) -> Login {
        let config = self.folder.path().join("peer.conf");
        eapol::login(&self.lab.network.router, &config, network, keys).unwrap()
    }

    fn start(&self, start: &Start<'_>, network: &str) -> Login {
        let config = self.folder.path().join("peer.conf");
        eapol::start_with(&self.lab.network.router, start, &config, network).unwrap()
    }

    /// A method in TLS; `inner` are lines for what is inside.
    fn tunnel(&self, method: &str, tls: &str, inner: &str) -> Login {
        self.login(&self.network(method, tls, inner), true)
    }

    fn network(&self, method: &str, tls: &str, inner: &str) -> String {
        let authority = self.path("authority.pem");
        format!(
            "eap={method}\nanonymous_identity=\"anonymous\"\nca_cert=\"{authority}\"\n\
             domain_match=\"{SERVER_NAME}\"\nphase1=\"{tls}\"\n{inner}"
        )
    }

    fn certificate(&self, name: &str, tls: &str, more: &str) -> Login {
        let inner = format!(
            "identity=\"somebody\"\nclient_cert=\"{}\"\nprivate_key=\"{}\"\n{more}",
            self.path(&format!("{name}.pem")),
            self.path(&format!("{name}.key")),
        );
        self.tunnel("TLS", tls, &inner)
    }

    /// How often this was counted.
    fn counted(&self, counter: &str) -> u64 {
        let status = self.lab.garthctl.json(&["status"]).unwrap().to_string();
        let (_, rest) = status
            .split_once(&format!("\"{counter}\":"))
            .unwrap_or_else(|| panic!("no {counter} in {status}"));
        let digits = rest.chars().take_while(char::is_ascii_digit);
        digits.collect::<String>().parse().unwrap()
    }
}

fn section(folder: &Path, server: &str) -> String {
    let path = |name: String| folder.join(name).display().to_string();
    format!(
        "\n[eap]\nmethods = [\"peap\", \"ttls\", \"tls\", \"mschapv2\", \"md5\"]\n\
         certificate_file = \"{}\"\nkey_file = \"{}\"\nclient_ca_file = \"{}\"\n",
        path(format!("{server}.pem")),
        path(format!("{server}.key")),
        path("authority.pem".into()),
    )
}

fn who(name: &str, password: &str) -> String {
    format!("identity=\"{name}\"\npassword=\"{password}\"")
}

fn inside(phase2: &str, name: &str, password: &str) -> String {
    format!("{}\nphase2=\"{phase2}\"", who(name, password))
}

#[track_caller]
fn accepted(login: &Login) {
    assert!(login.accepted, "{}", login.said);
}

#[track_caller]
fn accepted_with_keys(login: &Login) {
    accepted(login);
    assert!(login.keys_match, "{}", login.said);
}

#[track_caller]
fn rejected(login: &Login) {
    assert!(login.rejected && !login.accepted, "{}", login.said);
}

/// Records what was accepted from the right credentials and rejected from wrong ones.
fn record(spoken: &str, right: &str) {
    let peer = Peer::packaged("eapol_test of wpa_supplicant", "eapoltest").unwrap();
    Exchange {
        // wpa_supplicant's word is not quite the standard's.
        spoken: &spoken.replace("MSCHAPV2", "MSCHAPv2"),
        right,
        wrong: "Access-Reject",
    }
    .record(&peer)
    .unwrap();
}

const WITH_KEYS: &str = "Access-Accept and the same keys";

#[test]
fn md5_and_mschapv2_without_a_tunnel() {
    let office = Office::open();
    for method in ["MD5", "MSCHAPV2"] {
        let with = |name, password| {
            let who = who(name, password);
            office.login(&format!("eap={method}\n{who}"), false)
        };
        accepted(&with("bruno", "bird-cherry-8"));
        accepted(&with("unpaid", "bird-cherry-8"));
        rejected(&with("bruno", "bird-cherry-9"));
        rejected(&with("nobody", "bird-cherry-8"));
        record(&format!("EAP-{method}"), "Access-Accept");
    }
    assert_eq!(office.counted("radius_reject_wrong_password"), 2);
    assert_eq!(office.counted("radius_reject_unknown_user"), 2);
}

#[test]
fn peap_and_ttls_by_password() {
    let office = Office::open();
    for (version, tls) in TLS {
        for (method, phase2) in [
            ("PEAP", "auth=MSCHAPV2"),
            ("TTLS", "auth=PAP"),
            ("TTLS", "auth=CHAP"),
            ("TTLS", "auth=MSCHAPV2"),
        ] {
            let with = |name, password| {
                let login = office.tunnel(method, tls, &inside(phase2, name, password));
                assert!(
                    login
                        .said
                        .contains(&format!("SSL: Using TLS version TLSv{version}")),
                    "{}",
                    login.said
                );
                login
            };
            accepted_with_keys(&with("bruno", "bird-cherry-8"));
            accepted_with_keys(&with("unpaid", "bird-cherry-8"));
            rejected(&with("bruno", "bird-cherry-9"));
            rejected(&with("anonymous", "bird-cherry-8"));
            let inner = phase2.trim_start_matches("auth=");
            record(
                &format!("EAP-{method}/{inner} over TLS {version}"),
                WITH_KEYS,
            );
        }
    }
    assert_eq!(office.counted("radius_reject_wrong_password"), 8);
    assert_eq!(office.counted("radius_reject_unknown_user"), 8);
}

#[test]
fn tls_by_certificate() {
    let office = Office::open();
    for (version, tls) in TLS {
        accepted_with_keys(&office.certificate("bruno", tls, ""));
        accepted_with_keys(&office.certificate("unpaid", tls, ""));
        rejected(&office.certificate("stranger", tls, ""));
        rejected(&office.certificate("forged", tls, ""));
        record(&format!("EAP-TLS over TLS {version}"), WITH_KEYS);
    }
    assert_eq!(office.counted("radius_reject_unknown_user"), 2);
    assert_eq!(office.counted("radius_reject_tls_failed"), 2);
}

#[test]
fn small_fragments_of_the_peer() {
    let office = Office::open();
    for (_, tls) in TLS {
        let whole = office.certificate("bruno", tls, "");
        let login = office.certificate("bruno", tls, "fragment_size=200");
        accepted_with_keys(&login);
        assert!(login.challenges > whole.challenges + 2, "{}", login.said);
        let more = inside("auth=MSCHAPV2", "bruno", "bird-cherry-8") + "\nfragment_size=200";
        accepted_with_keys(&office.tunnel("PEAP", tls, &more));
    }
}

#[test]
fn method_that_the_peer_wants_instead_is_chosen() {
    let office = Office::open();
    let login = office.login(
        &format!("eap=MD5\n{}", who("bruno", "bird-cherry-8")),
        false,
    );
    accepted(&login);
    assert!(
        login.said.contains("EAP: Building EAP-Nak"),
        "{}",
        login.said
    );
    rejected(&office.login(
        &format!("eap=GTC\n{}", who("bruno", "bird-cherry-8")),
        false,
    ));
    assert_eq!(office.counted("radius_reject_eap_method_refused"), 1);
}

#[test]
fn peer_that_does_not_trust_our_authority_gives_no_password_away() {
    let office = Office::open();
    let other = office.path("other.pem");
    let inner = inside("auth=PAP", "bruno", "bird-cherry-8");
    let network = format!("eap=TTLS\nca_cert=\"{other}\"\n{inner}");
    rejected(&office.login(&network, true));
    assert_eq!(office.counted("radius_reject_tls_failed"), 1);
}

#[test]
fn peer_that_would_resume_logs_in_again_by_a_whole_handshake() {
    let office = Office::open();
    let twice = Start {
        again: 1,
        ..Start::default()
    };
    for (version, tls) in TLS {
        for (method, inner) in [
            ("PEAP", inside("auth=MSCHAPV2", "bruno", "bird-cherry-8")),
            ("TTLS", inside("auth=PAP", "bruno", "bird-cherry-8")),
        ] {
            let network = office.network(method, tls, &inner);
            let once = office.login(&network, true).challenges;
            let login = office.start(&twice, &network);
            accepted_with_keys(&login);
            assert!(
                login.challenges >= 2 * once - 1,
                "TLS {version}: {}",
                login.said
            );
        }
    }
}

#[test]
fn tls12_without_the_extended_master_secret_is_let_in_by_a_setting_alone() {
    const NO_EXTENDED_MASTER_SECRET: &str = "openssl_conf = openssl_init\n\
         [openssl_init]\nssl_conf = ssl_module\n\
         [ssl_module]\nsystem_default = tls_system_default\n\
         [tls_system_default]\nOptions = -ExtendedMasterSecret\n";
    let office = Office::open();
    let conf = office.folder.path().join("openssl.cnf");
    fs::write(&conf, NO_EXTENDED_MASTER_SECRET).unwrap();
    let old = Start {
        openssl_conf: Some(&conf),
        ..Start::default()
    };
    let inner = inside("auth=MSCHAPV2", "bruno", "bird-cherry-8");
    let [tls12, tls13] = TLS.map(|(_, tls)| office.network("PEAP", tls, &inner));
    // wpa_supplicant says nothing more after this alert, so that there is no Access-Reject.
    let login = office.start(&old, &tls12);
    assert!(!login.accepted, "{}", login.said);
    assert_eq!(office.counted("radius_eap_tls_alerts"), 1);
    // Nothing is missing in TLS 1.3, which binds its keys always.
    accepted_with_keys(&office.start(&old, &tls13));
    let config = fs::read_to_string(office.lab.files.config()).unwrap();
    let lenient = config.replace("[eap]\n", "[eap]\nrequire_extended_master_secret = false\n");
    assert_ne!(lenient, config);
    fs::write(office.lab.files.config(), lenient).unwrap();
    office.lab.garthd.reload().unwrap();
    let let_in = || office.start(&old, &tls12).keys_match.then_some(());
    clock::wait_for("the new setting", RELOAD_MAX, let_in).unwrap();
}

#[test]
fn reload_takes_another_certificate() {
    let office = Office::open();
    let tunnel = || {
        let inner = inside("auth=PAP", "bruno", "bird-cherry-8");
        office.tunnel("TTLS", TLS[1].1, &inner)
    };
    accepted_with_keys(&tunnel());
    let issued_by_another = Authority::create().unwrap();
    let certificate = issued_by_another.issue(SERVER_NAME, &[]).unwrap();
    fs::write(office.path("server.pem"), &certificate.certificate).unwrap();
    fs::write(office.path("server.key"), &certificate.key).unwrap();
    office.lab.garthd.reload().unwrap();
    let refused = || (!tunnel().accepted).then_some(());
    clock::wait_for("the new certificate", RELOAD_MAX, refused).unwrap();
    fs::write(
        office.path("authority.pem"),
        issued_by_another.certificate(),
    )
    .unwrap();
    accepted_with_keys(&tunnel());
}

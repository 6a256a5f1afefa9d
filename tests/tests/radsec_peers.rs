//! RadSec as clients that are not ours speak it: radsecproxy or FreeRADIUS in front, radclient before them.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that is wrong"
)]

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::process::Stdio;
use std::time::Duration;

use garth_tests::Lab;
use garth_tests::clock::wait_for;
use garth_tests::garthd::SECRET;
use garth_tests::interop::{Exchange, Peer};
use garth_tests::process::{Process, output};
use garth_tests::tls::{Authority, Certificate};
use serde_json::Value;
use tempfile::TempDir;

const PAID: &str = r#"{"username":"bruno","password":"bird-cherry-8","plan":"home-100","paid_through":"2099-01-31"}"#;

/// Where the proxy takes what it sends on over TLS.
const PROXY_PORT: u16 = 11_812;
/// The same for accounting.
const PROXY_ACCT_PORT: u16 = 11_813;
const NAS_NAME: &str = "olt.isp.example";
/// FreeRADIUS as a proxy alone; words between @ are filled in.
const RADIUSD_CONF: &str = r#"
prefix = /usr
raddbdir = @folder@/raddb
logdir = @folder@
run_dir = @folder@
libdir = /usr/lib/freeradius
name = radiusd
max_requests = 4096
proxy_requests = yes
log {
	destination = stdout
}
security {
	reject_delay = 0
}
client lab {
	ipaddr = 127.0.0.1
	secret = "@secret@"
}
home_server garthd {
	type = auth+acct
	ipaddr = 127.0.0.1
	port = 2083
	proto = tcp
	secret = radsec
	tls {
		certificate_file = @folder@/client.pem
		private_key_file = @folder@/client.key
		ca_file = @folder@/authority.pem
		fragment_size = 8192
		tls_min_version = "1.2"
	}
}
home_server_pool garth {
	home_server = garthd
}
realm garth {
	auth_pool = garth
	acct_pool = garth
	nostrip
}
server default {
	listen {
		type = acct
		ipaddr = 127.0.0.1
		port = @acct_port@
	}
	listen {
		type = auth
		ipaddr = 127.0.0.1
		port = @port@
	}
	authorize {
		update control {
			Proxy-To-Realm := "garth"
		}
	}
	preacct {
		update control {
			Proxy-To-Realm := "garth"
		}
	}
}
"#;
/// Longer than anything honest takes.
const LONG: Duration = Duration::from_secs(20);

/// A lab with RadSec, the authority that it trusts, and the files of both.
struct World {
    lab: Lab,
    authority: Authority,
    folder: TempDir,
}

impl World {
    fn start() -> Self {
        let folder = TempDir::with_prefix("garth-radsec-").unwrap();
        let authority = Authority::create().unwrap();
        let own: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        let server = authority.issue("radsec.isp.example", &own).unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::write(path("server.pem"), &server.certificate).unwrap();
        fs::write(path("server.key"), &server.key).unwrap();
        fs::write(path("authority.pem"), authority.certificate()).unwrap();
        let section = format!(
            "[radsec]\nlisten = [\"127.0.0.1:2083\", \"[::1]:2083\"]\ncertificate_file = \"{}\"\n\
             key_file = \"{}\"\nclient_ca_file = \"{}\"\n\n[[nas]]\nname = \"olt\"\n\
             certificate = \"{NAS_NAME}\"\ndialect = \"mikrotik\"\n\n[garden]\n",
            path("server.pem"),
            path("server.key"),
            path("authority.pem"),
        );
        let lab = Lab::start_with(|config| config.replace("[garden]\n", &section)).unwrap();
        let plans = lab.files.path("plans.toml");
        fs::write(&plans, garth_tests::garthd::PLANS).unwrap();
        lab.garthctl
            .run(&["plan", "apply", &plans.to_string_lossy()])
            .unwrap();
        lab.import(PAID).unwrap();
        Self {
            lab,
            authority,
            folder,
        }
    }

    /// radsecproxy with that certificate, which sends everything to `server` over TLS.
    fn proxy(&self, client: &Certificate, server: &str) -> Process {
        let path = |name: &str| self.folder.path().join(name);
        fs::write(path("client.pem"), &client.certificate).unwrap();
        fs::write(path("client.key"), &client.key).unwrap();
        let config = format!(
            "ListenUDP 127.0.0.1:{PROXY_ACCT_PORT}\nListenUDP 127.0.0.1:{PROXY_PORT}\nLogLevel 4\n\
             tls default {{\n  CACertificateFile {}\n  CertificateFile {}\n  CertificateKeyFile {}\n}}\n\
             client localhost {{\n  host 127.0.0.1\n  type udp\n  secret \"{SECRET}\"\n}}\n\
             server garthd {{\n  host {server}\n  port 2083\n  type tls\n  secret radsec\n  StatusServer on\n}}\n\
             realm * {{\n  server garthd\n  accountingServer garthd\n}}\n",
            path("authority.pem").display(),
            path("client.pem").display(),
            path("client.key").display(),
        );
        fs::write(path("radsecproxy.conf"), config).unwrap();
        let log = File::create(path("radsecproxy.log")).unwrap();
        let router = &self.lab.network.router;
        let mut command = router.command("radsecproxy");
        command
            .arg("-f")
            .arg("-c")
            .arg(path("radsecproxy.conf"))
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let process = Process::start("radsecproxy", &mut command).unwrap();
        // It listens once nobody else can.
        wait_for("radsecproxy", LONG, || {
            let bound = router.enter(|| UdpSocket::bind(("127.0.0.1", PROXY_PORT)));
            bound.unwrap().err()
        })
        .unwrap();
        process
    }

    /// FreeRADIUS with that certificate, which sends everything to garthd over TLS.
    fn freeradius(&self, client: &Certificate) -> Process {
        let path = |name: &str| self.folder.path().join(name);
        fs::create_dir_all(path("raddb")).unwrap();
        fs::write(path("client.pem"), &client.certificate).unwrap();
        fs::write(path("client.key"), &client.key).unwrap();
        let config = RADIUSD_CONF
            .replace("@folder@", &self.folder.path().display().to_string())
            .replace("@port@", &PROXY_PORT.to_string())
            .replace("@acct_port@", &PROXY_ACCT_PORT.to_string())
            .replace("@secret@", SECRET);
        fs::write(path("raddb/radiusd.conf"), config).unwrap();
        let log = File::create(path("radiusd.log")).unwrap();
        let router = &self.lab.network.router;
        let mut command = router.command("freeradius");
        command
            .arg("-X")
            .arg("-d")
            .arg(path("raddb"))
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let process = Process::start("freeradius", &mut command).unwrap();
        wait_for("freeradius", LONG, || {
            let bound = router.enter(|| UdpSocket::bind(("127.0.0.1", PROXY_PORT)));
            bound.unwrap().err()
        })
        .unwrap_or_else(|error| {
            let said = fs::read_to_string(path("radiusd.log")).unwrap_or_default();
            panic!("{error}\n{said}")
        });
        process
    }

    /// What radclient says that it received, when it sends the same `count` times through the proxy.
    fn radclient(&self, kind: &str, count: usize, attributes: &str) -> String {
        self.radclient_with(&["-r", "5", "-t", "2"], kind, count, attributes)
    }

    /// Whether nothing answers within a second.
    fn is_silent(&self, kind: &str, attributes: &str) -> bool {
        let said = self.radclient_with(&["-r", "1", "-t", "1"], kind, 1, attributes);
        !said.contains("Received")
    }

    fn radclient_with(
        &self,
        patience: &[&str],
        kind: &str,
        count: usize,
        attributes: &str,
    ) -> String {
        let port = match kind {
            "acct" => PROXY_ACCT_PORT,
            _ => PROXY_PORT,
        };
        let request = self.folder.path().join("request.txt");
        fs::write(&request, attributes).unwrap();
        let mut command = self.lab.network.router.command("radclient");
        command
            .args(["-x", "-p", "20"])
            .args(patience)
            .args(["-c", &count.to_string(), "-f"])
            .arg(&request)
            .arg(format!("127.0.0.1:{port}"))
            .args([kind, SECRET])
            .stdin(Stdio::null());
        let said = output(&mut command).unwrap();
        String::from_utf8_lossy(&said.stdout).into_owned()
    }

    fn counted(&self, name: &str) -> u64 {
        let status = self.lab.garthctl.json(&["status"]).unwrap();
        find(&status, name).unwrap_or_else(|| panic!("no {name} in {status}"))
    }

    fn proxy_log(&self) -> String {
        fs::read_to_string(self.folder.path().join("radsecproxy.log")).unwrap_or_default()
    }
}

fn find(value: &Value, name: &str) -> Option<u64> {
    value.as_object()?.iter().find_map(|(key, value)| {
        let here = (key == name).then(|| value.as_u64()).flatten();
        here.or_else(|| find(value, name))
    })
}

#[test]
fn n7_a_hundred_logins_and_a_session_through_one_connection() {
    const LOGINS: usize = 100;
    let world = World::start();
    let certificate = world.authority.issue(NAS_NAME, &[]).unwrap();
    let _proxy = world.proxy(&certificate, "127.0.0.1");
    let login = "User-Name = bruno\nUser-Password = bird-cherry-8\nMessage-Authenticator = 0x00\n";
    let said = world.radclient("auth", LOGINS, login);
    let accepted = said.matches("Received Access-Accept").count();
    assert_eq!(accepted, LOGINS, "{said}\n{}", world.proxy_log());
    assert_eq!(
        said.matches("Mikrotik-Rate-Limit = \"20000k/100000k\"")
            .count(),
        LOGINS
    );

    let chap = "User-Name = bruno\nCHAP-Password = bird-cherry-8\nMessage-Authenticator = 0x00\n";
    assert!(
        world
            .radclient("auth", 1, chap)
            .contains("Received Access-Accept")
    );
    let ms_chap =
        "User-Name = bruno\nMS-CHAP-Password = bird-cherry-8\nMessage-Authenticator = 0x00\n";
    let said = world.radclient("auth", 1, ms_chap);
    assert!(said.contains("MS-CHAP-MPPE-Keys"), "{said}");
    for right in [login, chap, ms_chap] {
        let wrong = right.replace("cherry-8", "cherry-9");
        let said = world.radclient("auth", 1, &wrong);
        assert!(said.contains("Received Access-Reject"), "{said}");
    }

    let start = "Acct-Status-Type = Start\nAcct-Session-Id = \"8120abcd\"\nUser-Name = bruno\n\
                 Framed-IP-Address = 10.64.0.8\n";
    let said = world.radclient("acct", 1, start);
    assert!(said.contains("Received Accounting-Response"), "{said}");
    let sessions = world.lab.sessions("bruno").unwrap();
    assert!(
        sessions[0].to_string().contains("olt/radsec"),
        "{sessions:?}"
    );
    let said = world.radclient("acct", 1, &start.replace("Start", "Stop"));
    assert!(said.contains("Received Accounting-Response"), "{said}");
    assert_eq!(world.lab.sessions("bruno").unwrap().len(), 0);

    assert_eq!(world.counted("radsec_connections"), 1);
    assert_eq!(world.counted("radsec_open_radius_1_0"), 1);
    assert!(world.counted("radsec_requests") >= 107);
    record(
        ("radsecproxy", "radsecproxy"),
        "RADIUS over TLS: PAP, 100 on one connection; CHAP, MS-CHAP, accounting",
        "Access-Accept, Accounting-Response",
        "Access-Reject",
    );
}

/// A row of the page of peers.
fn record((name, package): (&str, &str), spoken: &str, right: &str, wrong: &str) {
    let exchange = Exchange {
        spoken,
        right,
        wrong,
    };
    exchange
        .record(&Peer::packaged(name, package).unwrap())
        .unwrap();
}

#[test]
fn n7_client_without_a_certificate_is_refused() {
    let world = World::start();
    // radsecproxy does not start without one.
    let mut command = world.lab.network.router.command("openssl");
    command
        .args(["s_client", "-connect", "127.0.0.1:2083", "-ign_eof"])
        .arg("-CAfile")
        .arg(world.folder.path().join("authority.pem"))
        .stdin(Stdio::null());
    let said = output(&mut command).unwrap();
    let alert = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(alert.contains("certificate required"), "{alert}");
    assert_eq!(world.counted("radsec_refused_no_certificate"), 1);
    assert_eq!(world.counted("radsec_connections"), 0);
}

#[test]
fn n7_client_whose_certificate_is_not_of_our_authority_is_refused() {
    let world = World::start();
    let stranger = Authority::create().unwrap();
    let certificate = stranger.issue(NAS_NAME, &[]).unwrap();
    let _proxy = world.proxy(&certificate, "127.0.0.1");
    let login = "User-Name = bruno\nUser-Password = bird-cherry-8\nMessage-Authenticator = 0x00\n";
    wait_for("a refusal", LONG, || {
        let refused = world.counted("radsec_refused_untrusted_certificate");
        (refused > 0).then_some(())
    })
    .unwrap_or_else(|error| panic!("{error}\n{}", world.proxy_log()));
    assert!(world.is_silent("auth", login));
    assert_eq!(world.counted("radsec_connections"), 0);
    record(
        ("radsecproxy", "radsecproxy"),
        "RADIUS over TLS: its certificate",
        "connected",
        "refused where another authority has signed it",
    );
}

#[test]
fn n7_certificate_of_no_nas_is_refused_with_a_line_for_the_operator() {
    let world = World::start();
    let certificate = world.authority.issue("other.isp.example", &[]).unwrap();
    let _proxy = world.proxy(&certificate, "127.0.0.1");
    wait_for("a refusal", LONG, || {
        (world.counted("radsec_refused_unknown_nas") > 0).then_some(())
    })
    .unwrap_or_else(|error| panic!("{error}\n{}", world.proxy_log()));
    let log = fs::read_to_string(world.lab.files.log()).unwrap();
    let line = log
        .lines()
        .find(|line| line.contains("a RadSec client is refused"));
    let line = line.unwrap_or_else(|| panic!("{log}"));
    assert!(
        line.contains("other.isp.example") && line.contains("fingerprint:"),
        "{line}"
    );
}

#[test]
fn n7_reload_of_a_file_without_the_nas_cuts_its_connection() {
    let world = World::start();
    let certificate = world.authority.issue(NAS_NAME, &[]).unwrap();
    let _proxy = world.proxy(&certificate, "[::1]");
    let login = "User-Name = bruno\nUser-Password = bird-cherry-8\nMessage-Authenticator = 0x00\n";
    let said = world.radclient("auth", 1, login);
    assert!(
        said.contains("Received Access-Accept"),
        "{said}\n{}",
        world.proxy_log()
    );
    let config = fs::read_to_string(world.lab.files.config()).unwrap();
    fs::write(
        world.lab.files.config(),
        config.replace(NAS_NAME, "next.isp.example"),
    )
    .unwrap();
    world.lab.garthd.reload().unwrap();
    wait_for("the end of the connection", LONG, || {
        (world.counted("radsec_ended_removed") > 0).then_some(())
    })
    .unwrap();
    assert!(world.is_silent("auth", login));
}

#[test]
fn n7_freeradius_logs_in_and_accounts_over_tls() {
    let world = World::start();
    let certificate = world.authority.issue(NAS_NAME, &[]).unwrap();
    let _freeradius = world.freeradius(&certificate);
    let log = || fs::read_to_string(world.folder.path().join("radiusd.log")).unwrap_or_default();
    let login = "User-Name = bruno\nUser-Password = bird-cherry-8\nMessage-Authenticator = 0x00\n";
    let said = world.radclient("auth", 10, login);
    let accepted = said.matches("Received Access-Accept").count();
    assert_eq!(accepted, 10, "{said}\n{}", log());
    let start = "Acct-Status-Type = Start\nAcct-Session-Id = \"8120abcd\"\nUser-Name = bruno\n";
    let said = world.radclient("acct", 1, start);
    assert!(
        said.contains("Received Accounting-Response"),
        "{said}\n{}",
        log()
    );
    assert_eq!(world.lab.sessions("bruno").unwrap().len(), 1);
    assert!(world.counted("radsec_requests") >= 11);
    let wrong = login.replace("cherry-8", "cherry-9");
    let said = world.radclient("auth", 1, &wrong);
    assert!(said.contains("Received Access-Reject"), "{said}");
    record(
        ("FreeRADIUS over TLS", "freeradius"),
        "PAP and accounting",
        "Access-Accept, Accounting-Response",
        "Access-Reject",
    );
}

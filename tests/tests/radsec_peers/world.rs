//! A lab with RadSec, and the proxies in front of it.

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use garth_tests::Lab;
use garth_tests::clock::wait_for;
use garth_tests::eapol::{self, Login};
use garth_tests::garthd::SECRET;
use garth_tests::process::{Process, output};
use garth_tests::radsec::RadsecLab;
use garth_tests::tls::{Authority, Certificate};
use serde_json::Value;
use tempfile::TempDir;

const PEOPLE: &str = r#"{"username":"bruno","password":"bird-cherry-8","plan":"home-100","paid_through":"2099-01-31"}
{"username":"User","password":"clientPass","plan":"home-100","paid_through":"2099-01-31"}
"#;

/// Where the proxy takes what it sends on over TLS.
const PROXY_PORT: u16 = 11_812;
/// The same for accounting.
const PROXY_ACCT_PORT: u16 = 11_813;
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
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// A lab with RadSec, the authority that it trusts, and the files of both.
pub(crate) struct World {
    pub(crate) lab: Lab,
    pub(crate) authority: Authority,
    pub(crate) folder: TempDir,
}

impl World {
    pub(crate) fn start() -> Self {
        Self::start_with(|_, config| config)
    }

    /// With another configuration; `change` sees the folder of the certificates too.
    pub(crate) fn start_with(change: impl FnOnce(&Path, String) -> String) -> Self {
        let RadsecLab {
            lab,
            authority,
            folder,
        } = RadsecLab::start(change).unwrap();
        lab.import(PEOPLE).unwrap();
        Self {
            lab,
            authority,
            folder,
        }
    }

    /// A login by EAP through the proxy, with `network` for eapol_test; MPPE keys are compared.
    pub(crate) fn eap(&self, network: &str) -> Login {
        let config = self.folder.path().join("peer.conf");
        let port = PROXY_PORT.to_string();
        let router = &self.lab.network.router;
        eapol::login_at(router, (&port, SECRET), &config, network, true).unwrap()
    }

    /// radsecproxy with that certificate, which sends everything to `server` over TLS.
    pub(crate) fn proxy(&self, client: &Certificate, server: &str) -> Process {
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
        wait_for("radsecproxy", LONG, || {
            router.has_udp(PROXY_PORT).unwrap().then_some(())
        })
        .unwrap();
        process
    }

    /// FreeRADIUS with that certificate, which sends everything to garthd over TLS.
    pub(crate) fn freeradius(&self, client: &Certificate) -> Process {
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
            router.has_udp(PROXY_PORT).unwrap().then_some(())
        })
        .unwrap_or_else(|error| {
            let said = fs::read_to_string(path("radiusd.log")).unwrap_or_default();
            panic!("{error}\n{said}")
        });
        process
    }

    /// What radclient says that it received, when it sends the same `count` times through the proxy.
    pub(crate) fn radclient(&self, kind: &str, count: usize, attributes: &str) -> String {
        self.radclient_with(&["-r", "5", "-t", "2"], kind, count, attributes)
    }

    /// Whether nothing answers within a second.
    pub(crate) fn is_silent(&self, kind: &str, attributes: &str) -> bool {
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

    pub(crate) fn counted(&self, name: &str) -> u64 {
        let status = self.lab.garthctl.json(&["status"]).unwrap();
        find(&status, name).unwrap_or_else(|| panic!("no {name} in {status}"))
    }

    pub(crate) fn proxy_log(&self) -> String {
        fs::read_to_string(self.folder.path().join("radsecproxy.log")).unwrap_or_default()
    }
}

fn find(value: &Value, name: &str) -> Option<u64> {
    value.as_object()?.iter().find_map(|(key, value)| {
        let here = (key == name).then(|| value.as_u64()).flatten();
        here.or_else(|| find(value, name))
    })
}

//! OpenVPN with the plug-in openvpn-auth-radius as NAS, and its client in the subscriber's home.

use std::fs;
use std::net::IpAddr;
use std::time::Duration;

use garth_tests::Lab;
use garth_tests::clock::wait_for;
use garth_tests::interop::{Exchange, Peer};
use garth_tests::network::ROUTER_V4;
use garth_tests::process::Talker;
use garth_tests::tls::Authority;
use nix::sys::signal::Signal;

use crate::{RIGHT, USER, WORD, WRONG, lab_for_unsigned, live_and_stopped};

const PLUGIN: &str = "/usr/lib/openvpn/radiusplugin.so";

/// The name in the server's certificate.
const NAME: &str = "vpn.isp.example";

/// How long a record of the plug-in may take, which sends it when it looks next.
const RECORD_MAX: Duration = Duration::from_secs(10);

fn start_server(lab: &Lab, authority: &Authority) -> Talker {
    let folder = lab.files.path("vpn");
    fs::create_dir(&folder).unwrap();
    let address: IpAddr = ROUTER_V4.into();
    let own = authority.issue(NAME, &[address]).unwrap();
    let config = format!(
        "cd {folder}\ndev tun\nproto udp\nlocal {ROUTER_V4}\ntopology subnet\nserver 10.90.0.0 255.255.255.0\n\
         ca ca.pem\ncert own.pem\nkey own.key\ndh none\nverify-client-cert none\nusername-as-common-name\n\
         status status 1\nstatus-version 1\nplugin {PLUGIN} plugin.conf\nverb 3\n",
        folder = folder.display()
    );
    let plugin = format!(
        "NAS-Identifier=vpn\nService-Type=2\nFramed-Protocol=1\nNAS-Port-Type=5\nNAS-IP-Address=127.0.0.1\n\
         OpenVPNConfig={config}\nsubnet=255.255.255.0\noverwriteccfiles=true\n\
         server\n{{\n\tacctport=1813\n\tauthport=1812\n\tname=127.0.0.1\n\tretry=1\n\twait=2\n\
         \tsharedsecret={WORD}\n}}\n",
        config = folder.join("server.conf").display()
    );
    for (name, text) in [
        ("ca.pem", authority.certificate()),
        ("own.pem", own.certificate),
        ("own.key", own.key),
        ("server.conf", config),
        ("plugin.conf", plugin),
    ] {
        fs::write(folder.join(name), text).unwrap();
    }
    // The plug-in's own processes outlive a killed OpenVPN, but not its namespace of processes.
    let mut command = lab.network.router.command("unshare");
    command
        .args([
            "--pid",
            "--fork",
            "--kill-child=KILL",
            "openvpn",
            "--config",
        ])
        .arg(folder.join("server.conf"));
    let mut server = Talker::start("openvpn-server", &mut command, &folder).unwrap();
    server
        .await_words("Initialization Sequence Completed")
        .unwrap();
    server
}

/// A client that dials once.
fn dial(lab: &Lab, password: &str) -> Talker {
    let folder = lab.files.path("vpn");
    let login = folder.join(format!("login-{password}"));
    fs::write(&login, format!("{USER}\n{password}\n")).unwrap();
    let mut command = lab.network.home.command("openvpn");
    command
        .args(["--client", "--dev", "tun", "--proto", "udp", "--nobind"])
        .args(["--remote", &ROUTER_V4.to_string()])
        .args(["--verify-x509-name", NAME, "name"])
        .args(["--explicit-exit-notify", "--auth-retry", "none"])
        .arg("--ca")
        .arg(folder.join("ca.pem"))
        .arg("--auth-user-pass")
        .arg(&login);
    let name = format!("openvpn-client-{password}");
    Talker::start(&name, &mut command, &folder).unwrap()
}

#[test]
fn n1_n2_a_tunnel_opens_for_the_right_password_alone_and_is_a_session() {
    let lab = lab_for_unsigned();
    let authority = Authority::create().unwrap();
    let _server = start_server(&lab, &authority);

    let mut wrong = dial(&lab, WRONG);
    wrong.await_words("AUTH_FAILED").unwrap();
    assert_eq!(live_and_stopped(&lab), (0, 0));

    let mut right = dial(&lab, RIGHT);
    right
        .await_words("Initialization Sequence Completed")
        .unwrap();
    let sessions = |expected| {
        let what = format!("(live, stopped) sessions {expected:?}");
        let look = || (live_and_stopped(&lab) == expected).then_some(());
        wait_for(&what, RECORD_MAX, look).unwrap();
    };
    sessions((1, 0));
    right.process().signal(Signal::SIGTERM).unwrap();
    sessions((0, 1));

    let peer = Peer::packaged("OpenVPN with openvpn-auth-radius", "openvpn-auth-radius").unwrap();
    Exchange {
        spoken: "PAP and accounting, unsigned",
        right: "a tunnel, Start and Stop",
        wrong: "AUTH_FAILED",
    }
    .record(&peer)
    .unwrap();
}

//! FreeRADIUS as a proxy in front of garthd: what a NAS asks it, it asks Garth, over one socket.

use std::fmt::Write as _;
use std::fs;

use garth_tests::Lab;
use garth_tests::eapol;
use garth_tests::garthd::SECRET;
use garth_tests::interop::{Exchange, Peer};
use garth_tests::process::{Talker, tell};
use nix::sys::signal::Signal;

use crate::{RIGHT, USER, WRONG, lab_with, with_eap};

/// The secret between the NAS and the proxy.
const NAS_SECRET: &str = "a secret of the proxy";

/// Where the proxy listens, in the router's namespace.
const AUTH: &str = "127.0.0.1:18120";
const ACCT: &str = "127.0.0.1:18130";

/// How long the proxy waits for garthd before it doubts it, in seconds.
const PATIENT: &str = "10";
const IMPATIENT: &str = "0.2";

/// Requests of each kind, and how many are under way at a time.
const REQUESTS: usize = 200;
const PARALLEL: &str = "40";

fn port(address: &str) -> &str {
    address.rsplit(':').next().unwrap()
}

fn start_proxy(lab: &Lab, secret: &str, response_window: &str) -> Talker {
    let folder = lab.files.path(&format!("proxy-{}", secret.len()));
    fs::create_dir(&folder).unwrap();
    let config = include_str!("proxy.conf")
        .replace("@folder@", &folder.to_string_lossy())
        .replace("@auth@", port(AUTH))
        .replace("@acct@", port(ACCT))
        .replace("@nas_secret@", NAS_SECRET)
        .replace("@secret@", secret)
        .replace("@response_window@", response_window);
    fs::write(folder.join("radiusd.conf"), config).unwrap();
    let mut command = lab.network.router.command("freeradius");
    command
        .arg("-d")
        .arg(&folder)
        .args(["-f", "-xx", "-l", "stdout"]);
    let mut proxy = Talker::start("freeradius", &mut command, &folder).unwrap();
    proxy.await_words("Ready to process requests").unwrap();
    proxy
}

/// How many of a run of radclient were taken, refused and never answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Counts {
    accepted: usize,
    rejected: usize,
    lost: usize,
}

/// Sends `requests`, blocks of lines, [`PARALLEL`] at a time.
fn ask(lab: &Lab, to: &str, kind: &str, requests: &str) -> Counts {
    let mut command = lab.network.router.command("radclient");
    command
        .args(["-s", "-q", "-r", "1", "-t", "3", "-p", PARALLEL])
        .args([to, kind, NAS_SECRET]);
    let said = tell(&mut command, requests).unwrap().said;
    let count = |what: &str| {
        let line = said.lines().find(|line| line.trim().starts_with(what));
        let number = line.and_then(|line| line.rsplit(':').next()?.trim().parse().ok());
        number.unwrap_or_else(|| panic!("no {what} in {said}"))
    };
    Counts {
        accepted: count("Accepted"),
        rejected: count("Rejected"),
        lost: count("Lost"),
    }
}

/// As many logins as [`REQUESTS`], every other one with a wrong password.
fn logins() -> String {
    (0..REQUESTS).fold(String::new(), |mut text, port| {
        let password = if port % 2 == 0 { RIGHT } else { WRONG };
        writeln!(
            text,
            "User-Name = {USER}\nUser-Password = {password}\nNAS-Port = {port}\nMessage-Authenticator = 0x00\n"
        )
        .unwrap();
        text
    })
}

fn record(spoken: &str, right: &str, wrong: &str) {
    let exchange = Exchange {
        spoken,
        right,
        wrong,
    };
    let peer = Peer::packaged("FreeRADIUS as a proxy", "freeradius").unwrap();
    exchange.record(&peer).unwrap();
}

#[test]
fn n4_a_proxy_carries_many_logins_at_once_and_finds_every_reply_signed() {
    let lab = lab_with(|config| config);
    let _proxy = start_proxy(&lab, SECRET, PATIENT);
    let half = REQUESTS / 2;
    let expected = Counts {
        accepted: half,
        rejected: half,
        lost: 0,
    };
    assert_eq!(ask(&lab, AUTH, "auth", &logins()), expected);
    record(
        "200 PAP logins, 40 at a time",
        "Access-Accept",
        "Access-Reject",
    );
}

#[test]
fn n1_an_eap_tunnel_passes_a_proxy() {
    let lab = lab_with(|config| with_eap(&config, &["peap", "ttls"]));
    let _proxy = start_proxy(&lab, SECRET, PATIENT);
    let file = lab.files.path("eapol_test.conf");
    for (eap, phase2, spoken) in [
        ("PEAP", "MSCHAPV2", "EAP-PEAP/MSCHAPv2 of eapol_test"),
        ("TTLS", "PAP", "EAP-TTLS/PAP of eapol_test"),
    ] {
        let login = |password| {
            let network = format!(
                "eap={eap}\nphase2=\"auth={phase2}\"\nca_cert=\"{}\"\nidentity=\"{USER}\"\npassword=\"{password}\"",
                lab.files.authority().display()
            );
            let server = (port(AUTH), NAS_SECRET);
            eapol::login_at(&lab.network.router, server, &file, &network, true).unwrap()
        };
        let right = login(RIGHT);
        assert!(right.accepted && right.keys_match, "{}", right.said);
        let wrong = login(WRONG);
        assert!(wrong.rejected && !wrong.accepted, "{}", wrong.said);
        record(spoken, "Access-Accept and the same keys", "Access-Reject");
    }
}

#[test]
fn n2_accounting_through_a_proxy_is_kept() {
    let lab = lab_with(|config| config);
    let proxy = start_proxy(&lab, SECRET, PATIENT);
    let starts = (0..REQUESTS).fold(String::new(), |mut text, number| {
        writeln!(
            text,
            "Acct-Status-Type = Start\nAcct-Session-Id = \"proxied-{number}\"\nUser-Name = {USER}\n"
        )
        .unwrap();
        text
    });
    let kept = ask(&lab, ACCT, "acct", &starts);
    assert_eq!((kept.accepted, kept.lost), (REQUESTS, 0));
    assert_eq!(lab.sessions(USER).unwrap().len(), REQUESTS);
    drop(proxy);

    let _proxy = start_proxy(&lab, "another secret", PATIENT);
    let one = "Acct-Status-Type = Start\nAcct-Session-Id = \"lost\"\nUser-Name = bruno\n";
    let lost = ask(&lab, ACCT, "acct", one);
    assert_eq!((lost.accepted, lost.lost), (0, 1));
    assert_eq!(lab.sessions(USER).unwrap().len(), REQUESTS);
    record(
        "200 accounting records, 40 at a time",
        "Accounting-Response",
        "silence",
    );
}

#[test]
fn n3_a_proxy_that_doubts_garthd_asks_for_its_status_and_is_answered() {
    const ANSWERED: &str = "Received response to status check";
    const NOT_ANSWERED: &str = "No response to status check";
    let lab = lab_with(|config| config);
    for (secret, outcome) in [(SECRET, ANSWERED), ("another secret", NOT_ANSWERED)] {
        let mut proxy = start_proxy(&lab, secret, IMPATIENT);
        // A server that answers late is doubted: at once the proxy asks how it is.
        lab.garthd.signal(Signal::SIGSTOP).unwrap();
        let login =
            format!("User-Name = {USER}\nUser-Password = {RIGHT}\nMessage-Authenticator = 0x00\n");
        let mut command = lab.network.router.command("radclient");
        command.args(["-q", "-r", "1", "-t", "1", AUTH, "auth", NAS_SECRET]);
        tell(&mut command, &login).unwrap();
        proxy.await_words("Sent Status-Server").unwrap();
        lab.garthd.signal(Signal::SIGCONT).unwrap();
        proxy.await_words(outcome).unwrap();
    }
    record(
        "Status-Server to a server that was late",
        "Access-Accept",
        "silence",
    );
}

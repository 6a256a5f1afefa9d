//! RadSec as clients that are not ours speak it: radsecproxy or FreeRADIUS in front, radclient and eapol_test before
//! them; and OpenSSL where nobody else speaks RADIUS/1.1.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that is wrong"
)]

mod eap;
mod radius11;
mod revocation;
mod world;

use std::fs;
use std::process::Stdio;

use garth_tests::clock::wait_for;
use garth_tests::interop::{Exchange, Peer};
use garth_tests::process::output;
use garth_tests::radsec::NAS_NAME;
use garth_tests::tls::Authority;

use world::{LONG, World};

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

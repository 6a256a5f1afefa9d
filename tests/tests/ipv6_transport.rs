//! RADIUS over IPv6: both ports, a NAS known by an IPv6 prefix, Disconnect-Requests to an IPv6 address.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that is wrong"
)]

use std::net::{Ipv6Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use garth_tests::Lab;
use garth_tests::garthd::SECRET;
use garth_tests::network::ROUTER_V6;
use garth_tests::radius::{Client, Status, code};
use md5::{Digest as _, Md5};

const PAID: &str = r#"{"username":"bruno","password":"bird-cherry-8","plan":"home-100","paid_through":"2099-01-31"}"#;

/// Far longer than any honest answer: a request is sent once, so what is lost never comes.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// Where the NAS takes Disconnect-Requests.
const DYNAMIC_AUTHORIZATION: &str = "[::1]:3799";

/// A lab with a NAS on the router that is known by the prefix of its IPv6 address, and bruno.
fn lab() -> Lab {
    let section = format!(
        "[[nas]]\nname = \"six\"\naddress = \"::/64\"\nsecret = \"{SECRET}\"\n\
         dynamic_authorization = \"{DYNAMIC_AUTHORIZATION}\"\n\n[garden]\n"
    );
    let lab = Lab::start_with(|config| config.replace("[garden]\n", &section)).unwrap();
    let plans = lab.files.path("plans.toml");
    std::fs::write(&plans, garth_tests::garthd::PLANS).unwrap();
    lab.garthctl
        .run(&["plan", "apply", &plans.to_string_lossy()])
        .unwrap();
    lab.import(PAID).unwrap();
    lab
}

/// A socket of the NAS at ::1 that hears `to` alone: an answer from elsewhere would not reach it.
fn client(lab: &Lab, to: Ipv6Addr, port: u16) -> Client {
    let from = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    Client::connect_to(&lab.network.router, from, (to, port).into(), ANSWER_MAX).unwrap()
}

#[test]
fn n1_login_and_accounting_over_ipv6_are_answered_from_the_address_asked() {
    let lab = lab();
    for (nth, to) in [Ipv6Addr::LOCALHOST, ROUTER_V6].into_iter().enumerate() {
        let mut login = client(&lab, to, 1812);
        let reply = login.pap("bruno", "bird-cherry-8").unwrap();
        assert_eq!(reply, Some(code::ACCESS_ACCEPT), "{to}");
        assert!(login.repeats_its_reply().unwrap(), "{to}");
        let mut accounting = client(&lab, to, 1813);
        let session = format!("8120abc{nth}");
        assert!(
            accounting
                .account(Status::Start, "bruno", &session, 0)
                .unwrap(),
            "{to}"
        );
    }
    let sessions = lab.sessions("bruno").unwrap();
    assert_eq!(sessions.len(), 2, "{sessions:?}");
    assert!(sessions[0].to_string().contains("six/::1"), "{sessions:?}");
}

#[test]
fn n10_disconnect_request_reaches_a_nas_over_ipv6() {
    let lab = lab();
    let session = "8120abcd";
    let started =
        client(&lab, Ipv6Addr::LOCALHOST, 1813).account(Status::Start, "bruno", session, 0);
    assert!(started.unwrap());
    let nas = lab
        .network
        .router
        .enter(|| UdpSocket::bind(DYNAMIC_AUTHORIZATION).unwrap())
        .unwrap();
    nas.set_read_timeout(Some(ANSWER_MAX)).unwrap();
    let asked = thread::scope(|scope| {
        let asked = scope.spawn(|| acknowledge(&nas));
        lab.garthctl
            .run(&[
                "session",
                "disconnect",
                "--nas",
                "six/::1",
                "--session",
                session,
            ])
            .unwrap();
        asked.join().unwrap()
    });
    assert!(
        asked
            .windows(session.len())
            .any(|octets| octets == session.as_bytes())
    );
}

/// Answers one Disconnect-Request with Disconnect-ACK (RFC 5176 section 2.3); returns the request.
fn acknowledge(nas: &UdpSocket) -> Vec<u8> {
    const DISCONNECT_REQUEST: u8 = 40;
    const DISCONNECT_ACK: u8 = 41;
    let mut request = [0; 4096];
    let (length, peer) = nas.recv_from(&mut request).unwrap();
    assert_eq!(request[0], DISCONNECT_REQUEST);
    assert!(peer.is_ipv6());
    let mut reply = [0; 20];
    reply[..4].copy_from_slice(&[DISCONNECT_ACK, request[1], 0, 20]);
    let digest = Md5::new()
        .chain_update(&reply[..4])
        .chain_update(&request[4..20])
        .chain_update(SECRET)
        .finalize();
    reply[4..].copy_from_slice(&digest);
    nas.send_to(&reply, peer).unwrap();
    request[..length].to_vec()
}

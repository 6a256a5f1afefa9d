//! The main job: suspended, walled in, paid, online again; and what must not happen beside it.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that is wrong"
)]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use garth_tests::Lab;
use garth_tests::clock;
use garth_tests::internet::GREETING;
use garth_tests::network::{Family, HOSTS, WEB_NAME, WEB_V4, host_address, host_v4};
use garth_tests::process::run;
use garth_tests::radclient::Question;
use garth_tests::story::{self, Story};

/// Somebody who has paid.
const BRUNO: &str = r#"{"username":"bruno","password":"bird-cherry-8","plan":"home-100","paid_through":"2099-01-31"}"#;

/// How long an effect on the network is waited for, on a machine that does other things too.
const EFFECT_MAX: Duration = Duration::from_secs(30);

/// Far longer than any honest answer: what is cut is reset, not met with silence.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// Bruno's session at the address of `host`.
fn starts_session(lab: &Lab, host: u8) {
    let address = host_v4(host);
    let attributes = format!(
        "Acct-Status-Type = Start\nAcct-Session-Id = \"81200002\"\nUser-Name = bruno\nFramed-IP-Address = {address}"
    );
    let reply = lab.radius(Question::Accounting, &attributes).unwrap();
    assert!(reply.is("Accounting-Response"), "{}", reply.said);
}

/// Whether a request on this connection is answered; else it was cut.
fn is_answered(stream: &mut TcpStream) -> bool {
    let request = format!("GET / HTTP/1.1\r\nHost: {WEB_NAME}\r\n\r\n");
    let written = stream.write_all(request.as_bytes());
    let read = written.and_then(|()| stream.read(&mut [0; 4096]));
    match read.map_err(|error| error.kind()) {
        Ok(length) => length > 0,
        Err(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => false,
        Err(other) => panic!("neither answered nor cut: {other}"),
    }
}

fn plays_in(family: Family) {
    let lab = Lab::start_in(family).unwrap();
    let mut steps = 0;
    let measured = story::main_job(&lab, family, &mut |_| steps += 1).unwrap();
    assert_eq!(steps, 12);
    assert!(measured.release < Duration::from_secs(1), "{measured:?}");
    lab.garthctl.run(&["journal", "verify"]).unwrap();
}

#[test]
fn suspended_subscriber_pays_and_is_online_within_a_second_over_ipv4() {
    plays_in(Family::V4);
}

#[test]
fn suspended_subscriber_pays_and_is_online_within_a_second_over_ipv6() {
    plays_in(Family::V6);
}

#[test]
fn paid_neighbour_is_online_while_another_is_walled() {
    let lab = Lab::start().unwrap();
    lab.import(BRUNO).unwrap();
    let neighbour = HOSTS[1];
    starts_session(&lab, neighbour);
    Story::of(&lab, Family::V4).unwrap().is_suspended().unwrap();

    let curl = lab.curl(host_address(neighbour, Family::V4)).unwrap();
    for scheme in ["http", "https"] {
        let answer = curl.get(&format!("{scheme}://{WEB_NAME}/")).unwrap();
        assert_eq!(answer.body, GREETING, "{answer:?}");
    }
}

#[test]
fn open_connection_ends_at_suspension_and_a_new_one_opens_at_lift() {
    let lab = Lab::start().unwrap();
    lab.import(BRUNO).unwrap();
    starts_session(&lab, HOSTS[0]);
    let web = SocketAddr::from((WEB_V4, 80));
    let mut stream = lab
        .network
        .home
        .enter(|| TcpStream::connect(web).unwrap())
        .unwrap();
    stream.set_read_timeout(Some(ANSWER_MAX)).unwrap();
    assert!(is_answered(&mut stream), "there was no connection to cut");

    let suspend = ["subscription", "suspend", "bruno", "--reason", "a test"];
    lab.garthctl.run(&suspend).unwrap();
    clock::wait_for("the end of the connection", EFFECT_MAX, || {
        (!is_answered(&mut stream)).then_some(())
    })
    .unwrap();

    lab.garthctl
        .run(&["subscription", "lift", "bruno"])
        .unwrap();
    let curl = lab.curl(host_address(HOSTS[0], Family::V4)).unwrap();
    clock::wait_for("the release", EFFECT_MAX, || {
        let answer = curl.get(&format!("https://{WEB_NAME}/")).ok()?;
        (answer.body == GREETING).then_some(())
    })
    .unwrap();
}

#[test]
fn n25_rules_that_another_tool_flushed_come_back() {
    let lab = Lab::start().unwrap();
    let anna = Story::of(&lab, Family::V4).unwrap();
    anna.is_suspended().unwrap();
    run(lab.network.router.command("nft").args(["flush", "ruleset"])).unwrap();
    let url = format!("http://{WEB_NAME}/");
    clock::wait_for("the wall", EFFECT_MAX, || {
        // One that connects before the wall is back hangs when it is: that one must not be waited for.
        anna.curl()
            .request(&url, &["--max-time", "0.5"])
            .ok()
            .filter(|answer| answer.status == 302)
    })
    .unwrap();
}

#[test]
fn wall_and_payment_survive_a_restart() {
    let mut lab = Lab::start().unwrap();
    let url = format!("http://{WEB_NAME}/");
    Story::of(&lab, Family::V4).unwrap().is_suspended().unwrap();
    assert!(lab.garthd.stop().unwrap().success());
    lab.restart().unwrap();
    {
        let anna = Story::of(&lab, Family::V4).unwrap();
        // The garden is built before garthd says that it is ready.
        anna.curl().get(&url).unwrap().expect_status(302).unwrap();
        let hosted = anna.checks_out().unwrap();
        anna.presses(&hosted, "pay", "normal").unwrap();
        clock::wait_for("the release", EFFECT_MAX, || {
            anna.curl()
                .get(&url)
                .ok()
                .filter(|answer| answer.status == 200)
        })
        .unwrap();
    }
    assert!(lab.garthd.stop().unwrap().success());
    lab.restart().unwrap();
    let anna = Story::of(&lab, Family::V4).unwrap();
    assert_eq!(anna.curl().get(&url).unwrap().body, GREETING);
}

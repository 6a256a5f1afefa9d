//! Input that is wrong: a plain 4xx page, a problem with its rule, a line number. For RADIUS see `hostile_radius`.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that is wrong"
)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use garth_tests::Lab;
use garth_tests::garthd::{portal_url, program};
use garth_tests::network::{Family, HOSTS, ROUTER_V4, host_address};
use garth_tests::process::output;
use garth_tests::radius::Client;
use serde_json::Value;

const PAID: &str = r#"{"username":"bruno","password":"bird-cherry-8","plan":"home-100","paid_through":"2099-01-31"}"#;

/// Longer than any honest answer.
const ANSWER_MAX: Duration = Duration::from_secs(1);

fn lab_with_bruno() -> Lab {
    let lab = Lab::start().unwrap();
    lab.import(PAID).unwrap();
    lab
}

#[test]
fn http_garbage_is_met_with_4xx_or_a_closed_connection() {
    let lab = Lab::start().unwrap();
    let mut huge = b"GET / HTTP/1.1\r\nHost: a\r\nX: ".to_vec();
    huge.extend(vec![b'x'; 200_000]);
    let requests: [&[u8]; 5] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        &huge,
    ];
    for request in requests {
        let answer = lab
            .network
            .home
            .enter(|| {
                let mut stream = TcpStream::connect((ROUTER_V4, 8080)).unwrap();
                stream
                    .set_read_timeout(Some(Duration::from_secs(30)))
                    .unwrap();
                // The portal may have closed before it heard all of it.
                drop(stream.write_all(request));
                drop(stream.shutdown(std::net::Shutdown::Write));
                let mut answer = Vec::new();
                drop(stream.read_to_end(&mut answer));
                String::from_utf8_lossy(&answer).into_owned()
            })
            .unwrap();
        let right = answer.is_empty()
            || answer.starts_with("HTTP/1.1 4")
            || answer.starts_with("HTTP/1.1 505");
        assert!(right, "{request:?} was answered with {answer}");
    }
    let curl = lab.curl(host_address(HOSTS[0], Family::V4)).unwrap();
    let answer = curl.get(&format!("{}/", portal_url())).unwrap();
    assert_eq!(answer.exit, 0, "the portal is gone: {answer:?}");
}

#[test]
fn command_that_a_rule_refuses_names_the_rule() {
    let lab = lab_with_bruno();
    let said = lab
        .garthctl
        .try_run(&[
            "subscription",
            "grace",
            "bruno",
            "--days",
            "0",
            "--reason",
            "none",
        ])
        .unwrap();
    assert_eq!(said.exit, 1, "{said:?}");
    assert!(said.err.contains("L7"), "no rule in {}", said.err);
    let said = lab
        .garthctl
        .try_run(&[
            "subscription",
            "pause",
            "bruno",
            "--until",
            "2001-01-01",
            "--reason",
            "none",
        ])
        .unwrap();
    assert_eq!(said.exit, 1, "{said:?}");
    assert!(said.err.contains("L24"), "no rule in {}", said.err);
}

#[test]
fn garthctl_ends_with_the_exit_code_of_the_fault() {
    let lab = lab_with_bruno();
    let exit = |arguments: &[&str]| lab.garthctl.try_run(arguments).unwrap().exit;
    assert_eq!(exit(&["subscription", "show", "bruno"]), 0);
    assert_eq!(exit(&["subscription", "show", "nobody"]), 1);
    assert_eq!(exit(&["subscription", "water", "bruno"]), 2);
    let mut elsewhere = Command::new(program("garthctl").unwrap());
    let said = output(elsewhere.args(["--socket", "/nowhere/admin.sock", "status"])).unwrap();
    assert_eq!(said.status.code(), Some(3));
}

#[test]
fn admin_request_that_is_wrong_is_answered_with_a_problem() {
    let lab = lab_with_bruno();
    let socket = lab.files.admin_socket();
    for (path, data) in [
        ("/v1/nothing", None),
        ("/v1/subscriptions/bruno/grace", Some("{\"days\":\"many\"}")),
        (
            "/v1/subscriptions/bruno/grace",
            Some("{\"days\":1,\"reason\":\"a\",\"gnomes\":7}"),
        ),
        ("/v1/subscriptions/bruno/grace", Some("{")),
    ] {
        let mut curl = lab.network.home.command("curl");
        curl.args(["-sS", "--max-time", "10", "--unix-socket"])
            .arg(&socket);
        curl.args(["-w", "\n%{http_code} %{content_type}"]);
        if let Some(data) = data {
            curl.args(["-H", "Content-Type: application/json", "--data-raw", data]);
        }
        let said = output(curl.arg(format!("http://localhost{path}"))).unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        let (body, last) = said.rsplit_once('\n').unwrap();
        assert!(
            last.starts_with('4') && last.contains("application/problem+json"),
            "{path}: {said}"
        );
        let problem: Value = serde_json::from_str(body).unwrap();
        assert!(
            problem["title"].is_string() && problem["status"].is_u64(),
            "{problem}"
        );
    }
}

#[test]
fn bad_import_lines_are_named_and_good_ones_kept() {
    let lab = Lab::start().unwrap();
    let lines = [
        PAID,
        "not json",
        r#"{"username":"carla","password":"p","plan":"no-such-plan","paid_through":"2099-01-31"}"#,
        r#"{"username":"dora","password":"p","plan":"home-100","paid_through":"2099-02-31"}"#,
        r#"{"username":"emil","password":"p","plan":"home-100","paid_through":"2099-01-31"}"#,
        r#"{"username":"bruno","password":"p","plan":"home-100","paid_through":"2099-01-31"}"#,
        r#"{"username":"frieda","password":"p","plan":"home-100","paid_through":"2099-01-31","gnomes":7}"#,
    ];
    let path = lab.files.path("bad.jsonl");
    fs::write(&path, lines.join("\n")).unwrap();
    let said = lab
        .garthctl
        .try_run(&["subscription", "import", &path.to_string_lossy()])
        .unwrap();
    assert_ne!(said.exit, 0, "{said:?}");
    let words = format!("{}{}", said.out, said.err);
    for bad in [2, 3, 4, 6, 7] {
        assert!(
            words.contains(&format!("line {bad}")),
            "line {bad} is not named in: {words}"
        );
    }
    for good in ["bruno", "emil"] {
        assert_eq!(lab.subscription(good).unwrap()["standing"], "active");
    }
}

#[test]
fn no_secret_and_no_raw_control_character_reaches_the_log() {
    let lab = lab_with_bruno();
    let mut client = Client::connect(&lab.network.router, 1812, ANSWER_MAX).unwrap();
    client
        .pap("bruno\u{1b}[31m\r\nfake line", "wrong-horse-9")
        .unwrap();
    client.pap("bruno", "bird-cherry-8").unwrap();
    let curl = lab.curl(host_address(HOSTS[0], Family::V4)).unwrap();
    curl.request(
        &format!("{}/", portal_url()),
        &["--header", "Accept-Language: \u{1b}[31m"],
    )
    .unwrap();
    let log = fs::read_to_string(lab.files.log()).unwrap();
    for secret in [
        "bird-cherry-8",
        "wrong-horse-9",
        garth_tests::garthd::SECRET,
    ] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    let raw = log
        .chars()
        .find(|c| c.is_control() && *c != '\n' && *c != '\t');
    assert_eq!(raw, None, "in the log:\n{log}");
}

//! RADIUS as a NAS meets it, by radclient of FreeRADIUS.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that is wrong"
)]

use std::time::Duration;

use garth_tests::Lab;
use garth_tests::garthd::SECRET;
use garth_tests::interop::{Exchange, Peer};
use garth_tests::network::Family;
use garth_tests::radclient::{self, Question, Reply};
use garth_tests::radius::{Client, code};
use garth_tests::story::Story;

/// Far longer than any honest answer: a request is sent once, so what is lost never comes.
const ANSWER_MAX: Duration = Duration::from_secs(60);

const PAID: &str = r#"{"username":"bruno","password":"bird-cherry-8","plan":"home-100","paid_through":"2099-01-31"}"#;

fn lab_with_bruno() -> Lab {
    let lab = Lab::start().unwrap();
    lab.import(PAID).unwrap();
    lab
}

fn login(lab: &Lab, attributes: &str) -> Reply {
    lab.radius(Question::Authentication, attributes).unwrap()
}

fn radclient() -> Peer {
    Peer::packaged("radclient", "freeradius-utils").unwrap()
}

/// The code of a reply that verifies, as the page of peers names it.
fn code_of(reply: &Reply) -> &str {
    reply.code.as_deref().unwrap_or("silence")
}

#[test]
fn n1_pap_chap_and_ms_chap_are_accepted_with_the_plan_or_rejected_without_it() {
    let lab = lab_with_bruno();
    for (spoken, attribute) in [
        ("PAP", "User-Password"),
        ("CHAP", "CHAP-Password"),
        ("MS-CHAP v1", "MS-CHAP-Password"),
    ] {
        let right = login(
            &lab,
            &format!("User-Name = bruno\n{attribute} = bird-cherry-8"),
        );
        assert!(right.is("Access-Accept"), "{spoken}: {}", right.said);
        let wrong = login(
            &lab,
            &format!("User-Name = bruno\n{attribute} = bird-cherry-9"),
        );
        assert!(wrong.is("Access-Reject"), "{spoken}: {}", wrong.said);
        for (reply, rate) in [(&right, Some("20000k/100000k")), (&wrong, None)] {
            assert_eq!(reply.attribute("Mikrotik-Rate-Limit"), rate);
            let first = reply.attributes[0].split(' ').next();
            assert_eq!(first, Some("Message-Authenticator"), "{}", reply.said);
        }
        Exchange {
            spoken,
            right: code_of(&right),
            wrong: code_of(&wrong),
        }
        .record(&radclient())
        .unwrap();
    }
}

#[test]
fn n3_status_and_accounting_are_answered_to_the_right_secret_alone() {
    let lab = lab_with_bruno();
    let start = "Acct-Status-Type = Start\nAcct-Session-Id = \"8120abce\"\nUser-Name = bruno";
    for (spoken, question, attributes, code) in [
        (
            "Status-Server, authentication port",
            Question::Status,
            "",
            "Access-Accept",
        ),
        (
            "Status-Server, accounting port",
            Question::AccountingStatus,
            "",
            "Accounting-Response",
        ),
        (
            "accounting",
            Question::Accounting,
            start,
            "Accounting-Response",
        ),
    ] {
        let ask = |secret| radclient::ask(&lab.network.router, question, secret, attributes);
        let [wrong, right] = ["another secret", SECRET].map(|secret| ask(secret).unwrap());
        assert!(right.is(code), "{spoken}: {}", right.said);
        assert_eq!(wrong.code, None, "{spoken}: {}", wrong.said);
        Exchange {
            spoken,
            right: code_of(&right),
            wrong: code_of(&wrong),
        }
        .record(&radclient())
        .unwrap();
    }
}

#[test]
fn new_rates_of_a_plan_are_in_the_next_answer() {
    let lab = lab_with_bruno();
    let plans = lab.files.path("faster.toml");
    let faster = garth_tests::garthd::PLANS.replace("100_000", "250_000");
    std::fs::write(&plans, faster).unwrap();
    lab.garthctl
        .run(&["plan", "apply", &plans.to_string_lossy()])
        .unwrap();
    let reply = login(&lab, "User-Name = bruno\nUser-Password = bird-cherry-8");
    assert_eq!(
        reply.attribute("Mikrotik-Rate-Limit"),
        Some("20000k/250000k")
    );
}

#[test]
fn wrong_password_and_unknown_user_are_rejected() {
    let lab = lab_with_bruno();
    for attributes in [
        "User-Name = bruno\nUser-Password = bird-cherry-9",
        "User-Name = bruno\nCHAP-Password = bird-cherry-9",
        "User-Name = nobody\nUser-Password = bird-cherry-8",
        "User-Name = \"bruno \"\nUser-Password = bird-cherry-8",
    ] {
        let reply = login(&lab, attributes);
        assert!(reply.is("Access-Reject"), "{attributes}: {}", reply.said);
    }
}

#[test]
fn wrong_secret_is_answered_with_silence_and_counted() {
    let lab = lab_with_bruno();
    let attributes = "User-Name = bruno\nUser-Password = bird-cherry-8";
    let router = &lab.network.router;
    let reply = radclient::ask(
        router,
        Question::Authentication,
        "another secret",
        attributes,
    )
    .unwrap();
    assert_eq!(reply.code, None, "{}", reply.said);
    let reply = radclient::ask(router, Question::Authentication, SECRET, attributes).unwrap();
    assert!(reply.is("Access-Accept"), "{}", reply.said);
    let status = lab.garthctl.json(&["status"]).unwrap().to_string();
    assert!(status.contains("drop"), "no counter of drops in {status}");
}

#[test]
fn n5_a_retransmission_reaches_the_worker_that_answered_before() {
    const PORTS: u64 = 64;
    let lab =
        Lab::start_with(|config| config.replace("[radius]\n", "[radius]\nworkers = 4\n")).unwrap();
    // All at once: a port that was given back could be given out again, and its request be a repetition.
    let clients = (0..PORTS).map(|_| Client::connect(&lab.network.router, 1812, ANSWER_MAX));
    let clients: Vec<Client> = clients.collect::<Result<_, _>>().unwrap();
    for (port, mut client) in clients.into_iter().enumerate() {
        let reply = client.pap("nobody", "bird-cherry-8").unwrap();
        assert_eq!(reply, Some(code::ACCESS_REJECT), "port {port}");
        assert!(client.repeats_its_reply().unwrap(), "port {port}");
    }
    let status = lab.garthctl.json(&["status"]).unwrap().to_string();
    for counter in ["radius_duplicate", "radius_reject_unknown_user"] {
        let expected = format!("\"{counter}\":{PORTS}");
        assert!(status.contains(&expected), "no {expected} in {status}");
    }
}

#[test]
fn accounting_from_start_to_stop_is_one_session() {
    let lab = lab_with_bruno();
    for (status, octets) in [
        ("Start", 0),
        ("Interim-Update", 1_000),
        ("Interim-Update", 500),
        ("Stop", 2_000),
    ] {
        let reply = lab
            .radius(
                Question::Accounting,
                &format!(
                    "Acct-Status-Type = {status}\nAcct-Session-Id = \"8120abcd\"\nUser-Name = bruno\n\
                     Framed-IP-Address = 10.64.0.8\nAcct-Output-Octets = {octets}\nAcct-Output-Gigawords = 1"
                ),
            )
            .unwrap();
        assert!(reply.is("Accounting-Response"), "{}", reply.said);
        let sessions = lab.sessions("bruno").unwrap();
        assert_eq!(
            sessions.len(),
            usize::from(status != "Stop"),
            "after {status}: {sessions:?}"
        );
        if let Some(session) = sessions.first() {
            let seen = session["output_octets"].as_u64().unwrap();
            assert!(seen >= (1 << 32) + octets, "usage went down: {seen}");
        }
    }
}

#[test]
fn terminated_subscriber_is_rejected() {
    let lab = lab_with_bruno();
    lab.garthctl
        .run(&[
            "subscription",
            "terminate",
            "bruno",
            "--yes",
            "--reason",
            "moved away",
        ])
        .unwrap();
    let reply = login(&lab, "User-Name = bruno\nUser-Password = bird-cherry-8");
    assert!(reply.is("Access-Reject"), "{}", reply.said);
}

#[test]
fn paused_subscriber_is_accepted_into_the_garden_and_out_of_it() {
    let lab = lab_with_bruno();
    let attributes = "User-Name = bruno\nUser-Password = bird-cherry-8";
    lab.garthctl
        .run(&["subscription", "pause", "bruno", "--reason", "holiday"])
        .unwrap();
    let reply = login(&lab, attributes);
    assert!(reply.is("Access-Accept"), "{}", reply.said);
    assert_eq!(reply.attribute("Mikrotik-Address-List"), Some("garden"));
    lab.garthctl
        .run(&["subscription", "end-pause", "bruno"])
        .unwrap();
    let reply = login(&lab, attributes);
    assert_eq!(
        reply.attribute("Mikrotik-Rate-Limit"),
        Some("20000k/100000k")
    );
}

#[test]
fn suspended_subscriber_is_accepted_not_rejected() {
    let lab = Lab::start().unwrap();
    Story::of(&lab, Family::V4).unwrap().is_suspended().unwrap();
    let reply = login(&lab, "User-Name = anna\nUser-Password = rose-garden-7");
    assert!(reply.is("Access-Accept"), "{}", reply.said);
}

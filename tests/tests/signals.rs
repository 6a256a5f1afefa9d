//! What the service manager does: reload, stop, and starts that must not happen.

use std::fs;
use std::time::Duration;

use garth_tests::Lab;
use garth_tests::clock;
use garth_tests::garthd::program;
use garth_tests::network::Family;
use garth_tests::process::output;
use garth_tests::radclient::Question;
use garth_tests::radius::{Client, code};
use garth_tests::story::Story;

const PAID: &str = r#"{"username":"bruno","password":"bird-cherry-8","plan":"home-100","paid_through":"2099-01-31"}"#;

/// How long a reload may take to show.
const RELOAD_MAX: Duration = Duration::from_secs(5);

/// Far longer than any honest answer: a request is sent once, so what is lost never comes.
const ANSWER_MAX: Duration = Duration::from_secs(60);

fn rate_in_garden(lab: &Lab) -> Option<String> {
    let attributes = "User-Name = anna\nUser-Password = rose-garden-7";
    let reply = lab.radius(Question::Authentication, attributes).ok()?;
    reply.attribute("Mikrotik-Rate-Limit").map(str::to_owned)
}

#[test]
fn reload_takes_effect_and_loses_no_answer() {
    let lab = Lab::start().unwrap();
    lab.import(PAID).unwrap();
    Story::of(&lab, Family::V4).unwrap().is_suspended().unwrap();
    assert_eq!(rate_in_garden(&lab).as_deref(), Some("1000k/1000k"));

    let config = fs::read_to_string(lab.files.config()).unwrap();
    fs::write(
        lab.files.config(),
        config.replace("down_kbps = 1_000", "down_kbps = 2_000"),
    )
    .unwrap();
    let mut client = Client::connect(&lab.network.router, 1812, ANSWER_MAX).unwrap();
    lab.garthd.reload().unwrap();
    clock::wait_for("the new rate", RELOAD_MAX, || {
        assert_eq!(
            client.pap("bruno", "bird-cherry-8").unwrap(),
            Some(code::ACCESS_ACCEPT)
        );
        (rate_in_garden(&lab)? == "1000k/2000k").then_some(())
    })
    .unwrap();
}

#[test]
fn reload_of_a_wrong_configuration_changes_nothing() {
    let mut lab = Lab::start().unwrap();
    lab.import(PAID).unwrap();
    let config = fs::read_to_string(lab.files.config()).unwrap();
    fs::write(
        lab.files.config(),
        config.replace("[garden]", "[garden]\ngnomes = 7"),
    )
    .unwrap();
    lab.garthd.reload().unwrap();
    clock::wait_for("a word in the log", RELOAD_MAX, || {
        fs::read_to_string(lab.files.log())
            .ok()
            .filter(|log| log.contains("gnomes"))
    })
    .unwrap();
    assert!(lab.garthd.is_running().unwrap());
    let mut client = Client::connect(&lab.network.router, 1812, ANSWER_MAX).unwrap();
    assert_eq!(
        client.pap("bruno", "bird-cherry-8").unwrap(),
        Some(code::ACCESS_ACCEPT)
    );
}

#[test]
fn stop_is_graceful_and_keeps_what_was_acknowledged() {
    let mut lab = Lab::start().unwrap();
    Story::of(&lab, Family::V4).unwrap().is_suspended().unwrap();
    assert!(
        lab.garthd.stop().unwrap().success(),
        "{}",
        lab.files.log_tail()
    );
    lab.restart().unwrap();
    assert_eq!(lab.sessions("anna").unwrap().len(), 1);
    lab.garthctl.run(&["journal", "verify"]).unwrap();
}

#[test]
fn wrong_configuration_is_named_by_file_line_and_key() {
    let lab = Lab::start().unwrap();
    let config = fs::read_to_string(lab.files.config()).unwrap();
    let wrong = lab.files.path("wrong.toml");
    for (from, to, line_of, key) in [
        ("[garden]", "[garden]\ngnomes = 7", "gnomes = 7", "gnomes"),
        (
            "time_zone = \"Europe/Vienna\"",
            "time_zone = \"Europe/Wien\"",
            "time_zone",
            "Europe/Wien",
        ),
        (
            "dialect = \"mikrotik\"",
            "dialect = \"microtik\"",
            "dialect",
            "mikrotik",
        ),
    ] {
        let text = config.replace(from, to);
        let line = text
            .lines()
            .position(|line| line.starts_with(line_of))
            .unwrap()
            + 1;
        fs::write(&wrong, text).unwrap();
        let mut command = lab.network.router.command(program("garthd").unwrap());
        let said = output(command.arg("check-config").arg(&wrong)).unwrap();
        assert!(!said.status.success());
        let words = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(
            words.contains(&format!("wrong.toml:{line}")),
            "no place in: {words}"
        );
        assert!(words.contains(key), "no {key} in: {words}");
    }
}

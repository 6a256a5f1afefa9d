//! pyrad, a NAS in Python that takes no reply to a login without a Message-Authenticator.

use std::path::Path;

use garth_tests::garthd::SECRET;
use garth_tests::interop::{Exchange, Peer};
use garth_tests::process::run;
use garth_tests::{Lab, interop};

use crate::{RIGHT, USER, WRONG, answers, lab_with, with_eap};

/// As scripts/install-needs installs it.
const VERSION: &str = "2.6.0";

/// What came of each of `questions`, in their order.
fn ask(lab: &Lab, secret: &str, password: &str, questions: &[&str]) -> Vec<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = lab.network.router.command("/usr/bin/python3");
    command
        .arg("-B")
        .arg(here.join("tests/peers/pyrad_nas.py"))
        .args([secret, USER, password])
        .args(questions)
        .env("PYTHONPATH", interop::installed("pyrad").unwrap());
    answers(&run(&mut command).unwrap(), questions)
}

fn record(spoken: &str, right: &str, wrong: &str) {
    let exchange = Exchange {
        spoken,
        right,
        wrong,
    };
    exchange.record(&Peer::new("pyrad", VERSION)).unwrap();
}

#[test]
fn n4_pyrad_finds_every_reply_signed() {
    let lab = lab_with(|config| with_eap(&config, &["md5"]));
    let questions = ["pap", "chap", "eap-md5", "status"];
    let right = ask(&lab, SECRET, RIGHT, &questions);
    assert_eq!(right, ["Access-Accept"; 4]);
    let wrong = ask(&lab, SECRET, WRONG, &questions[..3]);
    assert_eq!(wrong, ["Access-Reject"; 3]);
    for (spoken, (right, wrong)) in ["PAP", "CHAP", "EAP-MD5"]
        .iter()
        .zip(right.iter().zip(&wrong))
    {
        record(spoken, right, wrong);
    }
}

#[test]
fn n2_accounting_of_pyrad_is_one_session_and_another_secret_none() {
    let lab = lab_with(|config| config);
    let wrong = ask(&lab, "another secret", RIGHT, &["start"]);
    assert_eq!(wrong, ["silence"]);
    assert_eq!(lab.sessions(USER).unwrap().len(), 0);
    let right = ask(&lab, SECRET, RIGHT, &["start"]);
    assert_eq!(right, ["Accounting-Response"]);
    assert_eq!(lab.sessions(USER).unwrap().len(), 1);
    assert_eq!(ask(&lab, SECRET, RIGHT, &["stop"]), right);
    assert_eq!(lab.sessions(USER).unwrap().len(), 0);
    record("accounting", &right[0], &wrong[0]);
}

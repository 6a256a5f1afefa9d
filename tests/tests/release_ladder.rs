//! The NAS follows: what a MikroTik is told when a subscriber is walled and pays, and what a crash does not change.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that is wrong"
)]

use std::time::Duration;

use garth_tests::Lab;
use garth_tests::clock;
use garth_tests::dynamic_nas::{Came, DynamicNas};
use garth_tests::garthd::PLANS;
use garth_tests::radclient::Question;
use garth_tests::radius::{Client, code};

/// Somebody who has paid.
const ANNA: &str = r#"{"username":"anna","password":"bird-cherry-8","plan":"home-100","paid_through":"2099-01-31"}"#;

/// From a command, or a start, to the request at the NAS.
const TOLD_MAX: Duration = Duration::from_secs(10);

const MIKROTIK: u32 = 14_988;
const RATE_LIMIT: u8 = 8;
const ADDRESS_LIST: u8 = 19;

/// A lab whose NAS, on the router itself, takes CoA, with a session of Anna's.
fn with_session() -> (Lab, DynamicNas) {
    let lab = Lab::start_with(|config| {
        config.replace(
            "dialect = \"mikrotik\"\n",
            "dialect = \"mikrotik\"\ndynamic_authorization = \"source\"\n",
        )
    })
    .unwrap();
    let nas = DynamicNas::listen(&lab.network.router, "127.0.0.1:3799".parse().unwrap()).unwrap();
    let plans = lab.files.path("plans.toml");
    std::fs::write(&plans, PLANS).unwrap();
    lab.garthctl
        .run(&["plan", "apply", &plans.to_string_lossy()])
        .unwrap();
    lab.import(ANNA).unwrap();
    let attributes = "Acct-Status-Type = Start\nAcct-Session-Id = \"81200001\"\nUser-Name = anna\nFramed-IP-Address = 10.64.0.7";
    let reply = lab.radius(Question::Accounting, attributes).unwrap();
    assert!(reply.is("Accounting-Response"), "{}", reply.said);
    (lab, nas)
}

/// The same, walled.
fn walled() -> (Lab, DynamicNas) {
    let (lab, nas) = with_session();
    let suspend = ["subscription", "suspend", "anna", "--reason", "a test"];
    lab.garthctl.run(&suspend).unwrap();
    told(&nas, "garden", "1000k/1000k");
    (lab, nas)
}

/// Waits for a CoA-Request with that list and rate.
fn told(nas: &DynamicNas, list: &str, rate: &str) {
    told_after(nas, 0, 1, list, rate);
}

/// Waits for so many of them, repetitions too, after so many requests of any kind.
fn told_after(nas: &DynamicNas, before: usize, count: usize, list: &str, rate: &str) {
    let is_it = |came: &&Came| {
        came.is_coa
            && came.text(MIKROTIK, ADDRESS_LIST).as_deref() == Some(list)
            && came.text(MIKROTIK, RATE_LIMIT).as_deref() == Some(rate)
    };
    clock::wait_for("the CoA-Request", TOLD_MAX, || {
        let came = nas.came();
        let of_them = came.iter().skip(before).filter(is_it).count();
        (of_them >= count).then_some(())
    })
    .unwrap_or_else(|error| panic!("{error}: {:?}", nas.came()));
}

#[test]
fn n11_a_mikrotik_gets_list_and_rate_both_ways_without_a_new_login() {
    let (lab, nas) = walled();
    lab.garthctl.run(&["subscription", "lift", "anna"]).unwrap();
    told(&nas, "garth-full", "20000k/100000k");
    assert!(
        nas.came().iter().all(|came| came.is_coa),
        "nobody was disconnected"
    );
    let list = lab.garthctl.json(&["nas", "list"]).unwrap();
    assert_eq!(
        list[0]["requests"]["acknowledged"].as_u64(),
        Some(2),
        "{list}"
    );
    assert_eq!(list[0]["live_sessions"].as_u64(), Some(1), "{list}");
    let probed = lab.garthctl.json(&["nas", "probe", "pppoe-1"]).unwrap();
    assert_eq!(probed[0]["coa"]["answer"].as_str(), Some("ack"), "{probed}");
}

#[test]
fn n11_a_kill_between_payment_and_coa_does_not_leave_the_payer_blocked() {
    let (mut lab, nas) = walled();
    nas.answers(false);
    lab.garthctl.run(&["subscription", "lift", "anna"]).unwrap();
    lab.garthd.kill().unwrap();
    let before = nas.came().len();
    nas.answers(true);
    lab.restart().unwrap();
    told_after(&nas, before, 1, "garth-full", "20000k/100000k");
    let mut login = Client::connect(&lab.network.router, 1812, TOLD_MAX).unwrap();
    let reply = login.pap("anna", "bird-cherry-8").unwrap();
    assert_eq!(reply, Some(code::ACCESS_ACCEPT));
}

#[test]
fn n11_a_kill_before_a_nas_has_taken_another_rate_does_not_leave_the_session_with_the_old_one() {
    let (mut lab, nas) = with_session();
    nas.answers(false);
    let plans = lab.files.path("plans.toml");
    let faster = PLANS.replace("100_000", "200_000");
    std::fs::write(&plans, faster).unwrap();
    lab.garthctl
        .run(&["plan", "apply", &plans.to_string_lossy()])
        .unwrap();
    // Three seconds: what takes the NAS longer than one is noted. The journal of a subscription knows no rates.
    told_after(&nas, 0, 3, "garth-full", "20000k/200000k");
    lab.garthd.kill().unwrap();
    let before = nas.came().len();
    nas.answers(true);
    lab.restart().unwrap();
    told_after(&nas, before, 1, "garth-full", "20000k/200000k");
}

#[test]
fn an_operator_ends_a_session_at_its_nas_and_is_told_what_it_says() {
    let (lab, nas) = with_session();
    let asked = || {
        let told = lab
            .garthctl
            .json(&["session", "disconnect", "anna"])
            .unwrap();
        (told[0]["result"].as_str().map(str::to_owned), nas.came())
    };
    let (told, came) = asked();
    assert_eq!(told.as_deref(), Some("acknowledged"));
    assert!(came.len() == 1 && !came[0].is_coa, "{came:?}");
    nas.answers(false);
    let (told, came) = asked();
    assert_eq!(told.as_deref(), Some("timed_out"));
    assert_eq!(came.len(), 1 + 3, "three attempts");
}

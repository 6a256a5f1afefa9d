//! Payments that come twice, early, late or without a word: one activation each (E4).

#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that is wrong"
)]

use std::fs;
use std::time::Duration;

use garth_tests::Lab;
use garth_tests::clock;
use garth_tests::network::Family;
use garth_tests::story::Story;
use serde_json::Value;

/// Webhooks may be lost; asking every second finds the payment after so long at the latest.
const FOUND_MAX: Duration = Duration::from_secs(10);

/// A webhook that the sandbox sends late is there after so long.
const LATE_MAX: Duration = Duration::from_secs(60);

fn is_active(lab: &Lab) -> bool {
    lab.subscription("anna")
        .is_ok_and(|shown| shown["standing"] == "active")
}

/// How Garth hears of a payment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Heard {
    /// Perhaps more than once: by webhook and by asking, in any order.
    Once,
    /// Certainly a second time, after it was booked.
    Again,
}

/// Pays one checkout and waits until Garth has heard of it as often as it will; then restarts garthd, which
/// asks the gateway for everything it could have missed. Returns what the journal says came of it.
fn pays(action: &str, webhook: &str, heard: Heard) -> (Lab, Vec<Value>) {
    let mut lab = Lab::start().unwrap();
    {
        let anna = Story::of(&lab, Family::V4).unwrap();
        anna.is_suspended().unwrap();
        let hosted = anna.checks_out().unwrap();
        let answer = anna.presses(&hosted, action, webhook).unwrap();
        answer.expect_status(303).unwrap();
    }
    clock::wait_for("the activation", FOUND_MAX, || {
        is_active(&lab).then_some(())
    })
    .unwrap();
    if heard == Heard::Again {
        clock::wait_for("the second word of it", LATE_MAX, || {
            let log = fs::read_to_string(lab.files.log()).ok()?;
            log.contains("a payment is told again").then_some(())
        })
        .unwrap();
    }
    assert!(lab.garthd.stop().unwrap().success());
    lab.restart().unwrap();
    lab.garthctl.run(&["journal", "verify"]).unwrap();
    let history = lab.history("anna").unwrap();
    let captured = |entry: &Value| entry["payment_id"].is_string();
    let entries = history.into_iter().filter(captured).collect();
    (lab, entries)
}

/// One payment, one entry, no credit left.
fn assert_one_activation(action: &str, webhook: &str, heard: Heard) {
    let (lab, entries) = pays(action, webhook, heard);
    assert_eq!(entries.len(), 1, "{entries:#?}");
    assert_eq!(entries[0]["effect"], "months_bought");
    let shown = lab.subscription("anna").unwrap();
    assert_eq!(shown["balance"]["amount"], "0.00", "{shown}");
}

#[test]
fn webhook_told_once_activates_once() {
    assert_one_activation("pay", "normal", Heard::Once);
}

#[test]
fn webhook_told_twice_activates_once() {
    assert_one_activation("pay", "twice", Heard::Again);
}

#[test]
fn webhook_before_the_redirect_activates_once() {
    assert_one_activation("pay", "before", Heard::Once);
}

#[test]
fn payment_without_a_webhook_is_found_by_asking() {
    assert_one_activation("pay", "none", Heard::Once);
}

#[test]
fn webhook_after_the_payment_was_found_changes_nothing() {
    assert_one_activation("pay", "late", Heard::Again);
}

#[test]
fn second_payment_of_one_checkout_is_credit() {
    let (lab, entries) = pays("pay_twice", "normal", Heard::Once);
    let mut effects: Vec<_> = entries.iter().map(|entry| &entry["effect"]).collect();
    effects.sort_by_key(|effect| effect.to_string());
    assert_eq!(effects, ["credit_only", "months_bought"]);
    assert_ne!(entries[0]["payment_id"], entries[1]["payment_id"]);
    let shown = lab.subscription("anna").unwrap();
    assert_eq!(shown["balance"]["amount"], "97.50", "{shown}");
}

#[test]
fn declined_or_cancelled_payment_changes_nothing() {
    let lab = Lab::start().unwrap();
    let anna = Story::of(&lab, Family::V4).unwrap();
    anna.is_suspended().unwrap();
    let entries = lab.history("anna").unwrap().len();
    for action in ["decline", "cancel"] {
        let hosted = anna.checks_out().unwrap();
        anna.presses(&hosted, action, "normal").unwrap();
    }
    assert_eq!(lab.history("anna").unwrap().len(), entries);
    assert!(!is_active(&lab));
}

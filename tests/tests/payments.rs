//! Payments that come twice, early, late or without a word: one activation each (E4).

#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that is wrong"
)]

use std::time::Duration;

use garth_tests::Lab;
use garth_tests::clock;
use garth_tests::network::Family;
use garth_tests::story::Story;
use serde_json::Value;

/// Webhooks may be lost; asking every second finds the payment after so long at the latest.
const FOUND_MAX: Duration = Duration::from_secs(10);

fn is_active(lab: &Lab) -> bool {
    lab.subscription("anna")
        .is_ok_and(|shown| shown["standing"] == "active")
}

/// Entries of the journal that bought months.
fn activations(lab: &Lab) -> Vec<Value> {
    let history = lab.history("anna").unwrap();
    history
        .into_iter()
        .filter(|entry| entry["effect"] == "months_bought")
        .collect()
}

/// Pays one checkout; once it is active restarts garthd, which asks the gateway again for everything that
/// could have been missed, and counts the activations then.
fn pays(action: &str, webhook: &str) -> (Lab, Vec<Value>) {
    let mut lab = Lab::start().unwrap();
    {
        let anna = Story::of(&lab, Family::V4).unwrap();
        anna.is_suspended().unwrap();
        let hosted = anna.checks_out().unwrap();
        anna.presses(&hosted, action, webhook)
            .unwrap()
            .expect_status(303)
            .unwrap();
    }
    clock::wait_for("the activation", FOUND_MAX, || {
        is_active(&lab).then_some(())
    })
    .unwrap();
    assert!(lab.garthd.stop().unwrap().success());
    lab.restart().unwrap();
    let activations = activations(&lab);
    lab.garthctl.run(&["journal", "verify"]).unwrap();
    (lab, activations)
}

#[test]
fn webhook_told_once_activates_once() {
    assert_eq!(pays("pay", "normal").1.len(), 1);
}

#[test]
fn webhook_told_twice_activates_once() {
    assert_eq!(pays("pay", "twice").1.len(), 1);
}

#[test]
fn webhook_before_the_redirect_activates_once() {
    assert_eq!(pays("pay", "before").1.len(), 1);
}

#[test]
fn payment_without_a_webhook_is_found_by_asking() {
    assert_eq!(pays("pay", "none").1.len(), 1);
}

#[test]
fn webhook_after_the_payment_was_found_changes_nothing() {
    assert_eq!(pays("pay", "late").1.len(), 1);
}

#[test]
fn second_payment_of_one_checkout_is_credit() {
    let (lab, activations) = pays("pay_twice", "normal");
    assert_eq!(activations.len(), 1);
    clock::wait_for("the credit", FOUND_MAX, || {
        let shown = lab.subscription("anna").ok()?;
        (shown["balance"]["amount"] == "97.50").then_some(())
    })
    .unwrap();
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

//! Every verb of a life, once: tried dry, done, refused.

use serde_json::{Value, json};

use super::populated;
use super::world::World;

/// A `subscription` verb with its words.
fn verb<'a>(name: &'a str, words: &'a str) -> Vec<&'a str> {
    let mut all = words.split(' ');
    let verb = all.next().unwrap();
    let mut arguments = vec!["subscription", verb, name];
    arguments.extend(all);
    arguments
}

fn show(world: &World, name: &str) -> Value {
    world.json(&["subscription", "show", name])
}

/// Who, what, and the standing after it; each is tried dry first.
const STEPS: &[(&str, &str, &str)] = &[
    ("user0000001", "pay --months 3 --then-pause", "active"),
    ("user0000001", "active-to none", "active"),
    ("user0000001", "active-to 2026-12-24", "active"),
    ("user0000001", "end-pause", "active"),
    (
        "user0000001",
        "pause --on 2026-12-01 --for-days 14",
        "active",
    ),
    ("user0000001", "end-pause", "active"),
    ("user0000001", "pause --until 2026-12-24 --locked", "paused"),
    (
        "user0000001",
        "end-pause --sub-type holiday --performed-by shop7",
        "active",
    ),
    (
        "user0000001",
        "suspend --debt 5.00 --reason invoice",
        "suspended",
    ),
    ("user0000001", "postpone --hours 24", "active"),
    ("user0000001", "postpone --until 2026-11-23", "active"),
    ("user0000001", "lift", "active"),
    (
        "user0000001",
        "change-plan home-500 --on 2026-12-24",
        "active",
    ),
    ("user0000001", "cancel-change", "active"),
    (
        "user0000001",
        "set --renew-months 1 --use-credit off --invoicing backward",
        "active",
    ),
    ("user0000001", "terminate --after-days 3 --yes", "active"),
    ("user0000001", "cancel-termination", "active"),
    ("user0000001", "terminate --yes", "terminated"),
    ("user0000001", "reinstate", "expired"),
    ("user0000001", "grace --days 3 --reason holiday", "grace"),
    (
        "user0000002",
        "reactivate --months 1 --amount 60.00",
        "active",
    ),
    ("user0000002", "renew --months 1", "active"),
    (
        "user0000002",
        "pay --months 1 --provisional --payment-id cash-1",
        "active",
    ),
    ("later", "cancel", "cancelled"),
];

fn with_one_to_come() -> World {
    let world = populated();
    world.ok(&[
        "subscription",
        "add",
        "--username",
        "later",
        "--plan",
        "home-100",
        "--start-at",
        "2027-01-01",
    ]);
    world
}

#[test]
fn l31_each_verb_is_tried_dry_and_then_done() {
    let world = with_one_to_come();
    for (name, words, standing) in STEPS {
        let before = show(&world, name);
        let mut dry = verb(name, words);
        dry.push("--dry-run");
        let told = world.ok(&dry);
        assert!(
            told.starts_with("dry run, nothing was changed"),
            "{words}: {told}"
        );
        assert_eq!(show(&world, name), before, "{words}: it was only tried");
        let done = world.json(&verb(name, words));
        assert_eq!(done["new"]["standing"], *standing, "{words}: {done}");
        assert_ne!(show(&world, name)["version"], before["version"], "{words}");
    }
    let history = world.ok(&["subscription", "history", "user0000001"]);
    assert!(history.contains("holiday"), "{history}");
}

#[test]
fn a_refusal_prints_rule_and_text_and_exits_with_1() {
    let world = with_one_to_come();
    for (name, words, told) in [
        (
            "user0000001",
            "reactivate --months 1",
            "T5: reactivate is not possible while the subscription is active: it must be expired, paused or suspended",
        ),
        ("user0000002", "renew --months 1", "L26: 29.90 EUR are due"),
        (
            "user0000001",
            "pause --at 2026-12-24 --until 2026-12-24",
            "L24: the end must be after the start",
        ),
        ("user0000001", "active-to 2026-11-21", "L24: "),
        (
            "user0000001",
            "postpone",
            "T10: the subscription is not suspended",
        ),
        (
            "user0000001",
            "change-plan home-100",
            "L15: it has plan home-100 already",
        ),
        (
            "user0000001",
            "cancel-change",
            "L17: there is no change of plan",
        ),
        ("user0000001", "cancel", "T3: "),
        ("user0000001", "cancel-termination", "T20: "),
        ("user0000001", "reinstate", "T21: "),
        ("user0000001", "set --renew-months 7", "L8: "),
        (
            "user0000001",
            "pay --quote 0190f5fe-7c00-4a00-8000-000000000001",
            "E6: there is no such quote",
        ),
    ] {
        let (code, said) = world.refused(&verb(name, words));
        assert!(
            code == 1 && said.starts_with(told),
            "{words}: {code} {said}"
        );
    }
    for (words, told) in [
        ("pause --until soon", "until \"soon\""),
        (
            "pause --until 2026-12-24 --for-days 3",
            "cannot be used with",
        ),
        ("set", "required"),
        ("set --renew-months many", "a number of months and default"),
        (
            "change-plan home-500 --now --next-period",
            "cannot be used with",
        ),
        ("pay", "--months"),
    ] {
        let (code, said) = world.refused(&verb("user0000001", words));
        assert!(code == 2 && said.contains(told), "{words}: {code} {said}");
    }
}

#[test]
fn l16_the_price_of_change_is_shown_line_by_line() {
    let world = populated();
    let rich =
        r#"{"username":"rich","plan":"home-100","paid_through":"2027-01-31","balance":"100.00"}"#;
    assert!(world.import(rich).status.success());
    let told = world.ok(&verb("rich", "change-plan home-500 --now --dry-run"));
    for line in [
        "Change of plan at 2026-11-21 13:00 CET",
        "unused money of the old plan",
        "the new plan for the time left",
        "price of change",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    // On no terminal nobody is asked: what it cost is in the answer.
    let (code, said) = world.refused(&verb("user0000001", "change-plan home-500 --now"));
    assert!(code == 1 && said.starts_with("L26: "), "{said}");
}

#[test]
fn l22_what_terminate_cleared_is_said_and_a_date_is_pending() {
    let world = populated();
    world.ok(&verb("user0000001", "change-plan home-500 --on 2026-12-24"));
    world.ok(&verb("user0000001", "terminate --at 2026-12-31 --yes"));
    let told = world.ok(&["subscription", "show", "user0000001"]);
    assert!(
        told.contains("pending terminate  2026-12-31 00:00 CET"),
        "{told}"
    );
    assert!(
        told.contains("home-500 at 2026-12-24 00:00 CET for"),
        "{told}"
    );
    let explained = world.ok(&["subscription", "explain", "user0000001"]);
    assert!(
        explained.contains("It ends for good at 2026-12-31 00:00 CET"),
        "{explained}"
    );
    let told = world.ok(&verb("user0000001", "terminate --yes"));
    assert!(
        told.contains("cleared") && told.contains("change plan at 2026-12-24"),
        "{told}"
    );
}

#[test]
fn l29_actions_show_services_equipment_and_bills_first() {
    let world = populated();
    world.ok(&verb("user0000001", "suspend --debt 5.00 --reason invoice"));
    let told = world.ok(&["subscription", "actions", "user0000001", "--all"]);
    for words in [
        "services",
        "debt",
        "5.00 EUR",
        "Online now:",
        "WHY NOT",
        "T8",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let few = world.ok(&["subscription", "actions", "user0000001"]);
    assert!(few.lines().count() < told.lines().count());
    assert!(!told.contains("request"), "customers alone ask: {told}");
}

#[test]
fn l3_what_one_operator_requests_they_do_not_decide() {
    let world = populated();
    world.ok(&verb("user0000001", "pay --months 3 --amount 85.00"));
    let history = world.json(&["subscription", "history", "user0000001"]);
    let sequence = history[0]["sequence"].to_string();
    let request = [
        "revert",
        "request",
        "user0000001",
        &sequence,
        "--reason",
        "typed wrong",
    ];
    let told = world.ok(&[&request[..], &["--dry-run"]].concat());
    assert!(
        told.contains("given back") && told.contains("85.00 EUR"),
        "{told}"
    );
    assert_eq!(world.json(&["revert", "list"]), json!([]));
    let (code, said) = world.refused(&request[..4]);
    assert!(code == 1 && said.starts_with("L30: "), "{said}");
    let asked = world.json(&request);
    let id = asked["request"]["id"].as_str().unwrap();
    for words in [
        "user0000001",
        "85.00 EUR",
        "home-100",
        "typed wrong",
        "2026-11-21 13:00 CET",
    ] {
        let waiting = world.ok(&["approvals"]);
        assert!(waiting.contains(words), "{words}: {waiting}");
        let shown = world.ok(&["revert", "show", id]);
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(world.ok(&["status"]).contains("pending approvals"));
    for how in ["approve", "deny"] {
        let (code, said) = world.refused(&["revert", how, id]);
        assert!(code == 4 && said.starts_with("L3: "), "{how}: {said}");
    }
    let pending = world.json(&[
        "revert",
        "list",
        "--pending",
        "--subscription",
        "user0000001",
    ]);
    assert_eq!(pending[0]["id"], id);
    let report = world.ok(&["revert", "report", "--from", "2026-11-21", "--by", "plan"]);
    assert!(
        report.contains("home-100") && report.contains("PENDING"),
        "{report}"
    );
    let unknown = "0190f5fe-7c00-7a00-8000-000000000001";
    let (code, said) = world.refused(&["revert", "approve", unknown]);
    assert!(code == 1 && said.starts_with("T23: "), "{said}");
}

#[test]
fn e6_a_quote_is_made_listed_and_paid() {
    let world = populated();
    let make = ["quote", "make", "user0000002", "--months", "3"];
    assert!(
        world
            .ok(&[&make[..], &["--dry-run"]].concat())
            .contains("85.00 EUR")
    );
    assert_eq!(world.json(&["quote", "list", "user0000002"]), json!([]));
    let made = world.json(&make);
    let id = made["id"].as_str().unwrap();
    assert_eq!(world.json(&["quote", "list", "user0000002"])[0]["id"], id);
    let told = world.ok(&["quote", "show", id]);
    assert!(
        told.contains("is this edge's") && told.contains("holds until"),
        "{told}"
    );
    let paid = world.json(&["subscription", "pay", "user0000002", "--quote", id]);
    assert_eq!(paid["amount"]["amount"], "85.00");
    assert_eq!(paid["new"]["standing"], "active");
    assert_eq!(world.refused(&["quote", "show", "nonsense"]).0, 1);
}

#[test]
fn l18_without_tickets_and_holds_that_is_said() {
    let world = populated();
    assert_eq!(world.ok(&["ticket", "list"]), "there are none\n");
    assert_eq!(world.json(&["ticket", "list", "--all"]), json!([]));
    let (code, said) = world.refused(&["ticket", "close", "nonsense", "--answer", "no"]);
    assert!(
        code == 1 && said.contains("there is no such ticket"),
        "{said}"
    );
    assert_eq!(world.ok(&["hold", "list"]), "nothing holds time\n");
    assert_eq!(
        world.ok(&["approvals"]),
        "nothing waits for a second person\n"
    );
    let (code, said) = world.refused(&["hold", "confirm", "clock_jump", "--yes"]);
    assert!(code == 1 && said.starts_with("E3: "), "{said}");
    let (code, said) = world.refused(&["hold", "confirm", "weather", "--yes"]);
    assert!(
        code == 2 && said.contains("clock_behind, clock_jump, mass_change"),
        "{said}"
    );
}

#[test]
fn l20_a_bulk_is_counted_wants_yes_and_tells_failures_by_name() {
    let world = populated();
    let names = world.file("names.txt", "user0000001\n\nuser0000002\nnobody\n");
    let bulk = [
        "subscription",
        "bulk",
        "disable",
        "--file",
        names.to_str().unwrap(),
        "--reason",
        "spam",
    ];
    let (code, said) = world.refused(&bulk);
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("disable: 2 would be done, 1 not") && said.contains("--yes"),
        "{said}"
    );
    let (code, said) = world.refused(&[&bulk[..], &["--dry-run"]].concat());
    assert!(code == 1 && said.contains("nobody: T0: "), "{said}");
    assert_eq!(show(&world, "user0000001")["standing"], "active");
    let done = [&bulk[..], &["--yes", "--command-id", "b-1"]].concat();
    for before in ["done, 1 not", "done (2 of them before), 1 not"] {
        let ran = world.run(&done, "");
        assert_eq!(ran.status.code(), Some(1));
        let told = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(told.starts_with(&format!("disable: 2 {before}")), "{told}");
    }
    assert_eq!(show(&world, "user0000002")["standing"], "disabled");
    let enable = [
        "--json",
        "subscription",
        "bulk",
        "enable",
        "--filter",
        "standing=disabled,plan=home-100",
        "--yes",
    ];
    let summary: Value = serde_json::from_str(&world.ok(&enable)).unwrap();
    assert_eq!(
        (&summary["done"], &summary["failed"]),
        (&json!(2), &json!(0))
    );
    let odd = [
        "subscription",
        "bulk",
        "enable",
        "--filter",
        "colour=red",
        "--yes",
    ];
    let (code, said) = world.refused(&odd);
    assert!(
        code == 2 && said.contains("\"colour\" is none of"),
        "{said}"
    );
    let neither = world.refused(&["subscription", "bulk", "enable"]);
    assert_eq!(neither.0, 2, "{}", neither.1);
}

#[test]
fn e13_a_bulk_over_the_breaker_is_held() {
    let world = World::new();
    let lines: String = (0..60)
        .map(|n| {
            format!(
                "{{\"username\":\"u{n}\",\"plan\":\"home-100\",\"paid_through\":\"2027-01-31\"}}\n"
            )
        })
        .collect();
    assert!(world.import(&lines).status.success());
    let bulk = [
        "subscription",
        "bulk",
        "suspend",
        "--filter",
        "plan=home-100",
        "--reason",
        "x",
        "--yes",
    ];
    let (code, said) = world.refused(&bulk);
    assert!(code == 1 && said.starts_with("E13: "), "{said}");
    assert!(said.contains("60 of the 60"), "{said}");
    let told = world.ok(&[&bulk[..], &["--over-breaker"]].concat());
    assert!(told.starts_with("suspend: 60 done"), "{told}");
}

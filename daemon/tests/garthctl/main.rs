//! `garthctl` as a program, over a real socket, against a real store.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may say so by a panic"
)]

mod lifecycle;
mod world;

use serde_json::{Value, json};
use world::{NOW, World, stderr};

/// The lines of the design, with ones that are wrong in between.
const LINES: &str = r#"{"username":"user0000001","password":"pw0000001","plan":"home-100","paid_through":"2027-01-31","language":"de"}
{"username":"user0000002","password":"pw0000002","plan":"home-100","paid_through":"2026-01-31"}
{"mac":"02:00:00:00:00:07","plan":"home-100","paid_through":"2027-01-31","hold":{"pause":{"until":"2027-03-01"}},"framed_ipv4":"10.64.0.7","balance":"12.50"}
"#;

fn populated() -> World {
    let world = World::new();
    let ran = world.import(LINES);
    assert!(ran.status.success(), "{}", stderr(&ran));
    world
}

#[test]
fn show_carries_at_least_what_the_design_promises() {
    let world = populated();
    let shown = world.json(&["subscription", "show", "02-00-00-00-00-07"]);
    assert_eq!(shown["standing"], "paused");
    assert_eq!(shown["access"], "garden");
    assert_eq!(shown["plan"], "home-100");
    assert_eq!(shown["username"], json!(null));
    assert_eq!(
        shown["balance"],
        json!({"amount": "12.50", "currency": "EUR"})
    );
    assert_eq!(shown["holds"]["pause"]["until"], "2027-03-01T23:00:00Z");
    assert_eq!(
        shown["agenda"],
        json!([{"at": "2027-03-01T23:00:00Z", "action": "end_pause"}])
    );
    let shown = world.json(&["subscription", "show", "user0000001"]);
    assert_eq!(shown["paid_through"], "2027-01-31T23:00:00Z");
    assert_eq!(
        (&shown["standing"], &shown["access"]),
        (&json!("active"), &json!("full"))
    );
    assert!(shown.get("password").is_none());
    let by_id = world.json(&["subscription", "show", shown["id"].as_str().unwrap()]);
    assert_eq!(by_id, shown);
}

#[test]
fn a_bad_line_is_told_by_number_and_the_good_ones_are_kept() {
    let world = World::new();
    let ran = world.import(concat!(
        r#"{"username":"a","plan":"home-100"}"#,
        "\n\n{\"username\":\"b\",\"plan\":\"home-999\"}\n",
        r#"{"username":"c","plan":"home-100","paid_trough":"2027-01-31"}"#,
        "\nnot json\n",
        r#"{"username":"a","plan":"home-100"}"#,
        "\n",
        r#"{"username":"d","plan":"home-100"}"#,
    ));
    assert_eq!(ran.status.code(), Some(1));
    let told = stderr(&ran);
    for words in [
        "line 3: T1: there is no plan home-999",
        "line 4: unknown field `paid_trough`",
        "line 5: expected ident",
        "line 6: T1: username a belongs to another subscription",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert_eq!(
        String::from_utf8_lossy(&ran.stdout),
        "2 imported, 4 not taken\n"
    );
    assert_eq!(
        world
            .json(&["subscription", "list"])
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn an_import_that_is_tried_dry_changes_nothing() {
    let world = World::new();
    let ran = world.run(&["subscription", "import", "--dry-run", "-"], LINES);
    assert!(ran.status.success(), "{}", stderr(&ran));
    assert_eq!(
        String::from_utf8_lossy(&ran.stdout),
        "3 would be imported, 0 not taken\n"
    );
    assert_eq!(world.json(&["subscription", "list"]), json!([]));
}

#[test]
fn an_import_that_is_tried_dry_finds_names_that_are_taken_there_and_in_the_file() {
    let world = populated();
    let lines = concat!(
        r#"{"username":"new","plan":"home-100","framed_ipv4":"10.64.0.9"}"#,
        "\n",
        r#"{"username":"user0000001","plan":"home-100"}"#,
        "\n",
        r#"{"username":"other","plan":"home-100","framed_ipv4":"10.64.0.7"}"#,
        "\n",
        r#"{"username":"new","plan":"home-100"}"#,
        "\n",
        r#"{"username":"third","plan":"home-100","framed_ipv4":"10.64.0.9"}"#,
        "\n",
        r#"{"external_id":"new","plan":"home-100"}"#,
        "\n",
    );
    let dry = world.run(&["subscription", "import", "--dry-run", "-"], lines);
    let real = world.import(lines);
    assert_eq!(stderr(&dry), stderr(&real), "both find the same");
    assert!(stderr(&dry).contains("line 2: T1: username user0000001 belongs"));
    let told = String::from_utf8_lossy(&dry.stdout).into_owned();
    assert_eq!(told, "2 would be imported, 4 not taken\n");
}

#[test]
fn csv_is_read_with_the_same_names() {
    let world = World::new();
    let file = world.file(
        "all.csv",
        "username,password,plan,paid_through,hold.suspend.cause,hold.suspend.debt,services\r\n\
         \"o,ne\",pw,home-100,2027-01-31,,,home-500\r\n\
         two,pw,home-100,2027-01-31,non_payment,29.90,\r\n",
    );
    world.ok(&["subscription", "import", file.to_str().unwrap()]);
    let one = world.json(&["subscription", "show", "o,ne"]);
    assert_eq!(
        one["services"],
        json!([{"plan": "home-500", "state": "effective"}])
    );
    let two = world.json(&["subscription", "show", "two"]);
    assert_eq!(two["standing"], "suspended");
    assert_eq!(two["holds"]["suspend"]["debt"]["amount"], "29.90");
}

#[test]
fn what_is_exported_imports_to_the_same_subscriptions() {
    let world = populated();
    let exported = world.ok(&["subscription", "export", "--secrets"]);
    assert!(exported.contains("pw0000001"));
    assert!(!world.ok(&["subscription", "export"]).contains("pw0000001"));
    let other = World::new();
    let ran = other.import(&exported);
    assert!(ran.status.success(), "{}", stderr(&ran));
    assert_eq!(
        other.json(&["subscription", "list"]),
        world.json(&["subscription", "list"])
    );
    assert_eq!(other.ok(&["subscription", "export", "--secrets"]), exported);
}

#[test]
fn pay_takes_what_the_months_cost_under_a_payment_id_that_it_shows() {
    let world = populated();
    let dry = world.json(&[
        "subscription",
        "pay",
        "user0000002",
        "--months",
        "3",
        "--dry-run",
    ]);
    assert_eq!(
        (&dry["dry_run"], &dry["entry"]),
        (&json!(true), &json!(null))
    );
    assert_eq!(dry["old"]["standing"], "expired");
    assert_eq!(dry["new"]["standing"], "active");
    let standing = world.json(&["subscription", "show", "user0000002"])["standing"].clone();
    assert_eq!(standing, "expired", "a dry run changes nothing");
    let paid = world.json(&["subscription", "pay", "user0000002", "--months", "3"]);
    assert_eq!(
        paid["amount"],
        json!({"amount": "85.00", "currency": "EUR"})
    );
    assert_eq!(paid["effect"], "months_bought");
    assert!(paid["payment_id"].as_str().unwrap().len() > 30);
    assert_eq!(paid["new"]["paid_through"], dry["new"]["paid_through"]);
}

#[test]
fn a_command_id_makes_a_payment_safe_to_repeat() {
    let world = populated();
    let pay = [
        "subscription",
        "pay",
        "user0000001",
        "--months",
        "1",
        "--command-id",
        "c-1",
    ];
    let first = world.json(&pay);
    let second = world.json(&pay);
    assert_eq!(second["repeated"], true);
    assert_eq!(second["entry"], first["entry"]);
    let other = [
        "subscription",
        "pay",
        "user0000001",
        "--months",
        "3",
        "--command-id",
        "c-1",
    ];
    let (code, told) = world.refused(&other);
    assert_eq!(
        (code, told.as_str()),
        (1, "L33: this command id was used for another command\n")
    );
    let history = world.json(&["subscription", "history", "user0000001"]);
    assert_eq!(history.as_array().unwrap().len(), 2);
}

#[test]
fn a_refusal_names_its_rule_on_standard_error_and_exits_with_1() {
    let world = populated();
    let (code, told) = world.refused(&[
        "subscription",
        "pause",
        "user0000001",
        "--until",
        "2020-01-01",
    ]);
    assert_eq!(
        (code, told.as_str()),
        (
            1,
            "L24: the end must be after the start, 2026-11-21T12:00:00Z\n"
        )
    );
    let (code, told) = world.refused(&["subscription", "grace", "user0000001", "--days", "2"]);
    assert_eq!(
        (code, told.as_str()),
        (1, "L30: a reason is needed (--reason TEXT)\n")
    );
    let (code, _) = world.refused(&["subscription", "show", "nobody"]);
    assert_eq!(code, 1);
    let (code, told) = world.refused(&["subscription", "pause", "user0000001", "--until", "soon"]);
    assert_eq!(code, 2, "{told}");
    assert_eq!(world.refused(&["subscription", "frobnicate"]).0, 2);
    let (code, told) = world.refused(&["--socket", "/nonexistent/admin.sock", "status"]);
    assert_eq!(code, 3, "{told}");
}

#[test]
fn a_warning_wants_yes_where_nobody_can_be_asked() {
    let world = populated();
    let disable = ["subscription", "disable", "user0000001", "--reason", "spam"];
    let (code, told) = world.refused(&disable);
    assert_eq!(code, 1);
    assert!(
        told.starts_with("L21: ") && told.contains("--yes"),
        "{told}"
    );
    let done = world.json(&[&disable[..], &["--yes"]].concat());
    assert_eq!(done["new"]["standing"], "disabled");
    world.ok(&["subscription", "enable", "user0000001"]);
    let (code, told) = world.refused(&["subscription", "terminate", "user0000001"]);
    assert!(code == 1 && told.starts_with("L22: "), "{told}");
    world.ok(&["subscription", "terminate", "user0000001", "--yes"]);
    let shown = world.json(&["subscription", "show", "user0000001"]);
    assert_eq!(shown["access"], "reject");
    assert_eq!(shown["ended"]["at"], NOW);
}

#[test]
fn a_life_is_explained_and_kept_in_the_journal() {
    let world = populated();
    world.ok(&[
        "subscription",
        "pause",
        "user0000001",
        "--until",
        "2026-12-24",
    ]);
    world.ok(&["subscription", "end-pause", "user0000001"]);
    world.ok(&[
        "subscription",
        "suspend",
        "user0000001",
        "--debt",
        "29.90",
        "--reason",
        "invoice 4711",
    ]);
    let words = world.ok(&["subscription", "explain", "user0000001"]);
    for expected in [
        "The subscription is suspended: it reaches the portal only.",
        "invoice 4711",
        "29.90 EUR are due",
        "2026-11-21 13:00 CET",
        "end_pause",
        "It has no live session",
        "The wall is up at 10.64.0.7.",
    ] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    world.ok(&["subscription", "lift", "user0000001"]);
    let history = world.json(&["subscription", "history", "user0000001", "--limit", "2"]);
    let actions: Vec<_> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["action"])
        .collect();
    assert_eq!(actions, ["lift", "suspend"]);
    let journal = world.json(&["journal", "list"]);
    assert_eq!(journal[0]["sequence"], 1);
    let verified = world.json(&["journal", "verify"]);
    assert_eq!(verified["verified"], journal.as_array().unwrap().len());
}

#[test]
fn the_list_pages_by_itself_and_filters() {
    let world = World::new();
    let lines: String = (0..2_500)
        .map(|n| {
            let paid = if n % 2 == 0 {
                "2027-01-31"
            } else {
                "2026-01-31"
            };
            format!("{{\"username\":\"u{n}\",\"plan\":\"home-100\",\"paid_through\":\"{paid}\"}}\n")
        })
        .collect();
    let ran = world.import(&lines);
    assert!(ran.status.success(), "{}", stderr(&ran));
    let count = |arguments: &[&str]| world.json(arguments).as_array().unwrap().len();
    assert_eq!(count(&["subscription", "list"]), 2_500);
    assert_eq!(
        count(&["subscription", "list", "--standing", "expired"]),
        1_250
    );
    assert_eq!(count(&["subscription", "list", "--plan", "home-500"]), 0);
    assert_eq!(count(&["subscription", "list", "--limit", "1200"]), 1_200);
    let (code, told) = world.refused(&["subscription", "list", "--standing", "odd"]);
    assert!(code == 2 && told.contains("suspended"), "{told}");
}

#[test]
fn only_actions_that_are_valid_now_are_offered() {
    let world = populated();
    let names = |subscription: &str| -> Vec<String> {
        let actions = world.json(&["subscription", "actions", subscription]);
        let actions = actions["actions"].as_array().unwrap().iter();
        actions
            .map(|a| a["verb"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        names("user0000001"),
        [
            "pay",
            "grace",
            "pause",
            "suspend",
            "disable",
            "change-plan",
            "set",
            "terminate"
        ]
    );
    assert_eq!(
        names("02:00:00:00:00:07"),
        [
            "pay",
            "reactivate",
            "end-pause",
            "suspend",
            "disable",
            "change-plan",
            "set",
            "terminate"
        ]
    );
}

#[test]
fn the_catalogue_is_declared_and_a_plan_in_use_cannot_vanish() {
    let world = populated();
    let file = world.file("less.toml", &world::PLANS.replace("home-500", "home-900"));
    let apply = ["plan", "apply", file.to_str().unwrap()];
    let dry = world.json(&[&apply[..], &["--dry-run"]].concat());
    assert_eq!(dry["added"], json!(["home-900"]));
    assert_eq!(dry["changed"], json!(["home-100"]));
    assert_eq!(dry["removed"], json!(["home-500"]));
    assert_eq!(world.json(&["plan", "list"])[1]["id"], "home-500");
    world.ok(&apply);
    let shown = world.json(&["plan", "show", "home-100"]);
    assert_eq!(
        shown["prices"][0],
        json!({"months": 1, "amount": "29.90", "currency": "EUR"})
    );
    let file = world.file("none.toml", "plan = []\n");
    let (code, told) = world.refused(&["plan", "apply", file.to_str().unwrap()]);
    assert_eq!(code, 1, "{told}");
    let file = world.file("bad.toml", "[[plan]]\nid = \"x\"\nspeed = 5\n");
    let (code, told) = world.refused(&["plan", "apply", file.to_str().unwrap()]);
    assert!(
        code == 2 && told.contains("speed") && told.contains("bad.toml"),
        "{told}"
    );
}

#[test]
fn add_creates_one_and_repeats_safely() {
    let world = World::new();
    let add = [
        "subscription",
        "add",
        "--username",
        "new",
        "--password-stdin",
        "--plan",
        "home-100",
        "--paid-through",
        "2027-01-31",
        "--balance",
        "-5.00",
        "--command-id",
        "a-1",
    ];
    let ran = world.run(&[&add[..], &["--dry-run"]].concat(), "tulip\n");
    assert!(ran.status.success(), "{}", stderr(&ran));
    assert_eq!(world.refused(&["subscription", "show", "new"]).0, 1);
    for _ in 0..2 {
        let ran = world.run(&add, "tulip\n");
        assert!(ran.status.success(), "{}", stderr(&ran));
    }
    let shown = world.json(&["subscription", "show", "new"]);
    assert_eq!(shown["balance"]["amount"], "-5.00");
    assert!(
        world
            .ok(&["subscription", "export", "--secrets"])
            .contains("tulip")
    );
    let taken = [
        "subscription",
        "add",
        "--username",
        "new",
        "--plan",
        "home-100",
    ];
    let (code, told) = world.refused(&taken);
    assert_eq!(
        (code, told.as_str()),
        (1, "T1: username new belongs to another subscription\n")
    );
}

const HASH: &str = "fc156af7edcd6c0edde3337d427f4eac";

/// A store with one on a line, who has an NT hash on file.
fn on_line() -> World {
    let world = World::new();
    let hash = world.file("hash", &format!("{HASH}\n"));
    world.ok(&[
        "subscription",
        "add",
        "--username",
        "line",
        "--nt-hash-file",
        hash.to_str().unwrap(),
        "--circuit-id",
        "bras7 eth 1/0/7:3.11",
        "--remote-id",
        "cpe-7",
        "--framed-ipv6",
        "2001:db8:7:1::/64",
        "--framed-route",
        "198.51.100.0/24 10",
        "--framed-route",
        "2001:db8:8::/48",
        "--plan",
        "home-100",
        "--paid-through",
        "2027-01-31",
    ]);
    world
}

#[test]
fn a_line_and_what_is_routed_to_it_are_shown_and_of_a_credential_its_form() {
    let world = on_line();
    let shown = world.json(&["subscription", "show", "line"]);
    assert_eq!(shown["credential"], "nt_hash");
    assert_eq!(shown["circuit_id"], "bras7 eth 1/0/7:3.11");
    assert_eq!(shown["remote_id"], "cpe-7");
    assert_eq!(shown["framed_ipv6"], "2001:db8:7:1::/64");
    assert_eq!(shown["framed_routes"][1], "2001:db8:8::/48");
    let told = world.ok(&["subscription", "show", "line"]);
    assert!(told.contains("bras7 eth 1/0/7:3.11") && told.contains("198.51.100.0/24 10"));
    assert!(!told.contains(HASH) && !shown.to_string().contains(HASH));
    let (code, told) = world.refused(&["subscription", "show", "bras7 eth 1/0/7:3.11"]);
    assert_eq!(code, 1, "a line is no name: {told}");
    let other = on_other_password();
    assert_eq!(other["credential"], "password");
}

fn on_other_password() -> Value {
    let world = World::new();
    let line = r#"{"mac":"02:00:00:00:00:09","plan":"home-100"}"#;
    assert!(world.import(line).status.success());
    let shown = world.json(&["subscription", "show", "02:00:00:00:00:09"]);
    assert_eq!(shown["credential"], "none");
    let line = r#"{"username":"w","password":"tulip","plan":"home-100"}"#;
    assert!(world.import(line).status.success());
    world.json(&["subscription", "show", "w"])
}

#[test]
fn a_line_is_exported_with_its_hash_only_where_secrets_are_asked_for_and_imports_again() {
    let world = on_line();
    assert!(!world.ok(&["subscription", "export"]).contains(HASH));
    let exported = world.ok(&["subscription", "export", "--with-secrets"]);
    assert!(
        exported.contains(HASH) && exported.contains("cpe-7"),
        "{exported}"
    );
    let other = World::new();
    assert!(other.import(&exported).status.success());
    let again = other.ok(&["subscription", "export", "--secrets"]);
    assert_eq!(again, exported, "sealed there with another key");
    let twice = r#"{"username":"x","plan":"home-100","circuit_id":"bras7 eth 1/0/7:3.11"}"#;
    let ran = other.import(twice);
    assert!(!ran.status.success());
    assert!(stderr(&ran).contains("circuit_id bras7 eth 1/0/7:3.11 belongs to another"));
    let journal = other.ok(&["--json", "journal", "list"]);
    assert!(
        journal.contains("create") && !journal.contains(HASH),
        "{journal}"
    );
}

#[test]
fn what_a_plan_asks_of_the_nas_is_shown_and_checked() {
    let world = World::empty();
    let plan = |more: &str| {
        format!(
            "[[plan]]\nid = \"p\"\nname = \"P\"\nkind = \"internet\"\ndown_kbps = 1\nup_kbps = 1\n{more}\n"
        )
    };
    let terms = "session_limit = 2\nidle_timeout_seconds = 600\nframed_pool = \"v4\"\n\
                 framed_ipv6_pool = \"v6\"\ndelegated_ipv6_pool = \"pd\"";
    let file = world.file("plans.toml", &plan(terms));
    world.ok(&["plan", "apply", file.to_str().unwrap()]);
    let shown = world.json(&["plan", "show", "p"]);
    assert_eq!(shown["session_limit"], 2);
    assert_eq!(shown["idle_timeout_seconds"], 600);
    assert_eq!(shown["framed_pool"], "v4");
    assert_eq!(shown["framed_ipv6_pool"], "v6");
    assert_eq!(shown["delegated_ipv6_pool"], "pd");
    assert!(
        world
            .ok(&["plan", "show", "p"])
            .contains("delegated ipv6 pool")
    );
    let again = world.json(&["plan", "apply", file.to_str().unwrap()]);
    assert_eq!(again["unchanged"], 1);
    for (terms, word) in [
        ("session_limit = 0", "session_limit"),
        ("session_limit = 256", "session_limit"),
        ("idle_timeout_seconds = 0", "idle_timeout_seconds"),
        ("framed_pool = \"a b\"", "framed_pool"),
    ] {
        let file = world.file("bad.toml", &plan(terms));
        let (_, told) = world.refused(&["plan", "apply", file.to_str().unwrap()]);
        assert!(told.contains(word), "{terms}: {told}");
    }
}

#[test]
fn the_state_of_daemon_garden_and_portal_is_shown() {
    let world = populated();
    let status = world.json(&["status"]);
    assert_eq!(status["subscriptions"], 3);
    assert_eq!(status["time_zone"], "Europe/Vienna");
    assert_eq!(status["counters"]["radius_accept_full"], 3);
    let told = world.ok(&["status"]);
    for words in [
        "up 5 s, 2026-11-21 13:00 CET",
        "ALARM: the clock is wrong",
        "RADIUS\n  accepted, full",
        "dropped, unknown nas",
        "TEST MODE",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(!told.contains("dropped, pending"), "zero: {told}");
    assert!(world.ok(&["status", "--all"]).contains("dropped, pending"));
    let told = world.ok(&["garden", "status"]);
    assert!(
        told.starts_with("ok: 7 addresses are walled, and nobody who has paid is blocked\n"),
        "{told}"
    );
    assert_eq!(world.json(&["garden", "status"])["paid_but_blocked"], 0);
    assert!(world.ok(&["garden", "status"]).contains("paid but blocked"));
    let options = world.json(&["portal", "options"]);
    assert_eq!(
        options["uri"],
        "https://portal.example.net/captive-portal/api"
    );
    assert_eq!(world.json(&["session", "list"]), json!([]));
    assert_eq!(
        world.json(&["session", "disconnect", "user0000001"]),
        json!([])
    );
}

#[test]
fn sessions_are_disconnected_by_name_or_one_by_one_and_every_answer_is_told() {
    let world = populated();
    for session in [b"81", b"82", b"83"] {
        world.logs_in("user0000001", session);
    }
    let results = |arguments: &[&str]| {
        let answers = world.json(arguments);
        let each = answers.as_array().unwrap().iter();
        let mut told: Vec<(String, String)> = each
            .map(|one| {
                let session = one["acct_session_id"].as_str().unwrap().to_owned();
                (session, one["result"].as_str().unwrap().to_owned())
            })
            .collect();
        told.sort();
        told
    };
    let pair = |session: &str, result: &str| (session.to_owned(), result.to_owned());
    let all = |results: [&str; 3]| {
        let each = ["81", "82", "83"].into_iter().zip(results);
        each.map(|(session, result)| pair(session, result))
            .collect::<Vec<_>>()
    };
    let by_name = ["session", "disconnect", "user0000001"];
    assert_eq!(
        results(&[&by_name[..], &["--dry-run"]].concat()),
        all(["dry_run"; 3])
    );
    assert_eq!(
        results(&by_name),
        all(["acknowledged", "refused", "acknowledged"])
    );
    let told = world.ok(&by_name);
    assert!(
        told.contains("Session Context Not Removable (Error-Cause 504)") && told.contains("ended"),
        "{told}"
    );
    let nas = "pppoe-1/192.0.2.1";
    let one = ["session", "disconnect", "--nas", nas, "--session", "83"];
    assert_eq!(results(&one), [pair("83", "acknowledged")]);
    for (nas, session) in [(nas, "84"), ("pppoe-2", "83"), ("pppoe-1/192.0.2.2", "83")] {
        let nobody = ["session", "disconnect", "--nas", nas, "--session", session];
        let (code, error) = world.refused(&nobody);
        assert!(
            code == 1 && error.contains("no such live session"),
            "{code} {error}"
        );
    }
}

#[test]
fn nases_are_listed_shown_and_probed() {
    let world = World::empty();
    let list = world.ok(&["nas", "list"]);
    assert!(
        list.contains("pppoe-1") && list.contains("192.0.2.1:3799"),
        "{list}"
    );
    let shown = world.ok(&["nas", "show", "pppoe-1"]);
    for words in ["sessions named by", "out of the garden", "20000k/100000k"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert_eq!(world.json(&["nas", "list"])[0]["live_sessions"], json!(7));
    assert_eq!(
        world.json(&["nas", "show", "pppoe-1"])["identify_by"],
        json!(["User-Name"])
    );
    let probed = world.ok(&["nas", "probe", "pppoe-1"]);
    assert!(
        probed.starts_with("ok: NAS pppoe-1 at 192.0.2.1:3799"),
        "{probed}"
    );
    for verb in ["show", "probe"] {
        let (code, error) = world.refused(&["nas", verb, "bng-9"]);
        assert!(
            code == 1 && error.contains("no NAS \"bng-9\""),
            "{code} {error}"
        );
    }
}

#[test]
fn a_nas_that_cannot_be_asked_is_exit_code_1_with_the_answers_on_standard_output() {
    let world = World::empty();
    let silent = ["nas", "probe", "pppoe-1", "--address", "192.0.2.9"];
    for arguments in [silent.to_vec(), [&["--json"], &silent[..]].concat()] {
        let ran = world.run(&arguments, "");
        assert_eq!(ran.status.code(), Some(1));
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(said.contains("the text"), "{said}");
        assert!(
            stderr(&ran).contains("NAS pppoe-1 cannot be asked"),
            "{}",
            stderr(&ran)
        );
    }
    let (code, _) = world.refused(&["nas", "probe", "pppoe-1", "--address", "nowhere"]);
    assert_eq!(code, 2);
}

#[test]
fn a_reader_who_closes_the_pipe_is_told_nothing() {
    let world = populated();
    let socket = world.folder.path().join("admin.sock");
    let script = format!(
        "set -o pipefail; {} --socket {} subscription export | true; echo ${{PIPESTATUS[0]}}",
        env!("CARGO_BIN_EXE_garthctl"),
        socket.display()
    );
    let ran = std::process::Command::new("bash")
        .args(["-c", &script])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&ran.stdout).trim(), "0");
    assert_eq!(stderr(&ran), "");
}

#[test]
fn completions_and_manual_pages_need_no_daemon() {
    let world = World::empty();
    let script = world.ok(&["--socket", "/nonexistent", "completions", "bash"]);
    assert!(script.contains("end-pause"));
    let folder = world.folder.path().to_str().unwrap().to_owned();
    world.ok(&["man", &folder]);
    assert!(
        world
            .folder
            .path()
            .join("garthctl-subscription-pay.1")
            .exists()
    );
}

#[test]
fn the_completion_script_is_bash() {
    let world = World::empty();
    let script = world.ok(&["completions", "bash"]);
    assert!(script.contains("end-pause"));
    let file = world.file("garthctl.bash", &script);
    let checked = std::process::Command::new("bash")
        .arg("-n")
        .arg(file)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", stderr(&checked));
    for shell in ["zsh", "fish"] {
        assert!(world.ok(&["completions", shell]).len() > 1_000, "{shell}");
    }
}

#[test]
fn every_verb_has_a_manual_page_with_its_exit_codes() {
    let world = World::empty();
    let folder = world.folder.path().join("new/man1");
    world.ok(&["man", folder.to_str().unwrap()]);
    let mut pages = 0;
    for page in std::fs::read_dir(&folder).unwrap() {
        let page = page.unwrap();
        let text = std::fs::read_to_string(page.path()).unwrap();
        let name = page.file_name();
        assert!(text.contains(".TH "), "{name:?} is no page");
        assert!(text.contains(".SH NAME"), "{name:?} is no page");
        assert!(text.contains("Exit codes"), "{name:?}");
        pages += 1;
    }
    assert!(pages > 30, "{pages} pages");
    assert!(folder.join("garthctl-subscription-pay.1").exists());
}

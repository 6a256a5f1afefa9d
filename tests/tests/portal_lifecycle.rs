//! Subscribers steer their subscription in a real browser; pictures are kept in
//! test-output/screenshots.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that is wrong"
)]

use std::fs;
use std::path::Path;

use anyhow::Result;
use garth_tests::Lab;
use garth_tests::browser::{Browser, Screen, Visit, walks};
use garth_tests::garthd::portal_url;
use garth_tests::network::{HOSTS, PAY_NAME, host_v4, host_v6};
use garth_tests::radclient::Question;

const SCREENSHOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../test-output/screenshots");

/// Two plans, of which one leads to the other.
const PLANS: &str = r#"[[plan]]
id = "home-100"
name = "Home 100"
kind = "internet"
down_kbps = 100_000
up_kbps = 20_000
prices = [ { months = 1, amount = "29.90" }, { months = 3, amount = "85.00" } ]
change_to = ["home-500"]

[[plan]]
id = "home-500"
name = "Home 500"
kind = "internet"
down_kbps = 500_000
up_kbps = 100_000
prices = [ { months = 1, amount = "49.90" } ]
"#;

/// A subscriber who has paid for long, with credit.
const CLARA: &str = r#"{"username":"clara","password":"elder-9-tree","plan":"home-100","paid_through":"2099-01-31","balance":"40.00"}"#;

/// A lab in which the subscriber of `line` is at the address that browsers have.
fn lab_of(user_name: &str, line: &str) -> Lab {
    let lab = Lab::start().unwrap();
    let plans = lab.files.path("two-plans.toml");
    fs::write(&plans, PLANS).unwrap();
    let file = plans.to_string_lossy();
    lab.garthctl.run(&["plan", "apply", &file]).unwrap();
    lab.import(&format!("{line}\n")).unwrap();
    let [v4, v6] = [host_v4(HOSTS[0]).to_string(), host_v6(HOSTS[0]).to_string()];
    let attributes = format!(
        "Acct-Status-Type = Start\nAcct-Session-Id = \"81200009\"\nUser-Name = {user_name}\nFramed-IP-Address = {v4}\nFramed-IPv6-Prefix = {v6}/128"
    );
    let reply = lab.radius(Question::Accounting, &attributes).unwrap();
    assert!(reply.is("Accounting-Response"), "{}", reply.said);
    lab
}

fn on(screen: Screen) -> Visit {
    Visit {
        language: "en",
        screen,
        dark: false,
    }
}

fn walk(lab: &Lab, visit: Visit, walk: impl FnOnce(&Browser) -> Result<()> + Send) {
    walks(lab, visit, Path::new(SCREENSHOTS), walk).unwrap();
}

fn page(path: &str) -> String {
    format!("{}{path}", portal_url())
}

#[test]
fn t8_t6_a_subscriber_pauses_for_days_and_resumes() {
    let lab = lab_of("clara", CLARA);
    walk(&lab, on(Screen::Phone), |browser| {
        browser.goto(&page("/"))?;
        browser.sees(
            &portal_url(),
            &[
                "You are online",
                "User name",
                "clara",
                "Pause my connection",
                "Change my plan",
            ],
        )?;
        browser.takes_picture("account-active")?;
        browser.click("a[href='/pause']")?;
        browser.sees(&page("/pause"), &["Pause from"])?;
        browser.click("label[for=for]")?;
        browser.types("#days", "14")?;
        browser.takes_picture("pause")?;
        browser.click("form[action='/pause'] button")?;
        browser.sees(&page("/done"), &["Your connection is paused", "Resumes on"])?;
        browser.takes_picture("paused")?;
        browser.click("form[action='/end-pause'] button")?;
        browser.sees(&page("/done"), &["You are online"])?;
        Ok(())
    });
    assert_eq!(lab.subscription("clara").unwrap()["standing"], "active");
}

#[test]
fn t11_a_subscriber_puts_a_suspension_off_once() {
    let debtor = r#"{"username":"clara","password":"elder-9-tree","plan":"home-100","paid_through":"2099-01-31","hold":{"suspend":{"cause":"overdue","debt":"12.50"}}}"#;
    let lab = lab_of("clara", debtor);
    walk(&lab, on(Screen::Phone), |browser| {
        browser.goto(&page("/"))?;
        browser.sees(&portal_url(), &["A payment is still open", "12.50"])?;
        browser.takes_picture("suspended")?;
        browser.click("form[action='/postpone'] button")?;
        browser.sees(&page("/done"), &["You are online", "can be done once"])?;
        browser.takes_picture("postponed")
    });
    assert_eq!(lab.subscription("clara").unwrap()["access"], "full");
}

#[test]
fn l16_a_subscriber_changes_the_plan_after_paying_in_what_lacks() {
    // Paid for half a year from today, whatever day that is, and nothing on the account.
    let poor = r#"{"username":"clara","password":"elder-9-tree","plan":"home-100"}"#;
    let lab = lab_of("clara", poor);
    let pay = ["subscription", "pay", "clara", "--months", "3"];
    for _ in 0..2 {
        lab.garthctl.run(&pay).unwrap();
    }
    walk(&lab, on(Screen::Desktop), |browser| {
        browser.goto(&page("/plan"))?;
        browser.sees(&page("/plan"), &["Home 500", "49.90"])?;
        browser.click("label[for=now]")?;
        browser.takes_picture("plan")?;
        browser.click("form[action='/plan/price'] button")?;
        browser.sees(
            &page("/plan/price"),
            &["Unused time of Home 100", "is missing"],
        )?;
        browser.takes_picture("price-missing")?;
        browser.click("form[action='/pay-in'] button")?;
        browser.sees(&format!("http://{PAY_NAME}:8480"), &["TEST"])?;
        browser.click("button[value=pay]")?;
        browser.sees(&page("/returned"), &["The money is on your account now"])?;
        browser.takes_picture("paid-in")?;
        browser.goto(&page("/plan/price?plan=home-500&start=next"))?;
        browser.sees(&page("/plan/price"), &["Home 500"])?;
        browser.takes_picture("price")?;
        browser.click("form[action='/plan'] button")?;
        browser.sees(&page("/done"), &["A change of plan is planned"])?;
        browser.takes_picture("change-planned")?;
        browser.click("form[action='/cancel-change'] button")?;
        browser.sees(&page("/done"), &["Done", "Change my plan"])?;
        Ok(())
    });
    let shown = lab.subscription("clara").unwrap();
    assert_eq!(shown["plan"], "home-100");
}

#[test]
fn t16_a_subscriber_asks_for_a_plan_and_sees_the_request() {
    let lab = lab_of("clara", CLARA);
    walk(&lab, on(Screen::Phone), |browser| {
        browser.goto(&page("/plan"))?;
        browser.types("#message", "Could I have more upload?")?;
        browser.takes_picture("request")?;
        browser.click("form[action='/request'] button")?;
        browser.sees(&page("/done"), &["We have your request", "more upload"])?;
        browser.takes_picture("requested")
    });
}

#[test]
fn l13_a_subscriber_pays_months_and_a_pause_after_them() {
    let rich = CLARA.replace("40.00", "90.00");
    let lab = lab_of("clara", &rich);
    walk(&lab, on(Screen::Desktop), |browser| {
        browser.goto(&page("/"))?;
        browser.click("label[for=m3]")?;
        browser.click("#then")?;
        browser.takes_picture("then-pause")?;
        browser.click("form[action='/checkout'] button")?;
        browser.sees(&page("/done"), &["A pause is planned"])?;
        browser.takes_picture("pause-planned")?;
        browser.click("form[action='/end-pause'] button")?;
        browser.sees(&page("/done"), &["Pause at the end of my paid time"])?;
        browser.goto(&page("/history"))?;
        browser.sees(
            &page("/history"),
            &["Planned pause called off", "Months bought"],
        )?;
        browser.takes_picture("history")
    });
}

#[test]
fn l21_who_is_switched_off_sees_a_notice_and_nothing_to_do() {
    let off = CLARA.replace(
        "\"balance\":\"40.00\"",
        "\"hold\":{\"disable\":{\"reason\":\"spam\"}}",
    );
    let lab = lab_of("clara", &off);
    walk(&lab, on(Screen::Phone), |browser| {
        browser.goto(&page("/"))?;
        let text = browser.sees(&portal_url(), &["switched off"])?;
        assert!(!text.contains("Pause") && !text.contains("spam"), "{text}");
        browser.takes_picture("disabled")
    });
}

#[test]
fn l20_an_operator_opens_the_portal_as_the_subscriber_and_is_named_in_the_journal() {
    let lab = Lab::start().unwrap();
    lab.import(&format!("{CLARA}\n")).unwrap();
    let opened = lab
        .garthctl
        .run(&["subscription", "open", "clara"])
        .unwrap();
    let link = opened.trim().to_owned();
    walk(&lab, on(Screen::Desktop), |browser| {
        browser.goto(&link)?;
        browser.sees(&portal_url(), &["logged in as operator", "You are online"])?;
        browser.takes_picture("operator")?;
        browser.click("a[href='/pause']")?;
        browser.click("form[action='/pause'] button")?;
        browser.sees(&page("/done"), &["Your connection is paused"])?;
        browser.click(".watched button")?;
        browser.sees(&portal_url(), &["Sign in"])?;
        browser.goto(&link)?;
        browser.sees(&page("/pass/"), &["used up"])?;
        browser.takes_picture("pass-used")
    });
    let mut history = lab.history("clara").unwrap();
    let newest = history.remove(0);
    let opened = history.remove(0);
    assert_eq!(opened["action"], "open_portal", "{opened}");
    assert_eq!(opened["actor"]["role"], "support", "{opened}");
    assert_eq!(newest["actor"]["name"], opened["actor"]["name"]);
    assert_eq!(newest["action"], "pause", "{newest}");
    assert_eq!(newest["actor"]["role"], "customer", "{newest}");
    let subscription = lab.subscription("clara").unwrap();
    assert_eq!(
        newest["actor"]["on_behalf_of"], subscription["id"],
        "{newest}"
    );
    assert_ne!(newest["actor"]["name"], subscription["id"], "{newest}");
}

#[test]
fn l6_after_two_operators_took_a_payment_back_its_subscriber_reads_so_once() {
    let lab = lab_of("clara", CLARA);
    let garthctl = &lab.garthctl;
    garthctl
        .run(&["subscription", "pay", "clara", "--months", "3"])
        .unwrap();
    let entry = lab.history("clara").unwrap().remove(0)["sequence"].to_string();
    let reason = "entered for the wrong subscriber";
    let asked = garthctl
        .run(&[
            "--json", "revert", "request", "clara", &entry, "--reason", reason,
        ])
        .unwrap();
    let asked: serde_json::Value = serde_json::from_str(&asked).unwrap();
    let id = asked["request"]["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{asked}"));
    let own = garthctl.try_run(&["revert", "approve", id]).unwrap();
    assert_eq!(own.exit, 4, "{}", own.err);
    walk(&lab, on(Screen::Phone), |browser| {
        browser.goto(&page("/"))?;
        let before = browser.sees(&portal_url(), &["You are online"])?;
        assert!(!before.contains("A booking was corrected"), "{before}");
        let waiting = garthctl.run_as_approver(&["approvals"])?;
        assert!(
            waiting.contains("clara") && waiting.contains(reason),
            "{waiting}"
        );
        garthctl.run_as_approver(&["revert", "approve", id])?;
        browser.goto(&page("/"))?;
        browser.sees(&portal_url(), &["A booking was corrected"])?;
        browser.takes_picture("revert-notice")?;
        browser.click("form[action='/dismiss'] button")?;
        browser.goto(&page("/"))?;
        let after = browser.sees(&portal_url(), &["You are online"])?;
        assert!(!after.contains("A booking was corrected"), "{after}");
        Ok(())
    });
    let subscription = lab.subscription("clara").unwrap();
    assert_eq!(subscription["paid_through"], "2099-01-31T23:00:00Z");
    // 40.00 of credit and 45.00 in cash had bought the months.
    assert_eq!(subscription["balance"]["amount"], "85.00");
}

#[test]
fn l19_the_subscriber_of_a_partner_sees_that_partners_menu_and_fields() {
    let plain = CLARA.replace("\"balance\"", "\"partner\":\"Plain Net\",\"balance\"");
    let lab = lab_of("clara", &plain);
    walk(&lab, on(Screen::Phone), |browser| {
        browser.goto(&page("/"))?;
        let text = browser.sees(&portal_url(), &["You are online", "Home 100"])?;
        for hidden in [
            "clara",
            "User name",
            "Pause my connection",
            "Change my plan",
        ] {
            assert!(!text.contains(hidden), "{hidden}: {text}");
        }
        assert!(text.contains("Payments and changes"), "{text}");
        browser.takes_picture("partner")
    });
}

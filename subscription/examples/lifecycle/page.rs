//! The page for operators: every table is asked of the rules, on sample subscriptions.

mod samples;
mod settings;

use std::fmt::Write;

use garth_subscription::agenda::AgendaAction;
use garth_subscription::calendar::Months;
use garth_subscription::command::{Command, Role, Tender};
use garth_subscription::decide::{Case, decide, may};
use garth_subscription::facts::Facts;
use garth_subscription::journal::Effect;
use garth_subscription::policy::Rules;
use garth_subscription::{Access, Standing};

use samples::{LITERAL, euro, facts, now, order, others, rules, samples, template};

/// What writes the page anew.
pub(crate) const REGENERATE: &str =
    "cargo run -p garth-subscription --example lifecycle > docs/lifecycle.md";

/// The whole page.
pub(crate) fn page() -> String {
    [
        head(),
        standings(),
        commands(),
        roles(),
        agenda(),
        effects(),
        settings::settings(),
    ]
    .join("\n")
}

fn head() -> String {
    format!(
        "# The life of a subscription\n\n\
         What a subscription can be, what can be done with it, by whom, and what happens by itself.\n\
         Every table below is asked of the rules themselves; a test fails where this page differs from\n\
         them. Numbers such as T5 or L24 name the rule; a refusal carries the same number.\n\n\
         Written by `{REGENERATE}`; do not edit it by hand.\n"
    )
}

fn standings() -> String {
    let mut text = String::from(
        "## What it can be\n\n\
         The standing is worked out from what is stored and the time, whenever it is asked for. Where\n\
         several reasons meet, the first of these counts: ended, disabled, suspended, paused, expired,\n\
         grace, active.\n\n\
         | standing | access | what it means |\n|---|---|---|\n",
    );
    for standing in Standing::ALL {
        row(
            &mut text,
            &[
                standing.as_str(),
                access(standing.access()),
                meaning(standing),
            ],
        );
    }
    text
}

const fn access(access: Access) -> &'static str {
    match access {
        Access::Full => "full: the plan",
        Access::Garden => "garden: the portal only",
        Access::Reject => "none",
    }
}

const fn meaning(standing: Standing) -> &'static str {
    match standing {
        Standing::Pending => "Agreed, with a start to come. Nothing is billed before it.",
        Standing::Active => "Paid for and served.",
        Standing::Grace => {
            "Past its paid time, served free of charge for some days. Months bought now count from the old end."
        }
        Standing::Expired => "Past its paid time. Months bought now count from the payment.",
        Standing::Paused => {
            "Deactivated by wish for a while. Paid time that was left is banked and given back at the end."
        }
        Standing::Suspended => {
            "Walled for a debt, for fraud or by an operator. Nothing is billed; paying the debt opens it, but not for fraud."
        }
        Standing::Disabled => {
            "Switched off by an operator. Still billed, still recorded; the portal shows a notice and nothing else."
        }
        Standing::Terminated => {
            "Ended. Late money becomes credit. Only support and the ledger can bring it back, for a time, as expired."
        }
        Standing::Cancelled => "Called off before it began; what was paid is credit.",
    }
}

fn commands() -> String {
    let captured = Tender::Captured {
        payment: "sample".parse().expect(LITERAL),
        amount: euro(5_000),
    };
    let mut text = String::from(
        "## What can be done\n\n\
         Each cell is what the command comes to at that standing: the new standing, or what it did where\n\
         the standing stays, or the rule that refuses it. Where the standing stays and a date was agreed,\n\
         it is *scheduled*. Whatever is asked can be tried with `--dry-run` first.\n\n",
    );
    for (role, title, tender) in [
        (
            Role::Operator,
            "### By an operator\n\nWith cash at hand for months, reasons stated and warnings confirmed.\n\n",
            captured,
        ),
        (
            Role::Customer,
            "### By the subscriber, in the portal\n\nWith credit on the account for what it costs, with every setting at its default.\n\n",
            Tender::Balance,
        ),
    ] {
        text.push_str(title);
        table(&mut text, role, &tender);
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn table(text: &mut String, role: Role, tender: &Tender) {
    let mut head = vec!["command"];
    head.extend(Standing::ALL.map(Standing::as_str));
    row(text, &head);
    row(text, &vec!["---"; head.len()]);
    let rules = rules();
    for sample in samples(tender) {
        let mut cells = vec![sample.name.to_owned()];
        if !may(role, &sample.command) {
            // Nothing in the portal for it: the table of roles says so.
            continue;
        }
        for standing in Standing::ALL {
            let mut facts = facts(standing, &rules);
            // What has ended keeps nothing on its agenda.
            if !facts.has_ended() {
                (sample.prepare)(&mut facts);
            }
            cells.push(cell(&facts, role, &sample.command, &rules));
        }
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        row(text, &cells);
    }
}

fn cell(facts: &Facts, role: Role, command: &Command, rules: &Rules) -> String {
    let order = order(role, command.clone());
    match decide(Case::of(facts), &order, now(), rules.terms(None)) {
        Err(refusal) => format!("refused: {}", refusal.rule()),
        Ok(decision) => {
            let old = decision.old.as_ref().map(|old| old.standing);
            if old == Some(decision.new.standing) {
                decision.effect.as_str().replace('_', " ")
            } else {
                format!("**{}**", decision.new.standing)
            }
        }
    }
}

fn roles() -> String {
    let captured = Tender::Captured {
        payment: "sample".parse().expect(LITERAL),
        amount: euro(5_000),
    };
    let mut rows: Vec<(&str, Command)> = vec![("create", Command::Create(Box::new(template())))];
    let months = Months::new(1).expect(LITERAL);
    rows.push((
        "pay or reactivate from credit",
        Command::Pay {
            months,
            tender: Tender::Balance,
            then_pause: false,
        },
    ));
    rows.push((
        "pay or reactivate with money taken",
        Command::Pay {
            months,
            tender: captured.clone(),
            then_pause: false,
        },
    ));
    let shown = [
        "pay:",
        "reactivate:",
        "pause: in",
        "terminate: in",
        "change the plan, next",
    ];
    rows.extend(
        samples(&captured)
            .into_iter()
            .filter(|sample| !shown.iter().any(|prefix| sample.name.starts_with(prefix)))
            .map(|sample| (sample.name, sample.command)),
    );
    rows.extend(others());
    let mut text = String::from(
        "## Who may do what\n\n\
         Policy may take more from subscribers (see the settings below); it gives nobody more than this.\n\n",
    );
    let mut head = vec!["command"];
    head.extend(Role::ALL.map(Role::as_str));
    row(&mut text, &head);
    row(&mut text, &vec!["---"; head.len()]);
    for (name, command) in rows {
        let mut cells = vec![name];
        cells.extend(Role::ALL.map(|role| if may(role, &command) { "yes" } else { "" }));
        row(&mut text, &cells);
    }
    text
}

fn agenda() -> String {
    let mut text = String::from(
        "## What happens by itself\n\n\
         At one instant things happen in this order. A timer that is late leaves no access that has ended:\n\
         the standing follows the time, and the journal entry says when it was due.\n\n\
         | agenda | what is done |\n|---|---|\n",
    );
    for action in AgendaAction::ALL {
        let words = match action {
            AgendaAction::Terminate => {
                "The agreed end: terminated, and all else goes off the agenda."
            }
            AgendaAction::Start => {
                "The agreed start: active if it is paid or credit pays for all services, else expired."
            }
            AgendaAction::EndPause => {
                "The pause runs out: what it banked is given back. With nothing banked, credit renews it, or it expires."
            }
            AgendaAction::ChangePlan => {
                "The agreed change of plan, if it is still sold and paid for; else the old plan stays and it is *dropped*."
            }
            AgendaAction::BeginPause => {
                "The agreed pause begins, if its limits and its fee still allow; else it is *dropped*."
            }
            AgendaAction::Expiry => {
                "Paid time ends: a period that is invoiced backward is charged, credit renews, or it expires."
            }
            AgendaAction::Suspend => {
                "A debt has waited long enough: suspended, never on an excluded day."
            }
        };
        row(&mut text, &[action.as_str(), words]);
    }
    text
}

fn effects() -> String {
    let mut text = String::from(
        "## What a journal entry can say came of it\n\n| effect | meaning |\n|---|---|\n",
    );
    for effect in Effect::ALL {
        let words = match effect {
            Effect::Done => "It did what it says.",
            Effect::MonthsBought => "Months were bought.",
            Effect::CreditOnly => "The money bought nothing and is credit.",
            Effect::DebtSettled => {
                "The debt was paid and the suspension lifted; no months were bought."
            }
            Effect::PauseEnded => "The pause ended and service goes on.",
            Effect::PauseEndedUnfunded => {
                "The pause ended with nothing banked and no credit: expired."
            }
            Effect::Renewed => "Credit, or an invoice to come, moved the end of paid time.",
            Effect::Lapsed => "Paid time ended without a renewal.",
            Effect::Scheduled => "It is on the agenda.",
            Effect::Unscheduled => "It is off the agenda.",
            Effect::Dropped => {
                "What was agreed could not be done when it was due, and is off the agenda."
            }
            Effect::Requested => "It waits for a person; nothing has changed.",
        };
        row(&mut text, &[effect.as_str(), words]);
    }
    text
}

pub(crate) fn row(text: &mut String, cells: &[&str]) {
    writeln!(text, "| {} |", cells.join(" | ")).expect("a text can be written to");
}

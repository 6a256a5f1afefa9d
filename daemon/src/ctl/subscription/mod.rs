//! `garthctl subscription …`.

mod bulk;
mod request;

use std::io::{IsTerminal, Read, Write};

use serde_json::{Value, json};

use super::args::{Add, Subscription};
use super::client::{Client, Path};
use super::failure::{Failure, warn};
use super::output::Output;
use super::run::{PAGE_MAX, pages, typed};
use super::{open, show, transfer};
use crate::admin::wire::{
    ActionsBody, ChangeBody, EntryBody, ExplainBody, MonthUsageBody, Page, SubscriptionBody,
};
use crate::import::{ImportLine, ServiceLine};
use request::{Answers, Request};

pub(super) use request::say;

/// The longest password with its newline, in octets.
const PASSWORD_LEN_MAX: u64 = 256;

/// The rules that ask: still billed, logging stops.
const WARNINGS: [&str; 2] = ["L21", "L22"];

pub(super) async fn run(
    verb: Subscription,
    client: &Client,
    output: &mut Output,
) -> Result<(), Failure> {
    match verb {
        Subscription::List {
            standing,
            plan,
            partner,
            reseller,
            limit,
        } => {
            let path = base()
                .with("standing", standing)
                .with("plan", plan)
                .with("partner", partner)
                .with("reseller", reseller);
            list(&path, limit, client, output).await
        }
        Subscription::Show { name } => show_one(&name, client, output).await,
        Subscription::Explain { name } => explain(&name, client, output).await,
        Subscription::History { name, limit } => history(&name, limit, client, output).await,
        Subscription::Usage { name } => usage(&name, client, output).await,
        Subscription::Actions { name, all } => actions(&name, all, client, output).await,
        Subscription::Open { name } => open::run(&name, client, output).await,
        Subscription::Add(add) => add_one(*add, client, output).await,
        Subscription::Import { file, csv, dry_run } => {
            transfer::import(&file, csv, dry_run, client, output).await
        }
        Subscription::Bulk(verb) => bulk::run(verb, client, output).await,
        Subscription::Export {
            secrets,
            output: file,
        } => transfer::export(secrets, file.as_deref(), client, output).await,
        verb @ (Subscription::Renew { .. }
        | Subscription::Pay { .. }
        | Subscription::Reactivate { .. }
        | Subscription::Grace { .. }
        | Subscription::Pause { .. }
        | Subscription::EndPause(_)
        | Subscription::ActiveTo { .. }
        | Subscription::Suspend { .. }
        | Subscription::Lift(_)
        | Subscription::Postpone { .. }
        | Subscription::Disable { .. }
        | Subscription::Enable(_)
        | Subscription::ChangePlan { .. }
        | Subscription::CancelChange(_)
        | Subscription::Cancel(_)
        | Subscription::Terminate { .. }
        | Subscription::CancelTermination(_)
        | Subscription::Reinstate(_)
        | Subscription::Set { .. }) => match Request::of(verb) {
            Some(request) => change(request, client, output).await,
            None => Ok(()),
        },
    }
}

fn base() -> Path {
    Path::of(&["v1", "subscriptions"])
}

fn of(name: &str, what: &str) -> Path {
    Path::of(&["v1", "subscriptions", name, what])
}

/// Prints page after page; memory holds one at a time.
async fn list(
    path: &Path,
    limit: Option<usize>,
    client: &Client,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut left = limit.unwrap_or(usize::MAX);
    let mut after = None;
    let mut is_first = true;
    if output.is_json() {
        output.raw(b"[")?;
    }
    while left > 0 {
        let path = path
            .clone()
            .with("after", after)
            .with("limit", Some(left.min(PAGE_MAX)));
        let page: Page<Value> = client.get(&path).await?;
        left -= page.items.len().min(left);
        if output.is_json() {
            for item in &page.items {
                output.raw(if is_first { b"\n" } else { b",\n" })?;
                is_first = false;
                output.raw(item.to_string().as_bytes())?;
            }
        } else if !page.items.is_empty() {
            show::subscriptions(&typed(page.items)?, is_first, output)?;
            is_first = false;
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if output.is_json() {
        output.raw(b"\n]\n")?;
    }
    Ok(())
}

async fn show_one(name: &str, client: &Client, output: &mut Output) -> Result<(), Failure> {
    let path = Path::of(&["v1", "subscriptions", name]);
    let subscription: SubscriptionBody = client.get(&path).await?;
    if output.is_json() {
        return output.json(&subscription);
    }
    show::subscription(&subscription, output)
}

async fn explain(name: &str, client: &Client, output: &mut Output) -> Result<(), Failure> {
    let explanation: ExplainBody = client.get(&of(name, "explain")).await?;
    if output.is_json() {
        return output.json(&explanation);
    }
    show::explain(&explanation, output)
}

async fn history(
    name: &str,
    limit: usize,
    client: &Client,
    output: &mut Output,
) -> Result<(), Failure> {
    let entries = pages(client, &of(name, "history"), "before", None, limit).await?;
    if output.is_json() {
        return output.json(&entries);
    }
    show::entries(&typed::<EntryBody>(entries)?, output)
}

async fn usage(name: &str, client: &Client, output: &mut Output) -> Result<(), Failure> {
    let months: Vec<MonthUsageBody> = client.get(&of(name, "usage")).await?;
    if output.is_json() {
        return output.json(&months);
    }
    show::usage(&months, output)
}

async fn actions(
    name: &str,
    all: bool,
    client: &Client,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut actions: ActionsBody = client.get(&of(name, "actions")).await?;
    actions.actions.retain(|action| all || action.available);
    if output.is_json() {
        return output.json(&actions);
    }
    show::actions(&actions, output)
}

async fn add_one(add: Add, client: &Client, output: &mut Output) -> Result<(), Failure> {
    let password = if add.password_stdin {
        let mut text = String::new();
        std::io::stdin()
            .take(PASSWORD_LEN_MAX)
            .read_to_string(&mut text)?;
        Some(text.trim_end_matches(['\r', '\n']).to_owned())
    } else {
        add.password
    };
    let nt_hash = add.nt_hash_file.as_deref().map(nt_hash).transpose()?;
    let path = base().change(&add.change);
    let services = add.services.into_iter().map(ServiceLine::Plan);
    let services: Vec<_> = services.collect();
    let line = ImportLine {
        id: add.id,
        username: add.username,
        password,
        nt_hash,
        mac: add.mac,
        circuit_id: add.circuit_id,
        remote_id: add.remote_id,
        external_id: add.external_id,
        plan: Some(add.plan),
        services: (!services.is_empty()).then_some(services),
        paid_through: add.paid_through,
        start_at: add.start_at,
        anchor_day: add.anchor_day,
        balance: add.balance,
        framed_ipv4: add.framed_ipv4,
        framed_ipv6: add.framed_ipv6,
        delegated_ipv6: add.delegated_ipv6,
        framed_routes: (!add.framed_routes.is_empty()).then_some(add.framed_routes),
        language: add.language,
        name: add.name,
        phone: add.phone,
        partner: add.partner,
        reseller: add.reseller,
        ..ImportLine::default()
    };
    let change: ChangeBody = client.send_json("POST", &path, &line).await?;
    if output.is_json() {
        return output.json(&change);
    }
    show::change(&change, output)
}

/// The NT hash of a file, without the newline at its end.
fn nt_hash(path: &std::path::Path) -> Result<String, Failure> {
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(PASSWORD_LEN_MAX).read_to_string(&mut text))
        .map_err(|source| Failure::File {
            path: path.to_owned(),
            source,
        })?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

async fn change(request: Request, client: &Client, output: &mut Output) -> Result<(), Failure> {
    let Request {
        verb,
        target,
        mut body,
        answers,
    } = request;
    say(&mut body, &target.said);
    let path = of(&target.name, verb).change(&target.change);
    if answers == (Answers::Price { is_accepted: false }) && !target.change.dry_run {
        see_price(&target.name, verb, &body, client, output).await?;
    }
    let sent = client.send_json("POST", &path, &body).await;
    let is_open = answers == (Answers::Warning { is_answered: false });
    let change: ChangeBody = match sent {
        Err(Failure::Refused(mut problem)) if is_open && is_warning(problem.rule.as_deref()) => {
            if !confirmed_by_a_person(&problem.detail)? {
                problem.detail.push_str(" (--yes)");
                return Err(Failure::Refused(problem));
            }
            body["confirmed"] = json!(true);
            client.send_json("POST", &path, &body).await?
        }
        sent => sent?,
    };
    if output.is_json() {
        return output.json(&change);
    }
    show::change(&change, output)
}

/// Shows what a change of plan costs before it is done (L16), where somebody can look.
async fn see_price(
    name: &str,
    verb: &str,
    body: &Value,
    client: &Client,
    output: &mut Output,
) -> Result<(), Failure> {
    if !is_attended() || output.is_json() {
        return Ok(());
    }
    let path = of(name, verb).with("dry_run", Some(true));
    let tried: ChangeBody = client.send_json("POST", &path, body).await?;
    show::change(&tried, output)?;
    output.flush()?;
    if confirmed_by_a_person("the price of change is as above")? {
        Ok(())
    } else {
        Err(Failure::Usage("nothing was changed".to_owned()))
    }
}

fn is_warning(rule: Option<&str>) -> bool {
    rule.is_some_and(|rule| WARNINGS.contains(&rule))
}

/// Whether somebody is there to be asked.
pub(super) fn is_attended() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks at the terminal; nobody there is a no.
pub(super) fn confirmed_by_a_person(warning: &str) -> Result<bool, Failure> {
    let (stdin, mut stderr) = (std::io::stdin(), std::io::stderr());
    if !is_attended() {
        return Ok(false);
    }
    warn(warning);
    write!(stderr, "Go on? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    stdin.read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

//! `garthctl revert …`, `approvals`, `ticket …`, `quote …`.

use serde_json::{Value, json};

use super::args::{Decide, Hold, Quote, Revert, Ticket};
use super::client::{Client, Path};
use super::failure::Failure;
use super::output::Output;
use super::run::{pages, typed};
use super::show;
use super::subscription::{confirmed_by_a_person, say};
use crate::admin::wire::{
    ApprovalsBody, ChangeBody, ReportBody, RevertAskedBody, RevertBody, StoredQuoteBody,
    TicketBody, TimeHoldBody,
};

pub(super) async fn revert(
    verb: Revert,
    client: &Client,
    output: &mut Output,
) -> Result<(), Failure> {
    match verb {
        Revert::Request {
            name,
            entry,
            status,
            amount,
            allow_loss,
            said,
            change,
        } => {
            let mut body = json!({
                "entry": entry, "status": status, "amount": amount, "allow_loss": allow_loss,
            });
            say(&mut body, &said);
            let path = Path::of(&["v1", "subscriptions", &name, "reverts"]).change(&change);
            let asked: RevertAskedBody = client.send_json("POST", &path, &body).await?;
            if output.is_json() {
                return output.json(&asked);
            }
            show::revert_asked(&asked, output)
        }
        Revert::List {
            pending,
            subscription,
            limit,
        } => {
            let path = Path::of(&["v1", "reverts"])
                .with("pending", pending.then_some(true))
                .with("subscription", subscription);
            let found = pages(client, &path, "after", None, limit).await?;
            if output.is_json() {
                return output.json(&found);
            }
            show::reverts(&typed::<RevertBody>(found)?, output)
        }
        Revert::Show { id } => {
            let request: RevertBody = client.get(&Path::of(&["v1", "reverts", &id])).await?;
            if output.is_json() {
                return output.json(&request);
            }
            show::revert(&request, output)
        }
        Revert::Approve(decide) => decided("approve", decide, client, output).await,
        Revert::Deny(decide) => decided("deny", decide, client, output).await,
        Revert::Report { from, to, by } => {
            let path = Path::of(&["v1", "reports", "reverts"])
                .with("from", from)
                .with("to", to)
                .with("by", Some(by.as_str()));
            let report: ReportBody = client.get(&path).await?;
            if output.is_json() {
                return output.json(&report);
            }
            show::report(&report, output)
        }
    }
}

async fn decided(
    verb: &str,
    decide: Decide,
    client: &Client,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut body = json!({});
    say(&mut body, &decide.said);
    let path = Path::of(&["v1", "reverts", &decide.id, verb]).change(&decide.change);
    let change: ChangeBody = client.send_json("POST", &path, &body).await?;
    if output.is_json() {
        return output.json(&change);
    }
    show::change(&change, output)
}

pub(super) async fn approvals(client: &Client, output: &mut Output) -> Result<(), Failure> {
    let waiting: ApprovalsBody = client.get(&Path::of(&["v1", "approvals"])).await?;
    if output.is_json() {
        return output.json(&waiting);
    }
    show::approvals(&waiting, output)
}

pub(super) async fn hold(verb: Hold, client: &Client, output: &mut Output) -> Result<(), Failure> {
    let Hold::Confirm { kind, yes, dry_run } = verb else {
        let holds: Vec<TimeHoldBody> = client.get(&Path::of(&["v1", "holds"])).await?;
        if output.is_json() {
            return output.json(&holds);
        }
        return show::time_holds(&holds, output);
    };
    let path = Path::of(&["v1", "holds", &kind, "confirm"]);
    let dry = path.clone().with("dry_run", Some(true));
    let held: TimeHoldBody = if dry_run {
        client.send_json("POST", &dry, &json!({})).await?
    } else {
        if !yes {
            let held: TimeHoldBody = client.send_json("POST", &dry, &json!({})).await?;
            if !confirmed_by_a_person(&held.detail)? {
                let detail = format!("{}; nothing was confirmed (--yes)", held.detail);
                return Err(Failure::Usage(detail));
            }
        }
        client.send_json("POST", &path, &json!({})).await?
    };
    if output.is_json() {
        return output.json(&held);
    }
    show::time_holds(&[held], output)
}

pub(super) async fn ticket(
    verb: Ticket,
    client: &Client,
    output: &mut Output,
) -> Result<(), Failure> {
    let ticket: TicketBody = match verb {
        Ticket::List {
            all,
            subscription,
            limit,
        } => {
            let path = Path::of(&["v1", "tickets"])
                .with("open", Some(!all))
                .with("subscription", subscription);
            let found: Vec<Value> = pages(client, &path, "after", None, limit).await?;
            if output.is_json() {
                return output.json(&found);
            }
            return show::tickets(&typed::<TicketBody>(found)?, output);
        }
        Ticket::Show { id } => client.get(&Path::of(&["v1", "tickets", &id])).await?,
        Ticket::Close {
            id,
            answer,
            dry_run,
        } => {
            let path =
                Path::of(&["v1", "tickets", &id, "close"]).with("dry_run", dry_run.then_some(true));
            let body = json!({ "answer": answer });
            client.send_json("POST", &path, &body).await?
        }
    };
    if output.is_json() {
        return output.json(&ticket);
    }
    show::ticket(&ticket, output)
}

pub(super) async fn quote(
    verb: Quote,
    client: &Client,
    output: &mut Output,
) -> Result<(), Failure> {
    let quote: StoredQuoteBody = match verb {
        Quote::Make {
            name,
            months,
            then_pause,
            dry_run,
        } => {
            let path = Path::of(&["v1", "quotes"]).with("dry_run", dry_run.then_some(true));
            let body = json!({ "subscription": name, "months": months, "then_pause": then_pause });
            client.send_json("POST", &path, &body).await?
        }
        Quote::List { name, limit } => {
            let path = Path::of(&["v1", "quotes"]).with("subscription", Some(name));
            let found = pages(client, &path, "after", None, limit).await?;
            if output.is_json() {
                return output.json(&found);
            }
            return show::quotes(&typed::<StoredQuoteBody>(found)?, output);
        }
        Quote::Show { id } => client.get(&Path::of(&["v1", "quotes", &id])).await?,
    };
    if output.is_json() {
        return output.json(&quote);
    }
    show::quote(&quote, output)
}

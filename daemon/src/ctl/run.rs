//! From the command line to what it does.

use std::io::Read;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::args::{Cli, Garden, Journal, Noun, Plan, Portal, Session, command};
use super::client::{Client, Path};
use super::failure::Failure;
use super::output::Output;
use super::zone::Zone;
use super::{nas, portal, requests, show, status, subscription, transfer};
use crate::admin::wire::{
    DisconnectedBody, EntryBody, Page, PlanBody, PlansAppliedBody, SessionBody,
};
use crate::import::PlanFile;

/// The largest plan file, in octets; the daemon takes no more either.
const PLAN_FILE_LEN_MAX: u64 = 1 << 20;
/// The largest page that the daemon gives.
pub(super) const PAGE_MAX: usize = 1_000;

/// Does what the command line says.
pub(super) fn run(cli: Cli, zone: Zone, output: &mut Output) -> Result<(), Failure> {
    let client = Client::new(cli.socket, zone);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match cli.noun {
        Noun::Subscription(verb) => runtime.block_on(subscription::run(verb, &client, output)),
        Noun::Revert(verb) => runtime.block_on(requests::revert(verb, &client, output)),
        Noun::Approvals => runtime.block_on(requests::approvals(&client, output)),
        Noun::Hold(verb) => runtime.block_on(requests::hold(verb, &client, output)),
        Noun::Ticket(verb) => runtime.block_on(requests::ticket(verb, &client, output)),
        Noun::Quote(verb) => runtime.block_on(requests::quote(verb, &client, output)),
        Noun::Plan(verb) => runtime.block_on(plan(verb, &client, output)),
        Noun::Nas(verb) => runtime.block_on(nas::run(verb, &client, output)),
        Noun::Session(verb) => runtime.block_on(session(verb, &client, output)),
        Noun::Journal(Journal::List { from, limit }) => {
            runtime.block_on(journal(from, limit, &client, output))
        }
        Noun::Journal(Journal::Verify) => runtime.block_on(transfer::verify(&client, output)),
        Noun::Garden(Garden::Status) => runtime.block_on(status::garden_status(&client, output)),
        Noun::Portal(Portal::Options) => runtime.block_on(portal::options(&client, output)),
        Noun::Status { all } => runtime.block_on(status::run(all, &client, output)),
        Noun::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command(), "garthctl", &mut script);
            output.raw(&script)
        }
        Noun::Man { directory } => {
            let written = std::fs::create_dir_all(&directory)
                .and_then(|()| clap_mangen::generate_to(command(), &directory));
            written.map_err(|source| Failure::File {
                path: directory,
                source,
            })
        }
    }
}

async fn plan(verb: Plan, client: &Client, output: &mut Output) -> Result<(), Failure> {
    match verb {
        Plan::List => {
            let plans: Vec<PlanBody> = client.get(&Path::of(&["v1", "plans"])).await?;
            if output.is_json() {
                return output.json(&plans);
            }
            show::plans(&plans, output)
        }
        Plan::Show { id } => {
            let plan: PlanBody = client.get(&Path::of(&["v1", "plans", &id])).await?;
            if output.is_json() {
                return output.json(&plan);
            }
            show::plan(&plan, output)
        }
        Plan::Apply { file, dry_run } => {
            let text = read_text(&file)?;
            let plans: PlanFile = toml::from_str(&text)
                .map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))?;
            let path = Path::of(&["v1", "plans"]).with("dry_run", dry_run.then_some(true));
            let applied: PlansAppliedBody = client.send_json("PUT", &path, &plans).await?;
            if output.is_json() {
                return output.json(&applied);
            }
            show::plans_applied(&applied, output)
        }
    }
}

/// The text of a file, or of standard input for `-`.
fn read_text(path: &std::path::Path) -> Result<String, Failure> {
    let failed = |source| Failure::File {
        path: path.to_owned(),
        source,
    };
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin()
            .take(PLAN_FILE_LEN_MAX)
            .read_to_string(&mut text)
    } else {
        std::fs::File::open(path)
            .map_err(failed)?
            .take(PLAN_FILE_LEN_MAX)
            .read_to_string(&mut text)
    }
    .map_err(failed)?;
    Ok(text)
}

async fn session(verb: Session, client: &Client, output: &mut Output) -> Result<(), Failure> {
    match verb {
        Session::List {
            subscription,
            all,
            limit,
        } => {
            let path = Path::of(&["v1", "sessions"])
                .with("subscription", subscription)
                .with("live", Some(!all));
            let sessions = pages(client, &path, "after", None, limit).await?;
            if output.is_json() {
                return output.json(&sessions);
            }
            show::sessions(&typed::<SessionBody>(sessions)?, output)
        }
        Session::Show { nas, session } => {
            let path = Path::of(&["v1", "session"])
                .with("nas", Some(nas))
                .with("acct_session_id", Some(session));
            let session: SessionBody = client.get(&path).await?;
            if output.is_json() {
                return output.json(&session);
            }
            show::session(&session, output)
        }
        Session::Disconnect {
            name,
            nas,
            session,
            dry_run,
        } => {
            let path = Path::of(&["v1", "sessions", "disconnect"])
                .with("dry_run", dry_run.then_some(true));
            let asked = match name {
                Some(name) => serde_json::json!({ "subscription": name }),
                None => serde_json::json!({ "nas": nas, "acct_session_id": session }),
            };
            let answers: Vec<DisconnectedBody> = client.send_json("POST", &path, &asked).await?;
            if output.is_json() {
                return output.json(&answers);
            }
            show::disconnected(&answers, output)
        }
    }
}

async fn journal(
    from: u64,
    limit: usize,
    client: &Client,
    output: &mut Output,
) -> Result<(), Failure> {
    let first = Path::of(&["v1", "journal"]);
    let entries = pages(client, &first, "from", Some(from.to_string()), limit).await?;
    if output.is_json() {
        return output.json(&entries);
    }
    show::entries(&typed::<EntryBody>(entries)?, output)
}

/// Items as what they are, for people.
pub(super) fn typed<T: DeserializeOwned>(items: Vec<Value>) -> Result<Vec<T>, Failure> {
    items
        .into_iter()
        .map(serde_json::from_value)
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::Answer(error.to_string()))
}

/// Follows the pages of a list until there are `limit` items or no more.
pub(super) async fn pages(
    client: &Client,
    path: &Path,
    key: &'static str,
    from: Option<String>,
    limit: usize,
) -> Result<Vec<Value>, Failure> {
    let mut items = Vec::new();
    let mut next = from;
    while items.len() < limit {
        let page_limit = (limit - items.len()).min(PAGE_MAX);
        let path = path.clone().with(key, next).with("limit", Some(page_limit));
        let page: Page<Value> = client.get(&path).await?;
        items.extend(page.items);
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    Ok(items)
}

//! Entries that are to be taken back: asked for by one operator, decided by another (L1–L6).

use std::collections::BTreeMap;

use garth_store::record::Subscription;
use garth_store::write::{CommandRequest, Committed};
use garth_store::{ReadError, RevertFilter, Store};
use garth_subscription::facts::SubscriptionId;
use garth_subscription::journal::EntryId;
use garth_subscription::revert::{RevertAsk, RevertId, RevertRequest, RevertState};
use garth_subscription::{Command, Money, Order, Standing, Timestamp};
use http::{Request, Response};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::Admin;
use super::body::{self, Body};
use super::problem::Problem;
use super::role::Peer;
use super::routes::{Call, Query};
use super::subscription::asked::{Said, moment, money, said, typed};
use super::subscription::complete::Ready;
use super::subscription::{Change, PAGE_MAX, id_from, page_limit};
use super::wire::{
    ApprovalsBody, Page, ReportBody, ReportRow, RevertAskedBody, RevertBody, RevertPreviewBody,
};

/// How many groups a report tells apart; further reasons are counted together.
const GROUPS_MAX: usize = 10_000;
/// The key of what a report counts together beyond [`GROUPS_MAX`].
const OTHERS: &str = "(others)";

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskBody {
    entry: Value,
    status: Option<String>,
    amount: Option<String>,
    #[serde(default)]
    allow_loss: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Admin {
    /// T22: asks for it, or previews what approving it would do (L2).
    pub(crate) async fn revert_request(
        &self,
        call: &Call,
        peer: &Peer,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Problem> {
        let change = Change::read(call, peer, &request)?;
        let subscription = self.named(&call.name).await?;
        let mut body: Map<String, Value> = body::read_json(request.into_body()).await?;
        let said = said(&mut body, &self.context())?;
        let ask = self.ask(typed(body)?, &subscription, &change).await?;
        let id = subscription.facts.id;
        let request = CommandRequest {
            subscription: id,
            order: order(&change, said, Command::RequestRevert(ask.clone())),
            command_id: change.command_id.clone(),
        };
        let preview = self.previewed_revert(id, ask).await;
        if change.dry_run {
            let preview = preview?;
            // What stands against the request itself, such as no reason, is told as well.
            self.previewed(request).await?;
            return Ok(body::ok(&RevertAskedBody {
                dry_run: true,
                repeated: false,
                request: None,
                preview: Some(preview),
            }));
        }
        let committed = self.store.command(request).await?;
        change.log("request_revert", &committed);
        let request = asked_for(&committed)?;
        Ok(body::ok(&RevertAskedBody {
            dry_run: false,
            repeated: committed.repeated,
            request: Some(RevertBody::of(request, Some(&subscription))),
            preview: preview.ok().filter(|_| !committed.repeated),
        }))
    }

    async fn previewed_revert(
        &self,
        subscription: SubscriptionId,
        ask: RevertAsk,
    ) -> Result<RevertPreviewBody, Problem> {
        let store = self.store.clone();
        let preview = tokio::task::spawn_blocking(move || store.preview_revert(subscription, &ask));
        let preview = preview.await.map_err(Problem::failed)??;
        Ok((&preview).into())
    }

    async fn ask(
        &self,
        asked: AskBody,
        subscription: &Subscription,
        change: &Change,
    ) -> Result<RevertAsk, Problem> {
        let standing = asked.status.as_deref().map(|name| {
            let found = Standing::ALL.into_iter().find(|one| one.as_str() == name);
            found.ok_or_else(|| {
                let known = Standing::ALL.map(Standing::as_str).join(", ");
                Problem::malformed(format!("status: {name:?} is none of {known}"))
            })
        });
        let amount = asked.amount.as_deref();
        let amount = amount.map(|text| money("amount", text, &self.context()));
        Ok(RevertAsk {
            // From the command id where there is one, so that a repeat is the same request (L33).
            id: RevertId(
                change
                    .command_id
                    .as_ref()
                    .map_or_else(Uuid::now_v7, id_from),
            ),
            entry: self.entry_meant(&asked.entry, subscription).await?,
            standing: standing.transpose()?,
            amount: amount.transpose()?,
            allow_loss: asked.allow_loss,
        })
    }

    /// The entry, named by its id or by its place in the journal.
    async fn entry_meant(
        &self,
        named: &Value,
        subscription: &Subscription,
    ) -> Result<EntryId, Problem> {
        let text = named
            .as_str()
            .map_or_else(|| named.to_string(), str::to_owned);
        if let Ok(id) = text.parse::<Uuid>() {
            return Ok(EntryId(id));
        }
        let sequence: u64 = text.parse().map_err(|_| {
            Problem::malformed("entry: neither the id of an entry (a UUID) nor its sequence number")
        })?;
        let found = self.read(move |store| store.journal(sequence, 1)).await?;
        let of_it = found.first().filter(|chained| {
            chained.sequence == sequence && chained.entry.subscription == subscription.facts.id
        });
        let detail = || format!("entry {sequence} is no entry of this subscription");
        let chained = of_it.ok_or_else(|| Problem::refused(detail()).with_rule("L4"))?;
        Ok(chained.entry.id)
    }

    /// T23: another operator agrees, or does not.
    pub(crate) async fn revert_decide(
        &self,
        is_approval: bool,
        call: &Call,
        peer: &Peer,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Problem> {
        let change = Change::read(call, peer, &request)?;
        let mut body: Map<String, Value> = body::read_json(request.into_body()).await?;
        let said = said(&mut body, &self.context())?;
        let Nothing {} = typed(body)?;
        let asked = self.revert_named(&call.name).await?;
        let subscription = self.named(&asked.subscription.to_string()).await?;
        let command = if is_approval {
            Command::ApproveRevert(asked.id)
        } else {
            Command::DenyRevert(asked.id)
        };
        let ready = Ready {
            command,
            actor: change.actor.clone(),
            command_id: change.command_id.clone(),
        };
        let outcome = self.carry_out(&change, &subscription, ready, said).await?;
        Ok(body::ok(&outcome.body()))
    }

    async fn revert_named(&self, name: &str) -> Result<RevertRequest, Problem> {
        let unknown = || Problem::not_found("there is no such request").with_rule("T23");
        let id = RevertId(name.parse().map_err(|_| unknown())?);
        let found = self.read(move |store| store.revert_request(id)).await?;
        found.ok_or_else(unknown)
    }

    pub(crate) async fn revert_show(&self, call: &Call) -> Result<Response<Body>, Problem> {
        let request = self.revert_named(&call.name).await?;
        let bodies = self.read(move |store| told(store, &[request])).await?;
        Ok(body::ok(&bodies[0]))
    }

    pub(crate) async fn revert_list(&self, call: &Call) -> Result<Response<Body>, Problem> {
        let subscription = match call.query.get("subscription") {
            Some(name) => Some(self.named(name).await?.facts.id),
            None => None,
        };
        let filter = RevertFilter {
            pending_only: call.query.flag("pending")?,
            subscription,
            from: self.instant(&call.query, "from")?,
            until: self.instant(&call.query, "to")?,
        };
        let after: Option<Uuid> = call.query.parse("after")?;
        let limit = page_limit(call)?;
        let items = self
            .read(move |store| {
                let found = store.revert_requests(filter, after.map(RevertId), limit)?;
                told(store, &found)
            })
            .await?;
        let last = items.last().filter(|_| items.len() == limit);
        let next = last.map(|last| last.id.clone());
        Ok(body::ok(&Page { items, next }))
    }

    /// Everything that waits for a second person, oldest first.
    pub(crate) async fn approvals(&self) -> Result<Response<Body>, Problem> {
        let reverts = self
            .read(|store| {
                let filter = RevertFilter {
                    pending_only: true,
                    ..RevertFilter::default()
                };
                told(store, &store.revert_requests(filter, None, PAGE_MAX)?)
            })
            .await?;
        let more = reverts.len() == PAGE_MAX;
        Ok(body::ok(&ApprovalsBody {
            holds: self.holds(),
            reverts,
            more,
        }))
    }

    /// L6: how many reverts there were and what they gave back, by reason, plan or reseller.
    pub(crate) async fn revert_report(&self, call: &Call) -> Result<Response<Body>, Problem> {
        let by = match call.query.get("by") {
            None => By::Reason,
            Some(name) => By::ALL
                .into_iter()
                .find(|by| by.as_str() == name)
                .ok_or_else(|| Problem::malformed("by: allowed are reason, plan, reseller"))?,
        };
        let (from, until) = (
            self.instant(&call.query, "from")?,
            self.instant(&call.query, "to")?,
        );
        let zero = Money::zero(self.context().currency);
        let mut report = Report::new(by, zero);
        let report = self
            .read(move |store| {
                let filter = RevertFilter {
                    from,
                    until,
                    ..RevertFilter::default()
                };
                let mut after = None;
                loop {
                    let page = store.revert_requests(filter, after, PAGE_MAX)?;
                    for request in &page {
                        report.count(store, request)?;
                        after = Some(request.id);
                    }
                    if page.len() < PAGE_MAX {
                        return Ok::<_, ReadError>(report);
                    }
                }
            })
            .await?;
        Ok(body::ok(&report.body(from, until)))
    }

    /// A parameter that is a date or an instant.
    fn instant(&self, query: &Query, key: &str) -> Result<Option<Timestamp>, Problem> {
        let text = query.get(key);
        text.map(|text| moment(key, text)?.instant(key, &self.context()))
            .transpose()
    }
}

fn order(change: &Change, said: Said, command: Command) -> Order {
    Order {
        actor: change.actor.clone(),
        reason: said.reason,
        note: said.note,
        command,
    }
}

fn asked_for(committed: &Committed) -> Result<&RevertRequest, Problem> {
    let request = committed.decision.request.as_deref();
    request.ok_or_else(|| Problem::failed("the request that was made is not there any more"))
}

/// Requests with whom they are about.
fn told(store: &Store, requests: &[RevertRequest]) -> Result<Vec<RevertBody>, ReadError> {
    let told = requests.iter().map(|request| {
        let of = store.subscription(request.subscription)?;
        Ok(RevertBody::of(request, of.as_ref()))
    });
    told.collect()
}

/// What a report is by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum By {
    Reason,
    Plan,
    Reseller,
}

impl By {
    const ALL: [Self; 3] = [Self::Reason, Self::Plan, Self::Reseller];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Reason => "reason",
            Self::Plan => "plan",
            Self::Reseller => "reseller",
        }
    }
}

/// A report in the making.
struct Report {
    by: By,
    groups: BTreeMap<Option<String>, Counts>,
    sum: Counts,
}

#[derive(Clone, Copy)]
struct Counts {
    pending: u64,
    approved: u64,
    denied: u64,
    amount: Money,
}

impl Report {
    const fn new(by: By, zero: Money) -> Self {
        let sum = Counts {
            pending: 0,
            approved: 0,
            denied: 0,
            amount: zero,
        };
        Self {
            by,
            groups: BTreeMap::new(),
            sum,
        }
    }

    fn count(&mut self, store: &Store, request: &RevertRequest) -> Result<(), ReadError> {
        let key = match self.by {
            By::Reason => Some(request.reason.to_string()),
            By::Plan => Some(request.old.plan.to_string()),
            By::Reseller => store
                .subscription(request.subscription)?
                .and_then(|of| of.subscriber.reseller)
                .map(|reseller| reseller.to_string()),
        };
        let is_full = self.groups.len() >= GROUPS_MAX && !self.groups.contains_key(&key);
        let key = if is_full {
            Some(OTHERS.to_owned())
        } else {
            key
        };
        let nothing = Counts {
            amount: Money::zero(self.sum.amount.currency()),
            pending: 0,
            approved: 0,
            denied: 0,
        };
        self.groups.entry(key).or_insert(nothing).add(request);
        self.sum.add(request);
        Ok(())
    }

    fn body(self, from: Option<Timestamp>, until: Option<Timestamp>) -> ReportBody {
        let sum = self.sum.row(None);
        let mut rows: Vec<ReportRow> = self
            .groups
            .into_iter()
            .map(|(key, counts)| counts.row(key))
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse((row.approved, row.pending, row.denied)));
        ReportBody {
            from: from.map(|at| at.to_string()),
            to: until.map(|at| at.to_string()),
            by: self.by.as_str().to_owned(),
            rows,
            sum,
        }
    }
}

impl Counts {
    fn add(&mut self, request: &RevertRequest) {
        match request.state {
            RevertState::Pending => self.pending += 1,
            RevertState::Denied(_) => self.denied += 1,
            RevertState::Approved(_) => {
                self.approved += 1;
                // A sum beyond what can be kept stays at what was counted last.
                self.amount = self
                    .amount
                    .checked_add(request.amount)
                    .unwrap_or(self.amount);
            }
        }
    }

    fn row(self, key: Option<String>) -> ReportRow {
        ReportRow {
            key,
            pending: self.pending,
            approved: self.approved,
            denied: self.denied,
            amount: self.amount.into(),
        }
    }
}

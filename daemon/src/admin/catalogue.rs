//! The catalogue, and the state of the daemon as a whole.

use std::collections::BTreeMap;

use garth_store::index::IndexMemory;
use garth_store::{ReadError, RevertFilter, Store, StoreStatus};
use garth_subscription::plan::{Catalogue, Plan};
use garth_subscription::text::PlanId;
use http::{Request, Response};
use hyper::body::Incoming;

use super::Admin;
use super::body::{self, Body};
use super::problem::Problem;
use super::role::Peer;
use super::routes::Call;
use super::subscription::{Change, PAGE_MAX};
use super::wire::{PlanBody, PlansAppliedBody, StatusBody, WaitingBody};
use crate::import::PlanFile;

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}

impl Admin {
    pub(crate) async fn status(&self) -> Result<Response<Body>, Problem> {
        let status = self.store.status();
        let waiting = self.read(waiting).await?;
        let rules = self.store.rules();
        let index = self.store.index();
        let garden = self.network.garden_status().await;
        let mut daemon = self.network.daemon_status();
        let faults = garden.faults().into_iter();
        daemon
            .alarms
            .extend(faults.map(|fault| format!("garden: {fault}")));
        Ok(body::ok(&StatusBody {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            now: status.now.to_string(),
            wall: status.wall.to_string(),
            time_holds: self.holds(),
            time_zone: self.tz.name().to_owned(),
            currency: rules.catalogue.currency().to_string(),
            subscriptions: count(index.len()),
            live_sessions: count(index.live_sessions()),
            plans: count(rules.catalogue.len()),
            waiting,
            store: store_numbers(&status, &index.memory()),
            garden,
            daemon,
        }))
    }

    pub(crate) fn plan_list(&self) -> Response<Body> {
        let rules = self.store.rules();
        let plans: Vec<PlanBody> = rules.catalogue.iter().map(Into::into).collect();
        body::ok(&plans)
    }

    pub(crate) fn plan_show(&self, call: &Call) -> Result<Response<Body>, Problem> {
        let id: PlanId = call.name.parse().map_err(Problem::malformed)?;
        let rules = self.store.rules();
        let plan = rules
            .catalogue
            .get(&id)
            .ok_or_else(|| Problem::not_found(format_args!("there is no plan {id}")))?;
        Ok(body::ok(&PlanBody::from(plan)))
    }

    pub(crate) async fn plan_apply(
        &self,
        call: &Call,
        peer: &Peer,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Problem> {
        let change = Change::read(call, peer, &request)?;
        let file: PlanFile = body::read_json(request.into_body()).await?;
        let rules = self.store.rules();
        let currency = rules.catalogue.currency();
        let plans = file.checked(currency).map_err(Problem::malformed)?;
        let wanted = Catalogue::new(currency, plans.clone()).map_err(Problem::refused)?;
        let mut answer = difference(&rules.catalogue, &wanted);
        answer.dry_run = change.dry_run;
        if !change.dry_run {
            // The store logs who replaced what.
            self.store.apply_plans(plans, change.actor).await?;
        }
        Ok(body::ok(&answer))
    }
}

/// What would have to be done to `is` to make it `wanted`.
fn difference(is: &Catalogue, wanted: &Catalogue) -> PlansAppliedBody {
    let mut answer = PlansAppliedBody::default();
    for plan in wanted.iter() {
        match is.get(&plan.id) {
            None => answer.added.push(plan.id.to_string()),
            Some(old) if old != plan => answer.changed.push(plan.id.to_string()),
            Some(_) => answer.unchanged += 1,
        }
    }
    let gone = |plan: &&Plan| wanted.get(&plan.id).is_none();
    answer.removed = is
        .iter()
        .filter(gone)
        .map(|plan| plan.id.to_string())
        .collect();
    answer
}

/// The most of one kind that are counted.
const COUNTED_MAX: usize = 10_000;

/// How much waits for a person.
fn waiting(store: &Store) -> Result<WaitingBody, ReadError> {
    let pending = RevertFilter {
        pending_only: true,
        ..RevertFilter::default()
    };
    Ok(WaitingBody {
        pending_reverts: counted(|after| {
            let page = store.revert_requests(pending, after, PAGE_MAX)?;
            Ok((page.len(), page.last().map(|last| last.id)))
        })?,
        open_tickets: counted(|after| {
            let page = store.tickets(true, None, after, PAGE_MAX)?;
            Ok((page.len(), page.last().map(|last| last.id)))
        })?,
    })
}

/// How many there are on all pages; at most [`COUNTED_MAX`].
fn counted<T>(
    mut page: impl FnMut(Option<T>) -> Result<(usize, Option<T>), ReadError>,
) -> Result<u64, ReadError> {
    let (mut sum, mut after) = (0, None);
    while sum < COUNTED_MAX {
        let (len, last) = page(after)?;
        sum += len;
        if len < PAGE_MAX {
            break;
        }
        after = last;
    }
    Ok(count(sum))
}

fn store_numbers(status: &StoreStatus, index: &IndexMemory) -> BTreeMap<String, u64> {
    [
        ("index_bytes", count(index.bytes)),
        (
            "index_bytes_per_subscription",
            count(index.bytes_per_subscription),
        ),
        ("commands_waiting", count(status.commands_waiting)),
        ("bulk_waiting", count(status.bulk_waiting)),
        ("refused_busy", status.refused_busy),
        ("sessions_refused", status.sessions_refused),
        ("sessions_rebooted", status.sessions_rebooted),
        ("sessions_aged", status.sessions_aged),
        ("sessions_replaced", status.sessions_replaced),
        ("commits", status.commits),
        ("requests", status.requests),
        ("last_commit_requests", status.last_commit_requests),
        ("last_commit_records", status.last_commit_records),
        ("last_commit_micros", status.commit_micros.last),
        ("commit_micros_p50", status.commit_micros.p50),
        ("commit_micros_p99", status.commit_micros.p99),
        ("commit_micros_max", status.commit_micros.max),
        ("accounting_log_records", status.accounting_log_records),
        ("sessions_not_folded", count(status.sessions_not_folded)),
        ("folds", status.folds),
        ("last_fold_micros", status.last_fold_micros),
        ("fold_commit_micros_max", status.fold_commit_micros_max),
        (
            "clock_behind_millis",
            status.clock_behind.millis().unsigned_abs(),
        ),
        ("journal_sequence", status.journal_sequence),
    ]
    .map(|(name, number)| (name.to_owned(), number))
    .into()
}

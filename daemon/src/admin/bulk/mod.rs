//! One command for many subscriptions (L20): selected, surveyed, held at the breaker, then done.
//!
//! Every subscription has a command id of its own, made from that of the bulk, so that a bulk that is
//! repeated after a lost connection does each once. What is refused is told by name, and the rest goes
//! on. Before anything is done all of it is tried dry: a bulk that would take full access from more
//! subscribers than [`breaker::losing_max`] is held (E13).
//!
//! A peer who does not read the answer stops the bulk, not the daemon: what was handed to the store is
//! done, the rest is left for the repeat.
//!
//! Not here: what a command means, and whether it is allowed (`subscription`).

mod breaker;
mod each;
mod select;

use std::sync::Arc;

use garth_subscription::facts::SubscriptionId;
use garth_subscription::text::CommandId;
use http::{Request, Response};
use hyper::body::Incoming;
use uuid::Uuid;

use super::Admin;
use super::body::{self, Body, Sender, push_line};
use super::problem::Problem;
use super::role::{AdminRole, Peer};
use super::routes::Call;
use super::subscription::asked::{self, Asked, Said};
use super::subscription::{Change, Verb};
use super::wire::{BulkLine, BulkOrder, BulkSummary};
use each::Each;

/// How many subscriptions are tried or handed to the store at once.
const PIECE: usize = 256;
/// The longest id of a bulk, in octets: that of one subscription adds a colon and a UUID.
const ID_LEN_MAX: usize = CommandId::MAX_LEN - 37;

/// A bulk under way.
struct Bulk {
    admin: Arc<Admin>,
    change: Change,
    role: AdminRole,
    sender: Sender,
    summary: BulkSummary,
}

/// What every subscription is asked.
struct Wanted {
    asked: Asked,
    said: Said,
    over_breaker: bool,
}

/// Why a bulk ends before its time.
enum Stop {
    /// The peer is gone; nobody is left to tell.
    Gone,
    /// It cannot go on.
    Problem(Problem),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Admin {
    pub(crate) fn bulk(
        self: Arc<Self>,
        call: &Call,
        peer: &Peer,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Problem> {
        let mut change = Change::read(call, peer, &request)?;
        let role = peer
            .role
            .ok_or_else(|| Problem::forbidden("a stranger changes nothing"))?;
        let id = bulk_id(change.command_id.as_ref())?;
        let summary = BulkSummary {
            dry_run: change.dry_run,
            command_id: Some(id.to_string()),
            ..BulkSummary::default()
        };
        change.command_id = Some(id);
        let (sender, response) = body::stream();
        let bulk = Bulk {
            admin: self,
            change,
            role,
            sender,
            summary,
        };
        tokio::spawn(bulk.run(request.into_body()));
        Ok(response)
    }
}

/// The id of a bulk, made here where there is none.
fn bulk_id(given: Option<&CommandId>) -> Result<CommandId, Problem> {
    match given {
        None => Uuid::now_v7().to_string().parse().map_err(Problem::failed),
        Some(id) if id.as_str().len() <= ID_LEN_MAX => Ok(id.clone()),
        Some(_) => Err(Problem::malformed(format!(
            "command_id: a bulk's has at most {ID_LEN_MAX} octets"
        ))),
    }
}

/// What the order asks of every subscription.
fn wanted(order: &BulkOrder, admin: &Admin, is_dry_run: bool) -> Result<Wanted, Problem> {
    let verb = Verb::of_many(&order.verb).ok_or_else(|| {
        let known = Verb::OF_MANY.map(Verb::as_str).join(", ");
        Problem::malformed(format!("verb: {:?} is none of {known}", order.verb))
    })?;
    let context = admin.context();
    let mut body = order.arguments.clone();
    Ok(Wanted {
        said: asked::said(&mut body, &context)?,
        asked: asked::asked(verb, body, &context, is_dry_run)?,
        over_breaker: order.over_breaker,
    })
}

impl Bulk {
    async fn run(mut self, body: Incoming) {
        let last = match self.do_all(body).await {
            Ok(()) => BulkLine::Summary(self.summary.clone()),
            Err(Stop::Problem(problem)) => BulkLine::Stopped { problem },
            Err(Stop::Gone) => return,
        };
        tracing::info!(
            actor = %self.change.actor.name.as_str().escape_debug(),
            role = self.change.actor.role.as_str(),
            verb = self.summary.verb,
            bulk = self.summary.command_id,
            selected = self.summary.selected,
            done = self.summary.done,
            failed = self.summary.failed,
            dry_run = self.summary.dry_run,
            "bulk ended"
        );
        if self.tell(&[last]).await.is_err() {
            tracing::debug!("nobody waited for the end of the bulk");
        }
    }

    async fn do_all(&mut self, body: Incoming) -> Result<(), Stop> {
        let (order, names) = select::read(body).await?;
        self.summary.verb.clone_from(&order.verb);
        let wanted = wanted(&order, &self.admin, self.change.dry_run)?;
        let selected = self.select(&order, names).await?;
        self.summary.selected = count(selected.len()) + self.summary.failed;
        let each = Each {
            asked: wanted.asked,
            said: wanted.said,
            actor: self.change.actor.clone(),
            bulk: self.change.command_id.clone(),
        };
        let each = Arc::new(each);
        self.survey(&selected, &each).await?;
        if self.change.dry_run {
            return Ok(());
        }
        breaker::check(&self.summary, wanted.over_breaker, self.role)?;
        self.commit(&selected, &each).await
    }

    /// Those that the order means; names that nobody has are told.
    async fn select(
        &mut self,
        order: &BulkOrder,
        names: Vec<String>,
    ) -> Result<Vec<SubscriptionId>, Stop> {
        let admin = Arc::clone(&self.admin);
        let Some(filter) = &order.filter else {
            let (ids, unknown) = select::by_name(&admin, names).await?;
            self.summary.failed += count(unknown.len());
            let lines: Vec<_> = unknown.into_iter().map(unknown_line).collect();
            self.tell(&lines).await?;
            return Ok(ids);
        };
        Ok(select::by_filter(&admin, filter).await?)
    }

    /// Tries all of it dry: how many lose full access, and in a dry run what stands against it.
    async fn survey(&mut self, ids: &[SubscriptionId], each: &Arc<Each>) -> Result<(), Stop> {
        let full_access = breaker::full_access(&self.admin).await?;
        self.summary.full_access = full_access;
        self.summary.losing_max = breaker::losing_max(full_access);
        for piece in ids.chunks(PIECE) {
            let (store, each, ids) = (self.admin.store.clone(), Arc::clone(each), piece.to_vec());
            let tried = tokio::task::spawn_blocking(move || each.try_all(&store, &ids));
            let tried = tried.await.map_err(Problem::failed)??;
            self.summary.losing += tried.losing;
            if self.change.dry_run {
                self.account(piece.len(), 0, tried.refused).await?;
            }
        }
        Ok(())
    }

    async fn commit(&mut self, ids: &[SubscriptionId], each: &Arc<Each>) -> Result<(), Stop> {
        for piece in ids.chunks(PIECE) {
            let done = each.commit_all(&self.admin.store, piece.to_vec()).await?;
            self.account(piece.len(), done.repeated, done.refused)
                .await?;
        }
        Ok(())
    }

    /// Counts a piece, and tells what was refused and how far it is.
    async fn account(
        &mut self,
        piece: usize,
        repeated: u64,
        mut refused: Vec<BulkLine>,
    ) -> Result<(), Stop> {
        let failed = count(refused.len());
        self.summary.failed += failed;
        self.summary.done += count(piece) - failed;
        self.summary.repeated += repeated;
        refused.push(BulkLine::Progress {
            done: self.summary.done + self.summary.failed,
            of: self.summary.selected,
        });
        self.tell(&refused).await
    }

    async fn tell(&mut self, lines: &[BulkLine]) -> Result<(), Stop> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut chunk = Vec::new();
        for line in lines {
            push_line(&mut chunk, line);
        }
        self.sender
            .send_data(chunk.into())
            .await
            .map_err(|_| Stop::Gone)
    }
}

fn unknown_line(name: String) -> BulkLine {
    let problem = Problem::unknown_subscription(&name);
    BulkLine::Failed {
        subscription: name,
        error: problem.detail,
        rule: problem.rule,
    }
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}

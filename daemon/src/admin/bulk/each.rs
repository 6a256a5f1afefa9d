//! One subscription of a bulk: its command, tried or done.

use std::time::Duration;

use garth_store::Store;
use garth_store::record::Subscription;
use garth_store::write::{CommandRequest, Committed, WriteError};
use garth_subscription::facts::SubscriptionId;
use garth_subscription::journal::Effect;
use garth_subscription::text::CommandId;
use garth_subscription::{Access, Actor, Command, Decision, Order};
use tokio::task::JoinSet;

use super::super::problem::Problem;
use super::super::subscription::asked::{Asked, Said};
use super::super::subscription::complete::command_for;
use super::super::wire::BulkLine;

/// How often a command is offered to a writer that is behind.
const OFFERS_MAX: u32 = 100;
/// The pause between two offers.
const OFFER_PAUSE: Duration = Duration::from_millis(100);

/// What each is asked, by whom, in which bulk.
pub(super) struct Each {
    pub(super) asked: Asked,
    pub(super) said: Said,
    pub(super) actor: Actor,
    pub(super) bulk: Option<CommandId>,
}

/// A piece that was tried.
pub(super) struct Tried {
    /// How many would lose full access.
    pub(super) losing: u64,
    /// What stands against the others.
    pub(super) refused: Vec<BulkLine>,
}

/// A piece that was done.
pub(super) struct Done {
    /// How many were done before.
    pub(super) repeated: u64,
    /// What stood against the others.
    pub(super) refused: Vec<BulkLine>,
}

/// A command for one of them, with what to call it in a complaint.
type Named = (String, Result<CommandRequest, Problem>);

impl Each {
    /// Tries all of a piece dry. Reads the disk.
    pub(super) fn try_all(&self, store: &Store, ids: &[SubscriptionId]) -> Result<Tried, Problem> {
        let mut tried = Tried {
            losing: 0,
            refused: Vec::new(),
        };
        for id in ids {
            let (name, request) = self.request(store, *id)?;
            let decided = request.and_then(|request| {
                let decision = store.preview(&request)?;
                Ok((request.order.command, decision))
            });
            match decided {
                Ok((command, decision)) => {
                    tried.losing += u64::from(takes_access(&command, &decision));
                }
                Err(problem) => tried.refused.push(refused(name, problem)),
            }
        }
        Ok(tried)
    }

    /// Does all of a piece at once, so that few commits carry it.
    pub(super) async fn commit_all(
        self: &std::sync::Arc<Self>,
        store: &Store,
        ids: Vec<SubscriptionId>,
    ) -> Result<Done, Problem> {
        let (each, reader) = (std::sync::Arc::clone(self), store.clone());
        let requests = tokio::task::spawn_blocking(move || {
            let requests = ids.into_iter().map(|id| each.request(&reader, id));
            requests.collect::<Result<Vec<Named>, Problem>>()
        });
        let mut done = Done {
            repeated: 0,
            refused: Vec::new(),
        };
        let mut running = JoinSet::new();
        for (name, request) in requests.await.map_err(Problem::failed)?? {
            match request {
                Ok(request) => {
                    let store = store.clone();
                    running.spawn(async move { (name, offer(&store, request).await) });
                }
                Err(problem) => done.refused.push(refused(name, problem)),
            }
        }
        while let Some(ended) = running.join_next().await {
            match ended.map_err(Problem::failed)? {
                (_, Ok(committed)) => done.repeated += u64::from(committed.repeated),
                // The store has failed: nothing of the rest can be done either.
                (_, Err(error @ WriteError::Failed(_))) => return Err(error.into()),
                (name, Err(error)) => done.refused.push(refused(name, error.into())),
            }
        }
        Ok(done)
    }

    fn request(&self, store: &Store, id: SubscriptionId) -> Result<Named, Problem> {
        let found = store.subscription(id).map_err(Problem::failed)?;
        let Some(subscription) = found else {
            let name = id.to_string();
            let problem = Problem::unknown_subscription(&name);
            return Ok((name, Err(problem)));
        };
        let command_id = self.bulk.as_ref().map(|bulk| id_of(bulk, id));
        let command = command_for(store, &self.asked, &subscription, command_id.as_ref());
        let request = command.map(|command| CommandRequest {
            subscription: id,
            order: Order {
                actor: self.actor.clone(),
                reason: self.said.reason.clone(),
                note: self.said.note.clone(),
                command,
            },
            command_id,
        });
        Ok((name_of(&subscription), request))
    }
}

/// The command id of one subscription in a bulk.
fn id_of(bulk: &CommandId, id: SubscriptionId) -> CommandId {
    format!("{bulk}:{id}")
        .parse()
        .expect("the bulk's id leaves room for a colon and a UUID")
}

/// What people call it.
fn name_of(subscription: &Subscription) -> String {
    let subscriber = &subscription.subscriber;
    let names = [
        subscriber.user_name.as_ref().map(ToString::to_string),
        subscriber.mac.map(|mac| mac.to_string()),
        subscriber.external_id.as_ref().map(ToString::to_string),
    ];
    let named = names.into_iter().flatten().next();
    named.unwrap_or_else(|| subscription.facts.id.to_string())
}

/// Whether one who has full access loses it by this: at once, or on the date that was given.
fn takes_access(command: &Command, decision: &Decision) -> bool {
    let access = |standing: garth_subscription::Standing| standing.access();
    let had = decision
        .old
        .as_ref()
        .is_some_and(|old| access(old.standing) == Access::Full);
    let ends = matches!(command, Command::Terminate { .. } | Command::Pause { .. });
    let is_to_end = ends && decision.effect == Effect::Scheduled;
    had && (access(decision.new.standing) != Access::Full || is_to_end)
}

fn refused(subscription: String, problem: Problem) -> BulkLine {
    BulkLine::Failed {
        subscription,
        error: problem.detail,
        rule: problem.rule,
    }
}

/// Offers a command to the writer until it has room for it.
async fn offer(store: &Store, request: CommandRequest) -> Result<Committed, WriteError> {
    let mut offers = 0;
    loop {
        match store.command(request.clone()).await {
            Err(WriteError::Busy) if offers < OFFERS_MAX => {
                offers += 1;
                tokio::time::sleep(OFFER_PAUSE).await;
            }
            answer => return answer,
        }
    }
}

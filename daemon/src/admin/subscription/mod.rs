//! Subscriptions: list, show, add. Every command for one is in `change`, for many in `bulk`.

pub(crate) mod asked;
mod change;
pub(crate) mod complete;
pub(crate) mod filter;
mod verb;
mod views;

use garth_store::record::Subscription;
use garth_store::write::NewSubscription;
use garth_subscription::Actor;
use garth_subscription::facts::SubscriptionId;
use garth_subscription::text::CommandId;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use uuid::Uuid;

use super::Admin;
use super::body::{self, Body};
use super::problem::Problem;
use super::role::Peer;
use super::routes::Call;
use super::wire::{ChangeBody, Page, SubscriptionBody};
use crate::import::{Context, ImportLine};
use filter::Filter;

pub(crate) use change::Change;
pub(crate) use verb::Verb;

/// The largest page of a list.
pub(crate) const PAGE_MAX: usize = 1_000;
/// How many items a page has where nobody says.
pub(crate) const PAGE_DEFAULT: usize = 100;
/// How many subscriptions one request for a filtered page looks at; the page may be short then.
const SCAN_MAX: usize = 10_000;

impl Admin {
    /// The subscription that `name` names in any way.
    pub(crate) async fn named(&self, name: &str) -> Result<Subscription, Problem> {
        let wanted = name.to_owned();
        let found = self
            .read(move |store| match store.resolve(&wanted)? {
                Some(id) => store.subscription(id),
                None => Ok(None),
            })
            .await?;
        found.ok_or_else(|| Problem::unknown_subscription(name))
    }

    pub(crate) async fn subscription_show(&self, call: &Call) -> Result<Response<Body>, Problem> {
        let subscription = self.named(&call.name).await?;
        Ok(body::ok(&SubscriptionBody::of(
            &subscription,
            &self.store.rules(),
            self.store.now(),
        )))
    }

    pub(crate) async fn subscription_list(&self, call: &Call) -> Result<Response<Body>, Problem> {
        let filter = Filter::read(|key| call.query.get(key))?;
        let after: Option<Uuid> = call.query.parse("after")?;
        let limit = page_limit(call)?;
        let now = self.store.now();
        let rules = self.store.rules();
        let page = self
            .read(move |store| {
                let mut after = after.map(SubscriptionId);
                let mut items = Vec::new();
                let mut scanned = 0;
                loop {
                    let found = store.subscriptions(after, PAGE_MAX)?;
                    let is_last = found.len() < PAGE_MAX;
                    scanned += found.len();
                    for subscription in &found {
                        after = Some(subscription.facts.id);
                        if filter.takes(subscription, now) {
                            items.push(SubscriptionBody::of(subscription, &rules, now));
                        }
                        if items.len() == limit {
                            let next = text(after);
                            return Ok(Page { items, next });
                        }
                    }
                    if is_last {
                        return Ok(Page { items, next: None });
                    }
                    if scanned >= SCAN_MAX {
                        let next = text(after);
                        return Ok::<_, garth_store::ReadError>(Page { items, next });
                    }
                }
            })
            .await?;
        Ok(body::ok(&page))
    }

    pub(crate) async fn subscription_add(
        &self,
        call: &Call,
        peer: &Peer,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Problem> {
        let change = Change::read(call, peer, &request)?;
        let line: ImportLine = body::read_json(request.into_body()).await?;
        // The id comes from the command id where there is one, so that a repeat is the same request.
        let made_from = change.command_id.as_ref().filter(|_| line.id.is_none());
        let made_from = made_from.map(|id| SubscriptionId(id_from(id)));
        let mut new = line.checked(&self.context()).map_err(Problem::malformed)?;
        if let Some(id) = made_from {
            new.create.id = id;
        }
        if change.dry_run {
            return self.preview_add(new, change.actor).await;
        }
        let committed = self
            .store
            .add(new, change.actor.clone(), change.command_id.clone())
            .await?;
        change.log("create", &committed);
        let change = change::committed_body(&committed, "create", None);
        Ok(body::json(StatusCode::CREATED, &change))
    }

    async fn preview_add(
        &self,
        new: NewSubscription,
        actor: Actor,
    ) -> Result<Response<Body>, Problem> {
        let store = self.store.clone();
        let preview = tokio::task::spawn_blocking(move || {
            store.check_identities(&new.subscriber)?;
            store.preview_add(&new, &actor)
        });
        let decision = preview.await.map_err(Problem::failed)??;
        Ok(body::ok(&ChangeBody::of(&decision, "create", None)))
    }

    pub(crate) fn context(&self) -> Context {
        let rules = self.store.rules();
        Context {
            zone: rules.zone(),
            currency: rules.catalogue.currency(),
            now: self.store.now(),
        }
    }
}

/// How many items a page may have.
pub(crate) fn page_limit(call: &Call) -> Result<usize, Problem> {
    let limit = call.query.parse("limit")?.unwrap_or(PAGE_DEFAULT);
    if (1..=PAGE_MAX).contains(&limit) {
        Ok(limit)
    } else {
        Err(Problem::malformed(format!("limit: 1 to {PAGE_MAX}")))
    }
}

fn text<T: ToString>(value: Option<T>) -> Option<String> {
    value.map(|value| value.to_string())
}

/// An id made from a command id: the same one each time, so that a repeat is the same request.
pub(crate) fn id_from(command_id: &CommandId) -> Uuid {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(command_id.as_str().as_bytes());
    let mut octets = [0; 16];
    octets.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(octets).into_uuid()
}

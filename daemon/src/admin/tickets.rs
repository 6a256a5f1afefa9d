//! Tickets: what subscribers ask of the operators (L18).

use garth_store::record::{Ticket, TicketState};
use garth_store::{ReadError, Store};
use garth_subscription::journal::EntryId;
use garth_subscription::text::Reason;
use http::{Request, Response};
use hyper::body::Incoming;
use serde::Deserialize;
use uuid::Uuid;

use super::Admin;
use super::body::{self, Body};
use super::problem::Problem;
use super::role::Peer;
use super::routes::Call;
use super::subscription::{Change, page_limit};
use super::wire::{Page, TicketBody};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CloseBody {
    answer: Option<String>,
}

impl Admin {
    pub(crate) async fn ticket_list(&self, call: &Call) -> Result<Response<Body>, Problem> {
        let subscription = match call.query.get("subscription") {
            Some(name) => Some(self.named(name).await?.facts.id),
            None => None,
        };
        let open_only = call.query.flag("open")?;
        let after: Option<Uuid> = call.query.parse("after")?;
        let limit = page_limit(call)?;
        let items = self
            .read(move |store| {
                let found = store.tickets(open_only, subscription, after.map(EntryId), limit)?;
                let told = found.iter().map(|ticket| told(store, ticket));
                told.collect::<Result<Vec<_>, _>>()
            })
            .await?;
        let last = items.last().filter(|_| items.len() == limit);
        let next = last.map(|last| last.id.clone());
        Ok(body::ok(&Page { items, next }))
    }

    pub(crate) async fn ticket_show(&self, call: &Call) -> Result<Response<Body>, Problem> {
        let ticket = self.ticket_named(&call.name).await?;
        let told = self.read(move |store| told(store, &ticket)).await?;
        Ok(body::ok(&told))
    }

    pub(crate) async fn ticket_close(
        &self,
        call: &Call,
        peer: &Peer,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Problem> {
        let change = Change::read(call, peer, &request)?;
        let asked: CloseBody = body::read_json(request.into_body()).await?;
        let answer: Option<Reason> = asked
            .answer
            .map(|text| text.parse())
            .transpose()
            .map_err(|error| Problem::malformed(format!("answer: {error}")))?;
        let mut ticket = self.ticket_named(&call.name).await?;
        if !change.dry_run {
            ticket = self
                .store
                .close_ticket(ticket.id, &change.actor, answer)
                .await?;
            tracing::info!(
                actor = %change.actor.name.as_str().escape_debug(),
                ticket = %ticket.id.0,
                "ticket closed"
            );
        } else if let TicketState::Closed { by, .. } = ticket.state {
            return Err(garth_store::write::WriteError::TicketClosed(by).into());
        } else {
            ticket.state = TicketState::Closed {
                by: change.actor.name,
                at: self.store.now(),
                answer,
            };
        }
        let told = self.read(move |store| told(store, &ticket)).await?;
        Ok(body::ok(&told))
    }

    async fn ticket_named(&self, name: &str) -> Result<Ticket, Problem> {
        let unknown = || Problem::from(garth_store::write::WriteError::UnknownTicket);
        let id = EntryId(name.parse().map_err(|_| unknown())?);
        let found = self.read(move |store| store.ticket(id)).await?;
        found.ok_or_else(unknown)
    }
}

/// A ticket with whom it is from.
fn told(store: &Store, ticket: &Ticket) -> Result<TicketBody, ReadError> {
    let of = store.subscription(ticket.subscription)?;
    Ok(TicketBody::of(ticket, of.as_ref()))
}

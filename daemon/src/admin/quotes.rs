//! Quotes: prices that are promised for a time, and the money that is taken for them (E6).

use garth_store::record::{QuoteId, StoredQuote, Subscription};
use garth_subscription::quote;
use garth_subscription::text::PaymentId;
use garth_subscription::{Command, Money};
use http::{Request, Response};
use hyper::body::Incoming;
use serde::Deserialize;
use uuid::Uuid;

use super::Admin;
use super::body::{self, Body};
use super::problem::Problem;
use super::role::Peer;
use super::routes::Call;
use super::subscription::asked::{Purchase, months};
use super::subscription::complete::Ready;
use super::subscription::{Change, page_limit};
use super::wire::{Page, StoredQuoteBody};

/// The rule that promises prices.
const RULE: &str = "E6";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MakeBody {
    subscription: String,
    months: u16,
    #[serde(default)]
    then_pause: bool,
}

impl Admin {
    pub(crate) async fn quote_make(
        &self,
        call: &Call,
        peer: &Peer,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Problem> {
        let change = Change::read(call, peer, &request)?;
        let asked: MakeBody = body::read_json(request.into_body()).await?;
        let months = months(asked.months)?;
        let subscription = self.named(&asked.subscription).await?;
        if change.dry_run {
            let rules = self.store.rules();
            let terms = rules.terms(subscription.subscriber.partner.as_ref());
            let quote = quote::quote(&subscription.facts, months, terms)
                .map_err(|refusal| Problem::from(&refusal))?;
            return Ok(body::ok(&StoredQuoteBody {
                id: None,
                subscription: subscription.facts.id.to_string(),
                quote: (&quote).into(),
                then_pause: asked.then_pause,
                expires_at: None,
                created_at: None,
                price_list: None,
                verified: None,
            }));
        }
        let made = self
            .store
            .make_quote(subscription.facts.id, months, asked.then_pause)
            .await?;
        tracing::info!(
            actor = %change.actor.name.as_str().escape_debug(),
            quote = %made.id.0,
            subscription = %made.subscription,
            "quote made"
        );
        Ok(body::ok(&self.quote_told(&made)))
    }

    pub(crate) async fn quote_list(&self, call: &Call) -> Result<Response<Body>, Problem> {
        let name = call
            .query
            .get("subscription")
            .ok_or_else(|| Problem::malformed("subscription: missing; quotes are listed of one"))?;
        let id = self.named(name).await?.facts.id;
        let after: Option<Uuid> = call.query.parse("after")?;
        let limit = page_limit(call)?;
        let found = self
            .read(move |store| store.quotes(id, after.map(QuoteId), limit))
            .await?;
        let last = found.last().filter(|_| found.len() == limit);
        Ok(body::ok(&Page {
            next: last.map(|last| last.id.0.to_string()),
            items: found.iter().map(|quote| self.quote_told(quote)).collect(),
        }))
    }

    pub(crate) async fn quote_show(&self, call: &Call) -> Result<Response<Body>, Problem> {
        let id = QuoteId(call.name.parse().map_err(|_| unknown())?);
        let found = self.read(move |store| store.quote(id)).await?;
        Ok(body::ok(&self.quote_told(&found.ok_or_else(unknown)?)))
    }

    fn quote_told(&self, quote: &StoredQuote) -> StoredQuoteBody {
        StoredQuoteBody::of(quote, self.store.verify_quote(quote))
    }

    /// The command for money that is taken at the desk for a price that was promised: it buys at that
    /// price, and what it cannot buy any more becomes credit. The payment id alone makes it safe to
    /// repeat, as the instant of the capture is another one each time.
    pub(crate) async fn quoted(
        &self,
        asked: &Purchase,
        id: QuoteId,
        payment: PaymentId,
        booked: Option<Money>,
        subscription: &Subscription,
        change: &Change,
    ) -> Result<Ready, Problem> {
        let found = self.read(move |store| store.quote(id)).await?;
        let found = found.filter(|quote| quote.subscription == subscription.facts.id);
        let found = found.ok_or_else(unknown)?;
        if !self.store.verify_quote(&found) {
            let detail = "this quote was not made by this edge";
            return Err(Problem::refused(detail).with_rule(RULE));
        }
        let mut offer = found.offer;
        let now = self.store.now();
        if booked.is_none() && offer.expires_at <= now {
            let detail = format!(
                "this quote expired at {}; make a new one for today's price",
                offer.expires_at
            );
            return Err(Problem::refused(detail).with_rule(RULE));
        }
        offer.then_pause |= asked.then_pause;
        let total = found.quote.total;
        let command = Command::Capture {
            offer: Some(Box::new(offer)),
            payment,
            amount: asked.amount.or(booked).unwrap_or(total),
            captured_at: now,
        };
        Ok(Ready {
            command,
            actor: change.actor.clone(),
            command_id: None,
        })
    }
}

fn unknown() -> Problem {
    Problem::not_found("there is no such quote of this subscription").with_rule(RULE)
}

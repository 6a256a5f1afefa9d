//! A change of one subscription: who, under which id, tried dry or done, and what is answered.

use garth_store::record::Subscription;
use garth_store::write::{CommandRequest, Committed};
use garth_subscription::plan_change::ChangePrice;
use garth_subscription::text::CommandId;
use garth_subscription::{Actor, Decision, Order, Timestamp};
use http::{Request, Response};
use hyper::body::Incoming;

use super::asked::{self, Said};
use super::complete::Ready;
use super::verb::Verb;
use crate::admin::Admin;
use crate::admin::body::{self, Body};
use crate::admin::problem::Problem;
use crate::admin::role::Peer;
use crate::admin::routes::{Call, IDEMPOTENCY_KEY};
use crate::admin::wire::ChangeBody;

/// Who changes something, under which command id, and whether only to see what would be.
pub(crate) struct Change {
    pub(crate) actor: Actor,
    pub(crate) command_id: Option<CommandId>,
    pub(crate) dry_run: bool,
}

impl Change {
    pub(crate) fn read(
        call: &Call,
        peer: &Peer,
        request: &Request<Incoming>,
    ) -> Result<Self, Problem> {
        let actor = peer
            .actor()
            .ok_or_else(|| Problem::forbidden("a viewer changes nothing"))?;
        let header = request.headers().get(IDEMPOTENCY_KEY);
        let header = header
            .map(|value| value.to_str().map_err(Problem::malformed))
            .transpose()?;
        let parameter = call.query.get("command_id");
        if header.is_some() && parameter.is_some() && header != parameter {
            let detail = "Idempotency-Key and command_id differ";
            return Err(Problem::malformed(detail));
        }
        let command_id = header
            .or(parameter)
            .map(|text| text.parse())
            .transpose()
            .map_err(|error| Problem::malformed(format!("command_id: {error}")))?;
        Ok(Self {
            actor,
            command_id,
            dry_run: call.query.flag("dry_run")?,
        })
    }

    pub(crate) fn log(&self, action: &str, committed: &Committed) {
        tracing::info!(
            actor = %self.actor.name.as_str().escape_debug(),
            role = self.actor.role.as_str(),
            action,
            subscription = %committed.decision.facts.id,
            entry = %committed.entry.0,
            repeated = committed.repeated,
            standing = committed.decision.new.standing.as_str(),
            "changed"
        );
    }
}

impl Admin {
    /// Reads the body of a command and does it.
    pub(crate) async fn subscription_command(
        &self,
        verb: Verb,
        call: &Call,
        peer: &Peer,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Problem> {
        let change = Change::read(call, peer, &request)?;
        let subscription = self.named(&call.name).await?;
        let context = self.context();
        let mut body = body::read_json(request.into_body()).await?;
        let said = asked::said(&mut body, &context)?;
        let asked = asked::asked(verb, body, &context, change.dry_run)?;
        let ready = self.complete(asked, &subscription, &change).await?;
        let price = self.price_of_change(&subscription, &ready.command);
        let answer = self
            .carry_out(&change, &subscription, ready, said)
            .await?
            .with_price(price);
        Ok(body::ok(&answer.body()))
    }

    /// Tries a command or does it.
    pub(crate) async fn carry_out(
        &self,
        change: &Change,
        subscription: &Subscription,
        ready: Ready,
        said: Said,
    ) -> Result<Outcome, Problem> {
        let action = ready.command.kind().as_str();
        let payment = ready.command.payment().map(|(id, _)| id.to_string());
        let request = CommandRequest {
            subscription: subscription.facts.id,
            order: Order {
                actor: ready.actor,
                reason: said.reason,
                note: said.note,
                command: ready.command,
            },
            command_id: ready.command_id,
        };
        let committed = if change.dry_run {
            Done::Tried(Box::new(self.previewed(request).await?))
        } else {
            let committed = self.store.command(request).await?;
            change.log(action, &committed);
            Done::Committed(Box::new(committed))
        };
        let rules = self.store.rules();
        let terms = rules.terms(subscription.subscriber.partner.as_ref());
        let agenda = committed.decision().facts.agenda(terms.policy);
        let agenda = agenda.iter().map(Into::into).collect();
        Ok(Outcome {
            done: committed,
            agenda,
            action,
            payment,
            price: None,
        })
    }

    /// What a command would do.
    pub(crate) async fn previewed(&self, request: CommandRequest) -> Result<Decision, Problem> {
        let store = self.store.clone();
        let preview = tokio::task::spawn_blocking(move || store.preview(&request));
        Ok(preview.await.map_err(Problem::failed)??)
    }
}

/// How a change ended.
enum Done {
    /// Nothing was changed.
    Tried(Box<Decision>),
    /// It is durable.
    Committed(Box<Committed>),
}

impl Done {
    fn decision(&self) -> &Decision {
        match self {
            Self::Tried(decision) => decision,
            Self::Committed(committed) => &committed.decision,
        }
    }
}

/// What there is to answer to a change.
pub(crate) struct Outcome {
    done: Done,
    agenda: Vec<crate::admin::wire::AgendaBody>,
    action: &'static str,
    payment: Option<String>,
    price: Option<(Timestamp, ChangePrice)>,
}

impl Outcome {
    /// With what a change of plan costs, if that is what was decided.
    fn with_price(mut self, price: Option<(Timestamp, ChangePrice)>) -> Self {
        self.price = price;
        self
    }

    /// As it is answered.
    pub(crate) fn body(self) -> ChangeBody {
        let body = match &self.done {
            Done::Tried(decision) => ChangeBody::of(decision, self.action, self.payment),
            Done::Committed(committed) => committed_body(committed, self.action, self.payment),
        };
        ChangeBody {
            agenda: self.agenda,
            price_of_change: self.price.map(Into::into),
            ..body
        }
    }
}

pub(crate) fn committed_body(
    committed: &Committed,
    action: &str,
    payment: Option<String>,
) -> ChangeBody {
    ChangeBody {
        dry_run: false,
        repeated: committed.repeated,
        entry: Some(committed.entry.0.to_string()),
        ..ChangeBody::of(&committed.decision, action, payment)
    }
}

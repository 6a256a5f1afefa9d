//! Subscriptions: list, show, add, and every command for one.

use garth_store::record::Subscription;
use garth_store::write::{CommandRequest, Committed, NewSubscription};
use garth_subscription::actions::actions;
use garth_subscription::calendar::{CivilDate, Months};
use garth_subscription::command::{Note, PauseEnd, Tender, When};
use garth_subscription::facts::{SubscriptionId, SuspendCause};
use garth_subscription::money::Currency;
use garth_subscription::quote;
use garth_subscription::standing::standing;
use garth_subscription::text::{CommandId, PaymentId, PlanId, Reason};
use garth_subscription::{Actor, Command, Money, Order, Standing, Timestamp};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use serde::Deserialize;
use uuid::Uuid;

use super::Admin;
use super::body::{self, Body};
use super::problem::Problem;
use super::role::Peer;
use super::routes::{Action, Call, IDEMPOTENCY_KEY};
use super::wire::{ActionBody, ChangeBody, Page, QuoteBody, SubscriptionBody, cause_from_name};
use super::words;
use crate::import::{Context, ImportLine};

/// The largest page of a list.
pub(crate) const PAGE_MAX: usize = 1_000;
/// How many items a page has where nobody says.
pub(crate) const PAGE_DEFAULT: usize = 100;
/// How many subscriptions one request for a filtered page looks at; the page may be short then.
const SCAN_MAX: usize = 10_000;

/// The body of `pay`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PayBody {
    months: u16,
    #[serde(default)]
    from_balance: bool,
    amount: Option<String>,
    payment_id: Option<String>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GraceBody {
    days: u32,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PauseBody {
    until: Option<String>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SuspendBody {
    cause: String,
    debt: Option<String>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReasonedBody {
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfirmedBody {
    #[serde(default)]
    confirmed: bool,
    reason: Option<String>,
}

/// A command and why it is given.
type Asked = (Command, Option<Reason>);

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

    pub(crate) fn currency(&self) -> Currency {
        self.store.rules().catalogue.currency()
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
        let filter = Filter::read(call)?;
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
        let made_from = made_from.map(id_from);
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
        let change = committed_body(&committed, "create", None);
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

    pub(crate) async fn previewed(
        &self,
        request: CommandRequest,
    ) -> Result<garth_subscription::Decision, Problem> {
        let store = self.store.clone();
        let preview = tokio::task::spawn_blocking(move || store.preview(&request));
        Ok(preview.await.map_err(Problem::failed)??)
    }

    pub(crate) async fn subscription_command(
        &self,
        call: &Call,
        peer: &Peer,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Problem> {
        let change = Change::read(call, peer, &request)?;
        let subscription = self.named(&call.name).await?;
        let body = request.into_body();
        let (command, reason) = match call.action {
            Action::Pay => {
                let asked: PayBody = body::read_json(body).await?;
                self.pay(asked, &subscription, change.command_id.as_ref())
                    .await?
            }
            Action::Grace => grace(body::read_json(body).await?)?,
            Action::Pause => pause(body::read_json(body).await?)?,
            Action::Suspend => suspend(body::read_json(body).await?, self.currency())?,
            Action::EndPause | Action::Lift | Action::Enable => {
                let asked: ReasonedBody = body::read_json(body).await?;
                (unconfirmed(call.action)?, reason(asked.reason)?)
            }
            Action::Disable | Action::Terminate => {
                let asked: ConfirmedBody = body::read_json(body).await?;
                let command = confirmed(call.action, asked.confirmed || change.dry_run)?;
                (command, reason(asked.reason)?)
            }
            Action::OpenApi
            | Action::Status
            | Action::SubscriptionList
            | Action::SubscriptionAdd
            | Action::SubscriptionShow
            | Action::Explain
            | Action::History
            | Action::Actions
            | Action::Quotes
            | Action::Import
            | Action::Export
            | Action::PlanList
            | Action::PlanShow
            | Action::PlanApply
            | Action::SessionList
            | Action::SessionDisconnect
            | Action::JournalList
            | Action::JournalVerify
            | Action::Garden => return Err(not_a_command()),
        };
        self.carry_out(change, subscription.facts.id, command, reason)
            .await
    }

    async fn carry_out(
        &self,
        change: Change,
        subscription: SubscriptionId,
        command: Command,
        reason: Option<Reason>,
    ) -> Result<Response<Body>, Problem> {
        let action = command.kind().as_str();
        let payment = command.payment().map(|(id, _)| id.to_string());
        let request = CommandRequest {
            subscription,
            order: Order {
                actor: change.actor.clone(),
                reason,
                note: Note::default(),
                command,
            },
            command_id: change.command_id.clone(),
        };
        if change.dry_run {
            let decision = self.previewed(request).await?;
            return Ok(body::ok(&ChangeBody::of(&decision, action, payment)));
        }
        let committed = self.store.command(request).await?;
        change.log(action, &committed);
        Ok(body::ok(&committed_body(&committed, action, payment)))
    }

    /// What `pay` asks for: by default what the months cost now, under a payment id made here.
    async fn pay(
        &self,
        asked: PayBody,
        subscription: &Subscription,
        command_id: Option<&CommandId>,
    ) -> Result<Asked, Problem> {
        let months = Months::new(asked.months).map_err(Problem::malformed)?;
        let why = reason(asked.reason)?;
        if asked.from_balance {
            if asked.amount.is_some() || asked.payment_id.is_some() {
                let detail = "from_balance takes neither amount nor payment_id";
                return Err(Problem::malformed(detail));
            }
            let tender = Tender::Balance;
            return Ok((pay_of(months, tender), why));
        }
        let payment: PaymentId = match (&asked.payment_id, command_id) {
            (Some(text), _) => text
                .parse()
                .map_err(|error| Problem::malformed(format!("payment_id: {error}")))?,
            // Made from the command id, so that a repeat is the same request (L33).
            (None, Some(id)) => id
                .as_str()
                .parse()
                .map_err(|error| Problem::malformed(format!("command_id: {error}")))?,
            (None, None) => Uuid::new_v4()
                .to_string()
                .parse()
                .map_err(Problem::failed)?,
        };
        let amount = match &asked.amount {
            Some(text) => money("amount", text, self.currency())?,
            None => self.due(&payment, subscription, months).await?,
        };
        let tender = if amount.is_zero() && asked.amount.is_none() {
            Tender::Balance
        } else {
            Tender::Captured { payment, amount }
        };
        Ok((pay_of(months, tender), why))
    }

    /// What was booked under that payment id already, or what the months cost now.
    async fn due(
        &self,
        payment: &PaymentId,
        subscription: &Subscription,
        months: Months,
    ) -> Result<Money, Problem> {
        let wanted = payment.clone();
        if let Some(booked) = self.read(move |store| store.payment(&wanted)).await? {
            return Ok(booked.amount);
        }
        let rules = self.store.rules();
        let terms = rules.terms(subscription.subscriber.partner.as_ref());
        let quote = quote::quote(&subscription.facts, months, terms)
            .map_err(|refusal| Problem::from(&refusal))?;
        Ok(quote.total)
    }

    pub(crate) async fn subscription_quotes(&self, call: &Call) -> Result<Response<Body>, Problem> {
        let subscription = self.named(&call.name).await?;
        let rules = self.store.rules();
        let terms = rules.terms(subscription.subscriber.partner.as_ref());
        let offers =
            quote::offers(&subscription.facts, terms).map_err(|refusal| Problem::from(&refusal))?;
        let quotes: Vec<QuoteBody> = offers.iter().map(Into::into).collect();
        Ok(body::ok(&quotes))
    }

    pub(crate) async fn subscription_actions(
        &self,
        call: &Call,
        peer: &Peer,
    ) -> Result<Response<Body>, Problem> {
        let subscription = self.named(&call.name).await?;
        // A viewer sees what an operator could do.
        let actor = peer.actor().unwrap_or_else(|| Actor {
            role: garth_subscription::Role::Operator,
            name: peer.name.clone(),
            on_behalf_of: None,
        });
        let (rules, now) = (self.store.rules(), self.store.now());
        let terms = rules.terms(subscription.subscriber.partner.as_ref());
        let actions: Vec<ActionBody> = actions(&subscription.facts, &actor, now, terms)
            .into_iter()
            .map(|action| ActionBody {
                action: action.command.as_str().to_owned(),
                available: action.refusal.is_none(),
                rule: action
                    .refusal
                    .as_ref()
                    .map(|refusal| refusal.rule().to_owned()),
                detail: text(action.refusal.as_ref()),
            })
            .collect();
        Ok(body::ok(&actions))
    }

    pub(crate) async fn subscription_explain(
        &self,
        call: &Call,
    ) -> Result<Response<Body>, Problem> {
        let subscription = self.named(&call.name).await?;
        let id = subscription.facts.id;
        let entries = self
            .read(move |store| store.history(id, None, words::ENTRIES_MAX))
            .await?;
        let sessions = self
            .read(move |store| store.sessions(Some(id), true, words::SESSIONS_MAX))
            .await?;
        let explanation = words::explain(&words::Known {
            subscription: &subscription,
            sessions: &sessions,
            walls: self.network.walls(id).await,
            entries: &entries,
            now: self.store.now(),
            tz: self.tz,
        });
        Ok(body::ok(&explanation))
    }
}

/// What the list is narrowed to.
struct Filter {
    standing: Option<Standing>,
    plan: Option<PlanId>,
}

impl Filter {
    fn read(call: &Call) -> Result<Self, Problem> {
        let standing = call.query.get("standing").map(|name| {
            let found = Standing::ALL
                .into_iter()
                .find(|known| known.as_str() == name);
            found.ok_or_else(|| {
                let known = Standing::ALL.map(Standing::as_str).join(", ");
                Problem::malformed(format!("standing: {name:?} is none of {known}"))
            })
        });
        Ok(Self {
            standing: standing.transpose()?,
            plan: call.query.parse("plan")?,
        })
    }

    fn takes(&self, subscription: &Subscription, now: Timestamp) -> bool {
        let facts = &subscription.facts;
        let is = || standing(&facts.standing_facts(), now);
        self.plan.as_ref().is_none_or(|plan| *plan == facts.plan)
            && self.standing.is_none_or(|wanted| wanted == is())
    }
}

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

    fn log(&self, action: &str, committed: &Committed) {
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

fn committed_body(committed: &Committed, action: &str, payment: Option<String>) -> ChangeBody {
    ChangeBody {
        dry_run: false,
        repeated: committed.repeated,
        entry: Some(committed.entry.0.to_string()),
        ..ChangeBody::of(&committed.decision, action, payment)
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

/// A subscription id made from a command id: the same one each time.
fn id_from(command_id: &CommandId) -> SubscriptionId {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(command_id.as_str().as_bytes());
    let mut octets = [0; 16];
    octets.copy_from_slice(&digest[..16]);
    SubscriptionId(uuid::Builder::from_custom_bytes(octets).into_uuid())
}

fn money(key: &str, text: &str, currency: Currency) -> Result<Money, Problem> {
    Money::parse(text, currency)
        .map_err(|error| Problem::malformed(format!("{key} {text:?}: {error}")))
}

fn reason(text: Option<String>) -> Result<Option<Reason>, Problem> {
    text.map(|text| text.parse())
        .transpose()
        .map_err(|error| Problem::malformed(format!("reason: {error}")))
}

/// Months as an operator sells them.
const fn pay_of(months: Months, tender: Tender) -> Command {
    Command::Pay {
        months,
        tender,
        then_pause: false,
    }
}

fn grace(asked: GraceBody) -> Result<Asked, Problem> {
    let days = asked.days;
    Ok((Command::Grace { days }, reason(asked.reason)?))
}

fn pause(asked: PauseBody) -> Result<Asked, Problem> {
    let end = match &asked.until {
        None => PauseEnd::Open,
        Some(text) => match (text.parse(), text.parse::<CivilDate>()) {
            (Ok(at), _) => PauseEnd::At(at),
            (Err(_), Ok(date)) => PauseEnd::On(date),
            (Err(_), Err(error)) => {
                let why = format!("until {text:?}: {error}, nor an RFC 3339 time");
                return Err(Problem::malformed(why));
            }
        },
    };
    let command = Command::Pause {
        start: When::Now,
        end,
        is_locked: false,
    };
    Ok((command, reason(asked.reason)?))
}

fn suspend(asked: SuspendBody, currency: Currency) -> Result<Asked, Problem> {
    let cause: SuspendCause = cause_from_name(&asked.cause)
        .ok_or_else(|| Problem::malformed("cause: allowed are overdue, fraud, operator"))?;
    let debt = asked
        .debt
        .map(|text| money("debt", &text, currency))
        .transpose()?;
    let command = Command::Suspend {
        cause,
        debt,
        as_of: None,
    };
    Ok((command, reason(asked.reason)?))
}

fn unconfirmed(action: Action) -> Result<Command, Problem> {
    [
        (Action::EndPause, Command::EndPause),
        (Action::Lift, Command::Lift),
        (Action::Enable, Command::Enable),
    ]
    .into_iter()
    .find_map(|(of, command)| (of == action).then_some(command))
    .ok_or_else(not_a_command)
}

/// A dry run needs no confirmation: it is what one looks at before confirming.
fn confirmed(action: Action, confirmed: bool) -> Result<Command, Problem> {
    [
        (Action::Disable, Command::Disable { confirmed }),
        (
            Action::Terminate,
            Command::Terminate {
                when: When::Now,
                confirmed,
            },
        ),
    ]
    .into_iter()
    .find_map(|(of, command)| (of == action).then_some(command))
    .ok_or_else(not_a_command)
}

fn not_a_command() -> Problem {
    Problem::failed("the route is no command")
}

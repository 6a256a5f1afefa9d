//! The portal's view of the daemon: who is at an address, what to show, what to do.
//!
//! Everything a subscriber asks for becomes a command with the role `Customer`; the
//! rules decide, not this file.

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;

use garth_captive_portal::desk::{
    Checkout, CheckoutState, Desk, Directory, Identified, Later, Performed, Problem, RawWebhook,
    Request, View, WebhookAnswer,
};
use garth_payments::WebUrl;
use garth_store::index::AtAddress;
use garth_store::record::{self, Subscription};
use garth_store::write::{CommandRequest, WriteError};
use garth_store::{ReadError, Store};
use garth_subscription::calendar::Months;
use garth_subscription::command::{Command, Note, Tender, When};
use garth_subscription::facts::{Phase, SubscriptionId};
use garth_subscription::policy::Terms;
use garth_subscription::quote::{self, Quote};
use garth_subscription::subscriber::{Language, Password};
use garth_subscription::text::{CommandId, Label};
use garth_subscription::time::Span;
use garth_subscription::{Access, Actor, Facts, Order, Role, Standing, Timestamp, standing};
use subtle::ConstantTimeEq;

use crate::cashier::{self, Cashier, CashierError, Offer};
use crate::enforcer::Released;

/// Journal entries shown to a subscriber.
const HISTORY_MAX: usize = 50;
/// Checkouts a page may refer to: the newest ones.
const CHECKOUTS_MAX: usize = 16;
/// How long a page waits for the release that follows a payment; later it thanks without the proof.
const RELEASE_SHOWN_WITHIN: Span = Span::from_seconds(5);

/// What the portal asks.
pub(crate) struct FrontDesk {
    store: Store,
    cashier: Arc<Cashier>,
    released: Arc<Released>,
    public_url: WebUrl,
}

impl FrontDesk {
    pub(crate) fn new(
        store: Store,
        cashier: Arc<Cashier>,
        released: Arc<Released>,
        public_url: WebUrl,
    ) -> Self {
        Self {
            store,
            cashier,
            released,
            public_url,
        }
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Store) -> Result<T, ReadError> + Send + 'static,
    ) -> Option<T> {
        let store = self.store.clone();
        match tokio::task::spawn_blocking(move || read(&store)).await {
            Ok(Ok(value)) => Some(value),
            Ok(Err(error)) => {
                tracing::error!(%error, "the portal could not read the store");
                None
            }
            Err(error) => {
                tracing::error!(%error, "the portal could not read the store");
                None
            }
        }
    }

    async fn subscription(&self, id: SubscriptionId) -> Option<Subscription> {
        self.read(move |store| store.subscription(id))
            .await
            .flatten()
    }

    async fn view_of(&self, id: SubscriptionId) -> Option<View> {
        let (subscription, history, checkouts) = self
            .read(move |store| {
                Ok((
                    store.subscription(id)?,
                    store.history(id, None, HISTORY_MAX)?,
                    store.checkouts_of(id, CHECKOUTS_MAX)?,
                ))
            })
            .await?;
        let Subscription { facts, subscriber } = subscription?;
        let rules = self.store.rules();
        let terms = rules.terms(subscriber.partner.as_ref());
        let now = self.store.now();
        let standing = standing(&facts.standing_facts(), now);
        // Someone waits for a payment, or came back from one.
        let open = checkouts
            .iter()
            .filter(|checkout| checkout.state == record::CheckoutState::Open);
        self.cashier.hint(open.map(|checkout| checkout.id));
        let plan = rules.catalogue.get(&facts.plan)?;
        let pause = facts.holds.pause;
        Some(View {
            standing,
            access: standing.access(),
            suspended_for: facts.holds.suspend.as_ref().map(|suspend| suspend.cause),
            plan_name: plan.name.clone(),
            plan_names: rules
                .catalogue
                .iter()
                .map(|plan| (plan.id.clone(), plan.name.clone()))
                .collect(),
            paid_through: facts.paid_through,
            starts_at: match facts.phase {
                Phase::Pending { start_at } => Some(start_at),
                Phase::Started { .. } | Phase::Ended { .. } => None,
            },
            grace_until: facts.grace_until,
            pause_until: pause.and_then(|pause| pause.until),
            banked: pause.map_or(Span::ZERO, |pause| pause.banked),
            balance: facts.balance,
            debt: quote::debt(&facts),
            offers: offers(&facts, standing, terms),
            may_end_pause: standing == Standing::Paused,
            may_pause: terms.policy.pause.customer
                && matches!(standing, Standing::Active | Standing::Grace),
            pause_needs_end: terms.policy.pause.days_max.is_some(),
            history: history.into_iter().map(|chained| chained.entry).collect(),
            checkouts: checkouts
                .iter()
                .map(|checkout| self.checkout(id, checkout))
                .collect(),
            language: subscriber.language,
        })
    }

    fn checkout(&self, id: SubscriptionId, checkout: &record::Checkout) -> Checkout {
        let state = match &checkout.state {
            record::CheckoutState::Open => CheckoutState::Open,
            record::CheckoutState::Expired => CheckoutState::Expired,
            record::CheckoutState::Paid { confirmed_at, .. } => {
                match self.released_after_ms(id, *confirmed_at) {
                    // A page loaded between the commit and the release would otherwise be the last one.
                    None if self.store.now().since(*confirmed_at) < RELEASE_SHOWN_WITHIN => {
                        CheckoutState::Open
                    }
                    released_after_ms => CheckoutState::Paid { released_after_ms },
                }
            }
        };
        Checkout {
            id: cashier::reference(checkout.id),
            state,
        }
    }

    fn released_after_ms(&self, id: SubscriptionId, confirmed_at: Timestamp) -> Option<u64> {
        let released_at = self.released.at(id).filter(|at| *at >= confirmed_at)?;
        u64::try_from(released_at.since(confirmed_at).millis()).ok()
    }

    async fn perform_now(
        &self,
        id: SubscriptionId,
        request: Request,
        once: CommandId,
    ) -> Result<Performed, Problem> {
        match request {
            Request::StartCheckout {
                months,
                language,
                description,
            } => {
                self.start_checkout(id, months, language, description, once)
                    .await
            }
            Request::PayFromBalance { months } => self.pay_from_balance(id, months, once).await,
            Request::EndPause => self.command(id, Command::EndPause, once).await,
            Request::Pause { end } => {
                let command = Command::Pause {
                    start: When::Now,
                    end,
                    is_locked: false,
                };
                self.command(id, command, once).await
            }
        }
    }

    async fn start_checkout(
        &self,
        id: SubscriptionId,
        months: Months,
        language: Language,
        description: Label,
        once: CommandId,
    ) -> Result<Performed, Problem> {
        let Subscription { facts, subscriber } =
            self.subscription(id).await.ok_or(Problem::Busy)?;
        let rules = self.store.rules();
        let terms = rules.terms(subscriber.partner.as_ref());
        let now = self.store.now();
        let standing = standing(&facts.standing_facts(), now);
        let quote = quote::quote(&facts, months, terms).map_err(Problem::Refused)?;
        if !offers(&facts, standing, terms).contains(&quote) {
            return Err(Problem::Gateway);
        }
        if !quote.total.is_positive() {
            return self.pay_from_balance(id, months, once).await;
        }
        let offer = Offer {
            subscription: id,
            offer: quote.offer(false, now.saturating_add(cashier::CHECKOUT_LIFETIME)),
            total: quote.total,
            description,
            language,
        };
        let public_url = self.public_url.clone();
        let opened = self
            .cashier
            .open(offer, move |checkout| return_urls(&public_url, checkout))
            .await;
        opened
            .map(|(_, url)| Performed::Redirect(url))
            .map_err(problem_of)
    }

    async fn pay_from_balance(
        &self,
        id: SubscriptionId,
        months: Months,
        once: CommandId,
    ) -> Result<Performed, Problem> {
        let entry = self
            .store
            .index()
            .by_id(id, |entry| standing(&entry.standing(), self.store.now()));
        let command = match entry {
            Some(Standing::Expired | Standing::Paused | Standing::Suspended) => {
                Command::Reactivate {
                    months,
                    tender: Tender::Balance,
                    then_pause: false,
                }
            }
            Some(
                Standing::Pending
                | Standing::Active
                | Standing::Grace
                | Standing::Disabled
                | Standing::Terminated
                | Standing::Cancelled,
            )
            | None => Command::Pay {
                months,
                tender: Tender::Balance,
                then_pause: false,
            },
        };
        self.command(id, command, once).await
    }

    async fn command(
        &self,
        id: SubscriptionId,
        command: Command,
        once: CommandId,
    ) -> Result<Performed, Problem> {
        let actor = Actor {
            role: Role::Customer,
            name: id.to_string().parse().expect("an id is a short plain text"),
            on_behalf_of: None,
        };
        let order = Order {
            actor,
            reason: None,
            note: Note::default(),
            command,
        };
        let request = CommandRequest {
            subscription: id,
            order,
            command_id: Some(once),
        };
        match self.store.command(request).await {
            Ok(_) => Ok(Performed::Done),
            // The first click brought the subscription out of the garden, so the second one asks for a
            // renewal: another command for the same wish, which is done.
            Err(WriteError::CommandIdReused) => Ok(Performed::Done),
            Err(error) => Err(problem_of(CashierError::Write(error))),
        }
    }
}

/// Where the browser goes after the gateway: paid, or turned back.
fn return_urls(public_url: &WebUrl, checkout: record::CheckoutId) -> (WebUrl, WebUrl) {
    let join = |path: &str| {
        public_url
            .join(path)
            .expect("our own path is plain and short")
    };
    (
        join(&format!("/returned/{}", cashier::reference(checkout))),
        join("/cancelled"),
    )
}

/// What can be bought now, by whoever sits at the portal.
fn offers(facts: &Facts, standing: Standing, terms: Terms<'_>) -> Vec<Quote> {
    let sold = match standing {
        Standing::Pending | Standing::Active | Standing::Grace => true,
        Standing::Expired | Standing::Paused => terms.policy.customer_reactivation,
        Standing::Suspended => facts.is_payable() && terms.policy.customer_reactivation,
        Standing::Disabled | Standing::Terminated | Standing::Cancelled => false,
    };
    if sold {
        quote::offers(facts, terms).unwrap_or_default()
    } else {
        Vec::new()
    }
}

fn problem_of(error: CashierError) -> Problem {
    match error {
        CashierError::Write(WriteError::Refused(refusal)) => Problem::Refused(refusal),
        CashierError::Write(error) => {
            tracing::warn!(%error, "a subscriber's request could not be carried out");
            Problem::Busy
        }
        CashierError::Read(error) => {
            tracing::error!(%error, "a subscriber's request could not be carried out");
            Problem::Busy
        }
        error @ (CashierError::Off
        | CashierError::Gateway(_)
        | CashierError::Slow
        | CashierError::Webhook(_)) => {
            tracing::warn!(%error, "a checkout could not be opened");
            Problem::Gateway
        }
    }
}

impl Directory for FrontDesk {
    fn identify(&self, source: IpAddr) -> Identified {
        match self.store.index().at_address(source) {
            AtAddress::None => Identified::Unknown,
            AtAddress::One(id) => Identified::Known(id),
            AtAddress::Many => Identified::Ambiguous,
        }
    }

    fn access(&self, id: SubscriptionId) -> Access {
        let now = self.store.now();
        self.store
            .index()
            .by_id(id, |entry| standing(&entry.standing(), now).access())
            .unwrap_or(Access::Reject)
    }

    fn login<'a>(
        &'a self,
        user_name: &'a str,
        password: &'a str,
    ) -> Later<'a, Option<SubscriptionId>> {
        Box::pin(async move {
            let known = self
                .store
                .index()
                .by_user_name(user_name.as_bytes(), |entry| {
                    let kept = entry.password()?;
                    Some((entry.id(), bool::from(kept.ct_eq(password.as_bytes()))))
                });
            let Some((id, same)) = known.flatten() else {
                // A wrong name costs the same comparison as a wrong password.
                let nobody = [0; Password::MAX_LEN];
                let kept = &nobody[..password.len().min(nobody.len())];
                black_box(bool::from(kept.ct_eq(password.as_bytes())));
                return None;
            };
            same.then_some(id)
        })
    }
}

impl Desk for FrontDesk {
    fn view(&self, id: SubscriptionId) -> Later<'_, Option<View>> {
        Box::pin(self.view_of(id))
    }

    fn perform(
        &self,
        id: SubscriptionId,
        request: Request,
        once: CommandId,
    ) -> Later<'_, Result<Performed, Problem>> {
        Box::pin(self.perform_now(id, request, once))
    }

    fn webhook(&self, webhook: RawWebhook) -> Later<'_, WebhookAnswer> {
        Box::pin(async move {
            match self
                .cashier
                .webhook(&webhook.gateway, &webhook.headers, &webhook.body)
                .await
            {
                Ok(()) => WebhookAnswer::Taken,
                Err(CashierError::Off) => WebhookAnswer::UnknownGateway,
                Err(error @ CashierError::Webhook(_)) => {
                    // Anyone in the garden can send one: no more than a line for who looks for it.
                    tracing::debug!(%error, "a webhook is not believed");
                    WebhookAnswer::Refused
                }
                Err(CashierError::Write(error @ (WriteError::Busy | WriteError::Failed(_)))) => {
                    tracing::warn!(%error, "a webhook must wait");
                    WebhookAnswer::Busy
                }
                Err(error) => {
                    // Signed by the gateway, yet not ours to book: a person must look, and sending it
                    // again would not help.
                    tracing::error!(%error, "a proven payment could not be booked");
                    WebhookAnswer::Taken
                }
            }
        })
    }
}

#[cfg(test)]
mod tests;

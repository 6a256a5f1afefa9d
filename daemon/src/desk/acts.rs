//! What is done: requests become commands with the role `Customer`, or checkouts.

use garth_captive_portal::desk::{ChangeQuote, Hand, Performed, Problem, Request};
use garth_store::record::Subscription;
use garth_store::write::{CommandRequest, WriteError};
use garth_subscription::calendar::Months;
use garth_subscription::command::{ChangeStart, Command, Note, Tender};
use garth_subscription::decide::settled;
use garth_subscription::facts::SubscriptionId;
use garth_subscription::journal::Effect;
use garth_subscription::subscriber::Language;
use garth_subscription::text::{CommandId, Label, PlanId};
use garth_subscription::{Facts, Money, Order, Refusal, Standing, plan_change, quote, standing};

use super::{FrontDesk, actor, offers, problem_of, return_urls};
use crate::cashier::{CashierError, Offer};

/// Who asks for what, and under which name.
struct Wish {
    id: SubscriptionId,
    by: Hand,
    once: CommandId,
}

impl FrontDesk {
    pub(super) async fn perform_now(
        &self,
        id: SubscriptionId,
        by: Hand,
        request: Request,
        once: CommandId,
    ) -> Result<Performed, Problem> {
        let wish = Wish { id, by, once };
        let command = match request {
            Request::StartCheckout {
                months,
                then_pause,
                language,
                description,
            } => {
                let bought = (months, then_pause);
                return self.buy(wish, bought, language, description).await;
            }
            Request::PayIn {
                amount,
                language,
                description,
            } => return self.pay_in(&wish, amount, language, description).await,
            Request::PayFromBalance { months, then_pause } => {
                return self.pay_from_balance(wish, months, then_pause).await;
            }
            Request::DismissNotice { sequence } => {
                let dismissed = self.store.dismiss_notice(id, sequence).await;
                return dismissed.map(|_| Performed::Done).map_err(refused);
            }
            Request::ChangePlan { plan, start, shown } => {
                self.costs(id, &plan, start, shown).await?;
                Command::ChangePlan { plan, start }
            }
            Request::EndPause => Command::EndPause,
            Request::Pause { start, end } => Command::Pause {
                start,
                end,
                is_locked: false,
            },
            Request::Postpone => Command::Postpone { until: None },
            Request::CancelChange => Command::CancelChange,
            Request::RequestChange { plan, message } => Command::RequestChange { plan, message },
            Request::Cancel => Command::Cancel,
            Request::Terminate { when } => Command::Terminate {
                when,
                confirmed: true,
            },
            Request::CancelTermination => Command::CancelTermination,
        };
        self.command(wish, command).await
    }

    async fn buy(
        &self,
        wish: Wish,
        (months, then_pause): (Months, bool),
        language: Language,
        description: Label,
    ) -> Result<Performed, Problem> {
        let id = wish.id;
        let Subscription {
            facts, subscriber, ..
        } = self.subscription(id).await.ok_or(Problem::Busy)?;
        let rules = self.store.rules();
        let terms = rules.terms(subscriber.partner.as_ref());
        let now = self.store.now();
        let facts = settled(&facts, now);
        let standing = standing(&facts.standing_facts(), now);
        let quote = quote::quote(&facts, months, terms).map_err(Problem::Refused)?;
        if !offers(&facts, standing, terms).contains(&quote) {
            return Err(Problem::Gateway);
        }
        if then_pause && !terms.policy.pause.customer {
            return Err(Problem::Refused(Refusal::SwitchedOff {
                what: "pausing by subscribers",
                rule: "L28",
            }));
        }
        if !quote.total.is_positive() {
            return self.pay_from_balance(wish, months, then_pause).await;
        }
        // E6: what the subscriber goes to the gateway with is kept, with its price.
        let made = self.store.make_quote(id, months, then_pause).await;
        let made = made.map_err(refused)?;
        let offer = Offer {
            subscription: id,
            total: made.quote.total,
            quote: Some((made.id, made.offer)),
            description,
            language,
        };
        self.check_out(offer).await
    }

    /// Money on the account, for nothing that is bought with it at once.
    async fn pay_in(
        &self,
        wish: &Wish,
        total: Money,
        language: Language,
        description: Label,
    ) -> Result<Performed, Problem> {
        let offer = Offer {
            subscription: wish.id,
            total,
            quote: None,
            description,
            language,
        };
        self.check_out(offer).await
    }

    async fn check_out(&self, offer: Offer) -> Result<Performed, Problem> {
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
        wish: Wish,
        months: Months,
        then_pause: bool,
    ) -> Result<Performed, Problem> {
        let found = self.store.index().by_id(wish.id, |entry| {
            standing(&entry.standing(), self.store.now())
        });
        let tender = Tender::Balance;
        let command = match found {
            Some(Standing::Expired | Standing::Paused | Standing::Suspended) => {
                Command::Reactivate {
                    months,
                    tender,
                    then_pause,
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
                tender,
                then_pause,
            },
        };
        self.command(wish, command).await
    }

    /// What a change of plan would cost (L16).
    pub(super) async fn price_of(
        &self,
        id: SubscriptionId,
        plan: PlanId,
        start: ChangeStart,
    ) -> Result<ChangeQuote, Problem> {
        let Subscription {
            facts, subscriber, ..
        } = self.subscription(id).await.ok_or(Problem::Busy)?;
        let rules = self.store.rules();
        let terms = rules.terms(subscriber.partner.as_ref());
        let now = self.store.now();
        let facts = settled(&facts, now);
        let command = Command::ChangePlan {
            plan: plan.clone(),
            start,
        };
        let order = order(id, Hand::Subscriber, command);
        let case = garth_subscription::Case::of(&facts);
        let (at, is_now) = match garth_subscription::decide(case, &order, now, terms) {
            Ok(decision) if decision.effect == Effect::Scheduled => {
                let planned = decision.facts.plan_change;
                (planned.map_or(now, |change| change.at), false)
            }
            // Only a change that is to be now is refused for want of money.
            Ok(_) | Err(Refusal::Funds { .. }) => (now, true),
            Err(refusal) => return Err(Problem::Refused(refusal)),
        };
        let price = plan_change::price(&facts, &plan, at, terms).map_err(Problem::Refused)?;
        Ok(ChangeQuote {
            at,
            is_now,
            price,
            missing: missing(&facts, price.total),
        })
    }

    /// Passes if a change costs what was shown.
    async fn costs(
        &self,
        id: SubscriptionId,
        plan: &PlanId,
        start: ChangeStart,
        shown: Money,
    ) -> Result<(), Problem> {
        let quote = self.price_of(id, plan.clone(), start).await?;
        if quote.price.total == shown {
            Ok(())
        } else {
            Err(Problem::PriceChanged)
        }
    }

    async fn command(&self, wish: Wish, command: Command) -> Result<Performed, Problem> {
        let request = CommandRequest {
            subscription: wish.id,
            order: order(wish.id, wish.by, command),
            command_id: Some(wish.once),
        };
        match self.store.command(request).await {
            Ok(_) => Ok(Performed::Done),
            // The first click brought the subscription out of the garden, so the second one asks for a
            // renewal: another command for the same wish, which is done.
            Err(WriteError::CommandIdReused) => Ok(Performed::Done),
            Err(error) => Err(refused(error)),
        }
    }
}

fn order(id: SubscriptionId, by: Hand, command: Command) -> Order {
    Order {
        actor: actor(id, by),
        reason: None,
        note: Note::default(),
        command,
    }
}

fn refused(error: WriteError) -> Problem {
    problem_of(CashierError::Write(error))
}

/// What lacks on the account for that price.
fn missing(facts: &Facts, price: Money) -> Option<Money> {
    let missing = price.checked_sub(facts.balance).ok()?;
    Some(missing).filter(|missing| price.is_positive() && missing.is_positive())
}

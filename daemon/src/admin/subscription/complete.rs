//! From what a body asks for to a command: what it takes to know the subscription for.
//!
//! A repeat under the same command id must be the same command (L33), although what it was made from
//! has moved on: prices, the time of day, settings that are only changed in part. So whatever an
//! earlier command under the id was made of is taken from its journal entry.

use garth_store::Store;
use garth_store::record::{QuoteId, Subscription};
use garth_subscription::calendar::Months;
use garth_subscription::change::Change as Step;
use garth_subscription::command::{ChangeStart, CommandKind, Tender};
use garth_subscription::decide::settled;
use garth_subscription::facts::Renewal;
use garth_subscription::plan_change::{self, ChangePrice};
use garth_subscription::quote;
use garth_subscription::text::CommandId;
use garth_subscription::time::Span;
use garth_subscription::{Actor, Command, Money, Timestamp};
use uuid::Uuid;

use super::asked::{Asked, Purchase};
use super::change::Change;
use crate::admin::Admin;
use crate::admin::problem::Problem;

/// How many of the newest entries are searched for an earlier command under the same id.
const SEARCHED_MAX: usize = 1_000;
/// Seconds in an hour.
const HOUR: u32 = 3_600;

/// A command, who gives it, and under which id.
pub(crate) struct Ready {
    pub(crate) command: Command,
    pub(crate) actor: Actor,
    pub(crate) command_id: Option<CommandId>,
}

impl Admin {
    /// The command that `asked` is for this subscription now.
    pub(crate) async fn complete(
        &self,
        asked: Asked,
        subscription: &Subscription,
        change: &Change,
    ) -> Result<Ready, Problem> {
        if let Asked::Months(purchase) = asked {
            return self.purchase(purchase, subscription, change).await;
        }
        let (store, subscription) = (self.store.clone(), subscription.clone());
        let command_id = change.command_id.clone();
        let command = tokio::task::spawn_blocking(move || {
            command_for(&store, &asked, &subscription, command_id.as_ref())
        });
        Ok(Ready {
            command: command.await.map_err(Problem::failed)??,
            actor: change.actor.clone(),
            command_id: change.command_id.clone(),
        })
    }

    /// What a change of plan costs, line by line (L16); nothing for other commands, and where the rules
    /// will say why there is no price.
    pub(crate) fn price_of_change(
        &self,
        subscription: &Subscription,
        command: &Command,
    ) -> Option<(Timestamp, ChangePrice)> {
        let Command::ChangePlan { plan, start } = command else {
            return None;
        };
        let rules = self.store.rules();
        let terms = rules.terms(subscription.subscriber.partner.as_ref());
        let now = self.store.now();
        let facts = settled(&subscription.facts, now);
        let at = match start {
            ChangeStart::Now => now,
            ChangeStart::NextPeriod => facts.paid_through.max(now),
            ChangeStart::On(date) => terms.policy.zone.start_of(*date).ok()?,
        };
        Some((at, plan_change::price(&facts, plan, at, terms).ok()?))
    }

    /// Months for money that is taken now, by default what they cost, under a payment id made here.
    async fn purchase(
        &self,
        asked: Purchase,
        subscription: &Subscription,
        change: &Change,
    ) -> Result<Ready, Problem> {
        let payment = match (&asked.payment, &change.command_id) {
            (Some(payment), _) => payment.clone(),
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
        let wanted = payment.clone();
        let booked = self.read(move |store| store.payment(&wanted)).await?;
        let booked = booked.map(|booked| booked.amount);
        if let Some(quote) = asked.quote {
            return self
                .quoted(
                    &asked,
                    QuoteId(quote),
                    payment,
                    booked,
                    subscription,
                    change,
                )
                .await;
        }
        let months = asked
            .months
            .ok_or_else(|| Problem::malformed("months: missing"))?;
        let kind = if asked.is_reactivation {
            CommandKind::Reactivate
        } else {
            CommandKind::Pay
        };
        let amount = match asked.amount.or(booked) {
            Some(amount) => amount,
            None => self.due(months, kind, subscription, change).await?,
        };
        let tender = if amount.is_zero() && asked.amount.is_none() {
            Tender::Balance
        } else if asked.is_provisional {
            Tender::Provisional { payment, amount }
        } else {
            Tender::Captured { payment, amount }
        };
        let then_pause = asked.then_pause;
        let command = if asked.is_reactivation {
            Command::Reactivate {
                months,
                tender,
                then_pause,
            }
        } else {
            Command::Pay {
                months,
                tender,
                then_pause,
            }
        };
        Ok(Ready {
            command,
            actor: change.actor.clone(),
            command_id: change.command_id.clone(),
        })
    }
}

impl Admin {
    /// What the months cost now; at a repeat of what credit has paid for, nothing as before.
    async fn due(
        &self,
        months: Months,
        kind: CommandKind,
        subscription: &Subscription,
        change: &Change,
    ) -> Result<Money, Problem> {
        let (store, of) = (self.store.clone(), subscription.clone());
        let command_id = change.command_id.clone();
        let earlier =
            tokio::task::spawn_blocking(move || earlier(&store, kind, &of, command_id.as_ref()));
        if !earlier.await.map_err(Problem::failed)??.is_empty() {
            return Ok(Money::zero(self.context().currency));
        }
        let rules = self.store.rules();
        let terms = rules.terms(subscription.subscriber.partner.as_ref());
        let quote = quote::quote(&subscription.facts, months, terms);
        Ok(quote.map_err(|refusal| Problem::from(&refusal))?.total)
    }
}

/// The command that `asked` is for this subscription now, under that command id. Reads the disk.
///
/// # Errors
/// What an edge can tell without the rules; [`Asked::Months`] is not for here.
pub(crate) fn command_for(
    store: &Store,
    asked: &Asked,
    subscription: &Subscription,
    command_id: Option<&CommandId>,
) -> Result<Command, Problem> {
    match asked {
        Asked::Command(command) => Ok(command.clone()),
        Asked::Months(_) => Err(Problem::failed("months are bought for one subscription")),
        Asked::ActiveOn => active_on(store, subscription),
        Asked::PostponeHours(hours) => {
            let steps = earlier(store, CommandKind::Postpone, subscription, command_id)?;
            let until = steps.into_iter().find_map(|step| {
                if let Step::Postponed { until, .. } = step {
                    Some(until)
                } else {
                    None
                }
            });
            let span = Span::from_seconds(hours.saturating_mul(HOUR));
            Ok(Command::Postpone {
                until: Some(until.unwrap_or_else(|| store.now().saturating_add(span))),
            })
        }
        Asked::Renewal(wanted) => {
            let steps = earlier(store, CommandKind::SetRenewal, subscription, command_id)?;
            let set = steps.into_iter().find_map(|step| {
                if let Step::RenewalSet(renewal) = step {
                    Some(renewal)
                } else {
                    None
                }
            });
            let is = set.unwrap_or(subscription.facts.renewal);
            Ok(Command::SetRenewal(Renewal {
                months: wanted.months.unwrap_or(is.months),
                use_credit: wanted.use_credit.unwrap_or(is.use_credit),
                invoicing: wanted.invoicing.unwrap_or(is.invoicing),
            }))
        }
    }
}

/// What the entry of this kind changed that was made under the command id, if there is one.
fn earlier(
    store: &Store,
    action: CommandKind,
    subscription: &Subscription,
    command_id: Option<&CommandId>,
) -> Result<Vec<Step>, Problem> {
    let Some(command_id) = command_id else {
        return Ok(Vec::new());
    };
    let newest = store.history(subscription.facts.id, None, SEARCHED_MAX);
    let found = newest
        .map_err(Problem::failed)?
        .into_iter()
        .find(|chained| {
            chained.entry.action == action && chained.entry.command_id.as_ref() == Some(command_id)
        });
    let steps = found.map(|chained| chained.entry.steps).unwrap_or_default();
    Ok(steps.into_iter().map(|step| step.change).collect())
}

/// Calls off what was planned for the end of its paid time; a pause that runs is another matter.
fn active_on(store: &Store, subscription: &Subscription) -> Result<Command, Problem> {
    let now = store.now();
    let pause = subscription.facts.holds.pause;
    if pause.is_some_and(|pause| pause.from <= now) {
        let detail = "it is paused already, so there is no pause to come; end-pause ends it";
        return Err(Problem::refused(detail).with_rule("L10"));
    }
    Ok(Command::EndPause)
}

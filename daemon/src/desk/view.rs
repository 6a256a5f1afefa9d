//! What the pages show: facts, and what the rules would take from the subscriber now.

use garth_captive_portal::desk::{
    Changing, Checkout, CheckoutState, EndingView, Notice, PauseLimits, Pausing, Postponing,
    Release, Target, Ticket, View,
};
use garth_captive_portal::shown::Shown;
use garth_store::TICKETS_KEPT;
use garth_store::record::{self, Subscription, TicketState};
use garth_subscription::actions::{self, Action};
use garth_subscription::command::{Command, CommandKind, Note, PauseEnd, When};
use garth_subscription::decide::settled;
use garth_subscription::facts::{Phase, ServiceState, SubscriptionId};
use garth_subscription::journal::{Effect, JournalEntry};
use garth_subscription::plan_change::{self, ChangeOffer};
use garth_subscription::policy::Terms;
use garth_subscription::text::{Label, PlanId};
use garth_subscription::time::Span;
use garth_subscription::{
    Access, Case, Facts, Order, Refusal, Standing, Timestamp, decide, quote, standing,
};

use super::{FrontDesk, actor, offers};
use crate::cashier;
use garth_captive_portal::desk::Hand;

/// Journal entries shown to a subscriber.
const HISTORY_MAX: usize = 50;
/// Checkouts a page may refer to: the newest ones.
const CHECKOUTS_MAX: usize = 16;
/// Notices on the account page: the newest ones.
const NOTICES_MAX: usize = 3;
/// Tickets on the account page: the newest ones.
const TICKETS_MAX: usize = 5;
/// How long a page waits for the release that follows a payment; later it thanks without the proof.
const RELEASE_SHOWN_WITHIN: Span = Span::from_seconds(5);
/// Seconds in an hour.
const HOUR: u32 = 3_600;

/// What the store knows of one subscription.
struct Rows {
    subscription: Option<Subscription>,
    history: Vec<JournalEntry>,
    checkouts: Vec<record::Checkout>,
    notices: Vec<record::Notice>,
    tickets: Vec<record::Ticket>,
}

/// A subscription at an instant, asked on behalf of its subscriber.
struct Asked<'a> {
    facts: &'a Facts,
    now: Timestamp,
    terms: Terms<'a>,
    actions: Vec<Action>,
}

impl FrontDesk {
    pub(super) async fn view_of(&self, id: SubscriptionId) -> Option<View> {
        let rows = self
            .read(move |store| {
                // Each read is of its own instant. What points elsewhere comes first: the entry and
                // the facts of a checkout that is paid are there when they are read after it.
                let checkouts = store.checkouts_of(id, CHECKOUTS_MAX)?;
                let history = store.history(id, None, HISTORY_MAX)?;
                Ok(Rows {
                    subscription: store.subscription(id)?,
                    history: history.into_iter().map(|chained| chained.entry).collect(),
                    checkouts,
                    notices: store.notices(id, NOTICES_MAX)?,
                    tickets: store.tickets(false, Some(id), None, TICKETS_KEPT)?,
                })
            })
            .await?;
        // Someone waits for a payment, or came back from one.
        let is_open = |checkout: &&record::Checkout| checkout.state == record::CheckoutState::Open;
        let open = rows.checkouts.iter().filter(is_open);
        self.cashier.hint(open.map(|checkout| checkout.id));
        self.view_from(rows)
    }

    fn view_from(&self, rows: Rows) -> Option<View> {
        let Subscription {
            facts, subscriber, ..
        } = rows.subscription?;
        let rules = self.store.rules();
        let now = self.store.now();
        let facts = settled(&facts, now);
        let asked = Asked::new(&facts, now, rules.terms(subscriber.partner.as_ref()));
        let standing = standing(&facts.standing_facts(), now);
        let shown: Shown = self.shown.load().of(subscriber.partner.as_ref()).clone();
        Some(View {
            standing,
            access: standing.access(),
            shown,
            user_name: subscriber.user_name,
            suspended_for: facts.holds.suspend.as_ref().map(|suspend| suspend.cause),
            plan: facts.plan.clone(),
            plan_name: asked.name_of(&facts.plan)?,
            plan_names: rules
                .catalogue
                .iter()
                .map(|plan| (plan.id.clone(), plan.name.clone()))
                .collect(),
            services: asked.services(),
            paid_through: facts.paid_through,
            starts_at: match facts.phase {
                Phase::Pending { start_at } => Some(start_at),
                Phase::Started { .. } | Phase::Ended { .. } => None,
            },
            grace_until: facts.grace_until,
            balance: facts.balance,
            debt: quote::debt(&facts),
            offers: offers(&facts, standing, asked.terms),
            may_pause_after: asked.may_pause_after(),
            pausing: asked.pausing(),
            postponing: asked.postponing(),
            changing: asked.changing(),
            may_cancel: asked.may(CommandKind::Cancel).is_ok(),
            ending: EndingView {
                may_end: asked.may(CommandKind::Terminate).is_ok(),
                ends_at: facts.termination.as_ref().map(|end| end.at),
                may_call_off: asked.may(CommandKind::CancelTermination).is_ok(),
            },
            tickets: tickets(rows.tickets),
            notices: rows.notices.into_iter().map(notice).collect(),
            checkouts: rows
                .checkouts
                .iter()
                .map(|checkout| self.checkout(checkout, &rows.history))
                .collect(),
            history: rows.history,
            language: subscriber.language,
        })
    }

    fn checkout(&self, checkout: &record::Checkout, history: &[JournalEntry]) -> Checkout {
        let state = match &checkout.state {
            record::CheckoutState::Open => CheckoutState::Open,
            record::CheckoutState::Expired => CheckoutState::Expired,
            record::CheckoutState::Paid {
                entry,
                confirmed_at,
                ..
            } => {
                let entry = history.iter().find(|known| known.id == *entry);
                CheckoutState::Paid {
                    is_credit: entry.is_some_and(|entry| entry.effect == Effect::CreditOnly),
                    release: self.release(checkout.subscription, entry, *confirmed_at),
                }
            }
        };
        Checkout {
            id: cashier::reference(checkout.id),
            state,
        }
    }

    /// What a payment did at the wall: its entry tells whether there was one before it.
    fn release(
        &self,
        id: SubscriptionId,
        entry: Option<&JournalEntry>,
        confirmed_at: Timestamp,
    ) -> Release {
        if !entry.is_some_and(opens) {
            return Release::None;
        }
        let released_at = self.released.at(id).filter(|at| *at >= confirmed_at);
        let millis = released_at.map(|at| at.since(confirmed_at).millis());
        match millis.and_then(|millis| u64::try_from(millis).ok()) {
            Some(millis) => Release::After { millis },
            None if self.store.now().since(confirmed_at) < RELEASE_SHOWN_WITHIN => {
                Release::UnderWay
            }
            None => Release::None,
        }
    }
}

/// Whether an entry took down the wall.
fn opens(entry: &JournalEntry) -> bool {
    let was_open = entry
        .old
        .as_ref()
        .is_some_and(|old| old.standing.access() == Access::Full);
    !was_open && entry.new.standing.access() == Access::Full
}

fn notice(notice: record::Notice) -> Notice {
    Notice {
        sequence: notice.sequence,
        entry: notice.entry,
    }
}

/// The newest ones, newest first.
fn tickets(tickets: Vec<record::Ticket>) -> Vec<Ticket> {
    let newest = tickets.into_iter().rev().take(TICKETS_MAX);
    newest
        .map(|ticket| Ticket {
            plan: ticket.plan,
            message: ticket.message,
            created_at: ticket.created_at,
            closed: match ticket.state {
                TicketState::Open => None,
                TicketState::Closed { at, answer, .. } => Some((at, answer)),
            },
        })
        .collect()
}

impl<'a> Asked<'a> {
    fn new(facts: &'a Facts, now: Timestamp, terms: Terms<'a>) -> Self {
        let customer = actor(facts.id, Hand::Subscriber);
        Self {
            facts,
            now,
            terms,
            actions: actions::actions(facts, &customer, now, terms),
        }
    }

    /// What stands against a command, if anything does.
    fn may(&self, kind: CommandKind) -> Result<(), Refusal> {
        let action = self.actions.iter().find(|action| action.command == kind);
        match action.map(|action| action.refusal.clone()) {
            Some(None) => Ok(()),
            Some(Some(refusal)) => Err(refusal),
            None => Err(Refusal::Unknown),
        }
    }

    fn would(&self, command: Command) -> bool {
        let order = Order {
            actor: actor(self.facts.id, Hand::Subscriber),
            reason: None,
            note: Note::default(),
            command,
        };
        decide(Case::of(self.facts), &order, self.now, self.terms).is_ok()
    }

    fn name_of(&self, plan: &PlanId) -> Option<Label> {
        self.terms.catalogue.get(plan).map(|plan| plan.name.clone())
    }

    fn services(&self) -> Vec<Label> {
        let running = self
            .facts
            .services
            .iter()
            .filter(|service| service.state != ServiceState::Ended);
        running
            .filter_map(|service| self.name_of(&service.plan))
            .collect()
    }

    /// Whether months may be followed by a pause (L13): a pause that the provider has set stays.
    fn may_pause_after(&self) -> bool {
        let is_set = self.facts.holds.pause.is_some_and(|pause| pause.is_locked);
        self.terms.policy.pause.customer && !is_set
    }

    fn pausing(&self) -> Pausing {
        let facts = self.facts;
        let follow = Command::Pause {
            start: When::At(facts.paid_through),
            end: PauseEnd::Open,
            is_locked: false,
        };
        Pausing {
            current: facts.holds.pause,
            may_end: self.may(CommandKind::EndPause).is_ok(),
            begin: self.may(CommandKind::Pause),
            may_follow: self.would(follow),
            limits: self.limits(),
        }
    }

    fn limits(&self) -> PauseLimits {
        let policy = &self.terms.policy.pause;
        let (year, ..) = self.terms.policy.zone.date_of(self.now).ymd();
        let used = self.facts.pause_use;
        let is_this_year = i32::from(used.year) == year;
        let left = |max: u16, used: u16| max.saturating_sub(if is_this_year { used } else { 0 });
        PauseLimits {
            needs_end: policy.days_max.is_some() || policy.days_per_year.is_some(),
            days_max: policy.days_max,
            times_left: policy.times_per_year.map(|max| left(max, used.times)),
            days_left: policy.days_per_year.map(|max| left(max, used.days)),
            fee: policy.fee.filter(|fee| fee.is_positive()),
        }
    }

    fn postponing(&self) -> Postponing {
        let Some(suspend) = &self.facts.holds.suspend else {
            return Postponing::Closed;
        };
        match (self.may(CommandKind::Postpone), suspend.postponed_until) {
            (Ok(()), _) => {
                let hours = self.terms.policy.suspension.postpone_hours_max;
                let cap = Span::from_seconds(hours.saturating_mul(HOUR));
                Postponing::Offered {
                    until: self.now.saturating_add(cap),
                }
            }
            (Err(Refusal::PostponedAlready), Some(until)) => Postponing::Used { until },
            (Err(_), _) => Postponing::Closed,
        }
    }

    /// L18's matrix, as far as the subscription stands for it now.
    fn changing(&self) -> Changing {
        let may_change = self.may(CommandKind::ChangePlan).is_ok();
        let may_ask = self.may(CommandKind::RequestChange).is_ok();
        let asks = if may_ask {
            ChangeOffer::Request
        } else {
            ChangeOffer::Nothing
        };
        let offer = match plan_change::offer(self.facts, self.terms) {
            ChangeOffer::SelfChange {
                targets,
                may_request,
            } if may_change => ChangeOffer::SelfChange {
                targets,
                may_request: may_request && may_ask,
            },
            ChangeOffer::SelfChange { .. } | ChangeOffer::Request => asks,
            offer @ (ChangeOffer::NoTarget | ChangeOffer::Nothing) => offer,
        };
        let targets = match &offer {
            ChangeOffer::SelfChange { targets, .. } => targets
                .iter()
                .filter_map(|plan| self.target(plan))
                .collect(),
            ChangeOffer::Request | ChangeOffer::NoTarget | ChangeOffer::Nothing => Vec::new(),
        };
        let is_served = matches!(
            standing(&self.facts.standing_facts(), self.now),
            Standing::Active | Standing::Grace
        );
        let next = Some(self.facts.paid_through).filter(|at| is_served && *at > self.now);
        Changing {
            offer,
            pending: self.facts.plan_change.clone(),
            targets,
            next_period: next,
        }
    }

    fn target(&self, plan: &PlanId) -> Option<Target> {
        let plan = self.terms.catalogue.get(plan)?;
        Some(Target {
            plan: plan.id.clone(),
            name: plan.name.clone(),
            price: plan.prices.first().map(|line| (line.months, line.amount)),
        })
    }
}

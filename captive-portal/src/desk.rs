//! What the portal asks of the rest of Garth: who is there, what to show, what to do.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use garth_payments::{CheckoutId, WebUrl};
use garth_subscription::calendar::Months;
use garth_subscription::command::{ChangeStart, PauseEnd, When};
use garth_subscription::facts::{Pause, PlanChange, SubscriptionId, SuspendCause};
use garth_subscription::journal::JournalEntry;
use garth_subscription::plan_change::{ChangeOffer, ChangePrice};
use garth_subscription::quote::Quote;
use garth_subscription::subscriber::{Language, UserName};
use garth_subscription::text::{ActorName, CommandId, Label, Message, PlanId, Reason};
use garth_subscription::{Access, Money, Refusal, Standing, Timestamp};
use http::HeaderMap;

use crate::shown::Shown;

/// An answer that comes later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Whose address it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Identified {
    /// This one's, and no other's.
    Known(SubscriptionId),
    /// More than one could have it: nothing is guessed (E15).
    Ambiguous,
    /// Nobody's that is known.
    Unknown,
}

/// Who is there. Answers from memory.
pub trait Directory: Send + Sync + 'static {
    /// Whose address this is, by the live sessions. Asked for every request.
    fn identify(&self, source: IpAddr) -> Identified;

    /// What the network grants now. Asked for every request.
    fn access(&self, id: SubscriptionId) -> Access;
}

/// Who may come in where the address does not tell.
pub trait Door: Send + Sync + 'static {
    /// The subscription with that user name and password. Takes as long for a wrong name as for a
    /// wrong password.
    fn login<'a>(
        &'a self,
        user_name: &'a str,
        password: &'a str,
    ) -> Later<'a, Option<SubscriptionId>>;

    /// What an operator's one-time pass opens (L20). It opens nothing a second time.
    fn redeem(&self, token: &str) -> Option<Pass>;
}

/// What an operator was let in to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pass {
    /// Whose portal.
    pub subscription: SubscriptionId,
    /// Who looks at it.
    pub operator: ActorName,
}

/// What can be seen and done.
pub trait Desk: Send + Sync + 'static {
    /// What the pages show of a subscription; nothing if there is none any more.
    fn view(&self, id: SubscriptionId) -> Later<'_, Option<View>>;

    /// What a change of plan would cost (L16). Nothing changes.
    fn price_change(
        &self,
        id: SubscriptionId,
        plan: PlanId,
        start: ChangeStart,
    ) -> Later<'_, Result<ChangeQuote, Problem>>;

    /// Does what is asked for. `once` is the same however often one form is sent: it is carried out
    /// once, and a further time is told that it is done.
    fn perform(
        &self,
        id: SubscriptionId,
        by: Hand,
        request: Request,
        once: CommandId,
    ) -> Later<'_, Result<Performed, Problem>>;
}

/// Where gateways tell of payments.
pub trait Webhooks: Send + Sync + 'static {
    /// Takes a gateway's webhook, unverified as it came.
    fn webhook(&self, webhook: RawWebhook) -> Later<'_, WebhookAnswer>;
}

/// Everything that the portal is served by.
#[derive(Clone)]
pub struct Services {
    /// Who is there.
    pub directory: Arc<dyn Directory>,
    /// Who may come in.
    pub door: Arc<dyn Door>,
    /// What can be seen and done.
    pub desk: Arc<dyn Desk>,
    /// Where gateways tell of payments.
    pub webhooks: Arc<dyn Webhooks>,
}

impl Services {
    /// All of them by one.
    #[must_use]
    pub fn of<T: Directory + Door + Desk + Webhooks>(all: &Arc<T>) -> Self {
        Self {
            directory: Arc::clone(all) as _,
            door: Arc::clone(all) as _,
            desk: Arc::clone(all) as _,
            webhooks: Arc::clone(all) as _,
        }
    }
}

/// Whose hand sends a form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Hand {
    /// The subscriber's own.
    Subscriber,
    /// That of an operator who looks at the portal as this subscriber (L20).
    Operator(ActorName),
}

/// A subscription as its subscriber sees it.
#[derive(Clone, Debug)]
pub struct View {
    /// What it is now.
    pub standing: Standing,
    /// What the network grants now.
    pub access: Access,
    /// What the menu and the account page show to this partner's subscribers (L19).
    pub shown: Shown,
    /// The name that RADIUS knows.
    pub user_name: Option<UserName>,
    /// Why it is suspended, if it is, also while that is put off.
    pub suspended_for: Option<SuspendCause>,
    /// The plan.
    pub plan: PlanId,
    /// The plan's name for people.
    pub plan_name: Label,
    /// Names of all plans of the catalogue.
    pub plan_names: Vec<(PlanId, Label)>,
    /// What else is billed with it.
    pub services: Vec<Label>,
    /// The exclusive end of paid service.
    pub paid_through: Timestamp,
    /// When it starts, if it has not.
    pub starts_at: Option<Timestamp>,
    /// The end of grace, if there is one.
    pub grace_until: Option<Timestamp>,
    /// Credit above zero, debt below.
    pub balance: Money,
    /// What a suspension is for.
    pub debt: Option<Money>,
    /// What can be bought now; empty where nothing can.
    pub offers: Vec<Quote>,
    /// Whether the months of an offer may be followed by a pause (L13).
    pub may_pause_after: bool,
    /// The pause there is, and what one may be.
    pub pausing: Pausing,
    /// Whether a suspension can be put off.
    pub postponing: Postponing,
    /// What can be done about the plan.
    pub changing: Changing,
    /// Whether it may be called off before it begins (T3).
    pub may_cancel: bool,
    /// The end of the subscription.
    pub ending: EndingView,
    /// Wishes that became tickets, newest first.
    pub tickets: Vec<Ticket>,
    /// What the subscriber is told until they have seen it, newest first.
    pub notices: Vec<Notice>,
    /// What happened, newest first; the portal shows the first [`crate::limits::HISTORY_MAX`].
    pub history: Vec<JournalEntry>,
    /// This subscription's own checkouts, a few of the newest.
    pub checkouts: Vec<Checkout>,
    /// The language it chose.
    pub language: Option<Language>,
}

/// The pause there is, running or to come, and what one may be.
#[derive(Clone, Debug)]
pub struct Pausing {
    /// The pause there is.
    pub current: Option<Pause>,
    /// Whether the subscriber may end it, or call it off.
    pub may_end: bool,
    /// Whether one may begin now; else why not.
    pub begin: Result<(), Refusal>,
    /// Whether one may follow on the paid time, open (L10).
    pub may_follow: bool,
    /// What is said before (L28).
    pub limits: PauseLimits,
}

/// What policy leaves of pauses.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PauseLimits {
    /// Whether it must have an end.
    pub needs_end: bool,
    /// The longest one, in days.
    pub days_max: Option<u32>,
    /// How many more may begin this year.
    pub times_left: Option<u16>,
    /// How many days are left this year.
    pub days_left: Option<u16>,
    /// What one costs.
    pub fee: Option<Money>,
}

/// Whether a suspension can be put off (L14).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Postponing {
    /// There is none, or not by the subscriber.
    Closed,
    /// Once, until then.
    Offered {
        /// The latest instant.
        until: Timestamp,
    },
    /// The one time is used.
    Used {
        /// Until when it is put off; that may be over.
        until: Timestamp,
    },
}

/// What can be done about the plan (L15 to L18).
#[derive(Clone, Debug)]
pub struct Changing {
    /// What policy and catalogue offer.
    pub offer: ChangeOffer,
    /// A change that waits for its date.
    pub pending: Option<PlanChange>,
    /// Allowed targets with their price for the fewest months.
    pub targets: Vec<Target>,
    /// When the next period begins, if that is to come.
    pub next_period: Option<Timestamp>,
}

/// A plan that one may change to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Target {
    /// Which.
    pub plan: PlanId,
    /// For people.
    pub name: Label,
    /// The fewest months on sale, and what they cost.
    pub price: Option<(Months, Money)>,
}

/// What a change of plan costs, and whether the credit is there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ChangeQuote {
    /// When it takes hold.
    pub at: Timestamp,
    /// Whether that is at once.
    pub is_now: bool,
    /// Line by line.
    pub price: ChangePrice,
    /// What lacks on the account.
    pub missing: Option<Money>,
}

/// The end of the subscription by its subscriber (T18 to T20).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct EndingView {
    /// Whether they may end it.
    pub may_end: bool,
    /// When it ends, if that is agreed.
    pub ends_at: Option<Timestamp>,
    /// Whether that may be called off.
    pub may_call_off: bool,
}

/// A wish that the operators answer (L18).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ticket {
    /// Which plan, if they knew.
    pub plan: Option<PlanId>,
    /// In the subscriber's words.
    pub message: Message,
    /// When.
    pub created_at: Timestamp,
    /// When it was dealt with, and what was said to it.
    pub closed: Option<(Timestamp, Option<Reason>)>,
}

/// Something to be told until it was seen (L6).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notice {
    /// Names it.
    pub sequence: u64,
    /// What happened.
    pub entry: JournalEntry,
}

/// One checkout of the subscription.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checkout {
    /// The reference in the return URL.
    pub id: CheckoutId,
    /// What became of it.
    pub state: CheckoutState,
}

/// What became of a checkout.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CheckoutState {
    /// No proof of a payment yet.
    Open,
    /// Paid, and booked.
    Paid {
        /// Whether it only went on the account.
        is_credit: bool,
        /// What it did at the wall.
        release: Release,
    },
    /// It can no longer be paid.
    Expired,
}

/// What a payment did at the wall.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Release {
    /// Nothing: there was no wall before it, or there is one still.
    None,
    /// It opens the network, which is under way.
    UnderWay,
    /// It opened the network.
    After {
        /// From the proof of payment to the release.
        millis: u64,
    },
}

/// What a subscriber asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Request {
    /// A hosted page on which these months are paid.
    StartCheckout {
        /// How many.
        months: Months,
        /// Whether a pause follows on them (L13).
        then_pause: bool,
        /// The language of that page.
        language: Language,
        /// What is bought, in that language, for that page.
        description: Label,
    },
    /// A hosted page on which money is paid onto the account.
    PayIn {
        /// How much.
        amount: Money,
        /// The language of that page.
        language: Language,
        /// What it is for, in that language, for that page.
        description: Label,
    },
    /// These months, from the credit on the account.
    PayFromBalance {
        /// How many.
        months: Months,
        /// Whether a pause follows on them (L13).
        then_pause: bool,
    },
    /// The end of the pause, or of the plan for one.
    EndPause,
    /// A pause.
    Pause {
        /// From when on.
        start: When,
        /// Until when.
        end: PauseEnd,
    },
    /// The suspension is put off (T11).
    Postpone,
    /// Another plan (T15).
    ChangePlan {
        /// Which.
        plan: PlanId,
        /// From when on.
        start: ChangeStart,
        /// The price that was shown: it costs that, or nothing is done.
        shown: Money,
    },
    /// A change of plan that waits is called off.
    CancelChange,
    /// A wish for another plan (T16).
    RequestChange {
        /// Which, if they know.
        plan: Option<PlanId>,
        /// In their words.
        message: Message,
    },
    /// A notice was seen.
    DismissNotice {
        /// Which.
        sequence: u64,
    },
    /// It is called off before it begins (T3).
    Cancel,
    /// The end, now or on a date (T18, T19).
    Terminate {
        /// When.
        when: When,
    },
    /// An end that waits is called off (T20).
    CancelTermination,
}

/// What was done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Performed {
    /// The browser goes on to the gateway's page.
    Redirect(WebUrl),
    /// It is done.
    Done,
}

/// Why nothing was done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Problem {
    /// By a rule.
    #[error("refused by rule {rule}: {0}", rule = .0.rule())]
    Refused(Refusal),
    /// Another price than the one that was shown (L16).
    #[error("the price is another one now")]
    PriceChanged,
    /// Too many wishes wait for an answer.
    #[error("too many requests wait for an answer")]
    TooManyTickets,
    /// The gateway is away, or there is none.
    #[error("the payment gateway is not available")]
    Gateway,
    /// Too much at once, or the disk is full.
    #[error("too busy")]
    Busy,
}

/// A webhook as it came: not yet believed.
#[derive(Clone, Debug)]
pub struct RawWebhook {
    /// The name in its path.
    pub gateway: String,
    /// All its header fields; one of them is a signature.
    pub headers: HeaderMap,
    /// The very octets that were signed.
    pub body: Bytes,
}

/// What a gateway is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WebhookAnswer {
    /// It is on disk; do not send it again.
    Taken,
    /// It is not believed.
    Refused,
    /// There is no such gateway.
    UnknownGateway,
    /// Not now: send it again.
    Busy,
}

//! What the portal asks of the rest of Garth: who is there, what to show, what to do.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use bytes::Bytes;
use garth_payments::{CheckoutId, WebUrl};
use garth_subscription::calendar::Months;
use garth_subscription::command::PauseEnd;
use garth_subscription::facts::{SubscriptionId, SuspendCause};
use garth_subscription::journal::JournalEntry;
use garth_subscription::quote::Quote;
use garth_subscription::subscriber::Language;
use garth_subscription::text::{CommandId, Label, PlanId};
use garth_subscription::time::Span;
use garth_subscription::{Access, Money, Refusal, Standing, Timestamp};
use http::HeaderMap;

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

    /// The subscription with that user name and password. Takes as long for a wrong name as for a
    /// wrong password.
    fn login<'a>(
        &'a self,
        user_name: &'a str,
        password: &'a str,
    ) -> Later<'a, Option<SubscriptionId>>;
}

/// What can be seen and done.
pub trait Desk: Send + Sync + 'static {
    /// What the pages show of a subscription; nothing if there is none any more.
    fn view(&self, id: SubscriptionId) -> Later<'_, Option<View>>;

    /// Does what the subscriber asks for. `once` is the same however often one form is sent: it is
    /// carried out once, and a further time is told that it is done.
    fn perform(
        &self,
        id: SubscriptionId,
        request: Request,
        once: CommandId,
    ) -> Later<'_, Result<Performed, Problem>>;

    /// Takes a gateway's webhook, unverified as it came.
    fn webhook(&self, webhook: RawWebhook) -> Later<'_, WebhookAnswer>;
}

/// A subscription as its subscriber sees it.
#[derive(Clone, Debug)]
pub struct View {
    /// What it is now.
    pub standing: Standing,
    /// What the network grants now.
    pub access: Access,
    /// Why it is suspended, if it is.
    pub suspended_for: Option<SuspendCause>,
    /// The plan's name for people.
    pub plan_name: Label,
    /// Names of all plans in [`Self::offers`].
    pub plan_names: Vec<(PlanId, Label)>,
    /// The exclusive end of paid service.
    pub paid_through: Timestamp,
    /// When it starts, if it has not.
    pub starts_at: Option<Timestamp>,
    /// The end of grace, if there is one.
    pub grace_until: Option<Timestamp>,
    /// When the pause ends by itself.
    pub pause_until: Option<Timestamp>,
    /// Paid time that the end of the pause gives back.
    pub banked: Span,
    /// Credit above zero, debt below.
    pub balance: Money,
    /// What a suspension is for.
    pub debt: Option<Money>,
    /// What can be bought now; empty where nothing can.
    pub offers: Vec<Quote>,
    /// Whether the pause may be ended now.
    pub may_end_pause: bool,
    /// Whether a pause may begin now.
    pub may_pause: bool,
    /// Whether a pause must have an end.
    pub pause_needs_end: bool,
    /// What happened, newest first; the portal shows the first [`crate::limits::HISTORY_MAX`].
    pub history: Vec<JournalEntry>,
    /// This subscription's own checkouts, a few of the newest.
    pub checkouts: Vec<Checkout>,
    /// The language it chose.
    pub language: Option<Language>,
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
    /// Paid, and applied.
    Paid {
        /// From the proof of payment to the network's release; nothing while that is under way, or
        /// where the subscriber was never walled in.
        released_after_ms: Option<u64>,
    },
    /// It can no longer be paid.
    Expired,
}

/// What a subscriber asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Request {
    /// A hosted page on which these months are paid.
    StartCheckout {
        /// How many.
        months: Months,
        /// The language of that page.
        language: Language,
        /// What is bought, in that language, for that page.
        description: Label,
    },
    /// These months, from the credit on the account.
    PayFromBalance {
        /// How many.
        months: Months,
    },
    /// The end of the pause.
    EndPause,
    /// A pause from now.
    Pause {
        /// Until when.
        end: PauseEnd,
    },
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

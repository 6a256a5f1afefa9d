//! What can be asked of the writer, and what it answers.

use garth_subscription::calendar::Months;
use garth_subscription::command::Create;
use garth_subscription::facts::SubscriptionId;
use garth_subscription::journal::EntryId;
use garth_subscription::plan::{CatalogueError, Plan};
use garth_subscription::revert::RevertId;
use garth_subscription::subscriber::{Credential, Subscriber};
use garth_subscription::text::{ActorName, CommandId, PaymentId, PlanId, Reason};
use garth_subscription::{Actor, Decision, Money, Order, Refusal, Timestamp};

use crate::read::HISTORY_MAX;
use crate::record::{
    AccountingRecord, Checkout, CheckoutId, QuoteId, SessionKey, StoredQuote, Ticket, Unsettled,
};
use crate::time_guard::{Hold, HoldKind, TimeHold};
use crate::writer::{OPEN_TICKETS_MAX, PENDING_REVERTS_MAX};

/// A command for one subscription.
#[derive(Clone, Debug)]
pub struct CommandRequest {
    /// Which subscription.
    pub subscription: SubscriptionId,
    /// What, by whom and why.
    pub order: Order,
    /// Makes it safe to repeat (L33).
    pub command_id: Option<CommandId>,
}

/// A new subscription with its subscriber.
#[derive(Clone, Debug)]
pub struct NewSubscription {
    /// How it is recognised.
    pub subscriber: Subscriber,
    /// What it proves itself with.
    pub credential: Option<Credential>,
    /// What it begins with.
    pub create: Create,
}

/// What came of a command.
#[derive(Clone, Debug)]
pub struct Committed {
    /// What was decided.
    pub decision: Decision,
    /// The journal entry that tells of it.
    pub entry: EntryId,
    /// Whether this is the answer to an earlier command with the same id; nothing was done again.
    pub repeated: bool,
}

/// Money that a gateway took, with its proof checked.
#[derive(Clone, Debug)]
pub struct CaptureRequest {
    /// For which checkout.
    pub checkout: CheckoutId,
    /// The gateway's id for the payment.
    pub payment: PaymentId,
    /// How much was taken.
    pub amount: Money,
    /// When.
    pub captured_at: Timestamp,
    /// Who says so: the gateway's name, role `Ledger`.
    pub actor: Actor,
}

/// What a quote is to be made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QuoteRequest {
    /// The id that it will have.
    pub(crate) id: QuoteId,
    /// For which subscription.
    pub(crate) subscription: SubscriptionId,
    /// How many months.
    pub(crate) months: Months,
    /// Whether it pauses at the end of them (L13).
    pub(crate) then_pause: bool,
}

/// Why the writer did not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WriteError {
    /// A rule refused it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Another subscription has the user name, MAC address, external id, line or fixed address
    /// already.
    #[error("{kind} {value} belongs to another subscription")]
    IdentityTaken {
        /// `username`, `mac`, `external_id`, `circuit_id`, `remote_id`, `framed_ipv4`, `framed_ipv6` or
        /// `delegated_ipv6`.
        kind: &'static str,
        /// The value, escaped for people.
        value: String,
    },
    /// A subscriber with neither user name, MAC address nor external id.
    #[error("a subscription needs a username, a mac or an external_id")]
    NoIdentity,
    /// The command id was used for another command (L33).
    #[error("this command id was used for another command")]
    CommandIdReused,
    /// The payment id was booked for another subscription or amount (E4).
    #[error("this payment id was booked with another subscription or amount")]
    PaymentIdReused,
    /// No such checkout.
    #[error("there is no such checkout")]
    UnknownCheckout,
    /// Too many requests of one subscription wait for another operator (L3).
    #[error(
        "{PENDING_REVERTS_MAX} requests of this subscription wait for a decision; decide them first"
    )]
    TooManyRequests,
    /// A request for the same entry waits, and the subscription is as it was (L3).
    #[error("request {id} to take this entry back waits for a decision already", id = .0.0)]
    EntryRequested(RevertId),
    /// The request id is that of another request.
    #[error("this request id is in use")]
    RequestIdReused,
    /// Too many tickets of one subscription wait for an answer (L18).
    #[error("{OPEN_TICKETS_MAX} requests of this subscriber wait for an answer already")]
    TooManyTickets,
    /// No such ticket.
    #[error("there is no such ticket")]
    UnknownTicket,
    /// A ticket is closed once.
    #[error("this ticket was closed by {0} already")]
    TicketClosed(ActorName),
    /// The command asks for the whole journal of the subscription, which is too long (L4).
    #[error(
        "the journal of this subscription has more than {HISTORY_MAX} entries: none can be taken back"
    )]
    HistoryTooLong,
    /// The plans are no catalogue.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// A plan in use would disappear.
    #[error("plan {0} is used by subscriptions and cannot be removed")]
    PlanInUse(String),
    /// Time is not held for that reason, or no person can confirm it: the clock must be set.
    #[error("there is no {0} that could be confirmed")]
    NotHeld(HoldKind),
    /// The queue is full: try again.
    #[error("the writer is behind: try again in a moment")]
    Busy,
    /// The disk failed; nothing more will be written until a restart.
    #[error("the store has failed: {0}")]
    Failed(String),
}

/// What the timer found due.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Fired {
    /// Agenda items that were carried out.
    pub agenda: usize,
    /// Subscriptions whose standing time alone has changed.
    pub boundaries: usize,
    /// Subscriptions whose place in the agenda was computed anew, as policies have changed.
    pub renewed: usize,
    /// Sessions closed because their NAS has long said nothing of them.
    pub stale_sessions: usize,
    /// Whether more is due than one call does: call again at once.
    pub more: bool,
    /// Why time is not let on, if it is not.
    pub held: Option<Hold>,
}

/// What became of the catalogue.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PlansApplied {
    /// Plans that are new.
    pub added: Vec<PlanId>,
    /// Plans that are not what they were.
    pub changed: Vec<PlanId>,
    /// Plans that are gone.
    pub removed: Vec<PlanId>,
}

/// What can be asked of the writer. Every variant carries where its answer goes.
pub(crate) enum Write {
    Command(Box<CommandRequest>, Reply<Committed>),
    Add(
        Box<NewSubscription>,
        Actor,
        Option<CommandId>,
        Reply<Committed>,
    ),
    Import(Vec<NewSubscription>, Actor, Reply<Imported>),
    Account(Vec<AccountingRecord>, Reply<Vec<usize>>),
    OpenCheckout(Box<Checkout>, Reply<()>),
    AttachCheckout(CheckoutId, Box<str>, Reply<()>),
    ExpireCheckout(CheckoutId, Reply<()>),
    Capture(Box<CaptureRequest>, Reply<Committed>),
    ApplyPlans(Vec<Plan>, Actor, Reply<PlansApplied>),
    FireDue(Reply<Fired>),
    ConfirmHold(HoldKind, Actor, Reply<TimeHold>),
    CloseSession(SessionKey, u32, Reply<bool>),
    MakeQuote(QuoteRequest, Reply<StoredQuote>),
    CloseTicket(EntryId, Actor, Option<Reason>, Reply<Ticket>),
    DismissNotice(SubscriptionId, u64, Reply<bool>),
    NoteUnsettled(Vec<UnsettledChange>, Reply<()>),
}

/// A session whose NAS has not followed; with nothing, one that is to be forgotten as such.
pub type UnsettledChange = (SessionKey, Option<Unsettled>);

/// Where an answer goes. It must not block.
pub(crate) type Reply<T> = Box<dyn FnOnce(Result<T, WriteError>) + Send>;
/// The answers to an import, one per new subscription and in their order.
pub(crate) type Imported = Vec<Result<SubscriptionId, WriteError>>;

impl Write {
    /// Whether it waits in the lane that commands pass by.
    pub(crate) const fn is_bulk(&self) -> bool {
        match self {
            Self::Import(..) | Self::Account(..) | Self::NoteUnsettled(..) => true,
            Self::Command(..)
            | Self::Add(..)
            | Self::OpenCheckout(..)
            | Self::AttachCheckout(..)
            | Self::ExpireCheckout(..)
            | Self::Capture(..)
            | Self::ApplyPlans(..)
            | Self::FireDue(..)
            | Self::ConfirmHold(..)
            | Self::CloseSession(..)
            | Self::MakeQuote(..)
            | Self::CloseTicket(..)
            | Self::DismissNotice(..) => false,
        }
    }

    /// How many records it brings.
    pub(crate) const fn records(&self) -> usize {
        match self {
            Self::Import(news, _, _) => news.len(),
            Self::Account(records, _) => records.len(),
            Self::NoteUnsettled(changes, _) => changes.len(),
            Self::Command(..)
            | Self::Add(..)
            | Self::OpenCheckout(..)
            | Self::AttachCheckout(..)
            | Self::ExpireCheckout(..)
            | Self::Capture(..)
            | Self::ApplyPlans(..)
            | Self::FireDue(..)
            | Self::ConfirmHold(..)
            | Self::CloseSession(..)
            | Self::MakeQuote(..)
            | Self::CloseTicket(..)
            | Self::DismissNotice(..) => 1,
        }
    }

    /// Answers that it was not done.
    pub(crate) fn refuse(self, why: WriteError) {
        match self {
            Self::Command(_, reply) => reply(Err(why)),
            Self::Capture(_, reply) | Self::Add(_, _, _, reply) => reply(Err(why)),
            Self::Import(_, _, reply) => reply(Err(why)),
            Self::Account(_, reply) => reply(Err(why)),
            Self::OpenCheckout(_, reply)
            | Self::AttachCheckout(_, _, reply)
            | Self::ExpireCheckout(_, reply)
            | Self::NoteUnsettled(_, reply) => reply(Err(why)),
            Self::ApplyPlans(_, _, reply) => reply(Err(why)),
            Self::FireDue(reply) => reply(Err(why)),
            Self::ConfirmHold(_, _, reply) => reply(Err(why)),
            Self::CloseSession(_, _, reply) | Self::DismissNotice(_, _, reply) => reply(Err(why)),
            Self::MakeQuote(_, reply) => reply(Err(why)),
            Self::CloseTicket(_, _, _, reply) => reply(Err(why)),
        }
    }
}

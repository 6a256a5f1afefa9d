//! What can be asked of the writer, and what it answers.

use garth_subscription::command::Create;
use garth_subscription::facts::SubscriptionId;
use garth_subscription::plan::{CatalogueError, Plan};
use garth_subscription::subscriber::Subscriber;
use garth_subscription::text::{CommandId, PaymentId};
use garth_subscription::{Actor, Decision, Money, Order, Refusal, Timestamp};
use garth_subscription::journal::EntryId;

use crate::record::{AccountingRecord, Checkout, CheckoutId};

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

/// Why the writer did not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WriteError {
    /// A rule refused it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Another subscription has the user name, MAC address, external id or fixed address already.
    #[error("{kind} {value} belongs to another subscription")]
    IdentityTaken {
        /// `username`, `mac`, `external_id`, `framed_ipv4` or `delegated_ipv6`.
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
    /// The plans are no catalogue.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// A plan in use would disappear.
    #[error("plan {0} is used by subscriptions and cannot be removed")]
    PlanInUse(String),
    /// The queue is full: try again.
    #[error("the writer is behind: try again in a moment")]
    Busy,
    /// The disk failed; nothing more will be written until a restart.
    #[error("the store has failed: {0}")]
    Failed(String),
}

/// What the timer found due.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Fired {
    /// Agenda items that were carried out.
    pub agenda: usize,
    /// Subscriptions whose standing time alone has changed.
    pub boundaries: usize,
}

/// What can be asked of the writer. Every variant carries where its answer goes.
pub(crate) enum Write {
    Command(CommandRequest, Reply<Committed>),
    Add(Box<NewSubscription>, Actor, Reply<Committed>),
    Import(Vec<NewSubscription>, Actor, ReplyMany),
    Accounting(Vec<AccountingRecord>, Reply<()>),
    OpenCheckout(Checkout, Reply<()>),
    AttachCheckout(CheckoutId, Box<str>, Reply<()>),
    ExpireCheckout(CheckoutId, Reply<()>),
    Capture(CaptureRequest, Reply<Committed>),
    ApplyPlans(Vec<Plan>, Reply<()>),
    FireDue(Reply<Fired>),
}

/// Where an answer goes.
pub(crate) type Reply<T> = tokio::sync::oneshot::Sender<Result<T, WriteError>>;
/// Where the answers to an import go, one per line and in its order.
pub(crate) type ReplyMany = tokio::sync::oneshot::Sender<Result<Vec<Result<SubscriptionId, WriteError>>, WriteError>>;

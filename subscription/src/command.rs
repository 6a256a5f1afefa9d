//! What can be asked of a subscription, and by whom.

use crate::calendar::{CivilDate, Months};
use crate::facts::{Renewal, Service, SubscriptionId, SuspendCause};
use crate::money::Money;
use crate::quote::Offer;
use crate::revert::{RevertAsk, RevertId};
use crate::text::{ActorName, Label, Message, PaymentId, PlanId, Reason};
use crate::time::Timestamp;

/// Who may do what is decided by the rules, not at the edges.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Role {
    /// The subscriber, in the portal.
    Customer,
    /// An operator, at the admin socket.
    Operator,
    /// A second operator, who decides on requests.
    Approver,
    /// The support role.
    Support,
    /// The central ledger, or what stands in for it: a payment gateway's proof.
    Ledger,
    /// Time itself.
    Timer,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Customer,
        Self::Operator,
        Self::Approver,
        Self::Support,
        Self::Ledger,
        Self::Timer,
    ];

    /// The name in journals and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Operator => "operator",
            Self::Approver => "approver",
            Self::Support => "support",
            Self::Ledger => "ledger",
            Self::Timer => "timer",
        }
    }

    /// Whether it acts for the ISP at the admin socket.
    #[must_use]
    pub const fn is_staff(self) -> bool {
        matches!(self, Self::Operator | Self::Approver | Self::Support)
    }
}

/// Who acts.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Actor {
    /// In which capacity.
    pub role: Role,
    /// Under which name.
    pub name: ActorName,
    /// For whom, where that is someone else.
    pub on_behalf_of: Option<ActorName>,
}

/// A command with who gives it and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Order {
    /// Who.
    pub actor: Actor,
    /// Why; some commands demand it.
    pub reason: Option<Reason>,
    /// What the ISP itself notes of it.
    pub note: Note,
    /// What.
    pub command: Command,
}

/// What is noted of a command besides what it does (L30).
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Note {
    /// The ISP's own name for this kind of action, over the command that says what it does.
    pub sub_type: Option<Label>,
    /// Who did it, where that is not who is logged in.
    pub performed_by: Option<ActorName>,
    /// When it was done, where that is before it was entered.
    pub performed_at: Option<Timestamp>,
}

/// What a new subscription begins with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Create {
    /// Its id, made by the caller.
    pub id: SubscriptionId,
    /// The plan for access to the Internet.
    pub plan: PlanId,
    /// What else is billed with it.
    pub services: Vec<Service>,
    /// When it starts; now where `None`.
    pub start_at: Option<Timestamp>,
    /// The end of service already paid for; its start where `None`.
    pub paid_through: Option<Timestamp>,
    /// The day of the month its months are counted from, 1 to 31; that of `paid_through` where `None`.
    pub anchor_day: Option<u8>,
    /// Credit or debt brought along; nothing where `None`.
    pub balance: Option<Money>,
    /// Holds brought along.
    pub holds: Vec<InitialHold>,
    /// How it goes on at the end of its paid time.
    pub renewal: Renewal,
    /// When it pauses by itself (L10): open from then on.
    pub active_to: Option<Timestamp>,
}

/// A hold that a new subscription is born with (an import from another system).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum InitialHold {
    /// Paused, open or until an instant.
    Pause {
        /// When it ends.
        until: Option<Timestamp>,
    },
    /// Suspended.
    Suspend {
        /// What for.
        cause: SuspendCause,
        /// What is owed.
        debt: Option<Money>,
    },
    /// Disabled.
    Disable {
        /// Why.
        reason: Reason,
    },
}

/// Where the money for months comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Tender {
    /// The credit on the account.
    Balance,
    /// Money taken by someone: cash at the desk, or a gateway.
    Captured {
        /// One id has one effect (E4).
        payment: PaymentId,
        /// How much was taken.
        amount: Money,
    },
    /// Money that nobody can confirm yet: what it buys is given at once, within bounds (E16).
    Provisional {
        /// One id has one effect (E4).
        payment: PaymentId,
        /// How much it is said to be.
        amount: Money,
    },
}

/// When something is to be done (L24).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum When {
    /// At once.
    Now,
    /// At that instant.
    At(Timestamp),
    /// With the local midnight that starts that day.
    On(CivilDate),
    /// With the local midnight so many days after today; at least 1.
    AfterDays(u32),
}

/// When a pause ends.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum PauseEnd {
    /// Not by itself.
    Open,
    /// At that instant.
    At(Timestamp),
    /// With the local midnight that starts that day.
    On(CivilDate),
    /// With the local midnight so many days after that of its start; at least 1.
    ForDays(u32),
}

/// When a change of plan takes hold.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ChangeStart {
    /// At once.
    Now,
    /// With the end of what is paid.
    NextPeriod,
    /// With the local midnight that starts that day.
    On(CivilDate),
}

/// What can be asked (LIFECYCLE section 4).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Command {
    /// T1: a new subscription.
    Create(Box<Create>),
    /// T2: the start that was agreed has come.
    StartDue,
    /// T3: it is called off before it began.
    Cancel,
    /// T4: months for one that is active or in grace, counted from the old end.
    Pay {
        /// How many.
        months: Months,
        /// With what.
        tender: Tender,
        /// Whether it pauses at the end of them (L13).
        then_pause: bool,
    },
    /// T5, T6: months for one that is expired or paused, counted from now.
    Reactivate {
        /// How many.
        months: Months,
        /// With what.
        tender: Tender,
        /// Whether it pauses at the end of them (L13).
        then_pause: bool,
    },
    /// Money that a gateway has taken for months that were on offer. Never refused for what became of
    /// the subscription meanwhile: what it cannot buy becomes credit (E4, E6, E7, T26).
    Capture {
        /// What the money was meant to buy; nothing where the offer was used by another payment.
        offer: Option<Box<Offer>>,
        /// One id has one effect (E4).
        payment: PaymentId,
        /// How much was taken.
        amount: Money,
        /// When the gateway took it; it counts before an expiry at the same instant.
        captured_at: Timestamp,
    },
    /// T25: the end of what is paid has come: credit renews it, or it lapses (L9, L10).
    ExpiryDue,
    /// How it goes on at the end of its paid time (L9, L10).
    SetRenewal(Renewal),
    /// T8: short-term deactivation.
    Pause {
        /// From when on.
        start: When,
        /// Until when.
        end: PauseEnd,
        /// Whether the subscriber may not end it.
        is_locked: bool,
    },
    /// T8: a pause that was agreed begins.
    PauseDue,
    /// T6, T7: the end of a pause, by wish or at its instant; one that has not begun is called off.
    EndPause,
    /// T9: the wall.
    Suspend {
        /// What for.
        cause: SuspendCause,
        /// What is owed; what the account owes where `None`.
        debt: Option<Money>,
        /// When the debt was known to be that (E14); now where it is the account's own.
        as_of: Option<Timestamp>,
    },
    /// T10: the end of the wall.
    Lift,
    /// T11: the wall is put off.
    Postpone {
        /// Until when; as long as policy allows where `None`.
        until: Option<Timestamp>,
    },
    /// T12: days free of charge.
    Grace {
        /// How many; at least 1.
        days: u32,
    },
    /// T13: switched off, still billed.
    Disable {
        /// Whether "still billed" was answered.
        confirmed: bool,
    },
    /// T14: switched on again.
    Enable,
    /// T15: another plan, at once or on a date.
    ChangePlan {
        /// Which.
        plan: PlanId,
        /// From when on.
        start: ChangeStart,
    },
    /// L17: a change of plan that waits is called off.
    CancelChange,
    /// T16: a subscriber asks the operators for another plan.
    RequestChange {
        /// Which, if they know.
        plan: Option<PlanId>,
        /// In their words.
        message: Message,
    },
    /// T17: a change of plan that was agreed takes hold.
    ChangeDue,
    /// T18, T19: the end, now or on a date.
    Terminate {
        /// When.
        when: When,
        /// Whether "logging stops" was answered.
        confirmed: bool,
    },
    /// T19: an end that was agreed has come.
    TerminateDue,
    /// T20: an end that waits is called off.
    CancelTermination,
    /// T21: back from the dead, expired.
    Reinstate,
    /// T22: an operator asks that an entry be taken back.
    RequestRevert(RevertAsk),
    /// T23: another operator agrees.
    ApproveRevert(RevertId),
    /// T23: another operator does not.
    DenyRevert(RevertId),
    /// L20: an operator opens the portal as its subscriber; nothing changes, but it is written down.
    OpenPortal,
    /// T24: money of a payment was given back.
    Refund {
        /// Of which payment.
        payment: PaymentId,
        /// How much.
        amount: Money,
    },
    /// T24: a payment was taken back by whoever had paid.
    Chargeback {
        /// Which payment.
        payment: PaymentId,
        /// How much.
        amount: Money,
    },
    /// E16: a provisional payment is confirmed.
    Post {
        /// Which payment.
        payment: PaymentId,
    },
    /// E16: a provisional payment never came: its entry is taken back.
    Void {
        /// Which payment.
        payment: PaymentId,
    },
}

/// Fills [`CommandKind`], its names and its rows of the transition table from one list.
macro_rules! kinds {
    ($($variant:ident, $name:literal, $row:literal;)+) => {
        /// The commands by name alone: what a journal entry says was done.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum CommandKind {
            $(
                #[doc = concat!("See [`Command::", stringify!($variant), "`].")]
                $variant,
            )+
        }

        impl CommandKind {
            /// All of them, in the order of [`Command`].
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in journals and answers, in `snake_case`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The row of the transition table (LIFECYCLE section 4) or the rule that it belongs to.
            #[must_use]
            pub const fn rule(self) -> &'static str {
                match self {
                    $(Self::$variant => $row,)+
                }
            }
        }
    };
}

kinds! {
    Create, "create", "T1";
    StartDue, "start_due", "T2";
    Cancel, "cancel", "T3";
    Pay, "pay", "T4";
    Reactivate, "reactivate", "T5";
    Capture, "capture", "T4";
    ExpiryDue, "expiry_due", "T25";
    SetRenewal, "set_renewal", "L10";
    Pause, "pause", "T8";
    PauseDue, "pause_due", "T8";
    EndPause, "end_pause", "T6";
    Suspend, "suspend", "T9";
    Lift, "lift", "T10";
    Postpone, "postpone", "T11";
    Grace, "grace", "T12";
    Disable, "disable", "T13";
    Enable, "enable", "T14";
    ChangePlan, "change_plan", "T15";
    CancelChange, "cancel_change", "L17";
    RequestChange, "request_change", "T16";
    ChangeDue, "change_due", "T17";
    Terminate, "terminate", "T18";
    TerminateDue, "terminate_due", "T19";
    CancelTermination, "cancel_termination", "T20";
    Reinstate, "reinstate", "T21";
    RequestRevert, "request_revert", "T22";
    ApproveRevert, "revert", "T23";
    DenyRevert, "deny_revert", "T23";
    OpenPortal, "open_portal", "L20";
    Refund, "refund", "T24";
    Chargeback, "chargeback", "T24";
    Post, "post", "E16";
    Void, "void", "E16";
}

impl CommandKind {
    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }
}

impl Command {
    /// What it is, without what it carries.
    #[must_use]
    pub const fn kind(&self) -> CommandKind {
        match self {
            Self::Create(_) => CommandKind::Create,
            Self::StartDue => CommandKind::StartDue,
            Self::Cancel => CommandKind::Cancel,
            Self::Pay { .. } => CommandKind::Pay,
            Self::Reactivate { .. } => CommandKind::Reactivate,
            Self::Capture { .. } => CommandKind::Capture,
            Self::ExpiryDue => CommandKind::ExpiryDue,
            Self::SetRenewal(_) => CommandKind::SetRenewal,
            Self::Pause { .. } => CommandKind::Pause,
            Self::PauseDue => CommandKind::PauseDue,
            Self::EndPause => CommandKind::EndPause,
            Self::Suspend { .. } => CommandKind::Suspend,
            Self::Lift => CommandKind::Lift,
            Self::Postpone { .. } => CommandKind::Postpone,
            Self::Grace { .. } => CommandKind::Grace,
            Self::Disable { .. } => CommandKind::Disable,
            Self::Enable => CommandKind::Enable,
            Self::ChangePlan { .. } => CommandKind::ChangePlan,
            Self::CancelChange => CommandKind::CancelChange,
            Self::RequestChange { .. } => CommandKind::RequestChange,
            Self::ChangeDue => CommandKind::ChangeDue,
            Self::Terminate { .. } => CommandKind::Terminate,
            Self::TerminateDue => CommandKind::TerminateDue,
            Self::CancelTermination => CommandKind::CancelTermination,
            Self::Reinstate => CommandKind::Reinstate,
            Self::RequestRevert(_) => CommandKind::RequestRevert,
            Self::ApproveRevert(_) => CommandKind::ApproveRevert,
            Self::DenyRevert(_) => CommandKind::DenyRevert,
            Self::OpenPortal => CommandKind::OpenPortal,
            Self::Refund { .. } => CommandKind::Refund,
            Self::Chargeback { .. } => CommandKind::Chargeback,
            Self::Post { .. } => CommandKind::Post,
            Self::Void { .. } => CommandKind::Void,
        }
    }

    /// The payment it brings, if any: one id has one effect (E4).
    #[must_use]
    pub const fn payment(&self) -> Option<(&PaymentId, Money)> {
        match self {
            Self::Pay { tender, .. } | Self::Reactivate { tender, .. } => tender.payment(),
            Self::Capture {
                payment, amount, ..
            } => Some((payment, *amount)),
            Self::Create(_)
            | Self::StartDue
            | Self::Cancel
            | Self::ExpiryDue
            | Self::SetRenewal(_)
            | Self::Pause { .. }
            | Self::PauseDue
            | Self::EndPause
            | Self::Suspend { .. }
            | Self::Lift
            | Self::Postpone { .. }
            | Self::Grace { .. }
            | Self::Disable { .. }
            | Self::Enable
            | Self::ChangePlan { .. }
            | Self::CancelChange
            | Self::RequestChange { .. }
            | Self::ChangeDue
            | Self::Terminate { .. }
            | Self::TerminateDue
            | Self::CancelTermination
            | Self::Reinstate
            | Self::RequestRevert(_)
            | Self::ApproveRevert(_)
            | Self::DenyRevert(_)
            | Self::OpenPortal
            | Self::Refund { .. }
            | Self::Chargeback { .. }
            | Self::Post { .. }
            | Self::Void { .. } => None,
        }
    }

    /// The payment that it is about: the one it brings, or one that was brought before.
    #[must_use]
    pub const fn about_payment(&self) -> Option<&PaymentId> {
        if let Self::Refund { payment, .. }
        | Self::Chargeback { payment, .. }
        | Self::Post { payment }
        | Self::Void { payment } = self
        {
            return Some(payment);
        }
        match self.payment() {
            Some((payment, _)) => Some(payment),
            None => None,
        }
    }

    /// Whether it is decided by the whole journal of the subscription, not by its facts alone.
    #[must_use]
    pub const fn needs_history(&self) -> bool {
        matches!(
            self,
            Self::RequestRevert(_)
                | Self::ApproveRevert(_)
                | Self::DenyRevert(_)
                | Self::Refund { .. }
                | Self::Chargeback { .. }
                | Self::Void { .. }
        )
    }
}

impl Tender {
    /// The payment that it is, if it is one.
    #[must_use]
    pub const fn payment(&self) -> Option<(&PaymentId, Money)> {
        match self {
            Self::Balance => None,
            Self::Captured { payment, amount } | Self::Provisional { payment, amount } => {
                Some((payment, *amount))
            }
        }
    }
}

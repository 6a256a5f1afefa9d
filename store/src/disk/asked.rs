//! What was asked, as octets: only to tell the same request from another one (L33).
//!
//! The octets are hashed and never read back, yet they must not change between versions of the
//! program: a repeat may come after an upgrade.

use garth_subscription::Order;
use garth_subscription::command::{
    Actor, ChangeStart, Command, Create, InitialHold, Note, PauseEnd, Tender, When,
};
use garth_subscription::facts::{Renewal, SubscriptionId};
use garth_subscription::subscriber::Credential;
use garth_subscription::time::Timestamp;
use minicbor::Encode;
use minicbor::bytes::ByteArray;

use super::facts::{RenewalRow, ServiceRow, cause_code, renewal_row, service_row};
use super::journal::{role_code, standing_code};
use super::network::{OfferRow, offer_row};
use super::subscriber::{SubscriberRow, subscriber_row, unsealed_row};
use super::{IdRow, MoneyRow, money_row, to_row};
use crate::write::NewSubscription;

#[derive(Encode)]
struct OrderRow<'a> {
    #[n(0)]
    subscription: IdRow,
    #[n(1)]
    actor: ActorRow<'a>,
    #[n(2)]
    reason: Option<&'a str>,
    #[n(3)]
    command: CommandRow<'a>,
    #[n(4)]
    note: Option<(Option<&'a str>, Option<&'a str>, Option<i64>)>,
}

#[derive(Encode)]
struct ActorRow<'a> {
    #[n(0)]
    role: u8,
    #[n(1)]
    name: &'a str,
    #[n(2)]
    on_behalf_of: Option<&'a str>,
}

#[derive(Encode)]
enum CommandRow<'a> {
    #[n(1)]
    Create(#[n(0)] CreateRow<'a>),
    #[n(2)]
    Pay(#[n(0)] u16, #[n(1)] TenderRow<'a>, #[n(2)] Option<bool>),
    #[n(3)]
    Reactivate(#[n(0)] u16, #[n(1)] TenderRow<'a>, #[n(2)] Option<bool>),
    #[n(4)]
    Capture(
        #[n(0)] Option<u16>,
        #[n(1)] &'a str,
        #[n(2)] MoneyRow,
        #[n(3)] i64,
        #[n(4)] Option<OfferRow>,
    ),
    #[n(5)]
    PauseOpen,
    #[n(6)]
    PauseAt(#[n(0)] i64),
    #[n(7)]
    PauseOn(#[n(0)] i32, #[n(1)] u32, #[n(2)] u32),
    #[n(8)]
    EndPause,
    #[n(9)]
    Suspend(#[n(0)] u8, #[n(1)] Option<MoneyRow>, #[n(2)] Option<i64>),
    #[n(10)]
    Lift,
    #[n(11)]
    Grace(#[n(0)] u32),
    #[n(12)]
    Disable(#[n(0)] bool),
    #[n(13)]
    Enable,
    #[n(14)]
    Terminate(#[n(0)] bool, #[n(1)] Option<WhenRow>),
    #[n(15)]
    StartDue,
    #[n(16)]
    Cancel,
    #[n(17)]
    ExpiryDue,
    #[n(18)]
    SetRenewal(#[n(0)] RenewalRow),
    #[n(19)]
    Pause(#[n(0)] WhenRow, #[n(1)] PauseEndRow, #[n(2)] bool),
    #[n(20)]
    PauseDue,
    #[n(21)]
    Postpone(#[n(0)] Option<i64>),
    #[n(22)]
    ChangePlan(#[n(0)] &'a str, #[n(1)] ChangeStartRow),
    #[n(23)]
    CancelChange,
    #[n(24)]
    RequestChange(#[n(0)] Option<&'a str>, #[n(1)] &'a str),
    #[n(25)]
    ChangeDue,
    #[n(26)]
    TerminateDue,
    #[n(27)]
    CancelTermination,
    #[n(28)]
    Reinstate,
    /// Without the request's id: whoever asks again may well have made another one.
    #[n(29)]
    RequestRevert(
        #[n(0)] IdRow,
        #[n(1)] Option<u8>,
        #[n(2)] Option<MoneyRow>,
        #[n(3)] bool,
    ),
    #[n(30)]
    ApproveRevert(#[n(0)] IdRow),
    #[n(31)]
    DenyRevert(#[n(0)] IdRow),
    #[n(32)]
    Refund(#[n(0)] &'a str, #[n(1)] MoneyRow),
    #[n(33)]
    Chargeback(#[n(0)] &'a str, #[n(1)] MoneyRow),
    #[n(34)]
    Post(#[n(0)] &'a str),
    #[n(35)]
    Void(#[n(0)] &'a str),
    #[n(36)]
    OpenPortal,
}

#[derive(Encode)]
enum WhenRow {
    #[n(1)]
    Now,
    #[n(2)]
    At(#[n(0)] i64),
    #[n(3)]
    On(#[n(0)] i32, #[n(1)] u32, #[n(2)] u32),
    #[n(4)]
    AfterDays(#[n(0)] u32),
}

#[derive(Encode)]
enum PauseEndRow {
    #[n(1)]
    Open,
    #[n(2)]
    At(#[n(0)] i64),
    #[n(3)]
    On(#[n(0)] i32, #[n(1)] u32, #[n(2)] u32),
    #[n(4)]
    ForDays(#[n(0)] u32),
}

#[derive(Encode)]
enum ChangeStartRow {
    #[n(1)]
    Now,
    #[n(2)]
    NextPeriod,
    #[n(3)]
    On(#[n(0)] i32, #[n(1)] u32, #[n(2)] u32),
}

#[derive(Encode)]
enum TenderRow<'a> {
    #[n(1)]
    Balance,
    #[n(2)]
    Captured(#[n(0)] &'a str, #[n(1)] MoneyRow),
    #[n(3)]
    Provisional(#[n(0)] &'a str, #[n(1)] MoneyRow),
}

#[derive(Encode)]
struct CreateRow<'a> {
    #[n(0)]
    plan: &'a str,
    #[n(1)]
    services: Vec<ServiceRow<'a>>,
    #[n(2)]
    start_at: Option<i64>,
    #[n(3)]
    paid_through: Option<i64>,
    #[n(4)]
    anchor_day: Option<u8>,
    #[n(5)]
    balance: Option<MoneyRow>,
    #[n(6)]
    holds: Vec<HoldRow<'a>>,
    #[n(7)]
    renewal: Option<RenewalRow>,
    #[n(8)]
    active_to: Option<i64>,
}

#[derive(Encode)]
enum HoldRow<'a> {
    #[n(1)]
    Pause(#[n(0)] Option<i64>),
    #[n(2)]
    Suspend(#[n(0)] u8, #[n(1)] Option<MoneyRow>),
    #[n(3)]
    Disable(#[n(0)] &'a str),
}

#[derive(Encode)]
struct NewRow<'a> {
    #[n(0)]
    actor: ActorRow<'a>,
    #[n(1)]
    subscriber: SubscriberRow<'a>,
    #[n(2)]
    create: CreateRow<'a>,
    #[n(3)]
    mark: ByteArray<3>,
    #[n(4)]
    credential: Option<u8>,
}

/// The octets that stand for an order to one subscription.
pub(crate) fn encode_order(subscription: SubscriptionId, order: &Order) -> Vec<u8> {
    to_row(&OrderRow {
        subscription: subscription.0.into(),
        actor: actor_row(&order.actor),
        reason: order.reason.as_ref().map(|reason| reason.as_str()),
        command: command_row(&order.command),
        note: note_row(&order.note),
    })
}

fn note_row(note: &Note) -> Option<(Option<&str>, Option<&str>, Option<i64>)> {
    (*note != Note::default()).then(|| {
        (
            note.sub_type.as_ref().map(|label| label.as_str()),
            note.performed_by.as_ref().map(|name| name.as_str()),
            note.performed_at.map(Timestamp::unix_millis),
        )
    })
}

/// The octets that stand for a new subscription. Its id is left out: whoever asks again because
/// no answer came may well have made another one. Of its credential there is the form alone: the digest
/// of these octets is kept, and must not be a way to try passwords.
pub(crate) fn encode_new(new: &NewSubscription, actor: &Actor) -> Vec<u8> {
    to_row(&NewRow {
        credential: new.credential.as_ref().map(|credential| match credential {
            Credential::Password(_) => 1,
            Credential::NtHash(_) => 2,
        }),
        ..new_row(subscriber_row(&new.subscriber), &new.create, actor)
    })
}

/// As [`encode_new`] before schema 4: with the password.
pub(crate) fn encode_unsealed_new(new: &NewSubscription, actor: &Actor) -> Vec<u8> {
    let password = match &new.credential {
        Some(Credential::Password(password)) => Some(password),
        Some(Credential::NtHash(_)) | None => None,
    };
    let subscriber = unsealed_row(&new.subscriber, password);
    to_row(&new_row(subscriber, &new.create, actor))
}

fn new_row<'a>(subscriber: SubscriberRow<'a>, create: &'a Create, actor: &'a Actor) -> NewRow<'a> {
    NewRow {
        actor: actor_row(actor),
        subscriber,
        create: create_row(create),
        // Sets these octets apart from those of any order.
        mark: ByteArray::from(*b"new"),
        credential: None,
    }
}

fn actor_row(actor: &Actor) -> ActorRow<'_> {
    ActorRow {
        role: role_code(actor.role),
        name: actor.name.as_str(),
        on_behalf_of: actor.on_behalf_of.as_ref().map(|name| name.as_str()),
    }
}

#[expect(
    clippy::too_many_lines,
    reason = "one arm for each command, and none of them has an idea of its own"
)]
fn command_row(command: &Command) -> CommandRow<'_> {
    match command {
        Command::Create(create) => CommandRow::Create(create_row(create)),
        Command::Pay {
            months,
            tender,
            then_pause,
        } => CommandRow::Pay(months.get(), tender_row(tender), then_pause.then_some(true)),
        Command::Reactivate {
            months,
            tender,
            then_pause,
        } => CommandRow::Reactivate(months.get(), tender_row(tender), then_pause.then_some(true)),
        Command::Capture {
            offer,
            payment,
            amount,
            captured_at,
        } => CommandRow::Capture(
            offer.as_ref().map(|offer| offer.months.get()),
            payment.as_str(),
            money_row(*amount),
            captured_at.unix_millis(),
            offer.as_deref().map(offer_row),
        ),
        Command::Pause {
            start,
            end,
            is_locked,
        } => pause_row(*start, *end, *is_locked),
        Command::EndPause => CommandRow::EndPause,
        Command::Suspend { cause, debt, as_of } => CommandRow::Suspend(
            cause_code(*cause),
            debt.map(money_row),
            as_of.map(Timestamp::unix_millis),
        ),
        Command::Lift => CommandRow::Lift,
        Command::Grace { days } => CommandRow::Grace(*days),
        Command::Disable { confirmed } => CommandRow::Disable(*confirmed),
        Command::Enable => CommandRow::Enable,
        Command::Terminate { when, confirmed } => {
            CommandRow::Terminate(*confirmed, (*when != When::Now).then(|| when_row(*when)))
        }
        Command::StartDue => CommandRow::StartDue,
        Command::Cancel => CommandRow::Cancel,
        Command::ExpiryDue => CommandRow::ExpiryDue,
        Command::SetRenewal(renewal) => CommandRow::SetRenewal(renewal_row(renewal)),
        Command::PauseDue => CommandRow::PauseDue,
        Command::Postpone { until } => CommandRow::Postpone(until.map(Timestamp::unix_millis)),
        Command::ChangePlan { plan, start } => {
            CommandRow::ChangePlan(plan.as_str(), change_start_row(*start))
        }
        Command::CancelChange => CommandRow::CancelChange,
        Command::RequestChange { plan, message } => {
            CommandRow::RequestChange(plan.as_ref().map(|plan| plan.as_str()), message.as_str())
        }
        Command::ChangeDue => CommandRow::ChangeDue,
        Command::TerminateDue => CommandRow::TerminateDue,
        Command::CancelTermination => CommandRow::CancelTermination,
        Command::Reinstate => CommandRow::Reinstate,
        Command::RequestRevert(ask) => CommandRow::RequestRevert(
            ask.entry.0.into(),
            ask.standing.map(standing_code),
            ask.amount.map(money_row),
            ask.allow_loss,
        ),
        Command::ApproveRevert(id) => CommandRow::ApproveRevert(id.0.into()),
        Command::DenyRevert(id) => CommandRow::DenyRevert(id.0.into()),
        Command::OpenPortal => CommandRow::OpenPortal,
        Command::Refund { payment, amount } => {
            CommandRow::Refund(payment.as_str(), money_row(*amount))
        }
        Command::Chargeback { payment, amount } => {
            CommandRow::Chargeback(payment.as_str(), money_row(*amount))
        }
        Command::Post { payment } => CommandRow::Post(payment.as_str()),
        Command::Void { payment } => CommandRow::Void(payment.as_str()),
    }
}

/// A pause from now on that its subscriber may end has the octets that it had when there was no other.
fn pause_row(start: When, end: PauseEnd, is_locked: bool) -> CommandRow<'static> {
    match (start, end) {
        (When::Now, PauseEnd::Open) if !is_locked => CommandRow::PauseOpen,
        (When::Now, PauseEnd::At(at)) if !is_locked => CommandRow::PauseAt(at.unix_millis()),
        (When::Now, PauseEnd::On(date)) if !is_locked => {
            let (year, month, day) = date.ymd();
            CommandRow::PauseOn(year, month, day)
        }
        (start, end) => CommandRow::Pause(when_row(start), pause_end_row(end), is_locked),
    }
}

fn when_row(when: When) -> WhenRow {
    match when {
        When::Now => WhenRow::Now,
        When::At(at) => WhenRow::At(at.unix_millis()),
        When::On(date) => {
            let (year, month, day) = date.ymd();
            WhenRow::On(year, month, day)
        }
        When::AfterDays(days) => WhenRow::AfterDays(days),
    }
}

fn pause_end_row(end: PauseEnd) -> PauseEndRow {
    match end {
        PauseEnd::Open => PauseEndRow::Open,
        PauseEnd::At(at) => PauseEndRow::At(at.unix_millis()),
        PauseEnd::On(date) => {
            let (year, month, day) = date.ymd();
            PauseEndRow::On(year, month, day)
        }
        PauseEnd::ForDays(days) => PauseEndRow::ForDays(days),
    }
}

fn change_start_row(start: ChangeStart) -> ChangeStartRow {
    match start {
        ChangeStart::Now => ChangeStartRow::Now,
        ChangeStart::NextPeriod => ChangeStartRow::NextPeriod,
        ChangeStart::On(date) => {
            let (year, month, day) = date.ymd();
            ChangeStartRow::On(year, month, day)
        }
    }
}

fn tender_row(tender: &Tender) -> TenderRow<'_> {
    match tender {
        Tender::Balance => TenderRow::Balance,
        Tender::Captured { payment, amount } => {
            TenderRow::Captured(payment.as_str(), money_row(*amount))
        }
        Tender::Provisional { payment, amount } => {
            TenderRow::Provisional(payment.as_str(), money_row(*amount))
        }
    }
}

fn create_row(create: &Create) -> CreateRow<'_> {
    CreateRow {
        plan: create.plan.as_str(),
        services: create.services.iter().map(service_row).collect(),
        start_at: create.start_at.map(Timestamp::unix_millis),
        paid_through: create.paid_through.map(Timestamp::unix_millis),
        anchor_day: create.anchor_day,
        balance: create.balance.map(money_row),
        holds: create.holds.iter().map(hold_row).collect(),
        renewal: (create.renewal != Renewal::default()).then(|| renewal_row(&create.renewal)),
        active_to: create.active_to.map(Timestamp::unix_millis),
    }
}

fn hold_row(hold: &InitialHold) -> HoldRow<'_> {
    match hold {
        InitialHold::Pause { until } => HoldRow::Pause(until.map(Timestamp::unix_millis)),
        InitialHold::Suspend { cause, debt } => {
            HoldRow::Suspend(cause_code(*cause), debt.map(money_row))
        }
        InitialHold::Disable { reason } => HoldRow::Disable(reason.as_str()),
    }
}

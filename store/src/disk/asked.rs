//! What was asked, as octets: only to tell the same request from another one (L33).
//!
//! The octets are hashed and never read back, yet they must not change between versions of the
//! program: a repeat may come after an upgrade.

use garth_subscription::Order;
use garth_subscription::command::{Actor, Command, Create, InitialHold, PauseEnd, Tender};
use garth_subscription::facts::SubscriptionId;
use garth_subscription::subscriber::Subscriber;
use garth_subscription::time::Timestamp;
use minicbor::Encode;
use minicbor::bytes::ByteArray;

use super::journal::role_code;
use super::subscription::{ServiceRow, SubscriberRow, cause_code, service_row, subscriber_row};
use super::{IdRow, MoneyRow, money_row, to_row};

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
    Pay(#[n(0)] u16, #[n(1)] TenderRow<'a>),
    #[n(3)]
    Reactivate(#[n(0)] u16, #[n(1)] TenderRow<'a>),
    #[n(4)]
    Capture(
        #[n(0)] Option<u16>,
        #[n(1)] &'a str,
        #[n(2)] MoneyRow,
        #[n(3)] i64,
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
    Suspend(#[n(0)] u8, #[n(1)] Option<MoneyRow>),
    #[n(10)]
    Lift,
    #[n(11)]
    Grace(#[n(0)] u32),
    #[n(12)]
    Disable(#[n(0)] bool),
    #[n(13)]
    Enable,
    #[n(14)]
    Terminate(#[n(0)] bool),
}

#[derive(Encode)]
enum TenderRow<'a> {
    #[n(1)]
    Balance,
    #[n(2)]
    Captured(#[n(0)] &'a str, #[n(1)] MoneyRow),
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
}

/// The octets that stand for an order to one subscription.
pub(crate) fn encode_order(subscription: SubscriptionId, order: &Order) -> Vec<u8> {
    to_row(&OrderRow {
        subscription: subscription.0.into(),
        actor: actor_row(&order.actor),
        reason: order.reason.as_ref().map(|reason| reason.as_str()),
        command: command_row(&order.command),
    })
}

/// The octets that stand for a new subscription. Its id is left out: whoever asks again because
/// no answer came may well have made another one.
pub(crate) fn encode_new(subscriber: &Subscriber, create: &Create, actor: &Actor) -> Vec<u8> {
    to_row(&NewRow {
        actor: actor_row(actor),
        subscriber: subscriber_row(subscriber),
        create: create_row(create),
        // Sets these octets apart from those of any order.
        mark: ByteArray::from(*b"new"),
    })
}

fn actor_row(actor: &Actor) -> ActorRow<'_> {
    ActorRow {
        role: role_code(actor.role),
        name: actor.name.as_str(),
        on_behalf_of: actor.on_behalf_of.as_ref().map(|name| name.as_str()),
    }
}

fn command_row(command: &Command) -> CommandRow<'_> {
    match command {
        Command::Create(create) => CommandRow::Create(create_row(create)),
        Command::Pay { months, tender } => CommandRow::Pay(months.get(), tender_row(tender)),
        Command::Reactivate { months, tender } => {
            CommandRow::Reactivate(months.get(), tender_row(tender))
        }
        Command::Capture {
            months,
            payment,
            amount,
            captured_at,
        } => CommandRow::Capture(
            months.map(|months| months.get()),
            payment.as_str(),
            money_row(*amount),
            captured_at.unix_millis(),
        ),
        Command::Pause { end } => match end {
            PauseEnd::Open => CommandRow::PauseOpen,
            PauseEnd::At(at) => CommandRow::PauseAt(at.unix_millis()),
            PauseEnd::On(date) => {
                let (year, month, day) = date.ymd();
                CommandRow::PauseOn(year, month, day)
            }
        },
        Command::EndPause => CommandRow::EndPause,
        Command::Suspend { cause, debt } => {
            CommandRow::Suspend(cause_code(*cause), debt.map(money_row))
        }
        Command::Lift => CommandRow::Lift,
        Command::Grace { days } => CommandRow::Grace(*days),
        Command::Disable { confirmed } => CommandRow::Disable(*confirmed),
        Command::Enable => CommandRow::Enable,
        Command::Terminate { confirmed } => CommandRow::Terminate(*confirmed),
    }
}

fn tender_row(tender: &Tender) -> TenderRow<'_> {
    match tender {
        Tender::Balance => TenderRow::Balance,
        Tender::Captured { payment, amount } => {
            TenderRow::Captured(payment.as_str(), money_row(*amount))
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

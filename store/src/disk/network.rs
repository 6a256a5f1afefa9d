//! Sessions, payments and checkouts on the disk.

use std::net::{Ipv4Addr, Ipv6Addr};

use garth_subscription::calendar::Months;
use garth_subscription::facts::SubscriptionId;
use garth_subscription::journal::EntryId;
use garth_subscription::subscriber::{Ipv6Prefix, MacAddress};
use garth_subscription::text::PaymentId;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use super::{
    Damaged, IdRow, MoneyRow, instant, money, money_row, of_row, optional_instant, optional_text,
    text, to_row,
};
use crate::record::{Checkout, CheckoutId, CheckoutState, Payment, Session, SessionKey};
use crate::sessions::rules::{Closed, Live};

/// An IPv6 prefix.
#[derive(Decode, Encode)]
pub(super) struct PrefixRow {
    #[n(0)]
    address: ByteArray<16>,
    #[n(1)]
    len: u8,
}

pub(super) fn prefix_row(prefix: Ipv6Prefix) -> PrefixRow {
    PrefixRow {
        address: ByteArray::from(prefix.address().octets()),
        len: prefix.prefix_len(),
    }
}

pub(super) fn prefix(row: &PrefixRow) -> Result<Ipv6Prefix, Damaged> {
    Ipv6Prefix::new(Ipv6Addr::from(*row.address), row.len)
        .map_err(|error| Damaged::new("IPv6 prefix", error))
}

#[derive(Decode, Encode)]
struct SessionRow<'a> {
    #[n(0)]
    subscription: Option<IdRow>,
    #[b(1)]
    user_name: Option<&'a str>,
    #[n(2)]
    framed_ipv4: Option<u32>,
    #[n(3)]
    framed_ipv6: Option<PrefixRow>,
    #[n(4)]
    delegated_ipv6: Option<PrefixRow>,
    #[n(5)]
    mac: Option<ByteArray<6>>,
    #[n(6)]
    started_at: i64,
    #[n(7)]
    updated_at: i64,
    #[n(8)]
    stopped_at: Option<i64>,
    #[n(9)]
    terminate_cause: Option<u32>,
    #[n(10)]
    input_octets: u64,
    #[n(11)]
    output_octets: u64,
    #[n(12)]
    session_time: u32,
    #[n(13)]
    stopped_by_nas: bool,
}

/// The row of a live session; its key is the table's.
pub(crate) fn encode_live(live: &Live) -> Vec<u8> {
    encode_session(live, None)
}

/// The row of a closed session; its key is the table's.
pub(crate) fn encode_closed(closed: &Closed) -> Vec<u8> {
    encode_session(&closed.session, Some(closed))
}

fn encode_session(session: &Live, closed: Option<&Closed>) -> Vec<u8> {
    to_row(&SessionRow {
        subscription: session.subscription.map(|id| id.0.into()),
        user_name: session.user_name(),
        framed_ipv4: session.framed_ipv4.map(Ipv4Addr::to_bits),
        framed_ipv6: session.framed_ipv6.map(prefix_row),
        delegated_ipv6: session.delegated_ipv6.map(prefix_row),
        mac: session.mac.map(|mac| ByteArray::from(mac.0)),
        started_at: session.started_at.unix_millis(),
        updated_at: session.updated_at.unix_millis(),
        stopped_at: closed.map(|closed| closed.stopped_at.unix_millis()),
        terminate_cause: closed.and_then(|closed| closed.terminate_cause),
        input_octets: session.input_octets,
        output_octets: session.output_octets,
        session_time: session.session_time,
        stopped_by_nas: closed.is_some_and(|closed| closed.by_nas),
    })
}

/// The session of a row, and whether its own Stop ended it.
pub(crate) fn decode_session(key: SessionKey, octets: &[u8]) -> Result<(Session, bool), Damaged> {
    let row: SessionRow<'_> = of_row("session", octets)?;
    let session = Session {
        key,
        subscription: row.subscription.map(|id| SubscriptionId(id.into())),
        user_name: optional_text("user name", row.user_name)?,
        framed_ipv4: row.framed_ipv4.map(Ipv4Addr::from_bits),
        framed_ipv6: row.framed_ipv6.as_ref().map(prefix).transpose()?,
        delegated_ipv6: row.delegated_ipv6.as_ref().map(prefix).transpose()?,
        mac: row.mac.map(|mac| MacAddress(*mac)),
        started_at: instant(row.started_at)?,
        updated_at: instant(row.updated_at)?,
        stopped_at: optional_instant(row.stopped_at)?,
        terminate_cause: row.terminate_cause,
        input_octets: row.input_octets,
        output_octets: row.output_octets,
        session_time: row.session_time,
    };
    Ok((session, row.stopped_by_nas))
}

#[derive(Decode, Encode)]
struct PaymentRow<'a> {
    #[n(0)]
    subscription: IdRow,
    #[n(1)]
    amount: MoneyRow,
    #[n(2)]
    entry: IdRow,
    #[n(3)]
    booked_at: i64,
    #[cbor(b(4), with = "minicbor::bytes")]
    answer: &'a [u8],
}

/// The row of a payment, with the row of the answer that its command got.
pub(crate) fn encode_payment(payment: &Payment, answer: &[u8]) -> Vec<u8> {
    to_row(&PaymentRow {
        subscription: payment.subscription.0.into(),
        amount: money_row(payment.amount),
        entry: payment.entry.0.into(),
        booked_at: payment.booked_at.unix_millis(),
        answer,
    })
}

/// The payment of a row, with the row of the answer that its command got.
pub(crate) fn decode_payment(id: PaymentId, octets: &[u8]) -> Result<(Payment, &[u8]), Damaged> {
    let row: PaymentRow<'_> = of_row("payment", octets)?;
    let payment = Payment {
        id,
        subscription: SubscriptionId(row.subscription.into()),
        amount: money(&row.amount)?,
        entry: EntryId(row.entry.into()),
        booked_at: instant(row.booked_at)?,
    };
    Ok((payment, row.answer))
}

#[derive(Decode, Encode)]
struct CheckoutRow<'a> {
    #[n(0)]
    subscription: IdRow,
    #[n(1)]
    months: u16,
    #[n(2)]
    total: MoneyRow,
    #[n(3)]
    created_at: i64,
    #[b(4)]
    gateway_session: Option<&'a str>,
    #[b(5)]
    state: CheckoutStateRow<'a>,
}

#[derive(Decode, Encode)]
enum CheckoutStateRow<'a> {
    #[n(1)]
    Open,
    #[n(2)]
    Paid {
        #[b(0)]
        payment: &'a str,
        #[n(1)]
        entry: IdRow,
        #[n(2)]
        confirmed_at: i64,
    },
    #[n(3)]
    Expired,
}

/// The row of a checkout; its id is the table's key.
pub(crate) fn encode_checkout(checkout: &Checkout) -> Vec<u8> {
    to_row(&CheckoutRow {
        subscription: checkout.subscription.0.into(),
        months: checkout.months.get(),
        total: money_row(checkout.total),
        created_at: checkout.created_at.unix_millis(),
        gateway_session: checkout.gateway_session.as_deref(),
        state: match &checkout.state {
            CheckoutState::Open => CheckoutStateRow::Open,
            CheckoutState::Paid {
                payment,
                entry,
                confirmed_at,
            } => CheckoutStateRow::Paid {
                payment: payment.as_str(),
                entry: entry.0.into(),
                confirmed_at: confirmed_at.unix_millis(),
            },
            CheckoutState::Expired => CheckoutStateRow::Expired,
        },
    })
}

/// The checkout of a row.
pub(crate) fn decode_checkout(id: CheckoutId, octets: &[u8]) -> Result<Checkout, Damaged> {
    let row: CheckoutRow<'_> = of_row("checkout", octets)?;
    Ok(Checkout {
        id,
        subscription: SubscriptionId(row.subscription.into()),
        months: Months::new(row.months).map_err(|error| Damaged::new("checkout", error))?,
        total: money(&row.total)?,
        created_at: instant(row.created_at)?,
        gateway_session: row.gateway_session.map(Into::into),
        state: match row.state {
            CheckoutStateRow::Open => CheckoutState::Open,
            CheckoutStateRow::Paid {
                payment,
                entry,
                confirmed_at,
            } => CheckoutState::Paid {
                payment: text("payment id", payment)?,
                entry: EntryId(entry.into()),
                confirmed_at: instant(confirmed_at)?,
            },
            CheckoutStateRow::Expired => CheckoutState::Expired,
        },
    })
}

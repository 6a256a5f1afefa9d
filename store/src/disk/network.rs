//! Sessions, payments and checkouts on the disk.

use std::net::{Ipv4Addr, Ipv6Addr};

use garth_subscription::facts::SubscriptionId;
use garth_subscription::journal::EntryId;
use garth_subscription::quote::Offer;
use garth_subscription::subscriber::{Ipv6Prefix, MacAddress};
use garth_subscription::text::PaymentId;
use garth_subscription::time::Span;
use garth_subscription::{Money, Timestamp};
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use super::subscription::months;
use super::{
    Damaged, IdRow, MoneyRow, instant, money, money_row, of_row, optional_instant, optional_text,
    text, to_row,
};
use crate::record::{Checkout, CheckoutId, CheckoutState, Payment, QuoteId, Session, SessionKey};
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
    /// Nothing in rows of before schema 3, and where the money goes on the account.
    #[n(6)]
    offer: Option<OfferRow>,
    #[n(7)]
    quote: Option<IdRow>,
}

/// What is on offer besides the number of months.
#[derive(Decode, Encode)]
pub(super) struct OfferRow {
    #[n(0)]
    months: u16,
    #[n(1)]
    price: MoneyRow,
    #[n(2)]
    debt: MoneyRow,
    #[n(3)]
    then_pause: bool,
    #[n(4)]
    expires_at: i64,
}

pub(super) fn offer_row(offer: &Offer) -> OfferRow {
    OfferRow {
        months: offer.months.get(),
        price: money_row(offer.price),
        debt: money_row(offer.debt),
        then_pause: offer.then_pause,
        expires_at: offer.expires_at.unix_millis(),
    }
}

pub(super) fn offer(row: &OfferRow) -> Result<Offer, Damaged> {
    Ok(Offer {
        months: months(row.months)?,
        price: money(&row.price)?,
        debt: money(&row.debt)?,
        then_pause: row.then_pause,
        expires_at: instant(row.expires_at)?,
    })
}

/// How long an offer of before schema 3 holds: as long as a gateway keeps its page.
const OLD_OFFER_HOLDS: Span = Span::from_days(1);

/// The offer of a row: one of before schema 3 says how many months and what is to be paid, which is
/// their price after credit.
fn offer_of(row: &CheckoutRow<'_>, created_at: Timestamp) -> Result<Option<Offer>, Damaged> {
    let total = money(&row.total)?;
    match (&row.offer, row.months) {
        (Some(known), _) => offer(known).map(Some),
        (None, 0) => Ok(None),
        (None, count) => Ok(Some(Offer {
            months: months(count)?,
            price: total,
            debt: Money::zero(total.currency()),
            then_pause: false,
            expires_at: created_at.saturating_add(OLD_OFFER_HOLDS),
        })),
    }
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
        months: checkout
            .offer
            .as_ref()
            .map_or(0, |offer| offer.months.get()),
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
        offer: checkout.offer.as_ref().map(offer_row),
        quote: checkout.quote.map(|id| id.0.into()),
    })
}

/// The checkout of a row.
pub(crate) fn decode_checkout(id: CheckoutId, octets: &[u8]) -> Result<Checkout, Damaged> {
    let row: CheckoutRow<'_> = of_row("checkout", octets)?;
    let created_at = instant(row.created_at)?;
    Ok(Checkout {
        id,
        offer: offer_of(&row, created_at)?,
        quote: row.quote.map(|id| QuoteId(id.into())),
        subscription: SubscriptionId(row.subscription.into()),
        total: money(&row.total)?,
        created_at,
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

//! Sessions, payments and checkouts on the disk.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use garth_subscription::facts::SubscriptionId;
use garth_subscription::journal::EntryId;
use garth_subscription::quote::Offer;
use garth_subscription::subscriber::{Ipv6Prefix, MacAddress, UserName};
use garth_subscription::text::PaymentId;
use garth_subscription::time::Span;
use garth_subscription::{Money, Timestamp};
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use super::facts::months;
use super::{
    Damaged, IdRow, MoneyRow, instant, money, money_row, of_row, optional_instant, optional_text,
    text, to_row,
};
use crate::record::{
    Checkout, CheckoutId, CheckoutState, Month, MonthUsage, NasNames, Payment, QuoteId, Session,
    SessionKey,
};
use crate::sessions::octets::Octets;
use crate::sessions::rules::{Closed, Ended, Live};
use crate::sessions::usage::{Meter, MonthNumber};

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

/// The prefixes of a row; none where it has no such field.
pub(super) fn prefixes(rows: Option<&[PrefixRow]>) -> Result<Box<[Ipv6Prefix]>, Damaged> {
    rows.unwrap_or_default().iter().map(prefix).collect()
}

/// What a NAS calls itself, and a port of it.
#[derive(Decode, Encode)]
pub(super) struct NamesRow<'a> {
    #[cbor(b(0), with = "minicbor::bytes")]
    nas_identifier: Option<&'a [u8]>,
    #[n(1)]
    nas_ip_address: Option<u32>,
    #[n(2)]
    nas_ipv6_address: Option<ByteArray<16>>,
    #[n(3)]
    nas_port: Option<u32>,
    #[cbor(b(4), with = "minicbor::bytes")]
    nas_port_id: Option<&'a [u8]>,
}

/// The row of what a NAS says of itself and its port; nothing if it says nothing.
pub(super) fn names_row<'a>(
    names: Option<&'a NasNames>,
    nas_port: Option<u32>,
    nas_port_id: Option<&'a [u8]>,
) -> Option<NamesRow<'a>> {
    let names = names.filter(|names| !names.is_empty());
    if names.is_none() && nas_port.is_none() && nas_port_id.is_none() {
        return None;
    }
    let ipv6 = names.and_then(|names| names.nas_ipv6_address);
    Some(NamesRow {
        nas_identifier: names.and_then(|names| names.nas_identifier.as_deref()),
        nas_ip_address: names
            .and_then(|names| names.nas_ip_address)
            .map(Ipv4Addr::to_bits),
        nas_ipv6_address: ipv6.map(|address| ByteArray::from(address.octets())),
        nas_port,
        nas_port_id,
    })
}

/// What [`names_row`] was made from.
pub(super) fn names(row: &NamesRow<'_>) -> (NasNames, Option<u32>, Option<Box<[u8]>>) {
    let names = NasNames {
        nas_identifier: row.nas_identifier.map(Into::into),
        nas_ip_address: row.nas_ip_address.map(Ipv4Addr::from_bits),
        nas_ipv6_address: row
            .nas_ipv6_address
            .as_ref()
            .map(|octets| Ipv6Addr::from(**octets)),
    };
    (names, row.nas_port, row.nas_port_id.map(Into::into))
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
    #[n(14)]
    further_ipv6: Option<Vec<PrefixRow>>,
    #[b(15)]
    names: Option<NamesRow<'a>>,
    /// Whether an Interim-Update has come of it; rows of older programs do not say.
    #[n(16)]
    has_reported: Option<bool>,
    /// Rows of older programs have none.
    #[n(17)]
    meter: Option<MeterRow>,
}

/// What a session had counted before its month, and the months.
#[derive(Decode, Encode)]
struct MeterRow {
    #[n(0)]
    input_octets: u64,
    #[n(1)]
    output_octets: u64,
    #[n(2)]
    session_time: u32,
    #[n(3)]
    month: u16,
    #[n(4)]
    earlier: u16,
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
        stopped_at: closed.map(|closed| closed.ended.stopped_at.unix_millis()),
        terminate_cause: closed.and_then(|closed| closed.ended.terminate_cause),
        input_octets: session.input_octets,
        output_octets: session.output_octets,
        session_time: session.session_time,
        stopped_by_nas: closed.is_some_and(|closed| closed.ended.by_nas),
        further_ipv6: session
            .further_ipv6
            .as_deref()
            .map(|all| all.iter().copied().map(prefix_row).collect()),
        names: names_row(
            session.nas_names.as_deref(),
            session.nas_port,
            session.nas_port_id.as_ref().map(Octets::as_slice),
        ),
        has_reported: Some(session.has_reported),
        meter: Some(MeterRow {
            input_octets: session.meter.input_octets,
            output_octets: session.meter.output_octets,
            session_time: session.meter.session_time,
            month: session.meter.month.0,
            earlier: session.meter.earlier.0,
        }),
    })
}

/// The session of a row, and how it ended if it is over.
pub(crate) fn decode_stored(octets: &[u8]) -> Result<(Live, Option<Ended>), Damaged> {
    let row: SessionRow<'_> = of_row("session", octets)?;
    let name: Option<UserName> = optional_text("user name", row.user_name)?;
    let (nas_names, nas_port, nas_port_id) = row.names.as_ref().map(names).unwrap_or_default();
    let further_ipv6 = prefixes(row.further_ipv6.as_deref())?;
    let (started_at, updated_at) = (instant(row.started_at)?, instant(row.updated_at)?);
    let meter = meter(&row);
    let ended = optional_instant(row.stopped_at)?.map(|stopped_at| Ended {
        stopped_at,
        terminate_cause: row.terminate_cause,
        by_nas: row.stopped_by_nas,
    });
    let live = Live {
        subscription: row.subscription.map(|id| SubscriptionId(id.into())),
        user_name: name.map(|name| name.as_str().as_bytes().into()),
        framed_ipv4: row.framed_ipv4.map(Ipv4Addr::from_bits),
        framed_ipv6: row.framed_ipv6.as_ref().map(prefix).transpose()?,
        delegated_ipv6: row.delegated_ipv6.as_ref().map(prefix).transpose()?,
        further_ipv6: (!further_ipv6.is_empty()).then_some(further_ipv6),
        mac: row.mac.map(|mac| MacAddress(*mac)),
        nas_names: (!nas_names.is_empty()).then(|| Arc::new(nas_names)),
        nas_port,
        nas_port_id: nas_port_id.map(|id| (*id).into()),
        // A session whose time was counted was reported.
        has_reported: row.has_reported.unwrap_or(row.session_time > 0),
        started_at,
        updated_at,
        input_octets: row.input_octets,
        output_octets: row.output_octets,
        session_time: row.session_time,
        meter,
    };
    Ok((live, ended))
}

/// What of a session's counters is of which month. A row of an older program does not say: what it
/// has counted is nobody's month's, and what comes is that of the month in which it comes.
fn meter(row: &SessionRow<'_>) -> Meter {
    match &row.meter {
        Some(meter) => Meter {
            input_octets: meter.input_octets,
            output_octets: meter.output_octets,
            session_time: meter.session_time,
            month: MonthNumber(meter.month),
            earlier: MonthNumber(meter.earlier),
        },
        None => Meter {
            input_octets: row.input_octets,
            output_octets: row.output_octets,
            session_time: row.session_time,
            ..Meter::new(MonthNumber(0))
        },
    }
}

#[derive(Decode, Encode)]
struct UsageRow {
    #[n(0)]
    input_octets: u64,
    #[n(1)]
    output_octets: u64,
    #[n(2)]
    session_time: u64,
    #[n(3)]
    sessions: u64,
}

/// The row of a month's usage; month and subscription are its key.
pub(crate) fn encode_usage(usage: &MonthUsage) -> Vec<u8> {
    to_row(&UsageRow {
        input_octets: usage.input_octets,
        output_octets: usage.output_octets,
        session_time: usage.session_time,
        sessions: usage.sessions,
    })
}

/// The usage of a row.
pub(crate) fn decode_usage(month: Month, octets: &[u8]) -> Result<MonthUsage, Damaged> {
    let row: UsageRow = of_row("usage", octets)?;
    Ok(MonthUsage {
        month,
        input_octets: row.input_octets,
        output_octets: row.output_octets,
        session_time: row.session_time,
        sessions: row.sessions,
    })
}

/// The closed session of a row.
pub(crate) fn decode_closed(octets: &[u8]) -> Result<Closed, Damaged> {
    let (session, ended) = decode_stored(octets)?;
    let ended = ended.ok_or_else(|| Damaged::new("session", "it has no end"))?;
    Ok(Closed { session, ended })
}

/// The session of a row, as the rest of the workspace sees it.
pub(crate) fn decode_session(key: SessionKey, octets: &[u8]) -> Result<Session, Damaged> {
    let (session, ended) = decode_stored(octets)?;
    Ok(match ended {
        Some(ended) => Closed { session, ended }.session(key),
        None => session.session(key),
    })
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

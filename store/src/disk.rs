//! What lies on the disk: one versioned record per row, and its way to and from the domain types.
//!
//! A row is one octet of version and a CBOR array with numbered fields (`minicbor`). The domain
//! types know nothing of it, so that a change of theirs is a decision about the disk here and never
//! an accident. Reading parses again what was parsed before it was written: a damaged row is an
//! error that names what is damaged, never a wrong value.
//!
//! Not here: which table a row lies in ([`crate::tables`]).

mod accounting;
mod answer;
mod asked;
mod facts;
mod journal;
mod network;
mod plan;
mod policies;
mod quote;
mod requests;
mod steps;
mod subscriber;
mod subscription;
mod unsettled;

use std::fmt::Display;
use std::str::FromStr;

use garth_subscription::text::PlanId;
use garth_subscription::{Money, Timestamp};
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use uuid::Uuid;

pub(crate) use accounting::{Block, Event, decode_block};
pub(crate) use answer::{AnswerRecord, decode_answer, encode_answer};
pub(crate) use asked::{encode_new, encode_order, encode_unsealed_new};
pub(crate) use journal::{decode_entry, encode_entry};
pub(crate) use network::{
    decode_checkout, decode_closed, decode_payment, decode_session, decode_stored, decode_usage,
    encode_checkout, encode_closed, encode_live, encode_payment, encode_usage,
};
pub(crate) use plan::{decode_plan, encode_plan};
pub(crate) use policies::encode_agenda_policies;
pub(crate) use quote::{decode_quote, encode_quote, signed_octets};
pub(crate) use requests::{decode_revert, decode_ticket, encode_revert, encode_ticket};
pub(crate) use subscription::{
    StoredSubscription, decode_indexed, decode_subscription, decode_unsealed, encode_subscription,
};
pub(crate) use unsettled::{decode_unsettled, encode_unsettled};

/// The version that every row is written in.
pub(crate) const ROW_VERSION: u8 = 1;

/// A row that cannot be read back.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a stored {what} is damaged: {detail}")]
pub struct Damaged {
    /// What kind of row it is.
    pub what: &'static str,
    /// What is wrong with it.
    pub detail: String,
}

impl Damaged {
    /// A `what` that cannot be, because of `detail`.
    pub(crate) fn new(what: &'static str, detail: impl Display) -> Self {
        Self {
            what,
            detail: detail.to_string(),
        }
    }
}

/// The octets of a row.
fn to_row<T: Encode<()>>(row: &T) -> Vec<u8> {
    let mut octets = vec![ROW_VERSION];
    minicbor::encode(row, &mut octets).expect("a Vec takes every octet");
    octets
}

/// The row in those octets.
fn of_row<'b, T: Decode<'b, ()>>(what: &'static str, octets: &'b [u8]) -> Result<T, Damaged> {
    match octets.split_first() {
        Some((&ROW_VERSION, body)) => {
            minicbor::decode(body).map_err(|error| Damaged::new(what, error))
        }
        Some((version, _)) => Err(Damaged::new(
            what,
            format_args!("its version is {version}, this program reads {ROW_VERSION}"),
        )),
        None => Err(Damaged::new(what, "it is empty")),
    }
}

/// An amount with its currency, so that a row can be read without knowing the account.
#[derive(Decode, Encode)]
struct MoneyRow {
    #[n(0)]
    minor: i64,
    #[n(1)]
    currency: ByteArray<3>,
}

/// A UUID, as its 16 octets.
#[derive(Decode, Encode)]
#[cbor(transparent)]
struct IdRow(#[n(0)] ByteArray<16>);

impl From<Uuid> for IdRow {
    fn from(id: Uuid) -> Self {
        Self(ByteArray::from(id.into_bytes()))
    }
}

impl From<IdRow> for Uuid {
    fn from(row: IdRow) -> Self {
        Self::from_bytes(*row.0)
    }
}

fn money_row(money: Money) -> MoneyRow {
    MoneyRow {
        minor: money.minor(),
        currency: ByteArray::from(
            <[u8; 3]>::try_from(money.currency().as_str().as_bytes())
                .expect("a currency is three letters"),
        ),
    }
}

fn money(row: &MoneyRow) -> Result<Money, Damaged> {
    std::str::from_utf8(&*row.currency)
        .map_err(|error| Damaged::new("amount", error))?
        .parse()
        .and_then(|currency| Money::from_minor(row.minor, currency))
        .map_err(|error| Damaged::new("amount", error))
}

fn optional_money(row: Option<&MoneyRow>) -> Result<Option<Money>, Damaged> {
    row.map(money).transpose()
}

fn instant(millis: i64) -> Result<Timestamp, Damaged> {
    Timestamp::from_unix_millis(millis)
        .ok_or_else(|| Damaged::new("instant", format_args!("{millis} ms is out of range")))
}

fn optional_instant(millis: Option<i64>) -> Result<Option<Timestamp>, Damaged> {
    millis.map(instant).transpose()
}

fn text<T: FromStr<Err: Display>>(what: &'static str, text: &str) -> Result<T, Damaged> {
    text.parse().map_err(|error| Damaged::new(what, error))
}

fn optional_text<T: FromStr<Err: Display>>(
    what: &'static str,
    value: Option<&str>,
) -> Result<Option<T>, Damaged> {
    value.map(|value| text(what, value)).transpose()
}

/// The plan id of that text.
pub(crate) fn plan_id(id: &str) -> Result<PlanId, Damaged> {
    text("plan id", id)
}

/// Numbers the variants of an enum on the disk. A number once used is never given again.
macro_rules! codes {
    ($type:ty, $what:literal, $to:ident, $from:ident: $($variant:ident = $code:literal),+ $(,)?) => {
        pub(super) fn $to(value: $type) -> u8 {
            match value {
                $(<$type>::$variant => $code,)+
            }
        }

        pub(super) fn $from(code: u8) -> Result<$type, Damaged> {
            match code {
                $($code => Ok(<$type>::$variant),)+
                _ => Err(Damaged::new($what, format_args!("there is no number {code}"))),
            }
        }
    };
}
use codes;

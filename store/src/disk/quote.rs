//! Quotes on the disk: 32 octets of signature, then the row that is signed.

use garth_subscription::facts::SubscriptionId;
use garth_subscription::quote::{Quote, QuoteLine};
use minicbor::{Decode, Encode};

use super::facts::months;
use super::network::{OfferRow, offer, offer_row};
use super::{Damaged, IdRow, MoneyRow, instant, money, money_row, of_row, plan_id, to_row};
use crate::record::{QuoteId, StoredQuote};

/// All of a quote but its signature. The octets are signed, so its fields are as they are for good;
/// a field that is added is left out where it has nothing to say.
#[derive(Decode, Encode)]
struct QuoteRow<'a> {
    #[n(0)]
    id: IdRow,
    #[n(1)]
    subscription: IdRow,
    #[n(2)]
    months: u16,
    #[b(3)]
    lines: Vec<LineRow<'a>>,
    #[n(4)]
    price: MoneyRow,
    #[n(5)]
    total: MoneyRow,
    #[n(6)]
    offer: OfferRow,
    #[n(7)]
    price_list: u64,
    #[n(8)]
    created_at: i64,
}

#[derive(Decode, Encode)]
enum LineRow<'a> {
    #[n(1)]
    Debt(#[n(0)] MoneyRow),
    #[n(2)]
    Months(#[b(0)] &'a str, #[n(1)] MoneyRow),
    #[n(3)]
    Credit(#[n(0)] MoneyRow),
}

/// The octets of a quote that its signature is over.
pub(crate) fn signed_octets(quote: &StoredQuote) -> Vec<u8> {
    to_row(&QuoteRow {
        id: quote.id.0.into(),
        subscription: quote.subscription.0.into(),
        months: quote.quote.months.get(),
        lines: quote.quote.lines.iter().map(line_row).collect(),
        price: money_row(quote.quote.price),
        total: money_row(quote.quote.total),
        offer: offer_row(&quote.offer),
        price_list: quote.price_list,
        created_at: quote.created_at.unix_millis(),
    })
}

/// The row of a quote.
pub(crate) fn encode_quote(quote: &StoredQuote) -> Vec<u8> {
    let mut row = quote.signature.to_vec();
    row.extend_from_slice(&signed_octets(quote));
    row
}

/// The quote of a row. Whether its signature holds is another question.
pub(crate) fn decode_quote(octets: &[u8]) -> Result<StoredQuote, Damaged> {
    let (signature, body) = octets
        .split_first_chunk()
        .ok_or_else(|| Damaged::new("quote", "it is too short"))?;
    let row: QuoteRow<'_> = of_row("quote", body)?;
    Ok(StoredQuote {
        id: QuoteId(row.id.into()),
        subscription: SubscriptionId(row.subscription.into()),
        quote: Quote {
            months: months(row.months)?,
            lines: row.lines.iter().map(line).collect::<Result<_, _>>()?,
            price: money(&row.price)?,
            total: money(&row.total)?,
        },
        offer: offer(&row.offer)?,
        price_list: row.price_list,
        created_at: instant(row.created_at)?,
        signature: *signature,
    })
}

fn line_row(line: &QuoteLine) -> LineRow<'_> {
    match line {
        QuoteLine::Debt(amount) => LineRow::Debt(money_row(*amount)),
        QuoteLine::Months { plan, amount } => LineRow::Months(plan.as_str(), money_row(*amount)),
        QuoteLine::Credit(amount) => LineRow::Credit(money_row(*amount)),
    }
}

fn line(row: &LineRow<'_>) -> Result<QuoteLine, Damaged> {
    Ok(match row {
        LineRow::Debt(amount) => QuoteLine::Debt(money(amount)?),
        LineRow::Months(plan, amount) => QuoteLine::Months {
            plan: plan_id(plan)?,
            amount: money(amount)?,
        },
        LineRow::Credit(amount) => QuoteLine::Credit(money(amount)?),
    })
}

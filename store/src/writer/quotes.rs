//! Quotes: a price is promised for a time, and signed (E6).

use std::sync::Arc;

use garth_subscription::command::CommandKind;
use garth_subscription::facts::SubscriptionId;
use garth_subscription::standing::{Standing, standing};
use garth_subscription::time::Span;
use garth_subscription::{Facts, Refusal, Timestamp, quote};

use super::subscriptions::due;
use super::{Batch, Stop};
use crate::fault::Fault;
use crate::record::StoredQuote;
use crate::tables::Quotes;
use crate::write::QuoteRequest;

/// The most quotes of one subscription that are kept; the oldest go first.
pub const QUOTES_KEPT: usize = 64;
/// How long a quote is kept after it has expired: as long as a checkout that it was made for.
const EXPIRED_KEPT: Span = Span::from_days(30);

impl Batch<'_> {
    /// Promises today's price for as long as the limits say.
    pub(super) fn make_quote(&mut self, wanted: QuoteRequest) -> Result<StoredQuote, Stop> {
        let QuoteRequest {
            id,
            subscription,
            months,
            then_pause,
        } = wanted;
        let stored = self.load(subscription)?.ok_or(Refusal::Unknown)?;
        let rules = Arc::clone(&self.rules);
        let terms = rules.terms(stored.subscription.subscriber.partner.as_ref());
        // The price is for what it is once the agenda has what it is owed.
        let due = due(&stored.subscription.facts, self.now, terms).done;
        let last = due.last().map(|(_, decision)| &decision.facts);
        let facts = last.unwrap_or(&stored.subscription.facts);
        may_buy(facts, self.now)?;
        let quote = quote::quote(facts, months, terms)?;
        let expires_at = self.now.saturating_add(self.shared.limits.quote_holds);
        let mut made = StoredQuote {
            id,
            subscription,
            offer: quote.offer(then_pause, expires_at),
            quote,
            price_list: self.meta.price_list,
            created_at: self.now,
            signature: [0; 32],
        };
        made.signature = self.shared.quote_key.sign(&made);
        self.dirty = true;
        let mut quotes = Quotes::open(self.txn)?;
        trim(&mut quotes, subscription, self.now)?;
        quotes.put(&made)?;
        Ok(made)
    }
}

/// Makes room for one more: deletes what expired long ago, and the oldest where there are too many.
fn trim(quotes: &mut Quotes<'_>, of: SubscriptionId, now: Timestamp) -> Result<(), Fault> {
    let mut kept = quotes.of(of)?;
    let is_old = |quote: &mut StoredQuote| now.since(quote.offer.expires_at) > EXPIRED_KEPT;
    for old in kept.extract_if(.., is_old) {
        quotes.forget(&old)?;
    }
    let over = (kept.len() + 1).saturating_sub(QUOTES_KEPT);
    for old in kept.iter().take(over) {
        quotes.forget(old)?;
    }
    Ok(())
}

/// Whether months can be bought at all as it stands now: nobody is promised a price for nothing.
fn may_buy(facts: &Facts, now: Timestamp) -> Result<(), Refusal> {
    let standing = standing(&facts.standing_facts(), now);
    let is_allowed = match standing {
        Standing::Pending
        | Standing::Active
        | Standing::Grace
        | Standing::Expired
        | Standing::Paused => true,
        Standing::Suspended => facts.is_payable(),
        Standing::Disabled | Standing::Terminated | Standing::Cancelled => false,
    };
    if is_allowed {
        Ok(())
    } else {
        Err(Refusal::Standing {
            standing,
            command: CommandKind::Pay,
            allowed: "active, in grace, expired, paused, or suspended for a debt",
        })
    }
}

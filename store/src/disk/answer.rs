//! What a command or a payment answers when it comes again, on the disk.

use garth_subscription::Facts;
use garth_subscription::agenda::AgendaItem;
use garth_subscription::facts::SubscriptionId;
use garth_subscription::revert::RevertId;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use super::facts::{FactsRow, agenda_code, agenda_of, facts, facts_row};
use super::{Damaged, IdRow, instant, of_row, to_row};

/// What a command id or a payment id answers when it comes again.
pub(crate) struct AnswerRecord {
    /// SHA-256 of the request.
    pub(crate) digest: [u8; 32],
    /// The journal entry that was made.
    pub(crate) sequence: u64,
    /// The facts after it.
    pub(crate) facts: Facts,
    /// The request that was made or decided.
    pub(crate) request: Option<RevertId>,
    /// What went off the agenda undone.
    pub(crate) cleared: Vec<AgendaItem>,
}

#[derive(Decode, Encode)]
struct AnswerRow<'a> {
    #[n(0)]
    digest: ByteArray<32>,
    #[n(1)]
    sequence: u64,
    #[n(2)]
    subscription: IdRow,
    #[b(3)]
    facts: FactsRow<'a>,
    #[n(4)]
    request: Option<IdRow>,
    #[n(5)]
    cleared: Option<Vec<(i64, u8)>>,
}

/// The row of an answer.
pub(crate) fn encode_answer(answer: &AnswerRecord) -> Vec<u8> {
    to_row(&AnswerRow {
        digest: ByteArray::from(answer.digest),
        sequence: answer.sequence,
        subscription: answer.facts.id.0.into(),
        facts: facts_row(&answer.facts),
        request: answer.request.map(|id| id.0.into()),
        cleared: (!answer.cleared.is_empty()).then(|| {
            let item = |item: &AgendaItem| (item.at.unix_millis(), agenda_code(item.action));
            answer.cleared.iter().map(item).collect()
        }),
    })
}

/// The answer of a row.
pub(crate) fn decode_answer(octets: &[u8]) -> Result<AnswerRecord, Damaged> {
    let row: AnswerRow<'_> = of_row("answer", octets)?;
    Ok(AnswerRecord {
        digest: *row.digest,
        sequence: row.sequence,
        facts: facts(SubscriptionId(row.subscription.into()), &row.facts)?,
        request: row.request.map(|id| RevertId(id.into())),
        cleared: row
            .cleared
            .iter()
            .flatten()
            .map(|(at, action)| {
                Ok(AgendaItem {
                    at: instant(*at)?,
                    action: agenda_of(*action)?,
                })
            })
            .collect::<Result<_, Damaged>>()?,
    })
}

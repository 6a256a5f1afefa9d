//! Sessions whose NAS has not followed.

use minicbor::{Decode, Encode};

use super::{Damaged, codes, instant, of_row, to_row};
use crate::record::{LastTold, ToldRates, Unsettled};

/// What was told, without its rates.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Full,
    Garden,
    Reject,
}

codes!(Kind, "access", kind_code, kind_of: Full = 1, Garden = 2, Reject = 3);

/// The rates are together there or not: rows without them have no more than the first three.
#[derive(Decode, Encode)]
struct UnsettledRow {
    #[n(0)]
    started_at: i64,
    #[n(1)]
    told: Option<u8>,
    #[n(2)]
    is_alarm: bool,
    #[n(3)]
    down_kbps: Option<u32>,
    #[n(4)]
    up_kbps: Option<u32>,
    /// Whether full access with these rates was acknowledged.
    #[n(5)]
    is_acknowledged: Option<bool>,
}

/// The row of an unsettled session.
pub(crate) fn encode_unsettled(unsettled: &Unsettled) -> Vec<u8> {
    let (told, rates) = match unsettled.told {
        None => (None, None),
        Some(LastTold::Full(rates)) => (Some(Kind::Full), Some(rates)),
        Some(LastTold::AnotherFull(rates)) => (Some(Kind::Full), rates),
        Some(LastTold::Garden) => (Some(Kind::Garden), None),
        Some(LastTold::Reject) => (Some(Kind::Reject), None),
    };
    to_row(&UnsettledRow {
        started_at: unsettled.started_at.unix_millis(),
        told: told.map(kind_code),
        is_alarm: unsettled.is_alarm,
        down_kbps: rates.map(|rates| rates.down_kbps),
        up_kbps: rates.map(|rates| rates.up_kbps),
        is_acknowledged: Some(matches!(unsettled.told, Some(LastTold::Full(_)))),
    })
}

/// What [`encode_unsettled`] made.
pub(crate) fn decode_unsettled(octets: &[u8]) -> Result<Unsettled, Damaged> {
    let row: UnsettledRow = of_row("unsettled session", octets)?;
    let rates = row.down_kbps.zip(row.up_kbps);
    let rates = rates.map(|(down_kbps, up_kbps)| ToldRates { down_kbps, up_kbps });
    let told = row.told.map(kind_of).transpose()?;
    Ok(Unsettled {
        started_at: instant(row.started_at)?,
        told: told.map(|told| match told {
            Kind::Full => match rates.filter(|_| row.is_acknowledged == Some(true)) {
                Some(rates) => LastTold::Full(rates),
                None => LastTold::AnotherFull(rates),
            },
            Kind::Garden => LastTold::Garden,
            Kind::Reject => LastTold::Reject,
        }),
        is_alarm: row.is_alarm,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Encode)]
    struct WithoutRates {
        #[n(0)]
        started_at: i64,
        #[n(1)]
        told: Option<u8>,
        #[n(2)]
        is_alarm: bool,
    }

    #[test]
    fn a_row_without_rates_is_full_access_with_rates_that_are_not_known() {
        let row = to_row(&WithoutRates {
            started_at: 1_795_262_400_000,
            told: Some(1),
            is_alarm: true,
        });
        let read = decode_unsettled(&row).unwrap();
        assert_eq!(
            (read.told, read.is_alarm),
            (Some(LastTold::AnotherFull(None)), true)
        );
    }
}

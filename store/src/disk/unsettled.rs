//! Sessions whose NAS has not followed.

use garth_subscription::Access;
use minicbor::{Decode, Encode};

use super::{Damaged, codes, instant, of_row, to_row};
use crate::record::Unsettled;

codes!(Access, "access", access_code, access_of: Full = 1, Garden = 2, Reject = 3);

#[derive(Decode, Encode)]
struct UnsettledRow {
    #[n(0)]
    started_at: i64,
    #[n(1)]
    told: Option<u8>,
    #[n(2)]
    is_alarm: bool,
}

/// The row of an unsettled session.
pub(crate) fn encode_unsettled(unsettled: &Unsettled) -> Vec<u8> {
    to_row(&UnsettledRow {
        started_at: unsettled.started_at.unix_millis(),
        told: unsettled.told.map(access_code),
        is_alarm: unsettled.is_alarm,
    })
}

/// What [`encode_unsettled`] made.
pub(crate) fn decode_unsettled(octets: &[u8]) -> Result<Unsettled, Damaged> {
    let row: UnsettledRow = of_row("unsettled session", octets)?;
    Ok(Unsettled {
        started_at: instant(row.started_at)?,
        told: row.told.map(access_of).transpose()?,
        is_alarm: row.is_alarm,
    })
}

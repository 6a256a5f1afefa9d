//! Instants. The crate is told the time; it never asks for it.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};

/// An instant, in milliseconds since 1970-01-01T00:00:00Z.
///
/// The range is that of years 1970 to 9999, so that every instant has a civil date.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(i64);

/// Milliseconds in a second.
const MILLIS: i64 = 1_000;

impl Timestamp {
    /// 1970-01-01T00:00:00Z, the earliest instant.
    pub const MIN: Self = Self(0);
    /// 9999-12-31T23:59:59.999Z, the latest instant.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// The instant `millis` milliseconds after the epoch; `None` outside [`Self::MIN`]..=[`Self::MAX`].
    #[must_use]
    pub const fn from_unix_millis(millis: i64) -> Option<Self> {
        if millis < Self::MIN.0 || millis > Self::MAX.0 {
            None
        } else {
            Some(Self(millis))
        }
    }

    /// The instant `seconds` seconds after the epoch; `None` outside the range.
    #[must_use]
    pub const fn from_unix_seconds(seconds: i64) -> Option<Self> {
        match seconds.checked_mul(MILLIS) {
            Some(millis) => Self::from_unix_millis(millis),
            None => None,
        }
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn unix_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(MILLIS)
    }

    /// `span` later; the end of time where that would pass it.
    #[must_use]
    pub const fn saturating_add(self, span: Span) -> Self {
        match Self::from_unix_millis(self.0.saturating_add(span.0)) {
            Some(at) => at,
            None => Self::MAX,
        }
    }

    /// The time from `earlier` until `self`; zero if `earlier` is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        if self.0 > earlier.0 {
            Span(self.0 - earlier.0)
        } else {
            Span::ZERO
        }
    }

    /// The same instant as a `chrono` value.
    #[must_use]
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).expect("1970..=9999 is within chrono's range")
    }

    /// The instant of a `chrono` value; `None` outside the range. Fractions of a millisecond are cut.
    #[must_use]
    pub fn from_utc(at: DateTime<Utc>) -> Option<Self> {
        Self::from_unix_millis(at.timestamp_millis())
    }
}

/// RFC 3339 in UTC, with milliseconds only where there are any.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = if self.0 % MILLIS == 0 {
            SecondsFormat::Secs
        } else {
            SecondsFormat::Millis
        };
        f.write_str(&self.to_utc().to_rfc3339_opts(format, true))
    }
}

/// Text that is no RFC 3339 instant between 1970 and 9999.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an RFC 3339 time such as 2027-01-31T00:00:00Z")]
pub struct NotATimestamp;

impl FromStr for Timestamp {
    type Err = NotATimestamp;

    fn from_str(text: &str) -> Result<Self, NotATimestamp> {
        let at = DateTime::parse_from_rfc3339(text).map_err(|_| NotATimestamp)?;
        Self::from_utc(at.with_timezone(&Utc)).ok_or(NotATimestamp)
    }
}

/// A length of time, in milliseconds, never negative.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Span(i64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// `days` times 24 hours.
    #[must_use]
    pub const fn from_days(days: u32) -> Self {
        Self(days as i64 * 86_400 * MILLIS)
    }

    /// `seconds` seconds.
    #[must_use]
    pub const fn from_seconds(seconds: u32) -> Self {
        Self(seconds as i64 * MILLIS)
    }

    /// `millis` milliseconds; `None` if negative.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Option<Self> {
        if millis < 0 { None } else { Some(Self(millis)) }
    }

    /// In milliseconds.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// In whole seconds, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0 / MILLIS
    }

    /// Whether this is no time at all.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_prints_and_reads_back() {
        for text in [
            "2027-01-31T00:00:00Z",
            "2027-01-31T12:00:00.250Z",
            "1970-01-01T00:00:00Z",
        ] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_offset_is_taken_into_account() {
        let vienna: Timestamp = "2027-02-01T00:00:00+01:00".parse().unwrap();
        assert_eq!(vienna.to_string(), "2027-01-31T23:00:00Z");
    }

    #[test]
    fn years_outside_1970_to_9999_are_refused() {
        assert_eq!(Timestamp::from_unix_millis(-1), None);
        assert_eq!(Timestamp::from_unix_millis(Timestamp::MAX.0 + 1), None);
        assert_eq!(
            "1969-12-31T23:59:59Z".parse::<Timestamp>(),
            Err(NotATimestamp)
        );
        assert_eq!(
            Timestamp::MAX.saturating_add(Span::from_days(1)),
            Timestamp::MAX
        );
    }
}

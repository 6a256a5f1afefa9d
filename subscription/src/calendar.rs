//! Months and days in the billing time zone (E1, E2).
//!
//! A boundary is always computed from the anchor, never from the boundary before
//! it: 31 January plus one month is 29 February, plus two is 31 March.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use chrono::{
    DateTime, Datelike, Days, Months as ChronoMonths, NaiveDate, NaiveDateTime, TimeDelta, TimeZone,
};
use chrono_tz::Tz;

use crate::time::Timestamp;

/// A number of calendar months that one payment buys: 1 to 120.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Months(NonZeroU16);

/// Why a number is no number of months, or a date no date of ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CalendarError {
    /// Months outside 1 to 120.
    #[error("a number of months is 1 to {}", Months::MAX)]
    Months,
    /// No IANA name.
    #[error("not an IANA time zone name such as Europe/Vienna")]
    Zone,
    /// No such date.
    #[error("not a date such as 2027-01-31")]
    Date,
    /// Before 1970 or after 9999.
    #[error("the date is outside the years 1970 to 9999")]
    Range,
}

impl Months {
    /// The most months one payment may buy.
    pub const MAX: u16 = 120;

    /// `count` months.
    ///
    /// # Errors
    /// [`CalendarError::Months`] unless `count` is 1 to 120.
    pub fn new(count: u16) -> Result<Self, CalendarError> {
        NonZeroU16::new(count)
            .filter(|count| count.get() <= Self::MAX)
            .map(Self)
            .ok_or(CalendarError::Months)
    }

    /// How many.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0.get()
    }
}

impl fmt::Display for Months {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A day of the civil calendar.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CivilDate(NaiveDate);

impl CivilDate {
    /// The day of that name, if there is one.
    #[must_use]
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Self> {
        NaiveDate::from_ymd_opt(year, month, day).map(Self)
    }

    /// Year, month 1–12, day 1–31.
    #[must_use]
    pub fn ymd(self) -> (i32, u32, u32) {
        (self.0.year(), self.0.month(), self.0.day())
    }

    /// The same day `months` later, or the last day of that month where it has no such day.
    ///
    /// # Errors
    /// [`CalendarError::Range`] beyond what can be counted.
    pub fn plus_months(self, months: u32) -> Result<Self, CalendarError> {
        self.0
            .checked_add_months(ChronoMonths::new(months))
            .map(Self)
            .ok_or(CalendarError::Range)
    }

    /// The day `days` later.
    ///
    /// # Errors
    /// [`CalendarError::Range`] beyond what can be counted.
    pub fn plus_days(self, days: u32) -> Result<Self, CalendarError> {
        self.0
            .checked_add_days(Days::new(u64::from(days)))
            .map(Self)
            .ok_or(CalendarError::Range)
    }

    /// Which day of the week it is.
    #[must_use]
    pub fn weekday(self) -> Weekday {
        let days = self.0.weekday().num_days_from_monday();
        Weekday::ALL[usize::try_from(days).expect("0 to 6")]
    }

    fn next(self) -> Result<Self, CalendarError> {
        self.plus_days(1)
    }
}

/// A day of the week.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Weekday {
    /// The first one (ISO 8601).
    Monday,
    /// The second one.
    Tuesday,
    /// The third one.
    Wednesday,
    /// The fourth one.
    Thursday,
    /// The fifth one.
    Friday,
    /// The sixth one.
    Saturday,
    /// The last one.
    Sunday,
}

impl Weekday {
    /// All of them, from Monday on.
    pub const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];

    /// The name in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Monday => "monday",
            Self::Tuesday => "tuesday",
            Self::Wednesday => "wednesday",
            Self::Thursday => "thursday",
            Self::Friday => "friday",
            Self::Saturday => "saturday",
            Self::Sunday => "sunday",
        }
    }
}

impl fmt::Display for CivilDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%d"))
    }
}

impl FromStr for CivilDate {
    type Err = CalendarError;

    fn from_str(text: &str) -> Result<Self, CalendarError> {
        let shaped = text.len() == 10
            && text.bytes().enumerate().all(|(i, b)| {
                if i == 4 || i == 7 {
                    b == b'-'
                } else {
                    b.is_ascii_digit()
                }
            });
        if !shaped {
            return Err(CalendarError::Date);
        }
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .map(Self)
            .map_err(|_| CalendarError::Date)
    }
}

/// The time zone that days and months are counted in: an IANA name, never an offset.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BillingZone(Tz);

impl BillingZone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(Tz::UTC);

    /// Its IANA name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0.name()
    }

    /// The civil date at `at`.
    #[must_use]
    pub fn date_of(self, at: Timestamp) -> CivilDate {
        CivilDate(at.to_utc().with_timezone(&self.0).date_naive())
    }

    /// The first instant of `date`: local midnight; where a change of the clock skips
    /// midnight, the first instant after the gap; where it repeats it, the later one (E2).
    ///
    /// # Errors
    /// [`CalendarError::Range`] outside the years 1970 to 9999.
    pub fn start_of(self, date: CivilDate) -> Result<Timestamp, CalendarError> {
        self.at_minute(date, 0)
    }

    /// The instant at which clocks show `minute_of_day` minutes after midnight on `date`; where that is
    /// skipped or repeated, as [`Self::start_of`].
    ///
    /// # Errors
    /// [`CalendarError::Range`] outside the years 1970 to 9999, or for no minute of a day.
    pub fn at_minute(
        self,
        date: CivilDate,
        minute_of_day: u16,
    ) -> Result<Timestamp, CalendarError> {
        let (hour, minute) = (u32::from(minute_of_day) / 60, u32::from(minute_of_day) % 60);
        let local = date
            .0
            .and_hms_opt(hour, minute, 0)
            .ok_or(CalendarError::Range)?;
        let at = self.resolve(local).ok_or(CalendarError::Range)?;
        Timestamp::from_utc(at.to_utc()).ok_or(CalendarError::Range)
    }

    /// The exclusive end of `date`: the local midnight that ends that day's service.
    ///
    /// # Errors
    /// As [`Self::start_of`].
    pub fn end_of(self, date: CivilDate) -> Result<Timestamp, CalendarError> {
        self.start_of(date.next()?)
    }

    /// `days` civil days after the first local midnight at or after `at`.
    ///
    /// # Errors
    /// As [`Self::start_of`].
    pub fn days_after(self, at: Timestamp, days: u32) -> Result<Timestamp, CalendarError> {
        let first = self.midnight_at_or_after(at)?.0;
        let date = first
            .checked_add_days(Days::new(u64::from(days)))
            .ok_or(CalendarError::Range)?;
        self.start_of(CivilDate(date))
    }

    /// The first local midnight at or after `at`, as the date it starts.
    fn midnight_at_or_after(self, at: Timestamp) -> Result<CivilDate, CalendarError> {
        let date = self.date_of(at);
        if self.start_of(date)? == at {
            Ok(date)
        } else {
            date.next()
        }
    }

    fn resolve(self, local: NaiveDateTime) -> Option<DateTime<Tz>> {
        if let Some(at) = self.0.from_local_datetime(&local).latest() {
            return Some(at);
        }
        // A gap. None has been longer than the day that Pacific/Apia skipped in 2011; the gap
        // ends at the first second whose local reading is `local` or later.
        let reads_later = |second: i64| {
            DateTime::from_timestamp(second, 0)
                .is_some_and(|at| at.with_timezone(&self.0).naive_local() >= local)
        };
        let (mut before, mut after) = (
            (local.and_utc() - TimeDelta::days(2)).timestamp(),
            (local.and_utc() + TimeDelta::days(2)).timestamp(),
        );
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            if reads_later(middle) {
                after = middle
            } else {
                before = middle
            }
        }
        DateTime::from_timestamp(after, 0).map(|at| at.with_timezone(&self.0))
    }
}

impl fmt::Display for BillingZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

impl FromStr for BillingZone {
    type Err = CalendarError;

    fn from_str(text: &str) -> Result<Self, CalendarError> {
        text.parse().map(Self).map_err(|_| CalendarError::Zone)
    }
}

/// The civil date from which a subscription's months are counted.
///
/// Its day may be 29, 30 or 31; a month without it ends on its last day (E1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Anchor {
    /// Day zero: month k ends where `date` plus k months starts.
    pub date: CivilDate,
}

/// A new end of paid time, with the anchor that further months count from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Extended {
    /// The exclusive end.
    pub paid_through: Timestamp,
    /// The anchor after it.
    pub anchor: Anchor,
}

impl Anchor {
    /// The end of month `months` after the anchor.
    ///
    /// # Errors
    /// [`CalendarError::Range`] beyond the year 9999.
    pub fn boundary(self, months: u32, zone: BillingZone) -> Result<Timestamp, CalendarError> {
        zone.start_of(self.date.plus_months(months)?)
    }

    /// The anchor for service that starts at `start`: its civil date, so that `months`
    /// end at that date plus `months`.
    ///
    /// # Errors
    /// As [`Self::boundary`].
    pub fn start_at(
        start: Timestamp,
        months: Months,
        zone: BillingZone,
    ) -> Result<Extended, CalendarError> {
        let anchor = Self {
            date: zone.date_of(start),
        };
        Ok(Extended {
            paid_through: anchor.boundary(u32::from(months.get()), zone)?,
            anchor,
        })
    }

    /// Moves `paid_through` by `months`.
    ///
    /// On one of the anchor's boundaries the anchor stays, so that n months at once are n
    /// single steps. Elsewhere (paid time that a pause gave back ends at any hour) months count
    /// from the next local midnight: a part of a day that was paid for is never cut.
    ///
    /// # Errors
    /// As [`Self::boundary`].
    pub fn extend(
        self,
        paid_through: Timestamp,
        months: Months,
        zone: BillingZone,
    ) -> Result<Extended, CalendarError> {
        let steps = u32::from(months.get());
        if let Some(index) = self.index_of(paid_through, zone) {
            return Ok(Extended {
                paid_through: self.boundary(index + steps, zone)?,
                anchor: self,
            });
        }
        let anchor = Self {
            date: zone.midnight_at_or_after(paid_through)?,
        };
        Ok(Extended {
            paid_through: anchor.boundary(steps, zone)?,
            anchor,
        })
    }

    /// The first boundary at or after `at`.
    ///
    /// # Errors
    /// As [`Self::boundary`].
    pub fn first_at_or_after(
        self,
        at: Timestamp,
        zone: BillingZone,
    ) -> Result<Extended, CalendarError> {
        let (year, month, _) = zone.date_of(at).ymd();
        let (anchor_year, anchor_month, _) = self.date.ymd();
        let months =
            i64::from(year - anchor_year) * 12 + i64::from(month) - i64::from(anchor_month);
        let mut index = u32::try_from(months).unwrap_or(0);
        // A boundary may fall late in the month: then the next one is meant.
        while self.boundary(index, zone)? < at {
            index += 1;
        }
        Ok(Extended {
            paid_through: self.boundary(index, zone)?,
            anchor: self,
        })
    }

    /// The k with `boundary(k) == at`, if there is one.
    fn index_of(self, at: Timestamp, zone: BillingZone) -> Option<u32> {
        let (year, month, _) = zone.date_of(at).ymd();
        let (anchor_year, anchor_month, _) = self.date.ymd();
        let months = (year - anchor_year) * 12 + i32::try_from(month).ok()?
            - i32::try_from(anchor_month).ok()?;
        // A gap over midnight can move a boundary into the next day, and so the next month.
        [months, months - 1]
            .into_iter()
            .filter_map(|k| u32::try_from(k).ok())
            .find(|k| self.boundary(*k, zone) == Ok(at))
    }
}

#[cfg(test)]
mod tests;

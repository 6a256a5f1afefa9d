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

    fn plus_months(self, months: u32) -> Result<Self, CalendarError> {
        self.0
            .checked_add_months(ChronoMonths::new(months))
            .map(Self)
            .ok_or(CalendarError::Range)
    }

    fn next(self) -> Result<Self, CalendarError> {
        self.0
            .checked_add_days(Days::new(1))
            .map(Self)
            .ok_or(CalendarError::Range)
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
        let midnight = date.0.and_hms_opt(0, 0, 0).ok_or(CalendarError::Range)?;
        let at = self.resolve(midnight).ok_or(CalendarError::Range)?;
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
mod tests {
    use super::*;

    fn date(text: &str) -> CivilDate {
        text.parse().unwrap()
    }

    fn zone(name: &str) -> BillingZone {
        name.parse().unwrap()
    }

    fn months(count: u16) -> Months {
        Months::new(count).unwrap()
    }

    fn boundary_date(anchor: &str, months: u32) -> String {
        let zone = BillingZone::UTC;
        zone.date_of(
            Anchor { date: date(anchor) }
                .boundary(months, zone)
                .unwrap(),
        )
        .to_string()
    }

    #[test]
    fn e1_months_count_from_the_anchor_and_are_clamped() {
        for (anchor, months, expected) in [
            ("2024-01-31", 1, "2024-02-29"),
            ("2024-01-31", 2, "2024-03-31"),
            ("2024-01-31", 3, "2024-04-30"),
            ("2023-01-31", 1, "2023-02-28"),
            ("2024-02-29", 12, "2025-02-28"),
            ("2024-02-29", 48, "2028-02-29"),
        ] {
            assert_eq!(
                boundary_date(anchor, months),
                expected,
                "{anchor} + {months}"
            );
        }
    }

    #[test]
    fn e1_n_months_at_once_are_n_single_steps() {
        for name in [
            "UTC",
            "Europe/Vienna",
            "America/Sao_Paulo",
            "Pacific/Apia",
            "Asia/Kathmandu",
            "America/Havana",
        ] {
            let zone = zone(name);
            for start in [
                "2009-08-31",
                "2011-11-30",
                "2017-01-15",
                "2024-01-31",
                "2024-02-29",
            ] {
                let anchor = Anchor { date: date(start) };
                let begin = zone.start_of(anchor.date).unwrap();
                let at_once = anchor.extend(begin, months(40), zone).unwrap();
                let mut step = Extended {
                    paid_through: begin,
                    anchor,
                };
                for _ in 0..40 {
                    step = step
                        .anchor
                        .extend(step.paid_through, months(1), zone)
                        .unwrap();
                }
                assert_eq!(step, at_once, "{name} from {start}");
            }
        }
    }

    #[test]
    fn e2_a_gap_over_midnight_takes_the_first_instant_after_it() {
        // Brazil's summer time began at midnight on 2018-11-04: the day starts at 01:00.
        let start = zone("America/Sao_Paulo")
            .start_of(date("2018-11-04"))
            .unwrap();
        assert_eq!(start.to_string(), "2018-11-04T03:00:00Z");
        // Samoa had no 2011-12-30 at all: its "midnight" is where the 31st starts.
        let apia = zone("Pacific/Apia");
        assert_eq!(
            apia.start_of(date("2011-12-30")),
            apia.start_of(date("2011-12-31"))
        );
        assert_eq!(
            apia.start_of(date("2011-12-31")).unwrap().to_string(),
            "2011-12-30T10:00:00Z"
        );
    }

    #[test]
    fn e2_a_repeated_midnight_takes_the_later_one() {
        // Cuba's clocks go back at 01:00 to 00:00: midnight of 2024-11-03 comes twice.
        let start = zone("America/Havana").start_of(date("2024-11-03")).unwrap();
        assert_eq!(start.to_string(), "2024-11-03T05:00:00Z");
    }

    #[test]
    fn e2_a_day_of_summer_time_change_ends_at_local_midnight() {
        let vienna = zone("Europe/Vienna");
        assert_eq!(
            vienna.end_of(date("2027-03-27")).unwrap().to_string(),
            "2027-03-27T23:00:00Z"
        );
        assert_eq!(
            vienna.end_of(date("2027-03-28")).unwrap().to_string(),
            "2027-03-28T22:00:00Z"
        );
    }

    #[test]
    fn an_offset_is_no_billing_zone() {
        assert_eq!("+01:00".parse::<BillingZone>(), Err(CalendarError::Zone));
    }

    #[test]
    fn paid_time_that_ends_within_a_day_is_never_cut() {
        let vienna = zone("Europe/Vienna");
        let anchor = Anchor {
            date: date("2024-01-31"),
        };
        let banked_until: Timestamp = "2024-05-10T13:37:00Z".parse().unwrap();
        let extended = anchor.extend(banked_until, months(1), vienna).unwrap();
        assert_eq!(extended.anchor.date.to_string(), "2024-05-11");
        assert_eq!(
            extended.paid_through,
            vienna.start_of(date("2024-06-11")).unwrap()
        );
    }

    #[test]
    fn dates_that_do_not_exist_or_are_out_of_range_are_refused() {
        for text in [
            "2023-02-29",
            "2024-13-01",
            "2024-1-01",
            "24-01-01",
            "2024-01-01T00:00",
            "+024-01-01",
            "",
        ] {
            assert_eq!(
                text.parse::<CivilDate>(),
                Err(CalendarError::Date),
                "{text}"
            );
        }
        let last = Anchor {
            date: date("9999-12-31"),
        };
        assert_eq!(
            last.boundary(120, BillingZone::UTC),
            Err(CalendarError::Range)
        );
        assert_eq!(
            BillingZone::UTC.start_of(date("1969-12-31")),
            Err(CalendarError::Range)
        );
        for count in [0, 121] {
            assert_eq!(Months::new(count), Err(CalendarError::Months));
        }
    }
}

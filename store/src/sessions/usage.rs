//! How much a subscription has used in each calendar month, by what its sessions have counted.
//!
//! A NAS tells totals of a session, and late or twice; a month's usage is a difference of two. So each
//! session remembers, beside its totals, the greatest of what was counted before the month that it is
//! in ([`Meter`]). What was counted in that month is the difference and need not be written
//! anywhere while the session lives. It is booked, once, when the session is over or another month
//! begins for it; corrections by late records are booked when they come ([`Booking`]).
//!
//! Promised: the sum over all months is what the sessions have counted, in whatever order the records
//! came and however often. The parts of the months are the same for every order, too, while the
//! records of a session lie in two months next to each other; of a later one, what it brings for
//! months further back is booked to the one before the last. A month is that of the instant
//! at which a record was made, by its delay, in the billing zone. A session is counted in the month in
//! which it began. What a session had counted before its first record came is of that record's month.
//!
//! Not here: where bookings are kept ([`crate::tables`]).

use garth_subscription::calendar::BillingZone;
use garth_subscription::facts::SubscriptionId;
use garth_subscription::time::Timestamp;

use super::rules::{Live, happened_at};
use crate::record::{AccountingRecord, Month, MonthUsage};

/// How many months are kept for each subscription, the current one among them.
pub const USAGE_MONTHS: u16 = 24;

/// A month as a number, counted from January 1970, which is 1. Saturates in the year 7431.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct MonthNumber(pub(crate) u16);

impl MonthNumber {
    /// The month of an instant.
    pub(crate) fn of(zone: BillingZone, at: Timestamp) -> Self {
        let (year, month, _) = zone.date_of(at).ymd();
        let years = u32::try_from(year - 1970).unwrap_or_default();
        let number = u16::try_from(years * 12 + month).unwrap_or(u16::MAX);
        Self(number)
    }

    /// Nothing, in that month.
    pub(crate) fn unused(self) -> MonthUsage {
        MonthUsage {
            month: self.month(),
            input_octets: 0,
            output_octets: 0,
            session_time: 0,
            sessions: 0,
        }
    }

    /// The first month that is kept while it is this one.
    pub(crate) const fn first_kept(self) -> Self {
        Self(self.0.saturating_sub(USAGE_MONTHS - 1))
    }

    /// As people write it.
    pub(crate) fn month(self) -> Month {
        let months = self.0.saturating_sub(1);
        Month {
            year: 1970 + months / 12,
            month: u8::try_from(months % 12 + 1).expect("1 to 12"),
        }
    }
}

/// What a session had counted before the month that it is in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Meter {
    pub(crate) input_octets: u64,
    pub(crate) output_octets: u64,
    pub(crate) session_time: u32,
    /// The month of the newest record.
    pub(crate) month: MonthNumber,
    /// The month of records before that one; as `month` where there were none.
    pub(crate) earlier: MonthNumber,
}

impl Meter {
    /// Of a session whose first record was made in that month.
    pub(crate) const fn new(month: MonthNumber) -> Self {
        Self {
            input_octets: 0,
            output_octets: 0,
            session_time: 0,
            month,
            earlier: month,
        }
    }

    fn counters(&self) -> Counters {
        Counters {
            input_octets: self.input_octets,
            output_octets: self.output_octets,
            session_time: self.session_time,
        }
    }

    fn set(&mut self, counters: Counters) {
        self.input_octets = counters.input_octets;
        self.output_octets = counters.output_octets;
        self.session_time = counters.session_time;
    }
}

/// What a session counts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Counters {
    pub(crate) input_octets: u64,
    pub(crate) output_octets: u64,
    pub(crate) session_time: u32,
}

impl Counters {
    /// The greater of each.
    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            input_octets: self.input_octets.max(other.input_octets),
            output_octets: self.output_octets.max(other.output_octets),
            session_time: self.session_time.max(other.session_time),
        }
    }
}

/// A change of what is written down of a month.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Change {
    pub(crate) input_octets: i128,
    pub(crate) output_octets: i128,
    pub(crate) session_time: i64,
    pub(crate) sessions: i64,
}

impl Change {
    /// From one state of the counters to a later one.
    fn between(from: Counters, to: Counters) -> Self {
        Self {
            input_octets: i128::from(to.input_octets) - i128::from(from.input_octets),
            output_octets: i128::from(to.output_octets) - i128::from(from.output_octets),
            session_time: i64::from(to.session_time) - i64::from(from.session_time),
            sessions: 0,
        }
    }

    const SESSION: Self = Self {
        input_octets: 0,
        output_octets: 0,
        session_time: 0,
        sessions: 1,
    };

    pub(crate) fn add(&mut self, other: Self) {
        self.input_octets += other.input_octets;
        self.output_octets += other.output_octets;
        self.session_time += other.session_time;
        self.sessions += other.sessions;
    }

    pub(crate) const fn negated(self) -> Self {
        Self {
            input_octets: -self.input_octets,
            output_octets: -self.output_octets,
            session_time: -self.session_time,
            sessions: -self.sessions,
        }
    }

    /// Whether it changes nothing.
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// What a month comes to by it. A month is never less than nothing.
    pub(crate) fn apply(self, usage: &mut MonthUsage) {
        fn octets(own: u64, change: i128) -> u64 {
            let sum = (i128::from(own) + change).max(0);
            u64::try_from(sum).unwrap_or(u64::MAX)
        }
        usage.input_octets = octets(usage.input_octets, self.input_octets);
        usage.output_octets = octets(usage.output_octets, self.output_octets);
        usage.session_time = octets(usage.session_time, self.session_time.into());
        usage.sessions = octets(usage.sessions, self.sessions.into());
    }
}

/// A change of what is written down of a subscription's month.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Booking {
    pub(crate) owner: SubscriptionId,
    pub(crate) month: MonthNumber,
    pub(crate) change: Change,
}

/// What a batch books, and by which calendar.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) zone: BillingZone,
    pub(crate) bookings: Vec<Booking>,
}

impl Books {
    pub(crate) const fn new(zone: BillingZone) -> Self {
        Self {
            zone,
            bookings: Vec::new(),
        }
    }

    /// Nothing is booked of a session that is nobody's.
    fn book(&mut self, owner: Option<SubscriptionId>, month: MonthNumber, change: Change) {
        if let Some(owner) = owner.filter(|_| !change.is_none()) {
            self.bookings.push(Booking {
                owner,
                month,
                change,
            });
        }
    }

    /// Takes what a record that arrived `at` has counted into the session, which knows whose it is.
    /// `was_owner`: whose it was before the record.
    pub(crate) fn count(
        &mut self,
        live: &mut Live,
        was_owner: Option<SubscriptionId>,
        record: &AccountingRecord,
        counted: Counters,
        at: Timestamp,
    ) {
        let month = MonthNumber::of(self.zone, happened_at(record, at));
        let (owner, before) = (live.subscription, live.meter.counters());
        if was_owner.is_none() {
            // What it counted while it was nobody's.
            let earlier = Change::between(Counters::default(), before);
            self.book(owner, live.meter.earlier, earlier);
        }
        let total = live.counters();
        if month > live.meter.month {
            self.book(owner, live.meter.month, Change::between(before, total));
            live.meter = Meter {
                earlier: live.meter.month,
                ..Meter::new(month)
            };
            live.meter.set(total);
        } else if month < live.meter.month {
            if live.meter.earlier == live.meter.month || live.meter.earlier == MonthNumber(0) {
                live.meter.earlier = month;
            }
            let raised = before.max(counted);
            self.book(owner, live.meter.earlier, Change::between(before, raised));
            live.meter.set(raised);
        }
        live.set_counters(total.max(counted));
    }

    /// Books what a session that is over comes to in its month, which nobody reckons any more; or,
    /// with -1, takes it back, because it has changed or the session lives again.
    pub(crate) fn close(&mut self, session: &Live, sign: i8) {
        for (month, change) in session.unbooked(self.zone) {
            let change = if sign < 0 { change.negated() } else { change };
            self.book(session.subscription, month, change);
        }
    }
}

impl Live {
    /// What it has counted.
    pub(crate) fn counters(&self) -> Counters {
        Counters {
            input_octets: self.input_octets,
            output_octets: self.output_octets,
            session_time: self.session_time,
        }
    }

    fn set_counters(&mut self, counters: Counters) {
        self.input_octets = counters.input_octets;
        self.output_octets = counters.output_octets;
        self.session_time = counters.session_time;
    }

    /// What is not booked of it while it lives: what its month has, and that it began.
    pub(crate) fn unbooked(&self, zone: BillingZone) -> [(MonthNumber, Change); 2] {
        let counted = Change::between(self.meter.counters(), self.counters());
        let began = MonthNumber::of(zone, self.started_at);
        [(self.meter.month, counted), (began, Change::SESSION)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_that_of_the_billing_zone() {
        let vienna: BillingZone = "Europe/Vienna".parse().unwrap();
        let of = |text: &str| MonthNumber::of(vienna, text.parse().unwrap()).month();
        let (november, december) = (
            Month {
                year: 2026,
                month: 11,
            },
            Month {
                year: 2026,
                month: 12,
            },
        );
        assert_eq!(of("2026-11-30T22:59:59Z"), november);
        assert_eq!(of("2026-11-30T23:00:00Z"), december);
        assert_eq!(of("2026-12-31T22:59:59Z"), december);
        assert_eq!(MonthNumber(1).month().to_string(), "1970-01");
        assert_eq!(december.to_string(), "2026-12");
    }
}

//! Months, days and hours, also over gaps and repeated hours (E1, E2).

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

/// Where a zone's clocks jump, and what each date function makes of it.
struct Jump {
    zone: &'static str,
    date: &'static str,
    minute_of_day: u16,
    /// The instant meant.
    at: &'static str,
}

/// Gaps give the first instant after, repeated hours the later one.
const JUMPS: [Jump; 9] = [
    // Vienna skips 02:00–03:00 on 26 March 2028 and repeats it on 29 October.
    jump("Europe/Vienna", "2028-03-26", 150, "2028-03-26T01:00:00Z"),
    jump("Europe/Vienna", "2028-10-29", 150, "2028-10-29T01:30:00Z"),
    // São Paulo skipped 00:00–01:00 and repeated 23:00–24:00.
    jump("America/Sao_Paulo", "2018-11-04", 0, "2018-11-04T03:00:00Z"),
    jump(
        "America/Sao_Paulo",
        "2018-11-04",
        59,
        "2018-11-04T03:00:00Z",
    ),
    jump(
        "America/Sao_Paulo",
        "2018-02-17",
        1_410,
        "2018-02-18T02:30:00Z",
    ),
    // Samoa skipped a whole day.
    jump("Pacific/Apia", "2011-12-30", 0, "2011-12-30T10:00:00Z"),
    jump("Pacific/Apia", "2011-12-30", 720, "2011-12-30T10:00:00Z"),
    // Nepal skipped the first quarter of an hour of 1986.
    jump("Asia/Kathmandu", "1986-01-01", 0, "1985-12-31T18:30:00Z"),
    jump("Asia/Kathmandu", "2028-02-29", 0, "2028-02-28T18:15:00Z"),
];

const fn jump(
    zone: &'static str,
    date: &'static str,
    minute_of_day: u16,
    at: &'static str,
) -> Jump {
    Jump {
        zone,
        date,
        minute_of_day,
        at,
    }
}

#[test]
fn e2_a_minute_in_a_gap_is_the_first_after_it_and_a_repeated_one_the_later() {
    for jump in JUMPS {
        let at = zone(jump.zone).at_minute(date(jump.date), jump.minute_of_day);
        assert_eq!(
            at.unwrap().to_string(),
            jump.at,
            "{} {} {}",
            jump.zone,
            jump.date,
            jump.minute_of_day
        );
    }
}

#[test]
fn e2_no_date_function_goes_backward_over_a_jump() {
    for jump in JUMPS {
        let zone = zone(jump.zone);
        let at: Timestamp = jump.at.parse().unwrap();
        let day = i64::from(24 * 60 * 60 * 1_000);
        for hours in -50_i64..50 {
            let now = Timestamp::from_unix_millis(at.unix_millis() + hours * day / 24).unwrap();
            let today = zone.date_of(now);
            assert!(zone.start_of(today).unwrap() <= now, "{} {now}", jump.zone);
            assert!(now < zone.end_of(today).unwrap(), "{} {now}", jump.zone);
            let mut before = now;
            for days in 1..4 {
                let after = zone.days_after(now, days).unwrap();
                assert!(after >= before, "{} {now} + {days}", jump.zone);
                before = after;
            }
            let anchor = Anchor { date: today };
            let bought = Anchor::start_at(now, months(1), zone).unwrap();
            assert_eq!(bought.paid_through, anchor.boundary(1, zone).unwrap());
            assert!(bought.paid_through.since(now).millis() > 26 * day);
            let next = anchor.first_at_or_after(now, zone).unwrap();
            assert!(next.paid_through >= now);
            let extended = anchor.extend(next.paid_through, months(1), zone).unwrap();
            assert!(extended.paid_through.since(next.paid_through).millis() > 26 * day);
        }
    }
}
